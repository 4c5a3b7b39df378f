//! Rollups that were read: whole, found to be what their records say, and kept in memory as far as there is room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use flate2::Crc;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::Rollup;
use crate::error::LakeError;
use crate::table::OrgLake;

/// How much memory the rollups of all orgs may take: some years of a large org's months.
const MOST_BYTES: usize = 128 << 20;
/// What an entry takes, beside the file.
const ENTRY_BYTES: usize = 4 << 10;

/// A rollup's file, as its record says it is.
#[derive(Debug)]
pub(super) struct OpenRollup {
    pub(super) bytes: Bytes,
    pub(super) footer: Arc<ParquetMetaData>,
}

/// Rollups by their place; `None` is one that can't be used. They never change.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    kept: Mutex<Kept>,
    /// How many rollups questions were answered from.
    #[cfg(test)]
    pub(super) used: std::sync::atomic::AtomicUsize,
}

#[derive(Debug, Default)]
struct Kept {
    by_path: HashMap<Path, (u64, Option<Arc<OpenRollup>>)>,
    bytes: usize,
    /// How often one was asked for; who was asked for longest ago goes first.
    asked: u64,
}

fn size(open: Option<&OpenRollup>) -> usize {
    ENTRY_BYTES + open.map_or(0, |open| open.bytes.len() + open.footer.memory_size())
}

impl Kept {
    fn get(&mut self, path: &Path) -> Option<Option<Arc<OpenRollup>>> {
        self.asked += 1;
        let (last, open) = self.by_path.get_mut(path)?;
        *last = self.asked;
        Some(open.clone())
    }

    fn put(&mut self, path: Path, open: Option<Arc<OpenRollup>>) {
        self.asked += 1;
        self.bytes += size(open.as_deref());
        if let Some((_, before)) = self.by_path.insert(path, (self.asked, open)) {
            self.bytes -= size(before.as_deref());
        }
        while self.bytes > MOST_BYTES {
            let oldest = self.by_path.iter().min_by_key(|(_, (last, _))| *last).map(|(path, _)| path.clone());
            let Some((_, gone)) = oldest.and_then(|path| self.by_path.remove(&path)) else { return };
            self.bytes -= size(gone.as_deref());
        }
    }
}

impl OrgLake {
    /// The rollup's file; `None` where it is gone or damaged, and the charges must be read.
    pub(super) async fn open_rollup(&self, rollup: &Rollup) -> Option<Arc<OpenRollup>> {
        let opened = &self.shared.opened;
        let path = &rollup.file.path;
        let known = opened.kept.lock().unwrap_or_else(PoisonError::into_inner).get(path);
        let open = match known {
            Some(known) => known,
            None => match self.read_rollup(rollup).await {
                Ok(open) => {
                    let open = open.map(Arc::new);
                    opened.kept.lock().unwrap_or_else(PoisonError::into_inner).put(path.clone(), open.clone());
                    open
                }
                // It may be there the next time.
                Err(error) => {
                    tracing::warn!(%path, %error, "a rollup can't be read, so its charges are");
                    None
                }
            },
        };
        #[cfg(test)]
        opened.used.fetch_add(usize::from(open.is_some()), std::sync::atomic::Ordering::Relaxed);
        open
    }

    async fn read_rollup(&self, rollup: &Rollup) -> Result<Option<OpenRollup>, LakeError> {
        let bytes = self.shared.store.get(&rollup.file.path).await?.bytes().await?;
        let mut crc = Crc::new();
        crc.update(&bytes);
        if (bytes.len() as u64, crc.sum()) != (rollup.file.size, rollup.crc) {
            tracing::warn!(path = %rollup.file.path, "a rollup is damaged, so its charges are read");
            return Ok(None);
        }
        let footer = Arc::new(ParquetMetaDataReader::new().parse_and_finish(&bytes)?);
        Ok(Some(OpenRollup { bytes, footer }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_longest_ago_makes_room() {
        let mut kept = Kept::default();
        let many = MOST_BYTES / ENTRY_BYTES;
        let path = |number: usize| Path::from(number.to_string());
        (0..many).for_each(|number| kept.put(path(number), None));
        assert!(kept.get(&path(0)).is_some());
        kept.put(path(many), None);
        kept.put(path(many), None);
        assert_eq!((kept.by_path.len(), kept.bytes), (many, many * ENTRY_BYTES));
        assert!(kept.get(&path(0)).is_some() && kept.get(&path(1)).is_none() && kept.get(&path(2)).is_some());
    }
}
