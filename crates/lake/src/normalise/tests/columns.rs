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
