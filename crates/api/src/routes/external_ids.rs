//! The external ids of an org, and their rotation: `/finops-onboarding/v1/orgs/{org}/external-ids`.

use app::rotate::{IdOfConnect, Life, RotatingId};
use axum::Json;
use axum::http::StatusCode;
use billing::names::BillConnectId;
use serde::Serialize;
use utoipa::ToSchema;

use super::list::List;
use super::stamp;
use crate::access::{Admin, ExternalIdText, Viewer};
use crate::check_view::{lives, shown};
use crate::error::ApiError;
use crate::route::{Needs, Param, Route};

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Needs::Viewer
            .get("/finops-onboarding/v1/orgs/{org}/external-ids", list)
            .named("finopsListExternalIds", "List the external ids that the org was given, oldest first")
            .answers::<List<IdView>>(200),
        Needs::Admin
            .post("/finops-onboarding/v1/orgs/{org}/external-ids", rotate)
            .named("finopsRotateExternalId", "Give the org a second external id")
            .about(
                "While both are alive, every role is tried with each. A connection goes over to the new one when its role takes it, \
                 and the old one is retired when every role refuses it. 409 while a rotation is under way.",
            )
            .answers::<IdView>(201)
            .refuses(&[409]),
        Needs::Admin
            .delete("/finops-onboarding/v1/orgs/{org}/external-ids/{externalId}", abandon)
            .named("finopsAbandonExternalId", "Give a pending external id up")
            .about(
                "Connections that use it go back to the other one, each proven with that first; 409 where a role does not take it, \
                 or where the id is not pending.",
            )
            .param(Param::segment("externalId", "an external id of the org", "^[0-9]{6,18}(-[a-z0-9]{16,})?$"))
            .answers_nothing()
            .refuses(&[404, 409, 502]),
    ]
}

/// An external id that the org was given.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsExternalId)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IdView {
    #[schema(example = "finops:external-id")]
    kind: &'static str,
    #[schema(example = "123456789")]
    id: String,
    /// `retiring`: no connection uses it any more; it goes when every role refuses it.
    #[schema(schema_with = lives)]
    state: Life,
    #[schema(example = "2026-10-01T12:00:00Z")]
    since: String,
    /// What each connection with a role makes of it; empty where it is retired.
    connects: Vec<ConnectView>,
}

/// What a connection with a role makes of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsExternalIdConnect)]
#[serde(rename_all = "camelCase")]
struct ConnectView {
    #[schema(value_type = String, example = "aws-123456789012")]
    bill_id: BillConnectId,
    /// Whether it is the one that is presented to the role.
    in_use: bool,
    /// What the role was last shown to make of it, during a rotation; absent where it was not shown yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = shown, required = false)]
    shown: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-10-01T12:00:00Z")]
    shown_at: Option<String>,
}

impl From<IdOfConnect> for ConnectView {
    fn from(of: IdOfConnect) -> Self {
        let (shown, shown_at) = (of.shown.map(|(shown, _)| shown.name()), of.shown.map(|(_, at)| stamp(at)));
        Self { bill_id: of.connect, in_use: of.in_use, shown, shown_at }
    }
}

impl From<RotatingId> for IdView {
    fn from(id: RotatingId) -> Self {
        let connects = id.connects.into_iter().map(ConnectView::from).collect();
        Self { kind: "finops:external-id", id: id.id, state: id.state, since: stamp(id.since), connects }
    }
}

/// `GET /external-ids`
async fn list(viewer: Viewer) -> Result<Json<List<IdView>>, ApiError> {
    let values = viewer.external_ids().await?.into_iter().map(IdView::from).collect();
    Ok(Json(List { kind: "finops:external-id-list", values }))
}

/// `POST /external-ids`
async fn rotate(admin: Admin) -> Result<(StatusCode, Json<IdView>), ApiError> {
    Ok((StatusCode::CREATED, Json(admin.rotate_external_id().await?.into())))
}

/// `DELETE /external-ids/{externalId}`
async fn abandon(admin: Admin, ExternalIdText(id): ExternalIdText) -> Result<StatusCode, ApiError> {
    admin.abandon_external_id(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
