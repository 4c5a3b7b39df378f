//! What each month of a report is delivered as: by its manifest, asked for as cheaply as can be, or by the listing of its files.

use std::collections::{BTreeMap, HashMap};

use billing::copies::{Listing, ListingError};
use billing::layout::{Folder, classify, is_data, level_of, manifest_of, month_of_data, report_name};
use billing::period::BillingPeriod;
use billing::probe::{FoundReport, Level, ObjectHead, Probe, Refusal};
use futures::future::join_all;

use crate::store::SeenManifest;
use crate::walk::{Form, Months, Place, Reports, WalkError, walk};

/// How many of a report's newest months are looked at for a manifest: the newest folder may be there before its manifest.
const NEWEST_MONTHS: usize = 3;

/// What is remembered as the version of a manifest that is no longer there.
pub(crate) const GONE: &str = "gone";

/// What a month was last delivered as.
#[derive(Debug)]
pub(crate) enum Delivered {
    /// What this manifest says.
    Manifest(ObjectHead),
    /// The files below this folder, which has no manifest.
    Listing(String, Result<Listing, ListingError>),
    /// The manifest of this key is no longer there, and nothing is in its place.
    Gone(String),
}

/// The months of a report.
pub(crate) type ByMonth = BTreeMap<BillingPeriod, Delivered>;

/// What is known of a connection's manifests from earlier polls, by key.
#[derive(Debug, Default)]
pub(crate) struct Seen(HashMap<String, SeenManifest>);

impl Seen {
    pub(crate) fn new(manifests: Vec<SeenManifest>) -> Self {
        Self(manifests.into_iter().map(|manifest| (manifest.key.clone(), manifest)).collect())
    }

    pub(crate) fn get(&self, key: &str) -> Option<&SeenManifest> {
        self.0.get(key)
    }

    /// The manifest that a month's folder had the last time.
    fn manifest_in(&self, prefix: &str) -> Option<&str> {
        let inside = |key: &str| key.strip_prefix(prefix).is_some_and(|name| !name.is_empty() && !name.contains('/'));
        let mut there = self.0.values().filter(|seen| inside(&seen.key) && seen.version != GONE);
        there.next().map(|seen| seen.key.as_str())
    }

    /// The manifests that the report's months had, by month.
    fn of_report<'a>(&'a self, report: &'a str) -> impl Iterator<Item = (BillingPeriod, &'a str)> {
        self.0.keys().filter_map(move |key| {
            let folder = &key[..=key.rfind('/')?];
            match classify(folder) {
                Folder::Month { report: its, period } if its == report && folder != key => Some((period, key.as_str())),
                _ => None,
            }
        })
    }

    /// Whether months of the report were read by their files.
    fn has_listing(&self, report: &str) -> bool {
        self.0.keys().any(|key| key.ends_with('/') && key.starts_with(report))
    }

    /// Whether another report than that of this folder was ever looked at.
    pub(crate) fn has_other(&self, report: &str) -> bool {
        self.0.keys().any(|key| key.strip_prefix(report).is_none_or(|rest| !rest.starts_with('/')))
    }
}

/// Looks at every month of the report from `first` on. What did not change since it was `seen` costs one question for a head.
pub(crate) async fn look(
    place: Place<'_>,
    (report, form): (&str, &Form),
    seen: &Seen,
) -> Result<ByMonth, Box<Refusal>> {
    let first = place.candidate.effective_from;
    let counts = |period: &BillingPeriod| first.is_none_or(|first| *period >= first);
    let mut found = match form {
        Form::Data(root) => by_files(report, (root, place), |key| month_of_data(root, key)).await?,
        Form::Months(months) => {
            let months = months.iter().filter(|(period, _)| counts(period));
            by_manifest(place, (report, &months.map(|(period, prefix)| (*period, prefix.clone())).collect()), seen)
                .await?
        }
    };
    found.retain(|period, _| counts(period));
    Ok(found)
}

/// The months by their manifests; where no month has one, by their files.
async fn by_manifest(
    place: Place<'_>,
    (report, months): (&str, &Months),
    seen: &Seen,
) -> Result<ByMonth, Box<Refusal>> {
    let known: Vec<(BillingPeriod, &str)> =
        months.iter().filter_map(|(period, prefix)| Some((*period, seen.manifest_in(prefix)?))).collect();
    // What once had manifests is no copy without them.
    let described = seen.of_report(report).next().is_some();
    if !described && seen.has_listing(report) {
        return copied(place, report, months).await;
    }
    let mut found = ByMonth::new();
    let keys: Vec<&str> = known.iter().map(|(_, key)| *key).collect();
    for ((period, _), head) in known.iter().zip(place.heads(&keys).await) {
        match head {
            Probe::Granted(head) => {
                found.insert(*period, Delivered::Manifest(head));
            }
            // Nothing is known of it, and asking otherwise would be refused too.
            Probe::Refused(refusal) if refusal.kind.may_pass() => return Err(refusal),
            Probe::Refused(_) | Probe::NotAsked(_) => {}
        }
    }
    let unknown: Vec<(BillingPeriod, &String)> = months
        .iter()
        .filter(|(period, _)| !found.contains_key(period))
        .map(|(period, prefix)| (*period, prefix))
        .collect();
    let prefixes: Vec<String> = unknown.iter().map(|(_, prefix)| (*prefix).clone()).collect();
    for ((period, _), level) in unknown.into_iter().zip(place.list_all(&prefixes).await?) {
        if let Some(manifest) = manifest_of(report, &level) {
            found.insert(period, Delivered::Manifest(manifest.clone()));
        }
    }
    if found.is_empty() && !described && !months.is_empty() {
        return copied(place, report, months).await;
    }
    for (period, key) in seen.of_report(report) {
        found.entry(period).or_insert_with(|| Delivered::Gone(key.to_owned()));
    }
    Ok(found)
}

/// The months of a legacy report without manifests, by their files: in the month's folder, or of a report in Parquet beside it.
async fn copied(place: Place<'_>, report: &str, months: &Months) -> Result<ByMonth, Box<Refusal>> {
    let root = if report.is_empty() { place.candidate.path.prefix() } else { format!("{report}/") };
    let parquet = format!("{root}{}/", report_name(report));
    let month_of = |key: &str| months.iter().find(|(_, prefix)| key.starts_with(prefix.as_str()));
    by_files(report, (&root, place), |key| {
        let beside = || month_of_data(&parquet, key).map(|(period, folder)| (period, folder.len()));
        let (period, length) = month_of(key).map(|(period, prefix)| (*period, prefix.len())).or_else(beside)?;
        Some((period, &key[..length]))
    })
    .await
}

/// The months by their files, in one listing of everything below `root`. A manifest that lies beside a month's files, as legacy
/// reports in Parquet have one, counts.
async fn by_files(
    report: &str,
    (root, place): (&str, Place<'_>),
    month_of: impl Fn(&str) -> Option<(BillingPeriod, &str)>,
) -> Result<ByMonth, Box<Refusal>> {
    let mut months: BTreeMap<BillingPeriod, (String, Vec<ObjectHead>)> = BTreeMap::new();
    let counts = |object: &ObjectHead| is_data(&object.key) || object.key.ends_with("Manifest.json");
    for object in place.list_below(root).await?.into_iter().filter(counts) {
        if let Some((period, folder)) = month_of(&object.key) {
            let folder = folder.to_owned();
            months.entry(period).or_insert_with(|| (folder, Vec::new())).1.push(object);
        }
    }
    let delivered = |(period, (folder, objects)): (BillingPeriod, (String, Vec<ObjectHead>))| {
        let level = level_of(&folder, &objects);
        let delivered = if let Some(manifest) = manifest_of(report, &level) {
            Delivered::Manifest(manifest.clone())
        } else {
            let listing = Listing::newest(&folder, &objects, place.quiet);
            Delivered::Listing(folder, listing)
        };
        (period, delivered)
    };
    Ok(months.into_iter().map(delivered).collect())
}

/// Finds the reports below the candidate's path, and reads the newest manifest of each.
pub(crate) async fn find(place: Place<'_>, top: Level) -> Result<Vec<FoundReport>, WalkError> {
    Ok(look_at(place, &walk(place, top).await?, &[]).await)
}

/// Reads the newest manifest of each report. Where it is still what it was in `before`, it is not read again.
pub(crate) async fn look_at(place: Place<'_>, reports: &Reports, before: &[FoundReport]) -> Vec<FoundReport> {
    join_all(reports.iter().map(|(folder, form)| async move {
        match before.iter().find(|known| known.folder == *folder) {
            Some(known) if is_still(place, (known, form)).await => known.clone(),
            _ => found(place, folder, form).await,
        }
    }))
    .await
}

/// Whether a report's newest manifest is what it was.
async fn is_still(place: Place<'_>, (known, form): (&FoundReport, &Form)) -> bool {
    let (Form::Months(months), Some((_, head))) = (form, known.deliveries.first()) else { return false };
    let same_months = known.months.iter().eq(months.keys());
    if !same_months || known.manifest.granted().is_none() || known.copied.is_some() {
        return false;
    }
    let now = place.aws.head(place.candidate, place.region, &head.key).await;
    // A head tells whole seconds only.
    let same = |now: &ObjectHead| now.modified.unix_timestamp() == head.modified.unix_timestamp();
    now.granted().is_some_and(|now| now.etag == head.etag && same(now))
}

/// A report by its newest months, and its newest manifest as read.
async fn found(place: Place<'_>, folder: &str, form: &Form) -> FoundReport {
    let report = FoundReport {
        name: report_name(folder).to_owned(),
        folder: folder.to_owned(),
        manifest_key: String::new(),
        months: Vec::new(),
        deliveries: Vec::new(),
        manifest: Probe::NotAsked("no month of the report has a manifest"),
        copied: None,
    };
    match newest(place, (folder, form)).await {
        Err(refusal) => FoundReport { manifest: Probe::Refused(refusal), ..report },
        Ok((months, by_month)) => described(place, FoundReport { months, ..report }, by_month).await,
    }
}

/// All months of a report, and the newest of them as delivered.
async fn newest(
    place: Place<'_>,
    (report, form): (&str, &Form),
) -> Result<(Vec<BillingPeriod>, ByMonth), Box<Refusal>> {
    if let Form::Months(months) = form {
        let newest: Months = months.iter().rev().take(NEWEST_MONTHS).map(|(p, prefix)| (*p, prefix.clone())).collect();
        return Ok((months.keys().copied().collect(), by_manifest(place, (report, &newest), &Seen::default()).await?));
    }
    let by_month = look(place, (report, form), &Seen::default()).await?;
    Ok((by_month.keys().copied().collect(), by_month))
}

/// The report with what its newest months show.
async fn described(place: Place<'_>, mut report: FoundReport, by_month: ByMonth) -> FoundReport {
    for (period, delivered) in by_month.into_iter().rev() {
        match delivered {
            Delivered::Manifest(head) => report.deliveries.push((period, head)),
            Delivered::Listing(_, listing) if report.copied.is_none() => report.copied = Some((period, listing)),
            Delivered::Listing(..) | Delivered::Gone(_) => {}
        }
    }
    if let Some((_, head)) = report.deliveries.first() {
        // A copy with manifests beside its files is as good as the original.
        report.copied = None;
        report.manifest_key.clone_from(&head.key);
        report.manifest = place.aws.read_small(place.candidate, place.region, &head.key).await.map(|text| text.body);
    } else if let Some((period, listing)) = &report.copied {
        let newest = match listing {
            Ok(listing) => listing.parts.last().map(|part| (part.key.clone(), part.etag.clone(), listing.made_at)),
            Err(error) => error.newest().map(|(key, written)| (key.to_owned(), String::new(), written)),
        };
        let head = newest.map(|(key, etag, modified)| ObjectHead { key, etag, size: 0, modified });
        report.deliveries.extend(head.map(|head| (*period, head)));
    }
    report
}
