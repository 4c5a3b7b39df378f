//! The poll: looks for new deliveries of every connection, again and again, and ingests them.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use billing::connection::BillConnect;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};

use crate::discover::Scope;
use crate::error::AppError;
use crate::ingest::Ingested;
use crate::watch::{Unwatched, Watcher};
use crate::{App, Key};

/// How many connections are looked at side by side. What they read shares the places for parts.
const CONNECTIONS_AT_ONCE: usize = 8;

/// How often the lake is swept of what ingests left behind that never came to publish.
const SWEEP_EVERY: Duration = Duration::from_hours(24);

/// How old a file must be to be swept: longer than any ingest takes.
const SWEPT_AFTER: Duration = Duration::from_hours(24);

impl App {
    /// Removes from every org's lake what ingests left behind that never came to publish.
    async fn sweep(&self) {
        let orgs = self.store.orgs().await.unwrap_or_else(|error| {
            tracing::error!(%error, "the orgs to sweep can't be listed");
            Vec::new()
        });
        for org in orgs {
            match self.lake.org(org.id).sweep(SWEPT_AFTER).await {
                Ok(0) => {}
                Ok(swept) => tracing::info!(org = %org.id, swept, "files that were never published are removed"),
                Err(error) => tracing::warn!(org = %org.id, %error, "the lake could not be swept"),
            }
        }
    }

    /// Polls until the future is dropped: at every `interval`, and at once when a connection is made.
    ///
    /// A connection that takes long keeps no other waiting, and none is looked at twice at once.
    pub async fn poll(&self, interval: Duration) {
        let places = tokio::sync::Semaphore::new(CONNECTIONS_AT_ONCE);
        let (mut known, mut busy) = (HashSet::<Key>::new(), HashSet::<Key>::new());
        let mut running = FuturesUnordered::new();
        let mut due = tokio::time::interval(interval);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        loop {
            tokio::select! {
                _ = due.tick() => known.clear(),
                // Somebody has connected: only who is new is looked at out of turn.
                () = self.wake.notified() => {}
                _ = sweep.tick() => {
                    self.sweep().await;
                    continue;
                }
                Some(done) = running.next() => {
                    busy.remove(&done);
                    continue;
                }
            }
            let connects = self.store.all_connects().await.unwrap_or_else(|error| {
                tracing::error!(%error, "the connections to poll can't be listed");
                Vec::new()
            });
            for connect in connects {
                let key = (connect.candidate.org, connect.candidate.id());
                if known.insert(key.clone()) && busy.insert(key.clone()) {
                    let places = &places;
                    running.push(async move {
                        let _place = places.acquire().await.expect("the semaphore is never closed");
                        self.look_at(&connect).await;
                        key
                    });
                }
            }
        }
    }

    /// Reads what is new of one connection. Whatever becomes of it, even a panic, is its own.
    async fn look_at(&self, connect: &BillConnect) {
        let (org, id) = (connect.candidate.org, connect.candidate.id());
        let read = AssertUnwindSafe(self.refresh(connect, Scope::Due, &Unwatched)).catch_unwind().await;
        match read {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%org, connect = %id, %error, "connection not read"),
            Err(_) => tracing::error!(%org, connect = %id, "reading the connection panicked"),
        }
    }

    /// Reads what is new of one connection. A refusal by AWS has the connection proven anew, so that its reason shows.
    pub async fn refresh(
        &self,
        connect: &BillConnect,
        scope: Scope,
        watcher: &dyn Watcher,
    ) -> Result<Vec<Ingested>, AppError> {
        let key = (connect.candidate.org, connect.candidate.id());
        let result = match self.verified(connect).await {
            Ok(verified) => self.ingest_all(&verified, scope, watcher).await,
            Err(error) => Err(error),
        };
        let refused = |error: &AppError| matches!(error, AppError::Aws(refusal) if !refusal.kind.may_pass());
        let asks_for_proof = match &result {
            Ok(months) => months.iter().any(|month| month.outcome.as_ref().is_err_and(refused)),
            Err(error) => refused(error),
        };
        // What a report says needs no second telling.
        let trouble = result.as_ref().err().filter(|error| !matches!(error, AppError::NotVerified(_)));
        self.note_trouble(key.clone(), trouble.map(ToString::to_string));
        if asks_for_proof {
            self.validation(key.0, &key.1).await?;
        }
        result
    }
}
