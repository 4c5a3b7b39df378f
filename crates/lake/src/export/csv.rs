//! An export as comma-separated text: numbers with every digit, times as `2026-09-01T00:00:00Z`, texts that no spreadsheet runs.

use std::io::Write as _;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Decimal128Type, Schema, TimeUnit, TimestampMicrosecondType};
use billing::money::Amount;
use billing::spreadsheet::defused;
use bytes::Bytes;
use time::OffsetDateTime;

/// Writes batches as lines.
pub(super) struct CsvWriter {
    /// What was not given out yet: at first, the header.
    text: Vec<u8>,
}

/// One column of a batch.
enum Cells<'a> {
    Texts(&'a StringArray),
    Views(&'a StringViewArray),
    Amounts(&'a Decimal128Array),
    Flags(&'a BooleanArray),
    /// With the last one, which most rows repeat.
    Times(&'a TimestampMicrosecondArray, (i64, String)),
    /// Nothing that an export has.
    Nothing,
}

impl CsvWriter {
    pub(super) fn new(schema: &Schema) -> Self {
        let mut text = Vec::new();
        for (at, field) in schema.fields().iter().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            append_text(field.name(), &mut text);
        }
        text.push(b'\n');
        Self { text }
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Bytes {
        let mut columns: Vec<_> = batch.columns().iter().map(Cells::of).collect();
        let mut text = std::mem::take(&mut self.text);
        for row in 0..batch.num_rows() {
            for (at, cells) in columns.iter_mut().enumerate() {
                if at > 0 {
                    text.push(b',');
                }
                cells.append(row, &mut text);
            }
            text.push(b'\n');
        }
        text.into()
    }

    pub(super) fn finish(self) -> Bytes {
        self.text.into()
    }
}

impl<'a> Cells<'a> {
    fn of(array: &'a ArrayRef) -> Self {
        match array.data_type() {
            DataType::Utf8 => Self::Texts(array.as_string()),
            DataType::Utf8View => Self::Views(array.as_string_view()),
            DataType::Boolean => Self::Flags(array.as_boolean()),
            DataType::Decimal128(..) => Self::Amounts(array.as_primitive::<Decimal128Type>()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Self::Times(array.as_primitive::<TimestampMicrosecondType>(), (i64::MIN, String::new()))
            }
            _ => Self::Nothing,
        }
    }

    /// Appends a row's cell; nothing where it is null.
    fn append(&mut self, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Texts(texts) if texts.is_valid(row) => append_text(texts.value(row), out),
            Self::Views(texts) if texts.is_valid(row) => append_text(texts.value(row), out),
            Self::Flags(flags) if flags.is_valid(row) => {
                out.extend_from_slice(if flags.value(row) { b"true" } else { b"false" });
            }
            Self::Amounts(amounts) if amounts.is_valid(row) => {
                // Writing to a vector cannot fail.
                let _ = write!(out, "{}", Amount::from_unscaled(amounts.value(row)));
            }
            Self::Times(times, last) if times.is_valid(row) => {
                let micros = times.value(row);
                if last.0 != micros {
                    *last = (micros, instant(micros));
                }
                out.extend_from_slice(last.1.as_bytes());
            }
            _ => {}
        }
    }
}

/// A text, quoted where it needs to be.
fn append_text(text: &str, out: &mut Vec<u8>) {
    let text = defused(text);
    // Blanks at either end are quoted too: some readers would trim them.
    let plain = !text.is_empty()
        && !text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
        && text.trim().len() == text.len();
    if plain {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    for (at, piece) in text.split('"').enumerate() {
        if at > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(piece.as_bytes());
    }
    out.push(b'"');
}

/// An instant in UTC, with a fraction of a second only where it has one.
fn instant(micros: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, time) = (at.date(), at.time());
    let day = format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day());
    let fraction = if time.microsecond() > 0 { format!(".{:06}", time.microsecond()) } else { String::new() };
    format!("{day}T{:02}:{:02}:{:02}{fraction}Z", time.hour(), time.minute(), time.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_where_they_need_to_be() {
        for (text, expect) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            (" blank ", "\" blank \""),
            ("=1", "'=1"),
            ("=A1,\"x\"", "\"'=A1,\"\"x\"\"\""),
            ("", "\"\""),
        ] {
            let mut out = Vec::new();
            append_text(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expect);
        }
    }

    #[test]
    fn instants_are_utc_with_a_fraction_only_where_there_is_one() {
        assert_eq!(instant(0), "1970-01-01T00:00:00Z");
        assert_eq!(instant(1_788_220_800_000_001), "2026-09-01T00:00:00.000001Z");
        assert_eq!(instant(-1_000_000), "1969-12-31T23:59:59Z");
    }
}
