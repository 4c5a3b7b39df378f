//! What a viewer sees of how connections are kept true, and what an admin does about it.

use app::keep::{Connection, PastChecks};
use app::request::ConnectError;
use billing::checks::Report;
use billing::names::BillConnectId;

use super::{Admin, ConnectBody, Viewer};
use crate::error::ApiError;

impl Viewer {
    pub(crate) async fn connections(&self) -> Result<Vec<Connection>, ApiError> {
        Ok(self.app.connections(self.org).await?)
    }

    pub(crate) async fn connection(&self, id: &BillConnectId) -> Result<Connection, ApiError> {
        Ok(self.app.connection(self.org, id).await?)
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
    /// Judges what connecting would prove; nothing is stored.
    pub(crate) async fn check(&self, body: ConnectBody) -> Result<Report, ConnectError> {
        self.0.app.dry_run(&self.request(body)).await
    }

    pub(crate) async fn pause(&self, id: &BillConnectId) -> Result<(), ApiError> {
        Ok(self.0.app.pause(&self.0.actor, self.0.org, id).await?)
    }

    pub(crate) async fn resume(&self, id: &BillConnectId) -> Result<(), ApiError> {
        Ok(self.0.app.resume(&self.0.actor, self.0.org, id).await?)
    }
}
