//! What was proven of a bill connect, now and before, and stopping it by hand: `…/bill-connects/aws/{id}/checks`, `/pause`,
//! `/resume`; and what connecting would prove, without connecting: `…/bill-connects/aws/iam-role/check`.

use app::keep::PastChecks;
use axum::Json;
use axum::http::StatusCode;
use billing::checks::{Change, CheckResult, Report, State, Verdict};
use billing::names::BillConnectId;
use serde::Serialize;
use utoipa::ToSchema;

use super::connect_body::Kind;
use super::finops_bill_connects::{NAMES, ROLE, USER};
use super::page::{Page, Paged, paged_route};
use super::stamp;
use crate::access::{Admin, ConnectId, Viewer};
use crate::body::JsonObject;
use crate::check_view::{CheckView, check_names, report_states, verdicts};
use crate::error::ApiError;
use crate::route::{Needs, Route};

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    let history = Needs::Viewer
        .get("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/{id}/checks/history", history)
        .named("finopsListChecks", "List what was proven of a bill connect before, newest first")
        .about(
            "Check runs on end that said the same are one entry; `changes` says what turned since the entry before it.",
        )
        .answers::<Paged<View>>(200);
    vec![
        Needs::Admin
            .post("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/iam-role/check", dry_run_role)
            .named("finopsCheckRole", "Say what connecting by a role would prove, and store nothing")
            .about(
                "200 whatever the checks say: `valid` is whether the same body would connect. Where AWS's answers do not suffice \
                 to judge, `state` is `undecided`. An account that is connected already is judged as a change of it would be.",
            )
            .takes(NAMES.doc(ROLE))
            .answers::<DryRunView>(200)
            .refuses(&[422]),
        Needs::Admin
            .post("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/iam-user/check", dry_run_user)
            .named("finopsCheckUser", "Say what connecting by an IAM user would prove, and store nothing")
            .about("200 whatever the checks say, as for a role. The keys are used for the checks and not kept.")
            .takes(NAMES.doc(USER))
            .answers::<DryRunView>(200)
            .refuses(&[422]),
        Needs::Viewer
            .get("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/{id}/checks", newest)
            .named("finopsShowChecks", "Show what was last proven of a bill connect")
            .about("Asks AWS nothing: `validation` proves anew.")
            .answers::<View>(200),
        paged_route(history),
        Needs::Admin
            .post("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/{id}/pause", pause)
            .named("finopsPauseBillConnect", "Stop reading through a bill connect until it is resumed")
            .about("Twice does nothing more. What was read stays.")
            .answers_nothing(),
        Needs::Admin
            .post("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/{id}/resume", resume)
            .named("finopsResumeBillConnect", "Read through a paused bill connect again")
            .about("Twice does nothing more. Where a required check fails, it is suspended until that is mended.")
            .answers_nothing(),
    ]
}

/// Check runs on end that said the same.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsChecks)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    #[schema(example = "finops:bill-connect-checks")]
    kind: &'static str,
    #[schema(value_type = String, example = "aws-123456789012")]
    bill_id: BillConnectId,
    /// Its place in the history, from 1 on.
    number: i64,
    /// What they say as a whole. `undecided` changes nothing: the entry before it counts.
    #[schema(schema_with = report_states)]
    verdict: State,
    #[schema(example = "2026-10-01T12:00:00Z")]
    first_judged_at: String,
    #[schema(example = "2026-10-01T12:00:00Z")]
    last_judged_at: String,
    /// How many they are.
    runs: i64,
    /// What turned since the entry before; empty in the first.
    changes: Vec<ChangeView>,
    /// What the last of them found.
    #[schema(value_type = Vec<CheckView<'static>>)]
    checks: Vec<CheckResult>,
}

/// A check whose verdict is another than it was.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsChange)]
struct ChangeView {
    #[schema(schema_with = check_names)]
    check: &'static str,
    /// Absent where the check is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = verdicts, required = false)]
    from: Option<Verdict>,
    #[schema(schema_with = verdicts)]
    to: Verdict,
    /// What was found then.
    found: String,
}

impl From<Change> for ChangeView {
    fn from(change: Change) -> Self {
        Self { check: change.check.spec().name, from: change.from, to: change.to, found: change.found }
    }
}

impl From<PastChecks> for View {
    fn from(PastChecks { connect, entry, changes }: PastChecks) -> Self {
        Self {
            kind: "finops:bill-connect-checks",
            bill_id: connect,
            number: entry.number,
            verdict: entry.report.state(),
            first_judged_at: stamp(entry.first_at),
            last_judged_at: stamp(entry.last_at),
            runs: entry.runs,
            changes: changes.into_iter().map(ChangeView::from).collect(),
            checks: entry.report.checks,
        }
    }
}

/// What connecting would prove.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsDryRun)]
pub(crate) struct DryRunView {
    #[schema(example = "finops:bill-connect-check")]
    kind: &'static str,
    /// Whether the same body would connect.
    valid: bool,
    #[schema(schema_with = report_states)]
    state: State,
    /// What stands in the way; only where something does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
    #[schema(value_type = Vec<CheckView<'static>>)]
    checks: Vec<CheckResult>,
}

impl From<Report> for DryRunView {
    fn from(report: Report) -> Self {
        let state = report.state();
        let valid = matches!(state, State::Verified | State::Waiting);
        let error = Some(report.problems().join("; ")).filter(|problems| !problems.is_empty());
        Self { kind: "finops:bill-connect-check", valid, state, error, checks: report.checks }
    }
}

/// `GET /bill-connects/aws/{id}/checks`
async fn newest(viewer: Viewer, ConnectId(id): ConnectId) -> Result<Json<View>, ApiError> {
    let newest = viewer.checks_history(&id, (None, 1)).await?.pop();
    let nothing = || ApiError::not_found(format!("nothing has been proven of `{id}` yet"));
    Ok(Json(newest.ok_or_else(nothing)?.into()))
}

/// `GET /bill-connects/aws/{id}/checks/history`
async fn history(viewer: Viewer, ConnectId(id): ConnectId, page: Page) -> Result<Json<Paged<View>>, ApiError> {
    let past = viewer.checks_history(&id, (page.skip, page.limit)).await?;
    Ok(Json(page.show("finops:bill-connect-checks-list", past, |past| past.entry.number)))
}

/// `POST /bill-connects/aws/iam-role/check`
async fn dry_run_role(admin: Admin, body: JsonObject) -> Result<Json<DryRunView>, ApiError> {
    dry_run(&admin, ROLE, &body).await
}

/// `POST /bill-connects/aws/iam-user/check`
async fn dry_run_user(admin: Admin, body: JsonObject) -> Result<Json<DryRunView>, ApiError> {
    dry_run(&admin, USER, &body).await
}

async fn dry_run(admin: &Admin, kind: Kind, body: &JsonObject) -> Result<Json<DryRunView>, ApiError> {
    Ok(Json(NAMES.check(admin, kind, body).await?.into()))
}

/// `POST /bill-connects/aws/{id}/pause`
async fn pause(admin: Admin, ConnectId(id): ConnectId) -> Result<StatusCode, ApiError> {
    admin.pause(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /bill-connects/aws/{id}/resume`
async fn resume(admin: Admin, ConnectId(id): ConnectId) -> Result<StatusCode, ApiError> {
    admin.resume(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
