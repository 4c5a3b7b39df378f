//! Orgs: made by the operator, each under an id that can't be guessed from another's.

use billing::names::OrgId;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use time::OffsetDateTime;

use super::{ReadRow, Store, StoreError, instant, key, micros, query};

/// A customer org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Org {
    /// Its id, and with it its external id.
    pub id: OrgId,
    /// Its name for people.
    pub name: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

impl Store {
    /// Makes an org under a random id of nine digits that no org ever had.
    pub async fn create_org(&self, name: &str) -> Result<Org, StoreError> {
        let created = micros(OffsetDateTime::now_utc());
        loop {
            let id = random_id()?;
            let insert =
                query("INSERT INTO orgs (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING");
            let made = insert.bind(key(id)).bind(name).bind(created).execute(&self.pool).await?;
            if made.rows_affected() == 1 {
                return Ok(Org { id, name: name.to_owned(), created_at: instant("created_at", created)? });
            }
        }
    }

    /// Makes an org under this id, which no org may have or have had.
    pub(crate) async fn create_org_as(&self, id: OrgId, name: &str) -> Result<Org, StoreError> {
        let created = micros(OffsetDateTime::now_utc());
        let insert = query("INSERT INTO orgs (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING");
        let made = insert.bind(key(id)).bind(name.to_owned()).bind(created).execute(&self.pool).await?;
        if made.rows_affected() == 0 {
            return Err(StoreError::OrgTaken(id));
        }
        Ok(Org { id, name: name.to_owned(), created_at: instant("created_at", created)? })
    }

    /// Deletes an org: its connections go, with what is known of them, and its tokens are dead; its own row stays, so that its
    /// id never comes back. Answers whether there was one.
    pub(crate) async fn delete_org(&self, id: OrgId) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let delete = query("UPDATE orgs SET deleted_at = $1 WHERE id = $2 AND deleted_at IS NULL");
        let delete = delete.bind(micros(OffsetDateTime::now_utc())).bind(key(id));
        if delete.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let tokens = query("DELETE FROM access_tokens WHERE org_id = $1").bind(key(id));
        tokens.execute(&mut *transaction).await?;
        query("DELETE FROM bill_connects WHERE org_id = $1").bind(key(id)).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Ids of the orgs that were deleted.
    pub(crate) async fn deleted_orgs(&self) -> Result<Vec<OrgId>, StoreError> {
        let rows = query("SELECT id FROM orgs WHERE deleted_at IS NOT NULL ORDER BY id").fetch_all(&self.pool).await?;
        rows.iter().map(|row| row.org("id")).collect()
    }

    /// Orgs with a higher id than `after`, in the order of their ids. For the operator alone.
    pub(crate) async fn orgs_after(&self, after: Option<OrgId>, limit: u32) -> Result<Vec<Org>, StoreError> {
        let select =
            query("SELECT id, name, created_at FROM orgs WHERE deleted_at IS NULL AND id > $1 ORDER BY id LIMIT $2");
        let select = select.bind(after.map_or(0, key)).bind(limit);
        select.fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// The org with this id, unless it was deleted.
    pub async fn org(&self, id: OrgId) -> Result<Option<Org>, StoreError> {
        let select = query("SELECT id, name, created_at FROM orgs WHERE id = $1 AND deleted_at IS NULL");
        select.bind(key(id)).fetch_optional(&self.pool).await?.map(|row| read(&row)).transpose()
    }

    /// All orgs, oldest first. For the operator alone.
    pub async fn orgs(&self) -> Result<Vec<Org>, StoreError> {
        let select = query("SELECT id, name, created_at FROM orgs WHERE deleted_at IS NULL ORDER BY created_at, id");
        let rows = select.fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &SqliteRow) -> Result<Org, StoreError> {
    Ok(Org { id: row.org("id")?, name: row.try_get("name")?, created_at: row.instant("created_at")? })
}

/// An id of nine digits, each as likely as any other.
fn random_id() -> Result<OrgId, StoreError> {
    const LOWEST: u32 = 100_000_000;
    const IDS: u32 = 900_000_000;
    // What lies above the last whole multiple would make low ids likelier: drawn again.
    const FAIR: u32 = u32::MAX - u32::MAX % IDS;
    loop {
        let drawn = getrandom::u32()?;
        if drawn < FAIR {
            return Ok(OrgId::try_from(u64::from(LOWEST + drawn % IDS)).expect("nine digits make an org id"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::store;
    use super::super::{AccessToken, Parent};
    use super::*;
    use crate::tokens::Role;

    #[tokio::test]
    async fn an_org_is_found_under_its_id_and_no_other() {
        let (store, _folder) = store().await;
        let acme = store.create_org("Acme").await.unwrap();
        let other = store.create_org("Acme").await.unwrap();
        assert_ne!(acme.id, other.id, "names may repeat, ids may not");
        assert_eq!(store.org(acme.id).await.unwrap(), Some(acme.clone()));
        assert_eq!(store.org(OrgId::try_from(999_999_999_999).unwrap()).await.unwrap(), None);
        assert_eq!(store.orgs().await.unwrap(), [acme, other]);
    }

    #[tokio::test]
    async fn a_deleted_org_is_gone_and_its_id_never_comes_back() {
        let (store, _folder) = store().await;
        let id = OrgId::try_from(123_456).unwrap();
        let made = store.create_org_as(id, "Acme").await.unwrap();
        let other = store.create_org("Other").await.unwrap();
        assert!(matches!(store.create_org_as(id, "Again").await, Err(StoreError::OrgTaken(taken)) if taken == id));
        let token = store.insert_refresh_token(id, Role::Admin, [1; 32]).await.unwrap();
        let now = OffsetDateTime::now_utc();
        assert_eq!(store.use_refresh_token([1; 32], now).await.unwrap().map(|token| token.id), Some(token));
        let access = AccessToken { hash: [2; 32], expires_at: now + time::Duration::HOUR };
        store.insert_access_token((id, Parent::RefreshToken(token)), access, now).await.unwrap();
        assert_eq!(store.orgs_after(None, 10).await.unwrap(), [made, other.clone()]);
        let others = [other.clone()];
        assert_eq!(store.orgs_after(Some(id), 10).await.unwrap(), others);

        assert!(store.delete_org(id).await.unwrap());
        assert!(!store.delete_org(id).await.unwrap(), "only once");
        assert_eq!(store.org(id).await.unwrap(), None);
        assert_eq!(store.orgs().await.unwrap(), others);
        assert_eq!(store.orgs_after(None, 10).await.unwrap(), [other]);
        assert_eq!(store.deleted_orgs().await.unwrap(), [id]);
        assert!(matches!(store.create_org_as(id, "Again").await, Err(StoreError::OrgTaken(_))));
        assert_eq!(store.access_token([2; 32], now).await.unwrap(), None);
        assert_eq!(store.use_refresh_token([1; 32], now).await.unwrap(), None);
    }

    #[test]
    fn ids_have_nine_digits_and_no_order() {
        let ids: Vec<u64> = (0..64).map(|_| random_id().unwrap().number()).collect();
        assert!(ids.iter().all(|id| id.to_string().len() == 9), "{ids:?}");
        assert!(!ids.is_sorted(), "64 random ids in order: {ids:?}");
    }
}
