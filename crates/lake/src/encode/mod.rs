//! Encoding: batches of charges into one Parquet file of the storage, on a thread of its own.

mod chunk;
mod hybrid;
mod pack;
mod page;

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::errors::Result;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterProperties;
use parquet::file::statistics::Statistics;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnDescPtr;
use tokio::sync::{mpsc, oneshot};

use self::chunk::Chunk;
use self::pack::Packer;
use crate::error::LakeError;
use crate::table::START_COLUMN;

/// The most rows of a row group: few enough that two threads can share a question about one file.
const ROW_GROUP_ROWS: usize = 256 << 10;
/// How much is handed to the storage at once: the least that S3 takes as a part.
const CHUNK_BYTES: usize = 5 << 20;
/// Chunks under way to the storage at most.
const CHUNKS: usize = 1;

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
    file: SerializedFileWriter<Chunks>,
    columns: Vec<Chunk>,
    packer: Packer,
    rows: usize,
    row_group_bytes: usize,
}

impl Encoder {
    /// A new file of charges, and what it is made of as soon as that is encoded; see [`store_chunks`].
    ///
    /// A row group ends when its encoded rows take `row_group_bytes`.
    pub(crate) fn new(schema: &Schema, row_group_bytes: usize) -> Result<(Self, mpsc::Receiver<Bytes>)> {
        let (sender, receiver) = mpsc::channel(CHUNKS);
        let chunks = Chunks { buffer: Vec::with_capacity(CHUNK_BYTES), size: 0, sender };
        let mut properties = WriterProperties::builder().set_offset_index_disabled(true).build();
        add_encoded_arrow_schema_to_metadata(schema, &mut properties);
        let described = ArrowSchemaConverter::new().convert(schema)?;
        let file = SerializedFileWriter::new(chunks, described.root_schema_ptr(), Arc::new(properties))?;
        let pruned_by = |column: &ColumnDescPtr| PRUNED_BY.contains(&column.name());
        let columns = described.columns().iter().map(|column| Chunk::new(Arc::clone(column), pruned_by(column)));
        Ok((Self { file, columns: columns.collect(), packer: Packer::new()?, rows: 0, row_group_bytes }, receiver))
    }

    /// Encodes a batch, whose texts may be dictionaries; blocks while the storage is slower.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
            column.write(array, &mut self.packer)?;
        }
        self.rows += batch.num_rows();
        let size = || self.columns.iter().map(Chunk::size).sum::<usize>();
        if self.rows >= ROW_GROUP_ROWS || size() >= self.row_group_bytes { self.end_group() } else { Ok(()) }
    }

    fn end_group(&mut self) -> Result<()> {
        self.rows = 0;
        let mut group = self.file.next_row_group()?;
        for column in &mut self.columns {
            let (bytes, close) = column.finish(&mut self.packer)?;
            group.append_column(&bytes, close)?;
        }
        group.close().map(drop)
    }

    /// Writes the rest and the footer; blocks while the storage is slower.
    pub(crate) fn finish(mut self) -> Result<Written> {
        if self.rows > 0 {
            self.end_group()?;
        }
        let footer = self.file.finish()?;
        let chunks = self.file.inner_mut();
        chunks.send()?;
        let rows = u64::try_from(footer.file_metadata().num_rows()).unwrap_or(0);
        Ok(Written { rows, size: chunks.size, starts: starts(&footer) })
    }
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
        // No more than what has room: a buffer that grows would be twice as large.
        let count = bytes.len().min(CHUNK_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..count]);
        self.size += count as u64;
        if self.buffer.len() == CHUNK_BYTES {
            self.send()?;
        }
        Ok(count)
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

#[cfg(test)]
mod tests {
    use arrow::array::{
        Array, ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, NullArray, StringArray,
        TimestampMicrosecondArray,
    };
    use arrow::compute::{cast, concat_batches};
    use arrow::datatypes::{DataType, Field, Int32Type, TimeUnit};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    /// A text, an account that repeats, an id that never does, an amount, an instant, a flag, and nothing at all.
    fn schema() -> Schema {
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        Schema::new(vec![
            Field::new("Text", DataType::Utf8, true),
            Field::new("SubAccountId", DataType::Utf8, false),
            Field::new("Id", DataType::Utf8, true),
            Field::new("Amount", DataType::Decimal128(38, 18), true),
            Field::new(START_COLUMN, time, false),
            Field::new("Flag", DataType::Boolean, false),
            Field::new("Nothing", DataType::Utf8, true),
        ])
    }

    fn batch(first: usize, rows: usize) -> Vec<ArrayRef> {
        let all = || first..first + rows;
        let text = |at: usize| (!at.is_multiple_of(3) && at > 5000).then(|| format!("text {}", at % 700));
        let texts: DictionaryArray<Int32Type> =
            all().map(text).collect::<Vec<_>>().iter().map(Option::as_deref).collect();
        let accounts = StringArray::from_iter_values(all().map(|at| format!("{}", 7 + at / 40_000)));
        let ids: StringArray = all().map(|at| (at % 1000 != 1).then(|| format!("id {at}"))).collect();
        let amounts: Decimal128Array = all().map(|at| (at % 5 != 0).then_some(at as i128 % 4000 - 7)).collect();
        let times = TimestampMicrosecondArray::from_iter_values(all().map(|at| i64::try_from(at / 100).unwrap()))
            .with_timezone("UTC");
        let flags: BooleanArray = all().map(|at| Some(at % 7 == 0)).collect();
        vec![
            Arc::new(texts),
            Arc::new(accounts),
            Arc::new(ids),
            Arc::new(amounts.with_precision_and_scale(38, 18).unwrap()),
            Arc::new(times),
            Arc::new(flags),
            Arc::new(NullArray::new(rows)),
        ]
    }

    fn packed(columns: Vec<ArrayRef>) -> RecordBatch {
        let schema = schema();
        let fields = schema.fields().iter().zip(&columns);
        let fields = fields.map(|(field, array)| field.as_ref().clone().with_data_type(array.data_type().clone()));
        RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns).unwrap()
    }

    fn plain(columns: &[ArrayRef]) -> RecordBatch {
        let schema = schema();
        let columns = columns.iter().zip(schema.fields()).map(|(array, field)| cast(array, field.data_type()).unwrap());
        RecordBatch::try_new(Arc::new(schema.clone()), columns.collect()).unwrap()
    }

    fn encode(batches: &[Vec<ArrayRef>]) -> (Bytes, Written) {
        let (mut encoder, mut chunks) = Encoder::new(&schema(), 16 << 20).unwrap();
        let collecting = std::thread::spawn(move || {
            let mut file = Vec::new();
            while let Some(chunk) = chunks.blocking_recv() {
                file.extend_from_slice(&chunk);
            }
            Bytes::from(file)
        });
        for batch in batches {
            encoder.write(&packed(batch.clone())).unwrap();
        }
        let written = encoder.finish().unwrap();
        (collecting.join().unwrap(), written)
    }

    #[test]
    fn another_reader_finds_what_was_written() {
        let sizes = [1, 4096, 5, 4096, 4096, 4096, 20_000, 4096];
        let firsts = sizes.iter().scan(0, |next, size| Some(std::mem::replace(next, *next + size)));
        let mut batches: Vec<_> = firsts.zip(sizes).map(|(first, size)| batch(first, size)).collect();
        batches.extend((0..70).map(|at| batch(50_000 + at * 4096, 4096)));
        let (file, written) = encode(&batches);
        let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
        assert_eq!(**reader.schema(), schema());
        assert!(reader.metadata().num_row_groups() > 1);
        let found: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
        let expect: Vec<_> = batches.iter().map(|batch| plain(batch)).collect();
        let schema = Arc::new(schema());
        let (found, expect) = (concat_batches(&schema, &found).unwrap(), concat_batches(&schema, &expect).unwrap());
        assert!(found == expect, "what is read back differs");
        assert_eq!((written.rows, written.size), (expect.num_rows() as u64, file.len() as u64));
        assert_eq!(written.starts, Some((0, (50_000 + 70 * 4096 - 1) / 100)));
    }

    #[test]
    fn row_groups_tell_the_bounds_of_what_they_are_pruned_by() {
        let (file, _) = encode(&[batch(30_000, 20_000)]);
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let group = reader.metadata().row_group(0);
        let bounds = group.column(1).statistics().unwrap();
        assert_eq!((bounds.min_bytes_opt(), bounds.max_bytes_opt()), (Some(&b"7"[..]), Some(&b"8"[..])));
        assert_eq!(bounds.null_count_opt(), Some(0));
        assert!(group.column(0).statistics().is_none());
    }

    #[test]
    fn a_file_without_rows_is_a_file() {
        let (file, written) = encode(&[]);
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
        assert_eq!(written.starts, None);
    }

    #[test]
    fn a_column_that_must_have_values_is_held_to_it() {
        let (mut encoder, _chunks) = Encoder::new(&schema(), 16 << 20).unwrap();
        let mut columns = batch(0, 3);
        columns[1] = Arc::new(StringArray::from(vec![None::<&str>; 3]));
        let fields: Vec<_> = columns.iter().map(|array| Field::new("c", array.data_type().clone(), true)).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
        let error = encoder.write(&batch).unwrap_err().to_string();
        assert!(error.contains("`SubAccountId` has rows without a value"), "{error}");
    }
}
