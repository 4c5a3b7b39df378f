//! `billconnect deliveries`: what months come from and came from.

mod compare;
mod prune;

use std::process::ExitCode;

use app::deliveries::Months;
use billing::history::PastDelivery;
use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use clap::Subcommand;
use comfy_table::CellAlignment;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub use self::prune::RetentionArgs;
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
    Compare(compare::Args),
    /// Remove the charges of deliveries that were replaced and need not be kept any more.
    Prune(prune::Args),
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

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Some(Command::Compare(args)) => compare::run(global, args).await,
        Some(Command::Prune(args)) => prune::run(global, args).await,
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
            number(&past.rows),
            number(&past.charges),
            number(&past.billed),
            number(&past.effective),
            number(&past.list),
        ]));
    }
    Ok(lines.join("\n"))
}

/// An instant to the second, in UTC.
fn stamp(at: OffsetDateTime) -> anyhow::Result<String> {
    Ok(at.to_offset(time::UtcOffset::UTC).replace_nanosecond(0)?.format(&Rfc3339)?)
}
