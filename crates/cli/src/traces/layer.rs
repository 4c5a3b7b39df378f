//! The layer of the log that keeps spans until they end. A request's own `traceparent` makes it part of its caller's trace.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::otlp::{Attribute, Span};

/// The field of a request's span that its caller's `traceparent` header is in.
const PARENT: &str = "traceparent";
/// The most characters of a field that are sent.
const LONGEST: usize = 256;

/// Keeps spans, and hands on those that end.
pub struct SpanLayer {
    spans: mpsc::Sender<Span>,
    lost: Arc<AtomicU64>,
}

impl SpanLayer {
    pub(super) fn new(spans: mpsc::Sender<Span>, lost: Arc<AtomicU64>) -> Self {
        Self { spans, lost }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let above =
            span.parent().and_then(|parent| parent.extensions().get::<Span>().map(|above| (above.trace, above.id)));
        let (trace, parent) = match above.or(fields.parent) {
            Some((trace, parent)) => (trace, Some(parent)),
            None => ((u128::from(random()) << 64) | u128::from(random()), None),
        };
        let now = SystemTime::now();
        span.extensions_mut().insert(Span {
            trace,
            id: random(),
            parent,
            name: span.name(),
            started: now,
            ended: now,
            attributes: fields.kept,
            failed: false,
        });
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(kept) = span.extensions_mut().get_mut::<Span>() {
            let mut fields = Fields::default();
            record.record(&mut fields);
            kept.attributes.extend(fields.kept);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if *event.metadata().level() > Level::ERROR {
            return;
        }
        let Some(span) = context.event_span(event) else { return };
        if let Some(kept) = span.extensions_mut().get_mut::<Span>() {
            kept.failed = true;
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(kept) = span.extensions_mut().remove::<Span>() else { return };
        if self.spans.try_send(Span { ended: SystemTime::now(), ..kept }).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A number that is not 0, which OpenTelemetry takes for none.
fn random() -> u64 {
    getrandom::u64().unwrap_or_default().max(1)
}

/// The fields of a span as they are sent.
#[derive(Default)]
struct Fields {
    kept: Vec<(&'static str, Attribute)>,
    /// The caller's trace and span.
    parent: Option<(u128, u64)>,
}

impl Fields {
    fn text(&mut self, field: &Field, text: &str) {
        if field.name() == PARENT {
            self.parent = caller(text);
        } else {
            self.kept.push((field.name(), Attribute::Text(text.chars().take(LONGEST).collect())));
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, &format!("{value:?}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.kept.push((field.name(), Attribute::Number(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.kept.push((field.name(), Attribute::Number(i64::try_from(value).unwrap_or(i64::MAX))));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.kept.push((field.name(), Attribute::Flag(value)));
    }
}

/// The trace and the span that a `traceparent` header names: `00-<32 hex>-<16 hex>-<2 hex>`; none where it is no such thing.
fn caller(header: &str) -> Option<(u128, u64)> {
    let mut parts = header.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let sound = version.len() == 2 && trace.len() == 32 && span.len() == 16 && flags.len() == 2;
    let (trace, span) = (u128::from_str_radix(trace, 16).ok()?, u64::from_str_radix(span, 16).ok()?);
    (sound && trace != 0 && span != 0).then_some((trace, span))
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn spans_below_others_share_their_trace_and_errors_show() {
        let (sender, mut spans) = mpsc::channel(8);
        let layer = SpanLayer::new(sender, Arc::default());
        let log = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(log, || {
            let outer = tracing::info_span!(
                "request",
                method = "GET",
                traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            );
            outer.in_scope(|| {
                tracing::info_span!("job", rows = 7_u64).in_scope(|| tracing::error!("it failed"));
            });
        });
        let (inner, outer) = (spans.try_recv().unwrap(), spans.try_recv().unwrap());
        assert_eq!((inner.trace, inner.parent, inner.name), (outer.trace, Some(outer.id), "job"));
        assert_eq!(
            (outer.trace, outer.parent),
            (0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, Some(0xb7ad_6b71_6920_3331))
        );
        assert!(inner.failed && !outer.failed);
        assert!(matches!(inner.attributes[..], [("rows", Attribute::Number(7))]), "{inner:?}");
        assert!(matches!(&outer.attributes[..], [("method", Attribute::Text(text))] if text == "GET"), "{outer:?}");
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let (sender, _spans) = mpsc::channel(1);
        let lost = Arc::new(AtomicU64::new(0));
        let log = tracing_subscriber::registry().with(SpanLayer::new(sender, Arc::clone(&lost)));
        tracing::subscriber::with_default(log, || (0..3).for_each(|_| drop(tracing::info_span!("a"))));
        assert_eq!(lost.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn only_a_sound_header_names_a_caller() {
        assert!(caller("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").is_some());
        for wrong in ["", "00-1-2-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "secret", "00-éé-é-é"]
        {
            assert_eq!(caller(wrong), None, "{wrong}");
        }
    }
}
