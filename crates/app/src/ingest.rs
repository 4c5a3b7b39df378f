//! The step `ingest`: reads one delivery whole, has it reconciled, and publishes its month in place of the old one.

use std::sync::Arc;

use billing::connection::VerifiedConnection;
use billing::decide::{Decision, Published, decide};
use billing::delivery::{DeliveryHead, DeliveryId};
use billing::names::{BillConnectId, OrgId};
use billing::receipt::Receipt;
use futures::{TryStreamExt, stream};
use lake::Progress;

use crate::App;
use crate::discover::Discovered;
use crate::error::AppError;
use crate::store::{ImportStatus, ManifestOutcome, Outcome, SeenManifest};

/// How many parts of a delivery are read side by side: two keep two cores busy, and memory is a constant a part.
const PARTS_AT_ONCE: usize = 2;

/// Watches an ingest as it goes.
pub trait Watcher: Send + Sync {
    /// A delivery is begun; `progress` counts its rows and bytes from now on.
    fn begun(&self, delivery: &DeliveryHead, progress: Arc<Progress>);
    /// The delivery came to its end.
    fn ended(&self, ingested: &Ingested);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Watcher for Unwatched {
    fn begun(&self, _: &DeliveryHead, _: Arc<Progress>) {}
    fn ended(&self, _: &Ingested) {}
}

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
    /// One connection is ingested by one task at a time; a second call waits for the first and then finds nothing to do.
    pub async fn ingest_all(&self, connection: &VerifiedConnection, watcher: &dyn Watcher) -> Result<Vec<Ingested>, AppError> {
        let (org, connect) = (connection.candidate().org, connection.candidate().id());
        let turn = self.turn(org, &connect);
        let _held = turn.lock().await;
        let mut done = Vec::new();
        for found in self.discover(connection).await? {
            let Discovered { period, manifest_key, manifest_etag, delivery } = found;
            let outcome = match delivery {
                Ok(delivery) => self.ingest(connection, &delivery, watcher).await.map(|loaded| (delivery.delivery_id, loaded)),
                Err(error) => {
                    self.note_unusable((org, &connect), period, (&manifest_etag, &error)).await?;
                    Err(error)
                }
            };
            let outcome = match outcome {
                Ok((delivery_id, loaded)) => {
                    let outcome = ManifestOutcome::Settled;
                    let seen = SeenManifest { key: manifest_key, etag: manifest_etag, delivery_id, outcome };
                    self.store.remember_manifest((org, &connect), &seen).await?;
                    Ok(loaded)
                }
                Err(error) => {
                    tracing::warn!(%org, %connect, %period, %error, "month not loaded");
                    Err(error)
                }
            };
            let ingested = Ingested { connect: connect.clone(), period, outcome };
            watcher.ended(&ingested);
            done.push(ingested);
        }
        Ok(done)
    }

    /// Ingests one delivery: the month becomes exactly it, or stays as it was.
    pub async fn ingest(
        &self,
        connection: &VerifiedConnection,
        delivery: &DeliveryHead,
        watcher: &dyn Watcher,
    ) -> Result<Loaded, AppError> {
        let org = connection.candidate().org;
        let lake = self.lake.org(org);
        let published = lake.published().await?;
        let month = published.iter().find(|month| month.connect == delivery.connect && month.period == delivery.period);
        let now = month.map(|month| Published { delivery_id: &month.delivery_id, made_at: month.made_at });
        match decide(delivery, now) {
            Decision::Same => return Ok(Loaded::Same),
            Decision::Older => return Ok(Loaded::Older),
            Decision::Load => {}
        }
        let import = self.store.start_import((org, &delivery.connect), delivery.period, &delivery.delivery_id).await?;
        match self.load(connection, delivery, watcher).await {
            Ok(receipt) => {
                self.store.finish_import(org, import, Outcome::Completed(&receipt)).await?;
                tracing::info!(%org, connect = %delivery.connect, period = %delivery.period, rows = receipt.rows_in_files, "month published");
                Ok(Loaded::Published(Box::new(receipt)))
            }
            Err(error) => {
                self.store.finish_import(org, import, Outcome::Aborted(&error.to_string())).await?;
                Err(error)
            }
        }
    }

    async fn load(
        &self,
        connection: &VerifiedConnection,
        delivery: &DeliveryHead,
        watcher: &dyn Watcher,
    ) -> Result<Receipt, AppError> {
        let lake = self.lake.org(connection.candidate().org);
        let staging = lake.stage(delivery).await?;
        watcher.begun(delivery, staging.progress());
        let read = stream::iter(delivery.parts.iter().map(Ok)).try_for_each_concurrent(PARTS_AT_ONCE, |part| async {
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

    /// Keeps the reason why a delivery could not even be begun, once for as long as nothing about it changes.
    async fn note_unusable(
        &self,
        (org, connect): (OrgId, &BillConnectId),
        period: billing::period::BillingPeriod,
        (etag, error): (&str, &AppError),
    ) -> Result<(), AppError> {
        let (delivery_id, reason) = (DeliveryId::of(etag, &[]), error.to_string());
        let newest = self.store.imports(org, connect).await?.into_iter().find(|import| import.period == period);
        let known = newest.is_some_and(|import| {
            import.status == ImportStatus::Aborted
                && import.delivery_id == delivery_id
                && import.error.as_deref() == Some(reason.as_str())
        });
        if !known {
            let import = self.store.start_import((org, connect), period, &delivery_id).await?;
            self.store.finish_import(org, import, Outcome::Aborted(&reason)).await?;
        }
        Ok(())
    }
}
