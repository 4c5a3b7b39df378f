//! An org's refresh tokens, as the operator's programs make and revoke them.

use app::store::RefreshToken;
use axum::Json;
use axum::http::StatusCode;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::list::List;
use super::super::stamp;
use super::{numbered, of_org, role};
use crate::access::operator::{NamedOrg, Number, Operator};
use crate::body::{Fields, JsonObject};
use crate::body_doc::{BodyDoc, FieldDoc};
use crate::error::ApiError;
use crate::route::{Needs, Route};

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    let needs = Needs::Operator;
    vec![
        of_org(needs.post("/operator/v1/orgs/{orgId}/refresh-tokens", create))
            .named("operatorCreateRefreshToken", "Make a refresh token of an org; its text is in this answer alone")
            .takes(doc())
            .answers::<MadeView>(201),
        of_org(needs.get("/operator/v1/orgs/{orgId}/refresh-tokens", list))
            .named("operatorListRefreshTokens", "List an org's refresh tokens, without their texts")
            .answers::<List<View>>(200),
        numbered(needs.delete("/operator/v1/orgs/{orgId}/refresh-tokens/{number}", revoke))
            .named("operatorRevokeRefreshToken", "Revoke a refresh token, and every access token that came from it")
            .answers_nothing(),
    ]
}

/// What a body may say.
fn doc() -> BodyDoc {
    let fields = vec![FieldDoc::word("role", &["admin", "viewer"], "what it may do")];
    BodyDoc { name: "OperatorRefreshTokenRequest", fields }
}

/// A refresh token, without its text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperatorRefreshToken)]
#[serde(rename_all = "camelCase")]
struct View {
    #[schema(example = "operator:refresh-token")]
    kind: &'static str,
    number: i64,
    #[schema(example = "viewer")]
    role: &'static str,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_used_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    revoked_at: Option<String>,
}

impl From<RefreshToken> for View {
    fn from(token: RefreshToken) -> Self {
        Self {
            kind: "operator:refresh-token",
            number: token.id,
            role: token.role.name(),
            created_at: stamp(token.created_at),
            last_used_at: token.last_used_at.map(stamp),
            revoked_at: token.revoked_at.map(stamp),
        }
    }
}

/// A refresh token that was just made. It cannot be printed by accident.
#[derive(Serialize, ToSchema)]
#[schema(as = OperatorNewRefreshToken)]
#[serde(rename_all = "camelCase")]
struct MadeView {
    #[schema(example = "operator:refresh-token")]
    kind: &'static str,
    number: i64,
    #[schema(example = "viewer")]
    role: &'static str,
    /// Its text, which is nowhere else.
    refresh_token: String,
}

/// `POST …/refresh-tokens`
async fn create(
    operator: Operator,
    NamedOrg(org): NamedOrg,
    body: JsonObject,
) -> Result<(StatusCode, Json<MadeView>), ApiError> {
    let doc = doc();
    let mut fields = Fields::of(&body, &doc);
    let given = fields.text("role");
    let role = role(&mut fields, given);
    fields.finish()?;
    let role = role.ok_or_else(|| ApiError::internal("a body without a wrong field was not read"))?;
    let (number, token) = operator.create_refresh_token(org, role).await?;
    let refresh_token = token.expose_secret().to_owned();
    let made = MadeView { kind: "operator:refresh-token", number, role: role.name(), refresh_token };
    Ok((StatusCode::CREATED, Json(made)))
}

/// `GET …/refresh-tokens`
async fn list(operator: Operator, NamedOrg(org): NamedOrg) -> Result<Json<List<View>>, ApiError> {
    let values = operator.refresh_tokens(org).await?.into_iter().map(View::from).collect();
    Ok(Json(List { kind: "operator:refresh-token-list", values }))
}

/// `DELETE …/refresh-tokens/{number}`
async fn revoke(operator: Operator, NamedOrg(org): NamedOrg, Number(number): Number) -> Result<StatusCode, ApiError> {
    if operator.revoke_refresh_token(org, number).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::not_found(format!("the org has no unrevoked refresh token `{number}`")))
    }
}
