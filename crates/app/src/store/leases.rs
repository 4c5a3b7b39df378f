//! Leases: who runs a job until when. A lease that ran out is somebody else's to take, and whoever held it writes nothing more.
//!
//! *Invariant:* whatever is written about a running job names its lease, and is written only where that is still the job's.

use billing::delivery::{DeliveryHead, DeliveryId};
use billing::names::{BillConnectId, OrgId};
use sqlx::{Row, SqliteConnection};
use time::OffsetDateTime;

use super::imports::{begin_import, cut_off_imports, end_import, remember_manifest};
use super::jobs::read;
use super::{
    ImportId, Job, JobOutcome, JobProgress, ManifestOutcome, Outcome, ReadRow, SeenManifest, Store, StoreError, key,
    micros, query,
};

/// Who claims a job, for how long, and how patient it is with what kills its process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim<'a> {
    /// The process.
    pub(crate) owner: &'a str,
    /// Until when the lease runs.
    pub(crate) until: OffsetDateTime,
    /// The pause before a third try of what nobody said how it ended, which doubles from try to try; and the longest one.
    pub(crate) pauses: (std::time::Duration, std::time::Duration),
    /// After how many tries it is given up.
    pub(crate) attempts: u32,
    /// Only this bill connect's.
    pub(crate) only: Option<(OrgId, &'a BillConnectId)>,
}

/// The right to run a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    job: i64,
    epoch: i64,
}

/// A job that was claimed.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub(crate) job: Job,
    pub(crate) lease: Lease,
    /// What whoever ran it before may have left staged, and may think that it can publish.
    pub(crate) left_over: Option<String>,
}

/// What a reading has begun.
#[derive(Debug, Clone)]
pub(crate) struct Begun {
    pub(crate) import: ImportId,
    pub(crate) delivery: DeliveryId,
}

/// How a job's run ended.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// Done: nothing is left to do about the manifest with this `ETag`.
    Done(JobOutcome, String, DeliveryId),
    /// It is tried again at that time.
    Retry(String, OffsetDateTime),
    /// It is given up; with the `ETag` of a manifest whose delivery can never be read as it is.
    Failed(String, Option<String>),
    /// It was interrupted, through no fault of its own, and goes on at that time.
    Released(String, OffsetDateTime),
}

/// Which bill connects `c` are read at all: those that are neither paused nor suspended.
macro_rules! readable {
    () => {
        "c.paused_at IS NULL
         AND (SELECT r.state FROM reports r
              WHERE r.org_id = c.org_id AND r.connect_id = c.id AND r.state <> 'undecided'
              ORDER BY r.number DESC LIMIT 1) IN ('verified', 'waiting')"
    };
}

/// Which jobs `j` may be begun at `$1` by `$2`: those that wait and are due, and those of others that are silent.
macro_rules! due {
    () => {
        "j.run_at <= $1
         AND (j.state = 'waiting' OR (j.state = 'running' AND j.lease_until < $1 AND j.lease_owner <> $2))"
    };
}

impl Store {
    /// Claims the job that is due: of the org that has the fewest running, and whose turn was the longest ago, the newest month
    /// of a bill connect of which nothing is being read. Across all orgs: whoever works on it does so under its org alone.
    pub(crate) async fn claim_job(&self, claim: &Claim<'_>) -> Result<Option<Claimed>, StoreError> {
        let now = OffsetDateTime::now_utc();
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        give_up(&mut transaction, claim, now).await?;
        let update = query(concat!(
            "UPDATE jobs
             SET state = 'running', lease_owner = $2, lease_until = $3, lease_epoch = lease_epoch + 1,
                 attempts = attempts + 1, again = 0,
                 run_at = CASE WHEN attempts < 2 THEN $1 ELSE $1 + MIN($4 << MIN(attempts - 2, 20), $5) END,
                 delivery_id = NULL, rows_read = 0, bytes_read = 0, bytes_total = NULL, moved_at = $1,
                 started_at = $1, finished_at = NULL, outcome = NULL, updated_at = $1
             WHERE id = (
                 SELECT j.id FROM jobs j
                 JOIN (SELECT c.org_id, c.id FROM bill_connects c
                       WHERE ($6 IS NULL OR (c.org_id = $6 AND c.id = $7)) AND ",
            readable!(),
            "            AND EXISTS (SELECT 1 FROM jobs j WHERE j.org_id = c.org_id AND j.connect_id = c.id AND ",
            due!(),
            "            )
                         AND NOT EXISTS (SELECT 1 FROM jobs r
                                         WHERE r.org_id = c.org_id AND r.connect_id = c.id AND r.state = 'running'
                                           AND (r.lease_until >= $1 OR r.lease_owner = $2))
                       ORDER BY (SELECT COUNT(*) FROM jobs r
                                 WHERE r.org_id = c.org_id AND r.state = 'running' AND r.lease_until >= $1),
                                (SELECT MAX(r.started_at) FROM jobs r WHERE r.org_id = c.org_id) NULLS FIRST,
                                (SELECT MAX(r.started_at) FROM jobs r
                                 WHERE r.org_id = c.org_id AND r.connect_id = c.id) NULLS FIRST
                       LIMIT 1) t ON t.org_id = j.org_id AND t.id = j.connect_id
                 WHERE ",
            due!(),
            "    ORDER BY j.period DESC LIMIT 1)
             RETURNING *"
        ));
        let (first, most) = claim.pauses;
        let update = update.bind(micros(now)).bind(claim.owner).bind(micros(claim.until));
        let update = update.bind(whole_micros(first)).bind(whole_micros(most));
        let update = update.bind(claim.only.map(|(org, _)| key(org))).bind(claim.only.map(|(_, id)| id.as_ref()));
        let Some(row) = update.fetch_optional(&mut *transaction).await? else {
            transaction.commit().await?;
            return Ok(None);
        };
        let lease = Lease { job: row.try_get("id")?, epoch: row.try_get("lease_epoch")? };
        let claimed = Claimed { job: read(&row)?, lease, left_over: row.try_get("staged")? };
        let Job { org, connect, period, .. } = &claimed.job;
        cut_off_imports(&mut transaction, (*org, connect, &period.to_string())).await?;
        transaction.commit().await?;
        Ok(Some(claimed))
    }

    /// When the next job may be claimed that can't be claimed now, as far as is known: whoever runs one may say how it ended any
    /// time.
    pub(crate) async fn next_job_at(&self) -> Result<Option<OffsetDateTime>, StoreError> {
        let select = query(concat!(
            "SELECT MIN(CASE j.state WHEN 'waiting' THEN j.run_at ELSE MAX(j.lease_until, j.run_at) END) AS next
             FROM bill_connects c JOIN jobs j ON j.org_id = c.org_id AND j.connect_id = c.id
             WHERE j.state IN ('waiting', 'running')
               AND (j.state = 'running'
                    OR NOT EXISTS (SELECT 1 FROM jobs r
                                   WHERE r.org_id = c.org_id AND r.connect_id = c.id AND r.state = 'running'))
               AND ",
            readable!()
        ));
        select.fetch_one(&self.pool).await?.maybe_instant("next")
    }

    /// Says that whoever holds the lease is still there, and how far it has come. Answers whether it still holds it.
    pub(crate) async fn renew_lease(
        &self,
        lease: Lease,
        (until, progress): (OffsetDateTime, JobProgress),
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE jobs SET lease_until = $3, rows_read = $4, bytes_read = $5, moved_at = $6, updated_at = $7
             WHERE id = $1 AND lease_epoch = $2 AND state = 'running'",
        );
        let update = update.bind(lease.job).bind(lease.epoch).bind(micros(until));
        let update = update.bind(progress.rows.cast_signed()).bind(progress.bytes.cast_signed());
        let update = update.bind(progress.moved_at.map(micros)).bind(micros(OffsetDateTime::now_utc()));
        Ok(update.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Notes which delivery is read and what its files in the lake will be called, before there is any; nothing where the lease
    /// is somebody else's.
    pub(crate) async fn begin_job(
        &self,
        lease: Lease,
        (org, delivery): (OrgId, &DeliveryHead),
        staged: &str,
    ) -> Result<Option<Begun>, StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let update = query(
            "UPDATE jobs SET staged = $3, delivery_id = $4, bytes_total = $5, updated_at = $6
             WHERE id = $1 AND lease_epoch = $2 AND state = 'running'",
        );
        let update = update.bind(lease.job).bind(lease.epoch).bind(staged).bind(delivery.delivery_id.as_ref());
        let update = update.bind(delivery.size().cast_signed()).bind(micros(OffsetDateTime::now_utc()));
        if update.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(None);
        }
        let month = (org, &delivery.connect, delivery.period);
        let import = begin_import(&mut transaction, month, &delivery.delivery_id).await?;
        transaction.commit().await?;
        Ok(Some(Begun { import, delivery: delivery.delivery_id.clone() }))
    }

    /// Notes how a job's run ended, and with it its import and what is known of the manifest. What was noted meanwhile has it
    /// wait again. Answers whether the lease was still its own; otherwise nothing is written.
    pub(crate) async fn end_job(
        &self,
        claimed: &Claimed,
        begun: Option<&Begun>,
        end: &End,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        if !write_end(&mut transaction, claimed.lease, end).await? {
            return Ok(false);
        }
        let Job { org, connect, period, found, .. } = &claimed.job;
        let (outcome, seen) = match end {
            End::Done(_, version, delivery) => {
                (Outcome::Completed, Some((version, delivery.clone(), ManifestOutcome::Settled)))
            }
            End::Failed(error, seen) => {
                let delivery = || begun.map_or_else(|| nameless(&found.version), |begun| begun.delivery.clone());
                let seen = seen.as_ref().map(|version| (version, delivery(), ManifestOutcome::Failed));
                (Outcome::Aborted(error), seen)
            }
            End::Retry(error, _) | End::Released(error, _) => (Outcome::Aborted(error), None),
        };
        let import = match (begun, end) {
            (Some(begun), _) => Some(begun.import),
            // What could not even be begun is told too.
            (None, End::Retry(..) | End::Failed(..)) => {
                let delivery = nameless(&found.version);
                Some(begin_import(&mut transaction, (*org, connect, *period), &delivery).await?)
            }
            (None, End::Done(..) | End::Released(..)) => None,
        };
        if let Some(import) = import {
            end_import(&mut transaction, (*org, import), outcome).await?;
        }
        if let Some((version, delivery_id, outcome)) = seen {
            let seen = SeenManifest { key: found.manifest_key.clone(), version: version.clone(), delivery_id, outcome };
            remember_manifest(&mut transaction, (*org, connect), &seen).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}

/// What stands for the delivery of a manifest that could not be read.
fn nameless(manifest_version: &str) -> DeliveryId {
    DeliveryId::of(manifest_version, &[])
}

fn whole_micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// What follows the number of tries where none of them said how it ended.
const SILENT: &str = " times by processes that ended or stood still before they could say why; it is given up until something newer \
                      is delivered or somebody asks for it";

/// Gives up what was begun too often by processes that never said how it ended.
async fn give_up(connection: &mut SqliteConnection, claim: &Claim<'_>, now: OffsetDateTime) -> Result<(), StoreError> {
    let fail = query(
        "UPDATE jobs
         SET state = 'failed', lease_owner = NULL, lease_until = NULL, lease_epoch = lease_epoch + 1, finished_at = $1,
             updated_at = $1, error = 'it was begun ' || attempts || $4
         WHERE state = 'running' AND lease_until < $1 AND lease_owner <> $2 AND attempts >= $3
         RETURNING org_id, connect_id, period",
    );
    let fail = fail.bind(micros(now)).bind(claim.owner).bind(claim.attempts).bind(SILENT);
    for row in fail.fetch_all(&mut *connection).await? {
        let (org, connect) = (row.org("org_id")?, row.text::<BillConnectId>("connect_id")?);
        let period: String = row.try_get("period")?;
        tracing::error!(%org, %connect, period, "given up: too many tries ended without a word");
        cut_off_imports(connection, (org, &connect, &period)).await?;
    }
    Ok(())
}

async fn write_end(connection: &mut SqliteConnection, lease: Lease, end: &End) -> Result<bool, StoreError> {
    let now = OffsetDateTime::now_utc();
    let (state, outcome, error, run_at) = match end {
        End::Done(outcome, ..) => ("done", Some(outcome.name()), None, now),
        End::Retry(error, at) | End::Released(error, at) => ("waiting", None, Some(error), *at),
        End::Failed(error, _) => ("failed", None, Some(error), now),
    };
    // Whoever was interrupted has not tried.
    let untried = i64::from(matches!(end, End::Released(..)));
    let update = query(
        "UPDATE jobs
         SET state = CASE WHEN again THEN 'waiting' ELSE $3 END, outcome = CASE WHEN again THEN NULL ELSE $4 END,
             error = $5, run_at = CASE WHEN again THEN $7 ELSE $6 END,
             attempts = CASE WHEN again OR $3 = 'done' THEN 0 ELSE MAX(attempts - $8, 0) END, again = 0,
             staged = CASE WHEN $3 = 'done' THEN NULL ELSE staged END,
             lease_owner = NULL, lease_until = NULL, finished_at = $7, updated_at = $7
         WHERE id = $1 AND lease_epoch = $2 AND state = 'running'",
    );
    let update = update.bind(lease.job).bind(lease.epoch).bind(state).bind(outcome).bind(error);
    let update = update.bind(micros(run_at)).bind(micros(now)).bind(untried);
    Ok(update.execute(connection).await?.rows_affected() > 0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use billing::checks::Report;
    use billing::connection::BillConnect;
    use billing::delivery::PartHead;
    use billing::period::BillingPeriod;

    use super::super::connects::tests::connect;
    use super::super::tests::store;
    use super::super::{Found, ImportStatus, JobState, Wanted};
    use super::*;

    const ACCOUNT: &str = "123456789012";
    const MONTH: &str = "2026-09";

    /// A report that lets its connection be read.
    fn verified(of: &BillConnect) -> Report {
        let report = serde_json::json!({
            "fingerprint": of.candidate.fingerprint(), "access": "role", "region": "eu-west-1", "waiting": false,
            "judged_at": "2026-10-01T12:00:00Z", "checks": []
        });
        serde_json::from_value(report).unwrap()
    }

    fn refused() -> Report {
        super::super::connects::tests::report("2026-10-02T12:00:00Z")
    }

    /// A store with an org that has one bill connect, which may be read.
    async fn connected() -> (Store, tempfile::TempDir, BillConnect) {
        let (store, folder) = store().await;
        let connect = add(&store, ACCOUNT).await;
        (store, folder, connect)
    }

    /// One more org with a bill connect.
    async fn add(store: &Store, account: &str) -> BillConnect {
        let connect = connect(store.create_org("Acme").await.unwrap().id, account);
        store.insert_connect(&connect, &verified(&connect)).await.unwrap();
        connect
    }

    fn found(version: &str) -> Found {
        Found { manifest_key: "cur/m.json".into(), version: version.into() }
    }

    fn month(text: &str) -> BillingPeriod {
        text.parse().unwrap()
    }

    async fn enqueue(store: &Store, of: &BillConnect, what: (&str, &str)) -> bool {
        let key = (of.candidate.org, &of.candidate.id());
        store
            .enqueue_job(key, (month(what.0), &found(what.1)), Wanted::ByPoll(OffsetDateTime::now_utc()))
            .await
            .unwrap()
    }

    fn claim_as(owner: &str) -> Claim<'_> {
        let (until, hour) = (OffsetDateTime::now_utc() + Duration::from_mins(1), Duration::from_hours(1));
        Claim { owner, until, pauses: (hour, hour), attempts: 4, only: None }
    }

    /// A claim whose lease has run out as soon as it is made.
    fn silent(owner: &str) -> Claim<'_> {
        Claim { until: OffsetDateTime::now_utc() - Duration::from_secs(1), ..claim_as(owner) }
    }

    async fn claimed(store: &Store, claim: Claim<'_>) -> Claimed {
        store.claim_job(&claim).await.unwrap().expect("something is due")
    }

    async fn only_job(store: &Store, of: &BillConnect) -> Job {
        let jobs = store.jobs(of.candidate.org).await.unwrap();
        assert_eq!(jobs.len(), 1, "{jobs:#?}");
        jobs.into_iter().next().unwrap()
    }

    fn head(of: &BillConnect, name: &str) -> DeliveryHead {
        let parts = vec![PartHead { key: "a".into(), etag: "b".into(), size: 7 }];
        DeliveryHead {
            connect: of.candidate.id(),
            payer: of.candidate.account.clone(),
            period: month(MONTH),
            delivery_id: DeliveryId::of(name, &parts),
            report_name: "R".into(),
            manifest_key: "cur/m.json".into(),
            parts,
            made_at: OffsetDateTime::UNIX_EPOCH,
        }
    }

    fn done(version: &str) -> End {
        End::Done(JobOutcome::Published, version.into(), DeliveryId::of(version, &[]))
    }

    #[tokio::test]
    async fn a_job_goes_from_waiting_to_done_and_a_newer_manifest_has_it_wait_again() {
        let (store, _folder, of) = connected().await;
        assert!(enqueue(&store, &of, (MONTH, "1")).await);
        assert!(!enqueue(&store, &of, (MONTH, "1")).await, "it waits already");
        let run = claimed(&store, claim_as("a")).await;
        assert_eq!((run.job.state, run.job.attempts, &run.left_over), (JobState::Running, 1, &None));
        assert!(store.claim_job(&claim_as("b")).await.unwrap().is_none(), "one at a time");
        let begun = store.begin_job(run.lease, (of.candidate.org, &head(&of, "1")), "files").await.unwrap().unwrap();
        assert!(store.staged(of.candidate.org).await.unwrap()[0].runs);
        assert!(store.end_job(&run, Some(&begun), &done("1")).await.unwrap());
        let job = only_job(&store, &of).await;
        assert_eq!((job.state, job.outcome, job.attempts), (JobState::Done, Some(JobOutcome::Published), 0));
        let imports = store.imports(of.candidate.org, &of.candidate.id()).await.unwrap();
        assert_eq!(imports.iter().map(|import| import.status).collect::<Vec<_>>(), [ImportStatus::Completed]);
        let seen = store.seen_manifests(of.candidate.org, &of.candidate.id()).await.unwrap().pop();
        assert_eq!(seen.map(|seen| seen.outcome), Some(ManifestOutcome::Settled));
        assert_eq!(store.staged(of.candidate.org).await.unwrap(), []);

        let key = (of.candidate.org, &of.candidate.id());
        let before = Wanted::ByPoll(OffsetDateTime::now_utc() - Duration::from_mins(1));
        assert!(!store.enqueue_job(key, (month(MONTH), &found("1")), before).await.unwrap(), "it was done since");
        assert!(enqueue(&store, &of, (MONTH, "2")).await);
        assert_eq!(only_job(&store, &of).await.state, JobState::Waiting);
    }

    #[tokio::test]
    async fn what_is_found_while_a_month_is_read_has_it_read_once_more() {
        let (store, _folder, of) = connected().await;
        enqueue(&store, &of, (MONTH, "1")).await;
        let run = claimed(&store, claim_as("a")).await;
        assert!(enqueue(&store, &of, (MONTH, "2")).await);
        assert_eq!(only_job(&store, &of).await.state, JobState::Running);
        assert!(store.end_job(&run, None, &done("1")).await.unwrap());
        let job = only_job(&store, &of).await;
        assert_eq!((job.state, job.found, job.attempts), (JobState::Waiting, found("2"), 0));
        assert_eq!(claimed(&store, claim_as("a")).await.job.found, found("2"));
    }

    #[tokio::test]
    async fn a_lease_that_ran_out_is_taken_over_and_whoever_had_it_writes_nothing_more() {
        let (store, _folder, of) = connected().await;
        enqueue(&store, &of, (MONTH, "1")).await;
        let asleep = claimed(&store, silent("a")).await;
        let key = (of.candidate.org, &head(&of, "1"));
        let begun = store.begin_job(asleep.lease, key, "left").await.unwrap();
        assert!(store.claim_job(&claim_as("a")).await.unwrap().is_none(), "nobody takes over from itself");
        let next = claimed(&store, claim_as("b")).await;
        assert_eq!((next.left_over.as_deref(), next.job.attempts), (Some("left"), 2));
        let cut_off = store.imports(of.candidate.org, &of.candidate.id()).await.unwrap();
        assert_eq!(cut_off[0].status, ImportStatus::Aborted);

        let later = OffsetDateTime::now_utc() + Duration::from_mins(1);
        assert!(!store.renew_lease(asleep.lease, (later, JobProgress::default())).await.unwrap());
        assert!(store.begin_job(asleep.lease, key, "other").await.unwrap().is_none());
        assert!(!store.end_job(&asleep, begun.as_ref(), &done("1")).await.unwrap());
        assert_eq!(only_job(&store, &of).await.state, JobState::Running);
        assert_eq!(store.seen_manifests(key.0, &of.candidate.id()).await.unwrap(), []);
        assert!(store.renew_lease(next.lease, (later, JobProgress::default())).await.unwrap());
    }

    #[tokio::test]
    async fn a_lease_that_ran_out_unnoticed_goes_on() {
        let (store, _folder, of) = connected().await;
        enqueue(&store, &of, (MONTH, "1")).await;
        let run = claimed(&store, silent("a")).await;
        let later = OffsetDateTime::now_utc() + Duration::from_mins(1);
        let progress = JobProgress { rows: 3, bytes: 5, ..JobProgress::default() };
        assert!(store.renew_lease(run.lease, (later, progress)).await.unwrap());
        assert!(store.claim_job(&claim_as("b")).await.unwrap().is_none());
        assert_eq!(only_job(&store, &of).await.progress.rows, 3);
    }

    #[tokio::test]
    async fn a_job_that_kills_its_process_is_not_begun_for_ever() {
        let (store, _folder, of) = connected().await;
        enqueue(&store, &of, (MONTH, "1")).await;
        let now = Duration::ZERO;
        for owner in ["a", "b", "c", "d"] {
            claimed(&store, Claim { pauses: (now, now), ..silent(owner) }).await;
        }
        assert!(store.claim_job(&silent("e")).await.unwrap().is_none());
        let job = only_job(&store, &of).await;
        assert_eq!(job.state, JobState::Failed);
        assert!(job.error.unwrap().starts_with("it was begun 4 times by processes that ended"));
        assert!(!enqueue(&store, &of, (MONTH, "1")).await, "nothing is new");
        assert!(enqueue(&store, &of, (MONTH, "2")).await);
        assert_eq!(claimed(&store, claim_as("e")).await.job.attempts, 1);
    }

    #[tokio::test]
    async fn from_the_third_try_on_there_is_a_pause_after_a_silent_end_too() {
        let (store, _folder, of) = connected().await;
        enqueue(&store, &of, (MONTH, "1")).await;
        for owner in ["a", "b", "c"] {
            claimed(&store, silent(owner)).await;
        }
        assert!(store.claim_job(&claim_as("d")).await.unwrap().is_none());
        assert!(store.next_job_at().await.unwrap().unwrap() > OffsetDateTime::now_utc() + Duration::from_mins(59));
    }

    #[tokio::test]
    async fn a_pause_between_tries_is_kept_until_it_is_over_or_somebody_asks() {
        let (store, _folder, of) = connected().await;
        let key = (of.candidate.org, &of.candidate.id());
        enqueue(&store, &of, (MONTH, "1")).await;
        let run = claimed(&store, claim_as("a")).await;
        let at = OffsetDateTime::now_utc() + Duration::from_hours(1);
        store.end_job(&run, None, &End::Retry("no answer".into(), at)).await.unwrap();
        assert!(store.claim_job(&claim_as("a")).await.unwrap().is_none());
        assert!(!enqueue(&store, &of, (MONTH, "1")).await);
        let imports = store.imports(key.0, key.1).await.unwrap();
        assert_eq!(imports[0].error.as_deref(), Some("no answer"), "what never began is told too");

        assert!(store.enqueue_job(key, (month(MONTH), &found("1")), Wanted::ByHand(at)).await.unwrap());
        let run = claimed(&store, claim_as("a")).await;
        store.end_job(&run, None, &End::Retry("no answer".into(), at)).await.unwrap();
        store.hasten_jobs(key.0, key.1).await.unwrap();
        assert_eq!(claimed(&store, claim_as("a")).await.job.attempts, 1);
    }

    #[tokio::test]
    async fn what_has_failed_waits_for_something_newer_or_for_somebody_who_asks() {
        let (store, _folder, of) = connected().await;
        let key = (of.candidate.org, &of.candidate.id());
        enqueue(&store, &of, (MONTH, "1")).await;
        let run = claimed(&store, claim_as("a")).await;
        let end = End::Failed("row 2".into(), Some("1".into()));
        store.end_job(&run, None, &end).await.unwrap();
        assert_eq!(only_job(&store, &of).await.state, JobState::Failed);
        let seen = store.seen_manifests(key.0, key.1).await.unwrap().pop().unwrap();
        assert_eq!(seen.outcome, ManifestOutcome::Failed);
        assert!(!enqueue(&store, &of, (MONTH, "1")).await);
        assert!(store.reprocess_job(key, month(MONTH)).await.unwrap());
        let run = claimed(&store, claim_as("a")).await;
        assert_eq!(run.job.why, super::super::JobReason::Reprocess);
        store.end_job(&run, None, &done("1")).await.unwrap();
        enqueue(&store, &of, (MONTH, "2")).await;
        assert_eq!(only_job(&store, &of).await.why, super::super::JobReason::Delivered);
        assert!(!store.reprocess_job(key, month("2020-01")).await.unwrap());
    }

    #[tokio::test]
    async fn a_store_that_is_full_changes_nothing_and_goes_on_once_there_is_room() {
        let (store, _folder, of) = connected().await;
        // The limit is each connection's own, so there must be one only.
        let mut others = Vec::new();
        for _ in 1..super::super::CONNECTIONS {
            others.push(store.pool.acquire().await.unwrap());
        }
        enqueue(&store, &of, (MONTH, "1")).await;
        let run = claimed(&store, claim_as("a")).await;
        query("PRAGMA max_page_count = 1").execute(&store.pool).await.unwrap();
        let long = "row 2 ".repeat(100_000);
        let full = store.end_job(&run, None, &End::Retry(long, OffsetDateTime::now_utc())).await.unwrap_err();
        assert!(full.to_string().contains("database or disk is full"), "{full}");
        assert_eq!(only_job(&store, &of).await.state, JobState::Running, "and its lease runs out");
        assert_eq!(store.imports(of.candidate.org, &of.candidate.id()).await.unwrap(), []);
        query("PRAGMA max_page_count = 1000000").execute(&store.pool).await.unwrap();
        assert!(store.end_job(&run, None, &done("1")).await.unwrap());
    }

    #[tokio::test]
    async fn nothing_of_a_paused_or_suspended_connection_is_claimed() {
        let (store, _folder, of) = connected().await;
        let (org, id) = (of.candidate.org, of.candidate.id());
        enqueue(&store, &of, (MONTH, "1")).await;
        store.pause(org, &id).await.unwrap();
        assert!(store.claim_job(&claim_as("a")).await.unwrap().is_none());
        store.resume(org, &id).await.unwrap();
        store.insert_report(&of, &refused()).await.unwrap();
        assert!(store.claim_job(&claim_as("a")).await.unwrap().is_none());
        assert_eq!(store.next_job_at().await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_newest_month_comes_first_and_orgs_take_turns() {
        let (store, _folder, acme) = connected().await;
        let other = add(&store, "210987654321").await;
        for period in ["2026-07", "2026-09", "2026-08"] {
            enqueue(&store, &acme, (period, "1")).await;
            enqueue(&store, &other, (period, "1")).await;
        }
        let mut order = Vec::new();
        for _ in 0..3 {
            let (one, two) = (claimed(&store, claim_as("a")).await, claimed(&store, claim_as("a")).await);
            assert!(store.claim_job(&claim_as("a")).await.unwrap().is_none(), "one of a connection at a time");
            assert_ne!(one.job.org, two.job.org);
            order.push((one.job.period.to_string(), two.job.period.to_string()));
            for run in [one, two] {
                store.end_job(&run, None, &done("1")).await.unwrap();
            }
        }
        let both = |text: &str| (text.to_owned(), text.to_owned());
        assert_eq!(order, [both("2026-09"), both("2026-08"), both("2026-07")]);
    }

    #[tokio::test]
    async fn a_change_of_the_connection_takes_the_lease_away() {
        let (store, _folder, of) = connected().await;
        enqueue(&store, &of, (MONTH, "1")).await;
        let run = claimed(&store, claim_as("a")).await;
        store.begin_job(run.lease, (of.candidate.org, &head(&of, "1")), "left").await.unwrap();
        let mut later = of.clone();
        later.candidate.effective_from = None;
        later.updated_at += Duration::from_secs(1);
        assert!(store.update_connect(&of, &later, &verified(&later)).await.unwrap());
        assert!(!store.end_job(&run, None, &done("1")).await.unwrap());
        assert_eq!(claimed(&store, claim_as("a")).await.left_over.as_deref(), Some("left"));

        let mut moved = later.clone();
        moved.candidate.bucket = "other-bills".parse().unwrap();
        moved.updated_at += Duration::from_secs(1);
        enqueue(&store, &later, ("2026-08", "1")).await;
        assert!(store.update_connect(&later, &moved, &verified(&moved)).await.unwrap());
        let job = only_job(&store, &of).await;
        assert_eq!(
            (job.period, job.state),
            (month(MONTH), JobState::Failed),
            "only what is still to be buried is kept"
        );
        assert!(!store.staged(of.candidate.org).await.unwrap()[0].runs);
    }
}
