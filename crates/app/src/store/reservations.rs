//! What Cost Explorer was asked, and what it answered: each question once, because AWS charges its customers for answers.

use billing::names::{BillConnectId, OrgId};
use billing::reservation::{Asked, Page};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use time::OffsetDateTime;

use super::{ReadRow, Store, StoreError, json, key, micros, query};

/// How many of a connection's questions are read back: more than two years of them.
const KEPT: i64 = 800;

/// How often an org's connection has asked, for as long as it has been known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageCount {
    /// Questions that AWS has charged for, or may have.
    pub pages: u64,
    /// Those of them since the instant that was asked about.
    pub since: u64,
}

impl Store {
    /// Notes a question of the org's connection, and what came of it but its page. A connection need not be stored for that: AWS
    /// charges for a question that comes before connecting too.
    pub async fn note_asked(&self, (org, connect): (OrgId, &BillConnectId), asked: &Asked) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO cost_explorer_questions (org_id, connect_id, at, asked_by, question, charged, trouble)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        );
        let insert = insert.bind(key(org)).bind(connect.as_ref()).bind(micros(asked.at)).bind(json(&asked.by));
        let insert = insert.bind(json(&asked.question));
        let insert = insert.bind(asked.is_charged()).bind(asked.trouble.as_ref().map(json));
        insert.execute(&self.pool).await?;
        Ok(())
    }

    /// Keeps the page that a question brought, where the org has such a connection: nothing is kept of what is not connected.
    pub async fn keep_page(
        &self,
        (org, connect): (OrgId, &BillConnectId),
        (at, page): (OffsetDateTime, &Page),
    ) -> Result<(), StoreError> {
        let update = query(
            "UPDATE cost_explorer_questions SET page = $4
             WHERE org_id = $1 AND connect_id = $2 AND at = $3
               AND EXISTS (SELECT 1 FROM bill_connects WHERE org_id = $1 AND id = $2)",
        );
        let update = update.bind(key(org)).bind(connect.as_ref()).bind(micros(at)).bind(json(page));
        update.execute(&self.pool).await?;
        Ok(())
    }

    /// What the org's connection has asked, oldest first.
    pub async fn asked(&self, org: OrgId, connect: &BillConnectId) -> Result<Vec<Asked>, StoreError> {
        let select = query(
            "SELECT * FROM cost_explorer_questions WHERE org_id = $1 AND connect_id = $2 ORDER BY at DESC LIMIT $3",
        );
        let rows = select.bind(key(org)).bind(connect.as_ref()).bind(KEPT).fetch_all(&self.pool).await?;
        rows.iter().rev().map(read).collect()
    }

    /// How many pages AWS has charged for through the org's connection, or may have; and how many of them since an instant.
    pub async fn pages(
        &self,
        (org, connect): (OrgId, &BillConnectId),
        since: OffsetDateTime,
    ) -> Result<PageCount, StoreError> {
        let select = query(
            "SELECT COUNT(*) AS pages, COALESCE(SUM(at >= $3), 0) AS since FROM cost_explorer_questions
             WHERE org_id = $1 AND connect_id = $2 AND charged",
        );
        let row = select.bind(key(org)).bind(connect.as_ref()).bind(micros(since)).fetch_one(&self.pool).await?;
        let count = |name| Ok::<u64, StoreError>(u64::try_from(row.try_get::<i64, _>(name)?).unwrap_or_default());
        Ok(PageCount { pages: count("pages")?, since: count("since")? })
    }
}

fn read(row: &SqliteRow) -> Result<Asked, StoreError> {
    let missing = |column| move || StoreError::Unreadable { column, why: "it is empty".to_owned() };
    Ok(Asked {
        at: row.instant("at")?,
        by: row.maybe_json("asked_by")?.ok_or_else(missing("asked_by"))?,
        question: row.maybe_json("question")?.ok_or_else(missing("question"))?,
        page: row.maybe_json("page")?,
        trouble: row.maybe_json("trouble")?,
    })
}

#[cfg(test)]
mod tests {
    use billing::reservation::{Cause, PageQuestion, Reservation, Trouble};
    use time::Duration;
    use time::macros::datetime;

    use super::super::connects::tests::{connect, report};
    use super::super::tests::store;
    use super::*;

    const AT: OffsetDateTime = datetime!(2026-09-15 6:00 UTC);

    fn asked(at: OffsetDateTime, trouble: Option<Cause>) -> Asked {
        let trouble = trouble.map(|cause| Trouble { at, cause, message: "AWS's words".to_owned() });
        let by = connect(OrgId::try_from(OrgId::MIN).unwrap(), "123456789012").candidate.fingerprint();
        Asked { at, by, question: PageQuestion::first(at.date()), page: None, trouble }
    }

    fn page() -> Page {
        let reservation = Reservation { lease_id: "ri-1".to_owned(), ..Reservation::default() };
        Page { reservations: vec![reservation], next: Some("more".to_owned()) }
    }

    #[tokio::test]
    async fn every_question_counts_and_only_connections_keep_pages() {
        let (store, _folder) = store().await;
        let (acme, other) = (store.create_org("A").await.unwrap().id, store.create_org("B").await.unwrap().id);
        let id = connect(acme, "123456789012").candidate.id();
        store.note_asked((acme, &id), &asked(AT, None)).await.unwrap();
        store.keep_page((acme, &id), (AT, &page())).await.unwrap();
        assert_eq!(store.asked(acme, &id).await.unwrap(), [asked(AT, None)], "not connected: its page is not kept");
        store.insert_connect(&connect(acme, "123456789012"), &report("2026-10-01T12:00:00Z")).await.unwrap();
        store.keep_page((acme, &id), (AT, &page())).await.unwrap();
        let kept = Asked { page: Some(page()), ..asked(AT, None) };
        assert_eq!(store.asked(acme, &id).await.unwrap(), std::slice::from_ref(&kept));
        for (days, trouble) in [(1, Some(Cause::Denied)), (2, Some(Cause::Unanswered)), (3, None)] {
            store.note_asked((acme, &id), &asked(AT + Duration::days(days), trouble)).await.unwrap();
        }
        let count = store.pages((acme, &id), AT + Duration::days(3)).await.unwrap();
        assert_eq!(count, PageCount { pages: 3, since: 1 }, "what was denied costs nothing");
        assert_eq!(store.pages((other, &id), AT).await.unwrap(), PageCount::default());
        assert_eq!(store.asked(other, &id).await.unwrap(), []);

        // The page goes with the connection; that it was charged for stays.
        store.delete_connect(acme, &id).await.unwrap();
        let after = store.asked(acme, &id).await.unwrap();
        assert!(after.iter().all(|asked| asked.page.is_none()) && after.len() == 4, "{after:?}");
    }
}
