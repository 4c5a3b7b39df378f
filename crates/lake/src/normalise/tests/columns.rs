//! What lands in which column, and what absent means.

use super::*;

#[track_caller]
fn check(columns: &str, cells: &str, expect: &[(&str, &str)]) {
    let read = read(columns, &[("Usage", "1", cells)]);
    for (name, expect) in expect {
        assert_eq!(read.column(name), [*expect], "{name}");
    }
}

#[test]
fn a_report_of_the_least_columns_fills_what_must_not_be_null() {
    check(
        "",
        "",
        &[
            ("BillingAccountId", "123456789012"),
            ("BillingCurrency", "USD"),
            ("BillingPeriodStart", "2026-09-01T00:00:00Z"),
            ("BillingPeriodEnd", "2026-10-01T00:00:00Z"),
            ("ChargePeriodStart", "2026-09-02T03:00:00Z"),
            ("ChargePeriodEnd", "2026-09-02T04:00:00Z"),
            ("InvoiceIssuerName", "Amazon Web Services, Inc."),
            ("PublisherName", "Amazon Web Services, Inc."),
            ("ProviderName", "AWS"),
            ("ServiceName", "Other"),
            ("ServiceCategory", "Other"),
            ("ServiceSubcategory", "Other (Other)"),
            ("SubAccountId", "111111111111"),
            ("InvoiceId", "-"),
            ("Tags", "-"),
            ("SkuPriceDetails", "-"),
            ("x_Other", "-"),
            ("x_NetUnblendedCost", "-"),
            ("x_IsSplitCost", "false"),
        ],
    );
}

#[test]
fn services_are_named_by_the_line_then_by_the_table_then_by_their_code() {
    let columns = "lineItem/ProductCode,product/ProductName";
    check(columns, "AmazonS3,Simple Storage", &[("ServiceName", "Simple Storage"), ("ServiceCategory", "Storage")]);
    check(columns, "AmazonS3,", &[("ServiceName", "Amazon Simple Storage Service"), ("x_ServiceCode", "AmazonS3")]);
    check(
        columns,
        "8abc,",
        &[("ServiceName", "8abc"), ("ServiceCategory", "Other"), ("ServiceSubcategory", "Other (Other)")],
    );
    let lines = [("Usage", "1", "AmazonS3,"), ("Usage", "1", "AmazonEC2,"), ("Usage", "1", "AmazonS3,")];
    let expect = ["Object Storage", "Virtual Machines", "Object Storage"];
    assert_eq!(read(columns, &lines).column("ServiceSubcategory"), expect);
}

#[test]
fn the_first_column_that_says_something_wins() {
    let columns = "product/region,product/regionCode";
    check(columns, "us-east-1,eu-west-1", &[("RegionId", "eu-west-1")]);
    check(columns, "us-east-1,", &[("RegionId", "us-east-1")]);
    check(columns, ",", &[("RegionId", "-")]);
}

#[test]
fn columns_may_stand_in_any_order_and_be_quoted() {
    let file = "\"bill/InvoiceId\",lineItem/UsageEndDate,lineItem/UnblendedCost,\"lineItem/UsageStartDate\",lineItem/LineItemType,lineItem/UsageAccountId\n\
                \"i,1\",2026-09-02 04:00:00+00:00,\"1.5\",2026-09-02 03:00:00.000,Usage,\"1\"\n";
    let read = read_packed(&gzip(file.as_bytes())).unwrap();
    assert_eq!(read.column("InvoiceId"), ["i,1"]);
    assert_eq!(read.column("BilledCost"), ["1.5"]);
    assert_eq!(read.column("ChargePeriodStart"), ["2026-09-02T03:00:00Z"]);
    assert_eq!(read.column("ChargePeriodEnd"), ["2026-09-02T04:00:00Z"]);
}

#[test]
fn what_no_column_takes_is_kept_once() {
    let columns = "reservation/ModificationStatus,new/Column,product/group,costCategory/Team,discount/Edp,resourceTags/user:Owner";
    let read = read(columns, &[("Usage", "1", "Original,\"a \"\"b\"\"\",S3,Blue,-0.5,me"), ("Usage", "1", ",,,,,")]);
    let other = r#"{"reservation/ModificationStatus":"Original","new/Column":"a \"b\""}"#;
    assert_eq!(read.column("x_Other"), [other, "-"]);
    assert_eq!(read.column("SkuPriceDetails"), [r#"{"group":"S3"}"#, "-"]);
    assert_eq!(read.column("x_CostCategories"), [r#"{"Team":"Blue"}"#, "-"]);
    assert_eq!(read.column("x_Discounts"), [r#"{"Edp":"-0.5"}"#, "-"]);
    assert_eq!(read.column("Tags"), [r#"{"Owner":"me"}"#, "-"]);
    let unmapped = ["new/Column", "reservation/ModificationStatus"].map(str::to_owned);
    assert_eq!(read.totals.unmapped_columns, unmapped.into());

    let fee = "savingsPlan/TotalCommitmentToDate,new/Column,resourceTags/user:Owner";
    let read = super::read(fee, &[("SavingsPlanRecurringFee", "1", "1,x,me")]);
    assert_eq!(read.column("x_Other"), [r#"{"new/Column":"x"}"#, "-"]);
    assert_eq!(read.column("Tags"), [r#"{"Owner":"me"}"#; 2]);
}

#[test]
fn words_for_no_number_are_read_as_none_only_where_aws_writes_them() {
    let columns = "lineItem/NormalizationFactor,pricing/publicOnDemandRate";
    check(columns, "None,convertible", &[("x_NormalizationFactor", "-"), ("ListUnitPrice", "-")]);
    check(columns, "0.5,1E-3", &[("x_NormalizationFactor", "0.5"), ("ListUnitPrice", "0.001")]);
    let error = try_read(columns, &[("Usage", "1", "none,")]).unwrap_err().to_string();
    assert!(error.contains("`lineItem/NormalizationFactor`") && error.contains("`none`"), "{error}");
    let error = try_read("lineItem/UsageAmount", &[("Usage", "1", "None")]).unwrap_err().to_string();
    assert!(error.contains("`lineItem/UsageAmount`") && error.contains("`None`"), "{error}");
}

#[test]
fn a_product_family_is_filed_where_it_belongs_under_a_name_of_its_own() {
    let columns = "lineItem/ProductCode,product/ProductName,product/productFamily";
    let lines = [
        ("Usage", "1", "AmazonEC2,Amazon Elastic Compute Cloud,Compute Instance"),
        ("Usage", "1", "AmazonEC2,Amazon Elastic Compute Cloud,Storage"),
        ("Usage", "1", "AmazonEC2,Amazon Elastic Compute Cloud,"),
    ];
    let read = read(columns, &lines);
    let ec2 = "Amazon Elastic Compute Cloud";
    assert_eq!(read.column("ServiceName"), [ec2, "Amazon Elastic Block Store", ec2]);
    assert_eq!(read.column("ServiceCategory"), ["Compute", "Storage", "Compute"]);
    assert_eq!(read.column("x_ServiceCode"), ["AmazonEC2"; 3]);
}

#[test]
fn prices_are_the_stated_ones_else_those_that_make_the_cost() {
    let columns = "lineItem/UsageAmount,lineItem/UnblendedRate,pricing/publicOnDemandRate,pricing/publicOnDemandCost";
    let lines = [
        ("Usage", "0.3", "3,0.1,0.2,0.6"),
        ("Usage", "0.3", "4,,,"),
        ("Fee", "1259.99", "2,0.0,,"),
        ("Fee", "5", "0,,,"),
        ("Fee", "5", ",,,"),
        ("Tax", "1", "1,,,"),
    ];
    let read = read(columns, &lines);
    assert_eq!(read.column("ContractedUnitPrice"), ["0.1", "0.075", "629.995", "-", "-", "-"]);
    assert_eq!(read.column("ListUnitPrice"), ["0.2", "0.075", "629.995", "-", "-", "-"]);
    assert_eq!(read.column("PricingQuantity"), ["3", "4", "2", "0", "-", "-"]);
    assert_eq!(read.column("PricingUnit"), ["Units", "Units", "Units", "Units", "-", "-"]);
    assert_eq!(read.column("ConsumedQuantity"), ["3", "4", "-", "-", "-", "-"]);
    assert_eq!(read.column("ConsumedUnit"), ["Units", "Units", "-", "-", "-", "-"]);
    assert_eq!(read.column("x_UsageAmount"), ["3", "4", "2", "0", "-", "1"]);
}

#[test]
fn amounts_in_the_pricing_currency_are_those_billed_where_it_is_the_same() {
    let columns = "lineItem/CurrencyCode,pricing/currency,lineItem/UnblendedRate,lineItem/UsageAmount";
    let lines = [("Usage", "2", "USD,USD,1,2"), ("Usage", "2", "USD,,1,2"), ("Usage", "2", "CNY,USD,1,2")];
    let read = read(columns, &lines);
    assert_eq!(read.column("PricingCurrency"), ["USD"; 3]);
    assert_eq!(read.column("PricingCurrencyEffectiveCost"), ["2", "2", "-"]);
    assert_eq!(read.column("PricingCurrencyContractedUnitPrice"), ["1", "1", "-"]);
    assert_eq!(read.column("EffectiveCost"), ["2"; 3]);
}

#[test]
fn a_capacity_reservation_is_told_by_its_columns_or_by_hours_that_nobody_used() {
    let columns = "lineItem/ResourceId,lineItem/UsageType,capacityReservation/CapacityReservationArn,capacityReservation/CapacityReservationStatus";
    let lines = [
        ("Usage", "1", "i-1,BoxUsage:m5.large,arn:cr-1,Used"),
        ("Usage", "1", "arn:cr-1,EU-UnusedBox:m5.large,,"),
        ("Usage", "0", "arn:cr-1,EU-Reservation:m5.large,arn:cr-1,Reserved"),
        ("Usage", "1", "i-2,BoxUsage:m5.large,,"),
        ("Usage", "1", ",UnusedBox:m5.large,,"),
    ];
    let read = read(columns, &lines);
    assert_eq!(read.column("CapacityReservationId"), ["arn:cr-1", "arn:cr-1", "-", "-", "-"]);
    assert_eq!(read.column("CapacityReservationStatus"), ["Used", "Unused", "-", "-", "-"]);
}

#[test]
fn regions_resources_and_meters_are_named() {
    let columns =
        "product/regionCode,product/location,lineItem/ResourceId,lineItem/ProductCode,product/sku,product/usagetype";
    let lines = [
        ("Usage", "1", "eu-west-1,Anywhere,vol-1,AmazonEC2,ABC,BoxUsage"),
        ("Usage", "1", "eu-west-99,EU (Atlantis),arn:aws:lambda:eu-west-1:1:function:f,AWSLambda,,BoxUsage"),
        ("Usage", "1", "eu-west-99,,,,,"),
        ("Usage", "1", ",Any,b,AmazonS3,,"),
    ];
    let read = read(columns, &lines);
    assert_eq!(read.column("RegionName"), ["EU (Ireland)", "EU (Atlantis)", "eu-west-99", "-"]);
    assert_eq!(read.column("ResourceType"), ["Volume", "function", "-", "Bucket"]);
    assert_eq!(read.column("SkuMeter"), ["BoxUsage", "-", "-", "-"]);
}

#[test]
fn what_a_commitment_bought_has_a_unit_where_it_has_a_quantity() {
    let columns = "lineItem/CurrencyCode,pricing/unit,reservation/ReservationARN,savingsPlan/SavingsPlanARN,reservation/TotalReservedUnits";
    let lines = [
        ("Fee", "10", "USD,Hrs,arn:ri,,17520"),
        ("SavingsPlanUpfrontFee", "30", "USD,Hrs,,arn:sp,"),
        ("SavingsPlanNegation", "-1", "USD,Hrs,,arn:sp,"),
    ];
    let read = read(columns, &lines);
    assert_eq!(read.column("CommitmentDiscountQuantity"), ["17520", "30", "-"]);
    assert_eq!(read.column("CommitmentDiscountUnit"), ["Hrs", "USD", "-"]);
}
