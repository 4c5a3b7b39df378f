//! `billconnect pause` and `billconnect resume`: stop reading through a connection by hand, and start again.

use std::process::ExitCode;

use billing::names::{BillConnectId, OrgId};
use billing::standing::ConnectionState;

use crate::args::Global;
use crate::{out, world};

/// A paused connection is neither proven nor read; what was read stays and can be asked about.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  billconnect pause --org 123456789 --connect aws-123456789012\n  billconnect resume --org 123456789 --connect aws-123456789012"
)]
pub struct Args {
    /// The org.
    #[arg(long)]
    org: OrgId,
    /// The bill connect.
    #[arg(long, value_name = "ID")]
    connect: BillConnectId,
}

pub async fn pause(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    world::require_org(&app, args.org).await?;
    app.pause(&world::whoever_calls(), args.org, &args.connect).await?;
    out::talk(&format!("`{}` is paused; `billconnect resume` has it read again", args.connect));
    Ok(ExitCode::SUCCESS)
}

pub async fn resume(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let app = world::open(global).await?;
    world::require_org(&app, args.org).await?;
    app.resume(&world::whoever_calls(), args.org, &args.connect).await?;
    let standing = app.standing(args.org, &args.connect).await?;
    let reads = match (standing.state, standing.reason()) {
        (ConnectionState::Active, _) => "it is read at the server's next poll".to_owned(),
        (state, reason) => format!("it is {}: {}", state.name(), reason.unwrap_or_default()),
    };
    out::talk(&format!("`{}` is resumed; {reads}", args.connect));
    Ok(ExitCode::SUCCESS)
}
