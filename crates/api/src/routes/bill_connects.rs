//! Bill connects, first generation: `/api/onboarding/orgs/{org}/bill_connects`.

use app::query::Validation;
use axum::Json;
use axum::http::StatusCode;
use billing::connection::BillConnect;
use billing::names::{BillConnectId, OrgId};
use serde::Serialize;

use super::role_body::Names;
use super::stamp;
use crate::access::{Admin, ConnectId, Viewer};
use crate::body::JsonObject;
use crate::convert::connect_error;
use crate::error::ApiError;

const NAMES: Names = Names {
    account: "aws_bill_account_id",
    bucket: "aws_bucket_name",
    path: "aws_bucket_path",
    role_arn: "aws_sts_role_arn",
    session_name: "aws_sts_role_session_name",
    later: None,
};

/// A bill connect as the first generation says it.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    id: BillConnectId,
    href: String,
    cloud_vendor_id: &'static str,
    created_at: String,
    updated_at: String,
    aws_bill_account_id: String,
    aws_bucket_name: String,
    aws_bucket_path: String,
    aws_bucket_region: String,
    #[serde(flatten)]
    role: Option<RoleView>,
}

/// What only connections by a role have.
#[derive(Debug, Serialize)]
struct RoleView {
    aws_sts_role_arn: String,
    aws_sts_role_session_name: String,
}

impl From<BillConnect> for View {
    fn from(connect: BillConnect) -> Self {
        let (id, asked) = (connect.candidate.id(), connect.candidate);
        let role = asked.role().map(|role| RoleView {
            aws_sts_role_arn: role.arn.to_string(),
            aws_sts_role_session_name: role.session_name.to_string(),
        });
        Self {
            href: href(asked.org, &id),
            id,
            cloud_vendor_id: "aws",
            created_at: stamp(connect.created_at),
            updated_at: stamp(connect.updated_at),
            aws_bill_account_id: asked.account.into(),
            aws_bucket_name: asked.bucket.into(),
            aws_bucket_path: asked.path.into(),
            aws_bucket_region: connect.region.into(),
            role,
        }
    }
}

/// Whether a bill connect holds, as the first generation says it.
#[derive(Debug, Serialize)]
pub(crate) struct ValidationView {
    bill_id: BillConnectId,
    href: String,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn href(org: OrgId, id: &BillConnectId) -> String {
    format!("/api/onboarding/orgs/{org}/bill_connects/aws/{id}")
}

/// What does not hold, in one text; nothing where all does.
pub(super) fn error_text(validation: &Validation) -> Option<String> {
    let problem = || "AWS's answers do not suffice to judge; try again later".to_owned();
    let joined = Some(validation.errors.join("; ")).filter(|errors| !errors.is_empty());
    if validation.valid { None } else { Some(joined.unwrap_or_else(problem)) }
}

/// `GET /bill_connects`
pub(crate) async fn list(viewer: Viewer) -> Result<Json<Vec<View>>, ApiError> {
    Ok(Json(viewer.bill_connects().await?.into_iter().map(View::from).collect()))
}

/// `GET /bill_connects/aws/{id}`
pub(crate) async fn show(viewer: Viewer, ConnectId(id): ConnectId) -> Result<Json<View>, ApiError> {
    Ok(Json(viewer.bill_connect(&id).await?.into()))
}

/// `GET /bill_connects/validate`
pub(crate) async fn validate(viewer: Viewer) -> Result<Json<Vec<ValidationView>>, ApiError> {
    let view = |validation: Validation| ValidationView {
        href: href(viewer.org(), &validation.connect),
        valid: validation.valid,
        error: error_text(&validation),
        bill_id: validation.connect,
    };
    Ok(Json(viewer.validations().await?.into_iter().map(view).collect()))
}

/// `POST /bill_connects/aws/iam_role`
pub(crate) async fn connect_role(admin: Admin, body: JsonObject) -> Result<(StatusCode, Json<View>), ApiError> {
    let body = NAMES.read(&body)?;
    let connect = admin.connect(body).await;
    let connect = connect.map_err(|error| connect_error(error, |field| NAMES.of(field)))?;
    Ok((StatusCode::CREATED, Json(connect.into())))
}
