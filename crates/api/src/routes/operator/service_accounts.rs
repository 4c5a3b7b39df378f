//! An org's service accounts and their secrets, as the operator's programs make, change and delete them.

use app::service_accounts::{NewSecret, ServiceAccountChange};
use app::store::{ClientSecret, ServiceAccount};
use axum::Json;
use axum::http::StatusCode;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::list::List;
use super::super::stamp;
use super::{check_name, numbered, of_org, role};
use crate::access::operator::{ClientId, NamedOrg, Number, Operator};
use crate::body::{Fields, JsonObject};
use crate::body_doc::{BodyDoc, FieldDoc};
use crate::error::ApiError;
use crate::route::{Needs, Param, Route};

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    let needs = Needs::Operator;
    vec![
        of_org(needs.post("/operator/v1/orgs/{orgId}/service-accounts", create))
            .named("operatorCreateServiceAccount", "Make a service account; its first secret is in this answer alone")
            .takes(made_of())
            .answers::<MadeView>(201),
        of_org(needs.get("/operator/v1/orgs/{orgId}/service-accounts", list))
            .named("operatorListServiceAccounts", "List an org's service accounts, without their secrets")
            .answers::<List<View>>(200),
        of_account(needs.get("/operator/v1/orgs/{orgId}/service-accounts/{clientId}", show))
            .named("operatorShowServiceAccount", "Show a service account")
            .answers::<View>(200),
        of_account(needs.patch("/operator/v1/orgs/{orgId}/service-accounts/{clientId}", change))
            .named("operatorChangeServiceAccount", "Change a service account; what its tokens may do changes at once")
            .takes(changed_by())
            .answers_nothing(),
        of_account(needs.delete("/operator/v1/orgs/{orgId}/service-accounts/{clientId}", delete))
            .named("operatorDeleteServiceAccount", "Delete a service account, its secrets and its tokens")
            .answers_nothing(),
        of_account(needs.post("/operator/v1/orgs/{orgId}/service-accounts/{clientId}/secrets", add_secret))
            .named("operatorCreateClientSecret", "Make another secret, to take the place of the one there is")
            .about("An account has at most two secrets at once. The body is not looked at.")
            .answers::<MadeView>(201)
            .refuses(&[409]),
        numbered(needs.delete("/operator/v1/orgs/{orgId}/service-accounts/{clientId}/secrets/{number}", revoke_secret))
            .param(client_id())
            .named("operatorRevokeClientSecret", "Revoke a secret, and every access token that came from it")
            .answers_nothing(),
    ]
}

fn client_id() -> Param {
    Param::segment("clientId", "the service account", "^bcc_[0-9A-Za-z]{16}$")
}

/// A route below a service account's address.
fn of_account(route: Route) -> Route {
    of_org(route).param(client_id())
}

/// What a body that makes an account may say.
fn made_of() -> BodyDoc {
    let fields = vec![
        FieldDoc::text("name", "what it is for").example("nightly export"),
        FieldDoc::word("role", &["admin", "viewer"], "what it may do"),
    ];
    BodyDoc { name: "OperatorServiceAccountRequest", fields }
}

/// What a body that changes an account may say.
fn changed_by() -> BodyDoc {
    let fields = vec![
        FieldDoc::text("name", "what it is for").optional(),
        FieldDoc::word("role", &["admin", "viewer"], "what it may do").optional(),
        FieldDoc::flag("disabled", "whether it is refused, and its access tokens with it").optional(),
    ];
    BodyDoc { name: "OperatorServiceAccountChange", fields }
}

/// A service account, without its secrets.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperatorServiceAccount)]
#[serde(rename_all = "camelCase")]
struct View {
    #[schema(example = "operator:service-account")]
    kind: &'static str,
    #[schema(example = "bcc_0123456789abcdef")]
    client_id: String,
    name: String,
    #[schema(example = "viewer")]
    role: &'static str,
    disabled: bool,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_used_at: Option<String>,
    /// Those that are not revoked, oldest first.
    secrets: Vec<SecretView>,
}

/// A secret, without its text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperatorClientSecret)]
#[serde(rename_all = "camelCase")]
struct SecretView {
    number: i64,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_used_at: Option<String>,
}

/// A secret that was just made. It cannot be printed by accident.
#[derive(Serialize, ToSchema)]
#[schema(as = OperatorNewClientSecret)]
#[serde(rename_all = "camelCase")]
struct MadeView {
    #[schema(example = "operator:client-secret")]
    kind: &'static str,
    #[schema(example = "bcc_0123456789abcdef")]
    client_id: String,
    /// The secret's number.
    number: i64,
    /// Its text, which is nowhere else.
    client_secret: String,
}

impl From<ServiceAccount> for View {
    fn from(account: ServiceAccount) -> Self {
        Self {
            kind: "operator:service-account",
            client_id: account.id,
            name: account.name,
            role: account.role.name(),
            disabled: account.disabled_at.is_some(),
            created_at: stamp(account.created_at),
            last_used_at: account.last_used_at.map(stamp),
            secrets: account.secrets.into_iter().map(SecretView::from).collect(),
        }
    }
}

impl From<ClientSecret> for SecretView {
    fn from(secret: ClientSecret) -> Self {
        let (created_at, last_used_at) = (stamp(secret.created_at), secret.last_used_at.map(stamp));
        Self { number: secret.id, created_at, last_used_at }
    }
}

fn made(client_id: String, secret: &NewSecret) -> (StatusCode, Json<MadeView>) {
    let client_secret = secret.text.expose_secret().to_owned();
    let view = MadeView { kind: "operator:client-secret", client_id, number: secret.id, client_secret };
    (StatusCode::CREATED, Json(view))
}

/// `POST …/service-accounts`
async fn create(
    operator: Operator,
    NamedOrg(org): NamedOrg,
    body: JsonObject,
) -> Result<(StatusCode, Json<MadeView>), ApiError> {
    let doc = made_of();
    let mut fields = Fields::of(&body, &doc);
    let name = fields.text("name");
    check_name(&mut fields, name);
    let given = fields.text("role");
    let role = role(&mut fields, given);
    fields.finish()?;
    let role = role.ok_or_else(|| ApiError::internal("a body without a wrong field was not read"))?;
    let (account, secret) = operator.create_service_account(org, name.unwrap_or_default().trim(), role).await?;
    Ok(made(account.id, &secret))
}

/// `GET …/service-accounts`
async fn list(operator: Operator, NamedOrg(org): NamedOrg) -> Result<Json<List<View>>, ApiError> {
    let values = operator.service_accounts(org).await?.into_iter().map(View::from).collect();
    Ok(Json(List { kind: "operator:service-account-list", values }))
}

/// `GET …/service-accounts/{clientId}`
async fn show(operator: Operator, NamedOrg(org): NamedOrg, ClientId(id): ClientId) -> Result<Json<View>, ApiError> {
    Ok(Json(operator.service_account(org, &id).await?.into()))
}

/// `PATCH …/service-accounts/{clientId}`
async fn change(
    operator: Operator,
    (NamedOrg(org), ClientId(id)): (NamedOrg, ClientId),
    body: JsonObject,
) -> Result<StatusCode, ApiError> {
    let doc = changed_by();
    let mut fields = Fields::of(&body, &doc);
    let name = fields.maybe_text("name");
    check_name(&mut fields, name);
    let given = fields.maybe_text("role");
    let role = role(&mut fields, given);
    let disabled = fields.maybe_flag("disabled");
    fields.finish()?;
    let change = ServiceAccountChange { name: name.map(|name| name.trim().to_owned()), role, disabled };
    operator.change_service_account(org, &id, &change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE …/service-accounts/{clientId}`
async fn delete(operator: Operator, NamedOrg(org): NamedOrg, ClientId(id): ClientId) -> Result<StatusCode, ApiError> {
    operator.delete_service_account(org, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST …/service-accounts/{clientId}/secrets`
async fn add_secret(
    operator: Operator,
    NamedOrg(org): NamedOrg,
    ClientId(id): ClientId,
) -> Result<(StatusCode, Json<MadeView>), ApiError> {
    let secret = operator.create_client_secret(org, &id).await?;
    Ok(made(id, &secret))
}

/// `DELETE …/service-accounts/{clientId}/secrets/{number}`
async fn revoke_secret(
    operator: Operator,
    (NamedOrg(org), ClientId(id)): (NamedOrg, ClientId),
    Number(secret): Number,
) -> Result<StatusCode, ApiError> {
    operator.revoke_client_secret(org, &id, secret).await?;
    Ok(StatusCode::NO_CONTENT)
}
