//! Counts calls to AWS by service, operation and outcome, and gives each a span.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::interceptors::{BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use billing::calls::{CallCount, CallOutcome};
use tracing::Span;
use tracing::field::Empty;

/// How much of an error's body is looked at for its code.
const ERROR_HEAD: usize = 2048;

/// How often each was called: by service, operation and outcome.
type Counts = BTreeMap<(String, String, CallOutcome), u64>;

/// What was called so far. A clone is the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Counts>>);

impl Calls {
    /// All counts, in the order of their names.
    pub(crate) fn counts(&self) -> Vec<CallCount> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |((service, operation, outcome), count): (&(String, String, CallOutcome), &u64)| CallCount {
            service: service.clone(),
            operation: operation.clone(),
            outcome: *outcome,
            count: *count,
        };
        all.iter().map(count).collect()
    }
}

/// A call's span, kept with the call's configuration: it ends when the call does.
#[derive(Debug)]
struct Held(Span);

impl Storable for Held {
    type Storer = StoreReplace<Self>;
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (service, operation) = names(config);
        let span = tracing::info_span!("aws", service, operation, outcome = Empty);
        config.interceptor_state().store_put(Held(span));
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let outcome = match context.output_or_error() {
            Some(Ok(_)) => CallOutcome::Ok,
            _ => context.response().map_or(CallOutcome::Unanswered, outcome_of),
        };
        if let Some(Held(span)) = config.load::<Held>() {
            span.record("outcome", outcome.name());
        }
        let (service, operation) = names(config);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *all.entry((service, operation, outcome)).or_default() += 1;
        Ok(())
    }
}

fn names(config: &ConfigBag) -> (String, String) {
    let about = config.load::<Metadata>();
    about.map(|about| (about.service().to_owned(), about.name().to_owned())).unwrap_or_default()
}

/// What an answer that is no success means for an operator. Services that answer in JSON say 400 to everything, and why in the body.
fn outcome_of(response: &HttpResponse) -> CallOutcome {
    let body = response.body().bytes().unwrap_or_default();
    let head = String::from_utf8_lossy(&body[..body.len().min(ERROR_HEAD)]);
    let says = |words: &[&str]| words.iter().any(|word| head.contains(word));
    match response.status().as_u16() {
        429 | 503 => CallOutcome::Throttled,
        400 if says(&["Throttl", "LimitExceeded", "TooManyRequests"]) => CallOutcome::Throttled,
        403 => CallOutcome::Denied,
        400 if says(&["AccessDenied"]) => CallOutcome::Denied,
        500.. => CallOutcome::Fault,
        _ => CallOutcome::Refused,
    }
}
