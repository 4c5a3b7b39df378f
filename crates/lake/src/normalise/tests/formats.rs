//! The same lines in other formats: other packings, other spellings, maps, and FOCUS exports.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, ListArray, MapBuilder, StringArray, StringBuilder,
    TimestampMillisecondArray, TimestampNanosecondArray,
};
use arrow::datatypes::Int32Type;
use parquet::arrow::ArrowWriter;

use super::super::zip::tests::{Sizes, archive};
use super::*;

fn texts<const N: usize>(cells: [Option<&str>; N]) -> ArrayRef {
    Arc::new(StringArray::from(cells.to_vec()))
}

/// Maps of texts; an empty one is null.
fn maps(rows: &[&[(&str, &str)]]) -> ArrayRef {
    let mut maps = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for row in rows {
        for (key, value) in *row {
            maps.keys().append_value(key);
            maps.values().append_value(value);
        }
        maps.append(!row.is_empty()).unwrap();
    }
    Arc::new(maps.finish())
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    file
}

/// Two lines of a Parquet report: what every file has, before a test's own columns.
fn lines(costs: [f64; 2], more: Vec<(&'static str, ArrayRef)>) -> Vec<u8> {
    let mut columns = lines_of(["Usage", "Usage"], costs);
    columns.extend(more);
    parquet(columns)
}

fn lines_of(kinds: [&'static str; 2], costs: [f64; 2]) -> Vec<(&'static str, ArrayRef)> {
    let hour = 3_600_000;
    let starts = vec![1_788_318_000_000_i64; 2]; // 2026-09-02T03:00:00Z
    let ends: Vec<i64> = starts.iter().map(|start| (start + hour) * 1_000_000).collect();
    vec![
        ("line_item_line_item_type", texts(kinds.map(Some))),
        ("line_item_unblended_cost", Arc::new(Float64Array::from(costs.to_vec()))),
        ("line_item_usage_account_id", texts([Some("111111111111"), None])),
        ("line_item_usage_start_date", Arc::new(TimestampMillisecondArray::from(starts).with_timezone("UTC"))),
        ("line_item_usage_end_date", Arc::new(TimestampNanosecondArray::from(ends))),
    ]
}

fn check(read: &Read, expect: &[(&str, [&str; 2])]) {
    for (name, expect) in expect {
        assert_eq!(read.column(name), *expect, "{name}");
    }
}

#[test]
fn a_zip_archive_reads_as_gzip_does() {
    let text = text("product/sku", &[("Usage", "1.5", "a"), ("Tax", "2", "")]);
    let gzipped = read_packed(&gzip(text.as_bytes())).unwrap();
    for sizes in [Sizes::Before, Sizes::Behind64] {
        let zipped = read_packed(&archive(&text, sizes)).unwrap();
        assert_eq!((&zipped.charges, &zipped.totals.sums), (&gzipped.charges, &gzipped.totals.sums));
    }
    let damaged = &archive(&text, Sizes::Before)[..100];
    assert!(matches!(read_packed(damaged), Err(IngestError::Unpack { .. })));
}

#[test]
fn doubles_are_the_shortest_decimals_that_stand_for_them() {
    let costs = [0.1 + 0.2, 1.81e-8];
    let read = read_packed(&lines(costs, Vec::new())).unwrap();
    check(
        &read,
        &[
            ("x_UnblendedCost", ["0.30000000000000004", "0.0000000181"]),
            ("BilledCost", ["0.30000000000000004", "0.0000000181"]),
            ("ChargePeriodStart", ["2026-09-02T03:00:00Z", "2026-09-02T03:00:00Z"]),
            ("ChargePeriodEnd", ["2026-09-02T04:00:00Z", "2026-09-02T04:00:00Z"]),
            ("SubAccountId", ["111111111111", "-"]),
        ],
    );
    assert_eq!(read.totals.sums.rows, 2);
}

#[test]
fn what_a_double_can_be_and_no_amount_is_refused_by_row_and_column() {
    for (costs, row) in [([1.0, f64::NAN], 2), ([f64::INFINITY, 1.0], 1), ([1.0, 1e-30], 2), ([1e300, 1.0], 1)] {
        match read_packed(&lines(costs, Vec::new())) {
            Err(IngestError::Cell { row: found, column, .. }) => {
                assert_eq!((found, column.as_str()), (row, "line_item_unblended_cost"));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn decimals_integers_and_maps_are_read_too() {
    let cost = Decimal128Array::from(vec![Some(1_500_000), None]).with_precision_and_scale(20, 6).unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("pricing_public_on_demand_cost", Arc::new(cost)),
        ("line_item_usage_amount", Arc::new(Int64Array::from(vec![3, -1]))),
        ("product", maps(&[&[("product_name", "EC2"), ("region_code", "eu-west-1"), ("clock_speed", "2 GHz")], &[]])),
        ("product_sku", texts([Some("ABC"), None])),
        ("resource_tags", maps(&[&[("user_team", "say \"hi\""), ("aws_created_by", "me")], &[]])),
        ("cost_category", maps(&[&[("Team", "blue")], &[("Team", "red"), ("Unit", "x")]])),
        ("tags", maps(&[&[("resourceTags/user:team", "blue")], &[]])),
    ];
    check(
        &read_packed(&lines([1.0, 2.0], columns)).unwrap(),
        &[
            ("ListCost", ["1.5", "2"]),
            ("x_UsageAmount", ["3", "-1"]),
            ("ServiceName", ["EC2", "Other"]),
            ("RegionId", ["eu-west-1", "-"]),
            ("SkuId", ["ABC", "-"]),
            ("SkuPriceDetails", [r#"{"clockSpeed":"2 GHz"}"#, "-"]),
            ("Tags", [r#"{"team":"say \"hi\"","aws_created_by":"me"}"#, "-"]),
            ("x_CostCategories", [r#"{"Team":"blue"}"#, r#"{"Team":"red","Unit":"x"}"#]),
            ("x_Other", [r#"{"tags":"{\"resourceTags/user:team\":\"blue\"}"}"#, "-"]),
        ],
    );
}

#[test]
fn maps_may_be_json_in_parquet_too() {
    let columns = |json: &'static str| -> Vec<(&'static str, ArrayRef)> {
        vec![("product", texts([Some(json), None])), ("tags", maps(&[&[], &[]]))]
    };
    let read = read_packed(&lines([1.0, 2.0], columns(r#"{"product_name":"EC2","vcpu":2}"#))).unwrap();
    check(&read, &[("ServiceName", ["EC2", "Other"]), ("SkuPriceDetails", [r#"{"vcpu":"2"}"#, "-"])]);
    let error = read_packed(&lines([1.0, 2.0], columns("EC2"))).unwrap_err().to_string();
    assert!(error.contains("row 1, column `product`") && error.contains("`EC2` is not a JSON object"), "{error}");
}

#[test]
fn columns_that_are_passed_on_whole_follow_the_charges_that_splitting_adds() {
    let unused = |cost: f64| -> ArrayRef { Arc::new(Float64Array::from(vec![cost, 0.0])) };
    let columns = |kind: &'static str| -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("product_sku", texts([Some("A"), Some("B")])),
            ("pricing_rate_id", texts([Some(""), None])),
            ("reservation_unused_recurring_fee", unused(if kind == "RIFee" { 2.0 } else { 0.0 })),
        ]
    };
    for (kind, skus) in [("RIFee", &["A", "A", "B"][..]), ("Usage", &["A", "B"])] {
        let mut lines = lines_of([kind, "Usage"], [1.0, 2.0]);
        lines.extend(columns(kind));
        let read = read_packed(&parquet(lines)).unwrap();
        assert_eq!(read.column("SkuId"), skus, "{kind}");
        assert!(read.column("x_LineItemType").ends_with(&["Usage".to_owned()]), "{kind}");
    }
}

#[test]
fn a_type_that_has_no_text_is_refused_by_its_column() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)]), None]);
    let error = read_packed(&lines([1.0, 2.0], vec![("odd", Arc::new(list))])).unwrap_err();
    assert!(matches!(&error, IngestError::ColumnType { column, .. } if column == "odd"), "{error}");
}

#[test]
fn a_parquet_file_that_is_damaged_or_cut_off_is_refused() {
    let whole = lines([1.0, 2.0], Vec::new());
    for end in [4, 20, whole.len() / 2, whole.len() - 1] {
        assert!(matches!(read_packed(&whole[..end]), Err(IngestError::Unpack { .. })), "{end}");
    }
}

#[test]
fn cur_2_in_csv_has_its_maps_as_json() {
    let text = "line_item_line_item_type,line_item_unblended_cost,line_item_usage_account_id,line_item_usage_start_date,line_item_usage_end_date,product,resource_tags,discount\n\
        SavingsPlanCoveredUsage,2.5,111111111111,2026-09-02T03:00:00Z,2026-09-02T04:00:00Z,\"{\"\"product_name\"\":\"\"EC2\"\",\"\"instance_type\"\":\"\"m5.large\"\"}\",\"{\"\"user_team\"\":\"\"a\"\"}\",\"{\"\"edp_discount\"\":-0.5}\"\n\
        Usage,1,222222222222,2026-09-02T03:00:00Z,2026-09-02T04:00:00Z,,,\n";
    check(
        &read_packed(&gzip(text.as_bytes())).unwrap(),
        &[
            ("BilledCost", ["0", "1"]),
            ("ServiceName", ["EC2", "Other"]),
            ("x_InstanceType", ["m5.large", "-"]),
            ("Tags", [r#"{"team":"a"}"#, "-"]),
            ("x_Discounts", [r#"{"EdpDiscount":"-0.5"}"#, "-"]),
        ],
    );
    let wrong = text.replace("\"{\"\"user_team\"\":\"\"a\"\"}\"", "plain");
    let error = read_packed(&gzip(wrong.as_bytes())).unwrap_err().to_string();
    assert!(
        error.contains("row 1, column `resource_tags`") && error.contains("`plain` is not a JSON object"),
        "{error}"
    );
}

const FOCUS: &str = "BilledCost,EffectiveCost,ListCost,ContractedCost,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,SubAccountId,ServiceName,ServiceCategory,Tags,x_Discounts";

#[test]
fn a_focus_export_stands_as_it_is() {
    let text = format!(
        "{FOCUS},BillingPeriodStart,odd\n\
         1.5,1.25,2,1.75,Usage,2026-09-02 03:00:00,2026-09-02 04:00:00,111111111111,Amazon EC2,Compute,\"{{\"\"team\"\":\"\"a\"\"}}\",,2026-09-01 00:00:00,NULL\n\
         -0.5,0,0,0,Credit,2026-09-02T03:00:00Z,2026-09-02T04:00:00Z,NULL,,NULL,NULL,\"{{\"\"x\"\":1.50}}\",NULL,y\n"
    );
    let read = read_packed(&gzip(text.as_bytes())).unwrap();
    check(
        &read,
        &[
            ("BilledCost", ["1.5", "-0.5"]),
            ("EffectiveCost", ["1.25", "0"]),
            ("ListCost", ["2", "0"]),
            ("ContractedCost", ["1.75", "0"]),
            ("x_UnblendedCost", ["-", "-"]),
            ("x_LineItemType", ["Usage", "Credit"]),
            ("ServiceName", ["Amazon EC2", "Other"]),
            ("ServiceCategory", ["Compute", "Other"]),
            ("ServiceSubcategory", ["Other (Compute)", "Other (Other)"]),
            ("x_ServiceCode", ["Amazon EC2", "-"]),
            ("SubAccountId", ["111111111111", "-"]),
            ("BillingPeriodStart", ["2026-09-01T00:00:00Z", "2026-09-01T00:00:00Z"]),
            ("Tags", [r#"{"team":"a"}"#, "-"]),
            ("x_Discounts", ["-", r#"{"x":"1.50"}"#]),
            ("x_Other", ["-", r#"{"odd":"y"}"#]),
            ("x_IsSplitCost", ["false", "false"]),
        ],
    );
    let sums = &read.totals.sums;
    assert_eq!((sums.rows, sums.charges_added, sums.compared.name()), (2, 0, "BilledCost"));
    let by_key: Vec<_> =
        sums.by_key.iter().map(|(key, sum)| (key.line_item_type.as_str(), sum.cost.to_string())).collect();
    assert_eq!(by_key, [("Credit", "-0.5".to_owned()), ("Usage", "1.5".to_owned())]);
    assert!(read.totals.unknown_line_item_types.is_empty());
    assert_eq!(read.totals.unmapped_columns.iter().collect::<Vec<_>>(), ["odd"]);
}

#[test]
fn a_focus_export_without_a_cost_is_refused() {
    let row =
        |cost: &str| format!("{FOCUS}\n1,{cost},1,1,Usage,2026-09-02 03:00:00,2026-09-02 04:00:00,1,S,Compute,,\n");
    read_packed(&gzip(row("1").as_bytes())).unwrap();
    for missing in ["", "NULL"] {
        let error = read_packed(&gzip(row(missing).as_bytes())).unwrap_err().to_string();
        assert!(error.contains("row 1, column `EffectiveCost`") && error.contains("is empty"), "{error}");
    }
}

#[test]
fn files_of_two_families_are_no_one_delivery() {
    let focus = format!("{FOCUS}\n1,1,1,1,Usage,2026-09-02 03:00:00,2026-09-02 04:00:00,1,S,Compute,,\n");
    let mut totals = read_packed(&gzip(focus.as_bytes())).unwrap().totals;
    let cur = read("", &[("Usage", "1", "")]).totals;
    assert_eq!(totals.clone().merge(cur.clone()), Err(IngestError::Mixed));
    totals.merge(PartTotals::default()).unwrap();
    let mut empty = PartTotals::default();
    empty.merge(totals).unwrap();
    assert_eq!(empty.merge(cur), Err(IngestError::Mixed), "an empty file is of no family");
}
