//! `billconnect receipts`: what each published month proved.

use std::collections::BTreeSet;
use std::process::ExitCode;

use billing::names::OrgId;
use billing::receipt::Receipt;
use comfy_table::Table;

use crate::args::Global;
use crate::{money, out, world};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  billconnect receipts --org 123456789\n\nSums are exact. `--json` adds the sums by account, invoice and line item type, and every file with its ETag."
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
        for connect in receipts.iter().map(|receipt| &receipt.connect).collect::<BTreeSet<_>>() {
            out::data(&format!("{connect}\n{}", table(receipts.iter().filter(|receipt| receipt.connect == *connect))));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One bill connect's months.
fn table<'a>(receipts: impl Iterator<Item = &'a Receipt>) -> Table {
    let header = ["month", "status", "rows + added = charges", "cost in files", "billed in lake", "difference"];
    let mut table = out::table(&header);
    for receipt in receipts {
        let count = |number: u64| money::thousands(number.into());
        let (rows, added) = (count(receipt.rows_in_files), count(receipt.charges_added));
        table.add_row([
            receipt.period.to_string(),
            receipt.status.name().to_owned(),
            format!("{rows} + {added} = {}", count(receipt.charges_in_lake)),
            format!("{} {}", receipt.compared.name(), receipt.cost_in_files),
            receipt.billed_in_lake.to_string(),
            receipt.difference.to_string(),
        ]);
    }
    table
}
