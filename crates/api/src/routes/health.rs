//! Whether the server is up, and whether it can do its work.

use app::health::Finding;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Http;
use crate::openapi;
use crate::route::{Needs, Route};

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Needs::Nothing
            .get("/healthz", health)
            .named("health", "Say that the process is alive")
            .about(
                "From memory alone, so ask as often as you like: 503 where the poll has stood still, which a restart mends. Whether \
                 the store and the lake can be written, `/readyz` says.",
            )
            .answers::<Health>(200)
            .answers::<Health>(503),
        Needs::Nothing
            .get("/readyz", ready)
            .named("ready", "Say whether the server can do its work")
            .about(
                "Writes to the store and to the lake, and looks whether the poll comes round and the workers get on. 503 where \
                 anything is wrong, and `checks` says what.",
            )
            .answers::<Ready>(200)
            .answers::<Ready>(503),
        Needs::Nothing
            .get("/openapi.json", openapi::show)
            .named("openapi", "Describe this API as OpenAPI 3.1")
            .answers_object(200),
    ]
}

/// That the process is alive.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `ok`, or what stands still.
    #[schema(example = "ok")]
    status: String,
}

/// Whether the server can do its work.
#[derive(Debug, Serialize, ToSchema)]
struct Ready {
    /// `ready` or `not-ready`.
    #[schema(example = "ready")]
    status: &'static str,
    checks: Vec<ReadyCheck>,
}

/// What was found of one part.
#[derive(Debug, Serialize, ToSchema)]
struct ReadyCheck {
    /// `store`, `lake`, `poll` or `workers`.
    #[schema(example = "store")]
    name: &'static str,
    ok: bool,
    /// What is wrong; absent where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    wrong: Option<String>,
}

impl From<Finding> for ReadyCheck {
    fn from(finding: Finding) -> Self {
        Self { name: finding.part.name(), ok: finding.wrong.is_none(), wrong: finding.wrong }
    }
}

/// `GET /healthz`
async fn health(State(http): State<Http>) -> (StatusCode, Json<Health>) {
    match http.stands_still() {
        None => (StatusCode::OK, Json(Health { status: "ok".to_owned() })),
        Some(status) => (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status })),
    }
}

/// `GET /readyz`
async fn ready(State(http): State<Http>) -> (StatusCode, Json<Ready>) {
    let checks: Vec<ReadyCheck> = http.readiness().await.into_iter().map(ReadyCheck::from).collect();
    let (code, status) = if checks.iter().all(|check| check.ok) {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not-ready")
    };
    (code, Json(Ready { status, checks }))
}
