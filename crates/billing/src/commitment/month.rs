//! One commitment in one month of a bill, and the part of it that falls into some days.
//!
//! A bill states what was bought and left unused once a month, on the month's first day. Over part of a month, what was bought
//! counts by the time, evenly, and what was used by when it was used; the rest was unused.

use time::OffsetDateTime;

use super::{Commitment, CommitmentKind, Days, Measure, overflow, plus};
use crate::money::Amount;
use crate::names::BillConnectId;
use crate::period::BillingPeriod;
use crate::reconcile::SumOverflow;

/// What a bill says of a commitment beside numbers; `None` where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each is what its name says, in the bill's own words")]
pub struct Facts {
    /// The account that bought it.
    pub account: Option<String>,
    pub account_name: Option<String>,
    /// AWS's code for the service.
    pub service: Option<String>,
    pub region: Option<String>,
    pub instance_type: Option<String>,
    /// How many instances it is for.
    pub instances: Option<Amount>,
    /// `No Upfront` and the like.
    pub purchase_option: Option<String>,
    /// `standard`, `convertible`, `ComputeSavingsPlans` and the like.
    pub offering_class: Option<String>,
    /// `1yr` and the like.
    pub term: Option<String>,
    /// As the bill writes it.
    pub starts: Option<String>,
    /// As the bill writes it.
    pub ends: Option<String>,
    /// What AWS's purchase is called in Cost Explorer, where the bill says it.
    pub subscription: Option<String>,
    /// What its quantity is in: `Hrs`, or a currency.
    pub unit: Option<String>,
    pub currency: Option<String>,
}

impl Facts {
    /// These, and the other's where these say nothing.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            account: self.account.or(other.account),
            account_name: self.account_name.or(other.account_name),
            service: self.service.or(other.service),
            region: self.region.or(other.region),
            instance_type: self.instance_type.or(other.instance_type),
            instances: self.instances.or(other.instances),
            purchase_option: self.purchase_option.or(other.purchase_option),
            offering_class: self.offering_class.or(other.offering_class),
            term: self.term.or(other.term),
            starts: self.starts.or(other.starts),
            ends: self.ends.or(other.ends),
            subscription: self.subscription.or(other.subscription),
            unit: self.unit.or(other.unit),
            currency: self.currency.or(other.currency),
        }
    }
}

/// Usage that a commitment covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedPart {
    /// Where it lies across the first or the last instant of the days asked about: its own first instant, and the one after it.
    /// It then counts by the share of its time that lies within them.
    pub across: Option<(OffsetDateTime, OffsetDateTime)>,
    /// Of the commitment; `None` where the bill does not say.
    pub quantity: Option<Amount>,
    /// Effective cost.
    pub cost: Amount,
    /// At the public on-demand price.
    pub list: Amount,
}

/// A commitment in a month, as the bill has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthUse {
    /// The connection.
    pub connect: BillConnectId,
    /// The month.
    pub period: BillingPeriod,
    /// The commitment.
    pub id: String,
    /// What sort it is.
    pub kind: CommitmentKind,
    /// What else is said of it.
    pub facts: Facts,
    /// What its fees say was bought: of the whole month, even where that is not over.
    pub stated: Option<Amount>,
    /// The first instant that its fees are for, and the one after; the whole month where there are none.
    pub paid: Option<(OffsetDateTime, OffsetDateTime)>,
    /// What was used in the whole month.
    pub used: UsedPart,
    /// What was left unused of the whole month: how much, where the bill says so, and its effective cost.
    pub unused: (Option<Amount>, Amount),
    /// Until when something used it.
    pub used_until: Option<OffsetDateTime>,
    /// What was billed.
    pub billed: Amount,
    /// What of it was used in the days asked about.
    pub within: Vec<UsedPart>,
}

impl MonthUse {
    /// What of it falls into `days`. The month's bill goes until `seen_until`.
    pub(super) fn over(self, days: Days, seen_until: Option<OffsetDateTime>) -> Result<Commitment, SumOverflow> {
        let time = self.time(seen_until);
        let part = overlap(time, (days.start(), days.end()));
        if part == seconds(time) {
            return self.whole();
        }
        let (quantity, cost, covered) = self.partly((part, seconds(time)), days)?;
        Ok(self.named(quantity, cost, covered))
    }

    /// All that the month's bill says of it, whatever days its fees are for.
    pub fn whole(self) -> Result<Commitment, SumOverflow> {
        let quantity = match (self.used.quantity, self.unused.0) {
            (Some(used), Some(unused)) => Some(Measure::new(used, unused)?),
            _ => None,
        };
        let (cost, covered) = (Measure::new(self.used.cost, self.unused.1)?, self.used.list);
        Ok(self.named(quantity, cost, covered))
    }

    fn named(self, quantity: Option<Measure>, cost: Measure, covered: Amount) -> Commitment {
        Commitment {
            id: self.id,
            kind: self.kind,
            connect: self.connect,
            facts: self.facts,
            quantity,
            cost,
            billed: self.billed,
            covered,
            coverable: Amount::ZERO,
        }
    }

    /// Quantity, cost and what was covered in so many seconds of those that were bought.
    fn partly(&self, part: (i128, i128), days: Days) -> Result<(Option<Measure>, Measure, Amount), SumOverflow> {
        let (mut quantity, mut cost, mut list) = (Some(Amount::ZERO), Amount::ZERO, Amount::ZERO);
        for used in &self.within {
            let share = |amount: Amount| match used.across {
                Some(across) => share(amount, (overlap(across, (days.start(), days.end())), seconds(across))),
                None => Ok(amount),
            };
            quantity = match (quantity, used.quantity) {
                (Some(sum), Some(more)) => Some(plus(sum, share(more)?)?),
                _ => None,
            };
            cost = plus(cost, share(used.cost)?)?;
            list = plus(list, share(used.list)?)?;
        }
        // Bought by the time, used as it was used: the rest is unused.
        let measure = |whole: Amount, used: Amount| {
            let bought = share(whole, part)?;
            let unused = bought.checked_sub(used).ok_or_else(overflow)?;
            Ok(Measure { bought, used, unused })
        };
        let bought = match (self.used.quantity, self.unused.0) {
            (Some(used), Some(unused)) => Some(plus(used, unused)?),
            _ => None,
        };
        let quantity = bought.zip(quantity).map(|(bought, used)| measure(bought, used)).transpose()?;
        Ok((quantity, measure(plus(self.used.cost, self.unused.1)?, cost)?, list))
    }

    /// The time that used and unused together were bought for: what the fees say, or, where these already name hours of the month
    /// that are still to come, only until where the bill goes.
    fn time(&self, seen_until: Option<OffsetDateTime>) -> (OffsetDateTime, OffsetDateTime) {
        let month = (self.period.start(), self.period.end());
        let (from, until) = self.paid.filter(|(from, until)| from < until).unwrap_or(month);
        let known = self.used.quantity.zip(self.unused.0).and_then(|(used, unused)| used.checked_add(unused));
        let to_date = self.stated.zip(known).is_some_and(|(stated, known)| known < stated);
        match seen_until {
            Some(seen) if to_date && seen > from => (from, until.min(seen)),
            _ => (from, until),
        }
    }
}

type Span = (OffsetDateTime, OffsetDateTime);

/// Whole seconds of a span. AWS ends some with a period's last second instead of the instant after it.
fn seconds((from, until): Span) -> i128 {
    let seconds = i128::from((until - from).whole_seconds());
    if seconds % 60 == 59 { seconds + 1 } else { seconds }
}

/// Whole seconds of `span` that lie in `window`.
fn overlap(span: Span, window: Span) -> i128 {
    let (from, until) = (span.0.max(window.0), span.1.min(window.1));
    if until <= from { 0 } else { seconds((from, until)) }
}

/// So many seconds' share of what so many cost, to the nearest of 18 decimals.
fn share(amount: Amount, (part, whole): (i128, i128)) -> Result<Amount, SumOverflow> {
    if whole <= 0 {
        return Ok(Amount::ZERO);
    }
    let product = amount.unscaled().checked_mul(part).ok_or_else(overflow)?;
    let half = if product < 0 { -(whole / 2) } else { whole / 2 };
    Ok(Amount::from_unscaled((product + half) / whole))
}

#[cfg(test)]
mod tests {
    use time::macros::{date, datetime};

    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    fn used(quantity: &str, cost: &str) -> UsedPart {
        UsedPart { across: None, quantity: Some(amount(quantity)), cost: amount(cost), list: amount(cost) }
    }

    /// A reservation of one instance in September, 720 hours, of which 600 were used.
    fn september() -> MonthUse {
        MonthUse {
            connect: "aws-123456789012".parse().unwrap(),
            period: "2026-09".parse().unwrap(),
            id: "arn:r".to_owned(),
            kind: CommitmentKind::Reservation,
            facts: Facts::default(),
            stated: Some(amount("720")),
            paid: Some((datetime!(2026-09-01 0:00 UTC), datetime!(2026-10-01 0:00 UTC))),
            used: used("600", "60"),
            unused: (Some(amount("120")), amount("12")),
            used_until: Some(datetime!(2026-10-01 0:00 UTC)),
            billed: amount("72"),
            within: vec![used("160", "16")],
        }
    }

    fn over(month: MonthUse, from: time::Date, until: time::Date) -> Commitment {
        let seen = month.used_until;
        month.over(Days { from, until }, seen).unwrap()
    }

    #[test]
    fn a_whole_month_is_as_the_bill_states_it() {
        let month = over(september(), date!(2026 - 09 - 01), date!(2026 - 10 - 01));
        let expect = Measure { bought: amount("720"), used: amount("600"), unused: amount("120") };
        assert_eq!((month.quantity, month.cost.unused), (Some(expect), amount("12")));
        assert_eq!(month.utilization().unwrap().to_string(), "83.333333333333333333");
        let wider = over(september(), date!(2026 - 01 - 01), date!(2027 - 01 - 01));
        assert_eq!(wider.quantity, Some(expect));
    }

    #[test]
    fn over_seven_days_the_fee_of_the_first_is_spread_evenly() {
        let week = over(september(), date!(2026 - 09 - 08), date!(2026 - 09 - 15));
        let hours = Measure { bought: amount("168"), used: amount("160"), unused: amount("8") };
        assert_eq!(week.quantity, Some(hours));
        assert_eq!(week.cost, Measure { bought: amount("16.8"), used: amount("16"), unused: amount("0.8") });
        let none = over(MonthUse { within: Vec::new(), ..september() }, date!(2026 - 10 - 01), date!(2026 - 10 - 08));
        assert_eq!(none.quantity, Some(Measure::default()));
    }

    #[test]
    fn usage_across_an_edge_counts_by_its_time() {
        let across = Some((datetime!(2026-09-01 0:00 UTC), datetime!(2026-09-30 23:59:59 UTC)));
        let within = vec![UsedPart { across, ..used("600", "60") }];
        let week = over(MonthUse { within, ..september() }, date!(2026 - 09 - 08), date!(2026 - 09 - 15));
        assert_eq!(
            week.quantity.unwrap(),
            Measure { bought: amount("168"), used: amount("140"), unused: amount("28") }
        );
    }

    #[test]
    fn of_an_open_month_only_the_days_that_are_billed_count() {
        // Ten days are billed: 240 hours, 200 of them used; the fee names all 720.
        let open = MonthUse {
            used: used("200", "20"),
            unused: (Some(amount("40")), amount("4")),
            used_until: Some(datetime!(2026-09-11 0:00 UTC)),
            within: vec![used("60", "6")],
            ..september()
        };
        let days = over(open.clone(), date!(2026 - 09 - 08), date!(2026 - 09 - 15));
        assert_eq!(days.quantity.unwrap(), Measure { bought: amount("72"), used: amount("60"), unused: amount("12") });
        // Where the unused hours of the days to come are among those that are stated, they are spread over the whole month.
        let whole = MonthUse { unused: (Some(amount("520")), amount("52")), ..open };
        let days = over(whole, date!(2026 - 09 - 08), date!(2026 - 09 - 11));
        assert_eq!(days.quantity.unwrap(), Measure { bought: amount("72"), used: amount("60"), unused: amount("12") });
    }

    #[test]
    fn what_the_bill_does_not_state_is_not_made_up() {
        let silent = MonthUse { unused: (None, amount("12")), ..september() };
        for (from, until) in
            [(date!(2026 - 09 - 01), date!(2026 - 10 - 01)), (date!(2026 - 09 - 08), date!(2026 - 09 - 15))]
        {
            let found = over(silent.clone(), from, until);
            assert_eq!(found.quantity, None);
            assert!(found.utilization().is_some(), "by cost");
        }
    }
}
