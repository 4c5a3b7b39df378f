//! Bill connects, second generation: `/finops-onboarding/v1/orgs/{org}/bill-connects`.

use app::keep::{Connection, Validation};
use axum::Json;
use axum::http::StatusCode;
use billing::connection::AccessKind;
use billing::names::BillConnectId;
use serde::Serialize;
use utoipa::ToSchema;

use super::bill_connects::{CHANGE, CONNECT, CONNECT_USER, DELETE, disconnect, error_text};
use super::connect_body::{Kind, Names, Purpose, RECOMMENDATION};
use super::list::List;
use super::stamp;
use crate::access::{Admin, ConnectId, Viewer};
use crate::body::JsonObject;
use crate::check_view::states;
use crate::error::ApiError;
use crate::route::{Needs, Route};

pub(super) const NAMES: Names = Names {
    account: "billAccountId",
    bucket: "bucketName",
    path: "bucketPath",
    effective_from: Some("effectiveFrom"),
    report: "reportName",
    role_arn: "stsRoleArn",
    session_name: "stsRoleSessionName",
    external_id: Some("stsExternalId"),
    access_key_id: "accessKey",
    secret_access_key: "secretAccessKey",
    partition: Some("partition"),
};

pub(super) const ROLE: Kind = Kind { name: "FinopsBillConnectRole", purpose: Purpose::Make, access: AccessKind::Role };
pub(super) const USER: Kind = Kind { name: "FinopsBillConnectUser", purpose: Purpose::Make, access: AccessKind::User };
const ROLE_CHANGE: Kind =
    Kind { name: "FinopsBillConnectRoleChange", purpose: Purpose::Change, access: AccessKind::Role };
const USER_CHANGE: Kind =
    Kind { name: "FinopsBillConnectUserChange", purpose: Purpose::Change, access: AccessKind::User };

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Needs::Viewer
            .get("/finops-onboarding/v1/orgs/{org}/bill-connects", list)
            .named("finopsListBillConnects", "List the org's bill connects")
            .answers::<List<View>>(200),
        Needs::Viewer
            .get("/finops-onboarding/v1/orgs/{org}/bill-connects/validations", validations)
            .named("finopsValidateBillConnects", "Prove every bill connect anew")
            .about("200 also where one does not hold: what is wrong is in its `error`.")
            .answers::<List<ValidationView>>(200)
            .refuses(&[502]),
        Needs::Admin
            .post("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/iam-role", connect_role)
            .named("finopsConnectRole", "Connect a bill by a role")
            .about(CONNECT)
            .takes(NAMES.doc(ROLE))
            .answers::<View>(201)
            .refuses(&[409, 422, 502]),
        Needs::Admin
            .post("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/iam-user", connect_user)
            .named("finopsConnectUser", "Connect a bill by an IAM user's access key")
            .about(CONNECT_USER)
            .takes(NAMES.doc(USER))
            .answers::<View>(201)
            .refuses(&[409, 422, 502]),
        Needs::Admin
            .patch("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/iam-role/{id}", change_role)
            .named("finopsChangeRole", "Change a bill connect by a role")
            .about(CHANGE)
            .takes(NAMES.doc(ROLE_CHANGE))
            .answers_nothing()
            .refuses(&[409, 422, 502]),
        Needs::Admin
            .patch("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/iam-user/{id}", change_user)
            .named("finopsChangeUser", "Change a bill connect by an IAM user")
            .about(CHANGE)
            .takes(NAMES.doc(USER_CHANGE))
            .answers_nothing()
            .refuses(&[409, 422, 502]),
        Needs::Viewer
            .get("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/{id}", show)
            .named("finopsShowBillConnect", "Show a bill connect")
            .answers::<View>(200),
        Needs::Admin
            .delete("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/{id}", disconnect)
            .named("finopsDeleteBillConnect", "Delete a bill connect")
            .about(DELETE)
            .answers_nothing(),
        Needs::Viewer
            .get("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/{id}/validation", validation)
            .named("finopsValidateBillConnect", "Prove a bill connect anew")
            .about("200 also where it does not hold: what is wrong is in `error`.")
            .answers::<ValidationView>(200)
            .refuses(&[502]),
    ]
}

/// A bill connect as the second generation says it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsBillConnect)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    #[schema(example = "finops:bill-connect-aws")]
    kind: &'static str,
    #[schema(value_type = String, example = "aws-123456789012")]
    id: BillConnectId,
    #[schema(example = "2026-10-01T12:00:00Z")]
    created_at: String,
    #[schema(example = "2026-10-01T12:00:00Z")]
    updated_at: String,
    /// Whether its bills are read.
    #[schema(schema_with = states)]
    state: &'static str,
    /// Why they are not; only where they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    state_reason: Option<String>,
    /// Since when; unknown where nothing was ever proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-10-01T12:00:00Z")]
    state_since: Option<String>,
    /// What would be better; only in the answer to connecting by an IAM user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    recommendation: Option<&'static str>,
    aws: AwsView,
}

/// What of a bill connect is AWS's.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsBillConnectAws)]
#[serde(rename_all = "camelCase")]
struct AwsView {
    #[schema(example = "finops:bill-connect-aws-iam-role")]
    kind: &'static str,
    /// The payer account.
    #[schema(example = "123456789012")]
    bill_account_id: String,
    #[schema(example = "acme-bills")]
    bucket_name: String,
    #[schema(example = "cur")]
    bucket_path: String,
    /// Found by asking AWS.
    #[schema(example = "eu-west-1")]
    bucket_region: String,
    #[schema(example = "aws")]
    partition: &'static str,
    #[schema(example = "finops")]
    onboarding_origin: &'static str,
    /// The first month to read, where not all are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-01")]
    effective_from: Option<String>,
    /// The report that it keeps to, where one was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "hourly-cost")]
    report_name: Option<String>,
    /// The role that the bill is read with, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    iam_role: Option<IamRoleView>,
}

/// The role that the bill is read with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsIamRole)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the contract names them so")]
struct IamRoleView {
    sts_external_id: String,
    sts_role_arn: String,
    sts_role_session_name: String,
}

impl From<Connection> for View {
    fn from(Connection { connect, standing }: Connection) -> Self {
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
            report_name: asked.report.map(String::from),
            bill_account_id: asked.account.into(),
            bucket_name: asked.bucket.into(),
            bucket_path: asked.path.into(),
            bucket_region: connect.region.into(),
            iam_role,
        };
        let (created_at, updated_at) = (stamp(connect.created_at), stamp(connect.updated_at));
        let (state, state_reason, state_since) = (standing.state.name(), standing.reason(), standing.since.map(stamp));
        let (kind, recommendation) = ("finops:bill-connect-aws", None);
        Self { kind, id, created_at, updated_at, state, state_reason, state_since, recommendation, aws }
    }
}

/// Whether a bill connect holds, as the second generation says it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsBillConnectValidation)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ValidationView {
    #[schema(example = "finops:bill-connect-aws-validation")]
    kind: &'static str,
    #[schema(value_type = String, example = "aws-123456789012")]
    bill_id: BillConnectId,
    valid: bool,
    /// What does not hold; only where something does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
    /// Whether its bills are read.
    #[schema(schema_with = states)]
    state: &'static str,
    /// Why they are not; only where they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    state_reason: Option<String>,
    /// Since when; unknown where nothing was ever proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-10-01T12:00:00Z")]
    state_since: Option<String>,
}

impl From<Validation> for ValidationView {
    fn from(validation: Validation) -> Self {
        let error = error_text(&validation);
        let kind = "finops:bill-connect-aws-validation";
        let standing = validation.standing;
        Self {
            kind,
            bill_id: validation.connect,
            valid: validation.valid,
            error,
            state: standing.state.name(),
            state_reason: standing.reason(),
            state_since: standing.since.map(stamp),
        }
    }
}

/// `GET /bill-connects`
pub(crate) async fn list(viewer: Viewer) -> Result<Json<List<View>>, ApiError> {
    let values = viewer.connections().await?.into_iter().map(View::from).collect();
    Ok(Json(List { kind: "finops:generic-bill-list", values }))
}

/// `GET /bill-connects/aws/{id}`
pub(crate) async fn show(viewer: Viewer, ConnectId(id): ConnectId) -> Result<Json<View>, ApiError> {
    Ok(Json(viewer.connection(&id).await?.into()))
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
    connect(&admin, ROLE, &body).await
}

/// `POST /bill-connects/aws/iam-user`
pub(crate) async fn connect_user(admin: Admin, body: JsonObject) -> Result<(StatusCode, Json<View>), ApiError> {
    let (status, Json(view)) = connect(&admin, USER, &body).await?;
    Ok((status, Json(View { recommendation: Some(RECOMMENDATION), ..view })))
}

async fn connect(admin: &Admin, kind: Kind, body: &JsonObject) -> Result<(StatusCode, Json<View>), ApiError> {
    Ok((StatusCode::CREATED, Json(NAMES.connect(admin, kind, body).await?.into())))
}

/// `PATCH /bill-connects/aws/iam-role/{id}`
pub(crate) async fn change_role(admin: Admin, id: ConnectId, body: JsonObject) -> Result<StatusCode, ApiError> {
    NAMES.change(&admin, ROLE_CHANGE, (id, &body)).await
}

/// `PATCH /bill-connects/aws/iam-user/{id}`
pub(crate) async fn change_user(admin: Admin, id: ConnectId, body: JsonObject) -> Result<StatusCode, ApiError> {
    NAMES.change(&admin, USER_CHANGE, (id, &body)).await
}
