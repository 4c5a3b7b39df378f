//! A zip archive with one file in it, read as a stream: what is at the archive's end is checked when it comes by.

use std::io::{self, BufRead, Read, Take};

use billing::told::told;
use flate2::Crc;
use flate2::bufread::DeflateDecoder;

const ENTRY: [u8; 4] = *b"PK\x03\x04";
const DIRECTORY: [u8; 4] = *b"PK\x01\x02";
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";
const END: [u8; 4] = *b"PK\x05\x06";
const END64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR64: [u8; 4] = *b"PK\x06\x07";
/// The field that holds sizes of 64 bits.
const ZIP64: u16 = 1;
/// Stands for a size that is in the [`ZIP64`] field.
const BIG: u32 = u32::MAX;

/// The unpacked text. *Invariant:* it ends only where the archive's one file does, with the sizes and the checksum that
/// the archive states.
pub(super) struct ZippedFile<R> {
    packed: Packed<R>,
    name: Vec<u8>,
    stated: Stated,
    crc: Crc,
    unpacked: u64,
}

/// What is left to be read.
enum Packed<R> {
    Deflated(DeflateDecoder<R>),
    Stored(Take<R>),
    Done,
}

/// What an entry's header says of it.
#[derive(Debug, Clone, Copy)]
struct Stated {
    /// Checksum, packed and unpacked size; `None` where they come behind the file.
    sums: Option<(u32, u64, u64)>,
    /// Whether sizes behind the file have 64 bits for sure.
    zip64: bool,
}

impl<R: BufRead> ZippedFile<R> {
    /// Begins with the archive's first entry.
    pub(super) fn open(mut archive: R) -> io::Result<Self> {
        let mut fixed = [0; 30];
        archive.read_exact(&mut fixed)?;
        if fixed[..4] != ENTRY {
            return Err(wrong("it holds no file"));
        }
        let [flags, method] = [6, 8].map(|at| short(&fixed[at..]));
        let [crc, packed, unpacked] = [14, 18, 22].map(|at| long(&fixed[at..]));
        let mut name = vec![0; usize::from(short(&fixed[26..]))];
        archive.read_exact(&mut name)?;
        let mut extra = vec![0; usize::from(short(&fixed[28..]))];
        archive.read_exact(&mut extra)?;
        if flags & 1 != 0 {
            return Err(wrong("its file is encrypted"));
        }
        if !name.to_ascii_lowercase().ends_with(b".csv") {
            return Err(wrong(&format!("it holds `{}`, which is no csv", told(&String::from_utf8_lossy(&name)))));
        }
        let big = zip64(&extra);
        let (packed, unpacked) = sizes((packed, unpacked), big);
        let stated = Stated { sums: (flags & 8 == 0).then_some((crc, packed, unpacked)), zip64: big.is_some() };
        let packed = match (method, stated.sums) {
            (8, _) => Packed::Deflated(DeflateDecoder::new(archive)),
            (0, Some(_)) => Packed::Stored(archive.take(packed)),
            (0, None) => return Err(wrong("its file is stored without its size, so that its end can't be found")),
            (other, _) => return Err(wrong(&format!("its file is packed by method {other}; deflate is read"))),
        };
        Ok(Self { packed, name, stated, crc: Crc::new(), unpacked: 0 })
    }

    /// The file is read: checks it, and that the archive holds nothing else.
    fn finish(&mut self) -> io::Result<()> {
        let (packed, mut archive) = match std::mem::replace(&mut self.packed, Packed::Done) {
            Packed::Deflated(decoder) => (decoder.total_in(), decoder.into_inner()),
            Packed::Stored(rest) if rest.limit() > 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Packed::Stored(rest) => (self.unpacked, rest.into_inner()),
            Packed::Done => return Ok(()),
        };
        let found = (self.crc.sum(), packed, self.unpacked);
        let stated = match self.stated.sums {
            Some(sums) => sums,
            None => descriptor(&mut archive, found, self.stated.zip64)?,
        };
        if stated != found {
            return Err(wrong("its file has not the size and the checksum that it states"));
        }
        let mut signature = [0; 4];
        archive.read_exact(&mut signature)?;
        match signature {
            DIRECTORY => directory(&mut archive, (&self.name, found)),
            ENTRY => Err(wrong(SEVERAL)),
            _ => Err(wrong("it is damaged behind its file")),
        }
    }
}

impl<R: BufRead> Read for ZippedFile<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = match &mut self.packed {
            Packed::Deflated(decoder) => decoder.read(buffer)?,
            Packed::Stored(rest) => rest.read(buffer)?,
            Packed::Done => return Ok(0),
        };
        self.crc.update(&buffer[..count]);
        self.unpacked += count as u64;
        if count == 0 {
            self.finish()?;
        }
        Ok(count)
    }
}

/// The sizes in the field of 64 bits, as far as they are there: of the unpacked file, then of the packed one.
fn zip64(extra: &[u8]) -> Option<&[u8]> {
    let mut rest = extra;
    while let Some((head, fields)) = rest.split_at_checked(4) {
        let (id, length) = (short(head), usize::from(short(&head[2..])));
        let field = fields.get(..length)?;
        if id == ZIP64 {
            return Some(field);
        }
        rest = &fields[length..];
    }
    None
}

/// Packed and unpacked size, each from the field of 64 bits where its own says so.
fn sizes((packed, unpacked): (u32, u32), big: Option<&[u8]>) -> (u64, u64) {
    let mut big = big.unwrap_or_default();
    let mut size = |stated: u32| match big.split_at_checked(8) {
        Some((its, rest)) if stated == BIG => {
            big = rest;
            huge(its)
        }
        _ => u64::from(stated),
    };
    let unpacked = size(unpacked);
    (size(packed), unpacked)
}

/// Reads what is stated behind a file: with or without a signature, in sizes of 32 or 64 bits. Nothing but what was
/// `found` tells which, so only what equals it is right.
fn descriptor(archive: &mut impl Read, found: (u32, u64, u64), is_zip64: bool) -> io::Result<(u32, u64, u64)> {
    let mut next = || {
        let mut bytes = [0; 4];
        archive.read_exact(&mut bytes).map(|()| bytes)
    };
    let first = next()?;
    let crc = if first == DESCRIPTOR { next()? } else { first };
    let words = [next()?, next()?].map(|bytes| u64::from(long(&bytes)));
    let short = words == [found.1, found.2];
    if short && !is_zip64 {
        return Ok((long(&crc), words[0], words[1]));
    }
    let more = [next()?, next()?].map(|bytes| u64::from(long(&bytes)));
    Ok((long(&crc), words[0] | (words[1] << 32), more[0] | (more[1] << 32)))
}

/// Reads the archive's directory, which must tell of the one file that was `found` and of no other, and the archive's end.
fn directory(archive: &mut impl Read, (name, found): (&[u8], (u32, u64, u64))) -> io::Result<()> {
    let mut fixed = [0; 42];
    archive.read_exact(&mut fixed)?;
    let mut next = |at: usize| {
        let mut bytes = vec![0; usize::from(short(&fixed[at..]))];
        archive.read_exact(&mut bytes).map(|()| bytes)
    };
    let [its_name, extra, _comment] = [next(24)?, next(26)?, next(28)?];
    let [crc, packed, unpacked] = [12, 16, 20].map(|at| long(&fixed[at..]));
    let (packed, unpacked) = sizes((packed, unpacked), zip64(&extra));
    if its_name != name || (crc, packed, unpacked) != found {
        return Err(wrong("its directory tells of another file than it holds"));
    }
    loop {
        let mut signature = [0; 4];
        archive.read_exact(&mut signature)?;
        match signature {
            END64 => {
                let mut length = [0; 8];
                archive.read_exact(&mut length)?;
                pass(archive, huge(&length))?;
            }
            LOCATOR64 => pass(archive, 16)?,
            END => return end(archive),
            DIRECTORY => return Err(wrong(SEVERAL)),
            _ => return Err(wrong("it is damaged behind its directory")),
        }
    }
}

/// Reads the record that ends an archive, behind which is nothing.
fn end(archive: &mut impl Read) -> io::Result<()> {
    let mut fixed = [0; 18];
    archive.read_exact(&mut fixed)?;
    pass(archive, u64::from(short(&fixed[16..])))?;
    match archive.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(wrong("there are bytes behind its end")),
    }
}

fn pass(archive: &mut impl Read, count: u64) -> io::Result<()> {
    let passed = io::copy(&mut archive.take(count), &mut io::sink())?;
    if passed == count { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

const SEVERAL: &str = "it holds more than one file";

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the archive can't be read: {what}"))
}

fn short(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[0], bytes[1]])
}

fn long(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn huge(bytes: &[u8]) -> u64 {
    u64::from(long(bytes)) | (u64::from(long(&bytes[4..])) << 32)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    /// How an archive states the sizes of its file.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(in super::super) enum Sizes {
        Before,
        Before64,
        Behind,
        Behind64,
    }

    fn deflate(text: &[u8]) -> Vec<u8> {
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    }

    /// An entry as archivers write it.
    fn entry(name: &str, text: &[u8], sizes: Sizes) -> Vec<u8> {
        let packed = deflate(text);
        let mut crc = Crc::new();
        crc.update(text);
        let [length, unpacked] = [packed.len(), text.len()].map(|length| u32::try_from(length).unwrap());
        let mut out = ENTRY.to_vec();
        let behind = matches!(sizes, Sizes::Behind | Sizes::Behind64);
        out.extend([20, 0, if behind { 8 } else { 0 }, 0, 8, 0, 0, 0, 0, 0]);
        let stated = match sizes {
            Sizes::Before => [crc.sum(), length, unpacked],
            Sizes::Before64 => [crc.sum(), BIG, BIG],
            Sizes::Behind | Sizes::Behind64 => [0; 3],
        };
        out.extend(stated.iter().flat_map(|number| number.to_le_bytes()));
        out.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        let extra = match sizes {
            Sizes::Before64 => {
                [&[1, 0, 16, 0][..], &u64::from(unpacked).to_le_bytes(), &u64::from(length).to_le_bytes()].concat()
            }
            _ => vec![9, 9, 1, 0, 7],
        };
        out.extend(u16::try_from(extra.len()).unwrap().to_le_bytes());
        out.extend(name.as_bytes().iter().chain(&extra).chain(&packed));
        if behind {
            out.extend(DESCRIPTOR);
            out.extend(crc.sum().to_le_bytes());
            for size in [length, unpacked] {
                if sizes == Sizes::Behind {
                    out.extend(size.to_le_bytes());
                } else {
                    out.extend(u64::from(size).to_le_bytes());
                }
            }
        }
        out
    }

    /// The directory of one file, and the end of the archive.
    fn directory(name: &str, text: &[u8], sizes: Sizes) -> Vec<u8> {
        let mut crc = Crc::new();
        crc.update(text);
        let [length, unpacked] = [deflate(text).len(), text.len()].map(|length| u32::try_from(length).unwrap());
        let big = matches!(sizes, Sizes::Before64 | Sizes::Behind64);
        let extra = [&[1, 0, 16, 0][..], &u64::from(unpacked).to_le_bytes(), &u64::from(length).to_le_bytes()].concat();
        let (stated, extra) =
            if big { ([crc.sum(), BIG, BIG], extra) } else { ([crc.sum(), length, unpacked], Vec::new()) };
        let lengths = [name.len(), extra.len(), 3].map(|length| u16::try_from(length).unwrap().to_le_bytes()).concat();
        let mut out = [&DIRECTORY[..], &[0; 12], &stated.map(u32::to_le_bytes).concat(), &lengths, &[0; 12]].concat();
        out.extend([name.as_bytes(), &extra, b"rem"].concat());
        if big {
            out.extend([&END64[..], &44_u64.to_le_bytes(), &[0; 44], &LOCATOR64, &[0; 16]].concat());
        }
        [out, END.to_vec(), vec![0; 16], vec![2, 0], b"so".to_vec()].concat()
    }

    /// An archive with one csv.
    pub(in super::super) fn archive(text: &str, sizes: Sizes) -> Vec<u8> {
        let (name, text) = ("R-00001.csv", text.as_bytes());
        [entry(name, text, sizes), directory(name, text, sizes)].concat()
    }

    fn read(archive: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        ZippedFile::open(archive)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn one_csv_is_read_however_its_sizes_are_stated() {
        let long = "a,b\n1,2\n".repeat(50_000);
        for sizes in [Sizes::Before, Sizes::Before64, Sizes::Behind, Sizes::Behind64] {
            for text in [long.as_str(), "a,b\n"] {
                assert!(read(&archive(text, sizes)).unwrap() == text, "{sizes:?}");
            }
        }
    }

    #[test]
    fn an_archive_cut_off_anywhere_is_an_error() {
        for sizes in [Sizes::Before, Sizes::Before64, Sizes::Behind, Sizes::Behind64] {
            let whole = archive("a,b\n1,2\n", sizes);
            for end in 0..whole.len() {
                assert!(read(&whole[..end]).is_err(), "{sizes:?}, cut off after {end} bytes");
            }
        }
    }

    #[test]
    fn damage_is_an_error() {
        for sizes in [Sizes::Before, Sizes::Before64, Sizes::Behind, Sizes::Behind64] {
            let whole = archive("a,b\n1,2\n", sizes);
            let entry = entry("R-00001.csv", b"a,b\n1,2\n", sizes).len();
            // The checksums before or behind the file and in the directory, and the name there.
            let stated = if sizes == Sizes::Before || sizes == Sizes::Before64 { 15 } else { entry - 20 };
            for at in [stated, entry + 16, entry + 46] {
                let mut damaged = whole.clone();
                damaged[at] ^= 1;
                assert!(read(&damaged).is_err(), "{sizes:?}, byte {at}");
            }
            let error = read(&[whole.as_slice(), b"x"].concat()).unwrap_err().to_string();
            assert!(error.contains("bytes behind its end"), "{error}");
        }
    }

    #[test]
    fn what_is_not_one_csv_is_named() {
        let check = |archive: &[u8], expect: &str| {
            let error = read(archive).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        let one = entry("a.csv", b"a\n1\n", Sizes::Behind);
        check(&[one.clone(), one.clone()].concat(), "more than one file");
        let listed = directory("a.csv", b"a\n1\n", Sizes::Behind);
        let first = listed.len() - END.len() - 20;
        check(&[&one[..], &listed[..first], &listed].concat(), "more than one file");
        check(&[one.clone(), directory("b.csv", b"a\n1\n", Sizes::Behind)].concat(), "tells of another file");
        check(&[one.clone(), directory("a.csv", b"a\n2\n", Sizes::Behind)].concat(), "tells of another file");
        check(&[entry("a.txt", b"a\n", Sizes::Before).as_slice(), &DIRECTORY].concat(), "`a.txt`, which is no csv");
        let mut encrypted = one.clone();
        encrypted[6] |= 1;
        check(&encrypted, "encrypted");
        let mut bzip2 = one;
        bzip2[8] = 12;
        check(&bzip2, "method 12");
    }
}
