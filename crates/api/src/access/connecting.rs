//! How an admin makes, changes and deletes connections of the token's own org.

use app::keep::Connection;
use app::request::{AccessRequest, ConnectError, ConnectRequest};
use billing::names::BillConnectId;

use super::Admin;
use crate::error::ApiError;

/// What a client sends to make or change a connection, read but not judged. It has no say in whose it becomes.
#[derive(Debug)]
pub(crate) struct ConnectBody {
    pub(crate) account: Option<String>,
    pub(crate) bucket: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) effective_from: Option<String>,
    pub(crate) report: Option<String>,
    pub(crate) access: AccessRequest,
}

impl Admin {
    /// Makes a connection.
    pub(crate) async fn connect(&self, body: ConnectBody) -> Result<Connection, ConnectError> {
        let connect = self.0.app.connect(&self.0.actor, self.request(body)).await?;
        Ok(self.0.app.stood(connect).await?)
    }

    /// Changes a connection.
    pub(crate) async fn change(&self, id: &BillConnectId, body: ConnectBody) -> Result<(), ConnectError> {
        self.0.app.change(&self.0.actor, id, self.request(body)).await.map(drop)
    }

    /// Deletes a connection and what was read through it.
    pub(crate) async fn disconnect(&self, id: &BillConnectId) -> Result<(), ApiError> {
        Ok(self.0.app.disconnect(&self.0.actor, self.0.org, id).await?)
    }

    /// What the body asks for, in the name of the token's org.
    pub(super) fn request(&self, body: ConnectBody) -> ConnectRequest {
        let ConnectBody { account, bucket, path, effective_from, report, access } = body;
        ConnectRequest { org: self.0.org, account, bucket, path, effective_from, report, access }
    }
}
