//! `billconnect reconcile`: files = lake = answers, for every published month, and why a month is not published.

use std::process::ExitCode;

use app::deliveries::Months;
use app::reconciliation::{LakeFigures, ReconciledMonth};
use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use billing::reconciliation::{Reconciliation, ThreeWay};
use comfy_table::CellAlignment;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use crate::args::Global;
use crate::{money, out, world};

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// Only this org's months; every org's if left out.
    #[arg(long)]
    org: Option<OrgId>,
    /// Only this bill connect's months.
    #[arg(long, value_name = "ID")]
    connect: Option<BillConnectId>,
    /// Only this month, `YYYY-MM`; its lines are listed as well.
    #[arg(long)]
    month: Option<BillingPeriod>,
    /// Sum every published file anew, instead of taking the lake's figures from the receipts.
    #[arg(long)]
    verify: bool,
    /// Print JSON, with every line.
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Examples:
  billconnect reconcile --org 123456789
  billconnect reconcile --org 123456789 --month 2026-09 --verify

The files' figures are those of the receipts; the answers' are what the cost API answers now. Exit status 1 where anything differs
or a month's newest delivery is not published.";

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    let orgs = match args.org {
        Some(org) => {
            world::require_org(&app, org).await?;
            vec![org]
        }
        None => app.store().orgs().await?.into_iter().map(|org| org.id).collect(),
    };
    let months = Months { connect: args.connect.clone(), period: args.month };
    let figures = if args.verify { LakeFigures::SummedAnew } else { LakeFigures::Receipt };
    let mut all = Vec::new();
    for org in orgs {
        let (reconciled, _) = app.reconciliation(org, (&months, figures), (0, usize::MAX)).await?;
        all.extend(reconciled.into_iter().map(|month| (org, month)));
    }
    let differ = all.iter().any(|(_, month)| !month.differences.is_empty() || month.not_published.is_some());
    if args.json {
        out::json(&all.iter().map(|(org, month)| to_json(*org, month)).collect::<anyhow::Result<Vec<_>>>()?)?;
    } else if all.is_empty() {
        out::talk("no such month is published; `billconnect ingest` reads what AWS has delivered");
    } else {
        show(&args, &all);
    }
    Ok(if differ { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn show(args: &Args, all: &[(OrgId, ReconciledMonth)]) {
    let header =
        ["org", "bill connect", "month", "status", "charges", "cost in files", "lake differs by", "answers differ by"];
    let mut table = out::table(&header);
    for (org, month) in all {
        let Some(published) = &month.published else { continue };
        let Some(cost) = published.totals.first() else { continue };
        table.add_row([
            org.to_string(),
            month.connect.to_string(),
            month.period.to_string(),
            published.status.name().to_owned(),
            money::thousands(published.charges_in_lake.into()),
            cost.files.to_string(),
            cost.lake_difference.to_string(),
            cost.answers_difference.to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    if table.row_count() > 0 {
        out::data(&table.to_string());
    }
    for (_, month) in all.iter().filter(|_| args.month.is_some()) {
        month.published.iter().for_each(|published| out::data(&lines(published)));
    }
    let mut worst = 0;
    for (_, month) in all {
        for difference in &month.differences {
            out::data(&format!("{} {}: {difference}", month.connect, month.period));
            worst += 1;
        }
        if let Some(why) = &month.not_published {
            out::data(&format!("{} {}: not published: {why}", month.connect, month.period));
        }
    }
    let how =
        if args.verify { "every published file was summed anew" } else { "--verify sums every published file anew" };
    match worst {
        0 if table.row_count() == 0 => out::talk("no such month is published"),
        0 => out::talk(&format!("files, lake and answers agree in every line; {how}")),
        count => out::talk(&format!("{count} figures differ; {how}")),
    }
}

/// Every line of one month.
fn lines(published: &Reconciliation) -> String {
    let mut table = out::table(&["", "", "files", "lake", "answers", "lake differs by", "answers differ by"]);
    let groups: [(&str, &[ThreeWay]); 4] = [
        ("total", &published.totals),
        ("line item type", &published.by_line_item_type),
        ("account", &published.by_account),
        ("invoice", &published.by_invoice),
    ];
    for (group, lines) in groups {
        for line in lines {
            let amounts = [line.files, line.lake, line.answers, line.lake_difference, line.answers_difference];
            let name = if line.name.is_empty() { "(none)" } else { &line.name };
            let cells = [group.to_owned(), name.to_owned()];
            table.add_row(cells.into_iter().chain(amounts.map(|amount| amount.to_string())));
        }
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

fn to_json(org: OrgId, month: &ReconciledMonth) -> anyhow::Result<Value> {
    let not_published = month.not_published.as_ref().map(|why| format!("not published: {why}"));
    let mut shown = json!({
        "org": org, "connect": month.connect, "period": month.period,
        "reconciled": month.differences.is_empty() && not_published.is_none(),
        "differences": month.differences, "checked_at": month.looked_at.format(&Rfc3339)?,
    });
    if let Some(published) = &month.published {
        shown["published"] = serde_json::to_value(published)?;
    }
    if let Some(why) = not_published {
        shown["not_published"] = json!(why);
    }
    Ok(shown)
}
