//! Whether the server is up.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi;
use crate::route::{Needs, Route};

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Needs::Nothing.get("/healthz", show).named("health", "Say that the server is up").answers::<View>(200),
        Needs::Nothing
            .get("/openapi.json", openapi::show)
            .named("openapi", "Describe this API as OpenAPI 3.1")
            .answers_object(200),
    ]
}

/// That the process answers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
struct View {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// `GET /healthz`
async fn show() -> Json<View> {
    Json(View { status: "ok" })
}
