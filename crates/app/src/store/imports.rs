//! Imports, and the manifests that need no second look.

use billing::delivery::DeliveryId;
use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StringDeserializer};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use time::OffsetDateTime;

use super::{ReadRow, Store, StoreError, key, micros, query};

/// The number of an import.
pub type ImportId = i64;

/// One attempt to read a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its number; a later attempt has a higher one.
    pub id: ImportId,
    /// The connection that the delivery came through.
    pub connect: BillConnectId,
    /// The month.
    pub period: BillingPeriod,
    /// Which delivery of the month.
    pub delivery_id: DeliveryId,
    /// How far it is.
    pub status: ImportStatus,
    /// When it was begun.
    pub started_at: OffsetDateTime,
    /// When it ended, one way or the other.
    pub finished_at: Option<OffsetDateTime>,
    /// Why it was aborted.
    pub error: Option<String>,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportStatus {
    /// Being read.
    InProgress,
    /// Published.
    Completed,
    /// Given up; the month stays as it was.
    Aborted,
}

impl ImportStatus {
    /// The word for it, in the API and in the schema's `CHECK`.
    pub fn name(self) -> &'static str {
        match self {
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Aborted => "aborted",
        }
    }
}

/// How an import ended.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// The month was published.
    Completed,
    /// It was given up for this reason; the month stays as it was.
    Aborted(&'a str),
}

/// A manifest that a poll looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenManifest {
    /// The manifest's key in the bucket.
    pub key: String,
    /// What told that state of it from every other.
    pub version: String,
    /// The delivery that it described.
    pub delivery_id: DeliveryId,
    /// What came of it.
    pub outcome: ManifestOutcome,
}

/// What came of a manifest's delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestOutcome {
    /// Loaded, or rightly passed over: nothing is left to do while its `ETag` stays.
    Settled,
    /// Its delivery can never be loaded as it is: only a new manifest, or somebody who asks for it, has it tried again.
    Failed,
}

impl Store {
    /// Notes that a delivery is being read.
    pub async fn start_import(
        &self,
        month: (OrgId, &BillConnectId, BillingPeriod),
        delivery: &DeliveryId,
    ) -> Result<ImportId, StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let id = begin_import(&mut transaction, month, delivery).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Notes how an import of this org ended.
    pub async fn finish_import(&self, org: OrgId, id: ImportId, outcome: Outcome<'_>) -> Result<(), StoreError> {
        end_import(&mut *self.pool.acquire().await?, (org, id), outcome).await
    }

    /// The imports of the org's bill connect, newest first.
    pub async fn imports(&self, org: OrgId, connect: &BillConnectId) -> Result<Vec<Import>, StoreError> {
        let select = query("SELECT * FROM imports WHERE org_id = $1 AND connect_id = $2 ORDER BY id DESC");
        select.bind(key(org)).bind(connect.as_ref()).fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// The newest import of each month of each of the org's bill connects, by connect and month.
    pub async fn newest_imports(&self, org: OrgId) -> Result<Vec<Import>, StoreError> {
        let select = query(
            "SELECT * FROM imports
             WHERE id IN (SELECT MAX(id) FROM imports WHERE org_id = $1 GROUP BY connect_id, period) AND org_id = $1
             ORDER BY connect_id, period",
        );
        select.bind(key(org)).fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// Notes once, as the newest that came of its month, that a delivery was published: the process that did so ended before it
    /// could say it, or what came after it came to nothing.
    pub async fn settle_import(
        &self,
        (org, connect, period): (OrgId, &BillConnectId, BillingPeriod),
        delivery: &DeliveryId,
    ) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let forget =
            query("DELETE FROM imports WHERE org_id = $1 AND connect_id = $2 AND period = $3 AND delivery_id = $4");
        let forget = forget.bind(key(org)).bind(connect.as_ref()).bind(period.to_string()).bind(delivery.as_ref());
        forget.execute(&mut *transaction).await?;
        let id = begin_import(&mut transaction, (org, connect, period), delivery).await?;
        end_import(&mut transaction, (org, id), Outcome::Completed).await?;
        Ok(transaction.commit().await?)
    }

    /// Keeps what came of a manifest, in place of what was known of its key before.
    pub async fn remember_manifest(
        &self,
        connect: (OrgId, &BillConnectId),
        manifest: &SeenManifest,
    ) -> Result<(), StoreError> {
        remember_manifest(&mut *self.pool.acquire().await?, connect, manifest).await
    }

    /// What is known of the manifests of the org's bill connect, each from the last poll that looked at it, by key.
    pub async fn seen_manifests(&self, org: OrgId, connect: &BillConnectId) -> Result<Vec<SeenManifest>, StoreError> {
        let select = query(
            "SELECT key, version, delivery_id, outcome FROM manifests WHERE org_id = $1 AND connect_id = $2 ORDER BY key",
        );
        let select = select.bind(key(org)).bind(connect.as_ref());
        select.fetch_all(&self.pool).await?.iter().map(read_manifest).collect()
    }
}

/// Notes that a delivery is being read. An earlier try of the same delivery that came to nothing is forgotten: the history is
/// what became of each delivery, not of each try. What still seemed to be read of the month is not, and is told so.
pub(super) async fn begin_import(
    connection: &mut SqliteConnection,
    (org, connect, period): (OrgId, &BillConnectId, BillingPeriod),
    delivery: &DeliveryId,
) -> Result<ImportId, StoreError> {
    let (period, now) = (period.to_string(), micros(OffsetDateTime::now_utc()));
    let forget = query(
        "DELETE FROM imports
         WHERE org_id = $1 AND connect_id = $2 AND period = $3 AND delivery_id = $4 AND status <> 'completed'",
    );
    let forget = forget.bind(key(org)).bind(connect.as_ref()).bind(&period).bind(delivery.as_ref());
    forget.execute(&mut *connection).await?;
    cut_off_imports(connection, (org, connect, &period)).await?;
    let insert = query(
        "INSERT INTO imports (org_id, connect_id, period, delivery_id, status, started_at)
         VALUES ($1, $2, $3, $4, 'in-progress', $5) RETURNING id",
    );
    let insert = insert.bind(key(org)).bind(connect.as_ref()).bind(&period).bind(delivery.as_ref()).bind(now);
    Ok(insert.fetch_one(&mut *connection).await?.try_get("id")?)
}

/// Aborts what still seems to be read of a month: whoever read it has died, or lost its lease.
pub(super) async fn cut_off_imports(
    connection: &mut SqliteConnection,
    (org, connect, period): (OrgId, &BillConnectId, &str),
) -> Result<(), StoreError> {
    let abort = query(
        "UPDATE imports SET status = 'aborted', finished_at = $4,
                            error = 'whoever was reading it ended or stood still; it is read again'
         WHERE org_id = $1 AND connect_id = $2 AND period = $3 AND status = 'in-progress'",
    );
    let abort = abort.bind(key(org)).bind(connect.as_ref()).bind(period).bind(micros(OffsetDateTime::now_utc()));
    abort.execute(connection).await?;
    Ok(())
}

/// Notes how an import ended.
pub(super) async fn end_import(
    connection: &mut SqliteConnection,
    (org, id): (OrgId, ImportId),
    outcome: Outcome<'_>,
) -> Result<(), StoreError> {
    let (status, error) = match outcome {
        Outcome::Completed => (ImportStatus::Completed, None),
        Outcome::Aborted(error) => (ImportStatus::Aborted, Some(error)),
    };
    let update = query("UPDATE imports SET status = $1, finished_at = $2, error = $3 WHERE org_id = $4 AND id = $5");
    let update = update.bind(status.name()).bind(micros(OffsetDateTime::now_utc())).bind(error);
    update.bind(key(org)).bind(id).execute(connection).await?;
    Ok(())
}

/// Keeps what came of a manifest, in place of what was known of its key before.
pub(super) async fn remember_manifest(
    connection: &mut SqliteConnection,
    (org, connect): (OrgId, &BillConnectId),
    manifest: &SeenManifest,
) -> Result<(), StoreError> {
    let upsert = query(
        "INSERT INTO manifests (org_id, connect_id, key, version, delivery_id, outcome, seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (org_id, connect_id, key) DO UPDATE
         SET version = excluded.version, delivery_id = excluded.delivery_id, outcome = excluded.outcome,
             seen_at = excluded.seen_at",
    );
    let upsert = upsert.bind(key(org)).bind(connect.as_ref()).bind(&manifest.key).bind(&manifest.version);
    let outcome = match manifest.outcome {
        ManifestOutcome::Settled => "settled",
        ManifestOutcome::Failed => "failed",
    };
    let upsert = upsert.bind(manifest.delivery_id.as_ref()).bind(outcome);
    upsert.bind(micros(OffsetDateTime::now_utc())).execute(connection).await?;
    Ok(())
}

fn read(row: &SqliteRow) -> Result<Import, StoreError> {
    let status: String = row.try_get("status")?;
    let known = [ImportStatus::InProgress, ImportStatus::Completed, ImportStatus::Aborted];
    let status = known
        .into_iter()
        .find(|known| known.name() == status)
        .ok_or(StoreError::Unreadable { column: "status", why: format!("`{status}` is no status of an import") })?;
    Ok(Import {
        id: row.try_get("id")?,
        connect: row.text("connect_id")?,
        period: row.text("period")?,
        delivery_id: delivery_id(row)?,
        status,
        started_at: row.instant("started_at")?,
        finished_at: row.maybe_instant("finished_at")?,
        error: row.try_get("error")?,
    })
}

fn read_manifest(row: &SqliteRow) -> Result<SeenManifest, StoreError> {
    let outcome: String = row.try_get("outcome")?;
    Ok(SeenManifest {
        key: row.try_get("key")?,
        version: row.try_get("version")?,
        delivery_id: delivery_id(row)?,
        outcome: if outcome == "settled" { ManifestOutcome::Settled } else { ManifestOutcome::Failed },
    })
}

fn delivery_id(row: &SqliteRow) -> Result<DeliveryId, StoreError> {
    delivery_id_of(row.try_get("delivery_id")?)
}

/// A delivery id as a column holds it.
pub(super) fn delivery_id_of(text: String) -> Result<DeliveryId, StoreError> {
    // A delivery id is made from a manifest, or read back by serde; never from any odd text.
    let text: StringDeserializer<ValueError> = text.into_deserializer();
    let read = DeliveryId::deserialize(text);
    read.map_err(|error| StoreError::Unreadable { column: "delivery_id", why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use billing::delivery::PartHead;

    use super::super::connects::tests::{connect, report};
    use super::super::tests::store;
    use super::*;

    const PERIOD: &str = "2026-09";

    /// A store with one org that has one bill connect.
    async fn connected() -> (Store, tempfile::TempDir, OrgId, BillConnectId) {
        let (store, folder) = store().await;
        let org = store.create_org("Acme").await.unwrap().id;
        let connect = connect(org, "123456789012");
        store.insert_connect(&connect, &report("2026-10-01T12:00:00Z")).await.unwrap();
        (store, folder, org, connect.candidate.id())
    }

    fn delivery(etag: &str) -> DeliveryId {
        DeliveryId::of(etag, &[PartHead { key: "a".into(), etag: "b".into(), size: 1 }])
    }

    #[tokio::test]
    async fn an_import_runs_and_ends_one_way_or_the_other() {
        let (store, _folder, org, connect) = connected().await;
        let month = PERIOD.parse().unwrap();
        let failed = store.start_import((org, &connect, month), &delivery("1")).await.unwrap();
        store.finish_import(org, failed, Outcome::Aborted("a part is missing")).await.unwrap();
        let done = store.start_import((org, &connect, month), &delivery("2")).await.unwrap();
        store.finish_import(org, done, Outcome::Completed).await.unwrap();
        let running = store.start_import((org, &connect, month), &delivery("3")).await.unwrap();

        let imports = store.imports(org, &connect).await.unwrap();
        assert_eq!(imports.iter().map(|import| import.id).collect::<Vec<_>>(), [running, done, failed]);
        let states: Vec<_> = imports.iter().map(|i| (i.status, i.finished_at.is_some(), i.error.as_deref())).collect();
        let expected = [
            (ImportStatus::InProgress, false, None),
            (ImportStatus::Completed, true, None),
            (ImportStatus::Aborted, true, Some("a part is missing")),
        ];
        assert_eq!(states, expected);
        assert_eq!(imports[1].delivery_id, delivery("2"));
        assert_eq!(store.newest_imports(org).await.unwrap(), imports[..1]);
    }

    #[tokio::test]
    async fn another_org_sees_and_changes_nothing() {
        let (store, _folder, org, connect) = connected().await;
        let other = store.create_org("Other").await.unwrap().id;
        let id = store.start_import((org, &connect, PERIOD.parse().unwrap()), &delivery("1")).await.unwrap();
        store.finish_import(other, id, Outcome::Aborted("not theirs")).await.unwrap();
        assert_eq!(store.imports(org, &connect).await.unwrap()[0].status, ImportStatus::InProgress);
        assert_eq!(store.imports(other, &connect).await.unwrap(), []);
        assert_eq!(store.newest_imports(other).await.unwrap(), []);
        assert!(store.start_import((other, &connect, PERIOD.parse().unwrap()), &delivery("1")).await.is_err());
    }

    #[tokio::test]
    async fn what_still_seems_to_be_read_of_a_month_is_cut_off_by_the_next() {
        let (store, _folder, org, connect) = connected().await;
        let (month, other) = (PERIOD.parse().unwrap(), "2026-08".parse().unwrap());
        let done = store.start_import((org, &connect, month), &delivery("1")).await.unwrap();
        store.finish_import(org, done, Outcome::Completed).await.unwrap();
        store.start_import((org, &connect, other), &delivery("1")).await.unwrap();
        store.start_import((org, &connect, month), &delivery("2")).await.unwrap();
        store.start_import((org, &connect, month), &delivery("3")).await.unwrap();
        let imports = store.imports(org, &connect).await.unwrap();
        let states: Vec<_> = imports.iter().map(|import| import.status).collect();
        let [cut_off, read, goes_on] = [ImportStatus::Aborted, ImportStatus::Completed, ImportStatus::InProgress];
        assert_eq!(states, [goes_on, cut_off, goes_on, read], "newest first; the other month's goes on");
        assert!(imports[1].error.as_deref().unwrap().contains("it is read again"));
    }

    #[tokio::test]
    async fn a_manifest_is_remembered_by_its_newest_look() {
        let (store, _folder, org, connect) = connected().await;
        let mut seen = SeenManifest {
            key: "cur/m.json".into(),
            version: "1".into(),
            delivery_id: delivery("1"),
            outcome: ManifestOutcome::Failed,
        };
        store.remember_manifest((org, &connect), &seen).await.unwrap();
        assert_eq!(store.seen_manifests(org, &connect).await.unwrap(), [seen.clone()]);
        seen =
            SeenManifest { version: "2".into(), delivery_id: delivery("2"), outcome: ManifestOutcome::Settled, ..seen };
        store.remember_manifest((org, &connect), &seen).await.unwrap();
        assert_eq!(store.seen_manifests(org, &connect).await.unwrap(), [seen.clone()]);
        let other = store.create_org("Other").await.unwrap().id;
        assert_eq!(store.seen_manifests(other, &connect).await.unwrap(), []);
    }
}
