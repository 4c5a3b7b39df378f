//! The walk through a bucket: from the path down to the folders of months, listing no assembly and no data.

use std::collections::{BTreeMap, HashMap};

use billing::connection::Candidate;
use billing::layout::{Folder, MAX_DEPTH, classify, is_data_of_export, level_of, manifest_of, report_name};
use billing::names::Region;
use billing::period::BillingPeriod;
use billing::probe::{FoundReport, Level, ObjectHead, Probe, Refusal};
use futures::future::{BoxFuture, join_all};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::account::AwsAccount;

/// How many folders a walk lists at the most. A billing path holds a handful; a data lake's root would hold thousands.
const MAX_LISTINGS: usize = 200;

/// How many of a report's newest months are looked at for a manifest: the newest folder may be there before its manifest.
const NEWEST_MONTHS: usize = 3;

/// How many levels are listed side by side.
const LISTINGS_AT_ONCE: usize = 16;

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
}

/// Where a walk goes.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub aws: &'a dyn AwsAccount,
    pub candidate: &'a Candidate,
    pub region: &'a Region,
    /// What need not be listed again; nothing outside of a check.
    pub known: Option<&'a Known>,
}

impl Place<'_> {
    /// Lists one level, or gives the refusal.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Level, Box<Refusal>> {
        if let Some(level) = self.known.and_then(|known| known.level(prefix)) {
            return Ok(level);
        }
        match self.aws.list(self.candidate, self.region, prefix).await {
            Probe::Granted(level) => Ok(level),
            Probe::Refused(refusal) => Err(refusal),
            Probe::NotAsked(_) => Ok(Level::default()),
        }
    }

    /// Lists several levels side by side; the answers come in the order of the prefixes.
    pub(crate) async fn list_all(&self, prefixes: &[String]) -> Result<Vec<Level>, Box<Refusal>> {
        // Boxed one by one: the compiler cannot see that the stream of the bare futures may cross threads.
        let listings: Vec<BoxFuture<'_, _>> = prefixes.iter().map(|prefix| self.list(prefix).boxed()).collect();
        stream::iter(listings).buffered(LISTINGS_AT_ONCE).try_collect().await
    }
}

/// Finds the reports below the candidate's path; `top` is the listing at the path itself.
pub(crate) async fn walk(place: Place<'_>, top: Level) -> Result<Reports, WalkError> {
    let mut reports = Reports::new();
    let mut listings = 0;
    // Only folders are kept: a level's objects may be many, and no report is found by them.
    let mut levels = vec![top.folders];
    for depth in 0..=MAX_DEPTH {
        let mut deeper = Vec::new();
        for folders in &levels {
            for prefix in folders {
                match classify(prefix) {
                    Folder::Month { report, period } => {
                        reports.entry(report).or_default().insert(period, prefix.clone());
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
    Ok(reports)
}

/// Finds the reports below the candidate's path, and reads the newest manifest of each.
pub(crate) async fn find(place: Place<'_>, top: Level) -> Result<Vec<FoundReport>, WalkError> {
    Ok(look_at(place, &walk(place, top).await?).await)
}

/// Reads the newest manifest of each report.
pub(crate) async fn look_at(place: Place<'_>, reports: &Reports) -> Vec<FoundReport> {
    join_all(reports.iter().map(|(folder, months)| found(place, folder, months))).await
}

/// A report by its newest months, and its newest manifest as read.
async fn found(place: Place<'_>, folder: &str, months: &Months) -> FoundReport {
    let newest = || months.iter().rev().take(NEWEST_MONTHS);
    let prefixes: Vec<String> = newest().map(|(_, prefix)| prefix.clone()).collect();
    let (deliveries, manifest) = match place.list_all(&prefixes).await {
        Err(refusal) => (Vec::new(), Probe::Refused(refusal)),
        Ok(levels) => {
            let of_month =
                |(level, period): (&Level, &BillingPeriod)| Some((*period, manifest_of(folder, level)?.clone()));
            let periods = newest().map(|(period, _)| period);
            let deliveries: Vec<_> = levels.iter().zip(periods).filter_map(of_month).collect();
            let manifest = read_newest(place, &deliveries).await;
            (deliveries, manifest)
        }
    };
    let manifest_key = deliveries.first().map(|(_, head)| head.key.clone()).unwrap_or_default();
    let (name, months) = (report_name(folder).to_owned(), months.keys().copied().collect());
    FoundReport { name, folder: folder.to_owned(), manifest_key, months, deliveries, manifest }
}

async fn read_newest(place: Place<'_>, deliveries: &[(BillingPeriod, ObjectHead)]) -> Probe<Vec<u8>> {
    let Some((_, head)) = deliveries.first() else {
        return Probe::NotAsked("no month of the report has a manifest yet");
    };
    place.aws.read_small(place.candidate, place.region, &head.key).await.map(|text| text.body)
}
