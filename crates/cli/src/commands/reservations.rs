//! `billconnect reservations`: what reservations and savings plans bought, what of it was used, and what that covered.

mod explorer;

use std::process::ExitCode;

use app::reservations::Explored;
use billing::commitment::{Commitment, Coverage, Days, Measure, instance_family};
use billing::money::Amount;
use billing::names::OrgId;
use billing::period::BillingPeriod;
use comfy_table::CellAlignment;
use lake::BilledCommitments;
use serde_json::{Value, json};
use time::Date;
use time::macros::format_description;

use crate::args::Global;
use crate::csv::{self, number};
use crate::{money, out, world};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The org.
    #[arg(long)]
    org: OrgId,
    /// The month, `YYYY-MM`; the newest that is published if neither it nor days are named.
    #[arg(long, conflicts_with_all = ["from", "until"])]
    month: Option<BillingPeriod>,
    /// The first day, `YYYY-MM-DD`.
    #[arg(long, value_parser = day, requires = "until", value_name = "DAY")]
    from: Option<Date>,
    /// The first day after the last, `YYYY-MM-DD`.
    #[arg(long, value_parser = day, requires = "from", value_name = "DAY")]
    until: Option<Date>,
    /// Print JSON, with every digit.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print the commitments as csv that spreadsheets may open, with every digit.
    #[arg(long)]
    csv: bool,
}

const EXAMPLES: &str = "\
Examples:
  billconnect reservations --org 123456789                                       the newest month
  billconnect reservations --org 123456789 --month 2026-09 --csv > september.csv
  billconnect reservations --org 123456789 --from 2026-09-08 --until 2026-09-15  seven days

Quantities are hours of a reservation, and money of a savings plan. Used and unused add up to what was bought. Coverage holds what a
commitment covered, at public on-demand prices, against all that it could have covered. A bill states a reservation's fee once a
month: over days of a month, it is spread evenly. What Cost Explorer says of the last seven days it was asked about is held against
the bill's figures of the same days.";

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    world::require_org(&app, args.org).await?;
    let named = args.month.map(Days::of).or(args.from.zip(args.until).map(|(from, until)| Days { from, until }));
    anyhow::ensure!(named.is_none_or(|days| days.from < days.until), "`--from` must be a day before `--until`");
    let days = match named {
        Some(days) => Some(days),
        None => app.newest_month(args.org).await?,
    };
    let explored = app.explored(args.org).await?;
    let Some(days) = days else {
        if args.json {
            out::json(&json!({
                "commitments": [], "coverage": [], "deliveries": [], "cost_explorer": explorer::to_json(&explored),
            }))?;
        } else if !args.csv {
            explorer::show(&explored);
        }
        out::talk(
            "nothing to tell of the bill yet: no month is published; `billconnect ingest` reads what AWS has delivered",
        );
        return Ok(ExitCode::SUCCESS);
    };
    let found = app.commitments(args.org, days).await?;
    if args.json {
        out::json(&to_json(days, &found, &explored))?;
    } else if args.csv {
        out::data(&to_csv(&found.used.commitments));
    } else {
        show(days, &found);
        explorer::show(&explored);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(days: Days, found: &BilledCommitments) {
    let last = days.until.previous_day().unwrap_or(days.until);
    if found.used.commitments.is_empty() {
        out::talk(&format!("the bill names no reservation and no savings plan from {} to {last}", days.from));
    } else {
        out::data(&commitments(&found.used.commitments));
        out::talk(&format!("from {} to {last}, UTC; costs are effective ones, in cents", days.from));
    }
    if !found.used.coverage.is_empty() {
        out::data(&coverage(&found.used.coverage));
        out::talk("at public on-demand prices: what commitments could have covered, and the share that they did");
    }
}

fn commitments(all: &[Commitment]) -> String {
    let header = [
        "commitment",
        "kind",
        "account",
        "for",
        "bought",
        "used",
        "unused",
        "unit",
        "unused cost",
        "utilization",
        "coverage",
    ];
    let mut table = out::table(&header);
    for commitment in all {
        let facts = &commitment.facts;
        let quantity = |pick: fn(&Measure) -> Amount| {
            commitment.quantity.as_ref().map_or_else(|| "?".to_owned(), |quantity| money::cents(pick(quantity)))
        };
        let account = facts.account_name.as_deref().or(facts.account.as_deref()).unwrap_or_default();
        table.add_row([
            commitment.short_id().to_owned(),
            commitment.kind.name().to_owned(),
            account.to_owned(),
            purpose(commitment),
            quantity(|quantity| quantity.bought),
            quantity(|quantity| quantity.used),
            quantity(|quantity| quantity.unused),
            facts.unit.clone().unwrap_or_default(),
            money::cents(commitment.cost.unused),
            percent(commitment.utilization()),
            percent(commitment.coverage()),
        ]);
    }
    align(&mut table, &[4, 5, 6, 8, 9, 10]);
    table.to_string()
}

fn coverage(all: &[Coverage]) -> String {
    let mut table =
        out::table(&["service", "region", "family", "on demand", "reservations", "savings plans", "coverage"]);
    for row in families(all) {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        table.add_row([
            text(&row.service),
            text(&row.region),
            text(&row.instance_type),
            money::cents(row.on_demand),
            money::cents(row.reservations),
            money::cents(row.savings_plans),
            percent(row.percentage()),
        ]);
    }
    align(&mut table, &[3, 4, 5, 6]);
    table.to_string()
}

/// Rows of instance types as rows of instance families: sizes would fill screens.
fn families(all: &[Coverage]) -> Vec<Coverage> {
    let mut rows: Vec<Coverage> = Vec::new();
    for row in all {
        let family = row.instance_type.as_deref().map(|text| instance_family(text).to_owned());
        let same = |known: &&mut Coverage| {
            known.service == row.service && known.region == row.region && known.instance_type == family
        };
        let add = |sum: &mut Amount, more: Amount| *sum = sum.checked_add(more).unwrap_or(*sum);
        match rows.iter_mut().find(same) {
            Some(known) => {
                add(&mut known.on_demand, row.on_demand);
                add(&mut known.reservations, row.reservations);
                add(&mut known.savings_plans, row.savings_plans);
            }
            None => rows.push(Coverage { instance_type: family, ..row.clone() }),
        }
    }
    rows
}

fn align(table: &mut comfy_table::Table, columns: &[usize]) {
    for column in columns {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// What a commitment is for, as far as the bill says: `AmazonRDS db.r6g.large eu-west-1`.
fn purpose(commitment: &Commitment) -> String {
    let facts = &commitment.facts;
    let parts = match commitment.kind {
        billing::commitment::CommitmentKind::Reservation => [&facts.service, &facts.instance_type, &facts.region],
        billing::commitment::CommitmentKind::SavingsPlan => [&facts.offering_class, &facts.purchase_option, &None],
    };
    parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn percent(share: Option<Amount>) -> String {
    share.map_or_else(String::new, |share| format!("{} %", money::cents(share)))
}

fn to_json(days: Days, found: &BilledCommitments, explored: &[Explored]) -> Value {
    let measure =
        |measure: &Measure| json!({ "bought": measure.bought, "used": measure.used, "unused": measure.unused });
    let commitment = |commitment: &Commitment| {
        let facts = &commitment.facts;
        json!({
            "id": commitment.id, "kind": commitment.kind.name(), "connect": commitment.connect,
            "account": facts.account, "account_name": facts.account_name, "service": facts.service,
            "region": facts.region, "instance_type": facts.instance_type, "instances": facts.instances,
            "purchase_option": facts.purchase_option, "offering_class": facts.offering_class, "term": facts.term,
            "starts": facts.starts, "ends": facts.ends, "unit": facts.unit, "currency": facts.currency,
            "quantity": commitment.quantity.as_ref().map(measure), "cost": measure(&commitment.cost),
            "billed": commitment.billed, "covered": commitment.covered, "coverable": commitment.coverable,
            "utilization": commitment.utilization(), "coverage": commitment.coverage(),
        })
    };
    let coverage = |row: &Coverage| {
        json!({
            "service": row.service, "region": row.region, "instance_type": row.instance_type,
            "on_demand": row.on_demand, "reservations": row.reservations, "savings_plans": row.savings_plans,
            "coverage": row.percentage(),
        })
    };
    json!({
        "from": days.from.to_string(), "until": days.until.to_string(),
        "commitments": found.used.commitments.iter().map(commitment).collect::<Vec<_>>(),
        "coverage": found.used.coverage.iter().map(coverage).collect::<Vec<_>>(),
        "deliveries": found.deliveries, "cost_explorer": explorer::to_json(explored),
    })
}

fn to_csv(all: &[Commitment]) -> String {
    const HEADER: &str = "id,kind,connect,account,service,region,instance_type,unit,bought,used,unused,bought_cost,used_cost,unused_cost,billed,covered,coverable,utilization,coverage";
    let line = |commitment: &Commitment| {
        let (facts, cost) = (&commitment.facts, commitment.cost);
        let maybe = |amount: Option<Amount>| amount.map_or_else(|| csv::Cell::from(""), |amount| number(&amount));
        let quantity = |pick: fn(Measure) -> Amount| maybe(commitment.quantity.map(pick));
        let text = |text: &Option<String>| csv::Cell::from(text.clone().unwrap_or_default());
        csv::line([
            commitment.id.as_str().into(),
            commitment.kind.name().into(),
            commitment.connect.to_string().into(),
            text(&facts.account),
            text(&facts.service),
            text(&facts.region),
            text(&facts.instance_type),
            text(&facts.unit),
            quantity(|quantity| quantity.bought),
            quantity(|quantity| quantity.used),
            quantity(|quantity| quantity.unused),
            number(&cost.bought),
            number(&cost.used),
            number(&cost.unused),
            number(&commitment.billed),
            number(&commitment.covered),
            number(&commitment.coverable),
            maybe(commitment.utilization()),
            maybe(commitment.coverage()),
        ])
    };
    std::iter::once(HEADER.to_owned()).chain(all.iter().map(line)).collect::<Vec<_>>().join("\n")
}

fn day(text: &str) -> Result<Date, String> {
    Date::parse(text, format_description!("[year]-[month]-[day]"))
        .map_err(|_| format!("`{text}` is no day: it is one like `2026-09-08`"))
}
