//! The look into a bucket that a check takes: region, listing, reports, the first byte of one of their files.

use std::collections::HashMap;

use billing::choice::choose;
use billing::connection::Candidate;
use billing::copies::Quiet;
use billing::layout::{folders_in, is_data};
use billing::names::Region;
use billing::probe::{FoundReport, Level, Peek, Probe, Refusal, RefusalKind};

use crate::account::{AwsAccount, Tried};
use crate::delivered::find;
use crate::walk::{Known, Place, WalkError};

/// How many folders that a first page of keys shows are listed ahead of the walk.
const AHEAD: usize = 32;

/// What was seen of the bucket.
pub(crate) struct Bucket {
    pub(crate) region: Probe<Region>,
    pub(crate) listing: Probe<Level>,
    pub(crate) reports: Probe<Vec<FoundReport>>,
    pub(crate) crowded: bool,
    pub(crate) first_byte: Probe<String>,
    pub(crate) unpublished: Probe<Tried>,
}

impl Bucket {
    /// A bucket that could not be looked at, and why.
    pub(crate) fn not_asked(why: &'static str) -> Self {
        Self {
            region: Probe::NotAsked(why),
            listing: Probe::NotAsked(why),
            reports: Probe::NotAsked(why),
            crowded: false,
            first_byte: Probe::NotAsked(why),
            unpublished: Probe::NotAsked(why),
        }
    }
}

/// Looks at the candidate's bucket with a session that is open.
///
/// Answers wait for one another as little as can be: with a slow way to AWS, what counts is how many come one after the other.
pub(crate) async fn look(aws: &dyn AwsAccount, candidate: &Candidate, quiet: Quiet) -> Bucket {
    let region = aws.bucket_region(candidate).await;
    // Where the region is refused, the partition's home region may still answer, so that each permission is judged alone.
    let home: Option<Region> = candidate.partition().home_region().parse().ok();
    let Some(asked) = region.granted().cloned().or(home) else {
        return Bucket { region, ..Bucket::not_asked("the bucket's region is not known") };
    };
    let place = Place { aws, candidate, region: &asked, known: None, quiet };
    let (seen, unpublished) = futures::join!(see(place), aws.unpublished(candidate, &asked));
    let bucket = Bucket { region, unpublished, ..seen };
    match &bucket.listing {
        Probe::Refused(refusal) if refusal.kind == RefusalKind::WrongRegion && bucket.region.granted().is_none() => {
            let why = "the bucket's region is not known: mend `bucket-region-known` first";
            let (region, unpublished) = (bucket.region, bucket.unpublished);
            Bucket { region, unpublished, ..Bucket::not_asked(why) }
        }
        _ => bucket,
    }
}

/// What lies at the path, and whether it can be read.
async fn see(place: Place<'_>) -> Bucket {
    let (candidate, region) = (place.candidate, place.region);
    let prefix = candidate.path.prefix();
    let (listing, peek) =
        futures::join!(place.aws.list(candidate, region, &prefix), place.aws.peek(candidate, region, &prefix));
    let top = match &listing {
        Probe::Granted(level) => level.clone(),
        Probe::Refused(refusal) => {
            let reports = Probe::Refused(refusal.clone());
            let why = "nothing could be listed: mend `bucket-listable` first";
            return Bucket { listing, reports, ..Bucket::not_asked(why) };
        }
        Probe::NotAsked(why) => return Bucket::not_asked(why),
    };
    // Without a first page, the walk lists level by level.
    let peek = peek.granted().cloned().unwrap_or_default();
    let early = peek.objects.iter().find(|object| !peek.whole && is_data(&object.key)).map(|object| object.key.clone());
    let walk = async {
        let known = known(place, &prefix, peek).await;
        find(Place { known: Some(&known), ..place }, top).await
    };
    // In a large bucket, a file that the first page shows is read while the manifest is still looked for.
    let (found, early) = futures::join!(walk, read_early(place, early));
    let (reports, crowded) = match found {
        Ok(reports) => (Probe::Granted(reports), false),
        Err(WalkError::Refused(refusal)) => (Probe::Refused(refusal), false),
        Err(WalkError::TooMany(_)) => (Probe::Granted(Vec::new()), true),
    };
    let first_byte = first_byte(place, &reports, early).await;
    Bucket { listing, reports, crowded, first_byte, ..Bucket::not_asked("it is asked beside") }
}

/// What the first page of keys makes known: everything, or where to look, which is then listed side by side.
async fn known(place: Place<'_>, prefix: &str, peek: Peek) -> Known {
    if peek.whole {
        return Known::Whole(peek.objects);
    }
    let folders: Vec<String> = folders_in(prefix, &peek.objects).into_iter().take(AHEAD).collect();
    let levels = place.list_all(&folders).await;
    // What is refused here is refused to the walk too, which says so.
    Known::Levels(levels.map_or_else(|_| HashMap::new(), |levels| folders.into_iter().zip(levels).collect()))
}

/// Reads the first byte of a file that a listing showed, if it showed one.
async fn read_early(place: Place<'_>, key: Option<String>) -> Option<Probe<String>> {
    let key = key?;
    let probe = place.aws.read_first_byte(place.candidate, place.region, &key).await;
    Some(probe.map(|()| key))
}

/// Reads the first byte of a data file, or of whatever shows whether reading is allowed. `early` is what came of a file that was
/// read already: it counts where it is the report's.
async fn first_byte(
    place: Place<'_>,
    reports: &Probe<Vec<FoundReport>>,
    early: Option<Probe<String>>,
) -> Probe<String> {
    let Some(reports) = reports.granted() else {
        return Probe::NotAsked("nothing could be listed: mend `bucket-listable` first");
    };
    let chosen = choose(reports, place.candidate).or(reports.first());
    let Some(report) = chosen else { return Probe::NotAsked("there is no report to read") };
    match &report.manifest {
        Probe::Granted(_) => {}
        // A copy without manifests: the first of its files does as well.
        Probe::NotAsked(_) if !report.deliveries.is_empty() => {}
        Probe::Refused(refusal) => return Probe::Refused(refusal.clone()),
        Probe::NotAsked(why) => return Probe::NotAsked(why),
    }
    let folder = format!("{}/", report.folder);
    if let Some(early @ Probe::Granted(_)) =
        early.filter(|early| early.granted().is_some_and(|key| key.starts_with(&folder)))
    {
        return early;
    }
    let inside = report
        .parsed()
        .and_then(|manifest| manifest.report_keys.into_iter().find(|key| place.candidate.path.holds(key)));
    let copied = report.deliveries.first().map(|(_, head)| head.key.clone());
    let key = inside.or(copied).unwrap_or_else(|| report.manifest_key.clone());
    match place.aws.read_first_byte(place.candidate, place.region, &key).await {
        // The manifest was readable, so the permission is there; a listed file that is gone shows when it is ingested.
        Probe::Refused(refusal) if gone(&refusal) => Probe::Granted(report.manifest_key.clone()),
        other => other.map(|()| key),
    }
}

fn gone(refusal: &Refusal) -> bool {
    refusal.kind == RefusalKind::NotFound
}
