//! The choice among several reports of one payer below a path: the connection keeps to the one that it was told, or else to the
//! best, and says why it reads none of the others.

use std::cmp::Reverse;

use crate::connection::Candidate;
use crate::copies::ListingFault;
use crate::manifest::{Manifest, Standing};
use crate::probe::FoundReport;

/// The report that the connection keeps to: the one that it was told, the only one, or of several the best one of the
/// connection's account that can be read. `None` where there is no such report, and where two have the name that was told.
///
/// The same reports give the same choice, whatever their order.
pub fn choose<'a>(reports: &'a [FoundReport], candidate: &Candidate) -> Option<&'a FoundReport> {
    if let Some(told) = &candidate.report {
        let mut named = reports.iter().filter(|report| told.names(&report.folder));
        return named.next().filter(|_| named.next().is_none());
    }
    if let [only] = reports {
        return Some(only);
    }
    let standings = reports.iter().filter_map(|report| Some((standing(report, candidate)?, report)));
    let best = standings.max_by_key(|(standing, report)| (*standing, Reverse(&report.folder)));
    best.map(|(_, report)| report)
}

/// How good a report is to keep to; the greatest is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// It has no manifest, and says nothing of itself.
    Copy,
    /// As its manifest says.
    Described(Standing),
}

/// How good a report is; `None` where it cannot be read.
fn standing(report: &FoundReport, candidate: &Candidate) -> Option<Rank> {
    if report.copied.is_some() {
        return report.flaw(candidate).is_none().then_some(Rank::Copy);
    }
    let manifest = report.parsed()?;
    report.flaw(candidate).is_none().then(|| Rank::Described(manifest.standing()))
}

impl FoundReport {
    /// The newest manifest, where it could be read and is one.
    pub fn parsed(&self) -> Option<Manifest> {
        Manifest::parse(&self.manifest_key, self.manifest.granted()?).ok()
    }

    /// Why the report cannot be read through this connection; `None` where nothing is known against it.
    pub fn flaw(&self, candidate: &Candidate) -> Option<String> {
        if let Some((_, listing)) = &self.copied {
            // What still grows is read when it has settled.
            let stands = |fault: &ListingFault| !matches!(fault, ListingFault::Settling { .. });
            return listing.as_ref().err().filter(|error| stands(&error.fault)).map(ToString::to_string);
        }
        let manifest = match self.manifest.granted().map(|body| Manifest::parse(&self.manifest_key, body)) {
            None => return Some("its manifest can't be read".to_owned()),
            Some(Err(error)) => return Some(error.to_string()),
            Some(Ok(manifest)) => manifest,
        };
        if manifest.account != candidate.account.as_ref() {
            return Some(format!("it bills account {}", manifest.account));
        }
        manifest.readable(&candidate.bucket, &candidate.path).err().map(|error| error.to_string())
    }

    /// The report in a few words: its folder, format, columns, resource ids and account, as far as they are known.
    pub fn told(&self) -> String {
        let folder = &self.folder;
        if let Some((period, listing)) = &self.copied {
            let what = match listing {
                Ok(listing) => format!("{} files of {period}, {}", listing.parts.len(), listing.format.name),
                Err(error) => error.to_string(),
            };
            return format!("`{folder}` (without a manifest: a copy, of which only the files tell more; {what})");
        }
        let Some(manifest) = self.parsed() else { return format!("`{folder}` (its manifest can't be read)") };
        let format = manifest.format.as_ref().map_or_else(String::as_str, |format| format.name);
        let ids = if manifest.resource_ids().is_some() { "with" } else { "without" };
        let coarse = manifest.coarse().map(|word| format!(", {word} by its name")).unwrap_or_default();
        let (kind, columns, account) = (manifest.kind.name(), manifest.columns.len(), &manifest.account);
        format!("`{folder}` ({kind}, {format}, {columns} columns, {ids} resource ids{coarse}, of account {account})")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::copies::{Listing, Quiet, SETTLED_AFTER};
    use crate::probe::{ObjectHead, Probe};
    use crate::testkit::candidate;

    fn export(folder: &str, columns: &[&str]) -> FoundReport {
        let columns: Vec<_> = columns.iter().map(|name| json!({ "name": name })).collect();
        let manifest = json!({
            "executionId": "e", "exportArn": "arn:aws:bcm-data-exports:us-east-1:123456789012:export/R-0a1b",
            "columns": columns, "dataFiles": [format!("s3://acme-bills/{folder}/data/BILLING_PERIOD=2026-09/R-00001.csv.gz")],
        });
        FoundReport {
            name: crate::layout::report_name(folder).into(),
            folder: folder.into(),
            manifest_key: format!("{folder}/metadata/BILLING_PERIOD=2026-09/R-Manifest.json"),
            months: vec!["2026-09".parse().unwrap()],
            deliveries: Vec::new(),
            manifest: Probe::Granted(manifest.to_string().into_bytes()),
            copied: None,
        }
    }

    fn copy(folder: &str, files: &[&str]) -> FoundReport {
        let month = format!("{folder}/data/BILLING_PERIOD=2026-09/");
        let head = |name: &&str| ObjectHead {
            key: format!("{month}{name}"),
            etag: "\"e\"".into(),
            size: 1,
            modified: datetime!(2026-09-02 0:00 UTC),
        };
        let files: Vec<_> = files.iter().map(head).collect();
        let quiet = Quiet { now: datetime!(2026-09-02 2:00 UTC), wait: SETTLED_AFTER };
        let listing = Listing::newest(&month, &files, quiet);
        let manifest = Probe::NotAsked("there is none");
        FoundReport { manifest, copied: Some(("2026-09".parse().unwrap(), listing)), ..export(folder, &[]) }
    }

    fn folder<'a>(reports: &'a [FoundReport], told: Option<&str>) -> Option<&'a str> {
        let candidate = Candidate { report: told.map(|name| name.parse().unwrap()), ..candidate() };
        choose(reports, &candidate).map(|report| report.folder.as_str())
    }

    #[test]
    fn the_report_that_was_told_is_kept_to_even_where_another_is_better() {
        let cur = ["line_item_unblended_cost"];
        let focus = ["BilledCost", "InvoiceId"];
        let reports = [export("P/a/R", &cur), export("P/b/R", &focus), export("P/Q", &cur)];
        assert_eq!(folder(&reports, None), Some("P/b/R"));
        assert_eq!(folder(&reports, Some("Q")), Some("P/Q"));
        assert_eq!(folder(&reports, Some("P/a/R")), Some("P/a/R"));
        assert_eq!(folder(&reports, Some("R")), None, "two have that name");
        assert_eq!(folder(&reports, Some("none")), None);
        assert_eq!(folder(&reports[2..], Some("R")), None, "also where there is only one other");
    }

    #[test]
    fn a_copy_is_kept_to_where_nothing_with_a_manifest_can_be_read() {
        let whole = copy("P/copy", &["R-00001.csv.gz"]);
        let broken = copy("P/a", &["R-00002.csv.gz"]);
        let described = export("P/described", &["line_item_unblended_cost"]);
        assert_eq!(folder(&[whole.clone(), described], None), Some("P/described"));
        assert_eq!(folder(&[broken.clone(), whole], None), Some("P/copy"));
        assert!(broken.flaw(&candidate()).unwrap().contains("file number 1"));
        assert!(broken.told().contains("without a manifest"), "{}", broken.told());
    }

    #[test]
    fn a_report_is_told_by_all_that_its_manifest_says() {
        let report = export("P/my-daily", &["BilledCost", "InvoiceId", "ResourceId"]);
        let expected = "`P/my-daily` (FOCUS 1.2, csv packed with gzip, 3 columns, with resource ids, daily by its name, of account 123456789012)";
        assert_eq!(report.told(), expected);
        let other = Candidate { account: "123456789013".parse().unwrap(), ..candidate() };
        assert_eq!(report.flaw(&other).as_deref(), Some("it bills account 123456789012"));
        assert_eq!(report.flaw(&candidate()), None);
    }
}
