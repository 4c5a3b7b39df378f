//! Columns being filled: plain vectors that become Arrow arrays at the end of a batch without another copy.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Int32Array, NullArray, NullBufferBuilder, StringArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::error::ArrowError;
use billing::money::{Amount, PRECISION, SCALE};

use crate::intern::Interner;

/// The most rows of a batch: a batch of all columns then takes some two MiB, and larger ones are read no faster.
pub(super) const BATCH_ROWS: usize = 2048;

/// Texts: each distinct one of a batch once, and a key a row. Where nearly every one is new, one after the other.
pub(super) struct TextColumn {
    /// The batch's distinct texts.
    known: Interner,
    /// Which of them each row has; `None` in a column that hardly repeats itself.
    keys: Option<Vec<i32>>,
    bytes: Vec<u8>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl TextColumn {
    pub(super) fn new() -> Self {
        Self {
            known: Interner::default(),
            keys: Some(Vec::with_capacity(BATCH_ROWS)),
            bytes: Vec::new(),
            offsets: vec![0],
            nulls: NullBufferBuilder::new(BATCH_ROWS),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, text: &[u8]) {
        self.nulls.append_non_null();
        if let Some(keys) = &mut self.keys {
            keys.push(self.known.intern(text).cast_signed());
        } else {
            self.bytes.extend_from_slice(text);
            self.end();
        }
    }

    #[inline]
    pub(super) fn push_null(&mut self) {
        self.nulls.append_null();
        match &mut self.keys {
            Some(keys) => keys.push(0),
            None => self.end(),
        }
    }

    /// Empty text is no text.
    #[inline]
    pub(super) fn push_or_null(&mut self, text: &[u8]) {
        if text.is_empty() { self.push_null() } else { self.push(text) }
    }

    #[inline]
    fn end(&mut self) {
        // A batch ends long before its texts reach 2 GiB: see `part::BATCH_BYTES`.
        self.offsets.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
    }

    /// The array; checks that all of it is UTF-8.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let nulls = self.nulls.finish();
        let Some(keys) = self.keys.take() else {
            let next = Vec::with_capacity(self.bytes.len());
            let bytes = std::mem::replace(&mut self.bytes, next);
            let offsets = std::mem::replace(&mut self.offsets, first_offset());
            return Ok(Arc::new(texts((bytes, offsets), nulls)?));
        };
        let (rows, distinct) = (keys.len(), self.known.len());
        if distinct == 0 {
            self.keys = Some(keys);
            self.keys.iter_mut().for_each(Vec::clear);
            return Ok(Arc::new(NullArray::new(rows)));
        }
        let values = texts(self.known.take(), None)?;
        let filled = rows - nulls.as_ref().map_or(0, NullBuffer::null_count);
        if filled >= BATCH_ROWS / 2 && distinct * 4 > filled * 3 {
            (self.known, self.offsets) = (Interner::default(), first_offset());
        } else {
            self.keys = Some(Vec::with_capacity(BATCH_ROWS));
        }
        let keys = Int32Array::try_new(ScalarBuffer::from(keys), nulls)?;
        Ok(Arc::new(DictionaryArray::try_new(keys, Arc::new(values))?))
    }
}

fn first_offset() -> Vec<i32> {
    let mut offsets = Vec::with_capacity(BATCH_ROWS + 1);
    offsets.push(0);
    offsets
}

fn texts((bytes, offsets): (Vec<u8>, Vec<i32>), nulls: Option<NullBuffer>) -> Result<StringArray, ArrowError> {
    StringArray::try_new(OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(bytes), nulls)
}

/// Exact decimals.
pub(super) struct AmountColumn {
    unscaled: Vec<i128>,
    nulls: NullBufferBuilder,
}

impl AmountColumn {
    pub(super) fn new() -> Self {
        Self { unscaled: Vec::with_capacity(BATCH_ROWS), nulls: NullBufferBuilder::new(BATCH_ROWS) }
    }

    #[inline]
    pub(super) fn push(&mut self, amount: Option<Amount>) {
        self.unscaled.push(amount.unwrap_or_default().unscaled());
        self.nulls.append(amount.is_some());
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let Self { unscaled, mut nulls } = std::mem::replace(self, Self::new());
        let array = Decimal128Array::try_new(ScalarBuffer::from(unscaled), nulls.finish())?;
        Ok(Arc::new(array.with_precision_and_scale(PRECISION, SCALE.cast_signed())?))
    }
}

/// Instants in microseconds since 1970, UTC; every charge has each of them.
pub(super) struct TimeColumn {
    micros: Vec<i64>,
}

impl TimeColumn {
    pub(super) fn new() -> Self {
        Self { micros: Vec::with_capacity(BATCH_ROWS) }
    }

    #[inline]
    pub(super) fn push(&mut self, micros: i64) {
        self.micros.push(micros);
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let micros = std::mem::replace(&mut self.micros, Vec::with_capacity(BATCH_ROWS));
        Ok(Arc::new(TimestampMicrosecondArray::try_new(ScalarBuffer::from(micros), None)?.with_timezone("UTC")))
    }
}

/// Yes or no; every charge has it.
pub(super) struct FlagColumn {
    flags: Vec<bool>,
}

impl FlagColumn {
    pub(super) fn new() -> Self {
        Self { flags: Vec::with_capacity(BATCH_ROWS) }
    }

    pub(super) fn push(&mut self, flag: bool) {
        self.flags.push(flag);
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let flags = BooleanBuffer::from(self.flags.as_slice());
        self.flags.clear();
        Arc::new(BooleanArray::new(flags, None))
    }
}

/// The same text in every row.
pub(super) fn constant(text: &str, rows: usize) -> Result<ArrayRef, ArrowError> {
    let mut column = TextColumn::new();
    (0..rows).for_each(|_| column.push(text.as_bytes()));
    column.finish()
}

/// The same amount in every row.
pub(super) fn zeros(rows: usize) -> Result<ArrayRef, ArrowError> {
    let mut column = AmountColumn::new();
    (0..rows).for_each(|_| column.push(Some(Amount::ZERO)));
    column.finish()
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::compute::cast;
    use arrow::datatypes::{DataType, Decimal128Type, TimestampMicrosecondType};

    use super::*;

    #[test]
    fn columns_become_arrays_and_start_anew() {
        let (mut texts, mut amounts, mut times) = (TextColumn::new(), AmountColumn::new(), TimeColumn::new());
        for round in 0..2 {
            texts.push(b"one");
            texts.push_or_null(b"");
            amounts.push(Some("1.5".parse().unwrap()));
            amounts.push(None);
            times.push(0);
            times.push(1_000_000);
            let (text, amount, time) = (texts.finish().unwrap(), amounts.finish().unwrap(), times.finish().unwrap());
            let text = cast(&text, &DataType::Utf8).unwrap();
            assert_eq!(text.as_string::<i32>().iter().collect::<Vec<_>>(), [Some("one"), None], "round {round}");
            let amount = amount.as_primitive::<Decimal128Type>();
            assert_eq!(amount.iter().collect::<Vec<_>>(), [Some(1_500_000_000_000_000_000), None]);
            assert_eq!(amount.data_type(), &DataType::Decimal128(38, 18));
            assert_eq!(time.as_primitive::<TimestampMicrosecondType>().values(), &[0, 1_000_000]);
        }
    }

    #[test]
    fn texts_that_hardly_repeat_are_no_dictionary_from_the_next_batch_on() {
        let mut column = TextColumn::new();
        for batch in 0..3 {
            let texts: Vec<_> = (0..BATCH_ROWS).map(|at| (at % 9 > 0).then(|| format!("{batch} {at}"))).collect();
            for text in &texts {
                column.push_or_null(text.as_deref().unwrap_or_default().as_bytes());
            }
            let array = column.finish().unwrap();
            assert_eq!(array.data_type() == &DataType::Utf8, batch > 0);
            let array = cast(&array, &DataType::Utf8).unwrap();
            assert!(array.as_string::<i32>().iter().eq(texts.iter().map(Option::as_deref)), "batch {batch}");
        }
    }

    #[test]
    fn a_column_of_nothing_is_bare_nulls() {
        let mut column = TextColumn::new();
        for _ in 0..2 {
            column.push_null();
            assert_eq!(column.finish().unwrap().data_type(), &DataType::Null);
            column.push(b"a");
            assert_eq!(cast(&column.finish().unwrap(), &DataType::Utf8).unwrap().as_string::<i32>().value(0), "a");
        }
    }

    #[test]
    fn text_that_is_not_utf8_makes_no_array() {
        let mut texts = TextColumn::new();
        texts.push(b"\xff");
        assert!(texts.finish().is_err());
    }
}
