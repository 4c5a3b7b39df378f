//! `billconnect check`: proves a connection and shows every claim, with what to paste for those that fail.

use std::process::ExitCode;

use app::request::{AccessRequest, ConnectError, ConnectRequest, Field};
use billing::checks::{Report, State, Verdict};
use billing::names::{BillConnectId, OrgId};

use super::check_offline;
use crate::args::Global;
use crate::{out, world};

/// Without `--connect`, nothing but an audit entry is stored: a dry run of what the connect request would prove.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  billconnect check --org 123456789 --account 123456789012 --bucket acme-bills --path cur \\\n    --role-arn arn:aws:iam::123456789012:role/billing\n  billconnect check --org 123456789 --connect aws-123456789012\n  billconnect check --org 123456789 --account 123456789012 --bucket acme-bills --path cur \\\n    --operator-principal arn:aws:iam::999999999999:user/billconnect --policy policy.json --trust trust.json\n\nWith --policy, --trust or --bucket-copy nothing is asked of AWS and no data folder is needed: the files are judged, and what only AWS can\ntell is skipped.\n\nExit status 0 where every required claim holds, 1 where one does not or could not be proven (offline: where a file does not decide it)."
)]
pub struct Args {
    /// The org.
    #[arg(long)]
    org: OrgId,
    /// A stored bill connect to prove anew.
    #[arg(long, value_name = "ID", conflicts_with_all = ["account", "bucket", "path", "role_arn"])]
    connect: Option<BillConnectId>,
    /// The payer account.
    #[arg(long, required_unless_present = "connect")]
    account: Option<String>,
    /// The bucket.
    #[arg(long, required_unless_present = "connect")]
    bucket: Option<String>,
    /// The path in the bucket.
    #[arg(long, default_value = "")]
    path: String,
    /// The role.
    #[arg(long, required_unless_present_any = ["connect", "policy", "trust", "bucket_copy"], value_name = "ARN")]
    role_arn: Option<String>,
    /// The report to keep to, of several below the path: its name or its folder. By default the best.
    #[arg(long, value_name = "NAME", conflicts_with = "connect")]
    report: Option<String>,
    #[command(flatten)]
    documents: check_offline::Files,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    if args.documents.are_given() {
        return check_offline::run(global, &args.documents, request(&args), args.json).await;
    }
    let app = world::open(global).await?;
    world::require_org(&app, args.org).await?;
    let report = match &args.connect {
        Some(id) => app.validation(args.org, id).await?.report,
        None => app.dry_run(&world::whoever_calls(), &request(&args)).await.map_err(named)?,
    };
    if args.json {
        out::json(&report)?;
    } else {
        show(&report);
    }
    let holds = matches!(report.state(), State::Verified | State::Waiting);
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A verdict as a sign.
pub fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "✓",
        Verdict::Failed => "✗",
        Verdict::Skipped => "–",
        Verdict::Unknown => "?",
    }
}

fn request(args: &Args) -> ConnectRequest {
    ConnectRequest {
        org: args.org,
        account: args.account.clone(),
        bucket: args.bucket.clone(),
        path: Some(args.path.clone()),
        effective_from: None,
        report: args.report.clone(),
        access: AccessRequest::Role { arn: args.role_arn.clone(), session_name: None, external_id: None },
    }
}

/// The error with the flag of each wrong field.
pub fn named(error: ConnectError) -> anyhow::Error {
    let ConnectError::Invalid(fields) = &error else { return error.into() };
    let flag = |field: Field| match field {
        Field::Account => "--account",
        Field::Bucket => "--bucket",
        Field::Path => "--path",
        Field::Role => "--role-arn",
        Field::SessionName => "--session-name",
        Field::AccessKeyId => "--access-key-id",
        Field::SecretAccessKey => "the secret access key",
        Field::Partition => "--partition",
        Field::EffectiveFrom => "--effective-from",
        Field::Report => "--report",
        Field::ExternalId => "the external id",
    };
    let lines: Vec<String> = fields.iter().map(|wrong| format!("{}: {}", flag(wrong.field), wrong.message)).collect();
    anyhow::anyhow!("{}", lines.join("\n       "))
}

/// Every claim of a report, with what to paste for those that fail.
pub fn show(report: &Report) {
    lines(report);
    out::talk(match report.state() {
        State::Verified => "every required claim holds",
        State::Waiting => "every required claim holds that can be proven before the first delivery",
        State::Refused => "a required claim does not hold; `billconnect explain <check>` says more",
        State::Undecided => "a required claim could not be proven now; try again",
    });
}

/// Prints every claim, and what mends those that fail.
pub fn lines(report: &Report) {
    let mut table = out::table(&["", "check", "found"]);
    for line in &report.checks {
        table.add_row([mark(line.verdict), line.check.spec().name, &line.found]);
    }
    out::data(&table.to_string());
    for line in report.checks.iter().filter(|line| !line.remedy.is_empty()) {
        out::data(&format!("\nto mend {}: {}", line.check, line.remedy));
        if let Some(words) = &line.aws {
            out::data(&format!("AWS said: {}: {}", words.code, words.message));
        }
    }
}
