//! The one form that every error leaves in, and the table of what each status means.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use billing::checks::CheckResult;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::check_view::CheckView;

/// Every status of an error: its name, and when it is answered.
pub(crate) const ERRORS: [(u16, &str, &str); 15] = [
    (
        400,
        "bad_request",
        "the body is no JSON object, or a field is missing, ill-typed or (costs) names what there is not; every wrong field is named",
    ),
    (401, "unauthorized", "no access token, or one that is unknown, expired or revoked"),
    (
        403,
        "forbidden",
        "the token speaks for another org than the path's (one text, whether or not that org exists), or may only read",
    ),
    (404, "not_found", "no such thing"),
    (405, "method_not_allowed", "no such method; `Allow` lists those there are"),
    (408, "request_timeout", "the body comes too slowly"),
    (409, "conflict", "it is there already, or another request changed it at the same time"),
    (410, "gone", "it was there and is removed"),
    (413, "payload_too_large", "the body is too large"),
    (
        422,
        "unprocessable_entity",
        "a value that cannot be what its field wants; or checks that failed, then with `checks` beside the six fields",
    ),
    (429, "too_many_requests", "too many requests; wait as long as `Retry-After` says"),
    (500, "internal_error", "a fault on our side: quote the `id`, which the log has too"),
    (502, "bad_gateway", "AWS did not answer in a way to judge by: try again; with `checks`"),
    (503, "service_unavailable", "there is no room for this now: try again"),
    (504, "gateway_timeout", "the answer took too long and was given up"),
];

/// When a status is answered.
pub(crate) fn when(status: u16) -> &'static str {
    ERRORS.iter().find(|(known, ..)| *known == status).map_or("", |(.., when)| when)
}

/// An error as a caller sees it, and what only the log may say.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
    checks: Vec<CheckResult>,
    /// What went wrong on our side. Logged, never sent.
    detail: Option<String>,
    /// How a 401 says that one may authenticate.
    challenge: &'static str,
    /// After how many seconds a 429 says to come back.
    retry_after: Option<u64>,
}

/// An error. All six fields but `checks` are always there.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct Body<'a> {
    /// What kind of error it is; it follows from the status.
    #[schema(example = "not_found")]
    name: &'static str,
    /// This occurrence; the log has it too.
    id: &'a str,
    /// What was wrong, where, and what to do.
    message: &'a str,
    /// Whether the same request may succeed later.
    temporary: bool,
    /// Whether something took too long.
    timeout: bool,
    /// Whether the fault is on our side.
    fault: bool,
    /// Where a bill connect was refused: every check, with what to mend.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    checks: Vec<CheckView<'a>>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            checks: Vec::new(),
            detail: None,
            challenge: "Bearer",
            retry_after: None,
        }
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

    /// Whoever asks has done so too often, and may again after `wait`.
    pub(crate) fn too_many(what: &str, wait: Duration) -> Self {
        let seconds = wait.as_secs() + 1;
        let message = format!("{what}; try again in {seconds} s");
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, message) }
    }

    /// Whether no valid credential came.
    pub(crate) fn is_unauthorized(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// The same error, naming the way to authenticate that was tried.
    pub(crate) fn challenging(self, challenge: &'static str) -> Self {
        Self { challenge, ..self }
    }

    /// The same error with the lines of a report beside it.
    pub(crate) fn with_checks(self, checks: Vec<CheckResult>) -> Self {
        Self { checks, ..self }
    }

    fn name(&self) -> &'static str {
        let status = self.status.as_u16();
        ERRORS.iter().find(|(known, ..)| *known == status).map_or("internal_error", |(_, name, _)| name)
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
            checks: self.checks.iter().map(CheckView::from).collect(),
        };
        let text = serde_json::to_string(&body).expect("texts and booleans turn into JSON");
        let mut response = (self.status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.goa.error"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(self.challenge));
        }
        response
    }
}
