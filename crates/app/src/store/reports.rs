//! The reports of bill connects: what each check run said, runs on end that say the same as one entry.

use billing::checks::Report;
use billing::connection::BillConnect;
use billing::names::{BillConnectId, OrgId};
use billing::standing::Decided;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use time::OffsetDateTime;

use super::{ReadRow, Store, StoreError, json, key, micros, query};

/// Check runs on end that said the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportEntry {
    /// Its number within the bill connect's history, from 1; a later entry has a higher one.
    pub number: i64,
    /// When the first of them was judged.
    pub first_at: OffsetDateTime,
    /// When the last of them was judged.
    pub last_at: OffsetDateTime,
    /// How many they are.
    pub runs: i64,
    /// What the last of them said.
    pub report: Report,
}

impl Store {
    /// Adds a report to the history of a bill connect. Answers whether it did: not where the bill connect was changed or deleted
    /// since, for then the report is about what no longer is.
    pub async fn insert_report(&self, connect: &BillConnect, report: &Report) -> Result<bool, StoreError> {
        let (org, id) = (connect.candidate.org, connect.candidate.id());
        // It reads before it writes: two at once must come one after the other.
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let still =
            query("SELECT 1 FROM bill_connects WHERE org_id = $1 AND id = $2 AND created_at = $3 AND updated_at = $4");
        let still = still.bind(key(org)).bind(id.as_ref());
        let still = still.bind(micros(connect.created_at)).bind(micros(connect.updated_at));
        if still.fetch_optional(&mut *transaction).await?.is_none() {
            return Ok(false);
        }
        write_report(&mut transaction, (org, &id), report).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The newest report of the org's bill connect.
    pub async fn newest_report(&self, org: OrgId, id: &BillConnectId) -> Result<Option<Report>, StoreError> {
        Ok(self.report_history(org, id, (None, 1)).await?.pop().map(|entry| entry.report))
    }

    /// Up to `limit` entries of the history of the org's bill connect, newest first, of those with numbers below `before`.
    pub async fn report_history(
        &self,
        org: OrgId,
        id: &BillConnectId,
        (before, limit): (Option<i64>, u32),
    ) -> Result<Vec<ReportEntry>, StoreError> {
        let select = query(
            "SELECT * FROM reports WHERE org_id = $1 AND connect_id = $2 AND number < $3 ORDER BY number DESC LIMIT $4",
        );
        let select = select.bind(key(org)).bind(id.as_ref()).bind(before.unwrap_or(i64::MAX)).bind(limit);
        select.fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// The newest report of the org's bill connect that decides, and since when reports have had its state.
    pub async fn decided(&self, org: OrgId, id: &BillConnectId) -> Result<Option<Decided>, StoreError> {
        let select = query(
            "SELECT report,
                    (SELECT MIN(same.first_at) FROM reports AS same
                     WHERE same.org_id = newest.org_id AND same.connect_id = newest.connect_id
                       AND same.state = newest.state
                       AND same.number > (SELECT COALESCE(MAX(other.number), 0) FROM reports AS other
                                          WHERE other.org_id = newest.org_id AND other.connect_id = newest.connect_id
                                            AND other.state NOT IN (newest.state, 'undecided'))) AS since
             FROM reports AS newest
             WHERE org_id = $1 AND connect_id = $2 AND state <> 'undecided' ORDER BY number DESC LIMIT 1",
        );
        let row = select.bind(key(org)).bind(id.as_ref()).fetch_optional(&self.pool).await?;
        row.map(|row| Ok(Decided { report: report(&row)?, since: row.instant("since")? })).transpose()
    }
}

/// Adds a report to a history. The connection must be in a transaction that holds the right to write.
pub(super) async fn write_report(
    connection: &mut SqliteConnection,
    (org, id): (OrgId, &BillConnectId),
    report: &Report,
) -> Result<(), StoreError> {
    let select = query("SELECT * FROM reports WHERE org_id = $1 AND connect_id = $2 ORDER BY number DESC LIMIT 1");
    let newest = select.bind(key(org)).bind(id.as_ref()).fetch_optional(&mut *connection).await?;
    let newest = newest.as_ref().map(read).transpose()?;
    let (judged, text, state) = (micros(report.judged_at), json(report), report.state());
    let write = match newest {
        Some(newest) if state == newest.report.state() && report.repeats(&newest.report) => {
            let update = query(
                "UPDATE reports SET last_at = MAX(last_at, $1), runs = runs + 1, report = $2
                 WHERE org_id = $3 AND connect_id = $4 AND number = $5",
            );
            update.bind(judged).bind(text).bind(key(org)).bind(id.as_ref()).bind(newest.number)
        }
        newest => {
            let insert = query(
                "INSERT INTO reports (org_id, connect_id, number, state, first_at, last_at, runs, report)
                 VALUES ($1, $2, $3, $4, $5, $5, 1, $6)",
            );
            let number = newest.map_or(0, |newest| newest.number) + 1;
            insert.bind(key(org)).bind(id.as_ref()).bind(number).bind(state.name()).bind(judged).bind(text)
        }
    };
    write.execute(connection).await?;
    Ok(())
}

fn read(row: &SqliteRow) -> Result<ReportEntry, StoreError> {
    Ok(ReportEntry {
        number: row.try_get("number")?,
        first_at: row.instant("first_at")?,
        last_at: row.instant("last_at")?,
        runs: row.try_get("runs")?,
        report: report(row)?,
    })
}

fn report(row: &SqliteRow) -> Result<Report, StoreError> {
    let missing = || StoreError::Unreadable { column: "report", why: "it is empty".to_owned() };
    row.maybe_json("report")?.ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use billing::checks::State;
    use serde_json::json;
    use time::macros::datetime;

    use super::super::connects::tests::{connect, report};
    use super::super::tests::store;
    use super::*;

    const ACCOUNT: &str = "123456789012";

    /// A report whose one required claim has this verdict.
    fn judged(at: &str, verdict: &str) -> Report {
        let line = json!({ "check": "bucket-listable", "verdict": verdict, "severity": "required", "found": "f", "remedy": "" });
        let mut text = serde_json::to_value(report(at)).unwrap();
        text["checks"] = json!([line]);
        serde_json::from_value(text).unwrap()
    }

    async fn connected() -> (Store, tempfile::TempDir, OrgId, BillConnectId) {
        let (store, folder) = store().await;
        let org = store.create_org("Acme").await.unwrap().id;
        store.insert_connect(&connect(org, ACCOUNT), &judged("2026-10-01T12:00:00Z", "failed")).await.unwrap();
        (store, folder, org, connect(org, ACCOUNT).candidate.id())
    }

    #[tokio::test]
    async fn runs_that_say_the_same_are_one_entry() {
        let (store, _folder, org, id) = connected().await;
        for day in 2..=30 {
            store
                .insert_report(&connect(org, ACCOUNT), &judged(&format!("2026-10-{day:02}T12:00:00Z"), "failed"))
                .await
                .unwrap();
        }
        store.insert_report(&connect(org, ACCOUNT), &judged("2026-10-31T12:00:00Z", "unknown")).await.unwrap();
        let history = store.report_history(org, &id, (None, 10)).await.unwrap();
        let shape: Vec<_> = history.iter().map(|entry| (entry.number, entry.runs, entry.report.state())).collect();
        assert_eq!(shape, [(2, 1, State::Undecided), (1, 30, State::Refused)]);
        assert_eq!(history[1].first_at, datetime!(2026-10-01 12:00 UTC));
        assert_eq!(history[1].last_at, datetime!(2026-10-30 12:00 UTC));
        assert_eq!(history[1].report.judged_at, history[1].last_at, "the newest of them is kept");
        assert_eq!(store.newest_report(org, &id).await.unwrap().unwrap().state(), State::Undecided);
    }

    #[tokio::test]
    async fn pages_go_back_in_time() {
        let (store, _folder, org, id) = connected().await;
        for (day, verdict) in [(2, "unknown"), (3, "failed"), (4, "unknown")] {
            store
                .insert_report(&connect(org, ACCOUNT), &judged(&format!("2026-10-{day:02}T12:00:00Z"), verdict))
                .await
                .unwrap();
        }
        let numbers = async |before, limit| {
            let page = store.report_history(org, &id, (before, limit)).await.unwrap();
            page.into_iter().map(|entry| entry.number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(None, 3).await, [4, 3, 2]);
        assert_eq!(numbers(Some(2), 3).await, [1]);
        assert_eq!(numbers(Some(1), 3).await, [0_i64; 0]);
    }

    #[tokio::test]
    async fn what_is_unknown_decides_nothing() {
        let (store, _folder, org, id) = connected().await;
        for (day, verdict) in [(2, "unknown"), (3, "failed"), (4, "unknown")] {
            store
                .insert_report(&connect(org, ACCOUNT), &judged(&format!("2026-10-{day:02}T12:00:00Z"), verdict))
                .await
                .unwrap();
        }
        let decided = store.decided(org, &id).await.unwrap().unwrap();
        assert_eq!(decided.report.state(), State::Refused);
        assert_eq!(decided.since, datetime!(2026-10-01 12:00 UTC), "the silence in between ends no state");
    }

    #[tokio::test]
    async fn another_org_has_a_history_of_its_own() {
        let (store, _folder, org, id) = connected().await;
        let other = store.create_org("B").await.unwrap().id;
        store.insert_connect(&connect(other, ACCOUNT), &judged("2026-10-01T12:00:00Z", "unknown")).await.unwrap();
        store.insert_report(&connect(org, ACCOUNT), &judged("2026-10-02T12:00:00Z", "unknown")).await.unwrap();
        assert_eq!(store.report_history(other, &id, (None, 10)).await.unwrap().len(), 1);
        assert_eq!(store.decided(other, &id).await.unwrap(), None, "nothing of theirs decides");
    }

    #[tokio::test]
    async fn a_report_about_what_no_longer_is_is_not_kept() {
        let (store, _folder, org, id) = connected().await;
        let (old, late) = (connect(org, ACCOUNT), judged("2026-10-05T12:00:00Z", "unknown"));
        let mut new = old.clone();
        new.candidate.bucket = "other-bills".parse().unwrap();
        new.updated_at += time::Duration::MICROSECOND;
        assert!(store.update_connect(&old, &new, &judged("2026-10-04T12:00:00Z", "failed")).await.unwrap());
        assert!(!store.insert_report(&old, &late).await.unwrap(), "it was changed");
        assert!(store.insert_report(&new, &late).await.unwrap());
        assert!(store.delete_connect(org, &id).await.unwrap());
        assert!(!store.insert_report(&new, &late).await.unwrap(), "it was deleted");
        assert_eq!(store.report_history(org, &id, (None, 10)).await.unwrap(), []);
    }
}
