//! What surrounds every request: an id for the log, a time limit, and an answer even to a panic.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tracing::Instrument;
use uuid::Uuid;

use crate::access::{Http, Origin};
use crate::error::ApiError;
use crate::serve::Peer;

/// Runs a request inside a log span. Headers, bodies and queries are not logged: tokens travel in them.
pub(crate) async fn guard(State(http): State<Http>, mut request: Request, next: Next) -> Response {
    let id = Uuid::now_v7().simple().to_string();
    let address = request.extensions().get::<Peer>().map(|peer| http.limits().client(peer.0, request.headers()));
    request.extensions_mut().insert(Origin { address, request: id.clone() });
    let route = request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", %id, method = %request.method(), route);
    let answer = async move {
        let started = Instant::now();
        let limit = http.settings().answer_within;
        let answered = AssertUnwindSafe(tokio::time::timeout(limit, next.run(request))).catch_unwind().await;
        let mut response = match answered {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => {
                ApiError::new(StatusCode::GATEWAY_TIMEOUT, "the answer took too long; it was given up").into_response()
            }
            Err(panic) => ApiError::internal(format!("a handler panicked: {}", words(panic.as_ref()))).into_response(),
        };
        let headers = response.headers_mut();
        // Tokens and costs are nobody's to keep on the way.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(id) = HeaderValue::from_str(&id) {
            headers.insert("x-request-id", id);
        }
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(status = response.status().as_u16(), millis, "answered");
        response
    };
    answer.instrument(span).await
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}
