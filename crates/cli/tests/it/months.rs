//! Bill months end to end: delivered, read, listed, read again on request.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::bill::Delivery;
use crate::kit::proxy::Proxy;
use crate::kit::story::{Story, wait};

impl Story {
    fn months_path(&self) -> String {
        format!("/finops-onboarding/v1/orgs/{}/processing/bill-months", self.org)
    }

    /// The org's months, newest first.
    async fn months(&self) -> Vec<Value> {
        self.get(&self.months_path()).await["values"].as_array().expect("a list").clone()
    }

    /// Asks for months of the story's own bill connect to be read again.
    async fn reprocess(&self, months: &[&str]) -> Value {
        let id = format!("aws-{}", self.payer());
        let items: Vec<Value> = months.iter().map(|month| json!({ "billConnectId": id, "billMonth": month })).collect();
        let body = json!({ "action": "reprocess", "items": items });
        let answer = self.call(Method::PATCH, &self.months_path(), Some(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        answer.json
    }

    /// The audit log's newest entries about months that were to be read again: subject, outcome and note.
    async fn reprocess_entries(&self) -> Vec<(String, String, String)> {
        let log = self.get(&format!("/finops-onboarding/v1/orgs/{}/audit", self.org)).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let entries = log["values"].as_array().expect("entries").iter();
        let ours = entries.filter(|entry| entry["act"] == "bill-months.reprocess");
        ours.map(|entry| (text(&entry["subject"]), text(&entry["outcome"]), text(&entry["note"]))).collect()
    }
}

#[tokio::test]
async fn a_month_is_read_again_from_what_is_delivered_already() {
    let proxy = Proxy::start().await;
    let story = Story::behind(&proxy).await.published().await;
    let [month] = story.months().await.try_into().expect("one month");
    assert_eq!((&month["billMonth"], &month["status"]), (&json!("202609"), &json!("processed")));
    let key = &Delivery::good(story.payer()).keys()[0];
    let downloads = proxy.seen(key).len();

    let answer = story.reprocess(&["202609"]).await;
    let id = format!("aws-{}", story.payer());
    let expected = json!({
        "kind": "finops:enterprise-bill-month-reprocess", "status": "accepted", "action": "reprocess",
        "items": [{
            "billConnectId": id, "billMonth": "202609", "state": "processing", "result": "reprocessRequestSuccessful"
        }]
    });
    assert_eq!(answer, expected);
    wait("the month to be published again", async || {
        let now = &story.months().await[0];
        let later = |field: &str| now[field].as_str() >= month[field].as_str();
        now["status"] == "processed" && proxy.seen(key).len() > downloads && later("lastProcessedAt")
    })
    .await;
    assert_eq!(story.billed().await, "10", "once, not twice");
    assert_eq!(story.reprocess_entries().await, [(id, "done".to_owned(), "2026-09".to_owned())]);
    proxy.several_polls().await;
    assert_eq!(proxy.seen(key).len(), downloads + 1, "once, not at every poll");
}

#[tokio::test]
async fn what_cannot_be_read_again_is_named_and_nothing_is() {
    let story = Story::new().await.published().await;
    let id = format!("aws-{}", story.payer());
    let body = json!({ "action": "reprocess", "items": [
        { "billConnectId": id, "billMonth": "202609" }, { "billConnectId": id, "billMonth": "202501" },
        { "billConnectId": "aws-000000000000", "billMonth": "202609" },
    ] });
    let answer = story.call(Method::PATCH, &story.months_path(), Some(body)).await.json;
    assert_eq!(answer["status"], "rejected");
    let results: Vec<&Value> = answer["items"].as_array().unwrap().iter().map(|item| &item["result"]).collect();
    assert_eq!(results, ["reprocessRequestNotMade", "billMonthNotFound", "billConnectNotFound"]);
    assert_eq!(
        answer["items"][1]["message"],
        format!("nothing has been delivered to `{id}` for 2026-01 yet").replace("2026-01", "2025-01")
    );
    assert_eq!((&answer["items"][0]["state"], answer["items"][1].get("state")), (&json!("processed"), None));

    story.server.install().run(&["pause", "--org", &story.org.to_string(), "--connect", &id]);
    let answer = story.reprocess(&["202609"]).await;
    let item = &answer["items"][0];
    assert_eq!((&answer["status"], &item["result"]), (&json!("rejected"), &json!("billConnectNotRead")));
    assert!(item["message"].as_str().unwrap().contains("is paused"), "{item}");
    let entries = story.reprocess_entries().await;
    assert!(entries.iter().all(|(_, outcome, _)| outcome == "refused"), "{entries:?}");
    assert!(entries[1].2.starts_with("2 of 3 months: nothing has been delivered"), "{entries:?}");
}

#[tokio::test]
async fn a_viewer_sees_months_and_changes_none() {
    let story = Story::new().await.published().await;
    let viewer = story.server.access_token(story.org, "viewer").await;
    let path = story.months_path();
    assert_eq!(story.server.call(Method::GET, &path, Some(&viewer), None).await.status, 200);
    let body =
        json!({ "action": "reprocess", "items": [{ "billConnectId": "aws-000000000000", "billMonth": "202609" }] });
    let answer = story.server.call(Method::PATCH, &path, Some(&viewer), Some(body.to_string())).await;
    assert_eq!((answer.status, &answer.json["name"]), (403, &json!("forbidden")));
}

#[tokio::test]
async fn a_month_that_fails_is_not_being_read_and_keeps_when_it_was_published() {
    let story = Story::new().await.published().await;
    let published = story.months().await[0]["lastProcessedAt"].clone();
    let assembly = Some("words".to_owned());
    let bad = Delivery { assembly, ..Delivery::of(story.payer(), &[("Usage", "AmazonS3", "twelve")]) };
    bad.put(&story.world).await;
    story.fails_with("twelve").await;
    let month = &story.months().await[0];
    assert_eq!((&month["status"], &month["lastProcessedAt"]), (&json!("processed"), &published));
    assert!(month["lastProcessEndAt"].as_str() >= month["lastProcessStartAt"].as_str(), "{month}");
}

#[tokio::test]
async fn the_command_line_shows_the_same_months() {
    let story = Story::new().await.published().await;
    let (install, org) = (story.server.install(), story.org.to_string());
    assert_eq!(install.json(&["months", "--org", &org, "--json"]), json!(story.months().await));
    let none = ["months", "--org", &org, "--filter", "billMonth lt '202609'", "--json"];
    assert_eq!(install.json(&none), json!([]));
    let path = format!("{}/download?format=csv", story.months_path());
    let file = story.server.raw(Method::GET, &path, Some(&story.token), Vec::new()).await.text;
    let printed = install.run(&["months", "--org", &org, "--csv", "--order-by", "billMonth desc"]);
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), file);
    let wrong = install.run(&["months", "--org", &org, "--filter", "month eq '202609'"]);
    let talk = String::from_utf8(wrong.stderr).unwrap();
    assert!(wrong.status.code() == Some(2) && talk.contains("at character 1: there is no field `month`"), "{talk}");

    let id = format!("aws-{}", story.payer());
    let unknown = install.run(&["months", "reprocess", "--org", &org, "--connect", &id, "--month", "2026-09,2020-01"]);
    let talk = String::from_utf8(unknown.stderr).unwrap();
    assert!(unknown.status.code() == Some(1) && talk.contains("for 2020-01 yet"), "{talk}");
    let asked = install.json(&["months", "reprocess", "--org", &org, "--connect", &id, "--month", "2026-09", "--json"]);
    assert_eq!(asked, json!([{ "connect": id, "period": "2026-09", "accepted": true, "error": null }]));
    wait("the server to read it again", async || story.months().await[0]["status"] == "processed").await;
}
