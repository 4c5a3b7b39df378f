//! Several reports in a bucket: the connection keeps to the one that it is told, and to no month before its first.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::monthly::Monthly;
use crate::kit::story::{Story, wait};

/// The receipts of the published months: month, report and billed cost.
fn published(story: &Story) -> Vec<(String, String, String)> {
    let receipts = story.server.install().json(&["receipts", "--org", &story.org.to_string(), "--json"]);
    let text = |receipt: &Value, field: &str| match &receipt[field] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let receipts = receipts.as_array().unwrap().iter();
    receipts.map(|r| (text(r, "period"), text(r, "report_name"), text(r, "billed_in_lake"))).collect()
}

async fn becomes(story: &Story, expected: &[(&str, &str, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(month, report, cost)| ((*month).to_owned(), (*report).to_owned(), (*cost).to_owned()))
        .collect();
    wait(&format!("{expected:?}"), async || published(story) == expected).await;
}

async fn put(story: &Story, report: &'static str, (month, cost): (&str, &'static str)) {
    Monthly { report, ..Monthly::of(month.parse().unwrap(), cost, "") }.put(&story.world).await;
}

/// Changes the connection through the second generation.
async fn patch(story: &Story, body: Value) -> u16 {
    let path = format!("/finops-onboarding/v1/orgs/{}/bill-connects/aws/iam-role/aws-{}", story.org, story.payer());
    let answer = story.call(Method::PATCH, &path, Some(body)).await;
    answer.status
}

#[tokio::test]
async fn the_report_that_is_named_is_read_until_the_choice_is_undone() {
    let story = Story::new().await;
    put(&story, "a-best", ("2026-08", "1")).await;
    put(&story, "a-best", ("2026-09", "2")).await;
    put(&story, "b-daily", ("2026-09", "4")).await;
    let path = format!("/api/onboarding/orgs/{}/bill_connects/aws/iam_role", story.org);
    let mut body = story.body();
    body["aws_report_name"] = json!("none");
    let refused = story.call(Method::POST, &path, Some(body.clone())).await;
    let message = refused.json["message"].as_str().unwrap();
    assert_eq!(refused.status, 422, "{message}");
    for told in
        ["none is called `none`", "`bills/a-best` (legacy", "14 columns", "without resource ids", "daily by its name"]
    {
        assert!(message.contains(told), "{told}: {message}");
    }

    body["aws_report_name"] = json!("b-daily");
    let made = story.call(Method::POST, &path, Some(body)).await;
    assert_eq!((made.status, &made.json["aws_report_name"]), (201, &json!("b-daily")), "{}", made.json);
    becomes(&story, &[("2026-09", "b-daily", "4")]).await;
    let shown = format!("/finops-onboarding/v1/orgs/{}/bill-connects/aws/aws-{}", story.org, story.payer());
    assert_eq!(story.get(&shown).await["aws"]["reportName"], "b-daily");

    assert_eq!(patch(&story, json!({ "reportName": "bills/a-best" })).await, 204, "its folder names it too");
    becomes(&story, &[("2026-08", "a-best", "1"), ("2026-09", "a-best", "2")]).await;
    assert_eq!(patch(&story, json!({ "reportName": "b-daily" })).await, 204);
    becomes(&story, &[("2026-08", "a-best", "1"), ("2026-09", "b-daily", "4")]).await;
    assert_eq!(patch(&story, json!({ "reportName": "" })).await, 204, "nothing is kept to now but the best");
    becomes(&story, &[("2026-08", "a-best", "1"), ("2026-09", "a-best", "2")]).await;
    assert_eq!(story.get(&shown).await["aws"].get("reportName"), None);
    assert_eq!(patch(&story, json!({ "reportName": "none" })).await, 422, "what is stored stays");
    story.recovers().await;
}

#[tokio::test]
async fn months_before_the_first_are_not_read_and_what_was_read_stays() {
    let story = Story::new().await;
    for (month, cost) in [("2026-07", "1"), ("2026-08", "2"), ("2026-09", "4")] {
        put(&story, "R", (month, cost)).await;
    }
    let candidate = &story.world.candidate;
    let body = json!({
        "billAccountId": candidate.account, "bucketName": candidate.bucket, "bucketPath": candidate.path,
        "stsRoleArn": story.world.role().arn, "effectiveFrom": "2026-09",
    });
    let path = format!("/finops-onboarding/v1/orgs/{}/bill-connects/aws/iam-role", story.org);
    assert_eq!(story.call(Method::POST, &path, Some(body)).await.status, 201);
    becomes(&story, &[("2026-09", "R", "4")]).await;

    assert_eq!(patch(&story, json!({ "effectiveFrom": "2026-08" })).await, 204);
    becomes(&story, &[("2026-08", "R", "2"), ("2026-09", "R", "4")]).await;
    assert_eq!(patch(&story, json!({ "effectiveFrom": null })).await, 204, "all of them");
    becomes(&story, &[("2026-07", "R", "1"), ("2026-08", "R", "2"), ("2026-09", "R", "4")]).await;

    assert_eq!(patch(&story, json!({ "effectiveFrom": "2026-09" })).await, 204);
    put(&story, "R", ("2026-07", "100")).await;
    put(&story, "R", ("2026-09", "400")).await;
    becomes(&story, &[("2026-07", "R", "1"), ("2026-08", "R", "2"), ("2026-09", "R", "400")]).await;
    assert_eq!(patch(&story, json!({ "effectiveFrom": "" })).await, 204, "an empty one takes it away too");
    becomes(&story, &[("2026-07", "R", "100"), ("2026-08", "R", "2"), ("2026-09", "R", "400")]).await;
    assert_eq!(patch(&story, json!({ "effectiveFrom": "soon" })).await, 422);
}
