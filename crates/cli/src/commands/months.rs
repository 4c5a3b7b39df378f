//! `billconnect months`: how far the reading of each month is, and having months read again.

use std::process::ExitCode;

use app::App;
use app::reprocess::ReprocessResult;
use billing::bill_month::{BillMonth, BillMonthField, csv};
use billing::listing::{Field as _, Filter, Flaw, Listing, Order, Row as _};
use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use serde_json::{Map, Value, json};

use crate::args::Global;
use crate::{out, world};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    list: List,
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  billconnect months --org 123456789
  billconnect months --org 123456789 --filter \"billMonth ge '202501' and status eq 'processing'\"
  billconnect months --org 123456789 --order-by \"lastProcessedAt desc\" --csv > months.csv
  billconnect months reprocess --org 123456789 --connect aws-123456789012 --month 2026-09,2026-10

Fields are billConnectId, billMonth, status, lastProcessStartAt, lastProcessEndAt and lastProcessedAt; operators eq, ne, gt, ge, lt,
le, co (contains), sw (starts with), ew (ends with), in and nin, as in `billMonth in ('202509','202510')`; `and` binds closer than `or`.";

#[derive(Debug, clap::Args)]
struct List {
    /// The org.
    #[arg(long, required = true)]
    org: Option<OrgId>,
    /// Only these months, in the language of the API's `filter`.
    #[arg(long, value_parser = filter)]
    filter: Option<Filter<BillMonthField>>,
    /// In this order; newest first if left out.
    #[arg(long, value_parser = order, value_name = "FIELDS")]
    order_by: Option<Order<BillMonthField>>,
    /// Print JSON.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print csv that spreadsheets may open.
    #[arg(long)]
    csv: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Have months read again from what is delivered now, whatever is published of them: all of them, or none where one can't be.
    ///
    /// A running server reads them; without one, `billconnect ingest` does. What is published stays until then.
    Reprocess {
        /// The org.
        #[arg(long)]
        org: OrgId,
        /// The bill connect.
        #[arg(long, value_name = "ID")]
        connect: BillConnectId,
        /// The months, `YYYY-MM`, with commas between them.
        #[arg(long = "month", required = true, value_delimiter = ',', value_name = "MONTHS")]
        months: Vec<BillingPeriod>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    match args.command {
        Some(Command::Reprocess { org, connect, months, json }) => {
            world::require_org(&app, org).await?;
            let months = months.into_iter().map(|period| (connect.clone(), period)).collect();
            let done = app.reprocess_months(&world::whoever_calls(), org, months).await?;
            if json {
                let item = |item: &app::reprocess::ReprocessItem| {
                    let (connect, period) = &item.month;
                    let error = item.result.why_not(&item.month);
                    json!({ "connect": connect, "period": period, "accepted": done.is_accepted(), "error": error })
                };
                out::json(&done.items.iter().map(item).collect::<Vec<_>>())?;
            }
            for item in &done.items {
                let (connect, period) = &item.month;
                match item.result.why_not(&item.month) {
                    Some(why) => out::talk(&format!("error: {period}: {why}")),
                    None if item.result == ReprocessResult::Held => {
                        out::talk(&format!("{period}: left as it is, because others can't be read again"));
                    }
                    None => out::talk(&format!("{period}: `{connect}` is going to be read again")),
                }
            }
            Ok(if done.is_accepted() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        None => {
            list(&app, args.list).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn list(app: &App, args: List) -> anyhow::Result<()> {
    let Some(org) = args.org else { anyhow::bail!("name the org with `--org`") };
    world::require_org(app, org).await?;
    let order = args.order_by.unwrap_or_else(BillMonth::usual_order);
    let all = app.bill_months(org).await?;
    let (any, months) = (!all.is_empty(), Listing { filter: args.filter, order }.all(all));
    if args.json {
        out::json(&months.iter().map(to_json).collect::<Vec<_>>())?;
    } else if args.csv {
        out::text(&csv(&months));
    } else if months.is_empty() {
        let none = "nothing has been delivered yet; `billconnect ingest` looks for it";
        out::talk(if any { "no month is as the filter says" } else { none });
    } else {
        let mut table = out::table(&["bill connect", "month", "status", "last begun", "ended", "last published"]);
        for month in &months {
            table.add_row(BillMonthField::ALL.iter().map(|field| month.cell(*field).unwrap_or_default()));
        }
        out::data(&table.to_string());
    }
    Ok(())
}

/// A month as the API shows it.
fn to_json(month: &BillMonth) -> Value {
    let fields = BillMonthField::ALL.iter().filter_map(|field| {
        let cell = month.cell(*field)?.into_owned();
        Some((field.name().to_owned(), Value::from(cell)))
    });
    Value::Object(fields.collect::<Map<_, _>>())
}

fn filter(text: &str) -> Result<Filter<BillMonthField>, String> {
    Filter::parse(text).map_err(|flaws| told(&flaws))
}

fn order(text: &str) -> Result<Order<BillMonthField>, String> {
    Order::parse(text).map_err(|flaws| told(&flaws))
}

fn told(flaws: &[Flaw]) -> String {
    flaws.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
