//! Every question of a connect, failed in every way: what is required is then unknown and nothing is stored, what is optional keeps
//! nothing back, and once the fault is gone the same request works.

use serde_json::{Value, json};

use crate::kit::bill::Delivery;
use crate::kit::proxy::{Fault, Proxy, Refused};
use crate::kit::server::{Install, Server};
use crate::kit::story::Story;

/// A question of a connect.
struct Question {
    /// What it is, for a failing test.
    name: &'static str,
    /// The check that is unknown without its answer.
    check: &'static str,
    /// Whether a request, head and body, is this question of the org with this id.
    is: fn(&str, &str) -> bool,
}

const REQUIRED: [Question; 10] = [
    Question { name: "who we are", check: "role-arn-well-formed", is: |text, _| whoami(text) && !in_session(text) },
    Question {
        name: "assume with the right id",
        check: "role-assumable",
        is: |text, org| external_id(text) == Some(org) && !narrow(text),
    },
    Question {
        name: "assume without an id",
        check: "external-id-required",
        is: |text, _| text.contains("Action=AssumeRole") && external_id(text).is_none(),
    },
    Question {
        name: "assume with a random id",
        check: "external-id-exact",
        is: |text, org| external_id(text).is_some_and(|id| !id.starts_with(org)),
    },
    Question {
        name: "assume with a suffix",
        check: "external-id-exact",
        is: |text, org| external_id(text).is_some_and(|id| id.len() > org.len()),
    },
    Question { name: "who the session is", check: "role-assumable", is: |text, _| whoami(text) && in_session(text) },
    Question { name: "the region", check: "bucket-region-known", is: |text, _| text.contains("?location") },
    Question { name: "the listing", check: "bucket-listable", is: |text, _| text.contains("delimiter=") },
    Question { name: "the manifest", check: "report-format-readable", is: |text, _| text.contains("-Manifest.json?") },
    Question { name: "the first byte", check: "bucket-readable", is: |text, _| text.contains("range: bytes=0-0") },
];

const OPTIONAL: [Question; 5] = [
    Question {
        name: "the organization",
        check: "organization-described",
        is: |text, _| text.contains("V20161128.DescribeOrganization"),
    },
    Question { name: "the accounts", check: "accounts-listed", is: |text, _| text.contains("V20161128.ListAccounts") },
    Question {
        name: "the reservations",
        check: "reservations-readable",
        is: |text, _| text.contains("AWSInsightsIndexService."),
    },
    Question { name: "a narrow session", check: "no-excess-permission", is: |text, _| narrow(text) },
    Question {
        name: "a read that nobody asked for",
        check: "no-excess-permission",
        is: |text, _| text.contains("x-id=ListBuckets"),
    },
];

fn whoami(text: &str) -> bool {
    text.contains("Action=GetCallerIdentity")
}

fn in_session(text: &str) -> bool {
    text.contains("x-amz-security-token")
}

/// Whether a role is assumed to try what nobody asked for.
fn narrow(text: &str) -> bool {
    text.contains("Action=AssumeRole") && text.contains("ListAllMyBuckets")
}

fn external_id(text: &str) -> Option<&str> {
    text.split_once("ExternalId=").map(|(_, rest)| rest.split('&').next().unwrap_or(rest))
}

/// A customer whose AWS lies behind a proxy, seen by a server that waits a second for an answer.
async fn scene() -> (Proxy, Story) {
    let proxy = Proxy::start().await;
    let install = Install::at(&proxy.url).await.with("BILLCONNECT_AWS_TIMEOUT", "1s");
    let story = Story::on(Server::over(install)).await;
    Delivery::good(story.payer()).put(&story.world).await;
    (proxy, story)
}

fn verdict<'a>(checks: &'a Value, check: &str) -> &'a Value {
    let lines = checks.as_array().unwrap_or_else(|| panic!("no checks: {checks}"));
    lines.iter().find(|line| line["check"] == check).unwrap_or_else(|| panic!("no `{check}`"))
}

/// Meets each required question with the fault, one after the other.
async fn check(fault: Fault) {
    let (proxy, story) = scene().await;
    let org = story.org.to_string();
    for Question { name, check, is } in REQUIRED {
        let (met, whose) = (proxy.met(), org.clone());
        proxy.stand(move |text| is(text, &whose), fault);
        let answer = story.connect().await;
        assert_eq!(answer.status, 502, "{fault:?} at {name}: {}", answer.json);
        assert!(proxy.met() > met, "{name} was never asked");
        assert_eq!((&answer.json["name"], &answer.json["temporary"]), (&json!("bad_gateway"), &json!(true)));
        let line = verdict(&answer.json["checks"], check);
        assert_eq!(line["verdict"], "unknown", "{fault:?} at {name}: {line:#}");
        assert!(line["aws"]["code"].is_string() && !line["remedy"].as_str().unwrap().is_empty(), "{name}: {line:#}");
        assert!(answer.json["message"].as_str().unwrap().contains(check), "{name}: {}", answer.json["message"]);
        assert_eq!(story.bill_connects().await, json!([]), "{fault:?} at {name}: nothing may be stored");
        proxy.lift();
    }
    for Question { name, check, is } in OPTIONAL {
        let whose = org.clone();
        proxy.stand(move |text| is(text, &whose), fault);
        let report = story.dry_run().await;
        let line = verdict(&report["checks"], check);
        assert_eq!(line["verdict"], "unknown", "{fault:?} at {name}: {line:#}");
        let required = |line: &&Value| line["severity"] == "required" && line["verdict"] == "unknown";
        assert_eq!(report["checks"].as_array().unwrap().iter().find(required), None, "{fault:?} at {name}");
        proxy.lift();
    }
    // The same request, all that is optional still failing.
    for Question { is, .. } in OPTIONAL {
        let whose = org.clone();
        proxy.stand(move |text| is(text, &whose), fault);
    }
    let answer = story.connect().await;
    assert_eq!(answer.status, 201, "{fault:?}: {}", answer.json);
}

#[tokio::test]
async fn a_throttle_proves_nothing() {
    check(Fault::Refuse(Refused(400, "ThrottlingException", "Rate exceeded"))).await;
}

#[tokio::test]
async fn a_fault_of_aws_proves_nothing() {
    check(Fault::Refuse(Refused(500, "InternalError", "We encountered an internal error. Please try again."))).await;
}

#[tokio::test]
async fn a_cut_connection_proves_nothing() {
    check(Fault::HangUp).await;
}

#[tokio::test]
async fn silence_proves_nothing() {
    check(Fault::Silence).await;
}

#[tokio::test]
async fn credentials_that_expired_prove_nothing() {
    check(Fault::Refuse(Refused(403, "ExpiredToken", "The security token included in the request is expired"))).await;
}
