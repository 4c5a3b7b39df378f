//! What the table of line item types makes of a charge: the values of columns that it decides.

use billing::focus::line_item_type::Quantity;
use billing::focus::mapping::{COUNTED, LineItemFact, SPOT};
use billing::money::Amount;

use super::charge::{Charge, Role};
use super::row::Row;

/// `beside` is the usage type for the pricing category, and the unit for units.
pub(super) fn line_item_text<'t>(fact: LineItemFact, beside: &'t [u8], charge: &Charge) -> Option<&'t [u8]> {
    let rule = charge.rule;
    let unit = || if beside.is_empty() { COUNTED.as_bytes() } else { beside };
    let text = match (fact, charge.role) {
        (LineItemFact::PricingUnit, _) => return charge.quantity.map(|_| unit()),
        (LineItemFact::ConsumedUnit, _) => return consumed(charge).map(|_| unit()),
        (LineItemFact::ChargeCategory, Role::Unused) => Some("Usage"),
        (LineItemFact::ChargeCategory, Role::Stated) => Some(rule.category),
        (LineItemFact::ChargeClass, Role::Stated) => rule.class,
        (LineItemFact::ChargeFrequency, Role::Unused) => Some("Usage-Based"),
        (LineItemFact::ChargeFrequency, Role::Stated) => Some(rule.frequency),
        (LineItemFact::PricingCategory, Role::Unused) => Some("Committed"),
        // Usage types look like `USE1-SpotUsage:m5.large`.
        (LineItemFact::PricingCategory, Role::Stated)
            if rule.pricing == Some("Standard") && begins_a_piece(beside, SPOT.as_bytes()) =>
        {
            Some("Dynamic")
        }
        (LineItemFact::PricingCategory, Role::Stated) => rule.pricing,
        (LineItemFact::CommitmentDiscountStatus, Role::Unused) => Some("Unused"),
        (LineItemFact::CommitmentDiscountStatus, Role::Stated) => rule.status,
        _ => None,
    };
    text.map(str::as_bytes)
}

/// Whether a usage type begins so, behind its region's prefix or without one, as in the first of regions.
pub(super) fn begins_a_piece(usage_type: &[u8], start: &[u8]) -> bool {
    usage_type.split(|byte| *byte == b'-').any(|piece| piece.starts_with(start))
}

/// What FOCUS calls consumed: of usage alone.
fn consumed(charge: &Charge) -> Option<Amount> {
    charge.quantity.filter(|_| charge.rule.quantity == Quantity::Used)
}

/// `same_currency` says whether prices are in the currency that is billed.
pub(super) fn line_item_amount(
    fact: LineItemFact,
    charge: &Charge,
    same_currency: impl Fn() -> bool,
) -> Option<Amount> {
    match fact {
        LineItemFact::BilledCost => Some(charge.billed),
        LineItemFact::EffectiveCost => Some(charge.effective),
        LineItemFact::ListCost => Some(charge.list),
        LineItemFact::ContractedCost => Some(charge.contracted),
        LineItemFact::ListUnitPrice => charge.list_price,
        LineItemFact::ContractedUnitPrice => charge.contracted_price,
        LineItemFact::PricingCurrencyListUnitPrice => charge.list_price.filter(|_| same_currency()),
        LineItemFact::PricingCurrencyContractedUnitPrice => charge.contracted_price.filter(|_| same_currency()),
        LineItemFact::PricingCurrencyEffectiveCost => Some(charge.effective).filter(|_| same_currency()),
        LineItemFact::NetEffectiveCost => charge.net_effective,
        LineItemFact::UnblendedCost => charge.compared,
        LineItemFact::CommitmentDiscountQuantity => charge.committed,
        LineItemFact::ConsumedQuantity => consumed(charge),
        LineItemFact::PricingQuantity => charge.quantity,
        _ => None,
    }
}

/// Whether a row's prices are in the currency that is billed; where one of the two is not stated, they are.
pub(super) fn same_currency(row: &impl Row, currencies: Option<[usize; 2]>) -> bool {
    let Some([priced, billed]) = currencies.map(|places| places.map(|place| row.cell(place))) else {
        return true;
    };
    priced.is_empty() || billed.is_empty() || priced == billed
}
