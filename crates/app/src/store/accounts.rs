//! What was seen of organizations: their accounts and units over time, and what came of the last look at each.

use std::collections::BTreeMap;

use billing::names::{AccountId, BillConnectId, OrgId};
use billing::organization::{
    AccountFacts, AccountState, Look, OrganizationState, SeenOrganization, Span, UnitFacts, spans,
};
use billing::probe::Organization;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use time::macros::format_description;
use time::{Date, OffsetDateTime, UtcOffset};

use super::{ReadRow, Store, StoreError, json, key, micros, query};

/// What came of the last look at the organization of a bill connect's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastLook {
    /// The bill connect.
    pub connect: BillConnectId,
    /// What came of it.
    pub look: Look,
    /// When it was.
    pub looked_at: OffsetDateTime,
    /// When all of the organization was last seen.
    pub seen_at: Option<OffsetDateTime>,
}

/// What was seen of one account or unit, over time.
pub type Known<Id, T> = (BillConnectId, Id, Vec<Span<T>>);

/// What is kept of one account or unit.
trait Facts: Serialize + DeserializeOwned + PartialEq + Clone {
    /// What the table calls its kind.
    const KIND: &'static str;

    /// The same, no longer there; `None` where that is known already.
    fn gone(&self) -> Option<Self>;
}

impl Facts for AccountFacts {
    const KIND: &'static str = "account";

    fn gone(&self) -> Option<Self> {
        (self.state != AccountState::Left).then(|| Self { state: AccountState::Left, ..self.clone() })
    }
}

impl Facts for UnitFacts {
    const KIND: &'static str = "unit";

    fn gone(&self) -> Option<Self> {
        (!self.left).then(|| Self { left: true, ..self.clone() })
    }
}

impl Store {
    /// Keeps what a look at `at` saw of an organization: what is as before stays one row. What was there and is no longer is kept
    /// as it was, and marked. Answers whether it did: not where the bill connect is deleted.
    ///
    /// A day is the finest time: of several looks on one day the last counts, for the whole day.
    pub async fn keep_organization(
        &self,
        (org, connect): (OrgId, &BillConnectId),
        (organization, seen): (&Organization, &SeenOrganization),
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        if !is_connected(&mut transaction, (org, connect)).await? {
            return Ok(false);
        }
        let day = at.to_offset(UtcOffset::UTC).date();
        let accounts = seen.accounts.iter().map(|(id, facts)| (id.to_string(), facts));
        let elusive: Vec<String> = seen.elusive.iter().map(ToString::to_string).collect();
        let place = Place { org, connect, day };
        let changed = write(&mut transaction, place, (accounts.collect(), &elusive)).await?;
        let units = seen.units.iter().map(|(id, facts)| (id.clone(), facts));
        let changed = write(&mut transaction, place, (units.collect(), &[])).await? || changed;
        write_look(&mut transaction, (org, connect), (&Look::whole(organization.clone()), at)).await?;
        let seen = query(
            "UPDATE organizations SET seen_at = $3, revision = revision + $4 WHERE org_id = $1 AND connect_id = $2",
        );
        seen.bind(key(org))
            .bind(connect.as_ref())
            .bind(micros(at))
            .bind(i64::from(changed))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Notes what came of a look at `at` that did not see all; what was seen before stays. Answers whether it did: not where the
    /// bill connect is deleted.
    pub async fn note_look(
        &self,
        (org, connect): (OrgId, &BillConnectId),
        look: &Look,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        if !is_connected(&mut transaction, (org, connect)).await? {
            return Ok(false);
        }
        write_look(&mut transaction, (org, connect), (look, at)).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The last look at each of the org's organizations, by bill connect; none for one that was not looked at yet.
    pub async fn last_looks(&self, org: OrgId) -> Result<Vec<LastLook>, StoreError> {
        let select = query("SELECT * FROM organizations WHERE org_id = $1 ORDER BY connect_id");
        select.bind(key(org)).fetch_all(&self.pool).await?.iter().map(read_look).collect()
    }

    /// The last look at the organization of the org's bill connect.
    pub async fn last_look(&self, org: OrgId, connect: &BillConnectId) -> Result<Option<LastLook>, StoreError> {
        let select = query("SELECT * FROM organizations WHERE org_id = $1 AND connect_id = $2");
        let row = select.bind(key(org)).bind(connect.as_ref()).fetch_optional(&self.pool).await?;
        row.as_ref().map(read_look).transpose()
    }

    /// What the org's organizations were when: it differs whenever [`Store::known_accounts`] may.
    pub async fn accounts_revision(&self, org: OrgId) -> Result<Vec<(String, i64, i64)>, StoreError> {
        let select = query(
            "SELECT o.connect_id, o.revision, c.created_at FROM organizations AS o
             JOIN bill_connects AS c ON c.org_id = o.org_id AND c.id = o.connect_id
             WHERE o.org_id = $1 ORDER BY o.connect_id",
        );
        let rows = select.bind(key(org)).fetch_all(&self.pool).await?;
        let revision =
            |row: &SqliteRow| Ok((row.try_get("connect_id")?, row.try_get("revision")?, row.try_get("created_at")?));
        rows.iter().map(revision).collect()
    }

    /// Every account that was ever seen in the org's organizations, over time, by bill connect.
    pub async fn known_accounts(&self, org: OrgId) -> Result<Vec<Known<AccountId, AccountFacts>>, StoreError> {
        let mut all = Vec::new();
        for (connect, id, spans) in self.known::<AccountFacts>(org).await? {
            let id = id.parse().map_err(|error: billing::names::NameError| unreadable("id", &error))?;
            all.push((connect, id, spans));
        }
        Ok(all)
    }

    /// Every root and unit that was ever seen in the org's organizations, over time, by bill connect.
    pub async fn known_units(&self, org: OrgId) -> Result<Vec<Known<String, UnitFacts>>, StoreError> {
        self.known(org).await
    }

    async fn known<T: Facts>(&self, org: OrgId) -> Result<Vec<Known<String, T>>, StoreError> {
        let select = query(
            "SELECT connect_id, id, since, facts FROM organization_facts
             WHERE org_id = $1 AND kind = $2 ORDER BY connect_id, id, since",
        );
        let mut all: Vec<Seen<T>> = Vec::new();
        for row in select.bind(key(org)).bind(T::KIND).fetch_all(&self.pool).await? {
            let (connect, id): (BillConnectId, String) = (row.text("connect_id")?, row.try_get("id")?);
            let seen = (day(&row)?, facts(&row)?);
            match all.last_mut().filter(|last| (&last.0, &last.1) == (&connect, &id)) {
                Some((.., all)) => all.push(seen),
                None => all.push((connect, id, vec![seen])),
            }
        }
        Ok(all.into_iter().map(|(connect, id, seen)| (connect, id, spans(seen))).collect())
    }
}

/// What was seen of an account or a unit, by day: the connection that saw it, its id, and the facts.
type Seen<T> = (BillConnectId, String, Vec<(Date, T)>);

/// Whose organization is written, and which day it was seen on.
#[derive(Clone, Copy)]
struct Place<'a> {
    org: OrgId,
    connect: &'a BillConnectId,
    day: Date,
}

/// Writes what was seen of all accounts, or of all units; of those in `unsaid` nothing is said. Answers whether anything changed.
async fn write<T: Facts>(
    connection: &mut SqliteConnection,
    place: Place<'_>,
    (mut seen, unsaid): (BTreeMap<String, &T>, &[String]),
) -> Result<bool, StoreError> {
    let mut changed = false;
    for (id, known) in newest::<T>(connection, place).await? {
        let gone = known.0.gone();
        let now = match (seen.remove(&id), &gone) {
            (Some(facts), _) => facts,
            (None, Some(gone)) if !unsaid.contains(&id) => gone,
            (None, _) => continue,
        };
        if known.0 != *now {
            change(connection, (place, &id), &known, now).await?;
            changed = true;
        }
    }
    for (id, facts) in seen {
        insert(connection, (place, &id), (place.day, facts)).await?;
        changed = true;
    }
    Ok(changed)
}

/// What is known of one account or unit: the newest, since when, and what was before that.
type Newest<T> = (T, Date, Option<T>);

async fn newest<T: Facts>(
    connection: &mut SqliteConnection,
    place: Place<'_>,
) -> Result<BTreeMap<String, Newest<T>>, StoreError> {
    let select = query(
        "SELECT id, since, facts FROM organization_facts
         WHERE org_id = $1 AND connect_id = $2 AND kind = $3 ORDER BY id, since",
    );
    let select = select.bind(key(place.org)).bind(place.connect.as_ref()).bind(T::KIND);
    let mut all = BTreeMap::<String, Newest<T>>::new();
    for row in select.fetch_all(connection).await? {
        let (id, facts) = (row.try_get("id")?, facts::<T>(&row)?);
        let before = all.remove(&id).map(|(before, ..)| before);
        all.insert(id, (facts, day(&row)?, before));
    }
    Ok(all)
}

/// Puts `now` behind what is known.
async fn change<T: Facts>(
    connection: &mut SqliteConnection,
    (place, id): (Place<'_>, &str),
    (_, since, before): &Newest<T>,
    now: &T,
) -> Result<(), StoreError> {
    if *since < place.day {
        return insert(connection, (place, id), (place.day, now)).await;
    }
    // It was looked at on that day already, or the clock went back: what is seen last counts for that day.
    let delete = query(
        "DELETE FROM organization_facts WHERE org_id = $1 AND connect_id = $2 AND kind = $3 AND id = $4 AND since = $5",
    );
    let delete =
        delete.bind(key(place.org)).bind(place.connect.as_ref()).bind(T::KIND).bind(id).bind(since.to_string());
    delete.execute(&mut *connection).await?;
    if before.as_ref() == Some(now) { Ok(()) } else { insert(connection, (place, id), (*since, now)).await }
}

async fn insert<T: Facts>(
    connection: &mut SqliteConnection,
    (place, id): (Place<'_>, &str),
    (since, facts): (Date, &T),
) -> Result<(), StoreError> {
    let insert = query(
        "INSERT INTO organization_facts (org_id, connect_id, kind, id, since, facts) VALUES ($1, $2, $3, $4, $5, $6)",
    );
    let insert = insert.bind(key(place.org)).bind(place.connect.as_ref()).bind(T::KIND).bind(id);
    insert.bind(since.to_string()).bind(json(facts)).execute(connection).await?;
    Ok(())
}

async fn is_connected(
    connection: &mut SqliteConnection,
    (org, connect): (OrgId, &BillConnectId),
) -> Result<bool, StoreError> {
    let select = query("SELECT 1 FROM bill_connects WHERE org_id = $1 AND id = $2");
    Ok(select.bind(key(org)).bind(connect.as_ref()).fetch_optional(connection).await?.is_some())
}

async fn write_look(
    connection: &mut SqliteConnection,
    (org, connect): (OrgId, &BillConnectId),
    (look, at): (&Look, OffsetDateTime),
) -> Result<(), StoreError> {
    let upsert = query(
        "INSERT INTO organizations (org_id, connect_id, organization_id, management_account, state, problem, looked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (org_id, connect_id) DO UPDATE SET
             organization_id = COALESCE(excluded.organization_id, organization_id),
             management_account = COALESCE(excluded.management_account, management_account),
             state = excluded.state, problem = excluded.problem, looked_at = excluded.looked_at",
    );
    let organization = look.organization.as_ref();
    let upsert = upsert.bind(key(org)).bind(connect.as_ref()).bind(organization.map(|it| &it.id));
    let upsert = upsert.bind(organization.map(|it| &it.management_account)).bind(look.state.name());
    upsert.bind(&look.problem).bind(micros(at)).execute(connection).await?;
    Ok(())
}

fn read_look(row: &SqliteRow) -> Result<LastLook, StoreError> {
    let (id, manager): (Option<String>, Option<String>) =
        (row.try_get("organization_id")?, row.try_get("management_account")?);
    let organization = id.zip(manager).map(|(id, management_account)| Organization { id, management_account });
    let state: OrganizationState = row.text("state")?;
    Ok(LastLook {
        connect: row.text("connect_id")?,
        look: Look { organization, state, problem: row.try_get("problem")? },
        looked_at: row.instant("looked_at")?,
        seen_at: row.maybe_instant("seen_at")?,
    })
}

fn day(row: &SqliteRow) -> Result<Date, StoreError> {
    let text: String = row.try_get("since")?;
    let day = Date::parse(&text, format_description!("[year]-[month]-[day]"));
    day.map_err(|error| unreadable("since", &error))
}

fn facts<T: Facts>(row: &SqliteRow) -> Result<T, StoreError> {
    let text: String = row.try_get("facts")?;
    serde_json::from_str(&text).map_err(|error| unreadable("facts", &error))
}

fn unreadable(column: &'static str, why: &impl ToString) -> StoreError {
    StoreError::Unreadable { column, why: why.to_string() }
}

#[cfg(test)]
mod tests;
