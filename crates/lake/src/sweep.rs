//! Sweeping: what ingests left behind that never came to publish, and what was read through connections that are deleted.
//!
//! *Invariant:* what a month comes from, or came from, stays: when that goes is retention's to say. So does what belongs to an
//! ingest that may still come to publish.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path as FsPath;
use std::sync::Arc;
use std::time::SystemTime;

use billing::names::BillConnectId;
use billing::period::BillingPeriod;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::error::LakeError;
use crate::table::{Month, OrgLake};

/// Which files a sweep takes.
#[derive(Debug, Clone)]
enum Swept {
    /// Those last written before this, but of no ingest that is alive.
    Old(SystemTime, BTreeSet<String>),
    /// Those of one ingest.
    Of(String),
}

impl OrgLake {
    /// Removes files that belong to no delivery of a month, that were last written before `before`, and that belong to no ingest
    /// in `alive`. Answers with how many there were. No question may take longer than since then.
    ///
    /// `alive` must have been asked for after `before`: then it knows whoever has written anything until then.
    pub async fn sweep(&self, before: SystemTime, alive: &BTreeSet<String>) -> Result<usize, LakeError> {
        let swept = Swept::Old(before, alive.clone());
        self.sweep_below(&[self.table_path()?, self.receipts_path()?, self.rollups_path()?], swept).await
    }

    /// Removes what one ingest of the month left behind; nothing where it came to publish. Nobody may still be able to publish
    /// it: see [`OrgLake::fence_off`]. Answers with how many files there were.
    pub async fn bury(
        &self,
        (connect, period): (&BillConnectId, BillingPeriod),
        attempt: &str,
    ) -> Result<usize, LakeError> {
        let month = Month { connect: connect.clone(), period };
        let folders = [self.month_path(&month)?, self.month_receipts_path(&month)?, self.month_rollups_path(&month)?];
        self.sweep_below(&folders, Swept::Of(attempt.to_owned())).await
    }

    async fn sweep_below(&self, folders: &[Path], which: Swept) -> Result<usize, LakeError> {
        // Listed first: what is published after this is then among the attempts that are known.
        let mut candidates = Vec::new();
        for folder in folders {
            let files: Vec<_> = self.shared.store.list(Some(folder)).try_collect().await?;
            let taken = files.into_iter().filter(|file| {
                attempt_of(file.location.filename().unwrap_or_default())
                    .is_some_and(|attempt| which.takes(Some(attempt), file.last_modified.into()))
            });
            candidates.extend(taken.map(|file| file.location));
        }
        let known = self.known_attempts(which.since()).await?;
        let named = |path: &Path| path.filename().and_then(attempt_of).is_some_and(|attempt| known.contains(attempt));
        let mut swept = 0;
        for path in candidates.iter().filter(|path| !named(path)) {
            match self.shared.store.delete(path).await {
                // Somebody else who sweeps was quicker.
                Ok(()) | Err(object_store::Error::NotFound { .. }) => swept += 1,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(swept + self.sweep_halves(folders, which).await?)
    }

    /// Removes half-written files from a disk: an object store neither lists nor has them.
    async fn sweep_halves(&self, folders: &[Path], which: Swept) -> Result<usize, LakeError> {
        let mut root = self.shared.base.clone();
        root.set_path("");
        let on_disk = |folder: &Path| {
            let mut address = root.clone();
            address.path_segments_mut().ok()?.extend(folder.parts());
            address.to_file_path().ok()
        };
        let on_disk: Vec<_> = folders.iter().filter_map(on_disk).collect();
        let which = Arc::new(which);
        let swept =
            tokio::task::spawn_blocking(move || on_disk.iter().map(|folder| sweep_halves(folder, &which)).sum());
        Ok(swept.await?)
    }

    /// The ingests whose files stay: those that months come from and came from, and those whose connection was deleted since
    /// `before`, which a question may still be reading.
    async fn known_attempts(&self, before: SystemTime) -> Result<BTreeSet<String>, LakeError> {
        let Some(snapshot) = self.snapshot().await? else {
            return Ok(BTreeSet::new());
        };
        let mut known = BTreeSet::new();
        for month in snapshot.attempts().into_keys() {
            let chain = self.chain(&snapshot, month).await?;
            known.extend(chain.into_iter().map(|(entry, _)| entry.attempt.clone()));
        }
        let state = snapshot.table.snapshot().map_err(|error| self.log_error(error))?;
        let log = snapshot.table.log_store();
        let removed: Vec<_> =
            state.all_tombstones(log.as_ref()).try_collect().await.map_err(|error| self.log_error(error))?;
        let before = before.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let lately = |at: i64| u128::try_from(at).is_ok_and(|at| at > before);
        // Without a time, it might have been just now.
        let lately = removed.iter().filter(|file| file.deletion_timestamp().is_none_or(lately));
        let name = |path: &str| attempt_of(path.rsplit('/').next().unwrap_or(path)).map(str::to_owned);
        known.extend(lately.filter_map(|file| name(file.path().as_ref())));
        Ok(known)
    }
}

impl Swept {
    /// Since when what was taken out of the table is spared.
    fn since(&self) -> SystemTime {
        match self {
            Self::Old(before, _) => *before,
            // Whatever was ever published is not a dead ingest's.
            Self::Of(_) => SystemTime::UNIX_EPOCH,
        }
    }

    /// Whether it takes a file of this ingest, or of the log, that was last written then.
    fn takes(&self, attempt: Option<&str>, written: SystemTime) -> bool {
        match self {
            Self::Old(before, alive) => written < *before && !attempt.is_some_and(|attempt| alive.contains(attempt)),
            Self::Of(one) => attempt == Some(one),
        }
    }
}

/// The ingest that a data file, a rollup, a record or a note of removal is of; `None` for anything else, such as the log's own files.
fn attempt_of(name: &str) -> Option<&str> {
    let record = name.strip_suffix(".removed.json").or_else(|| name.strip_suffix(".json"));
    let attempt = record.or_else(|| Some(name.strip_suffix(".parquet")?.split_once('-')?.0))?;
    (attempt.len() == 32 && attempt.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(attempt)
}

/// Removes files that a killed process was writing: their names end in `#` and a number, which a store never lists.
/// What can't be looked at or removed stays for the next time.
fn sweep_halves(folder: &FsPath, which: &Swept) -> usize {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let sweep = |entry: io::Result<fs::DirEntry>| -> io::Result<usize> {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            return Ok(sweep_halves(&entry.path(), which));
        }
        let name = entry.file_name();
        let half = name.to_str().and_then(|name| name.rsplit_once('#'));
        let half = half.filter(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some((whole, _)) = half
            && which.takes(attempt_of(whole), metadata.modified()?)
        {
            fs::remove_file(entry.path())?;
            return Ok(1);
        }
        Ok(0)
    };
    entries.map(|entry| sweep(entry).unwrap_or(0)).sum()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use billing::delivery::DeliveryHead;
    use billing::retention::Retention;

    use super::*;
    use crate::retain::Pruning;
    use crate::testkit::{TestLake, head, usage};

    #[tokio::test]
    async fn what_was_read_through_a_deleted_connection_goes_and_nothing_else() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        let other = |name: &str| DeliveryHead { connect: "aws-210987654321".parse().unwrap(), ..head(name) };
        for head in [head("a"), head("b"), other("c"), other("d")] {
            lake.bring_in(&head, &[usage("1")]).await;
        }
        let at_once = Retention { keep_for: Some(Duration::ZERO), keep_at_least: 0 };
        lake.prune(&at_once, Pruning::Remove).await.unwrap();
        lake.forget(&head("a").connect).await.unwrap();
        let hour_ago = SystemTime::now() - Duration::from_hours(1);
        assert_eq!(lake.sweep(hour_ago, &BTreeSet::new()).await.unwrap(), 0, "a question may still be reading it");
        // The newest file, what it sums to by day and by month, two records and the note that the older file is removed.
        assert_eq!(lake.sweep_all().await.unwrap(), 6);
        assert_eq!(lake.sweep_all().await.unwrap(), 0);
        let kept = lake.deliveries(None, None).await.unwrap();
        assert!(kept.len() == 2 && kept.iter().all(|past| past.connect == other("c").connect), "{kept:?}");
        let folder = lake.table_url().to_file_path().unwrap();
        assert!(
            !folder.join("x_BillConnectId=aws-123456789012/x_BillingPeriod=2026-09").read_dir().unwrap().any(|_| true)
        );
    }

    /// A lake with one published delivery, and another that was staged and given up by a process that died.
    async fn crashed() -> (TestLake, String) {
        let test = TestLake::new();
        let lake = test.org(100_001);
        lake.bring_in(&head("old"), &[usage("1")]).await;
        let staging = lake.stage(&head("new")).await.unwrap();
        staging.take(&[usage("2")]).await;
        let attempt = staging.attempt();
        let half = staging.lake.data_path(&staging.month, staging.attempt, 7).unwrap();
        fs::write(format!("/{half}#1"), "half").unwrap();
        // A killed process does no more than this.
        std::mem::forget(staging);
        (test, attempt)
    }

    #[tokio::test]
    async fn what_is_alive_or_young_stays() {
        let (test, attempt) = crashed().await;
        let lake = test.org(100_001);
        let alive = BTreeSet::from([attempt]);
        assert_eq!(lake.sweep(SystemTime::now(), &alive).await.unwrap(), 0);
        let long_ago = SystemTime::now() - Duration::from_hours(1);
        assert_eq!(lake.sweep(long_ago, &BTreeSet::new()).await.unwrap(), 0);
        assert_eq!(lake.sweep_all().await.unwrap(), 2, "the file and the half-written one");
        assert_eq!(lake.sweep_all().await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_dead_ingest_is_buried_and_a_published_one_is_not() {
        let (test, attempt) = crashed().await;
        let lake = test.org(100_001);
        let (connect, period) = (head("old").connect, head("old").period);
        let published = lake.snapshot().await.unwrap().unwrap().files[0].attempt.clone();
        assert_eq!(lake.bury((&connect, period), &published).await.unwrap(), 0);
        assert_eq!(lake.bury((&connect, "2026-08".parse().unwrap()), &attempt).await.unwrap(), 0);
        assert_eq!(lake.bury((&connect, period), &attempt).await.unwrap(), 2);
        assert_eq!(lake.published().await.unwrap().len(), 1);
    }
}
