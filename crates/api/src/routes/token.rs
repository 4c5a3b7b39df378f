//! Access tokens for refresh tokens, at the two addresses that clients know.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::access::{Http, sender};
use crate::body::{self, Fields, JsonObject};
use crate::body_doc::{BodyDoc, FieldDoc};
use crate::error::ApiError;
use crate::route::{Needs, Route};

/// How long an access token of `/oidc/token` holds.
const OIDC: Duration = Duration::from_hours(1);
/// How long an access token of `/api/oauth2` holds.
const OAUTH2: Duration = Duration::from_hours(2);

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Needs::Nothing
            .post("/oidc/token", oidc)
            .named("token", "Exchange a credential for an access token of one hour")
            .takes(doc())
            .or_form()
            .answers::<View>(200)
            .refuses(&[401, 429]),
        Needs::Nothing
            .post("/api/oauth2", oauth2)
            .named("oauth2", "Exchange a credential for an access token of two hours")
            .takes(doc())
            .or_form()
            .answers::<View>(200)
            .refuses(&[401, 429]),
    ]
}

/// What a body may say.
fn doc() -> BodyDoc {
    let fields = vec![
        FieldDoc::word("grant_type", &["refresh_token"], "what is exchanged"),
        FieldDoc::text("refresh_token", "a refresh token of the org"),
    ];
    BodyDoc { name: "TokenRequest", fields }
}

/// An access token. It cannot be printed by accident.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub(crate) struct View {
    access_token: String,
    /// Seconds.
    #[schema(example = 3600)]
    expires_in: u64,
    /// `Bearer`, and `bearer` where clients know it so.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// The refresh token again, at `/oidc/token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token: Option<String>,
}

/// `POST /oidc/token`
pub(crate) async fn oidc(State(http): State<Http>, request: Request) -> Result<Json<View>, ApiError> {
    let from = sender(request.extensions());
    let refresh = refresh_token(&http, request).await?;
    let grant = http.exchange(&from, &refresh, OIDC).await?;
    Ok(Json(View {
        access_token: grant.access_token.expose_secret().to_owned(),
        expires_in: grant.expires_in.as_secs(),
        token_type: "Bearer",
        refresh_token: Some(refresh.expose_secret().to_owned()),
    }))
}

/// `POST /api/oauth2`
pub(crate) async fn oauth2(State(http): State<Http>, request: Request) -> Result<Json<View>, ApiError> {
    let from = sender(request.extensions());
    let refresh = refresh_token(&http, request).await?;
    let grant = http.exchange(&from, &refresh, OAUTH2).await?;
    Ok(Json(View {
        access_token: grant.access_token.expose_secret().to_owned(),
        expires_in: grant.expires_in.as_secs(),
        token_type: "bearer",
        refresh_token: None,
    }))
}

/// The refresh token in a body that is a form or a JSON object.
async fn refresh_token(http: &Http, request: Request) -> Result<SecretString, ApiError> {
    let body = body::read(request, http.settings()).await?;
    // `Content-Type` does not tell the two apart: plain `curl -d` calls both a form. A form never starts with a brace.
    let object = if body.trim_ascii_start().starts_with(b"{") { body::parse(&body)? } else { form(&body) };
    let doc = doc();
    let mut fields = Fields::of(&object, &doc);
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
