//! A line of the bill as FOCUS states it, worked out from the generator's model.

use std::borrow::Cow;

use crate::column::Col;
use crate::dec::Dec;
use crate::desk::Entry;
use crate::line::{Kind as LineKind, LineType};
use crate::table::{Column, Kind, Part};

/// The columns of AWS's FOCUS 1.0 exports, but for the maps.
const FOCUS_1_0: [&str; 45] = [
    "AvailabilityZone",
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountType",
    "CommitmentDiscountStatus",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "x_Operation",
    "x_ServiceCode",
    "x_UsageType",
];

/// What FOCUS 1.2 has beyond, but for the maps; of AWS's own columns it keeps two.
const FOCUS_1_2: [&str; 13] = [
    "BillingAccountType",
    "CapacityReservationId",
    "CapacityReservationStatus",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountUnit",
    "InvoiceId",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "ServiceSubcategory",
    "SkuMeter",
    "SubAccountType",
];

pub(crate) fn columns_1_0(month: &[Col]) -> Vec<Column> {
    let mut columns = named(FOCUS_1_0.iter().copied());
    columns.push(Column::gathered("Tags", Kind::Texts, tags(month)));
    columns.push(Column::gathered("x_CostCategories", Kind::Texts, of_category(month, "costCategory")));
    columns.push(Column::gathered("x_Discounts", Kind::Doubles, of_category(month, "discount")));
    columns
}

pub(crate) fn columns_1_2(month: &[Col]) -> Vec<Column> {
    let kept = FOCUS_1_0.iter().filter(|name| **name != "x_UsageType");
    let mut columns = named(kept.chain(&FOCUS_1_2).copied());
    columns.push(Column::gathered("SkuPriceDetails", Kind::Texts, of_category(month, "product")));
    columns.push(Column::gathered("Tags", Kind::Texts, tags(month)));
    columns.push(Column::gathered("x_Discounts", Kind::Doubles, of_category(month, "discount")));
    columns
}

fn named(names: impl Iterator<Item = &'static str>) -> Vec<Column> {
    let kind = |name: &str| match name {
        // AWS has prices as texts.
        _ if name.ends_with("UnitPrice") => Kind::Text,
        _ if name.ends_with("Cost") || name.ends_with("Quantity") => Kind::Double,
        _ if name.contains("Period") => Kind::Time,
        _ => Kind::Text,
    };
    names.map(|name| Column::focus(name, kind(name))).collect()
}

fn of_category(month: &[Col], category: &str) -> Vec<(String, Col)> {
    let its = month.iter().map(|col| (col.category_and_name(), *col)).filter(|((its, _), _)| *its == category);
    its.map(|((_, name), col)| (name.to_owned(), col)).collect()
}

fn tags(month: &[Col]) -> Vec<(String, Col)> {
    let typed = |(key, col): (String, Col)| (key.trim_start_matches("user:").to_owned(), col);
    of_category(month, "resourceTags").into_iter().map(typed).collect()
}

/// The text of a column; empty for null.
pub(crate) fn cell<'e>(name: &str, entry: &'e Entry<'_>, part: Part) -> Cow<'e, [u8]> {
    if let Some(col) = same(name) {
        return Cow::Borrowed(entry.cells.get(col));
    }
    if let Some(amount) = money(name, entry, part) {
        return Cow::Owned(amount.to_string().into_bytes());
    }
    let word = match name {
        "BillingCurrency" | "PricingCurrency" => "USD",
        "BillingAccountType" => "Payer Account",
        "SubAccountType" => "Usage Account",
        "ProviderName" => "AWS",
        "ServiceCategory" => service(entry.product).0,
        "ServiceSubcategory" => service(entry.product).1,
        "ChargeCategory" => category(entry.line_type, part),
        "ChargeClass" if entry.line_type == LineType::Refund => "Correction",
        "ChargeFrequency" => frequency(entry.line_type, part),
        "PricingCategory" => pricing(entry.line_type),
        "CommitmentDiscountStatus" => status(entry.line_type, part),
        "CommitmentDiscountCategory" => by_commitment(entry, ["Usage", "Spend"]),
        "CommitmentDiscountType" => by_commitment(entry, ["Reserved Instance", "Savings Plan"]),
        "CommitmentDiscountId" => return commitment(entry),
        "ConsumedUnit" if is_usage(entry, part) => return Cow::Borrowed(entry.cells.get(Col::PricingUnit)),
        "ConsumedQuantity" | "PricingQuantity" if is_usage(entry, part) => {
            return Cow::Borrowed(entry.cells.get(Col::UsageAmount));
        }
        _ => "",
    };
    Cow::Borrowed(word.as_bytes())
}

/// Columns that stand in a legacy bill as they are.
fn same(name: &str) -> Option<Col> {
    Some(match name {
        "AvailabilityZone" => Col::AvailabilityZone,
        "BillingAccountId" => Col::BillPayerAccountId,
        "BillingPeriodEnd" => Col::BillingPeriodEndDate,
        "BillingPeriodStart" => Col::BillingPeriodStartDate,
        "ChargeDescription" => Col::LineItemDescription,
        "ChargePeriodEnd" => Col::UsageEndDate,
        "ChargePeriodStart" => Col::UsageStartDate,
        "InvoiceId" => Col::BillInvoiceId,
        "InvoiceIssuerName" => Col::BillInvoicingEntity,
        "ListUnitPrice" => Col::PricingPublicOnDemandRate,
        "PricingUnit" => Col::PricingUnit,
        "PublisherName" => Col::LegalEntity,
        "RegionId" => Col::ProductRegionCode,
        "RegionName" => Col::ProductLocation,
        "ResourceId" => Col::ResourceId,
        "ServiceName" => Col::ProductName,
        "SkuId" => Col::ProductSku,
        "SkuMeter" => Col::ProductUsagetype,
        "SkuPriceId" => Col::PricingRateCode,
        "SubAccountId" => Col::UsageAccountId,
        "x_Operation" => Col::Operation,
        "x_ServiceCode" => Col::ProductCode,
        "x_UsageType" => Col::UsageType,
        _ => return None,
    })
}

fn money(name: &str, entry: &Entry<'_>, part: Part) -> Option<Dec> {
    let charges = entry.money.charges(entry.line_type);
    Some(match (name, part) {
        ("BilledCost", Part::Stated) => charges.billed,
        ("EffectiveCost", Part::Stated) => charges.effective,
        ("EffectiveCost", Part::Unused) => charges.unused.unwrap_or_default(),
        // No total uses the contracted cost: the price before commitments is the public one here.
        ("ListCost" | "ContractedCost", Part::Stated) => charges.list,
        ("BilledCost" | "ListCost" | "ContractedCost", Part::Unused) => Dec::ZERO,
        _ => return None,
    })
}

fn is_usage(entry: &Entry<'_>, part: Part) -> bool {
    part == Part::Stated && category(entry.line_type, part) == "Usage"
}

fn category(line_type: LineType, part: Part) -> &'static str {
    use LineType as T;
    match line_type {
        _ if part == Part::Unused => "Usage",
        T::Usage | T::DiscountedUsage | T::SavingsPlanCoveredUsage => "Usage",
        T::Fee | T::RiFee | T::SavingsPlanRecurringFee | T::SavingsPlanUpfrontFee | T::FlatRateSubscription => {
            "Purchase"
        }
        T::Credit | T::Refund => "Credit",
        T::Tax => "Tax",
        T::SavingsPlanNegation
        | T::Discount
        | T::BundledDiscount
        | T::EdpDiscount
        | T::PrivateRateDiscount
        | T::Novel => "Adjustment",
    }
}

fn frequency(line_type: LineType, part: Part) -> &'static str {
    match line_type {
        LineType::RiFee | LineType::SavingsPlanRecurringFee if part == Part::Stated => "Recurring",
        LineType::FlatRateSubscription => "Recurring",
        _ if category(line_type, part) == "Usage" => "Usage-Based",
        _ => "One-Time",
    }
}

fn pricing(line_type: LineType) -> &'static str {
    match line_type {
        LineType::DiscountedUsage | LineType::SavingsPlanCoveredUsage => "Committed",
        LineType::Tax => "",
        _ if category(line_type, Part::Stated) == "Credit" => "Other",
        _ => "Standard",
    }
}

fn status(line_type: LineType, part: Part) -> &'static str {
    match line_type {
        _ if part == Part::Unused => "Unused",
        LineType::DiscountedUsage | LineType::SavingsPlanCoveredUsage => "Used",
        _ => "",
    }
}

fn commitment<'e>(entry: &'e Entry<'_>) -> Cow<'e, [u8]> {
    let [reservation, plan] = [Col::ReservationArn, Col::PlanArn].map(|col| entry.cells.get(col));
    Cow::Borrowed(if reservation.is_empty() { plan } else { reservation })
}

fn by_commitment(entry: &Entry<'_>, [reservation, plan]: [&'static str; 2]) -> &'static str {
    match [Col::ReservationArn, Col::PlanArn].map(|col| entry.cells.get(col).is_empty()) {
        [false, _] => reservation,
        [true, false] => plan,
        [true, true] => "",
    }
}

/// Category and subcategory of the products that most of a bill is about.
fn service(product: &str) -> (&'static str, &'static str) {
    match product {
        "AmazonEC2" => ("Compute", "Virtual Machines"),
        "AmazonRDS" => ("Databases", "Relational Databases"),
        "AmazonS3" => ("Storage", "Object Storage"),
        _ => ("Other", "Other (Other)"),
    }
}

impl Entry<'_> {
    /// Whether the line repeats cost that its instance carries.
    pub(crate) fn is_split(&self) -> bool {
        self.money.kind == LineKind::Split
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::of_month;

    #[test]
    fn the_columns_are_awss() {
        assert_eq!(columns_1_0(&of_month(0)).len(), 48);
        assert_eq!(columns_1_2(&of_month(0)).len(), 57 + 3);
    }
}
