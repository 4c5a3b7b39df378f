//! An org's audit log, for its admins.

use app::audit::Entry;
use axum::Json;
use serde::Serialize;
use time::OffsetDateTime;

use super::page::{Page, Paged};
use super::stamp;
use crate::access::Admin;
use crate::error::ApiError;

/// An entry as clients read it.
#[derive(Debug, Serialize)]
pub(crate) struct EntryView {
    kind: &'static str,
    number: i64,
    at: String,
    actor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    act: String,
    subject: String,
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
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
