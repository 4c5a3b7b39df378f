//! Jobs: which months are to be read, are being read and were read, and how far that is.

use app::jobs::{JobFilter, ShownJob};
use app::store::{Job, JobOutcome, JobState};
use axum::Json;
use billing::names::BillConnectId;
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::{Asked, bill_month, by_month};
use super::list::List;
use super::stamp;
use crate::access::Viewer;
use crate::error::ApiError;
use crate::route::{Needs, Param, Route};

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    let list = Needs::Viewer
        .get("/finops-onboarding/v1/orgs/{org}/processing/jobs", list)
        .named("finopsListJobs", "List the jobs that read months, and how far they are")
        .about(
            "By bill connect, the newest month first; one for each month that was ever found. A failed one waits for a newer \
             delivery, or for somebody who asks for it.",
        )
        .param(Param::word("state", "only those that stand so; all by default", &JobState::ALL.map(JobState::name)))
        .answers::<List<View>>(200);
    vec![by_month(list)]
}

/// A month that is to be read, is being read, or was.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsJob)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    #[schema(value_type = String, example = "aws-123456789012")]
    bill_connect_id: BillConnectId,
    #[schema(example = "202609")]
    bill_month: String,
    /// `waiting`, `running`, `done` or `failed`.
    #[schema(example = "running")]
    state: &'static str,
    /// `delivered`: something was; `reprocess`: somebody asked for it.
    #[schema(example = "delivered")]
    why: &'static str,
    /// What is read: the manifest's key.
    manifest_key: String,
    /// The delivery that was read last, once that was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    delivery_id: Option<String>,
    /// What came of it, where it is done: `published`, `same` (as what is published) or `older` (than that).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "published")]
    outcome: Option<&'static str>,
    /// Why it does not get on, where it runs and does not: `lease-expired` or `no-progress`. It frees itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "lease-expired")]
    stuck: Option<&'static str>,
    /// How often it was begun since something was last found or read.
    attempts: u32,
    /// When a waiting one is begun at the earliest.
    #[schema(example = "2026-10-03T12:00:00Z")]
    run_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-10-03T12:00:00Z")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-10-03T12:10:00Z")]
    finished_at: Option<String>,
    /// Why the last try came to nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
    progress: ProgressView,
}

/// How far the last try came.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsJobProgress)]
#[serde(rename_all = "camelCase")]
struct ProgressView {
    /// Rows made into charges.
    rows: u64,
    /// Bytes of the delivery's files taken in, as delivered.
    bytes: u64,
    /// Bytes of all its files; absent until its manifest is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    bytes_total: Option<u64>,
    /// How much of the files is taken in, from 0 to 100; absent until that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 42)]
    percent: Option<u64>,
}

impl From<ShownJob> for View {
    fn from(shown: ShownJob) -> Self {
        let ShownJob { job, stuck } = shown;
        let Job { progress, found, .. } = job;
        Self {
            bill_connect_id: job.connect,
            bill_month: bill_month(job.period),
            state: job.state.name(),
            why: job.why.name(),
            manifest_key: found.manifest_key,
            delivery_id: job.delivery_id.map(|id| id.to_string()),
            outcome: job.outcome.map(JobOutcome::name),
            stuck: stuck.map(app::jobs::Stuck::name),
            attempts: job.attempts,
            run_at: stamp(job.run_at),
            started_at: job.started_at.map(stamp),
            finished_at: job.finished_at.map(stamp),
            error: job.error,
            progress: ProgressView {
                rows: progress.rows,
                bytes: progress.bytes,
                bytes_total: progress.bytes_total,
                percent: progress.percent(),
            },
        }
    }
}

/// `GET /processing/jobs`
async fn list(viewer: Viewer, mut asked: Asked) -> Result<Json<List<View>>, ApiError> {
    let months = asked.months();
    let state = asked.word("state", &JobState::ALL.map(|state| (state.name(), state)));
    asked.finish()?;
    let filter = JobFilter { state, connect: months.connect, period: months.period };
    let values = viewer.jobs(&filter).await?.into_iter().map(View::from).collect();
    Ok(Json(List { kind: "finops:processing-job-list", values }))
}
