//! The judge: turns evidence into a report in which every check appears once. Pure, and the only place with verdicts.

use time::OffsetDateTime;

use crate::checks::judge_trust::Trust;
use crate::checks::report::{CheckResult, Report, Verdict};
use crate::checks::spec::Check;
use crate::checks::table::CHECKS;
use crate::checks::{judge_account, judge_bucket, judge_delivery, judge_report, judge_trust, judge_user};
use crate::connection::{AccessKind, Candidate};
use crate::names::NameError;
use crate::probe::{Evidence, Probe, Refusal, RefusalKind, Reservations};

/// What is judged, and who would read it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The connection that is asked for.
    pub candidate: &'a Candidate,
    /// The principal that the trust policy must name.
    pub operator_arn: &'a str,
    /// When the connection was made, if it was: how long it may wait for its first report counts from here.
    pub connected_at: Option<OffsetDateTime>,
    /// When it is judged.
    pub now: OffsetDateTime,
}

/// Judges the evidence: one line a check, in the table's order.
pub fn judge(subject: Subject<'_>, evidence: &Evidence) -> Report {
    let checks = CHECKS.iter().map(|spec| line(spec.check, subject, evidence)).collect();
    Report {
        fingerprint: Some(subject.candidate.fingerprint()),
        access: subject.candidate.access.kind(),
        region: evidence.region.granted().cloned(),
        waiting: judge_report::is_waiting(subject, evidence),
        reservations_at: reservations_at(subject, evidence),
        judged_at: subject.now,
        checks,
    }
}

/// The report on a request whose role ARN is not one: nothing could be asked.
pub fn refuse_malformed_role(error: &NameError, now: OffsetDateTime) -> Report {
    let line = |check: Check| match check {
        Check::RoleArnWellFormed => CheckResult::failed(check, error.to_string(), check.spec().remediation),
        other => CheckResult::skipped(other, "there is no role to ask with"),
    };
    let checks = CHECKS.iter().map(|spec| line(spec.check)).collect();
    let access = AccessKind::Role;
    Report { fingerprint: None, access, region: None, waiting: false, reservations_at: None, judged_at: now, checks }
}

/// When Cost Explorer last answered, if it ever did.
fn reservations_at(subject: Subject<'_>, evidence: &Evidence) -> Option<OffsetDateTime> {
    match &evidence.reservations {
        Reservations::Kept(at) => Some(*at),
        Reservations::Asked(Probe::Granted(())) => Some(subject.now),
        Reservations::Asked(_) => None,
    }
}

fn line(check: Check, subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    if let Some(why) = check.spec().applies_to.why_not(subject.candidate.access.kind()) {
        return CheckResult::skipped(check, why);
    }
    let of_role = |judge: fn(Trust<'_>, &Evidence) -> CheckResult| match subject.candidate.role() {
        Some(role) => judge(Trust { role, subject }, evidence),
        None => CheckResult::skipped(check, "the connection is not by a role"),
    };
    match check {
        Check::RoleArnWellFormed => of_role(judge_trust::role_arn_well_formed),
        Check::RoleAccountIsPayer => of_role(judge_trust::role_account_is_payer),
        Check::RoleAssumable => of_role(judge_trust::role_assumable),
        Check::ExternalIdRequired => of_role(judge_trust::external_id_required),
        Check::ExternalIdExact => of_role(judge_trust::external_id_exact),
        Check::UserKeysWork => judge_user::user_keys_work(subject, evidence),
        Check::UserAccountIsPayer => judge_user::user_account_is_payer(subject, evidence),
        Check::BucketExists => judge_bucket::bucket_exists(subject, evidence),
        Check::BucketRegionKnown => judge_bucket::bucket_region_known(subject, evidence),
        Check::BucketOwnerExpected => judge_bucket::bucket_owner_expected(subject, evidence),
        Check::BucketListable => judge_bucket::bucket_listable(subject, evidence),
        Check::BucketReadable => judge_bucket::bucket_readable(subject, evidence),
        Check::BucketDecryptable => judge_bucket::bucket_decryptable(subject, evidence),
        Check::ReportFound => judge_report::report_found(subject, evidence),
        Check::ReportFresh => judge_delivery::report_fresh(subject, evidence),
        Check::ReportFormatReadable => judge_report::report_format_readable(subject, evidence),
        Check::ReportHasResourceIds => judge_delivery::report_has_resource_ids(subject, evidence),
        Check::ReportHourly => judge_delivery::report_hourly(subject, evidence),
        Check::ReportRefreshesClosedMonths => judge_delivery::report_refreshes_closed_months(subject, evidence),
        Check::OrganizationDescribed => judge_account::organization_described(subject, evidence),
        Check::AccountsListed => judge_account::accounts_listed(subject, evidence),
        Check::ReservationsReadable => judge_account::reservations_readable(subject, evidence),
        Check::NoExcessPermission => judge_account::no_excess_permission(subject, evidence),
    }
}

/// The line for an answer that never came: neither passed nor failed.
pub(super) fn undecided(check: Check, refusal: &Refusal) -> CheckResult {
    let (found, remedy) = match refusal.kind {
        RefusalKind::OwnCredentials => (
            "the operator's own AWS credentials do not work, so nothing could be asked",
            "nothing to mend on the customer's side: the operator renews its credentials, then the same request works",
        ),
        RefusalKind::Throttled => {
            ("AWS asked us to slow down before it answered", "try the same request again in a minute")
        }
        _ => {
            ("AWS gave no answer that could be judged", "try the same request again; if it stays, AWS's words say more")
        }
    };
    CheckResult { remedy: remedy.into(), ..CheckResult::new(check, Verdict::Unknown, found) }.with_refusal(refusal)
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;
    use time::Duration;
    use time::macros::datetime;

    use super::*;
    use crate::checks::cause::tests::denial;
    use crate::checks::report::State;
    use crate::excess::UNPUBLISHED_READS;
    use crate::period::BillingPeriod;
    use crate::probe::{Accounts, Caller, FoundReport, Level, ObjectHead, Organization, Probe};
    use crate::testkit::candidate;

    pub(in crate::checks) const NOW: OffsetDateTime = datetime!(2026-09-02 0:00 UTC);
    const OPERATOR: &str = "arn:aws:iam::999999999999:user/billconnect";

    pub(in crate::checks) fn refusal<T>(action: &str, kind: RefusalKind) -> Probe<T> {
        Probe::Refused(Box::new(Refusal {
            action: action.into(),
            resource: "arn:x".into(),
            kind,
            code: format!("{kind:?}"),
            message: "words of AWS".into(),
            request_id: Some("r-1".into()),
        }))
    }

    pub(in crate::checks) fn denied<T>(action: &str) -> Probe<T> {
        refusal(action, RefusalKind::Denied)
    }

    fn report(name: &str) -> FoundReport {
        let manifest = json!({
            "assemblyId": "a", "account": "123456789012", "charset": "UTF-8", "compression": "GZIP", "contentType": "text/csv",
            "columns": [{ "category": "lineItem", "name": "ResourceId" }], "reportName": name, "reportKeys": [format!("P/{name}/m/{name}-00001.csv.gz")],
            "billingPeriod": { "start": "20260901T000000.000Z", "end": "20261001T000000.000Z" },
        });
        FoundReport {
            name: name.into(),
            folder: format!("P/{name}"),
            manifest_key: format!("P/{name}/m/{name}-Manifest.json"),
            months: vec!["2026-09".parse().unwrap()],
            deliveries: vec![delivered("2026-09", NOW - Duration::hours(5))],
            manifest: Probe::Granted(manifest.to_string().into_bytes()),
            copied: None,
        }
    }

    pub(in crate::checks) fn delivered(period: &str, modified: OffsetDateTime) -> (BillingPeriod, ObjectHead) {
        let head = ObjectHead { key: format!("P/R/{period}"), etag: "\"x\"".into(), size: 1, modified };
        (period.parse().unwrap(), head)
    }

    /// The evidence of a safe and sufficient role.
    pub(in crate::checks) fn good() -> Evidence {
        let caller = |arn: &str, account: &str| Probe::Granted(Caller { account: account.into(), arn: arn.into() });
        Evidence {
            operator: caller(OPERATOR, "999999999999"),
            assumed: caller("arn:aws:sts::123456789012:assumed-role/billing/flexera-finops", "123456789012"),
            keys: Probe::NotAsked("by a role"),
            without_id: denied("sts:AssumeRole"),
            forged: vec![("a random id", denied("sts:AssumeRole")), ("a suffix", denied("sts:AssumeRole"))],
            region: Probe::Granted("eu-west-1".parse().unwrap()),
            listing: Probe::Granted(Level { objects: vec![], folders: vec!["P/R/".into()] }),
            reports: Probe::Granted(vec![report("R")]),
            crowded: false,
            first_byte: Probe::Granted("P/R/m/R-00001.csv.gz".into()),
            organization: Probe::Granted(Organization {
                id: "o-acme".into(),
                management_account: "123456789012".into(),
            }),
            accounts: Probe::Granted(Accounts { seen: 3, more: false }),
            reservations: Reservations::Asked(Probe::Granted(())),
            unpublished: Probe::Granted(UNPUBLISHED_READS.map(|read| (read, denied(read.action()))).to_vec()),
        }
    }

    pub(in crate::checks) fn judged(candidate: &Candidate, evidence: &Evidence) -> Report {
        judged_after(None, candidate, evidence)
    }

    fn judged_after(connected_at: Option<OffsetDateTime>, candidate: &Candidate, evidence: &Evidence) -> Report {
        judge(Subject { candidate, operator_arn: OPERATOR, connected_at, now: NOW }, evidence)
    }

    /// Changes the good evidence and expects exactly `failing` to fail or be unknown, and nothing to be verified.
    fn check(change: impl FnOnce(&mut Evidence), verdict: Verdict, failing: &[Check]) -> Report {
        let mut evidence = good();
        change(&mut evidence);
        let report = judged(&candidate(), &evidence);
        let found: Vec<Check> =
            report.checks.iter().filter(|line| line.verdict == verdict).map(|line| line.check).collect();
        assert_eq!(found, failing, "{report:#?}");
        assert!(report.verified(&candidate()).is_none());
        report
    }

    #[test]
    fn a_safe_and_sufficient_role_is_verified_for_itself_alone() {
        let report = judged(&candidate(), &good());
        assert_eq!(report.state(), State::Verified, "{report:#?}");
        assert!(report.verified(&candidate()).is_some());
        let other = Candidate { bucket: "other-bucket".parse().unwrap(), ..candidate() };
        assert!(report.verified(&other).is_none(), "a report proves nothing about another bucket");
        let names: Vec<Check> = report.checks.iter().map(|line| line.check).collect();
        assert_eq!(names, CHECKS.map(|spec| spec.check), "every check once, in the table's order");
    }

    #[test]
    fn each_unsafe_trust_fails_its_claim_with_the_policy_to_paste() {
        let open = check(|e| e.without_id = Probe::Granted(()), Verdict::Failed, &[Check::ExternalIdRequired]);
        let loose = check(|e| e.forged[1].1 = Probe::Granted(()), Verdict::Failed, &[Check::ExternalIdExact]);
        let closed = check(|e| e.assumed = denied("sts:AssumeRole"), Verdict::Failed, &[Check::RoleAssumable]);
        for report in [open, loose, closed] {
            assert_eq!(report.state(), State::Refused);
            let failed = report.checks.iter().find(|line| line.verdict == Verdict::Failed).unwrap();
            assert!(
                failed.remedy.contains("\"sts:ExternalId\": \"123456\"") && failed.remedy.contains(OPERATOR),
                "{}",
                failed.remedy
            );
        }
    }

    #[test]
    fn each_missing_permission_fails_naming_its_action() {
        let region = check(|e| e.region = denied("s3:GetBucketLocation"), Verdict::Failed, &[Check::BucketRegionKnown]);
        let list = check(
            |e| {
                e.listing = denied("s3:ListBucket");
                e.reports = denied("s3:ListBucket");
            },
            Verdict::Failed,
            &[Check::BucketListable],
        );
        let read = check(|e| e.first_byte = denied("s3:GetObject"), Verdict::Failed, &[Check::BucketReadable]);
        for (report, action) in [(region, "s3:GetBucketLocation"), (list, "s3:ListBucket"), (read, "s3:GetObject")] {
            let failed = report.checks.iter().find(|line| line.verdict == Verdict::Failed).unwrap();
            assert_eq!(failed.action.as_deref(), Some(action));
            assert_eq!(failed.aws.as_ref().unwrap().message, "words of AWS");
            assert!(failed.remedy.contains(action), "{}", failed.remedy);
        }
    }

    #[test]
    fn a_role_that_stops_being_assumable_midway_leaves_the_rest_unknown() {
        let midway = |e: &mut Evidence| {
            e.listing = denied("sts:AssumeRole");
            e.first_byte = denied("sts:AssumeRole");
        };
        let report = check(midway, Verdict::Unknown, &[Check::BucketListable, Check::BucketReadable]);
        assert_eq!(report.state(), State::Undecided);
    }

    #[test]
    fn a_crowded_path_says_what_to_send() {
        let crowded = |e: &mut Evidence| {
            e.reports = Probe::Granted(vec![]);
            e.crowded = true;
        };
        let report = check(crowded, Verdict::Failed, &[Check::ReportFound]);
        assert!(report.problems()[0].contains("too many folders"), "{report:#?}");
    }

    #[test]
    fn a_kms_refusal_is_told_from_one_by_s3() {
        let kms = refusal("s3:GetObject", RefusalKind::DeniedByKms);
        let report = check(|e| e.first_byte = kms, Verdict::Failed, &[Check::BucketDecryptable]);
        assert!(report.problems()[0].contains("KMS"));
    }

    /// The line that says why the good role could not list the bucket, AWS's message ending like this.
    fn listing_denied(end: &str) -> CheckResult {
        let refusal = Box::new(denial("s3:ListBucket", RefusalKind::Denied, end));
        let cut = |e: &mut Evidence| {
            e.listing = Probe::Refused(refusal.clone());
            e.reports = Probe::Refused(refusal);
        };
        let report = check(cut, Verdict::Failed, &[Check::BucketListable]);
        report.checks.into_iter().find(|line| line.check == Check::BucketListable).unwrap()
    }

    #[test]
    fn each_cause_is_named_and_has_its_own_remedy() {
        for (end, found, remedy) in [
            (
                " because no identity-based policy allows the s3:ListBucket action",
                "no grant in the policies of the role",
                "put-role-policy",
            ),
            (
                " with an explicit deny in an identity-based policy",
                "an explicit deny in the policies of the role",
                "take the Deny",
            ),
            (
                " with an explicit deny in a service control policy",
                "service control policy",
                "nothing on the role mends this",
            ),
            (
                " because no service control policy allows the s3:ListBucket action",
                "service control policy",
                "SERVICE_CONTROL_POLICY",
            ),
            (
                " with an explicit deny in a resource control policy",
                "resource control policy",
                "RESOURCE_CONTROL_POLICY",
            ),
            (
                " because no permissions boundary allows the s3:ListBucket action",
                "permissions boundary",
                "delete-role-permissions-boundary",
            ),
            (
                " because no session policy allows the s3:ListBucket action",
                "our own session policy",
                "nothing to mend on the customer's side",
            ),
            (
                " with an explicit deny in a resource-based policy",
                "the bucket's policy",
                "get-bucket-policy --bucket acme-bills",
            ),
            (
                " because no resource-based policy allows the s3:ListBucket action",
                "the bucket's policy",
                "\"Principal\"",
            ),
            ("", "or the bucket is not account 123456789012's", "put-role-policy"),
        ] {
            let line = listing_denied(end);
            assert!(line.found.contains(found), "{end}: {}", line.found);
            assert!(line.remedy.contains(remedy), "{end}: {}", line.remedy);
            assert!(line.aws.unwrap().message.ends_with(end), "AWS's words are kept");
        }
    }

    #[test]
    fn a_denial_by_our_own_policies_says_nothing_of_the_role() {
        let ours = " because no identity-based policy allows the sts:AssumeRole action";
        let refusal = || Probe::Refused(Box::new(denial("sts:AssumeRole", RefusalKind::Denied, ours)));
        let report = check(
            |e| e.assumed = Probe::Refused(Box::new(denial("sts:AssumeRole", RefusalKind::Denied, ours))),
            Verdict::Unknown,
            &[Check::RoleAssumable],
        );
        assert!(report.problems()[0].contains("the operator's own side"), "{report:#?}");
        check(|e| e.without_id = refusal(), Verdict::Unknown, &[Check::ExternalIdRequired]);
        check(|e| e.forged[1].1 = refusal(), Verdict::Unknown, &[Check::ExternalIdExact]);
    }

    #[test]
    fn a_resource_control_policy_that_keeps_us_out_is_told_from_the_trust_policy() {
        let words = " with an explicit deny in a resource control policy";
        let refusal = Probe::Refused(Box::new(denial("sts:AssumeRole", RefusalKind::Denied, words)));
        let report = check(|e| e.assumed = refusal, Verdict::Failed, &[Check::RoleAssumable]);
        let line = report.checks.iter().find(|line| line.check == Check::RoleAssumable).unwrap();
        assert!(
            line.found.contains("resource control policy") && line.remedy.contains("RESOURCE_CONTROL_POLICY"),
            "{line:?}"
        );
    }

    #[test]
    fn a_role_of_another_partition_is_refused() {
        let arn = "arn:aws-cn:iam::999999999999:user/billconnect";
        let report = check(
            |e| e.operator = Probe::Granted(Caller { account: "999999999999".into(), arn: arn.into() }),
            Verdict::Failed,
            &[Check::RoleArnWellFormed],
        );
        assert!(report.problems()[0].contains("across partitions"), "{report:#?}");
    }

    #[test]
    fn anything_short_of_a_clean_denial_proves_nothing() {
        for kind in
            [RefusalKind::Throttled, RefusalKind::Unavailable, RefusalKind::OwnCredentials, RefusalKind::Invalid]
        {
            let unknown = |change: fn(&mut Evidence, RefusalKind), failing: &[Check]| {
                let report = check(|e| change(e, kind), Verdict::Unknown, failing);
                assert_eq!(report.state(), State::Undecided);
            };
            unknown(|e, kind| e.without_id = refusal("sts:AssumeRole", kind), &[Check::ExternalIdRequired]);
            unknown(|e, kind| e.forged[0].1 = refusal("sts:AssumeRole", kind), &[Check::ExternalIdExact]);
            unknown(|e, kind| e.assumed = refusal("sts:AssumeRole", kind), &[Check::RoleAssumable]);
            unknown(|e, kind| e.operator = refusal("sts:GetCallerIdentity", kind), &[Check::RoleArnWellFormed]);
            unknown(|e, kind| e.region = refusal("s3:GetBucketLocation", kind), &[Check::BucketRegionKnown]);
            unknown(|e, kind| e.first_byte = refusal("s3:GetObject", kind), &[Check::BucketReadable]);
        }
    }

    #[test]
    fn wrong_accounts_are_named() {
        check(
            |e| e.operator = Probe::Granted(Caller { account: "123456789012".into(), arn: OPERATOR.into() }),
            Verdict::Failed,
            &[Check::RoleArnWellFormed],
        );
        let stranger = Candidate { account: "210987654321".parse().unwrap(), ..candidate() };
        let report = judged(&stranger, &good());
        assert!(report.problems()[0].contains("123456789012") && report.problems()[0].contains("210987654321"));
    }

    #[test]
    fn an_empty_path_waits_and_other_things_do_not() {
        let mut evidence = good();
        evidence.listing = Probe::Granted(Level::default());
        evidence.reports = Probe::Granted(vec![]);
        evidence.first_byte = Probe::NotAsked("nothing is delivered yet");
        let report = judged(&candidate(), &evidence);
        assert_eq!(report.state(), State::Waiting);
        assert!(report.verified(&candidate()).is_some());
        let day_old = judged_after(Some(NOW - Duration::hours(25)), &candidate(), &evidence);
        assert_eq!(day_old.state(), State::Refused, "AWS delivers within 24 hours: {day_old:#?}");
        let young = judged_after(Some(NOW - Duration::hours(23)), &candidate(), &evidence);
        assert_eq!(young.state(), State::Waiting);
        let photos = Level { objects: vec![], folders: vec!["P/photos/".into()] };
        let report = check(
            |e| {
                e.listing = Probe::Granted(photos);
                e.reports = Probe::Granted(vec![]);
            },
            Verdict::Failed,
            &[Check::ReportFound],
        );
        assert!(report.problems()[0].contains("`P/photos/`"));
    }

    #[test]
    fn an_unsafe_role_with_an_empty_path_does_not_wait() {
        let mut evidence = good();
        evidence.listing = Probe::Granted(Level::default());
        evidence.reports = Probe::Granted(vec![]);
        evidence.without_id = Probe::Granted(());
        assert_eq!(judged(&candidate(), &evidence).state(), State::Refused);
    }

    #[test]
    fn of_several_reports_all_are_told_and_the_best_is_read() {
        let told = |reports: Vec<FoundReport>| {
            let report = judged(&candidate(), &Evidence { reports: Probe::Granted(reports), ..good() });
            let line = report.checks.iter().find(|line| line.check == Check::ReportFound).unwrap();
            (report.state(), line.found.clone())
        };
        let mut other_payer = report("A");
        let text = String::from_utf8(other_payer.manifest.granted().unwrap().clone()).unwrap();
        other_payer.manifest = Probe::Granted(text.replace("123456789012", "210987654321").into_bytes());
        let (state, found) = told(vec![report("R"), other_payer.clone(), report("Q")]);
        assert_eq!(state, State::Verified);
        assert!(
            ["`P/R` (legacy", "`P/A` (", "account 210987654321", "`P/Q` with 1 months is read"]
                .iter()
                .all(|text| found.contains(text)),
            "{found}"
        );
        let reordered = told(vec![report("Q"), other_payer.clone(), report("R")]).1;
        assert!(reordered.contains("; `P/Q` with 1 months is read"), "{reordered}");
        assert!(
            found.contains("not read: it bills account 210987654321") && found.contains("not read: `P/Q` says more")
        );
        check(
            |e| e.reports = Probe::Granted(vec![other_payer.clone(), other_payer]),
            Verdict::Failed,
            &[Check::ReportFound],
        );
    }

    #[test]
    fn a_report_of_another_payer_or_format_is_refused() {
        let altered = |from: &str, to: &str| {
            let mut found = report("R");
            let text = String::from_utf8(found.manifest.granted().unwrap().clone()).unwrap();
            found.manifest = Probe::Granted(text.replace(from, to).into_bytes());
            Probe::Granted(vec![found])
        };
        check(|e| e.reports = altered("123456789012", "210987654321"), Verdict::Failed, &[Check::ReportFound]);
        check(|e| e.reports = altered("GZIP", "BZIP2"), Verdict::Failed, &[Check::ReportFormatReadable]);
        check(|e| e.reports = altered("P/R/m", "Q/R/m"), Verdict::Failed, &[Check::ReportFormatReadable]);
    }

    #[test]
    fn a_malformed_role_is_a_report_too() {
        let error = "arn:aws:iam::123456789012:user/me".parse::<crate::role::RoleArn>().unwrap_err();
        let report = refuse_malformed_role(&error, datetime!(2026-09-02 0:00 UTC));
        assert_eq!(report.state(), State::Refused);
        assert_eq!(report.checks.len(), CHECKS.len());
        assert!(report.problems()[0].starts_with("role-arn-well-formed: "));
    }
}
