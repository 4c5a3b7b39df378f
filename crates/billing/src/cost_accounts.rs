//! What questions about costs ask of accounts: which dimensions are known of them, and as of when.

use std::fmt;
use std::str::FromStr;

use time::Date;
use time::macros::format_description;

use crate::cost_filter::Filter;
use crate::cost_names::Dimension;
use crate::cost_query::CostQuery;

/// As of when an account's name, units and tags count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AccountsAsOf {
    /// On the day of each charge's start, in UTC: what a month cost a unit stays as it was.
    #[default]
    UsageDay,
    /// Today, for all charges: the past by today's tree.
    Today,
    /// On one day, for all charges.
    Day(Date),
}

/// A text that is no such time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is `usage_day`, `today`, or a day like `2026-09-30`")]
pub struct NoAccountsAsOf;

impl FromStr for AccountsAsOf {
    type Err = NoAccountsAsOf;

    fn from_str(text: &str) -> Result<Self, NoAccountsAsOf> {
        match text {
            "usage_day" => Ok(Self::UsageDay),
            "today" => Ok(Self::Today),
            day => {
                Date::parse(day, format_description!("[year]-[month]-[day]")).map(Self::Day).map_err(|_| NoAccountsAsOf)
            }
        }
    }
}

impl fmt::Display for AccountsAsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UsageDay => f.write_str("usage_day"),
            Self::Today => f.write_str("today"),
            Self::Day(day) => day.fmt(f),
        }
    }
}

impl CostQuery {
    /// The dimensions that the question groups or filters by which are known of accounts, each once.
    pub fn account_dimensions(&self) -> Vec<&Dimension> {
        let mut all: Vec<&Dimension> = self.dimensions.iter().collect();
        if let Some(filter) = &self.filter {
            named(filter, &mut all);
        }
        let mut known: Vec<&Dimension> = Vec::new();
        for dimension in all.into_iter().filter(|dimension| dimension.is_of_account()) {
            if !known.contains(&dimension) {
                known.push(dimension);
            }
        }
        known
    }
}

/// Adds the dimensions that a filter names.
fn named<'a>(filter: &'a Filter, all: &mut Vec<&'a Dimension>) {
    match filter {
        Filter::Equal { dimension, .. }
        | Filter::Substring { dimension, .. }
        | Filter::Is { dimension, .. }
        | Filter::Missing { dimension } => all.push(dimension),
        Filter::And { expressions } | Filter::Or { expressions } => {
            for filter in expressions {
                named(filter, all);
            }
        }
        Filter::Not { expression } => named(expression, all),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::{date, datetime};

    use super::*;

    #[test]
    fn times_read_back_as_themselves() {
        for when in [AccountsAsOf::UsageDay, AccountsAsOf::Today, AccountsAsOf::Day(date!(2026 - 09 - 30))] {
            assert_eq!(when.to_string().parse(), Ok(when));
        }
        for wrong in ["", "yesterday", "2026-09", "2026-02-30"] {
            assert_eq!(wrong.parse::<AccountsAsOf>(), Err(NoAccountsAsOf), "{wrong}");
        }
    }

    #[test]
    fn what_is_known_of_accounts_is_found_wherever_it_is_named() {
        let equal = |name: &str| Filter::Equal { dimension: name.parse().unwrap(), value: "x".to_owned() };
        let inner = Filter::Not { expression: Box::new(Filter::And { expressions: vec![equal("account_tag_team")] }) };
        let filter = Filter::Or { expressions: vec![equal("service"), inner, equal("account_unit_1")] };
        let dimensions = vec!["region".parse().unwrap(), "account_unit_1".parse().unwrap()];
        let (from, until) = (datetime!(2026-09-01 0:00 UTC), datetime!(2026-10-01 0:00 UTC));
        let question = CostQuery { dimensions, filter: Some(filter), ..CostQuery::over(from, until) };
        let known: Vec<String> = question.account_dimensions().iter().map(|dimension| dimension.id()).collect();
        assert_eq!(known, ["account_unit_1", "account_tag_team"]);
        assert!(CostQuery::over(from, until).account_dimensions().is_empty());
    }
}
