//! `billconnect service-account`: accounts for an org's programs, which exchange a client id and a secret for access.

use std::process::ExitCode;

use app::service_accounts::{NewSecret, ServiceAccountChange};
use app::store::ServiceAccount;
use app::tokens::Role;
use billing::names::OrgId;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::args::Global;
use crate::{out, world};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  billconnect service-account --org 123456789 create --name ci --role viewer
  billconnect service-account --org 123456789 add-secret bcc_0123456789abcdef
  billconnect service-account --org 123456789 revoke-secret bcc_0123456789abcdef 1

A program sends its client id and secret to `POST /oidc/token` with `grant_type=client_credentials`. An account has at most two
secrets at once: make the new one, change the program over, revoke the old one.")]
pub struct Args {
    /// The org that the accounts speak for.
    #[arg(long, global = true)]
    org: Option<OrgId>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make an account and its first secret, which is shown once and kept nowhere.
    Create {
        /// What it is for.
        #[arg(long)]
        name: String,
        /// What it may do: `admin` (connect, change, delete, read) or `viewer` (read).
        #[arg(long, default_value = "viewer")]
        role: Role,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the org's accounts, without their secrets.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make another secret of an account, to take the place of the one that it has.
    AddSecret {
        /// The client id.
        id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Revoke a secret, and with it every access token that came from it.
    RevokeSecret {
        /// The client id.
        id: String,
        /// The secret's number, as `list` shows it.
        secret: i64,
    },
    /// Change what an account may do, at once.
    Role {
        /// The client id.
        id: String,
        /// `admin` or `viewer`.
        role: Role,
    },
    /// Refuse an account, and end its access tokens, until it is enabled again.
    Disable {
        /// The client id.
        id: String,
    },
    /// Take an account's secrets again.
    Enable {
        /// The client id.
        id: String,
    },
    /// Delete an account, its secrets and its access tokens.
    Delete {
        /// The client id.
        id: String,
    },
}

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let org = args.org.ok_or_else(|| anyhow::anyhow!("name the org with `--org`"))?;
    let (app, me) = (world::open(global).await?, world::whoever_calls());
    let change = |role, disabled| ServiceAccountChange { name: None, role, disabled };
    match args.command {
        Command::Create { name, role, json } => {
            let (account, secret) = app.create_service_account(&me, org, (&name, role)).await?;
            show_secret(&account.id, &secret, json)?;
        }
        Command::List { json } => list(&app.service_accounts(org).await?, json)?,
        Command::AddSecret { id, json } => {
            let secret = app.create_client_secret(&me, org, &id).await?;
            show_secret(&id, &secret, json)?;
        }
        Command::RevokeSecret { id, secret } => {
            app.revoke_client_secret(&me, (org, &id), secret).await?;
            out::talk(&format!("secret {secret} is revoked"));
        }
        Command::Role { id, role } => {
            app.change_service_account(&me, (org, &id), &change(Some(role), None)).await?;
            out::talk(&format!("`{id}` is {role} now"));
        }
        Command::Disable { id } => {
            app.change_service_account(&me, (org, &id), &change(None, Some(true))).await?;
            out::talk(&format!("`{id}` is disabled"));
        }
        Command::Enable { id } => {
            app.change_service_account(&me, (org, &id), &change(None, Some(false))).await?;
            out::talk(&format!("`{id}` is enabled"));
        }
        Command::Delete { id } => {
            app.delete_service_account(&me, (org, &id)).await?;
            out::talk(&format!("`{id}` is deleted"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The one place where a secret is shown: whoever asked for it needs it.
fn show_secret(client: &str, secret: &NewSecret, as_json: bool) -> anyhow::Result<()> {
    let text = secret.text.expose_secret();
    if as_json {
        return out::json(&json!({ "client_id": client, "secret_id": secret.id, "client_secret": text }));
    }
    out::data(&format!("client_id={client}\nclient_secret={text}"));
    out::talk("the secret is shown once; POST /oidc/token with grant_type=client_credentials gives an access token");
    Ok(())
}

fn list(accounts: &[ServiceAccount], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return out::json(&accounts.iter().map(shown).collect::<Vec<_>>());
    }
    if accounts.is_empty() {
        out::talk("no service accounts yet; next: billconnect service-account --org <org> create --name <name>");
        return Ok(());
    }
    let mut table = out::table(&["client id", "name", "role", "made", "last used", "disabled", "secrets"]);
    let day = |at: Option<time::OffsetDateTime>| at.map_or("–".to_owned(), |at| at.date().to_string());
    for account in accounts {
        let secrets: Vec<String> = account.secrets.iter().map(|secret| secret.id.to_string()).collect();
        let (used, disabled) = (day(account.last_used_at), day(account.disabled_at));
        let (id, name, made) = (account.id.clone(), account.name.clone(), day(Some(account.created_at)));
        table.add_row([id, name, account.role.to_string(), made, used, disabled, secrets.join(", ")]);
    }
    out::data(&table.to_string());
    Ok(())
}

fn shown(account: &ServiceAccount) -> Value {
    let secrets: Vec<_> = account.secrets.iter().map(|secret| secret.id).collect();
    json!({
        "client_id": account.id, "name": account.name, "role": account.role.name(),
        "disabled": account.disabled_at.is_some(), "secrets": secrets,
    })
}
