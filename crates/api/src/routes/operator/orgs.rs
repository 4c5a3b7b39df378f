//! Orgs, as the operator's programs make and delete them, and the audit logs.

use app::audit::Log;
use app::store::Org;
use axum::Json;
use axum::http::StatusCode;
use billing::names::OrgId;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::audit::{EntryView, paged};
use super::super::page::{Page, Paged, paged_route};
use super::super::stamp;
use super::{check_name, of_org};
use crate::access::operator::{NamedOrg, Operator};
use crate::body::{Fields, JsonObject};
use crate::body_doc::{BodyDoc, FieldDoc};
use crate::error::ApiError;
use crate::route::{Needs, Route};

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    let needs = Needs::Operator;
    vec![
        needs
            .post("/operator/v1/orgs", create)
            .named("operatorCreateOrg", "Make an org")
            .about(
                "Its id is random unless you bring one that is in trust policies already; either way, no org ever had it.",
            )
            .takes(doc())
            .answers::<View>(201)
            .refuses(&[409]),
        paged_route(
            needs
                .get("/operator/v1/orgs", list)
                .named("operatorListOrgs", "List the orgs, in the order of their ids")
                .answers::<Paged<View>>(200),
        ),
        of_org(needs.get("/operator/v1/orgs/{orgId}", show))
            .named("operatorShowOrg", "Show an org")
            .answers::<View>(200),
        of_org(needs.delete("/operator/v1/orgs/{orgId}", delete))
            .named("operatorDeleteOrg", "Delete an org with all that it has")
            .about("Its tokens are dead at once, its bill connects and bills are removed, and its id never comes back.")
            .answers_nothing(),
        paged_route(of_org(needs.get("/operator/v1/orgs/{orgId}/audit", audit)))
            .named("operatorListOrgAudit", "List who did what of an org's, newest first; also of a deleted one")
            .answers::<Paged<EntryView>>(200),
        paged_route(needs.get("/operator/v1/audit", own_audit))
            .named("operatorListAudit", "List who did what of the operator's, newest first")
            .answers::<Paged<EntryView>>(200),
    ]
}

/// What a body may say.
fn doc() -> BodyDoc {
    let fields = vec![
        FieldDoc::text("name", "a name for people").example("Acme"),
        FieldDoc::text("id", "an id of six to eighteen digits that the org has elsewhere already").optional(),
    ];
    BodyDoc { name: "OperatorOrgRequest", fields }
}

/// An org.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperatorOrg)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    #[schema(example = "operator:org")]
    kind: &'static str,
    #[schema(example = "123456789")]
    id: String,
    name: String,
    /// What the org's roles must require.
    #[schema(example = "123456789")]
    external_id: String,
    #[schema(example = "2026-10-01T12:00:00Z")]
    created_at: String,
}

impl From<Org> for View {
    fn from(org: Org) -> Self {
        let (id, external_id, created_at) =
            (org.id.to_string(), org.id.external_id().to_string(), stamp(org.created_at));
        Self { kind: "operator:org", id, name: org.name, external_id, created_at }
    }
}

/// `POST /operator/v1/orgs`
async fn create(operator: Operator, body: JsonObject) -> Result<(StatusCode, Json<View>), ApiError> {
    let doc = doc();
    let mut fields = Fields::of(&body, &doc);
    let name = fields.text("name");
    check_name(&mut fields, name);
    let id = fields.maybe_text("id").map(str::parse::<OrgId>).transpose();
    let id = id.unwrap_or_else(|error| {
        fields.refuse("id", error);
        None
    });
    fields.finish()?;
    let org = operator.create_org(name.unwrap_or_default().trim(), id).await?;
    Ok((StatusCode::CREATED, Json(org.into())))
}

/// `GET /operator/v1/orgs`
async fn list(operator: Operator, page: Page) -> Result<Json<Paged<View>>, ApiError> {
    let after = page.skip.and_then(|id| OrgId::try_from(u64::try_from(id).ok()?).ok());
    let orgs = operator.orgs(after, page.limit).await?;
    Ok(Json(page.show("operator:org-list", orgs, |org| i64::try_from(org.id.number()).unwrap_or(i64::MAX))))
}

/// `GET /operator/v1/orgs/{orgId}`
async fn show(operator: Operator, NamedOrg(org): NamedOrg) -> Result<Json<View>, ApiError> {
    Ok(Json(operator.org(org).await?.into()))
}

/// `DELETE /operator/v1/orgs/{orgId}`
async fn delete(operator: Operator, NamedOrg(org): NamedOrg) -> Result<StatusCode, ApiError> {
    operator.delete_org(org).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /operator/v1/orgs/{orgId}/audit`
async fn audit(operator: Operator, NamedOrg(org): NamedOrg, page: Page) -> Result<Json<Paged<EntryView>>, ApiError> {
    Ok(Json(paged(&page, operator.audit_log(Log::Org(org), page.skip, page.limit).await?)))
}

/// `GET /operator/v1/audit`
async fn own_audit(operator: Operator, page: Page) -> Result<Json<Paged<EntryView>>, ApiError> {
    Ok(Json(paged(&page, operator.audit_log(Log::Operator, page.skip, page.limit).await?)))
}
