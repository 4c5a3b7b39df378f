//! The step `disconnect`: a connection is deleted, its reading stopped, and its months taken out of the lake.
//!
//! The row goes first, with a note of what the lake is still to forget: a process that ends in between is followed by one that
//! reads the note. Whoever reads through the connection meanwhile finds it gone, and cannot publish what it has read.

use billing::names::{BillConnectId, OrgId};

use crate::App;
use crate::audit::{Act, Actor, Outcome, Subject};
use crate::error::AppError;

impl App {
    /// Deletes the org's connection and all that is known and read of it. The account can be connected again afterwards.
    pub async fn disconnect(&self, actor: &Actor, org: OrgId, id: &BillConnectId) -> Result<(), AppError> {
        let deleted = self.store.delete_connect(org, id).await?;
        // A deletion that was not finished is finished now.
        if deleted {
            self.audit(actor, Act::ConnectDelete, Subject::of(org, id), Outcome::Done).await?;
            tracing::info!(%org, connect = %id, "disconnected");
        } else if !self.store.is_forgetting(org, id).await? {
            return Err(AppError::NotFound(id.clone()));
        }
        self.stop(org, id);
        self.forget_if_deleted(org, id).await?;
        self.note_trouble((org, id.clone()), None);
        Ok(())
    }

    /// Takes the months of a deleted connection out of the lake, if they are still to be. Must have ended before the account is
    /// connected again.
    pub(crate) async fn forget_if_deleted(&self, org: OrgId, id: &BillConnectId) -> Result<(), AppError> {
        let turn = self.turn(org, id);
        // Whoever has the turn was told to stop; afterwards nobody in this process is still writing.
        let _held = turn.lock.lock().await;
        if self.store.is_forgetting(org, id).await? {
            self.lake.org(org).forget(id).await?;
            self.store.forgotten(org, id).await?;
        }
        Ok(())
    }

    /// Finishes deletions that were not finished.
    pub(crate) async fn forget_deleted(&self) {
        let all = self.store.all_forgetting().await.unwrap_or_else(|error| {
            tracing::error!(%error, "what is still to be forgotten can't be listed");
            Vec::new()
        });
        for (org, connect) in all {
            // Another process may have deleted it while this one reads it.
            self.stop(org, &connect);
            if let Err(error) = self.forget_if_deleted(org, &connect).await {
                tracing::error!(%org, %connect, %error, "a deleted connection's months are still in the lake");
            }
        }
    }
}
