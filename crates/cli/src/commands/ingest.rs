//! `billconnect ingest`: reads what AWS has delivered and is not in the lake yet, with a progress bar.

use std::process::ExitCode;
use std::sync::Arc;

use app::jobs::Ingested;
use app::store::JobOutcome;
use billing::names::{BillConnectId, OrgId};
use billing::receipt::Receipt;
use serde_json::{Value, json};

use crate::args::{Global, JobArgs};
use crate::progress::Bars;
use crate::{money, out, world};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  billconnect ingest --org 123456789\n\nExit status 1 where a month could not be loaded; that month stays as it was."
)]
pub struct Args {
    /// The org.
    #[arg(long)]
    org: OrgId,
    /// Only this bill connect; all of the org's if left out.
    #[arg(long, value_name = "ID")]
    connect: Option<BillConnectId>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    jobs: JobArgs,
}

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let app = Arc::new(world::open(global).await?.running_jobs(args.jobs.settings()));
    world::require_org(&app, args.org).await?;
    let connects = match &args.connect {
        Some(id) => vec![app.bill_connect(args.org, id).await?],
        None => app.bill_connects(args.org).await?,
    };
    if connects.is_empty() {
        if args.json {
            out::json(&json!([]))?;
        }
        out::talk("the org has no bill connects yet; `billconnect setup aws` prints the request that makes one");
        return Ok(ExitCode::SUCCESS);
    }
    let _bars = Bars::show(&app, args.org);
    let (mut done, mut failed) = (Vec::new(), false);
    for connect in &connects {
        match app.refresh(connect).await {
            Ok(months) => done.extend(months),
            // One connection that fails keeps no other back.
            Err(error) => {
                out::talk(&format!("error: {}: {error}", connect.candidate.id()));
                failed = true;
            }
        }
    }
    failed |= done.iter().any(|month| month.outcome.is_err());
    let receipts = if done.is_empty() { Vec::new() } else { app.receipts(args.org).await? };
    let receipt_of = |month: &Ingested| {
        receipts.iter().find(|receipt| receipt.connect == month.connect && receipt.period == month.period)
    };
    if args.json {
        out::json(&done.iter().map(|month| to_json(month, receipt_of(month))).collect::<Vec<_>>())?;
    } else if done.is_empty() && !failed {
        out::talk("nothing new: every month is up to date");
    } else {
        for month in &done {
            out::data(&line(month, receipt_of(month)));
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn line(month: &Ingested, receipt: Option<&Receipt>) -> String {
    let what = match (&month.outcome, receipt) {
        (Ok(JobOutcome::Published), Some(receipt)) => {
            let rows = money::thousands(receipt.rows_in_files.into());
            format!(
                "published, {rows} rows, billed {}, difference to the files {}",
                receipt.billed_in_lake, receipt.difference
            )
        }
        (Ok(JobOutcome::Published), None) => "published, and deleted since".to_owned(),
        (Ok(JobOutcome::Same), _) => "already published".to_owned(),
        (Ok(JobOutcome::Older), _) => "passed over: a newer delivery is published".to_owned(),
        (Err(error), _) => format!("not loaded, stays as it was: {error}"),
    };
    format!("{} {}: {what}", month.connect, month.period)
}

fn to_json(month: &Ingested, receipt: Option<&Receipt>) -> Value {
    let (status, detail) = match &month.outcome {
        Ok(JobOutcome::Published) => ("published", json!({ "receipt": receipt })),
        Ok(outcome) => (outcome.name(), json!({})),
        Err(error) => ("failed", json!({ "error": error })),
    };
    let mut value = json!({ "connect": month.connect, "period": month.period, "status": status });
    if let (Some(value), Value::Object(detail)) = (value.as_object_mut(), detail) {
        value.extend(detail);
    }
    value
}
