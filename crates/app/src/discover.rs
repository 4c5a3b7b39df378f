//! The step `discover`: looks at every month's manifest, cheaply, and says what has been delivered; and reads what one of them
//! says, when its turn comes.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use billing::choice::choose;
use billing::connection::{Candidate, VerifiedConnection};
use billing::copies::{Listing, Quiet};
use billing::delivery::{DeliveryHead, DeliveryId, LISTED};
use billing::layout::{report_name, report_of_month};
use billing::period::BillingPeriod;
use billing::probe::{FoundReport, ObjectHead};
use time::OffsetDateTime;

use crate::App;
use crate::delivered::{Delivered, GONE, Seen, look, look_at};
use crate::error::AppError;
use crate::ingest::Source;
use crate::pin;
use crate::store::{Found, ManifestOutcome, SeenManifest};
use crate::walk::{Form, Place, Reports, WalkError, walk};

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
    /// Its manifest, as it was found. Without a manifest, the folder whose listing stands for it, ending in `/`.
    pub found: Found,
}

/// What months of the connection are published from now, where that may be several reports: the manifest of each.
type PublishedFrom = BTreeMap<BillingPeriod, String>;

/// What is known of a connection before its months are looked at.
struct Before {
    seen: Seen,
    from: PublishedFrom,
    scope: Scope,
}

impl App {
    /// Finds the deliveries that have not been settled yet, newest month first.
    ///
    /// Every month is looked at each time: one question for the head of its manifest, and nothing more where that did not
    /// change. No month's manifest is read.
    pub async fn discover(&self, connection: &VerifiedConnection, scope: Scope) -> Result<Vec<Discovered>, AppError> {
        let candidate = connection.candidate();
        let place = self.place(connection);
        let top = place.list(&candidate.path.prefix()).await?;
        let reports = walk(place, top).await.map_err(|error| match error {
            WalkError::Refused(refusal) => AppError::Aws(refusal),
            too_many @ WalkError::TooMany(_) => AppError::Invalid(too_many.to_string()),
        })?;
        let several = reports.len() > 1;
        let Some((report, form)) = self.chosen(place, reports).await? else { return Ok(Vec::new()) };
        let seen = Seen::new(self.store.seen_manifests(candidate.org, &candidate.id()).await?);
        let from = if several || seen.has_other(&report) { self.from(candidate).await? } else { PublishedFrom::new() };
        let months = look(place, (&report, &form), &seen).await?;
        let before = Before { seen, from, scope };
        let mut found = Vec::new();
        for (period, delivered) in months.into_iter().rev() {
            found.extend(self.discovered(place, (period, delivered), &before).await?);
        }
        Ok(found)
    }

    fn place<'a>(&'a self, connection: &'a VerifiedConnection) -> Place<'a> {
        let (candidate, region) = (connection.candidate(), connection.region());
        let quiet = Quiet { now: OffsetDateTime::now_utc(), wait: self.settings.copies_settle_after() };
        Place { aws: self.aws.as_ref(), candidate, region, known: None, quiet }
    }

    /// What is to be done about a month, if anything is.
    async fn discovered(
        &self,
        place: Place<'_>,
        (period, delivered): (BillingPeriod, Delivered),
        before: &Before,
    ) -> Result<Option<Discovered>, AppError> {
        let gone = matches!(delivered, Delivered::Gone(_));
        let (manifest_key, version) = match delivered {
            Delivered::Manifest(head) => (head.key.clone(), version(&head)),
            Delivered::Listing(folder, Ok(listing)) => (folder, id(&listing).to_string()),
            Delivered::Listing(_, Err(error)) if error.passes() => return Ok(None),
            Delivered::Listing(folder, Err(error)) => (folder, error.to_string()),
            Delivered::Gone(key) => (key, GONE.to_owned()),
        };
        let over = |seen: &SeenManifest| match seen.outcome {
            // Where the month is another report's now, it is not settled by what this one once led to.
            ManifestOutcome::Settled => before.from.get(&period).is_none_or(|from| *from == manifest_key),
            ManifestOutcome::Failed => before.scope == Scope::Due,
        };
        if before.seen.get(&manifest_key).is_some_and(|seen| seen.version == version && over(seen)) {
            return Ok(None);
        }
        if gone && !self.is_only_the_manifest_gone(place, (period, &manifest_key)).await? {
            let (delivery_id, outcome) = (DeliveryId::of(GONE, &[]), ManifestOutcome::Settled);
            let known = SeenManifest { key: manifest_key, version, delivery_id, outcome };
            self.store.remember_manifest((place.candidate.org, &place.candidate.id()), &known).await?;
            return Ok(None);
        }
        Ok(Some(Discovered { period, found: Found { manifest_key, version } }))
    }

    /// Reads what a manifest that was found says now, and pins the files that it lists.
    pub(crate) async fn resolve(
        &self,
        connection: &VerifiedConnection,
        period: BillingPeriod,
        found: &Found,
    ) -> Result<Source, AppError> {
        let place = self.place(connection);
        let key = &found.manifest_key;
        let gone = || AppError::ManifestGone(key.clone());
        let folder = pin::folder(key);
        let report = report_of_month(&folder).ok_or_else(gone)?;
        if *key == folder {
            let listing = Listing::newest(&folder, &place.list_below(&folder).await?, place.quiet);
            let listing = listing.map_err(AppError::Listing)?;
            let version = id(&listing).to_string();
            let delivery = self.listed(place, (&report, period, folder), listing).await?;
            return Ok(Source { delivery, version });
        }
        let level = place.list(&folder).await?;
        let manifest = level.objects.iter().find(|object| object.key == *key).ok_or_else(gone)?;
        let delivery = pin::delivery(place, (&report, period), (manifest, &level)).await?;
        Ok(Source { delivery, version: version(manifest) })
    }

    /// The report that the connection keeps to: the one that it was told, the only one, or the best, for which each one's newest
    /// manifest is looked at.
    async fn chosen(&self, place: Place<'_>, mut reports: Reports) -> Result<Option<(String, Form)>, AppError> {
        let candidate = place.candidate;
        let named = candidate.report.as_ref().map(|name| reports.keys().filter(|folder| name.names(folder)).cloned());
        match named.map(Iterator::collect::<Vec<String>>).as_deref() {
            Some([only]) => return Ok(reports.remove_entry(only)),
            None if reports.len() < 2 => return Ok(reports.pop_first()),
            Some(_) if reports.is_empty() => return Ok(None),
            _ => {}
        }
        let key = (candidate.org, candidate.id());
        let before = self.choices.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let found: Arc<[FoundReport]> = look_at(place, &reports, before.as_deref().unwrap_or_default()).await.into();
        // A manifest that could not be read this time may be the best report's: no other is taken for it meanwhile.
        if let Some(refusal) =
            found.iter().find_map(|report| report.manifest.refusal().filter(|why| why.kind.may_pass()))
        {
            return Err(AppError::Aws(Box::new(refusal.clone())));
        }
        self.choices.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found.clone());
        if let Some(report) = choose(&found, candidate) {
            return Ok(reports.remove_entry(&report.folder));
        }
        let all: Vec<String> = found.iter().map(FoundReport::told).collect();
        let wrong = match &candidate.report {
            Some(name) => format!("there is not one report called `{name}` below the path"),
            None => format!("none of the reports below the path is a readable one of account {}", candidate.account),
        };
        Err(AppError::Invalid(format!("{wrong}: {}", all.join(", "))))
    }

    /// What the connection's months are published from now.
    async fn from(&self, candidate: &Candidate) -> Result<PublishedFrom, AppError> {
        let published = self.lake.org(candidate.org).published().await?;
        let ours = published.into_iter().filter(|month| month.connect == candidate.id());
        Ok(ours.map(|month| (month.period, month.manifest_key)).collect())
    }

    /// The delivery that the files of a month without a manifest are.
    async fn listed(
        &self,
        place: Place<'_>,
        (report, period, folder): (&str, BillingPeriod, String),
        listing: Listing,
    ) -> Result<DeliveryHead, AppError> {
        let (org, connect) = (place.candidate.org, place.candidate.id());
        let published = self.lake.org(org).receipt(&connect, period).await?;
        if let Some(published) = published.filter(|month| month.manifest_key == folder)
            && listing.made_at <= published.made_at
        {
            // Without a manifest, files that went missing look like a smaller delivery. A delivery brings newer ones.
            let there = |key: &str| listing.parts.iter().any(|part| part.key == key);
            if let Some(part) = published.parts.into_iter().find(|part| !there(&part.key)) {
                return Err(AppError::FileGone { folder, key: part.key });
            }
        }
        Ok(DeliveryHead {
            connect,
            payer: place.candidate.account.clone(),
            period,
            delivery_id: id(&listing),
            report_name: report_name(report).to_owned(),
            manifest_key: folder,
            parts: listing.parts,
            made_at: listing.made_at,
        })
    }

    /// Whether the month's files are still there, so that somebody should know; not where the month as a whole was cleared away.
    async fn is_only_the_manifest_gone(
        &self,
        place: Place<'_>,
        (period, key): (BillingPeriod, &str),
    ) -> Result<bool, AppError> {
        let (org, connect) = (place.candidate.org, place.candidate.id());
        let published = self.lake.org(org).receipt(&connect, period).await?;
        let part = published.filter(|month| month.manifest_key == key).and_then(|month| month.parts.into_iter().next());
        let Some(part) = part else { return Ok(false) };
        let there = place.heads(&[&part.key]).await.iter().any(|head| head.granted().is_some());
        if !there {
            tracing::info!(%org, %connect, %period, "the month is no longer in the bucket; what was read of it stays");
        }
        Ok(there)
    }
}

/// What tells one state of an object from every other. AWS may write a manifest anew with the same bytes, and other files
/// behind it: that shows in its time alone.
fn version(head: &ObjectHead) -> String {
    format!("{} {}", head.etag, head.modified.unix_timestamp())
}

/// The id of a delivery without a manifest.
fn id(listing: &Listing) -> DeliveryId {
    DeliveryId::of(LISTED, &listing.parts)
}
