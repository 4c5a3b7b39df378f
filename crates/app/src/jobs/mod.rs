//! Jobs: each month that is to be read is one, kept in the store, run under a lease, and tried again until it is read or given up.
//!
//! *Invariant:* one at a time a month, whatever the number of processes over one store; and whoever lost its lease publishes
//! nothing.

mod hold;
mod retry;
mod run;
mod tidy;
mod workers;

use std::time::Duration;

use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use time::OffsetDateTime;

use crate::App;
use crate::error::AppError;
use crate::store::{Job, JobCount, JobState};

pub use run::Ingested;

/// How jobs are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSettings {
    /// How many months are read side by side, each of another connection. Their files share the places for files.
    pub workers: usize,
    /// How long whoever runs a job may be silent until another may take it over.
    pub lease: Duration,
    /// The pause before a second try; it doubles from try to try.
    pub retry_after: Duration,
    /// The longest pause between two tries.
    pub retry_at_most: Duration,
    /// After how many tries a job is given up.
    pub attempts: u32,
    /// How long a reading may stand still until it is begun anew.
    pub stalled_after: Duration,
    /// How often the lake is swept, and how old a file must be to be swept.
    pub sweep_every: Duration,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self {
            workers: 2,
            lease: Duration::from_mins(1),
            retry_after: Duration::from_secs(30),
            retry_at_most: Duration::from_hours(1),
            attempts: 20,
            stalled_after: Duration::from_mins(15),
            sweep_every: Duration::from_hours(6),
        }
    }
}

/// Why a running job does not get on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stuck {
    /// Whoever runs it is silent: another takes it over as soon as one is free.
    LeaseExpired,
    /// Nothing comes of it: it is begun anew when that goes on.
    NoProgress,
}

impl Stuck {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::LeaseExpired => "lease-expired",
            Self::NoProgress => "no-progress",
        }
    }
}

/// A job, and whether it is stuck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownJob {
    /// The job.
    pub job: Job,
    /// Why it does not get on, where it runs and does not.
    pub stuck: Option<Stuck>,
}

/// Which of an org's jobs are shown; all of them where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only in this state.
    pub state: Option<JobState>,
    /// Only of this bill connect.
    pub connect: Option<BillConnectId>,
    /// Only of this month.
    pub period: Option<BillingPeriod>,
}

impl App {
    /// The same, with jobs run like this.
    #[must_use]
    pub fn running_jobs(self, jobs: JobSettings) -> Self {
        Self { jobs, ..self }
    }

    /// The org's jobs, by bill connect, newest month first. There is one for each month that was ever found.
    pub async fn jobs(&self, org: OrgId, filter: &JobFilter) -> Result<Vec<ShownJob>, AppError> {
        let matches = |job: &Job| {
            filter.state.is_none_or(|state| job.state == state)
                && filter.connect.as_ref().is_none_or(|connect| job.connect == *connect)
                && filter.period.is_none_or(|period| job.period == period)
        };
        let jobs = self.store.jobs(org).await?.into_iter().filter(matches);
        Ok(jobs.map(|job| ShownJob { stuck: self.stuck(&job), job }).collect())
    }

    /// How many jobs of all orgs there are in each state, for the operator.
    pub async fn job_counts(&self) -> Result<Vec<JobCount>, AppError> {
        Ok(self.store.job_counts().await?)
    }

    fn stuck(&self, job: &Job) -> Option<Stuck> {
        if job.state != JobState::Running {
            return None;
        }
        let now = OffsetDateTime::now_utc();
        if job.lease_until.is_some_and(|until| until < now) {
            return Some(Stuck::LeaseExpired);
        }
        // Half of the time after which it is begun anew, so that it shows before.
        let silent = self.jobs.stalled_after / 2;
        job.progress.moved_at.is_some_and(|moved| moved + silent < now).then_some(Stuck::NoProgress)
    }
}
