//! What the process counts for its operator: nothing here belongs to any one org.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use time::OffsetDateTime;

use billing::calls::CallCount;

use crate::App;
use crate::error::AppError;
use crate::store::{End, JobCount, JobOutcome};

/// What this process has done so far.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    published: AtomicU64,
    failed: AtomicU64,
    retried: AtomicU64,
    leases_lost: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
}

/// What an operator watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// All jobs, by state.
    pub jobs: Vec<JobCount>,
    /// When it was asked.
    pub at: OffsetDateTime,
    /// Runs of this process that published their month.
    pub published: u64,
    /// Runs of this process that gave their job up.
    pub failed: u64,
    /// Runs of this process after which another try was due.
    pub retried: u64,
    /// Leases that this process held and lost to another.
    pub leases_lost: u64,
    /// Charges that ended runs of this process have mapped.
    pub rows: u64,
    /// Bytes, packed, that ended runs of this process have taken in.
    pub bytes: u64,
    /// Calls of this process to AWS.
    pub calls: Vec<CallCount>,
    /// How long ago the poll of this process came round; `None` where it does not poll.
    pub poll_age: Option<Duration>,
}

impl Counters {
    pub(crate) fn lost_lease(&self) {
        self.leases_lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a run that ended, with the rows and bytes that it read.
    pub(crate) fn ended(&self, end: &End, (rows, bytes): (u64, u64)) {
        let what = match end {
            End::Done(JobOutcome::Published, ..) => &self.published,
            // Nothing was read.
            End::Done(..) => return,
            End::Failed(..) => &self.failed,
            End::Retry(..) | End::Released(..) => &self.retried,
        };
        what.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl App {
    /// What the operator watches, of all orgs together.
    pub async fn metrics(&self) -> Result<Metrics, AppError> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        Ok(Metrics {
            jobs: self.store.job_counts().await?,
            at: OffsetDateTime::now_utc(),
            published: read(&counters.published),
            failed: read(&counters.failed),
            retried: read(&counters.retried),
            leases_lost: read(&counters.leases_lost),
            rows: read(&counters.rows),
            bytes: read(&counters.bytes),
            calls: self.aws.calls(),
            poll_age: self.pulse.age(OffsetDateTime::now_utc()),
        })
    }
}
