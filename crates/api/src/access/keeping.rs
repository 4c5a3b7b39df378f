//! What a viewer sees of how connections are kept true, and what an admin does about it.

use app::keep::{Connection, PastChecks};
use app::request::ConnectError;
use app::rotate::RotatingId;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use billing::checks::Report;
use billing::names::BillConnectId;

use super::{Admin, ConnectBody, Http, Viewer, segment};
use crate::error::ApiError;

impl Viewer {
    pub(crate) async fn connections(&self) -> Result<Vec<Connection>, ApiError> {
        Ok(self.app.connections(self.org).await?)
    }

    pub(crate) async fn connection(&self, id: &BillConnectId) -> Result<Connection, ApiError> {
        Ok(self.app.connection(self.org, id).await?)
    }

    /// The external ids that the org was given, and what its connections make of them.
    pub(crate) async fn external_ids(&self) -> Result<Vec<RotatingId>, ApiError> {
        Ok(self.app.rotating_ids(self.org).await?)
    }

    pub(crate) async fn checks_history(
        &self,
        id: &BillConnectId,
        page: (Option<i64>, u32),
    ) -> Result<Vec<PastChecks>, ApiError> {
        Ok(self.app.checks_history(self.org, id, page).await?)
    }
}

impl Admin {
    /// Judges what connecting would prove; nothing but its audit entry is stored.
    pub(crate) async fn check(&self, body: ConnectBody) -> Result<Report, ConnectError> {
        self.0.app.dry_run(&self.0.actor, &self.request(body)).await
    }

    /// Gives the org a second external id, and says how things stand with it.
    pub(crate) async fn rotate_external_id(&self) -> Result<RotatingId, ApiError> {
        let new = self.0.app.rotate_external_id(&self.0.actor, self.0.org).await?;
        let all = self.0.external_ids().await?;
        let given = all.into_iter().find(|id| id.id == new.as_ref());
        given.ok_or_else(|| ApiError::internal("the external id that was just given is not there"))
    }

    pub(crate) async fn abandon_external_id(&self, id: &str) -> Result<(), ApiError> {
        Ok(self.0.app.abandon_external_id(&self.0.actor, self.0.org, id).await?)
    }

    pub(crate) async fn pause(&self, id: &BillConnectId) -> Result<(), ApiError> {
        Ok(self.0.app.pause(&self.0.actor, self.0.org, id).await?)
    }

    pub(crate) async fn resume(&self, id: &BillConnectId) -> Result<(), ApiError> {
        Ok(self.0.app.resume(&self.0.actor, self.0.org, id).await?)
    }
}

/// The external id that the path names, as it came. Comes after [`Admin`] among a handler's arguments.
pub(crate) struct ExternalIdText(pub(crate) String);

impl FromRequestParts<Http> for ExternalIdText {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Http) -> Result<Self, ApiError> {
        Ok(Self(segment(parts, "{externalId}").unwrap_or_default().to_owned()))
    }
}
