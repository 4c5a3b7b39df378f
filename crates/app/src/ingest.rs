//! The step `ingest`: reads one delivery whole and has it reconciled, so that its month can be published in place of the old one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use billing::connection::VerifiedConnection;
use billing::decide::{Decision, Published, decide};
use billing::delivery::DeliveryHead;
use billing::names::OrgId;
use billing::receipt::Receipt;
use futures::{TryStreamExt, stream};
use lake::{Progress, Reconciled, Staging};

use crate::App;
use crate::error::AppError;
use crate::store::{Begun, Claimed, Import, ImportStatus, Job, JobOutcome, JobReason};

/// How many parts are read side by side, in the whole process: two keep two cores busy, and memory is a constant a part.
pub(crate) const PARTS_AT_ONCE: usize = 2;

/// How far a reading is, for whoever keeps its lease.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    progress: Mutex<Option<Arc<Progress>>>,
    /// Parts that wait for a place: as long as all do, standing still is no fault.
    queued: AtomicUsize,
    taken: AtomicUsize,
    /// What was begun, once it is.
    begun: Mutex<Option<(Begun, String)>>,
}

/// What a reading came to, before anything is published.
#[derive(Debug)]
pub(crate) enum Read {
    /// The month can be published.
    Whole(Box<Reconciled>, Source),
    /// There is nothing to publish.
    Nothing(JobOutcome, Source),
}

/// The delivery that was read.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) delivery: DeliveryHead,
    /// Which state of its manifest described it.
    pub(crate) version: String,
}

impl Reading {
    /// Charges mapped and bytes taken in so far.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.as_ref().map_or((0, 0), |progress| (progress.rows(), progress.bytes_packed()))
    }

    /// Whether it waits for a place that others have.
    pub(crate) fn is_queued(&self) -> bool {
        self.queued.load(Ordering::Relaxed) > 0 && self.taken.load(Ordering::Relaxed) == 0
    }

    /// What was begun, and what its files are called.
    pub(crate) fn begun(&self) -> Option<(Begun, String)> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl App {
    /// Reads what a job is about, under its lease: the month stays as it is until what comes of it is published.
    pub(crate) async fn ingest(
        &self,
        connection: &VerifiedConnection,
        claimed: &Claimed,
        reading: &Reading,
    ) -> Result<Read, AppError> {
        let Job { org, connect, period, .. } = &claimed.job;
        let lake = self.lake.org(*org);
        if let Some(left_over) = &claimed.left_over {
            // Whoever had the job before may only be asleep: first it must not be able to publish any more.
            self.bury((*org, connect, *period), left_over).await?;
        }
        let source = self.resolve(connection, *period, &claimed.job.found).await?;
        let published = lake.receipt(connect, *period).await?;
        let now = published.as_ref().map(|receipt| Published {
            delivery_id: &receipt.delivery_id,
            manifest_key: &receipt.manifest_key,
            made_at: receipt.made_at,
        });
        match (decide(&source.delivery, now), published) {
            (Decision::Same, Some(receipt)) if claimed.job.why == JobReason::Delivered => {
                self.settle(*org, &receipt).await?;
                return Ok(Read::Nothing(JobOutcome::Same, source));
            }
            (Decision::Older, _) => return Ok(Read::Nothing(JobOutcome::Older, source)),
            _ => {}
        }
        let staging = lake.stage(&source.delivery).await?;
        let staged = staging.attempt();
        // Before there is any file, so that whoever comes after knows what to look for.
        let begun = self.store.begin_job(claimed.lease, (*org, &source.delivery), &staged).await?;
        let begun = begun.ok_or_else(|| AppError::LeaseLost(connect.clone(), *period))?;
        *reading.begun.lock().unwrap_or_else(PoisonError::into_inner) = Some((begun, staged));
        let reconciled = self.load(connection, (staging, &source.delivery), reading).await?;
        Ok(Read::Whole(Box::new(reconciled), source))
    }

    /// Notes as completed what was published by a process that ended before it could say so; and that it still stands, where
    /// what came after it came to nothing.
    async fn settle(&self, org: OrgId, receipt: &Receipt) -> Result<(), AppError> {
        let imports = self.store.imports(org, &receipt.connect).await?;
        let newest = imports.iter().find(|import| import.period == receipt.period);
        let told =
            |import: &Import| import.delivery_id == receipt.delivery_id && import.status == ImportStatus::Completed;
        if !newest.is_some_and(told) {
            let month = (org, &receipt.connect, receipt.period);
            self.store.settle_import(month, &receipt.delivery_id).await?;
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
        (staging, delivery): (Staging, &DeliveryHead),
        reading: &Reading,
    ) -> Result<Reconciled, AppError> {
        // Only now: the lake refuses what was staged before its connection was forgotten, this what is staged after.
        if !self.is_still(connection).await? {
            staging.discard().await;
            return Err(AppError::Overtaken(delivery.connect.clone()));
        }
        *reading.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(staging.progress());
        let read = stream::iter(delivery.parts.iter().map(Ok)).try_for_each_concurrent(PARTS_AT_ONCE, |part| async {
            // One place in the whole process, so that memory does not grow with the connections that are read.
            reading.queued.fetch_add(1, Ordering::Relaxed);
            let place = self.parts.acquire().await.expect("the semaphore is never closed");
            reading.queued.fetch_sub(1, Ordering::Relaxed);
            reading.taken.fetch_add(1, Ordering::Relaxed);
            let bytes = self.aws.open(connection.candidate(), connection.region(), part).await?;
            staging.read_part(part, bytes).await?;
            reading.taken.fetch_sub(1, Ordering::Relaxed);
            drop(place);
            Ok::<(), AppError>(())
        });
        if let Err(error) = read.await {
            staging.discard().await;
            return Err(error);
        }
        Ok(staging.reconcile().await?)
    }
}
