//! The columns of the lake's table of charges: the 57 of FOCUS 1.2 under their own names, then ours, which start with `x_`.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Text, as the source states it.
    Text,
    /// An exact decimal number: money, a price or a quantity.
    Decimal,
    /// An instant in UTC.
    Time,
    /// A JSON object, as text.
    Json,
    /// Yes or no.
    Flag,
}

/// Whether a column is summed or grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something to group and filter by.
    Dimension,
    /// Something to sum.
    Metric,
}

/// How strongly FOCUS asks for a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Always there.
    Mandatory,
    /// There where the provider supports what it describes.
    Conditional,
    /// There where it can be.
    Recommended,
    /// One of ours, beyond FOCUS.
    Extension,
}

/// Whether a charge may leave a column empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// It may.
    Allowed,
    /// Every charge has a value.
    Never,
}

/// One column of the lake's table of charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name, as queries spell it.
    pub name: &'static str,
    /// What it holds.
    pub column_type: ColumnType,
    /// Whether it is summed or grouped by.
    pub kind: Kind,
    /// How strongly FOCUS asks for it.
    pub level: Level,
    /// Whether it may be empty.
    pub nulls: Nulls,
    /// What it means, in a sentence.
    pub description: &'static str,
}

/// Writes a table of columns, one line of meaning and one of facts each.
macro_rules! columns {
    ($($description:literal $name:ident $type:ident $kind:ident $level:ident $nulls:ident;)*) => {
        &[$(Column {
            name: stringify!($name),
            column_type: ColumnType::$type,
            kind: Kind::$kind,
            level: Level::$level,
            nulls: Nulls::$nulls,
            description: $description,
        }),*]
    };
}

/// The 57 columns of FOCUS 1.2, in the specification's order.
pub const FOCUS: &[Column] = columns! {
    "The zone within the region." AvailabilityZone Text Dimension Recommended Allowed;
    "What the invoice says: a month's sum is the invoice's." BilledCost Decimal Metric Mandatory Never;
    "The payer account." BillingAccountId Text Dimension Mandatory Never;
    "The payer account's name." BillingAccountName Text Dimension Mandatory Allowed;
    "What kind of account is billed." BillingAccountType Text Dimension Conditional Never;
    "The currency of every cost of the charge." BillingCurrency Text Dimension Mandatory Never;
    "The first instant after the month that is billed." BillingPeriodEnd Time Dimension Mandatory Never;
    "The first instant of the month that is billed." BillingPeriodStart Time Dimension Mandatory Never;
    "The capacity reservation that the charge used or left unused." CapacityReservationId Text Dimension Conditional Allowed;
    "Whether the capacity reservation was used." CapacityReservationStatus Text Dimension Conditional Allowed;
    "Usage, Purchase, Tax, Credit or Adjustment." ChargeCategory Text Dimension Mandatory Never;
    "Correction where the charge corrects an earlier invoice." ChargeClass Text Dimension Mandatory Allowed;
    "The charge in AWS's words." ChargeDescription Text Dimension Mandatory Allowed;
    "One-Time, Recurring or Usage-Based." ChargeFrequency Text Dimension Recommended Never;
    "The first instant after the charge's period." ChargePeriodEnd Time Dimension Mandatory Never;
    "The first instant of the charge's period." ChargePeriodStart Time Dimension Mandatory Never;
    "Usage for a reservation, Spend for a savings plan." CommitmentDiscountCategory Text Dimension Conditional Allowed;
    "The reservation's or savings plan's ARN." CommitmentDiscountId Text Dimension Conditional Allowed;
    "The commitment's display name." CommitmentDiscountName Text Dimension Conditional Allowed;
    "How much of the commitment the charge bought, used or left unused." CommitmentDiscountQuantity Decimal Metric Conditional Allowed;
    "Whether the charge used the commitment or left it unused." CommitmentDiscountStatus Text Dimension Conditional Allowed;
    "Reserved Instance or Savings Plan." CommitmentDiscountType Text Dimension Conditional Allowed;
    "What the commitment is measured in." CommitmentDiscountUnit Text Dimension Conditional Allowed;
    "How much was used." ConsumedQuantity Decimal Metric Conditional Allowed;
    "What the use is measured in." ConsumedUnit Text Dimension Conditional Allowed;
    "The negotiated price times the quantity, before commitment discounts." ContractedCost Decimal Metric Mandatory Never;
    "The negotiated price of one unit." ContractedUnitPrice Decimal Metric Conditional Allowed;
    "The amortised cost: what was used and what was left unused of what was bought." EffectiveCost Decimal Metric Mandatory Never;
    "The invoice; empty until the month is final." InvoiceId Text Dimension Recommended Allowed;
    "The company that issues the invoice." InvoiceIssuerName Text Dimension Mandatory Never;
    "The public on-demand cost." ListCost Decimal Metric Mandatory Never;
    "The public on-demand price of one unit." ListUnitPrice Decimal Metric Conditional Allowed;
    "Standard, Dynamic, Committed or Other." PricingCategory Text Dimension Conditional Allowed;
    "The currency that prices are stated in." PricingCurrency Text Dimension Conditional Allowed;
    "The negotiated price in the pricing currency." PricingCurrencyContractedUnitPrice Decimal Metric Conditional Allowed;
    "The amortised cost in the pricing currency." PricingCurrencyEffectiveCost Decimal Metric Conditional Allowed;
    "The public price in the pricing currency." PricingCurrencyListUnitPrice Decimal Metric Conditional Allowed;
    "How much was priced." PricingQuantity Decimal Metric Mandatory Allowed;
    "What the price is per." PricingUnit Text Dimension Mandatory Allowed;
    "Who made the service available." ProviderName Text Dimension Mandatory Never;
    "Who made the service: AWS or a marketplace seller." PublisherName Text Dimension Mandatory Never;
    "The region's code." RegionId Text Dimension Conditional Allowed;
    "The region's name." RegionName Text Dimension Conditional Allowed;
    "The resource's id or ARN." ResourceId Text Dimension Conditional Allowed;
    "The resource's display name." ResourceName Text Dimension Conditional Allowed;
    "What kind of resource it is." ResourceType Text Dimension Conditional Allowed;
    "The FOCUS category of the service." ServiceCategory Text Dimension Mandatory Never;
    "The service." ServiceName Text Dimension Mandatory Never;
    "The FOCUS subcategory of the service." ServiceSubcategory Text Dimension Recommended Never;
    "What is priced." SkuId Text Dimension Conditional Allowed;
    "What of it is metered." SkuMeter Text Dimension Conditional Allowed;
    "The attributes of what is priced." SkuPriceDetails Json Dimension Conditional Allowed;
    "The price of what is priced." SkuPriceId Text Dimension Conditional Allowed;
    "The account that used the service." SubAccountId Text Dimension Conditional Allowed;
    "That account's name." SubAccountName Text Dimension Conditional Allowed;
    "What kind of account it is." SubAccountType Text Dimension Conditional Allowed;
    "The resource's tags, keyed with what the customer typed." Tags Json Dimension Conditional Allowed;
};

/// Our own columns: what AWS says beyond FOCUS, as it says it.
pub const EXTENSIONS: &[Column] = columns! {
    "AWS's unblended cost." x_UnblendedCost Decimal Metric Extension Allowed;
    "AWS's blended cost." x_BlendedCost Decimal Metric Extension Allowed;
    "AWS's unblended cost after discounts." x_NetUnblendedCost Decimal Metric Extension Allowed;
    "AWS's amortised cost after discounts." x_NetEffectiveCost Decimal Metric Extension Allowed;
    "AWS's unblended rate." x_UnblendedRate Decimal Metric Extension Allowed;
    "AWS's blended rate." x_BlendedRate Decimal Metric Extension Allowed;
    "AWS's usage amount, whatever the charge's category." x_UsageAmount Decimal Metric Extension Allowed;
    "How many normalised units one unit is." x_NormalizationFactor Decimal Metric Extension Allowed;
    "The usage amount in normalised units." x_NormalizedUsageAmount Decimal Metric Extension Allowed;
    "AWS's line item type." x_LineItemType Text Dimension Extension Never;
    "AWS's line item id; it is not a key." x_LineItemId Text Dimension Extension Allowed;
    "The interval that AWS gave the line item." x_TimeInterval Text Dimension Extension Allowed;
    "AWS's product code." x_ServiceCode Text Dimension Extension Allowed;
    "AWS's usage type." x_UsageType Text Dimension Extension Allowed;
    "The API operation or the like." x_Operation Text Dimension Extension Allowed;
    "The kind of tax." x_TaxType Text Dimension Extension Allowed;
    "Anniversary, Purchase or Refund." x_BillType Text Dimension Extension Allowed;
    "AWS or AWS Marketplace." x_BillingEntity Text Dimension Extension Allowed;
    "The product family." x_ProductFamily Text Dimension Extension Allowed;
    "The instance type." x_InstanceType Text Dimension Extension Allowed;
    "The instance type's family." x_InstanceTypeFamily Text Dimension Extension Allowed;
    "The operating system." x_OperatingSystem Text Dimension Extension Allowed;
    "The database engine." x_DatabaseEngine Text Dimension Extension Allowed;
    "The licence model." x_LicenseModel Text Dimension Extension Allowed;
    "The deployment option." x_DeploymentOption Text Dimension Extension Allowed;
    "The location as the price list names it." x_ProductLocation Text Dimension Extension Allowed;
    "All, partial or no upfront." x_PurchaseOption Text Dimension Extension Allowed;
    "On-demand, reserved or spot." x_PricingTerm Text Dimension Extension Allowed;
    "The price list's rate id." x_PricingRateId Text Dimension Extension Allowed;
    "Standard or convertible." x_OfferingClass Text Dimension Extension Allowed;
    "For how long a commitment was bought." x_LeaseContractLength Text Dimension Extension Allowed;
    "AWS's subscription id." x_SubscriptionId Text Dimension Extension Allowed;
    "Whether this is a share of a cost that its instance already carries; sums leave it out." x_IsSplitCost Flag Dimension Extension Never;
    "The share of the instance's cost." x_SplitCost Decimal Metric Extension Allowed;
    "The share of the instance's unused cost." x_SplitUnusedCost Decimal Metric Extension Allowed;
    "The instance whose cost is shared." x_SplitParentResourceId Text Dimension Extension Allowed;
    "The customer's cost categories." x_CostCategories Json Dimension Extension Allowed;
    "AWS's discounts of the charge." x_Discounts Json Dimension Extension Allowed;
    "What the bill says that no column takes." x_Other Json Dimension Extension Allowed;
};

/// All columns of the lake's table of charges, in their order.
pub fn all() -> impl Iterator<Item = &'static Column> {
    FOCUS.iter().chain(EXTENSIONS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// One line of the specification's table: `column,kind,feature_level,allows_nulls,data_type,…`.
    fn specified() -> impl Iterator<Item = Vec<&'static str>> {
        include_str!("../../data/focus-1.2-columns.csv").lines().skip(1).map(|line| line.split(',').collect())
    }

    #[test]
    fn the_focus_columns_are_the_specifications() {
        assert_eq!(FOCUS.len(), 57);
        for (column, spec) in FOCUS.iter().zip(specified()) {
            assert_eq!(column.name, spec[0]);
            assert_eq!(format!("{:?}", column.kind), spec[1], "{}", column.name);
            assert_eq!(format!("{:?}", column.level), spec[2], "{}", column.name);
            assert_eq!(column.nulls == Nulls::Allowed, spec[3] == "True", "{}", column.name);
            let data_type = match column.column_type {
                ColumnType::Text => "String",
                ColumnType::Decimal => "Decimal",
                ColumnType::Time => "Date/Time",
                ColumnType::Json => "JSON",
                ColumnType::Flag => "none of FOCUS's",
            };
            assert_eq!(data_type, spec[4], "{}", column.name);
        }
    }

    #[test]
    fn ours_are_told_apart_and_no_name_is_used_twice() {
        assert!(EXTENSIONS.iter().all(|column| column.name.starts_with("x_") && column.level == Level::Extension));
        let names: BTreeSet<_> = all().map(|column| column.name).collect();
        assert_eq!(names.len(), FOCUS.len() + EXTENSIONS.len());
    }
}
