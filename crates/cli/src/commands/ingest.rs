//! `billconnect ingest`: reads what AWS has delivered and is not in the lake yet, with a progress bar.

use std::process::ExitCode;

use app::discover::Scope;
use app::ingest::{Ingested, Loaded};
use billing::names::{BillConnectId, OrgId};
use serde_json::{Value, json};

use crate::args::Global;
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
}

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
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
    let bars = Bars::default();
    let (mut done, mut failed) = (Vec::new(), false);
    for connect in &connects {
        match app.refresh(connect, Scope::FailedToo, &bars).await {
            Ok(months) => done.extend(months),
            // One connection that fails keeps no other back.
            Err(error) => {
                out::talk(&format!("error: {}: {error}", connect.candidate.id()));
                failed = true;
            }
        }
    }
    failed |= done.iter().any(|month| month.outcome.is_err());
    if args.json {
        out::json(&done.iter().map(to_json).collect::<Vec<_>>())?;
    } else if done.is_empty() && !failed {
        out::talk("nothing new: every month is up to date");
    } else {
        for month in &done {
            out::data(&line(month));
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn line(month: &Ingested) -> String {
    let what = match &month.outcome {
        Ok(Loaded::Published(receipt)) => {
            let rows = money::thousands(receipt.rows_in_files.into());
            format!(
                "published, {rows} rows, billed {}, difference to the files {}",
                receipt.billed_in_lake, receipt.difference
            )
        }
        Ok(Loaded::Same) => "already published".to_owned(),
        Ok(Loaded::Older) => "passed over: a newer delivery is published".to_owned(),
        Err(error) => format!("not loaded, stays as it was: {error}"),
    };
    format!("{} {}: {what}", month.connect, month.period)
}

fn to_json(month: &Ingested) -> Value {
    let (status, detail) = match &month.outcome {
        Ok(Loaded::Published(receipt)) => ("published", json!({ "receipt": receipt })),
        Ok(Loaded::Same) => ("same", json!({})),
        Ok(Loaded::Older) => ("older", json!({})),
        Err(error) => ("failed", json!({ "error": error.to_string() })),
    };
    let mut value = json!({ "connect": month.connect, "period": month.period, "status": status });
    if let (Some(value), Value::Object(detail)) = (value.as_object_mut(), detail) {
        value.extend(detail);
    }
    value
}
