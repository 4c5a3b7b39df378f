//! Judges the bucket: is it there, is it the payer's, may it be listed, read and decrypted.

use crate::checks::cause::Cause;
use crate::checks::judge::{Subject, undecided};
use crate::checks::remedy::Denial;
use crate::checks::report::{CheckResult, Verdict};
use crate::checks::spec::Check;
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
        Probe::Refused(refusal) => missing(check, (subject, evidence), refusal),
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
        Probe::Refused(refusal) => missing(check, (subject, evidence), refusal),
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
        Probe::Refused(refusal) => missing(check, (subject, evidence), refusal),
        Probe::NotAsked(why) => CheckResult::skipped(check, *why),
    }
}

pub(super) fn bucket_decryptable(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::BucketDecryptable;
    match &evidence.first_byte {
        Probe::Granted(key) => CheckResult::passed(check, format!("`{key}` arrives decrypted")),
        Probe::Refused(refusal) if refusal.kind == RefusalKind::DeniedByKms => {
            let cause = Cause::of(refusal);
            let told = cause.sentence().map(|sentence| format!(": {sentence}")).unwrap_or_default();
            let found = format!("S3 allows reading, but KMS refuses to decrypt{told}");
            let denial = Denial { candidate: subject.candidate, evidence, cause: &cause };
            CheckResult::failed(check, found, denial.undecryptable()).with_refusal(refusal)
        }
        Probe::Refused(_) => CheckResult::skipped(check, "nothing could be read: mend `bucket-readable` first"),
        Probe::NotAsked(why) => CheckResult::skipped(check, *why),
    }
}

/// The line for a refused action: failed where AWS denies, undecided where it gave no answer.
pub(super) fn missing(check: Check, (subject, evidence): (Subject<'_>, &Evidence), refusal: &Refusal) -> CheckResult {
    if !refusal.kind.is_denial() {
        return undecided(check, refusal);
    }
    let cause = Cause::of(refusal);
    let denial = Denial { candidate: subject.candidate, evidence, cause: &cause };
    let Some(remedy) = denial.remedy(refusal) else {
        // The session ended and the role could not be assumed anew: nothing is known of this permission.
        let found = "the way into the account was closed while it was looked at";
        return CheckResult::new(check, Verdict::Unknown, found).with_refusal(refusal);
    };
    let told = cause.sentence().unwrap_or_else(|| unsaid(subject, refusal));
    let found = format!("`{}` on `{}` is denied: {told}", refusal.action, refusal.resource);
    CheckResult::failed(check, found, remedy).with_refusal(refusal)
}

/// What a denial may mean whose cause AWS does not say.
fn unsaid(subject: Subject<'_>, refusal: &Refusal) -> String {
    let account = &subject.candidate.account;
    if refusal.action.starts_with("organizations:") {
        return format!(
            "the role's permission policy does not grant it, or account {account} is a member of an organization that another account manages (AWS \
             answers both alike)"
        );
    }
    if refusal.action.starts_with("s3:") {
        return format!(
            "the role's permission policy does not grant it, the bucket's policy forbids it, or the bucket is not account {account}'s"
        );
    }
    "the role's permission policy does not grant it, or another policy forbids it".to_owned()
}
