//! Access tokens for refresh tokens, at the two addresses that clients know.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use crate::access::{Http, sender};
use crate::body::{self, Fields, JsonObject};
use crate::error::ApiError;

/// How long an access token of `/oidc/token` holds.
const OIDC: Duration = Duration::from_hours(1);
/// How long an access token of `/api/oauth2` holds.
const OAUTH2: Duration = Duration::from_hours(2);

/// `POST /oidc/token`
pub(crate) async fn oidc(State(http): State<Http>, request: Request) -> Result<Json<Value>, ApiError> {
    let from = sender(request.extensions());
    let refresh = refresh_token(&http, request).await?;
    let grant = http.exchange(&from, &refresh, OIDC).await?;
    Ok(Json(json!({
        "access_token": grant.access_token.expose_secret(),
        "expires_in": grant.expires_in.as_secs(),
        "token_type": "Bearer",
        "refresh_token": refresh.expose_secret(),
    })))
}

/// `POST /api/oauth2`
pub(crate) async fn oauth2(State(http): State<Http>, request: Request) -> Result<Json<Value>, ApiError> {
    let from = sender(request.extensions());
    let refresh = refresh_token(&http, request).await?;
    let grant = http.exchange(&from, &refresh, OAUTH2).await?;
    Ok(Json(json!({
        "access_token": grant.access_token.expose_secret(),
        "expires_in": grant.expires_in.as_secs(),
        "token_type": "bearer",
    })))
}

/// The refresh token in a body that is a form or a JSON object.
async fn refresh_token(http: &Http, request: Request) -> Result<SecretString, ApiError> {
    let body = body::read(request, http.settings()).await?;
    // `Content-Type` does not tell the two apart: plain `curl -d` calls both a form. A form never starts with a brace.
    let object = if body.trim_ascii_start().starts_with(b"{") { body::parse(&body)? } else { form(&body) };
    let mut fields = Fields::of(&object);
    let grant = fields.text("grant_type");
    if let Some(other) = grant.filter(|grant| *grant != "refresh_token") {
        let known = if other == "client_credentials" { "`client_credentials` is" } else { "what was sent is" };
        fields.refuse("grant_type", format!("{known} an unsupported grant type; send `refresh_token`"));
        fields.finish()?;
        return Err(ApiError::bad_request("unsupported grant type"));
    }
    let token = fields.text("refresh_token").map(str::to_owned);
    if token.as_deref() == Some("") {
        fields.refuse("refresh_token", "it is empty");
    }
    fields.finish()?;
    Ok(SecretString::from(token.unwrap_or_default()))
}

fn form(body: &[u8]) -> JsonObject {
    let pairs = url::form_urlencoded::parse(body);
    JsonObject(pairs.map(|(key, value)| (key.into_owned(), Value::String(value.into_owned()))).collect::<Map<_, _>>())
}
