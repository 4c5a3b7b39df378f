//! What the operator's monitoring reads, in Prometheus' text format: sums over all orgs, in which no org can be told.

use std::fmt::Write as _;

use app::metrics::Metrics;
use app::store::{JobCount, JobState};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use billing::calls::CallCount;

use crate::access::Http;
use crate::access::operator::Operator;
use crate::error::ApiError;
use crate::route::{Needs, Route};

/// What Prometheus takes.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    let show = Needs::Operator
        .get("/operator/v1/metrics", show)
        .named("operatorMetrics", "Say how requests, jobs and AWS calls are doing, for Prometheus")
        .about("Sums over all orgs. Give Prometheus an operator token as the scrape's `authorization`.")
        .answers_text(200, "text/plain");
    vec![show]
}

/// `GET /operator/v1/metrics`
async fn show(operator: Operator, State(http): State<Http>) -> Result<impl IntoResponse, ApiError> {
    let text = text(&operator.metrics().await?) + &http.meter().text();
    Ok(([(CONTENT_TYPE, TEXT)], text))
}

fn text(metrics: &Metrics) -> String {
    let mut text = String::new();
    let count = |state| metrics.jobs.iter().find(|count| count.state == state);
    help(&mut text, ("billconnect_jobs", "gauge"), "Months by how their job stands.");
    for state in JobState::ALL {
        let jobs = count(state).map_or(0, |count| count.count);
        line(&mut text, &format!("billconnect_jobs{{state=\"{}\"}}", state.name()), jobs);
    }
    let oldest = count(JobState::Waiting).and_then(|JobCount { oldest, .. }| *oldest);
    let age = oldest.map_or(0, |oldest| (metrics.at - oldest).whole_seconds().max(0).unsigned_abs());
    let name = "billconnect_job_oldest_waiting_seconds";
    help(&mut text, (name, "gauge"), "For how long the job that is due the longest has been waiting.");
    line(&mut text, name, age);
    let counters = [
        ("billconnect_job_published_total", "Runs of this process that published their month.", metrics.published),
        ("billconnect_job_failed_total", "Runs of this process that gave their job up.", metrics.failed),
        ("billconnect_job_retries_total", "Runs of this process after which another try was due.", metrics.retried),
        ("billconnect_job_leases_lost_total", "Leases that this process lost to another.", metrics.leases_lost),
        ("billconnect_job_rows_total", "Charges that ended runs of this process mapped.", metrics.rows),
        ("billconnect_job_bytes_total", "Bytes, as delivered, that ended runs of this process took in.", metrics.bytes),
    ];
    for (name, about, value) in counters {
        help(&mut text, (name, "counter"), about);
        line(&mut text, name, value);
    }
    help(&mut text, ("billconnect_aws_calls_total", "counter"), "Calls of this process to AWS, by what came of them.");
    for CallCount { service, operation, outcome, count } in &metrics.calls {
        let labels = format!("service=\"{service}\",operation=\"{operation}\",outcome=\"{}\"", outcome.name());
        line(&mut text, &format!("billconnect_aws_calls_total{{{labels}}}").replace(' ', "_"), *count);
    }
    if let Some(age) = metrics.poll_age {
        let name = "billconnect_poll_age_seconds";
        help(&mut text, (name, "gauge"), "How long ago the poll of this process came round.");
        line(&mut text, name, age.as_secs());
    }
    text
}

fn help(text: &mut String, (name, kind): (&str, &str), about: &str) {
    writeln!(text, "# HELP {name} {about}\n# TYPE {name} {kind}").expect("writing to a String cannot fail");
}

fn line(text: &mut String, name: &str, value: u64) {
    writeln!(text, "{name} {value}").expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use billing::calls::CallOutcome;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let at = datetime!(2026-10-03 12:00 UTC);
        let waiting =
            JobCount { state: JobState::Waiting, count: 3, oldest: Some(at - std::time::Duration::from_secs(90)) };
        let calls = vec![CallCount {
            service: "Cost Explorer".to_owned(),
            operation: "GetReservationUtilization".to_owned(),
            outcome: CallOutcome::Throttled,
            count: 4,
        }];
        let poll_age = Some(std::time::Duration::from_secs(12));
        let metrics = Metrics {
            jobs: vec![waiting],
            at,
            published: 5,
            failed: 1,
            retried: 2,
            leases_lost: 0,
            rows: 7,
            bytes: 9,
            calls,
            poll_age,
        };
        let text = text(&metrics);
        for expected in [
            "# TYPE billconnect_jobs gauge\n",
            "billconnect_jobs{state=\"waiting\"} 3\n",
            "billconnect_jobs{state=\"failed\"} 0\n",
            "billconnect_job_oldest_waiting_seconds 90\n",
            "billconnect_job_published_total 5\n",
            "billconnect_job_rows_total 7\n",
            "billconnect_aws_calls_total{service=\"Cost_Explorer\",operation=\"GetReservationUtilization\",outcome=\"throttled\"} 4\n",
            "billconnect_poll_age_seconds 12\n",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert!(text.lines().all(|line| line.starts_with('#') || line.split(' ').count() == 2), "{text}");
    }
}
