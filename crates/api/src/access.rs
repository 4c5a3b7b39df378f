//! Who may do what. A handler reaches an org only through a [`Viewer`] or an [`Admin`] of that very org, and these are made
//! from a request whose token was proven to speak for the org in its path.
//!
//! Always in this order: no valid token is 401; a token of another org is 403 in one text, whether or not that org exists and
//! whatever else is wrong; a role that may not is 403. Only then is anything else of the request looked at.

mod accounts;
mod commitments;
mod connecting;
mod costs;
mod deliveries;
mod jobs;
mod keeping;
mod months;
pub(crate) mod operator;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use app::audit::{Actor, Entry, Log, Who};
use app::export::Export;
use app::health::Finding;
use app::keep::Validation;
use app::query::StatusErrors;
use app::sql::{SqlAnswer, SqlQuestion};
use app::store::Import;
use app::tokens::{Caller, Grant, Role};
use app::{App, AppError};
use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::Extensions;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use billing::export::{ExportFormat, ExportSource};
use billing::names::{BillConnectId, OrgId};
use billing::receipt::Receipt;
use billing::setup::{Setup, Wish};
use secrecy::SecretString;
use time::OffsetDateTime;

pub(crate) use self::accounts::AccountOfPath;
pub(crate) use self::connecting::ConnectBody;
use crate::error::ApiError;
use crate::limits::Limits;
use crate::meter::Meter;
use crate::settings::HttpSettings;

pub(crate) use keeping::ExternalIdText;

/// What every route shares. It gives no org's data away: that takes a [`Viewer`].
#[derive(Clone)]
pub(crate) struct Http {
    app: Arc<App>,
    settings: Arc<HttpSettings>,
    limits: Arc<Limits>,
    meter: Arc<Meter>,
}

impl Http {
    pub(crate) fn new(app: Arc<App>, settings: HttpSettings) -> Self {
        let limits = Arc::new(Limits::new(&settings.limits));
        Self { app, settings: Arc::new(settings), limits, meter: Arc::default() }
    }

    pub(crate) fn settings(&self) -> &HttpSettings {
        &self.settings
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// What keeps the process from being alive; no org's business.
    pub(crate) fn stands_still(&self) -> Option<String> {
        self.app.stands_still()
    }

    /// What was found of what the server needs; no org's business.
    pub(crate) async fn readiness(&self) -> Vec<Finding> {
        self.app.readiness().await
    }

    /// Exchanges a credential, which itself says whose it is.
    pub(crate) async fn exchange(
        &self,
        from: &Actor,
        credential: &Credential,
        lifetime: Duration,
    ) -> Result<Grant, ApiError> {
        let granted = match credential {
            Credential::RefreshToken(token) => self.app.exchange(from, token, lifetime).await,
            Credential::Client { id, secret } => self.app.exchange_client(from, (id, secret), lifetime).await,
        };
        granted.map_err(|error| self.failed(error.into(), (from, None)))
    }

    /// What whoever failed to authenticate is told: why, or, after too many failures, to wait. `org` is what the path names.
    pub(crate) fn failed(&self, error: ApiError, (from, org): (&Actor, Option<&str>)) -> ApiError {
        if !error.is_unauthorized() {
            return error;
        }
        self.app.note_failure(from.address, org.and_then(|org| org.parse().ok()));
        match self.limits.count(from.address, org) {
            Some(wait) => ApiError::too_many("too many failed authentications of late", wait),
            None => error,
        }
    }

    /// Whose the request's token is, and where the request comes from.
    async fn caller(&self, parts: &Parts) -> Result<(Caller, Actor), ApiError> {
        let sender = sender(&parts.extensions);
        let found = match bearer(parts) {
            Ok(token) => self.app.authenticate(token).await.map_err(ApiError::from),
            Err(error) => Err(error),
        };
        match found {
            Ok(caller) => Ok((caller, sender)),
            Err(error) => Err(self.failed(error, (&sender, segment(parts, "{org}")))),
        }
    }
}

/// What is exchanged for an access token.
pub(crate) enum Credential {
    RefreshToken(SecretString),
    Client { id: String, secret: SecretString },
}

/// Where a request comes from and its id; the guard puts it beside every request.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) address: Option<IpAddr>,
    pub(crate) request: String,
}

/// Whoever sent the request, as far as is known before any credential is looked at.
pub(crate) fn sender(extensions: &Extensions) -> Actor {
    let origin = extensions.get::<Origin>();
    let (address, request) = (origin.and_then(|origin| origin.address), origin.map(|origin| origin.request.clone()));
    Actor { who: Who::Unknown, address, request }
}

/// Somebody who may read everything of one org, proven by the request's token.
pub(crate) struct Viewer {
    app: Arc<App>,
    org: OrgId,
    role: Role,
    actor: Actor,
}

/// Somebody who may also change what the org has.
pub(crate) struct Admin(Viewer);

impl Viewer {
    pub(crate) fn org(&self) -> OrgId {
        self.org
    }

    /// When the org was made.
    pub(crate) async fn made_at(&self) -> Result<OffsetDateTime, ApiError> {
        let org = self.app.store().org(self.org).await.map_err(AppError::from)?;
        org.map(|org| org.created_at).ok_or_else(|| ApiError::internal("a token speaks for an org that is not there"))
    }

    pub(crate) async fn validations(&self) -> Result<Vec<Validation>, ApiError> {
        Ok(self.app.validations(self.org).await?)
    }

    pub(crate) async fn validation(&self, id: &BillConnectId) -> Result<Validation, ApiError> {
        Ok(self.app.validation(self.org, id).await?)
    }

    pub(crate) async fn status_errors(&self) -> Result<Vec<StatusErrors>, ApiError> {
        Ok(self.app.status_errors(self.org).await?)
    }

    pub(crate) async fn import_history(&self, id: &BillConnectId) -> Result<Vec<Import>, ApiError> {
        Ok(self.app.import_history(self.org, id).await?)
    }

    pub(crate) async fn receipts(&self, id: &BillConnectId) -> Result<Vec<Receipt>, ApiError> {
        self.app.bill_connect(self.org, id).await?;
        let receipts = self.app.receipts(self.org).await?;
        Ok(receipts.into_iter().filter(|receipt| receipt.connect == *id).collect())
    }

    /// What a customer applies to give this org access.
    pub(crate) async fn setup(&self, wish: Wish) -> Result<Setup, ApiError> {
        Ok(self.app.setup(self.org, wish).await?)
    }

    /// Begins to write a file.
    pub(crate) async fn export(&self, source: &ExportSource, format: ExportFormat) -> Result<Export, ApiError> {
        Ok(self.app.export(self.org, source, format).await?)
    }

    /// Begins to answer a statement.
    pub(crate) async fn sql(&self, question: SqlQuestion) -> Result<SqlAnswer, ApiError> {
        Ok(self.app.sql(self.org, question).await?)
    }
}

impl Admin {
    /// A page of the org's audit log, newest first: entries older than number `before`.
    pub(crate) async fn audit_log(&self, before: Option<i64>, limit: u32) -> Result<Vec<Entry>, ApiError> {
        Ok(self.0.app.audit_log(Log::Org(self.0.org), before, limit).await.map_err(AppError::from)?)
    }
}

impl FromRequestParts<Http> for Viewer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, http: &Http) -> Result<Self, ApiError> {
        let (Caller::Org(principal), sender) = http.caller(parts).await? else {
            return Err(ApiError::forbidden("an operator token gives no access to an org; use one of the org's own"));
        };
        let named = segment(parts, "{org}").and_then(|org| org.parse::<OrgId>().ok());
        if named != Some(principal.org) {
            return Err(ApiError::forbidden("this token gives no access to this org"));
        }
        let actor = Actor { who: principal.who, ..sender };
        Ok(Self { app: http.app.clone(), org: principal.org, role: principal.role, actor })
    }
}

impl FromRequestParts<Http> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, http: &Http) -> Result<Self, ApiError> {
        let viewer = Viewer::from_request_parts(parts, http).await?;
        match viewer.role {
            Role::Admin => Ok(Self(viewer)),
            Role::Viewer => {
                Err(ApiError::forbidden("this token may only read; this needs a token with the role `admin`"))
            }
        }
    }
}

/// The bill connect that the path names. Comes after [`Viewer`] or [`Admin`] among a handler's arguments, so that whom it is
/// about is settled first.
pub(crate) struct ConnectId(pub(crate) BillConnectId);

impl FromRequestParts<Http> for ConnectId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Http) -> Result<Self, ApiError> {
        let given = segment(parts, "{id}").unwrap_or_default();
        // What cannot be an id is the id of nothing.
        let id = given.parse().map_err(|error: billing::names::NameError| ApiError::not_found(error.to_string()))?;
        Ok(Self(id))
    }
}

/// The segment of the path where the route says `{name}`, as it came: neither orgs' nor bill connects' ids have characters that
/// a client would encode, and an odd encoding of one must not keep the other from being read.
fn segment<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let route = parts.extensions.get::<MatchedPath>()?.as_str().split('/');
    let mut named = route.zip(parts.uri.path().split('/')).filter(|(pattern, _)| *pattern == name);
    named.next().map(|(_, segment)| segment)
}

/// The token of the one `Authorization: Bearer` header.
fn bearer(parts: &Parts) -> Result<&str, ApiError> {
    let missing = || {
        ApiError::unauthorized(
            "send `Authorization: Bearer <access token>`; `POST /oidc/token` gives one for a refresh token",
        )
    };
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    let (Some(header), None) = (headers.next(), headers.next()) else { return Err(missing()) };
    let (scheme, token) = header.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(missing)?;
    let token = token.trim();
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() { Ok(token) } else { Err(missing()) }
}
