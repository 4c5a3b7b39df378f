//! Holding a lease: saying again and again that the job is being run, and noticing when that is no longer so.

use std::time::{Duration, Instant};

use time::OffsetDateTime;

use crate::App;
use crate::error::AppError;
use crate::ingest::Reading;
use crate::store::{Claimed, JobProgress};

/// How often it is told how far a reading is, at the least.
const TOLD_EVERY: Duration = Duration::from_secs(1);

impl App {
    /// Keeps the lease while `reading` gets on. Ends only when it must be given up, and says why.
    pub(super) async fn hold(&self, claimed: &Claimed, reading: &Reading) -> AppError {
        let every = (self.jobs.lease / 3).min(TOLD_EVERY);
        let (mut counts, mut moved_at, mut moved) = (reading.counts(), OffsetDateTime::now_utc(), Instant::now());
        loop {
            tokio::time::sleep(every).await;
            let now = reading.counts();
            if now != counts || reading.is_queued() {
                (counts, moved_at, moved) = (now, OffsetDateTime::now_utc(), Instant::now());
            }
            if moved.elapsed() > self.jobs.stalled_after {
                return AppError::Stalled(self.jobs.stalled_after);
            }
            let progress = JobProgress { rows: counts.0, bytes: counts.1, bytes_total: None, moved_at: Some(moved_at) };
            match self.store.renew_lease(claimed.lease, (self.lease_until(), progress)).await {
                Ok(true) => {}
                Ok(false) => {
                    self.counters.lost_lease();
                    return AppError::LeaseLost(claimed.job.connect.clone(), claimed.job.period);
                }
                // The lease may run out; whether somebody took it shows the next time.
                Err(error) => tracing::warn!(%error, "the lease of a job could not be renewed"),
            }
        }
    }

    /// Says once more, just before publishing, that the lease is held, so that all of it lies ahead.
    pub(super) async fn holds(&self, claimed: &Claimed, reading: &Reading) -> Result<(), AppError> {
        let (rows, bytes) = reading.counts();
        let progress = JobProgress { rows, bytes, bytes_total: None, moved_at: Some(OffsetDateTime::now_utc()) };
        if self.store.renew_lease(claimed.lease, (self.lease_until(), progress)).await? {
            return Ok(());
        }
        self.counters.lost_lease();
        Err(AppError::LeaseLost(claimed.job.connect.clone(), claimed.job.period))
    }

    /// Until when a lease that is taken now runs.
    pub(super) fn lease_until(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + self.jobs.lease
    }
}
