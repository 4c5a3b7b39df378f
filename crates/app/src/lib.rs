//! The story of a bill: connect, check, keep, discover, ingest, query. Each step is one file and can be called twice with the same effect.
//!
//! *Invariant:* nothing here knows HTTP or AWS's SDK, prints, or writes SQL outside `store/`.

pub mod account;
pub mod accounts;
pub mod audit;
pub mod change;
mod check;
pub mod commitments;
pub mod connect;
mod delivered;
pub mod deliveries;
mod disconnect;
pub mod discover;
mod error;
pub mod export;
mod failures;
pub mod health;
mod ingest;
pub mod jobs;
pub mod keep;
mod look;
pub mod metrics;
pub mod months;
pub mod offline;
pub mod operators;
pub mod organization;
pub mod orgs;
mod pin;
mod places;
mod poll;
pub mod query;
pub mod reconciliation;
pub mod reprocess;
pub mod request;
pub mod reservations;
pub mod rotate;
pub mod seal;
pub mod service_accounts;
mod setup;
pub mod sql;
pub mod store;
mod token_text;
pub mod tokens;
mod walk;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use billing::names::{BillConnectId, OrgId};
use billing::probe::FoundReport;
use billing::retention::Retention;
use lake::Lake;
use tokio::sync::{Notify, Semaphore};

pub use account::{AwsAccount, PartStream, Tried};
pub use error::AppError;

use crate::accounts::Remembered;
use crate::failures::Failures;
use crate::health::Pulse;
use crate::jobs::JobSettings;
use crate::metrics::Counters;
use crate::organization::OrganizationSettings;
use crate::places::Places;
use crate::reservations::AnsweredPage;
use crate::store::Store;

/// What the steps need to be told.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The principal that trust policies name; who the operator's credentials are, if absent.
    pub operator_principal: Option<String>,
    /// How long nothing must have come into a folder without a manifest before its files are read as whole;
    /// [`billing::copies::SETTLED_AFTER`], if absent.
    pub copies_settle_after: Option<Duration>,
}

impl Settings {
    fn copies_settle_after(&self) -> time::Duration {
        let told = self.copies_settle_after.and_then(|told| told.try_into().ok());
        told.unwrap_or(billing::copies::SETTLED_AFTER)
    }
}

/// How often every connection is proven again, if nothing else is asked for: trust that is loosened later must not go unseen.
pub const PROVE_EVERY: Duration = Duration::from_hours(24);

/// A connection of an org.
type Key = (OrgId, BillConnectId);

type Turns = HashMap<Key, Arc<Turn>>;

/// What makes a connection's ingests take turns within this process, and stops the one whose turn it is.
#[derive(Default)]
struct Turn {
    lock: tokio::sync::Mutex<()>,
    /// Counts how often whoever holds the turn, or waits for it, was told to stop.
    stops: tokio::sync::watch::Sender<u64>,
}

/// Everything the steps work with.
pub struct App {
    store: Store,
    lake: Lake,
    aws: Arc<dyn AwsAccount>,
    settings: Settings,
    prove_every: Duration,
    wake: Notify,
    /// What is to be looked at out of turn.
    due: Mutex<HashSet<Key>>,
    turns: Mutex<Turns>,
    /// A place for each part that may be read at once.
    parts: Semaphore,
    /// A place for each request that is checked at once.
    places: Places,
    /// A place for each month that may be reconciled at once.
    summing: Semaphore,
    /// Which deliveries that were replaced are kept.
    retention: Retention,
    /// How jobs are run.
    jobs: JobSettings,
    /// What this process signs its leases with.
    owner: String,
    /// Tells a worker that there may be something to read.
    work: Notify,
    counters: Counters,
    /// What the reports of a connection with several looked like the last time, so that unchanged ones are not read again.
    choices: Mutex<HashMap<Key, Arc<[FoundReport]>>>,
    /// Why a connection as a whole could not be read the last time.
    troubles: Mutex<HashMap<Key, String>>,
    /// How organizations are looked at.
    organizations: OrganizationSettings,
    /// What is known of orgs' accounts, as questions about costs take it.
    accounts: Mutex<HashMap<OrgId, Remembered>>,
    /// What Cost Explorer answered a check, until its connection is stored and proven.
    answered_pages: Mutex<HashMap<Key, AnsweredPage>>,
    /// When the poll last came round.
    pulse: Pulse,
    /// Failures to authenticate that the audit log does not say yet.
    failures: Failures,
}

impl App {
    /// Puts the rooms together.
    pub fn new(store: Store, lake: Lake, aws: Arc<dyn AwsAccount>, settings: Settings) -> Self {
        Self {
            store,
            lake,
            aws,
            settings,
            prove_every: PROVE_EVERY,
            wake: Notify::new(),
            due: Mutex::default(),
            turns: Mutex::default(),
            parts: Semaphore::new(ingest::PARTS_AT_ONCE),
            places: Places::default(),
            summing: Semaphore::new(1),
            retention: Retention::default(),
            jobs: JobSettings::default(),
            owner: owner(),
            work: Notify::new(),
            counters: Counters::default(),
            choices: Mutex::default(),
            troubles: Mutex::default(),
            organizations: OrganizationSettings::default(),
            accounts: Mutex::default(),
            answered_pages: Mutex::default(),
            pulse: Pulse::default(),
            failures: Failures::default(),
        }
    }

    /// The same, with every connection proven again at least this often.
    #[must_use]
    pub fn proving_every(self, prove_every: Duration) -> Self {
        Self { prove_every, ..self }
    }

    /// The same, keeping deliveries that were replaced as this says; all of them otherwise.
    #[must_use]
    pub fn retaining(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    /// The store, for what the operator does on the command line.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The lock that makes a connection's ingests take turns within this process.
    fn turn(&self, org: OrgId, connect: &BillConnectId) -> Arc<Turn> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry((org, connect.clone())).or_default().clone()
    }

    /// Stops the connection's ingests of this process, running or waiting: it is no longer what they were begun with.
    fn stop(&self, org: OrgId, connect: &BillConnectId) {
        self.turn(org, connect).stops.send_modify(|stops| *stops += 1);
    }

    /// Has the connection looked at out of turn: it is new or changed.
    fn make_due(&self, key: Key) {
        self.due.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        self.wake.notify_one();
    }

    /// The connections that are to be looked at out of turn.
    fn take_due(&self) -> HashSet<Key> {
        std::mem::take(&mut *self.due.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Why the connection as a whole could not be read the last time, if it could not.
    fn trouble(&self, org: OrgId, connect: &BillConnectId) -> Option<String> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).get(&(org, connect.clone())).cloned()
    }

    /// Remembers whether the connection as a whole could be read.
    fn note_trouble(&self, key: Key, trouble: Option<String>) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(trouble) => troubles.insert(key, trouble),
            None => troubles.remove(&key),
        };
    }
}

/// A name that no other process has, nor this one after a restart.
fn owner() -> String {
    // Without random bytes the time does: no two processes of one number begin at once.
    let random = getrandom::u64().unwrap_or_else(|_| time::OffsetDateTime::now_utc().microsecond().into());
    format!("{}-{random:016x}", std::process::id())
}
