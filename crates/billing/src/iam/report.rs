//! The report on documents: what they decide of each claim, in place of AWS's answers, and what only AWS can tell.

use super::document::Document;
use super::evaluate::{Decision, Outcome};
use super::exact::OtherId;
use super::excess::{Excess, score};
use super::permission::{Permissions, Place};
use super::principal::Asker;
use super::trust::{Trust, TrustFindings};
use crate::checks::{Check, CheckResult, Report, Verdict, remedy};
use crate::connection::{Candidate, RoleAccess};
use crate::policy;

/// The documents that are judged, and whom they are to let in.
#[derive(Debug)]
pub struct Documents {
    /// The role's trust policy, if it was given.
    pub trust: Option<Document>,
    /// The role's permission policy, if it was given.
    pub policy: Option<Document>,
    /// The operator's principal.
    pub operator: Asker,
    /// Whether the role's ARN was given, and not only stands for one.
    pub names_role: bool,
}

/// How much a permission policy grants beyond what is needed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LeastPrivilege {
    /// 100 where nothing beyond the published actions is granted; see [`score`].
    pub score: u8,
    /// What is granted beyond them, worst first.
    pub excess: Vec<Excess>,
}

const NO_TRUST: &str = "no trust policy was given: name its file with `--trust`";
const NO_POLICY: &str = "no permission policy was given: name its file with `--policy`";
const NO_ROLE: &str = "no role was named: name it with `--role-arn`";
const ONLY_AWS: &str = "no document shows it: only AWS can tell";

impl Documents {
    /// The report with each claim that documents decide decided by them. What stays is what a copy of the bucket showed.
    pub fn judge(&self, mut report: Report, candidate: &Candidate) -> Report {
        let Some(role) = candidate.role() else { return report };
        let trust = self.trust.as_ref().map(|document| {
            let trust = Trust { document, asker: &self.operator, session_name: &role.session_name };
            trust.judge(&role.external_id)
        });
        for line in &mut report.checks {
            let decided = match line.check {
                Check::RoleArnWellFormed | Check::RoleAccountIsPayer if !self.names_role => Some(skip(line, NO_ROLE)),
                Check::RoleAssumable | Check::ExternalIdRequired | Check::ExternalIdExact => Some(match &trust {
                    Some(findings) => self.about_trust(line, findings, role),
                    None => skip(line, NO_TRUST),
                }),
                Check::BucketExists | Check::BucketOwnerExpected | Check::BucketDecryptable => {
                    Some(skip(line, ONLY_AWS))
                }
                Check::NoExcessPermission => Some(self.about_excess(line, candidate)),
                check => action_of(check).map(|action| self.about_permission(action, line, candidate)),
            };
            *line = decided.unwrap_or_else(|| line.clone());
        }
        report
    }

    /// How much the permission policy grants beyond what is needed; `None` where there is none to judge.
    pub fn least_privilege(&self, candidate: &Candidate) -> Option<LeastPrivilege> {
        let excess = permissions(self.policy.as_ref()?, candidate).excess();
        Some(LeastPrivilege { score: score(excess.iter().map(|excess| excess.reach)), excess })
    }

    fn about_trust(&self, line: &CheckResult, findings: &TrustFindings, role: &RoleAccess) -> CheckResult {
        let (verdict, mut found) = match line.check {
            Check::RoleAssumable => wanted(&findings.right, "with the org's external id"),
            Check::ExternalIdRequired => unwanted(&findings.absent, "without an external id"),
            _ => match &findings.other {
                OtherId::Refused => (Verdict::Passed, "no other external id is accepted".to_owned()),
                OtherId::Accepted { id, why } => {
                    (Verdict::Failed, format!("the external id `{id}` is accepted too: {why}"))
                }
                OtherId::Undecided(why) => (Verdict::Unknown, format!("not decided by the document: {why}")),
            },
        };
        if line.check == Check::RoleAssumable && !findings.notes.is_empty() {
            found = format!("{found}. To know: {}", findings.notes.join("; "));
        }
        let remedy = if verdict == Verdict::Passed { String::new() } else { remedy::trust(role, self.operator.arn()) };
        CheckResult { verdict, found, remedy, ..bare(line) }
    }

    /// What the permission policy decides of a claim that needs `action`.
    fn about_permission(&self, action: &str, line: &CheckResult, candidate: &Candidate) -> CheckResult {
        let Some(document) = &self.policy else { return skip(line, NO_POLICY) };
        let permissions = permissions(document, candidate);
        let (decision, resource) = match action {
            "s3:GetBucketLocation" => (permissions.may_locate(), permissions.place.bucket_arn()),
            "s3:ListBucket" => (permissions.may_list_all(), permissions.place.bucket_arn()),
            "s3:GetObject" => (permissions.may_read_all(), permissions.place.objects_arn()),
            other => (permissions.may(other), "*".to_owned()),
        };
        let (verdict, found) = wanted(&decision, &format!("`{action}` on `{resource}`"));
        let remedy = if verdict == Verdict::Passed { None } else { remedy::permission(candidate, action) };
        let (action, resource) = (Some(action.to_owned()), Some(resource));
        CheckResult { verdict, found, remedy: remedy.unwrap_or_default(), action, resource, ..bare(line) }
    }

    fn about_excess(&self, line: &CheckResult, candidate: &Candidate) -> CheckResult {
        let Some(LeastPrivilege { score, excess }) = self.least_privilege(candidate) else {
            return skip(line, NO_POLICY);
        };
        if excess.is_empty() {
            return CheckResult {
                verdict: Verdict::Passed,
                found: format!("nothing beyond the published actions; least privilege: {score} of 100"),
                ..bare(line)
            };
        }
        let named: Vec<String> =
            excess.iter().map(|excess| format!("`{}` on `{}`", excess.action, excess.resource)).collect();
        let found =
            format!("beyond the published actions it grants {}; least privilege: {score} of 100", named.join(", "));
        CheckResult { verdict: Verdict::Failed, found, remedy: tightened(candidate), ..bare(line) }
    }
}

/// What to put in the place of a policy that grants too much.
pub fn tightened(candidate: &Candidate) -> String {
    let policy = policy::tightened_policy(candidate.partition(), &candidate.bucket, &candidate.path);
    format!("replace the role's permission policy by this one, and detach every other:\n{policy:#}")
}

/// Whether all that documents decide of the required claims speaks for the connection.
pub fn holds(report: &Report) -> bool {
    report.in_the_way().next().is_none()
}

/// The action that a claim needs; `None` for a claim that is not about one permission.
fn action_of(check: Check) -> Option<&'static str> {
    Some(match check {
        Check::BucketRegionKnown => "s3:GetBucketLocation",
        Check::BucketListable => "s3:ListBucket",
        Check::BucketReadable => "s3:GetObject",
        Check::OrganizationDescribed => "organizations:DescribeOrganization",
        Check::AccountsListed => "organizations:ListAccounts",
        Check::ReservationsReadable => "ce:GetReservationUtilization",
        _ => return None,
    })
}

fn permissions<'a>(document: &'a Document, candidate: &'a Candidate) -> Permissions<'a> {
    let (bucket, path, account) = (&candidate.bucket, &candidate.path, &candidate.account);
    Permissions { document, place: Place { partition: candidate.partition(), bucket, path, account } }
}

/// The verdict on something that must be allowed.
fn wanted(decision: &Decision, what: &str) -> (Verdict, String) {
    let verdict = match decision.outcome {
        Outcome::Allowed => Verdict::Passed,
        Outcome::Denied => Verdict::Failed,
        Outcome::Undecided => Verdict::Unknown,
    };
    (verdict, format!("{what}: {}: {}", decision.outcome, decision.why))
}

/// The verdict on something that must be denied.
fn unwanted(decision: &Decision, what: &str) -> (Verdict, String) {
    let (verdict, found) = wanted(decision, what);
    let turned = match verdict {
        Verdict::Passed => Verdict::Failed,
        Verdict::Failed => Verdict::Passed,
        other => other,
    };
    (turned, found)
}

/// The line without what was found.
fn bare(line: &CheckResult) -> CheckResult {
    CheckResult { found: String::new(), remedy: String::new(), action: None, resource: None, aws: None, ..line.clone() }
}

fn skip(line: &CheckResult, why: &str) -> CheckResult {
    CheckResult { verdict: Verdict::Skipped, found: why.to_owned(), ..bare(line) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use time::macros::datetime;

    use super::super::document::PolicyKind;
    use super::super::trust::tests::{OPERATOR, allow};
    use super::*;
    use crate::checks::{Severity, refuse_malformed_role};
    use crate::role::{Partition, RoleArn};
    use crate::testkit::candidate;

    fn document(kind: PolicyKind, statements: &Value) -> Document {
        Document::parse(kind, &json!({ "Version": "2012-10-17", "Statement": statements }).to_string()).unwrap()
    }

    /// A report with every claim, nothing decided yet, judged by these documents.
    fn judged(trust: Option<&Value>, policy: Option<&Value>) -> Report {
        let documents = Documents {
            trust: trust.map(|statements| document(PolicyKind::Trust, statements)),
            policy: policy.map(|statements| document(PolicyKind::Permission, statements)),
            operator: Asker::new(OPERATOR).unwrap(),
            names_role: false,
        };
        let error = "x".parse::<RoleArn>().unwrap_err();
        documents.judge(refuse_malformed_role(&error, datetime!(2026-09-02 0:00 UTC)), &candidate())
    }

    fn verdict(report: &Report, check: Check) -> Verdict {
        report.checks.iter().find(|line| line.check == check).unwrap().verdict
    }

    fn published() -> Value {
        policy::permission_policy(Partition::Aws, &"acme-bills".parse().unwrap())["Statement"].clone()
    }

    #[test]
    fn the_published_documents_hold_and_the_rest_is_skipped_with_why() {
        let trust = policy::trust_policy(OPERATOR, &"123456".parse::<crate::names::OrgId>().unwrap().external_id());
        let report = judged(Some(&trust["Statement"]), Some(&published()));
        assert!(holds(&report), "{report:#?}");
        for check in [
            Check::RoleAssumable,
            Check::ExternalIdRequired,
            Check::ExternalIdExact,
            Check::BucketListable,
            Check::BucketReadable,
            Check::OrganizationDescribed,
            Check::AccountsListed,
            Check::ReservationsReadable,
            Check::NoExcessPermission,
        ] {
            assert_eq!(verdict(&report, check), Verdict::Passed, "{check}");
        }
        for check in [Check::BucketExists, Check::BucketOwnerExpected, Check::RoleArnWellFormed] {
            assert_eq!(verdict(&report, check), Verdict::Skipped, "{check}");
        }
        assert!(report.checks.iter().all(|line| !line.found.is_empty()), "each says what was found, or why not");
    }

    #[test]
    fn each_fault_fails_its_claim_with_what_to_paste() {
        let loose = allow(&json!({ "StringLike": { "sts:ExternalId": "123456*" } }));
        let report = judged(Some(&loose), None);
        let line = report.checks.iter().find(|line| line.verdict == Verdict::Failed).unwrap();
        assert_eq!(line.check, Check::ExternalIdExact);
        assert!(line.found.contains("`1234560`") && line.found.contains("StringLike"), "{}", line.found);
        assert!(line.remedy.contains("\"sts:ExternalId\": \"123456\""), "{}", line.remedy);
        assert!(!holds(&report));

        let mut less = published();
        less.as_array_mut().unwrap().remove(1);
        let report = judged(None, Some(&less));
        assert_eq!(verdict(&report, Check::BucketReadable), Verdict::Failed);
        assert_eq!(verdict(&report, Check::RoleAssumable), Verdict::Skipped);
    }

    #[test]
    fn a_policy_for_the_bucket_alone_holds_and_names_the_optional_claims_that_it_leaves_out() {
        let mut bucket_alone = published();
        bucket_alone.as_array_mut().unwrap().truncate(2);
        bucket_alone[1]["Action"] = json!(["s3:GetObject", "s3:PutObject"]);
        let report = judged(None, Some(&bucket_alone));
        assert!(holds(&report), "{report:#?}");
        for (check, remedy) in [
            (Check::OrganizationDescribed, "organizations:Describe*"),
            (Check::AccountsListed, "organizations:List*"),
            (Check::ReservationsReadable, "ce:GetReservationUtilization"),
            (Check::NoExcessPermission, "s3:prefix"),
        ] {
            let line = report.checks.iter().find(|line| line.check == check).unwrap();
            assert_eq!((line.verdict, line.severity), (Verdict::Failed, Severity::Optional), "{line:#?}");
            assert!(line.remedy.contains(remedy), "{}", line.remedy);
        }
        let without = judged(None, None);
        assert_eq!(verdict(&without, Check::NoExcessPermission), Verdict::Skipped);
        assert_eq!(verdict(&without, Check::AccountsListed), Verdict::Skipped);
    }

    #[test]
    fn the_tightened_policy_grants_all_and_nothing_beyond() {
        let candidate = candidate();
        let tight = policy::tightened_policy(Partition::Aws, &candidate.bucket, &candidate.path);
        let report = judged(None, Some(&tight["Statement"]));
        let decided = |check| action_of(check).is_some() || check == Check::NoExcessPermission;
        for line in report.checks.iter().filter(|line| decided(line.check)) {
            assert_eq!(line.verdict, Verdict::Passed, "{line:#?}");
        }
        let document = document(PolicyKind::Permission, &tight["Statement"]);
        assert_eq!(permissions(&document, &candidate).excess(), []);
    }

    #[test]
    fn what_is_not_decided_does_not_hold() {
        let id = json!({ "sts:ExternalId": "123456" });
        let here = allow(&json!({ "StringEquals": id, "IpAddress": { "aws:SourceIp": "192.0.2.0/24" } }));
        let report = judged(Some(&here), Some(&published()));
        assert_eq!(verdict(&report, Check::RoleAssumable), Verdict::Unknown);
        assert_eq!(verdict(&report, Check::ExternalIdRequired), Verdict::Passed);
        assert!(!holds(&report));
    }
}
