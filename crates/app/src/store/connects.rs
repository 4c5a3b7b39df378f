//! Bill connects.

use billing::bucket::ReportName;
use billing::checks::Report;
use billing::connection::{Access, BillConnect, Candidate, RoleAccess, UserAccess};
use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::external_ids::presented;
use super::jobs::{Changed, interrupt_jobs};
use super::reports::write_report;
use super::secrets::{open_keys, write_keys};
use super::{ReadRow, Store, StoreError, key, micros, query};

/// Selects bill connects, each with the sealed keys of its user, if it has one.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT c.*, i.key_id AS id_key, i.nonce AS id_nonce, i.sealed AS id_sealed,
                    s.key_id AS secret_key, s.nonce AS secret_nonce, s.sealed AS secret_sealed
             FROM bill_connects AS c
             LEFT JOIN sealed_secrets AS i
                    ON i.org_id = c.org_id AND i.connect_id = c.id AND i.field = 'access_key_id'
             LEFT JOIN sealed_secrets AS s
                    ON s.org_id = c.org_id AND s.connect_id = c.id AND s.field = 'secret_access_key' ",
            $rest
        )
    };
}

impl Store {
    /// Keeps a new bill connect together with the report that proves it, both or neither.
    ///
    /// Answers [`StoreError::Conflict`] where the org has connected that account already.
    pub async fn insert_connect(&self, connect: &BillConnect, report: &Report) -> Result<(), StoreError> {
        let (asked, id) = (&connect.candidate, connect.candidate.id());
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let insert = query(
            "INSERT INTO bill_connects (org_id, id, account, created_at, bucket, path, role_arn, session_name,
                                        external_id, user_partition, effective_from, report_name, region, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
             ON CONFLICT (org_id, id) DO NOTHING",
        );
        let insert = insert.bind(key(asked.org)).bind(id.as_ref()).bind(asked.account.as_ref());
        let insert = bind_configuration(insert.bind(micros(connect.created_at)), connect);
        if insert.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Err(StoreError::Conflict(id));
        }
        self.write_proven(&mut transaction, asked, report).await?;
        Ok(transaction.commit().await?)
    }

    /// Puts `new` in the place of `old`, together with the report that proves it, both or neither. Answers whether it did:
    /// not where the bill connect is no longer what `old` says.
    pub async fn update_connect(
        &self,
        old: &BillConnect,
        new: &BillConnect,
        report: &Report,
    ) -> Result<bool, StoreError> {
        let (asked, id) = (&new.candidate, old.candidate.id());
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let update = query(
            "UPDATE bill_connects SET bucket = $5, path = $6, role_arn = $7, session_name = $8, external_id = $9,
                                      user_partition = $10, effective_from = $11, report_name = $12, region = $13,
                                      updated_at = $14
             WHERE org_id = $1 AND id = $2 AND created_at = $3 AND updated_at = $4",
        );
        let update = update.bind(key(old.candidate.org)).bind(id.as_ref()).bind(micros(old.created_at));
        let update = bind_configuration(update.bind(micros(old.updated_at)), new);
        if update.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let moved = (&asked.bucket, &asked.path) != (&old.candidate.bucket, &old.candidate.path);
        let changed = if moved { Changed::Moved } else { Changed::InPlace };
        interrupt_jobs(&mut transaction, (asked.org, &id), changed).await?;
        if moved {
            // What was seen of another place says nothing about this one.
            let forget = query("DELETE FROM manifests WHERE org_id = $1 AND connect_id = $2");
            forget.bind(key(asked.org)).bind(id.as_ref()).execute(&mut *transaction).await?;
        }
        self.write_proven(&mut transaction, asked, report).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn write_proven(
        &self,
        connection: &mut SqliteConnection,
        candidate: &Candidate,
        report: &Report,
    ) -> Result<(), StoreError> {
        write_keys(connection, &self.keys, candidate).await?;
        write_report(connection, (candidate.org, &candidate.id()), report).await
    }

    /// Deletes the org's bill connect with all that is kept of it, and notes that the lake is still to forget its months. Answers
    /// whether there was one.
    pub async fn delete_connect(&self, org: OrgId, id: &BillConnectId) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let delete = query("DELETE FROM bill_connects WHERE org_id = $1 AND id = $2").bind(key(org)).bind(id.as_ref());
        if delete.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let note = query("INSERT INTO forgetting (org_id, connect_id) VALUES ($1, $2) ON CONFLICT DO NOTHING");
        note.bind(key(org)).bind(id.as_ref()).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Whether the org's bill connect is deleted and its months are still to be forgotten.
    pub async fn is_forgetting(&self, org: OrgId, id: &BillConnectId) -> Result<bool, StoreError> {
        let select = query("SELECT 1 FROM forgetting WHERE org_id = $1 AND connect_id = $2");
        Ok(select.bind(key(org)).bind(id.as_ref()).fetch_optional(&self.pool).await?.is_some())
    }

    /// Notes that the lake has forgotten the months of the org's deleted bill connect.
    pub async fn forgotten(&self, org: OrgId, id: &BillConnectId) -> Result<(), StoreError> {
        let delete = query("DELETE FROM forgetting WHERE org_id = $1 AND connect_id = $2");
        delete.bind(key(org)).bind(id.as_ref()).execute(&self.pool).await?;
        Ok(())
    }

    /// Every org's deleted bill connects whose months are still to be forgotten.
    pub async fn all_forgetting(&self) -> Result<Vec<(OrgId, BillConnectId)>, StoreError> {
        let rows = query("SELECT org_id, connect_id FROM forgetting").fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.org("org_id")?, row.text("connect_id")?))).collect()
    }

    /// The org's bill connects, oldest first.
    pub async fn connects(&self, org: OrgId) -> Result<Vec<BillConnect>, StoreError> {
        let select = query(select!("WHERE c.org_id = $1 ORDER BY c.created_at, c.id")).bind(key(org));
        select.fetch_all(&self.pool).await?.iter().map(|row| self.read(row)).collect()
    }

    /// The org's bill connect with this id.
    pub async fn connect(&self, org: OrgId, id: &BillConnectId) -> Result<Option<BillConnect>, StoreError> {
        let select = query(select!("WHERE c.org_id = $1 AND c.id = $2")).bind(key(org)).bind(id.as_ref());
        select.fetch_optional(&self.pool).await?.as_ref().map(|row| self.read(row)).transpose()
    }

    /// Every org's bill connects that are not paused, for polling: each carries its org and is worked on under that org alone.
    ///
    /// One that can't be read, because its keys don't open, is told to the log and keeps no other back.
    pub async fn connects_to_poll(&self) -> Result<Vec<BillConnect>, StoreError> {
        let rows = query(select!("WHERE c.paused_at IS NULL ORDER BY c.org_id, c.id")).fetch_all(&self.pool).await?;
        let mut connects = Vec::with_capacity(rows.len());
        for row in &rows {
            match self.read(row) {
                Ok(connect) => connects.push(connect),
                Err(error) => {
                    let (org, connect) = (row.org("org_id")?, row.text::<BillConnectId>("id")?);
                    tracing::error!(%org, %connect, %error, "a connection can't be read from the store");
                }
            }
        }
        Ok(connects)
    }

    fn read(&self, row: &SqliteRow) -> Result<BillConnect, StoreError> {
        let (org, id): (OrgId, BillConnectId) = (row.org("org_id")?, row.text("id")?);
        let by_role = row.try_get::<Option<&str>, _>("role_arn")?.is_some();
        let access = if by_role {
            let (arn, session_name) = (row.text("role_arn")?, row.text("session_name")?);
            Access::Role(RoleAccess { arn, session_name, external_id: presented(org, row)? })
        } else {
            let (access_key_id, secret_access_key) = open_keys(row, &self.keys, (org, &id))?;
            Access::User(UserAccess { access_key_id, secret_access_key, partition: row.text("user_partition")? })
        };
        let effective_from: Option<&str> = row.try_get("effective_from")?;
        let report: Option<&str> = row.try_get("report_name")?;
        let candidate = Candidate {
            org,
            account: row.text("account")?,
            bucket: row.text("bucket")?,
            path: row.text("path")?,
            access,
            effective_from: effective_from.map(|_| row.text::<BillingPeriod>("effective_from")).transpose()?,
            report: report.map(|_| row.text::<ReportName>("report_name")).transpose()?,
        };
        Ok(BillConnect {
            candidate,
            region: row.text("region")?,
            created_at: row.instant("created_at")?,
            updated_at: row.instant("updated_at")?,
        })
    }
}

type Query = sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

/// Binds all of a bill connect that may change, in the order of the statements above, as `$5` to `$14`.
fn bind_configuration(statement: Query, connect: &BillConnect) -> Query {
    let asked = &connect.candidate;
    let role = asked.role();
    statement
        .bind(asked.bucket.to_string())
        .bind(asked.path.to_string())
        .bind(role.map(|role| role.arn.to_string()))
        .bind(role.map(|role| role.session_name.to_string()))
        .bind(role.map(|role| role.external_id.to_string()))
        .bind(asked.user().map(|user| user.partition.as_str()))
        .bind(asked.effective_from.map(|period| period.to_string()))
        .bind(asked.report.as_ref().map(ToString::to_string))
        .bind(connect.region.to_string())
        .bind(micros(connect.updated_at))
}

#[cfg(test)]
pub(crate) mod tests {
    use billing::delivery::DeliveryId;
    use time::macros::datetime;

    use super::super::imports::remember_manifest;
    use super::super::tests::store;
    use super::super::{ManifestOutcome, SeenManifest};
    use super::*;

    /// A bill connect of `org` as it could be stored.
    pub(crate) fn connect(org: OrgId, account: &str) -> BillConnect {
        let candidate = Candidate {
            org,
            account: account.parse().unwrap(),
            bucket: "acme-bills".parse().unwrap(),
            path: "cur/daily".parse().unwrap(),
            access: Access::Role(RoleAccess {
                arn: format!("arn:aws:iam::{account}:role/finops/reader").parse().unwrap(),
                session_name: "flexera_optima".parse().unwrap(),
                external_id: org.external_id(),
            }),
            effective_from: Some("2025-10".parse().unwrap()),
            report: Some("hourly".parse().unwrap()),
        };
        BillConnect {
            candidate,
            region: "eu-west-1".parse().unwrap(),
            created_at: datetime!(2026-10-01 12:00:00.000001 UTC),
            updated_at: datetime!(2026-10-02 12:00 UTC),
        }
    }

    /// A report that differs from another by its time alone.
    pub(crate) fn report(judged_at: &str) -> Report {
        let text = format!(
            r#"{{"fingerprint":null,"access":"role","region":null,"waiting":false,"judged_at":"{judged_at}","checks":[
                {{"check":"bucket-listable","verdict":"failed","severity":"required","found":"f","remedy":"r"}}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    const ACCOUNT: &str = "123456789012";

    /// `old` with another bucket, changed a little later.
    fn moved(old: &BillConnect, bucket: &str) -> BillConnect {
        let mut new = old.clone();
        new.candidate.bucket = bucket.parse().unwrap();
        new.updated_at += time::Duration::MICROSECOND;
        new
    }

    #[tokio::test]
    async fn of_two_changes_of_one_bill_connect_the_second_is_refused() {
        let (store, _folder) = store().await;
        let org = store.create_org("Acme").await.unwrap().id;
        let old = connect(org, ACCOUNT);
        let id = old.candidate.id();
        store.insert_connect(&old, &report("2026-10-01T12:00:00Z")).await.unwrap();
        let (first, second) = (moved(&old, "first-bills"), moved(&old, "second-bills"));
        let proof = report("2026-10-02T12:00:00Z");
        assert!(store.update_connect(&old, &first, &proof).await.unwrap());
        assert!(!store.update_connect(&old, &second, &report("2026-10-03T12:00:00Z")).await.unwrap());
        assert_eq!(store.connect(org, &id).await.unwrap(), Some(first.clone()));
        assert_eq!(store.newest_report(org, &id).await.unwrap(), Some(proof.clone()), "with its own report");

        assert!(store.delete_connect(org, &id).await.unwrap());
        assert!(!store.update_connect(&first, &second, &proof).await.unwrap(), "what is deleted comes not back");
        assert_eq!(store.connect(org, &id).await.unwrap(), None);
        store.insert_connect(&connect(org, ACCOUNT), &proof).await.unwrap();
        assert!(!store.update_connect(&first, &second, &proof).await.unwrap(), "it is another one");
    }

    #[tokio::test]
    async fn what_was_seen_of_another_bucket_is_forgotten() {
        let (store, _folder) = store().await;
        let org = store.create_org("Acme").await.unwrap().id;
        let old = connect(org, ACCOUNT);
        let id = old.candidate.id();
        store.insert_connect(&old, &report("2026-10-01T12:00:00Z")).await.unwrap();
        let seen = SeenManifest {
            key: "cur/daily/m.json".into(),
            version: "\"e\"".into(),
            delivery_id: DeliveryId::of("\"e\"", &[]),
            outcome: ManifestOutcome::Settled,
        };
        remember_manifest(&mut store.pool.acquire().await.unwrap(), (org, &id), &seen).await.unwrap();
        let mut same_place = moved(&old, old.candidate.bucket.as_ref());
        same_place.candidate.effective_from = None;
        let proof = report("2026-10-02T12:00:00Z");
        assert!(store.update_connect(&old, &same_place, &proof).await.unwrap());
        assert_eq!(store.seen_manifests(org, &id).await.unwrap(), [seen]);
        assert!(store.update_connect(&same_place, &moved(&same_place, "new-bills"), &proof).await.unwrap());
        assert_eq!(store.seen_manifests(org, &id).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_deleted_bill_connect_leaves_only_the_note_to_forget_it() {
        let (store, _folder) = store().await;
        let (acme, other) = (store.create_org("A").await.unwrap().id, store.create_org("B").await.unwrap().id);
        for org in [acme, other] {
            store.insert_connect(&connect(org, ACCOUNT), &report("2026-10-01T12:00:00Z")).await.unwrap();
        }
        let id = connect(acme, ACCOUNT).candidate.id();
        assert!(store.delete_connect(acme, &id).await.unwrap());
        assert!(!store.delete_connect(acme, &id).await.unwrap(), "it is gone already");
        assert_eq!(store.all_forgetting().await.unwrap(), [(acme, id.clone())]);
        assert!(store.is_forgetting(acme, &id).await.unwrap() && !store.is_forgetting(other, &id).await.unwrap());
        assert_eq!(store.connects(other).await.unwrap().len(), 1, "the other org's stays");
        store.forgotten(acme, &id).await.unwrap();
        assert_eq!(store.all_forgetting().await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_bill_connect_comes_back_as_it_went_in() {
        let (store, _folder) = store().await;
        let org = store.create_org("Acme").await.unwrap().id;
        let full = connect(org, ACCOUNT);
        let mut bare = connect(org, "210987654321");
        bare.candidate.effective_from = None;
        bare.candidate.report = None;
        bare.candidate.path = "".parse().unwrap();
        for connect in [&full, &bare] {
            store.insert_connect(connect, &report("2026-10-01T12:00:00Z")).await.unwrap();
            assert_eq!(store.connect(org, &connect.candidate.id()).await.unwrap().as_ref(), Some(connect));
        }
        assert_eq!(store.connects(org).await.unwrap(), [full, bare]);
    }

    #[tokio::test]
    async fn an_account_is_connected_once_an_org() {
        let (store, _folder) = store().await;
        let (acme, other) = (store.create_org("A").await.unwrap().id, store.create_org("B").await.unwrap().id);
        let (mine, theirs) = (connect(acme, ACCOUNT), connect(other, ACCOUNT));
        let first = report("2026-10-01T12:00:00Z");
        store.insert_connect(&mine, &first).await.unwrap();
        let again = store.insert_connect(&mine, &report("2026-10-02T12:00:00Z")).await.unwrap_err();
        assert_eq!(again.to_string(), "`aws-123456789012` is connected already");
        let id = mine.candidate.id();
        assert_eq!(
            store.newest_report(acme, &id).await.unwrap(),
            Some(first.clone()),
            "the refused report is not kept"
        );

        assert_eq!(store.connect(other, &id).await.unwrap(), None);
        assert_eq!(store.connects(other).await.unwrap(), []);
        store.insert_connect(&theirs, &first).await.unwrap();
        assert_eq!(store.connects(acme).await.unwrap(), [mine]);
        assert_eq!(store.connects_to_poll().await.unwrap().len(), 2);
    }
}
