//! Sweeping: what ingests left behind that never came to publish.
//!
//! *Invariant:* a file that any version of the log names stays, also where a newer delivery has replaced it.

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
    /// Removes files that no version of the table names and that are older than `older_than`, which must be longer than
    /// any ingest takes. Answers with how many there were.
    pub async fn sweep(&self, older_than: Duration) -> Result<usize, LakeError> {
        let before = SystemTime::now().checked_sub(older_than).unwrap_or(SystemTime::UNIX_EPOCH);
        // Listed first: what is published after this is then among the attempts that are known.
        let mut candidates = self.old_files(&self.table_path()?, before).await?;
        candidates.extend(self.old_files(&self.receipts_path()?, before).await?);
        let known = self.known_attempts().await?;
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

    /// The ingests that came to publish, ever.
    async fn known_attempts(&self) -> Result<BTreeSet<String>, LakeError> {
        let Some(snapshot) = self.snapshot().await? else {
            return Ok(BTreeSet::new());
        };
        let state = snapshot.table.snapshot().map_err(|error| self.log_error(error))?;
        let log = snapshot.table.log_store();
        let replaced: Vec<_> =
            state.all_tombstones(log.as_ref()).try_collect().await.map_err(|error| self.log_error(error))?;
        let replaced =
            replaced.iter().filter_map(|file| attempt_of(&Path::from(file.path().as_ref())).map(str::to_owned));
        Ok(snapshot.files.into_iter().map(|file| file.attempt).chain(replaced).collect())
    }
}

/// The ingest that wrote a data file or a receipt; `None` for anything else, such as the log's own files.
fn attempt_of(path: &Path) -> Option<&str> {
    let name = path.filename()?;
    let attempt = name.strip_suffix(".json").or_else(|| Some(name.strip_suffix(".parquet")?.split_once('-')?.0))?;
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
