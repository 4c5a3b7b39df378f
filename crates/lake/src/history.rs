//! What months came from: every published delivery has a record beside the table, with its receipt, its files and the one that
//! it replaced.
//!
//! *Invariant:* records are reached from the log alone, each through the one that came after it. What was never published, or
//! was read through a connection that is forgotten, is not found.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use billing::history::PastDelivery;
use billing::names::BillConnectId;
use billing::period::BillingPeriod;
use billing::receipt::{PublishedMonth, Receipt};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::LakeError;
use crate::rollup::{RecordedRollup, Rollup, StagedRollup};
use crate::stage::StagedFile;
use crate::table::{ChargesFile, Month, OrgLake, Snapshot, path_of};

/// What is kept of a published delivery. It never changes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The ingest that the month came from before.
    replaces: Option<String>,
    files: Vec<RecordedFile>,
    rollups: Vec<RecordedRollup>,
    receipt: Receipt,
}

/// A data file. The log says the same of it, but no more once it is replaced.
#[derive(Debug, Serialize, Deserialize)]
struct RecordedFile {
    name: String,
    rows: u64,
    size: u64,
    starts: Option<(i64, i64)>,
}

impl Record {
    pub(crate) fn of(
        receipt: Receipt,
        replaces: Option<String>,
        (files, rollups): (&[StagedFile], &[StagedRollup]),
    ) -> Self {
        let recorded = |file: &StagedFile| RecordedFile {
            name: file.path.filename().unwrap_or_default().to_owned(),
            rows: file.rows,
            size: file.size,
            starts: file.starts,
        };
        let rollups = rollups.iter().map(|rollup| rollup.recorded).collect();
        Self { replaces, files: files.iter().map(recorded).collect(), rollups, receipt }
    }
}

/// That the files of a delivery are gone, or about to be.
#[derive(Debug, Serialize, Deserialize)]
struct Removal {
    #[serde(with = "time::serde::rfc3339")]
    removed_at: OffsetDateTime,
}

/// One published delivery, as far as questions need it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) month: Month,
    /// The ingest that wrote it.
    pub(crate) attempt: String,
    replaces: Option<String>,
    pub(crate) files: Vec<ChargesFile>,
    /// What they sum to by day, where that is kept.
    pub(crate) rollups: Vec<Rollup>,
    /// As of its publishing: what came after is not in it.
    pub(crate) delivery: PastDelivery,
    /// When its files were removed, once that is known; they don't come back.
    removed: OnceLock<OffsetDateTime>,
}

/// Records that were read, by their place: they never change, and every question needs some.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashMap<Path, Arc<Entry>>>);

/// How many records are remembered: years of a large org's deliveries, in a few megabytes.
const REMEMBERED: usize = 10_000;

impl Known {
    fn get(&self, path: &Path) -> Option<Arc<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    fn put(&self, path: Path, entry: Arc<Entry>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(path, entry);
    }
}

impl OrgLake {
    pub(crate) fn receipts_path(&self) -> Result<Path, LakeError> {
        path_of(&self.address("receipts/"))
    }

    /// Where a month's records lie.
    pub(crate) fn month_receipts_path(&self, month: &Month) -> Result<Path, LakeError> {
        Ok(self.receipts_path()?.join(month.connect.as_ref()).join(month.period.to_string()))
    }

    fn record_path(&self, month: &Month, attempt: &str) -> Result<Path, LakeError> {
        let folder = self.month_receipts_path(month)?;
        Ok(folder.join(format!("{attempt}.json")))
    }

    /// Where it says that a delivery's files are removed. A sweep takes the name for nothing of an ingest's.
    fn removal_path(&self, entry: &Entry) -> Result<Path, LakeError> {
        self.record_path(&entry.month, &format!("{}.removed", entry.attempt))
    }

    pub(crate) async fn write_record(&self, attempt: Uuid, record: &Record) -> Result<(), LakeError> {
        let Receipt { connect, period, .. } = &record.receipt;
        let month = Month { connect: connect.clone(), period: *period };
        self.write_json(&self.record_path(&month, &attempt.simple().to_string())?, record).await
    }

    /// Notes that a delivery's files are about to be removed: from now on nobody begins to read them.
    pub(crate) async fn note_removal(&self, entry: &Entry, removed_at: OffsetDateTime) -> Result<(), LakeError> {
        self.write_json(&self.removal_path(entry)?, &Removal { removed_at }).await
    }

    async fn write_json(&self, path: &Path, value: &impl Serialize) -> Result<(), LakeError> {
        let unreadable = |source| LakeError::Receipt { path: path.to_string(), source };
        let json = serde_json::to_vec_pretty(value).map_err(unreadable)?;
        self.shared.store.put(path, PutPayload::from(json)).await?;
        Ok(())
    }

    async fn read_json<T: DeserializeOwned>(&self, path: &Path) -> Result<T, LakeError> {
        let json = self.shared.store.get(path).await?.bytes().await?;
        serde_json::from_slice(&json).map_err(|source| LakeError::Receipt { path: path.to_string(), source })
    }

    pub(crate) async fn read_receipt(&self, month: &Month, attempt: &str) -> Result<Receipt, LakeError> {
        Ok(self.read_json::<Record>(&self.record_path(month, attempt)?).await?.receipt)
    }

    /// What is recorded of an ingest that came to publish.
    pub(crate) async fn entry(&self, month: &Month, attempt: &str) -> Result<Arc<Entry>, LakeError> {
        let path = self.record_path(month, attempt)?;
        if let Some(known) = self.shared.known.get(&path) {
            return Ok(known);
        }
        let Record { replaces, files, rollups, receipt } = self.read_json(&path).await?;
        let folder = self.month_path(month)?;
        let file = |RecordedFile { name, rows, size, starts }| ChargesFile {
            path: folder.clone().join(name),
            size,
            month: month.clone(),
            attempt: attempt.to_owned(),
            rows: Some(rows),
            starts,
        };
        let files = files.into_iter().map(file).collect();
        let rollups = rollups.into_iter().map(|of| self.rollup(month, attempt, of)).collect::<Result<_, _>>()?;
        let (month, attempt, delivery) = (month.clone(), attempt.to_owned(), PastDelivery::of(&receipt));
        let removed = OnceLock::new();
        let entry = Arc::new(Entry { month, attempt, replaces, files, rollups, delivery, removed });
        self.shared.known.put(path, Arc::clone(&entry));
        Ok(entry)
    }

    /// The delivery that the month came from before this one.
    pub(crate) async fn before(&self, entry: &Entry) -> Result<Option<Arc<Entry>>, LakeError> {
        match &entry.replaces {
            Some(attempt) => self.entry(&entry.month, attempt).await.map(Some),
            None => Ok(None),
        }
    }

    /// When a delivery's files were removed, if they were.
    pub(crate) async fn removed_at(&self, entry: &Entry) -> Result<Option<OffsetDateTime>, LakeError> {
        if let Some(removed) = entry.removed.get() {
            return Ok(Some(*removed));
        }
        match self.read_json::<Removal>(&self.removal_path(entry)?).await {
            Ok(removal) => Ok(Some(*entry.removed.get_or_init(|| removal.removed_at))),
            Err(LakeError::Storage(object_store::Error::NotFound { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every delivery that the month came from, the newest first, and since when it does not any more.
    pub(crate) async fn chain(
        &self,
        snapshot: &Snapshot,
        month: &Month,
    ) -> Result<Vec<(Arc<Entry>, Option<OffsetDateTime>)>, LakeError> {
        let mut chain = Vec::new();
        let (mut next, mut replaced_at) = (None, None);
        if let Some(attempt) = snapshot.attempt(month) {
            next = Some(self.entry(month, attempt).await?);
        }
        while let Some(entry) = next {
            next = self.before(&entry).await?;
            let published_at = entry.delivery.published_at;
            chain.push((entry, replaced_at.replace(published_at)));
        }
        Ok(chain)
    }

    /// Every delivery that the org's months came from, also where its files are removed: by connection and month, the newest
    /// first. Those of connections that were deleted since are not among them.
    pub async fn deliveries(
        &self,
        connect: Option<&BillConnectId>,
        period: Option<BillingPeriod>,
    ) -> Result<Vec<PastDelivery>, LakeError> {
        let Some(snapshot) = self.snapshot().await? else {
            return Ok(Vec::new());
        };
        let asked = |month: &Month| {
            connect.is_none_or(|connect| *connect == month.connect)
                && period.is_none_or(|period| period == month.period)
        };
        let removals = self.noted_removals().await?;
        let mut deliveries = Vec::new();
        for month in snapshot.attempts().into_keys().filter(|month| asked(month)) {
            for (entry, replaced_at) in self.chain(&snapshot, month).await? {
                let noted = removals.contains(&self.removal_path(&entry)?);
                let removed_at = if noted { self.removed_at(&entry).await? } else { None };
                deliveries.push(PastDelivery { replaced_at, removed_at, ..entry.delivery.clone() });
            }
        }
        Ok(deliveries)
    }

    /// Where it says that files are removed: one listing, instead of a look for each delivery.
    async fn noted_removals(&self) -> Result<Vec<Path>, LakeError> {
        let listed: Vec<_> = self.shared.store.list(Some(&self.receipts_path()?)).try_collect().await?;
        let mut noted: Vec<_> = listed.into_iter().map(|file| file.location).collect();
        noted.retain(|path| path.as_ref().ends_with(".removed.json"));
        Ok(noted)
    }

    /// The months that the lake holds now, by connection and month.
    pub async fn published(&self) -> Result<Vec<PublishedMonth>, LakeError> {
        let mut published = Vec::new();
        if let Some(snapshot) = self.snapshot().await? {
            for (month, attempt) in snapshot.attempts() {
                published.push(self.entry(month, attempt).await?.delivery.published());
            }
        }
        Ok(published)
    }

    /// The receipt of the delivery that a month comes from; `None` where the lake does not hold the month.
    pub async fn receipt(&self, connect: &BillConnectId, period: BillingPeriod) -> Result<Option<Receipt>, LakeError> {
        let month = Month { connect: connect.clone(), period };
        match self.snapshot().await? {
            Some(snapshot) => self.receipt_in(&snapshot, &month).await,
            None => Ok(None),
        }
    }

    pub(crate) async fn receipt_in(&self, snapshot: &Snapshot, month: &Month) -> Result<Option<Receipt>, LakeError> {
        match snapshot.attempt(month) {
            Some(attempt) => self.read_receipt(month, attempt).await.map(Some),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use billing::delivery::{DeliveryHead, DeliveryId};

    use super::*;
    use crate::testkit::{TestLake, head, usage};

    fn of_month(month: &str, name: &str) -> DeliveryHead {
        DeliveryHead { period: month.parse().unwrap(), ..head(name) }
    }

    /// The names of delivered heads, as their ids.
    fn ids(names: &[&str]) -> Vec<DeliveryId> {
        names.iter().map(|name| DeliveryId::of(name, &[])).collect()
    }

    async fn listed(lake: &OrgLake) -> Vec<DeliveryId> {
        lake.deliveries(None, None).await.unwrap().into_iter().map(|past| past.delivery_id).collect()
    }

    #[tokio::test]
    async fn every_delivery_stays_listed_by_month_the_newest_first() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        assert_eq!(lake.deliveries(None, None).await.unwrap(), []);
        lake.bring_in(&head("a"), &[usage("1")]).await;
        lake.bring_in(&of_month("2026-08", "august"), &[usage("7")]).await;
        lake.bring_in(&head("b"), &[usage("2"), usage("0.5")]).await;
        lake.bring_in(&head("c"), &[usage("3")]).await;
        assert_eq!(listed(&lake).await, ids(&["august", "c", "b", "a"]));
        let september = "2026-09".parse().unwrap();
        let deliveries = lake.deliveries(Some(&head("a").connect), Some(september)).await.unwrap();
        assert_eq!(deliveries.len(), 3);
        let [newest, middle, oldest] = &deliveries[..] else { panic!() };
        assert!(newest.is_current() && !middle.is_current() && !oldest.is_current());
        assert_eq!((middle.replaced_at, oldest.replaced_at), (Some(newest.published_at), Some(middle.published_at)));
        assert_eq!((middle.rows, middle.charges, middle.billed.to_string()), (2, 2, "2.5".to_owned()));
        let other = "aws-210987654321".parse().unwrap();
        assert_eq!(lake.deliveries(Some(&other), None).await.unwrap(), []);
        // Nothing of it is only in memory.
        assert_eq!(test.reopened(100_001).deliveries(None, Some(september)).await.unwrap(), deliveries);
    }

    #[tokio::test]
    async fn what_another_process_publishes_is_seen_at_once() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        lake.bring_in(&head("a"), &[usage("1")]).await;
        assert_eq!(listed(&lake).await, ids(&["a"]));
        test.reopened(100_001).bring_in(&head("b"), &[usage("2")]).await;
        assert_eq!(listed(&lake).await, ids(&["b", "a"]));
        lake.bring_in(&head("c"), &[usage("3")]).await;
        assert_eq!(listed(&lake).await, ids(&["c", "b", "a"]));
    }

    #[tokio::test]
    async fn what_lost_its_race_is_not_in_the_history() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        lake.bring_in(&head("a"), &[usage("1")]).await;
        let one = lake.prepare(&head("b"), &[usage("2")]).await.unwrap();
        let two = lake.prepare(&head("c"), &[usage("3")]).await.unwrap();
        lake.publish(two).await.unwrap();
        assert!(lake.publish(one).await.is_err());
        assert_eq!(listed(&lake).await, ids(&["c", "a"]));
    }

    #[tokio::test]
    async fn a_deleted_connections_deliveries_do_not_come_back_with_it() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        lake.bring_in(&head("a"), &[usage("1")]).await;
        lake.bring_in(&head("b"), &[usage("2")]).await;
        lake.forget(&head("a").connect).await.unwrap();
        assert_eq!(listed(&lake).await, []);
        lake.bring_in(&head("anew"), &[usage("2")]).await;
        assert_eq!(listed(&lake).await, ids(&["anew"]));
    }

    #[tokio::test]
    async fn the_history_outlives_a_checkpoint_and_the_log_before_it() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        for name in ["a", "b", "c"] {
            lake.bring_in(&head(name), &[usage("1")]).await;
        }
        let table = lake.snapshot().await.unwrap().unwrap().table.clone();
        deltalake_core::checkpoints::create_checkpoint(&table, None).await.unwrap();
        let log = lake.table_url().to_file_path().unwrap().join("_delta_log");
        for version in 0..3 {
            std::fs::remove_file(log.join(format!("{version:020}.json"))).unwrap();
        }
        let lake = test.reopened(100_001);
        assert_eq!(listed(&lake).await, ids(&["c", "b", "a"]));
    }
}
