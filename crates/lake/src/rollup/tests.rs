//! Rollups beside charges: same answers, same deliveries, and no trace of them where they are gone.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use billing::cost_query::{CostAnswer, CostQuery, Dimension, Filter, Granularity, Metric, PeriodType};
use billing::history::AsOf;
use time::OffsetDateTime;
use time::macros::datetime;

use super::{AMOUNTS, DIMENSIONS, SPLIT, TOLD_APART};
use crate::location::{Lake, LakeSettings};
use crate::schema::charges_schema;
use crate::table::{OrgLake, START_COLUMN};
use crate::testkit::{Charge, TestLake, head, usage};

impl OrgLake {
    /// How many rollups answered questions so far.
    pub(crate) fn rollups_used(&self) -> usize {
        self.shared.opened.used.load(Ordering::Relaxed)
    }
}

fn charges() -> Vec<Charge> {
    let at = |hour: u8, cost| {
        let start = datetime!(2026-09-02 0:00 UTC) + time::Duration::hours(hour.into());
        Charge { start, more: vec![("x_ServiceCode", "AmazonEC2"), ("ResourceId", "i-1")], ..usage(cost) }
    };
    vec![
        at(0, "1"),
        at(5, "20.000000000000000001"),
        // Without a blended cost of AWS's, which its billed cost then stands for.
        Charge { more: vec![("x_ServiceCode", "AmazonEC2"), ("x_BlendedCost", "7")], ..at(23, "300") },
        Charge { split: true, billed: "0", effective: "0", list: "0", ..at(23, "4000") },
        at(24, "50000"),
    ]
}

fn query() -> CostQuery {
    CostQuery {
        metrics: vec![Metric::CostNonamortizedUnblended, Metric::CostNonamortizedBlended],
        dimensions: vec![Dimension::Service],
        granularity: Granularity::Day,
        ..CostQuery::over(datetime!(2026-09-01 0:00 UTC), datetime!(2026-10-01 0:00 UTC))
    }
}

/// The sums of the answer, and how many rollups it was read from.
async fn ask(lake: &OrgLake, query: &CostQuery) -> (Vec<String>, usize) {
    let before = lake.rollups_used();
    let CostAnswer { rows, .. } = lake.costs(query).await.unwrap();
    let sums = rows.iter().flat_map(|row| &row.metrics).map(ToString::to_string).collect();
    (sums, lake.rollups_used() - before)
}

/// The rollups on disk.
fn files(test: &TestLake) -> Vec<std::path::PathBuf> {
    let folder = test.folder.path().join("orgs/100001/rollups/aws-123456789012/2026-09");
    folder.read_dir().map_or(Vec::new(), |files| files.map(|file| file.unwrap().path()).collect())
}

/// The one rollup on disk that sums by `unit`.
fn file_by(test: &TestLake, unit: &str) -> std::path::PathBuf {
    let is_by = |file: &std::path::PathBuf| file.to_str().unwrap().ends_with(&format!("-{unit}.parquet"));
    files(test).into_iter().find(is_by).unwrap()
}

const DAYS: [&str; 4] = ["321.000000000000000001", "28.000000000000000001", "50000", "50000"];

async fn lake() -> (TestLake, OrgLake) {
    let test = TestLake::new();
    let lake = test.org(100_001);
    lake.bring_in(&head("a"), &charges()).await;
    (test, lake)
}

#[tokio::test]
async fn a_question_about_days_is_answered_from_the_rollup_and_one_about_charges_from_the_charges() {
    let (_test, lake) = lake().await;
    let same = |expect: [&str; 4], used| (expect.map(str::to_owned).to_vec(), used);
    assert_eq!(ask(&lake, &query()).await, same(DAYS, 1));
    for dimension in ["description", "tag_team"] {
        let dimensions = vec![dimension.parse().unwrap()];
        assert_eq!(ask(&lake, &CostQuery { dimensions, ..query() }).await, same(DAYS, 0), "{dimension}");
    }
    let filter = Filter::Equal { dimension: Dimension::ResourceId, value: "i-1".to_owned() };
    let of_resource = CostQuery { filter: Some(filter), ..query() };
    assert_eq!(ask(&lake, &of_resource).await.1, 0);
}

#[tokio::test]
async fn an_hour_is_not_told_by_days() {
    let (_test, lake) = lake().await;
    let sums = |costs: &[&str]| costs.iter().map(|cost| (*cost).to_owned()).collect::<Vec<_>>();
    let metrics = vec![Metric::CostNonamortizedUnblended];
    let until = |until: OffsetDateTime| CostQuery { until, metrics: metrics.clone(), ..query() };
    assert_eq!(ask(&lake, &until(datetime!(2026-09-02 23:00 UTC))).await, (sums(&["21.000000000000000001"]), 0));
    assert_eq!(ask(&lake, &until(datetime!(2026-09-03 0:00 UTC))).await, (sums(&["321.000000000000000001"]), 1));
    // Midnight elsewhere is none here, and a billing period is whole wherever its question ends.
    assert_eq!(ask(&lake, &until(datetime!(2026-09-03 0:00 +1))).await.1, 0);
    let billed = CostQuery {
        period_type: PeriodType::BillingPeriod,
        granularity: Granularity::Month,
        ..until(datetime!(2026-09-02 23:00 UTC))
    };
    assert_eq!(ask(&lake, &billed).await, (sums(&["50321.000000000000000001"]), 1));
}

#[tokio::test]
async fn a_rollup_that_is_gone_or_damaged_is_not_used() {
    let (test, _) = lake().await;
    let file = file_by(&test, "day");
    let whole = std::fs::read(&file).unwrap();
    for at in [0, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        std::fs::write(&file, damaged).unwrap();
        assert_eq!(ask(&test.reopened(100_001), &query()).await, (DAYS.map(str::to_owned).to_vec(), 0), "byte {at}");
    }
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(ask(&test.reopened(100_001), &query()).await.1, 1);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(ask(&test.reopened(100_001), &query()).await, (DAYS.map(str::to_owned).to_vec(), 0));
}

#[tokio::test]
async fn whole_months_come_from_months_and_from_days_where_those_are_gone() {
    let (test, _) = lake().await;
    let months = CostQuery { granularity: Granularity::Month, ..query() };
    let sums = ["50321.000000000000000001", "50028.000000000000000001"].map(str::to_owned).to_vec();
    let [days, month] = ["day", "month"].map(|unit| file_by(&test, unit));
    // Each is taken away once, and what is left answers.
    let aside = days.with_extension("aside");
    std::fs::rename(&days, &aside).unwrap();
    assert_eq!(ask(&test.reopened(100_001), &months).await, (sums.clone(), 1));
    assert_eq!(ask(&test.reopened(100_001), &query()).await.1, 0);
    std::fs::rename(&aside, &days).unwrap();
    std::fs::remove_file(&month).unwrap();
    assert_eq!(ask(&test.reopened(100_001), &months).await, (sums.clone(), 1));
    // Half a month is not told by months.
    let half = CostQuery { until: datetime!(2026-09-03 0:00 UTC), ..months.clone() };
    assert_eq!(ask(&test.reopened(100_001), &half).await.0[0], "321.000000000000000001");
    std::fs::remove_file(&days).unwrap();
    assert_eq!(ask(&test.reopened(100_001), &months).await, (sums, 0));
}

#[tokio::test]
async fn an_earlier_delivery_is_answered_from_its_own_rollup() {
    let (_test, lake) = lake().await;
    let published_at = lake.published().await.unwrap()[0].published_at;
    lake.bring_in(&head("b"), &[usage("9")]).await;
    let then = CostQuery { as_of: AsOf { at: Some(published_at), ..AsOf::NOW }, ..query() };
    assert_eq!(ask(&lake, &then).await, (DAYS.map(str::to_owned).to_vec(), 1));
    assert_eq!(ask(&lake, &query()).await, (vec!["9".to_owned(), "9".to_owned()], 1));
}

#[tokio::test]
async fn a_rollup_of_an_ingest_that_was_not_published_is_swept() {
    let (test, lake) = lake().await;
    let killed = lake.prepare(&head("b"), &charges()).await.unwrap();
    drop(killed);
    assert_eq!(files(&test).len(), 4);
    assert_eq!(lake.sweep_all().await.unwrap(), 3, "the charges and the rollups");
    let refused = lake.prepare(&head("b"), &charges()).await.unwrap();
    lake.fence_off(&head("b").connect, head("b").period).await.unwrap();
    lake.publish(refused).await.unwrap_err();
    assert_eq!(files(&test).len(), 2, "what lost takes its rollups away");
    assert_eq!(ask(&lake, &query()).await.1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_may_ask_at_once() {
    let test = TestLake::new();
    // Enough for those that are answered at once, and no more.
    let settings = LakeSettings { query_memory: 192 << 20, ..LakeSettings::default() };
    let lake = Lake::open(test.folder.path(), settings).unwrap().org(100_001.try_into().unwrap());
    lake.bring_in(&head("a"), &charges()).await;
    let (question, lake) = (&query(), &lake);
    let answers = futures::future::join_all((0..100).map(|_| async move { lake.costs(question).await.unwrap().rows }));
    let answers = answers.await;
    assert!(answers.iter().all(|rows| rows.len() == 2 && *rows == answers[0]));
}

#[tokio::test]
async fn what_no_sum_counts_has_no_rollup() {
    let test = TestLake::new();
    let lake = test.org(100_001);
    let split = Charge { split: true, billed: "0", effective: "0", list: "0", ..usage("1") };
    lake.bring_in(&head("a"), &[split]).await;
    assert_eq!(ask(&lake, &query()).await, (Vec::new(), 0));
    assert_eq!(files(&test).len(), 0);
}

#[test]
fn a_rollup_has_columns_of_the_charges_each_once() {
    let all = DIMENSIONS.iter().chain(&AMOUNTS).chain([&START_COLUMN, &SPLIT]);
    let names: BTreeSet<_> = all.clone().collect();
    assert_eq!(names.len(), all.clone().count());
    for name in all {
        charges_schema().field_with_name(name).unwrap();
    }
}

#[test]
fn an_amount_that_may_be_missing_is_told_apart_or_stands_alone() {
    let may_lack = |name: &&str| charges_schema().field_with_name(name).unwrap().is_nullable();
    let may_lack: Vec<_> = AMOUNTS.into_iter().filter(may_lack).collect();
    // No metric takes another amount where the usage is missing.
    assert_eq!(may_lack, [&TOLD_APART[..], &["x_UsageAmount"]].concat());
}
