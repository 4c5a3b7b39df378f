//! The walk through a bucket: from the path down to the folders of months, listing no assembly and no data.

use std::collections::{BTreeMap, VecDeque};

use billing::connection::Candidate;
use billing::layout::{Folder, MAX_DEPTH, classify, is_data_of_export, manifest_of, report_name};
use billing::names::Region;
use billing::period::BillingPeriod;
use billing::probe::{FoundReport, Level, Probe, Refusal};
use futures::future::join_all;

use crate::account::AwsAccount;

/// How many folders a walk lists at the most. A billing path holds a handful; a data lake's root would hold thousands.
const MAX_LISTINGS: usize = 200;

/// How many of a report's newest months are looked at for a manifest: the newest folder may be there before its manifest.
const NEWEST_MONTHS: usize = 3;

/// The reports below a path: for each report's folder, its months and the prefix of each.
pub(crate) type Reports = BTreeMap<String, Months>;

/// The months of a report, with the prefix of each one's manifests.
pub(crate) type Months = BTreeMap<BillingPeriod, String>;

/// Why a walk ended without an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WalkError {
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),
    #[error("more than {MAX_LISTINGS} folders lie below the path `{0}`: send the path of the report itself")]
    TooMany(String),
}

/// Where a walk goes.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub aws: &'a dyn AwsAccount,
    pub candidate: &'a Candidate,
    pub region: &'a Region,
}

impl Place<'_> {
    /// Lists one level, or gives the refusal.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Level, Box<Refusal>> {
        match self.aws.list(self.candidate, self.region, prefix).await {
            Probe::Granted(level) => Ok(level),
            Probe::Refused(refusal) => Err(refusal),
            Probe::NotAsked(_) => Ok(Level::default()),
        }
    }
}

/// Finds the reports below the candidate's path; `top` is the listing at the path itself.
pub(crate) async fn walk(place: Place<'_>, top: Level) -> Result<Reports, WalkError> {
    let mut reports = Reports::new();
    let mut listings = 0;
    // Only folders are kept: a level's objects may be many, and no report is found by them.
    let mut queue = VecDeque::from([(0, top.folders)]);
    while let Some((depth, folders)) = queue.pop_front() {
        for prefix in &folders {
            match classify(prefix) {
                Folder::Month { report, period } => {
                    reports.entry(report).or_default().insert(period, prefix.clone());
                }
                Folder::Other if depth < MAX_DEPTH && !is_data_of_export(prefix, &folders) => {
                    listings += 1;
                    if listings > MAX_LISTINGS {
                        return Err(WalkError::TooMany(place.candidate.path.to_string()));
                    }
                    queue.push_back((depth + 1, place.list(prefix).await?.folders));
                }
                Folder::Other | Folder::Data => {}
            }
        }
    }
    Ok(reports)
}

/// Finds the reports below the candidate's path, and reads the newest manifest of each.
pub(crate) async fn find(place: Place<'_>, top: Level) -> Result<Vec<FoundReport>, WalkError> {
    Ok(look_at(place, &walk(place, top).await?).await)
}

/// Reads the newest manifest of each report.
pub(crate) async fn look_at(place: Place<'_>, reports: &Reports) -> Vec<FoundReport> {
    let found = reports.iter().map(|(folder, months)| async move {
        let newest: Vec<&String> = months.values().rev().take(NEWEST_MONTHS).collect();
        let (manifest_key, manifest) = newest_manifest(place, folder, &newest).await;
        let name = report_name(folder).to_owned();
        let months = months.keys().copied().collect();
        FoundReport { name, folder: folder.clone(), manifest_key, months, manifest }
    });
    join_all(found).await
}

/// Reads the newest manifest among the months' folders, newest first.
async fn newest_manifest(place: Place<'_>, report: &str, months: &[&String]) -> (String, Probe<Vec<u8>>) {
    for prefix in months {
        let level = match place.list(prefix).await {
            Ok(level) => level,
            Err(refusal) => return (String::new(), Probe::Refused(refusal)),
        };
        if let Some(head) = manifest_of(report, &level) {
            let text = place.aws.read_small(place.candidate, place.region, &head.key).await;
            return (head.key.clone(), text.map(|text| text.body));
        }
    }
    (String::new(), Probe::NotAsked("no month of the report has a manifest yet"))
}
