//! What each of AWS's line item types means in FOCUS, money first: the rules as one table.

/// An amount of a line: the first of these source columns that is not empty; nothing at all where all are.
pub type Money = &'static [&'static str];

const NOTHING: Money = &[];
const UNBLENDED: Money = &["lineItem/UnblendedCost"];
const ON_DEMAND: Money = &["pricing/publicOnDemandCost"];
const ON_DEMAND_OR_UNBLENDED: Money = &["pricing/publicOnDemandCost", "lineItem/UnblendedCost"];
const UNBLENDED_RATE: Money = &["lineItem/UnblendedRate"];
const ON_DEMAND_RATE: Money = &["pricing/publicOnDemandRate"];

/// Which quantities a charge has: FOCUS wants consumption of usage only, and no quantity of a tax or credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Both consumed and priced.
    Used,
    /// Priced, not consumed.
    Bought,
    /// Neither.
    None,
}

/// The charge that a purchase adds where some of what it bought went unused, so that used + unused = bought.
///
/// It is worth the sum of `plus` less the sum of `minus`, and is added only where that is more than nothing. It bills 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unused {
    /// Source columns that are added up.
    pub plus: Money,
    /// Source columns that are taken off.
    pub minus: Money,
    /// How much of the commitment went unused; where empty, what it is worth.
    pub quantity: Money,
}

/// One line item type: how its lines become charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineItemRule {
    /// AWS's line item type.
    pub name: &'static str,
    /// The rule holds only for lines where this source column is not empty.
    pub only_with: Option<&'static str>,
    /// `ChargeCategory`.
    pub category: &'static str,
    /// `ChargeClass`.
    pub class: Option<&'static str>,
    /// `ChargeFrequency`.
    pub frequency: &'static str,
    /// `PricingCategory`; spot usage is Dynamic whatever this says.
    pub pricing: Option<&'static str>,
    /// `CommitmentDiscountStatus`.
    pub status: Option<&'static str>,
    /// `BilledCost`.
    pub billed: Money,
    /// `EffectiveCost`.
    pub effective: Money,
    /// `ListCost`.
    pub list: Money,
    /// `ContractedCost`.
    pub contracted: Money,
    /// `ListUnitPrice`; where empty, the list cost by the quantity priced.
    pub list_price: Money,
    /// `ContractedUnitPrice`; where empty, the contracted cost by the quantity priced.
    pub contracted_price: Money,
    /// `x_NetEffectiveCost`; null where empty.
    pub net_effective: Money,
    /// `CommitmentDiscountQuantity`; null where empty.
    pub committed: Money,
    /// Which quantities it has.
    pub quantity: Quantity,
    /// The charge for what was bought and not used.
    pub unused: Option<&'static Unused>,
}

/// What a reservation cost and nobody used: AWS states it on the reservation's fee.
const UNUSED_RESERVATION: &Unused = &Unused {
    plus: &["reservation/UnusedAmortizedUpfrontFeeForBillingPeriod", "reservation/UnusedRecurringFee"],
    minus: NOTHING,
    quantity: &["reservation/UnusedQuantity"],
};

/// What an hour of a savings plan cost and nobody used.
const UNUSED_SAVINGS_PLAN: &Unused =
    &Unused { plus: &["savingsPlan/TotalCommitmentToDate"], minus: &["savingsPlan/UsedCommitment"], quantity: NOTHING };

const USAGE: LineItemRule = LineItemRule {
    name: "Usage",
    only_with: None,
    category: "Usage",
    class: None,
    frequency: "Usage-Based",
    pricing: Some("Standard"),
    status: None,
    billed: UNBLENDED,
    effective: UNBLENDED,
    list: ON_DEMAND_OR_UNBLENDED,
    contracted: UNBLENDED,
    list_price: ON_DEMAND_RATE,
    contracted_price: UNBLENDED_RATE,
    net_effective: NOTHING,
    committed: NOTHING,
    quantity: Quantity::Used,
    unused: None,
};

/// Usage that a commitment covers: paid for by the commitment, so its worth is the amortised cost. The contracted cost
/// is what it would have cost without the commitment; of that, legacy reports state no better than the public price.
const COVERED: LineItemRule = LineItemRule {
    pricing: Some("Committed"),
    status: Some("Used"),
    contracted: ON_DEMAND_OR_UNBLENDED,
    contracted_price: ON_DEMAND_RATE,
    ..USAGE
};

/// A purchase. The rates that AWS states on it are not what its cost is the product of, so its prices are worked out.
const FEE: LineItemRule = LineItemRule {
    name: "Fee",
    category: "Purchase",
    frequency: "One-Time",
    list_price: NOTHING,
    contracted_price: NOTHING,
    quantity: Quantity::Bought,
    ..USAGE
};

/// The purchase of a commitment: billed now, and worth nothing by itself, for its worth is in what it covers. Its list
/// cost is its own: the on-demand cost that AWS states there is that of the hours it covers.
const COMMITMENT: LineItemRule = LineItemRule { effective: NOTHING, list: UNBLENDED, ..FEE };

const CREDIT: LineItemRule = LineItemRule {
    name: "Credit",
    category: "Credit",
    frequency: "One-Time",
    pricing: Some("Other"),
    list_price: NOTHING,
    contracted_price: NOTHING,
    quantity: Quantity::None,
    ..USAGE
};

/// A discount has no list cost: it is the way from there.
const DISCOUNT: LineItemRule = LineItemRule { name: "Discount", category: "Adjustment", list: ON_DEMAND, ..CREDIT };

/// A line of a type that is not in the table: kept, and worth what it is billed.
pub const UNKNOWN: LineItemRule = LineItemRule { name: "any other", category: "Adjustment", ..CREDIT };

/// The line item types that we know. The first rule of a line's type that holds is the line's.
pub const RULES: &[LineItemRule] = &[
    USAGE,
    LineItemRule {
        name: "DiscountedUsage",
        effective: &["reservation/EffectiveCost"],
        net_effective: &["reservation/NetEffectiveCost"],
        committed: &["lineItem/UsageAmount"],
        ..COVERED
    },
    LineItemRule {
        // What was billed for it is in the savings plan's fee: it and its negation cancel each other.
        name: "SavingsPlanCoveredUsage",
        billed: NOTHING,
        effective: &["savingsPlan/SavingsPlanEffectiveCost"],
        net_effective: &["savingsPlan/NetSavingsPlanEffectiveCost"],
        committed: &["savingsPlan/SavingsPlanEffectiveCost"],
        ..COVERED
    },
    LineItemRule {
        name: "SavingsPlanNegation",
        category: "Adjustment",
        billed: NOTHING,
        effective: NOTHING,
        list: ON_DEMAND,
        contracted: NOTHING,
        ..CREDIT
    },
    LineItemRule {
        name: "RIFee",
        frequency: "Recurring",
        committed: &["reservation/TotalReservedUnits"],
        unused: Some(UNUSED_RESERVATION),
        ..COMMITMENT
    },
    LineItemRule {
        name: "SavingsPlanRecurringFee",
        frequency: "Recurring",
        committed: &["savingsPlan/TotalCommitmentToDate"],
        unused: Some(UNUSED_SAVINGS_PLAN),
        ..COMMITMENT
    },
    LineItemRule { name: "SavingsPlanUpfrontFee", committed: UNBLENDED, ..COMMITMENT },
    // The upfront fee of a reservation is a `Fee` like any other, but for the reservation that it names; the units that AWS
    // states there are those of the whole term.
    LineItemRule {
        only_with: Some("reservation/ReservationARN"),
        committed: &["reservation/TotalReservedUnits"],
        ..COMMITMENT
    },
    FEE,
    LineItemRule { name: "FlatRateSubscription", frequency: "Recurring", ..FEE },
    CREDIT,
    LineItemRule { name: "Refund", class: Some("Correction"), ..CREDIT },
    LineItemRule { name: "Tax", category: "Tax", pricing: None, ..CREDIT },
    DISCOUNT,
    LineItemRule { name: "BundledDiscount", ..DISCOUNT },
    LineItemRule { name: "EdpDiscount", ..DISCOUNT },
    LineItemRule { name: "PrivateRateDiscount", ..DISCOUNT },
];

/// The types whose unblended costs cancel each other over a right month, so that each bills 0. What they leave, by usage
/// account and invoice, is one Adjustment charge: the billed sum stays the invoice's whatever AWS delivers.
pub const CANCELLING: [&str; 2] = ["SavingsPlanCoveredUsage", "SavingsPlanNegation"];

impl LineItemRule {
    /// Every source column that the rule reads.
    pub fn sources(&self) -> impl Iterator<Item = &'static str> {
        let costs = [self.billed, self.effective, self.list, self.contracted];
        let others = [self.list_price, self.contracted_price, self.net_effective, self.committed];
        let unused = self.unused.map_or([NOTHING; 3], |unused| [unused.plus, unused.minus, unused.quantity]);
        costs.into_iter().chain(others).chain(unused).flatten().copied().chain(self.only_with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn rule(name: &str) -> &'static LineItemRule {
        RULES.iter().find(|rule| rule.name == name).unwrap_or_else(|| panic!("no rule for `{name}`"))
    }

    #[test]
    fn every_line_item_type_of_a_bill_has_a_rule() {
        for name in [
            "Usage",
            "DiscountedUsage",
            "Fee",
            "RIFee",
            "SavingsPlanCoveredUsage",
            "SavingsPlanNegation",
            "SavingsPlanRecurringFee",
            "SavingsPlanUpfrontFee",
            "Credit",
            "Refund",
            "Tax",
            "Discount",
            "BundledDiscount",
            "EdpDiscount",
            "PrivateRateDiscount",
            "FlatRateSubscription",
        ] {
            rule(name);
        }
    }

    #[test]
    fn only_what_cancels_over_the_month_is_not_billed_as_unblended() {
        for rule in RULES.iter().chain([&UNKNOWN]) {
            let expect = if CANCELLING.contains(&rule.name) { NOTHING } else { UNBLENDED };
            assert_eq!(rule.billed, expect, "{}", rule.name);
        }
    }

    #[test]
    fn purchases_of_commitments_are_worth_nothing_by_themselves() {
        for name in ["RIFee", "SavingsPlanRecurringFee", "SavingsPlanUpfrontFee"] {
            assert_eq!((rule(name).category, rule(name).effective), ("Purchase", NOTHING), "{name}");
        }
        let fees: Vec<_> = RULES.iter().filter(|rule| rule.name == "Fee").collect();
        assert_eq!((fees[0].only_with, fees[0].effective), (Some("reservation/ReservationARN"), NOTHING));
        assert_eq!((fees[1].only_with, fees[1].effective), (None, UNBLENDED));
    }

    #[test]
    fn the_values_are_ones_that_focus_allows() {
        for rule in RULES.iter().chain([&UNKNOWN]) {
            assert!(["Usage", "Purchase", "Tax", "Credit", "Adjustment"].contains(&rule.category), "{}", rule.name);
            assert!(["One-Time", "Recurring", "Usage-Based"].contains(&rule.frequency), "{}", rule.name);
            assert!(matches!(rule.class, None | Some("Correction")), "{}", rule.name);
            assert!(matches!(rule.pricing, None | Some("Standard" | "Committed" | "Other")), "{}", rule.name);
            assert_eq!(rule.quantity == Quantity::Used, rule.category == "Usage", "{}", rule.name);
        }
    }
}
