//! What statements run on: threads of their own, and a place for each that may run at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use billing::names::OrgId;
use billing::sql::{SqlFault, SqlProblem};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// What statements may use. The defaults fit a laptop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlSettings {
    /// The memory of one statement, in bytes; beyond it, what can spills to disk.
    pub memory: usize,
    /// What one statement may spill, in bytes.
    pub spill: u64,
    /// How long one statement may take, its answer's way to the client included.
    pub within: Duration,
    /// The most rows of one answer.
    pub rows: usize,
    /// How many statements are answered at once.
    pub at_once: usize,
    /// How many of them may be one org's.
    pub at_once_of_org: usize,
}

impl Default for SqlSettings {
    fn default() -> Self {
        Self {
            memory: 128 << 20,
            spill: 2 << 30,
            within: Duration::from_mins(1),
            rows: 1_000_000,
            at_once: 4,
            at_once_of_org: 2,
        }
    }
}

/// Threads and places for statements.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) settings: SqlSettings,
    places: Arc<Semaphore>,
    of_orgs: Mutex<HashMap<OrgId, Arc<Semaphore>>>,
    threads: OnceLock<Option<Runtime>>,
}

/// A statement's place; free again when it is dropped.
pub(crate) type Place = [OwnedSemaphorePermit; 2];

impl Engine {
    pub(crate) fn new(settings: SqlSettings) -> Self {
        Self {
            settings,
            places: Arc::new(Semaphore::new(settings.at_once)),
            of_orgs: Mutex::default(),
            threads: OnceLock::new(),
        }
    }

    /// Threads of statements' own: what one computes keeps nothing else of the program waiting.
    pub(crate) fn threads(&self) -> Result<Handle, SqlProblem> {
        let start = || {
            let mut threads = Builder::new_multi_thread();
            // Deep queries are planned by functions that call themselves.
            threads.worker_threads(2).max_blocking_threads(16).thread_name("sql").thread_stack_size(16 << 20);
            threads.enable_all().build().ok()
        };
        let threads = self.threads.get_or_init(start).as_ref();
        let busy = || SqlProblem::new(SqlFault::Busy, "there are no threads for statements; try again later");
        threads.map(|threads| threads.handle().clone()).ok_or_else(busy)
    }

    /// Waits for a place until `deadline`. An org's own statements wait for each other first, so that none waits in all's line
    /// for its own.
    pub(crate) async fn place(&self, org: OrgId, deadline: Instant) -> Result<Place, SqlProblem> {
        let own = {
            let mut orgs = self.of_orgs.lock().unwrap_or_else(PoisonError::into_inner);
            orgs.retain(|known, places| *known == org || Arc::strong_count(places) > 1);
            Arc::clone(orgs.entry(org).or_insert_with(|| Arc::new(Semaphore::new(self.settings.at_once_of_org))))
        };
        let both = async {
            let own = own.acquire_owned().await.ok()?;
            Some([own, Arc::clone(&self.places).acquire_owned().await.ok()?])
        };
        let busy = || {
            SqlProblem::new(SqlFault::Busy, "as many statements are being answered as may be")
                .hint("try again when one is done")
        };
        tokio::time::timeout_at(deadline, both).await.ok().flatten().ok_or_else(busy)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Not waited for: a runtime can't be where another one's tasks run.
        if let Some(threads) = self.threads.take().flatten() {
            threads.shutdown_background();
        }
    }
}
