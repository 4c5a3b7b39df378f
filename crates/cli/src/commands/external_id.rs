//! `billconnect external-id`: gives an org a second external id, shows how its rotation comes along, and gives it up.

use std::process::ExitCode;

use app::App;
use app::rotate::{Life, RotatingId};
use billing::names::OrgId;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use crate::args::Global;
use crate::{out, world};

/// During a rotation, roles name both ids; each connection goes over to the new one when its role takes it, and the old one is
/// retired when every role refuses it.
#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  billconnect external-id rotate --org 123456789\n  billconnect external-id list --org 123456789\n  billconnect external-id abandon --org 123456789 123456789-k3v…"
)]
pub enum Command {
    /// Show the org's external ids, and what each connection's role makes of them.
    List {
        /// The org.
        #[arg(long)]
        org: OrgId,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give the org a second external id.
    Rotate {
        /// The org.
        #[arg(long)]
        org: OrgId,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give a pending external id up; connections that use it go back, if their roles take the other one.
    Abandon {
        /// The org.
        #[arg(long)]
        org: OrgId,
        /// The pending external id.
        id: String,
    },
}

pub async fn run(global: &Global, command: Command) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    let (Command::List { org, .. } | Command::Rotate { org, .. } | Command::Abandon { org, .. }) = command;
    world::require_org(&app, org).await?;
    match command {
        Command::List { json, .. } => list(&app, org, Form::of(json)).await?,
        Command::Rotate { json, .. } => rotate(&app, org, Form::of(json)).await?,
        Command::Abandon { id, .. } => {
            app.abandon_external_id(&world::whoever_calls(), org, &id).await?;
            out::talk(&format!("`{id}` is given up and never comes back"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// How to print.
enum Form {
    Json,
    Table,
}

impl Form {
    fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Table }
    }
}

async fn rotate(app: &App, org: OrgId, form: Form) -> anyhow::Result<()> {
    let new = app.rotate_external_id(&world::whoever_calls(), org).await?;
    match form {
        Form::Json => out::json(&json!({ "id": new.as_ref() }))?,
        Form::Table => out::data(new.as_ref()),
    }
    out::talk(&format!(
        "next: have the trust policy of every role name both ids (`billconnect setup aws --org {org}` prints it), and once \
         `billconnect external-id list --org {org}` shows that all use the new one, the new one alone"
    ));
    Ok(())
}

async fn list(app: &App, org: OrgId, form: Form) -> anyhow::Result<()> {
    let ids = app.rotating_ids(org).await?;
    if matches!(form, Form::Json) {
        return out::json(&ids.iter().map(to_json).collect::<anyhow::Result<Vec<_>>>()?);
    }
    let mut table = out::table(&["external id", "state", "connection", "in use", "its role"]);
    for id in &ids {
        let state = id.state.name();
        if id.connects.is_empty() {
            table.add_row([id.id.as_str(), state, "", "", ""]);
        }
        for of in &id.connects {
            let shown = of.shown.map_or("not shown yet", |(shown, _)| shown.name());
            let shown = if rotating(&ids) { shown } else { "" };
            table.add_row([id.id.as_str(), state, of.connect.as_ref(), if of.in_use { "yes" } else { "no" }, shown]);
        }
    }
    out::data(&table.to_string());
    Ok(())
}

/// Whether two ids are alive: roles are tried with each only then.
fn rotating(ids: &[RotatingId]) -> bool {
    ids.iter().any(|id| id.state == Life::Pending)
}

fn to_json(id: &RotatingId) -> anyhow::Result<Value> {
    let connects = id.connects.iter().map(
        |of| json!({ "connect": of.connect, "in_use": of.in_use, "shown": of.shown.map(|(shown, _)| shown.name()) }),
    );
    Ok(json!({
        "id": id.id, "state": id.state, "since": id.since.replace_nanosecond(0)?.format(&Rfc3339)?,
        "connects": connects.collect::<Vec<_>>(),
    }))
}
