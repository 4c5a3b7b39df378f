//! Publishing: one commit of the log takes a month's old files out and puts its new ones in, or nothing changes.
//!
//! *Invariant:* a commit holds only if the month is as it was when its delivery was begun. Each publish raises the month's
//! counter in the log (a `txn` action), so also two first publishes of a month find out about each other.

use std::collections::HashMap;
use std::sync::Arc;

use billing::names::BillConnectId;
use billing::period::BillingPeriod;
use billing::receipt::Receipt;
use deltalake_core::DeltaTableError;
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake_core::kernel::{Action, Add, StructField, StructType, Transaction};
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use serde_json::json;
use time::OffsetDateTime;

use crate::error::LakeError;
use crate::history::Record;
use crate::provider::table_schema;
use crate::reconcile::Reconciled;
use crate::stage::StagedFile;
use crate::table::{CONNECT_COLUMN, Month, OrgLake, PERIOD_COLUMN, START_COLUMN, Snapshot};

/// How often a commit is tried anew because others committed other months meanwhile.
const ATTEMPTS: usize = 50;

/// What a month was when a delivery was begun: its counter and its connection's, and the ingest that it came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Fence {
    month: Option<i64>,
    connect: Option<i64>,
    replaces: Option<String>,
}

impl Month {
    /// The name of the month's counter in the log.
    fn counter(&self) -> String {
        format!("{}/{}", self.connect, self.period)
    }
}

impl OrgLake {
    /// Publishes a reconciled delivery as its month, in place of what the month was, and answers with the receipt.
    ///
    /// [`LakeError::Conflict`] where the month was published, or its connection forgotten, since the delivery was begun.
    pub async fn publish(&self, reconciled: Reconciled) -> Result<Receipt, LakeError> {
        let Reconciled { mut receipt, attempt, month, fence, files, rollups } = reconciled;
        receipt.published_at = OffsetDateTime::now_utc();
        // Before the commit: a published month always has its record. Without the commit nobody looks for it.
        let record = Record::of(receipt.clone(), fence.replaces.clone(), (&files, &rollups));
        self.write_record(attempt, &record).await?;
        for _ in 0..ATTEMPTS {
            let snapshot = self.snapshot_or_create().await?;
            if self.fence(Some(snapshot.as_ref()), &month).await? != fence {
                break;
            }
            let mut actions = removals(&snapshot, |other| *other == month).map_err(|error| self.log_error(error))?;
            for file in &files {
                actions.push(Action::Add(self.add(file, &month)?));
            }
            let counter = Transaction::new(month.counter(), fence.month.unwrap_or(0) + 1);
            let commit =
                Commit { operation: replace_where(&month), actions, counters: vec![counter], facts: facts(&receipt) };
            if self.commit(&snapshot, commit).await? {
                return Ok(receipt);
            }
        }
        // Nothing of ours was committed, so nobody reads these.
        let rollups = rollups.into_iter().map(|rollup| rollup.file);
        self.remove(&files.into_iter().chain(rollups).collect::<Vec<_>>()).await;
        Err(LakeError::Conflict { connect: month.connect, period: month.period })
    }

    /// Takes all months of a connection out of the table. A sweep removes their files.
    pub async fn forget(&self, connect: &BillConnectId) -> Result<(), LakeError> {
        for _ in 0..ATTEMPTS {
            let Some(snapshot) = self.snapshot().await? else {
                return Ok(());
            };
            let actions = removals(&snapshot, |month| month.connect == *connect);
            let actions = actions.map_err(|error| self.log_error(error))?;
            // Also with nothing to take out: what is being staged for the connection must not be published any more.
            let next = self.counter(&snapshot, connect.as_ref()).await?.unwrap_or(0) + 1;
            let counters = vec![Transaction::new(connect, next)];
            let operation = DeltaOperation::Delete { predicate: Some(format!("{CONNECT_COLUMN} = '{connect}'")) };
            if self.commit(&snapshot, Commit { operation, actions, counters, facts: HashMap::new() }).await? {
                return Ok(());
            }
        }
        Err(self.strange("it is committed to without end"))
    }

    /// Ends the hopes of whoever has begun to read a delivery of the month before: it can't be published any more.
    ///
    /// For whoever takes over from somebody who is silent, and may be asleep rather than dead.
    pub async fn fence_off(&self, connect: &BillConnectId, period: BillingPeriod) -> Result<(), LakeError> {
        let month = Month { connect: connect.clone(), period };
        for _ in 0..ATTEMPTS {
            let snapshot = self.snapshot_or_create().await?;
            let next = self.counter(&snapshot, &month.counter()).await?.unwrap_or(0) + 1;
            let counters = vec![Transaction::new(month.counter(), next)];
            let commit =
                Commit { operation: replace_where(&month), actions: Vec::new(), counters, facts: HashMap::new() };
            if self.commit(&snapshot, commit).await? {
                return Ok(());
            }
        }
        Err(self.strange("it is committed to without end"))
    }

    /// The counters that a delivery of `month` begun now depends on.
    pub(crate) async fn fence(&self, snapshot: Option<&Snapshot>, month: &Month) -> Result<Fence, LakeError> {
        let Some(snapshot) = snapshot else {
            return Ok(Fence::default());
        };
        let connect = self.counter(snapshot, month.connect.as_ref()).await?;
        let replaces = snapshot.attempt(month).map(str::to_owned);
        Ok(Fence { month: self.counter(snapshot, &month.counter()).await?, connect, replaces })
    }

    async fn counter(&self, snapshot: &Snapshot, name: &str) -> Result<Option<i64>, LakeError> {
        let state = snapshot.table.snapshot().map_err(|error| self.log_error(error))?;
        let log = snapshot.table.log_store();
        state.transaction_version(log.as_ref(), name).await.map_err(|error| self.log_error(error))
    }

    async fn snapshot_or_create(&self) -> Result<Arc<Snapshot>, LakeError> {
        if let Some(snapshot) = self.snapshot().await? {
            return Ok(snapshot);
        }
        let schema: StructType =
            table_schema().as_ref().try_into_kernel().map_err(|error: arrow::error::ArrowError| {
                self.strange(format!("its columns don't fit a table: {error}"))
            })?;
        let columns: Vec<StructField> = schema.fields().cloned().collect();
        let created = CreateBuilder::new()
            .with_log_store(self.log_store()?)
            .with_columns(columns)
            .with_partition_columns([CONNECT_COLUMN, PERIOD_COLUMN])
            .with_configuration(PROPERTIES.map(|(key, value)| (key, Some(value))))
            .with_save_mode(SaveMode::Ignore)
            // Without retries, so that of two who create it at once one does and the other finds it made.
            .with_commit_properties(CommitProperties::default().with_max_retries(0))
            .await;
        match (self.snapshot().await?, created) {
            (Some(snapshot), _) => Ok(snapshot),
            (None, Err(error)) => Err(self.log_error(error)),
            (None, Ok(_)) => Err(self.strange("it was made and is not there")),
        }
    }

    /// Commits on top of exactly this snapshot; `false` where somebody else was faster and all must be looked at again.
    async fn commit(&self, snapshot: &Snapshot, commit: Commit) -> Result<bool, LakeError> {
        let state = snapshot.table.snapshot().map_err(|error| self.log_error(error))?;
        let properties = CommitProperties::default()
            // The log's own check of conflicts would let months get in each other's way; ours is the fence.
            .with_max_retries(0)
            .with_metadata(commit.facts)
            .with_application_transactions(commit.counters);
        let prepared = CommitBuilder::from(properties)
            .with_actions(commit.actions)
            .build(Some(state), snapshot.table.log_store(), commit.operation)
            .into_prepared_commit_future()
            .await
            .map_err(|error| self.log_error(error))?;
        let committed = match prepared.await {
            Ok(committed) => committed,
            Err(
                DeltaTableError::VersionAlreadyExists(_)
                | DeltaTableError::Transaction { source: TransactionError::MaxCommitAttempts(_) },
            ) => return Ok(false),
            Err(error) => return Err(self.log_error(error)),
        };
        // It is committed. A checkpoint only makes the log quicker to read, and the next commit tries again.
        if let Err(error) = committed.await {
            tracing::warn!(table = %self.table_url(), %error, "no checkpoint was written");
        }
        Ok(true)
    }

    fn add(&self, file: &StagedFile, month: &Month) -> Result<Add, LakeError> {
        let table = self.table_path()?;
        let below = file.path.prefix_match(&table).ok_or_else(|| self.strange("a staged file lies outside it"))?;
        let path = below.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/");
        let size = i64::try_from(file.size).map_err(|_| self.strange("a staged file is too large"))?;
        Ok(Add {
            path,
            partition_values: HashMap::from([
                (CONNECT_COLUMN.to_owned(), Some(month.connect.to_string())),
                (PERIOD_COLUMN.to_owned(), Some(month.period.to_string())),
            ]),
            size,
            modification_time: millis(OffsetDateTime::now_utc()),
            data_change: true,
            stats: Some(stats(file)),
            ..Add::default()
        })
    }
}

/// How the table is kept: every version of the log and every file stays, so that earlier deliveries stay queryable.
const PROPERTIES: [(&str, &str); 4] = [
    ("delta.enableExpiredLogCleanup", "false"),
    ("delta.logRetentionDuration", "interval 36500 days"),
    ("delta.deletedFileRetentionDuration", "interval 36500 days"),
    ("delta.dataSkippingStatsColumns", START_COLUMN),
];

/// One commit of the log.
struct Commit {
    operation: DeltaOperation,
    actions: Vec<Action>,
    counters: Vec<Transaction>,
    /// What the commit says of itself to people who read the log.
    facts: HashMap<String, serde_json::Value>,
}

/// What takes the files of the months that `which` picks out of the table.
fn removals(snapshot: &Snapshot, which: impl Fn(&Month) -> bool) -> Result<Vec<Action>, DeltaTableError> {
    let log = snapshot.table.snapshot()?.log_data();
    // The snapshot's files are made of the log's, one by one.
    let files = log.iter().zip(&snapshot.files).filter(|(_, file)| which(&file.month));
    Ok(files.map(|(view, _)| Action::Remove(view.remove_action(true))).collect())
}

fn replace_where(month: &Month) -> DeltaOperation {
    let Month { connect, period } = month;
    DeltaOperation::Write {
        mode: SaveMode::Overwrite,
        partition_by: Some(vec![CONNECT_COLUMN.to_owned(), PERIOD_COLUMN.to_owned()]),
        predicate: Some(format!("{CONNECT_COLUMN} = '{connect}' AND {PERIOD_COLUMN} = '{period}'")),
    }
}

fn facts(receipt: &Receipt) -> HashMap<String, serde_json::Value> {
    let facts = [
        ("delivery", json!(receipt.delivery_id)),
        ("rowsInFiles", json!(receipt.rows_in_files)),
        ("chargesInLake", json!(receipt.charges_in_lake)),
        // As text: readers of the log would make a binary float of a number.
        ("costInFiles", json!(receipt.cost_in_files.to_string())),
        ("billedInLake", json!(receipt.billed_in_lake.to_string())),
        ("effectiveInLake", json!(receipt.effective_in_lake.to_string())),
        ("difference", json!(receipt.difference.to_string())),
    ];
    facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn stats(file: &StagedFile) -> String {
    let mut stats = json!({ "numRecords": file.rows });
    if let Some((first, last)) = file.starts {
        // The log keeps milliseconds: the smallest is rounded down, the largest up.
        stats["minValues"] = json!({ START_COLUMN: log_time(first.div_euclid(1000)) });
        stats["maxValues"] =
            json!({ START_COLUMN: log_time(last.div_euclid(1000) + i64::from(last.rem_euclid(1000) > 0)) });
        stats["nullCount"] = json!({ START_COLUMN: 0 });
    }
    stats.to_string()
}

fn log_time(millis: i64) -> String {
    let at =
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, time) = (at.date(), at.time());
    format!("{date}T{:02}:{:02}:{:02}.{:03}Z", time.hour(), time.minute(), time.second(), time.millisecond())
}

fn millis(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use billing::cost_query::{CostQuery, Metric};
    use billing::delivery::DeliveryHead;
    use billing::money::Amount;
    use time::macros::datetime;

    use super::*;
    use crate::testkit::{Charge, TestLake, head, usage};

    fn of_month(month: &str, name: &str) -> DeliveryHead {
        DeliveryHead { period: month.parse().unwrap(), ..head(name) }
    }

    /// What all charges of the org cost, and how many rows of which deliveries there are.
    async fn total(lake: &OrgLake) -> (Amount, Vec<String>) {
        let query = CostQuery {
            metrics: vec![Metric::CostNonamortizedUnblended],
            ..CostQuery::over(datetime!(2026-01-01 0:00 UTC), datetime!(2027-01-01 0:00 UTC))
        };
        let answer = lake.costs(&query).await.unwrap();
        let sum = answer.rows.iter().fold(Amount::ZERO, |sum, row| sum.checked_add(row.metrics[0]).unwrap());
        (sum, answer.deliveries.iter().map(|month| month.delivery_id.to_string()).collect())
    }

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_month_is_published_and_its_receipt_kept() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        let head = head("a");
        let reconciled = lake.prepare(&head, &[usage("1.5"), usage("0.000000000000000001")]).await.unwrap();
        assert_eq!(lake.published().await.unwrap(), []);
        let receipt = lake.publish(reconciled).await.unwrap();
        assert_eq!(receipt.billed_in_lake, amount("1.500000000000000001"));
        assert_eq!(lake.receipt(&head.connect, head.period).await.unwrap(), Some(receipt.clone()));
        assert_eq!(lake.receipt(&head.connect, "2026-08".parse().unwrap()).await.unwrap(), None);
        assert_eq!(lake.published().await.unwrap(), [receipt.published()]);
        assert_eq!(total(&lake).await, (amount("1.500000000000000001"), vec![head.delivery_id.to_string()]));
    }

    #[tokio::test]
    async fn a_newer_delivery_replaces_its_month_and_no_other() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        lake.bring_in(&of_month("2026-08", "august"), &[usage("100")]).await;
        lake.bring_in(&head("first"), &[usage("1"), usage("2")]).await;
        lake.bring_in(&head("second"), &[usage("5")]).await;
        let expect = [of_month("2026-08", "august"), head("second")].map(|head| head.delivery_id.to_string());
        assert_eq!(total(&lake).await, (amount("105"), expect.to_vec()));
    }

    #[tokio::test]
    async fn an_older_delivery_never_replaces_a_newer_one() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        let newer = head("newer");
        let older = DeliveryHead { made_at: newer.made_at - time::Duration::SECOND, ..head("older") };
        lake.bring_in(&newer, &[usage("1")]).await;
        assert!(matches!(lake.stage(&older).await, Err(LakeError::Older { .. })));
        lake.bring_in(&of_month("2026-08", "another month"), &[usage("10")]).await;
        assert_eq!(total(&lake).await.0, amount("11"));
    }

    #[tokio::test]
    async fn of_two_ingests_of_one_month_the_second_to_publish_loses() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        // A first publish has nothing to remove, so only the month's counter can tell.
        for round in ["first", "again"] {
            let one = lake.prepare(&head("one"), &[usage("1")]).await.unwrap();
            let two = lake.prepare(&head("two"), &[usage("2")]).await.unwrap();
            lake.publish(one).await.unwrap();
            let lost = lake.publish(two).await;
            assert!(matches!(lost, Err(LakeError::Conflict { .. })), "{round}: {lost:?}");
            assert_eq!(total(&lake).await.0, amount("1"), "{round}");
            // All that is left over of the loser is its receipt.
            assert_eq!(lake.sweep_all().await.unwrap(), 1, "{round}");
        }
    }

    #[tokio::test]
    async fn whoever_is_fenced_off_publishes_nothing_and_the_next_one_does() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        // Also before there is a table.
        for round in ["first", "again"] {
            let asleep = lake.prepare(&head(round), &[usage("1")]).await.unwrap();
            let other = lake.prepare(&of_month("2026-08", round), &[usage("10")]).await.unwrap();
            lake.fence_off(&head("a").connect, head("a").period).await.unwrap();
            let lost = lake.publish(asleep).await;
            assert!(matches!(lost, Err(LakeError::Conflict { .. })), "{round}: {lost:?}");
            lake.publish(other).await.unwrap();
            lake.bring_in(&head(round), &[usage("2")]).await;
            assert_eq!(total(&lake).await.0, amount("12"), "{round}");
        }
    }

    #[tokio::test]
    async fn at_one_instant_one_of_a_month_wins_and_all_of_different_months() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        let mut prepared = Vec::new();
        for (month, charge) in [("2026-07", "1"), ("2026-08", "10"), ("2026-09", "100"), ("2026-09", "100")] {
            prepared.push(lake.prepare(&of_month(month, month), &[usage(charge)]).await.unwrap());
        }
        // The table does not exist yet, so they race for making it too.
        let publishes = prepared.into_iter().map(|reconciled| {
            let lake = lake.clone();
            tokio::spawn(async move { lake.publish(reconciled).await })
        });
        let mut conflicts = 0;
        for publish in publishes.collect::<Vec<_>>() {
            match publish.await.unwrap() {
                Ok(_) => {}
                Err(LakeError::Conflict { .. }) => conflicts += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(conflicts, 1);
        assert_eq!(total(&lake).await.0, amount("111"));
    }

    #[tokio::test]
    async fn what_was_staged_and_never_published_is_not_seen() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        lake.bring_in(&head("old"), &[usage("1")]).await;
        let staging = lake.stage(&head("new")).await.unwrap();
        staging.take(&[usage("2")]).await;
        // A killed process does no more than this.
        std::mem::forget(staging);
        let lake = test.reopened(100_001);
        assert_eq!(total(&lake).await.0, amount("1"));
        assert_eq!(lake.sweep_all().await.unwrap(), 1);
        lake.bring_in(&head("new"), &[usage("2")]).await;
        assert_eq!(total(&lake).await.0, amount("2"));
    }

    #[tokio::test]
    async fn a_sweep_spares_what_a_month_came_from() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        lake.bring_in(&head("old"), &[usage("1")]).await;
        lake.bring_in(&head("new"), &[usage("2")]).await;
        assert_eq!(lake.sweep_all().await.unwrap(), 0);
        let mut log = lake.snapshot().await.unwrap().unwrap().table.clone();
        log.load_version(1).await.unwrap();
        let file = log.snapshot().unwrap().log_data().iter().next().unwrap().object_store_path();
        let file = lake.table_url().to_file_path().unwrap().join(file.as_ref());
        assert!(file.exists(), "{}", file.display());
    }

    #[tokio::test]
    async fn a_forgotten_connection_is_out_and_what_was_being_read_for_it_stays_out() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        let other = DeliveryHead { connect: "aws-210987654321".parse().unwrap(), ..head("other") };
        lake.bring_in(&head("a"), &[usage("1")]).await;
        lake.bring_in(&of_month("2026-08", "b"), &[usage("10")]).await;
        lake.bring_in(&other, &[usage("100")]).await;
        let first_of_a_month = lake.prepare(&of_month("2026-07", "c"), &[usage("1000")]).await.unwrap();
        lake.forget(&head("a").connect).await.unwrap();
        assert!(matches!(lake.publish(first_of_a_month).await, Err(LakeError::Conflict { .. })));
        assert_eq!(total(&lake).await, (amount("100"), vec![other.delivery_id.to_string()]));
        lake.bring_in(&head("anew"), &[usage("2")]).await;
        assert_eq!(total(&lake).await.0, amount("102"));
    }

    #[tokio::test]
    async fn two_orgs_with_one_payer_are_two_datasets() {
        let test = TestLake::new();
        let (one, two) = (test.org(100_001), test.org(100_002));
        one.bring_in(&head("a"), &[usage("1")]).await;
        assert_eq!(total(&two).await, (Amount::ZERO, Vec::new()));
        two.bring_in(&head("a"), &[usage("2")]).await;
        two.forget(&head("a").connect).await.unwrap();
        assert_eq!(total(&one).await.0, amount("1"));
        assert_eq!(total(&two).await.0, Amount::ZERO);
    }

    #[tokio::test]
    async fn a_delivery_without_charges_is_published_as_a_month_without_charges() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        lake.bring_in(&head("old"), &[usage("1")]).await;
        let none: [Charge; 0] = [];
        lake.bring_in(&head("empty"), &none).await;
        assert_eq!(total(&lake).await.0, Amount::ZERO);
        assert_eq!(lake.published().await.unwrap()[0].delivery_id, head("empty").delivery_id);
    }

    #[tokio::test]
    async fn counters_and_receipts_outlive_a_checkpoint() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        lake.bring_in(&of_month("2026-08", "august"), &[usage("1")]).await;
        let waiting = lake.prepare(&of_month("2026-08", "late"), &[usage("2")]).await.unwrap();
        lake.bring_in(&of_month("2026-08", "newer"), &[usage("3")]).await;
        let table = lake.snapshot().await.unwrap().unwrap().table.clone();
        deltalake_core::checkpoints::create_checkpoint(&table, None).await.unwrap();
        // With the older files of the log away, only the checkpoint knows of the first publish.
        let log = lake.table_url().to_file_path().unwrap().join("_delta_log");
        for version in 0..2 {
            std::fs::remove_file(log.join(format!("{version:020}.json"))).unwrap();
        }
        let lake = test.reopened(100_001);
        assert_eq!(total(&lake).await.0, amount("3"));
        assert_eq!(lake.published().await.unwrap()[0].delivery_id, of_month("2026-08", "newer").delivery_id);
        assert!(matches!(lake.publish(waiting).await, Err(LakeError::Conflict { .. })));
        lake.bring_in(&of_month("2026-08", "last"), &[usage("4")]).await;
        assert_eq!(total(&lake).await.0, amount("4"));
    }

    #[test]
    fn the_log_rounds_bounds_outwards() {
        assert_eq!(log_time(-1), "1969-12-31T23:59:59.999Z");
        let file = StagedFile { path: "a".into(), rows: 1, size: 1, starts: Some((1_500, 1_500)) };
        let stats = stats(&file);
        assert!(stats.contains("1970-01-01T00:00:00.001Z") && stats.contains("1970-01-01T00:00:00.002Z"), "{stats}");
    }
}
