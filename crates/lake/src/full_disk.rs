//! A disk that is full at its n-th write, and what the lake makes of it. Only for tests.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use crate::durable::DurableFolder;

/// What the system says of a full disk.
const ENOSPC: i32 = 28;

/// Counts writes down to the one that finds the disk full; none does while it is 0.
#[derive(Debug, Clone, Default)]
pub(crate) struct Room(Arc<AtomicUsize>);

impl Room {
    /// Has the n-th write from now on, from 1, find the disk full, once.
    pub(crate) fn full_at(&self, write: usize) {
        self.0.store(write, Ordering::SeqCst);
    }

    /// Whether the disk was full meanwhile; it is not any more.
    pub(crate) fn make(&self) -> bool {
        self.0.swap(0, Ordering::SeqCst) == 0
    }

    fn take(&self) -> Result<()> {
        let before = self.0.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match before {
            Ok(1) => Err(Error::Generic { store: "FullDisk", source: io::Error::from_raw_os_error(ENOSPC).into() }),
            _ => Ok(()),
        }
    }
}

/// A folder on a disk with so much room.
#[derive(Debug)]
pub(crate) struct FullDisk {
    inner: DurableFolder,
    room: Room,
}

impl FullDisk {
    pub(crate) fn new(room: Room) -> Self {
        Self { inner: DurableFolder::new(), room }
    }
}

impl fmt::Display for FullDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "full {}", self.inner)
    }
}

#[derive(Debug)]
struct Upload {
    inner: Box<dyn MultipartUpload>,
    room: Room,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match self.room.take() {
            Ok(()) => self.inner.put_part(data),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.room.take()?;
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

#[async_trait]
impl ObjectStore for FullDisk {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.room.take()?;
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.room.take()?;
        let inner = self.inner.put_multipart_opts(location, opts).await?;
        Ok(Box::new(Upload { inner, room: self.room.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.room.take()?;
        self.inner.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use billing::delivery::{DeliveryHead, PartHead};
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use futures::stream;

    use super::*;
    use crate::error::LakeError;
    use crate::location::{Lake, LakeSettings};
    use crate::table::OrgLake;
    use crate::testkit::head;

    const HEADER: &str = "lineItem/LineItemType,lineItem/UsageAccountId,lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/UnblendedCost";

    /// A file of one row that costs this much.
    fn file(cost: &str) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        writeln!(gzip, "{HEADER}").unwrap();
        writeln!(gzip, "Usage,111111111111,2026-09-02T00:00:00Z,2026-09-02T01:00:00Z,{cost}").unwrap();
        gzip.finish().unwrap()
    }

    /// Reads a delivery of two such files and publishes it.
    async fn bring_in(lake: &OrgLake, name: &str, cost: &str) -> std::result::Result<(), LakeError> {
        let bytes = file(cost);
        let part = |key: &str| PartHead { key: key.into(), etag: "\"e\"".into(), size: bytes.len() as u64 };
        let head = DeliveryHead { parts: vec![part("R-1.csv.gz"), part("R-2.csv.gz")], ..head(name) };
        let staging = lake.stage(&head).await?;
        for part in &head.parts {
            let download = stream::iter([Ok::<_, io::Error>(Bytes::from(bytes.clone()))]);
            if let Err(error) = staging.read_part(part, download).await {
                staging.discard().await;
                return Err(error);
            }
        }
        lake.publish(staging.reconcile().await?).await.map(drop)
    }

    async fn billed(lake: &OrgLake) -> Option<String> {
        let receipt = lake.receipt(&head("a").connect, head("a").period).await.unwrap();
        receipt.map(|receipt| receipt.billed_in_lake.to_string())
    }

    #[tokio::test]
    async fn a_disk_that_is_full_at_any_write_keeps_the_month_and_all_goes_on_once_there_is_room() {
        let mut writes = 0;
        for (before, first) in [(None, 1), (Some("2"), 1)] {
            for write in first.. {
                let (folder, room) = (tempfile::tempdir().unwrap(), Room::default());
                let lake = Lake::open(folder.path(), LakeSettings::default()).unwrap();
                let lake = lake.over(Arc::new(FullDisk::new(room.clone()))).org(100_001.try_into().unwrap());
                if before.is_some() {
                    bring_in(&lake, "old", "1").await.unwrap();
                }
                room.full_at(write);
                let brought = bring_in(&lake, "new", "2.000000000000000001").await;
                if !room.make() {
                    // There were not so many writes.
                    brought.unwrap();
                    break;
                }
                writes += 1;
                match brought {
                    Ok(()) => assert_eq!(billed(&lake).await.as_deref(), Some("4.000000000000000002"), "write {write}"),
                    Err(error) => {
                        let text = error.to_string();
                        assert!(text.contains("No space left on device"), "write {write}: {text}");
                        assert_eq!(billed(&lake).await.as_deref(), before, "write {write}: the month stays");
                        lake.sweep_all().await.unwrap();
                        bring_in(&lake, "new", "2.000000000000000001").await.unwrap();
                    }
                }
                assert_eq!(billed(&lake).await.as_deref(), Some("4.000000000000000002"), "write {write}");
                assert_eq!(lake.sweep_all().await.unwrap(), 0, "write {write}: nothing is left over");
            }
        }
        assert!(writes >= 12, "only {writes} writes were tried");
    }
}
