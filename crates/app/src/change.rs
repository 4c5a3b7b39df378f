//! The step `change`: a connection gets another configuration, proven whole before it takes the place of the one that is stored.

use billing::connection::BillConnect;
use billing::names::BillConnectId;
use time::{Duration, OffsetDateTime};

use crate::App;
use crate::audit::{Act, Actor, Subject};
use crate::connect::outcome;
use crate::error::AppError;
use crate::request::{ConnectError, ConnectRequest};

impl App {
    /// Changes the connection to what the request says, where all that must hold is proven to hold then; otherwise it stays as
    /// it was. A request that changes nothing does nothing.
    ///
    /// What was read before stays. From now on, deliveries are read by the new configuration, and where both have delivered the
    /// same month, the newer delivery counts.
    pub async fn change(
        &self,
        actor: &Actor,
        id: &BillConnectId,
        request: ConnectRequest,
    ) -> Result<BillConnect, ConnectError> {
        let changed = self.try_to_change(id, &request).await;
        let subject = Subject::of(request.org, id);
        self.audit(actor, Act::ConnectChange, subject, outcome(&changed)).await.map_err(AppError::from)?;
        changed
    }

    async fn try_to_change(&self, id: &BillConnectId, request: &ConnectRequest) -> Result<BillConnect, ConnectError> {
        let org = request.org;
        let old = self.bill_connect(org, id).await?;
        let is = old.candidate.access.kind();
        if is != request.access.kind() {
            return Err(ConnectError::OtherWay { id: id.clone(), is });
        }
        let candidate = self.asked_for(request, Some(&old.candidate)).await?;
        if candidate == old.candidate {
            return Ok(old);
        }
        let (report, region) = self.proven(&candidate, None).await?;
        // Never the time that it has already: that is how two changes at once find out about each other.
        let updated_at = OffsetDateTime::now_utc().max(old.updated_at + Duration::MICROSECOND);
        let new = BillConnect { candidate, region, created_at: old.created_at, updated_at };
        if !self.store.update_connect(&old, &new, &report).await.map_err(AppError::from)? {
            // A connection that is gone is not found; one that is there was changed by somebody else.
            self.bill_connect(org, id).await?;
            return Err(AppError::Overtaken(id.clone()).into());
        }
        tracing::info!(%org, connect = %id, state = ?report.state(), "changed");
        self.keep_page((org, id.clone())).await?;
        self.stop(org, id);
        self.make_due((org, id.clone()));
        Ok(new)
    }
}
