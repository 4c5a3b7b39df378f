//! Judges what the payer account lets us see besides its bill: its organization, its reservations, and what it should not.

use time::{Duration, OffsetDateTime};

use crate::checks::judge::{Subject, undecided};
use crate::checks::judge_bucket::missing;
use crate::checks::remedy;
use crate::checks::report::CheckResult;
use crate::checks::spec::Check;
use crate::connection::{AccessKind, Candidate};
use crate::iam::{reach_of, score};
use crate::probe::{Evidence, Probe, Refusal, RefusalKind, Reservations};

/// How long an answer of Cost Explorer counts: AWS charges the customer for each.
pub(super) const RESERVATIONS_HOLD: Duration = Duration::hours(24);

const NO_ORGANIZATION: &str = "the account is in no organization: there are no other accounts";

pub(super) fn organization_described(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::OrganizationDescribed;
    let payer = &subject.candidate.account;
    match &evidence.organization {
        Probe::Granted(organization) if organization.management_account == payer.as_ref() => {
            CheckResult::passed(check, format!("the account manages the organization `{}`", organization.id))
        }
        Probe::Granted(organization) => {
            let manager = &organization.management_account;
            CheckResult::failed(
                check,
                format!(
                    "account {payer} is not the management account: it is a member of the organization `{}`, which account {manager} manages",
                    organization.id
                ),
                format!(
                    "connect account {manager}, whose bill has every account on it; or leave it, and only this account's bill is read"
                ),
            )
        }
        Probe::Refused(refusal) if refusal.kind == RefusalKind::NotInUse => {
            CheckResult::skipped(check, NO_ORGANIZATION).with_refusal(refusal)
        }
        Probe::Refused(refusal) => missing(check, (subject, evidence), refusal),
        Probe::NotAsked(why) => CheckResult::skipped(check, *why),
    }
}

pub(super) fn accounts_listed(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::AccountsListed;
    let manager = evidence.organization.granted().map(|organization| organization.management_account.as_str());
    match &evidence.accounts {
        Probe::Granted(page) => {
            let more = if page.more { " and more" } else { "" };
            CheckResult::passed(check, format!("{}{more} accounts", page.seen))
        }
        Probe::Refused(refusal) if refusal.kind == RefusalKind::NotInUse => {
            CheckResult::skipped(check, NO_ORGANIZATION).with_refusal(refusal)
        }
        // AWS has the same words for a member account and for a missing permission.
        Probe::Refused(refusal) => match manager.filter(|manager| *manager != subject.candidate.account.as_ref()) {
            Some(manager) if refusal.kind.is_denial() => CheckResult::failed(
                check,
                format!("AWS lists the accounts to the management account, which is {manager}"),
                format!("connect account {manager}; or leave it, and accounts are shown by their numbers"),
            )
            .with_refusal(refusal),
            _ => missing(check, (subject, evidence), refusal),
        },
        Probe::NotAsked(why) => CheckResult::skipped(check, *why),
    }
}

pub(super) fn reservations_readable(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::ReservationsReadable;
    let refusal = match &evidence.reservations {
        Reservations::Kept(at) => return CheckResult::passed(check, kept(*at)),
        Reservations::Asked(Probe::Granted(())) => {
            return CheckResult::passed(
                check,
                "Cost Explorer answers (this answer counts for a day: AWS charges for each)",
            );
        }
        Reservations::Asked(Probe::NotAsked(why)) => return CheckResult::skipped(check, *why),
        Reservations::Asked(Probe::Refused(refusal)) => refusal,
    };
    match refusal.kind {
        RefusalKind::NoData => {
            CheckResult::passed(check, "Cost Explorer is enabled and has no data yet").with_refusal(refusal)
        }
        RefusalKind::NotInUse => CheckResult::failed(
            check,
            "Cost Explorer is not enabled in the account; the permission is not what is missing",
            format!(
                "sign in to account {} as an administrator and open Billing and Cost Management, Cost Explorer, once; AWS takes up to 24 hours",
                subject.candidate.account
            ),
        )
        .with_refusal(refusal),
        _ => missing(check, (subject, evidence), refusal),
    }
}

fn kept(at: OffsetDateTime) -> String {
    let minute = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let at = at.to_offset(time::UtcOffset::UTC).format(minute).unwrap_or_default();
    format!("Cost Explorer answered at {at}; AWS charges for each answer, so it is asked once a day")
}

pub(super) fn no_excess_permission(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::NoExcessPermission;
    let tried = match &evidence.unpublished {
        Probe::Granted(tried) => tried,
        Probe::Refused(refusal) if refusal.kind.is_denial() => {
            return CheckResult::skipped(check, "the role cannot be assumed: mend `role-assumable` first");
        }
        Probe::Refused(refusal) => return undecided(check, refusal),
        Probe::NotAsked(why) => return CheckResult::skipped(check, *why),
    };
    let actions = |granted: bool| -> Vec<&'static str> {
        let these = tried.iter().filter(|(_, probe)| probe.granted().is_some() == granted);
        these.map(|(read, _)| read.action()).collect()
    };
    let named = |actions: &[&str]| actions.iter().map(|action| format!("`{action}`")).collect::<Vec<_>>().join(", ");
    let held = actions(true);
    if !held.is_empty() {
        // Only reads are tried, so what is held may reach further than what was seen.
        let score = score(held.iter().map(|action| reach_of(action)));
        let found = format!(
            "the {} also holds {}, which nobody asked for; least privilege: at most {score} of 100",
            holder(subject.candidate),
            named(&held)
        );
        return CheckResult::failed(check, found, remedy::tighten(subject.candidate, evidence));
    }
    // Another region or no answer says nothing of the permission.
    let unclear = |refusal: &&Refusal| !refusal.kind.is_denial() && refusal.kind != RefusalKind::NotFound;
    match tried.iter().filter_map(|(_, probe)| probe.refusal()).find(unclear) {
        Some(refusal) => undecided(check, refusal),
        None => {
            CheckResult::passed(check, format!("AWS denies {}; least privilege: 100 of 100", named(&actions(false))))
        }
    }
}

/// Who holds the permissions, for people.
fn holder(candidate: &Candidate) -> &'static str {
    match candidate.access.kind() {
        AccessKind::Role => "role",
        AccessKind::User => "user",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::judge::tests::{NOW, denied, good, judged, refusal};
    use crate::checks::report::{State, Verdict};
    use crate::excess::UnpublishedRead;
    use crate::probe::Organization;
    use crate::testkit::candidate;

    /// Changes the good evidence and gives the line of `check`. What is optional never keeps a connection from being made.
    fn line(check: Check, change: impl FnOnce(&mut Evidence)) -> CheckResult {
        let mut evidence = good();
        change(&mut evidence);
        let report = judged(&candidate(), &evidence);
        assert_eq!(report.state(), State::Verified, "{report:#?}");
        assert!(report.verified(&candidate()).is_some());
        report.checks.into_iter().find(|line| line.check == check).unwrap()
    }

    fn managed_by(account: &str) -> Probe<Organization> {
        Probe::Granted(Organization { id: "o-acme".into(), management_account: account.into() })
    }

    #[test]
    fn a_member_account_is_told_from_a_missing_permission() {
        let check = Check::AccountsListed;
        let member = line(check, |e| {
            e.organization = managed_by("210987654321");
            e.accounts = denied("organizations:ListAccounts");
        });
        assert_eq!(member.verdict, Verdict::Failed);
        assert!(member.found.contains("the management account, which is 210987654321"), "{}", member.found);
        assert!(!member.remedy.contains("organizations:List*"), "a permission would not help: {}", member.remedy);

        let missing = line(check, |e| e.accounts = denied("organizations:ListAccounts"));
        assert_eq!((missing.verdict, missing.action.as_deref()), (Verdict::Failed, Some("organizations:ListAccounts")));
        assert!(missing.remedy.contains("organizations:List*"), "{}", missing.remedy);

        let described = line(Check::OrganizationDescribed, |e| e.organization = managed_by("210987654321"));
        assert!(described.found.contains("not the management account"), "{}", described.found);
    }

    #[test]
    fn an_account_in_no_organization_has_nothing_to_mend() {
        let alone = |e: &mut Evidence| {
            e.organization = refusal("organizations:DescribeOrganization", RefusalKind::NotInUse);
            e.accounts = refusal("organizations:ListAccounts", RefusalKind::NotInUse);
        };
        for check in [Check::OrganizationDescribed, Check::AccountsListed] {
            let line = line(check, alone);
            assert_eq!((line.verdict, line.remedy.as_str()), (Verdict::Skipped, ""), "{}", line.found);
            assert!(line.found.contains("no organization") && line.aws.is_some(), "{line:?}");
        }
    }

    #[test]
    fn cost_explorer_that_is_off_is_told_from_a_missing_permission_and_from_no_data() {
        let asked = |kind| {
            let answer = Reservations::Asked(refusal("ce:GetReservationUtilization", kind));
            line(Check::ReservationsReadable, |e| e.reservations = answer)
        };
        let off = asked(RefusalKind::NotInUse);
        assert_eq!(off.verdict, Verdict::Failed);
        assert!(off.found.contains("not enabled") && !off.remedy.contains("put-role-policy"), "{off:?}");
        let denied = asked(RefusalKind::Denied);
        assert!(denied.remedy.contains("ce:GetReservationUtilization"), "{denied:?}");
        assert_eq!(asked(RefusalKind::NoData).verdict, Verdict::Passed);
        assert_eq!(asked(RefusalKind::Throttled).verdict, Verdict::Unknown);
    }

    #[test]
    fn an_answer_that_aws_charged_for_counts_for_a_day_and_no_longer() {
        let mut evidence = good();
        let first = judged(&candidate(), &evidence);
        assert_eq!(first.reservations_kept(&candidate(), NOW + Duration::hours(23)), Some(NOW));
        assert_eq!(first.reservations_kept(&candidate(), NOW + Duration::hours(24)), None);
        let other = crate::connection::Candidate { bucket: "other-bucket".parse().unwrap(), ..candidate() };
        assert_eq!(first.reservations_kept(&other, NOW), None, "it was another role's answer");

        // A report that keeps an answer hands on when AWS gave it, or it would be kept for ever.
        evidence.reservations = Reservations::Kept(NOW - Duration::hours(20));
        let second = judged(&candidate(), &evidence);
        assert_eq!(second.reservations_kept(&candidate(), NOW + Duration::hours(4)), None);
        let line = second.checks.iter().find(|line| line.check == Check::ReservationsReadable).unwrap();
        assert!(line.found.contains("2026-09-01 04:00 UTC") && line.found.contains("once a day"), "{}", line.found);

        evidence.reservations = Reservations::Asked(denied("ce:GetReservationUtilization"));
        assert_eq!(
            judged(&candidate(), &evidence).reservations_kept(&candidate(), NOW),
            None,
            "mended, it heals at once"
        );
    }

    #[test]
    fn what_a_role_holds_too_much_is_named() {
        let tried = |probes: [Probe<()>; 2]| {
            let reads = [UnpublishedRead::ListAllMyBuckets, UnpublishedRead::GetBucketPolicy];
            let tried = Probe::Granted(reads.into_iter().zip(probes).collect());
            line(Check::NoExcessPermission, |e| e.unpublished = tried)
        };
        let held = tried([denied("s3:ListAllMyBuckets"), Probe::Granted(())]);
        assert_eq!(held.verdict, Verdict::Failed);
        assert!(
            held.found.contains("`s3:GetBucketPolicy`") && !held.found.contains("ListAllMyBuckets"),
            "{}",
            held.found
        );
        assert!(held.found.ends_with("least privilege: at most 90 of 100"), "{}", held.found);
        let Candidate { bucket, path, .. } = candidate();
        let tightened = crate::policy::tightened_policy(crate::role::Partition::Aws, &bucket, &path);
        assert!(
            held.remedy.ends_with(&format!("{tightened:#}")),
            "the tightened policy is the remedy: {}",
            held.remedy
        );
        let silent = tried([denied("s3:ListAllMyBuckets"), refusal("s3:GetBucketPolicy", RefusalKind::Unavailable)]);
        assert_eq!(silent.verdict, Verdict::Unknown, "silence is no denial");
    }
}
