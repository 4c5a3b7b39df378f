//! The formats that AWS packs a bill's files in: one row each. What a file is, its first bytes say, not its name.

/// What is inside a file, and so which reader takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Comma-separated text in one or several gzip members.
    GzipCsv,
    /// One file of comma-separated text in a zip archive.
    ZipCsv,
    /// Parquet.
    Parquet,
}

/// A format of files that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Its name, for people.
    pub name: &'static str,
    /// Which reader takes it.
    pub packing: Packing,
    /// The first bytes of each such file.
    pub magic: &'static [u8],
    /// How the names of such files end.
    pub suffix: &'static str,
    /// What legacy manifests call its content.
    pub content_type: &'static str,
    /// What legacy manifests call its compression.
    pub compression: &'static str,
}

/// The formats that are read. Adding one is a row here and its reader in the lake's `normalise`.
pub const FORMATS: &[Format] = &[
    Format {
        name: "csv packed with gzip",
        packing: Packing::GzipCsv,
        magic: b"\x1f\x8b",
        suffix: ".csv.gz",
        content_type: "text/csv",
        compression: "GZIP",
    },
    Format {
        name: "csv in a zip archive",
        packing: Packing::ZipCsv,
        magic: b"PK\x03\x04",
        suffix: ".csv.zip",
        content_type: "text/csv",
        compression: "ZIP",
    },
    Format {
        name: "Parquet",
        packing: Packing::Parquet,
        magic: b"PAR1",
        suffix: ".parquet",
        content_type: "Parquet",
        compression: "Parquet",
    },
];

/// How many bytes of a file tell its format.
pub const MAGIC_BYTES: usize = 4;

impl Format {
    /// The format of a file that starts with these bytes. Fewer than [`MAGIC_BYTES`] may fit several; the first is taken, and
    /// its reader will say that the file is cut off.
    pub fn of_bytes(start: &[u8]) -> Option<&'static Format> {
        let fits = |magic: &[u8]| magic.iter().zip(start).all(|(wanted, found)| wanted == found);
        FORMATS.iter().find(|format| fits(format.magic))
    }

    /// The format that a file's name promises.
    pub fn of_key(key: &str) -> Option<&'static Format> {
        FORMATS.iter().find(|format| key.ends_with(format.suffix))
    }

    /// The format that a legacy manifest names.
    pub fn of_manifest(content_type: &str, compression: &str) -> Option<&'static Format> {
        let named = |format: &&Format| {
            format.content_type.eq_ignore_ascii_case(content_type)
                && format.compression.eq_ignore_ascii_case(compression)
        };
        FORMATS.iter().find(named)
    }

    /// The names of all formats, for people.
    pub fn names() -> String {
        FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_first_bytes_say() {
        for format in FORMATS {
            let start = [format.magic, b"more"].concat();
            assert_eq!(Format::of_bytes(&start), Some(format));
            assert!(Format::of_bytes(&format.magic[..1]).is_some(), "one byte can't be judged");
            assert!(format.magic.len() <= MAGIC_BYTES);
        }
        assert_eq!(Format::of_bytes(b"a,b\n"), None);
        assert_eq!(Format::of_bytes(b"PK\x05\x06"), None, "an archive without a file");
    }

    #[test]
    fn manifests_and_names_tell_formats_too() {
        let packing = |format: Option<&Format>| format.map(|format| format.packing);
        assert_eq!(packing(Format::of_manifest("text/csv", "gzip")), Some(Packing::GzipCsv));
        assert_eq!(packing(Format::of_manifest("text/csv", "ZIP")), Some(Packing::ZipCsv));
        assert_eq!(packing(Format::of_manifest("Parquet", "Parquet")), Some(Packing::Parquet));
        assert_eq!(packing(Format::of_manifest("text/csv", "bzip2")), None);
        assert_eq!(
            packing(Format::of_key("R/data/BILLING_PERIOD=2026-09/R-00001.snappy.parquet")),
            Some(Packing::Parquet)
        );
        assert_eq!(packing(Format::of_key("R-Manifest.json")), None);
    }
}
