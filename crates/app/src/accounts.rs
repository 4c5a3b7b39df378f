//! The step `accounts`: what an org knows of its accounts and their units, on any day.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use billing::names::{AccountId, BillConnectId, OrgId};
use billing::organization::{AccountFacts, AccountState, Accounts, Span, UnitFacts, as_of};
use time::Date;

use crate::App;
use crate::error::AppError;
use crate::store::Known;

/// An account on some day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAccount {
    /// Through which connection's organization it is known.
    pub connect: BillConnectId,
    /// Its 12 digits.
    pub account: AccountId,
    /// What held then.
    pub span: Span<AccountFacts>,
}

/// A root or unit on some day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownUnit {
    /// Through which connection's organization it is known.
    pub connect: BillConnectId,
    /// AWS's id of it, `r-…` or `ou-…`.
    pub id: String,
    /// What held then.
    pub span: Span<UnitFacts>,
    /// How deep it lies: 0 for a root, 1 right below it.
    pub level: usize,
    /// How many accounts lay right in it.
    pub accounts: usize,
}

/// An org's accounts as they were at some revision of what is stored.
pub(crate) type Remembered = (Vec<(String, i64, i64)>, Arc<Accounts>);

impl App {
    /// All accounts that the org knows, over time: what joins its costs.
    pub async fn accounts(&self, org: OrgId) -> Result<Arc<Accounts>, AppError> {
        // Before what it stands for: whatever comes in between is then found to be newer the next time.
        let revision = self.store.accounts_revision(org).await?;
        if let Some((known, accounts)) = self.remembered(org)
            && known == revision
        {
            return Ok(accounts);
        }
        let accounts = Arc::new(Accounts::new(self.store.known_accounts(org).await?));
        let mut all = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(org, (revision, accounts.clone()));
        Ok(accounts)
    }

    fn remembered(&self, org: OrgId) -> Option<Remembered> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).get(&org).cloned()
    }

    /// The org's accounts as they were on `day`, by connection and account; those that came later are not among them, those that
    /// left are.
    pub async fn accounts_on(&self, org: OrgId, day: Date) -> Result<Vec<KnownAccount>, AppError> {
        let all = self.store.known_accounts(org).await?;
        let on = |(connect, account, spans): Known<AccountId, AccountFacts>| {
            let span = as_of(&spans, day)?.clone();
            Some(KnownAccount { connect, account, span })
        };
        Ok(all.into_iter().filter_map(on).collect())
    }

    /// All that was ever known of one account, by connection, oldest first; nothing where the org does not know it.
    pub async fn account_history(&self, org: OrgId, account: &AccountId) -> Result<Vec<KnownAccount>, AppError> {
        let all = self.store.known_accounts(org).await?;
        let mine = all.into_iter().filter(|(_, id, _)| id == account);
        let past = mine.flat_map(|(connect, account, spans)| {
            spans.into_iter().map(move |span| KnownAccount { connect: connect.clone(), account: account.clone(), span })
        });
        Ok(past.collect())
    }

    /// The org's roots and units as they were on `day`, by connection, each followed by those below it, by name. Those that were
    /// deleted by then are not among them.
    pub async fn units_on(&self, org: OrgId, day: Date) -> Result<Vec<KnownUnit>, AppError> {
        let accounts = self.accounts_on(org, day).await?;
        let there = self.store.known_units(org).await?.into_iter().filter_map(|(connect, id, spans)| {
            let span = as_of(&spans, day).filter(|span| !span.facts.left)?.clone();
            Some(KnownUnit { connect, id, span, level: 0, accounts: 0 })
        });
        Ok(in_order(there.collect(), &accounts))
    }
}

/// Units, each followed by those below it, with their levels and their accounts counted.
fn in_order(mut units: Vec<KnownUnit>, accounts: &[KnownAccount]) -> Vec<KnownUnit> {
    units.sort_by(|left, right| {
        (&left.connect, &left.span.facts.name, &left.id).cmp(&(&right.connect, &right.span.facts.name, &right.id))
    });
    let mut below: BTreeMap<(BillConnectId, Option<String>), Vec<KnownUnit>> = BTreeMap::new();
    for unit in units {
        below.entry((unit.connect.clone(), unit.span.facts.parent.clone())).or_default().push(unit);
    }
    let mut counts = BTreeMap::<(&BillConnectId, Option<&str>), usize>::new();
    for known in accounts.iter().filter(|known| known.span.facts.state != AccountState::Left) {
        *counts.entry((&known.connect, known.span.facts.unit.0.last().map(|step| step.id.as_str()))).or_default() += 1;
    }
    let mut connects: Vec<BillConnectId> = below.keys().map(|(connect, _)| connect.clone()).collect();
    connects.dedup();
    let mut ordered = Vec::new();
    for connect in connects {
        // Taken out as they are put in order, so that units which would lie in each other are put nowhere.
        let mut ahead: Vec<KnownUnit> = below.remove(&(connect.clone(), None)).unwrap_or_default();
        ahead.reverse();
        while let Some(mut unit) = ahead.pop() {
            let own = unit.span.facts.parent.is_some().then_some(unit.id.as_str());
            unit.accounts = counts.get(&(&connect, own)).copied().unwrap_or(0);
            let children = below.remove(&(connect.clone(), Some(unit.id.clone()))).unwrap_or_default();
            let level = unit.level + 1;
            ahead.extend(children.into_iter().rev().map(|child| KnownUnit { level, ..child }));
            ordered.push(unit);
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use billing::organization::{UnitPath, UnitStep};
    use time::macros::date;

    use super::*;

    fn unit(connect: &str, id: &str, parent: Option<&str>) -> KnownUnit {
        let facts = UnitFacts { name: id.to_uppercase(), parent: parent.map(str::to_owned), left: false };
        let span = Span { from: date!(2026 - 09 - 01), until: None, facts };
        KnownUnit { connect: connect.parse().unwrap(), id: id.to_owned(), span, level: 0, accounts: 0 }
    }

    fn account(connect: &str, unit: Option<&str>, state: AccountState) -> KnownAccount {
        let step = |id: &str| UnitStep { id: id.to_owned(), name: String::new() };
        let unit = UnitPath(unit.map(step).into_iter().collect());
        let (name, tags) = ("A".to_owned(), BTreeMap::new());
        let facts = AccountFacts { name, unit, tags, state, joined_method: None, joined_at: None };
        let span = Span { from: date!(2026 - 09 - 01), until: None, facts };
        KnownAccount { connect: connect.parse().unwrap(), account: "111111111111".parse().unwrap(), span }
    }

    #[test]
    fn units_follow_the_unit_that_they_lie_in() {
        let (one, two) = ("aws-111111111111", "aws-222222222222");
        let units = vec![
            unit(two, "r", None),
            unit(one, "web", Some("prod")),
            unit(one, "prod", Some("r")),
            unit(one, "dev", Some("r")),
            unit(one, "r", None),
            unit(one, "round", Some("about")),
            unit(one, "about", Some("round")),
        ];
        let accounts = [
            account(one, None, AccountState::Active),
            account(one, Some("web"), AccountState::Closed),
            account(one, Some("web"), AccountState::Active),
            account(one, Some("web"), AccountState::Left),
        ];
        let ordered = in_order(units, &accounts);
        let shown: Vec<_> = ordered.iter().map(|unit| (unit.id.as_str(), unit.level, unit.accounts)).collect();
        assert_eq!(shown, [("r", 0, 1), ("dev", 1, 0), ("prod", 1, 0), ("web", 2, 2), ("r", 0, 0)]);
    }
}
