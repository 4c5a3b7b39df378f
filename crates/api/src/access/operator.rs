//! The operator's programs: whoever holds an operator token makes orgs and their credentials, and reads no org's bills.

use std::sync::Arc;

use app::App;
use app::audit::{Actor, Entry, Log, Who};
use app::metrics::Metrics;
use app::orgs::OrgError;
use app::service_accounts::{NewSecret, ServiceAccountChange, ServiceAccountError};
use app::store::{Org, RefreshToken, ServiceAccount, TokenId};
use app::tokens::{Caller, Role, TokenError};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use billing::names::OrgId;
use secrecy::SecretString;

use super::{Http, segment};
use crate::error::ApiError;

/// Somebody who holds an operator token, proven by the request.
pub(crate) struct Operator {
    app: Arc<App>,
    actor: Actor,
}

impl FromRequestParts<Http> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, http: &Http) -> Result<Self, ApiError> {
        match http.caller(parts).await? {
            (Caller::Operator(id), sender) => {
                Ok(Self { app: http.app.clone(), actor: Actor { who: Who::Operator(id), ..sender } })
            }
            (Caller::Org(_), _) => {
                Err(ApiError::forbidden("this needs an operator token; an org's own gives no access"))
            }
        }
    }
}

/// The org that the path names. Comes after [`Operator`] among a handler's arguments, so that whom it is for is settled first.
pub(crate) struct NamedOrg(pub(crate) OrgId);

/// The service account's client id in the path.
pub(crate) struct ClientId(pub(crate) String);

/// The number that the path ends with: a token's or a secret's.
pub(crate) struct Number(pub(crate) TokenId);

impl FromRequestParts<Http> for NamedOrg {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Http) -> Result<Self, ApiError> {
        let given = segment(parts, "{orgId}").unwrap_or_default();
        // What cannot be an id is the id of nothing.
        given.parse().map(Self).map_err(|error: billing::names::NameError| ApiError::not_found(error.to_string()))
    }
}

impl FromRequestParts<Http> for ClientId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Http) -> Result<Self, ApiError> {
        Ok(Self(segment(parts, "{clientId}").unwrap_or_default().to_owned()))
    }
}

impl FromRequestParts<Http> for Number {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Http) -> Result<Self, ApiError> {
        let number = segment(parts, "{number}").and_then(|number| number.parse().ok());
        number.map(Self).ok_or_else(|| ApiError::not_found("there is nothing with such a number"))
    }
}

impl Operator {
    pub(crate) async fn create_org(&self, name: &str, id: Option<OrgId>) -> Result<Org, OrgError> {
        self.app.create_org(&self.actor, name, id).await
    }

    /// Sums over all orgs: no org can be told from them.
    pub(crate) async fn metrics(&self) -> Result<Metrics, ApiError> {
        Ok(self.app.metrics().await?)
    }

    pub(crate) async fn orgs(&self, after: Option<OrgId>, limit: u32) -> Result<Vec<Org>, OrgError> {
        self.app.orgs(after, limit).await
    }

    pub(crate) async fn org(&self, id: OrgId) -> Result<Org, OrgError> {
        self.app.org(id).await
    }

    pub(crate) async fn delete_org(&self, id: OrgId) -> Result<(), OrgError> {
        self.app.delete_org(&self.actor, id).await
    }

    /// A page of an org's log, a deleted org's too, or of the operator's own, newest first.
    pub(crate) async fn audit_log(&self, log: Log, before: Option<i64>, limit: u32) -> Result<Vec<Entry>, OrgError> {
        Ok(self.app.audit_log(log, before, limit).await?)
    }

    pub(crate) async fn refresh_tokens(&self, org: OrgId) -> Result<Vec<RefreshToken>, TokenError> {
        self.app.refresh_tokens(org).await
    }

    pub(crate) async fn create_refresh_token(
        &self,
        org: OrgId,
        role: Role,
    ) -> Result<(TokenId, SecretString), TokenError> {
        self.app.create_refresh_token(&self.actor, org, role).await
    }

    pub(crate) async fn revoke_refresh_token(&self, org: OrgId, id: TokenId) -> Result<bool, TokenError> {
        self.app.revoke_refresh_token(&self.actor, org, id).await
    }

    pub(crate) async fn service_accounts(&self, org: OrgId) -> Result<Vec<ServiceAccount>, ServiceAccountError> {
        self.app.service_accounts(org).await
    }

    pub(crate) async fn service_account(&self, org: OrgId, id: &str) -> Result<ServiceAccount, ServiceAccountError> {
        self.app.service_account(org, id).await
    }

    pub(crate) async fn create_service_account(
        &self,
        org: OrgId,
        name: &str,
        role: Role,
    ) -> Result<(ServiceAccount, NewSecret), ServiceAccountError> {
        self.app.create_service_account(&self.actor, org, (name, role)).await
    }

    pub(crate) async fn change_service_account(
        &self,
        org: OrgId,
        id: &str,
        change: &ServiceAccountChange,
    ) -> Result<(), ServiceAccountError> {
        self.app.change_service_account(&self.actor, (org, id), change).await
    }

    pub(crate) async fn delete_service_account(&self, org: OrgId, id: &str) -> Result<(), ServiceAccountError> {
        self.app.delete_service_account(&self.actor, (org, id)).await
    }

    pub(crate) async fn create_client_secret(&self, org: OrgId, id: &str) -> Result<NewSecret, ServiceAccountError> {
        self.app.create_client_secret(&self.actor, org, id).await
    }

    pub(crate) async fn revoke_client_secret(
        &self,
        org: OrgId,
        id: &str,
        secret: TokenId,
    ) -> Result<(), ServiceAccountError> {
        self.app.revoke_client_secret(&self.actor, (org, id), secret).await
    }
}
