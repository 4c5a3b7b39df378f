//! Walking an organization: which question to AWS comes next, and what the answers add up to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use time::OffsetDateTime;

use super::facts::{AccountFacts, AccountState, UnitFacts, UnitPath, UnitStep};
use crate::names::AccountId;

/// The most accounts and units that are kept of an organization, well above what AWS lets one have.
const MOST: usize = 100_000;

/// How deep units are looked for. AWS nests at most five.
const DEEPEST: usize = 32;

/// A question about an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrganizationQuestion {
    /// All its accounts, wherever they lie.
    Accounts,
    /// Its root.
    Roots,
    /// The units right below a root or unit.
    UnitsBelow(String),
    /// The accounts right below a root or unit.
    AccountsBelow(String),
    /// An account's tags.
    Tags(AccountId),
}

/// One page of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationPage {
    /// What is on it.
    pub found: Found,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// What a page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Accounts.
    Accounts(Vec<ListedAccount>),
    /// Roots or units.
    Units(Vec<ListedUnit>),
    /// Tags, as keys and values.
    Tags(Vec<(String, String)>),
}

/// An account as AWS lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAccount {
    /// Its 12 digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is in use, in AWS's word.
    pub state: String,
    /// How it joined, in AWS's word.
    pub joined_method: Option<String>,
    /// When it joined.
    pub joined_at: Option<OffsetDateTime>,
}

/// A root or unit as AWS lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUnit {
    /// AWS's id of it: `r-…` or `ou-…`.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// Why a walk can't go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalkProblem {
    /// A page names itself as the next one.
    #[error("AWS's pages of the organization go round in a circle")]
    Circle,
    /// There is more than can be an organization's.
    #[error("the organization has more than {MOST} accounts or units, or units nested more than {DEEPEST} deep")]
    TooLarge,
    /// AWS answered another question.
    #[error("AWS's answer does not fit the question")]
    Unfit,
}

/// An organization as one walk saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenOrganization {
    /// Its root and units, by AWS's ids.
    pub units: BTreeMap<String, UnitFacts>,
    /// Its accounts.
    pub accounts: BTreeMap<AccountId, AccountFacts>,
    /// Accounts that are in it and were seen in no unit, because they moved meanwhile: nothing is said of them this time.
    pub elusive: BTreeSet<AccountId>,
}

/// A walk through an organization: first all its accounts, then its units from the root down with the accounts in each, and
/// last the tags of each account.
#[derive(Debug)]
pub struct Walk {
    ahead: VecDeque<OrganizationQuestion>,
    token: Option<String>,
    listed: BTreeSet<AccountId>,
    units: BTreeMap<String, (UnitFacts, usize)>,
    accounts: BTreeMap<AccountId, Placed>,
}

/// An account, the unit that it was seen in, and its tags.
#[derive(Debug)]
struct Placed {
    account: ListedAccount,
    parent: String,
    tags: BTreeMap<String, String>,
}

impl Default for Walk {
    fn default() -> Self {
        Self {
            ahead: VecDeque::from([OrganizationQuestion::Accounts, OrganizationQuestion::Roots]),
            token: None,
            listed: BTreeSet::new(),
            units: BTreeMap::new(),
            accounts: BTreeMap::new(),
        }
    }
}

impl Walk {
    /// What is to be asked now, and the page of it; nothing when all is seen.
    pub fn question(&self) -> Option<(&OrganizationQuestion, Option<&str>)> {
        Some((self.ahead.front()?, self.token.as_deref()))
    }

    /// Takes in the page that was asked for.
    pub fn take(&mut self, page: OrganizationPage) -> Result<(), WalkProblem> {
        let question = self.ahead.front().cloned().ok_or(WalkProblem::Unfit)?;
        match (&question, page.found) {
            (OrganizationQuestion::Accounts, Found::Accounts(accounts)) => {
                self.listed.extend(accounts.iter().filter_map(|account| account.id.parse().ok()));
            }
            (OrganizationQuestion::Roots, Found::Units(roots)) => {
                for root in roots {
                    self.unit(root, (None, 0));
                }
            }
            (OrganizationQuestion::UnitsBelow(parent), Found::Units(units)) => {
                let depth = self.units.get(parent).map_or(0, |(_, depth)| depth + 1);
                if depth > DEEPEST {
                    return Err(WalkProblem::TooLarge);
                }
                for unit in units {
                    self.unit(unit, (Some(parent.clone()), depth));
                }
            }
            (OrganizationQuestion::AccountsBelow(parent), Found::Accounts(accounts)) => {
                for account in accounts {
                    self.account(account, parent);
                }
            }
            (OrganizationQuestion::Tags(account), Found::Tags(tags)) => {
                if let Some(placed) = self.accounts.get_mut(account) {
                    placed.tags.extend(tags);
                }
            }
            _ => return Err(WalkProblem::Unfit),
        }
        if self.listed.len().max(self.units.len()).max(self.accounts.len()) > MOST {
            return Err(WalkProblem::TooLarge);
        }
        match page.next {
            // An empty page may well have a next one; only the same one again leads nowhere.
            Some(next) if self.token.as_ref() == Some(&next) => return Err(WalkProblem::Circle),
            Some(next) => self.token = Some(next),
            None => {
                self.ahead.pop_front();
                self.token = None;
            }
        }
        Ok(())
    }

    fn unit(&mut self, unit: ListedUnit, (parent, depth): (Option<String>, usize)) {
        if !self.units.contains_key(&unit.id) {
            self.ahead.push_back(OrganizationQuestion::UnitsBelow(unit.id.clone()));
            self.ahead.push_back(OrganizationQuestion::AccountsBelow(unit.id.clone()));
            self.units.insert(unit.id, (UnitFacts { name: unit.name, parent, left: false }, depth));
        }
    }

    fn account(&mut self, account: ListedAccount, parent: &str) {
        let Ok(id) = account.id.parse::<AccountId>() else { return };
        let (parent, tags) = (parent.to_owned(), BTreeMap::new());
        // One that moves meanwhile may be seen twice: where it was seen last is where it is.
        if self.accounts.insert(id.clone(), Placed { account, parent, tags }).is_none() {
            self.ahead.push_back(OrganizationQuestion::Tags(id));
        }
    }

    /// What was seen.
    pub fn finish(self) -> SeenOrganization {
        let paths: BTreeMap<&String, UnitPath> = self.units.keys().map(|id| (id, self.path(id))).collect();
        let facts = |placed: &Placed| AccountFacts {
            name: placed.account.name.clone(),
            unit: paths.get(&placed.parent).cloned().unwrap_or_default(),
            tags: placed.tags.clone(),
            state: AccountState::of(&placed.account.state),
            joined_method: placed.account.joined_method.clone(),
            joined_at: placed.account.joined_at,
        };
        let accounts: BTreeMap<_, _> = self.accounts.iter().map(|(id, placed)| (id.clone(), facts(placed))).collect();
        let elusive = self.listed.iter().filter(|id| !accounts.contains_key(*id)).cloned().collect();
        let units = self.units.into_iter().map(|(id, (facts, _))| (id, facts)).collect();
        SeenOrganization { units, accounts, elusive }
    }

    /// The units from below the root down to this one.
    fn path(&self, id: &str) -> UnitPath {
        let above = |id: &String| self.units.get(id).and_then(|(facts, _)| facts.parent.clone());
        let steps = std::iter::successors(Some(id.to_owned()), above).filter_map(|id| {
            let (facts, _) = self.units.get(&id)?;
            facts.parent.as_ref()?;
            Some(UnitStep { name: facts.name.clone(), id })
        });
        let mut steps: Vec<_> = steps.collect();
        steps.reverse();
        UnitPath(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u32) -> ListedAccount {
        ListedAccount {
            id: format!("{number:012}"),
            name: format!("account {number}"),
            state: "ACTIVE".to_owned(),
            joined_method: Some("CREATED".to_owned()),
            joined_at: None,
        }
    }

    fn unit(id: &str, name: &str) -> ListedUnit {
        ListedUnit { id: id.to_owned(), name: name.to_owned() }
    }

    /// Walks an organization whose lists have one value a page, and answers with it and the number of questions.
    fn walk(answer: impl Fn(&OrganizationQuestion) -> Found) -> (SeenOrganization, usize) {
        let (mut walk, mut asked) = (Walk::default(), 0);
        while let Some((question, token)) = walk.question() {
            let at: usize = token.map_or(0, |token| token.parse().unwrap());
            let (found, more) = match answer(question) {
                Found::Accounts(all) => (Found::Accounts(all.iter().skip(at).take(1).cloned().collect()), all.len()),
                Found::Units(all) => (Found::Units(all.iter().skip(at).take(1).cloned().collect()), all.len()),
                Found::Tags(all) => (Found::Tags(all.iter().skip(at).take(1).cloned().collect()), all.len()),
            };
            walk.take(OrganizationPage { found, next: (at + 1 < more).then(|| (at + 1).to_string()) }).unwrap();
            asked += 1;
        }
        (walk.finish(), asked)
    }

    fn acme(question: &OrganizationQuestion) -> Found {
        use OrganizationQuestion as Q;
        match question {
            Q::Accounts => Found::Accounts((1..=4).map(account).collect()),
            Q::Roots => Found::Units(vec![unit("r-1", "Root")]),
            Q::UnitsBelow(id) if id == "r-1" => Found::Units(vec![unit("ou-p", "Production"), unit("ou-d", "Dev")]),
            Q::UnitsBelow(id) if id == "ou-p" => Found::Units(vec![unit("ou-w", "Web")]),
            Q::UnitsBelow(_) => Found::Units(Vec::new()),
            Q::AccountsBelow(id) if id == "r-1" => Found::Accounts(vec![account(1)]),
            Q::AccountsBelow(id) if id == "ou-w" => Found::Accounts(vec![account(2), account(3)]),
            Q::AccountsBelow(_) => Found::Accounts(Vec::new()),
            Q::Tags(id) if id.as_ref().ends_with('3') => {
                Found::Tags(vec![("team".into(), "web".into()), ("env".into(), "prod".into())])
            }
            Q::Tags(_) => Found::Tags(Vec::new()),
        }
    }

    #[test]
    fn all_pages_of_all_units_are_seen() {
        let (seen, asked) = walk(acme);
        let shown: Vec<_> =
            seen.accounts.values().map(|facts| format!("{} {} {:?}", facts.name, facts.unit, facts.tags)).collect();
        assert_eq!(
            shown,
            [
                "account 1 / {}",
                "account 2 /Production/Web {}",
                r#"account 3 /Production/Web {"env": "prod", "team": "web"}"#
            ]
        );
        assert_eq!(seen.units.keys().collect::<Vec<_>>(), ["ou-d", "ou-p", "ou-w", "r-1"]);
        assert_eq!(seen.units["ou-w"].parent.as_deref(), Some("ou-p"));
        let elusive: Vec<_> = seen.elusive.iter().map(AsRef::as_ref).collect();
        assert_eq!(elusive, ["000000000004"], "it moved while its units were looked at");
        // 4 pages of accounts, the root, 3 with two units and 5 with one or none, 5 of accounts below, 4 of tags.
        assert_eq!(asked, 4 + 1 + (2 + 1 + 1 + 1) + (1 + 1 + 1 + 2) + (1 + 1 + 2));
    }

    #[test]
    fn pages_that_lead_nowhere_end_the_walk() {
        let mut walk = Walk::default();
        let page = || OrganizationPage { found: Found::Accounts(Vec::new()), next: Some("x".to_owned()) };
        assert_eq!(walk.take(page()), Ok(()), "an empty page may have a next one");
        assert_eq!(walk.take(page()), Err(WalkProblem::Circle));
        let tags = OrganizationPage { found: Found::Tags(Vec::new()), next: None };
        assert_eq!(Walk::default().take(tags), Err(WalkProblem::Unfit));
    }
}
