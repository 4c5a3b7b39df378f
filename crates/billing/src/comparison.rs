//! What changed between two deliveries of a month, in money: by account, service and line item type.
//!
//! *Invariant:* the changes of the lines add up to the change of the total, to the last digit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::cost_query::Dimension;
use crate::history::PastDelivery;
use crate::money::Amount;
use crate::reconcile::SumOverflow;

/// What a comparison is broken down by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breakdown {
    /// The account that used what is charged.
    Account,
    /// AWS's service.
    Service,
    /// AWS's line item type.
    LineItemType,
}

impl Breakdown {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 3] = [Self::Account, Self::Service, Self::LineItemType];

    /// Its name, as requests and answers spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Service => "service",
            Self::LineItemType => "lineItemType",
        }
    }

    /// The same in questions about costs.
    pub fn dimension(self) -> Dimension {
        match self {
            Self::Account => Dimension::VendorAccount,
            Self::Service => Dimension::Service,
            Self::LineItemType => Dimension::LineItemType,
        }
    }
}

impl fmt::Display for Breakdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that is no [`Breakdown`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is nothing to compare by; there are `account`, `service` and `lineItemType`")]
pub struct UnknownBreakdown(String);

impl FromStr for Breakdown {
    type Err = UnknownBreakdown;

    /// Reads any spelling of the words: `lineItemType`, `line_item_type`, `line-item-type`.
    fn from_str(text: &str) -> Result<Self, UnknownBreakdown> {
        let plain = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
        let known = Self::ALL.into_iter().find(|known| plain(known.name()) == plain(text));
        known.ok_or_else(|| UnknownBreakdown(crate::names::quotable(text)))
    }
}

/// What some charges of a delivery sum to. Split cost allocation rows are counted, but in no sum of cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ChargeSums {
    /// Charges, those that splitting added among them.
    pub charges: i64,
    /// `BilledCost`.
    pub billed: Amount,
    /// `EffectiveCost`.
    pub effective: Amount,
    /// `ListCost`.
    pub list: Amount,
}

impl ChargeSums {
    fn plus(self, other: Self) -> Result<Self, SumOverflow> {
        self.combine(other, Amount::checked_add, self.charges + other.charges)
    }

    fn minus(self, other: Self) -> Result<Self, SumOverflow> {
        self.combine(other, Amount::checked_sub, self.charges - other.charges)
    }

    fn combine(
        self,
        other: Self,
        with: impl Fn(Amount, Amount) -> Option<Amount>,
        charges: i64,
    ) -> Result<Self, SumOverflow> {
        let with = |left, right| with(left, right).ok_or_else(|| SumOverflow { what: "a comparison".to_owned() });
        Ok(Self {
            charges,
            billed: with(self.billed, other.billed)?,
            effective: with(self.effective, other.effective)?,
            list: with(self.list, other.list)?,
        })
    }
}

/// What one combination of values was and is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeLine {
    /// The values, in the order of [`Comparison::by`]; none in the total.
    pub values: Vec<String>,
    /// In the one delivery; zero where it has none of this.
    pub from: ChargeSums,
    /// In the other.
    pub to: ChargeSums,
    /// The other less the one.
    pub change: ChargeSums,
}

impl ChangeLine {
    fn of(values: Vec<String>, from: ChargeSums, to: ChargeSums) -> Result<Self, SumOverflow> {
        Ok(Self { values, from, to, change: to.minus(from)? })
    }

    /// Whether anything changed.
    pub fn differs(&self) -> bool {
        self.change != ChargeSums::default()
    }
}

/// Which lines a comparison lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lines {
    /// Those in which something changed.
    #[default]
    Changed,
    /// All.
    All,
}

/// Two deliveries of a month, compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The one.
    pub from: PastDelivery,
    /// The other.
    pub to: PastDelivery,
    /// What the lines are by.
    #[serde(serialize_with = "names")]
    pub by: Vec<Breakdown>,
    /// The largest change of `BilledCost` first.
    pub lines: Vec<ChangeLine>,
    /// All charges.
    pub total: ChangeLine,
}

fn names<S: serde::Serializer>(by: &[Breakdown], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(by.iter().map(|by| by.name()))
}

/// The sums of a delivery's charges by values.
pub type SumsByValues = BTreeMap<Vec<String>, ChargeSums>;

/// Compares two deliveries: the lines that are asked for, and the total of all.
pub fn compare(
    from: &SumsByValues,
    to: &SumsByValues,
    which: Lines,
) -> Result<(Vec<ChangeLine>, ChangeLine), SumOverflow> {
    let total = |sums: &SumsByValues| sums.values().try_fold(ChargeSums::default(), |all, sums| all.plus(*sums));
    let total = ChangeLine::of(Vec::new(), total(from)?, total(to)?)?;
    let keys: BTreeSet<&Vec<String>> = from.keys().chain(to.keys()).collect();
    let sums = |of: &SumsByValues, key: &Vec<String>| of.get(key).copied().unwrap_or_default();
    let lines = keys.into_iter().map(|key| ChangeLine::of(key.clone(), sums(from, key), sums(to, key)));
    let mut lines = lines.collect::<Result<Vec<_>, _>>()?;
    lines.retain(|line| which == Lines::All || line.differs());
    // Stable, so that lines of the same size stay in the order of their values.
    lines.sort_by_key(|line| {
        let size = |amount: Amount| std::cmp::Reverse(amount.unscaled().unsigned_abs());
        (size(line.change.billed), size(line.change.effective))
    });
    Ok((lines, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    fn sums(lines: &[(&str, i64, &str)]) -> SumsByValues {
        let one = |(name, charges, cost): &(&str, i64, &str)| {
            let sums =
                ChargeSums { charges: *charges, billed: amount(cost), effective: amount(cost), list: Amount::ZERO };
            (vec![(*name).to_owned()], sums)
        };
        lines.iter().map(one).collect()
    }

    #[test]
    fn only_what_changed_is_listed_and_adds_up_to_the_total() {
        let from = sums(&[("gone", 1, "0.1"), ("same", 5, "7"), ("less", 2, "3"), ("moved", 1, "1")]);
        let to = sums(&[("same", 5, "7"), ("less", 2, "2.000000000000000001"), ("moved", 2, "1"), ("new", 1, "-40")]);
        let (lines, total) = compare(&from, &to, Lines::Changed).unwrap();
        let shown: Vec<_> =
            lines.iter().map(|line| (line.values[0].as_str(), line.change.billed.to_string())).collect();
        let expect = [("new", "-40"), ("less", "-0.999999999999999999"), ("gone", "-0.1"), ("moved", "0")];
        assert_eq!(shown, expect.map(|(name, change)| (name, change.to_owned())));
        assert_eq!(total.from.billed, amount("11.1"));
        let added = lines.iter().fold(ChargeSums::default(), |all, line| all.plus(line.change).unwrap());
        assert_eq!(added, total.change);
        let (all, same_total) = compare(&from, &to, Lines::All).unwrap();
        assert_eq!((all.len(), same_total), (5, total));
        assert!(!all[4].differs() && all[4].values == ["same"], "{all:?}");
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let (huge, minus) = ("99999999999999999999", "-99999999999999999999");
        assert!(compare(&sums(&[("a", 1, minus)]), &sums(&[("a", 1, huge)]), Lines::All).is_err());
    }

    #[test]
    fn breakdowns_are_read_in_any_spelling() {
        for known in ["lineItemType", "line_item_type", "line-item-type"] {
            assert_eq!(known.parse(), Ok(Breakdown::LineItemType));
        }
        assert_eq!("account".parse(), Ok(Breakdown::Account));
        assert!("region".parse::<Breakdown>().unwrap_err().to_string().contains("`lineItemType`"));
    }
}
