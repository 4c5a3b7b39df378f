//! Billing centers: until there are any, one that everything is in.

use axum::Json;
use serde::Serialize;

use super::stamp;
use crate::access::Viewer;
use crate::error::ApiError;

/// The id of the one that there is.
pub(super) const UNALLOCATED: &str = "unallocated";

/// A billing center. One at the top has no `parent_id` at all.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    id: &'static str,
    href: String,
    name: &'static str,
    kind: &'static str,
    created_at: String,
    updated_at: String,
}

/// `GET /analytics/orgs/{org}/billing_centers`
pub(crate) async fn list(viewer: Viewer) -> Result<Json<Vec<View>>, ApiError> {
    let made = stamp(viewer.made_at().await?);
    Ok(Json(vec![View {
        id: UNALLOCATED,
        href: format!("/analytics/orgs/{}/billing_centers/{UNALLOCATED}", viewer.org()),
        name: "Unallocated",
        kind: "optima#billing_center",
        created_at: made.clone(),
        updated_at: made,
    }]))
}
