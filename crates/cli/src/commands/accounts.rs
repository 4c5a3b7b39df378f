//! `billconnect accounts`: the accounts that bills are about, with their units and tags, as of any day.

use std::process::ExitCode;

use app::accounts::{KnownAccount, KnownUnit};
use app::store::LastLook;
use billing::names::{AccountId, BillConnectId, OrgId};
use billing::organization::{AccountState, OrganizationState};
use comfy_table::Table;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use crate::args::Global;
use crate::csv::{Cell, line};
use crate::{out, world};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  billconnect accounts --org 123456789
  billconnect accounts --org 123456789 --tree
  billconnect accounts --org 123456789 --as-of 2026-06-30 --csv
  billconnect accounts --org 123456789 --history 210987654321
  billconnect accounts --org 123456789 --refresh      look now, and say what is in the way

The server looks at each organization once a day; `billconnect costs` groups by what is seen: `--by vendor_account_name`, `account_unit`,
`account_unit_1` (the units right below the root), `account_tag_<key>`. Accounts that were closed or left stay, as they were known last.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Args {
    /// The org.
    #[arg(long)]
    org: OrgId,
    /// As they were on this day, `YYYY-MM-DD`; today by default.
    #[arg(long, value_name = "DAY", value_parser = day)]
    as_of: Option<Date>,
    /// Show the tree of units with the accounts in each.
    #[arg(long, conflicts_with_all = ["csv", "json", "history"])]
    tree: bool,
    /// Show all that was ever known of one account, and from which day to which.
    #[arg(long, value_name = "ACCOUNT", conflicts_with = "as_of")]
    history: Option<AccountId>,
    /// Look at the organizations now, slowly, before showing them.
    #[arg(long)]
    refresh: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Print CSV.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// Reads a day.
fn day(text: &str) -> Result<Date, String> {
    let read = Date::parse(text, format_description!("[year]-[month]-[day]"));
    read.map_err(|_| "it is a day like `2026-09-30`".to_owned())
}

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    world::require_org(&app, args.org).await?;
    if args.refresh {
        for connect in app.store().connects(args.org).await? {
            app.look_at_organization(&connect).await?;
        }
    }
    let day = args.as_of.unwrap_or_else(|| OffsetDateTime::now_utc().date());
    let known = match &args.history {
        Some(account) => app.account_history(args.org, account).await?,
        None => app.accounts_on(args.org, day).await?,
    };
    let looks = app.last_looks(args.org).await?;
    if args.json {
        out::json(&json!({ "accounts": accounts(&known)?, "organizations": organizations(&looks)? }))?;
    } else if args.csv {
        out::data(&csv(&known)?);
    } else if !known.is_empty() {
        let shown =
            if args.tree { tree(&app.units_on(args.org, day).await?, &known) } else { table(&known).to_string() };
        out::data(&shown);
    }
    tell(&looks, &known);
    Ok(ExitCode::SUCCESS)
}

/// Says what is in the way of knowing more.
fn tell(looks: &[(BillConnectId, Option<LastLook>)], known: &[KnownAccount]) {
    if looks.is_empty() {
        out::talk("nothing is connected yet, so no accounts are known; `billconnect connect` connects a bill");
    }
    for (connect, last) in looks {
        match last {
            None => out::talk(&format!(
                "{connect}: the organization was not looked at yet; the server does so by itself, and --refresh does it now"
            )),
            Some(last) => {
                if let Some(problem) = &last.look.problem {
                    out::talk(&format!("{connect}: {}: {problem}", last.look.state.name()));
                }
            }
        }
    }
    let seen = looks.iter().any(|(_, last)| last.as_ref().is_some_and(|last| last.seen_at.is_some()));
    if known.is_empty() && seen {
        out::talk("there is no such account, or none was known on that day: before the first look nothing was");
    }
}

fn table(known: &[KnownAccount]) -> Table {
    let mut table = out::table(&["account", "name", "unit", "state", "tags", "since", "until"]);
    for known in known {
        let KnownAccount { account, span, .. } = known;
        let facts = &span.facts;
        table.add_row([
            account.to_string(),
            facts.name.clone(),
            facts.unit.to_string(),
            facts.state.name().to_owned(),
            tags(known),
            span.from.to_string(),
            span.until.map_or_else(String::new, |until| until.to_string()),
        ]);
    }
    table
}

/// An account's tags in one line.
fn tags(known: &KnownAccount) -> String {
    known.span.facts.tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}

/// Units with what lies in each, indented. Accounts that left lie in none any more and come last.
fn tree(units: &[KnownUnit], known: &[KnownAccount]) -> String {
    let mut lines = Vec::new();
    let (left, there): (Vec<_>, Vec<_>) = known.iter().partition(|known| known.span.facts.state == AccountState::Left);
    for unit in units {
        let indent = "  ".repeat(unit.level);
        let of = if unit.level == 0 { format!("  ({})", unit.connect) } else { String::new() };
        lines.push(format!("{indent}{}{of}", unit.span.facts.name));
        let own = (unit.level > 0).then_some(unit.id.as_str());
        let inside = there.iter().filter(|known| {
            known.connect == unit.connect && known.span.facts.unit.0.last().map(|step| step.id.as_str()) == own
        });
        lines.extend(inside.map(|known| format!("{indent}  {}", one_line(known))));
    }
    if !left.is_empty() {
        lines.push("no longer in an organization".to_owned());
        lines.extend(left.iter().map(|known| format!("  {}", one_line(known))));
    }
    lines.join("\n")
}

fn one_line(known: &KnownAccount) -> String {
    let KnownAccount { account, span, .. } = known;
    match span.facts.state {
        AccountState::Active | AccountState::Left => format!("{account}  {}", span.facts.name),
        state => format!("{account}  {} ({})", span.facts.name, state.name()),
    }
}

fn csv(known: &[KnownAccount]) -> anyhow::Result<String> {
    let header =
        ["account", "name", "unit", "state", "tags", "joined_method", "joined_at", "since", "until", "bill_connect"];
    let mut lines = vec![line(header.map(Cell::from))];
    for KnownAccount { connect, account, span } in known {
        let facts = &span.facts;
        lines.push(line([
            account.as_ref().into(),
            facts.name.as_str().into(),
            facts.unit.to_string().into(),
            facts.state.name().into(),
            serde_json::to_string(&facts.tags)?.into(),
            facts.joined_method.as_deref().unwrap_or_default().into(),
            stamp(facts.joined_at)?.unwrap_or_default().into(),
            span.from.to_string().into(),
            span.until.map_or_else(String::new, |until| until.to_string()).into(),
            connect.as_ref().into(),
        ]));
    }
    Ok(lines.join("\n"))
}

fn accounts(known: &[KnownAccount]) -> anyhow::Result<Vec<Value>> {
    let account = |KnownAccount { connect, account, span }: &KnownAccount| {
        let facts = &span.facts;
        Ok(json!({
            "account": account, "name": facts.name, "unit": facts.unit.to_string(), "unit_path": facts.unit,
            "state": facts.state.name(), "tags": facts.tags, "joined_method": facts.joined_method,
            "joined_at": stamp(facts.joined_at)?, "since": span.from.to_string(),
            "until": span.until.map(|until| until.to_string()), "connect": connect,
        }))
    };
    known.iter().map(account).collect()
}

fn organizations(looks: &[(BillConnectId, Option<LastLook>)]) -> anyhow::Result<Vec<Value>> {
    let organization = |(connect, last): &(BillConnectId, Option<LastLook>)| {
        let look = last.as_ref().map(|last| &last.look);
        let organization = look.and_then(|look| look.organization.as_ref());
        Ok(json!({
            "connect": connect,
            "organization": organization.map(|organization| &organization.id),
            "management_account": organization.map(|organization| &organization.management_account),
            "state": look.map_or(OrganizationState::Pending, |look| look.state).name(),
            "problem": look.and_then(|look| look.problem.as_ref()),
            "looked_at": stamp(last.as_ref().map(|last| last.looked_at))?,
            "seen_at": stamp(last.as_ref().and_then(|last| last.seen_at))?,
        }))
    };
    looks.iter().map(organization).collect()
}

fn stamp(at: Option<OffsetDateTime>) -> anyhow::Result<Option<String>> {
    Ok(at.map(|at| at.replace_nanosecond(0)).transpose()?.map(|at| at.format(&Rfc3339)).transpose()?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use billing::organization::{AccountFacts, Span, UnitFacts, UnitPath, UnitStep};
    use time::macros::date;

    use super::*;

    fn account(id: &str, unit: Option<&str>, state: AccountState) -> KnownAccount {
        let steps = unit.map(|unit| UnitStep { id: unit.to_owned(), name: unit.to_uppercase() }).into_iter().collect();
        let (name, tags) = (format!("=n{}", &id[..1]), BTreeMap::from([("team".to_owned(), "a,b".to_owned())]));
        let facts = AccountFacts { name, unit: UnitPath(steps), tags, state, joined_method: None, joined_at: None };
        let span = Span { from: date!(2026 - 09 - 01), until: None, facts };
        KnownAccount { connect: "aws-111111111111".parse().unwrap(), account: id.parse().unwrap(), span }
    }

    fn unit(id: &str, level: usize) -> KnownUnit {
        let facts = UnitFacts { name: id.to_uppercase(), parent: (level > 0).then(|| "r".to_owned()), left: false };
        let span = Span { from: date!(2026 - 09 - 01), until: None, facts };
        KnownUnit { connect: "aws-111111111111".parse().unwrap(), id: id.to_owned(), span, level, accounts: 0 }
    }

    #[test]
    fn the_tree_shows_each_account_once() {
        let known = [
            account("111111111111", None, AccountState::Active),
            account("222222222222", Some("ou-p"), AccountState::Suspended),
            account("333333333333", Some("ou-p"), AccountState::Left),
        ];
        assert_eq!(
            tree(&[unit("r", 0), unit("ou-p", 1)], &known),
            "R  (aws-111111111111)\n  111111111111  =n1\n  OU-P\n    222222222222  =n2 (suspended)\n\
             no longer in an organization\n  333333333333  =n3"
        );
    }

    #[test]
    fn a_spreadsheet_runs_nothing_of_it() {
        let text = csv(&[account("111111111111", Some("ou-p"), AccountState::Active)]).unwrap();
        assert!(
            text.ends_with(r#"111111111111,'=n1,/OU-P,active,"{""team"":""a,b""}",,,2026-09-01,,aws-111111111111"#),
            "{text}"
        );
    }
}
