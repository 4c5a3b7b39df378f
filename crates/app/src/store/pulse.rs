//! Whether the store can be written, and whether this process's jobs get on.

use time::OffsetDateTime;

use sqlx::Row;

use super::{Store, StoreError, micros, query};

impl Store {
    /// Writes the time, as a proof that it can.
    pub async fn beat(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        let upsert = query("INSERT INTO pulse (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at");
        upsert.bind(micros(now)).execute(&self.pool).await?;
        Ok(())
    }

    /// How many jobs this process runs whose leases have run out: whoever runs them has been silent.
    pub(crate) async fn overdue_jobs(&self, owner: &str) -> Result<usize, StoreError> {
        let select = query(
            "SELECT COUNT(*) AS overdue FROM jobs WHERE state = 'running' AND lease_owner = $1 AND lease_until < $2",
        );
        let row = select.bind(owner).bind(micros(OffsetDateTime::now_utc())).fetch_one(&self.pool).await?;
        Ok(usize::try_from(row.try_get::<i64, _>("overdue")?).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::store;
    use super::*;

    #[tokio::test]
    async fn a_store_that_takes_no_write_says_so() {
        let (store, _folder) = store().await;
        let now = OffsetDateTime::now_utc();
        store.beat(now).await.unwrap();
        store.beat(now).await.unwrap();
        assert_eq!(store.overdue_jobs("nobody").await.unwrap(), 0);
        store.close().await;
        assert!(store.beat(now).await.is_err());
    }
}
