//! Commitments as a bill states them: what reservations and savings plans bought, what of it was used, and what that covered.
//!
//! *Invariant:* used and unused add up to what was bought, to the last digit, over any days.

mod coverage;
mod month;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime, Time};

pub use coverage::{COVERABLE, Coverable, CoverableUsage, Coverage, instance_family, instance_type};
pub use month::{Facts, MonthUse, UsedPart};

use crate::money::Amount;
use crate::names::BillConnectId;
use crate::period::BillingPeriod;
use crate::reconcile::SumOverflow;

/// What sort of commitment it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommitmentKind {
    /// To hours of an instance.
    Reservation,
    /// To an amount of money an hour.
    SavingsPlan,
}

impl CommitmentKind {
    /// Every sort.
    pub const ALL: [Self; 2] = [Self::Reservation, Self::SavingsPlan];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reservation => "reservation",
            Self::SavingsPlan => "savings-plan",
        }
    }

    /// The sort that FOCUS's `CommitmentDiscountType` names. AWS writes `Reserved Instance` in one version of its exports, and
    /// `Reservation` in others.
    pub fn of_type(text: &str) -> Option<Self> {
        match text {
            "Savings Plan" | "SavingsPlan" => Some(Self::SavingsPlan),
            reserved if reserved.starts_with("Reserv") => Some(Self::Reservation),
            _ => None,
        }
    }
}

/// The days that are asked about, in UTC: `from` is the first of them, `until` the first after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Days {
    /// The first day.
    pub from: Date,
    /// The first day after the last.
    pub until: Date,
}

impl Days {
    /// A billing period's.
    pub fn of(period: BillingPeriod) -> Self {
        Self { from: period.first_day(), until: period.end().date() }
    }

    /// Their first instant.
    pub fn start(self) -> OffsetDateTime {
        self.from.with_time(Time::MIDNIGHT).assume_utc()
    }

    /// The first instant after them.
    pub fn end(self) -> OffsetDateTime {
        self.until.with_time(Time::MIDNIGHT).assume_utc()
    }
}

/// What was bought, and what became of it: hours of a reservation, or an amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Measure {
    /// Used and unused together.
    pub bought: Amount,
    /// What something used.
    pub used: Amount,
    /// What nothing used.
    pub unused: Amount,
}

impl Measure {
    /// Of what was used, and what was not.
    pub(crate) fn new(used: Amount, unused: Amount) -> Result<Self, SumOverflow> {
        Ok(Self { bought: plus(used, unused)?, used, unused })
    }

    fn add(self, other: Self) -> Result<Self, SumOverflow> {
        Self::new(plus(self.used, other.used)?, plus(self.unused, other.unused)?)
    }

    /// The percentage that was used, to the nearest of 18 decimals; `None` where nothing was bought.
    pub fn utilization(&self) -> Option<Amount> {
        percentage(self.used, self.bought)
    }
}

/// One commitment over some days, as the bill has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    /// AWS's ARN, or whatever else the bill calls it.
    pub id: String,
    /// What sort it is.
    pub kind: CommitmentKind,
    /// The connection that its bill came through.
    pub connect: BillConnectId,
    /// What else the bill says of it.
    pub facts: Facts,
    /// Hours of a reservation, or the commitment in money of a savings plan; `None` where the bill does not state how much was
    /// left unused, as FOCUS 1.0 does not of reservations.
    pub quantity: Option<Measure>,
    /// Effective cost.
    pub cost: Measure,
    /// What it billed in these days' months: fees and purchases.
    pub billed: Amount,
    /// The public on-demand price of what it covered.
    pub covered: Amount,
    /// The public on-demand price of what it could have covered, covered or not.
    pub coverable: Amount,
}

impl Commitment {
    /// The percentage of it that was used: by quantity, or by cost where the quantity is not known.
    pub fn utilization(&self) -> Option<Amount> {
        self.quantity.as_ref().unwrap_or(&self.cost).utilization()
    }

    /// The percentage of what it could have covered that it did cover; `None` where there was nothing to cover.
    pub fn coverage(&self) -> Option<Amount> {
        percentage(self.covered, self.coverable)
    }

    /// The last part of its ARN: what AWS's console shows.
    pub fn short_id(&self) -> &str {
        short(&self.id)
    }
}

/// The last part of an ARN: `ri-2026-0001` of `arn:aws:ec2:eu-west-1:123456789012:reserved-instances/ri-2026-0001`.
pub fn short(id: &str) -> &str {
    let tail = id.rsplit(['/', ':']).next().unwrap_or_default();
    if tail.is_empty() { id } else { tail }
}

/// All commitments over some days, and what could have been covered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommitmentUse {
    /// By connection, sort and id.
    pub commitments: Vec<Commitment>,
    /// By service, region and instance type, of the usage that starts in these days.
    pub coverage: Vec<Coverage>,
    /// Until when the bill has usage under commitments, by connection; not beyond the days asked about.
    pub seen_until: BTreeMap<BillConnectId, OffsetDateTime>,
}

/// What the months of a bill say of commitments over `days`.
pub fn over(months: Vec<MonthUse>, usage: &[CoverableUsage], days: Days) -> Result<CommitmentUse, SumOverflow> {
    let mut seen: BTreeMap<(BillConnectId, BillingPeriod), OffsetDateTime> = BTreeMap::new();
    for month in &months {
        if let Some(until) = month.used_until {
            let known = seen.entry((month.connect.clone(), month.period)).or_insert(until);
            *known = (*known).max(until);
        }
    }
    let mut all: BTreeMap<(BillConnectId, CommitmentKind, String), Commitment> = BTreeMap::new();
    for month in months {
        let until = seen.get(&(month.connect.clone(), month.period)).copied();
        let part = month.over(days, until)?;
        let key = (part.connect.clone(), part.kind, part.id.clone());
        match all.get_mut(&key) {
            Some(known) => known.merge(part)?,
            None => drop(all.insert(key, part)),
        }
    }
    let mut commitments: Vec<Commitment> = all.into_values().collect();
    for commitment in &mut commitments {
        commitment.coverable = coverage::coverable_by(commitment, usage)?;
    }
    let mut seen_until = BTreeMap::new();
    for ((connect, _), until) in seen {
        let until = until.min(days.end());
        let known = seen_until.entry(connect).or_insert(until);
        *known = (*known).max(until);
    }
    Ok(CommitmentUse { commitments, coverage: coverage::sums(usage)?, seen_until })
}

impl Commitment {
    /// Adds a later month of the same commitment.
    fn merge(&mut self, later: Self) -> Result<(), SumOverflow> {
        self.quantity = match (self.quantity, later.quantity) {
            (Some(earlier), Some(later)) => Some(earlier.add(later)?),
            _ => None,
        };
        self.cost = self.cost.add(later.cost)?;
        self.billed = plus(self.billed, later.billed)?;
        self.covered = plus(self.covered, later.covered)?;
        self.facts = later.facts.or(std::mem::take(&mut self.facts));
        Ok(())
    }
}

pub(crate) fn plus(left: Amount, right: Amount) -> Result<Amount, SumOverflow> {
    left.checked_add(right).ok_or_else(overflow)
}

fn overflow() -> SumOverflow {
    SumOverflow { what: "a commitment".to_owned() }
}

/// `part` as a percentage of `whole`, to the nearest of 18 decimals; `None` of nothing.
pub fn percentage(part: Amount, whole: Amount) -> Option<Amount> {
    let hundredfold = part.unscaled().checked_mul(100).map(Amount::from_unscaled)?;
    hundredfold.per(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_exact_or_rounded_at_the_end() {
        let amount = |text: &str| text.parse::<Amount>().unwrap();
        assert_eq!(percentage(amount("3"), amount("4")), Some(amount("75")));
        assert_eq!(percentage(amount("1"), amount("3")), Some(amount("33.333333333333333333")));
        assert_eq!(percentage(amount("0"), amount("3")), Some(Amount::ZERO));
        assert_eq!(percentage(amount("1"), Amount::ZERO), None);
    }

    #[test]
    fn sorts_are_told_by_the_names_that_focus_and_aws_use() {
        for (text, kind) in [
            ("Reserved Instance", Some(CommitmentKind::Reservation)),
            ("Reservation", Some(CommitmentKind::Reservation)),
            ("Savings Plan", Some(CommitmentKind::SavingsPlan)),
            ("SavingsPlan", Some(CommitmentKind::SavingsPlan)),
            ("Something else", None),
        ] {
            assert_eq!(CommitmentKind::of_type(text), kind, "{text}");
        }
    }

    #[test]
    fn short_ids_are_what_a_console_shows() {
        assert_eq!(short("arn:aws:ec2:eu-west-1:123456789012:reserved-instances/ri-1"), "ri-1");
        assert_eq!(short("arn:aws:elasticache:eu-west-1:123456789012:reserved-instance:ri-2"), "ri-2");
        assert_eq!(short("odd/"), "odd/");
    }
}
