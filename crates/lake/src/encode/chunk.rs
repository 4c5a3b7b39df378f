//! One column of a row group on its way into Parquet pages.
//!
//! A bill's columns say the same few things over and over. Batches come with a dictionary of each, so that here a cell is a
//! number that was looked up already; Arrow's own writer would hash each of them again.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanBufferBuilder, DictionaryArray, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Decimal128Type, Int32Type, TimestampMicrosecondType};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, PageType, Type, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::hybrid;
use super::pack::Packer;
use super::page::{PAGE_ROWS, PageInWork};
use crate::intern::{Interner, Number};

/// A page ends with the batch in which it has [`PAGE_ROWS`], or this many bytes of values that are written out.
const PAGE_BYTES: usize = 256 << 10;
/// A dictionary of texts that has grown beyond this many bytes is no longer added to: what follows is written out.
const TEXT_DICTIONARY_BYTES: usize = 512 << 10;
/// The same for numbers, which take little more room than their place in a dictionary; a small one stays in the cache.
const NUMBER_DICTIONARY_BYTES: usize = 128 << 10;
/// Stands for a value that is in no dictionary yet.
const NO_NUMBER: u32 = u32::MAX;
/// The longest value that statistics tell.
const BOUND_BYTES: usize = 64;

/// One column of the row group at hand.
pub(super) struct Chunk {
    column: ColumnDescPtr,
    /// Whether its smallest and largest values are told, so that questions can leave row groups out.
    pruned_by: bool,
    dictionary: Interner,
    /// The values of the last batch's dictionary, and the numbers of those that were used: they often come again.
    values: Option<ArrayRef>,
    numbers: Vec<u32>,
    form: Form,
    /// Set once a page has shown that nearly every value is new.
    unlike: bool,
    page: PageInWork,
    pages: Vec<CompressedPage>,
    pages_size: usize,
    rows: usize,
    nulls: usize,
}

/// How the values of the page at hand are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As numbers of the dictionary's.
    Numbers,
    /// As they are.
    Plain,
}

impl Chunk {
    pub(super) fn new(column: ColumnDescPtr, pruned_by: bool) -> Self {
        let form = if column.physical_type() == Type::BOOLEAN { Form::Plain } else { Form::Numbers };
        Self {
            column,
            pruned_by,
            dictionary: Interner::default(),
            values: None,
            numbers: Vec::new(),
            form,
            unlike: form == Form::Plain,
            page: PageInWork::default(),
            pages: Vec::new(),
            pages_size: 0,
            rows: 0,
            nulls: 0,
        }
    }

    /// The memory that the rows so far take, in bytes.
    pub(super) fn size(&self) -> usize {
        self.pages_size + self.dictionary.size() + self.page.numbers.len() * 4 + self.page.plain.len()
    }

    /// Appends a batch's values.
    pub(super) fn write(&mut self, array: &ArrayRef, packer: &mut Packer) -> Result<()> {
        let nulls = array.logical_nulls();
        self.page.note(array.len(), nulls.as_ref());
        if self.column.max_def_level() == 0 && self.page.nulls > 0 {
            return Err(ParquetError::General(format!("`{}` has rows without a value", self.column.name())));
        }
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        if nulls.as_ref().is_none_or(|nulls| nulls.null_count() < nulls.len()) {
            self.write_values(array, nulls.as_ref())?;
        }
        if self.page.rows >= PAGE_ROWS || self.page.plain.len() >= PAGE_BYTES {
            self.end_page(packer)?;
        }
        Ok(())
    }

    fn write_values(&mut self, array: &ArrayRef, nulls: Option<&NullBuffer>) -> Result<()> {
        match array.data_type() {
            DataType::Dictionary(..) => {
                let texts = array.as_dictionary_opt::<Int32Type>().ok_or_else(|| untold(array))?;
                self.write_dictionary(texts, nulls)?;
            }
            DataType::Utf8 => {
                let texts = array.as_string::<i32>();
                each(array.len(), nulls, |row| self.push(texts.value(row).as_bytes()));
            }
            DataType::Decimal128(..) => {
                let unscaled = array.as_primitive::<Decimal128Type>().values();
                // Parquet's decimals begin with their highest byte.
                each(array.len(), nulls, |row| self.push_number(u128::from_ne_bytes(unscaled[row].to_be_bytes())));
            }
            DataType::Timestamp(..) => {
                let micros = array.as_primitive::<TimestampMicrosecondType>().values();
                each(array.len(), nulls, |row| self.push_number(u64::from_ne_bytes(micros[row].to_le_bytes())));
            }
            DataType::Boolean => {
                let values = array.as_boolean().values();
                let flags = self.page.flags.get_or_insert_with(|| BooleanBufferBuilder::new(PAGE_ROWS));
                each(array.len(), nulls, |row| flags.append(values.value(row)));
            }
            _ => return Err(untold(array)),
        }
        Ok(())
    }

    /// Looks each of the batch's distinct values up once; where they are those of the batch before, not even that.
    fn write_dictionary(&mut self, texts: &DictionaryArray<Int32Type>, nulls: Option<&NullBuffer>) -> Result<()> {
        let values: &StringArray = texts.values().as_string_opt().ok_or_else(|| untold(texts.values()))?;
        let keys = texts.keys().values();
        let at = |row: usize| usize::try_from(keys[row]).unwrap_or_default();
        if self.form == Form::Plain {
            each(keys.len(), nulls, |row| self.push(values.value(at(row)).as_bytes()));
            return Ok(());
        }
        if !self.values.as_ref().is_some_and(|known| Arc::ptr_eq(known, texts.values())) {
            self.values = Some(Arc::clone(texts.values()));
            self.numbers.clear();
            self.numbers.resize(values.len(), NO_NUMBER);
        }
        let Self { dictionary, numbers, page, .. } = self;
        let out = &mut page.numbers;
        let mut number = |at: usize| {
            if numbers[at] == NO_NUMBER {
                numbers[at] = dictionary.intern(values.value(at).as_bytes());
            }
            numbers[at]
        };
        match nulls {
            None if values.len() == 1 => out.resize(out.len() + keys.len(), number(0)),
            None => out.extend((0..keys.len()).map(|row| number(at(row)))),
            Some(_) => each(keys.len(), nulls, |row| out.push(number(at(row)))),
        }
        Ok(())
    }

    #[inline]
    fn push(&mut self, value: &[u8]) {
        match self.form {
            Form::Numbers => self.page.numbers.push(self.dictionary.intern(value)),
            Form::Plain => append_plain(&mut self.page.plain, value, self.column.physical_type()),
        }
    }

    #[inline]
    fn push_number<N: Number>(&mut self, number: N) {
        match self.form {
            Form::Numbers => self.page.numbers.push(self.dictionary.intern_number(number)),
            Form::Plain => self.page.plain.extend_from_slice(number.bytes().as_ref()),
        }
    }

    /// Encodes and packs the page at hand; the next one begins.
    fn end_page(&mut self, packer: &mut Packer) -> Result<()> {
        if self.page.rows == 0 {
            return Ok(());
        }
        let values = self.page.numbers.len();
        if self.is_unlike(values) {
            // Nearly every value is new, and would only be told by a detour.
            self.write_out();
        }
        let mut raw = Vec::new();
        self.page.append_levels(&mut raw, self.column.max_def_level() > 0);
        let encoding = match self.form {
            Form::Numbers => {
                let width = hybrid::width(self.dictionary.len());
                raw.push(width);
                hybrid::append(&mut raw, &self.page.numbers, width);
                Encoding::RLE_DICTIONARY
            }
            Form::Plain => {
                raw.append(&mut self.page.plain);
                if let Some(flags) = &mut self.page.flags {
                    raw.extend_from_slice(flags.finish().inner().as_slice());
                }
                Encoding::PLAIN
            }
        };
        self.rows += self.page.rows;
        self.nulls += self.page.nulls;
        let page = Page::DataPage {
            buf: packer.pack(&raw)?,
            num_values: u32::try_from(self.page.rows).unwrap_or(u32::MAX),
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        self.keep(CompressedPage::new(page, raw.len()));
        self.page.clear();
        let most = if self.is_text() { TEXT_DICTIONARY_BYTES } else { NUMBER_DICTIONARY_BYTES };
        if self.dictionary.size() > most && !self.pruned_by {
            self.form = Form::Plain;
        }
        Ok(())
    }

    fn is_text(&self) -> bool {
        self.column.physical_type() == Type::BYTE_ARRAY
    }

    /// Whether most of a first page's values are new: nearly each text, or each other number. What questions are pruned by stays a dictionary, for its bounds.
    fn is_unlike(&self, values: usize) -> bool {
        let first = self.pages.is_empty() && self.form == Form::Numbers && !self.pruned_by;
        let (new, of) = if self.is_text() { (3, 4) } else { (1, 2) };
        first && values > 64 && self.dictionary.len() * of > values * new
    }

    fn keep(&mut self, page: CompressedPage) {
        self.pages_size += page.compressed_size();
        self.pages.push(page);
    }

    /// Gives the dictionary up, this time and in the row groups to come.
    fn write_out(&mut self) {
        for number in &self.page.numbers {
            append_plain(&mut self.page.plain, self.dictionary.get(*number), self.column.physical_type());
        }
        self.page.numbers.clear();
        self.clear_dictionary();
        (self.form, self.unlike) = (Form::Plain, true);
    }

    /// The whole column of the row group; the next row group begins.
    pub(super) fn finish(&mut self, packer: &mut Packer) -> Result<(Bytes, ColumnCloseResult)> {
        self.end_page(packer)?;
        let statistics = self.statistics();
        let dictionary = self.dictionary_page(packer)?;
        let size = self.pages_size + dictionary.as_ref().map_or(0, CompressedPage::compressed_size);
        // Each page has a head of some dozen bytes.
        let mut sink = TrackedWrite::new(Vec::with_capacity(size + (self.pages.len() + 1) * 64));
        let mut writer = SerializedPageWriter::new(&mut sink);
        let (mut sizes, mut dictionary_at, mut pages_at) = ([0, 0], None, 0);
        for page in dictionary.into_iter().chain(self.pages.drain(..)) {
            let spec = writer.write_page(page)?;
            if spec.page_type == PageType::DICTIONARY_PAGE {
                (dictionary_at, pages_at) = (Some(place(spec.offset)), spec.offset + spec.bytes_written);
            }
            sizes = [sizes[0] + spec.compressed_size, sizes[1] + spec.uncompressed_size];
        }
        writer.close()?;
        let mut encodings = vec![Encoding::PLAIN, Encoding::RLE];
        encodings.extend(dictionary_at.map(|_| Encoding::RLE_DICTIONARY));
        let mut metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_encodings(encodings)
            .set_num_values(i64::try_from(self.rows).unwrap_or(i64::MAX))
            .set_total_compressed_size(place(sizes[0] as u64))
            .set_total_uncompressed_size(place(sizes[1] as u64))
            .set_data_page_offset(place(pages_at))
            .set_dictionary_page_offset(dictionary_at);
        if let Some(statistics) = statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let close = ColumnCloseResult {
            bytes_written: sizes[0] as u64,
            rows_written: self.rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        self.clear();
        Ok((sink.into_inner()?.into(), close))
    }

    fn dictionary_page(&self, packer: &mut Packer) -> Result<Option<CompressedPage>> {
        if self.unlike {
            return Ok(None);
        }
        let mut raw = Vec::with_capacity(self.dictionary.bytes().len() + self.dictionary.len() * 4);
        self.dictionary.values().for_each(|value| append_plain(&mut raw, value, self.column.physical_type()));
        let page = Page::DictionaryPage {
            buf: packer.pack(&raw)?,
            num_values: u32::try_from(self.dictionary.len()).unwrap_or(u32::MAX),
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        Ok(Some(CompressedPage::new(page, raw.len())))
    }

    /// The bounds of the values, where the dictionary has all of them.
    fn statistics(&self) -> Option<Statistics> {
        if !self.pruned_by || self.form == Form::Plain {
            return None;
        }
        let nulls = Some(self.nulls as u64);
        if self.column.physical_type() == Type::INT64 {
            let micros = || self.dictionary.values().filter_map(|value| value.try_into().ok().map(i64::from_le_bytes));
            return Some(Statistics::int64(micros().min(), micros().max(), None, nulls, false));
        }
        let bound = |value: Option<&[u8]>| value.map(|value| ByteArray::from(value.to_vec()));
        let (min, max) = (self.dictionary.values().min(), self.dictionary.values().max());
        let short = [min, max].into_iter().flatten().all(|value| value.len() <= BOUND_BYTES);
        short.then(|| Statistics::byte_array(bound(min), bound(max), None, nulls, false))
    }

    fn clear_dictionary(&mut self) {
        self.dictionary.clear();
        self.values = None;
    }

    fn clear(&mut self) {
        self.clear_dictionary();
        (self.pages_size, self.rows, self.nulls) = (0, 0, 0);
        self.form = if self.unlike { Form::Plain } else { Form::Numbers };
    }
}

/// Calls `push` for each row that has a value.
#[inline]
fn each(rows: usize, nulls: Option<&NullBuffer>, push: impl FnMut(usize)) {
    match nulls {
        None => (0..rows).for_each(push),
        Some(nulls) => nulls.valid_indices().for_each(push),
    }
}

/// A value as it is: texts with their length in front, all else is of one length.
#[inline]
fn append_plain(out: &mut Vec<u8>, value: &[u8], physical: Type) {
    if physical == Type::BYTE_ARRAY {
        out.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
    }
    out.extend_from_slice(value);
}

fn place(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}

/// The lake has no columns of such a type.
fn untold(array: &ArrayRef) -> ParquetError {
    ParquetError::NYI(format!("columns of {}", array.data_type()))
}
