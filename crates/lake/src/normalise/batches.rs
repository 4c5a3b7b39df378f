//! Columns of Arrow as text: what the mapping reads of a Parquet file, batch by batch.

use std::borrow::Cow;
use std::fmt::Write as _;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Float32Type, Float64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use time::OffsetDateTime;

use super::error::Fault;
use super::header::{Header, MapColumn};
use super::maps::{Apart, Known};
use super::objects::append_json;
use super::row::Row;

/// The cells of one column, as text.
pub(super) enum Column {
    /// As the file has them.
    Text(StringArray),
    /// Written from something else: one after the other, and where each ends.
    Written(String, Vec<usize>),
}

impl Column {
    fn empty() -> Self {
        Self::Written(String::new(), Vec::new())
    }

    fn cell(&self, row: usize) -> &str {
        match self {
            Self::Text(texts) if texts.is_null(row) => "",
            Self::Text(texts) => texts.value(row),
            Self::Written(text, ends) => {
                let start = row.checked_sub(1).map_or(0, |before| ends[before]);
                &text[start..ends[row]]
            }
        }
    }

    fn push(&mut self, cell: &[u8]) {
        if let Self::Written(text, ends) = self {
            // What is taken apart was text before.
            text.push_str(&String::from_utf8_lossy(cell));
            ends.push(text.len());
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Text(texts) => texts.value_data().len(),
            Self::Written(text, _) => text.len(),
        }
    }
}

/// A row of a batch.
pub(super) struct BatchRow<'a> {
    pub(super) columns: &'a [Column],
    pub(super) row: usize,
    /// About how long it is.
    pub(super) size: usize,
}

impl Row for BatchRow<'_> {
    #[inline]
    fn cell(&self, column: usize) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.columns.get(column).map_or("", |column| column.cell(self.row)).as_bytes())
    }

    fn size(&self) -> usize {
        self.size
    }

    /// Arrow's texts are UTF-8 by construction.
    fn check(&self) -> Result<(), Fault> {
        Ok(())
    }
}

/// A batch's columns by the header's places, those that maps have among them.
pub(super) fn columns(batch: &RecordBatch, header: &Header, maps: &mut [Known]) -> Result<Vec<Column>, Untold> {
    let mut columns = Vec::with_capacity(header.names().len());
    for (place, array) in batch.columns().iter().enumerate() {
        columns.push(match header.map_at(place) {
            Some(_) => Column::empty(),
            None => text(array).map_err(|data_type| Untold { place, data_type })?,
        });
    }
    columns.resize_with(header.names().len(), Column::empty);
    for (map, known) in header.maps().iter().zip(maps) {
        let array = batch.column(map.place);
        let untold = |data_type| Untold { place: map.place, data_type };
        let parts = array.as_map_opt().map(MapParts::new).transpose().map_err(untold)?;
        // Whoever copied the bill may have written maps as JSON, as they are in csv.
        let texts = if parts.is_none() { Some(text(array).map_err(untold)?) } else { None };
        for row in 0..array.len() {
            match (&parts, &texts) {
                (Some(parts), _) => {
                    let reader = &mut known.reader;
                    reader.begin();
                    parts.entries(row, |key, value| reader.entry(key, value));
                    reader.end();
                    push(&mut columns, map, &reader.apart);
                }
                (None, texts) => {
                    let json = texts.as_ref().map_or("", |texts| texts.cell(row));
                    let no_object = || untold("text that is no JSON object".to_owned());
                    push(&mut columns, map, &*known.apart(json.as_bytes()).ok_or_else(no_object)?);
                }
            }
        }
    }
    Ok(columns)
}

/// Appends what one map was taken apart into.
fn push(columns: &mut [Column], map: &MapColumn, apart: &Apart) {
    columns[map.place].push(&apart.rest);
    for ((_, place), cell) in map.entries.iter().zip(&apart.cells) {
        columns[*place].push(cell);
    }
}

/// All texts of these columns together.
pub(super) fn size(columns: &[Column]) -> usize {
    columns.iter().map(Column::size).sum()
}

/// A column that can't be told as text.
#[derive(Debug)]
pub(super) struct Untold {
    pub(super) place: usize,
    pub(super) data_type: String,
}

/// The array's values as text: a double as the shortest decimal that is read back as the same double, an instant as
/// `2026-09-01T00:00:00Z`, a map as a JSON object. The type, where it has no text.
fn text(array: &ArrayRef) -> Result<Column, String> {
    match array.data_type() {
        DataType::Float64 => Ok(floats::<Float64Type>(array)),
        DataType::Float32 => Ok(floats::<Float32Type>(array)),
        DataType::Timestamp(TimeUnit::Second, _) => Ok(instants::<TimestampSecondType>(array, 1_000_000_000)),
        DataType::Timestamp(TimeUnit::Millisecond, _) => Ok(instants::<TimestampMillisecondType>(array, 1_000_000)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => Ok(instants::<TimestampMicrosecondType>(array, 1_000)),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => Ok(instants::<TimestampNanosecondType>(array, 1)),
        DataType::Date32 => Ok(instants::<Date32Type>(array, 86_400_000_000_000)),
        DataType::Map(..) => json_objects(array.as_map()),
        DataType::Null => Ok(Column::Written(String::new(), vec![0; array.len()])),
        DataType::Utf8 => Ok(Column::Text(array.as_string().clone())),
        data_type if data_type.is_nested() => Err(data_type.to_string()),
        data_type => match cast(array, &DataType::Utf8) {
            Ok(texts) => Ok(Column::Text(texts.as_string().clone())),
            Err(_) => Err(data_type.to_string()),
        },
    }
}

fn floats<T>(array: &ArrayRef) -> Column
where
    T: ArrowPrimitiveType,
    T::Native: std::fmt::Display,
{
    written(array.as_primitive::<T>().iter(), |out, value| {
        // Rust prints the shortest digits that are read back as the same float, plain.
        let _ = write!(out, "{value}");
    })
}

/// `nanos` is how many nanoseconds one is.
fn instants<T>(array: &ArrayRef, nanos: i128) -> Column
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64>,
{
    // Most instants are the same as the one before.
    let mut last = (i64::MIN, String::new());
    written(array.as_primitive::<T>().iter(), |out, value| {
        let value: i64 = value.into();
        if value != last.0 {
            last = (value, instant(i128::from(value) * nanos).unwrap_or_else(|| value.to_string()));
        }
        out.push_str(&last.1);
    })
}

/// `None` where no calendar reaches.
fn instant(nanos: i128) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
    let (date, time) = (at.date(), at.time());
    let mut out = format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day());
    let _ = write!(out, "T{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    if time.nanosecond() > 0 {
        let _ = write!(out, ".{:09}", time.nanosecond());
    }
    out.push('Z');
    Some(out)
}

fn written<V>(values: impl Iterator<Item = Option<V>>, mut write: impl FnMut(&mut String, V)) -> Column {
    let (mut text, mut ends) = (String::new(), Vec::with_capacity(values.size_hint().0));
    for value in values {
        if let Some(value) = value {
            write(&mut text, value);
        }
        ends.push(text.len());
    }
    Column::Written(text, ends)
}

fn json_objects(maps: &MapArray) -> Result<Column, String> {
    let parts = MapParts::new(maps)?;
    let mut column = Column::empty();
    for row in 0..maps.len() {
        let mut json = Vec::new();
        parts.entries(row, |key, value| {
            json.push(if json.is_empty() { b'{' } else { b',' });
            append_json(&mut json, key);
            json.push(b':');
            append_json(&mut json, value);
        });
        if !json.is_empty() {
            json.push(b'}');
        }
        column.push(&json);
    }
    Ok(column)
}

/// The keys and values of all maps of an array, as text.
struct MapParts<'a> {
    maps: &'a MapArray,
    keys: Column,
    values: Column,
}

impl<'a> MapParts<'a> {
    fn new(maps: &'a MapArray) -> Result<Self, String> {
        Ok(Self { maps, keys: text(maps.keys())?, values: text(maps.values())? })
    }

    fn entries(&self, row: usize, mut take: impl FnMut(&str, &str)) {
        if self.maps.is_null(row) {
            return;
        }
        let [start, end] = [row, row + 1].map(|at| usize::try_from(self.maps.value_offsets()[at]).unwrap_or_default());
        for at in start..end {
            take(self.keys.cell(at), self.values.cell(at));
        }
    }
}
