//! Parquet files: laid down on disk first, because their table of contents is at the end, then read batch by batch.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;

use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::batches::{self, BatchRow, Column};
use super::error::IngestError;
use super::header::Header;
use super::maps::Known;
use super::row::{RowError, Rows};
use super::unpack::Marks;

/// The rows of a batch: what is unpacked at once beside the pages that it comes from.
const BATCH_ROWS: usize = 2048;
/// How much is copied at once.
const COPIED: usize = 256 << 10;

/// The rows of a Parquet file.
pub(super) struct ParquetRows {
    header: Header,
    batches: ParquetRecordBatchReader,
    maps: Vec<Known>,
    columns: Vec<Column>,
    rows: usize,
    at: usize,
    row_size: usize,
}

/// Opens a file: its header, and its rows. `scratch` is a folder for a copy that has no name and is gone with its reader.
pub(super) fn open(
    file: &str,
    packed: impl Read,
    scratch: &Path,
    marks: &Marks,
) -> Result<(Header, ParquetRows), IngestError> {
    let copy = lay_down(file, packed, scratch)?;
    let damaged =
        |error: parquet::errors::ParquetError| IngestError::Unpack { file: file.to_owned(), reason: error.to_string() };
    let builder = ParquetRecordBatchReaderBuilder::try_new(copy).map_err(damaged)?;
    let names = builder.schema().fields().iter().map(|field| field.name().clone().into_bytes()).collect();
    let unpacked = builder.metadata().row_groups().iter().map(|group| group.total_byte_size().unsigned_abs()).sum();
    marks.unpacked.set(unpacked);
    let header = Header::read(file, names)?;
    let maps = header.maps().iter().map(|map| Known::new(header.dialect(), map.clone())).collect();
    let batches = builder.with_batch_size(BATCH_ROWS).build().map_err(damaged)?;
    let rows = ParquetRows { header: header.clone(), batches, maps, columns: Vec::new(), rows: 0, at: 0, row_size: 0 };
    Ok((header, rows))
}

fn lay_down(file: &str, mut packed: impl Read, scratch: &Path) -> Result<File, IngestError> {
    let no_room = |error: std::io::Error| IngestError::Scratch { file: file.to_owned(), reason: error.to_string() };
    let mut copy = tempfile::tempfile_in(scratch).map_err(no_room)?;
    let mut buffer = vec![0; COPIED];
    loop {
        let broken = |error: std::io::Error| IngestError::Unpack { file: file.to_owned(), reason: error.to_string() };
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
                Some(batch) => batch.map_err(|error| RowError::Read(error.to_string()))?,
            };
            if batch.num_rows() == 0 {
                continue;
            }
            self.columns = batches::columns(&batch, &self.header, &mut self.maps).map_err(|untold| {
                RowError::ColumnType(self.header.spelled()[untold.place].clone(), untold.data_type)
            })?;
            (self.rows, self.at) = (batch.num_rows(), 0);
            self.row_size = batches::size(&self.columns) / self.rows;
            return Ok(true);
        }
    }
}

impl Rows for ParquetRows {
    type Row<'a> = BatchRow<'a>;

    fn next(&mut self) -> Result<Option<BatchRow<'_>>, RowError> {
        if self.at == self.rows && !self.load()? {
            return Ok(None);
        }
        let row = self.at;
        self.at += 1;
        Ok(Some(BatchRow { columns: &self.columns, row, size: self.row_size }))
    }
}
