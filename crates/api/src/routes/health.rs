//! Whether the server is up.

use axum::Json;
use serde_json::{Value, json};

/// `GET /healthz`: the process answers.
pub(crate) async fn show() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}
