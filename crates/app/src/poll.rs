//! The poll: looks for new deliveries of every connection, again and again, and has them read.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use billing::connection::{BillConnect, VerifiedConnection};
use futures::FutureExt;
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior};
use tracing::Instrument;

use crate::discover::{Discovered, Scope};
use crate::error::AppError;
use crate::store::Wanted;
use crate::{App, Key};

/// How many connections' buckets are looked at side by side.
const CONNECTIONS_AT_ONCE: usize = 8;

/// How many connections are proven side by side: apart from those that are looked at, so that slow buckets put off no proof.
const PROOFS_AT_ONCE: usize = 8;

/// How many organizations are looked at side by side: slowly, and apart from all else.
const ORGANIZATIONS_AT_ONCE: usize = 8;

/// What a poll's connections share.
struct Places {
    proofs: Semaphore,
    looks: Semaphore,
    organizations: Semaphore,
}

/// Ticks at once and then every `interval`; what was missed is not made up for.
fn every(interval: Duration) -> Interval {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

impl App {
    /// Polls, and reads what it finds, until the future is dropped: at every `interval`, and at once when a connection is made or changed.
    ///
    /// A connection that takes long keeps no other waiting, and none is looked at twice at once.
    pub async fn poll(self: Arc<Self>, interval: Duration) {
        let [proofs, looks, organizations] =
            [PROOFS_AT_ONCE, CONNECTIONS_AT_ONCE, ORGANIZATIONS_AT_ONCE].map(Semaphore::new);
        let places = Arc::new(Places { proofs, looks, organizations });
        let (mut known, mut busy, mut seeing) = (HashSet::<Key>::new(), HashSet::<Key>::new(), HashSet::<Key>::new());
        // Tasks, not futures of this loop: while the loop itself waits for the store, each of them must go on, or one that
        // holds the store's lock would be waited for by all and run by nobody.
        let (mut running, mut workers, mut organizations) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
        workers.spawn(self.clone().run_jobs());
        let (mut due, mut sweep) = (every(interval), every(self.jobs.sweep_every));
        loop {
            self.pulse.beat(interval);
            tokio::select! {
                _ = due.tick() => {
                    known.clear();
                    self.forget_deleted().await;
                }
                // Only who is new, or changed, is looked at out of turn.
                () = self.wake.notified() => {}
                _ = sweep.tick() => {
                    self.tidy().await;
                    continue;
                }
                Some(done) = organizations.join_next() => {
                    seeing.remove(&contained(done));
                    continue;
                }
                Some(done) = running.join_next() => {
                    let key = contained(done);
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
            for connect in self.connects_to_poll().await {
                let key = (connect.candidate.org, connect.candidate.id());
                if !busy.contains(&key) && known.insert(key.clone()) {
                    if seeing.insert(key.clone()) {
                        let (app, places, connect, key) = (self.clone(), places.clone(), connect.clone(), key.clone());
                        organizations.spawn(async move {
                            app.look_at_organization_when_due(&connect, &places.organizations).await;
                            key
                        });
                    }
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

    async fn connects_to_poll(&self) -> Vec<BillConnect> {
        self.store.connects_to_poll().await.unwrap_or_else(|error| {
            tracing::error!(%error, "the connections to poll can't be listed");
            Vec::new()
        })
    }

    /// Proves one connection where that is due, whether or not anything is delivered, and has what is new of it read. Whatever
    /// becomes of it, even a panic, is its own.
    async fn look_at(&self, connect: &BillConnect, places: &Places) {
        let (org, id) = (connect.candidate.org, connect.candidate.id());
        let look = async {
            let proving = places.proofs.acquire().await.expect("the semaphore is never closed");
            let verified = self.verified(connect, Scope::Due).await?;
            drop(proving);
            let _place = places.looks.acquire().await.expect("the semaphore is never closed");
            let enqueue = async {
                let wanted = Wanted::ByPoll(OffsetDateTime::now_utc());
                for found in self.look_for_new(&verified, Scope::Due).await? {
                    if self.store.enqueue_job((org, &id), (found.period, &found.found), wanted).await? {
                        self.work.notify_one();
                    }
                }
                Ok::<(), AppError>(())
            };
            // Beside it: what Cost Explorer says, or does not, keeps no bill waiting.
            let (enqueued, ()) = futures::join!(enqueue, self.read_reservations(&verified, OffsetDateTime::now_utc()));
            enqueued?;
            Ok(())
        };
        let span = tracing::info_span!("look", %org, connect = %id);
        match AssertUnwindSafe(look).catch_unwind().instrument(span).await {
            // What is not proven shows in its state; the log said it when that changed.
            Ok(Ok(()) | Err(AppError::NotVerified(_))) => {}
            Ok(Err(error)) => tracing::warn!(%org, connect = %id, %error, "connection not looked at"),
            Err(_) => tracing::error!(%org, connect = %id, "looking at the connection panicked"),
        }
    }

    /// Finds what is new of a proven connection. A failure that a proof may explain has the connection proven anew, so that its
    /// reason shows.
    pub(crate) async fn look_for_new(
        &self,
        verified: &VerifiedConnection,
        scope: Scope,
    ) -> Result<Vec<Discovered>, AppError> {
        let key = (verified.candidate().org, verified.candidate().id());
        let result = self.discover(verified, scope).await;
        self.note_trouble(key.clone(), result.as_ref().err().map(ToString::to_string));
        if result.as_ref().is_err_and(AppError::may_be_explained) {
            self.proof(&self.bill_connect(key.0, &key.1).await?).await?;
        }
        result
    }
}

/// Which connection a task was about.
fn contained(done: Result<Key, tokio::task::JoinError>) -> Key {
    match done {
        Ok(key) => key,
        Err(error) => unreachable!("what is done for a connection contains its panics: {error}"),
    }
}
