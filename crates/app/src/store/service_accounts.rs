//! Service accounts and their secrets as the store keeps them.

use billing::names::OrgId;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use time::OffsetDateTime;

use super::{ReadRow, Store, StoreError, TokenHash, TokenId, key, micros, query};
use crate::tokens::Role;

/// How many secrets an account may have at once: the old one and its successor.
const SECRETS: i64 = 2;

/// An account for a program of the org's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its client id, which is no secret.
    pub id: String,
    /// The org that it speaks for.
    pub org: OrgId,
    /// What it is for, in somebody's words.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it last got an access token.
    pub last_used_at: Option<OffsetDateTime>,
    /// Since when it is disabled.
    pub disabled_at: Option<OffsetDateTime>,
    /// Its secrets that are not revoked, oldest first.
    pub secrets: Vec<ClientSecret>,
}

/// A secret as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSecret {
    /// Its number.
    pub id: TokenId,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was last used.
    pub last_used_at: Option<OffsetDateTime>,
}

/// A service account that is about to be made.
pub(crate) struct NewServiceAccount<'a> {
    pub(crate) id: &'a str,
    pub(crate) org: OrgId,
    pub(crate) name: &'a str,
    pub(crate) role: Role,
}

/// What is to become of an account; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct ServiceAccountChange {
    /// Its name.
    pub name: Option<String>,
    /// Its role.
    pub role: Option<Role>,
    /// Whether it is disabled.
    pub disabled: Option<bool>,
}

impl Store {
    /// Keeps a new service account.
    pub(crate) async fn insert_service_account(&self, new: NewServiceAccount<'_>) -> Result<(), StoreError> {
        let insert =
            query("INSERT INTO service_accounts (id, org_id, name, role, created_at) VALUES ($1, $2, $3, $4, $5)");
        let insert = insert.bind(new.id.to_owned()).bind(key(new.org)).bind(new.name.to_owned()).bind(new.role.name());
        insert.bind(micros(OffsetDateTime::now_utc())).execute(&self.pool).await?;
        Ok(())
    }

    /// The org's service accounts, oldest first.
    pub(crate) async fn service_accounts(&self, org: OrgId) -> Result<Vec<ServiceAccount>, StoreError> {
        let select =
            query("SELECT * FROM service_accounts WHERE org_id = $1 AND deleted_at IS NULL ORDER BY created_at, id");
        let mut accounts = Vec::new();
        for row in select.bind(key(org)).fetch_all(&self.pool).await? {
            accounts.push(self.with_secrets(&row).await?);
        }
        Ok(accounts)
    }

    /// The org's service account with this client id.
    pub(crate) async fn service_account(&self, org: OrgId, id: &str) -> Result<Option<ServiceAccount>, StoreError> {
        let select = query("SELECT * FROM service_accounts WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL");
        let row = select.bind(key(org)).bind(id.to_owned()).fetch_optional(&self.pool).await?;
        match row {
            Some(row) => Ok(Some(self.with_secrets(&row).await?)),
            None => Ok(None),
        }
    }

    async fn with_secrets(&self, row: &SqliteRow) -> Result<ServiceAccount, StoreError> {
        let id: String = row.try_get("id")?;
        let select = query(
            "SELECT id, created_at, last_used_at FROM client_secrets WHERE account_id = $1 AND revoked_at IS NULL ORDER BY id",
        );
        let secrets = select.bind(id.clone()).fetch_all(&self.pool).await?;
        let secret = |row: &SqliteRow| {
            let (created_at, last_used_at) = (row.instant("created_at")?, row.maybe_instant("last_used_at")?);
            Ok(ClientSecret { id: row.try_get("id")?, created_at, last_used_at })
        };
        Ok(ServiceAccount {
            id,
            org: row.org("org_id")?,
            name: row.try_get("name")?,
            role: row.text("role")?,
            created_at: row.instant("created_at")?,
            last_used_at: row.maybe_instant("last_used_at")?,
            disabled_at: row.maybe_instant("disabled_at")?,
            secrets: secrets.iter().map(secret).collect::<Result<_, StoreError>>()?,
        })
    }

    /// Changes a service account; what its tokens may do changes at once. Answers whether the org has it.
    pub(crate) async fn change_service_account(
        &self,
        org: OrgId,
        id: &str,
        change: &ServiceAccountChange,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE service_accounts SET name = COALESCE($1, name), role = COALESCE($2, role),
                    disabled_at = CASE $3 WHEN 1 THEN COALESCE(disabled_at, $4) WHEN 0 THEN NULL ELSE disabled_at END
             WHERE org_id = $5 AND id = $6 AND deleted_at IS NULL",
        );
        let update = update.bind(change.name.clone()).bind(change.role.map(Role::name)).bind(change.disabled);
        let update = update.bind(micros(OffsetDateTime::now_utc())).bind(key(org)).bind(id.to_owned());
        Ok(update.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Deletes a service account, and with it its secrets and its tokens, at once. Answers whether the org had it.
    pub(crate) async fn delete_service_account(&self, org: OrgId, id: &str) -> Result<bool, StoreError> {
        let update =
            query("UPDATE service_accounts SET deleted_at = $1 WHERE org_id = $2 AND id = $3 AND deleted_at IS NULL");
        let update = update.bind(micros(OffsetDateTime::now_utc())).bind(key(org)).bind(id.to_owned());
        Ok(update.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Keeps another secret of an account of the org; `None` where it has as many as it may have.
    pub(crate) async fn insert_client_secret(
        &self,
        org: OrgId,
        account: &str,
        hash: TokenHash,
    ) -> Result<Option<TokenId>, StoreError> {
        let insert = query(
            "INSERT INTO client_secrets (account_id, hash, created_at)
             SELECT id, $1, $2 FROM service_accounts s WHERE s.org_id = $3 AND s.id = $4 AND s.deleted_at IS NULL
                AND (SELECT COUNT(*) FROM client_secrets WHERE account_id = s.id AND revoked_at IS NULL) < $5
             RETURNING id",
        );
        let insert = insert.bind(hash.to_vec()).bind(micros(OffsetDateTime::now_utc())).bind(key(org));
        let row = insert.bind(account.to_owned()).bind(SECRETS).fetch_optional(&self.pool).await?;
        Ok(row.map(|row| row.try_get("id")).transpose()?)
    }

    /// Revokes a secret of an account of the org, and every access token that came from it, at once. Answers whether there was
    /// one that was not revoked yet.
    pub(crate) async fn revoke_client_secret(
        &self,
        org: OrgId,
        account: &str,
        secret: TokenId,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE client_secrets SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL
               AND account_id IN (SELECT id FROM service_accounts WHERE org_id = $3 AND id = $4 AND deleted_at IS NULL)",
        );
        let update = update.bind(micros(OffsetDateTime::now_utc())).bind(secret).bind(key(org));
        Ok(update.bind(account.to_owned()).execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Marks the secret with this hash as used at `now` and answers whose it is, if it is `account`'s and both are alive.
    /// Looks in all orgs: the account says which.
    pub(crate) async fn use_client_secret(
        &self,
        account: &str,
        hash: TokenHash,
        now: OffsetDateTime,
    ) -> Result<Option<(OrgId, TokenId)>, StoreError> {
        let select = query(
            "SELECT s.org_id, c.id FROM client_secrets c
             JOIN service_accounts s ON s.id = c.account_id AND s.disabled_at IS NULL AND s.deleted_at IS NULL
             JOIN orgs o ON o.id = s.org_id AND o.deleted_at IS NULL
             WHERE c.hash = $1 AND c.account_id = $2 AND c.revoked_at IS NULL",
        );
        let row = select.bind(hash.to_vec()).bind(account.to_owned()).fetch_optional(&self.pool).await?;
        let Some(row) = row else { return Ok(None) };
        let (org, secret) = (row.org("org_id")?, row.try_get::<TokenId, _>("id")?);
        let mut transaction = self.pool.begin().await?;
        let used = query("UPDATE client_secrets SET last_used_at = $1 WHERE id = $2").bind(micros(now)).bind(secret);
        used.execute(&mut *transaction).await?;
        let used = query("UPDATE service_accounts SET last_used_at = $1 WHERE org_id = $2 AND id = $3");
        used.bind(micros(now)).bind(key(org)).bind(account.to_owned()).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(Some((org, secret)))
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::super::tests::store;
    use super::super::{AccessToken, Parent};
    use super::*;
    use crate::audit::Who;
    use crate::tokens::Principal;

    const ID: &str = "bcc_test";
    const HASH: TokenHash = [7; 32];
    const ACCESS: TokenHash = [9; 32];

    /// A store with an org that has a service account, one secret of it, and an access token from that.
    async fn account() -> (Store, tempfile::TempDir, OrgId, TokenId) {
        let (store, folder) = store().await;
        let org = store.create_org("Acme").await.unwrap().id;
        let new = NewServiceAccount { id: ID, org, name: "ci", role: Role::Admin };
        store.insert_service_account(new).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let secret = store.insert_client_secret(org, ID, HASH).await.unwrap().unwrap();
        assert_eq!(store.use_client_secret(ID, HASH, now).await.unwrap(), Some((org, secret)));
        let token = AccessToken { hash: ACCESS, expires_at: now + Duration::HOUR };
        store.insert_access_token((org, Parent::ClientSecret(secret)), token, now).await.unwrap();
        (store, folder, org, secret)
    }

    async fn speaks(store: &Store) -> Option<Role> {
        let found = store.access_token(ACCESS, OffsetDateTime::now_utc()).await.unwrap();
        found.map(|principal: Principal| {
            assert_eq!(principal.who, Who::ServiceAccount(ID.to_owned()));
            principal.role
        })
    }

    #[tokio::test]
    async fn a_change_holds_for_tokens_that_are_out() {
        let (store, _folder, org, _) = account().await;
        assert_eq!(speaks(&store).await, Some(Role::Admin));
        let change = |role, disabled| ServiceAccountChange { name: None, role, disabled };
        assert!(store.change_service_account(org, ID, &change(Some(Role::Viewer), None)).await.unwrap());
        assert_eq!(speaks(&store).await, Some(Role::Viewer));
        assert!(store.change_service_account(org, ID, &change(None, Some(true))).await.unwrap());
        assert_eq!(speaks(&store).await, None);
        assert_eq!(store.use_client_secret(ID, HASH, OffsetDateTime::now_utc()).await.unwrap(), None);
        assert!(store.change_service_account(org, ID, &change(None, Some(false))).await.unwrap());
        assert_eq!(speaks(&store).await, Some(Role::Viewer));
        let account = store.service_account(org, ID).await.unwrap().unwrap();
        assert_eq!((account.name.as_str(), account.disabled_at, account.last_used_at.is_some()), ("ci", None, true));
        assert!(store.delete_service_account(org, ID).await.unwrap());
        assert_eq!(speaks(&store).await, None);
        assert_eq!(store.service_accounts(org).await.unwrap(), []);
        assert_eq!(store.use_client_secret(ID, HASH, OffsetDateTime::now_utc()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn two_secrets_are_alive_at_most_and_each_is_revoked_alone() {
        let (store, _folder, org, first) = account().await;
        let second = store.insert_client_secret(org, ID, [8; 32]).await.unwrap().unwrap();
        assert_eq!(store.insert_client_secret(org, ID, [6; 32]).await.unwrap(), None);
        assert!(store.revoke_client_secret(org, ID, first).await.unwrap());
        assert!(!store.revoke_client_secret(org, ID, first).await.unwrap(), "only once");
        assert_eq!(speaks(&store).await, None, "its tokens died with it");
        let now = OffsetDateTime::now_utc();
        assert_eq!(store.use_client_secret(ID, HASH, now).await.unwrap(), None);
        assert_eq!(store.use_client_secret(ID, [8; 32], now).await.unwrap(), Some((org, second)));
        assert_eq!(store.use_client_secret("bcc_other", [8; 32], now).await.unwrap(), None, "another account's id");
        assert!(store.insert_client_secret(org, ID, [6; 32]).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn another_org_reaches_none_of_it() {
        let (store, _folder, _, secret) = account().await;
        let other = store.create_org("Other").await.unwrap().id;
        assert_eq!(store.service_account(other, ID).await.unwrap(), None);
        assert!(!store.change_service_account(other, ID, &ServiceAccountChange::default()).await.unwrap());
        assert!(!store.delete_service_account(other, ID).await.unwrap());
        assert!(!store.revoke_client_secret(other, ID, secret).await.unwrap());
        assert_eq!(store.insert_client_secret(other, ID, [5; 32]).await.unwrap(), None);
        assert_eq!(speaks(&store).await, Some(Role::Admin));
    }
}
