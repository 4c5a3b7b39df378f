//! Jobs: which month of which bill connect is to be read, by what was found of it, and how that goes.

use billing::delivery::DeliveryId;
use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use time::OffsetDateTime;

use super::imports::delivery_id_of;
use super::{ReadRow, Store, StoreError, key, micros, query};

/// A month of a bill connect that is to be read, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The org.
    pub org: OrgId,
    /// The bill connect.
    pub connect: BillConnectId,
    /// The month.
    pub period: BillingPeriod,
    /// How it stands.
    pub state: JobState,
    /// Why it is read.
    pub why: JobReason,
    /// What was found of the month last.
    pub found: Found,
    /// The delivery that the last try has read, once that was known.
    pub delivery_id: Option<DeliveryId>,
    /// When a waiting one is begun at the earliest.
    pub run_at: OffsetDateTime,
    /// How often it was begun since something was last found or read.
    pub attempts: u32,
    /// Until when whoever runs it has said to be there.
    pub lease_until: Option<OffsetDateTime>,
    /// How far the last try came.
    pub progress: JobProgress,
    /// When the last try was begun.
    pub started_at: Option<OffsetDateTime>,
    /// When the last try ended.
    pub finished_at: Option<OffsetDateTime>,
    /// What came of it, where it is done.
    pub outcome: Option<JobOutcome>,
    /// Why the last try came to nothing.
    pub error: Option<String>,
}

/// What is read: a manifest as a listing showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The manifest's key.
    pub manifest_key: String,
    /// What tells this state of it from every other.
    pub version: String,
}

/// How far a reading has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobProgress {
    /// Charges mapped so far.
    pub rows: u64,
    /// Bytes of the delivery's files taken in so far, packed.
    pub bytes: u64,
    /// Bytes of all its files, packed; unknown until the manifest is read.
    pub bytes_total: Option<u64>,
    /// When it last got on.
    pub moved_at: Option<OffsetDateTime>,
}

impl JobProgress {
    /// How much of the files is taken in, from 0 to 100; `None` while that is not known.
    pub fn percent(&self) -> Option<u64> {
        let total = self.bytes_total?;
        Some((self.bytes.min(total) * 100).checked_div(total).unwrap_or(100))
    }
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobState {
    /// To be read, now or after a pause.
    Waiting,
    /// Being read.
    Running,
    /// Read, or rightly passed over.
    Done,
    /// Given up, until something newer is found or somebody asks for it.
    Failed,
}

/// Why a month is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobReason {
    /// Something was delivered.
    Delivered,
    /// Somebody asked for it: it is read again even where it is what is published.
    Reprocess,
}

/// What came of a job that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobOutcome {
    /// The month is published anew.
    Published,
    /// It is what is published already.
    Same,
    /// A newer delivery is published.
    Older,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Running, Self::Done, Self::Failed];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

impl JobReason {
    const ALL: [Self; 2] = [Self::Delivered, Self::Reprocess];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Reprocess => "reprocess",
        }
    }
}

impl JobOutcome {
    const ALL: [Self; 3] = [Self::Published, Self::Same, Self::Older];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Same => "same",
            Self::Older => "older",
        }
    }
}

/// Who wants a month read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The poll, which has looked since then: what has failed with this very manifest stays so, and a pause between two tries
    /// is kept.
    ByPoll(OffsetDateTime),
    /// Somebody who waits for it, and has looked since then: now, and also what has failed.
    ByHand(OffsetDateTime),
}

/// All jobs, for the operator: no org can be told from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobCount {
    /// The state.
    pub state: JobState,
    /// How many.
    pub count: u64,
    /// Since when the oldest of them could have been begun.
    pub oldest: Option<OffsetDateTime>,
}

impl Store {
    /// Has the month read by what was found of it now. Something newer takes the place of what waits; while the month is being
    /// read, it is read once more afterwards. Answers whether anything changed.
    pub async fn enqueue_job(
        &self,
        (org, connect): (OrgId, &BillConnectId),
        (period, found): (BillingPeriod, &Found),
        wanted: Wanted,
    ) -> Result<bool, StoreError> {
        let upsert = query(
            "INSERT INTO jobs (org_id, connect_id, period, state, why, manifest_key, manifest_version,
                               run_at, created_at, updated_at)
             VALUES ($1, $2, $3, 'waiting', 'delivered', $4, $5, $6, $6, $6)
             ON CONFLICT (org_id, connect_id, period) DO UPDATE
             SET manifest_key = excluded.manifest_key, manifest_version = excluded.manifest_version,
                 again = jobs.state = 'running',
                 why = CASE WHEN jobs.why = 'reprocess' AND (jobs.state = 'waiting' OR jobs.again)
                            THEN 'reprocess' ELSE 'delivered' END,
                 state = CASE jobs.state WHEN 'running' THEN 'running' ELSE 'waiting' END,
                 attempts = CASE jobs.state WHEN 'running' THEN jobs.attempts ELSE 0 END,
                 run_at = CASE jobs.state WHEN 'running' THEN jobs.run_at ELSE excluded.run_at END,
                 outcome = NULL,
                 error = CASE WHEN jobs.state = 'running' THEN jobs.error END,
                 updated_at = excluded.updated_at
             WHERE (jobs.manifest_key, jobs.manifest_version) <> (excluded.manifest_key, excluded.manifest_version)
                -- What was done since the look began was not seen by it.
                OR (jobs.state = 'done' AND jobs.finished_at < $8)
                OR ($7 AND jobs.state IN ('waiting', 'failed'))",
        );
        let upsert = upsert.bind(key(org)).bind(connect.as_ref()).bind(period.to_string());
        let upsert = upsert.bind(&found.manifest_key).bind(&found.version);
        let (Wanted::ByPoll(since) | Wanted::ByHand(since)) = wanted;
        let by_hand = matches!(wanted, Wanted::ByHand(_));
        let upsert = upsert.bind(micros(OffsetDateTime::now_utc())).bind(by_hand).bind(micros(since));
        Ok(upsert.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Has the month read again whatever is published; after the reading that runs, where one does. Answers whether there is
    /// such a month.
    pub async fn reprocess_job(
        &self,
        (org, connect): (OrgId, &BillConnectId),
        period: BillingPeriod,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE jobs
             SET why = 'reprocess', again = state = 'running', outcome = NULL,
                 attempts = CASE state WHEN 'running' THEN attempts ELSE 0 END,
                 run_at = CASE state WHEN 'running' THEN run_at ELSE $4 END,
                 state = CASE state WHEN 'running' THEN 'running' ELSE 'waiting' END,
                 updated_at = $4
             WHERE org_id = $1 AND connect_id = $2 AND period = $3",
        );
        let update = update.bind(key(org)).bind(connect.as_ref()).bind(period.to_string());
        let update = update.bind(micros(OffsetDateTime::now_utc()));
        Ok(update.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Ends the pauses between tries of the bill connect's jobs: what they failed for is mended.
    pub async fn hasten_jobs(&self, org: OrgId, connect: &BillConnectId) -> Result<(), StoreError> {
        let update = query(
            "UPDATE jobs SET run_at = $3, attempts = 0, updated_at = $3
             WHERE org_id = $1 AND connect_id = $2 AND state = 'waiting'",
        );
        let update = update.bind(key(org)).bind(connect.as_ref()).bind(micros(OffsetDateTime::now_utc()));
        update.execute(&self.pool).await?;
        Ok(())
    }

    /// The org's jobs, by bill connect, newest month first.
    pub async fn jobs(&self, org: OrgId) -> Result<Vec<Job>, StoreError> {
        let select = query("SELECT * FROM jobs WHERE org_id = $1 ORDER BY connect_id, period DESC");
        select.bind(key(org)).fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// How many jobs of all orgs there are in each state.
    pub async fn job_counts(&self) -> Result<Vec<JobCount>, StoreError> {
        let select = query("SELECT state, COUNT(*) AS jobs, MIN(run_at) AS oldest FROM jobs GROUP BY state");
        let rows = select.fetch_all(&self.pool).await?;
        let count = |row: &SqliteRow| {
            let (state, count) = (word(row, "state", &JobState::ALL, JobState::name)?, row.try_get::<i64, _>("jobs")?);
            Ok(JobCount { state, count: count.unsigned_abs(), oldest: row.maybe_instant("oldest")? })
        };
        rows.iter().map(count).collect()
    }

    /// What the org's readings have staged in the lake and may still be there, running or not.
    pub async fn staged(&self, org: OrgId) -> Result<Vec<Staged>, StoreError> {
        let select = query("SELECT * FROM jobs WHERE org_id = $1 AND staged IS NOT NULL").bind(key(org));
        let staged = |row: &SqliteRow| {
            let (connect, period, name) = (row.text("connect_id")?, row.text("period")?, row.try_get("staged")?);
            Ok(Staged { connect, period, name, runs: row.try_get::<String, _>("state")? == "running" })
        };
        select.fetch_all(&self.pool).await?.iter().map(staged).collect()
    }

    /// Notes that nothing is left of what a reading has staged.
    pub async fn unstaged(&self, org: OrgId, name: &str) -> Result<(), StoreError> {
        let update = query("UPDATE jobs SET staged = NULL WHERE org_id = $1 AND staged = $2 AND state <> 'running'");
        update.bind(key(org)).bind(name).execute(&self.pool).await?;
        Ok(())
    }
}

/// What a reading has staged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// The bill connect.
    pub connect: BillConnectId,
    /// The month.
    pub period: BillingPeriod,
    /// What its files are called.
    pub name: String,
    /// Whether the job runs: then whoever staged it may still publish it.
    pub runs: bool,
}

/// How a bill connect was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changed {
    /// Its bills lie where they lay.
    InPlace,
    /// They lie elsewhere.
    Moved,
}

/// Takes the leases of a bill connect's jobs away, for it is changed: whoever runs one finds out and ends. Where it has moved,
/// what was found before is forgotten, but for what is still staged.
pub(super) async fn interrupt_jobs(
    connection: &mut SqliteConnection,
    (org, connect): (OrgId, &BillConnectId),
    changed: Changed,
) -> Result<(), StoreError> {
    let (now, why) = (micros(OffsetDateTime::now_utc()), format!("`{connect}` was changed meanwhile"));
    let moved = changed == Changed::Moved;
    let abort = query(
        "UPDATE imports SET status = 'aborted', finished_at = $3, error = $4
         WHERE org_id = $1 AND connect_id = $2 AND status = 'in-progress'",
    );
    abort.bind(key(org)).bind(connect.as_ref()).bind(now).bind(&why).execute(&mut *connection).await?;
    let revoke = query(
        "UPDATE jobs
         SET state = CASE WHEN $5 THEN 'failed' ELSE 'waiting' END, error = $4, run_at = $3, attempts = 0, again = 0,
             lease_owner = NULL, lease_until = NULL, lease_epoch = lease_epoch + 1, finished_at = $3, updated_at = $3
         WHERE org_id = $1 AND connect_id = $2 AND state = 'running'",
    );
    let revoke = revoke.bind(key(org)).bind(connect.as_ref()).bind(now).bind(&why).bind(moved);
    revoke.execute(&mut *connection).await?;
    if moved {
        let forget = query("DELETE FROM jobs WHERE org_id = $1 AND connect_id = $2 AND staged IS NULL");
        forget.bind(key(org)).bind(connect.as_ref()).execute(&mut *connection).await?;
    }
    Ok(())
}

/// A job as its row says it.
pub(super) fn read(row: &SqliteRow) -> Result<Job, StoreError> {
    let number = |column| -> Result<u64, StoreError> { Ok(row.try_get::<i64, _>(column)?.unsigned_abs()) };
    let total: Option<i64> = row.try_get("bytes_total")?;
    let delivery: Option<String> = row.try_get("delivery_id")?;
    let outcome: Option<String> = row.try_get("outcome")?;
    Ok(Job {
        org: row.org("org_id")?,
        connect: row.text("connect_id")?,
        period: row.text("period")?,
        state: word(row, "state", &JobState::ALL, JobState::name)?,
        why: word(row, "why", &JobReason::ALL, JobReason::name)?,
        found: Found { manifest_key: row.try_get("manifest_key")?, version: row.try_get("manifest_version")? },
        delivery_id: delivery.map(delivery_id_of).transpose()?,
        run_at: row.instant("run_at")?,
        attempts: u32::try_from(number("attempts")?).unwrap_or(u32::MAX),
        lease_until: row.maybe_instant("lease_until")?,
        progress: JobProgress {
            rows: number("rows_read")?,
            bytes: number("bytes_read")?,
            bytes_total: total.map(i64::unsigned_abs),
            moved_at: row.maybe_instant("moved_at")?,
        },
        started_at: row.maybe_instant("started_at")?,
        finished_at: row.maybe_instant("finished_at")?,
        outcome: outcome.map(|_| word(row, "outcome", &JobOutcome::ALL, JobOutcome::name)).transpose()?,
        error: row.try_get("error")?,
    })
}

fn word<T: Copy>(
    row: &SqliteRow,
    column: &'static str,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<T, StoreError> {
    let text: String = row.try_get(column)?;
    let known = all.iter().copied().find(|known| name(*known) == text);
    known.ok_or_else(|| StoreError::Unreadable { column, why: format!("`{text}` is no such word of a job") })
}
