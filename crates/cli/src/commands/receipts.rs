//! `billconnect receipts`: what each published month proved.

use std::process::ExitCode;

use billing::names::OrgId;

use crate::args::Global;
use crate::{money, out, world};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Sums are exact. `--json` adds the sums by account, invoice and line item type, and every file with its ETag."
)]
pub struct Args {
    /// The org.
    #[arg(long)]
    org: OrgId,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    world::require_org(&app, args.org).await?;
    let receipts = app.receipts(args.org).await?;
    if args.json {
        out::json(&receipts)?;
    } else if receipts.is_empty() {
        out::talk("no month is published yet; `billconnect ingest` reads what AWS has delivered");
    } else {
        let header = [
            "bill connect",
            "month",
            "status",
            "rows in files",
            "+ added",
            "= in lake",
            "unblended in files",
            "billed in lake",
            "difference",
        ];
        let mut table = out::table(&header);
        for receipt in &receipts {
            let count = |number: u64| money::thousands(number.into());
            table.add_row([
                receipt.connect.to_string(),
                receipt.period.to_string(),
                receipt.status.name().to_owned(),
                count(receipt.rows_in_files),
                count(receipt.charges_added),
                count(receipt.charges_in_lake),
                receipt.unblended_in_files.to_string(),
                receipt.billed_in_lake.to_string(),
                receipt.difference.to_string(),
            ]);
        }
        out::data(&table.to_string());
    }
    Ok(ExitCode::SUCCESS)
}
