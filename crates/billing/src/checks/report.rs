//! Reports: every check once, with its verdict, what was found, and what to paste to mend it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::checks::judge_account::RESERVATIONS_HOLD;
use crate::checks::spec::{Check, Severity};
use crate::connection::{AccessKind, Candidate, Fingerprint, VerifiedConnection};
use crate::names::Region;
use crate::probe::Refusal;

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The claim holds.
    Passed,
    /// The claim does not hold.
    Failed,
    /// The claim was not looked at, and the result says why.
    Skipped,
    /// AWS gave no answer to judge by. Never stored as verified.
    Unknown,
}

/// AWS's own words, verbatim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsWords {
    /// The error code.
    pub code: String,
    /// The message.
    pub message: String,
    /// The request id, where one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// One check's line in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Which claim.
    pub check: Check,
    /// What came of it.
    pub verdict: Verdict,
    /// What its failing does.
    pub severity: Severity,
    /// What was found.
    pub found: String,
    /// What to do: text to paste. Empty where there is nothing to mend.
    pub remedy: String,
    /// The IAM action that was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// What the action was tried on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// AWS's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsWords>,
}

impl CheckResult {
    /// A line with nothing of AWS's in it.
    pub(crate) fn new(check: Check, verdict: Verdict, found: impl Into<String>) -> Self {
        let severity = check.spec().severity;
        let (found, remedy) = (found.into(), String::new());
        Self { check, verdict, severity, found, remedy, action: None, resource: None, aws: None }
    }

    pub(crate) fn passed(check: Check, found: impl Into<String>) -> Self {
        Self::new(check, Verdict::Passed, found)
    }

    pub(crate) fn failed(check: Check, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { remedy: remedy.into(), ..Self::new(check, Verdict::Failed, found) }
    }

    pub(crate) fn skipped(check: Check, why: impl Into<String>) -> Self {
        Self::new(check, Verdict::Skipped, why)
    }

    pub(crate) fn with_refusal(mut self, refusal: &Refusal) -> Self {
        self.action = Some(refusal.action.clone());
        self.resource = Some(refusal.resource.clone());
        self.aws = Some(AwsWords {
            code: refusal.code.clone(),
            message: refusal.message.clone(),
            request_id: refusal.request_id.clone(),
        });
        self
    }
}

/// What a report says of the connection as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Every required claim holds.
    Verified,
    /// Safe and sufficient, but AWS has not delivered anything yet.
    Waiting,
    /// A required claim does not hold.
    Refused,
    /// AWS's answers do not suffice to judge a required claim.
    Undecided,
}

/// A connection's report: every check exactly once, in the table's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What was judged. A report proves nothing about any other configuration.
    pub(crate) fingerprint: Option<Fingerprint>,
    /// Which way in was judged: checks about the other say nothing of it.
    pub(crate) access: AccessKind,
    /// The bucket's region, where it was found.
    pub(crate) region: Option<Region>,
    /// Whether nothing has been delivered yet.
    pub(crate) waiting: bool,
    /// When Cost Explorer last answered.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub(crate) reservations_at: Option<OffsetDateTime>,
    /// When it was judged.
    #[serde(with = "time::serde::rfc3339")]
    pub judged_at: OffsetDateTime,
    /// The lines.
    pub checks: Vec<CheckResult>,
}

impl State {
    /// The word for it, in answers and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
            Self::Undecided => "undecided",
        }
    }
}

impl Report {
    /// What the report says of the connection as a whole.
    pub fn state(&self) -> State {
        let counts = |line: &CheckResult| {
            line.severity == Severity::Required && line.check.spec().applies_to.why_not(self.access).is_none()
        };
        let required = |verdict| self.checks.iter().any(|line| counts(line) && line.verdict == verdict);
        if required(Verdict::Failed) {
            State::Refused
        } else if required(Verdict::Unknown) || self.region.is_none() || self.fingerprint.is_none() {
            State::Undecided
        } else if self.waiting {
            State::Waiting
        } else if required(Verdict::Skipped) {
            State::Undecided
        } else {
            State::Verified
        }
    }

    /// The proof that `candidate` may be read from: only where this report is about exactly it and says so.
    ///
    /// A waiting connection is as proven as a verified one; there is just nothing to read yet.
    pub fn verified(&self, candidate: &Candidate) -> Option<VerifiedConnection> {
        let proven = matches!(self.state(), State::Verified | State::Waiting);
        let region = self.region.clone().filter(|_| proven && self.fingerprint == Some(candidate.fingerprint()))?;
        Some(VerifiedConnection::proven(candidate.clone(), region))
    }

    /// When Cost Explorer last answered for exactly `candidate`, if that answer still counts at `now`.
    pub fn reservations_kept(&self, candidate: &Candidate, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let counts = |at: &OffsetDateTime| *at <= now && now - *at < RESERVATIONS_HOLD;
        self.reservations_at.filter(counts).filter(|_| self.fingerprint == Some(candidate.fingerprint()))
    }

    /// The bucket's region, where it was found.
    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    /// What the connection waits for, as a short sentence, if it waits.
    pub fn waits_for(&self) -> Option<String> {
        let line = self.checks.iter().find(|line| line.check == Check::ReportFound);
        line.filter(|_| self.state() == State::Waiting).map(|line| format!("{}: {}", line.check, line.found))
    }

    /// The lines that keep the connection from being verified, as short sentences.
    pub fn problems(&self) -> Vec<String> {
        self.in_the_way().map(|line| format!("{}: {}", line.check, line.found)).collect()
    }

    /// The lines that keep the connection from being verified.
    pub fn in_the_way(&self) -> impl Iterator<Item = &CheckResult> {
        let stands = |line: &&CheckResult| {
            line.severity == Severity::Required && matches!(line.verdict, Verdict::Failed | Verdict::Unknown)
        };
        self.checks.iter().filter(stands)
    }
}
