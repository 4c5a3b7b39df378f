//! Where the steps' errors, which know nothing of HTTP, become answers.

use std::time::Duration;

use app::AppError;
use app::orgs::OrgError;
use app::request::ConnectError;
use app::rotate::RotateError;
use app::service_accounts::ServiceAccountError;
use app::store::StoreError;
use app::tokens::TokenError;
use axum::http::StatusCode;
use billing::checks::Report;
use billing::sql::SqlFault;

use crate::error::ApiError;

impl From<AppError> for ApiError {
    fn from(error: AppError) -> Self {
        if let Some(message) = error.in_question() {
            return Self::new(StatusCode::UNPROCESSABLE_ENTITY, message);
        }
        match error {
            AppError::Busy => Self::too_many("too many checks of this org are under way", Duration::from_secs(5)),
            AppError::Exporting(_) => {
                Self::too_many("as many exports as may be are being made", Duration::from_secs(5))
            }
            AppError::Sql(problem) if problem.fault == SqlFault::Busy => {
                Self::too_many(&problem.message, Duration::from_secs(5))
            }
            AppError::Sql(problem) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, problem.to_string()),
            AppError::NotFound(_) | AppError::NoDelivery(_) | AppError::NotPublished(_) => {
                Self::not_found(error.to_string())
            }
            AppError::Removed(_) => Self::new(StatusCode::GONE, error.to_string()),
            AppError::Overtaken(_) => {
                Self::new(StatusCode::CONFLICT, format!("{error}; look at it again, then send the request again"))
            }
            AppError::NotVerified(Some(ref report)) => with_report(StatusCode::UNPROCESSABLE_ENTITY, &error, report),
            AppError::Aws(ref refusal) if refusal.kind.may_pass() => {
                Self::new(StatusCode::BAD_GATEWAY, "AWS gives no answer now; try again later")
            }
            other => Self::internal(other.to_string()),
        }
    }
}

impl From<RotateError> for ApiError {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::NotFound(_) => Self::not_found(error.to_string()),
            RotateError::UnderWay(_) | RotateError::NotPending { .. } | RotateError::InUse { .. } => {
                Self::new(StatusCode::CONFLICT, error.to_string())
            }
            RotateError::App(error) => error.into(),
        }
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Refused | TokenError::NoClient | TokenError::NoToken(_) => {
                Self::unauthorized(error.to_string())
            }
            TokenError::NoSuchOrg(org) => OrgError::NoSuchOrg(org).into(),
            TokenError::Store(error) => Self::internal(error.to_string()),
        }
    }
}

impl From<OrgError> for ApiError {
    fn from(error: OrgError) -> Self {
        match error {
            OrgError::NoSuchOrg(_) => Self::not_found(error.to_string()),
            OrgError::Store(StoreError::OrgTaken(_)) => Self::new(StatusCode::CONFLICT, error.to_string()),
            other => Self::internal(other.to_string()),
        }
    }
}

impl From<ServiceAccountError> for ApiError {
    fn from(error: ServiceAccountError) -> Self {
        match error {
            ServiceAccountError::Token(error) => error.into(),
            ServiceAccountError::NoSuchAccount(_) | ServiceAccountError::NoSuchSecret(_) => {
                Self::not_found(error.to_string())
            }
            ServiceAccountError::TooManySecrets => Self::new(StatusCode::CONFLICT, error.to_string()),
        }
    }
}

/// Turns a refusal to connect into an answer; `names` says what the API's generation calls a field.
pub(crate) fn connect_error(error: ConnectError, names: impl Fn(app::request::Field) -> &'static str) -> ApiError {
    match error {
        ConnectError::Invalid(fields) => {
            let wrong: Vec<String> =
                fields.into_iter().map(|wrong| format!("`{}`: {}", names(wrong.field), wrong.message)).collect();
            ApiError::wrong_fields(StatusCode::UNPROCESSABLE_ENTITY, &wrong)
        }
        ConnectError::OtherWay { .. } => ApiError::not_found(error.to_string()),
        ConnectError::Conflict(_) => ApiError::new(StatusCode::CONFLICT, error.to_string()),
        ConnectError::Refused(ref report) => with_report(StatusCode::UNPROCESSABLE_ENTITY, &error, report),
        ConnectError::Undecided(ref report) => with_report(StatusCode::BAD_GATEWAY, &error, report),
        ConnectError::App(error) => error.into(),
    }
}

fn with_report(status: StatusCode, error: &impl ToString, report: &Report) -> ApiError {
    ApiError::new(status, error.to_string()).with_checks(report.checks.clone())
}
