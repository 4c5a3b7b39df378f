//! Bill connects, first generation: `/api/onboarding/orgs/{org}/bill_connects`.

use app::keep::{Connection, Validation};
use axum::Json;
use axum::http::StatusCode;
use billing::connection::AccessKind;
use billing::names::{BillConnectId, OrgId};
use serde::Serialize;
use utoipa::ToSchema;

use super::connect_body::{Kind, Names, Purpose, RECOMMENDATION};
use super::stamp;
use crate::access::{Admin, ConnectId, Viewer};
use crate::body::JsonObject;
use crate::check_view::states;
use crate::error::ApiError;
use crate::route::{Needs, Route};

const NAMES: Names = Names {
    account: "aws_bill_account_id",
    bucket: "aws_bucket_name",
    path: "aws_bucket_path",
    effective_from: None,
    report: "aws_report_name",
    role_arn: "aws_sts_role_arn",
    session_name: "aws_sts_role_session_name",
    external_id: None,
    access_key_id: "aws_access_key_id",
    secret_access_key: "aws_secret_access_key",
    partition: None,
};

const ROLE: Kind = Kind { name: "BillConnectRole", purpose: Purpose::Make, access: AccessKind::Role };
const USER: Kind = Kind { name: "BillConnectUser", purpose: Purpose::Make, access: AccessKind::User };
const ROLE_CHANGE: Kind = Kind { name: "BillConnectRoleChange", purpose: Purpose::Change, access: AccessKind::Role };
const USER_CHANGE: Kind = Kind { name: "BillConnectUserChange", purpose: Purpose::Change, access: AccessKind::User };

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Needs::Viewer
            .get("/api/onboarding/orgs/{org}/bill_connects", list)
            .named("listBillConnects", "List the org's bill connects")
            .answers_array::<View>(200),
        Needs::Viewer
            .get("/api/onboarding/orgs/{org}/bill_connects/validate", validate)
            .named("validateBillConnects", "Prove every bill connect anew")
            .about("200 also where one does not hold: what is wrong is in its `error`.")
            .answers_array::<ValidationView>(200)
            .refuses(&[502]),
        Needs::Admin
            .post("/api/onboarding/orgs/{org}/bill_connects/aws/iam_role", connect_role)
            .named("connectRole", "Connect a bill by a role")
            .about(CONNECT)
            .takes(NAMES.doc(ROLE))
            .answers::<View>(201)
            .refuses(&[409, 422, 502]),
        Needs::Admin
            .post("/api/onboarding/orgs/{org}/bill_connects/aws/iam_user", connect_user)
            .named("connectUser", "Connect a bill by an IAM user's access key")
            .about(CONNECT_USER)
            .takes(NAMES.doc(USER))
            .answers::<View>(201)
            .refuses(&[409, 422, 502]),
        Needs::Admin
            .patch("/api/onboarding/orgs/{org}/bill_connects/aws/iam_role/{id}", change_role)
            .named("changeRole", "Change a bill connect by a role")
            .about(CHANGE)
            .takes(NAMES.doc(ROLE_CHANGE))
            .answers_nothing()
            .refuses(&[409, 422, 502]),
        Needs::Admin
            .patch("/api/onboarding/orgs/{org}/bill_connects/aws/iam_user/{id}", change_user)
            .named("changeUser", "Change a bill connect by an IAM user")
            .about(CHANGE)
            .takes(NAMES.doc(USER_CHANGE))
            .answers_nothing()
            .refuses(&[409, 422, 502]),
        Needs::Viewer
            .get("/api/onboarding/orgs/{org}/bill_connects/aws/{id}", show)
            .named("showBillConnect", "Show a bill connect")
            .answers::<View>(200),
        Needs::Admin
            .delete("/api/onboarding/orgs/{org}/bill_connects/aws/{id}", disconnect)
            .named("deleteBillConnect", "Delete a bill connect")
            .about(DELETE)
            .answers_nothing(),
    ]
}

/// What connecting does, in both generations.
pub(super) const CONNECT: &str = "Every check runs before anything is stored. Where a required one fails, the answer is a 422 \
    with all of them, nothing is stored, and each says what to paste to mend it.";

/// What connecting by an IAM user does beyond that.
pub(super) const CONNECT_USER: &str = "As by a role, but for those who can't make one: there is no trust to prove, and a secret to \
    keep. The keys must be a long-term pair of an IAM user of the payer account; a root user's are refused. They are kept \
    encrypted and are in no answer. `recommendation` says why a role is the better way.";

/// What changing does, in both generations.
pub(super) const CHANGE: &str = "What is left out stays as it is. The whole of the new configuration is proven before it takes \
    the old one's place; where it fails, the old one stays. The account can't be changed. What was read stays, and where the old \
    and the new place have both delivered a month, the newer delivery counts. Another report replaces the months that it covers. Months \
    before a first month that is moved later stay, and are looked at no more. 409 where somebody else changed it meanwhile. \
    A role is changed under `iam_role` (`iam-role`), an IAM user under `iam_user` (`iam-user`): the other is a 404.";

/// What deleting does, in both generations.
pub(super) const DELETE: &str =
    "Its reading stops, and its months are in no answer any more. The account can be connected again.";

/// A bill connect as the first generation says it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BillConnect)]
pub(crate) struct View {
    #[schema(value_type = String, example = "aws-123456789012")]
    id: BillConnectId,
    /// Where it is shown.
    href: String,
    #[schema(example = "aws")]
    cloud_vendor_id: &'static str,
    #[schema(example = "2026-10-01T12:00:00Z")]
    created_at: String,
    #[schema(example = "2026-10-01T12:00:00Z")]
    updated_at: String,
    /// The payer account.
    #[schema(example = "123456789012")]
    aws_bill_account_id: String,
    #[schema(example = "acme-bills")]
    aws_bucket_name: String,
    #[schema(example = "cur")]
    aws_bucket_path: String,
    /// Found by asking AWS.
    #[schema(example = "eu-west-1")]
    aws_bucket_region: String,
    /// The report that it keeps to, where one was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "hourly-cost")]
    aws_report_name: Option<String>,
    /// Of a connection by a role only, as is the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "arn:aws:iam::123456789012:role/billing")]
    aws_sts_role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "flexera-finops")]
    aws_sts_role_session_name: Option<String>,
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
}

impl From<Connection> for View {
    fn from(Connection { connect, standing }: Connection) -> Self {
        let (id, asked) = (connect.candidate.id(), connect.candidate);
        let role = asked.role();
        Self {
            aws_sts_role_arn: role.map(|role| role.arn.to_string()),
            aws_sts_role_session_name: role.map(|role| role.session_name.to_string()),
            href: href(asked.org, &id),
            id,
            cloud_vendor_id: "aws",
            created_at: stamp(connect.created_at),
            updated_at: stamp(connect.updated_at),
            aws_bill_account_id: asked.account.into(),
            aws_bucket_name: asked.bucket.into(),
            aws_bucket_path: asked.path.into(),
            aws_bucket_region: connect.region.into(),
            aws_report_name: asked.report.map(String::from),
            state: standing.state.name(),
            state_reason: standing.reason(),
            state_since: standing.since.map(stamp),
            recommendation: None,
        }
    }
}

/// Whether a bill connect holds, as the first generation says it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BillConnectValidation)]
pub(crate) struct ValidationView {
    #[schema(value_type = String, example = "aws-123456789012")]
    bill_id: BillConnectId,
    href: String,
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
    Ok(Json(viewer.connections().await?.into_iter().map(View::from).collect()))
}

/// `GET /bill_connects/aws/{id}`
pub(crate) async fn show(viewer: Viewer, ConnectId(id): ConnectId) -> Result<Json<View>, ApiError> {
    Ok(Json(viewer.connection(&id).await?.into()))
}

/// `GET /bill_connects/validate`
pub(crate) async fn validate(viewer: Viewer) -> Result<Json<Vec<ValidationView>>, ApiError> {
    let view = |validation: Validation| ValidationView {
        href: href(viewer.org(), &validation.connect),
        valid: validation.valid,
        error: error_text(&validation),
        state: validation.standing.state.name(),
        state_reason: validation.standing.reason(),
        state_since: validation.standing.since.map(stamp),
        bill_id: validation.connect,
    };
    Ok(Json(viewer.validations().await?.into_iter().map(view).collect()))
}

/// `POST /bill_connects/aws/iam_role`
pub(crate) async fn connect_role(admin: Admin, body: JsonObject) -> Result<(StatusCode, Json<View>), ApiError> {
    connect(&admin, ROLE, &body).await
}

/// `POST /bill_connects/aws/iam_user`
pub(crate) async fn connect_user(admin: Admin, body: JsonObject) -> Result<(StatusCode, Json<View>), ApiError> {
    let (status, Json(view)) = connect(&admin, USER, &body).await?;
    Ok((status, Json(View { recommendation: Some(RECOMMENDATION), ..view })))
}

async fn connect(admin: &Admin, kind: Kind, body: &JsonObject) -> Result<(StatusCode, Json<View>), ApiError> {
    Ok((StatusCode::CREATED, Json(NAMES.connect(admin, kind, body).await?.into())))
}

/// `PATCH /bill_connects/aws/iam_role/{id}`
pub(crate) async fn change_role(admin: Admin, id: ConnectId, body: JsonObject) -> Result<StatusCode, ApiError> {
    NAMES.change(&admin, ROLE_CHANGE, (id, &body)).await
}

/// `PATCH /bill_connects/aws/iam_user/{id}`
pub(crate) async fn change_user(admin: Admin, id: ConnectId, body: JsonObject) -> Result<StatusCode, ApiError> {
    NAMES.change(&admin, USER_CHANGE, (id, &body)).await
}

/// `DELETE /bill_connects/aws/{id}`, and the second generation's `/bill-connects/aws/{id}`
pub(crate) async fn disconnect(admin: Admin, ConnectId(id): ConnectId) -> Result<StatusCode, ApiError> {
    admin.disconnect(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
