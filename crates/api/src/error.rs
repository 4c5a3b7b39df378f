//! The one form that every error leaves in.
//!
//! | status | when |
//! |---|---|
//! | 400 | the body is no JSON object, or a field is missing, of the wrong type or (costs) names what there is not |
//! | 401 | no access token, or one that is not valid |
//! | 403 | the token's org is not the path's, or its role may not do this |
//! | 404, 405 | no such thing, no such method |
//! | 408, 413 | the body comes too slowly, or is too large |
//! | 409 | the account is connected already |
//! | 422 | well formed, but refused: a value that cannot be what its field wants, or checks that failed (then with `checks`) |
//! | 500, 504 | a fault on our side, an answer that took too long |
//! | 502 | AWS did not answer in a way to judge by (then with `checks`) |

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use billing::checks::CheckResult;
use serde::Serialize;
use uuid::Uuid;

/// An error as a caller sees it, and what only the log may say.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
    checks: Vec<CheckResult>,
    /// What went wrong on our side. Logged, never sent.
    detail: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    name: &'static str,
    id: &'a str,
    message: &'a str,
    temporary: bool,
    timeout: bool,
    fault: bool,
    #[serde(skip_serializing_if = "<[CheckResult]>::is_empty")]
    checks: &'a [CheckResult],
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), checks: Vec::new(), detail: None }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// One error that names every wrong field.
    pub(crate) fn wrong_fields(status: StatusCode, wrong: &[String]) -> Self {
        let count = match wrong.len() {
            1 => "a field is wrong".to_owned(),
            many => format!("{many} fields are wrong"),
        };
        Self::new(status, format!("{count}: {}", wrong.join("; ")))
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "this route has no such method; `Allow` lists those that it has")
    }

    /// A fault on our side: the caller gets an id to quote, the log gets the detail.
    pub(crate) fn internal(detail: impl Into<String>) -> Self {
        let message = "something failed on our side; quote this error's id to whoever runs this server";
        Self { detail: Some(detail.into()), ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, message) }
    }

    /// The same error with the lines of a report beside it.
    pub(crate) fn with_checks(self, checks: Vec<CheckResult>) -> Self {
        Self { checks, ..self }
    }

    fn name(&self) -> &'static str {
        match self.status {
            StatusCode::BAD_REQUEST => "bad_request",
            StatusCode::UNAUTHORIZED => "unauthorized",
            StatusCode::FORBIDDEN => "forbidden",
            StatusCode::NOT_FOUND => "not_found",
            StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
            StatusCode::REQUEST_TIMEOUT => "request_timeout",
            StatusCode::CONFLICT => "conflict",
            StatusCode::PAYLOAD_TOO_LARGE => "payload_too_large",
            StatusCode::UNPROCESSABLE_ENTITY => "unprocessable_entity",
            StatusCode::TOO_MANY_REQUESTS => "too_many_requests",
            StatusCode::BAD_GATEWAY => "bad_gateway",
            StatusCode::SERVICE_UNAVAILABLE => "service_unavailable",
            StatusCode::GATEWAY_TIMEOUT => "gateway_timeout",
            _ => "internal_error",
        }
    }

    fn log(&self, id: &str) {
        let (status, name) = (self.status.as_u16(), self.name());
        if self.status.is_server_error() {
            let detail = self.detail.as_deref().unwrap_or(&self.message);
            // AWS being out of reach is no fault of ours to be woken for.
            if self.status == StatusCode::BAD_GATEWAY {
                tracing::warn!(error_id = id, status, name, detail, "answered with an error");
            } else {
                tracing::error!(error_id = id, status, name, detail, "answered with an error");
            }
        } else {
            // A caller's mistake is told to the caller; the message may quote what was sent, so it stays out of the log.
            tracing::info!(error_id = id, status, name, "answered with an error");
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let id = Uuid::new_v4().simple().to_string();
        self.log(&id);
        let temporary = [StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE];
        let timeouts = [StatusCode::REQUEST_TIMEOUT, StatusCode::GATEWAY_TIMEOUT];
        let body = Body {
            name: self.name(),
            id: &id,
            message: &self.message,
            temporary: temporary.contains(&self.status),
            timeout: timeouts.contains(&self.status),
            fault: self.status.is_server_error(),
            checks: &self.checks,
        };
        let text = serde_json::to_string(&body).expect("texts and booleans turn into JSON");
        let mut response = (self.status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.goa.error"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
