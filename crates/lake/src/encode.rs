//! Encoding: batches of charges into one Parquet file of the storage, on a thread of its own.

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::Result;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnPath;
use tokio::sync::{mpsc, oneshot};

use crate::error::LakeError;
use crate::table::START_COLUMN;

/// The most memory that rows on their way into a row group may take; it bounds the row group too.
const ROW_GROUP_BYTES: usize = 48 << 20;
/// The most rows of a row group: few enough that two threads can share a question about one file.
const ROW_GROUP_ROWS: usize = 256 << 10;
/// How much is handed to the storage at once: the least that S3 takes as a part.
const CHUNK_BYTES: usize = 5 << 20;
/// Chunks under way to the storage at most.
const CHUNKS: usize = 2;

/// Columns by which questions leave out row groups; for the rest, statistics would cost more than they save.
const PRUNED_BY: [&str; 5] = [START_COLUMN, "SubAccountId", "x_ServiceCode", "x_LineItemType", "RegionId"];

/// What is known of a file when it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) rows: u64,
    pub(crate) size: u64,
    pub(crate) starts: Option<(i64, i64)>,
}

/// A Parquet file being written into the storage.
pub(crate) struct Encoder {
    writer: ArrowWriter<Chunks>,
}

impl Encoder {
    /// A new file of charges, and what it is made of as soon as that is encoded; see [`store_chunks`].
    pub(crate) fn new(schema: SchemaRef) -> Result<(Self, mpsc::Receiver<Bytes>)> {
        let (sender, receiver) = mpsc::channel(CHUNKS);
        let chunks = Chunks { buffer: Vec::with_capacity(CHUNK_BYTES), size: 0, sender };
        let writer = ArrowWriter::try_new(chunks, schema, Some(properties()))?;
        Ok((Self { writer }, receiver))
    }

    /// Encodes a batch; blocks while the storage is slower.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch)
    }

    /// Writes the rest and the footer; blocks while the storage is slower.
    pub(crate) fn finish(mut self) -> Result<Written> {
        let footer = self.writer.finish()?;
        let chunks = self.writer.inner_mut();
        chunks.send()?;
        let rows = u64::try_from(footer.file_metadata().num_rows()).unwrap_or(0);
        Ok(Written { rows, size: chunks.size, starts: starts(&footer) })
    }
}

fn properties() -> WriterProperties {
    let level = ZstdLevel::try_new(1).expect("zstd has a level 1");
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true);
    PRUNED_BY
        .iter()
        .fold(properties, |properties, name| {
            properties.set_column_statistics_enabled(ColumnPath::from(*name), EnabledStatistics::Chunk)
        })
        .build()
}

/// The earliest and the latest start of a charge, out of the footer.
fn starts(footer: &ParquetMetaData) -> Option<(i64, i64)> {
    let columns = footer.file_metadata().schema_descr().columns();
    let at = columns.iter().position(|column| column.name() == START_COLUMN)?;
    footer.row_groups().iter().try_fold(None, |bounds: Option<(i64, i64)>, group| {
        let Statistics::Int64(of_group) = group.column(at).statistics()? else {
            return None;
        };
        let (first, last) = (*of_group.min_opt()?, *of_group.max_opt()?);
        Some(Some(bounds.map_or((first, last), |bounds| (bounds.0.min(first), bounds.1.max(last)))))
    })?
}

/// What is encoded, cut into chunks that the storage takes.
struct Chunks {
    buffer: Vec<u8>,
    size: u64,
    sender: mpsc::Sender<Bytes>,
}

impl Chunks {
    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK_BYTES));
        // Nobody takes chunks any more: storing failed, and tells its own error.
        self.sender.blocking_send(chunk.into()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        self.size += bytes.len() as u64;
        if self.buffer.len() >= CHUNK_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes an encoder's chunks into the storage. The file exists when this is done, and not before.
///
/// `complete` says, once the chunks end, that they ended because the file did; where it is dropped, nothing is stored.
pub(crate) async fn store_chunks(
    store: Arc<dyn ObjectStore>,
    path: Path,
    mut chunks: mpsc::Receiver<Bytes>,
    complete: oneshot::Receiver<()>,
) -> std::result::Result<(), LakeError> {
    let mut upload = WriteMultipart::new_with_chunk_size(store.put_multipart(&path).await?, CHUNK_BYTES);
    while let Some(chunk) = chunks.recv().await {
        upload.wait_for_capacity(CHUNKS).await?;
        upload.put(chunk);
    }
    if complete.await.is_ok() {
        upload.finish().await?;
    } else {
        upload.abort().await?;
    }
    Ok(())
}
