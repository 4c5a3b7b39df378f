//! `billconnect explain`: what a check claims, how it is proven, and what to do when it fails.

use std::process::ExitCode;

use billing::checks::{Check, checks_page};

use crate::out;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The check, such as `external-id-exact`; all of them if left out.
    check: Option<Check>,
}

#[expect(clippy::unnecessary_wraps, reason = "every command has the same shape")]
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let text = args.check.map_or_else(checks_page, |check| check.spec().section());
    out::data(text.trim_end());
    Ok(ExitCode::SUCCESS)
}
