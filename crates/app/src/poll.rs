//! The poll: looks for new deliveries of every connection, again and again, and ingests them.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use billing::connection::{BillConnect, VerifiedConnection};
use futures::FutureExt;
use lake::Pruning;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::discover::Scope;
use crate::error::AppError;
use crate::ingest::Ingested;
use crate::watch::{Unwatched, Watcher};
use crate::{App, Key};

/// How many connections are looked at side by side. What they read shares the places for parts.
const CONNECTIONS_AT_ONCE: usize = 8;

/// How many connections are proven side by side: apart from those that are read, so that long bills put off no proof.
const PROOFS_AT_ONCE: usize = 8;

/// What a poll's connections share.
struct Places {
    proofs: Semaphore,
    reads: Semaphore,
}

/// How often the lake is swept of what ingests left behind that never came to publish.
const SWEEP_EVERY: Duration = Duration::from_hours(24);

/// How old a file must be to be swept: longer than any ingest takes.
const SWEPT_AFTER: Duration = Duration::from_hours(24);

impl App {
    /// Removes from every org's lake what ingests left behind that never came to publish, and deliveries that were replaced and
    /// need not be kept.
    async fn sweep(&self) {
        let orgs = self.store.orgs().await.unwrap_or_else(|error| {
            tracing::error!(%error, "the orgs to sweep can't be listed");
            Vec::new()
        });
        for org in self.store.deleted_orgs().await.unwrap_or_default() {
            if let Err(error) = self.lake.org(org).erase().await {
                tracing::warn!(%org, %error, "the bills of a deleted org could not be removed");
            }
        }
        for org in orgs {
            match self.lake.org(org.id).sweep(SWEPT_AFTER).await {
                Ok(0) => {}
                Ok(swept) => tracing::info!(org = %org.id, swept, "files that were never published are removed"),
                Err(error) => tracing::warn!(org = %org.id, %error, "the lake could not be swept"),
            }
            match self.prune(org.id, Pruning::Remove).await {
                Ok(pruned) if pruned.is_empty() => {}
                Ok(pruned) => tracing::info!(org = %org.id, deliveries = pruned.len(), "old deliveries are removed"),
                Err(error) => tracing::warn!(org = %org.id, %error, "old deliveries could not be removed"),
            }
        }
    }

    /// Polls until the future is dropped: at every `interval`, and at once when a connection is made or changed.
    ///
    /// A connection that takes long keeps no other waiting, and none is looked at twice at once.
    pub async fn poll(self: Arc<Self>, interval: Duration) {
        let (proofs, reads) = (Semaphore::new(PROOFS_AT_ONCE), Semaphore::new(CONNECTIONS_AT_ONCE));
        let places = Arc::new(Places { proofs, reads });
        let (mut known, mut busy) = (HashSet::<Key>::new(), HashSet::<Key>::new());
        // Tasks, not futures of this loop: while the loop itself waits for the store, each of them must go on, or one that
        // holds the store's lock would be waited for by all and run by nobody.
        let mut running = JoinSet::new();
        let mut due = tokio::time::interval(interval);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        loop {
            tokio::select! {
                _ = due.tick() => {
                    known.clear();
                    self.forget_deleted().await;
                }
                // Only who is new, or changed, is looked at out of turn.
                () = self.wake.notified() => {}
                _ = sweep.tick() => {
                    self.sweep().await;
                    continue;
                }
                Some(done) = running.join_next() => {
                    let key = match done {
                        Ok(key) => key,
                        Err(error) => unreachable!("looking at a connection contains its panics: {error}"),
                    };
                    busy.remove(&key);
                    // What was changed while it was looked at is looked at again.
                    if known.contains(&key) {
                        continue;
                    }
                }
            }
            for key in self.take_due() {
                known.remove(&key);
            }
            let connects = self.store.connects_to_poll().await.unwrap_or_else(|error| {
                tracing::error!(%error, "the connections to poll can't be listed");
                Vec::new()
            });
            for connect in connects {
                let key = (connect.candidate.org, connect.candidate.id());
                if !busy.contains(&key) && known.insert(key.clone()) {
                    busy.insert(key.clone());
                    let (app, places) = (self.clone(), places.clone());
                    running.spawn(async move {
                        app.look_at(&connect, &places).await;
                        key
                    });
                }
            }
        }
    }

    /// Proves one connection where that is due, whether or not anything is delivered, and reads what is new of it. Whatever
    /// becomes of it, even a panic, is its own.
    async fn look_at(&self, connect: &BillConnect, places: &Places) {
        let (org, id) = (connect.candidate.org, connect.candidate.id());
        let look = async {
            let proving = places.proofs.acquire().await.expect("the semaphore is never closed");
            let verified = self.verified(connect, Scope::Due).await?;
            drop(proving);
            let _place = places.reads.acquire().await.expect("the semaphore is never closed");
            self.read(&verified, Scope::Due, &Unwatched).await
        };
        match AssertUnwindSafe(look).catch_unwind().await {
            // What is not proven shows in its state; the log said it when that changed.
            Ok(Ok(_) | Err(AppError::NotVerified(_))) => {}
            Ok(Err(error)) => tracing::warn!(%org, connect = %id, %error, "connection not read"),
            Err(_) => tracing::error!(%org, connect = %id, "reading the connection panicked"),
        }
    }

    /// Reads what is new of one connection, if it is proven and not paused.
    pub async fn refresh(
        &self,
        connect: &BillConnect,
        scope: Scope,
        watcher: &dyn Watcher,
    ) -> Result<Vec<Ingested>, AppError> {
        let (org, id) = (connect.candidate.org, connect.candidate.id());
        if self.store.paused_at(org, &id).await?.is_some() {
            return Err(AppError::Paused(id));
        }
        let verified = self.verified(connect, scope).await?;
        self.read(&verified, scope, watcher).await
    }

    /// Reads what is new of a proven connection. A failure that a proof may explain has the connection proven anew, so that
    /// its reason shows.
    async fn read(
        &self,
        verified: &VerifiedConnection,
        scope: Scope,
        watcher: &dyn Watcher,
    ) -> Result<Vec<Ingested>, AppError> {
        let key = (verified.candidate().org, verified.candidate().id());
        let result = self.ingest_all(verified, scope, watcher).await;
        let asks_for_proof = match &result {
            Ok(months) => months.iter().any(|month| month.outcome.as_ref().is_err_and(may_be_explained)),
            Err(error) => may_be_explained(error),
        };
        self.note_trouble(key.clone(), result.as_ref().err().map(ToString::to_string));
        if asks_for_proof {
            self.proof(&self.bill_connect(key.0, &key.1).await?).await?;
        }
        result
    }
}

/// Whether a proof may say more about why something could not be read.
fn may_be_explained(error: &AppError) -> bool {
    match error {
        AppError::Aws(refusal) => !refusal.kind.may_pass(),
        AppError::Invalid(_) => true,
        _ => false,
    }
}
