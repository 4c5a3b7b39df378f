//! The audit log as the store keeps it: chains of entries that are only ever added to.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{ReadRow, Store, StoreError, key, micros, query};
use crate::audit::{Entry, Hash, Log, NewEntry};

/// What the operator's log has in place of an org's number.
const OPERATOR: i64 = 0;

fn log_key(log: Log) -> i64 {
    match log {
        Log::Operator => OPERATOR,
        Log::Org(org) => key(org),
    }
}

impl Store {
    /// Adds an entry to its log's chain.
    pub(crate) async fn append_audit(&self, new: NewEntry) -> Result<(), StoreError> {
        // The lock comes first: two that append at once must not both follow the same entry.
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let select = query("SELECT * FROM audit_entries WHERE log = $1 ORDER BY seq DESC LIMIT 1");
        let last = select.bind(log_key(new.log)).fetch_optional(&mut *transaction).await?;
        let last = last.as_ref().map(read).transpose()?;
        let mut entry = Entry {
            log: new.log,
            seq: last.as_ref().map_or(1, |entry| entry.seq + 1),
            at: micros(new.at),
            actor: new.actor,
            address: new.address,
            request: new.request,
            act: new.act.to_owned(),
            subject: new.subject,
            outcome: new.outcome.to_owned(),
            note: new.note,
            previous: last.map_or(Hash::NONE, |entry| entry.hash),
            hash: Hash::NONE,
        };
        entry.hash = entry.computed_hash();
        let insert = query(
            "INSERT INTO audit_entries (log, seq, at, actor, address, request, act, subject, outcome, note, previous, hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        );
        insert
            .bind(log_key(entry.log))
            .bind(entry.seq)
            .bind(entry.at)
            .bind(entry.actor)
            .bind(entry.address)
            .bind(entry.request)
            .bind(entry.act)
            .bind(entry.subject)
            .bind(entry.outcome)
            .bind(entry.note)
            .bind(entry.previous.0.to_vec())
            .bind(entry.hash.0.to_vec())
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Entries of a log with a number below `seq`, newest first.
    pub(crate) async fn audit_before(&self, log: Log, seq: i64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        let select = query("SELECT * FROM audit_entries WHERE log = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3");
        let select = select.bind(log_key(log)).bind(seq).bind(limit);
        select.fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// Entries of a log with a number above `seq`, oldest first.
    pub(crate) async fn audit_after(&self, log: Log, seq: i64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        let select = query("SELECT * FROM audit_entries WHERE log = $1 AND seq > $2 ORDER BY seq LIMIT $3");
        let select = select.bind(log_key(log)).bind(seq).bind(limit);
        select.fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// Every log that has an entry. For the operator alone.
    pub(crate) async fn audit_logs(&self) -> Result<Vec<Log>, StoreError> {
        let rows = query("SELECT DISTINCT log FROM audit_entries ORDER BY log").fetch_all(&self.pool).await?;
        rows.iter().map(read_log).collect()
    }
}

fn read_log(row: &SqliteRow) -> Result<Log, StoreError> {
    match row.try_get("log")? {
        OPERATOR => Ok(Log::Operator),
        _ => Ok(Log::Org(row.org("log")?)),
    }
}

fn read(row: &SqliteRow) -> Result<Entry, StoreError> {
    let hash = |column: &'static str| {
        let bytes: Vec<u8> = row.try_get(column)?;
        let wrong = |_| StoreError::Unreadable { column, why: "a hash has 32 bytes".to_owned() };
        Ok::<_, StoreError>(Hash(bytes.try_into().map_err(wrong)?))
    };
    Ok(Entry {
        log: read_log(row)?,
        seq: row.try_get("seq")?,
        at: row.try_get("at")?,
        actor: row.try_get("actor")?,
        address: row.try_get("address")?,
        request: row.try_get("request")?,
        act: row.try_get("act")?,
        subject: row.try_get("subject")?,
        outcome: row.try_get("outcome")?,
        note: row.try_get("note")?,
        previous: hash("previous")?,
        hash: hash("hash")?,
    })
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::super::tests::store;
    use super::*;

    fn entry(log: Log, subject: &str) -> NewEntry {
        let (actor, subject) = ("server".to_owned(), subject.to_owned());
        let at = OffsetDateTime::now_utc();
        NewEntry {
            log,
            at,
            actor,
            address: None,
            request: None,
            act: "org.create",
            subject,
            outcome: "done",
            note: None,
        }
    }

    #[tokio::test]
    async fn each_log_is_a_chain_of_its_own() {
        let (store, _folder) = store().await;
        let org = Log::Org("123456".parse().unwrap());
        for (log, subject) in [(Log::Operator, "a"), (org, "b"), (Log::Operator, "c")] {
            store.append_audit(entry(log, subject)).await.unwrap();
        }
        assert_eq!(store.audit_logs().await.unwrap(), [Log::Operator, org]);
        let operator = store.audit_after(Log::Operator, 0, 10).await.unwrap();
        assert_eq!(
            operator.iter().map(|entry| (entry.seq, entry.subject.as_str())).collect::<Vec<_>>(),
            [(1, "a"), (2, "c")]
        );
        assert_eq!((operator[0].previous, operator[1].previous), (Hash::NONE, operator[0].hash));
        assert!(operator.iter().all(|entry| entry.computed_hash() == entry.hash));
        assert_eq!(store.audit_before(org, i64::MAX, 10).await.unwrap().len(), 1);
        assert_eq!(store.audit_before(Log::Operator, 2, 10).await.unwrap(), operator[..1]);
    }

    #[tokio::test]
    async fn entries_that_come_at_once_line_up() {
        let (store, _folder) = store().await;
        let all = (0..40).map(|_| store.append_audit(entry(Log::Operator, "x")));
        for added in futures::future::join_all(all).await {
            added.unwrap();
        }
        let entries = store.audit_after(Log::Operator, 0, 100).await.unwrap();
        assert_eq!(entries.len(), 40);
        assert!(entries.windows(2).all(|pair| pair[1].previous == pair[0].hash && pair[1].seq == pair[0].seq + 1));
    }

    #[tokio::test]
    async fn entries_are_neither_changed_nor_removed() {
        let (store, _folder) = store().await;
        store.append_audit(entry(Log::Operator, "x")).await.unwrap();
        for sql in ["UPDATE audit_entries SET actor = 'me'", "DELETE FROM audit_entries"] {
            let error = query(sql).execute(&store.pool).await.unwrap_err().to_string();
            assert!(error.contains("only ever added to"), "{error}");
        }
        assert_eq!(store.audit_after(Log::Operator, 0, 10).await.unwrap().len(), 1);
    }
}
