//! What changes after a connection is made: permissions go, trust is loosened, a second report comes. It shows, ingest stops,
//! the last good month stays, and all is well again once it is mended.

use serde_json::{Value, json};

use crate::kit::bill::{Delivery, MONTH, gzip};
use crate::kit::proxy::Proxy;
use crate::kit::story::Story;

/// The connection that the first generation's validation tells of.
async fn validated(story: &Story) -> Value {
    story.get(&format!("/api/onboarding/orgs/{}/bill_connects/validate", story.org)).await[0].clone()
}

#[tokio::test]
async fn a_permission_taken_away_stops_the_ingest_until_it_is_given_back() {
    let story = Story::new().await.published().await;
    let deliveries = [Delivery::newer(story.payer()), Delivery::good(story.payer())];
    let totals = ["10", "20.0000000181", "10"];
    for (number, (action, delivery)) in ["s3:ListBucket", "s3:GetObject"].into_iter().zip(&deliveries).enumerate() {
        story.world.without(action).await;
        delivery.put(&story.world).await;
        story.fails_with(action).await;
        assert_eq!(story.billed().await, totals[number], "the last good month stays without `{action}`");
        let answer = validated(&story).await;
        assert_eq!(answer["valid"], false, "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(action), "{answer}");

        story.world.with_all_permissions().await;
        story.completed(number + 2).await;
        assert_eq!(story.billed().await, totals[number + 1]);
        story.recovers().await;
    }
}

#[tokio::test]
async fn a_trust_policy_loosened_later_is_noticed_and_nothing_is_read_until_it_is_mended() {
    let proxy = Proxy::start().await;
    let story = Story::behind(&proxy).await.published().await;
    story.world.trust_if(Value::Null).await;
    let answer = validated(&story).await;
    assert_eq!(answer["valid"], false, "{answer}");
    assert!(answer["error"].as_str().unwrap().contains("external-id-required"), "{answer}");

    Delivery::newer(story.payer()).put(&story.world).await;
    proxy.several_polls().await;
    assert_eq!(story.imports().await.len(), 1, "nothing is read through a role that others could use");
    assert_eq!(story.billed().await, "10");
    story.fails_with("external-id-required").await;

    story.world.trust_rightly().await;
    story.completed(2).await;
    assert_eq!(story.billed().await, "20.0000000181");
    story.recovers().await;
}

#[tokio::test]
async fn a_second_report_that_is_no_better_is_not_read_and_none_is_where_none_can_be() {
    let proxy = Proxy::start().await;
    let story = Story::behind(&proxy).await.published().await;
    let second = Delivery::of(story.payer(), &[("Usage", "AmazonS3", "1000")]);
    let beside = |key: &str| key.replace("bills/R/", "bills/S/");
    let part = beside(&second.keys()[0]);
    story.world.bucket.put(&part, gzip(second.parts[0].as_bytes())).await;
    let mut manifest = second.manifest(story.payer());
    (manifest["reportName"], manifest["reportKeys"]) = (json!("S"), json!([part]));
    let manifest_key = beside(&format!("{MONTH}/S-Manifest.json"));
    story.world.bucket.put(&manifest_key, manifest.to_string()).await;
    Delivery::newer(story.payer()).put(&story.world).await;

    story.completed(2).await;
    proxy.several_polls().await;
    assert_eq!(story.billed().await, "20.0000000181");
    assert_eq!(story.status_errors().await, [""; 0]);

    manifest["account"] = json!("999999999998");
    story.world.bucket.put(&manifest_key, manifest.to_string()).await;
    Delivery::good(story.payer()).put_manifest(&story.world, &json!({})).await;
    let error = story.fails_with("bills/S").await;
    assert!(error.contains("`bills/R`") && error.contains("999999999998"), "both are told: {error}");
    proxy.several_polls().await;
    assert_eq!(story.billed().await, "20.0000000181");

    Delivery::good(story.payer()).put(&story.world).await;
    story.completed(3).await;
    assert_eq!(story.billed().await, "10");
    story.recovers().await;
}
