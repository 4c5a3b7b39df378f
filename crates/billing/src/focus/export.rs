//! How a line of a FOCUS export becomes a charge: the lake's columns are FOCUS's own, so most stand as they are.

use super::mapping::{Absent, LineItemFact, Mapping, Object, Value};

/// The charge category, which also stands for the line item type that FOCUS has none of.
pub const CHARGE_CATEGORY: &str = "ChargeCategory";
/// The cost that receipts and sums are about.
pub const BILLED_COST: &str = "BilledCost";
/// The currency of the line.
pub const CURRENCY: &str = "BillingCurrency";

/// The columns without which an export says too little to be read at all.
pub const REQUIRED: [&str; 7] = [
    BILLED_COST,
    "EffectiveCost",
    "ListCost",
    "ContractedCost",
    CHARGE_CATEGORY,
    "ChargePeriodStart",
    "ChargePeriodEnd",
];

/// The column of the same name; null where the export has no value.
const fn same(target: &'static str, columns: &'static [&'static str]) -> Mapping {
    Mapping { target, value: Value::First(columns), absent: Absent::Null, words: &[], only_with: None }
}

const fn or(mapping: Mapping, absent: Absent) -> Mapping {
    Mapping { absent, ..mapping }
}

const fn object(target: &'static str, object: Object) -> Mapping {
    Mapping { value: Value::Object(object), ..same(target, &[]) }
}

const fn nothing(target: &'static str) -> Mapping {
    Mapping { value: Value::Nothing, ..same(target, &[]) }
}

/// Writes rules whose source column is called as the target.
macro_rules! mappings {
    ($($target:literal $(as $gathered:path)? $(, $absent:expr)?;)*) => {
        [$(mappings!(@one $target $(as $gathered)? $(, $absent)?)),*]
    };
    (@one $target:literal) => { same($target, &[$target]) };
    (@one $target:literal as $gathered:path) => { object($target, $gathered) };
    (@one $target:literal, $absent:expr) => { or(same($target, &[$target]), $absent) };
}

const AWS_INC: Absent = Absent::Text("Amazon Web Services, Inc.");

/// The columns of FOCUS 1.2. What FOCUS 1.0 lacks is null, or what the second column says.
const FOCUS_1_2: [Mapping; 57] = mappings! {
    "AvailabilityZone";
    "BilledCost", Absent::Refused;
    "BillingAccountId", Absent::Payer;
    "BillingAccountName";
    "BillingAccountType", Absent::Text("Payer Account");
    "BillingCurrency", Absent::Text("USD");
    "BillingPeriodEnd", Absent::MonthEnd;
    "BillingPeriodStart", Absent::MonthStart;
    "CapacityReservationId";
    "CapacityReservationStatus";
    "ChargeCategory", Absent::Refused;
    "ChargeClass";
    "ChargeDescription";
    "ChargeFrequency", Absent::Text("Usage-Based");
    "ChargePeriodEnd", Absent::Refused;
    "ChargePeriodStart", Absent::Refused;
    "CommitmentDiscountCategory";
    "CommitmentDiscountId";
    "CommitmentDiscountName";
    "CommitmentDiscountQuantity";
    "CommitmentDiscountStatus";
    "CommitmentDiscountType";
    "CommitmentDiscountUnit";
    "ConsumedQuantity";
    "ConsumedUnit";
    "ContractedCost", Absent::Refused;
    "ContractedUnitPrice";
    "EffectiveCost", Absent::Refused;
    "InvoiceId";
    "InvoiceIssuerName", AWS_INC;
    "ListCost", Absent::Refused;
    "ListUnitPrice";
    "PricingCategory";
    "PricingCurrency";
    "PricingCurrencyContractedUnitPrice";
    "PricingCurrencyEffectiveCost";
    "PricingCurrencyListUnitPrice";
    "PricingQuantity";
    "PricingUnit";
    "ProviderName", Absent::Text("AWS");
    "PublisherName", AWS_INC;
    "RegionId";
    "RegionName";
    "ResourceId";
    "ResourceName";
    "ResourceType";
    "ServiceCategory", Absent::Text("Other");
    "ServiceName", Absent::Text("Other");
    "ServiceSubcategory", Absent::OtherOf("ServiceCategory");
    "SkuId";
    "SkuMeter";
    "SkuPriceDetails" as Object::Product;
    "SkuPriceId";
    "SubAccountId";
    "SubAccountName";
    "SubAccountType", Absent::Text("Usage Account");
    "Tags" as Object::Tags;
};

/// Ours, beyond FOCUS: AWS's exports state some of them under the same names.
const BEYOND: &[Mapping] = &[
    nothing("x_UnblendedCost"),
    nothing("x_BlendedCost"),
    nothing("x_NetUnblendedCost"),
    nothing("x_NetEffectiveCost"),
    nothing("x_UnblendedRate"),
    nothing("x_BlendedRate"),
    same("x_UsageAmount", &["PricingQuantity", "ConsumedQuantity"]),
    nothing("x_NormalizationFactor"),
    nothing("x_NormalizedUsageAmount"),
    or(same("x_LineItemType", &[CHARGE_CATEGORY]), Absent::Refused),
    nothing("x_LineItemId"),
    nothing("x_TimeInterval"),
    same("x_ServiceCode", &["x_ServiceCode", "ServiceName"]),
    same("x_UsageType", &["x_UsageType", "SkuMeter"]),
    same("x_Operation", &["x_Operation"]),
    nothing("x_TaxType"),
    nothing("x_BillType"),
    nothing("x_BillingEntity"),
    nothing("x_ProductFamily"),
    nothing("x_InstanceType"),
    nothing("x_InstanceTypeFamily"),
    nothing("x_OperatingSystem"),
    nothing("x_DatabaseEngine"),
    nothing("x_LicenseModel"),
    nothing("x_DeploymentOption"),
    nothing("x_ProductLocation"),
    nothing("x_PurchaseOption"),
    nothing("x_PricingTerm"),
    nothing("x_PricingRateId"),
    nothing("x_OfferingClass"),
    nothing("x_LeaseContractLength"),
    nothing("x_SubscriptionId"),
    Mapping { value: Value::LineItem(LineItemFact::IsSplitCost), ..nothing("x_IsSplitCost") },
    nothing("x_SplitCost"),
    nothing("x_SplitUnusedCost"),
    nothing("x_SplitParentResourceId"),
    object("x_CostCategories", Object::CostCategories),
    object("x_Discounts", Object::Discounts),
    object("x_Other", Object::Other),
];

/// The rules, in the order of the lake's columns.
pub const MAPPINGS: &[Mapping] = &ALL;

const ALL: [Mapping; FOCUS_1_2.len() + BEYOND.len()] = {
    let mut all = [nothing(""); FOCUS_1_2.len() + BEYOND.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < FOCUS_1_2.len() { FOCUS_1_2[at] } else { BEYOND[at - FOCUS_1_2.len()] };
        at += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_stands_as_the_export_states_it_and_is_never_missing() {
        for target in ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost"] {
            let mapping = MAPPINGS.iter().find(|mapping| mapping.target == target).unwrap();
            assert_eq!((mapping.sources(), mapping.absent), (&[target][..], Absent::Refused));
        }
    }
}
