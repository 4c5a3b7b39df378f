//! Running one job: under its lease and in its connection's turn, from the claim to how it ended.

use std::panic::AssertUnwindSafe;

use billing::names::BillConnectId;
use billing::period::BillingPeriod;
use futures::FutureExt;
use time::OffsetDateTime;

use crate::App;
use crate::discover::Scope;
use crate::error::AppError;
use crate::ingest::{Read, Reading, Source};
use crate::store::{Claimed, End, Job, JobOutcome};

/// What came of one month.
#[derive(Debug, Clone)]
pub struct Ingested {
    /// The connection.
    pub connect: BillConnectId,
    /// The month.
    pub period: BillingPeriod,
    /// What came of it; or why it stays as it was.
    pub outcome: Result<JobOutcome, String>,
}

impl App {
    /// Runs a job that was claimed, and notes how it ended. A failure that a proof may explain has the connection proven anew,
    /// so that its reason shows.
    pub(super) async fn run_job(&self, claimed: &Claimed) -> Result<(), AppError> {
        let Job { org, connect, period, .. } = &claimed.job;
        let reading = Reading::default();
        let turn = self.turn(*org, connect);
        // Before waiting, so that what happens in the meantime counts.
        let mut stops = turn.stops.subscribe();
        let attempt = async {
            let _held = turn.lock.lock().await;
            let read = tokio::select! {
                biased;
                _ = stops.changed() => Err(AppError::Overtaken(connect.clone())),
                error = self.hold(claimed, &reading) => Err(error),
                read = self.read(claimed, &reading) => read,
            };
            // From here on it is not interrupted: a commit that is under way can't be called back.
            match read {
                Ok(Read::Whole(reconciled, source)) => {
                    self.holds(claimed, &reading).await?;
                    let lake = self.lake.org(*org);
                    let publishing = lake.publish(*reconciled);
                    let receipt = self.while_held((claimed, &reading), publishing).await?;
                    let rows = receipt.rows_in_files;
                    tracing::info!(%org, %connect, %period, rows, "month published");
                    Ok((JobOutcome::Published, source))
                }
                Ok(Read::Nothing(outcome, source)) => Ok((outcome, source)),
                Err(error) => Err(error),
            }
        };
        let result = AssertUnwindSafe(attempt).catch_unwind().await.unwrap_or(Err(AppError::Panicked));
        if let Err(error) = &result {
            tracing::warn!(%org, %connect, %period, %error, "month not loaded");
        }
        let may_be_explained = result.as_ref().is_err_and(AppError::may_be_explained);
        self.note_end(claimed, &reading, result).await?;
        // Whoever deleted the org meanwhile has erased what was there, not what came after.
        if self.store.org(*org).await?.is_none() {
            self.lake.org(*org).erase().await?;
        } else if may_be_explained && let Some(connect) = self.store.connect(*org, connect).await? {
            self.proof(&connect).await?;
        }
        Ok(())
    }

    async fn read(&self, claimed: &Claimed, reading: &Reading) -> Result<Read, AppError> {
        let Job { org, connect, .. } = &claimed.job;
        let connect = self.bill_connect(*org, connect).await?;
        let verified = self.verified(&connect, Scope::Due).await?;
        self.ingest(&verified, claimed, reading).await
    }

    /// Does `work` to its end while the lease is kept, as far as it can be.
    async fn while_held<T>(&self, (claimed, reading): (&Claimed, &Reading), work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        tokio::select! {
            done = &mut work => return done,
            error = self.hold(claimed, reading) => tracing::warn!(%error, "the lease is gone while a month is published"),
        }
        // The lake has the last word now.
        work.await
    }

    /// Notes how a run ended, and takes away what it has staged in vain.
    async fn note_end(
        &self,
        claimed: &Claimed,
        reading: &Reading,
        result: Result<(JobOutcome, Source), AppError>,
    ) -> Result<(), AppError> {
        let Job { org, connect, period, .. } = &claimed.job;
        let begun = reading.begun();
        // After a panic nobody knows what still goes on: that is left to those who tidy up later.
        let in_vain = matches!(&result, Err(error) if !matches!(error, AppError::Panicked));
        let end = match result {
            Ok((outcome, source)) => End::Done(outcome, source.version, source.delivery.delivery_id),
            Err(error) => self.end_of(claimed, &error),
        };
        self.counters.ended(&end, reading.counts());
        self.store.end_job(claimed, begun.as_ref().map(|(begun, _)| begun), &end).await?;
        if let Some((_, staged)) = begun.filter(|_| in_vain) {
            // Nobody but this run could have published it.
            self.lake.org(*org).bury((connect, *period), &staged).await?;
            self.store.unstaged(*org, &staged).await?;
        }
        self.work.notify_one();
        Ok(())
    }

    /// What follows from an error.
    fn end_of(&self, claimed: &Claimed, error: &AppError) -> End {
        let (text, now) = (error.to_string(), OffsetDateTime::now_utc());
        let chance = getrandom::u32().unwrap_or_default();
        match error {
            AppError::Overtaken(_) => End::Released(text, now),
            // It is suspended, or about to be: no fault of the delivery's.
            AppError::NotVerified(_) => End::Released(text, now + self.jobs.pause(1, chance)),
            error if error.stays() => End::Failed(text, Some(claimed.job.found.version.clone())),
            _ if claimed.job.attempts >= self.jobs.attempts => End::Failed(
                format!(
                    "{text}; given up after {} tries, until something newer is delivered or somebody asks for it",
                    claimed.job.attempts
                ),
                None,
            ),
            _ => End::Retry(text, now + self.jobs.pause(claimed.job.attempts, chance)),
        }
    }
}
