//! Where a report lies in a bucket, its manifest, and what else lies there that is no bill.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::column::Col;
use crate::error::SampleError;
use crate::format::{Family, Format};
use crate::month::Month;
use crate::rng::Rng;
use crate::spec::Spec;
use crate::table;

/// One delivery of one month.
pub(crate) struct Delivery<'a> {
    spec: &'a Spec,
    month: Month,
    assembly: String,
    /// The day of the month that it was made on.
    day: u64,
}

#[derive(Serialize)]
struct Column {
    category: &'static str,
    name: &'static str,
}

#[derive(Serialize)]
struct Period {
    start: String,
    end: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    artifact_type: &'static str,
    name: String,
}

/// A legacy manifest, in AWS's order of fields.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    assembly_id: &'a str,
    account: &'a str,
    columns: Vec<Column>,
    charset: &'static str,
    compression: &'static str,
    content_type: &'static str,
    report_id: String,
    report_name: &'a str,
    billing_period: Period,
    bucket: &'a str,
    report_keys: Vec<String>,
    additional_artifact_keys: Vec<Artifact>,
}

impl<'a> Delivery<'a> {
    /// The month's newest delivery.
    pub(crate) fn newest(spec: &'a Spec, month: Month) -> Self {
        Self::numbered(spec, month, 2)
    }

    /// An assembly that the newest one replaced; its folder stays.
    pub(crate) fn superseded(spec: &'a Spec, month: Month) -> Self {
        Self::numbered(spec, month, 1)
    }

    /// The month's delivery of this number.
    pub(crate) fn numbered(spec: &'a Spec, month: Month, number: u64) -> Self {
        let label = u64::from(month.year) * 1000 + u64::from(month.month) * 10 + number;
        let hex = Rng::new(spec.seed, label).hex(32);
        let assembly = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        Self { spec, month, assembly, day: 26 + number }
    }

    pub(crate) fn part_key(&self, number: u32) -> String {
        let suffix = self.spec.format.packing().suffix();
        format!("{}/{}-{number:05}.{suffix}", self.data_folder(), self.spec.report_name)
    }

    /// Every place where the manifest lies; the month's own is last.
    pub(crate) fn manifest_keys(&self) -> Vec<String> {
        let month = self.month_folder();
        let folders = match (self.spec.overwrites(), self.spec.format) {
            (_, Format::LegacyParquet) => vec![self.data_folder(), month],
            (true, _) => vec![month],
            (false, _) => vec![format!("{month}/{}", self.own_folder()), month],
        };
        folders.iter().map(|folder| format!("{folder}/{}-Manifest.json", self.spec.report_name)).collect()
    }

    /// Where the month's manifest lies.
    fn month_folder(&self) -> String {
        let report = report_folder(self.spec);
        match self.spec.format.family() {
            Family::Legacy => format!("{report}/{}", self.month.folder()),
            _ => format!("{report}/metadata/BILLING_PERIOD={}", self.month),
        }
    }

    /// Where parts lie. Only create-new deliveries have a folder of their own.
    fn data_folder(&self) -> String {
        let (report, month) = (report_folder(self.spec), self.month);
        let folder = match self.spec.format {
            Format::LegacyParquet => {
                format!("{report}/{}/year={}/month={}", self.spec.report_name, month.year, month.month)
            }
            format if format.family() == Family::Legacy => self.month_folder(),
            _ => format!("{report}/data/BILLING_PERIOD={month}"),
        };
        if self.spec.overwrites() { folder } else { format!("{folder}/{}", self.own_folder()) }
    }

    /// What AWS calls the folder of one delivery.
    fn own_folder(&self) -> String {
        match self.spec.format.family() {
            Family::Legacy => self.assembly.clone(),
            _ => format!("{}-{}T01:02:03.456Z-{}", self.month, self.day, self.assembly),
        }
    }

    /// The manifest of a delivery with these parts, in this order.
    pub(crate) fn manifest(&self, columns: &[Col], parts: &[u32]) -> Vec<u8> {
        let spec = self.spec;
        let keys = parts.iter().map(|number| self.part_key(*number));
        if spec.format.family() != Family::Legacy {
            let column =
                |column: &table::Column| serde_json::json!({ "name": column.name, "type": column.kind.name() });
            let manifest = serde_json::json!({
                "executionId": self.assembly,
                "exportArn": format!(
                    "arn:aws:bcm-data-exports:us-east-1:{}:export/{}-{}",
                    spec.payer_account, spec.report_name, Rng::new(spec.seed, 77).hex(8)
                ),
                "columns": table::columns(spec.format, columns).iter().map(column).collect::<Vec<_>>(),
                "dataFiles": keys.map(|key| format!("s3://{}/{key}", spec.bucket)).collect::<Vec<_>>(),
            });
            return serde_json::to_vec_pretty(&manifest).expect("a manifest is plain JSON");
        }
        let (content_type, compression) = spec.format.packing().in_manifest();
        let column = |col: &Col| {
            let (category, name) = col.category_and_name();
            Column { category, name }
        };
        // Listed in the manifest although it is no part of the bill: a reader goes by `reportKeys` alone.
        let redshift = format!("{}/{}-RedshiftManifest.json", self.data_folder(), spec.report_name);
        let manifest = Manifest {
            assembly_id: &self.assembly,
            account: &spec.payer_account,
            columns: columns.iter().map(column).collect(),
            charset: "UTF-8",
            compression,
            content_type,
            report_id: Rng::new(spec.seed, 77).hex(64),
            report_name: &spec.report_name,
            billing_period: Period { start: self.month.manifest_start(), end: self.month.next().manifest_start() },
            bucket: &spec.bucket,
            report_keys: keys.collect(),
            additional_artifact_keys: vec![Artifact { artifact_type: "RedshiftManifest", name: redshift }],
        };
        serde_json::to_vec_pretty(&manifest).expect("a manifest is plain JSON")
    }

    /// Files that AWS puts beside a month's data for other tools.
    pub(crate) fn companions(&self) -> Vec<(String, &'static str)> {
        if self.spec.format.family() != Family::Legacy {
            return Vec::new();
        }
        let (folder, report) = (self.data_folder(), &self.spec.report_name);
        vec![
            (
                format!("{folder}/{report}-RedshiftCommands.sql"),
                "create table awsbilling (identity_lineitemid varchar(256));\n",
            ),
            (format!("{folder}/{report}-RedshiftManifest.json"), "{\"entries\": []}\n"),
            (format!("{}/{report}-create-table.sql", self.month_folder()), "CREATE EXTERNAL TABLE bill (x string);\n"),
        ]
    }
}

/// `P/R`, or `R` where the path is empty.
fn report_folder(spec: &Spec) -> String {
    format!("{}{}", slashed(&spec.path_prefix), spec.report_name)
}

fn slashed(prefix: &str) -> String {
    if prefix.is_empty() { String::new() } else { format!("{prefix}/") }
}

/// Files that lie in every bucket with a report, whatever the month.
pub(crate) fn bystanders(spec: &Spec) -> Vec<(String, &'static str)> {
    let twice = format!("{}/{}", report_folder(spec), spec.report_name);
    let test = (format!("{}aws-programmatic-access-test-object", slashed(&spec.path_prefix)), "This is a test object.");
    if spec.format.family() != Family::Legacy {
        return vec![test];
    }
    vec![
        test,
        (format!("{twice}/crawler-cfn.yml"), "AWSTemplateFormatVersion: 2010-09-09\n"),
        (format!("{twice}/cost_and_usage_data_status/cost_and_usage_data_status.parquet"), "PAR1PAR1"),
    ]
}

/// Where a key lies on disk.
pub(crate) fn path_of(bucket: &Path, key: &str) -> PathBuf {
    key.split('/').fold(bucket.to_owned(), |path, name| path.join(name))
}

/// Writes one whole file, its folders first.
pub(crate) fn put(bucket: &Path, key: &str, bytes: &[u8]) -> Result<(), SampleError> {
    let path = path_of(bucket, key);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(SampleError::write(folder))?;
    }
    std::fs::write(&path, bytes).map_err(SampleError::write(&path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Mode;

    #[test]
    fn create_new_puts_the_manifest_in_both_folders() {
        let spec = Spec { path_prefix: String::new(), report_name: "R".to_owned(), ..Spec::default() };
        let delivery = Delivery::newest(&spec, spec.first_month);
        let keys = delivery.manifest_keys();
        assert_eq!(keys[1], "R/20260801-20260901/R-Manifest.json");
        assert_eq!(keys[0], format!("R/20260801-20260901/{}/R-Manifest.json", delivery.assembly));
        assert_eq!(delivery.part_key(1), format!("R/20260801-20260901/{}/R-00001.csv.gz", delivery.assembly));
        assert_ne!(delivery.assembly, Delivery::superseded(&spec, spec.first_month).assembly);
    }

    #[test]
    fn each_format_lies_where_aws_puts_it() {
        let keys = |format: Format, mode: Mode| {
            let spec =
                Spec { format, mode, path_prefix: "P".to_owned(), report_name: "R".to_owned(), ..Spec::default() };
            let delivery = Delivery::newest(&spec, spec.first_month);
            (delivery.part_key(1), delivery.manifest_keys(), delivery.assembly.clone())
        };
        let (part, manifests, _) = keys(Format::LegacyParquet, Mode::CreateNew);
        assert_eq!(part, "P/R/R/year=2026/month=8/R-00001.snappy.parquet");
        assert_eq!(manifests[1], "P/R/20260801-20260901/R-Manifest.json");
        let (part, manifests, _) = keys(Format::Cur2Parquet, Mode::Overwrite);
        assert_eq!(part, "P/R/data/BILLING_PERIOD=2026-08/R-00001.snappy.parquet");
        assert_eq!(manifests, ["P/R/metadata/BILLING_PERIOD=2026-08/R-Manifest.json"]);
        let (part, manifests, id) = keys(Format::Focus12CsvGz, Mode::CreateNew);
        let own = format!("2026-08-28T01:02:03.456Z-{id}");
        assert_eq!(part, format!("P/R/data/BILLING_PERIOD=2026-08/{own}/R-00001.csv.gz"));
        assert_eq!(manifests[0], format!("P/R/metadata/BILLING_PERIOD=2026-08/{own}/R-Manifest.json"));
        assert_eq!(manifests[1], "P/R/metadata/BILLING_PERIOD=2026-08/R-Manifest.json");
    }

    #[test]
    fn overwrite_has_no_assembly_folder_and_a_whole_manifest() {
        let spec = Spec {
            mode: Mode::Overwrite,
            report_name: "R".to_owned(),
            path_prefix: "P/x".to_owned(),
            ..Spec::default()
        };
        let delivery = Delivery::newest(&spec, spec.first_month);
        assert_eq!(delivery.manifest_keys(), ["P/x/R/20260801-20260901/R-Manifest.json"]);
        let manifest: serde_json::Value =
            serde_json::from_slice(&delivery.manifest(&[Col::TagTeam], &[1, 2])).expect("JSON");
        assert_eq!(manifest["reportKeys"][1], "P/x/R/20260801-20260901/R-00002.csv.gz");
        assert_eq!(manifest["columns"][0]["name"], "user:team");
        assert_eq!(manifest["billingPeriod"]["end"], "20260901T000000.000Z");
        assert_eq!((&manifest["compression"], &manifest["account"]), (&"GZIP".into(), &"123456789012".into()));
    }
}
