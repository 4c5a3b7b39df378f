//! `billconnect jobs`: which months are to be read, are being read and were read, and how far that is.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use app::App;
use app::jobs::{JobFilter, ShownJob, Stuck};
use app::store::{Job, JobOutcome, JobState};
use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use comfy_table::Table;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::args::Global;
use crate::progress::Bars;
use crate::{money, out, world};

/// How often `--watch` looks whether anything is left to do.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  billconnect jobs --org 123456789\n  billconnect jobs --org 123456789 --state failed\n  billconnect jobs --org 123456789 --watch      until nothing is left to read"
)]
pub struct Args {
    /// Only this org's; all orgs' if left out.
    #[arg(long)]
    org: Option<OrgId>,
    /// Only this bill connect's.
    #[arg(long, value_name = "ID")]
    connect: Option<BillConnectId>,
    /// Only this month's, `YYYY-MM`.
    #[arg(long)]
    month: Option<BillingPeriod>,
    /// Only those that stand so.
    #[arg(long, value_parser = PossibleValuesParser::new(JobState::ALL.map(JobState::name)).map(|name| state(&name)))]
    state: Option<JobState>,
    /// Show progress bars until nothing of the org is being read or about to be.
    #[arg(long, requires = "org")]
    watch: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The state of this name, which the command line has checked.
fn state(name: &str) -> JobState {
    JobState::ALL.into_iter().find(|state| state.name() == name).unwrap_or(JobState::Waiting)
}

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let app = Arc::new(world::open(global).await?);
    let orgs = match args.org {
        Some(org) => {
            world::require_org(&app, org).await?;
            vec![org]
        }
        None => app.store().orgs().await?.into_iter().map(|org| org.id).collect(),
    };
    if let (true, Some(org)) = (args.watch, args.org) {
        watch(&app, org).await?;
    }
    let filter = JobFilter { state: args.state, connect: args.connect, period: args.month };
    let mut jobs = Vec::new();
    for org in orgs {
        jobs.extend(app.jobs(org, &filter).await?);
    }
    if args.json {
        out::json(&jobs.iter().map(to_json).collect::<Result<Vec<_>, _>>()?)?;
    } else if jobs.is_empty() {
        out::talk("there are no such jobs; one is made for each month that a poll or `billconnect ingest` finds");
    } else {
        out::data(&table(&jobs)?.to_string());
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows bars until nothing of the org runs or is due.
async fn watch(app: &Arc<App>, org: OrgId) -> anyhow::Result<()> {
    let _bars = Bars::show(app, org);
    loop {
        let (jobs, now) = (app.jobs(org, &JobFilter::default()).await?, OffsetDateTime::now_utc());
        let is_open = |job: &Job| match job.state {
            JobState::Running => true,
            JobState::Waiting => job.run_at <= now,
            JobState::Done | JobState::Failed => false,
        };
        if !jobs.iter().any(|shown| is_open(&shown.job)) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn table(jobs: &[ShownJob]) -> anyhow::Result<Table> {
    let mut table = out::table(&["org", "bill connect", "month", "state", "rows", "read", "tries", "since", "note"]);
    for shown in jobs {
        let job = &shown.job;
        let read = job.progress.percent().map_or_else(String::new, |percent| format!("{percent} %"));
        table.add_row([
            job.org.to_string(),
            job.connect.to_string(),
            job.period.to_string(),
            stands(shown),
            money::thousands(job.progress.rows.into()),
            read,
            job.attempts.to_string(),
            stamp(job.finished_at.or(job.started_at).unwrap_or(job.run_at))?,
            note(job)?,
        ]);
    }
    Ok(table)
}

fn stands(shown: &ShownJob) -> String {
    match shown.stuck {
        Some(stuck) => format!("{}, stuck: {}", shown.job.state.name(), stuck.name()),
        None => shown.job.state.name().to_owned(),
    }
}

fn note(job: &Job) -> anyhow::Result<String> {
    let error = job.error.clone().unwrap_or_default();
    Ok(match (job.state, job.outcome) {
        (JobState::Done, Some(outcome)) => outcome.name().to_owned(),
        (JobState::Waiting, _) if job.run_at > OffsetDateTime::now_utc() => {
            format!("again at {}: {error}", stamp(job.run_at)?)
        }
        _ => error,
    })
}

fn stamp(at: OffsetDateTime) -> anyhow::Result<String> {
    Ok(at.replace_nanosecond(0)?.format(&Rfc3339)?)
}

fn to_json(shown: &ShownJob) -> anyhow::Result<Value> {
    let job = &shown.job;
    Ok(json!({
        "org": job.org, "connect": job.connect, "period": job.period, "state": job.state.name(), "why": job.why.name(),
        "manifest_key": job.found.manifest_key, "delivery_id": job.delivery_id,
        "outcome": job.outcome.map(JobOutcome::name), "stuck": shown.stuck.map(Stuck::name), "attempts": job.attempts,
        "run_at": stamp(job.run_at)?, "started_at": job.started_at.map(stamp).transpose()?,
        "finished_at": job.finished_at.map(stamp).transpose()?, "error": job.error, "rows": job.progress.rows,
        "bytes": job.progress.bytes, "bytes_total": job.progress.bytes_total, "percent": job.progress.percent(),
    }))
}
