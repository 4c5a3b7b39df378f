//! Judges an IAM user's keys: do they work, are they a user's, and is it the payer's.

use crate::checks::judge::{Subject, undecided};
use crate::checks::report::CheckResult;
use crate::checks::spec::Check;
use crate::probe::{Evidence, Probe, RefusalKind};

pub(super) fn user_keys_work(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::UserKeysWork;
    let remedy = check.spec().remediation;
    match &evidence.keys {
        Probe::Granted(caller) => {
            let users = format!("arn:{}:iam::{}:user/", subject.candidate.partition(), caller.account);
            match caller.arn.as_str() {
                user if user.starts_with(&users) => CheckResult::passed(check, format!("the keys are of `{user}`")),
                root if root.ends_with(":root") => {
                    let found = format!("the keys are of `{root}`, who may do everything; they are not used");
                    CheckResult::failed(check, found, format!("delete the root user's access key. {remedy}"))
                }
                other => CheckResult::failed(
                    check,
                    format!("the keys are of `{other}`, which is not an IAM user in the partition of the request"),
                    remedy,
                ),
            }
        }
        Probe::Refused(refusal) if refusal.kind == RefusalKind::KeysRefused || refusal.kind.is_denial() => {
            let found =
                "AWS does not take the keys: the id or the secret is mistyped, or the key was switched off or deleted";
            CheckResult::failed(check, found, remedy).with_refusal(refusal)
        }
        Probe::Refused(refusal) => undecided(check, refusal),
        Probe::NotAsked(why) => CheckResult::skipped(check, *why),
    }
}

pub(super) fn user_account_is_payer(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::UserAccountIsPayer;
    let payer = &subject.candidate.account;
    let Some(caller) = evidence.keys.granted() else {
        return CheckResult::skipped(check, "nobody knows whose the keys are: mend `user-keys-work` first");
    };
    if caller.account != payer.as_ref() {
        let (user, remedy) = (&caller.account, check.spec().remediation);
        let found = format!("the user lives in account {user}, but the bill account of the request is {payer}");
        return CheckResult::failed(check, found, remedy);
    }
    match &evidence.operator {
        Probe::Granted(operator) if operator.account == caller.account => CheckResult::failed(
            check,
            format!("the user lives in the operator's own account {payer}"),
            "send the keys of a user of the customer's payer account",
        ),
        Probe::Granted(_) => CheckResult::passed(check, format!("the user lives in the bill account {payer}")),
        Probe::Refused(refusal) => undecided(check, refusal),
        Probe::NotAsked(why) => CheckResult::skipped(check, *why),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use time::macros::datetime;

    use super::*;
    use crate::checks::{AppliesTo, CHECKS, Report, State, Verdict, judge};
    use crate::connection::{Access, Candidate, UserAccess};
    use crate::probe::{Caller, Level, Refusal, Reservations};
    use crate::role::Partition;

    const PAYER: &str = "123456789012";

    fn candidate(partition: Partition) -> Candidate {
        let access = Access::User(UserAccess {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".parse().unwrap(),
            secret_access_key: SecretString::from("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").try_into().unwrap(),
            partition,
        });
        let (org, account) = ("123456".parse().unwrap(), PAYER.parse().unwrap());
        let (bucket, path) = ("acme-bills".parse().unwrap(), "P".parse().unwrap());
        Candidate { org, account, bucket, path, access, effective_from: None, report: None }
    }

    fn caller(account: &str, who: &str) -> Probe<Caller> {
        Probe::Granted(Caller { account: account.into(), arn: format!("arn:aws:iam::{account}:{who}") })
    }

    fn refused(kind: RefusalKind) -> Probe<Caller> {
        Probe::Refused(Box::new(Refusal {
            action: "sts:GetCallerIdentity".into(),
            resource: "*".into(),
            kind,
            code: "InvalidClientTokenId".into(),
            message: "The security token included in the request is invalid.".into(),
            request_id: None,
        }))
    }

    /// The evidence of a user's sound keys, before anything is delivered.
    fn good() -> Evidence {
        let no_trust = "an IAM user is not assumed";
        Evidence {
            operator: caller("999999999999", "user/billconnect"),
            assumed: Probe::NotAsked(no_trust),
            keys: caller(PAYER, "user/finops/reader"),
            without_id: Probe::NotAsked(no_trust),
            forged: vec![],
            region: Probe::Granted("eu-west-1".parse().unwrap()),
            listing: Probe::Granted(Level::default()),
            reports: Probe::Granted(vec![]),
            crowded: false,
            first_byte: Probe::NotAsked("nothing is delivered yet"),
            organization: Probe::NotAsked("beside the point"),
            accounts: Probe::NotAsked("beside the point"),
            reservations: Reservations::Asked(Probe::NotAsked("beside the point")),
            unpublished: Probe::NotAsked("beside the point"),
        }
    }

    fn judged(partition: Partition, evidence: &Evidence) -> Report {
        let now = datetime!(2026-09-02 0:00 UTC);
        let candidate = &candidate(partition);
        judge(Subject { candidate, operator_arn: "arn:x", connected_at: None, now }, evidence)
    }

    /// Expects `verdict` of exactly these checks after a change, and no proof.
    fn check(change: impl FnOnce(&mut Evidence), verdict: Verdict, of: &[Check]) -> Report {
        let mut evidence = good();
        change(&mut evidence);
        let report = judged(Partition::Aws, &evidence);
        let found: Vec<Check> =
            report.checks.iter().filter(|line| line.verdict == verdict).map(|line| line.check).collect();
        assert_eq!(found, of, "{report:#?}");
        assert!(report.verified(&candidate(Partition::Aws)).is_none());
        report
    }

    #[test]
    fn a_user_is_proven_without_a_word_on_trust() {
        let report = judged(Partition::Aws, &good());
        assert_eq!(report.state(), State::Waiting, "{report:#?}");
        assert!(report.verified(&candidate(Partition::Aws)).is_some());
        assert_eq!(report.checks.len(), CHECKS.len(), "every check once");
        for line in report.checks.iter().filter(|line| line.check.spec().applies_to == AppliesTo::Roles) {
            assert_eq!(
                (line.verdict, line.found.as_str()),
                (Verdict::Skipped, "an IAM user has no trust policy; a role is safer")
            );
        }
    }

    #[test]
    fn what_is_no_user_of_the_payer_is_refused() {
        let keys = Check::UserKeysWork;
        let root = check(|e| e.keys = caller(PAYER, "root"), Verdict::Failed, &[keys]);
        assert!(root.problems()[0].contains("may do everything"), "{root:#?}");
        check(|e| e.keys = caller(PAYER, "role/x"), Verdict::Failed, &[keys]);
        let strange = caller("210987654321", "user/reader");
        let stranger = check(|e| e.keys = strange, Verdict::Failed, &[Check::UserAccountIsPayer]);
        assert!(stranger.problems()[0].contains("210987654321"), "{stranger:#?}");
        let own = caller(PAYER, "user/billconnect");
        check(|e| e.operator = own, Verdict::Failed, &[Check::UserAccountIsPayer]);
        let china = judged(Partition::AwsCn, &good());
        assert_eq!(china.state(), State::Refused, "the keys are of another partition: {china:#?}");
    }

    #[test]
    fn wrong_keys_fail_and_silence_is_unknown() {
        let wrong = check(|e| e.keys = refused(RefusalKind::KeysRefused), Verdict::Failed, &[Check::UserKeysWork]);
        assert_eq!(wrong.state(), State::Refused);
        for kind in [RefusalKind::Throttled, RefusalKind::Unavailable] {
            let silent = check(|e| e.keys = refused(kind), Verdict::Unknown, &[Check::UserKeysWork]);
            assert_eq!(silent.state(), State::Undecided);
        }
    }
}
