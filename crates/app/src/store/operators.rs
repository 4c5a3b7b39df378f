//! Operator tokens as the store keeps them. None of this belongs to an org.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use time::{Duration, OffsetDateTime};

use super::{ReadRow, Store, StoreError, TokenHash, TokenId, micros, query};

/// How exactly the last use is kept: writing it at every request would make every read a write.
const USE_EVERY: Duration = Duration::MINUTE;

/// An operator token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorToken {
    /// Its number.
    pub id: TokenId,
    /// What it is for, in the operator's words.
    pub name: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Until when it holds.
    pub expires_at: OffsetDateTime,
    /// When it was last used, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
    /// When it was revoked.
    pub revoked_at: Option<OffsetDateTime>,
}

impl Store {
    /// Keeps a new operator token; answers its number.
    pub(crate) async fn insert_operator_token(
        &self,
        name: &str,
        hash: TokenHash,
        (now, expires_at): (OffsetDateTime, OffsetDateTime),
    ) -> Result<TokenId, StoreError> {
        let insert = query(
            "INSERT INTO operator_tokens (name, hash, created_at, expires_at) VALUES ($1, $2, $3, $4) RETURNING id",
        );
        let insert = insert.bind(name.to_owned()).bind(hash.to_vec()).bind(micros(now)).bind(micros(expires_at));
        Ok(insert.fetch_one(&self.pool).await?.try_get("id")?)
    }

    /// The number of the operator token with this hash, if it holds at `now`.
    pub(crate) async fn use_operator_token(
        &self,
        hash: TokenHash,
        now: OffsetDateTime,
    ) -> Result<Option<TokenId>, StoreError> {
        let select = query("SELECT id FROM operator_tokens WHERE hash = $1 AND revoked_at IS NULL AND expires_at > $2");
        let row = select.bind(hash.to_vec()).bind(micros(now)).fetch_optional(&self.pool).await?;
        let Some(id) = row.map(|row| row.try_get::<TokenId, _>("id")).transpose()? else { return Ok(None) };
        let used =
            query("UPDATE operator_tokens SET last_used_at = $1 WHERE id = $2 AND COALESCE(last_used_at, 0) < $3");
        used.bind(micros(now)).bind(id).bind(micros(now - USE_EVERY)).execute(&self.pool).await?;
        Ok(Some(id))
    }

    /// Every operator token, revoked ones too, oldest first.
    pub(crate) async fn operator_tokens(&self) -> Result<Vec<OperatorToken>, StoreError> {
        query("SELECT * FROM operator_tokens ORDER BY id").fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// Revokes an operator token. Answers whether there was one that was not revoked yet.
    pub(crate) async fn revoke_operator_token(&self, id: TokenId) -> Result<bool, StoreError> {
        let update = query("UPDATE operator_tokens SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL");
        let update = update.bind(micros(OffsetDateTime::now_utc())).bind(id);
        Ok(update.execute(&self.pool).await?.rows_affected() == 1)
    }
}

fn read(row: &SqliteRow) -> Result<OperatorToken, StoreError> {
    Ok(OperatorToken {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        created_at: row.instant("created_at")?,
        expires_at: row.instant("expires_at")?,
        last_used_at: row.maybe_instant("last_used_at")?,
        revoked_at: row.maybe_instant("revoked_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::store;
    use super::*;

    #[tokio::test]
    async fn an_operator_token_holds_until_it_expires_or_is_revoked() {
        let (store, _folder) = store().await;
        let now = OffsetDateTime::now_utc();
        let until = now + Duration::days(1);
        let id = store.insert_operator_token("ci", [1; 32], (now, until)).await.unwrap();
        assert_eq!(store.use_operator_token([1; 32], until - Duration::SECOND).await.unwrap(), Some(id));
        assert!(store.operator_tokens().await.unwrap()[0].last_used_at.is_some());
        assert_eq!(store.use_operator_token([1; 32], until).await.unwrap(), None);
        assert_eq!(store.use_operator_token([2; 32], now).await.unwrap(), None);
        assert!(store.revoke_operator_token(id).await.unwrap());
        assert!(!store.revoke_operator_token(id).await.unwrap(), "only once");
        assert_eq!(store.use_operator_token([1; 32], now).await.unwrap(), None);
    }
}
