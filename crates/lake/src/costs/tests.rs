//! Questions about a bill with a bit of everything, and their hand sums.

use billing::cost_query::{CostRow, Dimension, Direction, Filter, Granularity, Metric, OrderKey, PeriodType, Rows};
use billing::delivery::DeliveryHead;
use billing::listing::Operator;
use billing::money::Amount;
use time::macros::datetime;

use super::*;
use crate::testkit::{Charge, TestLake, head, usage};

mod bill;

fn query(metric: Metric) -> CostQuery {
    let (from, until) = (datetime!(2026-09-01 0:00 UTC), datetime!(2026-10-01 0:00 UTC));
    CostQuery { metrics: vec![metric], ..CostQuery::over(from, until) }
}

const UNBLENDED: Metric = Metric::CostNonamortizedUnblended;

async fn lake() -> (TestLake, OrgLake) {
    let test = TestLake::new();
    let lake = test.org(100_001);
    lake.bring_in(&head("september"), &bill::bill()).await;
    (test, lake)
}

/// The rows as `2026-09-02 value/value: metric, metric`.
async fn ask(lake: &OrgLake, query: &CostQuery) -> Vec<String> {
    let answer = lake.costs(query).await.unwrap();
    let row = |row: &CostRow| {
        let metrics: Vec<_> = row.metrics.iter().map(ToString::to_string).collect();
        format!("{} {}: {}", row.timestamp.date(), row.dimensions.join("/"), metrics.join(", "))
    };
    answer.rows.iter().map(row).collect()
}

async fn by(lake: &OrgLake, dimension: &str) -> Vec<String> {
    let query = CostQuery { dimensions: vec![dimension.parse().unwrap()], ..query(UNBLENDED) };
    let rows = ask(lake, &query).await;
    rows.into_iter().map(|row| row.trim_start_matches("2026-09-01 ").to_owned()).collect()
}

#[tokio::test]
async fn every_metric_is_its_hand_sum() {
    let (_test, lake) = lake().await;
    for (metric, expect) in [
        (Metric::CostNonamortizedUnblended, "36.100000000000000001"),
        (Metric::CostAmortizedUnblended, "36.100000000000000001"),
        // The first has a blended cost of 9 for 10, the covered one 0.5 for 0.
        (Metric::CostNonamortizedBlended, "35.600000000000000001"),
        // 9 for 10; 3 and 1 of the reservation as they are.
        (Metric::CostAmortizedBlended, "35.100000000000000001"),
        (Metric::ListPriceNonamortized, "41.000000000000000001"),
        (Metric::ListPriceAmortized, "37.000000000000000001"),
        (Metric::SavingsRateReductionNonamortized, "4.9"),
        (Metric::SavingsRateReductionAmortized, "0.9"),
    ] {
        assert_eq!(ask(&lake, &query(metric)).await, [format!("2026-09-01 : {expect}")], "{metric}");
    }
    let both = CostQuery { metrics: vec![Metric::SavingsRateReductionAmortized, UNBLENDED], ..query(UNBLENDED) };
    assert_eq!(ask(&lake, &both).await, ["2026-09-01 : 0.9, 36.100000000000000001"]);
    let usage = CostQuery { dimensions: vec![Dimension::UsageUnit], ..query(Metric::UsageAmount) };
    assert_eq!(ask(&lake, &usage).await, ["2026-09-01 GB: 7", "2026-09-01 Hrs: 6", "2026-09-01 None: 0"]);
}

#[tokio::test]
async fn dimensions_take_their_values_from_awss_columns() {
    let (_test, lake) = lake().await;
    assert_eq!(by(&lake, "service").await, ["AmazonEC2: 34.000000000000000001", "AmazonS3: 2", "None: 0.1"]);
    assert_eq!(by(&lake, "vendor_account").await, ["111: 34.000000000000000001", "222: 2.1"]);
    assert_eq!(by(&lake, "invoice_id").await, ["I1: 36.000000000000000001", "None: 0.1"]);
    assert_eq!(by(&lake, "region").await, ["EU (Ireland): 20.000000000000000001", "None: 6.1", "eu-west-1: 10"]);
    assert_eq!(by(&lake, "vendor").await, ["AWS: 36.100000000000000001"]);
    assert_eq!(by(&lake, "billing_center_id").await, ["unallocated: 36.100000000000000001"]);
    assert_eq!(by(&lake, "bill_source").await, ["aws-123456789012: 36.100000000000000001"]);
    assert_eq!(by(&lake, "commitment_id").await, ["None: 32.100000000000000001", "arn:r: 4"]);
    let usage_types = ["BoxUsage:m5: 30.000000000000000001", "BoxUsage:m5:DiscountedUsage: 0", "None: 6", "Tax: 0.1"];
    assert_eq!(by(&lake, "usage_type").await, usage_types);
    let categories = ["Compute: 34.000000000000000001", "Other: 0.1", "Storage: 2"];
    assert_eq!(by(&lake, "category").await, categories);
    assert_eq!(by(&lake, "tag_team").await, ["None: 6.1", "a: 10", "b: 20.000000000000000001"]);
    assert_eq!(by(&lake, "tag_user:team").await, by(&lake, "tag_team").await);
    assert_eq!(by(&lake, "tag_nobody's key").await, ["None: 36.100000000000000001"]);
}

#[tokio::test]
async fn grouped_by_anything_the_sums_add_up_to_the_ungrouped_one() {
    let (_test, lake) = lake().await;
    let all = lake.costs(&query(UNBLENDED)).await.unwrap().rows[0].metrics[0];
    for dimension in Dimension::all().filter(|dimension| dimension.groups()) {
        let query =
            CostQuery { dimensions: vec![dimension.clone(), Dimension::Tag("team".to_owned())], ..query(UNBLENDED) };
        let rows = lake.costs(&query).await.unwrap().rows;
        let sum = rows.iter().fold(Amount::ZERO, |sum, row| sum.checked_add(row.metrics[0]).unwrap());
        assert_eq!(sum, all, "{dimension}");
    }
}

#[tokio::test]
async fn filters_choose_by_value_and_missing_is_one() {
    let (_test, lake) = lake().await;
    let equal =
        |dimension: &str, value: &str| Filter::Equal { dimension: dimension.parse().unwrap(), value: value.to_owned() };
    let part = |dimension: &str, part: &str| Filter::Substring {
        dimension: dimension.parse().unwrap(),
        substring: part.to_owned(),
    };
    let not = |filter| Filter::Not { expression: Box::new(filter) };
    for (filter, expect) in [
        (equal("service", "AmazonS3"), "2"),
        (equal("service", "None"), "0.1"),
        (not(equal("service", "AmazonEC2")), "2.1"),
        (equal("tag_team", "a"), "10"),
        (not(equal("tag_team", "a")), "26.100000000000000001"),
        (part("service", "mazonS"), "2"),
        // Not a pattern: these signs stand for themselves.
        (part("tag_env", "0%"), "10"),
        (part("service", "Amazon_3"), "none"),
        (part("service", r"\"), "none"),
        (equal("service", "' OR 1=1 --"), "none"),
        (equal("category", "Compute"), "34.000000000000000001"),
        (
            Filter::And { expressions: vec![equal("service", "AmazonEC2"), equal("tag_team", "b")] },
            "20.000000000000000001",
        ),
        (Filter::Or { expressions: vec![equal("tag_team", "a"), equal("service", "AmazonS3")] }, "12"),
        (Filter::And { expressions: Vec::new() }, "36.100000000000000001"),
        (Filter::Or { expressions: Vec::new() }, "none"),
    ] {
        let query = CostQuery { filter: Some(filter.clone()), ..query(UNBLENDED) };
        let rows = lake.costs(&query).await.unwrap().rows;
        let sum = rows.first().map_or("none".to_owned(), |row| row.metrics[0].to_string());
        assert_eq!(sum, expect, "{filter:?}");
    }
}

#[tokio::test]
async fn a_long_filter_is_answered() {
    let (_test, lake) = lake().await;
    let one = |at: usize| Filter::Equal { dimension: Dimension::Service, value: format!("S{at}") };
    let s3 = Filter::Equal { dimension: Dimension::Service, value: "AmazonS3".to_owned() };
    let expressions = (0..400).map(one).chain([s3]).collect();
    let query = CostQuery { filter: Some(Filter::Or { expressions }), ..query(UNBLENDED) };
    assert_eq!(ask(&lake, &query).await, ["2026-09-01 : 2"]);
}

#[tokio::test]
async fn time_is_cut_by_the_charges_own_start_or_by_its_bill() {
    let (_test, lake) = lake().await;
    // A late credit for September is on October's bill.
    let october = DeliveryHead { period: "2026-10".parse().unwrap(), ..head("october") };
    let start = datetime!(2026-10-05 0:00 UTC);
    lake.bring_in(&october, &[Charge { kind: "Credit", ..usage("-1") }, Charge { start, ..usage("50") }]).await;
    let until = datetime!(2026-11-01 0:00 UTC);
    let charged = CostQuery { until, ..query(UNBLENDED) };
    assert_eq!(ask(&lake, &charged).await, ["2026-09-01 : 35.100000000000000001", "2026-10-01 : 50"]);
    let billed = CostQuery { period_type: PeriodType::BillingPeriod, ..charged.clone() };
    assert_eq!(ask(&lake, &billed).await, ["2026-09-01 : 36.100000000000000001", "2026-10-01 : 49"]);
    let september = CostQuery { until: datetime!(2026-10-01 0:00 UTC), ..billed };
    let answer = lake.costs(&september).await.unwrap();
    assert_eq!((answer.rows.len(), answer.deliveries.len()), (1, 1));
    // The end is exclusive: 23:59 of the 30th counts, the first of October does not.
    let days = CostQuery { granularity: Granularity::Day, ..query(UNBLENDED) };
    assert_eq!(ask(&lake, &days).await, ["2026-09-01 : 4", "2026-09-02 : 31.000000000000000001", "2026-09-30 : 0.1"]);
    let from = datetime!(2026-09-02 0:00 UTC);
    let day = CostQuery { from, until: datetime!(2026-09-03 0:00 UTC), ..days };
    assert_eq!(ask(&lake, &day).await, ["2026-09-02 : 31.000000000000000001"]);
}

#[tokio::test]
async fn an_answer_names_its_deliveries_and_says_when_it_is_cut_off() {
    let (_test, lake) = lake().await;
    let other = DeliveryHead { connect: "aws-210987654321".parse().unwrap(), ..head("other") };
    lake.bring_in(&other, &[usage("7")]).await;
    let services = CostQuery { dimensions: vec![Dimension::Service], limit: Some(2), ..query(UNBLENDED) };
    let answer = lake.costs(&services).await.unwrap();
    assert!(answer.truncated);
    assert_eq!(answer.rows.iter().map(|row| row.dimensions[0].as_str()).collect::<Vec<_>>(), ["AmazonEC2", "AmazonS3"]);
    assert_eq!(answer.deliveries.len(), 2);
    let one = CostQuery { connects: Some(vec![other.connect.clone()]), limit: Some(1), ..services };
    let answer = lake.costs(&one).await.unwrap();
    assert!(!answer.truncated);
    assert_eq!(answer.deliveries.iter().map(|month| &month.delivery_id).collect::<Vec<_>>(), [&other.delivery_id]);
    let nobody = CostQuery { connects: Some(Vec::new()), ..one };
    assert_eq!(lake.costs(&nobody).await.unwrap().rows, []);
}

#[tokio::test]
async fn an_org_without_a_table_has_no_costs_and_a_wrong_question_no_answer() {
    let test = TestLake::new();
    let lake = test.org(100_001);
    let answer = lake.costs(&query(UNBLENDED)).await.unwrap();
    assert_eq!((answer.rows.len(), answer.truncated, answer.deliveries.len()), (0, false, 0));
    let wrong = query(Metric::UsageAmount);
    assert!(matches!(lake.costs(&wrong).await, Err(LakeError::Question(_))));
}

/// Rows of charges as they are, in the order of time, values and amounts.
#[tokio::test]
async fn charges_are_listed_as_they_are_stored() {
    let (_test, lake) = lake().await;
    let dimensions = vec![Dimension::LineItemType, Dimension::ResourceId];
    let charges = CostQuery { rows: Rows::Charges, dimensions, ..query(UNBLENDED) };
    let rows = ask(&lake, &charges).await;
    assert_eq!(
        rows,
        [
            "2026-09-01 DiscountedUsage/None: 0",
            "2026-09-01 RIFee/None: 0",
            "2026-09-01 RIFee/None: 4",
            "2026-09-01 Tax/None: 0.1",
            "2026-09-01 Usage/None: 2",
            "2026-09-01 Usage/None: 10",
            "2026-09-01 Usage/None: 20.000000000000000001"
        ]
    );
    let days = CostQuery { granularity: Granularity::Day, limit: Some(2), ..charges };
    let answer = lake.costs(&days).await.unwrap();
    assert_eq!((answer.rows.len(), answer.truncated), (2, true));
    assert_eq!(answer.rows[0].timestamp, datetime!(2026-09-01 0:00 UTC));
    let rest = lake.costs(&CostQuery { skip: 2, limit: None, ..days }).await.unwrap();
    assert_eq!((rest.rows.len(), rest.truncated), (5, false));
}

#[tokio::test]
async fn a_whole_span_is_one_bucket_and_an_empty_one_has_no_row() {
    let (_test, lake) = lake().await;
    let from = datetime!(2026-08-15 0:00 UTC);
    let whole = CostQuery { granularity: Granularity::Whole, from, ..query(UNBLENDED) };
    assert_eq!(ask(&lake, &whole).await, ["2026-08-15 : 36.100000000000000001"]);
    let by = |dimension| CostQuery { dimensions: vec![dimension], ..whole.clone() };
    assert_eq!(ask(&lake, &by(Dimension::VendorAccount)).await.len(), 2);
    assert_eq!(ask(&lake, &by(Dimension::Vendor)).await, ["2026-08-15 AWS: 36.100000000000000001"]);
    let nothing = Filter::Equal { dimension: Dimension::Service, value: "none such".to_owned() };
    for query in [whole.clone(), by(Dimension::Vendor)] {
        assert_eq!(ask(&lake, &CostQuery { filter: Some(nothing.clone()), ..query }).await, [""; 0]);
    }
    let billed = CostQuery { period_type: PeriodType::BillingPeriod, ..whole };
    assert_eq!(ask(&lake, &billed).await, ["2026-08-15 : 36.100000000000000001"]);
}

#[tokio::test]
async fn hours_are_hours_of_charges() {
    let (_test, lake) = lake().await;
    let hours = CostQuery { granularity: Granularity::Hour, ..query(UNBLENDED) };
    let rows = lake.costs(&hours).await.unwrap().rows;
    let rows: Vec<_> = rows.iter().map(|row| (row.timestamp, row.metrics[0].to_string())).collect();
    assert_eq!(
        rows,
        [
            (datetime!(2026-09-01 0:00 UTC), "4".to_owned()),
            (datetime!(2026-09-02 5:00 UTC), "32.000000000000000001".to_owned()),
            (datetime!(2026-09-30 23:00 UTC), "0.1".to_owned())
        ]
    );
}

#[tokio::test]
async fn rows_come_in_the_order_that_is_asked_for() {
    let (_test, lake) = lake().await;
    let by = |order: &[(OrderKey, Direction)]| CostQuery {
        metrics: vec![UNBLENDED, Metric::SavingsRateReductionAmortized],
        dimensions: vec![Dimension::Service],
        order: order.to_vec(),
        ..query(UNBLENDED)
    };
    let names = async |query: CostQuery| {
        let rows = lake.costs(&query).await.unwrap().rows;
        rows.into_iter().map(|row| row.dimensions[0].clone()).collect::<Vec<_>>()
    };
    let metric = |metric| OrderKey::Metric(metric);
    assert_eq!(names(by(&[(metric(UNBLENDED), Direction::Asc)])).await, ["None", "AmazonS3", "AmazonEC2"]);
    assert_eq!(names(by(&[(metric(UNBLENDED), Direction::Desc)])).await, ["AmazonEC2", "AmazonS3", "None"]);
    let savings = metric(Metric::SavingsRateReductionAmortized);
    assert_eq!(names(by(&[(savings, Direction::Desc)])).await, ["AmazonEC2", "AmazonS3", "None"]);
    let service = OrderKey::Dimension(Dimension::Service);
    assert_eq!(names(by(&[(OrderKey::Time, Direction::Desc), (service, Direction::Desc)])).await[0], "None");
}

#[tokio::test]
async fn the_rest_of_the_groups_is_summed() {
    let (_test, lake) = lake().await;
    let top = |top, dimensions: &[Dimension]| CostQuery {
        top: Some(top),
        dimensions: dimensions.to_vec(),
        ..query(UNBLENDED)
    };
    let rows = ask(&lake, &top(1, &[Dimension::Service])).await;
    assert_eq!(rows, ["2026-09-01 AmazonEC2: 34.000000000000000001", "2026-09-01 Other: 2.1"]);
    let answer = lake.costs(&top(1, &[Dimension::Service])).await.unwrap();
    assert_eq!(answer.rows.iter().map(|row| row.other).collect::<Vec<_>>(), [false, true]);
    assert_eq!(ask(&lake, &top(9, &[Dimension::Service])).await.len(), 3);
    // A value of that name is not the rest: one category is called so.
    let answer = lake.costs(&top(2, &[Dimension::Category])).await.unwrap();
    let rows: Vec<_> = answer.rows.iter().map(|row| (row.dimensions[0].as_str(), row.other)).collect();
    assert_eq!(rows, [("Compute", false), ("Storage", false), ("Other", true)]);
    let answer = lake.costs(&top(3, &[Dimension::Category])).await.unwrap();
    assert!(answer.rows.iter().any(|row| row.dimensions[0] == "Other" && !row.other));
    // Groups are those of the whole span, in each of its days.
    let days = CostQuery { granularity: Granularity::Day, ..top(1, &[Dimension::Service, Dimension::VendorAccount]) };
    assert_eq!(
        ask(&lake, &days).await,
        [
            "2026-09-01 AmazonEC2/111: 4",
            "2026-09-02 AmazonEC2/111: 30.000000000000000001",
            "2026-09-02 Other/Other: 2",
            "2026-09-30 Other/Other: 0.1"
        ]
    );
}

#[tokio::test]
async fn conditions_compare_negate_and_find_what_is_missing() {
    let (_test, lake) = lake().await;
    let is = |dimension: &str, operator, values: &[&str]| Filter::Is {
        dimension: dimension.parse().unwrap(),
        operator,
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    let missing = |dimension: &str| Filter::Missing { dimension: dimension.parse().unwrap() };
    let not = |filter| Filter::Not { expression: Box::new(filter) };
    for (filter, expect) in [
        (is("service", Operator::In, &["AmazonS3", "None"]), "2.1"),
        (is("service", Operator::Nin, &["AmazonS3", "None"]), "34.000000000000000001"),
        (is("tag_team", Operator::Ne, &["a"]), "26.100000000000000001"),
        (is("tag_team", Operator::Eq, &["a"]), "10"),
        (is("service", Operator::Sw, &["AmazonE"]), "34.000000000000000001"),
        (is("service", Operator::Ew, &["S3"]), "2"),
        (is("tag_env", Operator::Co, &["0%"]), "10"),
        (is("tag_env", Operator::Sw, &["%"]), "none"),
        (is("service", Operator::Gt, &["AmazonEC2"]), "2.1"),
        (is("service", Operator::Le, &["AmazonEC2"]), "34.000000000000000001"),
        (missing("tag_team"), "6.1"),
        (not(missing("tag_team")), "30.000000000000000001"),
        (missing("service"), "0.1"),
        (missing("vendor"), "none"),
        (missing("category"), "none"),
        (not(missing("category")), "36.100000000000000001"),
    ] {
        let query = CostQuery { filter: Some(filter.clone()), ..query(UNBLENDED) };
        let rows = lake.costs(&query).await.unwrap().rows;
        let sum = rows.first().map_or("none".to_owned(), |row| row.metrics[0].to_string());
        assert_eq!(sum, expect, "{filter:?}");
    }
}
