//! One file of a delivery, from its packed bytes to batches of charges and the totals that they are held against.

use std::collections::{BTreeSet, HashSet};
use std::io::Read;

use arrow::array::RecordBatch;
use billing::focus::line_item_type::UNKNOWN;
use billing::focus::mapping::{CURRENCY, LINE_ITEM_TYPE};

use super::charge::{Charge, ChargePlan};
use super::columns::BATCH_ROWS;
use super::error::{Fault, IngestError};
use super::fill::Filler;
use super::header::Header;
use super::objects;
use super::plan::{self, Delivered};
use super::rows::{Row, RowError, Rows};
use super::sums::{PartTotals, RunningSums};
use super::unpack::{Marks, ROW_LIMIT, Unpacked, unpack};
use crate::schema::charges_schema;

/// A batch ends when its rows had this many bytes, however few they are: memory does not grow with the length of rows.
const BATCH_BYTES: usize = 64 << 20;

/// What takes the batches.
pub(super) type Sink<'s> = dyn FnMut(RecordBatch) -> Result<(), IngestError> + 's;

/// Reads the file `file` to its end.
pub(super) fn read(
    file: &str,
    delivered: &Delivered,
    packed: impl Read,
    sink: &mut Sink<'_>,
) -> Result<PartTotals, IngestError> {
    let marks = Marks::default();
    let unpack_error = |error: std::io::Error| IngestError::Unpack { file: file.to_owned(), reason: error.to_string() };
    let text = match unpack(packed, &marks).map_err(unpack_error)? {
        Unpacked::Text(text) => text,
        Unpacked::Empty => return Ok(PartTotals::default()),
        Unpacked::NotGzip => return Err(IngestError::NotGzip { file: file.to_owned() }),
    };
    let (cells, mut rows) = Rows::open(text, marks.clone()).map_err(|error| row_error(file, 0, (error, 0)))?;
    let mut totals = if cells.is_empty() {
        PartTotals::default()
    } else {
        let header = Header::read(file, cells)?;
        let part = Part::new(file, header, delivered);
        part.read(&mut rows, sink)?
    };
    totals.bytes_packed = marks.packed.get();
    totals.bytes_unpacked = marks.unpacked.get();
    Ok(totals)
}

fn row_error(file: &str, row: u64, (error, expected): (RowError, usize)) -> IngestError {
    let file = file.to_owned();
    match error {
        RowError::Read(reason) => IngestError::Unpack { file, reason },
        RowError::CellCount(found) => IngestError::CellCount { file, row, found, expected },
        RowError::TooLong => IngestError::RowTooLong { file, row, limit: ROW_LIMIT },
    }
}

/// A file being read.
struct Part<'f> {
    file: &'f str,
    header: Header,
    charges: ChargePlan,
    fillers: Vec<Filler>,
    sums: RunningSums,
    unknown_types: BTreeSet<String>,
    currencies: HashSet<Vec<u8>>,
    currency: Option<usize>,
    row: u64,
    charges_added: u64,
    batch_rows: usize,
    batch_bytes: usize,
}

impl<'f> Part<'f> {
    fn new(file: &'f str, header: Header, delivered: &Delivered) -> Self {
        Self {
            file,
            charges: ChargePlan::new(&header),
            fillers: plan::fillers(&header, delivered),
            sums: RunningSums::new(&header),
            unknown_types: BTreeSet::new(),
            currencies: HashSet::new(),
            currency: header.place(CURRENCY),
            header,
            row: 0,
            charges_added: 0,
            batch_rows: 0,
            batch_bytes: 0,
        }
    }

    fn read(mut self, rows: &mut Rows<impl Read>, sink: &mut Sink<'_>) -> Result<PartTotals, IngestError> {
        loop {
            self.row += 1;
            let width = self.header.names().len();
            let Some(row) = rows.next().map_err(|error| row_error(self.file, self.row, (error, width)))? else { break };
            self.take(&row).map_err(|fault| self.cell_error(&row, fault))?;
            // A row may make two charges.
            if self.batch_rows + 1 >= BATCH_ROWS || self.batch_bytes >= BATCH_BYTES {
                sink(self.batch()?)?;
            }
        }
        if self.batch_rows > 0 {
            sink(self.batch()?)?;
        }
        let mut sums = self.sums.finish()?;
        sums.charges_added = self.charges_added;
        Ok(PartTotals {
            sums,
            unknown_line_item_types: self.unknown_types,
            unmapped_columns: objects::unmapped(self.header.names()).cloned().collect(),
            currencies: self.currencies.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect(),
            ..PartTotals::default()
        })
    }

    fn take(&mut self, row: &Row<'_>) -> Result<(), Fault> {
        let (stated, added) = self.charges.charges(row)?;
        self.fill(row, &stated)?;
        if let Some(added) = added {
            self.fill(row, &added)?;
            self.charges_added += 1;
        }
        row.check()?;
        self.sums.add(row, &stated)?;
        self.note(row, &stated);
        self.batch_bytes += row.size();
        Ok(())
    }

    fn fill(&mut self, row: &Row<'_>, charge: &Charge) -> Result<(), Fault> {
        self.batch_rows += 1;
        self.fillers.iter_mut().try_for_each(|filler| filler.fill(row, charge))
    }

    /// Remembers what is told of the file as a whole.
    fn note(&mut self, row: &Row<'_>, charge: &Charge) {
        if charge.rule.name == UNKNOWN.name {
            let name = row.cell(self.header.place(LINE_ITEM_TYPE).unwrap_or_default());
            self.unknown_types.insert(String::from_utf8_lossy(&name).into_owned());
        }
        if let Some(place) = self.currency {
            let currency = row.cell(place);
            if !currency.is_empty() && !self.currencies.contains(&*currency) {
                self.currencies.insert(currency.into_owned());
            }
        }
    }

    fn batch(&mut self) -> Result<RecordBatch, IngestError> {
        let rows = std::mem::take(&mut self.batch_rows);
        self.batch_bytes = 0;
        let arrays: Result<Vec<_>, _> = self.fillers.iter_mut().map(|filler| filler.finish(rows)).collect();
        arrays
            .and_then(|arrays| RecordBatch::try_new(charges_schema(), arrays))
            .map_err(|error| IngestError::Charges { file: self.file.to_owned(), reason: error.to_string() })
    }

    fn cell_error(&self, row: &Row<'_>, fault: Fault) -> IngestError {
        let value = String::from_utf8_lossy(&row.cell(fault.column)).into_owned();
        let value = match value.char_indices().nth(60) {
            Some((end, _)) => format!("{}…", &value[..end]),
            None => value,
        };
        IngestError::Cell {
            file: self.file.to_owned(),
            row: self.row,
            column: self.header.names()[fault.column].clone(),
            value,
            problem: fault.problem,
        }
    }
}
