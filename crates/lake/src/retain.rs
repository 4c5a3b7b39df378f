//! Retention: the files of deliveries that were replaced long ago go; what they summed to stays known.
//!
//! *Invariant:* only files of deliveries go that a month came from once and does not come from now. That they go is noted before
//! the first one does, so that a crash in between leaves nothing that a question would read half of.

use std::collections::BTreeSet;
use std::sync::Arc;

use billing::history::PastDelivery;
use billing::retention::Retention;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use time::OffsetDateTime;

use crate::error::LakeError;
use crate::history::Entry;
use crate::table::{ChargesFile, Month, OrgLake};

/// Whether pruning removes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pruning {
    /// It only says what it would remove.
    DryRun,
    /// It removes.
    Remove,
}

/// A delivery whose files are removed, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// The delivery.
    pub delivery: PastDelivery,
    /// Its files that were still there.
    pub files: usize,
    /// Their size in bytes.
    pub bytes: u64,
}

impl OrgLake {
    /// Removes the files of deliveries that need not be kept any more, and what an earlier removal was kept from removing.
    /// Answers with what that was. What months come from now stays, and so does what every delivery summed to.
    pub async fn prune(&self, retention: &Retention, pruning: Pruning) -> Result<Vec<Pruned>, LakeError> {
        let Some(snapshot) = self.snapshot().await? else {
            return Ok(Vec::new());
        };
        let mut pruned = Vec::new();
        for month in snapshot.attempts().into_keys() {
            let (mut entries, mut past) = (Vec::new(), Vec::new());
            for (entry, replaced_at) in self.chain(&snapshot, month).await? {
                // The current one is not even looked at.
                let removed_at = if replaced_at.is_some() { self.removed_at(&entry).await? } else { None };
                past.push(PastDelivery { replaced_at, removed_at, ..entry.delivery.clone() });
                entries.push(entry);
            }
            let now = OffsetDateTime::now_utc();
            let expired: Vec<_> = retention.expired(&past, now).map(|past| past.published_at).collect();
            // Deliveries of a month are published one after the other.
            let goes = |past: &PastDelivery| past.removed_at.is_some() || expired.contains(&past.published_at);
            let going: Vec<_> = entries.iter().zip(&past).filter(|(_, past)| goes(past)).collect();
            if going.is_empty() {
                continue;
            }
            let present = self.present(month).await?;
            for (entry, past) in going {
                pruned.extend(self.prune_one((entry, past), &present, (pruning, now)).await?);
            }
        }
        Ok(pruned)
    }

    /// Removes one delivery's files; `None` where that was done before.
    async fn prune_one(
        &self,
        (entry, past): (&Arc<Entry>, &PastDelivery),
        present: &BTreeSet<Path>,
        (pruning, now): (Pruning, OffsetDateTime),
    ) -> Result<Option<Pruned>, LakeError> {
        let files = entry.files.iter().chain(entry.rollups.iter().map(|rollup| &rollup.file));
        let files: Vec<&ChargesFile> = files.filter(|file| present.contains(&file.path)).collect();
        if past.removed_at.is_some() && files.is_empty() {
            return Ok(None);
        }
        let mut delivery = past.clone();
        if pruning == Pruning::Remove {
            if past.removed_at.is_none() {
                self.note_removal(entry, now).await?;
                delivery.removed_at = Some(now);
            }
            for file in &files {
                match self.shared.store.delete(&file.path).await {
                    // Somebody else who prunes was quicker.
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(Some(Pruned { delivery, files: files.len(), bytes: files.iter().map(|file| file.size).sum() }))
    }

    /// The files in a month's folders.
    async fn present(&self, month: &Month) -> Result<BTreeSet<Path>, LakeError> {
        let mut present = BTreeSet::new();
        for folder in [self.month_path(month)?, self.month_rollups_path(month)?] {
            let listed: Vec<_> = self.shared.store.list(Some(&folder)).try_collect().await?;
            present.extend(listed.into_iter().map(|file| file.location));
        }
        Ok(present)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use billing::delivery::DeliveryId;

    use super::*;
    use crate::testkit::{TestLake, head, usage};

    const AT_ONCE: Retention = Retention { keep_for: Some(Duration::ZERO), keep_at_least: 0 };

    async fn lake() -> (TestLake, OrgLake) {
        let test = TestLake::new();
        let lake = test.org(100_001);
        for name in ["a", "b", "c"] {
            lake.bring_in(&head(name), &[usage("1")]).await;
        }
        (test, lake)
    }

    fn names(pruned: &[Pruned]) -> Vec<DeliveryId> {
        pruned.iter().map(|pruned| pruned.delivery.delivery_id.clone()).collect()
    }

    fn ids(names: &[&str]) -> Vec<DeliveryId> {
        names.iter().map(|name| DeliveryId::of(name, &[])).collect()
    }

    /// How many deliveries there are on disk, each with its charges and what they sum to by day and by month.
    async fn files(lake: &OrgLake) -> usize {
        let files = lake.present(&Month { connect: head("a").connect, period: head("a").period }).await.unwrap().len();
        assert!(files.is_multiple_of(3));
        files / 3
    }

    #[tokio::test]
    async fn only_replaced_deliveries_go_and_all_stay_listed() {
        let (_test, lake) = lake().await;
        assert_eq!(lake.prune(&Retention::default(), Pruning::Remove).await.unwrap(), []);
        let would = lake.prune(&AT_ONCE, Pruning::DryRun).await.unwrap();
        assert_eq!((names(&would), files(&lake).await), (ids(&["b", "a"]), 3), "a dry run removes nothing");
        assert!(would.iter().all(|pruned| pruned.delivery.removed_at.is_none() && pruned.bytes > 0));
        let least = Retention { keep_at_least: 1, ..AT_ONCE };
        assert_eq!(names(&lake.prune(&least, Pruning::Remove).await.unwrap()), ids(&["a"]));
        assert_eq!(names(&lake.prune(&AT_ONCE, Pruning::Remove).await.unwrap()), ids(&["b"]));
        assert_eq!(lake.prune(&AT_ONCE, Pruning::Remove).await.unwrap(), []);
        assert_eq!(files(&lake).await, 1);
        let listed = lake.deliveries(None, None).await.unwrap();
        let removed: Vec<_> = listed.iter().map(|past| past.removed_at.is_some()).collect();
        assert_eq!(removed, [false, true, true]);
        assert_eq!(listed[2].billed.to_string(), "1");
    }

    #[tokio::test]
    async fn a_sweep_and_retention_leave_each_others_files_alone() {
        let (_test, lake) = lake().await;
        assert_eq!(lake.sweep_all().await.unwrap(), 0, "what was replaced is retention's to remove");
        lake.prune(&AT_ONCE, Pruning::Remove).await.unwrap();
        let staging = lake.stage(&head("d")).await.unwrap();
        staging.take(&[usage("2")]).await;
        std::mem::forget(staging);
        assert_eq!(lake.prune(&AT_ONCE, Pruning::Remove).await.unwrap(), [], "what is staged is no delivery yet");
        // The staged file goes; receipts and what says that files are removed stay.
        assert_eq!(lake.sweep_all().await.unwrap(), 1);
        assert_eq!(lake.deliveries(None, None).await.unwrap().len(), 3);
        lake.bring_in(&head("d"), &[usage("2")]).await;
        assert_eq!(names(&lake.prune(&AT_ONCE, Pruning::Remove).await.unwrap()), ids(&["c"]));
    }

    #[tokio::test]
    async fn what_a_killed_removal_left_over_is_removed_by_the_next() {
        let (_test, lake) = lake().await;
        let snapshot = lake.snapshot().await.unwrap().unwrap();
        let month = snapshot.files[0].month.clone();
        let (oldest, _) = lake.chain(&snapshot, &month).await.unwrap().pop().unwrap();
        // Killed after it was noted, before any file was gone.
        lake.note_removal(&oldest, OffsetDateTime::now_utc()).await.unwrap();
        assert_eq!(files(&lake).await, 3);
        // Also where nothing is to go any more: what is noted can't be read.
        let rest = lake.prune(&Retention::default(), Pruning::Remove).await.unwrap();
        assert_eq!((names(&rest), rest[0].files, files(&lake).await), (ids(&["a"]), 3, 2));
        assert_eq!(lake.prune(&Retention::default(), Pruning::Remove).await.unwrap(), []);
    }
}
