//! `billconnect operator`: tokens for the operator's own programs, which make orgs and their credentials over HTTP.

use std::process::ExitCode;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::json;

use crate::args::Global;
use crate::{out, world};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make, list and revoke operator tokens.
    #[command(subcommand)]
    Token(Token),
}

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  billconnect operator token create --name provisioning --days 90
  billconnect operator token revoke 1

An operator token is sent as it is, `Authorization: Bearer bco_…`, to the routes under `/operator/v1`. It reads no org's bills.")]
pub enum Token {
    /// Make an operator token. Its text is shown once and kept nowhere.
    Create {
        /// What it is for.
        #[arg(long)]
        name: String,
        /// How many days it holds.
        #[arg(long, default_value = "90", value_parser = clap::value_parser!(u64).range(1..=3650))]
        days: u64,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the operator tokens, without their texts.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Revoke an operator token, at once.
    Revoke {
        /// The token's number, as `list` shows it.
        id: i64,
    },
}

pub async fn run(global: &Global, Command::Token(command): Command) -> anyhow::Result<ExitCode> {
    let (app, me) = (world::open(global).await?, world::whoever_calls());
    match command {
        Token::Create { name, days, json } => {
            let (id, token) = app.create_operator_token(&me, &name, Duration::from_hours(24 * days)).await?;
            // The one place where it is shown: whoever asked for it needs it.
            let text = token.expose_secret();
            if json {
                out::json(&json!({ "id": id, "name": name, "operator_token": text }))?;
            } else {
                out::data(text);
                out::talk("this is shown once; send it as `Authorization: Bearer …` to /operator/v1/orgs");
            }
        }
        Token::List { json } => {
            let tokens = app.operator_tokens().await?;
            if json {
                let shown = tokens
                    .iter()
                    .map(|token| json!({ "id": token.id, "name": token.name, "revoked": token.revoked_at.is_some() }));
                out::json(&shown.collect::<Vec<_>>())?;
                return Ok(ExitCode::SUCCESS);
            }
            if tokens.is_empty() {
                out::talk("no operator tokens yet; next: billconnect operator token create --name <name>");
                return Ok(ExitCode::SUCCESS);
            }
            let mut table = out::table(&["token", "name", "made", "holds until", "last used", "revoked"]);
            let day = |at: Option<time::OffsetDateTime>| at.map_or("–".to_owned(), |at| at.date().to_string());
            for token in tokens {
                let (made, until) = (day(Some(token.created_at)), day(Some(token.expires_at)));
                table.add_row([
                    token.id.to_string(),
                    token.name,
                    made,
                    until,
                    day(token.last_used_at),
                    day(token.revoked_at),
                ]);
            }
            out::data(&table.to_string());
        }
        Token::Revoke { id } => {
            let revoked = app.revoke_operator_token(&me, id).await?;
            anyhow::ensure!(
                revoked,
                "there is no unrevoked operator token `{id}`; `billconnect operator token list` shows them"
            );
            out::talk(&format!("operator token {id} is revoked"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
