//! A hostile delivery: what is put into the bucket, and what the error about it must say.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// One month's delivery that must be refused, or, where it `says` nothing, read.
pub struct Case {
    /// What is hostile about it, for whoever reads a failure.
    pub name: String,
    /// The content of each listed file; the names are `R-00001` and so on with this ending.
    pub files: Vec<Vec<u8>>,
    /// How the names of the files end.
    pub ending: &'static str,
    /// Turns the right manifest of these files into the one that is put.
    pub manifest: Rewrite,
    /// Words that the error must have.
    pub says: Vec<String>,
    /// Whether the error is about the first file, whose name it must have then; else it is about the manifest.
    pub names_file: bool,
}

/// What turns a month's right manifest into another.
pub type Rewrite = Box<dyn Fn(&Month, Value) -> Vec<u8>>;

/// A month that a case is delivered for.
pub struct Month {
    pub year: u16,
    /// From 1 to 12.
    pub number: u8,
    pub payer: String,
}

/// The columns that every file of text must have.
pub const HEADER: &str = "lineItem/LineItemType,lineItem/UnblendedCost,lineItem/UsageAccountId,lineItem/UsageStartDate,lineItem/UsageEndDate";

/// The first cells of a good line.
pub const LINE: &str = "Usage,1.5,111111111111,2003-02-02T00:00:00Z,2003-02-02T01:00:00Z";

impl Case {
    /// One file, which must be refused in these words.
    pub fn new(name: impl Into<String>, file: Vec<u8>, says: &[&str]) -> Self {
        Self {
            name: name.into(),
            files: vec![file],
            ending: ".csv.gz",
            manifest: Box::new(|_, manifest| manifest.to_string().into_bytes()),
            says: says.iter().map(|text| (*text).to_owned()).collect(),
            names_file: true,
        }
    }

    /// One file of text, packed with gzip.
    pub fn text(name: impl Into<String>, text: impl AsRef<[u8]>, says: &[&str]) -> Self {
        Self::new(name, gzip(text.as_ref()), says)
    }

    /// A good file that a bad manifest lists.
    pub fn listed(name: &str, says: &[&str], manifest: impl Fn(&Month, Value) -> Vec<u8> + 'static) -> Self {
        let manifest: Rewrite = Box::new(manifest);
        Self { manifest, names_file: false, ..Self::text(name, format!("{HEADER}\n{LINE}\n"), says) }
    }

    /// The same with another ending of its names.
    pub fn ending(self, ending: &'static str) -> Self {
        Self { ending, ..self }
    }
}

impl Month {
    /// `2026-09`.
    pub fn name(&self) -> String {
        format!("{:04}-{:02}", self.year, self.number)
    }

    fn after(&self) -> (u16, u8) {
        if self.number == 12 { (self.year + 1, 1) } else { (self.year, self.number + 1) }
    }

    /// Where AWS puts it, below the connection's path.
    pub fn folder(&self) -> String {
        let (year, month) = self.after();
        format!("bills/R/{:04}{:02}01-{year:04}{month:02}01", self.year, self.number)
    }

    /// The keys of so many files.
    pub fn keys(&self, count: usize, ending: &str) -> Vec<String> {
        (1..=count).map(|number| format!("{}/R-{number:05}{ending}", self.folder())).collect()
    }

    /// A right manifest of these files.
    pub fn manifest(&self, keys: &[String]) -> Value {
        let (year, month) = self.after();
        json!({
            "assemblyId": "a", "account": self.payer, "columns": [], "charset": "UTF-8", "compression": "GZIP",
            "contentType": "text/csv", "reportId": "1", "reportName": "R", "bucket": "bucket", "reportKeys": keys,
            "billingPeriod": {
                "start": format!("{:04}{:02}01T000000.000Z", self.year, self.number),
                "end": format!("{year:04}{month:02}01T000000.000Z"),
            },
        })
    }
}

/// Text of about so many bytes that can't be packed well.
pub fn noise(bytes: usize, seed: u64) -> String {
    let mut state = seed;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:08x}", state >> 32)
    };
    (0..bytes / 8).map(next).collect()
}

/// Packs bytes.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// A file of two lines with one more column, the second line with this cell in it.
pub fn with_cell(column: &str, cell: &str) -> String {
    format!("{HEADER},{column}\n{LINE},\n{LINE},{cell}\n")
}

/// A file of two lines, the second with another cell at `place`.
pub fn with_own(place: usize, cell: &str) -> String {
    let mut cells: Vec<&str> = LINE.split(',').collect();
    cells[place] = cell;
    format!("{HEADER}\n{LINE}\n{}\n", cells.join(","))
}
