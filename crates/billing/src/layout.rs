//! Where AWS puts reports in a bucket: which folders to look into, which objects are no bill.

use std::collections::BTreeSet;

use crate::period::BillingPeriod;
use crate::probe::{Level, ObjectHead};

/// How many folders deep below the path a report is looked for.
pub const MAX_DEPTH: usize = 6;

/// What a folder below the path is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folder {
    /// A month of a legacy report, `R/20260901-20261001/`, or the manifests of an export's,
    /// `R/metadata/BILLING_PERIOD=2026-09/`.
    Month {
        /// The report's folder, without a slash at the end.
        report: String,
        /// The month.
        period: BillingPeriod,
    },
    /// Data by month, not manifests: `R/year=2026/`, `data/BILLING_PERIOD=2026-09/`.
    Partition {
        /// The folder of all months, ending in `/`; empty for the bucket itself.
        root: String,
    },
    /// What no bill lies in. Not looked into.
    Data,
    /// Anything else: there may be a report below.
    Other,
}

/// What the folder with this prefix (ending in `/`) is.
pub fn classify(prefix: &str) -> Folder {
    let trimmed = prefix.strip_suffix('/').unwrap_or(prefix);
    let (parent, name) = trimmed.rsplit_once('/').unwrap_or(("", trimmed));
    if let Some(period) = month_folder(name) {
        return Folder::Month { report: parent.to_owned(), period };
    }
    let exported: Option<BillingPeriod> = name.strip_prefix("BILLING_PERIOD=").and_then(|month| month.parse().ok());
    match (exported, last_segment(parent)) {
        (Some(period), "metadata") => {
            let report = parent.strip_suffix("metadata").unwrap_or(parent).trim_end_matches('/').to_owned();
            return Folder::Month { report, period };
        }
        (Some(_), _) => return Folder::Partition { root: slashed(parent) },
        (None, _) if year(name).is_some() => return Folder::Partition { root: slashed(parent) },
        (None, _) => {}
    }
    let skipped = ["cost_and_usage_data_status", "CostUsageReport-QuickSight"];
    if name.contains('=') || skipped.contains(&name) { Folder::Data } else { Folder::Other }
}

/// The month that an object below the folder of all months is data of, and that month's folder, ending in `/`.
pub fn month_of_data<'a>(root: &str, key: &'a str) -> Option<(BillingPeriod, &'a str)> {
    let rest = key.strip_prefix(root)?;
    let (first, below) = rest.split_once('/')?;
    if let Some(month) = first.strip_prefix("BILLING_PERIOD=") {
        return Some((month.parse().ok()?, &key[..=root.len() + first.len()]));
    }
    let (second, _) = below.split_once('/')?;
    // The month is not padded.
    let month = second.strip_prefix("month=").filter(|month| month.bytes().all(|byte| byte.is_ascii_digit()))?;
    let period = BillingPeriod::new(year(first)?, month.parse().ok()?)?;
    Some((period, &key[..=root.len() + first.len() + 1 + second.len()]))
}

/// The report's folder, without a slash at the end, of which `root` has the data of all months.
pub fn report_of_data(root: &str) -> &str {
    let root = root.trim_end_matches('/');
    if root == "data" { "" } else { root.strip_suffix("/data").unwrap_or(root) }
}

/// The report's folder, without a slash at the end, that a month's folder (of manifests or of data) belongs to.
pub fn report_of_month(folder: &str) -> Option<String> {
    match classify(folder) {
        Folder::Month { report, .. } => Some(report),
        Folder::Partition { root } => Some(report_of_data(&root).to_owned()),
        // `R/year=2026/month=9/`: the year's folder is the partition.
        Folder::Data | Folder::Other => match classify(&folder[..=folder.trim_end_matches('/').rfind('/')?]) {
            Folder::Partition { root } => Some(report_of_data(&root).to_owned()),
            _ => None,
        },
    }
}

fn year(name: &str) -> Option<i32> {
    let year = name.strip_prefix("year=")?;
    year.bytes().all(|byte| byte.is_ascii_digit()).then(|| year.parse().ok())?
}

fn last_segment(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or(folder)
}

fn slashed(folder: &str) -> String {
    if folder.is_empty() { String::new() } else { format!("{folder}/") }
}

/// The month that a legacy folder name such as `20260901-20261001` stands for.
///
/// Older reports end on the last day instead of the day after; both are the same month.
fn month_folder(name: &str) -> Option<BillingPeriod> {
    let (start, end) = name.split_once('-')?;
    let digits = |text: &str| text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(start) || !digits(end) || &start[6..] != "01" {
        return None;
    }
    BillingPeriod::new(start[..4].parse().ok()?, start[4..6].parse().ok()?)
}

/// The report's name: the last segment of its folder, or of the path where the report lies at the bucket's root.
pub fn report_name(folder: &str) -> &str {
    last_segment(folder)
}

/// The newest manifest of a month, among the objects of its folder.
///
/// `R-Manifest.json` (of some exports `Manifest.json`) at the month's own level is the one that AWS rewrites; the copies in
/// the folders of assemblies and executions are not looked at.
pub fn manifest_of<'a>(report: &str, level: &'a Level) -> Option<&'a ObjectHead> {
    let named = |wanted: &str| level.objects.iter().find(|object| object.key.rsplit('/').next() == Some(wanted));
    named(&format!("{}-Manifest.json", report_name(report))).or_else(|| named("Manifest.json"))
}

/// Whether `folder` holds an export's data, which its neighbour `metadata/` describes: nothing in it wants to be listed.
pub fn is_data_of_export(folder: &str, neighbours: &[String]) -> bool {
    let metadata = folder.strip_suffix("data/").map(|parent| format!("{parent}metadata/"));
    metadata.is_some_and(|metadata| neighbours.contains(&metadata))
}

/// The level below `prefix` as it lies in a listing without a delimiter.
pub fn level_of(prefix: &str, objects: &[ObjectHead]) -> Level {
    let mut level = Level::default();
    for object in objects {
        let Some(rest) = object.key.strip_prefix(prefix) else { continue };
        match rest.split_once('/') {
            None => level.objects.push(object.clone()),
            Some((folder, _)) => {
                let folder = format!("{prefix}{folder}/");
                // Keys come in order, so that a folder's keys stand together.
                if level.folders.last() != Some(&folder) {
                    level.folders.push(folder);
                }
            }
        }
    }
    level
}

/// The folders between `prefix` and the months that a listing without a delimiter shows, each ending in `/`: where a walk will
/// look.
pub fn folders_in(prefix: &str, objects: &[ObjectHead]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for object in objects {
        let Some(rest) = object.key.strip_prefix(prefix) else { continue };
        let mut folder = prefix.to_owned();
        for name in rest.split('/').take(MAX_DEPTH.min(rest.matches('/').count())) {
            folder = format!("{folder}{name}/");
            if classify(&folder) != Folder::Other {
                break;
            }
            found.insert(folder.clone());
        }
    }
    found
}

/// Whether a key is that of a data file of a report, by its name.
pub fn is_data(key: &str) -> bool {
    [".csv.gz", ".csv.zip", ".parquet"].iter().any(|end| key.ends_with(end))
}

/// Whether an object is one of AWS's helpers beside the bills.
pub fn is_not_a_bill(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key);
    name.is_empty()
        || name == "aws-programmatic-access-test-object"
        || name == "crawler-cfn.yml"
        || name.ends_with("-create-table.sql")
        || name.contains("-RedshiftCommands")
        || name.contains("-RedshiftManifest")
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn folders_are_told_apart() {
        let september = BillingPeriod::new(2026, 9).unwrap();
        let month = |report: &str| Folder::Month { report: report.into(), period: september };
        assert_eq!(classify("P/R/20260901-20261001/"), month("P/R"));
        assert_eq!(classify("R/20260901-20261001/"), month("R"));
        assert_eq!(classify("P/R/metadata/BILLING_PERIOD=2026-09/"), month("P/R"));
        assert_eq!(classify("metadata/BILLING_PERIOD=2026-09/"), month(""));
        let data = |root: &str| Folder::Partition { root: root.into() };
        assert_eq!(classify("P/R/data/BILLING_PERIOD=2026-09/"), data("P/R/data/"));
        assert_eq!(classify("BILLING_PERIOD=2026-09/"), data(""));
        assert_eq!(classify("P/R/R/year=2026/"), data("P/R/R/"));
        assert_eq!(classify("P/R/metadata/BILLING_PERIOD=2026-13/"), Folder::Data);
        assert_eq!(classify("P/R/my-metadata/BILLING_PERIOD=2026-09/"), data("P/R/my-metadata/"));
        assert_eq!(classify("P/R/year=this/"), Folder::Data);
        assert_eq!(classify("P/R/cost_and_usage_data_status/"), Folder::Data);
        for other in ["P/R/", "P/20260902-20261001/", "P/2026-09/", "P/20261301-20270101/"] {
            assert_eq!(classify(other), Folder::Other, "{other}");
        }
    }

    #[test]
    fn month_folders_end_on_the_day_after_or_the_last_day() {
        let month = |name: &str| month_folder(name).map(|period| period.to_string());
        assert_eq!(month("20261201-20270101").as_deref(), Some("2026-12"));
        assert_eq!(month("20240201-20240229").as_deref(), Some("2024-02"));
        for wrong in ["20261301-20270101", "20261215-20270101", "2026-12", "２０261201-20270101"] {
            assert_eq!(month(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn data_tells_its_month_by_its_folder() {
        let september = BillingPeriod::new(2026, 9).unwrap();
        for (root, folder) in
            [("P/R/data/", "BILLING_PERIOD=2026-09/"), ("P/R/R/", "year=2026/month=9/"), ("", "year=2026/month=09/")]
        {
            for below in ["R-00001.csv.gz", "execution/R-00001.csv.gz"] {
                let key = format!("{root}{folder}{below}");
                assert_eq!(month_of_data(root, &key), Some((september, &*format!("{root}{folder}"))), "{key}");
            }
        }
        for no_data in
            ["P/R/data/BILLING_PERIOD=2026-9/x", "P/R/data/x", "P/R/data/year=2026/x", "Q/year=2026/month=9/x"]
        {
            assert_eq!(month_of_data("P/R/data/", no_data), None, "{no_data}");
        }
        let report = |folder: &str| report_of_month(folder);
        for folder in
            ["P/R/data/BILLING_PERIOD=2026-09/", "P/R/metadata/BILLING_PERIOD=2026-09/", "P/R/20260901-20261001/"]
        {
            assert_eq!(report(folder).as_deref(), Some("P/R"), "{folder}");
        }
        assert_eq!(report("P/R/R/year=2026/month=9/").as_deref(), Some("P/R/R"));
        assert_eq!((report("P/R/"), report("R/")), (None, None));
        assert_eq!(["P/R/data/", "data/", "P/R/R/", "copy/"].map(report_of_data), ["P/R", "", "P/R/R", "copy"]);
    }

    #[test]
    fn only_the_months_own_manifest_counts() {
        let object = |key: &str| ObjectHead {
            key: key.into(),
            etag: "\"x\"".into(),
            size: 1,
            modified: datetime!(2026-09-02 0:00 UTC),
        };
        let level = Level {
            objects: vec![
                object("P/R/20260901-20261001/R2-Manifest.json"),
                object("P/R/20260901-20261001/R-Manifest.json"),
            ],
            folders: vec![],
        };
        assert_eq!(manifest_of("P/R", &level).unwrap().key, "P/R/20260901-20261001/R-Manifest.json");
        assert!(manifest_of("P/Q", &level).is_none());
        let export =
            Level { objects: vec![object("P/R/metadata/BILLING_PERIOD=2026-09/Manifest.json")], folders: vec![] };
        assert!(manifest_of("P/R", &export).is_some());
    }

    #[test]
    fn data_beside_metadata_is_not_listed() {
        let neighbours = ["P/R/data/".to_owned(), "P/R/metadata/".to_owned()];
        assert!(is_data_of_export("P/R/data/", &neighbours));
        assert!(!is_data_of_export("P/R/data/", &neighbours[..1]) && !is_data_of_export("P/R/metadata/", &neighbours));
    }

    #[test]
    fn a_flat_listing_shows_the_levels_in_it() {
        let object = |key: &&str| ObjectHead {
            key: (*key).into(),
            etag: "\"x\"".into(),
            size: 1,
            modified: datetime!(2026-09-02 0:00 UTC),
        };
        let keys = [
            "P/R/20260801-20260901/R-Manifest.json",
            "P/R/20260901-20261001/R-Manifest.json",
            "P/R/20260901-20261001/a-1/R-1.csv.gz",
            "P/deep/er/Q/20260901-20261001/Q-Manifest.json",
            "P/readme.txt",
        ];
        let objects: Vec<ObjectHead> = keys.iter().map(object).collect();
        let shown = |prefix: &str| {
            let level = level_of(prefix, &objects);
            (level.folders, level.objects.into_iter().map(|object| object.key).collect::<Vec<_>>())
        };
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(shown("P/"), (texts(&["P/R/", "P/deep/"]), texts(&["P/readme.txt"])));
        assert_eq!(shown("P/R/"), (texts(&["P/R/20260801-20260901/", "P/R/20260901-20261001/"]), vec![]));
        assert_eq!(
            shown("P/R/20260901-20261001/"),
            (texts(&["P/R/20260901-20261001/a-1/"]), texts(&["P/R/20260901-20261001/R-Manifest.json"]))
        );
        let folders: Vec<String> = folders_in("P/", &objects).into_iter().collect();
        assert_eq!(
            folders,
            ["P/R/", "P/deep/", "P/deep/er/", "P/deep/er/Q/"],
            "neither months nor what lies below them"
        );
    }

    #[test]
    fn helpers_of_aws_are_no_bills() {
        for key in [
            "aws-programmatic-access-test-object",
            "P/crawler-cfn.yml",
            "P/R/m/R-create-table.sql",
            "P/R/m/R-RedshiftCommands.sql",
            "P/",
        ] {
            assert!(is_not_a_bill(key), "{key}");
        }
        assert!(!is_not_a_bill("P/R/20260901-20261001/R-00001.csv.gz"));
    }
}
