//! Columns being filled: plain vectors that become Arrow arrays at the end of a batch without another copy.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Int32Array, NullArray, NullBufferBuilder,
    StringArray, TimestampMicrosecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::error::ArrowError;
use billing::money::{Amount, PRECISION, SCALE};

use crate::intern::Interner;

/// The most rows of a batch: a batch of all columns then takes some two MiB, and larger ones are read no faster.
pub(super) const BATCH_ROWS: usize = 2048;

/// The key of a row without a text.
const NO_TEXT: i32 = -1;

/// Texts: each distinct one of a batch once, and a key a row. Where nearly every one is new, one after the other.
pub(super) struct TextColumn {
    /// The batch's distinct texts; where kinds have keys, the file's.
    known: Interner,
    /// Which of them each row has, or each kind of row.
    keys: Vec<i32>,
    /// What is known, as far as it was needed by kinds.
    values: Option<Arc<StringArray>>,
    /// The texts of a column that hardly repeats itself.
    plain: Option<PlainTexts>,
}

/// Texts one after the other.
struct PlainTexts {
    bytes: Vec<u8>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl TextColumn {
    pub(super) fn new() -> Self {
        Self { known: Interner::default(), keys: Vec::with_capacity(BATCH_ROWS), values: None, plain: None }
    }

    #[inline]
    pub(super) fn push(&mut self, text: &[u8]) {
        match &mut self.plain {
            None => self.keys.push(self.known.intern(text).cast_signed()),
            Some(plain) => {
                plain.bytes.extend_from_slice(text);
                plain.end(true);
            }
        }
    }

    #[inline]
    pub(super) fn push_null(&mut self) {
        match &mut self.plain {
            None => self.keys.push(NO_TEXT),
            Some(plain) => plain.end(false),
        }
    }

    /// Empty text is no text.
    #[inline]
    pub(super) fn push_or_null(&mut self, text: &[u8]) {
        if text.is_empty() { self.push_null() } else { self.push(text) }
    }

    /// The array; checks that all of it is UTF-8.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        if let Some(plain) = &mut self.plain {
            return plain.finish();
        }
        let keys = std::mem::replace(&mut self.keys, Vec::with_capacity(BATCH_ROWS));
        let (filled, distinct) = (keys.iter().filter(|key| **key >= 0).count(), self.known.len());
        if distinct == 0 {
            return Ok(Arc::new(NullArray::new(keys.len())));
        }
        let values = Arc::new(texts(self.known.take(), None)?);
        if filled >= BATCH_ROWS / 2 && distinct * 4 > filled * 3 {
            (self.known, self.plain) = (Interner::default(), Some(PlainTexts::new()));
        }
        dictionary(keys, values)
    }

    /// The array of rows of these kinds, where one text was pushed for each kind, in this batch or an earlier one.
    pub(super) fn finish_kinds(&mut self, kinds: &[u32]) -> Result<ArrayRef, ArrowError> {
        if self.known.len() == 0 {
            return Ok(Arc::new(NullArray::new(kinds.len())));
        }
        let values = match self.values.take().filter(|values| values.len() == self.known.len()) {
            Some(values) => values,
            None => Arc::new(texts(self.known.to_vecs(), None)?),
        };
        self.values = Some(Arc::clone(&values));
        dictionary(kinds.iter().map(|kind| self.keys[*kind as usize]).collect(), values)
    }
}

/// Rows with these keys of values.
fn dictionary(mut keys: Vec<i32>, values: Arc<StringArray>) -> Result<ArrayRef, ArrowError> {
    let is_text = BooleanBuffer::collect_bool(keys.len(), |row| keys[row] >= 0);
    let nulls = Some(NullBuffer::new(is_text)).filter(|nulls| nulls.null_count() > 0);
    for key in &mut keys {
        *key = (*key).max(0);
    }
    Ok(Arc::new(DictionaryArray::try_new(Int32Array::try_new(ScalarBuffer::from(keys), nulls)?, values)?))
}

impl PlainTexts {
    fn new() -> Self {
        Self { bytes: Vec::new(), offsets: first_offset(), nulls: NullBufferBuilder::new(BATCH_ROWS) }
    }

    #[inline]
    fn end(&mut self, is_text: bool) {
        self.nulls.append(is_text);
        // A batch ends long before its texts reach 2 GiB: see `part::BATCH_BYTES`.
        self.offsets.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let next = Vec::with_capacity(self.bytes.len());
        let bytes = std::mem::replace(&mut self.bytes, next);
        let offsets = std::mem::replace(&mut self.offsets, first_offset());
        Ok(Arc::new(texts((bytes, offsets), self.nulls.finish())?))
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
    use arrow::array::AsArray;
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
