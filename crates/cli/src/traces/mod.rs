//! Traces for OpenTelemetry: finished spans, sent in batches as OTLP over HTTP in JSON, where a collector is named.
//!
//! A layer of the log and one task; nothing is sent, and nothing kept, unless it is asked for. A collector that is slow or away loses
//! spans, which are counted, and holds nothing up.

mod layer;
mod otlp;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{mpsc, oneshot};
use url::Url;

pub use layer::SpanLayer;
use otlp::Span;

/// Spans that wait to be sent; more are lost.
const QUEUE: usize = 4096;
/// Spans that are sent at once.
const BATCH: usize = 512;
/// How long a span waits for others to be sent with.
const LINGER: Duration = Duration::from_secs(2);
/// How long the collector may take.
const SEND_WITHIN: Duration = Duration::from_secs(10);

/// Where traces go, and what they say they come from.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_field_names, reason = "a flag is called as its field")]
pub struct TraceArgs {
    /// An OpenTelemetry collector that takes OTLP over HTTP, like `http://127.0.0.1:4318`: spans of requests, jobs and AWS calls
    /// are sent to `/v1/traces` below it. Without it, none are kept.
    #[arg(long, global = true, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<Url>,
    /// Headers for the collector, as `name=value,…`; a token in them is shown nowhere.
    #[arg(long, global = true, env = "OTEL_EXPORTER_OTLP_HEADERS", value_name = "HEADERS", hide_env_values = true)]
    otlp_headers: Option<SecretString>,
    /// What the traces' service is called.
    #[arg(long, global = true, env = "OTEL_SERVICE_NAME", default_value = "billconnect", value_name = "NAME")]
    otlp_service: String,
}

/// What sends spans; they come from a [`SpanLayer`].
pub struct Exporter {
    spans: mpsc::Receiver<Span>,
    lost: Arc<AtomicU64>,
    request: reqwest::RequestBuilder,
    service: String,
}

/// A running exporter.
pub struct Exporting {
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl TraceArgs {
    /// A layer that keeps spans and what sends them; `None` where no collector is named.
    pub fn exporter(&self) -> anyhow::Result<Option<(SpanLayer, Exporter)>> {
        let Some(endpoint) = &self.otlp_endpoint else { return Ok(None) };
        let url = format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'));
        let client = reqwest::Client::builder().timeout(SEND_WITHIN).build().context("no HTTP client for traces")?;
        let mut request = client.post(&url).header("content-type", "application/json");
        let headers = self.otlp_headers.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
        for header in headers.split(',').filter(|header| !header.trim().is_empty()) {
            let (name, value) =
                header.split_once('=').context("`--otlp-headers` takes `name=value`, with commas between")?;
            request = request.header(name.trim(), value.trim());
        }
        // What cannot be sent once never can be: better said at the start.
        let sound = request.try_clone().is_some_and(|request| request.build().is_ok());
        anyhow::ensure!(sound, "`{url}` is no address that traces can be sent to, or a header is none");
        let (sender, spans) = mpsc::channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let layer = SpanLayer::new(sender, Arc::clone(&lost));
        Ok(Some((layer, Exporter { spans, lost, request, service: self.otlp_service.clone() })))
    }
}

impl Exporter {
    /// Sends spans from now on, on the runtime that this is called in.
    pub fn start(self) -> Exporting {
        let (stop, stopped) = oneshot::channel();
        Exporting { stop, task: tokio::spawn(self.run(stopped)) }
    }

    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                came = self.spans.recv_many(&mut batch, BATCH) => if came == 0 { break },
                _ = &mut stopped => break,
            }
            // Others follow soon: one request for all of them.
            tokio::select! {
                () = tokio::time::sleep(LINGER) => {}
                _ = &mut stopped => break,
            }
            while let Ok(span) = self.spans.try_recv() {
                batch.push(span);
                if batch.len() >= BATCH {
                    self.send(&mut batch).await;
                }
            }
            self.send(&mut batch).await;
        }
        while let Ok(span) = self.spans.try_recv() {
            batch.push(span);
        }
        self.send(&mut batch).await;
    }

    async fn send(&self, batch: &mut Vec<Span>) {
        let spans = std::mem::take(batch);
        let Some(request) = self.request.try_clone().filter(|_| !spans.is_empty()) else { return };
        let (count, body) = (spans.len(), otlp::document(&self.service, &spans).to_string());
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let sent = request.body(body).send().await.and_then(reqwest::Response::error_for_status);
        // The address may hold a password: the error is told without it.
        match sent.map_err(reqwest::Error::without_url) {
            Ok(_) if lost == 0 => {}
            Ok(_) => tracing::warn!(lost, "spans came faster than the collector takes them"),
            Err(error) => tracing::warn!(%error, lost = lost + count as u64, "the collector takes no traces"),
        }
    }
}

impl Exporting {
    /// Sends what is left, and ends.
    pub async fn finish(self) {
        let _ = self.stop.send(());
        let _ = tokio::time::timeout(SEND_WITHIN, self.task).await;
    }
}
