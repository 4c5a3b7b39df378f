//! Columns of Arrow as text: what the mapping reads of a Parquet file, batch by batch.

mod map_objects;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Float32Type, Float64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use billing::money::{Amount, AmountError};
use billing::told::told;
use time::OffsetDateTime;

use map_objects::{MapParts, json_objects};

use super::doubles;
use super::error::Fault;
use super::header::{Header, MapColumn};
use super::limits::{Breach, Meter};
use super::maps::{Apart, Known};
use super::row::{BLOCK_ROWS, Block, Row, RowError};
use crate::limits::Limit;

/// The cells of one column, as text.
pub(super) enum Column {
    /// As the file has them.
    Text(StringArray),
    /// Doubles, and the amount that each stands for where that is quickly told.
    Doubles(Float64Array, Vec<Option<Amount>>),
    /// Written from something else: one after the other, and where each ends.
    Written(String, Vec<usize>),
}

impl Column {
    fn empty() -> Self {
        Self::Written(String::new(), Vec::new())
    }

    fn cell(&self, row: usize) -> Cow<'_, str> {
        match self {
            Self::Text(texts) if texts.is_null(row) => Cow::default(),
            Self::Text(texts) => Cow::Borrowed(texts.value(row)),
            Self::Doubles(doubles, _) if doubles.is_null(row) => Cow::default(),
            // Rust prints the shortest digits that are read back as the same double, plain.
            Self::Doubles(doubles, _) => Cow::Owned(doubles.value(row).to_string()),
            Self::Written(text, ends) => {
                let start = row.checked_sub(1).map_or(0, |before| ends[before]);
                Cow::Borrowed(&text[start..ends[row]])
            }
        }
    }

    /// The cell's bytes; it is what rows are asked for most, and most cells are empty.
    #[inline]
    fn bytes(&self, row: usize) -> Cow<'_, [u8]> {
        if let Self::Text(texts) = self {
            let ends = texts.value_offsets();
            if ends[row] == ends[row + 1] {
                return Cow::default();
            }
        }
        match self.cell(row) {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
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
            Self::Doubles(doubles, _) => size_of_val(doubles.values().as_ref()),
            Self::Written(text, _) => text.len(),
        }
    }

    /// The first row whose cell is longer than `allowed`, of so many rows.
    fn too_long(&self, rows: usize, allowed: u64) -> Option<usize> {
        // Nearly no column is as long as one of its cells may be.
        if self.size() as u64 <= allowed {
            return None;
        }
        (0..rows).find(|row| self.cell(*row).len() as u64 > allowed)
    }
}

/// The columns of a batch, by the header's places.
#[derive(Default)]
pub(super) struct Columns {
    cells: Vec<Column>,
    rows: usize,
    row_size: usize,
    /// The first row that can't be read, and why.
    wrong: Option<(usize, RowError)>,
}

/// Some rows of a batch.
pub(super) struct BatchBlock<'a> {
    columns: &'a [Column],
    first: usize,
    rows: usize,
    size: usize,
}

impl Block for BatchBlock<'_> {
    type Row<'a>
        = BatchRow<'a>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.rows
    }

    #[inline]
    fn row(&self, at: usize) -> BatchRow<'_> {
        BatchRow { columns: self.columns, row: self.first + at, size: self.size }
    }

    /// Arrow's texts are UTF-8 by construction.
    fn check(&self, _rows: usize) -> Result<(), (usize, Fault)> {
        Ok(())
    }
}

/// A row of a batch.
pub(super) struct BatchRow<'a> {
    columns: &'a [Column],
    row: usize,
    /// About how long it is.
    size: usize,
}

impl Row for BatchRow<'_> {
    #[inline]
    fn cell(&self, column: usize) -> Cow<'_, [u8]> {
        self.columns.get(column).map(|column| column.bytes(self.row)).unwrap_or_default()
    }

    #[inline]
    fn amount(&self, column: usize) -> Result<Option<Amount>, AmountError> {
        if let Some(Column::Doubles(doubles, amounts)) = self.columns.get(column) {
            if doubles.is_null(self.row) {
                return Ok(None);
            }
            if let Some(amount) = amounts[self.row] {
                return Ok(Some(amount));
            }
        }
        let cell = self.cell(column);
        if cell.is_empty() { Ok(None) } else { Amount::parse(&cell).map(Some) }
    }

    fn place(&self) -> u32 {
        u32::try_from(self.row).unwrap_or_default()
    }

    #[inline]
    fn is_blank(&self, column: usize) -> bool {
        match self.columns.get(column) {
            Some(Column::Doubles(doubles, _)) => doubles.is_null(self.row),
            _ => self.cell(column).is_empty(),
        }
    }

    fn size(&self) -> usize {
        self.size
    }
}

impl Columns {
    /// A batch's columns, those that maps have among them. A row that can't be read is an error when it is asked for; a column
    /// that can't, at once.
    pub(super) fn new(
        batch: &RecordBatch,
        header: &Header,
        (maps, meter): (&mut [Known], &Meter),
    ) -> Result<Self, RowError> {
        let rows = batch.num_rows();
        let mut read = Self { cells: Vec::with_capacity(header.names().len()), rows, row_size: 0, wrong: None };
        for (place, array) in batch.columns().iter().enumerate() {
            read.cells.push(match header.map_at(place) {
                Some(_) => Column::empty(),
                None => text(array).map_err(|data_type| untold(header, place, data_type))?,
            });
        }
        read.cells.resize_with(header.names().len(), Column::empty);
        for (map, known) in header.maps().iter().zip(maps) {
            let array = batch.column(map.place);
            read.take_apart(array, map, known).map_err(|data_type| untold(header, map.place, data_type))?;
        }
        for (place, column) in read.cells.iter().enumerate() {
            if let Some(row) = column.too_long(rows, meter.of(Limit::FieldBytes)) {
                let allowed = meter.of(Limit::FieldBytes);
                let breach = Breach { limit: Limit::FieldBytes, allowed };
                note(&mut read.wrong, row, RowError::TooMuch(Some(place), breach));
            }
        }
        read.row_size = read.cells.iter().map(Column::size).sum::<usize>() / rows.max(1);
        Ok(read)
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// A column as texts, its empty cells as nulls: as the file has it, wherever that is so.
    pub(super) fn texts(&self, place: usize) -> ArrayRef {
        let column = &self.cells[place];
        if let Column::Text(texts) = column {
            let ends = texts.value_offsets();
            if (0..self.rows).all(|row| ends[row] < ends[row + 1] || texts.is_null(row)) {
                return Arc::new(texts.clone());
            }
        }
        let cells = (0..self.rows).map(|row| Some(column.cell(row)).filter(|cell| !cell.is_empty()));
        Arc::new(cells.collect::<StringArray>())
    }

    /// The rows from one place on, as many as a block has; an error where the first of them can't be read.
    pub(super) fn block(&mut self, first: usize) -> Result<BatchBlock<'_>, RowError> {
        let end = match &self.wrong {
            Some((wrong, _)) => *wrong,
            None => self.rows,
        };
        match self.wrong.take_if(|(wrong, _)| *wrong == first) {
            Some((_, error)) => Err(error),
            None => {
                Ok(BatchBlock { columns: &self.cells, first, rows: BLOCK_ROWS.min(end - first), size: self.row_size })
            }
        }
    }

    /// Takes the maps of one column apart, as far as they can be.
    fn take_apart(&mut self, array: &ArrayRef, map: &MapColumn, known: &mut Known) -> Result<(), String> {
        let parts = array.as_map_opt().map(MapParts::new).transpose()?;
        // Whoever copied the bill may have written maps as JSON, as they are in csv.
        let texts = if parts.is_none() { Some(text(array)?) } else { None };
        for row in 0..array.len() {
            let json = texts.as_ref().map(|texts| texts.cell(row)).unwrap_or_default();
            let columns = &mut self.cells;
            let taken = match &parts {
                Some(parts) => known.apart_of(|take| parts.entries(row, take)).map(|apart| push(columns, map, apart)),
                None => known.apart(json.as_bytes()).map(|apart| push(columns, map, &apart)),
            };
            if let Err(untaken) = taken {
                note(&mut self.wrong, row, untaken.error(map.place, &json));
                push(&mut self.cells, map, &Apart::empty(map));
            }
        }
        Ok(())
    }
}

/// Keeps the error of the earlier row.
fn note(wrong: &mut Option<(usize, RowError)>, row: usize, error: RowError) {
    if wrong.as_ref().is_none_or(|(earlier, _)| row < *earlier) {
        *wrong = Some((row, error));
    }
}

fn untold(header: &Header, place: usize, data_type: String) -> RowError {
    RowError::ColumnType(told(&header.spelled()[place]), data_type)
}

/// Appends what one map was taken apart into.
fn push(columns: &mut [Column], map: &MapColumn, apart: &Apart) {
    columns[map.place].push(&apart.rest);
    for ((_, place), cell) in map.entries.iter().zip(&apart.cells) {
        columns[*place].push(cell);
    }
}

/// The array's values as text: a double as the shortest decimal that is read back as the same double, an instant as
/// `2026-09-01T00:00:00Z`, a map as a JSON object. The type, where it has no text.
fn text(array: &ArrayRef) -> Result<Column, String> {
    match array.data_type() {
        DataType::Float64 => {
            let doubles = array.as_primitive::<Float64Type>().clone();
            let amounts = doubles.iter().map(|value| value.and_then(doubles::short)).collect();
            Ok(Column::Doubles(doubles, amounts))
        }
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
