//! One file of a delivery, from its packed bytes to batches of charges and the totals that they are held against.

use std::collections::{BTreeSet, HashSet};
use std::io::Read;
use std::path::Path;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::error::ArrowError;
use billing::focus::line_item_type::UNKNOWN;
use billing::focus::mapping::LINE_ITEM_TYPE;
use billing::formats::{Format, Packing};
use billing::told::told;

use super::charge::{Charge, ChargePlan, Placed, Role};
use super::columns::BATCH_ROWS;
use super::csv::CsvRows;
use super::error::{Fault, IngestError};
use super::gather::Gathering;
use super::header::Header;
use super::limits::{Breach, Meter};
use super::maps::MappedRows;
use super::objects;
use super::parquet;
use super::payer::PayerCheck;
use super::plan::{self, Delivered};
use super::row::{BLOCK_ROWS, Block, Row, RowError, Rows};
use super::sums::{PartTotals, RunningSums};
use super::unpack::{self, Marks};
use crate::limits::Limit;
use crate::schema::charges_batch;

/// A batch ends when its rows had this many bytes, however few they are: memory does not grow with the length of rows.
const BATCH_BYTES: usize = 8 << 20;

/// What takes the batches.
pub(super) type Sink<'s> = dyn FnMut(RecordBatch) -> Result<(), IngestError> + 's;

/// One file to be read.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// Its name, for errors.
    pub(super) file: &'a str,
    /// What the delivery says of it.
    pub(super) delivered: &'a Delivered,
    /// A folder on disk for what can't be read as a stream.
    pub(super) scratch: &'a Path,
    /// What is allowed of it.
    pub(super) meter: &'a Meter,
}

/// Reads the file to its end. What it is packed in, its first bytes say; which columns it has, its header.
pub(super) fn read(source: Source<'_>, packed: impl Read, sink: &mut Sink<'_>) -> Result<PartTotals, IngestError> {
    let marks = Marks::new(source.meter.clone());
    let file = source.file;
    let unpack_error = |error: std::io::Error| match Breach::of(&error) {
        Some(breach) => IngestError::too_much(file, (None, None), breach),
        None => IngestError::Unpack { file: file.to_owned(), reason: error.to_string() },
    };
    let (start, packed) = unpack::open(packed, &marks).map_err(unpack_error)?;
    if start.is_empty() {
        // No bytes at all: AWS empties the files that an overwritten report no longer needs.
        return Ok(PartTotals::default());
    }
    let Some(format) = Format::of_bytes(&start) else {
        return Err(IngestError::UnknownFormat { file: file.to_owned() });
    };
    let mut totals = match format.packing {
        Packing::GzipCsv => read_text(source, (unpack::gzipped(packed, &marks), &marks), sink)?,
        Packing::ZipCsv => read_text(source, (unpack::zipped(packed, &marks).map_err(unpack_error)?, &marks), sink)?,
        Packing::Parquet => {
            let (header, mut rows) = parquet::open(source, packed, &marks)?;
            Part::new(source, header)?.passing().read(&mut rows, sink)?
        }
    };
    totals.bytes_packed = marks.packed.get();
    totals.bytes_unpacked = marks.unpacked.get();
    Ok(totals)
}

/// Reads comma-separated text.
fn read_text(
    source: Source<'_>,
    (text, marks): (impl Read, &Marks),
    sink: &mut Sink<'_>,
) -> Result<PartTotals, IngestError> {
    let file = source.file;
    let (cells, mut rows) = CsvRows::open(text, marks.clone()).map_err(|error| row_error(file, 0, (error, &[])))?;
    if cells.is_empty() {
        return Ok(PartTotals::default());
    }
    let header = Header::read(file, cells)?;
    // Only what needs it goes the longer way.
    if MappedRows::<&[u8]>::are_needed(&header) {
        let mut rows = MappedRows::new(rows, &header, source.meter);
        Part::new(source, header)?.read(&mut rows, sink)
    } else {
        Part::new(source, header)?.read(&mut rows, sink)
    }
}

/// These rows of a column: no copy where they are next to each other, as they are unless splitting adds a charge.
fn pick(column: &ArrayRef, rows: &[u32]) -> Result<ArrayRef, ArrowError> {
    if let (Some(first), Some(last)) = (rows.first(), rows.last())
        && last - first + 1 == u32::try_from(rows.len()).unwrap_or_default()
    {
        return Ok(column.slice(*first as usize, rows.len()));
    }
    take(column, &UInt32Array::from(rows.to_vec()), None)
}

fn row_error(name: &str, row: u64, (error, columns): (RowError, &[String])) -> IngestError {
    let file = name.to_owned();
    // The header is no row.
    let counted = (row > 0).then_some(row);
    match error {
        RowError::Read(reason) => IngestError::Unpack { file, reason },
        RowError::CellCount(found) => IngestError::CellCount { file, row, found, expected: columns.len() },
        RowError::TooMuch(place, breach) => {
            IngestError::too_much(name, (counted, place.map(|place| columns[place].as_str())), breach)
        }
        RowError::ColumnType(column, data_type) => IngestError::ColumnType { file, column, data_type },
        RowError::Cell(place, value, problem) => {
            IngestError::Cell { file, row, column: told(&columns[place]), value: told(&value), problem }
        }
    }
}

/// The first wrong row of a block, as its columns are gone through one after the other.
struct FirstWrong {
    /// Rows of which nothing wrong is known.
    rows: usize,
    found: Option<(usize, Fault)>,
}

impl FirstWrong {
    fn note(&mut self, result: Result<(), (usize, Fault)>) {
        if let Err((at, fault)) = result
            && at < self.rows
        {
            (self.rows, self.found) = (at, Some((at, fault)));
        }
    }
}

/// A file being read.
struct Part<'f> {
    file: &'f str,
    meter: &'f Meter,
    header: Header,
    payer: Option<PayerCheck>,
    charges: ChargePlan,
    columns: Gathering,
    sums: RunningSums,
    unknown_types: BTreeSet<String>,
    currencies: HashSet<Vec<u8>>,
    currency: Option<usize>,
    /// Rows taken so far.
    row: u64,
    charges_added: u64,
    charges_of_block: Vec<Placed>,
    batch_rows: usize,
    batch_bytes: usize,
    /// What all rows so far had.
    bytes: u64,
    /// Which row of the file's batch each charge is of, where whole columns are passed on.
    picked: Option<Vec<u32>>,
}

impl<'f> Part<'f> {
    fn new(source: Source<'f>, header: Header) -> Result<Self, IngestError> {
        let charges = ChargePlan::new(&header);
        let fillers = plan::fillers(&header, source.delivered);
        Ok(Self {
            file: source.file,
            meter: source.meter,
            columns: Gathering::new(fillers, header.names(), charges.measures()),
            payer: PayerCheck::new(source.file, &header, source.delivered)?,
            charges,
            sums: RunningSums::new(&header),
            unknown_types: BTreeSet::new(),
            currencies: HashSet::new(),
            currency: header.place(header.family().currency),
            header,
            row: 0,
            charges_added: 0,
            charges_of_block: Vec::new(),
            batch_rows: 0,
            batch_bytes: 0,
            bytes: 0,
            picked: None,
        })
    }

    /// The same for rows that come in batches of columns: some of these are passed on whole.
    fn passing(mut self) -> Self {
        self.columns.pass();
        self.picked = Some(Vec::new());
        self
    }

    fn read(mut self, rows: &mut impl Rows, sink: &mut Sink<'_>) -> Result<PartTotals, IngestError> {
        loop {
            let next = rows.next();
            let wrong = |error| row_error(self.file, self.row + 1, (error, self.header.spelled()));
            let Some(block) = next.map_err(wrong)? else { break };
            self.take_block(&block)?;
            // It borrows the rows, which are asked about their batch next.
            drop(block);
            // A row may make two charges.
            let is_full = self.batch_rows + 2 * BLOCK_ROWS > BATCH_ROWS || self.batch_bytes >= BATCH_BYTES;
            if is_full || rows.is_batch_end() {
                sink(self.batch(rows)?)?;
            }
        }
        if self.batch_rows > 0 {
            sink(self.batch(rows)?)?;
        }
        let mut sums = self.sums.finish()?;
        sums.charges_added = self.charges_added;
        Ok(PartTotals {
            sums,
            unknown_line_item_types: self.unknown_types,
            unmapped_columns: objects::unmapped(&self.header).cloned().collect(),
            currencies: self.currencies.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect(),
            ..PartTotals::default()
        })
    }

    /// Takes all rows of a block, or fails with what is wrong with the first one that is not right.
    fn take_block(&mut self, block: &impl Block) -> Result<(), IngestError> {
        let too_large = |at| self.check_size(at, &block.row(at)).err().map(|error| (at, error));
        let too_large = (0..block.len()).find_map(too_large);
        // Rows before one that is too large may be wrong themselves.
        let rows = too_large.as_ref().map_or(block.len(), |(at, _)| *at);
        let mut charges = std::mem::take(&mut self.charges_of_block);
        charges.clear();
        if let Some((at, fault)) = self.take(block, rows, &mut charges) {
            return Err(self.cell_error(at, (&block.row(at), fault)));
        }
        self.charges_of_block = charges;
        self.row += rows as u64;
        too_large.map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Whether the row, its cells and the rows so far are as few and short as they must be.
    #[inline]
    fn check_size(&self, at: usize, row: &impl Row) -> Result<(), IngestError> {
        let long = self.meter.of(Limit::FieldBytes).min(self.meter.of(Limit::RowBytes));
        let number = self.row + 1 + at as u64;
        let rows = self.meter.of(Limit::PartRows);
        if number <= rows && row.size() as u64 <= long { Ok(()) } else { self.check_each(number, row) }
    }

    /// Likewise, cell by cell: nearly no row is as long as one cell may be.
    #[cold]
    fn check_each(&self, number: u64, row: &impl Row) -> Result<(), IngestError> {
        let too_much = |column: Option<&str>, breach| IngestError::too_much(self.file, (Some(number), column), breach);
        self.meter.check(Limit::PartRows, number).map_err(|breach| too_much(None, breach))?;
        self.meter.check(Limit::RowBytes, row.size() as u64).map_err(|breach| too_much(None, breach))?;
        for (place, column) in self.header.spelled().iter().enumerate() {
            let found = row.cell(place).len() as u64;
            self.meter.check(Limit::FieldBytes, found).map_err(|breach| too_much(Some(column), breach))?;
        }
        Ok(())
    }

    /// Takes the first `rows` of a block, one column of the lake after the other; gives the first row that is wrong, and in it
    /// what is looked at first.
    fn take(&mut self, block: &impl Block, rows: usize, charges: &mut Vec<Placed>) -> Option<(usize, Fault)> {
        let mut wrong = FirstWrong { rows, found: None };
        wrong.note(self.charge(block, rows, charges));
        self.columns.fill(block, charges, |result| wrong.note(result));
        wrong.note(block.check(wrong.rows));
        wrong.note(self.add(block, charges));
        if let Some(picked) = &mut self.picked {
            picked.extend(charges.iter().map(|Placed { at, .. }| block.row(*at).place()));
        }
        self.batch_rows += charges.len();
        wrong.found
    }

    /// The charges of the rows, up to one that has none.
    fn charge(&self, block: &impl Block, rows: usize, charges: &mut Vec<Placed>) -> Result<(), (usize, Fault)> {
        (0..rows).try_for_each(|at| {
            let wrong = |fault| (at, fault);
            let row = block.row(at);
            if let Some(payer) = &self.payer {
                payer.check(&row).map_err(wrong)?;
            }
            let (stated, added) = self.charges.charges(&row).map_err(wrong)?;
            charges.push(Placed { at, charge: stated });
            charges.extend(added.map(|charge| Placed { at, charge }));
            Ok(())
        })
    }

    /// Counts the rows, and what they say of the file as a whole.
    fn add(&mut self, block: &impl Block, charges: &[Placed]) -> Result<(), (usize, Fault)> {
        for Placed { at, charge } in charges {
            if charge.role == Role::Unused {
                self.charges_added += 1;
                continue;
            }
            let row = block.row(*at);
            self.sums.add(&row, charge).map_err(|fault| (*at, fault))?;
            self.note(&row, charge);
            self.batch_bytes += row.size();
        }
        Ok(())
    }

    /// Remembers what is told of the file as a whole.
    fn note(&mut self, row: &impl Row, charge: &Charge) {
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

    fn batch(&mut self, from: &impl Rows) -> Result<RecordBatch, IngestError> {
        let rows = std::mem::take(&mut self.batch_rows);
        let picked = self.picked.as_mut().map(std::mem::take).unwrap_or_default();
        self.bytes += std::mem::take(&mut self.batch_bytes) as u64;
        // A dictionary's few bytes may stand for very many.
        let too_much = |breach| IngestError::too_much(self.file, (Some(self.row), None), breach);
        self.meter.check(Limit::PartBytes, self.bytes).map_err(too_much)?;
        let passed = |place: usize| match from.texts(place) {
            Some(texts) => pick(&texts, &picked),
            None => Err(ArrowError::InvalidArgumentError("a file without columns has none to pass on".to_owned())),
        };
        self.columns
            .finish(rows, passed)
            .and_then(charges_batch)
            .map_err(|error| IngestError::Charges { file: self.file.to_owned(), reason: error.to_string() })
    }

    fn cell_error(&self, at: usize, (row, fault): (&impl Row, Fault)) -> IngestError {
        let value = String::from_utf8_lossy(&row.cell(fault.column)).into_owned();
        IngestError::Cell {
            file: self.file.to_owned(),
            row: self.row + 1 + at as u64,
            column: told(&self.header.spelled()[fault.column]),
            value: told(&value),
            problem: fault.problem,
        }
    }
}
