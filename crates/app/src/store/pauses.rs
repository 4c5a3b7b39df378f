//! Bill connects that are stopped by hand.

use billing::names::{BillConnectId, OrgId};
use time::OffsetDateTime;

use super::{ReadRow, Store, StoreError, key, micros, query};

impl Store {
    /// Marks the org's bill connect as paused from now on; one that is paused already stays so since when it was. Answers
    /// whether anything changed.
    pub async fn pause(&self, org: OrgId, id: &BillConnectId) -> Result<bool, StoreError> {
        let update =
            query("UPDATE bill_connects SET paused_at = $1 WHERE org_id = $2 AND id = $3 AND paused_at IS NULL");
        let update = update.bind(micros(OffsetDateTime::now_utc())).bind(key(org)).bind(id.as_ref());
        Ok(update.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Takes the mark away. Answers whether there was one.
    pub async fn resume(&self, org: OrgId, id: &BillConnectId) -> Result<bool, StoreError> {
        let update =
            query("UPDATE bill_connects SET paused_at = NULL WHERE org_id = $1 AND id = $2 AND paused_at IS NOT NULL");
        Ok(update.bind(key(org)).bind(id.as_ref()).execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Since when the org's bill connect is paused, if it is.
    pub async fn paused_at(&self, org: OrgId, id: &BillConnectId) -> Result<Option<OffsetDateTime>, StoreError> {
        let select = query("SELECT paused_at FROM bill_connects WHERE org_id = $1 AND id = $2");
        let row = select.bind(key(org)).bind(id.as_ref()).fetch_optional(&self.pool).await?;
        Ok(row.map(|row| row.maybe_instant("paused_at")).transpose()?.flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::super::connects::tests::{connect, report};
    use super::super::tests::store;
    use super::*;

    #[tokio::test]
    async fn a_pause_lasts_until_it_is_resumed_and_is_one_orgs_own() {
        let (store, _folder) = store().await;
        let (acme, other) = (store.create_org("A").await.unwrap().id, store.create_org("B").await.unwrap().id);
        for org in [acme, other] {
            store.insert_connect(&connect(org, "123456789012"), &report("2026-10-01T12:00:00Z")).await.unwrap();
        }
        let id = connect(acme, "123456789012").candidate.id();
        assert!(store.pause(acme, &id).await.unwrap());
        let since = store.paused_at(acme, &id).await.unwrap().unwrap();
        assert!(!store.pause(acme, &id).await.unwrap(), "it is paused already");
        assert_eq!(store.paused_at(acme, &id).await.unwrap(), Some(since));
        assert_eq!(store.paused_at(other, &id).await.unwrap(), None);
        let polled: Vec<OrgId> =
            store.connects_to_poll().await.unwrap().iter().map(|connect| connect.candidate.org).collect();
        assert_eq!(polled, [other]);

        assert!(!store.resume(other, &id).await.unwrap());
        assert!(store.resume(acme, &id).await.unwrap());
        assert_eq!(store.paused_at(acme, &id).await.unwrap(), None);
        assert_eq!(store.connects_to_poll().await.unwrap().len(), 2);
    }
}
