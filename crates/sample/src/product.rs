//! Products, with the codes and names that AWS uses.

/// `lineItem/ProductCode` and what goes with it.
pub(crate) struct Product {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) service_code: &'static str,
    /// `lineItem/LegalEntity` where a marketplace seller sells it.
    pub(crate) seller: Option<&'static str>,
}

const fn aws(code: &'static str, name: &'static str) -> Product {
    Product { code, name, service_code: code, seller: None }
}

pub(crate) const EC2: Product = aws("AmazonEC2", "Amazon Elastic Compute Cloud");
pub(crate) const RDS: Product = aws("AmazonRDS", "Amazon Relational Database Service");
pub(crate) const S3: Product = aws("AmazonS3", "Amazon Simple Storage Service");
pub(crate) const LAMBDA: Product = aws("AWSLambda", "AWS Lambda");
pub(crate) const ECS: Product = aws("AmazonECS", "Amazon Elastic Container Service");
pub(crate) const EKS: Product = aws("AmazonEKS", "Amazon Elastic Container Service for Kubernetes");
pub(crate) const DYNAMODB: Product = aws("AmazonDynamoDB", "Amazon DynamoDB");
pub(crate) const CACHE: Product = aws("AmazonElastiCache", "Amazon ElastiCache");
pub(crate) const CLOUDFRONT: Product = aws("AmazonCloudFront", "Amazon CloudFront");
pub(crate) const CLOUDWATCH: Product = aws("AmazonCloudWatch", "AmazonCloudWatch");
pub(crate) const ROUTE53: Product = aws("AmazonRoute53", "Amazon Route 53");
pub(crate) const SQS: Product = aws("AWSQueueService", "Amazon Simple Queue Service");
pub(crate) const SNS: Product = aws("AmazonSNS", "Amazon Simple Notification Service");
pub(crate) const KMS: Product = aws("awskms", "AWS Key Management Service");
pub(crate) const VPC: Product = aws("AmazonVPC", "Amazon Virtual Private Cloud");
pub(crate) const ELB: Product = aws("AWSELB", "Elastic Load Balancing");
pub(crate) const REDSHIFT: Product = aws("AmazonRedshift", "Amazon Redshift");
pub(crate) const CONFIG: Product = aws("AWSConfig", "AWS Config");
pub(crate) const SUPPORT: Product = aws("AWSSupportBusiness", "AWS Support (Business)");
pub(crate) const REGISTRAR: Product = aws("AmazonRegistrar", "Amazon Registrar");
pub(crate) const COMPUTE_PLANS: Product = aws("ComputeSavingsPlans", "Savings Plans for AWS Compute usage");
pub(crate) const MARKETPLACE_LOGS: Product = Product {
    code: "6nvx1nrndstz2zbxg7s3v3z6p",
    name: "Logs & Traces \"Pro\"",
    service_code: "AWSMarketplace",
    seller: Some("Example Observability, Inc."),
};
