//! One line of a bill as the generator means it: its type, its money, and what a right reader makes of them.

use std::sync::Arc;

use crate::cells::Cells;
use crate::column::Col;
use crate::dec::Dec;

/// `lineItem/LineItemType`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineType {
    Usage,
    DiscountedUsage,
    Fee,
    RiFee,
    SavingsPlanCoveredUsage,
    SavingsPlanNegation,
    SavingsPlanRecurringFee,
    SavingsPlanUpfrontFee,
    Credit,
    Refund,
    Tax,
    Discount,
    BundledDiscount,
    EdpDiscount,
    PrivateRateDiscount,
    FlatRateSubscription,
    /// A type that AWS has not thought of yet.
    Novel,
}

impl LineType {
    pub(crate) const ALL: [Self; 17] = [
        Self::Usage,
        Self::DiscountedUsage,
        Self::Fee,
        Self::RiFee,
        Self::SavingsPlanCoveredUsage,
        Self::SavingsPlanNegation,
        Self::SavingsPlanRecurringFee,
        Self::SavingsPlanUpfrontFee,
        Self::Credit,
        Self::Refund,
        Self::Tax,
        Self::Discount,
        Self::BundledDiscount,
        Self::EdpDiscount,
        Self::PrivateRateDiscount,
        Self::FlatRateSubscription,
        Self::Novel,
    ];

    /// As AWS spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Usage => "Usage",
            Self::DiscountedUsage => "DiscountedUsage",
            Self::Fee => "Fee",
            Self::RiFee => "RIFee",
            Self::SavingsPlanCoveredUsage => "SavingsPlanCoveredUsage",
            Self::SavingsPlanNegation => "SavingsPlanNegation",
            Self::SavingsPlanRecurringFee => "SavingsPlanRecurringFee",
            Self::SavingsPlanUpfrontFee => "SavingsPlanUpfrontFee",
            Self::Credit => "Credit",
            Self::Refund => "Refund",
            Self::Tax => "Tax",
            Self::Discount => "Discount",
            Self::BundledDiscount => "BundledDiscount",
            Self::EdpDiscount => "EdpDiscount",
            Self::PrivateRateDiscount => "PrivateRateDiscount",
            Self::FlatRateSubscription => "FlatRateSubscription",
            Self::Novel => "OrbitalSurcharge",
        }
    }
}

/// What a line is about beyond its type, where that changes what it costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Plain,
    /// The upfront fee of a reservation: `reservation/ReservationARN` is filled.
    ReservationUpfront,
    /// Split cost allocation: repeats cost that its instance carries.
    Split,
}

/// The money of a line; `None` is an empty cell. The totals are worked out from these numbers, and the cells are
/// written from them: no total ever comes from a cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Money {
    pub(crate) kind: Kind,
    pub(crate) unblended: Dec,
    pub(crate) blended: Option<Dec>,
    pub(crate) on_demand: Option<Dec>,
    pub(crate) reservation_effective: Option<Dec>,
    pub(crate) unused_upfront: Option<Dec>,
    pub(crate) unused_recurring: Option<Dec>,
    pub(crate) plan_effective: Option<Dec>,
    pub(crate) total_commitment: Option<Dec>,
    pub(crate) used_commitment: Option<Dec>,
    /// What the line is to a commitment, if it is about one.
    pub(crate) committed: Option<Committed>,
    /// Whether a commitment could have covered it.
    pub(crate) coverable: bool,
}

/// What a line is to a reservation or a savings plan.
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    pub(crate) arn: Arc<str>,
    pub(crate) part: Part,
}

/// Which part of a commitment a line is about: hours of a reservation, or money of a savings plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// So much was used.
    Used(Dec),
    /// So much was bought, and so much of it was not used.
    Bought { bought: Dec, unused: Dec },
    /// A payment on its own.
    Paid,
}

impl Money {
    /// Writes the cells that this states. Net columns follow an enterprise discount of 9 %.
    pub(crate) fn write(&self, cells: &mut Cells) {
        cells.set_amount(Col::UnblendedCost, self.unblended);
        cells.set_amount(Col::NetUnblendedCost, net(self.unblended));
        let optional = [
            (Col::BlendedCost, self.blended),
            (Col::PricingPublicOnDemandCost, self.on_demand),
            (Col::ReservationEffectiveCost, self.reservation_effective),
            (Col::ReservationNetEffectiveCost, self.reservation_effective.map(net)),
            (Col::ReservationUnusedAmortizedUpfrontFeeForBillingPeriod, self.unused_upfront),
            (Col::ReservationUnusedRecurringFee, self.unused_recurring),
            (Col::PlanEffectiveCost, self.plan_effective),
            (Col::PlanNetEffectiveCost, self.plan_effective.map(net)),
            (Col::PlanTotalCommitmentToDate, self.total_commitment),
            (Col::PlanUsedCommitment, self.used_commitment),
        ];
        for (col, amount) in optional {
            if let Some(amount) = amount {
                cells.set_amount(col, amount);
            }
        }
    }

    /// What a right reader makes of a line of this type.
    pub(crate) fn charges(&self, line_type: LineType) -> Charges {
        use LineType as T;
        let unblended = self.unblended;
        let on_demand = self.on_demand.unwrap_or_default();
        let or_zero = Option::unwrap_or_default;
        if self.kind == Kind::Split {
            return Charges::default();
        }
        // One arm for each row of the table in the crate's documentation.
        let (billed, effective, list) = match line_type {
            T::DiscountedUsage => (unblended, or_zero(self.reservation_effective), on_demand),
            T::SavingsPlanCoveredUsage => (Dec::ZERO, or_zero(self.plan_effective), on_demand),
            T::SavingsPlanNegation => (Dec::ZERO, Dec::ZERO, Dec::ZERO),
            T::RiFee | T::SavingsPlanRecurringFee | T::SavingsPlanUpfrontFee => (unblended, Dec::ZERO, unblended),
            T::Fee if self.kind == Kind::ReservationUpfront => (unblended, Dec::ZERO, unblended),
            T::Discount | T::BundledDiscount | T::EdpDiscount | T::PrivateRateDiscount => {
                (unblended, unblended, Dec::ZERO)
            }
            _ => (unblended, unblended, self.on_demand.unwrap_or(unblended)),
        };
        Charges {
            unblended,
            billed,
            effective,
            list,
            unused: self.unused(line_type).filter(|unused| *unused > Dec::ZERO),
        }
    }

    /// The part of a commitment's fee that nothing used; `None` for a line that is no such fee.
    fn unused(&self, line_type: LineType) -> Option<Dec> {
        match line_type {
            LineType::RiFee => {
                Some(self.unused_upfront.unwrap_or_default() + self.unused_recurring.unwrap_or_default())
            }
            LineType::SavingsPlanRecurringFee => {
                Some(self.total_commitment.unwrap_or_default() - self.used_commitment.unwrap_or_default())
            }
            _ => None,
        }
    }
}

/// After the enterprise discount. No total uses it: the discount has lines of its own.
fn net(amount: Dec) -> Dec {
    amount.times(Dec::of("0.91"))
}

/// What one line adds to the sums, and the effective cost of the Unused charge that splitting it adds, if any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Charges {
    pub(crate) unblended: Dec,
    pub(crate) billed: Dec,
    pub(crate) effective: Dec,
    pub(crate) list: Dec,
    pub(crate) unused: Option<Dec>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use LineType as T;

    /// Unblended, billed, effective, list, unused; an empty text is no Unused charge.
    fn check(line_type: LineType, money: &Money, expect: [&str; 5]) {
        let got = money.charges(line_type);
        let texts = [got.unblended, got.billed, got.effective, got.list].map(|amount| amount.to_string());
        let unused = got.unused.map_or_else(String::new, |amount| amount.to_string());
        assert_eq!(
            (texts.each_ref().map(String::as_str), unused.as_str()),
            ([expect[0], expect[1], expect[2], expect[3]], expect[4]),
            "{line_type:?}"
        );
    }

    fn plain(unblended: &str) -> Money {
        Money { unblended: Dec::of(unblended), ..Money::default() }
    }

    #[test]
    fn plain_lines_are_effective_as_billed() {
        for line_type in [T::Usage, T::Fee, T::Credit, T::Refund, T::Tax, T::FlatRateSubscription] {
            check(line_type, &plain("7.5"), ["7.5", "7.5", "7.5", "7.5", ""]);
        }
        let usage = Money { on_demand: Some(Dec::of("9")), ..plain("7.5") };
        check(T::Usage, &usage, ["7.5", "7.5", "7.5", "9", ""]);
    }

    #[test]
    fn discounts_have_no_list_cost() {
        for line_type in [T::Discount, T::BundledDiscount, T::EdpDiscount, T::PrivateRateDiscount] {
            let money = Money { unblended: -Dec::of("2"), ..Money::default() };
            check(line_type, &money, ["-2", "-2", "-2", "0", ""]);
        }
    }

    #[test]
    fn reservations_are_billed_when_bought_and_effective_when_used() {
        let used = Money {
            reservation_effective: Some(Dec::of("0.06")),
            on_demand: Some(Dec::of("0.096")),
            ..Money::default()
        };
        check(T::DiscountedUsage, &used, ["0", "0", "0.06", "0.096", ""]);
        let upfront = Money { kind: Kind::ReservationUpfront, ..plain("500") };
        check(T::Fee, &upfront, ["500", "500", "0", "500", ""]);
        let fee = Money { unused_upfront: Some(Dec::of("1.5")), unused_recurring: Some(Dec::of("2")), ..plain("40") };
        check(T::RiFee, &fee, ["40", "40", "0", "40", "3.5"]);
        let all_used = Money { unused_upfront: Some(Dec::ZERO), ..plain("40") };
        check(T::RiFee, &all_used, ["40", "40", "0", "40", ""]);
    }

    #[test]
    fn savings_plans_are_billed_when_bought_and_effective_when_used() {
        let covered = Money { plan_effective: Some(Dec::of("0.07")), on_demand: Some(Dec::of("0.1")), ..plain("0.1") };
        check(T::SavingsPlanCoveredUsage, &covered, ["0.1", "0", "0.07", "0.1", ""]);
        check(
            T::SavingsPlanNegation,
            &Money { unblended: -Dec::of("0.1"), ..Money::default() },
            ["-0.1", "0", "0", "0", ""],
        );
        let fee = Money { total_commitment: Some(Dec::of("10")), used_commitment: Some(Dec::of("9.25")), ..plain("4") };
        check(T::SavingsPlanRecurringFee, &fee, ["4", "4", "0", "4", "0.75"]);
        let all_used = Money { used_commitment: Some(Dec::of("10")), ..fee };
        check(T::SavingsPlanRecurringFee, &all_used, ["4", "4", "0", "4", ""]);
        check(T::SavingsPlanUpfrontFee, &plain("900"), ["900", "900", "0", "900", ""]);
    }

    #[test]
    fn split_rows_add_to_nothing() {
        check(T::Usage, &Money { kind: Kind::Split, ..plain("3") }, ["0", "0", "0", "0", ""]);
    }
}
