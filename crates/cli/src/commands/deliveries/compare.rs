//! `billconnect deliveries compare`: what changed in a month from one delivery to another, in money.

use std::process::ExitCode;

use app::deliveries::Compared;
use billing::comparison::{Breakdown, ChangeLine, ChargeSums, Comparison, Lines};
use billing::delivery::DeliveryId;
use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use comfy_table::CellAlignment;

use super::stamp;
use crate::args::Global;
use crate::csv::{self, Cell, number};
use crate::{money, out, world};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  billconnect deliveries compare --org 123456789 --connect aws-123456789012 --month 2026-09 --by account,service\n\nThe changes of all lines add up to the total's, to the last digit. A table shows cents; --json and --csv have every digit."
)]
pub struct Args {
    /// The org.
    #[arg(long)]
    org: OrgId,
    /// The bill connect.
    #[arg(long, value_name = "ID")]
    connect: BillConnectId,
    /// The month, `YYYY-MM`.
    #[arg(long)]
    month: BillingPeriod,
    /// The one delivery; the one before the other if left out.
    #[arg(long, value_name = "DELIVERY")]
    from: Option<DeliveryId>,
    /// The other; what the month comes from now if left out.
    #[arg(long, value_name = "DELIVERY")]
    to: Option<DeliveryId>,
    /// What the lines are by, with commas: `account`, `service`, `line-item-type`.
    #[arg(long, value_delimiter = ',', default_value = "service", value_name = "WHAT")]
    by: Vec<Breakdown>,
    /// Also lines in which nothing changed.
    #[arg(long)]
    all: bool,
    /// Print JSON, with every digit.
    #[arg(long)]
    json: bool,
    /// Print CSV, with every digit.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    world::require_org(&app, args.org).await?;
    let Args { org, connect, month: period, from, to, by, all, json, csv } = args;
    let lines = if all { Lines::All } else { Lines::Changed };
    let compared = app.compare_deliveries(org, &Compared { connect, period, from, to, by, lines }).await?;
    if json {
        out::json(&compared)?;
        return Ok(ExitCode::SUCCESS);
    }
    if csv {
        out::data(&csv_lines(&compared));
        return Ok(ExitCode::SUCCESS);
    }
    for (what, delivery) in [("from", &compared.from), ("to", &compared.to)] {
        let (made, published) = (stamp(delivery.made_at)?, stamp(delivery.published_at)?);
        out::talk(&format!("{what} {}, made {made}, published {published}, {}", delivery.delivery_id, delivery.status));
    }
    if compared.lines.is_empty() {
        out::talk("nothing changed; --all lists what is the same");
        return Ok(ExitCode::SUCCESS);
    }
    out::data(&table(&compared));
    let ChargeSums { billed, effective, list, .. } = compared.total.change;
    out::data(&format!("changed by, every digit: billed {billed}, effective {effective}, list {list}"));
    Ok(ExitCode::SUCCESS)
}

fn table(compared: &Comparison) -> String {
    let by = compared.by.iter().map(|by| by.name());
    let sums = ["charges", "billed from", "billed to", "billed by", "effective by", "list by"];
    let mut shown = out::table(&by.chain(sums).collect::<Vec<_>>());
    let total = ChangeLine { values: vec!["total".to_owned()], ..compared.total.clone() };
    for line in compared.lines.iter().chain([&total]) {
        let ChangeLine { values, from, to, change } = line;
        let names = (0..compared.by.len()).map(|at| values.get(at).cloned().unwrap_or_default());
        let amounts = [from.billed, to.billed].map(money::cents);
        let changes = [change.billed, change.effective, change.list].map(money::signed_cents);
        shown.add_row(names.chain([format!("{:+}", change.charges)]).chain(amounts).chain(changes));
    }
    for column in shown.column_iter_mut().skip(compared.by.len()) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    shown.to_string()
}

/// The lines alone: their sum is the total.
fn csv_lines(compared: &Comparison) -> String {
    let places = ["from", "to", "change"];
    let sums = places.iter().flat_map(|place| {
        ["charges", "billed_cost", "effective_cost", "list_cost"].map(|sum| format!("{place}_{sum}"))
    });
    let header: Vec<String> = compared.by.iter().map(|by| by.name().to_owned()).chain(sums).collect();
    let mut lines = vec![header.join(",")];
    for line in &compared.lines {
        let values = line.values.iter().map(|value| Cell::from(value.as_str()));
        let sums = [line.from, line.to, line.change].into_iter().flat_map(|sums| {
            [number(&sums.charges), number(&sums.billed), number(&sums.effective), number(&sums.list)]
        });
        lines.push(csv::line(values.chain(sums)));
    }
    lines.join("\n")
}
