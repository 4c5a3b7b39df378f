//! Rows of comma-separated text, cell by cell. The only file that knows the csv reader.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::Read;

use simd_csv::{ErrorKind, ZeroCopyByteRecord, ZeroCopyReader, ZeroCopyReaderBuilder};

use super::error::{CellProblem, Fault};
use super::limits::Breach;
use super::row::{Row, RowError, Rows};
use super::unpack::Marks;
use crate::limits::Limit;

/// How much text is looked at at once.
const TEXT_BUFFER: usize = 256 << 10;

/// The rows of a file, in order. A blank line is no row.
pub(super) struct CsvRows<R> {
    reader: ZeroCopyReader<R>,
    width: usize,
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
                let row = CsvRow::new(record);
                // Before they are looked at: a row full of commas has millions.
                marks.meter.check(Limit::Columns, row.len() as u64)?;
                (0..row.len()).map(|column| row.cell(column).into_owned()).collect()
            }
        };
        let width = header.len();
        Ok((header, Self { reader, width, marks }))
    }
}

impl<R: Read> Rows for CsvRows<R> {
    type Row<'a>
        = CsvRow<'a>
    where
        Self: 'a;

    fn next(&mut self) -> Result<Option<CsvRow<'_>>, RowError> {
        self.marks.parsed.set(self.reader.position());
        match self.reader.read_byte_record().map_err(read_error)? {
            Some(record) if record.len() != self.width => Err(RowError::CellCount(record.len())),
            record => Ok(record.map(CsvRow::new)),
        }
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
    record: ZeroCopyByteRecord<'a>,
    /// A column found to be quoted wrong; told once a row instead of with each cell, because cells are the hot path.
    misquoted: Cell<Option<usize>>,
}

impl<'a> CsvRow<'a> {
    fn new(record: ZeroCopyByteRecord<'a>) -> Self {
        Self { record, misquoted: Cell::new(None) }
    }

    /// How many cells it has.
    pub(super) fn len(&self) -> usize {
        self.record.len()
    }

    /// The cell as the file has it, quotes and all; good for telling whether it is empty or the same as another.
    #[inline]
    pub(super) fn raw(&self, column: usize) -> &[u8] {
        self.record.get(column).unwrap_or_default()
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
        let whole = self.record.as_slice();
        let place = |cell: &[u8]| cell.as_ptr().addr() - whole.as_ptr().addr();
        let end = self.raw(last);
        Some(&whole[place(self.raw(first))..place(end) + end.len()])
    }

    #[inline]
    fn size(&self) -> usize {
        self.record.as_slice().len()
    }

    fn check(&self) -> Result<(), Fault> {
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
        if str::from_utf8(self.record.as_slice()).is_ok() {
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
        while let Some(row) = rows.next().map_err(|error| format!("{error:?}"))? {
            all.push((0..row.len()).map(|column| row.cell(column).into_owned()).collect());
            row.check().map_err(|fault| format!("{fault:?}"))?;
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
        let row = rows.next().unwrap().unwrap();
        assert_eq!(row.check(), Err(Fault::new(1, CellProblem::NotUtf8)));
    }

    #[test]
    fn a_span_is_what_the_file_has() {
        let (_, mut rows) = CsvRows::open(&b"a,b,c,d\n1,\"x,\"\"y\",,4\n"[..], Marks::default()).unwrap();
        let row = rows.next().unwrap().unwrap();
        assert_eq!(row.span(1, 2).unwrap(), b"\"x,\"\"y\",");
        assert_eq!(row.span(0, 3).unwrap(), b"1,\"x,\"\"y\",,4");
        assert_eq!(row.span(2, 2).unwrap(), b"");
    }
}
