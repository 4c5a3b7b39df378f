//! What held from which day to which: spans of an account or unit, and all accounts of an org on one line of time each.

use std::collections::BTreeMap;

use time::Date;

use super::facts::{AccountFacts, AccountState};
use crate::names::{AccountId, BillConnectId};

/// What held for some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span<T> {
    /// The first day, in UTC: that on which it was seen first.
    pub from: Date,
    /// The first day on which something else held; none while it does.
    pub until: Option<Date>,
    /// What held.
    pub facts: T,
}

/// Spans without gaps, from what was seen first on each of some days, oldest first.
pub fn spans<T>(seen: Vec<(Date, T)>) -> Vec<Span<T>> {
    let mut all: Vec<Span<T>> = Vec::with_capacity(seen.len());
    for (from, facts) in seen {
        if let Some(last) = all.last_mut() {
            last.until = Some(from);
        }
        all.push(Span { from, until: None, facts });
    }
    all
}

/// The span that held on a day; none before the first.
pub fn as_of<T>(spans: &[Span<T>], day: Date) -> Option<&Span<T>> {
    let behind = spans.partition_point(|span| span.from <= day);
    spans.get(behind.checked_sub(1)?)
}

/// What held of an account for some days, and through which connection's organization that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSpan {
    /// The connection.
    pub connect: BillConnectId,
    /// What held, and when.
    pub span: Span<AccountFacts>,
}

/// All accounts that an org knows, each with one line of time: its spans follow each other without gap or overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    timelines: BTreeMap<AccountId, Vec<AccountSpan>>,
}

/// What one connection's organization knows of an account over time.
type Known = (BillConnectId, Vec<Span<AccountFacts>>);

impl Accounts {
    /// The accounts that connections know. Where several know one, because it went from one organization to another, that
    /// counts on each day which has it then, and the one that saw it come last among several.
    pub fn new(known: impl IntoIterator<Item = (BillConnectId, AccountId, Vec<Span<AccountFacts>>)>) -> Self {
        let mut accounts: BTreeMap<AccountId, Vec<Known>> = BTreeMap::new();
        for (connect, account, spans) in known {
            accounts.entry(account).or_default().push((connect, spans));
        }
        let timelines = accounts.into_iter().map(|(account, known)| (account, merged(known)));
        Self { timelines: timelines.filter(|(_, spans)| !spans.is_empty()).collect() }
    }

    /// Every account with its spans, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&AccountId, &[AccountSpan])> {
        self.timelines.iter().map(|(account, spans)| (account, spans.as_slice()))
    }

    /// An account's spans, oldest first; none where it is not known.
    pub fn of(&self, account: &AccountId) -> &[AccountSpan] {
        self.timelines.get(account).map_or(&[], Vec::as_slice)
    }
}

/// One line of time out of several.
fn merged(mut known: Vec<Known>) -> Vec<AccountSpan> {
    if let [(connect, spans)] = &mut known[..] {
        let (connect, spans) = (connect.clone(), std::mem::take(spans));
        return spans.into_iter().map(|span| AccountSpan { connect: connect.clone(), span }).collect();
    }
    known.sort_by(|(left, _), (right, _)| left.cmp(right));
    let mut days: Vec<Date> = known.iter().flat_map(|(_, spans)| spans.iter().map(|span| span.from)).collect();
    days.sort_unstable();
    days.dedup();
    let mut all: Vec<AccountSpan> = Vec::new();
    for day in days {
        let held = known.iter().filter_map(|(connect, spans)| Some((connect, as_of(spans, day)?)));
        let best = held.max_by_key(|(_, span)| (span.facts.state != AccountState::Left, span.from));
        let Some((connect, held)) = best else { continue };
        if let Some(last) = all.last_mut() {
            if (&last.connect, &last.span.facts) == (connect, &held.facts) {
                continue;
            }
            last.span.until = Some(day);
        }
        let span = Span { from: day, until: None, facts: held.facts.clone() };
        all.push(AccountSpan { connect: connect.clone(), span });
    }
    all
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::super::facts::UnitPath;
    use super::*;

    fn facts(name: &str, state: AccountState) -> AccountFacts {
        let (unit, tags) = (UnitPath::default(), BTreeMap::new());
        AccountFacts { name: name.to_owned(), unit, tags, state, joined_method: None, joined_at: None }
    }

    const MINE: &str = "111111111111";

    /// What was seen of an account on a day.
    type Seen<'a> = (Date, &'a str, AccountState);

    /// The spans of one account as `connect from..until name`, from what connections saw on days.
    fn merge(known: &[(&str, &[Seen<'_>])]) -> Vec<String> {
        let known = known.iter().map(|(connect, seen)| {
            let seen = seen.iter().map(|(day, name, state)| (*day, facts(name, *state))).collect();
            (format!("aws-{connect}").parse().unwrap(), MINE.parse().unwrap(), spans(seen))
        });
        let accounts = Accounts::new(known);
        let spans = accounts.of(&MINE.parse().unwrap()).iter();
        let until = |span: &Span<AccountFacts>| span.until.map_or("now".to_owned(), |until| until.to_string());
        spans
            .map(|AccountSpan { connect, span }| {
                format!("{} {}..{} {}", &connect.as_ref()[4..6], span.from, until(span), span.facts.name)
            })
            .collect()
    }

    #[test]
    fn a_day_belongs_to_the_span_that_began_last() {
        let spans = spans(vec![(date!(2026 - 09 - 03), "a"), (date!(2026 - 09 - 15), "b")]);
        let at = |day| as_of(&spans, day).map(|span| span.facts);
        assert_eq!(at(date!(2026 - 09 - 02)), None);
        assert_eq!([date!(2026 - 09 - 03), date!(2026 - 09 - 14)].map(at), [Some("a"); 2]);
        assert_eq!([date!(2026 - 09 - 15), date!(2027 - 01 - 01)].map(at), [Some("b"); 2]);
    }

    #[test]
    fn an_account_that_went_to_another_organization_has_one_line_of_time() {
        let (active, left) = (AccountState::Active, AccountState::Left);
        let (june, july) = (date!(2026 - 06 - 01), date!(2026 - 07 - 01));
        let first = ("111111111111", &[(june, "a", active), (date!(2026 - 07 - 05), "a", left)][..]);
        let second = ("222222222222", &[(july, "b", active)][..]);
        let expect = ["11 2026-06-01..2026-07-01 a", "22 2026-07-01..now b"];
        assert_eq!(merge(&[first, second]), expect);
        assert_eq!(merge(&[second, first]), expect, "whatever the order");
        // The new organization is looked at only after the old one saw it go.
        let late = ("222222222222", &[(date!(2026 - 08 - 01), "b", active)][..]);
        assert_eq!(
            merge(&[first, late]),
            ["11 2026-06-01..2026-07-05 a", "11 2026-07-05..2026-08-01 a", "22 2026-08-01..now b"]
        );
        assert_eq!(merge(&[first]), ["11 2026-06-01..2026-07-05 a", "11 2026-07-05..now a"]);
    }
}
