//! Watching an ingest: what a progress bar needs to be told.

use std::sync::Arc;

use billing::delivery::DeliveryHead;
use lake::Progress;

use crate::ingest::Ingested;

/// Watches an ingest as it goes.
pub trait Watcher: Send + Sync {
    /// A delivery is begun; `progress` counts its rows and bytes from now on.
    fn begun(&self, delivery: &DeliveryHead, progress: Arc<Progress>);
    /// The delivery came to its end.
    fn ended(&self, ingested: &Ingested);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Watcher for Unwatched {
    fn begun(&self, _: &DeliveryHead, _: Arc<Progress>) {}
    fn ended(&self, _: &Ingested) {}
}
