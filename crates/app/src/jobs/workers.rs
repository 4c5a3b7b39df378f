//! Workers: tasks that claim jobs and run them, as long as the process lives.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use billing::connection::BillConnect;
use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use futures::FutureExt;
use time::OffsetDateTime;
use tokio::task::JoinSet;
use tracing::Instrument;

use super::Ingested;
use crate::App;
use crate::discover::Scope;
use crate::error::AppError;
use crate::store::{Claim, Claimed, Job, JobState, Wanted};

/// How long a worker that found nothing sleeps at the most: another process may have found something to read.
const IDLE: Duration = Duration::from_secs(5);

/// How long one sleeps at the least, also where the store fails.
const BREATH: Duration = Duration::from_millis(100);

impl App {
    /// Runs jobs until the future is dropped.
    pub(crate) async fn run_jobs(self: Arc<Self>) {
        let mut workers = JoinSet::new();
        for _ in 0..self.jobs.workers {
            let app = self.clone();
            workers.spawn(async move { app.run_due_jobs().await });
        }
        while workers.join_next().await.is_some() {}
    }

    async fn run_due_jobs(&self) {
        loop {
            match self.claim(None).await {
                Ok(Some(claimed)) => {
                    // There may be more where this came from.
                    self.work.notify_one();
                    self.run(&claimed).await;
                }
                Ok(None) => self.doze().await,
                Err(error) => {
                    tracing::error!(%error, "no job can be claimed");
                    tokio::time::sleep(IDLE).await;
                }
            }
        }
    }

    /// Sleeps until there may be something to claim.
    async fn doze(&self) {
        let next = self.store.next_job_at().await.ok().flatten();
        let until = next.map_or(IDLE, |next| Duration::try_from(next - OffsetDateTime::now_utc()).unwrap_or_default());
        tokio::select! {
            () = self.work.notified() => {}
            () = tokio::time::sleep(until.clamp(BREATH, IDLE)) => {}
        }
    }

    async fn claim(&self, only: Option<(OrgId, &BillConnectId)>) -> Result<Option<Claimed>, AppError> {
        let claim = Claim {
            owner: &self.owner,
            until: self.lease_until(),
            pauses: (self.jobs.retry_after, self.jobs.retry_at_most),
            attempts: self.jobs.attempts,
            only,
        };
        Ok(self.store.claim_job(&claim).await?)
    }

    /// Runs a job; whatever becomes of it, even a panic, is its own.
    async fn run(&self, claimed: &Claimed) {
        let Job { org, connect, period, .. } = &claimed.job;
        let span = tracing::info_span!("job", %org, %connect, %period);
        match AssertUnwindSafe(self.run_job(claimed)).catch_unwind().instrument(span).await {
            Ok(Ok(())) => {}
            // Its lease runs out, and then it is taken up again.
            Ok(Err(error)) => tracing::error!(%org, %connect, %period, %error, "how a job ended could not be noted"),
            Err(_) => tracing::error!(%org, %connect, %period, "running a job panicked"),
        }
    }

    /// Reads what is new of one connection, unless it is paused, and answers with what came of each month. What another process
    /// reads meanwhile is waited for.
    pub async fn refresh(&self, connect: &BillConnect) -> Result<Vec<Ingested>, AppError> {
        let (org, id) = (connect.candidate.org, connect.candidate.id());
        if self.store.paused_at(org, &id).await?.is_some() {
            return Err(AppError::Paused(id));
        }
        let verified = self.verified(connect, Scope::FailedToo).await?;
        let mut open = HashSet::new();
        let wanted = Wanted::ByHand(OffsetDateTime::now_utc());
        for found in self.look_for_new(&verified, Scope::FailedToo).await? {
            self.store.enqueue_job((org, &id), (found.period, &found.found), wanted).await?;
            open.insert(found.period);
        }
        let mut done = Vec::new();
        while !open.is_empty() {
            if let Some(claimed) = self.claim(Some((org, &id))).await? {
                self.run(&claimed).await;
            } else {
                tokio::time::sleep(BREATH).await;
            }
            done.extend(self.ended_of((org, &id), &mut open).await?);
        }
        Ok(done)
    }

    /// What came of those months of `open` that are neither being read nor about to be; they are taken out of it.
    async fn ended_of(
        &self,
        (org, id): (OrgId, &BillConnectId),
        open: &mut HashSet<BillingPeriod>,
    ) -> Result<Vec<Ingested>, AppError> {
        let jobs: Vec<Job> = self.store.jobs(org).await?.into_iter().filter(|job| job.connect == *id).collect();
        let reads = self.standing(org, id).await?.state.reads();
        let now = OffsetDateTime::now_utc();
        let is_open = |job: &Job| match job.state {
            JobState::Running => true,
            // What pauses after a failed try is the server's to try again.
            JobState::Waiting => reads && job.run_at <= now,
            JobState::Done | JobState::Failed => false,
        };
        let mut ended: Vec<&Job> = jobs.iter().filter(|job| open.contains(&job.period) && !is_open(job)).collect();
        ended.sort_by_key(|job| std::cmp::Reverse(job.period));
        let mut done = Vec::new();
        for job in ended {
            open.remove(&job.period);
            let stays = || job.error.clone().unwrap_or_else(|| "nothing is read through it any more".to_owned());
            let outcome = job.outcome.ok_or_else(stays);
            done.push(Ingested { connect: id.clone(), period: job.period, outcome });
        }
        // What is gone with its connection has no job any more.
        open.retain(|period| jobs.iter().any(|job| job.period == *period));
        Ok(done)
    }
}
