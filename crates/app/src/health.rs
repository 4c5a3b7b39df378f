//! Whether this process can do its work: looked at, not assumed.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use time::OffsetDateTime;

use crate::App;

/// How long the store and the lake may each take to answer.
const WITHIN: Duration = Duration::from_secs(2);

/// How much later than due the poll may come round: what it does between two waits is a few reads of the store.
const LATE: Duration = Duration::from_mins(1);

/// What a server needs to do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The store can be written.
    Store,
    /// The lake can be written.
    Lake,
    /// The poll comes round.
    Poll,
    /// Not all workers stand still.
    Workers,
}

impl Part {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Lake => "lake",
            Self::Poll => "poll",
            Self::Workers => "workers",
        }
    }
}

/// What was found of a part: nothing wrong, or what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The part.
    pub part: Part,
    /// What is wrong with it, for whoever asks; the log has more.
    pub wrong: Option<String>,
}

/// When the poll came round, and how often it has to.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Microseconds since 1970; 0 where nobody polls.
    last: AtomicI64,
    /// Milliseconds.
    every: AtomicI64,
}

impl Pulse {
    /// Notes that the poll comes round now, and does so again within `every`.
    pub(crate) fn beat(&self, every: Duration) {
        self.every.store(i64::try_from(every.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
        self.last.store(micros(OffsetDateTime::now_utc()), Ordering::Relaxed);
    }

    /// How long ago it last came round; `None` where nobody polls.
    pub(crate) fn age(&self, now: OffsetDateTime) -> Option<Duration> {
        let last = self.last.load(Ordering::Relaxed);
        (last > 0).then(|| Duration::from_micros(u64::try_from(micros(now) - last).unwrap_or_default()))
    }

    fn wrong(&self, now: OffsetDateTime) -> Option<String> {
        let Some(age) = self.age(now) else { return Some("this process does not poll".to_owned()) };
        let every = Duration::from_millis(u64::try_from(self.every.load(Ordering::Relaxed)).unwrap_or_default());
        (age > every.saturating_add(LATE)).then(|| {
            format!("the poll last came round {} s ago, and should every {} s", age.as_secs(), every.as_secs())
        })
    }
}

impl App {
    /// What keeps the process from being alive, from memory alone: `None` where it polls, or is not meant to.
    pub fn stands_still(&self) -> Option<String> {
        let now = OffsetDateTime::now_utc();
        self.pulse.age(now).and_then(|_| self.pulse.wrong(now))
    }

    /// What was found of every part.
    pub async fn readiness(&self) -> Vec<Finding> {
        let store = tokio::time::timeout(WITHIN, self.store.beat(OffsetDateTime::now_utc()));
        let lake = tokio::time::timeout(WITHIN, self.lake.prove_writable());
        let workers = tokio::time::timeout(WITHIN, self.store.overdue_jobs(&self.owner));
        let (store, lake, workers) = futures::join!(store, lake, workers);
        let store = told("store", store.map(|done| done.map_err(|error| error.to_string())));
        let lake = told("lake", lake.map(|done| done.map_err(|error| error.to_string())));
        let workers = match workers {
            Ok(Ok(overdue)) if overdue >= self.jobs.workers => {
                Some(format!("all {overdue} workers have been silent for longer than their leases"))
            }
            Ok(Ok(_)) => None,
            // The store's own finding says why.
            _ => Some("what the workers do can't be seen, because the store can't be read".to_owned()),
        };
        let poll = self.pulse.wrong(OffsetDateTime::now_utc());
        [(Part::Store, store), (Part::Lake, lake), (Part::Poll, poll), (Part::Workers, workers)]
            .into_iter()
            .map(|(part, wrong)| Finding { part, wrong })
            .collect()
    }
}

/// What whoever asks is told of a part that can't be written; what exactly went wrong is the log's, for it may name places.
fn told(part: &str, done: Result<Result<(), String>, tokio::time::error::Elapsed>) -> Option<String> {
    match done {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            tracing::error!(part, error, "not ready: it can't be written");
            Some(format!("the {part} can't be written; the log says why"))
        }
        Err(_) => {
            tracing::error!(part, within = ?WITHIN, "not ready: it takes no write");
            Some(format!("the {part} took no write within {} s", WITHIN.as_secs()))
        }
    }
}

fn micros(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_that_is_late_is_wrong_and_one_that_never_began_too() {
        let pulse = Pulse::default();
        let now = OffsetDateTime::now_utc();
        assert_eq!(pulse.wrong(now).as_deref(), Some("this process does not poll"));
        pulse.beat(Duration::from_mins(15));
        assert_eq!(pulse.wrong(now + Duration::from_secs(930)), None);
        let late = pulse.wrong(now + Duration::from_secs(1000)).unwrap();
        assert!(late.contains("should every 900 s"), "{late}");
        pulse.beat(Duration::from_mins(15));
        assert_eq!(pulse.wrong(OffsetDateTime::now_utc()), None);
    }
}
