//! The formats that a bill can be written in: which columns, and what they are packed in.

/// A format that AWS delivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A legacy report, csv in gzip.
    #[default]
    LegacyCsvGz,
    /// A legacy report, csv in zip archives.
    LegacyCsvZip,
    /// A legacy report in Parquet; AWS always overwrites those.
    LegacyParquet,
    /// CUR 2.0, csv in gzip.
    Cur2CsvGz,
    /// CUR 2.0 in Parquet.
    Cur2Parquet,
    /// FOCUS 1.0, csv in gzip.
    Focus10CsvGz,
    /// FOCUS 1.0 in Parquet.
    Focus10Parquet,
    /// FOCUS 1.2, csv in gzip.
    Focus12CsvGz,
    /// FOCUS 1.2 in Parquet.
    Focus12Parquet,
}

/// Which columns a format has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Legacy,
    Cur2,
    Focus10,
    Focus12,
}

/// What files are packed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Zip,
    Parquet,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::LegacyCsvGz,
        Self::LegacyCsvZip,
        Self::LegacyParquet,
        Self::Cur2CsvGz,
        Self::Cur2Parquet,
        Self::Focus10CsvGz,
        Self::Focus10Parquet,
        Self::Focus12CsvGz,
        Self::Focus12Parquet,
    ];

    pub(crate) fn family(self) -> Family {
        match self {
            Self::LegacyCsvGz | Self::LegacyCsvZip | Self::LegacyParquet => Family::Legacy,
            Self::Cur2CsvGz | Self::Cur2Parquet => Family::Cur2,
            Self::Focus10CsvGz | Self::Focus10Parquet => Family::Focus10,
            Self::Focus12CsvGz | Self::Focus12Parquet => Family::Focus12,
        }
    }

    pub(crate) fn packing(self) -> Packing {
        match self {
            Self::LegacyCsvGz | Self::Cur2CsvGz | Self::Focus10CsvGz | Self::Focus12CsvGz => Packing::Gzip,
            Self::LegacyCsvZip => Packing::Zip,
            Self::LegacyParquet | Self::Cur2Parquet | Self::Focus10Parquet | Self::Focus12Parquet => Packing::Parquet,
        }
    }

    /// Whether charges are stated in FOCUS: unused commitment has lines of its own, and nothing is split.
    pub fn is_focus(self) -> bool {
        matches!(self.family(), Family::Focus10 | Family::Focus12)
    }
}

impl Packing {
    /// How the names of such files end.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => "csv.gz",
            Self::Zip => "csv.zip",
            Self::Parquet => "snappy.parquet",
        }
    }

    /// What legacy manifests call it: content type and compression.
    pub(crate) fn in_manifest(self) -> (&'static str, &'static str) {
        match self {
            Self::Gzip => ("text/csv", "GZIP"),
            Self::Zip => ("text/csv", "ZIP"),
            Self::Parquet => ("Parquet", "Parquet"),
        }
    }
}
