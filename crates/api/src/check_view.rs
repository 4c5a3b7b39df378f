//! One check's line of a report, as every answer says it.

use app::rotate::Life;
use app::store::Shown;
use billing::checks::{AwsWords, CHECKS, CheckResult, Severity, State, Verdict};
use billing::standing::ConnectionState;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

/// What came of one check.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Check)]
pub(crate) struct CheckView<'a> {
    /// The claim that holds when it passes.
    #[schema(schema_with = check_names)]
    check: &'static str,
    /// `unknown`: AWS's answers do not suffice to judge.
    #[schema(schema_with = verdicts)]
    verdict: Verdict,
    /// What its failing does: one that is required keeps the bill from being read.
    #[schema(schema_with = severities)]
    severity: Severity,
    /// What was found.
    found: &'a str,
    /// What to do: text to paste. Empty where there is nothing to mend.
    remedy: &'a str,
    /// The IAM action that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "s3:GetObject")]
    action: Option<&'a str>,
    /// What the action was tried on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    resource: Option<&'a str>,
    /// AWS's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    aws: Option<AwsView<'a>>,
}

/// What AWS said.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CheckAws)]
struct AwsView<'a> {
    #[schema(example = "AccessDenied")]
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<&'a str>,
}

impl<'a> From<&'a CheckResult> for CheckView<'a> {
    fn from(line: &'a CheckResult) -> Self {
        Self {
            check: line.check.spec().name,
            verdict: line.verdict,
            severity: line.severity,
            found: &line.found,
            remedy: &line.remedy,
            action: line.action.as_deref(),
            resource: line.resource.as_deref(),
            aws: line.aws.as_ref().map(AwsView::from),
        }
    }
}

impl<'a> From<&'a AwsWords> for AwsView<'a> {
    fn from(words: &'a AwsWords) -> Self {
        Self { code: &words.code, message: &words.message, request_id: words.request_id.as_deref() }
    }
}

pub(crate) fn check_names() -> Object {
    one_of(&CHECKS.map(|spec| spec.name))
}

pub(crate) fn verdicts() -> Object {
    one_of(&["passed", "failed", "skipped", "unknown"])
}

fn severities() -> Object {
    one_of(&["required", "optional"])
}

/// Whether a bill connect's bills are read.
pub(crate) fn states() -> Object {
    one_of(
        &[ConnectionState::Active, ConnectionState::Waiting, ConnectionState::Suspended, ConnectionState::Paused]
            .map(ConnectionState::name),
    )
}

/// What a report says as a whole.
pub(crate) fn report_states() -> Object {
    one_of(&[State::Verified, State::Waiting, State::Refused, State::Undecided].map(State::name))
}

/// Where an external id is in its life.
pub(crate) fn lives() -> Object {
    one_of(&[Life::Current, Life::Pending, Life::Retiring, Life::Retired].map(Life::name))
}

/// What a role makes of an external id.
pub(crate) fn shown() -> Object {
    one_of(&[Shown::Works, Shown::Refused].map(Shown::name))
}

pub(crate) fn one_of(words: &[&str]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied())).build()
}
