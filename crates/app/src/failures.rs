//! Failures to authenticate on their way to the audit log, from whatever listener: counted for a while, then written as one entry an address and org, so that whoever
//! fails a million times fills no log.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use billing::names::OrgId;
use tokio::time::Instant;

use crate::App;
use crate::audit::{Act, Actor, Outcome, Subject, Who};

/// How long failures are counted before they are written, once some were written of late.
const EVERY: Duration = Duration::from_mins(1);
/// How long the first ones after a quiet time are counted.
const FIRST: Duration = Duration::from_secs(1);
/// How many entries are written at a time; what others failed beyond that becomes one more.
const ENTRIES: usize = 32;

/// From where, and against which org.
type Key = (Option<IpAddr>, Option<OrgId>);

/// What was counted and is not written yet.
#[derive(Default)]
pub(crate) struct Failures {
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    failures: HashMap<Key, u64>,
    beyond: u64,
    written: Option<Instant>,
    writing: bool,
}

impl Counted {
    fn add(&mut self, key: Key) {
        if self.failures.len() < ENTRIES || self.failures.contains_key(&key) {
            *self.failures.entry(key).or_default() += 1;
        } else {
            self.beyond += 1;
        }
    }
}

impl App {
    /// Counts a failure to authenticate, from where and against which org as far as that is known, and has what is counted written
    /// into the audit log in a while.
    pub fn note_failure(self: &Arc<Self>, address: Option<IpAddr>, org: Option<OrgId>) {
        let mut counted = self.failures.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.add((address, org));
        if std::mem::replace(&mut counted.writing, true) {
            return;
        }
        let since = counted.written.map_or(EVERY, |written| written.elapsed());
        let wait = EVERY.saturating_sub(since).max(FIRST);
        drop(counted);
        let app = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            app.write_failures().await;
        });
    }

    async fn write_failures(&self) {
        let (failures, beyond) = {
            let mut counted = self.failures.counted.lock().unwrap_or_else(PoisonError::into_inner);
            counted.written = Some(Instant::now());
            counted.writing = false;
            (std::mem::take(&mut counted.failures), std::mem::take(&mut counted.beyond))
        };
        for ((address, org), count) in failures {
            let known = match org {
                Some(org) => self.org(org).await.is_ok().then_some(org),
                None => None,
            };
            let subject = match (known, org) {
                (Some(org), _) => Subject::of(org, format!("org:{org}")),
                (None, Some(org)) => Subject::operator(format!("org:{org}")),
                (None, None) => Subject::operator("credentials"),
            };
            self.audit_failures((address, subject), count).await;
        }
        if beyond > 0 {
            self.audit_failures((None, Subject::operator("credentials")), beyond).await;
        }
    }

    async fn audit_failures(&self, (address, subject): (Option<IpAddr>, Subject), count: u64) {
        let actor = Actor { who: Who::Unknown, address, request: None };
        let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
        if let Err(error) = self.audit(&actor, Act::Authenticate, subject, Outcome::Refused(times)).await {
            tracing::error!(%error, count, "failed authentications could not be written into the audit log");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let mut counted = Counted::default();
        let key = |last: u8| (Some(IpAddr::from([192, 0, 2, last])), None);
        (0..=255).for_each(|last| counted.add(key(last)));
        counted.add(key(0));
        assert_eq!((counted.failures.len(), counted.beyond), (ENTRIES, 256 - u64::try_from(ENTRIES).unwrap()));
        assert_eq!(counted.failures[&key(0)], 2);
    }
}
