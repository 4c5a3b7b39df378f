//! The walk through a bucket: from the path down to the folders of months, listing no assembly and no data.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use billing::connection::Candidate;
use billing::copies::Quiet;
use billing::layout::{Folder, MAX_DEPTH, classify, is_data_of_export, level_of, report_of_data};
use billing::names::Region;
use billing::period::BillingPeriod;
use billing::probe::{Level, ObjectHead, Probe, Refusal};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::account::AwsAccount;

/// How many folders a walk lists at the most. A billing path holds a handful; a data lake's root would hold thousands.
const MAX_LISTINGS: usize = 200;

/// How many levels are listed, or objects asked for, side by side.
pub(crate) const ASKED_AT_ONCE: usize = 16;

/// The reports below a path, by the folder of each.
pub(crate) type Reports = BTreeMap<String, Form>;

/// How a report lies in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// With a folder for each month, in which AWS writes a manifest.
    Months(Months),
    /// Data by month below this prefix, and nothing that describes it: a copy.
    Data(String),
}

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

/// What of a bucket was listed already.
pub(crate) enum Known {
    /// Everything below the path.
    Whole(Vec<ObjectHead>),
    /// Some levels, by their prefix.
    Levels(HashMap<String, Level>),
}

impl Known {
    fn level(&self, prefix: &str) -> Option<Level> {
        match self {
            Self::Whole(objects) => Some(level_of(prefix, objects)),
            Self::Levels(levels) => levels.get(prefix).cloned(),
        }
    }

    fn below(&self, prefix: &str) -> Option<Vec<ObjectHead>> {
        match self {
            Self::Whole(objects) => {
                Some(objects.iter().filter(|object| object.key.starts_with(prefix)).cloned().collect())
            }
            Self::Levels(_) => None,
        }
    }
}

/// Where a walk goes.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub aws: &'a dyn AwsAccount,
    pub candidate: &'a Candidate,
    pub region: &'a Region,
    /// What need not be listed again; nothing outside of a check.
    pub known: Option<&'a Known>,
    /// When it is looked at, and how long files without a manifest must have been quiet.
    pub quiet: Quiet,
}

impl Place<'_> {
    /// Lists one level, or gives the refusal.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Level, Box<Refusal>> {
        if let Some(level) = self.known.and_then(|known| known.level(prefix)) {
            return Ok(level);
        }
        answered(self.aws.list(self.candidate, self.region, prefix).await)
    }

    /// Lists several levels side by side; the answers come in the order of the prefixes.
    pub(crate) async fn list_all(&self, prefixes: &[String]) -> Result<Vec<Level>, Box<Refusal>> {
        // Boxed one by one: the compiler cannot see that the stream of the bare futures may cross threads.
        let listings: Vec<BoxFuture<'_, _>> = prefixes.iter().map(|prefix| self.list(prefix).boxed()).collect();
        stream::iter(listings).buffered(ASKED_AT_ONCE).try_collect().await
    }

    /// Lists everything below a prefix, however deep it lies.
    pub(crate) async fn list_below(&self, prefix: &str) -> Result<Vec<ObjectHead>, Box<Refusal>> {
        if let Some(objects) = self.known.and_then(|known| known.below(prefix)) {
            return Ok(objects);
        }
        answered(self.aws.list_below(self.candidate, self.region, prefix).await)
    }

    /// Asks for the heads of several objects side by side; the answers come in the order of the keys.
    pub(crate) async fn heads(&self, keys: &[&str]) -> Vec<Probe<ObjectHead>> {
        let asked: Vec<BoxFuture<'_, _>> =
            keys.iter().map(|key| self.aws.head(self.candidate, self.region, key).boxed()).collect();
        stream::iter(asked).buffered(ASKED_AT_ONCE).collect().await
    }
}

fn answered<T: Default>(probe: Probe<T>) -> Result<T, Box<Refusal>> {
    match probe {
        Probe::Granted(answer) => Ok(answer),
        Probe::Refused(refusal) => Err(refusal),
        Probe::NotAsked(_) => Ok(T::default()),
    }
}

/// Finds the reports below the candidate's path; `top` is the listing at the path itself.
pub(crate) async fn walk(place: Place<'_>, top: Level) -> Result<Reports, WalkError> {
    let (mut months, mut data) = (BTreeMap::<String, Months>::new(), BTreeSet::new());
    let mut listings = 0;
    // Only folders are kept: a level's objects may be many, and no report is found by them.
    let mut levels = vec![top.folders];
    for depth in 0..=MAX_DEPTH {
        let mut deeper = Vec::new();
        for folders in &levels {
            for prefix in folders {
                match classify(prefix) {
                    Folder::Month { report, period } => {
                        months.entry(report).or_default().insert(period, prefix.clone());
                    }
                    Folder::Partition { root } => {
                        data.insert(root);
                    }
                    Folder::Other if depth < MAX_DEPTH && !is_data_of_export(prefix, folders) => {
                        deeper.push(prefix.clone());
                    }
                    Folder::Other | Folder::Data => {}
                }
            }
        }
        listings += deeper.len();
        if listings > MAX_LISTINGS {
            return Err(WalkError::TooMany(place.candidate.path.to_string()));
        }
        levels = place.list_all(&deeper).await?.into_iter().map(|level| level.folders).collect();
    }
    data.retain(|root| !months.keys().any(|report| describes(report, root)));
    let mut reports: Reports =
        data.into_iter().map(|root| (report_of_data(&root).to_owned(), Form::Data(root))).collect();
    reports.extend(months.into_iter().map(|(report, months)| (report, Form::Months(months))));
    Ok(reports)
}

/// Whether the report's manifests are about the data below `root`: of an export `<report>/data/`, of a legacy report in Parquet
/// `<report>/<name>/`.
fn describes(report: &str, root: &str) -> bool {
    let below =
        if report.is_empty() { Some(root) } else { root.strip_prefix(report).and_then(|rest| rest.strip_prefix('/')) };
    below.and_then(|below| below.strip_suffix('/')).is_some_and(|folder| !folder.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_beside_manifests_is_described_by_them() {
        assert!(describes("P/R", "P/R/data/") && describes("P/R", "P/R/R/") && describes("", "data/"));
        assert!(!describes("P/R", "P/Q/data/") && !describes("P/R", "P/R2/") && !describes("P", "P/R/data/"));
        assert!(!describes("", "P/data/") && !describes("P/R", "P/R/"));
    }
}
