//! Rows of comma-separated text, cell by cell. The only file that knows the csv reader.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::Read;
use std::ops::Range;

use simd_csv::{ErrorKind, ZeroCopyByteRecord, ZeroCopyReader, ZeroCopyReaderBuilder};

use super::error::{CellProblem, Fault};
use super::limits::Breach;
use super::row::{BLOCK_ROWS, Block, Row, RowError, Rows};
use super::unpack::Marks;
use crate::limits::Limit;

/// How much text is looked at at once.
const TEXT_BUFFER: usize = 256 << 10;

/// How much text of a block is enough: its rows then stay in the cache, however long they are.
const BLOCK_BYTES: usize = 192 << 10;

/// The rows of a file, in order. A blank line is no row.
pub(super) struct CsvRows<R> {
    reader: ZeroCopyReader<R>,
    block: CsvBlock,
    /// Why there is nothing behind the block at hand.
    broken: Option<RowError>,
    marks: Marks,
}

impl<R: Read> CsvRows<R> {
    /// Reads the header: its cells, none where there is no text at all.
    pub(super) fn open(text: R, marks: Marks) -> Result<(Vec<Vec<u8>>, Self), RowError> {
        let mut builder = ZeroCopyReaderBuilder::with_capacity(TEXT_BUFFER);
        // Widths are ours to check, for a better error; quotes in the header are ours to take off, for one rule.
        let mut reader = builder.flexible(true).has_headers(false).from_reader(text);
        let header = match reader.read_byte_record().map_err(read_error)? {
            None => Vec::new(),
            Some(record) => {
                // Before they are looked at: a row full of commas has millions.
                marks.meter.check(Limit::Columns, record.len() as u64)?;
                let mut block = CsvBlock::new(record.len());
                block.push(&record);
                let row = block.row(0);
                (0..record.len()).map(|column| row.cell(column).into_owned()).collect()
            }
        };
        let block = CsvBlock::new(header.len());
        Ok((header, Self { reader, block, broken: None, marks }))
    }

    /// Reads one more row into the block; `false` at the end.
    fn read(&mut self) -> Result<bool, RowError> {
        self.marks.parsed.set(self.reader.position());
        match self.reader.read_byte_record().map_err(read_error)? {
            None => Ok(false),
            Some(record) if record.len() != self.block.width => Err(RowError::CellCount(record.len())),
            Some(record) => {
                self.block.push(&record);
                Ok(true)
            }
        }
    }

    /// The next rows, as [`Rows::next`] gives them.
    pub(super) fn next_block(&mut self) -> Result<Option<&CsvBlock>, RowError> {
        self.block.clear();
        while self.broken.is_none() && self.block.len() < BLOCK_ROWS && self.block.text.len() < BLOCK_BYTES {
            match self.read() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => self.broken = Some(error),
            }
        }
        if self.block.len() == 0
            && let Some(error) = self.broken.take()
        {
            return Err(error);
        }
        Ok(Some(&self.block).filter(|block| block.len() > 0))
    }
}

impl<R: Read> Rows for CsvRows<R> {
    type Block<'a>
        = &'a CsvBlock
    where
        Self: 'a;

    fn next(&mut self) -> Result<Option<&CsvBlock>, RowError> {
        self.next_block()
    }
}

/// Some rows, one behind the other with a line break after each, still as the file has them.
pub(super) struct CsvBlock {
    text: Vec<u8>,
    /// Where each cell ends, row after row; the next one begins a byte behind it.
    ends: Vec<u32>,
    /// Where each row begins.
    starts: Vec<u32>,
    width: usize,
    /// By row, a column found to be quoted wrong; told once a row instead of with each cell, because cells are the hot path.
    misquoted: Vec<Cell<Option<usize>>>,
}

impl CsvBlock {
    fn new(width: usize) -> Self {
        let (ends, starts) = (Vec::with_capacity(width * BLOCK_ROWS), Vec::with_capacity(BLOCK_ROWS));
        Self { text: Vec::new(), ends, starts, width, misquoted: Vec::with_capacity(BLOCK_ROWS) }
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.starts.clear();
        self.misquoted.clear();
        // One long row does not make all that come after it cost memory.
        self.text.shrink_to(4 * BLOCK_BYTES);
    }

    fn push(&mut self, record: &ZeroCopyByteRecord<'_>) {
        // A row's length is limited, and a block ends long before its offsets do.
        let start = self.text.len();
        let mut end = u32::try_from(start).unwrap_or(u32::MAX);
        self.starts.push(end);
        self.text.extend_from_slice(record.as_slice());
        self.text.push(b'\n');
        self.ends.extend((0..record.len()).map(|column| {
            let length = record.get(column).map_or(0, <[u8]>::len);
            let its = end + u32::try_from(length).unwrap_or(u32::MAX);
            end = its + 1;
            its
        }));
        self.misquoted.push(Cell::new(None));
    }
}

impl Block for CsvBlock {
    type Row<'a>
        = CsvRow<'a>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.starts.len()
    }

    #[inline]
    fn row(&self, at: usize) -> CsvRow<'_> {
        let ends = &self.ends[at * self.width..(at + 1) * self.width];
        CsvRow { text: &self.text, start: self.starts[at] as usize, ends, misquoted: &self.misquoted[at] }
    }

    fn check(&self, rows: usize) -> Result<(), (usize, Fault)> {
        // The line breaks keep the bytes of one row from completing another's.
        let is_text = str::from_utf8(&self.text).is_ok();
        (0..rows).try_for_each(|at| self.row(at).check(is_text).map_err(|fault| (at, fault)))
    }
}

fn read_error(error: simd_csv::Error) -> RowError {
    match error.into_kind() {
        ErrorKind::Io(error) => match Breach::of(&error) {
            Some(breach) => breach.into(),
            None => RowError::Read(error.to_string()),
        },
        other => RowError::Read(format!("{other:?}")),
    }
}

/// One row, still as the file has it.
pub(super) struct CsvRow<'a> {
    text: &'a [u8],
    start: usize,
    ends: &'a [u32],
    misquoted: &'a Cell<Option<usize>>,
}

impl<'a> CsvRow<'a> {
    /// How many cells it has.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Where a cell is in the block's text.
    #[inline]
    fn place(&self, column: usize) -> Option<Range<usize>> {
        let end = *self.ends.get(column)? as usize;
        let start = if column == 0 { self.start } else { self.ends[column - 1] as usize + 1 };
        Some(start..end)
    }

    /// The cell as the file has it, quotes and all; good for telling whether it is empty or the same as another.
    #[inline]
    pub(super) fn raw(&self, column: usize) -> &'a [u8] {
        self.place(column).map(|place| &self.text[place]).unwrap_or_default()
    }

    /// All of it.
    fn whole(&self) -> &'a [u8] {
        let end = self.ends.last().map_or(self.start, |end| *end as usize);
        &self.text[self.start..end]
    }

    fn quoted<'r>(&self, raw: &'r [u8], column: usize) -> Cow<'r, [u8]> {
        let [b'"', inner @ .., b'"'] = raw else {
            self.misquoted.set(Some(column));
            return Cow::Borrowed(raw);
        };
        if inner.contains(&b'"') { Cow::Owned(self.unescaped(inner, column)) } else { Cow::Borrowed(inner) }
    }

    /// Each doubled quote as one; a single one within quotes is an error.
    fn unescaped(&self, inner: &[u8], column: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(inner.len());
        let mut bytes = inner.iter();
        while let Some(byte) = bytes.next() {
            text.push(*byte);
            if *byte == b'"' && bytes.next() != Some(&b'"') {
                self.misquoted.set(Some(column));
            }
        }
        text
    }
}

impl Row for CsvRow<'_> {
    /// Without its quotes.
    #[inline]
    fn cell(&self, column: usize) -> Cow<'_, [u8]> {
        let raw = self.raw(column);
        if raw.first() == Some(&b'"') { self.quoted(raw, column) } else { Cow::Borrowed(raw) }
    }

    #[inline]
    fn is_blank(&self, column: usize) -> bool {
        self.raw(column).is_empty()
    }

    fn span(&self, first: usize, last: usize) -> Option<&[u8]> {
        Some(&self.text[self.place(first)?.start..self.place(last)?.end])
    }

    #[inline]
    fn size(&self) -> usize {
        self.whole().len()
    }
}

impl CsvRow<'_> {
    /// Whether the row can be read as it was; `is_text` where that is known of all of it.
    fn check(&self, is_text: bool) -> Result<(), Fault> {
        // A quote that is opened within a last cell and never closed swallows the rest of the file, and the count of cells
        // is right all the same. Anywhere else it makes the count wrong.
        let last = self.len() - 1;
        let raw = self.raw(last);
        let odd = raw.iter().fold(false, |odd, byte| odd != (*byte == b'"'));
        if odd && !raw.starts_with(b"\"") {
            return Err(Fault::new(last, CellProblem::Quoting));
        }
        if let Some(column) = self.misquoted.get() {
            return Err(Fault::new(column, CellProblem::Quoting));
        }
        if is_text || str::from_utf8(self.whole()).is_ok() {
            return Ok(());
        }
        let wrong = (0..self.len()).find(|column| str::from_utf8(self.raw(*column)).is_err());
        Err(Fault::new(wrong.unwrap_or(0), CellProblem::NotUtf8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out a byte or so at a time, so that every row crosses a buffer's edge.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(buffer.len()).min(self.0.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn ours(text: &str, drip: usize) -> Result<Vec<Vec<Vec<u8>>>, String> {
        let (header, mut rows) =
            CsvRows::open(Drip(text.as_bytes(), drip), Marks::default()).map_err(|error| format!("{error:?}"))?;
        let mut all = vec![header];
        while let Some(block) = rows.next().map_err(|error| format!("{error:?}"))? {
            for row in (0..block.len()).map(|at| block.row(at)) {
                all.push((0..row.len()).map(|column| row.cell(column).into_owned()).collect());
            }
            block.check(block.len()).map_err(|fault| format!("{fault:?}"))?;
        }
        Ok(all)
    }

    fn theirs(text: &str) -> Vec<Vec<Vec<u8>>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        reader.byte_records().map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect()).collect()
    }

    #[test]
    fn reads_hostile_text_as_the_csv_crate_does() {
        for text in [
            "a,b\n1,2\n",
            "a,b\n1,2",
            "a,b\r\n1,2\r\n",
            "a,b\n\"1\",\"2\"\n",
            "a,b\n\"1,5\",\"say \"\"hi\"\"\"\n",
            "a,b\n\"\"\"\",\"\"\n",
            "a,b\n\"line\nbreak\",\"crlf\r\nbreak\"\r\n3,4\r\n",
            "a,b\n,\n,\"\"\n",
            "\"a\",\"b, c\"\n1,2\n",
            "a,b\n\n1,2\n\n\n3,4\n\n",
            "a,b\n\"x\",\"y\"",
            "a,b\n\",\n,\",\"\"\"\n\"\"\"\n",
            "a,b\nü,\"ß→\"\n",
            "\u{feff}a,b\n1,2\n",
            "a,b\nthe \"x\" in 1,the \"y\" in 2\n",
            "a\n",
            "",
        ] {
            for drip in [3, 7, 64, 1 << 20] {
                assert_eq!(ours(text, drip).as_ref(), Ok(&theirs_or_none(text)), "{text:?} by {drip}");
            }
        }
    }

    /// The csv crate gives no record for no text; we give an empty header.
    fn theirs_or_none(text: &str) -> Vec<Vec<Vec<u8>>> {
        if text.is_empty() { vec![Vec::new()] } else { theirs(text) }
    }

    #[test]
    fn long_rows_of_every_length_around_the_buffers_edge() {
        for length in (TEXT_BUFFER - 16)..(TEXT_BUFFER + 16) {
            let text = format!("a,b\n{},\"x, y\"\n1,2\n", "z".repeat(length));
            assert!(ours(&text, 1 << 20) == Ok(theirs(&text)), "{length}");
        }
    }

    #[test]
    fn what_is_not_quoted_right_is_refused() {
        for text in ["a,b\n1,\"open\n", "a,b\n\"x\"y,2\n", "a,b\n\"x\"y\",2\n", "a,b\n1,5\" disk\n2,6\n"] {
            assert!(ours(text, 1 << 20).is_err(), "{text:?} gave {:?}", ours(text, 1 << 20));
        }
    }

    #[test]
    fn a_row_of_another_width_is_refused() {
        let widths = |text: &str| ours(text, 1 << 20).unwrap_err();
        assert_eq!(widths("a,b\n1,2\n1\n"), "CellCount(1)");
        assert_eq!(widths("a,b\n1,2,3\n"), "CellCount(3)");
    }

    #[test]
    fn bytes_that_are_no_text_name_their_column() {
        let (_, mut rows) = CsvRows::open(&b"a,b\n1,\xff\n"[..], Marks::default()).unwrap();
        let block = rows.next().unwrap().unwrap();
        assert_eq!(block.check(1), Err((0, Fault::new(1, CellProblem::NotUtf8))));
    }

    #[test]
    fn a_letter_cut_in_two_by_a_row_is_no_text() {
        let (_, mut rows) = CsvRows::open(&b"a,b\n1,2\n1,\xc3\n\xa9,2\n"[..], Marks::default()).unwrap();
        let block = rows.next().unwrap().unwrap();
        assert_eq!(block.check(1), Ok(()), "the first row is right");
        assert_eq!(block.check(3), Err((1, Fault::new(1, CellProblem::NotUtf8))));
    }

    #[test]
    fn rows_before_a_wrong_one_come_first() {
        let text = format!("a,b\n{}1\n", "1,2\n".repeat(BLOCK_ROWS + 3));
        let (_, mut rows) = CsvRows::open(text.as_bytes(), Marks::default()).unwrap();
        assert_eq!(rows.next().unwrap().unwrap().len(), BLOCK_ROWS);
        assert_eq!(rows.next().unwrap().unwrap().len(), 3);
        assert_eq!(rows.next().err(), Some(RowError::CellCount(1)));
    }

    #[test]
    fn a_span_is_what_the_file_has() {
        let (_, mut rows) = CsvRows::open(&b"a,b,c,d\n1,\"x,\"\"y\",,4\n"[..], Marks::default()).unwrap();
        let block = rows.next().unwrap().unwrap();
        let row = block.row(0);
        assert_eq!(row.span(1, 2).unwrap(), b"\"x,\"\"y\",");
        assert_eq!(row.span(0, 3).unwrap(), b"1,\"x,\"\"y\",,4");
        assert_eq!(row.span(2, 2).unwrap(), b"");
    }
}
