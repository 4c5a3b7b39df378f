//! `billconnect org`: makes and lists the customers' orgs.

use std::process::ExitCode;

use serde_json::json;

use crate::args::Global;
use crate::{out, world};

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:\n  billconnect org create --name Acme\n  billconnect org list")]
pub enum Command {
    /// Make an org. Its id is random, never comes back, and is the external id that its roles must require.
    Create {
        /// The org's name, for people.
        #[arg(long)]
        name: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the orgs.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub async fn run(global: &Global, command: Command) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    match command {
        Command::Create { name, json } => {
            let org = app.create_org(&world::whoever_calls(), &name).await?;
            if json {
                out::json(&json!({ "id": org.id, "name": org.name }))?;
            } else {
                out::data(&org.id.to_string());
                out::talk(&format!(
                    "org `{name}` is {}; next: billconnect token create --org {0} --role admin",
                    org.id
                ));
            }
        }
        Command::List { json } => {
            let orgs = app.store().orgs().await?;
            if json {
                let orgs: Vec<_> = orgs.iter().map(|org| json!({ "id": org.id, "name": org.name })).collect();
                out::json(&orgs)?;
            } else if orgs.is_empty() {
                out::talk("no orgs yet; next: billconnect org create --name <name>");
            } else {
                let mut table = out::table(&["org", "name", "made"]);
                for org in orgs {
                    table.add_row([org.id.to_string(), org.name, org.created_at.date().to_string()]);
                }
                out::data(&table.to_string());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
