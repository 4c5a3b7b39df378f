//! Packing text as it is written: in gzip members, or as the one file of a zip archive.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc, GzBuilder};

use crate::error::SampleError;
use crate::format::Packing;

/// A new gzip member starts after so much text: several members in one file are legal, and big bills have them.
const MEMBER: usize = 96 * 1024 * 1024;
/// Speed rather than size: a sample is read more often than it is kept.
const LEVEL: u32 = 3;

/// A packed file being written.
pub(crate) struct Packed {
    path: PathBuf,
    packing: Stage,
}

enum Stage {
    /// The encoder, and how much text its member has.
    Gzip(GzEncoder<BufWriter<File>>, usize),
    Zip(Entry),
}

impl Packed {
    pub(crate) fn create(path: PathBuf, packing: Packing) -> Result<Self, SampleError> {
        let file = BufWriter::new(File::create(&path).map_err(SampleError::write(&path))?);
        let packing = match packing {
            Packing::Zip => {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                Stage::Zip(Entry::start(file, name).map_err(SampleError::write(&path))?)
            }
            Packing::Gzip | Packing::Parquet => Stage::Gzip(member(file), 0),
        };
        Ok(Self { path, packing })
    }

    pub(crate) fn write(&mut self, text: &[u8]) -> Result<(), SampleError> {
        let written = match &mut self.packing {
            Stage::Gzip(gzip, in_member) => {
                *in_member += text.len();
                gzip.write_all(text)
            }
            Stage::Zip(entry) => entry.write(text),
        };
        written.map_err(SampleError::write(&self.path))
    }

    /// Starts another gzip member where this one is long enough.
    pub(crate) fn member_may_end(&mut self) -> Result<(), SampleError> {
        match &self.packing {
            Stage::Gzip(_, in_member) if *in_member >= MEMBER => self.next_member(),
            _ => Ok(()),
        }
    }

    /// Ends the gzip member and starts another in the same file.
    pub(crate) fn next_member(&mut self) -> Result<(), SampleError> {
        let Stage::Gzip(gzip, in_member) = &mut self.packing else { return Ok(()) };
        *in_member = 0;
        // The clone shares the position in the file, and the old encoder is finished before the new one writes.
        let file = gzip.get_ref().get_ref().try_clone().map_err(SampleError::write(&self.path))?;
        let finished = std::mem::replace(gzip, member(BufWriter::new(file)));
        finished.finish().and_then(|mut file| file.flush()).map_err(SampleError::write(&self.path))
    }

    pub(crate) fn finish(self) -> Result<(), SampleError> {
        let finished = match self.packing {
            Stage::Gzip(gzip, _) => gzip.finish().and_then(|mut file| file.flush()),
            Stage::Zip(entry) => entry.finish(),
        };
        finished.map_err(SampleError::write(&self.path))
    }
}

/// No time and no file name in the header, so that equal bills are equal bytes.
fn member(file: BufWriter<File>) -> GzEncoder<BufWriter<File>> {
    GzBuilder::new().mtime(0).operating_system(255).write(file, Compression::new(LEVEL))
}

/// The one file of an archive, with its sizes behind it, as whoever writes a stream must have them.
struct Entry {
    name: String,
    deflate: DeflateEncoder<BufWriter<File>>,
    crc: Crc,
}

/// What stands before and in the directory: version 2.0, sizes behind, deflate, 1 January 1980.
const FACTS: [u8; 10] = [20, 0, 8, 0, 8, 0, 0, 0, 33, 0];

impl Entry {
    fn start(mut file: BufWriter<File>, name: String) -> std::io::Result<Self> {
        file.write_all(b"PK\x03\x04")?;
        file.write_all(&FACTS)?;
        file.write_all(&[0; 12])?;
        file.write_all(&[short(name.len())?, [0; 2]].concat())?;
        file.write_all(name.as_bytes())?;
        Ok(Self { name, deflate: DeflateEncoder::new(file, Compression::new(LEVEL)), crc: Crc::new() })
    }

    fn write(&mut self, text: &[u8]) -> std::io::Result<()> {
        self.crc.update(text);
        self.deflate.write_all(text)
    }

    fn finish(mut self) -> std::io::Result<()> {
        self.deflate.try_finish()?;
        let big = |_| std::io::Error::other("a part of a sample in zip holds less than 4 GiB");
        let sizes = [self.deflate.total_out(), self.deflate.total_in()];
        let [packed, text] = [u32::try_from(sizes[0]).map_err(big)?, u32::try_from(sizes[1]).map_err(big)?];
        let sums = [self.crc.sum(), packed, text].map(u32::to_le_bytes).concat();
        let mut file = self.deflate.finish()?;
        file.write_all(b"PK\x07\x08")?;
        file.write_all(&sums)?;
        let name = self.name.as_bytes();
        let directory = [b"PK\x01\x02\x14\x00".as_slice(), &FACTS, &sums, &short(name.len())?, &[0; 16], name].concat();
        let start = 30 + u64::try_from(name.len()).unwrap_or_default() + sizes[0] + 16;
        let start = u32::try_from(start).map_err(big)?;
        file.write_all(&directory)?;
        let length = u32::try_from(directory.len()).map_err(big)?;
        let end = [b"PK\x05\x06\0\0\0\0\x01\0\x01\0".as_slice(), &length.to_le_bytes(), &start.to_le_bytes(), &[0; 2]];
        file.write_all(&end.concat())?;
        file.flush()
    }
}

fn short(length: usize) -> std::io::Result<[u8; 2]> {
    u16::try_from(length).map(u16::to_le_bytes).map_err(|_| std::io::Error::other("a name is shorter than 64 KiB"))
}
