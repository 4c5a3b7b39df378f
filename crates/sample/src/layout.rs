//! Where a report lies in a bucket, its manifest, and what else lies there that is no bill.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::column::Col;
use crate::error::SampleError;
use crate::month::Month;
use crate::rng::Rng;
use crate::spec::{Mode, Spec};

/// One delivery of one month.
pub(crate) struct Delivery<'a> {
    spec: &'a Spec,
    month: Month,
    assembly: String,
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

    fn numbered(spec: &'a Spec, month: Month, number: u64) -> Self {
        let label = u64::from(month.year) * 1000 + u64::from(month.month) * 10 + number;
        let hex = Rng::new(spec.seed, label).hex(32);
        let assembly = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        Self { spec, month, assembly }
    }

    pub(crate) fn part_key(&self, number: u32) -> String {
        format!("{}/{}-{number:05}.csv.gz", self.data_folder(), self.spec.report_name)
    }

    /// Every place where the manifest lies; the month's own is last.
    pub(crate) fn manifest_keys(&self) -> Vec<String> {
        let folders = match self.spec.mode {
            Mode::CreateNew => vec![self.data_folder(), self.month_folder()],
            Mode::Overwrite => vec![self.month_folder()],
        };
        folders.iter().map(|folder| format!("{folder}/{}-Manifest.json", self.spec.report_name)).collect()
    }

    fn month_folder(&self) -> String {
        format!("{}/{}", report_folder(self.spec), self.month.folder())
    }

    /// Where parts lie. Only create-new deliveries have a folder of their own.
    fn data_folder(&self) -> String {
        match self.spec.mode {
            Mode::CreateNew => format!("{}/{}", self.month_folder(), self.assembly),
            Mode::Overwrite => self.month_folder(),
        }
    }

    pub(crate) fn manifest(&self, columns: &[Col], parts: u32) -> Vec<u8> {
        let spec = self.spec;
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
            compression: "GZIP",
            content_type: "text/csv",
            report_id: Rng::new(spec.seed, 77).hex(64),
            report_name: &spec.report_name,
            billing_period: Period { start: self.month.manifest_start(), end: self.month.next().manifest_start() },
            bucket: &spec.bucket,
            report_keys: (1..=parts).map(|number| self.part_key(number)).collect(),
            additional_artifact_keys: vec![Artifact { artifact_type: "RedshiftManifest", name: redshift }],
        };
        serde_json::to_vec_pretty(&manifest).expect("a manifest is plain JSON")
    }

    /// Files that AWS puts beside a month's data for other tools.
    pub(crate) fn companions(&self) -> Vec<(String, &'static str)> {
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
    vec![
        (format!("{}aws-programmatic-access-test-object", slashed(&spec.path_prefix)), "This is a test object."),
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
    fn overwrite_has_no_assembly_folder_and_a_whole_manifest() {
        let spec = Spec {
            mode: Mode::Overwrite,
            report_name: "R".to_owned(),
            path_prefix: "P/x".to_owned(),
            ..Spec::default()
        };
        let delivery = Delivery::newest(&spec, spec.first_month);
        assert_eq!(delivery.manifest_keys(), ["P/x/R/20260801-20260901/R-Manifest.json"]);
        let manifest: serde_json::Value = serde_json::from_slice(&delivery.manifest(&[Col::TagTeam], 2)).expect("JSON");
        assert_eq!(manifest["reportKeys"][1], "P/x/R/20260801-20260901/R-00002.csv.gz");
        assert_eq!(manifest["columns"][0]["name"], "user:team");
        assert_eq!(manifest["billingPeriod"]["end"], "20260901T000000.000Z");
        assert_eq!((&manifest["compression"], &manifest["account"]), (&"GZIP".into(), &"123456789012".into()));
    }
}
