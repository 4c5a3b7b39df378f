//! Manifests of legacy Cost and Usage Reports: the unit of truth of a delivery.

use serde::Deserialize;

use crate::bucket::BucketPath;
use crate::period::BillingPeriod;

/// Why a manifest cannot be used. The text names the manifest, what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("manifest `{key}`: {reason}")]
pub struct ManifestError {
    /// The manifest's key.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A column as the manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Column {
    /// Such as `lineItem`.
    pub category: String,
    /// Such as `UnblendedCost`.
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Span {
    start: String,
    end: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    account: String,
    columns: Vec<Column>,
    #[serde(default)]
    charset: String,
    compression: String,
    content_type: String,
    report_name: String,
    billing_period: Span,
    report_keys: Vec<String>,
}

/// The manifest of one month of a legacy report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyManifest {
    key: String,
    /// The payer account.
    pub account: String,
    /// The columns, in the files' order.
    pub columns: Vec<Column>,
    /// `GZIP`, `ZIP` or `Parquet`.
    pub compression: String,
    /// `text/csv` or `Parquet`.
    pub content_type: String,
    /// `UTF-8`.
    pub charset: String,
    /// The report's name.
    pub report_name: String,
    /// The month.
    pub period: BillingPeriod,
    /// The keys of the data files, without a slash at the start.
    pub report_keys: Vec<String>,
}

impl LegacyManifest {
    /// Parses the manifest's text; `key` is for the error.
    pub fn parse(key: &str, body: &[u8]) -> Result<Self, ManifestError> {
        let refuse = |reason: String| ManifestError { key: key.to_owned(), reason };
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let wire: Wire = serde_json::from_slice(body).map_err(|error| {
            refuse(format!(
                "it is not a manifest that is read here ({error}); wait for the next delivery or make the report anew"
            ))
        })?;
        let period = month(&wire.billing_period).ok_or_else(|| {
            refuse(format!(
                "its billing period `{}` to `{}` is not one month",
                wire.billing_period.start, wire.billing_period.end
            ))
        })?;
        let report_keys = wire.report_keys.iter().map(|key| key.trim_start_matches('/').to_owned()).collect();
        Ok(Self {
            key: key.to_owned(),
            account: wire.account,
            columns: wire.columns,
            compression: wire.compression,
            content_type: wire.content_type,
            charset: wire.charset,
            report_name: wire.report_name,
            period,
            report_keys,
        })
    }

    /// The manifest's own key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether the format is one that is read here, and every file lies inside `path`.
    pub fn readable(&self, path: &BucketPath) -> Result<(), ManifestError> {
        let refuse = |reason: String| Err(ManifestError { key: self.key.clone(), reason });
        if !self.content_type.eq_ignore_ascii_case("text/csv") || !self.compression.eq_ignore_ascii_case("GZIP") {
            return refuse(format!(
                "format `{}` with compression `{}` is not read; configure the report as text/csv with GZIP",
                self.content_type, self.compression
            ));
        }
        if !self.charset.is_empty() && !self.charset.eq_ignore_ascii_case("UTF-8") {
            return refuse(format!("charset `{}` is not read; AWS delivers UTF-8", self.charset));
        }
        if self.report_keys.is_empty() {
            return refuse("it lists no files; wait for the next delivery".into());
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

    fn sample() -> Value {
        json!({
            "assemblyId": "a-1", "account": "123456789012", "charset": "UTF-8", "compression": "GZIP", "contentType": "text/csv",
            "columns": [{ "category": "lineItem", "name": "UnblendedCost" }], "reportId": "x", "reportName": "R",
            "billingPeriod": { "start": "20260901T000000.000Z", "end": "20261001T000000.000Z" }, "bucket": "other-bucket",
            "reportKeys": ["/P/R/20260901-20261001/a-1/R-00001.csv.gz"], "additionalArtifactKeys": [],
        })
    }

    fn check(change: impl FnOnce(&mut Value), expect: &str) {
        let mut manifest = sample();
        change(&mut manifest);
        let path = "P".parse().unwrap();
        let result = LegacyManifest::parse("m.json", manifest.to_string().as_bytes()).and_then(|m| m.readable(&path));
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with("manifest `m.json`: ") && error.contains(expect), "{error}");
    }

    #[test]
    fn a_manifest_is_read() {
        let manifest = LegacyManifest::parse("m.json", sample().to_string().as_bytes()).unwrap();
        assert_eq!(manifest.period.to_string(), "2026-09");
        let column = Column { category: "lineItem".into(), name: "UnblendedCost".into() };
        assert_eq!(manifest.columns, [column]);
        assert_eq!(manifest.report_keys, ["P/R/20260901-20261001/a-1/R-00001.csv.gz"]);
        manifest.readable(&"P".parse().unwrap()).unwrap();
        manifest.readable(&"".parse().unwrap()).unwrap();
    }

    #[test]
    fn what_is_wrong_with_a_manifest_is_named() {
        check(|m| m["reportKeys"] = json!(["Q/R/x.csv.gz"]), "`Q/R/x.csv.gz`, which lies outside");
        check(|m| m["reportKeys"] = json!(["P/../Q/x.csv.gz"]), "outside");
        check(|m| m["reportKeys"] = json!(["P/x.csv.gz", "P/x.csv.gz"]), "twice");
        check(|m| m["reportKeys"] = json!([]), "no files");
        check(|m| m["compression"] = json!("Parquet"), "compression `Parquet` is not read");
        check(|m| m["charset"] = json!("UTF-16"), "charset `UTF-16`");
        check(|m| m["billingPeriod"]["end"] = json!("20261101T000000.000Z"), "not one month");
        check(|m| m["billingPeriod"]["start"] = json!("20260902T000000.000Z"), "not one month");
        check(|m| *m = json!({}), "not a manifest");
        check(|m| m["account"] = json!(null), "not a manifest");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        assert!(LegacyManifest::parse("m.json", b"\x1f\x8b").is_err());
        assert!(LegacyManifest::parse("m.json", b"").is_err());
    }
}
