//! Tokens as the store keeps them: hashes, whose they are, and until when they hold.

use billing::names::OrgId;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use time::{Duration, OffsetDateTime};

use super::{ReadRow, Store, StoreError, key, micros, query};
use crate::audit::Who;
use crate::tokens::{Principal, Role};

/// How long a refresh token may lie unused before it no longer works.
const UNUSED: Duration = Duration::days(365);

/// The SHA-256 of a token: all that is kept of it.
pub(crate) type TokenHash = [u8; 32];

/// A refresh token's number, for listing and revoking it.
pub type TokenId = i64;

/// A refresh token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its number.
    pub id: TokenId,
    /// The org that it speaks for.
    pub org: OrgId,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it last gave an access token.
    pub last_used_at: Option<OffsetDateTime>,
    /// When it was revoked.
    pub revoked_at: Option<OffsetDateTime>,
}

/// What an access token came from, and dies with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Parent {
    RefreshToken(TokenId),
    ClientSecret(TokenId),
}

/// An access token as it is kept.
pub(crate) struct AccessToken {
    pub(crate) hash: TokenHash,
    pub(crate) expires_at: OffsetDateTime,
}

impl Store {
    /// Keeps a new refresh token of `org`.
    pub(crate) async fn insert_refresh_token(
        &self,
        org: OrgId,
        role: Role,
        hash: TokenHash,
    ) -> Result<TokenId, StoreError> {
        let insert =
            query("INSERT INTO refresh_tokens (org_id, hash, role, created_at) VALUES ($1, $2, $3, $4) RETURNING id");
        let insert =
            insert.bind(key(org)).bind(hash.to_vec()).bind(role.name()).bind(micros(OffsetDateTime::now_utc()));
        Ok(insert.fetch_one(&self.pool).await?.try_get("id")?)
    }

    /// Marks the refresh token with this hash as used at `now` and answers whose it is, unless it is revoked or lay
    /// unused for a year. Looks in all orgs: the token says which.
    pub(crate) async fn use_refresh_token(
        &self,
        hash: TokenHash,
        now: OffsetDateTime,
    ) -> Result<Option<RefreshToken>, StoreError> {
        let update = query(
            "UPDATE refresh_tokens SET last_used_at = $1
             WHERE hash = $2 AND revoked_at IS NULL AND COALESCE(last_used_at, created_at) > $3
               AND org_id IN (SELECT id FROM orgs WHERE deleted_at IS NULL)
             RETURNING id, org_id, role, created_at, last_used_at, revoked_at",
        );
        let update = update.bind(micros(now)).bind(hash.to_vec()).bind(micros(now - UNUSED));
        update.fetch_optional(&self.pool).await?.map(|row| read(&row)).transpose()
    }

    /// The org's refresh tokens, revoked ones too, oldest first.
    pub async fn refresh_tokens(&self, org: OrgId) -> Result<Vec<RefreshToken>, StoreError> {
        let select = query(
            "SELECT id, org_id, role, created_at, last_used_at, revoked_at FROM refresh_tokens WHERE org_id = $1 ORDER BY id",
        );
        select.bind(key(org)).fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// Revokes a refresh token, and with it every access token that came from it, at once.
    /// Answers whether the org had such a token that was not revoked yet.
    pub async fn revoke_refresh_token(&self, org: OrgId, id: TokenId) -> Result<bool, StoreError> {
        let update =
            query("UPDATE refresh_tokens SET revoked_at = $1 WHERE org_id = $2 AND id = $3 AND revoked_at IS NULL");
        let update = update.bind(micros(OffsetDateTime::now_utc())).bind(key(org)).bind(id);
        Ok(update.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Keeps an access token of `org` that came from `parent`, and forgets those that have expired by `now`.
    pub(crate) async fn insert_access_token(
        &self,
        (org, parent): (OrgId, Parent),
        token: AccessToken,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        query("DELETE FROM access_tokens WHERE expires_at <= $1").bind(micros(now)).execute(&self.pool).await?;
        let (refresh_token, secret) = match parent {
            Parent::RefreshToken(id) => (Some(id), None),
            Parent::ClientSecret(id) => (None, Some(id)),
        };
        let insert = query(
            "INSERT INTO access_tokens (hash, org_id, refresh_token_id, secret_id, expires_at) VALUES ($1, $2, $3, $4, $5)",
        );
        let insert = insert.bind(token.hash.to_vec()).bind(key(org)).bind(refresh_token).bind(secret);
        insert.bind(micros(token.expires_at)).execute(&self.pool).await?;
        Ok(())
    }

    /// Whom the access token with this hash speaks for at `now`: nobody, once its org, its refresh token, its secret or its
    /// service account is gone. Looks in all orgs: the token says which. The role is its parent's of now.
    pub(crate) async fn access_token(
        &self,
        hash: TokenHash,
        now: OffsetDateTime,
    ) -> Result<Option<Principal>, StoreError> {
        let select = query(
            "SELECT a.org_id, COALESCE(r.role, s.role) AS role, r.id AS refresh_token_id, s.id AS account_id
             FROM access_tokens a
             JOIN orgs o ON o.id = a.org_id AND o.deleted_at IS NULL
             LEFT JOIN refresh_tokens r ON r.id = a.refresh_token_id AND r.revoked_at IS NULL
             LEFT JOIN client_secrets c ON c.id = a.secret_id AND c.revoked_at IS NULL
             LEFT JOIN service_accounts s ON s.id = c.account_id AND s.disabled_at IS NULL AND s.deleted_at IS NULL
             WHERE a.hash = $1 AND a.expires_at > $2 AND (r.id IS NOT NULL OR s.id IS NOT NULL)",
        );
        let row = select.bind(hash.to_vec()).bind(micros(now)).fetch_optional(&self.pool).await?;
        let principal = |row: SqliteRow| {
            let who = match row.try_get::<Option<TokenId>, _>("refresh_token_id")? {
                Some(id) => Who::RefreshToken(id),
                None => Who::ServiceAccount(row.try_get("account_id")?),
            };
            Ok(Principal { org: row.org("org_id")?, role: row.text("role")?, who })
        };
        row.map(principal).transpose()
    }
}

fn read(row: &SqliteRow) -> Result<RefreshToken, StoreError> {
    Ok(RefreshToken {
        id: row.try_get("id")?,
        org: row.org("org_id")?,
        role: row.text("role")?,
        created_at: row.instant("created_at")?,
        last_used_at: row.maybe_instant("last_used_at")?,
        revoked_at: row.maybe_instant("revoked_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::store;
    use super::*;

    const HASH: TokenHash = [7; 32];

    #[tokio::test]
    async fn a_refresh_token_holds_until_a_year_unused() {
        let (store, _folder) = store().await;
        let org = store.create_org("Acme").await.unwrap().id;
        store.insert_refresh_token(org, Role::Viewer, HASH).await.unwrap();
        let first = OffsetDateTime::now_utc() + Duration::days(364);
        let used = store.use_refresh_token(HASH, first).await.unwrap().unwrap();
        assert_eq!((used.org, used.role, used.last_used_at.is_some()), (org, Role::Viewer, true));
        // Being used is what counts, not being made.
        assert!(store.use_refresh_token(HASH, first + Duration::days(364)).await.unwrap().is_some());
        assert!(store.use_refresh_token(HASH, first + Duration::days(364 + 366)).await.unwrap().is_none());
        assert!(store.use_refresh_token([8; 32], first).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn revoking_takes_the_access_tokens_with_it() {
        let (store, _folder) = store().await;
        let org = store.create_org("Acme").await.unwrap().id;
        let other = store.create_org("Other").await.unwrap().id;
        let now = OffsetDateTime::now_utc();
        let id = store.insert_refresh_token(org, Role::Admin, HASH).await.unwrap();
        let parent = (org, Parent::RefreshToken(store.use_refresh_token(HASH, now).await.unwrap().unwrap().id));
        let token = AccessToken { hash: [9; 32], expires_at: now + Duration::hours(1) };
        store.insert_access_token(parent, token, now).await.unwrap();
        let principal = Principal { org, role: Role::Admin, who: Who::RefreshToken(id) };
        assert_eq!(store.access_token([9; 32], now).await.unwrap(), Some(principal));

        assert!(!store.revoke_refresh_token(other, id).await.unwrap(), "another org's token");
        assert!(store.access_token([9; 32], now).await.unwrap().is_some());
        assert!(store.revoke_refresh_token(org, id).await.unwrap());
        assert!(!store.revoke_refresh_token(org, id).await.unwrap(), "only once");
        assert_eq!(store.access_token([9; 32], now).await.unwrap(), None);
        assert!(store.use_refresh_token(HASH, now).await.unwrap().is_none());
        assert!(store.refresh_tokens(org).await.unwrap()[0].revoked_at.is_some());
        assert_eq!(store.refresh_tokens(other).await.unwrap(), []);
    }

    #[tokio::test]
    async fn access_tokens_expire_and_are_forgotten() {
        let (store, _folder) = store().await;
        let org = store.create_org("Acme").await.unwrap().id;
        let now = OffsetDateTime::now_utc();
        store.insert_refresh_token(org, Role::Admin, HASH).await.unwrap();
        let parent = (org, Parent::RefreshToken(store.use_refresh_token(HASH, now).await.unwrap().unwrap().id));
        let later = now + Duration::hours(1);
        store.insert_access_token(parent, AccessToken { hash: [1; 32], expires_at: later }, now).await.unwrap();
        assert!(store.access_token([1; 32], later - Duration::seconds(1)).await.unwrap().is_some());
        assert!(store.access_token([1; 32], later).await.unwrap().is_none());
        let next = AccessToken { hash: [2; 32], expires_at: later + Duration::hours(1) };
        store.insert_access_token(parent, next, later).await.unwrap();
        // Even by the clock of the past it is gone: the row is.
        assert!(store.access_token([1; 32], now).await.unwrap().is_none());
    }
}
