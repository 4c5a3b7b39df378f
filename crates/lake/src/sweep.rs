//! Sweeping: what ingests left behind that never came to publish, and what was read through connections that are deleted.
//!
//! *Invariant:* what a month comes from, or came from, stays: when that goes is retention's to say.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path as FsPath;
use std::time::{Duration, SystemTime};

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::error::LakeError;
use crate::table::OrgLake;

impl OrgLake {
    /// Removes files that belong to no delivery of a month and that are older than `older_than`, which must be longer than any
    /// ingest or question takes. Answers with how many there were.
    pub async fn sweep(&self, older_than: Duration) -> Result<usize, LakeError> {
        let before = SystemTime::now().checked_sub(older_than).unwrap_or(SystemTime::UNIX_EPOCH);
        // Listed first: what is published after this is then among the attempts that are known.
        let mut candidates = self.old_files(&self.table_path()?, before).await?;
        candidates.extend(self.old_files(&self.receipts_path()?, before).await?);
        let known = self.known_attempts(before).await?;
        let mut swept = 0;
        for path in candidates.iter().filter(|path| attempt_of(path).is_some_and(|attempt| !known.contains(attempt))) {
            self.shared.store.delete(path).await?;
            swept += 1;
        }
        if let Ok(folder) = self.table_url().to_file_path() {
            swept += tokio::task::spawn_blocking(move || sweep_half_written(&folder, before)).await?;
        }
        Ok(swept)
    }

    async fn old_files(&self, below: &Path, before: SystemTime) -> Result<Vec<Path>, LakeError> {
        let files: Vec<_> = self.shared.store.list(Some(below)).try_collect().await?;
        let old = files.into_iter().filter(|file| SystemTime::from(file.last_modified) < before);
        Ok(old.map(|file| file.location).collect())
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
        known.extend(lately.filter_map(|file| attempt_of(&Path::from(file.path().as_ref())).map(str::to_owned)));
        Ok(known)
    }
}

/// The ingest that a data file, a record or a note of removal is of; `None` for anything else, such as the log's own files.
fn attempt_of(path: &Path) -> Option<&str> {
    let name = path.filename()?;
    let record = name.strip_suffix(".removed.json").or_else(|| name.strip_suffix(".json"));
    let attempt = record.or_else(|| Some(name.strip_suffix(".parquet")?.split_once('-')?.0))?;
    (attempt.len() == 32 && attempt.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(attempt)
}

/// Removes files that a killed process was writing: their names end in `#` and a number, which a store never lists.
/// What can't be looked at or removed stays for the next time.
fn sweep_half_written(folder: &FsPath, before: SystemTime) -> usize {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let sweep = |entry: io::Result<fs::DirEntry>| -> io::Result<usize> {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            return Ok(sweep_half_written(&entry.path(), before));
        }
        let name = entry.file_name();
        let half = name.to_str().and_then(|name| name.rsplit_once('#'));
        let half =
            half.is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        if half && metadata.modified()? < before {
            fs::remove_file(entry.path())?;
            return Ok(1);
        }
        Ok(0)
    };
    entries.map(|entry| sweep(entry).unwrap_or(0)).sum()
}

#[cfg(test)]
mod tests {
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
        assert_eq!(lake.sweep(Duration::from_hours(1)).await.unwrap(), 0, "a question may still be reading it");
        // The newest file, two records and the note that the older file is removed.
        assert_eq!(lake.sweep(Duration::ZERO).await.unwrap(), 4);
        assert_eq!(lake.sweep(Duration::ZERO).await.unwrap(), 0);
        let kept = lake.deliveries(None, None).await.unwrap();
        assert!(kept.len() == 2 && kept.iter().all(|past| past.connect == other("c").connect), "{kept:?}");
        let folder = lake.table_url().to_file_path().unwrap();
        assert!(
            !folder.join("x_BillConnectId=aws-123456789012/x_BillingPeriod=2026-09").read_dir().unwrap().any(|_| true)
        );
    }
}
