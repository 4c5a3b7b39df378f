//! The poll: looks for new deliveries of every connection, again and again, and ingests them.

use std::time::Duration;

use billing::connection::BillConnect;
use futures::{StreamExt, stream};

use crate::App;
use crate::error::AppError;
use crate::ingest::{Ingested, Watcher};

/// How many connections are read from side by side: each keeps about two cores busy while it has a delivery.
const CONNECTIONS_AT_ONCE: usize = 2;

impl App {
    /// Polls until the future is dropped: at every `interval`, and at once when a connection is made.
    pub async fn poll(&self, interval: Duration, watcher: &dyn Watcher) {
        loop {
            if let Err(error) = self.poll_once(watcher).await {
                tracing::error!(%error, "poll failed");
            }
            // A connection made during the poll has left its permit, so it is not missed.
            let _ = tokio::time::timeout(interval, self.wake.notified()).await;
        }
    }

    /// Looks at every connection once. One that fails keeps no other back.
    async fn poll_once(&self, watcher: &dyn Watcher) -> Result<(), AppError> {
        let connects = self.store.all_connects().await?;
        stream::iter(connects)
            .for_each_concurrent(CONNECTIONS_AT_ONCE, |connect| async move {
                let (org, id) = (connect.candidate.org, connect.candidate.id());
                if let Err(error) = self.refresh(&connect, watcher).await {
                    tracing::warn!(%org, connect = %id, %error, "connection not read");
                }
            })
            .await;
        Ok(())
    }

    /// Reads what is new of one connection. A refusal by AWS has the connection proven anew, so that its reason shows.
    pub async fn refresh(&self, connect: &BillConnect, watcher: &dyn Watcher) -> Result<Vec<Ingested>, AppError> {
        let verified = self.verified(connect).await?;
        let result = self.ingest_all(&verified, watcher).await;
        let refused = |error: &AppError| matches!(error, AppError::Aws(refusal) if refusal.kind.is_denial());
        let denied = match &result {
            Ok(months) => months.iter().any(|month| month.outcome.as_ref().is_err_and(refused)),
            Err(error) => refused(error),
        };
        if denied {
            self.validation(connect.candidate.org, &connect.candidate.id()).await?;
        }
        result
    }
}
