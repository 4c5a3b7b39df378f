//! What AWS is to deliver, and the bucket policy that lets it: the one model of the report, the exports and their bucket.

use serde_json::{Value, json};

use super::Delivery;
use crate::focus::columns::FOCUS;

/// The id of the statement that lets AWS write, by which a second run recognises its own policy.
pub(super) const DELIVERY_SID: &str = "BillconnectDelivery";

/// The region of the services that make reports and exports, wherever the bucket is.
pub(super) const BILLING_REGION: &str = "us-east-1";

/// What the AWS columns of a FOCUS 1.2 export are called, beside those of FOCUS.
const FOCUS_AWS_COLUMNS: [&str; 3] = ["x_Discounts", "x_Operation", "x_ServiceCode"];

/// Where a delivery goes, as text: the real names, or a template's placeholders for them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Destination<'a> {
    /// The partition.
    pub partition: &'a str,
    /// The account that the bucket and the report are in.
    pub account: &'a str,
    /// The bucket.
    pub bucket: &'a str,
    /// The path in it.
    pub path: &'a str,
    /// The bucket's region.
    pub region: &'a str,
    /// The name of the report or export.
    pub report: &'a str,
}

/// What AWS is told to deliver.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Order {
    /// A legacy Cost and Usage Report, as `cur:PutReportDefinition` and CloudFormation spell it.
    Report(Value),
    /// An export, as `bcm-data-exports:CreateExport` and CloudFormation spell it.
    Export(Value),
}

/// The policy that lets AWS's billing services, acting for this account alone, write to the bucket and see that they may.
pub(super) fn bucket_policy(to: &Destination<'_>) -> Value {
    let Destination { partition, account, bucket, .. } = to;
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": DELIVERY_SID,
            "Effect": "Allow",
            "Principal": { "Service": ["billingreports.amazonaws.com", "bcm-data-exports.amazonaws.com"] },
            "Action": ["s3:PutObject", "s3:GetBucketPolicy"],
            "Resource": [format!("arn:{partition}:s3:::{bucket}"), format!("arn:{partition}:s3:::{bucket}/*")],
            "Condition": {
                "StringEquals": { "aws:SourceAccount": account },
                "ArnLike": {
                    "aws:SourceArn": [
                        format!("arn:{partition}:cur:{BILLING_REGION}:{account}:definition/*"),
                        format!("arn:{partition}:bcm-data-exports:{BILLING_REGION}:{account}:export/*"),
                    ],
                },
            },
        }],
    })
}

/// What AWS is told to deliver, if anything.
pub(super) fn order(delivery: Delivery, to: &Destination<'_>) -> Option<Order> {
    match delivery {
        Delivery::None => None,
        Delivery::Cur => Some(Order::Report(report(to))),
        Delivery::Cur2 => {
            let columns: Vec<&str> = include_str!("cur2_columns.txt").lines().collect();
            let table = json!({
                "TIME_GRANULARITY": "HOURLY",
                "INCLUDE_RESOURCES": "TRUE",
                "INCLUDE_SPLIT_COST_ALLOCATION_DATA": "FALSE",
                "INCLUDE_MANUAL_DISCOUNT_COMPATIBILITY": "FALSE",
            });
            Some(Order::Export(export(to, &Table { name: "COST_AND_USAGE_REPORT", columns, settings: table })))
        }
        Delivery::Focus => {
            let columns = FOCUS.iter().map(|column| column.name).chain(FOCUS_AWS_COLUMNS).collect();
            let table = json!({ "TIME_GRANULARITY": "HOURLY" });
            Some(Order::Export(export(to, &Table { name: "FOCUS_1_2_AWS", columns, settings: table })))
        }
    }
}

/// Hourly, with resources, as csv (which keeps every digit), and with closed months refreshed.
fn report(to: &Destination<'_>) -> Value {
    json!({
        "ReportName": to.report,
        "TimeUnit": "HOURLY",
        "Format": "textORcsv",
        "Compression": "GZIP",
        "AdditionalSchemaElements": ["RESOURCES"],
        "S3Bucket": to.bucket,
        "S3Prefix": to.path,
        "S3Region": to.region,
        "RefreshClosedReports": true,
        "ReportVersioning": "OVERWRITE_REPORT",
    })
}

/// A table of Data Exports, and what is asked of it.
struct Table {
    name: &'static str,
    columns: Vec<&'static str>,
    settings: Value,
}

fn export(to: &Destination<'_>, table: &Table) -> Value {
    let Table { name, columns, settings } = table;
    json!({
        "Name": to.report,
        "DataQuery": {
            "QueryStatement": format!("SELECT {} FROM {name}", columns.join(", ")),
            "TableConfigurations": { *name: settings },
        },
        "DestinationConfigurations": {
            "S3Destination": {
                "S3Bucket": to.bucket,
                "S3Prefix": to.path,
                "S3Region": to.region,
                "S3OutputConfigurations": {
                    "OutputType": "CUSTOM",
                    "Format": "TEXT_OR_CSV",
                    "Compression": "GZIP",
                    "Overwrite": "OVERWRITE_REPORT",
                },
            },
        },
        "RefreshCadence": { "Frequency": "SYNCHRONOUS" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: Destination<'_> = Destination {
        partition: "aws",
        account: "123456789012",
        bucket: "b",
        path: "p",
        region: "eu-west-1",
        report: "r",
    };

    #[test]
    fn only_this_accounts_reports_may_be_written() {
        let policy = bucket_policy(&TO);
        let condition = &policy["Statement"][0]["Condition"];
        assert_eq!(condition["StringEquals"], json!({ "aws:SourceAccount": "123456789012" }));
        for arn in condition["ArnLike"]["aws:SourceArn"].as_array().unwrap() {
            assert!(arn.as_str().unwrap().contains(":123456789012:"), "{arn}");
        }
    }

    #[test]
    fn exports_name_their_columns_within_what_aws_takes() {
        assert_eq!(order(Delivery::None, &TO), None);
        for (delivery, table, count) in
            [(Delivery::Cur2, "COST_AND_USAGE_REPORT", 114), (Delivery::Focus, "FOCUS_1_2_AWS", 60)]
        {
            let Some(Order::Export(export)) = order(delivery, &TO) else { panic!("{delivery:?} is an export") };
            let query = export["DataQuery"]["QueryStatement"].as_str().unwrap();
            let columns = query.strip_prefix("SELECT ").unwrap().strip_suffix(&format!(" FROM {table}")).unwrap();
            let names: std::collections::BTreeSet<&str> = columns.split(", ").collect();
            assert_eq!((names.len(), columns.split(", ").count()), (count, count), "{delivery:?}: none twice");
            assert!(query.len() <= 36_000);
            assert!(export["DataQuery"]["TableConfigurations"][table]["TIME_GRANULARITY"] == "HOURLY");
        }
    }
}
