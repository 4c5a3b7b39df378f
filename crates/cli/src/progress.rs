//! The progress bar of an ingest, on stderr; nothing where stderr is no terminal.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use app::ingest::Ingested;
use app::watch::Watcher;
use billing::delivery::DeliveryHead;
use indicatif::{ProgressBar, ProgressStyle};
use lake::Progress;

/// How often the bar looks at the counters.
const TICK: Duration = Duration::from_millis(100);

/// Shows one bar a delivery.
#[derive(Default)]
pub struct Bars {
    running: Mutex<Option<(ProgressBar, tokio::task::JoinHandle<()>)>>,
}

impl Bars {
    fn take(&self) -> Option<(ProgressBar, tokio::task::JoinHandle<()>)> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Watcher for Bars {
    fn begun(&self, delivery: &DeliveryHead, progress: Arc<Progress>) {
        let style = ProgressStyle::with_template("{prefix} {wide_bar} {bytes}/{total_bytes} {msg} {eta}")
            .expect("the template is well formed");
        let bar = ProgressBar::new(delivery.size()).with_style(style).with_prefix(delivery.period.to_string());
        let shown = bar.clone();
        let ticking = tokio::spawn(async move {
            loop {
                shown.set_position(progress.bytes_packed());
                shown.set_message(format!("{} rows", progress.rows()));
                tokio::time::sleep(TICK).await;
            }
        });
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some((bar, ticking));
    }

    fn ended(&self, _: &Ingested) {
        if let Some((bar, ticking)) = self.take() {
            ticking.abort();
            bar.finish_and_clear();
        }
    }
}
