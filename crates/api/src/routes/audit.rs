//! An org's audit log, for its admins.

use app::audit::Entry;
use axum::Json;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::page::{Page, Paged, paged_route};
use super::stamp;
use crate::access::Admin;
use crate::error::ApiError;
use crate::route::{Needs, Route};

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    let list = Needs::Admin
        .get("/finops-onboarding/v1/orgs/{org}/audit", list)
        .named("finopsListAudit", "List who did what, newest first")
        .answers::<Paged<EntryView>>(200);
    vec![paged_route(list)]
}

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct EntryView {
    #[schema(example = "finops:audit-entry")]
    kind: &'static str,
    /// Its place in the log, from 1 on.
    number: i64,
    #[schema(example = "2026-10-01T12:00:00Z")]
    at: String,
    /// Who did it.
    actor: String,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    address: Option<String>,
    /// The request that it was done by.
    #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request: Option<String>,
    /// What was done.
    act: String,
    /// To what.
    subject: String,
    /// What came of it.
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    note: Option<String>,
    /// Over this entry and the hash of the one before, so that a change of either shows.
    hash: String,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(entry.at) * 1000);
        Self {
            kind: "finops:audit-entry",
            number: entry.seq,
            at: stamp(at.unwrap_or(OffsetDateTime::UNIX_EPOCH)),
            actor: entry.actor,
            address: entry.address,
            request: entry.request,
            act: entry.act,
            subject: entry.subject,
            outcome: entry.outcome,
            note: entry.note,
            hash: entry.hash.to_string(),
        }
    }
}

/// The entries as a page, newest first.
pub(crate) fn paged(page: &Page, entries: Vec<Entry>) -> Paged<EntryView> {
    page.show("finops:audit-entry-list", entries, |entry| entry.seq)
}

/// `GET /audit`
pub(crate) async fn list(admin: Admin, page: Page) -> Result<Json<Paged<EntryView>>, ApiError> {
    Ok(Json(paged(&page, admin.audit_log(page.skip, page.limit).await?)))
}
