//! The step `ingest`: reads one delivery whole, has it reconciled, and publishes its month in place of the old one.

use billing::connection::VerifiedConnection;
use billing::decide::{Decision, Published, decide};
use billing::delivery::{DeliveryHead, DeliveryId};
use billing::names::{BillConnectId, OrgId};
use billing::receipt::Receipt;
use futures::{TryStreamExt, stream};

use crate::App;
use crate::discover::{Discovered, Scope};
use crate::error::AppError;
use crate::store::{ImportStatus, ManifestOutcome, Outcome, SeenManifest};
use crate::watch::Watcher;

/// How many parts are read side by side, in the whole process: two keep two cores busy, and memory is a constant a part.
pub(crate) const PARTS_AT_ONCE: usize = 2;

/// What came of one month's delivery.
#[derive(Debug)]
pub struct Ingested {
    /// The connection.
    pub connect: BillConnectId,
    /// The month.
    pub period: billing::period::BillingPeriod,
    /// What came of it.
    pub outcome: Result<Loaded, AppError>,
}

/// What was done with a delivery that could be read.
#[derive(Debug)]
pub enum Loaded {
    /// The month is published anew; this is what was proven.
    Published(Box<Receipt>),
    /// It is what is published already.
    Same,
    /// A newer delivery is published; an older one never replaces it.
    Older,
}

impl App {
    /// Ingests everything that has been delivered through the connection and is not in the lake yet, newest month first.
    ///
    /// One connection is ingested by one task at a time; a second call waits for the first and then finds nothing to do. Where the
    /// connection is changed or deleted meanwhile, it ends at once, with [`AppError::Overtaken`].
    pub async fn ingest_all(
        &self,
        connection: &VerifiedConnection,
        scope: Scope,
        watcher: &dyn Watcher,
    ) -> Result<Vec<Ingested>, AppError> {
        let (org, connect) = (connection.candidate().org, connection.candidate().id());
        let turn = self.turn(org, &connect);
        // Before waiting, so that what happens in the meantime counts.
        let mut stops = turn.stops.subscribe();
        let _held = turn.lock.lock().await;
        tokio::select! {
            biased;
            _ = stops.changed() => {}
            done = self.ingest_in_turn(connection, scope, watcher) => return done,
        }
        let overtaken = AppError::Overtaken(connect.clone());
        self.store.abort_imports((org, &connect), &overtaken.to_string()).await?;
        Err(overtaken)
    }

    async fn ingest_in_turn(
        &self,
        connection: &VerifiedConnection,
        scope: Scope,
        watcher: &dyn Watcher,
    ) -> Result<Vec<Ingested>, AppError> {
        let (org, connect) = (connection.candidate().org, connection.candidate().id());
        let mut done = Vec::new();
        for found in self.discover(connection, scope).await? {
            // It may have been paused, or found wanting, while the month before was read.
            if !self.standing(org, &connect).await?.state.reads() {
                break;
            }
            let period = found.period;
            let outcome = self.take_in(connection, found, watcher).await;
            if let Err(error) = &outcome {
                tracing::warn!(%org, %connect, %period, %error, "month not loaded");
            }
            let ingested = Ingested { connect: connect.clone(), period, outcome };
            watcher.ended(&ingested);
            done.push(ingested);
        }
        // Whoever deleted the org meanwhile has erased what was there, not what came after.
        if self.store.org(org).await?.is_none() {
            self.lake.org(org).erase().await?;
        }
        Ok(done)
    }

    /// Ingests what one manifest describes, and remembers what need not be looked at again.
    async fn take_in(
        &self,
        connection: &VerifiedConnection,
        found: Discovered,
        watcher: &dyn Watcher,
    ) -> Result<Loaded, AppError> {
        let (org, connect) = (connection.candidate().org, connection.candidate().id());
        let Discovered { period, manifest_key, manifest_etag, delivery } = found;
        let delivery = match delivery {
            Ok(delivery) => delivery,
            Err(error) => {
                let delivery_id = DeliveryId::of(&manifest_etag, &[]);
                let id = self.store.start_import((org, &connect), period, &delivery_id).await?;
                self.store.finish_import(org, id, Outcome::Aborted(&error.to_string())).await?;
                return Err(error);
            }
        };
        let result = self.ingest(connection, &delivery, watcher).await;
        let outcome = match &result {
            Ok(_) => ManifestOutcome::Settled,
            Err(error) if error.stays() => ManifestOutcome::Failed,
            Err(_) => return result,
        };
        let seen = SeenManifest { key: manifest_key, etag: manifest_etag, delivery_id: delivery.delivery_id, outcome };
        self.store.remember_manifest((org, &connect), &seen).await?;
        result
    }

    /// Ingests one delivery: the month becomes exactly it, or stays as it was.
    pub async fn ingest(
        &self,
        connection: &VerifiedConnection,
        delivery: &DeliveryHead,
        watcher: &dyn Watcher,
    ) -> Result<Loaded, AppError> {
        let org = connection.candidate().org;
        let published = self.lake.org(org).receipt(&delivery.connect, delivery.period).await?;
        let now = published.as_ref().map(|receipt| Published {
            delivery_id: &receipt.delivery_id,
            manifest_key: &receipt.manifest_key,
            made_at: receipt.made_at,
        });
        match (decide(delivery, now), published) {
            (Decision::Same, Some(receipt)) => {
                self.settle(org, &receipt).await?;
                return Ok(Loaded::Same);
            }
            (Decision::Older, _) => return Ok(Loaded::Older),
            _ => {}
        }
        let import = self.store.start_import((org, &delivery.connect), delivery.period, &delivery.delivery_id).await?;
        match self.load(connection, delivery, watcher).await {
            Ok(receipt) => {
                self.store.finish_import(org, import, Outcome::Completed(&receipt)).await?;
                let (connect, period, rows) = (&delivery.connect, delivery.period, receipt.rows_in_files);
                tracing::info!(%org, %connect, %period, rows, "month published");
                Ok(Loaded::Published(Box::new(receipt)))
            }
            Err(error) => {
                self.store.finish_import(org, import, Outcome::Aborted(&error.to_string())).await?;
                Err(error)
            }
        }
    }

    /// Notes as completed what was published by a process that ended before it could say so.
    async fn settle(&self, org: OrgId, receipt: &Receipt) -> Result<(), AppError> {
        let imports = self.store.imports(org, &receipt.connect).await?;
        let told = imports.iter().any(|import| {
            import.period == receipt.period
                && import.delivery_id == receipt.delivery_id
                && import.status == ImportStatus::Completed
        });
        if !told {
            let import = self.store.start_import((org, &receipt.connect), receipt.period, &receipt.delivery_id).await?;
            self.store.finish_import(org, import, Outcome::Completed(receipt)).await?;
        }
        Ok(())
    }

    /// Whether the stored connection is what was proven.
    async fn is_still(&self, connection: &VerifiedConnection) -> Result<bool, AppError> {
        let proven = connection.candidate();
        let stored = self.store.connect(proven.org, &proven.id()).await?;
        Ok(stored.is_some_and(|stored| stored.candidate == *proven))
    }

    async fn load(
        &self,
        connection: &VerifiedConnection,
        delivery: &DeliveryHead,
        watcher: &dyn Watcher,
    ) -> Result<Receipt, AppError> {
        let lake = self.lake.org(connection.candidate().org);
        let staging = lake.stage(delivery).await?;
        // Only now: the lake refuses what was staged before its connection was forgotten, this what is staged after.
        if !self.is_still(connection).await? {
            staging.discard().await;
            return Err(AppError::Overtaken(delivery.connect.clone()));
        }
        watcher.begun(delivery, staging.progress());
        let read = stream::iter(delivery.parts.iter().map(Ok)).try_for_each_concurrent(PARTS_AT_ONCE, |part| async {
            // One place in the whole process, so that memory does not grow with the connections that are read.
            let _place = self.parts.acquire().await.expect("the semaphore is never closed");
            let bytes = self.aws.open(connection.candidate(), connection.region(), part).await?;
            staging.read_part(part, bytes).await?;
            Ok::<(), AppError>(())
        });
        if let Err(error) = read.await {
            staging.discard().await;
            return Err(error);
        }
        let reconciled = staging.reconcile().await?;
        Ok(lake.publish(reconciled).await?)
    }
}
