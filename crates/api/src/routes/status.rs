//! How bills are coming along: `/api/status/orgs/{org}`.

use std::collections::BTreeMap;

use app::store::{Import, ImportStatus};
use axum::Json;
use billing::names::BillConnectId;
use billing::period::BillingPeriod;
use serde::Serialize;
use utoipa::ToSchema;

use super::stamp;
use crate::access::{ConnectId, Viewer};
use crate::check_view::states;
use crate::error::ApiError;
use crate::route::{Needs, Route};

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Needs::Viewer
            .get("/api/status/orgs/{org}/bill-status-errors", errors)
            .named("billStatusErrors", "Say what stands in the way of each bill")
            .about("By bill connect. A connection's own trouble comes first, then what kept each month's newest delivery from being read.")
            .answers_map::<ErrorsView>(200),
        Needs::Viewer
            .get("/api/status/orgs/{org}/bill_id/{id}/import-history", import_history)
            .named("importHistory", "List the tries to read deliveries, newest first")
            .about("The tries of one delivery are one entry.")
            .answers_array::<ImportView>(200),
    ]
}

/// What stands in the way of one bill connect's bills.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BillStatus)]
pub(crate) struct ErrorsView {
    count: usize,
    errors: Vec<ErrorView>,
    /// Always true: the vendor's bills can be read.
    supported: bool,
    /// Whether its bills are read.
    #[schema(schema_with = states)]
    state: &'static str,
    /// Why they are not; only where they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    state_reason: Option<String>,
    /// Since when; unknown where nothing was ever proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-10-01T12:00:00Z")]
    state_since: Option<String>,
}

/// One thing that stands in the way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BillStatusError)]
struct ErrorView {
    #[schema(example = "2026-09: a part is missing")]
    error_message: String,
}

/// `GET /bill-status-errors`
pub(crate) async fn errors(viewer: Viewer) -> Result<Json<BTreeMap<BillConnectId, ErrorsView>>, ApiError> {
    let all = viewer.status_errors().await?.into_iter().map(|status| {
        let errors: Vec<_> = status.errors.into_iter().map(|error_message| ErrorView { error_message }).collect();
        let (standing, count) = (status.standing, errors.len());
        let view = ErrorsView {
            count,
            errors,
            supported: true,
            state: standing.state.name(),
            state_reason: standing.reason(),
            state_since: standing.since.map(stamp),
        };
        (status.connect, view)
    });
    Ok(Json(all.collect()))
}

/// One attempt to read a month's delivery. `source_id` is the delivery's.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Import)]
pub(crate) struct ImportView {
    #[schema(value_type = String, example = "2026-09")]
    billing_period: BillingPeriod,
    /// When it was read whole; only where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-10-03T12:00:00Z")]
    downloaded_at: Option<String>,
    /// `in-progress`, `completed` or `aborted`.
    #[schema(example = "completed")]
    status: &'static str,
    /// The delivery's id.
    source_id: String,
    /// Why it was aborted; only where it was. The month stays as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error_message: Option<String>,
}

impl From<Import> for ImportView {
    fn from(import: Import) -> Self {
        // What was aborted was never downloaded whole.
        let downloaded = import.finished_at.filter(|_| import.status == ImportStatus::Completed);
        Self {
            billing_period: import.period,
            downloaded_at: downloaded.map(stamp),
            status: import.status.name(),
            source_id: import.delivery_id.to_string(),
            error_message: import.error,
        }
    }
}

/// `GET /bill_id/{id}/import-history`
pub(crate) async fn import_history(
    viewer: Viewer,
    ConnectId(id): ConnectId,
) -> Result<Json<Vec<ImportView>>, ApiError> {
    Ok(Json(viewer.import_history(&id).await?.into_iter().map(ImportView::from).collect()))
}
