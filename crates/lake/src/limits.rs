//! What a delivery's files may be at most: one table, of which the settings, their documentation and the errors are made.

use std::fmt;
use std::str::FromStr;

/// One thing that is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// What one file unpacks to.
    PartBytes,
    /// What all files of one delivery unpack to.
    DeliveryBytes,
    /// How many times larger a file gets.
    Ratio,
    /// From how much on the ratio counts.
    RatioFrom,
    /// Rows of one file.
    PartRows,
    /// Columns of one file.
    Columns,
    /// One cell.
    FieldBytes,
    /// One row.
    RowBytes,
    /// Maps within maps.
    MapDepth,
    /// A Parquet file's table of contents.
    FooterBytes,
    /// One page of a Parquet file.
    PageBytes,
    /// The pages of a Parquet file that are open at once.
    HeldBytes,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Bytes,
    Count,
}

struct Row {
    limit: Limit,
    name: &'static str,
    default: u64,
    unit: Unit,
    /// What is bounded, for the documentation.
    about: &'static str,
    /// What a file has that breaks it; the value stands where `{}` is.
    breach: &'static str,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The table, in the order of [`Limit`]. Defaults fit the largest bills that are known, several times over.
const ROWS: [Row; 12] = [
    Row {
        limit: Limit::PartBytes,
        name: "part-bytes",
        default: 64 * GIB,
        unit: Unit::Bytes,
        about: "what one file unpacks to",
        breach: "it unpacks to more than {}",
    },
    Row {
        limit: Limit::DeliveryBytes,
        name: "delivery-bytes",
        default: 1024 * GIB,
        unit: Unit::Bytes,
        about: "what all files of one month's delivery unpack to",
        breach: "the delivery's files together unpack to more than {}",
    },
    Row {
        limit: Limit::Ratio,
        name: "ratio",
        default: 250,
        unit: Unit::Count,
        about: "how many times its packed size a file may unpack to; real bills reach 40",
        breach: "it unpacks to more than {} times its size",
    },
    Row {
        limit: Limit::RatioFrom,
        name: "ratio-from",
        default: 64 * MIB,
        unit: Unit::Bytes,
        about: "unpacked bytes that every file may have, whatever its ratio: small files may repeat themselves",
        breach: "it unpacks to more than {}",
    },
    Row {
        limit: Limit::PartRows,
        name: "part-rows",
        default: 100_000_000,
        unit: Unit::Count,
        about: "rows of one file",
        breach: "it has more than {} rows",
    },
    Row {
        limit: Limit::Columns,
        name: "columns",
        default: 4096,
        unit: Unit::Count,
        about: "columns of one file",
        breach: "it has more than {} columns",
    },
    Row {
        limit: Limit::FieldBytes,
        name: "field-bytes",
        default: MIB,
        unit: Unit::Bytes,
        about: "one cell; a map counts whole",
        breach: "a cell is longer than {}",
    },
    Row {
        limit: Limit::RowBytes,
        name: "row-bytes",
        default: 16 * MIB,
        unit: Unit::Bytes,
        about: "one row",
        breach: "a row is longer than {}, most likely because a quote is not closed",
    },
    Row {
        limit: Limit::MapDepth,
        name: "map-depth",
        default: 16,
        unit: Unit::Count,
        about: "how deep a map in JSON may nest",
        breach: "a map nests deeper than {}",
    },
    Row {
        limit: Limit::FooterBytes,
        name: "footer-bytes",
        default: 16 * MIB,
        unit: Unit::Bytes,
        about: "a Parquet file's footer",
        breach: "its footer is longer than {}",
    },
    Row {
        limit: Limit::PageBytes,
        name: "page-bytes",
        default: 128 * MIB,
        unit: Unit::Bytes,
        about: "one unpacked page of a Parquet file",
        breach: "it says that a page unpacks to more than {}",
    },
    Row {
        limit: Limit::HeldBytes,
        name: "held-bytes",
        default: 512 * MIB,
        unit: Unit::Bytes,
        about: "the largest page and the dictionary of each column of a Parquet file together: what is in memory at once",
        breach: "its open pages need more memory than {}",
    },
];

impl Limit {
    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Its name in settings and errors.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// What a file has that breaks it, and its value: `a cell is longer than 1 MiB`.
    pub(crate) fn breach(self, allowed: u64) -> String {
        self.row().breach.replace("{}", &self.row().unit.show(allowed))
    }
}

impl Unit {
    fn show(self, value: u64) -> String {
        let sizes = [(GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")];
        let whole = sizes.into_iter().find(|(size, _)| value >= *size && value.is_multiple_of(*size));
        match (self, whole) {
            (Self::Bytes, Some((size, unit))) => format!("{} {unit}", value / size),
            (Self::Bytes, None) => format!("{value} bytes"),
            (Self::Count, _) => value.to_string(),
        }
    }
}

fn names() -> String {
    ROWS.map(|row| row.name).join(", ")
}

/// What is allowed of each [`Limit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits([u64; ROWS.len()]);

impl Default for Limits {
    fn default() -> Self {
        Self(ROWS.map(|row| row.default))
    }
}

impl Limits {
    /// What is allowed of one.
    pub fn of(&self, limit: Limit) -> u64 {
        self.0[limit as usize]
    }

    /// The same with another value of one.
    #[must_use]
    pub fn with(mut self, setting: Setting) -> Self {
        self.0[setting.limit as usize] = setting.allowed;
        self
    }

    /// Each limit with its default and what it bounds, a line each, for the command line's help.
    pub fn help() -> String {
        let line = |row: &Row| format!("  {:<15} {:>9}  {}", row.name, row.unit.show(row.default), row.about);
        ROWS.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// One limit set by hand, as `field-bytes=4MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    limit: Limit,
    allowed: u64,
}

impl Setting {
    /// This limit, at this value.
    pub fn new(limit: Limit, allowed: u64) -> Self {
        Self { limit, allowed }
    }
}

/// Why a text sets no limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// It is not `name=value`.
    #[error("`{0}` is not of the form `name=value`, like `field-bytes=4MiB`")]
    Form(String),
    /// There is no such limit.
    #[error("there is no limit `{0}`; there are: {all}", all = names())]
    Name(String),
    /// It is no number above zero.
    #[error("`{0}` is no whole number above zero, for bytes with `KiB`, `MiB` or `GiB` behind it if you like")]
    Value(String),
}

impl FromStr for Setting {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let (name, value) = text.split_once('=').ok_or_else(|| SettingError::Form(text.to_owned()))?;
        let row = ROWS.iter().find(|row| row.name == name).ok_or_else(|| SettingError::Name(name.to_owned()))?;
        let allowed = match row.unit {
            Unit::Bytes => parse_bytes(value)?,
            Unit::Count => count(value, (value, 1))?,
        };
        Ok(Self { limit: row.limit, allowed })
    }
}

/// A number of bytes above zero, as `48MiB` or `50331648`.
pub fn parse_bytes(text: &str) -> Result<u64, SettingError> {
    let units = [("KiB", KIB), ("MiB", MIB), ("GiB", GIB)];
    let told = units.into_iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, size)));
    count(text, told.unwrap_or((text, 1)))
}

/// So many of what has this size.
fn count(text: &str, (number, size): (&str, u64)) -> Result<u64, SettingError> {
    let counted = number.parse::<u64>().ok().and_then(|number| number.checked_mul(size)).filter(|count| *count > 0);
    counted.ok_or_else(|| SettingError::Value(text.to_owned()))
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.limit.name(), self.allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_its_limits() {
        for (at, row) in ROWS.iter().enumerate() {
            assert_eq!(row.limit as usize, at, "{}", row.name);
            assert!(row.breach.contains("{}") && !row.about.is_empty(), "{}", row.name);
        }
    }

    #[test]
    fn a_setting_is_read_or_explained() {
        let set = |text: &str| text.parse::<Setting>().map(|setting| setting.to_string());
        assert_eq!(set("field-bytes=4MiB").unwrap(), "field-bytes=4194304");
        assert_eq!(set("part-rows=10").unwrap(), "part-rows=10");
        for (wrong, expect) in [
            ("field-bytes", "`name=value`"),
            ("cell=1", "there is no limit `cell`; there are: part-bytes, "),
            ("part-rows=0", "`0` is no whole number"),
            ("part-rows=1MiB", "`1MiB` is no whole number"),
            ("field-bytes=-1", "`-1`"),
            ("field-bytes=99999999999GiB", "`99999999999GiB`"),
        ] {
            let error = set(wrong).unwrap_err().to_string();
            assert!(error.contains(expect), "{wrong}: {error}");
        }
        let limits = Limits::default().with(Setting::new(Limit::Columns, 3));
        assert_eq!((limits.of(Limit::Columns), limits.of(Limit::MapDepth)), (3, 16));
    }

    #[test]
    fn a_breach_says_what_is_allowed() {
        assert_eq!(Limit::FieldBytes.breach(MIB), "a cell is longer than 1 MiB");
        assert_eq!(Limit::FieldBytes.breach(1000), "a cell is longer than 1000 bytes");
        assert_eq!(Limit::PartRows.breach(4096), "it has more than 4096 rows");
    }

    #[test]
    fn the_documentation_has_the_table() {
        let docs = include_str!("../../../docs/formats.md");
        for row in &ROWS {
            let line = format!("| `{}` | {} | {} |", row.name, row.unit.show(row.default), row.about);
            assert!(docs.contains(&line), "docs/formats.md lacks: {line}");
        }
    }
}
