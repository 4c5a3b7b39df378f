//! `billconnect deliveries`: what months come from and came from, what changed between two of a month, and letting old ones go.

use std::process::ExitCode;
use std::time::Duration;

use app::deliveries::{Compared, Months};
use billing::comparison::{Breakdown, ChangeLine, ChargeSums, Comparison, Lines};
use billing::delivery::DeliveryId;
use billing::history::PastDelivery;
use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use billing::retention::Retention;
use clap::Subcommand;
use comfy_table::CellAlignment;
use lake::{Pruned, Pruning};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::args::Global;
use crate::csv::{self, Cell, number};
use crate::{money, out, world};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArgs,
}

const EXAMPLES: &str = "\
Examples:
  billconnect deliveries --org 123456789 --month 2026-09
  billconnect deliveries compare --org 123456789 --connect aws-123456789012 --month 2026-09 --by service
  billconnect deliveries prune --dry-run --keep-deliveries-for 90d
  billconnect costs --org 123456789 --as-of 2026-10-03          what the costs were that day, as far as was known";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what changed in a month from one delivery to another, in money.
    Compare(CompareArgs),
    /// Remove the charges of deliveries that were replaced and need not be kept any more.
    Prune(PruneArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// The org.
    #[arg(long, required = true)]
    org: Option<OrgId>,
    /// Only this bill connect's months.
    #[arg(long, value_name = "ID")]
    connect: Option<BillConnectId>,
    /// Only this month, `YYYY-MM`.
    #[arg(long)]
    month: Option<BillingPeriod>,
    /// Print JSON, with every digit.
    #[arg(long)]
    json: bool,
    /// Print CSV, with every digit.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  billconnect deliveries compare --org 123456789 --connect aws-123456789012 --month 2026-09 --by account,service\n\nThe changes of all lines add up to the total's, to the last digit. A table shows cents; --json and --csv have every digit."
)]
struct CompareArgs {
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

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  billconnect deliveries prune --dry-run --keep-deliveries-for 90d --keep-deliveries-at-least 3\n\nWhat months come from now is never removed, and the list still names what was removed, with its sums. `billconnect serve` does the same once a day."
)]
struct PruneArgs {
    /// Only this org's; every org's if left out.
    #[arg(long)]
    org: Option<OrgId>,
    #[command(flatten)]
    retention: RetentionArgs,
    /// Only say what would be removed.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How long deliveries that were replaced are kept.
#[derive(Debug, clap::Args)]
pub struct RetentionArgs {
    /// How long a delivery stays queryable after a newer one has replaced it: a number with `s`, `m`, `h` or `d`. For ever if left
    /// out. What months come from now always stays.
    #[arg(long, env = "BILLCONNECT_KEEP_DELIVERIES_FOR", value_parser = crate::args::duration, value_name = "TIME")]
    keep_deliveries_for: Option<Duration>,
    /// How many replaced deliveries of each month stay however old they are, the newest ones.
    #[arg(long, env = "BILLCONNECT_KEEP_DELIVERIES_AT_LEAST", default_value_t = 0, value_name = "COUNT")]
    keep_deliveries_at_least: usize,
}

impl From<RetentionArgs> for Retention {
    fn from(args: RetentionArgs) -> Self {
        Self { keep_for: args.keep_deliveries_for, keep_at_least: args.keep_deliveries_at_least }
    }
}

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Some(Command::Compare(args)) => compare(global, args).await,
        Some(Command::Prune(args)) => prune(global, args).await,
        None => list(global, args.list).await,
    }
}

async fn list(global: &Global, args: ListArgs) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    let Some(org) = args.org else { anyhow::bail!("name the org with --org") };
    world::require_org(&app, org).await?;
    let all = app.deliveries(org, &Months { connect: args.connect, period: args.month }).await?;
    if args.json {
        out::json(&all)?;
    } else if args.csv {
        out::data(&list_csv(&all)?);
    } else if all.is_empty() {
        out::talk("there are no such deliveries; `billconnect ingest` reads what AWS has delivered");
    } else {
        let mut table = out::table(&[
            "bill connect",
            "month",
            "delivery",
            "made",
            "published",
            "status",
            "charges",
            "billed",
            "effective",
            "is",
        ]);
        for past in &all {
            table.add_row([
                past.connect.to_string(),
                past.period.to_string(),
                past.delivery_id.to_string(),
                stamp(past.made_at)?,
                stamp(past.published_at)?,
                past.status.name().to_owned(),
                money::thousands(past.charges.into()),
                money::cents(past.billed),
                money::cents(past.effective),
                place(past)?,
            ]);
        }
        for column in table.column_iter_mut().skip(6).take(3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        out::data(&table.to_string());
    }
    Ok(ExitCode::SUCCESS)
}

/// What has become of a delivery.
fn place(past: &PastDelivery) -> anyhow::Result<String> {
    Ok(match (past.replaced_at, past.removed_at) {
        (None, _) => "current".to_owned(),
        (Some(replaced), None) => format!("replaced {}", stamp(replaced)?),
        (Some(_), Some(removed)) => format!("removed {}", stamp(removed)?),
    })
}

fn list_csv(all: &[PastDelivery]) -> anyhow::Result<String> {
    let header = [
        "bill_connect_id",
        "billing_period",
        "delivery_id",
        "report_name",
        "manifest_key",
        "made_at",
        "published_at",
        "replaced_at",
        "removed_at",
        "status",
        "rows",
        "charges",
        "billed_cost",
        "effective_cost",
        "list_cost",
    ];
    let mut lines = vec![header.join(",")];
    for past in all {
        let maybe = |at: Option<OffsetDateTime>| at.map(stamp).transpose().map(Option::unwrap_or_default);
        lines.push(csv::line([
            Cell::from(past.connect.as_ref()),
            past.period.to_string().into(),
            past.delivery_id.as_ref().into(),
            past.report_name.as_str().into(),
            past.manifest_key.as_str().into(),
            stamp(past.made_at)?.into(),
            stamp(past.published_at)?.into(),
            maybe(past.replaced_at)?.into(),
            maybe(past.removed_at)?.into(),
            past.status.name().into(),
            number(past.rows),
            number(past.charges),
            number(past.billed),
            number(past.effective),
            number(past.list),
        ]));
    }
    Ok(lines.join("\n"))
}

async fn compare(global: &Global, args: CompareArgs) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    world::require_org(&app, args.org).await?;
    let CompareArgs { org, connect, month: period, from, to, by, all, json, csv } = args;
    let lines = if all { Lines::All } else { Lines::Changed };
    let compared = app.compare_deliveries(org, &Compared { connect, period, from, to, by, lines }).await?;
    if json {
        out::json(&compared)?;
        return Ok(ExitCode::SUCCESS);
    }
    if csv {
        out::data(&compare_csv(&compared));
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
    out::data(&compare_table(&compared));
    let ChargeSums { billed, effective, list, .. } = compared.total.change;
    out::data(&format!("changed by, every digit: billed {billed}, effective {effective}, list {list}"));
    Ok(ExitCode::SUCCESS)
}

fn compare_table(compared: &Comparison) -> String {
    let by = compared.by.iter().map(|by| by.name());
    let sums = ["charges", "billed from", "billed to", "billed", "effective", "list"];
    let mut table = out::table(&by.chain(sums).collect::<Vec<_>>());
    let total = ChangeLine { values: vec!["total".to_owned()], ..compared.total.clone() };
    for line in compared.lines.iter().chain([&total]) {
        let ChangeLine { values, from, to, change } = line;
        let names = (0..compared.by.len()).map(|at| values.get(at).cloned().unwrap_or_default());
        let amounts = [from.billed, to.billed].map(money::cents);
        let changes = [change.billed, change.effective, change.list].map(money::signed_cents);
        table.add_row(names.chain([format!("{:+}", change.charges)]).chain(amounts).chain(changes));
    }
    for column in table.column_iter_mut().skip(compared.by.len()) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// The lines alone: their sum is the total.
fn compare_csv(compared: &Comparison) -> String {
    let places = ["from", "to", "change"];
    let sums = places.iter().flat_map(|place| {
        ["charges", "billed_cost", "effective_cost", "list_cost"].map(|sum| format!("{place}_{sum}"))
    });
    let header: Vec<String> = compared.by.iter().map(|by| by.name().to_owned()).chain(sums).collect();
    let mut lines = vec![header.join(",")];
    for line in &compared.lines {
        let values = line.values.iter().map(|value| Cell::from(value.as_str()));
        let sums = [line.from, line.to, line.change]
            .into_iter()
            .flat_map(|sums| [number(sums.charges), number(sums.billed), number(sums.effective), number(sums.list)]);
        lines.push(csv::line(values.chain(sums)));
    }
    lines.join("\n")
}

async fn prune(global: &Global, args: PruneArgs) -> anyhow::Result<ExitCode> {
    let retention = Retention::from(args.retention);
    let app = world::open(global).await?.retaining(retention);
    let orgs = match args.org {
        Some(org) => {
            world::require_org(&app, org).await?;
            vec![org]
        }
        None => app.store().orgs().await?.into_iter().map(|org| org.id).collect(),
    };
    let pruning = if args.dry_run { Pruning::DryRun } else { Pruning::Remove };
    let mut all = Vec::new();
    for org in orgs {
        all.extend(app.prune(org, pruning).await?.into_iter().map(|pruned| (org, pruned)));
    }
    if args.json {
        let shown = |(org, pruned): &(OrgId, Pruned)| json!({ "org": org, "delivery": pruned.delivery, "files": pruned.files, "bytes": pruned.bytes });
        out::json(&all.iter().map(shown).collect::<Vec<_>>())?;
    } else {
        let verb = if args.dry_run { "would remove" } else { "removed" };
        for (org, Pruned { delivery, files, bytes }) in &all {
            let PastDelivery { connect, period, delivery_id, .. } = delivery;
            let bytes = money::thousands((*bytes).into());
            out::data(&format!("{verb} {org} {connect} {period} {delivery_id}: {files} files, {bytes} bytes"));
        }
        if retention.keep_for.is_none() {
            out::talk("all deliveries are kept for ever; --keep-deliveries-for says how long they need be");
        } else if all.is_empty() {
            out::talk("nothing to remove: every delivery that was replaced is to be kept");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// An instant to the second, in UTC.
fn stamp(at: OffsetDateTime) -> anyhow::Result<String> {
    Ok(at.to_offset(time::UtcOffset::UTC).replace_nanosecond(0)?.format(&Rfc3339)?)
}
