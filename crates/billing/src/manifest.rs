//! Manifests: the unit of truth of a delivery. Legacy reports and Data Exports write different ones; both are read as one.

use serde::Deserialize;

use crate::bucket::{BucketName, BucketPath};
use crate::formats::Format;
use crate::period::BillingPeriod;
use crate::told::{told, told_whole};

/// Why a manifest cannot be used. The text names the manifest, what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("manifest `{key}`: {reason}")]
pub struct ManifestError {
    /// The manifest's key.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What kind of report it is; a later one says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReportKind {
    /// FOCUS 1.0: it has no invoices.
    Focus10,
    /// A legacy Cost and Usage Report.
    Legacy,
    /// A CUR 2.0 export.
    Cur2,
    /// FOCUS 1.2.
    Focus12,
}

impl ReportKind {
    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Focus10 => "FOCUS 1.0",
            Self::Legacy => "legacy Cost and Usage Report",
            Self::Cur2 => "CUR 2.0",
            Self::Focus12 => "FOCUS 1.2",
        }
    }
}

/// How good a report is to keep to, among several: the greatest is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    kind: ReportKind,
    resource_ids: bool,
    hourly: bool,
    columns: usize,
}

/// The manifest of one month of one report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    key: String,
    /// What kind of report it is.
    pub kind: ReportKind,
    /// The payer account.
    pub account: String,
    /// The names of the columns, in the files' order; a file may have more.
    pub columns: Vec<String>,
    /// The format of the files, where it is one that is read here; else what the manifest says of it.
    pub format: Result<&'static Format, String>,
    /// The report's name, where the manifest says it.
    pub report_name: Option<String>,
    /// The month, where the manifest says it; else its folder does.
    pub period: Option<BillingPeriod>,
    /// The keys of the data files, without a slash at the start.
    pub report_keys: Vec<String>,
    /// A bucket that data files are said to lie in.
    buckets: Vec<String>,
}

impl Manifest {
    /// Parses the manifest's text; `key` is for the error.
    pub fn parse(key: &str, body: &[u8]) -> Result<Self, ManifestError> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let refuse = |reason: String| ManifestError { key: key.to_owned(), reason: told_whole(&reason) };
        let wire = serde_json::from_slice(body).map_err(|error| {
            refuse(format!(
                "it is not a manifest that is read here ({error}); wait for the next delivery or make the report anew"
            ))
        })?;
        match wire {
            Wire::Export(wire) => wire.manifest(key),
            Wire::Legacy(wire) => wire.manifest(key),
        }
        .map_err(refuse)
    }

    /// The manifest's own key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How good the report is, among several. The time unit is in no manifest: a name that says `daily` or `monthly` is
    /// believed, every other is taken to be hourly.
    pub fn standing(&self) -> Standing {
        Standing {
            kind: self.kind,
            resource_ids: self.resource_ids().is_some(),
            hourly: self.coarse().is_none(),
            columns: self.columns.len(),
        }
    }

    /// The column that names the resource behind each line, if there is one.
    pub fn resource_ids(&self) -> Option<&str> {
        let names = ["lineItem/ResourceId", "line_item_resource_id", "ResourceId"];
        self.columns.iter().map(String::as_str).find(|column| names.contains(column))
    }

    /// How coarse the lines are, `daily` or `monthly`, where the report's name says so.
    pub fn coarse(&self) -> Option<&'static str> {
        let name = self.key.to_ascii_lowercase();
        ["daily", "monthly"].into_iter().find(|word| name.contains(word))
    }

    /// Whether the format is one that is read here, and every file lies in `bucket` and inside `path`.
    pub fn readable(&self, bucket: &BucketName, path: &BucketPath) -> Result<(), ManifestError> {
        let refuse = |reason: String| Err(ManifestError { key: self.key.clone(), reason: told_whole(&reason) });
        if let Err(found) = &self.format {
            return refuse(format!("{found} is not read; configure the report as one of: {}", Format::names()));
        }
        if self.report_keys.is_empty() {
            return refuse("it lists no files; wait for the next delivery".into());
        }
        if let Some(other) = self.buckets.iter().find(|name| *name != bucket.as_ref()) {
            return refuse(format!(
                "it lists files in the bucket `{other}`, but the connection's is `{bucket}`; such a file is never read"
            ));
        }
        if let Some(outside) = self.report_keys.iter().find(|key| !path.holds(key)) {
            return refuse(format!(
                "it lists `{outside}`, which lies outside the connection's path `{path}`; such a file is never read"
            ));
        }
        let mut keys: Vec<&String> = self.report_keys.iter().collect();
        keys.sort_unstable();
        match keys.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => refuse(format!("it lists `{}` twice; its rows would count twice", pair[0])),
            None => Ok(()),
        }
    }
}

/// The two forms, told by what only one of them has.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wire {
    Export(ExportWire),
    Legacy(LegacyWire),
}

#[derive(Deserialize)]
struct Span {
    start: String,
    end: String,
}

#[derive(Deserialize)]
struct LegacyColumn {
    category: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LegacyWire {
    account: String,
    columns: Vec<LegacyColumn>,
    #[serde(default)]
    charset: String,
    compression: String,
    content_type: String,
    report_name: String,
    billing_period: Span,
    report_keys: Vec<String>,
}

impl LegacyWire {
    fn manifest(self, key: &str) -> Result<Manifest, String> {
        let period = month(&self.billing_period).ok_or_else(|| {
            let Span { start, end } = &self.billing_period;
            format!("its billing period `{start}` to `{end}` is not one month")
        })?;
        let utf8 = self.charset.is_empty() || self.charset.eq_ignore_ascii_case("UTF-8");
        let format = match Format::of_manifest(&self.content_type, &self.compression) {
            Some(_) if !utf8 => Err(format!("charset `{}`", self.charset)),
            Some(format) => Ok(format),
            None => {
                let [content_type, compression] = [&self.content_type, &self.compression].map(|text| told(text));
                Err(format!("format `{content_type}` with compression `{compression}`"))
            }
        };
        Ok(Manifest {
            key: key.to_owned(),
            kind: ReportKind::Legacy,
            account: self.account,
            columns: self.columns.iter().map(|column| format!("{}/{}", column.category, column.name)).collect(),
            format,
            report_name: Some(self.report_name),
            period: Some(period),
            report_keys: self.report_keys.iter().map(|key| key.trim_start_matches('/').to_owned()).collect(),
            // The bucket that a legacy manifest names is where the report was made for; its keys are looked up in ours.
            buckets: Vec::new(),
        })
    }
}

#[derive(Deserialize)]
struct ExportColumn {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExportWire {
    export_arn: String,
    columns: Vec<ExportColumn>,
    data_files: Vec<String>,
}

impl ExportWire {
    fn manifest(self, key: &str) -> Result<Manifest, String> {
        let account = self.export_arn.split(':').nth(4).unwrap_or_default().to_owned();
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("its export's ARN `{}` names no account", self.export_arn));
        }
        let mut files = Vec::with_capacity(self.data_files.len());
        for url in &self.data_files {
            let place = url.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
            let (bucket, key) = place.ok_or_else(|| format!("it lists `{url}`, which is no `s3://` URL"))?;
            files.push((bucket.to_owned(), key.to_owned()));
        }
        let (mut buckets, report_keys): (Vec<_>, Vec<_>) = files.into_iter().unzip();
        buckets.sort_unstable();
        buckets.dedup();
        let columns: Vec<_> = self.columns.into_iter().map(|column| column.name).collect();
        Ok(Manifest {
            key: key.to_owned(),
            kind: export_kind(&columns),
            account,
            format: export_format(&report_keys),
            columns,
            report_name: None,
            period: None,
            report_keys,
            buckets,
        })
    }
}

fn export_kind(columns: &[String]) -> ReportKind {
    let has = |name: &str| columns.iter().any(|column| column == name);
    // What FOCUS 1.2 brought and an export of it always has.
    let later = ["InvoiceId", "ServiceSubcategory", "SubAccountType", "BillingAccountType"];
    match (has("BilledCost"), later.into_iter().any(has)) {
        (true, true) => ReportKind::Focus12,
        (true, false) => ReportKind::Focus10,
        (false, _) => ReportKind::Cur2,
    }
}

/// Exports say their format nowhere but in their files' names.
fn export_format(keys: &[String]) -> Result<&'static Format, String> {
    let unknown = keys.iter().find(|key| Format::of_key(key).is_none());
    match (unknown, keys.first().and_then(|key| Format::of_key(key))) {
        (None, Some(format)) => Ok(format),
        (Some(key), _) => Err(format!("the format of `{key}`")),
        // Refused for listing no files.
        (None, None) => Ok(&crate::formats::FORMATS[0]),
    }
}

/// The month between two instants such as `20260901T000000.000Z`, if they span exactly one.
fn month(span: &Span) -> Option<BillingPeriod> {
    let day = |text: &str| -> Option<BillingPeriod> {
        let (date, time) = text.split_once('T')?;
        let midnight = time.trim_end_matches('Z').bytes().all(|b| b == b'0' || b == b'.');
        if date.len() != 8 || !date.is_ascii() || !midnight || &date[6..] != "01" {
            return None;
        }
        BillingPeriod::new(date[..4].parse().ok()?, date[4..6].parse().ok()?)
    };
    let (start, end) = (day(&span.start)?, day(&span.end)?);
    (start.next() == end).then_some(start)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn legacy() -> Value {
        json!({
            "assemblyId": "a-1", "account": "123456789012", "charset": "UTF-8", "compression": "GZIP", "contentType": "text/csv",
            "columns": [{ "category": "lineItem", "name": "UnblendedCost" }], "reportId": "x", "reportName": "R",
            "billingPeriod": { "start": "20260901T000000.000Z", "end": "20261001T000000.000Z" }, "bucket": "other-bucket",
            "reportKeys": ["/P/R/20260901-20261001/a-1/R-00001.csv.gz"], "additionalArtifactKeys": [],
        })
    }

    fn export() -> Value {
        json!({
            "executionId": "e", "exportArn": "arn:aws:bcm-data-exports:us-east-1:123456789012:export/R-0a1b",
            "columns": [{ "name": "line_item_unblended_cost", "type": "double" }],
            "dataFiles": ["s3://bills/P/R/data/BILLING_PERIOD=2026-09/R-00001.snappy.parquet"],
        })
    }

    fn parse(manifest: &Value) -> Result<Manifest, ManifestError> {
        Manifest::parse("P/R/m.json", manifest.to_string().as_bytes())
    }

    fn readable(manifest: &Manifest, path: &str) -> Result<(), ManifestError> {
        manifest.readable(&"bills".parse().unwrap(), &path.parse().unwrap())
    }

    #[track_caller]
    fn check(mut manifest: Value, change: impl FnOnce(&mut Value), expect: &str) {
        change(&mut manifest);
        let error = parse(&manifest).and_then(|manifest| readable(&manifest, "P")).unwrap_err().to_string();
        assert!(error.starts_with("manifest `P/R/m.json`: ") && error.contains(expect), "{error}");
    }

    #[test]
    fn a_legacy_manifest_is_read() {
        let manifest = parse(&legacy()).unwrap();
        assert_eq!(manifest.period, Some("2026-09".parse().unwrap()));
        assert_eq!(
            (manifest.kind, manifest.columns.as_slice()),
            (ReportKind::Legacy, &["lineItem/UnblendedCost".to_owned()][..])
        );
        assert_eq!(manifest.report_keys, ["P/R/20260901-20261001/a-1/R-00001.csv.gz"]);
        readable(&manifest, "P").unwrap();
        readable(&manifest, "").unwrap();
        for [content_type, compression] in [["text/csv", "ZIP"], ["Parquet", "Parquet"]] {
            let mut other = legacy();
            (other["contentType"], other["compression"]) = (json!(content_type), json!(compression));
            readable(&parse(&other).unwrap(), "P").unwrap();
        }
    }

    #[test]
    fn a_data_exports_manifest_is_read() {
        let manifest = parse(&export()).unwrap();
        assert_eq!(
            (manifest.kind, manifest.account.as_str(), manifest.period),
            (ReportKind::Cur2, "123456789012", None)
        );
        assert_eq!(manifest.report_keys, ["P/R/data/BILLING_PERIOD=2026-09/R-00001.snappy.parquet"]);
        assert_eq!(manifest.format.as_ref().unwrap().name, "Parquet");
        readable(&manifest, "P/R").unwrap();
    }

    #[test]
    fn what_is_wrong_with_a_manifest_is_named() {
        check(legacy(), |m| m["reportKeys"] = json!(["Q/R/x.csv.gz"]), "`Q/R/x.csv.gz`, which lies outside");
        check(legacy(), |m| m["reportKeys"] = json!(["P/../Q/x.csv.gz"]), "outside");
        check(legacy(), |m| m["reportKeys"] = json!(["P/x.csv.gz", "P/x.csv.gz"]), "twice");
        check(legacy(), |m| m["reportKeys"] = json!([]), "no files");
        check(legacy(), |m| m["compression"] = json!("bzip2"), "compression `bzip2` is not read");
        check(legacy(), |m| m["charset"] = json!("UTF-16"), "charset `UTF-16`");
        check(legacy(), |m| m["billingPeriod"]["end"] = json!("20261101T000000.000Z"), "not one month");
        check(legacy(), |m| m["billingPeriod"]["start"] = json!("20260902T000000.000Z"), "not one month");
        check(legacy(), |m| *m = json!({}), "not a manifest");
        check(legacy(), |m| m["account"] = json!(null), "not a manifest");
        check(export(), |m| m["dataFiles"] = json!(["s3://others/P/R/x.csv.gz"]), "in the bucket `others`");
        check(export(), |m| m["dataFiles"] = json!(["s3://bills/Q/R/x.csv.gz"]), "outside");
        check(export(), |m| m["dataFiles"] = json!(["https://bills/P/R/x.csv.gz"]), "no `s3://` URL");
        check(export(), |m| m["dataFiles"] = json!(["s3://bills/P/R/x.csv.bz2"]), "`P/R/x.csv.bz2` is not read");
        check(export(), |m| m["dataFiles"] = json!([]), "no files");
        check(export(), |m| m["exportArn"] = json!("arn:aws:s3:::b"), "names no account");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        assert!(Manifest::parse("m.json", b"\x1f\x8b").is_err());
        assert!(Manifest::parse("m.json", b"").is_err());
    }

    fn standing(key: &str, columns: &[&str]) -> Standing {
        let mut manifest = export();
        manifest["columns"] = columns.iter().map(|name| json!({ "name": name })).collect();
        Manifest::parse(key, manifest.to_string().as_bytes()).unwrap().standing()
    }

    #[test]
    fn the_best_report_is_the_one_that_says_most() {
        let cur = "line_item_unblended_cost";
        let best_first = [
            standing("R", &["BilledCost", "InvoiceId", "ResourceId"]),
            standing("R", &["BilledCost", "InvoiceId", "more", "and more"]),
            standing("R", &[cur, "line_item_resource_id", "more"]),
            standing("R", &[cur, "line_item_resource_id"]),
            standing("R-daily", &[cur, "line_item_resource_id", "more"]),
            standing("R", &[cur, "more", "and more"]),
            parse(&legacy()).unwrap().standing(),
            standing("R", &["BilledCost", "ResourceId"]),
        ];
        assert!(best_first.is_sorted_by(|better, worse| better > worse));
    }
}
