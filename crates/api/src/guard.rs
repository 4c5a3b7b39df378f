//! What surrounds every request: an id for the log, a time limit, and an answer even to a panic.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tracing::Instrument;
use tracing::field::Empty;
use uuid::Uuid;

use crate::access::{Http, Origin};
use crate::error::ApiError;
use crate::serve::Peer;

/// The header that a request's id comes and goes in.
const REQUEST_ID: &str = "x-request-id";

/// Runs a request inside a log span. Headers, bodies and queries are not logged: tokens travel in them.
pub(crate) async fn guard(State(http): State<Http>, mut request: Request, next: Next) -> Response {
    let id = taken(request.headers()).unwrap_or_else(|| Uuid::now_v7().simple().to_string());
    let address = request.extensions().get::<Peer>().map(|peer| http.limits().client(peer.0, request.headers()));
    request.extensions_mut().insert(Origin { address, request: id.clone() });
    let route = request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str).to_owned();
    // Whoever traces gives the caller's span; the log leaves it out where there is none.
    let traceparent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let traceparent = traceparent.filter(|text| text.len() == 55 && is_plain(text));
    let span = tracing::info_span!("request", %id, method = %request.method(), %route, traceparent, status = Empty);
    let (span_of_answer, method) = (span.clone(), request.method().clone());
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
            headers.insert(REQUEST_ID, id);
        }
        http.meter().count((&method, &route), response.status().as_u16(), started.elapsed());
        span_of_answer.record("status", response.status().as_u16());
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(status = response.status().as_u16(), millis, "answered");
        response
    };
    answer.instrument(span).await
}

/// The id that a request brings of its own, if it is one: nobody pastes a secret in hexadecimal digits and dashes into it, and it is
/// logged.
fn taken(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    ((8..=64).contains(&id.len()) && is_plain(id)).then(|| id.to_owned())
}

/// Whether a text is hexadecimal digits and dashes alone.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_where_it_is_one() {
        let taken = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(id).unwrap());
            taken(&headers)
        };
        for sound in ["0af76519", "6f0c3a1e-5a1d-4c53-9f7e-000000000001", &"a".repeat(64)] {
            assert_eq!(taken(sound).as_deref(), Some(sound));
        }
        for odd in ["", "0af7651", &"a".repeat(65), "bc_rt_secret", "a b c d e f a b"] {
            assert_eq!(taken(odd), None, "{odd}");
        }
        assert_eq!(super::taken(&HeaderMap::new()), None);
    }
}
