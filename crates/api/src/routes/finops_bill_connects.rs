//! Bill connects, second generation: `/finops-onboarding/v1/orgs/{org}/bill-connects`.

use app::query::Validation;
use axum::Json;
use axum::http::StatusCode;
use billing::connection::{AccessKind, BillConnect};
use billing::names::BillConnectId;
use serde::Serialize;

use super::bill_connects::error_text;
use super::role_body::{LaterNames, Names};
use super::stamp;
use crate::access::{Admin, ConnectId, Viewer};
use crate::body::JsonObject;
use crate::convert::connect_error;
use crate::error::ApiError;

const NAMES: Names = Names {
    account: "billAccountId",
    bucket: "bucketName",
    path: "bucketPath",
    role_arn: "stsRoleArn",
    session_name: "stsRoleSessionName",
    later: Some(LaterNames { external_id: "stsExternalId", effective_from: "effectiveFrom" }),
};

/// A list as the second generation says it.
#[derive(Debug, Serialize)]
pub(crate) struct List<T> {
    pub(super) kind: &'static str,
    pub(super) values: Vec<T>,
}

/// A bill connect as the second generation says it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    kind: &'static str,
    id: BillConnectId,
    created_at: String,
    updated_at: String,
    aws: AwsView,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AwsView {
    kind: &'static str,
    bill_account_id: String,
    bucket_name: String,
    bucket_path: String,
    bucket_region: String,
    partition: &'static str,
    onboarding_origin: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iam_role: Option<IamRoleView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the contract names them so")]
struct IamRoleView {
    sts_external_id: String,
    sts_role_arn: String,
    sts_role_session_name: String,
}

impl From<BillConnect> for View {
    fn from(connect: BillConnect) -> Self {
        let (id, asked) = (connect.candidate.id(), connect.candidate);
        let iam_role = asked.role().map(|role| IamRoleView {
            sts_external_id: role.external_id.to_string(),
            sts_role_arn: role.arn.to_string(),
            sts_role_session_name: role.session_name.to_string(),
        });
        let aws = AwsView {
            kind: match asked.access.kind() {
                AccessKind::Role => "finops:bill-connect-aws-iam-role",
                AccessKind::User => "finops:bill-connect-aws-iam-user",
            },
            partition: asked.partition().as_str(),
            // The public clients know `finops` and `platform`; both generations are the former.
            onboarding_origin: "finops",
            effective_from: asked.effective_from.map(|period| period.to_string()),
            bill_account_id: asked.account.into(),
            bucket_name: asked.bucket.into(),
            bucket_path: asked.path.into(),
            bucket_region: connect.region.into(),
            iam_role,
        };
        let (created_at, updated_at) = (stamp(connect.created_at), stamp(connect.updated_at));
        Self { kind: "finops:bill-connect-aws", id, created_at, updated_at, aws }
    }
}

/// Whether a bill connect holds, as the second generation says it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ValidationView {
    kind: &'static str,
    bill_id: BillConnectId,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<Validation> for ValidationView {
    fn from(validation: Validation) -> Self {
        let error = error_text(&validation);
        let kind = "finops:bill-connect-aws-validation";
        Self { kind, bill_id: validation.connect, valid: validation.valid, error }
    }
}

/// `GET /bill-connects`
pub(crate) async fn list(viewer: Viewer) -> Result<Json<List<View>>, ApiError> {
    let values = viewer.bill_connects().await?.into_iter().map(View::from).collect();
    Ok(Json(List { kind: "finops:generic-bill-list", values }))
}

/// `GET /bill-connects/aws/{id}`
pub(crate) async fn show(viewer: Viewer, ConnectId(id): ConnectId) -> Result<Json<View>, ApiError> {
    Ok(Json(viewer.bill_connect(&id).await?.into()))
}

/// `GET /bill-connects/validations`
pub(crate) async fn validations(viewer: Viewer) -> Result<Json<List<ValidationView>>, ApiError> {
    let values = viewer.validations().await?.into_iter().map(ValidationView::from).collect();
    Ok(Json(List { kind: "finops:generic-bill-validation-list", values }))
}

/// `GET /bill-connects/aws/{id}/validation`
pub(crate) async fn validation(viewer: Viewer, ConnectId(id): ConnectId) -> Result<Json<ValidationView>, ApiError> {
    Ok(Json(viewer.validation(&id).await?.into()))
}

/// `POST /bill-connects/aws/iam-role`
pub(crate) async fn connect_role(admin: Admin, body: JsonObject) -> Result<(StatusCode, Json<View>), ApiError> {
    let body = NAMES.read(&body)?;
    let connect = admin.connect(body).await;
    let connect = connect.map_err(|error| connect_error(error, |field| NAMES.of(field)))?;
    Ok((StatusCode::CREATED, Json(connect.into())))
}
