//! Parquet files: laid down on disk first, because their table of contents is at the end, then read batch by batch.
//!
//! *Invariant:* nothing is allocated by what a file says before that is held against the file's size and the limits.

mod cells;
mod footer;
mod pages;
mod thrift;

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field};
use billing::told::{told, told_whole};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetStatisticsPolicy};

use super::batches::{BatchBlock, Columns};
use super::error::IngestError;
use super::header::Header;
use super::limits::{Breach, Meter};
use super::maps::Known;
use super::part::Source;
use super::row::{Block, RowError, Rows};
use super::unpack::Marks;
use pages::Pages;

/// The most rows of a batch: what is unpacked at once beside the pages that it comes from.
const BATCH_ROWS: u64 = 1024;
/// About how many bytes the cells of a batch may have, if each were as long as the longest: few rows where they may be long.
const BATCH_BYTES: u64 = 32 << 20;
/// How much is copied at once.
const COPIED: usize = 256 << 10;

/// Why a file can't be read.
#[derive(Debug)]
enum Refused {
    /// It is larger than a limit allows.
    Breach(Breach),
    /// It is damaged, or of a kind that is not read.
    Damaged(&'static str),
    /// It can't be read, in other's words.
    Read(String),
    /// One of these is wrong with a column.
    In(String, Box<Refused>),
}

impl Refused {
    fn of(self, chunk: &ColumnChunkMetaData) -> Self {
        let name = chunk.column_path().parts().first().map_or("", String::as_str);
        Self::In(name.to_owned(), Box::new(self))
    }

    fn error(self, file: &str) -> IngestError {
        let (column, why) = match self {
            Self::In(column, why) => (Some(column), *why),
            why => (None, why),
        };
        let unpack = |reason: String| {
            let place = column.as_ref().map(|column| format!("column `{}`: ", told(column))).unwrap_or_default();
            IngestError::Unpack { file: file.to_owned(), reason: format!("{place}{reason}") }
        };
        match why {
            Self::Breach(breach) => IngestError::too_much(file, (None, column.as_deref()), breach),
            Self::Damaged(what) => unpack(what.to_owned()),
            Self::Read(reason) => unpack(reason),
            Self::In(..) => unpack("it is damaged".to_owned()),
        }
    }
}

impl From<Breach> for Refused {
    fn from(breach: Breach) -> Self {
        Self::Breach(breach)
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Read(error.to_string())
    }
}

impl From<ParquetError> for Refused {
    fn from(error: ParquetError) -> Self {
        Self::Read(told_whole(&error.to_string()))
    }
}

/// The rows of a Parquet file.
pub(super) struct ParquetRows {
    header: Header,
    batches: ParquetRecordBatchReader,
    maps: Vec<Known>,
    meter: Meter,
    columns: Columns,
    at: usize,
}

/// Opens a file: its header, and its rows.
pub(super) fn open(source: Source<'_>, packed: impl Read, marks: &Marks) -> Result<(Header, ParquetRows), IngestError> {
    let file = source.file;
    let copy = Arc::new(lay_down(file, packed, source.scratch)?);
    let (builder, batch_rows) = checked(&copy, marks).map_err(|refused| refused.error(file))?;
    let fields = builder.schema().fields();
    if let Some(nested) = fields.iter().find(|field| !is_read(field)) {
        let (column, data_type) = (told(nested.name()), kind(nested.data_type()));
        return Err(IngestError::ColumnType { file: file.to_owned(), column, data_type });
    }
    let names = fields.iter().map(|field| field.name().clone().into_bytes()).collect();
    let header = Header::read(file, names)?;
    let meter = source.meter.clone();
    let maps = header.maps().iter().map(|map| Known::new(header.dialect(), map.clone(), &meter)).collect();
    let batches = builder.with_batch_size(batch_rows).build().map_err(|error| Refused::from(error).error(file))?;
    let rows = ParquetRows { header: header.clone(), batches, maps, meter, columns: Columns::default(), at: 0 };
    Ok((header, rows))
}

/// A reader of a file that may be read, and how many rows at once.
fn checked(file: &Arc<File>, marks: &Marks) -> Result<(ParquetRecordBatchReaderBuilder<File>, usize), Refused> {
    let size = file.metadata()?.len();
    let end = footer::check(file, size, &marks.meter)?;
    // Statistics and the schema of whoever wrote it are of no use here, and would be more to trust.
    let options = ArrowReaderOptions::new()
        .with_skip_arrow_metadata(true)
        .with_column_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file.try_clone()?, options)?;
    if builder.schema().fields().iter().any(|field| !is_read(field)) {
        // What is wrong, the caller says; its pages need no look.
        return Ok((builder, 1));
    }
    let widest = Pages { file, footer: builder.metadata(), end, marks }.check()?;
    let rows = (BATCH_BYTES / widest.max(1)).clamp(1, BATCH_ROWS);
    Ok((builder, usize::try_from(rows).unwrap_or(1)))
}

/// Whether columns like this one are read: plain ones, and maps of plain ones.
fn is_read(field: &Field) -> bool {
    match field.data_type() {
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) => pair.iter().all(|field| !field.data_type().is_nested()),
            _ => false,
        },
        data_type => !data_type.is_nested(),
    }
}

/// A nested type in a word: written out, it may be as long as the file likes.
fn kind(data_type: &DataType) -> String {
    match data_type {
        DataType::Struct(_) => "a structure".to_owned(),
        DataType::Map(..) => "a map of maps or lists".to_owned(),
        _ => "a list".to_owned(),
    }
}

/// Copies the file to `scratch`, without a name, so that a crash leaves nothing.
fn lay_down(file: &str, mut packed: impl Read, scratch: &Path) -> Result<File, IngestError> {
    let no_room = |error: io::Error| IngestError::Scratch { file: file.to_owned(), reason: error.to_string() };
    let mut copy = tempfile::tempfile_in(scratch).map_err(no_room)?;
    let mut buffer = vec![0; COPIED];
    loop {
        let broken = |error: io::Error| IngestError::Unpack { file: file.to_owned(), reason: error.to_string() };
        match packed.read(&mut buffer).map_err(broken)? {
            0 => break,
            count => copy.write_all(&buffer[..count]).map_err(no_room)?,
        }
    }
    copy.rewind().map_err(no_room)?;
    Ok(copy)
}

impl ParquetRows {
    /// The next batch with rows; `false` at the end.
    fn load(&mut self) -> Result<bool, RowError> {
        loop {
            let batch = match self.batches.next() {
                None => return Ok(false),
                Some(batch) => batch.map_err(|error| RowError::Read(told_whole(&error.to_string())))?,
            };
            if batch.num_rows() == 0 {
                continue;
            }
            self.columns = Columns::new(&batch, &self.header, (&mut self.maps, &self.meter))?;
            self.at = 0;
            return Ok(true);
        }
    }
}

impl Rows for ParquetRows {
    type Block<'a> = BatchBlock<'a>;

    fn next(&mut self) -> Result<Option<BatchBlock<'_>>, RowError> {
        if self.at == self.columns.rows() && !self.load()? {
            return Ok(None);
        }
        let block = self.columns.block(self.at)?;
        self.at += block.len();
        Ok(Some(block))
    }

    fn is_batch_end(&self) -> bool {
        self.at == self.columns.rows()
    }

    fn texts(&self, column: usize) -> Option<ArrayRef> {
        Some(self.columns.texts(column))
    }
}
