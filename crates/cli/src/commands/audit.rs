//! `billconnect audit`: shows the audit log, and whether it is as it was written.

use std::process::ExitCode;

use app::audit::{Entry, Head, Log};
use billing::names::OrgId;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::args::Global;
use crate::{out, world};

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  billconnect audit show --org 123456789
  billconnect audit verify
  billconnect audit verify --head operator:12:5d1c…

Every entry holds the hash of the one before it, so `verify` finds what was changed, removed or slipped in. What was cut off at
the end, or written anew from some entry on, shows only beside a head noted elsewhere: `verify` prints them, and so does the
server's log, at its start and once a day.")]
pub enum Command {
    /// Show the newest entries of an org's log, or of the operator's.
    Show {
        /// The org; the operator's own log if left out.
        #[arg(long)]
        org: Option<OrgId>,
        /// How many entries.
        #[arg(long, default_value = "100", value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        /// Only entries with a lower number than this.
        #[arg(long, value_name = "NUMBER")]
        before: Option<i64>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Read every log from its start; exit status 1 if anything is not as it was written.
    Verify {
        /// A head that was noted earlier; give several by giving this several times.
        #[arg(long = "head", value_name = "LOG:NUMBER:HASH")]
        heads: Vec<Head>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub async fn run(global: &Global, command: Command) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    match command {
        Command::Show { org, limit, before, json } => {
            let entries = app.audit_log(org.map_or(Log::Operator, Log::Org), before, limit).await?;
            if json {
                out::json(&entries.iter().map(shown).collect::<Vec<_>>())?;
            } else if entries.is_empty() {
                out::talk("nothing is written in that log; `billconnect org list` shows the orgs that there are");
            } else {
                table(&entries);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify { heads, json } => {
            let verified = app.verify_audit(&heads).await?;
            if json {
                let heads: Vec<String> = verified.heads.iter().map(ToString::to_string).collect();
                out::json(&json!({ "heads": heads, "flaws": verified.flaws }))?;
            } else {
                verified.heads.iter().for_each(|head| out::data(&head.to_string()));
                verified.flaws.iter().for_each(|flaw| out::talk(&format!("error: {flaw}")));
            }
            if verified.flaws.is_empty() {
                out::talk("every entry is as it was written");
                Ok(ExitCode::SUCCESS)
            } else {
                out::talk("the audit log was tampered with: compare it with a backup");
                Ok(ExitCode::FAILURE)
            }
        }
    }
}

fn stamp(entry: &Entry) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(entry.at) * 1000).ok();
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| entry.at.to_string())
}

fn shown(entry: &Entry) -> Value {
    json!({
        "number": entry.seq, "at": stamp(entry), "actor": entry.actor, "address": entry.address, "request": entry.request,
        "act": entry.act, "subject": entry.subject, "outcome": entry.outcome, "note": entry.note,
        "previous": entry.previous.to_string(), "hash": entry.hash.to_string(),
    })
}

fn table(entries: &[Entry]) {
    let mut table = out::table(&["number", "at", "who", "from", "act", "on", "outcome", "note"]);
    for entry in entries {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
        let (number, at, from, note) =
            (entry.seq.to_string(), stamp(entry), or_dash(&entry.address), or_dash(&entry.note));
        let (actor, act, subject) = (entry.actor.clone(), entry.act.clone(), entry.subject.clone());
        table.add_row([number, at, actor, from, act, subject, entry.outcome.clone(), note]);
    }
    out::data(&table.to_string());
}
