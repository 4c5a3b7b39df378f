//! From a month's manifest to its delivery, each part pinned by the `ETag` that it has now.

use std::collections::{BTreeMap, BTreeSet};

use billing::delivery::{DeliveryHead, DeliveryId, PartHead};
use billing::layout::report_name;
use billing::manifest::{Manifest, ManifestError};
use billing::period::BillingPeriod;
use billing::probe::{Level, ObjectHead, ObjectText, Probe};
use time::{Duration, OffsetDateTime};

use crate::error::AppError;
use crate::walk::Place;

/// How long a file that is newer than its manifest counts as still being delivered. AWS writes the manifest last; in a copied
/// bucket the order may be any, and stays so.
const DELIVERING: Duration = Duration::hours(1);

/// The delivery that a manifest describes now; `level` is its folder, as it was listed.
pub(crate) async fn delivery(
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

/// The folder of a key, ending in `/`; empty at the bucket's root.
pub(crate) fn folder(key: &str) -> String {
    key.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"))
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
