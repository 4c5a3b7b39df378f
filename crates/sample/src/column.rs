//! The columns of a legacy report, and which of them a month and a part have.

/// Declares the columns in the order in which a bill lists them.
macro_rules! columns {
    ($($column:ident = $category:literal, $name:literal;)*) => {
        /// A column of the report.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Col { $($column,)* }

        impl Col {
            const ALL: &[Col] = &[$(Col::$column,)*];
            pub(crate) const COUNT: usize = Self::ALL.len();

            /// All of them, in the order in which a bill lists them.
            pub(crate) fn all() -> impl Iterator<Item = Col> {
                Self::ALL.iter().copied()
            }

            /// As manifests list it.
            pub(crate) fn category_and_name(self) -> (&'static str, &'static str) {
                match self { $(Self::$column => ($category, $name),)* }
            }

            /// As the header of a csv has it.
            pub(crate) fn name(self) -> String {
                let (category, name) = self.category_and_name();
                format!("{category}/{name}")
            }
        }
    };
}

columns! {
    LineItemId = "identity", "LineItemId";
    TimeInterval = "identity", "TimeInterval";
    BillInvoiceId = "bill", "InvoiceId";
    BillInvoicingEntity = "bill", "InvoicingEntity";
    BillingEntity = "bill", "BillingEntity";
    BillType = "bill", "BillType";
    BillPayerAccountId = "bill", "PayerAccountId";
    BillingPeriodStartDate = "bill", "BillingPeriodStartDate";
    BillingPeriodEndDate = "bill", "BillingPeriodEndDate";
    UsageAccountId = "lineItem", "UsageAccountId";
    LineItemType = "lineItem", "LineItemType";
    UsageStartDate = "lineItem", "UsageStartDate";
    UsageEndDate = "lineItem", "UsageEndDate";
    ProductCode = "lineItem", "ProductCode";
    UsageType = "lineItem", "UsageType";
    Operation = "lineItem", "Operation";
    AvailabilityZone = "lineItem", "AvailabilityZone";
    ResourceId = "lineItem", "ResourceId";
    UsageAmount = "lineItem", "UsageAmount";
    NormalizationFactor = "lineItem", "NormalizationFactor";
    NormalizedUsageAmount = "lineItem", "NormalizedUsageAmount";
    CurrencyCode = "lineItem", "CurrencyCode";
    UnblendedRate = "lineItem", "UnblendedRate";
    UnblendedCost = "lineItem", "UnblendedCost";
    BlendedRate = "lineItem", "BlendedRate";
    BlendedCost = "lineItem", "BlendedCost";
    LineItemDescription = "lineItem", "LineItemDescription";
    TaxType = "lineItem", "TaxType";
    LegalEntity = "lineItem", "LegalEntity";
    NetUnblendedRate = "lineItem", "NetUnblendedRate";
    NetUnblendedCost = "lineItem", "NetUnblendedCost";
    DiscountBundledDiscount = "discount", "BundledDiscount";
    DiscountEdpDiscount = "discount", "EdpDiscount";
    DiscountPrivateRateDiscount = "discount", "PrivateRateDiscount";
    DiscountTotalDiscount = "discount", "TotalDiscount";
    ProductName = "product", "ProductName";
    ProductAvailability = "product", "availability";
    ProductAvailabilityZone = "product", "availabilityZone";
    ProductCapacitystatus = "product", "capacitystatus";
    ProductClockSpeed = "product", "clockSpeed";
    ProductCurrentGeneration = "product", "currentGeneration";
    ProductDatabaseEngine = "product", "databaseEngine";
    ProductDedicatedEbsThroughput = "product", "dedicatedEbsThroughput";
    ProductDeploymentOption = "product", "deploymentOption";
    ProductDurability = "product", "durability";
    ProductEcu = "product", "ecu";
    ProductEngineCode = "product", "engineCode";
    ProductEnhancedNetworkingSupported = "product", "enhancedNetworkingSupported";
    ProductEventType = "product", "eventType";
    ProductFromLocation = "product", "fromLocation";
    ProductFromLocationType = "product", "fromLocationType";
    ProductFromRegionCode = "product", "fromRegionCode";
    ProductGroup = "product", "group";
    ProductGroupDescription = "product", "groupDescription";
    ProductInstanceFamily = "product", "instanceFamily";
    ProductInstanceType = "product", "instanceType";
    ProductInstanceTypeFamily = "product", "instanceTypeFamily";
    ProductLicenseModel = "product", "licenseModel";
    ProductLocation = "product", "location";
    ProductLocationType = "product", "locationType";
    ProductMarketoption = "product", "marketoption";
    ProductMaxVolumeSize = "product", "maxVolumeSize";
    ProductMemory = "product", "memory";
    ProductNetworkPerformance = "product", "networkPerformance";
    ProductNormalizationSizeFactor = "product", "normalizationSizeFactor";
    ProductOperatingSystem = "product", "operatingSystem";
    ProductOperation = "product", "operation";
    ProductPhysicalProcessor = "product", "physicalProcessor";
    ProductPreInstalledSw = "product", "preInstalledSw";
    ProductProcessorArchitecture = "product", "processorArchitecture";
    ProductFamily = "product", "productFamily";
    ProductRegion = "product", "region";
    ProductRegionCode = "product", "regionCode";
    ProductServicecode = "product", "servicecode";
    ProductServicename = "product", "servicename";
    ProductSku = "product", "sku";
    ProductStorage = "product", "storage";
    ProductStorageClass = "product", "storageClass";
    ProductStorageMedia = "product", "storageMedia";
    ProductTenancy = "product", "tenancy";
    ProductToLocation = "product", "toLocation";
    ProductToLocationType = "product", "toLocationType";
    ProductToRegionCode = "product", "toRegionCode";
    ProductTransferType = "product", "transferType";
    ProductUsagetype = "product", "usagetype";
    ProductVcpu = "product", "vcpu";
    ProductVersion = "product", "version";
    ProductVolumeApiName = "product", "volumeApiName";
    ProductVolumeType = "product", "volumeType";
    PricingLeaseContractLength = "pricing", "LeaseContractLength";
    PricingOfferingClass = "pricing", "OfferingClass";
    PricingPurchaseOption = "pricing", "PurchaseOption";
    PricingRateCode = "pricing", "RateCode";
    PricingRateId = "pricing", "RateId";
    PricingCurrency = "pricing", "currency";
    PricingPublicOnDemandCost = "pricing", "publicOnDemandCost";
    PricingPublicOnDemandRate = "pricing", "publicOnDemandRate";
    PricingTerm = "pricing", "term";
    PricingUnit = "pricing", "unit";
    ReservationAmortizedUpfrontCostForUsage = "reservation", "AmortizedUpfrontCostForUsage";
    ReservationAmortizedUpfrontFeeForBillingPeriod = "reservation", "AmortizedUpfrontFeeForBillingPeriod";
    ReservationAvailabilityZone = "reservation", "AvailabilityZone";
    ReservationEffectiveCost = "reservation", "EffectiveCost";
    ReservationEndTime = "reservation", "EndTime";
    ReservationModificationStatus = "reservation", "ModificationStatus";
    ReservationNetAmortizedUpfrontCostForUsage = "reservation", "NetAmortizedUpfrontCostForUsage";
    ReservationNetEffectiveCost = "reservation", "NetEffectiveCost";
    ReservationNetRecurringFeeForUsage = "reservation", "NetRecurringFeeForUsage";
    ReservationNormalizedUnitsPerReservation = "reservation", "NormalizedUnitsPerReservation";
    ReservationNumberOfReservations = "reservation", "NumberOfReservations";
    ReservationRecurringFeeForUsage = "reservation", "RecurringFeeForUsage";
    ReservationArn = "reservation", "ReservationARN";
    ReservationStartTime = "reservation", "StartTime";
    ReservationSubscriptionId = "reservation", "SubscriptionId";
    ReservationTotalReservedNormalizedUnits = "reservation", "TotalReservedNormalizedUnits";
    ReservationTotalReservedUnits = "reservation", "TotalReservedUnits";
    ReservationUnitsPerReservation = "reservation", "UnitsPerReservation";
    ReservationUnusedAmortizedUpfrontFeeForBillingPeriod = "reservation", "UnusedAmortizedUpfrontFeeForBillingPeriod";
    ReservationUnusedNormalizedUnitQuantity = "reservation", "UnusedNormalizedUnitQuantity";
    ReservationUnusedQuantity = "reservation", "UnusedQuantity";
    ReservationUnusedRecurringFee = "reservation", "UnusedRecurringFee";
    ReservationUpfrontValue = "reservation", "UpfrontValue";
    PlanTotalCommitmentToDate = "savingsPlan", "TotalCommitmentToDate";
    PlanArn = "savingsPlan", "SavingsPlanARN";
    PlanRate = "savingsPlan", "SavingsPlanRate";
    PlanUsedCommitment = "savingsPlan", "UsedCommitment";
    PlanEffectiveCost = "savingsPlan", "SavingsPlanEffectiveCost";
    PlanAmortizedUpfrontCommitmentForBillingPeriod = "savingsPlan", "AmortizedUpfrontCommitmentForBillingPeriod";
    PlanRecurringCommitmentForBillingPeriod = "savingsPlan", "RecurringCommitmentForBillingPeriod";
    PlanStartTime = "savingsPlan", "StartTime";
    PlanEndTime = "savingsPlan", "EndTime";
    PlanOfferingType = "savingsPlan", "OfferingType";
    PlanPaymentOption = "savingsPlan", "PaymentOption";
    PlanPurchaseTerm = "savingsPlan", "PurchaseTerm";
    PlanRegion = "savingsPlan", "Region";
    PlanInstanceTypeFamily = "savingsPlan", "InstanceTypeFamily";
    PlanNetEffectiveCost = "savingsPlan", "NetSavingsPlanEffectiveCost";
    SplitActualUsage = "splitLineItem", "ActualUsage";
    SplitParentResourceId = "splitLineItem", "ParentResourceId";
    SplitPublicOnDemandCost = "splitLineItem", "PublicOnDemandSplitCost";
    SplitPublicOnDemandUnusedCost = "splitLineItem", "PublicOnDemandUnusedCost";
    SplitReservedUsage = "splitLineItem", "ReservedUsage";
    SplitCost = "splitLineItem", "SplitCost";
    SplitUsage = "splitLineItem", "SplitUsage";
    SplitUsageRatio = "splitLineItem", "SplitUsageRatio";
    SplitUnusedCost = "splitLineItem", "UnusedCost";
    SplitNetCost = "splitLineItem", "NetSplitCost";
    SplitNetUnusedCost = "splitLineItem", "NetUnusedCost";
    TagCreatedBy = "resourceTags", "aws:createdBy";
    TagName = "resourceTags", "user:Name";
    TagTeamUpper = "resourceTags", "user:Team";
    TagCostCentre = "resourceTags", "user:cost-centre";
    TagEnv = "resourceTags", "user:env";
    TagNotes = "resourceTags", "user:notes";
    TagOwner = "resourceTags", "user:owner";
    TagTeam = "resourceTags", "user:team";
    CategoryUnit = "costCategory", "Business Unit";
    CategoryEnvironment = "costCategory", "Environment";
}

/// The columns of the `index`th month. Discounts in force bring net columns, a new cost category or tag key brings
/// its own, and a month without a product lacks what only that product has.
pub(crate) fn of_month(index: usize) -> Vec<Col> {
    let has = |col: Col| match col.category_and_name() {
        ("discount", _) => index.is_multiple_of(2),
        (_, name) if name.starts_with("Net") => index.is_multiple_of(2),
        ("costCategory", "Environment") | ("resourceTags", "user:Team") => index > 0,
        ("resourceTags", "user:cost-centre") => index != 1,
        ("product", "ecu" | "eventType" | "physicalProcessor") => index % 3 != 2,
        _ => true,
    };
    Col::ALL.iter().copied().filter(|col| has(*col)).collect()
}

/// The last of several parts: no clock speeds or storage media, and the cost categories in front. AWS's parts differ
/// so, which is why a reader goes by name.
pub(crate) fn of_last_part(month: &[Col]) -> Vec<Col> {
    let kept = || month.iter().copied().filter(|col| !matches!(col, Col::ProductClockSpeed | Col::ProductStorageMedia));
    let is_category = |col: &Col| col.category_and_name().0 == "costCategory";
    kept().filter(is_category).chain(kept().filter(|col| !is_category(col))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_month_has_a_hundred_columns_and_no_two_months_are_alike() {
        let months: Vec<_> = (0..3).map(of_month).collect();
        assert!(months.iter().all(|columns| columns.len() > 130), "{}", months[1].len());
        assert!(months[0] != months[1] && months[1] != months[2] && months[0] != months[2]);
    }

    #[test]
    fn net_columns_come_and_go() {
        assert!(of_month(0).contains(&Col::NetUnblendedCost));
        assert!(!of_month(1).contains(&Col::NetUnblendedCost));
    }

    #[test]
    fn the_last_part_orders_and_drops_columns() {
        let month = of_month(0);
        let last = of_last_part(&month);
        assert_eq!(last.len(), month.len() - 2);
        assert_eq!(last[0], Col::CategoryUnit);
    }
}
