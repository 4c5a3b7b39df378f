//! What a viewer sees of the org's accounts, their units, and how its organizations were last looked at.

use app::accounts::{KnownAccount, KnownUnit};
use app::store::LastLook;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use billing::cost_query::CostQuery;
use billing::names::{AccountId, BillConnectId};
use time::Date;

use super::{Http, Viewer, segment};
use crate::error::ApiError;

impl Viewer {
    pub(crate) async fn accounts(&self, day: Date) -> Result<Vec<KnownAccount>, ApiError> {
        Ok(self.app.accounts_on(self.org, day).await?)
    }

    pub(crate) async fn account_history(&self, account: &AccountId) -> Result<Vec<KnownAccount>, ApiError> {
        Ok(self.app.account_history(self.org, account).await?)
    }

    pub(crate) async fn units(&self, day: Date) -> Result<Vec<KnownUnit>, ApiError> {
        Ok(self.app.units_on(self.org, day).await?)
    }

    /// What an answer about costs rests on beside its deliveries.
    pub(crate) async fn accounts_tag(&self, question: &CostQuery) -> Result<String, ApiError> {
        Ok(self.app.accounts_tag(self.org, question).await?)
    }

    pub(crate) async fn last_looks(&self) -> Result<Vec<(BillConnectId, Option<LastLook>)>, ApiError> {
        Ok(self.app.last_looks(self.org).await?)
    }
}

/// The account that the path names. Comes after [`Viewer`] among a handler's arguments, so that whom it is about is settled
/// first.
pub(crate) struct AccountOfPath(pub(crate) AccountId);

impl FromRequestParts<Http> for AccountOfPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Http) -> Result<Self, ApiError> {
        let given = segment(parts, "{accountId}").unwrap_or_default();
        // What cannot be an id is the id of nothing.
        let id = given.parse().map_err(|error: billing::names::NameError| ApiError::not_found(error.to_string()))?;
        Ok(Self(id))
    }
}
