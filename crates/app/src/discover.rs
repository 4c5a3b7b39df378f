//! The step `discover`: looks at every month's manifest, cheaply, and says what has been delivered; and reads what one of them
//! says, when its turn comes.

use std::collections::{BTreeMap, BTreeSet};

use billing::choice::choose;
use billing::connection::{Candidate, VerifiedConnection};
use billing::delivery::{DeliveryHead, DeliveryId, PartHead};
use billing::layout::{Folder, classify, manifest_of, report_name};
use billing::manifest::{Manifest, ManifestError};
use billing::period::BillingPeriod;
use billing::probe::{FoundReport, Level, ObjectHead, ObjectText, Probe};
use time::{Duration, OffsetDateTime};

use crate::App;
use crate::error::AppError;
use crate::ingest::Source;
use crate::store::{Found, ManifestOutcome};
use crate::walk::{Months, Place, Reports, WalkError, look_at, walk};

/// How long a file that is newer than its manifest counts as still being delivered. AWS writes the manifest last; in a copied
/// bucket the order may be any, and stays so.
const DELIVERING: Duration = Duration::hours(1);

/// Which manifests are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those that are new or changed, or whose delivery may be loaded this time.
    Due,
    /// Also those whose delivery could not be loaded as it is: somebody asks for it.
    FailedToo,
}

/// A month's manifest that wants to be looked at: new, changed, or not loaded the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    /// The month.
    pub period: BillingPeriod,
    /// Its manifest, as it was listed.
    pub found: Found,
}

impl App {
    /// Finds the deliveries that have not been settled yet, newest month first. No month's manifest is read.
    pub async fn discover(&self, connection: &VerifiedConnection, scope: Scope) -> Result<Vec<Discovered>, AppError> {
        let (candidate, region) = (connection.candidate(), connection.region());
        let place = Place { aws: self.aws.as_ref(), candidate, region, known: None };
        let top = place.list(&candidate.path.prefix()).await?;
        let reports = walk(place, top).await.map_err(|error| match error {
            WalkError::Refused(refusal) => AppError::Aws(refusal),
            too_many @ WalkError::TooMany(_) => AppError::Invalid(too_many.to_string()),
        })?;
        let several = reports.len() > 1;
        let Some((report, months)) = self.chosen(place, reports).await? else { return Ok(Vec::new()) };
        let published = if several { self.lake.org(candidate.org).published().await? } else { Vec::new() };
        let mut found = Vec::new();
        for (period, prefix) in months.into_iter().rev() {
            if candidate.effective_from.is_some_and(|first| period < first) {
                continue;
            }
            let level = place.list(&prefix).await?;
            let Some(manifest) = manifest_of(&report, &level) else { continue };
            let from = published.iter().find(|month| month.connect == candidate.id() && month.period == period);
            let from = from.map(|month| month.manifest_key.as_str());
            if !self.settled(candidate, (manifest, from), scope).await? {
                let (manifest_key, version) = (manifest.key.clone(), manifest.etag.clone());
                found.push(Discovered { period, found: Found { manifest_key, version } });
            }
        }
        Ok(found)
    }

    /// The report that the connection keeps to, with its months. Of several it is the best, which is why each one's newest
    /// manifest is read.
    async fn chosen(&self, place: Place<'_>, mut reports: Reports) -> Result<Option<(String, Months)>, AppError> {
        if reports.len() < 2 {
            return Ok(reports.pop_first());
        }
        let found = look_at(place, &reports).await;
        // A manifest that could not be read this time may be the best report's: no other is taken for it meanwhile.
        if let Some(refusal) =
            found.iter().find_map(|report| report.manifest.refusal().filter(|why| why.kind.may_pass()))
        {
            return Err(AppError::Aws(Box::new(refusal.clone())));
        }
        if let Some(report) = choose(&found, place.candidate) {
            return Ok(reports.remove_entry(&report.folder));
        }
        let all: Vec<String> = found.iter().map(FoundReport::told).collect();
        Err(AppError::Invalid(format!(
            "several reports lie below the path, and none of them is a readable one of account {}: {}",
            place.candidate.account,
            all.join(", ")
        )))
    }

    /// Whether nothing is to be done about this very manifest. `from` is the manifest that the month was published from, where
    /// that may be another report's: then it is not settled by what this one once led to.
    async fn settled(
        &self,
        candidate: &Candidate,
        (manifest, from): (&ObjectHead, Option<&str>),
        scope: Scope,
    ) -> Result<bool, AppError> {
        let seen = self.store.seen_manifest(candidate.org, &candidate.id(), &manifest.key).await?;
        let over = |outcome| match outcome {
            ManifestOutcome::Settled => from.is_none_or(|from| from == manifest.key),
            ManifestOutcome::Failed => scope == Scope::Due,
        };
        Ok(seen.is_some_and(|seen| seen.etag == manifest.etag && over(seen.outcome)))
    }

    /// Reads what a manifest that was found says now, and pins the files that it lists.
    pub(crate) async fn resolve(
        &self,
        connection: &VerifiedConnection,
        period: BillingPeriod,
        found: &Found,
    ) -> Result<Source, AppError> {
        let (candidate, region) = (connection.candidate(), connection.region());
        let place = Place { aws: self.aws.as_ref(), candidate, region, known: None };
        let key = &found.manifest_key;
        let prefix = key.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let Folder::Month { report, .. } = classify(&prefix) else {
            return Err(AppError::ManifestGone(key.clone()));
        };
        let level = place.list(&prefix).await?;
        let manifest = level.objects.iter().find(|object| object.key == *key);
        let manifest = manifest.ok_or_else(|| AppError::ManifestGone(key.clone()))?;
        let delivery = self.delivery(place, (&report, period), (manifest, &level)).await?;
        Ok(Source { delivery, version: manifest.etag.clone() })
    }

    async fn delivery(
        &self,
        place: Place<'_>,
        (report, period): (&str, BillingPeriod),
        (head, level): (&ObjectHead, &Level),
    ) -> Result<DeliveryHead, AppError> {
        let text = match place.aws.read_small(place.candidate, place.region, &head.key).await {
            Probe::Granted(text) => text,
            Probe::Refused(refusal) => return Err(AppError::Aws(refusal)),
            Probe::NotAsked(why) => return Err(AppError::Invalid(why.to_owned())),
        };
        let manifest = acceptable(place, (report, period), &text)?;
        // Times of listings on both sides: a read tells whole seconds only, and would make the manifest seem older than its parts.
        let parts = pin(place, (&manifest, head.modified), level).await?;
        Ok(DeliveryHead {
            connect: place.candidate.id(),
            payer: place.candidate.account.clone(),
            period,
            delivery_id: DeliveryId::of(&text.head.etag, &parts),
            report_name: report_name(report).to_owned(),
            manifest_key: head.key.clone(),
            parts,
            made_at: text.head.modified,
        })
    }
}

/// The manifest, if it is one of this connection's, of this month, in a readable format.
fn acceptable(
    place: Place<'_>,
    (report, period): (&str, BillingPeriod),
    text: &ObjectText,
) -> Result<Manifest, AppError> {
    let key = &text.head.key;
    let manifest = Manifest::parse(key, &text.body)?;
    manifest.readable(&place.candidate.bucket, &place.candidate.path)?;
    let refuse = |reason: String| Err(AppError::Manifest(ManifestError { key: key.clone(), reason }));
    if let Some(other) = manifest.period.filter(|stated| *stated != period) {
        return refuse(format!("it says that it bills {other}, but lies in the folder of {period}; it is not read"));
    }
    if manifest.account != place.candidate.account.as_ref() {
        let (its, ours) = (&manifest.account, &place.candidate.account);
        return refuse(format!("it bills account {its}, but the connection is for {ours}; it is not read"));
    }
    // A part beside another report's folder would be another report's bill.
    let folder = if report.is_empty() { String::new() } else { format!("{report}/") };
    match manifest.report_keys.iter().find(|part| !part.starts_with(&folder)) {
        Some(part) => {
            refuse(format!("it lists `{part}`, which lies outside its report's folder `{report}`; it is not read"))
        }
        None => Ok(manifest),
    }
}

/// Pins every part that the manifest lists by the `ETag` that a listing shows now.
async fn pin(
    place: Place<'_>,
    (manifest, written): (&Manifest, OffsetDateTime),
    month: &Level,
) -> Result<Vec<PartHead>, AppError> {
    let now = OffsetDateTime::now_utc();
    let mut objects: BTreeMap<String, ObjectHead> = keyed(month);
    let folder = |key: &str| key.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let elsewhere: BTreeSet<String> =
        manifest.report_keys.iter().filter(|key| !objects.contains_key(*key)).map(|key| folder(key)).collect();
    for prefix in elsewhere {
        objects.extend(keyed(&place.list(&prefix).await?));
    }
    let part = |key: &String| match objects.get(key) {
        // AWS overwrites files one by one and the manifest last: a mixture of two deliveries would look whole.
        Some(object) if object.modified > written && now - object.modified < DELIVERING => {
            Err(AppError::StillDelivering { manifest: manifest.key().to_owned(), key: key.clone() })
        }
        Some(object) => Ok(PartHead { key: key.clone(), etag: object.etag.clone(), size: object.size }),
        None => Err(AppError::PartMissing { manifest: manifest.key().to_owned(), key: key.clone() }),
    };
    manifest.report_keys.iter().map(part).collect()
}

fn keyed(level: &Level) -> BTreeMap<String, ObjectHead> {
    level.objects.iter().map(|object| (object.key.clone(), object.clone())).collect()
}
