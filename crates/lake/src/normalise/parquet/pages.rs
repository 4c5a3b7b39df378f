//! The pages of a Parquet file, looked at before any is unpacked: what each says of itself must be within the file, within
//! the limits, and what the footer says.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use flate2::Crc;
use parquet::basic::{Compression, Type};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};

use super::super::unpack::Marks;
use super::Refused;
use super::cells;
use super::thrift::Thrift;
use crate::limits::Limit;

/// The longest head of a page; most have some dozen bytes, and those with statistics of long texts a few hundred.
const HEAD_LIMIT: u64 = 1 << 20;
/// How much of a page is held against its checksum at once.
const CHECKED: usize = 64 << 10;
/// How much is read at first, in the hope that the head is in it.
const HEAD_GUESS: u64 = 512;

/// Encodings that are decoded: plain, by dictionary, and runs. AWS writes no others, and those of later versions are
/// decoded by lengths that only the decoder sees.
const ENCODINGS: [i64; 4] = [0, 2, 3, 8];

const DATA: i64 = 0;
const INDEX: i64 = 1;
const DICTIONARY: i64 = 2;
const DATA_V2: i64 = 3;

/// What a page says of itself.
#[derive(Debug, Default)]
struct Head {
    kind: i64,
    packed: u64,
    unpacked: u64,
    about: About,
    /// The checksum of the page as it is packed, where it is stated.
    checksum: Option<i64>,
    /// The head's own length.
    length: u64,
}

/// What a page says of its values.
#[derive(Debug, Default, Clone, Copy)]
struct About {
    values: u64,
    nulls: u64,
    rows: u64,
    encoding: i64,
}

/// A file whose footer is sound.
pub(super) struct Pages<'a> {
    pub(super) file: &'a Arc<File>,
    pub(super) footer: &'a ParquetMetaData,
    /// Where the footer begins, and so where pages end.
    pub(super) end: u64,
    pub(super) marks: &'a Marks,
}

impl Pages<'_> {
    /// Looks at all pages; gives about how many bytes the longest rows have once they are decoded.
    pub(super) fn check(&self) -> Result<u64, Refused> {
        let groups = self.footer.row_groups();
        let rows = groups.iter().try_fold(0_u64, |sum, group| Some(sum + u64::try_from(group.num_rows()).ok()?));
        self.marks.meter.check(Limit::PartRows, rows.ok_or(WRONG_ROWS)?)?;
        let mut widest = vec![0; self.footer.file_metadata().schema_descr().num_columns()];
        for group in groups {
            let mut held = 0;
            for (chunk, widest) in group.columns().iter().zip(&mut widest) {
                let of_chunk = self.chunk(group, chunk).map_err(|refused| refused.of(chunk))?;
                held += of_chunk.held;
                *widest = of_chunk.widest.max(*widest);
            }
            self.marks.meter.check(Limit::HeldBytes, held)?;
        }
        Ok(widest.iter().sum())
    }

    fn chunk(&self, group: &RowGroupMetaData, chunk: &ColumnChunkMetaData) -> Result<Chunk, Refused> {
        use Compression::{SNAPPY, UNCOMPRESSED, ZSTD};
        if !matches!(chunk.compression(), UNCOMPRESSED | SNAPPY | ZSTD(_)) {
            return Err(Refused::Damaged("it is packed in a way that is not read; snappy, zstd and unpacked are"));
        }
        let offset = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
        let range = u64::try_from(offset).ok().zip(u64::try_from(chunk.compressed_size()).ok());
        let range = range.and_then(|(start, length)| Some((start, start.checked_add(length)?)));
        let (start, end) =
            range.filter(|(_, end)| *end <= self.end).ok_or(Refused::Damaged("it lies outside of the file"))?;
        let is_flat = chunk.column_descr().max_rep_level() == 0;
        if is_flat && chunk.num_values() != group.num_rows() {
            return Err(WRONG_ROWS);
        }
        let mut found = Found::default();
        let mut at = start;
        while at < end {
            let head = self.head(at, end)?;
            self.judge(&head, chunk, end - at)?;
            self.marks.unpack(head.unpacked)?;
            self.hold(&head, at + head.length)?;
            found.add(&head);
            at += head.length + head.packed;
        }
        if i64::try_from(found.values).ok() != Some(chunk.num_values()) {
            return Err(Refused::Damaged("its pages have not as many values as its footer says"));
        }
        let mut widest = found.widest;
        let is_text = chunk.column_type() == Type::BYTE_ARRAY;
        // Only texts unpack to more than their pages: a long one may be there once and meant a million times.
        if !is_flat || (is_text && found.dictionary > 0) {
            let cells = cells::longest(self.file, (group, chunk), self.marks)?;
            widest = widest.max(cells);
        }
        Ok(Chunk { held: found.dictionary + found.page, widest })
    }

    /// Whether a page may be read.
    fn judge(&self, head: &Head, chunk: &ColumnChunkMetaData, left: u64) -> Result<(), Refused> {
        if head.length + head.packed > left {
            return Err(Refused::Damaged("a page is longer than its column"));
        }
        self.marks.meter.check(Limit::PageBytes, head.unpacked)?;
        if chunk.compression() == Compression::UNCOMPRESSED && head.packed != head.unpacked {
            return Err(Refused::Damaged("a page that is not packed says that it unpacks to another size"));
        }
        match head.kind {
            INDEX => return Ok(()),
            DATA | DATA_V2 | DICTIONARY => {}
            _ => return Err(Refused::Damaged("a page is of an unknown kind")),
        }
        let About { values, nulls, rows, encoding } = head.about;
        if head.kind == DICTIONARY && values > head.unpacked {
            return Err(Refused::Damaged("a dictionary says that it has more values than bytes"));
        }
        if nulls > values || rows > values {
            return Err(Refused::Damaged("a page says that it has more nulls or rows than values"));
        }
        if !ENCODINGS.contains(&encoding) {
            return Err(Refused::Damaged(
                "its values are encoded in a way that is not read; plain and by dictionary are",
            ));
        }
        Ok(())
    }

    /// Holds a page's bytes against its checksum. Few writers state one, and a decoder would not miss a changed amount.
    fn hold(&self, head: &Head, start: u64) -> Result<(), Refused> {
        let Some(stated) = head.checksum else { return Ok(()) };
        let mut crc = Crc::new();
        let mut buffer = vec![0; CHECKED];
        let mut left = head.packed;
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(CHECKED).min(CHECKED);
            self.file.read_exact_at(&mut buffer[..count], start + head.packed - left)?;
            crc.update(&buffer[..count]);
            left -= count as u64;
        }
        // Signed or not, it is the same 32 bits.
        if u64::from(crc.sum()) != stated.cast_unsigned() & u64::from(u32::MAX) {
            return Err(Refused::Damaged("a page has not the checksum that it states"));
        }
        Ok(())
    }

    fn head(&self, at: u64, end: u64) -> Result<Head, Refused> {
        let most = (end - at).min(HEAD_LIMIT);
        let mut length = HEAD_GUESS.min(most);
        loop {
            let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
            self.file.read_exact_at(&mut bytes, at)?;
            match Head::read(&bytes) {
                Some(head) => return Ok(head),
                None if length == most => return Err(Refused::Damaged("the head of a page makes no sense")),
                None => length = (length * 16).min(most),
            }
        }
    }
}

/// What one column of one row group is like.
struct Chunk {
    held: u64,
    widest: u64,
}

/// What the pages of a column say together.
#[derive(Default)]
struct Found {
    values: u64,
    dictionary: u64,
    page: u64,
    /// The most bytes that a value of a page has on average.
    widest: u64,
}

impl Found {
    fn add(&mut self, head: &Head) {
        match head.kind {
            DICTIONARY => self.dictionary = self.dictionary.max(head.unpacked),
            DATA | DATA_V2 => {
                // A sum that overflows is not what the footer says either.
                self.values = self.values.saturating_add(head.about.values);
                self.page = self.page.max(head.unpacked);
                self.widest = self.widest.max(head.unpacked.div_ceil(head.about.values.max(1)));
            }
            _ => {}
        }
    }
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut thrift = Thrift::new(bytes);
        let mut head = Self::default();
        // There may be more than one; which of them counts, the kind says.
        let [mut data, mut dictionary, mut data_v2] = [About::default(); 3];
        thrift.fields(|thrift, id, kind| {
            match id {
                1 => head.kind = thrift.int(kind)?,
                2 => head.unpacked = thrift.count(kind)?,
                3 => head.packed = thrift.count(kind)?,
                4 => head.checksum = Some(thrift.int(kind)?),
                5 => data = About::read(thrift, [1, 0, 0, 2])?,
                7 => dictionary = About::read(thrift, [1, 0, 0, 2])?,
                8 => data_v2 = About::read(thrift, [1, 2, 3, 4])?,
                _ => thrift.skip(kind)?,
            }
            Some(())
        })?;
        head.about = match head.kind {
            DATA => data,
            DICTIONARY => dictionary,
            DATA_V2 => data_v2,
            _ => About::default(),
        };
        head.length = (bytes.len() - thrift.left()) as u64;
        Some(head)
    }
}

impl About {
    /// The numbers of the fields are in the order of ours.
    fn read(thrift: &mut Thrift<'_>, [values, nulls, rows, encoding]: [i64; 4]) -> Option<Self> {
        let mut about = Self::default();
        thrift.fields(|thrift, id, kind| {
            match id {
                id if id == values => about.values = thrift.count(kind)?,
                id if id == encoding => about.encoding = thrift.int(kind)?,
                id if id == nulls => about.nulls = thrift.count(kind)?,
                id if id == rows => about.rows = thrift.count(kind)?,
                _ => thrift.skip(kind)?,
            }
            Some(())
        })?;
        Some(about)
    }
}

const WRONG_ROWS: Refused = Refused::Damaged("it has not as many rows as its footer says");
