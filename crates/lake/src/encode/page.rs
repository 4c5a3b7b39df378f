//! The page at hand of a column: which rows have a value, and the values so far.

use arrow::array::BooleanBufferBuilder;
use arrow::buffer::NullBuffer;

use super::hybrid;

/// A page ends with the batch in which it has this many rows.
pub(super) const PAGE_ROWS: usize = 16 << 10;

/// What a page is made of, batch by batch.
#[derive(Default)]
pub(super) struct PageInWork {
    pub(super) rows: usize,
    pub(super) nulls: usize,
    pub(super) validity: Option<BooleanBufferBuilder>,
    pub(super) numbers: Vec<u32>,
    pub(super) plain: Vec<u8>,
    pub(super) flags: Option<BooleanBufferBuilder>,
}

impl PageInWork {
    /// Notes which of so many values are there.
    pub(super) fn note(&mut self, rows: usize, nulls: Option<&NullBuffer>) {
        let missing = nulls.map_or(0, NullBuffer::null_count);
        if missing > 0 && self.validity.is_none() {
            let mut validity = BooleanBufferBuilder::new(PAGE_ROWS);
            validity.append_n(self.rows, true);
            self.validity = Some(validity);
        }
        match (&mut self.validity, nulls) {
            (None, _) => {}
            (Some(validity), Some(nulls)) => validity.append_buffer(nulls.inner()),
            (Some(validity), None) => validity.append_n(rows, true),
        }
        self.rows += rows;
        self.nulls += missing;
    }

    /// Which values are there: a run where it is all or none of them, else the bits as they are.
    pub(super) fn append_levels(&mut self, out: &mut Vec<u8>, optional: bool) {
        if !optional {
            return;
        }
        let mut levels = Vec::new();
        match &mut self.validity {
            Some(validity) if self.nulls < self.rows => {
                hybrid::append_bits(&mut levels, validity.finish().inner().as_slice(), self.rows);
            }
            Some(_) => hybrid::append_run(&mut levels, (self.rows, 0), 1),
            None => hybrid::append_run(&mut levels, (self.rows, 1), 1),
        }
        out.extend_from_slice(&u32::try_from(levels.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.append(&mut levels);
    }

    pub(super) fn clear(&mut self) {
        (self.rows, self.nulls, self.validity) = (0, 0, None);
        self.numbers.clear();
        self.plain.clear();
    }
}
