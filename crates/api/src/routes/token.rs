//! Access tokens for refresh tokens and for client credentials, at the two addresses that clients know.

use std::borrow::Cow;
use std::time::Duration;

use app::tokens::Grant;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};
use url::form_urlencoded;
use utoipa::ToSchema;

use crate::access::{Credential, Http, sender};
use crate::body::{self, Fields, JsonObject};
use crate::body_doc::{BodyDoc, FieldDoc};
use crate::error::ApiError;
use crate::route::{Needs, Route};

/// How long an access token of `/oidc/token` holds.
const OIDC: Duration = Duration::from_hours(1);
/// How long an access token of `/api/oauth2` holds.
const OAUTH2: Duration = Duration::from_hours(2);

const ABOUT: &str = "A refresh token is exchanged with `grant_type=refresh_token`, a service account's client id and secret with \
    `grant_type=client_credentials`; they may come by HTTP Basic instead of in the body (RFC 6749 2.3.1).";

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Needs::Nothing
            .post("/oidc/token", oidc)
            .named("token", "Exchange a credential for an access token of one hour")
            .about(ABOUT)
            .takes(doc())
            .or_form()
            .answers::<View>(200)
            .refuses(&[401, 429]),
        Needs::Nothing
            .post("/api/oauth2", oauth2)
            .named("oauth2", "Exchange a credential for an access token of two hours")
            .about(ABOUT)
            .takes(doc())
            .or_form()
            .answers::<View>(200)
            .refuses(&[401, 429]),
    ]
}

/// What a body may say.
fn doc() -> BodyDoc {
    let fields = vec![
        FieldDoc::word("grant_type", &["refresh_token", "client_credentials"], "what is exchanged"),
        FieldDoc::text("refresh_token", "a refresh token of the org").optional(),
        FieldDoc::text("client_id", "a service account's client id, unless it comes by HTTP Basic").optional(),
        FieldDoc::text("client_secret", "a secret of that account, unless it comes by HTTP Basic").optional(),
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
    /// The refresh token again, at `/oidc/token`, where one was exchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token: Option<String>,
}

/// `POST /oidc/token`
pub(crate) async fn oidc(State(http): State<Http>, request: Request) -> Result<Json<View>, ApiError> {
    let (grant, credential) = exchange(&http, request, OIDC).await?;
    let echoed = match credential {
        Credential::RefreshToken(token) => Some(token.expose_secret().to_owned()),
        Credential::Client { .. } => None,
    };
    Ok(view(&grant, "Bearer", echoed))
}

/// `POST /api/oauth2`
pub(crate) async fn oauth2(State(http): State<Http>, request: Request) -> Result<Json<View>, ApiError> {
    let (grant, _) = exchange(&http, request, OAUTH2).await?;
    Ok(view(&grant, "bearer", None))
}

fn view(grant: &Grant, token_type: &'static str, refresh_token: Option<String>) -> Json<View> {
    let (access_token, expires_in) = (grant.access_token.expose_secret().to_owned(), grant.expires_in.as_secs());
    Json(View { access_token, expires_in, token_type, refresh_token })
}

async fn exchange(http: &Http, request: Request, lifetime: Duration) -> Result<(Grant, Credential), ApiError> {
    let from = sender(request.extensions());
    let basic = basic(request.headers());
    let challenge = if basic.is_some() { "Basic realm=\"billconnect\"" } else { "Bearer" };
    let body = body::read(request, http.settings()).await?;
    // `Content-Type` does not tell the two apart: plain `curl -d` calls both a form. A form never starts with a brace.
    let object = if body.trim_ascii_start().starts_with(b"{") { body::parse(&body)? } else { form(&body)? };
    let credential =
        credential(&object, basic).map_err(|error| http.failed(error, (&from, None)).challenging(challenge))?;
    let grant = http.exchange(&from, &credential, lifetime).await.map_err(|error| error.challenging(challenge))?;
    Ok((grant, credential))
}

/// What the body, or the header beside it, would have exchanged.
fn credential(object: &JsonObject, basic: Option<Result<Credential, ApiError>>) -> Result<Credential, ApiError> {
    let doc = doc();
    let mut fields = Fields::of(object, &doc);
    match fields.text("grant_type") {
        Some("client_credentials") => {
            if let Some(credential) = basic {
                if fields.maybe("client_secret").is_some() {
                    fields.refuse("client_secret", "it came by HTTP Basic too; send the client's credentials once");
                }
                fields.finish()?;
                return credential;
            }
            let (id, secret) = (filled(&mut fields, "client_id"), filled(&mut fields, "client_secret"));
            fields.finish()?;
            Ok(Credential::Client { id: id.unwrap_or_default().to_owned(), secret: secret.unwrap_or_default().into() })
        }
        Some("refresh_token") | None => {
            let token = filled(&mut fields, "refresh_token");
            fields.finish()?;
            Ok(Credential::RefreshToken(SecretString::from(token.unwrap_or_default())))
        }
        Some(_) => {
            let known = "`refresh_token` or `client_credentials`";
            fields.refuse("grant_type", format!("what was sent is an unsupported grant type; send {known}"));
            fields.finish()?;
            Err(ApiError::bad_request("unsupported grant type"))
        }
    }
}

/// A text that must be there and not be empty.
fn filled<'a>(fields: &mut Fields<'a>, name: &str) -> Option<&'a str> {
    let text = fields.text(name);
    if text == Some("") {
        fields.refuse(name, "it is empty");
    }
    text
}

/// The client's credentials in an `Authorization: Basic` header, if there is one. Both are form-encoded before they are joined.
fn basic(headers: &HeaderMap) -> Option<Result<Credential, ApiError>> {
    let header = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, encoded) = header.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let read = STANDARD.decode(encoded.trim_ascii()).ok().and_then(|joined| {
        let joined = String::from_utf8(joined).ok()?;
        let (id, secret) = joined.split_once(':')?;
        Some(Credential::Client { id: unform(id).into_owned(), secret: unform(secret).into_owned().into() })
    });
    Some(read.ok_or_else(|| {
        ApiError::unauthorized("the `Authorization: Basic` header is not `client_id:client_secret` in base64")
    }))
}

/// What a form-encoded text says.
fn unform(text: &str) -> Cow<'_, str> {
    form_urlencoded::parse(text.as_bytes()).next().map_or(Cow::Borrowed(""), |(name, _)| name)
}

fn form(body: &[u8]) -> Result<JsonObject, ApiError> {
    let mut object = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        if object.insert(name.into_owned(), Value::String(value.into_owned())).is_some() {
            return Err(ApiError::bad_request("a field of the form is there more than once"));
        }
    }
    Ok(JsonObject(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Option<Result<(String, String), ()>> {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, header.parse().unwrap())]);
        let read = basic(&headers)?;
        Some(read.map_err(drop).map(|credential| match credential {
            Credential::Client { id, secret } => (id, secret.expose_secret().to_owned()),
            Credential::RefreshToken(_) => panic!("a client"),
        }))
    }

    #[test]
    fn basic_credentials_are_decoded_twice() {
        let encoded = |text: &str| format!("basic {}", STANDARD.encode(text));
        assert_eq!(read(&encoded("bcc_1:bcs_2")), Some(Ok(("bcc_1".into(), "bcs_2".into()))));
        assert_eq!(read(&encoded("a%3Ab:%2F+%C3%A9")), Some(Ok(("a:b".into(), "/ é".into()))));
        assert_eq!(read(&encoded("nocolon")), Some(Err(())));
        assert_eq!(read("Basic !!"), Some(Err(())));
        assert_eq!(read("Bearer x"), None);
        assert_eq!(read("x"), None);
    }
}
