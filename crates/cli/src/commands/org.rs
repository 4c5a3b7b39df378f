//! `billconnect org`: makes, lists and deletes the customers' orgs.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use billing::names::OrgId;
use serde_json::json;

use crate::args::Global;
use crate::{out, world};

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  billconnect org create --name Acme
  billconnect org create --name Acme --id 123456   keep an id that is in trust policies already
  billconnect org list
  billconnect org delete 123456789")]
pub enum Command {
    /// Make an org. Its id is random, never comes back, and is the external id that its roles must require.
    Create {
        /// The org's name, for people.
        #[arg(long)]
        name: String,
        /// The id that the org has elsewhere already, of at least six digits; a random one if left out.
        #[arg(long)]
        id: Option<OrgId>,
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
    /// Delete an org: its tokens die at once, its connections and bills are removed, its id never comes back.
    Delete {
        /// The org.
        id: OrgId,
        /// Don't ask.
        #[arg(long)]
        yes: bool,
    },
}

pub async fn run(global: &Global, command: Command) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    match command {
        Command::Create { name, id, json } => {
            let org = app.create_org(&world::whoever_calls(), &name, id).await?;
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
        Command::Delete { id, yes } => {
            let org = app.org(id).await?;
            if !yes {
                confirm(id, &org.name)?;
            }
            app.delete_org(&world::whoever_calls(), id).await?;
            out::talk(&format!(
                "org `{}` ({id}) is deleted; its audit log stays: billconnect audit show --org {id}",
                org.name
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails unless whoever is there types the org's id.
fn confirm(id: OrgId, name: &str) -> anyhow::Result<()> {
    let stdin = std::io::stdin();
    anyhow::ensure!(stdin.is_terminal(), "nobody is there to confirm that; `--yes` deletes org `{id}` without asking");
    out::talk(&format!(
        "this removes the connections and the bills of `{name}`, for good, and ends its tokens; type {id} to go on:"
    ));
    let mut typed = String::new();
    stdin.lock().read_line(&mut typed)?;
    anyhow::ensure!(typed.trim() == id.to_string(), "that is not `{id}`; nothing was deleted");
    Ok(())
}
