//! The progress bars of months that are being read, on stderr; nothing where stderr is no terminal.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use app::App;
use app::jobs::{JobFilter, ShownJob};
use app::store::JobState;
use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

/// How often the bars look at the jobs.
const TICK: Duration = Duration::from_millis(500);

/// A bar for each month of an org that is being read, whatever process reads it, until this is dropped.
pub struct Bars {
    ticking: JoinHandle<()>,
    all: MultiProgress,
}

impl Bars {
    /// Begins to show them.
    pub fn show(app: &Arc<App>, org: OrgId) -> Self {
        let all = MultiProgress::new();
        let (app, shown) = (app.clone(), all.clone());
        let ticking = tokio::spawn(async move {
            let filter = JobFilter { state: Some(JobState::Running), ..JobFilter::default() };
            let mut bars = HashMap::new();
            loop {
                // What can't be asked now is asked again soon.
                if let Ok(jobs) = app.jobs(org, &filter).await {
                    draw(&jobs, &shown, &mut bars);
                }
                tokio::time::sleep(TICK).await;
            }
        });
        Self { ticking, all }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.ticking.abort();
        // A terminal that is gone needs no clearing.
        drop(self.all.clear());
    }
}

type Drawn = HashMap<(BillConnectId, BillingPeriod), ProgressBar>;

fn draw(jobs: &[ShownJob], all: &MultiProgress, bars: &mut Drawn) {
    let key = |shown: &ShownJob| (shown.job.connect.clone(), shown.job.period);
    bars.retain(|of, bar| {
        let runs = jobs.iter().any(|shown| key(shown) == *of);
        if !runs {
            bar.finish_and_clear();
        }
        runs
    });
    for shown in jobs {
        let bar = bars.entry(key(shown)).or_insert_with(|| {
            let style = ProgressStyle::with_template("{prefix} {wide_bar} {bytes}/{total_bytes} {msg} {eta}");
            let style = style.expect("the template is well formed");
            let name = format!("{} {}", shown.job.connect, shown.job.period);
            all.add(ProgressBar::no_length().with_style(style).with_prefix(name))
        });
        let progress = shown.job.progress;
        if let Some(total) = progress.bytes_total {
            bar.set_length(total);
        }
        bar.set_position(progress.bytes);
        bar.set_message(format!("{} rows", progress.rows));
    }
}
