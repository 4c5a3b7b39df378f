//! `billconnect explain`: what a check claims, how it is proven, and what to do when it fails.

use std::process::ExitCode;

use billing::checks::{CHECKS, Check, checks_page};

use crate::out;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  billconnect explain external-id-exact\n  billconnect explain --json")]
pub struct Args {
    /// The check, such as `external-id-exact`; all of them if left out.
    check: Option<Check>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match args.check {
        Some(check) if args.json => out::json(check.spec())?,
        None if args.json => out::json(&CHECKS)?,
        Some(check) => out::data(check.spec().section().trim_end()),
        None => out::data(checks_page().trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}
