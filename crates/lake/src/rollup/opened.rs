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

/// What has become known of a rollup; it never changes.
#[derive(Debug, Clone)]
enum Looked {
    Whole(Arc<OpenRollup>),
    Damaged,
}

impl Looked {
    fn whole(&self) -> Option<&Arc<OpenRollup>> {
        match self {
            Self::Whole(open) => Some(open),
            Self::Damaged => None,
        }
    }

    fn size(&self) -> usize {
        ENTRY_BYTES + self.whole().map_or(0, |open| open.bytes.len() + open.footer.memory_size())
    }
}

/// Rollups by their place.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    kept: Mutex<Kept>,
    /// How many rollups questions were answered from.
    #[cfg(test)]
    pub(super) used: std::sync::atomic::AtomicUsize,
}

#[derive(Debug, Default)]
struct Kept {
    by_path: HashMap<Path, (u64, Looked)>,
    bytes: usize,
    /// How often one was asked for; who was asked for longest ago goes first.
    asked: u64,
}

impl Kept {
    fn get(&mut self, path: &Path) -> Option<Looked> {
        self.asked += 1;
        let (last, looked) = self.by_path.get_mut(path)?;
        *last = self.asked;
        Some(looked.clone())
    }

    fn put(&mut self, path: Path, looked: Looked) {
        self.asked += 1;
        self.bytes += looked.size();
        if let Some((_, before)) = self.by_path.insert(path, (self.asked, looked)) {
            self.bytes -= before.size();
        }
        while self.bytes > MOST_BYTES {
            let oldest = self.by_path.iter().min_by_key(|(_, (last, _))| *last).map(|(path, _)| path.clone());
            let Some((_, gone)) = oldest.and_then(|path| self.by_path.remove(&path)) else { return };
            self.bytes -= gone.size();
        }
    }
}

impl OrgLake {
    /// The rollup's file; `None` where it is gone or damaged, and the charges must be read.
    pub(super) async fn open_rollup(&self, rollup: &Rollup) -> Option<Arc<OpenRollup>> {
        let opened = &self.shared.opened;
        let path = &rollup.file.path;
        let known = opened.kept.lock().unwrap_or_else(PoisonError::into_inner).get(path);
        let looked = match known {
            Some(looked) => looked,
            None => match self.read_rollup(rollup).await {
                Ok(looked) => {
                    let mut kept = opened.kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.put(path.clone(), looked.clone());
                    looked
                }
                // It may be there the next time.
                Err(error) => {
                    tracing::warn!(%path, %error, "a rollup can't be read, so its charges are");
                    Looked::Damaged
                }
            },
        };
        let open = looked.whole().cloned();
        #[cfg(test)]
        opened.used.fetch_add(usize::from(open.is_some()), std::sync::atomic::Ordering::Relaxed);
        open
    }

    async fn read_rollup(&self, rollup: &Rollup) -> Result<Looked, LakeError> {
        let bytes = self.shared.store.get(&rollup.file.path).await?.bytes().await?;
        let mut crc = Crc::new();
        crc.update(&bytes);
        if (bytes.len() as u64, crc.sum()) != (rollup.file.size, rollup.crc) {
            tracing::warn!(path = %rollup.file.path, "a rollup is damaged, so its charges are read");
            return Ok(Looked::Damaged);
        }
        let footer = Arc::new(ParquetMetaDataReader::new().parse_and_finish(&bytes)?);
        Ok(Looked::Whole(Arc::new(OpenRollup { bytes, footer })))
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
        (0..many).for_each(|number| kept.put(path(number), Looked::Damaged));
        assert!(kept.get(&path(0)).is_some());
        kept.put(path(many), Looked::Damaged);
        kept.put(path(many), Looked::Damaged);
        assert_eq!((kept.by_path.len(), kept.bytes), (many, many * ENTRY_BYTES));
        assert!(kept.get(&path(0)).is_some() && kept.get(&path(1)).is_none() && kept.get(&path(2)).is_some());
    }
}
