//! One file of a delivery: csv, gzipped as it is written.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder, write::GzEncoder};

use crate::cells::{Cells, write_field};
use crate::column::Col;
use crate::error::SampleError;

/// Text is handed to gzip in pieces of about this size.
const PIECE: usize = 256 * 1024;
/// A new gzip member starts after so much text: several members in one file are legal, and big bills have them.
const MEMBER: usize = 96 * 1024 * 1024;
/// Speed rather than size: a sample is read more often than it is kept.
const LEVEL: u32 = 3;

/// An open part.
pub(crate) struct PartWriter {
    path: PathBuf,
    columns: Vec<Col>,
    text: Vec<u8>,
    in_member: usize,
    gzip: GzEncoder<BufWriter<File>>,
}

impl PartWriter {
    /// Starts the file with its header line.
    pub(crate) fn create(path: PathBuf, columns: Vec<Col>) -> Result<Self, SampleError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(SampleError::write(folder))?;
        }
        let file = File::create(&path).map_err(SampleError::write(&path))?;
        let mut part = Self {
            path,
            columns,
            text: Vec::with_capacity(PIECE * 2),
            in_member: 0,
            gzip: member(BufWriter::new(file)),
        };
        part.header();
        Ok(part)
    }

    fn header(&mut self) {
        for (at, col) in self.columns.iter().enumerate() {
            if at > 0 {
                self.text.push(b',');
            }
            let (category, name) = col.category_and_name();
            write_field(format!("{category}/{name}").as_bytes(), &mut self.text);
        }
        self.text.push(b'\n');
    }

    pub(crate) fn row(&mut self, cells: &Cells) -> Result<(), SampleError> {
        cells.write_row(&self.columns, &mut self.text);
        if self.text.len() < PIECE {
            return Ok(());
        }
        self.flush()?;
        if self.in_member < MEMBER {
            return Ok(());
        }
        self.next_member()
    }

    /// Ends the gzip member and starts another in the same file.
    pub(crate) fn next_member(&mut self) -> Result<(), SampleError> {
        self.flush()?;
        self.in_member = 0;
        // The clone shares the position in the file, and the old encoder is finished before the new one writes.
        let file = self.gzip.get_ref().get_ref().try_clone().map_err(SampleError::write(&self.path))?;
        let finished = std::mem::replace(&mut self.gzip, member(BufWriter::new(file)));
        finish(finished, &self.path)
    }

    pub(crate) fn finish(mut self) -> Result<(), SampleError> {
        self.flush()?;
        finish(self.gzip, &self.path)
    }

    /// Hands the text on to gzip; what gzip keeps back is written at the member's end.
    fn flush(&mut self) -> Result<(), SampleError> {
        self.gzip.write_all(&self.text).map_err(SampleError::write(&self.path))?;
        self.in_member += self.text.len();
        self.text.clear();
        Ok(())
    }
}

/// No time and no file name in the header, so that equal bills are equal bytes.
fn member(file: BufWriter<File>) -> GzEncoder<BufWriter<File>> {
    GzBuilder::new().mtime(0).operating_system(255).write(file, Compression::new(LEVEL))
}

fn finish(gzip: GzEncoder<BufWriter<File>>, path: &Path) -> Result<(), SampleError> {
    gzip.finish().and_then(|mut file| file.flush()).map_err(SampleError::write(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn members_follow_each_other_in_one_file() {
        let folder = crate::write::tests::scratch("members");
        let path = folder.join("part.csv.gz");
        let mut part = PartWriter::create(path.clone(), vec![Col::LineItemId, Col::TagTeam]).expect("created");
        let mut cells = Cells::new();
        cells.set(Col::TagTeam, "a,b");
        part.next_member().expect("a second member");
        part.row(&cells).expect("written");
        part.finish().expect("finished");
        let bytes = std::fs::read(&path).expect("there");
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text).expect("gzip");
        assert_eq!(text, "identity/LineItemId,resourceTags/user:team\n,\"a,b\"\n");
        let mut first = String::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut first).expect("gzip");
        assert_eq!(first.lines().count(), 1);
    }
}
