//! Unpacking: a packed file as a stream of text, with nothing lost in silence and memory that does not grow with a row.

use std::cell::Cell;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::rc::Rc;

use billing::formats::MAGIC_BYTES;
use flate2::bufread::MultiGzDecoder;

use super::limits::{Breach, Meter};
use super::zip::ZippedFile;
use crate::limits::Limit;

/// How much of the packed file is held at once.
const PACKED_BUFFER: usize = 128 << 10;

/// How far a file has been read. The reader above moves `parsed` on; unpacking stops when it falls too far behind.
#[derive(Debug, Default, Clone)]
pub(super) struct Marks {
    /// Bytes taken from the packed file.
    pub(super) packed: Rc<Cell<u64>>,
    /// Bytes unpacked from it.
    pub(super) unpacked: Rc<Cell<u64>>,
    /// Unpacked bytes up to the end of the last whole row.
    pub(super) parsed: Rc<Cell<u64>>,
    /// What is allowed.
    pub(super) meter: Meter,
}

impl Marks {
    pub(super) fn new(meter: Meter) -> Self {
        Self { meter, ..Self::default() }
    }

    /// Notes that so much more is unpacked.
    pub(super) fn unpack(&self, more: u64) -> Result<(), Breach> {
        self.unpacked.set(self.unpacked.get() + more);
        self.meter.count(more, (self.unpacked.get(), self.packed.get()))
    }
}

/// A packed file, from its first byte on.
pub(super) type Packed<R> = Chain<Cursor<Vec<u8>>, BufReader<Counted<R>>>;

/// Looks at the first bytes of a file: which they are, and the file as if they had not been read.
pub(super) fn open<R: Read>(packed: R, marks: &Marks) -> io::Result<(Vec<u8>, Packed<R>)> {
    let packed = Counted { inner: packed, count: Rc::clone(&marks.packed) };
    let mut packed = BufReader::with_capacity(PACKED_BUFFER, packed);
    let mut start = Vec::with_capacity(MAGIC_BYTES);
    packed.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut start)?;
    Ok((start.clone(), Cursor::new(start).chain(packed)))
}

/// The text of a file packed with gzip. It ends only where the packed file ends, at the end of a gzip member.
pub(super) fn gzipped<R: Read>(packed: Packed<R>, marks: &Marks) -> Text<MultiGzDecoder<Packed<R>>> {
    Text { inner: MultiGzDecoder::new(packed), marks: marks.clone() }
}

/// The text of the one file in a zip archive.
pub(super) fn zipped<R: Read>(packed: Packed<R>, marks: &Marks) -> io::Result<Text<ZippedFile<Packed<R>>>> {
    Ok(Text { inner: ZippedFile::open(packed)?, marks: marks.clone() })
}

/// The unpacked text.
pub(super) struct Text<D> {
    inner: D,
    marks: Marks,
}

impl<D: Read> Read for Text<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let marks = &self.marks;
        marks.meter.check(Limit::RowBytes, marks.unpacked.get() - marks.parsed.get())?;
        let count = self.inner.read(buffer)?;
        marks.unpack(count as u64)?;
        Ok(count)
    }
}

/// Counts what is read.
pub(super) struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.set(self.count.get() + count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    }

    fn read(packed: &[u8]) -> io::Result<String> {
        let marks = Marks::default();
        let mut text = String::new();
        let (start, packed_again) = open(packed, &marks)?;
        assert_eq!(start, packed[..packed.len().min(MAGIC_BYTES)]);
        if !start.is_empty() {
            gzipped(packed_again, &marks).read_to_string(&mut text)?;
        }
        assert_eq!(marks.packed.get(), packed.len() as u64);
        assert_eq!(marks.unpacked.get(), text.len() as u64);
        Ok(text)
    }

    #[test]
    fn members_follow_each_other_as_one_text() {
        let packed: Vec<u8> = ["a,b\n", "", "1,2\n", "3,4"].iter().flat_map(|text| gzip(text)).collect();
        assert_eq!(read(&packed).unwrap(), "a,b\n1,2\n3,4");
        assert_eq!(read(&[]).unwrap(), "");
        assert_eq!(read(&gzip("")).unwrap(), "");
    }

    #[test]
    fn a_file_cut_off_anywhere_is_an_error() {
        let packed = [gzip("a,b\n1,2\n"), gzip("3,4\n")].concat();
        let member = gzip("a,b\n1,2\n").len();
        for end in (1..packed.len()).filter(|end| *end != member) {
            assert!(read(&packed[..end]).is_err(), "cut off after {end} bytes");
        }
    }

    #[test]
    fn damage_and_foreign_bytes_are_errors() {
        let mut damaged = gzip(&"a,b\n1,2\n".repeat(100));
        let last = damaged.len() - 6;
        damaged[last] ^= 1;
        assert!(read(&damaged).is_err(), "checksum");
        assert!(read(b"a,b\n1,2\n").is_err(), "plain text");
        assert!(read(&[gzip("a\n"), b"trailing".to_vec()].concat()).is_err(), "trailing bytes");
    }

    #[test]
    fn a_row_without_end_is_stopped() {
        let marks = Marks::default();
        let packed = gzip(&"x".repeat(20 << 20));
        let mut text = gzipped(open(packed.as_slice(), &marks).unwrap().1, &marks);
        let error = io::copy(&mut text, &mut io::sink()).unwrap_err();
        assert_eq!(Breach::of(&error).map(|breach| breach.limit), Some(Limit::RowBytes), "{error}");
    }
}
