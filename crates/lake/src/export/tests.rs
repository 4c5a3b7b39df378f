//! What an export holds, in either format.

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow::compute::concat_batches;
use billing::delivery::DeliveryHead;

use super::*;
use crate::testkit::{Charge, TestLake, head, usage};

const FORMULA: &str = "=HYPERLINK(\"http://x\")";

fn bill() -> Vec<Charge> {
    let more = vec![("ChargeDescription", FORMULA), ("Tags", r#"{"team":"a"}"#), ("ListUnitPrice", "-0.5")];
    vec![
        Charge { more, ..usage("10.000000000000000001") },
        Charge { split: true, ..usage("0") },
        Charge { kind: "Credit", ..usage("-3") },
    ]
}

async fn whole(mut export: Export) -> Result<Vec<u8>, LakeError> {
    let mut all = Vec::new();
    while let Some(piece) = export.next().await {
        all.extend_from_slice(&piece?);
    }
    assert!(export.next().await.is_none());
    Ok(all)
}

fn september() -> ExportSource {
    ExportSource::Month("2026-09".parse().unwrap(), None)
}

async fn exported(lake: &OrgLake, source: &ExportSource, format: ExportFormat) -> Vec<u8> {
    whole(lake.export(source, format).await.unwrap().unwrap()).await.unwrap()
}

fn read(file: Vec<u8>) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file)).unwrap().build().unwrap();
    let batches: Vec<_> = reader.map(Result::unwrap).collect();
    concat_batches(&schema(), &batches).unwrap()
}

#[tokio::test]
async fn parquet_is_exact_and_has_focus_columns_first_and_no_split_rows() {
    let test = TestLake::new();
    let lake = test.org(100_001);
    lake.bring_in(&head("a"), &bill()).await;
    let charges = read(exported(&lake, &september(), ExportFormat::Parquet).await);
    let names: Vec<_> = charges.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names[..57], columns::FOCUS.iter().map(|column| column.name.to_owned()).collect::<Vec<_>>());
    assert!(names[57..].iter().all(|name| name.starts_with("x_") && !name.contains("Split")), "{names:?}");
    let billed = charges.column_by_name("BilledCost").unwrap().as_primitive::<arrow::datatypes::Decimal128Type>();
    assert_eq!(billed.values()[..], [10_000_000_000_000_000_001, -3_000_000_000_000_000_000]);
    let described = charges.column_by_name("ChargeDescription").unwrap().as_string::<i32>();
    assert_eq!(described.iter().collect::<Vec<_>>(), [Some(FORMULA), None]);
}

#[tokio::test]
async fn csv_defuses_texts_and_leaves_numbers_alone() {
    let test = TestLake::new();
    let lake = test.org(100_001);
    lake.bring_in(&head("a"), &bill()).await;
    let file = exported(&lake, &september(), ExportFormat::Csv).await;
    let mut reader = ::csv::Reader::from_reader(file.as_slice());
    let names = reader.headers().unwrap().clone();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let cell = |row: usize, name: &str| rows[row][names.iter().position(|its| its == name).unwrap()].to_owned();
    assert_eq!(rows.len(), 2);
    assert_eq!(cell(0, "ChargeDescription"), format!("'{FORMULA}"));
    assert_eq!((cell(0, "BilledCost").as_str(), cell(1, "BilledCost").as_str()), ("10.000000000000000001", "-3"));
    assert_eq!((cell(0, "ListUnitPrice").as_str(), cell(1, "ListUnitPrice").as_str()), ("-0.5", ""));
    assert_eq!(cell(0, "ChargePeriodStart"), "2026-09-02T05:00:00Z");
    assert_eq!(cell(0, "Tags"), r#"{"team":"a"}"#);
}

#[tokio::test]
async fn an_export_is_of_the_month_and_the_connection_asked_for_or_of_all() {
    let test = TestLake::new();
    let lake = test.org(100_001);
    let other = DeliveryHead { connect: "aws-210987654321".parse().unwrap(), ..head("other") };
    lake.bring_in(&head("a"), &[usage("1"), usage("2")]).await;
    lake.bring_in(&other, &[usage("4")]).await;
    let period = "2026-09".parse().unwrap();
    let one = ExportSource::Month(period, Some(other.connect.clone()));
    let export = lake.export(&one, ExportFormat::Csv).await.unwrap().unwrap();
    assert_eq!((export.charges(), export.deliveries.len()), (1, 1));
    let all = String::from_utf8(exported(&lake, &september(), ExportFormat::Csv).await).unwrap();
    assert_eq!(all.lines().count(), 4);
    let nobody = ExportSource::Month(period, Some("aws-000000000000".parse().unwrap()));
    assert!(lake.export(&nobody, ExportFormat::Csv).await.unwrap().is_none());
    let never = ExportSource::Month("2026-10".parse().unwrap(), None);
    assert!(lake.export(&never, ExportFormat::Csv).await.unwrap().is_none());
}

#[tokio::test]
async fn an_earlier_delivery_is_exported_by_name_and_the_tag_tells_them_apart() {
    let test = TestLake::new();
    let lake = test.org(100_001);
    let (first, second) = (head("a"), DeliveryHead { made_at: head("a").made_at + time::Duration::HOUR, ..head("b") });
    lake.bring_in(&first, &[usage("1")]).await;
    lake.bring_in(&second, &[usage("2"), usage("3")]).await;
    let named = ExportSource::new(first.period, Some(first.connect.clone()), Some(first.delivery_id.clone())).unwrap();
    let then = lake.export(&named, ExportFormat::Csv).await.unwrap().unwrap();
    let now = lake.export(&september(), ExportFormat::Csv).await.unwrap().unwrap();
    assert_eq!((then.charges(), now.charges()), (1, 2));
    assert!(then.tag().starts_with(first.delivery_id.as_ref()) && now.tag().starts_with(second.delivery_id.as_ref()));
    assert!(String::from_utf8(whole(then).await.unwrap()).unwrap().lines().count() == 2);
}

#[tokio::test]
async fn the_same_month_makes_the_same_bytes() {
    let test = TestLake::new();
    let lake = test.org(100_001);
    let charges: Vec<_> = (0..20_000).map(|_| usage("0.1")).collect();
    lake.bring_in(&head("a"), &charges).await;
    for format in ExportFormat::ALL {
        let first = exported(&lake, &september(), format).await;
        assert!(first == exported(&lake, &september(), format).await, "{format:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_gone_ends_the_export_with_an_error() {
    let test = TestLake::new();
    let lake = test.org(100_001);
    lake.bring_in(&head("a"), &bill()).await;
    let snapshot = lake.snapshot().await.unwrap().unwrap();
    std::fs::write(format!("/{}", snapshot.files[0].path), b"no Parquet").unwrap();
    let written = match lake.export(&september(), ExportFormat::Csv).await {
        Ok(export) => whole(export.unwrap()).await,
        Err(error) => Err(error),
    };
    assert!(written.is_err());
}

#[tokio::test]
async fn only_so_many_are_made_at_once_and_a_dropped_one_makes_room() {
    let test = TestLake::new();
    let lake = test.org(100_001);
    // More pieces than wait for a taker.
    let charges: Vec<_> = (0..100_000).map(|_| usage("0.1")).collect();
    lake.bring_in(&head("a"), &charges).await;
    let mut under_way = Vec::new();
    for _ in 0..AT_ONCE {
        under_way.push(lake.export(&september(), ExportFormat::Csv).await.unwrap().unwrap());
    }
    let refused = lake.export(&september(), ExportFormat::Csv).await;
    assert!(matches!(refused, Err(LakeError::Exporting)), "{refused:?}");
    drop(under_way.pop());
    while matches!(lake.export(&september(), ExportFormat::Csv).await, Err(LakeError::Exporting)) {
        tokio::task::yield_now().await;
    }
}
