//! Why a file of a delivery could not be read right: which file, which row, which column, and what to do.

use billing::formats::Format;
use billing::money::AmountError;
use billing::reconcile::SumOverflow;
use billing::told::told;

use super::limits::Breach;
use crate::limits::Limit;

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
    /// There is no manifest, and no column says whose bill it is either.
    #[error(
        "`{file}` has no column `{column}`, and without a manifest nothing else says whose bill it is: select that column, or copy the manifest too"
    )]
    NoPayer {
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
    /// It is larger, in some sense, than a limit allows.
    #[error(
        "{}`{file}`: {}; if AWS really wrote it so, raise the limit with `--bill-limit {}=…`",
        at(.row.as_ref(), .column.as_deref()), .limit.breach(*.allowed), .limit.name()
    )]
    TooMuch {
        /// The object's key.
        file: String,
        /// The row, where one is to blame.
        row: Option<u64>,
        /// The column, where one is to blame.
        column: Option<String>,
        /// What it breaks.
        limit: Limit,
        /// What is allowed.
        allowed: u64,
    },
    /// A decoder gave up on it in a way that only damaged or hostile files make it: its reader panicked.
    #[error(
        "the reader of `{file}` failed: the file is damaged, or made to break its reader; have AWS deliver it anew, and report it if it comes so again"
    )]
    Decoder {
        /// The object's key.
        file: String,
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

impl IngestError {
    /// Whether the same file may be read the next time: nothing is wrong with it, but with this machine.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Scratch { .. } | Self::Stopped)
    }

    /// A breach of a limit, with the row and the column where it is one's.
    pub(super) fn too_much(file: &str, (row, column): (Option<u64>, Option<&str>), breach: Breach) -> Self {
        let Breach { limit, allowed } = breach;
        Self::TooMuch { file: file.to_owned(), row, column: column.map(told), limit, allowed }
    }
}

/// Where in a file something is, to stand before the file's name.
fn at(row: Option<&u64>, column: Option<&str>) -> String {
    match (row, column) {
        (Some(row), Some(column)) => format!("row {row}, column `{column}` of "),
        (Some(row), None) => format!("row {row} of "),
        (None, Some(column)) => format!("column `{column}` of "),
        (None, None) => String::new(),
    }
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
    /// It is another account than the connection's, and there is no manifest.
    #[error("is not the payer account that the connection is for")]
    OtherPayer,
    /// Its quotes don't match.
    #[error("is not quoted right")]
    Quoting,
    /// It is no map of keys to values.
    #[error("is not a JSON object")]
    Object,
    /// It is a map that nests too deep.
    #[error("nests deeper than the limit `map-depth` allows")]
    TooDeep,
    /// It is a map that says two things of one key.
    #[error("says two things of one key")]
    TwiceInMap,
    /// It is not text.
    #[error("is not UTF-8 text")]
    NotUtf8,
    /// It names something, and holds a byte that no name has.
    #[error("holds a zero byte, which no name does")]
    ZeroByte,
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
