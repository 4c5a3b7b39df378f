//! One file of a delivery: csv, packed as it is written, or Parquet.

use std::path::PathBuf;

use crate::cells::write_field;
use crate::column::Col;
use crate::desk::Entry;
use crate::error::SampleError;
use crate::format::{Format, Packing};
use crate::packed::Packed;
use crate::parquet::ParquetFile;
use crate::table::{self, Column};

/// Text is handed on to be packed in pieces of about this size.
const PIECE: usize = 256 * 1024;

/// An open part.
pub(crate) enum PartWriter {
    Csv(Box<CsvPart>),
    Parquet(Format, Box<ParquetFile>),
}

impl PartWriter {
    /// Starts the file, in csv with its header line.
    pub(crate) fn create(path: PathBuf, format: Format, columns: &[Col]) -> Result<Self, SampleError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(SampleError::write(folder))?;
        }
        if format.packing() == Packing::Parquet {
            return Ok(Self::Parquet(format, Box::new(ParquetFile::create(path, table::columns(format, columns)))));
        }
        Ok(Self::Csv(Box::new(CsvPart::create(path, format, columns)?)))
    }

    /// Writes a line; how many lines it made in this format.
    pub(crate) fn row(&mut self, entry: &Entry<'_>) -> Result<u64, SampleError> {
        match self {
            Self::Csv(part) => part.row(entry),
            Self::Parquet(format, file) => {
                let parts = table::parts(*format, entry);
                parts.iter().try_for_each(|part| file.row(entry, *part))?;
                Ok(parts.len() as u64)
            }
        }
    }

    /// Ends the gzip member and starts another in the same file, where the format has such.
    pub(crate) fn next_member(&mut self) -> Result<(), SampleError> {
        match self {
            Self::Csv(part) => part.next_member(),
            Self::Parquet(..) => Ok(()),
        }
    }

    pub(crate) fn finish(self) -> Result<(), SampleError> {
        match self {
            Self::Csv(part) => part.finish(),
            Self::Parquet(_, file) => file.finish(),
        }
    }
}

/// What the lines of a csv are made of.
enum Sheet {
    /// Cells as they are.
    Legacy(Vec<Col>),
    Table(Format, Vec<Column>),
}

/// A csv being written.
pub(crate) struct CsvPart {
    sheet: Sheet,
    text: Vec<u8>,
    packed: Packed,
}

impl CsvPart {
    fn create(path: PathBuf, format: Format, columns: &[Col]) -> Result<Self, SampleError> {
        let sheet = match format {
            Format::LegacyCsvGz | Format::LegacyCsvZip => Sheet::Legacy(columns.to_vec()),
            table => Sheet::Table(table, table::columns(table, columns)),
        };
        let packed = Packed::create(path, format.packing())?;
        let mut part = Self { sheet, text: Vec::with_capacity(PIECE * 2), packed };
        part.header();
        Ok(part)
    }

    fn header(&mut self) {
        let names: Vec<String> = match &self.sheet {
            Sheet::Legacy(columns) => columns.iter().map(|col| col.name()).collect(),
            Sheet::Table(_, columns) => columns.iter().map(|column| column.name.clone()).collect(),
        };
        for (at, name) in names.iter().enumerate() {
            if at > 0 {
                self.text.push(b',');
            }
            write_field(name.as_bytes(), &mut self.text);
        }
        self.text.push(b'\n');
    }

    fn row(&mut self, entry: &Entry<'_>) -> Result<u64, SampleError> {
        let lines = match &self.sheet {
            Sheet::Legacy(columns) => {
                entry.cells.write_row(columns, &mut self.text);
                1
            }
            Sheet::Table(format, columns) => {
                let parts = table::parts(*format, entry);
                for part in parts {
                    table::write_row(columns, (entry, *part), &mut self.text);
                }
                parts.len() as u64
            }
        };
        if self.text.len() >= PIECE {
            self.flush()?;
            self.packed.member_may_end()?;
        }
        Ok(lines)
    }

    fn next_member(&mut self) -> Result<(), SampleError> {
        self.flush()?;
        self.packed.next_member()
    }

    fn finish(mut self) -> Result<(), SampleError> {
        self.flush()?;
        self.packed.finish()
    }

    /// Hands the text on; what packing keeps back is written at its end.
    fn flush(&mut self) -> Result<(), SampleError> {
        self.packed.write(&self.text)?;
        self.text.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::Cells;
    use crate::line::{LineType, Money};
    use std::io::Read as _;

    #[test]
    fn members_follow_each_other_in_one_file() {
        let folder = crate::write::tests::scratch("members");
        let path = folder.join("part.csv.gz");
        let columns = [Col::LineItemId, Col::TagTeam];
        let mut part = PartWriter::create(path.clone(), Format::LegacyCsvGz, &columns).expect("created");
        let mut cells = Cells::new();
        cells.set(Col::TagTeam, "a,b");
        part.next_member().expect("a second member");
        let (line_type, money) = (LineType::Usage, &Money::default());
        part.row(&Entry { line_type, account: "", product: "", start: "", invoice: "", money, cells: &cells })
            .expect("written");
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
