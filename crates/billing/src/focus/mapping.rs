//! How a line of a Cost and Usage Report becomes a charge: one rule for each column of the lake, as data.

/// Words that AWS writes where a number has no meaning; in the columns that list them they are read as nothing.
pub const WORDS: &[&str] = &["None", "NA", "N/A", "convertible", "standard", "Convertible", "Standard"];

/// The columns without which a report says too little to be read at all.
pub const REQUIRED: [&str; 5] =
    [LINE_ITEM_TYPE, UNBLENDED_COST, "lineItem/UsageStartDate", "lineItem/UsageEndDate", USAGE_ACCOUNT];

/// AWS's line item type.
pub const LINE_ITEM_TYPE: &str = "lineItem/LineItemType";
/// The cost that bills, receipts and sums are about.
pub const UNBLENDED_COST: &str = "lineItem/UnblendedCost";
/// The account that used what is charged.
pub const USAGE_ACCOUNT: &str = "lineItem/UsageAccountId";
/// The invoice.
pub const INVOICE: &str = "bill/InvoiceId";
/// The month of the line, which must be the delivery's.
pub const PERIOD_START: &str = "bill/BillingPeriodStartDate";
/// A line with this is a share of a cost that its instance's line already carries.
pub const SPLIT_PARENT: &str = "splitLineItem/ParentResourceId";
/// What the usage is, in AWS's code; [`SPOT`] in it makes its price a dynamic one.
pub const USAGE_TYPE: &str = "lineItem/UsageType";
/// The mark of spot usage in a usage type.
pub const SPOT: &str = "SpotUsage";
/// AWS's code for the service.
pub const PRODUCT_CODE: &str = "lineItem/ProductCode";
/// The service's name as AWS prints it.
pub const PRODUCT_NAME: &str = "product/ProductName";
/// The reservation that the line is about.
pub const RESERVATION: &str = "reservation/ReservationARN";
/// The savings plan that the line is about.
pub const SAVINGS_PLAN: &str = "savingsPlan/SavingsPlanARN";
/// How much was used or bought.
pub const USAGE_AMOUNT: &str = "lineItem/UsageAmount";
/// What the usage amount is in.
pub const UNIT: &str = "pricing/unit";
/// The unit of a quantity whose line states none.
pub const COUNTED: &str = "Units";
/// The currency of the line.
pub const CURRENCY: &str = "lineItem/CurrencyCode";
/// The currency of the line's prices.
pub const PRICE_CURRENCY: &str = "pricing/currency";
/// What is priced, in the price list.
pub const SKU: &str = "product/sku";
/// The region's code.
pub const REGION: &[&str] = &["product/regionCode", "product/region"];
/// The region's name, or where else the product is.
pub const LOCATION: &str = "product/location";
const REGION_NAME: &[&str] = &[REGION[0], REGION[1], LOCATION];
/// The resource that is charged for.
pub const RESOURCE: &str = "lineItem/ResourceId";
/// The kind of product, within a service.
pub const PRODUCT_FAMILY: &str = "product/productFamily";
/// The capacity reservation that the line is about, where the report says.
pub const CAPACITY: &str = "capacityReservation/CapacityReservationArn";
/// What the line is to that capacity reservation.
pub const CAPACITY_STATUS: &str = "capacityReservation/CapacityReservationStatus";
/// What the usage types of a capacity reservation's unused hours begin with; the resource is then the reservation.
pub const UNUSED_CAPACITY: [&str; 2] = ["UnusedBox", "UnusedDed"];

/// Where a column's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// The same for every charge.
    Always(&'static str),
    /// The first of these source columns that is not empty. A number is not repeated on a charge that splitting adds.
    First(&'static [&'static str]),
    /// By the table of line item types.
    LineItem(LineItemFact),
    /// By the table of services.
    Service(ServiceFact),
    /// By which kind of commitment the line is about.
    Commitment(CommitmentFact),
    /// By which capacity reservation the line is about.
    Capacity(CapacityFact),
    /// By the table of regions.
    RegionName,
    /// By the table of resource types.
    ResourceType,
    /// One JSON object of many source columns' cells that are not empty.
    Object(Object),
    /// This format says nothing of the kind.
    Nothing,
}

/// What the table of line item types decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the column of its name")]
pub enum LineItemFact {
    BilledCost,
    EffectiveCost,
    ListCost,
    ContractedCost,
    ListUnitPrice,
    ContractedUnitPrice,
    PricingCurrencyListUnitPrice,
    PricingCurrencyContractedUnitPrice,
    PricingCurrencyEffectiveCost,
    NetEffectiveCost,
    UnblendedCost,
    ChargeCategory,
    ChargeClass,
    ChargeFrequency,
    PricingCategory,
    CommitmentDiscountStatus,
    CommitmentDiscountQuantity,
    ConsumedQuantity,
    ConsumedUnit,
    PricingQuantity,
    PricingUnit,
    IsSplitCost,
}

/// What the table of services decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceFact {
    /// AWS's product name, else the table's, else the product code.
    Name,
    /// The FOCUS category.
    Category,
    /// The FOCUS subcategory.
    Subcategory,
}

/// What the kind of commitment decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitmentFact {
    /// `Usage` or `Spend`.
    Category,
    /// `Reserved Instance` or `Savings Plan`.
    Type,
    /// The pricing unit or the currency.
    Unit,
}

/// What the capacity reservation decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapacityFact {
    /// Its ARN.
    Id,
    /// `Used` or `Unused`.
    Status,
}

/// Which source columns a JSON object gathers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// `product/*` columns that no other rule reads.
    Product,
    /// `resourceTags/*`; a customer's own key without AWS's `user:` in front.
    Tags,
    /// `costCategory/*`.
    CostCategories,
    /// `discount/*`.
    Discounts,
    /// Every other column that no rule reads, under its whole name.
    Other,
}

/// What it means that the source says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// Null.
    Null,
    /// This text.
    Text(&'static str),
    /// The payer account that the delivery came from.
    Payer,
    /// The first instant of the delivery's month.
    MonthStart,
    /// The first instant after the delivery's month.
    MonthEnd,
    /// FOCUS's catch-all subcategory of the category that this source column names.
    OtherOf(&'static str),
    /// The line can't be read, so the delivery is refused.
    Refused,
}

/// The rule for one column of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    /// The column.
    pub target: &'static str,
    /// Where its value comes from.
    pub value: Value,
    /// What it means that the source says nothing.
    pub absent: Absent,
    /// Words in place of a number that mean nothing; any other is an error.
    pub words: &'static [&'static str],
    /// The value is null where this source column is empty, whatever the others say.
    pub only_with: Option<&'static str>,
}

const fn first(target: &'static str, columns: &'static [&'static str]) -> Mapping {
    Mapping { target, value: Value::First(columns), absent: Absent::Null, words: &[], only_with: None }
}

/// A quantity or rate in whose place AWS has been seen to write a word.
const fn wordy(target: &'static str, columns: &'static [&'static str]) -> Mapping {
    Mapping { words: WORDS, ..first(target, columns) }
}

const fn always(target: &'static str, text: &'static str) -> Mapping {
    Mapping { value: Value::Always(text), ..first(target, &[]) }
}

const fn nothing(target: &'static str) -> Mapping {
    Mapping { value: Value::Nothing, ..first(target, &[]) }
}

const fn line_item(target: &'static str, fact: LineItemFact) -> Mapping {
    Mapping { value: Value::LineItem(fact), ..first(target, &[]) }
}

const fn service(target: &'static str, fact: ServiceFact) -> Mapping {
    Mapping { value: Value::Service(fact), absent: Absent::Text("Other"), ..first(target, &[]) }
}

const fn commitment(target: &'static str, fact: CommitmentFact) -> Mapping {
    Mapping { value: Value::Commitment(fact), ..first(target, &[]) }
}

const fn capacity(target: &'static str, fact: CapacityFact) -> Mapping {
    Mapping { value: Value::Capacity(fact), ..first(target, &[]) }
}

const fn object(target: &'static str, object: Object) -> Mapping {
    Mapping { value: Value::Object(object), ..first(target, &[]) }
}

/// The rules, in the order of the lake's columns.
pub const MAPPINGS: &[Mapping] = &[
    first("AvailabilityZone", &["lineItem/AvailabilityZone"]),
    line_item("BilledCost", LineItemFact::BilledCost),
    Mapping { absent: Absent::Payer, ..first("BillingAccountId", &["bill/PayerAccountId"]) },
    first("BillingAccountName", &["bill/PayerAccountName"]),
    always("BillingAccountType", "Payer Account"),
    Mapping { absent: Absent::Text("USD"), ..first("BillingCurrency", &[CURRENCY, "pricing/currency"]) },
    Mapping { absent: Absent::MonthEnd, ..first("BillingPeriodEnd", &["bill/BillingPeriodEndDate"]) },
    Mapping { absent: Absent::MonthStart, ..first("BillingPeriodStart", &[PERIOD_START]) },
    capacity("CapacityReservationId", CapacityFact::Id),
    capacity("CapacityReservationStatus", CapacityFact::Status),
    line_item("ChargeCategory", LineItemFact::ChargeCategory),
    line_item("ChargeClass", LineItemFact::ChargeClass),
    first("ChargeDescription", &["lineItem/LineItemDescription"]),
    line_item("ChargeFrequency", LineItemFact::ChargeFrequency),
    Mapping { absent: Absent::Refused, ..first("ChargePeriodEnd", &["lineItem/UsageEndDate"]) },
    Mapping { absent: Absent::Refused, ..first("ChargePeriodStart", &["lineItem/UsageStartDate"]) },
    commitment("CommitmentDiscountCategory", CommitmentFact::Category),
    first("CommitmentDiscountId", &[RESERVATION, SAVINGS_PLAN]),
    nothing("CommitmentDiscountName"),
    Mapping { words: WORDS, ..line_item("CommitmentDiscountQuantity", LineItemFact::CommitmentDiscountQuantity) },
    line_item("CommitmentDiscountStatus", LineItemFact::CommitmentDiscountStatus),
    commitment("CommitmentDiscountType", CommitmentFact::Type),
    commitment("CommitmentDiscountUnit", CommitmentFact::Unit),
    line_item("ConsumedQuantity", LineItemFact::ConsumedQuantity),
    line_item("ConsumedUnit", LineItemFact::ConsumedUnit),
    line_item("ContractedCost", LineItemFact::ContractedCost),
    Mapping { words: WORDS, ..line_item("ContractedUnitPrice", LineItemFact::ContractedUnitPrice) },
    line_item("EffectiveCost", LineItemFact::EffectiveCost),
    first("InvoiceId", &[INVOICE]),
    Mapping {
        absent: Absent::Text("Amazon Web Services, Inc."),
        ..first("InvoiceIssuerName", &["bill/InvoicingEntity", "lineItem/LegalEntity"])
    },
    line_item("ListCost", LineItemFact::ListCost),
    Mapping { words: WORDS, ..line_item("ListUnitPrice", LineItemFact::ListUnitPrice) },
    line_item("PricingCategory", LineItemFact::PricingCategory),
    Mapping { absent: Absent::Text("USD"), ..first("PricingCurrency", &[PRICE_CURRENCY, CURRENCY]) },
    line_item("PricingCurrencyContractedUnitPrice", LineItemFact::PricingCurrencyContractedUnitPrice),
    line_item("PricingCurrencyEffectiveCost", LineItemFact::PricingCurrencyEffectiveCost),
    line_item("PricingCurrencyListUnitPrice", LineItemFact::PricingCurrencyListUnitPrice),
    line_item("PricingQuantity", LineItemFact::PricingQuantity),
    line_item("PricingUnit", LineItemFact::PricingUnit),
    always("ProviderName", "AWS"),
    Mapping { absent: Absent::Text("Amazon Web Services, Inc."), ..first("PublisherName", &["lineItem/LegalEntity"]) },
    first("RegionId", REGION),
    Mapping { value: Value::RegionName, ..first("RegionName", &[]) },
    first("ResourceId", &[RESOURCE]),
    nothing("ResourceName"),
    Mapping { value: Value::ResourceType, ..first("ResourceType", &[]) },
    service("ServiceCategory", ServiceFact::Category),
    service("ServiceName", ServiceFact::Name),
    service("ServiceSubcategory", ServiceFact::Subcategory),
    first("SkuId", &[SKU]),
    Mapping { only_with: Some(SKU), ..first("SkuMeter", &["product/usagetype"]) },
    object("SkuPriceDetails", Object::Product),
    first("SkuPriceId", &["pricing/RateCode"]),
    first("SubAccountId", &[USAGE_ACCOUNT]),
    first("SubAccountName", &["lineItem/UsageAccountName"]),
    always("SubAccountType", "Usage Account"),
    object("Tags", Object::Tags),
    line_item("x_UnblendedCost", LineItemFact::UnblendedCost),
    first("x_BlendedCost", &["lineItem/BlendedCost"]),
    first("x_NetUnblendedCost", &["lineItem/NetUnblendedCost"]),
    line_item("x_NetEffectiveCost", LineItemFact::NetEffectiveCost),
    wordy("x_UnblendedRate", &["lineItem/UnblendedRate"]),
    wordy("x_BlendedRate", &["lineItem/BlendedRate"]),
    first("x_UsageAmount", &[USAGE_AMOUNT]),
    wordy("x_NormalizationFactor", &["lineItem/NormalizationFactor"]),
    wordy("x_NormalizedUsageAmount", &["lineItem/NormalizedUsageAmount"]),
    Mapping { absent: Absent::Refused, ..first("x_LineItemType", &[LINE_ITEM_TYPE]) },
    first("x_LineItemId", &["identity/LineItemId"]),
    first("x_TimeInterval", &["identity/TimeInterval"]),
    first("x_ServiceCode", &[PRODUCT_CODE]),
    first("x_UsageType", &[USAGE_TYPE]),
    first("x_Operation", &["lineItem/Operation"]),
    first("x_TaxType", &["lineItem/TaxType"]),
    first("x_BillType", &["bill/BillType"]),
    first("x_BillingEntity", &["bill/BillingEntity"]),
    first("x_ProductFamily", &[PRODUCT_FAMILY]),
    first("x_InstanceType", &["product/instanceType"]),
    first("x_InstanceTypeFamily", &["product/instanceTypeFamily"]),
    first("x_OperatingSystem", &["product/operatingSystem"]),
    first("x_DatabaseEngine", &["product/databaseEngine"]),
    first("x_LicenseModel", &["product/licenseModel"]),
    first("x_DeploymentOption", &["product/deploymentOption"]),
    first("x_ProductLocation", &[LOCATION]),
    first("x_PurchaseOption", &["pricing/PurchaseOption"]),
    first("x_PricingTerm", &["pricing/term"]),
    first("x_PricingRateId", &["pricing/RateId"]),
    first("x_OfferingClass", &["pricing/OfferingClass"]),
    first("x_LeaseContractLength", &["pricing/LeaseContractLength"]),
    first("x_SubscriptionId", &["reservation/SubscriptionId"]),
    line_item("x_IsSplitCost", LineItemFact::IsSplitCost),
    first("x_SplitCost", &["splitLineItem/SplitCost"]),
    first("x_SplitUnusedCost", &["splitLineItem/UnusedCost"]),
    first("x_SplitParentResourceId", &[SPLIT_PARENT]),
    object("x_CostCategories", Object::CostCategories),
    object("x_Discounts", Object::Discounts),
    object("x_Other", Object::Other),
];

impl Mapping {
    /// The source columns that the rule names. What the table of line item types reads is in that table.
    pub fn sources(&self) -> &'static [&'static str] {
        match self.value {
            Value::First(columns) => columns,
            Value::LineItem(LineItemFact::IsSplitCost) => &[SPLIT_PARENT],
            Value::LineItem(LineItemFact::ConsumedQuantity | LineItemFact::PricingQuantity) => &[USAGE_AMOUNT],
            Value::LineItem(LineItemFact::UnblendedCost) => &[UNBLENDED_COST],
            Value::LineItem(LineItemFact::PricingCategory) => &[LINE_ITEM_TYPE, USAGE_TYPE],
            Value::LineItem(LineItemFact::ConsumedUnit | LineItemFact::PricingUnit) => &[UNIT],
            Value::LineItem(
                LineItemFact::PricingCurrencyListUnitPrice
                | LineItemFact::PricingCurrencyContractedUnitPrice
                | LineItemFact::PricingCurrencyEffectiveCost,
            ) => &[PRICE_CURRENCY, CURRENCY],
            Value::LineItem(_) => &[LINE_ITEM_TYPE],
            Value::Service(ServiceFact::Name) => &[PRODUCT_NAME, PRODUCT_CODE, PRODUCT_FAMILY],
            Value::Service(_) => &[PRODUCT_CODE, PRODUCT_FAMILY],
            Value::Commitment(CommitmentFact::Unit) => &[RESERVATION, UNIT, SAVINGS_PLAN, CURRENCY],
            Value::Commitment(_) => &[RESERVATION, SAVINGS_PLAN],
            Value::Capacity(CapacityFact::Id) => &[CAPACITY, CAPACITY_STATUS, RESOURCE, USAGE_TYPE],
            Value::Capacity(CapacityFact::Status) => &[CAPACITY, CAPACITY_STATUS, USAGE_TYPE],
            Value::RegionName => REGION_NAME,
            Value::ResourceType => &[RESOURCE, PRODUCT_CODE, PRODUCT_FAMILY],
            Value::Always(_) | Value::Object(_) | Value::Nothing => &[],
        }
    }
}

impl Object {
    /// The object that gathers this source column (which no rule reads), and the key it has there.
    pub fn of(column: &str) -> (Object, &str) {
        match column.split_once('/') {
            Some(("product", key)) => (Object::Product, key),
            Some(("resourceTags", key)) => (Object::Tags, key.strip_prefix("user:").unwrap_or(key)),
            Some(("costCategory", key)) => (Object::CostCategories, key),
            Some(("discount", key)) => (Object::Discounts, key),
            _ => (Object::Other, column),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_rule_reads_is_kept_in_an_object() {
        assert_eq!(Object::of("resourceTags/user:team"), (Object::Tags, "team"));
        assert_eq!(Object::of("resourceTags/aws:createdBy"), (Object::Tags, "aws:createdBy"));
        assert_eq!(Object::of("resourceTags/user:user:odd/key"), (Object::Tags, "user:odd/key"));
        assert_eq!(Object::of("costCategory/Team"), (Object::CostCategories, "Team"));
        assert_eq!(Object::of("product/storageClass"), (Object::Product, "storageClass"));
        assert_eq!(Object::of("reservation/ModificationStatus"), (Object::Other, "reservation/ModificationStatus"));
        assert_eq!(Object::of("nonsense"), (Object::Other, "nonsense"));
    }
}
