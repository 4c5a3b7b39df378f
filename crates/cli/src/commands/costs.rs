//! `billconnect costs`: what it cost, as a table of months, days or hours with bars, or as JSON or csv with every digit.

mod table;

use std::process::ExitCode;

use anyhow::Context;
use app::App;
use app::deliveries::Months;
use billing::cost_query::{
    AccountsAsOf, CostAnswer, CostQuery, CostRow, Dimension, Filter, Granularity, Metric, PeriodType,
};
use billing::cost_words;
use billing::delivery::DeliveryId;
use billing::export::ExportFormat;
use billing::history::{AsOf, NamedDelivery};
use billing::listing::Flaw;
use billing::money::Amount;
use billing::names::OrgId;
use billing::period::BillingPeriod;
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::args::Global;
use crate::{out, world};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The org.
    #[arg(long)]
    org: OrgId,
    /// The months, `YYYY-MM` or `YYYY-MM..YYYY-MM` with both ends included; by default, all that are published.
    #[arg(long, value_parser = months, value_name = "MONTHS")]
    months: Option<(BillingPeriod, BillingPeriod)>,
    /// What to group by, with commas; the names of the cost API, such as `service`, `vendor_account`, `tag_team`.
    #[arg(long, value_delimiter = ',', default_value = "service", value_name = "DIMENSIONS")]
    by: Vec<Dimension>,
    /// Which cost.
    #[arg(long, default_value = "unblended")]
    cost: Cost,
    /// Only these charges, in the language of the API's `filter`.
    #[arg(long, value_parser = filter)]
    filter: Option<Filter>,
    /// Keep so many groups apart, the dearest, and sum the others up.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000), value_name = "GROUPS")]
    top: Option<u16>,
    /// The columns of the table.
    #[arg(long, default_value = "month")]
    granularity: Grain,
    /// What was known then: a day, `YYYY-MM-DD`, which means its end in UTC, or an instant like `2026-10-03T12:00:00Z`.
    #[arg(long, value_parser = AsOf::instant, value_name = "TIME")]
    as_of: Option<OffsetDateTime>,
    /// As of when accounts' names, units and tags count: `usage_day`, `today`, or a day, `YYYY-MM-DD`.
    #[arg(long, default_value = "usage_day", value_name = "DAY")]
    accounts_as_of: AccountsAsOf,
    /// A delivery that its month is to come from, whatever replaced it; `billconnect deliveries` lists them.
    #[arg(long, value_name = "DELIVERY")]
    delivery: Vec<DeliveryId>,
    /// Print JSON, with every digit.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print csv that spreadsheets may open, with every digit.
    #[arg(long)]
    csv: bool,
}

const EXAMPLES: &str = "\
Examples:
  billconnect costs --org 123456789 --by service
  billconnect costs --org 123456789 --by vendor_account,service --months 2026-08..2026-10 --cost effective
  billconnect costs --org 123456789 --months 2026-09 --as-of 2026-10-03
  billconnect costs --org 123456789 --by region,tag_team --top 10 --months 2026-10 --granularity day
  billconnect costs --org 123456789 --by usage_type --filter \"service eq 'AmazonS3' and tag_team ne null\" --json
  billconnect costs --org 123456789 --by resource_id --filter \"service in ('AmazonEC2','AmazonRDS')\" --csv > costs.csv

A filter compares dimensions with values between single quotes: eq, ne, gt, ge, lt, le, co (contains), sw (starts with), ew (ends
with), in and nin; `eq null` finds what has no value; `not`, `and`, `or` and brackets join them.
A table shows cents, and bars for how dear each group is beside the dearest; --json, --csv and the line below the table have every digit.";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Cost {
    /// AWS's unblended cost, line by line: adds up to the invoice.
    Unblended,
    /// Commitments spread over their use.
    Effective,
    /// Public on-demand prices.
    List,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Grain {
    Month,
    Day,
    Hour,
    /// One column for all.
    Total,
}

impl Cost {
    fn metric(self) -> Metric {
        match self {
            Self::Unblended => Metric::CostNonamortizedUnblended,
            Self::Effective => Metric::CostAmortizedUnblended,
            Self::List => Metric::ListPriceNonamortized,
        }
    }
}

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    world::require_org(&app, args.org).await?;
    let published = app.receipts(args.org).await?;
    let all =
        published.iter().map(|receipt| receipt.period).min().zip(published.iter().map(|receipt| receipt.period).max());
    let Some((first, last)) = args.months.or(all) else {
        if args.json {
            out::json(&json!({ "rows": [], "total": 0, "deliveries": [] }))?;
        } else if args.csv {
            let names = args.by.iter().map(Dimension::id).chain([args.cost.metric().id().to_owned()]);
            let header: Vec<String> = std::iter::once("timestamp".to_owned()).chain(names).collect();
            out::text(&billing::spreadsheet::line(header.iter().map(String::as_str)));
        }
        out::talk("no costs yet: no month is published; `billconnect ingest` reads what AWS has delivered");
        return Ok(ExitCode::SUCCESS);
    };
    let as_of = AsOf { at: args.as_of, deliveries: named(&app, &args).await? };
    let question = CostQuery { as_of, accounts_as_of: args.accounts_as_of, ..question(&args, first, last) };
    let answer = app.costs(args.org, &question).await?;
    if args.csv {
        let file = app.cost_file(question, answer, ExportFormat::Csv).await?;
        out::text(&String::from_utf8(file).context("csv is text")?);
        return Ok(ExitCode::SUCCESS);
    }
    let total = total(&answer)?;
    if args.json {
        out::json(&to_json(&args, &answer, total))?;
        return Ok(ExitCode::SUCCESS);
    }
    if answer.rows.is_empty() {
        let then = if args.as_of.is_some() { ", and `--as-of` what was published then" } else { "" };
        out::talk(&format!("no charges match; `--months` and `--filter` say which count{then}"));
        return Ok(ExitCode::SUCCESS);
    }
    out::data(&table::of(&question, &answer)?);
    out::data(&format!("total, every digit: {total}"));
    for delivery in &answer.deliveries {
        let made = delivery.made_at.date();
        out::talk(&format!("{} {} is {}, delivered {made}", delivery.connect, delivery.period, delivery.status.name()));
    }
    Ok(ExitCode::SUCCESS)
}

/// The deliveries that are named, with the months that came from them.
async fn named(app: &App, args: &Args) -> anyhow::Result<Vec<NamedDelivery>> {
    if args.delivery.is_empty() {
        return Ok(Vec::new());
    }
    let all = app.deliveries(args.org, &Months::default()).await?;
    let find = |id: &DeliveryId| {
        let found = all.iter().find(|past| past.delivery_id == *id);
        let named = found.map(|past| NamedDelivery {
            connect: past.connect.clone(),
            period: past.period,
            delivery_id: past.delivery_id.clone(),
        });
        named.with_context(|| format!("no month came from a delivery `{id}`; `billconnect deliveries` lists them"))
    };
    args.delivery.iter().map(find).collect()
}

fn question(args: &Args, first: BillingPeriod, last: BillingPeriod) -> CostQuery {
    CostQuery {
        metrics: vec![args.cost.metric()],
        dimensions: args.by.clone(),
        granularity: match args.granularity {
            Grain::Month => Granularity::Month,
            Grain::Day => Granularity::Day,
            Grain::Hour => Granularity::Hour,
            Grain::Total => Granularity::Whole,
        },
        // A bill is a month's charges, whenever they were used: the table adds up to the invoice.
        period_type: match args.granularity {
            Grain::Month | Grain::Total => PeriodType::BillingPeriod,
            Grain::Day | Grain::Hour => PeriodType::ChargePeriod,
        },
        filter: args.filter.clone(),
        top: args.top.map(usize::from),
        ..CostQuery::over(first.start(), last.end())
    }
}

fn total(answer: &CostAnswer) -> anyhow::Result<Amount> {
    sum(answer.rows.iter().flat_map(|row| row.metrics.iter().copied()))
}

fn sum(amounts: impl Iterator<Item = Amount>) -> anyhow::Result<Amount> {
    let mut total = Amount::ZERO;
    for amount in amounts {
        total = total.checked_add(amount).context("the total is too large to be exact")?;
    }
    Ok(total)
}

fn to_json(args: &Args, answer: &CostAnswer, total: Amount) -> Value {
    let rows = answer.rows.iter().map(|row| {
        let names = args.by.iter().map(Dimension::id);
        let dimensions: Map<String, Value> = names.zip(row.dimensions.iter().map(|value| json!(value))).collect();
        let mut shown = json!({ "time": time(args, row), "dimensions": dimensions, "cost": row.metrics[0] });
        if row.other {
            shown["other"] = json!(true);
        }
        shown
    });
    json!({ "rows": rows.collect::<Vec<_>>(), "total": total, "deliveries": answer.deliveries })
}

/// When a row's time starts: a day, or for hours an instant.
fn time(args: &Args, row: &CostRow) -> String {
    let day = row.timestamp.date().to_string();
    match args.granularity {
        Grain::Hour => format!("{day}T{:02}:00:00Z", row.timestamp.hour()),
        _ => day,
    }
}

fn months(text: &str) -> Result<(BillingPeriod, BillingPeriod), String> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let parse = |month: &str| month.parse::<BillingPeriod>().map_err(|error| error.to_string());
    let (first, last) = (parse(first)?, parse(last)?);
    if first > last {
        return Err(format!("`{text}` runs backwards: the earlier month comes first"));
    }
    Ok((first, last))
}

fn filter(text: &str) -> Result<Filter, String> {
    cost_words::filter(text).map_err(|flaws| flaws.iter().map(Flaw::to_string).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_one_or_a_span() {
        let month = |text: &str| text.parse::<BillingPeriod>().unwrap();
        assert_eq!(months("2026-08"), Ok((month("2026-08"), month("2026-08"))));
        assert_eq!(months("2026-08..2026-10"), Ok((month("2026-08"), month("2026-10"))));
        assert!(months("2026-10..2026-08").unwrap_err().contains("backwards"));
        assert!(months("august").is_err());
    }

    #[test]
    fn filters_are_in_the_language_of_lists() {
        assert!(filter("service eq 'AmazonS3'").is_ok());
        let error = filter("service=AmazonS3 or colour eq 'red'").unwrap_err();
        assert!(error.starts_with("at character 1: "), "{error}");
    }
}
