//! `billconnect costs`: what it cost, as a table of months or days, or as JSON with every digit.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context;
use app::App;
use app::deliveries::Months;
use billing::cost_query::{CostAnswer, CostQuery, Dimension, Filter, Granularity, Metric, PeriodType};
use billing::delivery::DeliveryId;
use billing::history::{AsOf, NamedDelivery};
use billing::money::Amount;
use billing::names::OrgId;
use billing::period::BillingPeriod;
use clap::ValueEnum;
use comfy_table::CellAlignment;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::args::Global;
use crate::{money, out, world};

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
    /// Only charges with this value, as `dimension=value`; several must all hold.
    #[arg(long, value_parser = equal, value_name = "DIMENSION=VALUE")]
    filter: Vec<Filter>,
    /// The columns of the table.
    #[arg(long, default_value = "month")]
    granularity: Grain,
    /// What was known then: a day, `YYYY-MM-DD`, which means its end in UTC, or an instant like `2026-10-03T12:00:00Z`.
    #[arg(long, value_parser = AsOf::instant, value_name = "TIME")]
    as_of: Option<OffsetDateTime>,
    /// A delivery that its month is to come from, whatever replaced it; `billconnect deliveries` lists them.
    #[arg(long, value_name = "DELIVERY")]
    delivery: Vec<DeliveryId>,
    /// Print JSON, with every digit.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  billconnect costs --org 123456789 --by service
  billconnect costs --org 123456789 --by vendor_account,service --months 2026-08..2026-10 --cost effective
  billconnect costs --org 123456789 --months 2026-09 --as-of 2026-10-03
  billconnect costs --org 123456789 --by usage_type --filter service=AmazonS3 --json

A table shows cents; --json and the line below the table have every digit.";

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
        }
        out::talk("no costs yet: no month is published; `billconnect ingest` reads what AWS has delivered");
        return Ok(ExitCode::SUCCESS);
    };
    let as_of = AsOf { at: args.as_of, deliveries: named(&app, &args).await? };
    let answer = app.costs(args.org, &CostQuery { as_of, ..question(&args, first, last) }).await?;
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
    out::data(&pivot(&args, &answer)?);
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
    let filter = match args.filter.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(Filter::And { expressions: several.to_vec() }),
    };
    CostQuery {
        metrics: vec![args.cost.metric()],
        dimensions: args.by.clone(),
        from: first.start(),
        until: last.end(),
        granularity: match args.granularity {
            Grain::Month => Granularity::Month,
            Grain::Day => Granularity::Day,
        },
        // A bill is a month's charges, whenever they were used: the table adds up to the invoice.
        period_type: match args.granularity {
            Grain::Month => PeriodType::BillingPeriod,
            Grain::Day => PeriodType::ChargePeriod,
        },
        filter,
        limit: None,
        connects: None,
        as_of: AsOf::NOW,
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

/// One line a group, one column a month or day, the dearest group first.
fn pivot(args: &Args, answer: &CostAnswer) -> anyhow::Result<String> {
    let times: Vec<OffsetDateTime> = {
        let mut times: Vec<_> = answer.rows.iter().map(|row| row.timestamp).collect();
        times.sort_unstable();
        times.dedup();
        times
    };
    let mut groups: BTreeMap<&[String], BTreeMap<OffsetDateTime, Amount>> = BTreeMap::new();
    for row in &answer.rows {
        groups.entry(&row.dimensions).or_default().insert(row.timestamp, row.metrics[0]);
    }
    let mut lines = Vec::new();
    for (group, amounts) in groups {
        lines.push((group, sum(amounts.values().copied())?, amounts));
    }
    lines.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
    let labels = args.by.iter().map(Dimension::label);
    let shown = |time: &OffsetDateTime| match args.granularity {
        Grain::Month => time.date().to_string()[..7].to_owned(),
        Grain::Day => time.date().to_string(),
    };
    let header: Vec<String> = labels.chain(times.iter().map(shown)).chain(["total".to_owned()]).collect();
    let mut table = out::table(&header.iter().map(String::as_str).collect::<Vec<_>>());
    for (group, all, amounts) in &lines {
        let cells = times.iter().map(|time| amounts.get(time).map_or(String::new(), |amount| money::cents(*amount)));
        table.add_row(group.iter().cloned().chain(cells).chain([money::cents(*all)]));
    }
    let column_total =
        |time: &OffsetDateTime| sum(lines.iter().filter_map(|(_, _, amounts)| amounts.get(time).copied()));
    let mut totals: Vec<String> = args.by.iter().map(|_| String::new()).collect();
    if let Some(first) = totals.first_mut() {
        "total".clone_into(first);
    }
    for time in &times {
        totals.push(money::cents(column_total(time)?));
    }
    totals.push(money::cents(total(answer)?));
    table.add_row(totals);
    for column in table.column_iter_mut().skip(args.by.len()) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    Ok(table.to_string())
}

fn to_json(args: &Args, answer: &CostAnswer, total: Amount) -> Value {
    let rows = answer.rows.iter().map(|row| {
        let names = args.by.iter().map(Dimension::id);
        let dimensions: Map<String, Value> = names.zip(row.dimensions.iter().map(|value| json!(value))).collect();
        json!({ "time": row.timestamp.date().to_string(), "dimensions": dimensions, "cost": row.metrics[0] })
    });
    json!({ "rows": rows.collect::<Vec<_>>(), "total": total, "deliveries": answer.deliveries })
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

fn equal(text: &str) -> Result<Filter, String> {
    let (dimension, value) =
        text.split_once('=').ok_or_else(|| format!("`{text}` is no filter: it looks like `service=AmazonS3`"))?;
    let dimension: Dimension =
        dimension.parse().map_err(|error: billing::cost_query::UnknownName| error.to_string())?;
    Ok(Filter::Equal { dimension, value: value.to_owned() })
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
    fn filters_name_a_dimension() {
        assert!(equal("service=AmazonS3").is_ok());
        assert!(equal("service").unwrap_err().contains("service=AmazonS3"));
        assert!(equal("colour=red").is_err());
    }
}
