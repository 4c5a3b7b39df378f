//! `billconnect connect`, `connects` and `disconnect`: an org's connections, as the API makes, shows and deletes them.

use std::io::{IsTerminal, Read as _};
use std::process::ExitCode;

use anyhow::Context;
use app::request::{AccessRequest, ConnectRequest};
use billing::connection::{AccessKind, BillConnect};
use billing::names::{BillConnectId, OrgId};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::check::named;
use crate::args::Global;
use crate::{out, world};

/// The customer's secret: in the environment or on standard input, because other users of a machine can see a command line.
const SECRET: &str = "BILLCONNECT_CUSTOMER_SECRET";

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Connect an AWS bill.
    #[command(subcommand)]
    Aws(AwsCommand),
}

#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  billconnect connect aws iam-role --org 123456789 --account 123456789012 --bucket acme-bills --path cur \\\n    --role-arn arn:aws:iam::123456789012:role/billing\n  billconnect connect aws iam-user --org 123456789 --account 123456789012 --bucket acme-bills --path cur \\\n    --access-key-id AKIA… < secret.txt"
)]
pub enum AwsCommand {
    /// By a role that trusts the operator: nothing secret changes hands. What it must grant, `billconnect setup aws` prints.
    IamRole {
        #[command(flatten)]
        bill: Bill,
        /// The role.
        #[arg(long, value_name = "ARN")]
        role_arn: String,
        /// What our sessions are called in the customer's CloudTrail.
        #[arg(long, value_name = "NAME")]
        session_name: Option<String>,
    },
    /// By an IAM user's access key, for those who can't make a role. The secret is read from standard input, or from
    /// `BILLCONNECT_CUSTOMER_SECRET`.
    IamUser {
        #[command(flatten)]
        bill: Bill,
        /// The access key's id.
        #[arg(long, value_name = "ID")]
        access_key_id: String,
        /// The user's partition: `aws` or `aws-cn`.
        #[arg(long, default_value = "aws")]
        partition: String,
    },
}

/// Which bill it is and where it lies.
#[derive(Debug, clap::Args)]
pub struct Bill {
    /// The org.
    #[arg(long)]
    org: OrgId,
    /// The payer account.
    #[arg(long)]
    account: String,
    /// The bucket.
    #[arg(long)]
    bucket: String,
    /// The path in the bucket.
    #[arg(long, default_value = "")]
    path: String,
    /// The first month to read.
    #[arg(long, value_name = "YYYY-MM")]
    effective_from: Option<String>,
    /// The report to keep to, of several below the path: its name or its folder. By default the best.
    #[arg(long, value_name = "NAME")]
    report: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Lists an org's connections.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  billconnect connects --org 123456789")]
pub struct ListArgs {
    /// The org.
    #[arg(long)]
    org: OrgId,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Deletes a connection and all that was read through it; AWS is left as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  billconnect disconnect --org 123456789 --connect aws-123456789012")]
pub struct DisconnectArgs {
    /// The org.
    #[arg(long)]
    org: OrgId,
    /// The bill connect.
    #[arg(long, value_name = "ID")]
    connect: BillConnectId,
}

pub async fn run(global: &Global, Command::Aws(command): Command) -> anyhow::Result<ExitCode> {
    let (bill, access) = match command {
        AwsCommand::IamRole { bill, role_arn, session_name } => {
            (bill, AccessRequest::Role { arn: Some(role_arn), session_name, external_id: None })
        }
        AwsCommand::IamUser { bill, access_key_id, partition } => {
            let (access_key_id, secret_access_key) = (Some(access_key_id.into()), Some(customer_secret()?));
            (bill, AccessRequest::User { access_key_id, secret_access_key, partition: Some(partition) })
        }
    };
    let Bill { org, account, bucket, path, effective_from, report, json } = bill;
    let app = world::open(global).await?;
    world::require_org(&app, org).await?;
    let (account, bucket, path) = (Some(account), Some(bucket), Some(path));
    let request = ConnectRequest { org, account, bucket, path, effective_from, report, access };
    let connect = app.connect(&world::whoever_calls(), request).await;
    let connect = connect.map_err(named)?;
    if json {
        out::json(&to_json(&connect))?;
    } else {
        out::data(connect.candidate.id().as_ref());
        out::talk(&format!(
            "connected; a running server reads it at its next poll, `billconnect ingest --org {org}` at once"
        ));
    }
    if connect.candidate.access.kind() == AccessKind::User {
        out::talk(&format!(
            "a role is safer, for it has no secret to keep: billconnect setup aws --org {org} --bucket {}",
            connect.candidate.bucket
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn customer_secret() -> anyhow::Result<SecretString> {
    if let Ok(secret) = std::env::var(SECRET) {
        return Ok(secret.into());
    }
    let mut input = std::io::stdin();
    anyhow::ensure!(
        !input.is_terminal(),
        "the secret access key is read from standard input, where it would show here: send it from a file or a password manager, or set {SECRET}"
    );
    let mut secret = String::new();
    input.read_to_string(&mut secret).context("standard input can't be read")?;
    Ok(secret.trim_end().into())
}

pub async fn list(global: &Global, args: ListArgs) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    world::require_org(&app, args.org).await?;
    let connections = app.connections(args.org).await?;
    if args.json {
        let all = connections.iter().map(|connection| {
            let mut view = to_json(&connection.connect);
            view["state"] = json!(connection.standing.state);
            view
        });
        out::json(&all.collect::<Vec<_>>())?;
    } else if connections.is_empty() {
        out::talk(&format!("no connections yet; next: billconnect setup aws --org {} --bucket <bucket>", args.org));
    } else {
        let mut table = out::table(&["connection", "by", "bucket", "path", "state", "made"]);
        for connection in connections {
            let (connect, asked) = (&connection.connect, &connection.connect.candidate);
            table.add_row([
                asked.id().to_string(),
                by(connect).to_owned(),
                asked.bucket.to_string(),
                asked.path.to_string(),
                connection.standing.state.name().to_owned(),
                connect.created_at.date().to_string(),
            ]);
        }
        out::data(&table.to_string());
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn disconnect(global: &Global, args: DisconnectArgs) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    world::require_org(&app, args.org).await?;
    app.disconnect(&world::whoever_calls(), args.org, &args.connect).await?;
    out::talk(&format!(
        "`{}` and what was read through it are gone; in AWS, delete its role or access key",
        args.connect
    ));
    Ok(ExitCode::SUCCESS)
}

fn by(connect: &BillConnect) -> &'static str {
    match connect.candidate.access.kind() {
        AccessKind::Role => "role",
        AccessKind::User => "IAM user",
    }
}

/// The connection for programs, without its keys.
fn to_json(connect: &BillConnect) -> Value {
    let asked = &connect.candidate;
    let mut view = json!({
        "id": asked.id(),
        "account": asked.account,
        "bucket": asked.bucket,
        "path": asked.path,
        "region": connect.region,
        "partition": asked.partition().as_str(),
        "access": asked.access.kind(),
    });
    if let Some(role) = asked.role() {
        view["role_arn"] = json!(role.arn);
        view["session_name"] = json!(role.session_name);
    }
    if let Some(first) = asked.effective_from {
        view["effective_from"] = json!(first);
    }
    if let Some(report) = &asked.report {
        view["report"] = json!(report);
    }
    view
}
