//! Judges the bucket: is it there, is it the payer's, may it be listed, read and decrypted.

use crate::checks::judge::{Subject, undecided};
use crate::checks::remedy;
use crate::checks::report::{CheckResult, Verdict};
use crate::checks::table::Check;
use crate::probe::{Evidence, Probe, Refusal, RefusalKind};

pub(super) fn bucket_exists(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::BucketExists;
    let bucket = &subject.candidate.bucket;
    if evidence.region.granted().is_some() || evidence.listing.granted().is_some() {
        return CheckResult::passed(check, format!("`{bucket}` answers"));
    }
    match &evidence.region {
        Probe::Refused(refusal) if refusal.kind == RefusalKind::NotFound => {
            CheckResult::failed(check, format!("there is no bucket `{bucket}`"), check.spec().remediation)
                .with_refusal(refusal)
        }
        Probe::Refused(refusal) if refusal.kind.is_denial() => CheckResult::skipped(
            check,
            "AWS does not say whether a bucket exists to a role that may not look at it: mend `bucket-region-known` first",
        ),
        Probe::Refused(refusal) => undecided(check, refusal),
        Probe::NotAsked(why) => CheckResult::skipped(check, *why),
        Probe::Granted(_) => CheckResult::passed(check, format!("`{bucket}` answers")),
    }
}

pub(super) fn bucket_region_known(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::BucketRegionKnown;
    match &evidence.region {
        Probe::Granted(region) => CheckResult::passed(check, format!("the bucket is in {region}")),
        Probe::Refused(refusal) if refusal.kind == RefusalKind::NotFound => {
            CheckResult::skipped(check, "there is no such bucket: mend `bucket-exists` first")
        }
        Probe::Refused(refusal) => missing(check, subject, refusal),
        Probe::NotAsked(why) => CheckResult::skipped(check, *why),
    }
}

pub(super) fn bucket_owner_expected(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::BucketOwnerExpected;
    if evidence.region.granted().is_some() || evidence.listing.granted().is_some() {
        let owner = &subject.candidate.account;
        return CheckResult::passed(check, format!("S3 answers requests that expect account {owner} as the owner"));
    }
    CheckResult::skipped(
        check,
        "S3 answers another account's bucket and a missing permission alike: mend the bucket's other checks first",
    )
}

pub(super) fn bucket_listable(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::BucketListable;
    match &evidence.listing {
        Probe::Granted(level) => CheckResult::passed(
            check,
            format!("{} folders and {} objects at the path", level.folders.len(), level.objects.len()),
        ),
        Probe::Refused(refusal) if refusal.kind == RefusalKind::NotFound => {
            CheckResult::skipped(check, "there is no such bucket: mend `bucket-exists` first")
        }
        Probe::Refused(refusal) => missing(check, subject, refusal),
        Probe::NotAsked(why) => CheckResult::skipped(check, *why),
    }
}

pub(super) fn bucket_readable(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::BucketReadable;
    match &evidence.first_byte {
        Probe::Granted(key) => CheckResult::passed(check, format!("the first byte of `{key}` was read")),
        // S3 let us through; the key did not.
        Probe::Refused(refusal) if refusal.kind == RefusalKind::DeniedByKms => {
            CheckResult::passed(check, "S3 allows reading; the key that encrypts the file does not")
        }
        Probe::Refused(refusal) => missing(check, subject, refusal),
        Probe::NotAsked(why) => CheckResult::skipped(check, *why),
    }
}

pub(super) fn bucket_decryptable(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::BucketDecryptable;
    match &evidence.first_byte {
        Probe::Granted(key) => CheckResult::passed(check, format!("`{key}` arrives decrypted")),
        Probe::Refused(refusal) if refusal.kind == RefusalKind::DeniedByKms => {
            let found = "S3 allows reading, but KMS refuses to decrypt";
            CheckResult::failed(check, found, remedy::decrypt(subject.candidate, evidence)).with_refusal(refusal)
        }
        Probe::Refused(_) => CheckResult::skipped(check, "nothing could be read: mend `bucket-readable` first"),
        Probe::NotAsked(why) => CheckResult::skipped(check, *why),
    }
}

/// The line for a refused S3 action: failed where AWS denies, undecided where it gave no answer.
fn missing(check: Check, subject: Subject<'_>, refusal: &Refusal) -> CheckResult {
    if !refusal.kind.is_denial() {
        return undecided(check, refusal);
    }
    let Some(remedy) = remedy::permission(subject.candidate, &refusal.action) else {
        // The session ended and the role could not be assumed anew: nothing is known of this permission.
        let found = "the way into the account was closed while it was looked at";
        return CheckResult::new(check, Verdict::Unknown, found).with_refusal(refusal);
    };
    let found = format!("`{}` on `{}` is denied: {}", refusal.action, refusal.resource, cause(refusal, subject));
    CheckResult::failed(check, found, remedy).with_refusal(refusal)
}

/// What AWS's message says of the denial's cause.
fn cause(refusal: &Refusal, subject: Subject<'_>) -> String {
    let message = refusal.message.to_ascii_lowercase();
    let says = |words: &str| message.contains(words);
    let by = if says("explicit deny") { "an explicit deny in " } else { "no grant in " };
    let named = [
        ("service control policy", "a service control policy of the organization"),
        ("permissions boundary", "the role's permissions boundary"),
        ("session policy", "our own session policy"),
        ("resource-based policy", "the bucket's policy"),
        ("identity-based policy", "the role's permission policy"),
    ];
    match named.iter().find(|(words, _)| says(words)) {
        Some((_, where_)) => format!("{by}{where_}"),
        None => format!(
            "the role's permission policy does not grant it, the bucket's policy forbids it, or the bucket is not account {}'s",
            subject.candidate.account
        ),
    }
}
