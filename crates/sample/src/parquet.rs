//! Parquet files, with doubles where AWS has doubles.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Builder, MapBuilder, MapFieldNames, RecordBatch, StringBuilder, TimestampMillisecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::desk::Entry;
use crate::error::SampleError;
use crate::table::{Column, Kind, Part, Value};

/// Rows that are handed on at once.
const BATCH: usize = 4096;

/// An open file.
pub(crate) struct ParquetFile {
    path: PathBuf,
    columns: Vec<Column>,
    builders: Vec<Builder>,
    rows: usize,
    /// `None` until the first rows tell the types.
    writer: Option<ArrowWriter<File>>,
}

enum Builder {
    Text(StringBuilder),
    Double(Float64Builder),
    Time(TimestampMillisecondBuilder),
    Texts(MapBuilder<StringBuilder, StringBuilder>),
    Doubles(MapBuilder<StringBuilder, Float64Builder>),
}

impl ParquetFile {
    pub(crate) fn create(path: PathBuf, columns: Vec<Column>) -> Self {
        let builders = columns.iter().map(|column| Builder::new(column.kind)).collect();
        Self { path, columns, builders, rows: 0, writer: None }
    }

    pub(crate) fn row(&mut self, entry: &Entry<'_>, part: Part) -> Result<(), SampleError> {
        for (column, builder) in self.columns.iter().zip(&mut self.builders) {
            builder.push(column.value(entry, part))?;
        }
        self.rows += 1;
        if self.rows < BATCH { Ok(()) } else { self.flush() }
    }

    pub(crate) fn finish(mut self) -> Result<(), SampleError> {
        self.flush()?;
        match self.writer.take() {
            Some(writer) => writer.close().map(drop).map_err(|error| failed(&self.path, error.into())),
            None => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), SampleError> {
        self.rows = 0;
        let arrays: Vec<ArrayRef> = self.builders.iter_mut().map(Builder::finish).collect();
        let field = |(column, array): (&Column, &ArrayRef)| Field::new(&column.name, array.data_type().clone(), true);
        let schema = Arc::new(Schema::new(self.columns.iter().zip(&arrays).map(field).collect::<Vec<_>>()));
        let path = &self.path;
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(|error| failed(path, error.into()))?;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let file = File::create(path).map_err(SampleError::write(path))?;
                let snappy = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                let writer = ArrowWriter::try_new(file, schema, Some(snappy));
                none.insert(writer.map_err(|error| failed(path, error.into()))?)
            }
        };
        writer.write(&batch).map_err(|error| failed(path, error.into()))
    }
}

fn failed(path: &Path, error: Box<dyn std::error::Error + Send + Sync>) -> SampleError {
    SampleError::write(path)(std::io::Error::other(error))
}

impl Builder {
    fn new(kind: Kind) -> Self {
        let names =
            || Some(MapFieldNames { entry: "key_value".to_owned(), key: "key".to_owned(), value: "value".to_owned() });
        match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Double => Self::Double(Float64Builder::new()),
            Kind::Time => {
                let utc = DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, Some("UTC".into()));
                Self::Time(TimestampMillisecondBuilder::new().with_data_type(utc))
            }
            Kind::Texts => Self::Texts(MapBuilder::new(names(), StringBuilder::new(), StringBuilder::new())),
            Kind::Doubles => Self::Doubles(MapBuilder::new(names(), StringBuilder::new(), Float64Builder::new())),
        }
    }

    fn push(&mut self, value: Value<'_>) -> Result<(), SampleError> {
        match (self, value) {
            (Self::Text(texts), Value::Text(text)) => texts.append_option(some(&text)),
            (Self::Double(doubles), Value::Text(text)) => doubles.append_option(double(&text)?),
            (Self::Time(times), Value::Text(text)) => times.append_option(some(&text).and_then(millis)),
            (Self::Texts(maps), Value::Map(entries)) => {
                let is_some = !entries.is_empty();
                for (key, value) in entries {
                    maps.keys().append_value(key);
                    maps.values().append_value(String::from_utf8_lossy(value));
                }
                maps.append(is_some).expect("as many keys as values");
            }
            (Self::Doubles(maps), Value::Map(entries)) => {
                let is_some = !entries.is_empty();
                for (key, value) in entries {
                    maps.keys().append_value(key);
                    maps.values().append_option(double(value)?);
                }
                maps.append(is_some).expect("as many keys as values");
            }
            _ => unreachable!("maps are gathered, all else is text"),
        }
        Ok(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(texts) => Arc::new(texts.finish()),
            Self::Double(doubles) => Arc::new(doubles.finish()),
            Self::Time(times) => Arc::new(times.finish()),
            Self::Texts(maps) => Arc::new(maps.finish()),
            Self::Doubles(maps) => Arc::new(maps.finish()),
        }
    }
}

/// Nothing where it is empty.
fn some(text: &[u8]) -> Option<&str> {
    std::str::from_utf8(text).ok().filter(|text| !text.is_empty())
}

/// A number as a double that stands for it alone: with at most 15 digits, its shortest text is the number itself. A word
/// in a column of numbers is nothing in Parquet.
fn double(text: &[u8]) -> Result<Option<f64>, SampleError> {
    let Some(text) = some(text) else { return Ok(None) };
    let digits = text.bytes().take_while(|byte| !matches!(byte, b'e' | b'E')).filter(u8::is_ascii_digit);
    let digits = digits.skip_while(|digit| *digit == b'0').count();
    match text.parse() {
        Err(_) => Ok(None),
        Ok(number) if digits <= 15 => Ok(Some(number)),
        Ok(_) => Err(SampleError::Spec(format!("`{text}` has more digits than a double keeps: ask for fewer rows"))),
    }
}

/// Milliseconds since 1970 of an hour such as `2026-09-01T05:00:00Z`.
fn millis(stamp: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| stamp.get(range).and_then(|digits| digits.parse::<i64>().ok());
    let (year, month, day, hour) = (number(0..4)?, number(5..7)?, number(8..10)?, number(11..13)?);
    // Years begin in March here, so that the leap day is a year's last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some((days * 24 + hour) * 3_600_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_double_stands_for_one_decimal_alone() {
        assert_eq!(
            double(b"1.81E-8").expect("few digits").map(|number| number.to_string()).as_deref(),
            Some("0.0000000181")
        );
        assert_eq!(double(b"").expect("nothing"), None);
        assert_eq!(double(b"NA").expect("a word"), None);
        assert!(double(b"1234567.1234567891").is_err());
    }

    #[test]
    fn instants_are_counted_from_1970() {
        assert_eq!(millis("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(millis("2026-09-01T05:00:00Z"), Some(1_788_238_800_000));
    }
}
