//! Billing centers: until there are any, one that everything is in.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::stamp;
use crate::access::Viewer;
use crate::error::ApiError;
use crate::route::{Needs, Route};

/// The id of the one that there is.
pub(super) const UNALLOCATED: &str = "unallocated";

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Needs::Viewer
            .get("/analytics/orgs/{org}/billing_centers", list)
            .named("listBillingCenters", "List the billing centers")
            .about("Until there are any, there is one that everything is in.")
            .answers_array::<View>(200),
    ]
}

/// A billing center. One at the top has no `parent_id` at all.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BillingCenter)]
pub(crate) struct View {
    #[schema(example = "unallocated")]
    id: &'static str,
    href: String,
    #[schema(example = "Unallocated")]
    name: &'static str,
    #[schema(example = "optima#billing_center")]
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
