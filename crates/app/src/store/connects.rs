//! Bill connects.

use billing::checks::Report;
use billing::connection::{Access, BillConnect, Candidate, RoleAccess};
use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::reports::write_report;
use super::{ReadRow, Store, StoreError, key, micros, query};

impl Store {
    /// Keeps a new bill connect together with the report that proves it, both or neither.
    ///
    /// Answers [`StoreError::Conflict`] where the org has connected that account already.
    pub async fn insert_connect(&self, connect: &BillConnect, report: &Report) -> Result<(), StoreError> {
        let (asked, id) = (&connect.candidate, connect.candidate.id());
        let role = asked.role().ok_or(StoreError::NotStorable)?;
        let mut transaction = self.pool.begin().await?;
        let insert = query(
            "INSERT INTO bill_connects (org_id, id, account, bucket, path, role_arn, session_name, effective_from,
                                        region, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT (org_id, id) DO NOTHING",
        );
        let made = insert
            .bind(key(asked.org))
            .bind(id.as_ref())
            .bind(asked.account.as_ref())
            .bind(asked.bucket.as_ref())
            .bind(asked.path.as_ref())
            .bind(role.arn.as_ref())
            .bind(role.session_name.as_ref())
            .bind(asked.effective_from.map(|period| period.to_string()))
            .bind(connect.region.as_ref())
            .bind(micros(connect.created_at))
            .bind(micros(connect.updated_at))
            .execute(&mut *transaction)
            .await?;
        if made.rows_affected() == 0 {
            return Err(StoreError::Conflict(id));
        }
        write_report(&mut transaction, (asked.org, &id), report).await?;
        Ok(transaction.commit().await?)
    }

    /// The org's bill connects, oldest first.
    pub async fn connects(&self, org: OrgId) -> Result<Vec<BillConnect>, StoreError> {
        let select = query("SELECT * FROM bill_connects WHERE org_id = $1 ORDER BY created_at, id").bind(key(org));
        select.fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// The org's bill connect with this id.
    pub async fn connect(&self, org: OrgId, id: &BillConnectId) -> Result<Option<BillConnect>, StoreError> {
        let select =
            query("SELECT * FROM bill_connects WHERE org_id = $1 AND id = $2").bind(key(org)).bind(id.as_ref());
        select.fetch_optional(&self.pool).await?.as_ref().map(read).transpose()
    }

    /// Every org's bill connects that are not paused, for polling: each carries its org and is worked on under that org alone.
    pub async fn connects_to_poll(&self) -> Result<Vec<BillConnect>, StoreError> {
        let select = query("SELECT * FROM bill_connects WHERE paused_at IS NULL ORDER BY org_id, id");
        let rows = select.fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &SqliteRow) -> Result<BillConnect, StoreError> {
    let effective_from: Option<String> = row.try_get("effective_from")?;
    let org = row.org("org_id")?;
    let access = Access::Role(RoleAccess {
        arn: row.text("role_arn")?,
        session_name: row.text("session_name")?,
        external_id: org.external_id(),
    });
    let candidate = Candidate {
        org,
        account: row.text("account")?,
        bucket: row.text("bucket")?,
        path: row.text("path")?,
        access,
        effective_from: effective_from.map(|_| row.text::<BillingPeriod>("effective_from")).transpose()?,
    };
    Ok(BillConnect {
        candidate,
        region: row.text("region")?,
        created_at: row.instant("created_at")?,
        updated_at: row.instant("updated_at")?,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use time::macros::datetime;

    use super::super::tests::store;
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

    #[tokio::test]
    async fn a_bill_connect_comes_back_as_it_went_in() {
        let (store, _folder) = store().await;
        let org = store.create_org("Acme").await.unwrap().id;
        let full = connect(org, ACCOUNT);
        let mut bare = connect(org, "210987654321");
        bare.candidate.effective_from = None;
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
