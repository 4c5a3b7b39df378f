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

    /// The org with this id.
    pub async fn org(&self, id: OrgId) -> Result<Option<Org>, StoreError> {
        let select = query("SELECT id, name, created_at FROM orgs WHERE id = $1");
        select.bind(key(id)).fetch_optional(&self.pool).await?.map(|row| read(&row)).transpose()
    }

    /// All orgs, oldest first. For the operator alone.
    pub async fn orgs(&self) -> Result<Vec<Org>, StoreError> {
        let rows = query("SELECT id, name, created_at FROM orgs ORDER BY created_at, id").fetch_all(&self.pool).await?;
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
    use super::*;

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

    #[test]
    fn ids_have_nine_digits_and_no_order() {
        let ids: Vec<u64> = (0..64).map(|_| random_id().unwrap().number()).collect();
        assert!(ids.iter().all(|id| id.to_string().len() == 9), "{ids:?}");
        assert!(!ids.is_sorted(), "64 random ids in order: {ids:?}");
    }
}
