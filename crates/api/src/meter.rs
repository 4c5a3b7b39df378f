//! Counts requests by route and status, and how long their answers took.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::Method;

/// The upper ends of the histogram's buckets, in milliseconds: from a health check to connecting.
const BUCKETS: [u64; 11] = [5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 20_000, 60_000];

/// What this process has answered so far.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<BTreeMap<(&'static str, String), Answered>>);

/// What one route has answered.
#[derive(Debug, Default)]
struct Answered {
    by_status: BTreeMap<u16, u64>,
    /// How many took at most as long as the bucket says, and no more than the one before.
    buckets: [u64; BUCKETS.len()],
    count: u64,
    time: Duration,
}

impl Meter {
    /// Counts an answer. `route` is the route's pattern, never the path that was asked for.
    pub(crate) fn count(&self, (method, route): (&Method, &str), status: u16, took: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = all.entry((known(method), route.to_owned())).or_default();
        *answered.by_status.entry(status).or_default() += 1;
        answered.count += 1;
        answered.time += took;
        let bucket = BUCKETS.iter().position(|most| took <= Duration::from_millis(*most));
        if let Some(bucket) = bucket {
            answered.buckets[bucket] += 1;
        }
    }

    /// All of it in Prometheus' text format.
    pub(crate) fn text(&self) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        let mut line = |line: String| writeln!(text, "{line}").expect("writing to a String cannot fail");
        line("# HELP billconnect_http_requests_total Requests that this process answered.".to_owned());
        line("# TYPE billconnect_http_requests_total counter".to_owned());
        for ((method, route), answered) in all.iter() {
            for (status, count) in &answered.by_status {
                let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
                line(format!("billconnect_http_requests_total{{{labels}}} {count}"));
            }
        }
        let name = "billconnect_http_request_duration_seconds";
        line(format!("# HELP {name} How long answers of this process took."));
        line(format!("# TYPE {name} histogram"));
        for ((method, route), answered) in all.iter() {
            let labels = format!("method=\"{method}\",route=\"{route}\"");
            let mut sum = 0;
            for (most, count) in BUCKETS.iter().zip(answered.buckets) {
                sum += count;
                line(format!("{name}_bucket{{{labels},le=\"{}\"}} {sum}", seconds(Duration::from_millis(*most))));
            }
            line(format!("{name}_bucket{{{labels},le=\"+Inf\"}} {}", answered.count));
            line(format!("{name}_sum{{{labels}}} {}", seconds(answered.time)));
            line(format!("{name}_count{{{labels}}} {}", answered.count));
        }
        text
    }
}

/// A method by its name. Clients may make names up; these are all one.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Seconds with what is after the point, and no more of that than there is: `0.005`, `60`.
fn seconds(time: Duration) -> String {
    let text = format!("{}.{:06}", time.as_secs(), time.subsec_micros());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_and_status_and_timed() {
        let meter = Meter::default();
        let made_up = Method::from_bytes(b"MADEUP").unwrap();
        meter.count((&Method::GET, "/orgs/{org}"), 200, Duration::from_millis(5));
        meter.count((&Method::GET, "/orgs/{org}"), 200, Duration::from_millis(80));
        meter.count((&Method::GET, "/orgs/{org}"), 403, Duration::from_mins(10));
        meter.count((&made_up, "(none)"), 404, Duration::ZERO);
        let text = meter.text();
        let get = "method=\"GET\",route=\"/orgs/{org}\"";
        for expected in [
            format!("billconnect_http_requests_total{{{get},status=\"200\"}} 2\n"),
            format!("billconnect_http_requests_total{{{get},status=\"403\"}} 1\n"),
            format!("billconnect_http_request_duration_seconds_bucket{{{get},le=\"0.005\"}} 1\n"),
            format!("billconnect_http_request_duration_seconds_bucket{{{get},le=\"0.1\"}} 2\n"),
            format!("billconnect_http_request_duration_seconds_bucket{{{get},le=\"60\"}} 2\n"),
            format!("billconnect_http_request_duration_seconds_bucket{{{get},le=\"+Inf\"}} 3\n"),
            format!("billconnect_http_request_duration_seconds_sum{{{get}}} 600.085\n"),
            "billconnect_http_requests_total{method=\"other\",route=\"(none)\",status=\"404\"} 1\n".to_owned(),
        ] {
            assert!(text.contains(&expected), "{expected}: {text}");
        }
    }
}
