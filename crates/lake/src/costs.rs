//! Costs: exact sums of charges by time and dimensions.
//!
//! *Invariant:* every charge that a question covers is in exactly one row of its answer, so grouped sums add up to the
//! ungrouped one. Split cost allocation rows are in none: their instances carry that cost already.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, TimeUnit, TimestampMicrosecondType};
use billing::cost_query::{CostAnswer, CostQuery, CostRow, Granularity, PeriodType};
use billing::money::Amount;
use billing::period::BillingPeriod;
use billing::reconcile::SumOverflow;
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate::expr_fn::sum;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::DataFrame;
use futures::FutureExt;
use time::OffsetDateTime;

use crate::calendar::{Unit, start_of};
use crate::cost_expr::{Part, amount, condition, parts, value};
use crate::error::LakeError;
use crate::held::Held;
use crate::rollup::sums_days;
use crate::session::column;
use crate::table::{ChargesFile, OrgLake, PERIOD_COLUMN, START_COLUMN};

impl OrgLake {
    /// Answers a question from the months that the lake holds; with no month, without rows.
    pub async fn costs(&self, query: &CostQuery) -> Result<CostAnswer, LakeError> {
        let problems = query.problems();
        if !problems.is_empty() {
            return Err(LakeError::Question(problems));
        }
        // Chosen here and not by the engine, because the answer names the deliveries that it comes from.
        let counts = |file: &ChargesFile| may_count(query, file);
        self.ask(&query.as_of, &counts, |held| self.answer(query, held).boxed()).await
    }

    pub(crate) async fn answer(&self, query: &CostQuery, held: Held) -> Result<CostAnswer, LakeError> {
        let deliveries = held.deliveries();
        if held.files.is_empty() {
            return Ok(CostAnswer { rows: Vec::new(), truncated: false, deliveries });
        }
        let question = Question::new(query);
        let charges = if sums_days(query) { self.days(held)? } else { self.charges(held.files)? };
        let answer = question.plan(charges)?;
        let mut rows = Vec::new();
        let _place = self.place().await;
        for batch in answer.collect().await? {
            question.read(&batch, &mut rows)?;
        }
        let truncated = query.limit.is_some_and(|limit| rows.len() > limit);
        rows.truncate(query.limit.unwrap_or(usize::MAX));
        Ok(CostAnswer { rows, truncated, deliveries })
    }
}

/// Whether days count by the charge's own time; a billing period has no days.
fn by_charge(query: &CostQuery) -> bool {
    query.period_type == PeriodType::ChargePeriod || query.granularity == Granularity::Day
}

/// Whether a file may hold a charge that the question covers, as far as the log knows.
fn may_count(query: &CostQuery, file: &ChargesFile) -> bool {
    let of_connect = query.connects.as_ref().is_none_or(|connects| connects.contains(&file.month.connect));
    let in_time = if by_charge(query) {
        file.starts.is_none_or(|(first, last)| first < micros(query.until) && last >= micros(query.from))
    } else {
        (query.from..query.until).contains(&file.month.period.start())
    };
    of_connect && in_time
}

fn micros(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1000)).unwrap_or(i64::MAX)
}

/// A question, with the sums that its metrics are made of.
struct Question<'a> {
    query: &'a CostQuery,
    sums: Vec<Part>,
}

/// What the planned columns are called: `t` the time, `d0…` the dimensions, `s0…` the sums.
fn name(kind: char, at: usize) -> String {
    format!("{kind}{at}")
}

impl<'a> Question<'a> {
    /// Two metrics may share a sum, which is then worked out once.
    fn new(query: &'a CostQuery) -> Self {
        let mut sums = Vec::new();
        for (part, less) in query.metrics.iter().map(|metric| parts(*metric)) {
            for part in [Some(part), less].into_iter().flatten() {
                if !sums.contains(&part) {
                    sums.push(part);
                }
            }
        }
        Self { query, sums }
    }

    /// One row a time and combination of values, in order.
    fn plan(&self, charges: DataFrame) -> Result<DataFrame, LakeError> {
        let dimensions = self.query.dimensions.iter().enumerate();
        let dimensions = dimensions.map(|(at, dimension)| Ok(value(dimension)?.alias(name('d', at))));
        let amounts = self.sums.iter().enumerate().map(|(at, part)| Ok(amount(*part)?.alias(name('s', at))));
        let columns = std::iter::once(Ok(self.time().alias("t"))).chain(dimensions).chain(amounts);
        let columns = columns.collect::<Result<Vec<Expr>, LakeError>>()?;
        let groups: Vec<Expr> = std::iter::once("t".to_owned())
            .chain((0..self.query.dimensions.len()).map(|at| name('d', at)))
            .map(|name| column(&name))
            .collect();
        let sums = (0..self.sums.len()).map(|at| sum(column(&name('s', at))).alias(name('s', at))).collect();
        let order = groups.iter().map(|group| group.clone().sort(true, true)).collect();
        let rows = charges.filter(self.covers()?)?.select(columns)?.aggregate(groups, sums)?.sort(order)?;
        // One more than asked for, to know whether there are more.
        Ok(rows.limit(0, self.query.limit.map(|limit| limit.saturating_add(1)))?)
    }

    /// The month or day that a charge counts in.
    fn time(&self) -> Expr {
        let unit = match self.query.granularity {
            Granularity::Month => Unit::Month,
            Granularity::Day => Unit::Day,
        };
        if by_charge(self.query) { start_of(unit, column(START_COLUMN)) } else { column(PERIOD_COLUMN) }
    }

    /// Which charges the question covers.
    fn covers(&self) -> Result<Expr, LakeError> {
        let CostQuery { from, until, filter, .. } = self.query;
        let time = |at: &OffsetDateTime| lit(ScalarValue::TimestampMicrosecond(Some(micros(*at)), Some("UTC".into())));
        let mut covers = !column("x_IsSplitCost");
        // Billing periods were chosen by file already: a file belongs to one.
        if by_charge(self.query) {
            covers = covers.and(column(START_COLUMN).gt_eq(time(from))).and(column(START_COLUMN).lt(time(until)));
        }
        if let Some(filter) = filter {
            covers = covers.and(condition(filter)?);
        }
        Ok(covers)
    }

    /// Turns what was planned back into the question's own dimensions and metrics.
    fn read(&self, batch: &RecordBatch, rows: &mut Vec<CostRow>) -> Result<(), LakeError> {
        let times = times(batch)?;
        let texts = (0..self.query.dimensions.len()).map(|at| cast(batch.column(1 + at), &DataType::Utf8));
        let texts = texts.collect::<Result<Vec<_>, _>>().map_err(arrow_error)?;
        let sums = &batch.columns()[1 + texts.len()..];
        for (row, timestamp) in times.into_iter().enumerate() {
            let sum = |part: Part| {
                let at = self.sums.iter().position(|known| *known == part).expect("it was planned");
                let sums = sums[at].as_primitive::<Decimal128Type>();
                // Nothing was there to add up, for example usage of a tax.
                if sums.is_null(row) { Amount::ZERO } else { Amount::from_unscaled(sums.value(row)) }
            };
            let metric = |(part, less): (Part, Option<Part>)| {
                let less = less.map_or(Amount::ZERO, sum);
                sum(part).checked_sub(less).ok_or_else(|| SumOverflow { what: "a metric".to_owned() })
            };
            rows.push(CostRow {
                timestamp,
                dimensions: texts.iter().map(|texts| texts.as_string::<i32>().value(row).to_owned()).collect(),
                metrics: self.query.metrics.iter().map(|it| metric(parts(*it))).collect::<Result<_, _>>()?,
            });
        }
        Ok(())
    }
}

/// The column `t`: an instant, or a billing period's text.
fn times(batch: &RecordBatch) -> Result<Vec<OffsetDateTime>, LakeError> {
    let column = batch.column(0);
    if matches!(column.data_type(), DataType::Timestamp(..)) {
        let micros =
            cast(column, &DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))).map_err(arrow_error)?;
        let micros = micros.as_primitive::<TimestampMicrosecondType>().values().iter();
        let instant = |micros: &i64| OffsetDateTime::from_unix_timestamp_nanos(i128::from(*micros) * 1000);
        return Ok(micros.map(|micros| instant(micros).unwrap_or(OffsetDateTime::UNIX_EPOCH)).collect());
    }
    let periods = cast(column, &DataType::Utf8).map_err(arrow_error)?;
    let periods = periods.as_string::<i32>().iter().flatten();
    let start = |period: &str| period.parse::<BillingPeriod>().map_or(OffsetDateTime::UNIX_EPOCH, BillingPeriod::start);
    Ok(periods.map(start).collect())
}

pub(crate) fn arrow_error(error: arrow::error::ArrowError) -> LakeError {
    datafusion::error::DataFusionError::from(error).into()
}

#[cfg(test)]
mod tests {
    use billing::cost_query::{Dimension, Filter, Metric};
    use billing::delivery::DeliveryHead;
    use billing::history::AsOf;
    use time::macros::datetime;

    use super::*;
    use crate::testkit::{Charge, TestLake, head, usage};

    /// A bill with a bit of everything; its hand sums are in the tests.
    fn bill() -> Vec<Charge> {
        let ec2 = |unblended, more: &[(&'static str, &'static str)]| {
            let mut all =
                vec![("x_ServiceCode", "AmazonEC2"), ("x_UsageType", "BoxUsage:m5"), ("RegionId", "eu-west-1")];
            all.extend_from_slice(more);
            Charge { more: all, ..usage(unblended) }
        };
        vec![
            ec2(
                "10",
                &[
                    ("Tags", r#"{"team":"a","env":"50%"}"#),
                    ("x_BlendedCost", "9"),
                    ("x_UsageAmount", "4"),
                    ("PricingUnit", "Hrs"),
                ],
            ),
            ec2("20.000000000000000001", &[("Tags", r#"{"team":"b"}"#), ("x_ProductLocation", "EU (Ireland)")]),
            // A reservation: its use is billed nothing, its fee is.
            Charge {
                kind: "DiscountedUsage",
                effective: "3",
                list: "5",
                ..ec2(
                    "0",
                    &[
                        ("CommitmentDiscountId", "arn:r"),
                        ("x_BlendedCost", "0.5"),
                        ("x_UsageAmount", "2"),
                        ("PricingUnit", "Hrs"),
                    ],
                )
            },
            Charge {
                kind: "RIFee",
                start: datetime!(2026-09-01 0:00 UTC),
                effective: "0",
                list: "4",
                more: vec![
                    ("CommitmentDiscountId", "arn:r"),
                    ("ChargeCategory", "Purchase"),
                    ("x_ServiceCode", "AmazonEC2"),
                ],
                ..usage("4")
            },
            // What the reservation left unused: added, without an unblended cost of AWS's.
            Charge {
                kind: "RIFee",
                start: datetime!(2026-09-01 0:00 UTC),
                billed: "0",
                effective: "1",
                list: "0",
                more: vec![("CommitmentDiscountId", "arn:r"), ("x_ServiceCode", "AmazonEC2")],
                ..usage("0")
            },
            Charge {
                kind: "Tax",
                account: "222",
                invoice: None,
                list: "0",
                start: datetime!(2026-09-30 23:59 UTC),
                ..usage("0.1")
            },
            Charge {
                account: "222",
                more: vec![("x_ServiceCode", "AmazonS3"), ("x_UsageAmount", "7"), ("PricingUnit", "GB")],
                ..usage("2")
            },
            // A share of what its instance carries already.
            Charge { split: true, billed: "0", effective: "0", list: "0", ..ec2("1000", &[]) },
        ]
    }

    fn query(metric: Metric) -> CostQuery {
        CostQuery {
            metrics: vec![metric],
            dimensions: Vec::new(),
            from: datetime!(2026-09-01 0:00 UTC),
            until: datetime!(2026-10-01 0:00 UTC),
            granularity: Granularity::Month,
            period_type: PeriodType::ChargePeriod,
            filter: None,
            limit: None,
            connects: None,
            as_of: AsOf::NOW,
        }
    }

    const UNBLENDED: Metric = Metric::CostNonamortizedUnblended;

    async fn lake() -> (TestLake, OrgLake) {
        let test = TestLake::new();
        let lake = test.org(100_001);
        lake.bring_in(&head("september"), &bill()).await;
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
        let usage_types =
            ["BoxUsage:m5: 30.000000000000000001", "BoxUsage:m5:DiscountedUsage: 0", "None: 6", "Tax: 0.1"];
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
            let query = CostQuery {
                dimensions: vec![dimension.clone(), Dimension::Tag("team".to_owned())],
                ..query(UNBLENDED)
            };
            let rows = lake.costs(&query).await.unwrap().rows;
            let sum = rows.iter().fold(Amount::ZERO, |sum, row| sum.checked_add(row.metrics[0]).unwrap());
            assert_eq!(sum, all, "{dimension}");
        }
    }

    #[tokio::test]
    async fn filters_choose_by_value_and_missing_is_one() {
        let (_test, lake) = lake().await;
        let equal = |dimension: &str, value: &str| Filter::Equal {
            dimension: dimension.parse().unwrap(),
            value: value.to_owned(),
        };
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
        assert_eq!(
            ask(&lake, &days).await,
            ["2026-09-01 : 4", "2026-09-02 : 31.000000000000000001", "2026-09-30 : 0.1"]
        );
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
        assert_eq!(
            answer.rows.iter().map(|row| row.dimensions[0].as_str()).collect::<Vec<_>>(),
            ["AmazonEC2", "AmazonS3"]
        );
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
}
