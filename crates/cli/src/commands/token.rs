//! `billconnect token`: makes, lists and revokes the refresh tokens that an org's clients exchange for access.

use std::io::Read;
use std::process::ExitCode;

use app::tokens::{Role, TokenKind};
use billing::names::OrgId;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::args::Global;
use crate::{out, world};

#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  billconnect token create --org 123456789 --role viewer\n  billconnect token revoke --org 123456789 1"
)]
pub enum Command {
    /// Make a refresh token. Its text is shown once and kept nowhere.
    Create {
        /// The org that it speaks for.
        #[arg(long)]
        org: OrgId,
        /// What it may do: `admin` (connect, change, delete, read) or `viewer` (read).
        #[arg(long, default_value = "admin")]
        role: Role,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List an org's refresh tokens, without their texts.
    List {
        /// The org.
        #[arg(long)]
        org: OrgId,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Revoke a refresh token, and with it every access token that was made from it.
    Revoke {
        /// The org.
        #[arg(long)]
        org: OrgId,
        /// The token's number, as `token list` shows it.
        id: i64,
    },
    /// Say what kind of token a text on stdin is, by its prefix and its checksum alone; exit status 1 if it is none.
    Inspect,
}

pub async fn run(global: &Global, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Inspect => return inspect(),
        Command::Create { org, role, json } => {
            let app = world::open(global).await?;
            let (_, made) = app.create_refresh_token(&world::whoever_calls(), org, role).await?;
            // The one place where a token is shown: whoever asked for it needs it.
            let text = made.expose_secret();
            if json {
                out::json(&json!({ "org": org, "role": role.name(), "refresh_token": text }))?;
            } else {
                out::data(text);
                out::talk("this is shown once; POST /oidc/token exchanges it for an access token");
            }
        }
        Command::List { org, json } => {
            let app = world::open(global).await?;
            world::require_org(&app, org).await?;
            let tokens = app.refresh_tokens(org).await?;
            if json {
                let shown = tokens.iter().map(
                    |token| json!({ "id": token.id, "role": token.role.name(), "revoked": token.revoked_at.is_some() }),
                );
                out::json(&shown.collect::<Vec<_>>())?;
                return Ok(ExitCode::SUCCESS);
            }
            if tokens.is_empty() {
                out::talk(&format!("no tokens yet; next: billconnect token create --org {org}"));
                return Ok(ExitCode::SUCCESS);
            }
            let mut table = out::table(&["token", "role", "made", "last used", "revoked"]);
            let day = |at: Option<time::OffsetDateTime>| at.map_or("–".to_owned(), |at| at.date().to_string());
            for token in tokens {
                let made = token.created_at.date().to_string();
                let role = token.role.name().to_owned();
                table.add_row([token.id.to_string(), role, made, day(token.last_used_at), day(token.revoked_at)]);
            }
            out::data(&table.to_string());
        }
        Command::Revoke { org, id } => {
            let app = world::open(global).await?;
            world::require_org(&app, org).await?;
            let revoked = app.revoke_refresh_token(&world::whoever_calls(), org, id).await?;
            anyhow::ensure!(
                revoked,
                "org `{org}` has no unrevoked token `{id}`; `billconnect token list --org {org}` shows them"
            );
            out::talk(&format!("token {id} is revoked"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads from stdin: what is in a command line shows in the system's list of processes.
fn inspect() -> anyhow::Result<ExitCode> {
    let mut text = String::new();
    // Longer than any token, and bounded: somebody may pipe a whole file in.
    std::io::stdin().lock().take(1024).read_to_string(&mut text)?;
    if let Some(kind) = TokenKind::of(text.trim()) {
        out::data(kind.name());
        return Ok(ExitCode::SUCCESS);
    }
    out::talk("that is no token: its form or its checksum is wrong");
    Ok(ExitCode::FAILURE)
}
