//! Staging: a delivery's files, read one by one into the month's folder under names that no reader knows yet.
//!
//! A file flows through three threads, each a bounded queue ahead of the next: unpack, parse and map; encode; store.
//! Memory does not grow with the file. What a crash leaves behind is swept later.

use std::collections::BTreeSet;
use std::error::Error;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use billing::delivery::{DeliveryHead, PartHead};
use billing::receipt::{MonthStatus, PartReceipt, Receipt};
use bytes::Bytes;
use futures::Stream;
use futures::future::{Either, select};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::contain::contained;
use crate::encode::{Encoder, Written, store_chunks};
use crate::error::{IngestError, LakeError};
use crate::feed::{Downloaded, Feed, pump};
use crate::normalise::{Normaliser, PartTotals};
use crate::publish::Fence;
use crate::rollup::Tally;
use crate::schema::charges_schema;
use crate::table::{ChargesFile, Month, OrgLake};

/// Batches between the thread that maps and the one that encodes.
const BATCHES: usize = 1;

/// How far the reading of a delivery has come; may be looked at from anywhere at any time.
#[derive(Debug, Default)]
pub struct Progress {
    rows: AtomicU64,
    bytes_packed: AtomicU64,
}

impl Progress {
    /// Charges mapped so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Bytes of the delivery's files taken in so far, packed.
    pub fn bytes_packed(&self) -> u64 {
        self.bytes_packed.load(Ordering::Relaxed)
    }

    pub(crate) fn add_bytes(&self, count: usize) {
        self.bytes_packed.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn add_rows(&self, count: usize) {
        self.rows.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// A delivery being read. Until it is published, nothing of it is seen.
#[derive(Debug)]
pub struct Staging {
    pub(crate) lake: OrgLake,
    pub(crate) head: DeliveryHead,
    pub(crate) month: Month,
    pub(crate) attempt: Uuid,
    pub(crate) fence: Fence,
    /// The status of the delivery that this one would replace.
    pub(crate) status_before: Option<MonthStatus>,
    pub(crate) normaliser: Arc<Normaliser>,
    progress: Arc<Progress>,
    count: AtomicUsize,
    pub(crate) done: Mutex<Done>,
}

/// What has been read whole so far.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) totals: Option<PartTotals>,
    pub(crate) parts: Vec<PartReceipt>,
    pub(crate) files: Vec<StagedFile>,
    /// What their charges sum to.
    pub(crate) tally: Box<Tally>,
}

impl Done {
    /// Counts a file among what was read.
    pub(crate) fn keep(&mut self, WrittenFile { file, tally }: WrittenFile) {
        self.files.push(file);
        self.tally.merge(*tally);
    }
}

/// A data file just written, and what its charges sum to.
pub(crate) struct WrittenFile {
    pub(crate) file: StagedFile,
    tally: Box<Tally>,
}

/// A data file that is stored and not yet published.
#[derive(Debug, Clone)]
pub(crate) struct StagedFile {
    pub(crate) path: Path,
    pub(crate) rows: u64,
    pub(crate) size: u64,
    pub(crate) starts: Option<(i64, i64)>,
}

impl OrgLake {
    /// Begins to read a delivery. From here on, somebody else's publishing of the same month makes ours a conflict.
    ///
    /// [`LakeError::Older`] where the month comes from a delivery that AWS made later than this one.
    pub async fn stage(&self, head: &DeliveryHead) -> Result<Staging, LakeError> {
        let month = Month { connect: head.connect.clone(), period: head.period };
        // One snapshot for both, so that what is replaced is what the fence stands for.
        let snapshot = self.snapshot().await?;
        let fence = self.fence(snapshot.as_deref(), &month).await?;
        let before = match &snapshot {
            Some(snapshot) => self.receipt_in(snapshot, &month).await?,
            None => None,
        };
        // Of another report, no delivery is older or newer than this one.
        let same_report = |receipt: &&Receipt| receipt.manifest_key == head.manifest_key;
        if before.as_ref().filter(same_report).is_some_and(|receipt| receipt.made_at > head.made_at) {
            return Err(LakeError::Older { connect: month.connect, period: month.period });
        }
        Ok(Staging {
            lake: self.clone(),
            head: head.clone(),
            month,
            attempt: Uuid::now_v7(),
            fence,
            status_before: before.map(|receipt| receipt.status),
            normaliser: Arc::new(Normaliser::new(head, self.shared.scratch.clone(), self.shared.settings.limits)),
            progress: Arc::default(),
            count: AtomicUsize::default(),
            done: Mutex::default(),
        })
    }

    /// Removes files that were staged and will not be published.
    pub(crate) async fn remove(&self, files: &[StagedFile]) {
        for file in files {
            if let Err(error) = self.shared.store.delete(&file.path).await {
                tracing::warn!(path = %file.path, %error, "a staged file was left for the next sweep");
            }
        }
    }
}

impl Staging {
    /// What this try's files are called: each name in the lake begins with it.
    pub fn attempt(&self) -> String {
        self.attempt.simple().to_string()
    }

    /// The counters of this delivery's reading.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Reads one of the delivery's files from `bytes`, its content as delivered. Several may be read at once.
    ///
    /// A file that fails leaves nothing behind, and may be read again.
    pub async fn read_part<S, E>(&self, part: &PartHead, bytes: S) -> Result<PartReceipt, LakeError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
        E: Error + Send + Sync + 'static,
    {
        let (feeder, feed) = Feed::new(part.size, self.progress());
        let (normaliser, head, progress) = (Arc::clone(&self.normaliser), part.clone(), self.progress());
        let reading = self.write_file(move |batches: SyncSender<RecordBatch>| {
            contained(&head.key, || {
                normaliser.read_part(&head, feed, &mut |batch| {
                    progress.add_rows(batch.num_rows());
                    batches.send(batch).map_err(|_| IngestError::Stopped)
                })
            })
        });
        // A refused file ends the download, even one that has stalled; a whole download does not end the reading.
        let (totals, file) = match select(pin!(reading), pin!(pump(bytes, feeder))).await {
            Either::Left((read, _)) => read?,
            Either::Right((Downloaded::Enough, reading)) => reading.await?,
            // What was made of half a file says nothing about the file.
            Either::Right((Downloaded::Broken, reading)) => {
                reading.await.map_err(|error| LakeError::Download(Box::new(error)))?
            }
        };
        let receipt = PartReceipt {
            key: part.key.clone(),
            etag: part.etag.clone(),
            rows: totals.sums.rows,
            bytes_packed: totals.bytes_packed,
            bytes_unpacked: totals.bytes_unpacked,
        };
        let file = self.unless_empty(file).await?;
        self.finish_part(totals, file, receipt.clone())?;
        Ok(receipt)
    }

    /// Takes a file without charges away again: overwriting with fewer parts leaves AWS's surplus ones empty, and a
    /// question would open each for nothing.
    async fn unless_empty(&self, written: WrittenFile) -> Result<Option<WrittenFile>, LakeError> {
        if written.file.rows > 0 {
            return Ok(Some(written));
        }
        self.lake.shared.store.delete(&written.file.path).await?;
        Ok(None)
    }

    pub(crate) fn finish_part(
        &self,
        totals: PartTotals,
        file: Option<WrittenFile>,
        receipt: PartReceipt,
    ) -> Result<(), LakeError> {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut done.totals {
            Some(all) => all.merge(totals)?,
            none => *none = Some(totals),
        }
        done.parts.push(receipt);
        if let Some(file) = file {
            done.keep(file);
        }
        Ok(())
    }

    /// Writes the batches that `produce` sends, on a thread of its own, into a file of the month's folder.
    pub(crate) async fn write_file<T: Send + 'static>(
        &self,
        produce: impl FnOnce(SyncSender<RecordBatch>) -> Result<T, IngestError> + Send + 'static,
    ) -> Result<(T, WrittenFile), LakeError> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let path = self.lake.data_path(&self.month, self.attempt, number)?;
        let (encoder, chunks) = Encoder::new(&charges_schema(), self.lake.shared.settings.part_memory / 4)?;
        let (sender, batches) = sync_channel(BATCHES);
        let (complete, completed) = oneshot::channel();
        let store = Arc::clone(&self.lake.shared.store);
        let storing = tokio::spawn(store_chunks(store, path.clone(), chunks, completed));
        let encoding = spawn_blocking(move || encode(encoder, &batches));
        let produced = spawn_blocking(move || produce(sender)).await?;
        let written = encoding.await?;
        if produced.is_ok() && written.is_ok() {
            // Nobody listens only where storing has failed already, which the line after the next tells.
            complete.send(()).ok();
        } else {
            drop(complete);
        }
        // The last of the three in the row knows why the ones before it were stopped.
        storing.await??;
        let (Written { rows, size, starts }, tally) = written?;
        Ok((produced?, WrittenFile { file: StagedFile { path, rows, size, starts }, tally }))
    }

    /// Removes what was staged. What it misses, a sweep finds.
    pub async fn discard(self) {
        let done = self.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.lake.remove(&done.files).await;
    }

    /// A staged file as a table of its own would have it.
    pub(crate) fn charges_file(&self, file: &StagedFile) -> ChargesFile {
        ChargesFile {
            path: file.path.clone(),
            size: file.size,
            month: self.month.clone(),
            attempt: self.attempt(),
            rows: Some(file.rows),
            starts: file.starts,
        }
    }

    /// The files of the delivery that were not read, or not exactly once.
    pub(crate) fn unread(&self, parts: &[PartReceipt]) -> BTreeSet<String> {
        let times = |key: &str| parts.iter().filter(|part| part.key == key).count();
        let listed = self.head.parts.iter().filter(|part| times(&part.key) != 1).map(|part| part.key.clone());
        let known = |key: &str| self.head.parts.iter().any(|part| part.key == key);
        listed.chain(parts.iter().filter(|part| !known(&part.key)).map(|part| part.key.clone())).collect()
    }
}

fn encode(mut encoder: Encoder, batches: &Receiver<RecordBatch>) -> parquet::errors::Result<(Written, Box<Tally>)> {
    let mut tally = Box::<Tally>::default();
    for batch in batches {
        encoder.write(&batch)?;
        tally.add(&batch)?;
    }
    Ok((encoder.finish()?, tally))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use futures::{StreamExt, stream};

    use super::*;
    use crate::testkit::{TestLake, head};

    const HEADER: &str = "lineItem/LineItemType,lineItem/UsageAccountId,lineItem/UsageStartDate,lineItem/UsageEndDate,lineItem/UnblendedCost";

    fn packed(rows: usize) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        writeln!(gzip, "{HEADER}").unwrap();
        for _ in 0..rows {
            writeln!(gzip, "Usage,111111111111,2026-09-02T00:00:00Z,2026-09-02T01:00:00Z,0.1").unwrap();
        }
        gzip.finish().unwrap()
    }

    /// A delivery of two files, and their bytes.
    fn delivery() -> (DeliveryHead, [Vec<u8>; 2]) {
        let files = [packed(20_000), packed(3)];
        let parts = files.iter().zip(["R-00001.csv.gz", "R-00002.csv.gz"]);
        let part =
            |(file, key): (&Vec<u8>, &str)| PartHead { key: key.into(), etag: "\"e\"".into(), size: file.len() as u64 };
        (DeliveryHead { parts: parts.map(part).collect(), ..head("a") }, files)
    }

    fn download(file: &[u8]) -> impl Stream<Item = std::io::Result<Bytes>> + Send + Unpin + use<> {
        let chunks: Vec<_> = file.chunks(1000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        stream::iter(chunks)
    }

    #[tokio::test]
    async fn files_read_at_once_are_one_month() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        let (head, files) = delivery();
        let staging = lake.stage(&head).await.unwrap();
        let progress = staging.progress();
        let (second, first) = tokio::join!(
            staging.read_part(&head.parts[1], download(&files[1])),
            staging.read_part(&head.parts[0], download(&files[0])),
        );
        assert_eq!((first.unwrap().rows, second.unwrap().rows), (20_000, 3));
        assert_eq!((progress.rows(), progress.bytes_packed()), (20_003, head.size()));
        let receipt = lake.publish(staging.reconcile().await.unwrap()).await.unwrap();
        assert_eq!(receipt.cost_in_files.to_string(), "2000.3");
        assert_eq!(receipt.parts.iter().map(|part| part.rows).collect::<Vec<_>>(), [20_000, 3]);
    }

    #[tokio::test]
    async fn a_file_that_fails_leaves_nothing_and_may_be_read_again() {
        let test = TestLake::new();
        let (head, files) = delivery();
        let staging = test.org(100_001).stage(&head).await.unwrap();
        let part = &head.parts[0];
        let cut = download(&files[0]).take(5);
        let error = staging.read_part(part, cut).await.unwrap_err().to_string();
        assert!(error.contains("`R-00001.csv.gz`"), "{error}");
        let broken = cut_off(&files[0]);
        let error = staging.read_part(part, broken).await.unwrap_err();
        assert!(matches!(error, LakeError::Download(_)), "it may come whole the next time: {error:?}");
        let error = error.to_string();
        assert!(error.contains("`R-00001.csv.gz`") && error.contains("reset by peer"), "{error}");
        assert_eq!(test.org(100_001).sweep_all().await.unwrap(), 0);
        staging.read_part(part, download(&files[0])).await.unwrap();
        staging.read_part(&head.parts[1], download(&files[1])).await.unwrap();
        assert_eq!(staging.reconcile().await.unwrap().receipt().rows_in_files, 20_003);
    }

    #[tokio::test]
    async fn a_file_without_rows_is_read_and_not_kept() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        let (mut head, mut files) = delivery();
        files[1] = packed(0);
        head.parts[1].size = files[1].len() as u64;
        let staging = lake.stage(&head).await.unwrap();
        for (part, file) in head.parts.iter().zip(&files) {
            staging.read_part(part, download(file)).await.unwrap();
        }
        let receipt = lake.publish(staging.reconcile().await.unwrap()).await.unwrap();
        assert_eq!(receipt.parts[1].rows, 0);
        assert_eq!(lake.snapshot().await.unwrap().unwrap().files.len(), 1);
        assert_eq!(lake.sweep_all().await.unwrap(), 0);
    }

    fn cut_off(file: &[u8]) -> impl Stream<Item = std::io::Result<Bytes>> + Send + Unpin + use<> {
        download(file).take(5).chain(stream::iter([Err(std::io::Error::other("reset by peer"))]))
    }

    #[tokio::test]
    async fn a_refused_file_does_not_wait_for_its_download() {
        let test = TestLake::new();
        let (head, _) = delivery();
        let staging = test.org(100_001).stage(&head).await.unwrap();
        let stalled = download(b"this is no bill").chain(stream::pending());
        let refused = staging.read_part(&head.parts[0], stalled).await;
        assert!(matches!(refused, Err(LakeError::Ingest(IngestError::UnknownFormat { .. }))), "{refused:?}");
    }

    #[tokio::test]
    async fn a_reading_that_is_given_up_is_no_file() {
        let test = TestLake::new();
        let (head, files) = delivery();
        let staging = test.org(100_001).stage(&head).await.unwrap();
        let stalled = download(&files[0]).take(5).chain(stream::pending());
        let reading = staging.read_part(&head.parts[0], stalled);
        // Begun, and dropped before it could end.
        assert!(futures::future::poll_immediate(reading).await.is_none());
        staging.read_part(&head.parts[1], download(&files[1])).await.unwrap();
        assert!(matches!(staging.reconcile().await, Err(LakeError::Unread { .. })));
    }
}
