//! `billconnect checks`: what was proven of a connection, now or before.

use std::process::ExitCode;

use app::keep::PastChecks;
use billing::checks::Change;
use billing::names::{BillConnectId, OrgId};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::check::{mark, show};
use crate::args::Global;
use crate::{out, world};

/// Asks AWS nothing: `billconnect check --connect` proves anew.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  billconnect checks --org 123456789 --connect aws-123456789012\n  billconnect checks --org 123456789 --connect aws-123456789012 --history --limit 50\n\nRuns on end that say the same are one entry of the history."
)]
pub struct Args {
    /// The org.
    #[arg(long)]
    org: OrgId,
    /// The bill connect.
    #[arg(long, value_name = "ID")]
    connect: BillConnectId,
    /// Show what changed over time, newest first.
    #[arg(long)]
    history: bool,
    /// How many entries of the history.
    #[arg(long, default_value_t = 20, requires = "history", value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Only entries of the history with numbers below this one.
    #[arg(long, requires = "history", value_name = "NUMBER")]
    before: Option<i64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    world::require_org(&app, args.org).await?;
    let limit = if args.history { args.limit } else { 1 };
    let past = app.checks_history(args.org, &args.connect, (args.before, limit)).await?;
    let standing = app.standing(args.org, &args.connect).await?;
    let (state, reason) = (standing.state, standing.reason());
    if args.json {
        let entries = past.iter().map(to_json).collect::<anyhow::Result<Vec<_>>>()?;
        out::json(&json!({ "connect": args.connect, "state": state, "state_reason": reason, "entries": entries }))?;
        return Ok(ExitCode::SUCCESS);
    }
    match (past.first(), args.history) {
        (None, _) => out::talk("there are no entries; `billconnect check --connect` proves anew"),
        (Some(newest), false) => {
            out::talk(&format!("last proven {}", stamp(newest.entry.last_at)?));
            show(&newest.entry.report);
        }
        (Some(_), true) => show_history(&past)?,
    }
    let since = standing.since.map(stamp).transpose()?.map(|since| format!(" since {since}")).unwrap_or_default();
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    out::talk(&format!("`{}` is {}{since}{reason}", args.connect, state.name()));
    Ok(ExitCode::SUCCESS)
}

fn show_history(past: &[PastChecks]) -> anyhow::Result<()> {
    let mut table = out::table(&["entry", "from", "to", "runs", "says", "what changed"]);
    for PastChecks { entry, changes, .. } in past {
        table.add_row([
            entry.number.to_string(),
            stamp(entry.first_at)?,
            stamp(entry.last_at)?,
            entry.runs.to_string(),
            entry.report.state().name().to_owned(),
            changes.iter().map(line).collect::<Vec<_>>().join("\n"),
        ]);
    }
    out::data(&table.to_string());
    Ok(())
}

fn line(change: &Change) -> String {
    let from = change.from.map_or("new", mark);
    format!("{from} → {} {}: {}", mark(change.to), change.check, change.found)
}

fn to_json(past: &PastChecks) -> anyhow::Result<Value> {
    let entry = &past.entry;
    Ok(json!({
        "number": entry.number, "first_judged_at": stamp(entry.first_at)?, "last_judged_at": stamp(entry.last_at)?,
        "runs": entry.runs, "verdict": entry.report.state(), "changes": past.changes, "checks": entry.report.checks,
    }))
}

/// An instant to the second, in UTC.
fn stamp(at: OffsetDateTime) -> anyhow::Result<String> {
    Ok(at.replace_nanosecond(0)?.format(&Rfc3339)?)
}
