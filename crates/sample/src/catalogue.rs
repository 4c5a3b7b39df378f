//! What can be used and at which price: regions and offers, with the names and prices that AWS uses.

use crate::compute::{self, Instance};
use crate::dec::Dec;
use crate::product::{
    CACHE, CLOUDFRONT, CLOUDWATCH, CONFIG, DYNAMODB, EC2, ECS, EKS, ELB, KMS, LAMBDA, Product, RDS, REDSHIFT, ROUTE53,
    S3, SNS, SQS, VPC,
};

/// A region: code, prefix of usage types, name, and its price beside that of Virginia.
pub(crate) struct Region {
    pub(crate) code: &'static str,
    pub(crate) prefix: &'static str,
    pub(crate) location: &'static str,
    pub(crate) price: Dec,
}

pub(crate) const REGIONS: [Region; 4] = [
    Region { code: "us-east-1", prefix: "", location: "US East (N. Virginia)", price: Dec::of("1") },
    Region { code: "eu-west-1", prefix: "EU-", location: "EU (Ireland)", price: Dec::of("1.08") },
    Region { code: "eu-central-1", prefix: "EUC1-", location: "EU (Frankfurt)", price: Dec::of("1.2") },
    Region { code: "us-west-2", prefix: "USW2-", location: "US West (Oregon)", price: Dec::of("1") },
];

/// What is counted in an hour.
#[derive(Clone, Copy)]
pub(crate) enum Quantity {
    /// Mostly the whole hour.
    Hours,
    /// Gigabyte-months that an hour of storage is worth: long fractions.
    Stored,
    /// Gigabytes moved.
    Moved,
    /// Whole requests.
    Requests,
    /// A few things.
    Items,
}

/// How the resource is named: a prefix before hexadecimal digits, or an ARN's service and kind.
#[derive(Clone, Copy)]
pub(crate) enum Resource {
    Id(&'static str),
    Arn(&'static str, &'static str),
}

/// Something that is charged by use.
pub(crate) struct Offer {
    pub(crate) product: &'static Product,
    /// Usage type without the region's prefix, operation, unit, product family.
    pub(crate) usage: [&'static str; 4],
    pub(crate) rate: Dec,
    pub(crate) quantity: Quantity,
    pub(crate) resource: Resource,
    pub(crate) instance: Option<&'static Instance>,
    /// How many lines it has beside the others.
    pub(crate) weight: usize,
}

const fn offer(
    product: &'static Product,
    usage: [&'static str; 4],
    price: (&str, Quantity),
    seen: (Resource, usize),
) -> Offer {
    Offer {
        product,
        usage,
        rate: Dec::of(price.0),
        quantity: price.1,
        resource: seen.0,
        instance: None,
        weight: seen.1,
    }
}

const fn box_usage(
    product: &'static Product,
    usage: [&'static str; 4],
    rate: &str,
    instance: &'static Instance,
) -> Offer {
    let resource = if product.code.len() == EC2.code.len() { Resource::Id("i-0") } else { Resource::Arn("rds", "db") };
    Offer { instance: Some(instance), ..offer(product, usage, (rate, Quantity::Hours), (resource, 7)) }
}

const COMPUTE: &str = "Compute Instance";
const DATABASE: &str = "Database Instance";
use Quantity::{Hours, Items, Moved, Requests, Stored};
use Resource::{Arn, Id};

pub(crate) const OFFERS: &[Offer] = &[
    box_usage(&EC2, ["BoxUsage:m5.large", "RunInstances", "Hrs", COMPUTE], "0.096", &compute::M5_LARGE),
    box_usage(&EC2, ["BoxUsage:m5.2xlarge", "RunInstances", "Hrs", COMPUTE], "0.384", &compute::M5_2XLARGE),
    box_usage(&EC2, ["BoxUsage:t3.medium", "RunInstances:0002", "Hrs", COMPUTE], "0.0416", &compute::T3_MEDIUM),
    box_usage(&EC2, ["SpotUsage:c6g.xlarge", "RunInstances:SV001", "Hrs", COMPUTE], "0.0513", &compute::C6G_XLARGE),
    box_usage(&EC2, ["BoxUsage:r6g.2xlarge", "RunInstances", "Hrs", COMPUTE], "0.4032", &compute::R6G_2XLARGE),
    offer(&EC2, ["EBS:VolumeUsage.gp3", "CreateVolume-Gp3", "GB-Mo", "Storage"], ("0.08", Stored), (Id("vol-0"), 9)),
    offer(
        &EC2,
        ["EBS:SnapshotUsage", "CreateSnapshot", "GB-Mo", "Storage Snapshot"],
        ("0.05", Stored),
        (Arn("ec2", "snapshot"), 4),
    ),
    offer(
        &EC2,
        ["DataTransfer-Regional-Bytes", "InterZone-In", "GB", "Data Transfer"],
        ("0.01", Moved),
        (Id("i-0"), 5),
    ),
    offer(&EC2, ["DataTransfer-Out-Bytes", "RunInstances", "GB", "Data Transfer"], ("0.09", Moved), (Id("i-0"), 4)),
    offer(
        &EC2,
        ["NatGateway-Bytes", "NatGateway", "GB", "NAT Gateway"],
        ("0.045", Moved),
        (Arn("ec2", "natgateway"), 3),
    ),
    box_usage(
        &RDS,
        ["InstanceUsage:db.r6g.large", "CreateDBInstance:0014", "Hrs", DATABASE],
        "0.225",
        &compute::DB_R6G_LARGE,
    ),
    box_usage(
        &RDS,
        ["Multi-AZUsage:db.t3.medium", "CreateDBInstance:0002", "Hrs", DATABASE],
        "0.136",
        &compute::DB_T3_MEDIUM,
    ),
    offer(
        &RDS,
        ["RDS:GP3-Storage", "CreateDBInstance:0014", "GB-Mo", "Database Storage"],
        ("0.115", Stored),
        (Arn("rds", "db"), 3),
    ),
    offer(
        &S3,
        ["TimedStorage-ByteHrs", "StandardStorage", "GB-Mo", "Storage"],
        ("0.023", Stored),
        (Id("data-lake-"), 7),
    ),
    offer(
        &S3,
        ["TimedStorage-SIA-ByteHrs", "StandardIAStorage", "GB-Mo", "Storage"],
        ("0.0125", Stored),
        (Id("archive-"), 3),
    ),
    offer(
        &S3,
        ["Requests-Tier1", "PutObject", "Requests", "API Request"],
        ("0.000005", Requests),
        (Id("data-lake-"), 8),
    ),
    offer(
        &S3,
        ["Requests-Tier2", "GetObject", "Requests", "API Request"],
        ("0.0000004", Requests),
        (Id("web-assets-"), 9),
    ),
    offer(
        &LAMBDA,
        ["Lambda-GB-Second", "Invoke", "Lambda-GB-Second", "Serverless"],
        ("0.0000166667", Requests),
        (Arn("lambda", "function"), 6),
    ),
    offer(
        &LAMBDA,
        ["Request", "Invoke", "Requests", "Serverless"],
        ("0.0000002", Requests),
        (Arn("lambda", "function"), 6),
    ),
    offer(
        &ECS,
        ["Fargate-vCPU-Hours:perCPU", "FargateTask", "hours", "Compute"],
        ("0.04048", Hours),
        (Arn("ecs", "task"), 5),
    ),
    offer(
        &EKS,
        ["AmazonEKS-Hours:perCluster", "CreateOperation", "Hours", "Compute"],
        ("0.1", Hours),
        (Arn("eks", "cluster"), 2),
    ),
    offer(
        &DYNAMODB,
        [
            "WriteRequestUnits",
            "PayPerRequestThroughput",
            "WriteRequestUnits",
            "Amazon DynamoDB PayPerRequest Throughput",
        ],
        ("0.000000625", Requests),
        (Arn("dynamodb", "table"), 4),
    ),
    offer(
        &DYNAMODB,
        ["TimedStorage-ByteHrs", "StandardStorage", "GB-Mo", "Database Storage"],
        ("0.25", Stored),
        (Arn("dynamodb", "table"), 2),
    ),
    offer(
        &CACHE,
        ["NodeUsage:cache.r6g.large", "CreateCacheCluster:0002", "Hrs", "Cache Instance"],
        ("0.206", Hours),
        (Arn("elasticache", "cluster"), 3),
    ),
    offer(
        &CLOUDFRONT,
        ["DataTransfer-Out-Bytes", "GET", "GB", "Data Transfer"],
        ("0.085", Moved),
        (Arn("cloudfront", "distribution"), 4),
    ),
    offer(
        &CLOUDFRONT,
        ["Requests-Tier2-HTTPS", "GET", "Requests", "Request"],
        ("0.000001", Requests),
        (Arn("cloudfront", "distribution"), 3),
    ),
    offer(
        &CLOUDWATCH,
        ["DataProcessing-Bytes", "PutLogEvents", "GB", "Data Payload"],
        ("0.5", Moved),
        (Arn("logs", "log-group"), 5),
    ),
    offer(
        &CLOUDWATCH,
        ["CW:MetricMonitorUsage", "MetricStorage", "Metrics", "Metric"],
        ("0.3", Stored),
        (Arn("cloudwatch", "metric"), 3),
    ),
    offer(
        &ROUTE53,
        ["DNS-Queries", "A", "Queries", "DNS Query"],
        ("0.0000004", Requests),
        (Arn("route53", "hostedzone"), 3),
    ),
    offer(
        &SQS,
        ["Requests-Tier1", "SendMessage", "Requests", "API Request"],
        ("0.0000004", Requests),
        (Arn("sqs", "queue"), 4),
    ),
    offer(
        &SNS,
        ["DeliveryAttempts-HTTP", "Publish", "Notifications", "Message Delivery"],
        ("0.0000006", Requests),
        (Arn("sns", "topic"), 2),
    ),
    offer(&KMS, ["KMS-Requests", "Decrypt", "Requests", "API Request"], ("0.000003", Requests), (Arn("kms", "key"), 4)),
    offer(
        &VPC,
        ["PublicIPv4:InUseAddress", "RunInstances", "Hrs", "VpcPublicIPv4Address"],
        ("0.005", Hours),
        (Id("eni-0"), 4),
    ),
    offer(
        &ELB,
        ["LoadBalancerUsage", "LoadBalancing:Application", "Hrs", "Load Balancer-Application"],
        ("0.0225", Hours),
        (Arn("elasticloadbalancing", "loadbalancer"), 4),
    ),
    offer(
        &REDSHIFT,
        ["Node:ra3.xlplus", "RunComputeNode:0001", "Hrs", COMPUTE],
        ("1.086", Hours),
        (Arn("redshift", "cluster"), 1),
    ),
    offer(
        &CONFIG,
        ["ConfigurationItemRecorded", "None", "ConfigurationItemRecorded", "Management Tools - AWS Config"],
        ("0.003", Items),
        (Arn("config", "rule"), 1),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_catalogue_has_many_products_and_every_offer_a_price() {
        let products: BTreeSet<_> = OFFERS.iter().map(|offer| offer.product.code).collect();
        assert!(products.len() >= 15, "{products:?}");
        assert!(OFFERS.iter().all(|offer| offer.rate > Dec::ZERO && offer.weight > 0));
    }
}
