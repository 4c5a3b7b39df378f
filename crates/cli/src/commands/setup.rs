//! `billconnect setup`: prints what a customer needs to grant access, filled in for the org.

use std::process::ExitCode;

use billing::bucket::{BucketName, BucketPath};
use billing::names::OrgId;
use billing::policy;
use billing::role::Partition;
use clap::ValueEnum;
use serde_json::json;

use crate::args::Global;
use crate::{out, world};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print the permission policy, the trust policy and the request that connects, for a customer on AWS.
    Aws(Args),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  billconnect setup aws --org 123456789 --bucket acme-bills --path cur --host https://bills.example.com\n  billconnect setup aws --org 123456789 --bucket acme-bills --only trust-policy > trust.json"
)]
pub struct Args {
    /// The customer's org.
    #[arg(long)]
    org: OrgId,
    /// The bucket that AWS delivers the reports to.
    #[arg(long)]
    bucket: BucketName,
    /// The path in the bucket, for the request.
    #[arg(long, default_value = "")]
    path: BucketPath,
    /// Where this service answers, for the request.
    #[arg(long, default_value = "<host>")]
    host: String,
    /// The partition that the customer's account is in.
    #[arg(long, default_value = "aws")]
    partition: PartitionName,
    /// Print only this document.
    #[arg(long)]
    only: Option<Document>,
    /// Print JSON.
    #[arg(long, conflicts_with = "only")]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PartitionName {
    Aws,
    AwsCn,
    AwsUsGov,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Document {
    PermissionPolicy,
    TrustPolicy,
    Connect,
}

pub async fn run(global: &Global, Command::Aws(args): Command) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    world::require_org(&app, args.org).await?;
    let partition = match args.partition {
        PartitionName::Aws => Partition::Aws,
        PartitionName::AwsCn => Partition::AwsCn,
        PartitionName::AwsUsGov => Partition::AwsUsGov,
    };
    let permission = policy::permission_policy(partition, &args.bucket);
    let trust = policy::trust_policy(&app.operator_principal().await?, &args.org.external_id());
    let connect = connect_request(&args, partition);
    if args.json {
        out::json(&json!({ "permission_policy": permission, "trust_policy": trust, "connect": connect }))?;
        return Ok(ExitCode::SUCCESS);
    }
    match args.only {
        Some(Document::PermissionPolicy) => out::json(&permission)?,
        Some(Document::TrustPolicy) => out::json(&trust)?,
        Some(Document::Connect) => out::data(&connect),
        None => {
            out::data("# 1. In the payer account, make an IAM policy with these permissions:\n");
            out::json(&permission)?;
            out::data("\n# 2. Make an IAM role with that policy and this trust policy:\n");
            out::json(&trust)?;
            out::data("\n# 3. Connect the bill: fill in what stands in <…>, and send:\n");
            out::data(&connect);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The published request, with its blanks named.
fn connect_request(args: &Args, partition: Partition) -> String {
    let body = json!({
        "aws_bill_account_id": "<payer account id>",
        "aws_bucket_name": args.bucket,
        "aws_bucket_path": args.path,
        "aws_sts_role_arn": format!("arn:{partition}:iam::<payer account id>:role/<role name>"),
    });
    // The shell's single quotes hold everything but themselves.
    let body = body.to_string().replace('\'', r"'\''");
    let (host, org) = (&args.host, args.org);
    format!(
        "curl -X POST -H \"Authorization: Bearer <token>\" {host}/api/onboarding/orgs/{org}/bill_connects/aws/iam_role \\\n  -d '{body}'"
    )
}
