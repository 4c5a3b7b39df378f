//! Exports: a month's charges on their way out as one FOCUS 1.2 file, piece by piece.
//!
//! *Invariants:* memory does not grow with the month; the same deliveries make the same bytes; a file that could not be written
//! to its end ends with an error and never looks whole; split cost allocation rows, which no sum counts, are not in it.

mod answer;
mod csv;
mod parquet;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::{Schema, SchemaRef};
use billing::export::{ExportFormat, ExportSource};
use billing::focus::columns;
use billing::receipt::PublishedMonth;
use bytes::Bytes;
use datafusion::execution::SendableRecordBatchStream;
use futures::{FutureExt, TryStreamExt};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

pub use answer::cost_file;

use crate::error::LakeError;
use crate::schema::charges_schema;
use crate::session::column;
use crate::table::{ChargesFile, OrgLake};

/// Exports that the lake makes at once; each holds a row group in memory.
pub(crate) const AT_ONCE: usize = 4;
/// Pieces that wait for whoever takes them.
const WAITING: usize = 2;
/// How long whoever takes the pieces may take for one, before the export is given up: it holds a place that others wait for.
const PATIENCE: Duration = Duration::from_mins(5);
/// Tells the rows that are left out.
const SPLIT: &str = "x_IsSplitCost";

/// An export under way. Dropped, it ends.
#[derive(Debug)]
pub struct Export {
    /// The deliveries that the charges come from.
    pub deliveries: Vec<PublishedMonth>,
    rows: Arc<AtomicU64>,
    /// `None` is the end; a channel that ends without it was cut off.
    pieces: mpsc::Receiver<Result<Option<Bytes>, LakeError>>,
    ended: bool,
}

impl Export {
    /// The next piece of the file; `None` at its end. After an error there is no more.
    pub async fn next(&mut self) -> Option<Result<Bytes, LakeError>> {
        if self.ended {
            return None;
        }
        let piece = match self.pieces.recv().await {
            Some(Ok(Some(piece))) => return Some(Ok(piece)),
            Some(Ok(None)) => None,
            Some(Err(error)) => Some(Err(error)),
            None => Some(Err(LakeError::ExportStopped)),
        };
        self.ended = true;
        piece
    }

    /// Charges written so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Charges that the deliveries have; those that no sum counts are not written.
    pub fn charges(&self) -> u64 {
        self.deliveries.iter().map(|delivery| delivery.charges).sum()
    }

    /// What changes whenever the file would: the deliveries, and when each was published.
    pub fn tag(&self) -> String {
        let tags = self.deliveries.iter();
        let tags = tags.map(|it| format!("{}-{}", it.delivery_id, it.published_at.unix_timestamp_nanos() / 1_000_000));
        tags.collect::<Vec<_>>().join(".")
    }
}

impl OrgLake {
    /// Begins to write the charges of `source`; `None` where the lake does not hold that month.
    ///
    /// [`LakeError::Exporting`] where as many exports as there may be are under way.
    pub async fn export(&self, source: &ExportSource, format: ExportFormat) -> Result<Option<Export>, LakeError> {
        let counts = |file: &ChargesFile| {
            file.month.period == source.period() && source.connect().is_none_or(|its| *its == file.month.connect)
        };
        let held = self.ask(&source.as_of(), &counts, |held| async { Ok(held) }.boxed()).await?;
        let deliveries = held.deliveries();
        if deliveries.is_empty() {
            return Ok(None);
        }
        let place = Arc::clone(&self.shared.exports).try_acquire_owned().map_err(|_| LakeError::Exporting)?;
        let mut files = held.files;
        files.sort_by(|left, right| left.path.cmp(&right.path));
        // One after the other, so that the same deliveries make the same file.
        let charges = self.charges_in_order(files)?;
        let names = exported().map(|column| column.name).chain([SPLIT]);
        let charges = charges.select(names.map(column))?.execute_stream().await?;
        let (sender, pieces) = mpsc::channel(WAITING);
        let rows = Arc::<AtomicU64>::default();
        let writing =
            Writing { writer: Writer::new(format, schema())?, rows: Arc::clone(&rows), sender: sender.clone() };
        tokio::spawn(async move {
            let last = writing.run(charges, place).await;
            // Whoever has gone does not need the end.
            sender.send(last.map(|()| None)).await.ok();
        });
        Ok(Some(Export { deliveries, rows, pieces, ended: false }))
    }
}

/// The columns of an export: FOCUS's first, as FOCUS asks, then ours; those of split rows are not among them.
fn exported() -> impl Iterator<Item = &'static columns::Column> {
    columns::all().filter(|column| !column.name.starts_with("x_Split") && column.name != SPLIT)
}

/// The schema of an export.
fn schema() -> SchemaRef {
    let all = charges_schema();
    let fields = exported().filter_map(|column| all.field_with_name(column.name).ok().cloned());
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// What turns batches into a file.
enum Writer {
    Parquet(Box<parquet::ParquetWriter>),
    Csv(csv::CsvWriter),
}

impl Writer {
    fn new(format: ExportFormat, schema: SchemaRef) -> Result<Self, LakeError> {
        Ok(match format {
            ExportFormat::Parquet => Self::Parquet(Box::new(parquet::ParquetWriter::new(schema)?)),
            ExportFormat::Csv => Self::Csv(csv::CsvWriter::new(&schema)),
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<Bytes, LakeError> {
        match self {
            Self::Parquet(writer) => writer.write(batch),
            Self::Csv(writer) => Ok(writer.write(batch)),
        }
    }

    fn finish(self) -> Result<Bytes, LakeError> {
        match self {
            Self::Parquet(writer) => writer.finish(),
            Self::Csv(writer) => Ok(writer.finish()),
        }
    }
}

/// An export being written.
struct Writing {
    writer: Writer,
    rows: Arc<AtomicU64>,
    sender: mpsc::Sender<Result<Option<Bytes>, LakeError>>,
}

impl Writing {
    async fn run(self, mut charges: SendableRecordBatchStream, _place: OwnedSemaphorePermit) -> Result<(), LakeError> {
        let Self { mut writer, rows, sender } = self;
        while let Some(batch) = charges.try_next().await? {
            let batch = without_split_rows(&batch)?;
            let count = batch.num_rows() as u64;
            // Encoding keeps a core busy for a while; what answers others must not wait for it.
            let (back, piece) = tokio::task::spawn_blocking(move || {
                let piece = writer.write(&batch);
                (writer, piece)
            })
            .await?;
            writer = back;
            rows.fetch_add(count, Ordering::Relaxed);
            send(&sender, piece?).await?;
        }
        let last = tokio::task::spawn_blocking(move || writer.finish()).await??;
        send(&sender, last).await
    }
}

async fn send(sender: &mpsc::Sender<Result<Option<Bytes>, LakeError>>, piece: Bytes) -> Result<(), LakeError> {
    if piece.is_empty() {
        return Ok(());
    }
    match tokio::time::timeout(PATIENCE, sender.send(Ok(Some(piece)))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(LakeError::ExportStopped),
    }
}

/// The rows that sums count, without the column that tells them: it is the last.
fn without_split_rows(batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
    let last = batch.num_columns() - 1;
    let split: &BooleanArray = batch.column(last).as_boolean();
    let batch = if split.true_count() == 0 { batch.clone() } else { filter_record_batch(batch, &not(split)?)? };
    Ok(batch.project(&(0..last).collect::<Vec<_>>())?)
}

#[cfg(test)]
mod tests;
