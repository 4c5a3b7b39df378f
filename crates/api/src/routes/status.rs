//! How bills are coming along: `/api/status/orgs/{org}`.

use std::collections::BTreeMap;

use app::store::{Import, ImportStatus};
use axum::Json;
use billing::names::BillConnectId;
use billing::period::BillingPeriod;
use serde::Serialize;

use super::stamp;
use crate::access::{ConnectId, Viewer};
use crate::error::ApiError;

/// What stands in the way of one bill connect's bills.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorsView {
    count: usize,
    errors: Vec<ErrorView>,
    supported: bool,
}

#[derive(Debug, Serialize)]
struct ErrorView {
    error_message: String,
}

/// `GET /bill-status-errors`
pub(crate) async fn errors(viewer: Viewer) -> Result<Json<BTreeMap<BillConnectId, ErrorsView>>, ApiError> {
    let all = viewer.status_errors().await?.into_iter().map(|status| {
        let errors: Vec<_> = status.errors.into_iter().map(|error_message| ErrorView { error_message }).collect();
        (status.connect, ErrorsView { count: errors.len(), errors, supported: true })
    });
    Ok(Json(all.collect()))
}

/// One attempt to read a month's delivery. `source_id` is the delivery's.
#[derive(Debug, Serialize)]
pub(crate) struct ImportView {
    billing_period: BillingPeriod,
    #[serde(skip_serializing_if = "Option::is_none")]
    downloaded_at: Option<String>,
    status: &'static str,
    source_id: String,
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
