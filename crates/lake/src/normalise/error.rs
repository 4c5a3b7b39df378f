//! Why a file of a delivery could not be read right: which file, which row, which column, and what to do.

use billing::formats::Format;
use billing::money::AmountError;
use billing::reconcile::SumOverflow;

/// Why a file of a delivery is refused. Rows are counted from 1, the first below the header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// It could not be unpacked to its end: cut off, damaged, or the download broke.
    #[error(
        "`{file}` could not be unpacked: {reason}; read the delivery again, and if that does not help wait for AWS to deliver anew"
    )]
    Unpack {
        /// The object's key.
        file: String,
        /// What the decompressor or the download says.
        reason: String,
    },
    /// It is packed in no way that is read here.
    #[error("`{file}` is none of the formats that are read ({}): has it been replaced by hand?", Format::names())]
    UnknownFormat {
        /// The object's key.
        file: String,
    },
    /// A column of a Parquet file holds something that has no text.
    #[error(
        "column `{column}` of `{file}` holds {data_type}, which is not read: select it as text, or as a map of texts"
    )]
    ColumnType {
        /// The object's key.
        file: String,
        /// The column.
        column: String,
        /// Its type, as Arrow calls it.
        data_type: String,
    },
    /// The file could not be laid down to be read in any order.
    #[error("`{file}` could not be kept for reading: {reason}; is there room in the data folder?")]
    Scratch {
        /// The object's key.
        file: String,
        /// What the operating system says.
        reason: String,
    },
    /// Some files are of a Cost and Usage Report, others of a FOCUS export.
    #[error("the delivery's files are of two kinds of reports, so that no cost can be summed over them")]
    Mixed,
    /// The header is no list of names.
    #[error("the header of `{file}` can't be read: {reason}")]
    Header {
        /// The object's key.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A column that a charge can't be made without is not there.
    #[error(
        "`{file}` has no column `{column}`, without which a charge can't be made: is this a Cost and Usage Report or a FOCUS export with all of its columns?"
    )]
    MissingColumn {
        /// The object's key.
        file: String,
        /// The column.
        column: String,
    },
    /// Two columns have the same name, so neither can be read by it.
    #[error("`{file}` has two columns `{column}`, so that neither can be read by its name")]
    DuplicateColumn {
        /// The object's key.
        file: String,
        /// The column.
        column: String,
    },
    /// A row has more or fewer cells than the header.
    #[error(
        "row {row} of `{file}` has {found} cells, but the header has {expected}: the file is damaged or not quoted right"
    )]
    CellCount {
        /// The object's key.
        file: String,
        /// The row.
        row: u64,
        /// Its cells.
        found: usize,
        /// The header's cells.
        expected: usize,
    },
    /// A row does not end: most likely a quote that is never closed.
    #[error("row {row} of `{file}` is longer than {} MiB: a quote is not closed", limit >> 20)]
    RowTooLong {
        /// The object's key.
        file: String,
        /// The row.
        row: u64,
        /// The most bytes that a row may have.
        limit: u64,
    },
    /// A cell can't be read as what its column holds.
    #[error("row {row}, column `{column}` of `{file}`: `{value}` {problem}")]
    Cell {
        /// The object's key.
        file: String,
        /// The row.
        row: u64,
        /// The source column.
        column: String,
        /// The cell, cut short where it is long.
        value: String,
        /// What is wrong with it.
        problem: CellProblem,
    },
    /// A sum does not fit.
    #[error(transparent)]
    Overflow(#[from] SumOverflow),
    /// The charges don't make a table: an error in the mapping, not in the file.
    #[error("the charges of `{file}` don't fit the lake's columns, which is an error in this program: {reason}")]
    Charges {
        /// The object's key.
        file: String,
        /// What Arrow says.
        reason: String,
    },
    /// What takes the charges has stopped, and knows why.
    #[error("reading was stopped")]
    Stopped,
}

/// What is wrong with a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CellProblem {
    /// It is no amount that we can keep.
    #[error("can't be kept as an exact amount: it is {0}")]
    Amount(AmountError),
    /// It is no instant.
    #[error("is not a time like `2026-09-01T00:00:00Z`")]
    Time,
    /// It is empty where a value must be.
    #[error("is empty, and a charge can't be made without it")]
    Missing,
    /// It is another month than the delivery's.
    #[error("is not the month that the delivery is for")]
    OtherMonth,
    /// Its quotes don't match.
    #[error("is not quoted right")]
    Quoting,
    /// It is no map of keys to values.
    #[error("is not a JSON object")]
    Object,
    /// It is not text.
    #[error("is not UTF-8 text")]
    NotUtf8,
    /// What is worked out from this column and others does not fit.
    #[error("makes a sum of more than 38 digits")]
    Overflow,
}

/// A problem with one cell of the row at hand, by the place of its column in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) column: usize,
    pub(super) problem: CellProblem,
}

impl Fault {
    pub(super) fn new(column: usize, problem: CellProblem) -> Self {
        Self { column, problem }
    }
}
