//! `billconnect deliveries prune`: lets deliveries go that were replaced and need not be kept any more.

use std::process::ExitCode;
use std::time::Duration;

use billing::history::PastDelivery;
use billing::names::OrgId;
use billing::retention::Retention;
use lake::{Pruned, Pruning};
use serde_json::json;

use crate::args::Global;
use crate::{money, out, world};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  billconnect deliveries prune --dry-run --keep-deliveries-for 90d --keep-deliveries-at-least 3\n\nWhat months come from now is never removed, and the list still names what was removed, with its sums. `billconnect serve` does the same once a day."
)]
pub struct Args {
    /// Only this org's; every org's if left out.
    #[arg(long)]
    org: Option<OrgId>,
    #[command(flatten)]
    retention: RetentionArgs,
    /// Only say what would be removed.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How long deliveries that were replaced are kept.
#[derive(Debug, clap::Args)]
pub struct RetentionArgs {
    /// How long a delivery stays queryable after a newer one has replaced it: a number with `s`, `m`, `h` or `d`. For ever if left
    /// out. What months come from now always stays.
    #[arg(long, env = "BILLCONNECT_KEEP_DELIVERIES_FOR", value_parser = crate::args::duration, value_name = "TIME")]
    keep_deliveries_for: Option<Duration>,
    /// How many replaced deliveries of each month stay however old they are, the newest ones.
    #[arg(long, env = "BILLCONNECT_KEEP_DELIVERIES_AT_LEAST", default_value_t = 0, value_name = "COUNT")]
    keep_deliveries_at_least: usize,
}

impl From<RetentionArgs> for Retention {
    fn from(args: RetentionArgs) -> Self {
        Self { keep_for: args.keep_deliveries_for, keep_at_least: args.keep_deliveries_at_least }
    }
}

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let retention = Retention::from(args.retention);
    let app = world::open(global).await?.retaining(retention);
    let orgs = match args.org {
        Some(org) => {
            world::require_org(&app, org).await?;
            vec![org]
        }
        None => app.store().orgs().await?.into_iter().map(|org| org.id).collect(),
    };
    let pruning = if args.dry_run { Pruning::DryRun } else { Pruning::Remove };
    let mut all = Vec::new();
    for org in orgs {
        all.extend(app.prune(org, pruning).await?.into_iter().map(|pruned| (org, pruned)));
    }
    if args.json {
        let shown = |(org, pruned): &(OrgId, Pruned)| json!({ "org": org, "delivery": pruned.delivery, "files": pruned.files, "bytes": pruned.bytes });
        out::json(&all.iter().map(shown).collect::<Vec<_>>())?;
    } else {
        let verb = if args.dry_run { "would remove" } else { "removed" };
        for (org, Pruned { delivery, files, bytes }) in &all {
            let PastDelivery { connect, period, delivery_id, .. } = delivery;
            let bytes = money::thousands((*bytes).into());
            out::data(&format!("{verb} {org} {connect} {period} {delivery_id}: {files} files, {bytes} bytes"));
        }
        if retention.keep_for.is_none() {
            out::talk("all deliveries are kept for ever; --keep-deliveries-for says how long they need be");
        } else if all.is_empty() {
            out::talk("nothing to remove: every delivery that was replaced is to be kept");
        }
    }
    Ok(ExitCode::SUCCESS)
}
