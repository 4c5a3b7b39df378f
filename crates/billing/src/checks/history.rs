//! What changed between two reports of one connection, and whether anything did: years of daily proofs keep only what differs.

use serde::Serialize;

use crate::checks::report::{CheckResult, Report, Verdict};
use crate::checks::spec::{Check, Severity};

/// A claim whose verdict is another than it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which claim.
    pub check: Check,
    /// What came of it before; nothing where the older report did not know the claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Verdict>,
    /// What comes of it now.
    pub to: Verdict,
    /// What was found now.
    pub found: String,
}

impl Report {
    /// The claims whose verdict differs from the `older` report's, in the table's order.
    pub fn changes_since(&self, older: &Report) -> Vec<Change> {
        let before = |check| older.checks.iter().find(|line| line.check == check).map(|line| line.verdict);
        let changed = self.checks.iter().filter(|line| before(line.check) != Some(line.verdict));
        let change = |line: &CheckResult| Change {
            check: line.check,
            from: before(line.check),
            to: line.verdict,
            found: line.found.clone(),
        };
        changed.map(change).collect()
    }

    /// Whether this report says nothing that the `older` one did not: both are then one entry of the history.
    ///
    /// AWS's messages and request ids differ from run to run, and so do the hours and sizes that a passing claim finds; what
    /// must hold and does not is compared to the word, so that a second fault behind the first one shows.
    pub fn repeats(&self, older: &Report) -> bool {
        let about =
            |report: &Report| (report.fingerprint.clone(), report.access, report.region.clone(), report.waiting);
        let lines = self.checks.iter().zip(&older.checks);
        about(self) == about(older)
            && self.checks.len() == older.checks.len()
            && lines.into_iter().all(|(line, before)| repeats(line, before))
    }
}

fn repeats(line: &CheckResult, before: &CheckResult) -> bool {
    let code = |line: &CheckResult| line.aws.as_ref().map(|words| words.code.clone());
    let stops = line.severity == Severity::Required && line.verdict == Verdict::Failed;
    line.check == before.check
        && line.verdict == before.verdict
        && code(line) == code(before)
        && (!stops || line.found == before.found)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn line(check: &str, verdict: &str, found: &str) -> Value {
        json!({ "check": check, "verdict": verdict, "severity": "required", "found": found, "remedy": "" })
    }

    fn report(checks: &[Value]) -> Report {
        serde_json::from_value(json!({
            "fingerprint": null, "access": "role", "region": null, "waiting": false, "judged_at": "2026-10-01T12:00:00Z", "checks": checks,
        }))
        .unwrap()
    }

    #[test]
    fn changes_name_what_turned() {
        let older = report(&[line("bucket-exists", "passed", "yes"), line("bucket-listable", "passed", "3 folders")]);
        let newer = report(&[
            line("bucket-exists", "passed", "still"),
            line("bucket-listable", "failed", "denied"),
            line("bucket-readable", "unknown", "throttled"),
        ]);
        let changes: Vec<_> = newer.changes_since(&older).into_iter().map(|c| (c.check, c.from, c.to)).collect();
        let expected = [
            (Check::BucketListable, Some(Verdict::Passed), Verdict::Failed),
            (Check::BucketReadable, None, Verdict::Unknown),
        ];
        assert_eq!(changes, expected);
        assert_eq!(newer.changes_since(&newer), []);
    }

    #[test]
    fn what_a_passing_claim_finds_is_no_news_and_what_a_failing_one_finds_is() {
        let one = |verdict, found| report(&[line("bucket-listable", verdict, found)]);
        assert!(one("passed", "3 folders").repeats(&one("passed", "4 folders")));
        assert!(one("unknown", "a").repeats(&one("unknown", "b")));
        assert!(!one("failed", "denied").repeats(&one("failed", "no such bucket")));
        assert!(!one("passed", "x").repeats(&one("failed", "x")));
        assert!(!one("passed", "x").repeats(&report(&[])));
    }

    #[test]
    fn aws_other_words_are_no_news_and_another_code_is() {
        let words = |code: &str, message: &str, request: &str| {
            let mut line = line("bucket-listable", "failed", "denied");
            line["aws"] = json!({ "code": code, "message": message, "request_id": request });
            report(&[line])
        };
        assert!(words("AccessDenied", "a", "1").repeats(&words("AccessDenied", "b", "2")));
        assert!(!words("AllAccessDisabled", "a", "1").repeats(&words("AccessDenied", "a", "1")));
    }

    #[test]
    fn another_region_or_the_end_of_waiting_is_news() {
        let mut moved = report(&[]);
        moved.region = Some("eu-west-1".parse().unwrap());
        assert!(!moved.repeats(&report(&[])));
        let mut waiting = report(&[]);
        waiting.waiting = true;
        assert!(!waiting.repeats(&report(&[])));
    }
}
