//! The external ids that orgs were given, and what each connection's role was shown to make of them.

use billing::checks::Report;
use billing::connection::BillConnect;
use billing::external_ids::{ExternalIds, IdState, issued};
use billing::names::{BillConnectId, ExternalId, OrgId};
use billing::role::RoleArn;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use time::OffsetDateTime;

use super::reports::write_report;
use super::{ReadRow, Store, StoreError, key, micros, query};

/// An external id as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredId {
    /// The id.
    pub id: ExternalId,
    /// Where it is in its life.
    pub state: IdState,
    /// Since when it has been there.
    pub since: OffsetDateTime,
}

/// What a role makes of an external id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// It can be assumed with it.
    Works,
    /// AWS denies it, cleanly.
    Refused,
}

impl Shown {
    /// The word for it, in answers and in the schema's `CHECK`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Refused => "refused",
        }
    }
}

/// What the role of a connection was last shown to make of an external id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdProof {
    /// The connection.
    pub connect: BillConnectId,
    /// The id, as text: it may have been retired since.
    pub external_id: String,
    /// What was shown.
    pub shown: Shown,
    /// When.
    pub at: OffsetDateTime,
}

impl Store {
    /// The org's external ids that are alive.
    pub async fn external_ids(&self, org: OrgId) -> Result<ExternalIds, StoreError> {
        let mut connection = self.pool.acquire().await?;
        alive(&mut connection, org).await
    }

    /// Every external id that the org was given, oldest first; only its number, as long as it was never given another.
    pub async fn external_ids_given(&self, org: OrgId) -> Result<Vec<StoredId>, StoreError> {
        let select = query("SELECT * FROM external_ids WHERE org_id = $1 ORDER BY created_at, id").bind(key(org));
        let rows = select.fetch_all(&self.pool).await?;
        if !rows.is_empty() {
            return rows.iter().map(|row| read(org, row)).collect();
        }
        let made = self.org(org).await?.map(|org| org.created_at);
        let first = |since| StoredId { id: org.external_id(), state: IdState::Current, since };
        Ok(made.map(first).into_iter().collect())
    }

    /// Gives the org a second external id, which must be new. Answers whether it was given: not where one is pending already.
    pub async fn give_external_id(&self, org: OrgId, new: &ExternalId) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let ids = alive(&mut transaction, org).await?;
        if ids.pending().is_some() {
            return Ok(false);
        }
        let now = micros(OffsetDateTime::now_utc());
        // The first id is the org's number, known without a row until there is a second.
        let first = query(
            "INSERT INTO external_ids (id, org_id, state, created_at, changed_at)
             SELECT $1, id, 'current', created_at, created_at FROM orgs
             WHERE id = $2 AND NOT EXISTS (SELECT 1 FROM external_ids WHERE org_id = $2)",
        );
        first.bind(ids.current().as_ref()).bind(key(org)).execute(&mut *transaction).await?;
        let insert = query(
            "INSERT INTO external_ids (id, org_id, state, created_at, changed_at) VALUES ($1, $2, 'pending', $3, $3)",
        );
        insert.bind(new.as_ref()).bind(key(org)).bind(now).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Retires the org's pending external id, unless a connection uses it. Answers whether it was retired.
    pub async fn give_up_external_id(&self, org: OrgId, pending: &ExternalId) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE external_ids SET state = 'retired', changed_at = $1
             WHERE org_id = $2 AND id = $3 AND state = 'pending'
               AND NOT EXISTS (SELECT 1 FROM bill_connects WHERE org_id = $2 AND external_id = $3)",
        );
        let update = update.bind(micros(OffsetDateTime::now_utc())).bind(key(org)).bind(pending.as_ref());
        Ok(update.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Retires the org's current external id for the pending one, where every connection with a role uses the pending one and
    /// its role was shown to refuse the current one, and there is such a connection. Answers whether that was so.
    pub async fn finish_rotation(&self, org: OrgId) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let ids = alive(&mut transaction, org).await?;
        let Some(pending) = ids.pending() else { return Ok(false) };
        let count = query(
            "SELECT COUNT(*) AS roles, COALESCE(SUM(external_id = $2 AND EXISTS (
                        SELECT 1 FROM external_id_proofs AS proof
                        WHERE proof.org_id = bill_connects.org_id AND proof.connect_id = bill_connects.id
                          AND proof.role_arn = bill_connects.role_arn
                          AND proof.external_id = $3 AND proof.shown = 'refused')), 0) AS done
             FROM bill_connects WHERE org_id = $1 AND role_arn IS NOT NULL",
        );
        let count = count.bind(key(org)).bind(pending.as_ref()).bind(ids.current().as_ref());
        let row = count.fetch_one(&mut *transaction).await?;
        let (roles, done): (i64, i64) = (row.try_get("roles")?, row.try_get("done")?);
        if roles == 0 || done < roles {
            return Ok(false);
        }
        let now = micros(OffsetDateTime::now_utc());
        for (id, state) in [(ids.current(), IdState::Retired), (pending, IdState::Current)] {
            let update = query("UPDATE external_ids SET state = $1, changed_at = $2 WHERE org_id = $3 AND id = $4");
            let update = update.bind(state.name()).bind(now).bind(key(org)).bind(id.as_ref());
            update.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Has a connection present another external id of its org, together with the report that it was proven by. Answers whether
    /// it does: not where the connection is no longer what `old` says.
    pub async fn switch_external_id(
        &self,
        old: &BillConnect,
        new: &ExternalId,
        report: &Report,
    ) -> Result<bool, StoreError> {
        let (org, connect) = (old.candidate.org, old.candidate.id());
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        // Never the time that it has already: that is how two changes at once find out about each other.
        let update = query(
            "UPDATE bill_connects SET external_id = $1, updated_at = MAX($2, updated_at + 1)
             WHERE org_id = $3 AND id = $4 AND created_at = $5 AND updated_at = $6",
        );
        let update = update.bind(new.as_ref()).bind(micros(OffsetDateTime::now_utc())).bind(key(org));
        let update = update.bind(connect.as_ref()).bind(micros(old.created_at)).bind(micros(old.updated_at));
        if update.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(false);
        }
        write_report(&mut transaction, (org, &connect), report).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Keeps what the role of the org's connection was shown to make of an external id, in place of what it was before.
    pub async fn show_external_id(
        &self,
        (org, connect): (OrgId, &BillConnectId),
        (role, id): (&RoleArn, &ExternalId),
        shown: Shown,
    ) -> Result<(), StoreError> {
        let upsert = query(
            "INSERT INTO external_id_proofs (org_id, connect_id, external_id, role_arn, shown, shown_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (org_id, connect_id, external_id) DO UPDATE
             SET role_arn = excluded.role_arn, shown = excluded.shown, shown_at = excluded.shown_at",
        );
        let upsert = upsert.bind(key(org)).bind(connect.as_ref()).bind(id.as_ref()).bind(role.as_ref());
        upsert.bind(shown.name()).bind(micros(OffsetDateTime::now_utc())).execute(&self.pool).await?;
        Ok(())
    }

    /// What the roles that the org's connections have now were shown to make of its external ids.
    pub async fn external_id_proofs(&self, org: OrgId) -> Result<Vec<IdProof>, StoreError> {
        let select = query(
            "SELECT proof.* FROM external_id_proofs AS proof
             JOIN bill_connects AS held ON held.org_id = proof.org_id AND held.id = proof.connect_id
                                       AND held.role_arn = proof.role_arn
             WHERE proof.org_id = $1 ORDER BY proof.connect_id, proof.external_id",
        );
        let rows = select.bind(key(org)).fetch_all(&self.pool).await?;
        let read = |row: &SqliteRow| {
            let shown: String = row.try_get("shown")?;
            Ok(IdProof {
                connect: row.text("connect_id")?,
                external_id: row.try_get("external_id")?,
                shown: if shown == Shown::Works.name() { Shown::Works } else { Shown::Refused },
                at: row.instant("shown_at")?,
            })
        };
        rows.iter().map(read).collect()
    }
}

/// The external id that a bill connect's row presents: one of this org's.
pub(super) fn presented(org: OrgId, row: &SqliteRow) -> Result<ExternalId, StoreError> {
    let text: Option<&str> = row.try_get("external_id")?;
    let id = text.map_or_else(|| Ok(org.external_id()), |text| issued(org, text));
    id.map_err(|error| StoreError::Unreadable { column: "external_id", why: error.to_string() })
}

async fn alive(connection: &mut SqliteConnection, org: OrgId) -> Result<ExternalIds, StoreError> {
    let rows =
        query("SELECT id, state FROM external_ids WHERE org_id = $1").bind(key(org)).fetch_all(connection).await?;
    let stored = rows.iter().map(|row| Ok((row.try_get("id")?, row.text("state")?)));
    let stored = stored.collect::<Result<Vec<(String, IdState)>, StoreError>>()?;
    ExternalIds::of(org, &stored).map_err(|error| StoreError::Unreadable { column: "id", why: error.to_string() })
}

fn read(org: OrgId, row: &SqliteRow) -> Result<StoredId, StoreError> {
    let text: String = row.try_get("id")?;
    let id = issued(org, &text).map_err(|error| StoreError::Unreadable { column: "id", why: error.to_string() })?;
    Ok(StoredId { id, state: row.text("state")?, since: row.instant("changed_at")? })
}

#[cfg(test)]
mod tests {
    use billing::external_ids::new_id;

    use super::super::connects::tests::{connect, report};
    use super::super::tests::store;
    use super::*;

    const ACCOUNT: &str = "123456789012";

    fn fresh(org: OrgId, seed: u8) -> ExternalId {
        new_id(org, &[seed; 32]).unwrap()
    }

    async fn connected(store: &Store) -> (OrgId, BillConnectId) {
        let org = store.create_org("Acme").await.unwrap().id;
        let connect = connect(org, ACCOUNT);
        store.insert_connect(&connect, &report("2026-10-01T12:00:00Z")).await.unwrap();
        (org, connect.candidate.id())
    }

    /// Has the connection use this id, as a switch does.
    async fn use_id(store: &Store, org: OrgId, id: &ExternalId) {
        let update = query("UPDATE bill_connects SET external_id = $1 WHERE org_id = $2");
        update.bind(id.as_ref()).bind(key(org)).execute(&store.pool).await.unwrap();
    }

    async fn states(store: &Store, org: OrgId) -> Vec<(String, IdState)> {
        let given = store.external_ids_given(org).await.unwrap();
        given.into_iter().map(|given| (given.id.to_string(), given.state)).collect()
    }

    #[tokio::test]
    async fn an_org_has_at_most_two_ids_alive() {
        let (store, _folder) = store().await;
        let org = store.create_org("Acme").await.unwrap().id;
        assert_eq!(states(&store, org).await, [(org.to_string(), IdState::Current)]);
        assert!(store.give_external_id(org, &fresh(org, 1)).await.unwrap());
        assert!(!store.give_external_id(org, &fresh(org, 2)).await.unwrap());
        let ids = store.external_ids(org).await.unwrap();
        assert_eq!((ids.current(), ids.pending()), (&org.external_id(), Some(&fresh(org, 1))));
        assert!(store.give_up_external_id(org, &fresh(org, 1)).await.unwrap());
        assert!(!store.give_up_external_id(org, &org.external_id()).await.unwrap(), "the current one stays");
        assert!(store.give_external_id(org, &fresh(org, 1)).await.is_err(), "a retired id never comes back");
        assert!(store.give_external_id(org, &fresh(org, 2)).await.unwrap());
    }

    #[tokio::test]
    async fn a_rotation_ends_when_every_role_refuses_the_old_id() {
        let (store, _folder) = store().await;
        let (org, id) = connected(&store).await;
        let role = connect(org, ACCOUNT).candidate.role().unwrap().arn.clone();
        let (old, new) = (org.external_id(), fresh(org, 1));
        assert!(!store.finish_rotation(org).await.unwrap(), "there is none");
        store.give_external_id(org, &new).await.unwrap();
        store.show_external_id((org, &id), (&role, &old), Shown::Refused).await.unwrap();
        assert!(!store.finish_rotation(org).await.unwrap(), "the connection does not use the new one");
        use_id(&store, org, &new).await;
        store.show_external_id((org, &id), (&role, &old), Shown::Works).await.unwrap();
        assert!(!store.finish_rotation(org).await.unwrap(), "the old one still works");
        let another = "arn:aws:iam::123456789012:role/another".parse().unwrap();
        store.show_external_id((org, &id), (&another, &old), Shown::Refused).await.unwrap();
        assert!(!store.finish_rotation(org).await.unwrap(), "that was another role");
        assert_eq!(store.external_id_proofs(org).await.unwrap(), []);
        assert!(!store.give_up_external_id(org, &new).await.unwrap(), "it is in use");
        store.show_external_id((org, &id), (&role, &old), Shown::Refused).await.unwrap();
        assert!(store.finish_rotation(org).await.unwrap());
        assert_eq!(
            states(&store, org).await,
            [(old.to_string(), IdState::Retired), (new.to_string(), IdState::Current)]
        );
        assert_eq!(store.external_ids(org).await.unwrap().accept(old.as_ref()), None);
    }

    #[tokio::test]
    async fn an_org_without_roles_shows_nothing() {
        let (store, _folder) = store().await;
        let org = store.create_org("Acme").await.unwrap().id;
        store.give_external_id(org, &fresh(org, 1)).await.unwrap();
        assert!(!store.finish_rotation(org).await.unwrap());
    }

    #[tokio::test]
    async fn another_orgs_ids_are_not_read() {
        let (store, _folder) = store().await;
        let (org, other) = (store.create_org("A").await.unwrap().id, store.create_org("B").await.unwrap().id);
        store.give_external_id(org, &fresh(org, 1)).await.unwrap();
        assert_eq!(states(&store, other).await, [(other.to_string(), IdState::Current)]);
        assert!(!store.give_up_external_id(other, &fresh(org, 1)).await.unwrap());
        assert!(store.external_ids(other).await.unwrap().accept(fresh(org, 1).as_ref()).is_none());
        // Not even a row that was tampered with gives one org's id to another.
        let moved = query("UPDATE external_ids SET org_id = $1 WHERE state = 'pending'").bind(key(other));
        moved.execute(&store.pool).await.unwrap();
        assert!(store.external_ids(other).await.is_err());
    }
}
