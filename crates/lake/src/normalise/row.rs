//! What the mapping sees of a file: rows of cells, whatever they are packed in.

use std::borrow::Cow;

use arrow::array::ArrayRef;
use billing::money::{Amount, AmountError};

use super::error::{CellProblem, Fault};
use super::limits::Breach;

/// One row: cells by the place of their column, as text.
pub(super) trait Row {
    /// The cell's text; empty where it has none, and past the last one.
    fn cell(&self, column: usize) -> Cow<'_, [u8]>;

    /// The amount in the cell; `None` where it is empty.
    #[inline]
    fn amount(&self, column: usize) -> Result<Option<Amount>, AmountError> {
        let cell = self.cell(column);
        if cell.is_empty() { Ok(None) } else { Amount::parse(&cell).map(Some) }
    }

    /// Whether the cell is certainly empty. Quotes around nothing may pass.
    fn is_blank(&self, column: usize) -> bool {
        self.cell(column).is_empty()
    }

    /// Everything from one cell to another, both included, as the file has it; `None` where a file has no such thing.
    fn span(&self, _first: usize, _last: usize) -> Option<&[u8]> {
        None
    }

    /// Which row of its batch it is, where the file has batches.
    fn place(&self) -> u32 {
        0
    }

    /// The size of the row in bytes, about.
    fn size(&self) -> usize;
}

/// Why there is no next row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RowError {
    /// The file can't be read any further.
    Read(String),
    /// The row has this many cells instead of the header's.
    CellCount(usize),
    /// More than a limit allows, in this column where it is one column's.
    TooMuch(Option<usize>, Breach),
    /// A column has a type that has no text: the column as the file spells it, and its type.
    ColumnType(String, String),
    /// A cell of the row can't be taken apart: its column's place, its text, and what is wrong.
    Cell(usize, String, CellProblem),
}

impl From<Breach> for RowError {
    fn from(breach: Breach) -> Self {
        Self::TooMuch(None, breach)
    }
}

/// Some rows of a file, one after the other: few enough that they stay in the processor's cache while one column after
/// the other is made of them.
pub(super) trait Block {
    /// One of them.
    type Row<'a>: Row
    where
        Self: 'a;

    /// How many there are.
    fn len(&self) -> usize;

    /// The row at a place below [`Self::len`].
    fn row(&self, at: usize) -> Self::Row<'_>;

    /// Whether all of the first `rows` are text, and all of their cells that were looked at were written right; else the first
    /// one that is not.
    fn check(&self, rows: usize) -> Result<(), (usize, Fault)>;
}

impl<B: Block> Block for &B {
    type Row<'a>
        = B::Row<'a>
    where
        Self: 'a;

    fn len(&self) -> usize {
        (**self).len()
    }

    #[inline]
    fn row(&self, at: usize) -> B::Row<'_> {
        (**self).row(at)
    }

    fn check(&self, rows: usize) -> Result<(), (usize, Fault)> {
        (**self).check(rows)
    }
}

/// The most rows of a block.
pub(super) const BLOCK_ROWS: usize = 32;

/// The rows of a file, in order.
pub(super) trait Rows {
    /// Some rows, which live until the next ones are asked for.
    type Block<'a>: Block
    where
        Self: 'a;

    /// The next rows, at least one and at most [`BLOCK_ROWS`]; `None` at the end. An error is of the row behind all that came
    /// before.
    fn next(&mut self) -> Result<Option<Self::Block<'_>>, RowError>;

    /// Whether the last row was its batch's last, where the file has batches.
    fn is_batch_end(&self) -> bool {
        false
    }

    /// A column of the last row's batch as texts, empty cells as nulls; `None` where the file has no batches.
    fn texts(&self, _column: usize) -> Option<ArrayRef> {
        None
    }
}
