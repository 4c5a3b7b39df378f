//! A bill arrives: it is read exactly or not at all, and the last good month stays.

use std::time::Duration;

use serde_json::json;

use crate::kit::bill::{Delivery, MONTH, gzip, part};
use crate::kit::proxy::Proxy;
use crate::kit::story::Story;

/// Delivers something bad over a good month: the error says `text`, and the month stays.
async fn stays(story: &Story, text: &str) {
    let error = story.fails_with(text).await;
    assert!(error.starts_with("2026-09: "), "the month is named: {error}");
    assert_eq!(story.billed().await, "10", "the last good month stays: {error}");
}

#[tokio::test]
async fn a_newer_delivery_replaces_the_month_and_the_same_does_nothing() {
    let story = Story::new().await.published().await;
    Delivery::newer(story.payer()).put(&story.world).await;
    story.completed(2).await;
    assert_eq!(story.billed().await, "20.0000000181");
    let org = story.org.to_string();
    let again = story.server.install().json(&["ingest", "--org", &org, "--json"]);
    assert_eq!(again, json!([]), "the same delivery does nothing");
    let receipts = story.server.install().json(&["receipts", "--org", &org, "--json"]);
    let receipt = &receipts[0];
    assert_eq!((&receipt["rows_in_files"], &receipt["charges_in_lake"]), (&json!(2), &json!(2)));
    assert_eq!(receipt["difference"].to_string(), "0");
    assert_eq!(receipt["billed_in_lake"].to_string(), "20.0000000181");
}

#[tokio::test]
async fn a_part_that_is_missing_keeps_the_month() {
    let story = Story::new().await.published().await;
    let delivery = Delivery::newer(story.payer());
    delivery.put(&story.world).await;
    // Faster than any poll would be no test: the manifest goes out again after the part is gone.
    story.completed(2).await;
    Delivery::good(story.payer()).put(&story.world).await;
    story.completed(3).await;
    story.world.bucket.delete(&delivery.keys()[1]).await;
    delivery.put_manifest(&story.world, &delivery.manifest(story.payer())).await;
    let key = format!("`{}`", delivery.keys()[1]);
    stays(&story, &key).await;
}

#[tokio::test]
async fn a_truncated_gzip_keeps_the_month() {
    let story = Story::new().await.published().await;
    let mut delivery = Delivery::newer(story.payer());
    delivery.assembly = Some("truncated".to_owned());
    let rows: String = (0..2000).map(|_| delivery.parts[0].lines().nth(1).unwrap().to_owned() + "\n").collect();
    let whole = gzip((delivery.parts[0].clone() + &rows).as_bytes());
    story.world.bucket.put(&delivery.keys()[0], whole[..whole.len() / 2].to_vec()).await;
    story.world.bucket.put(&delivery.keys()[1], gzip(delivery.parts[1].as_bytes())).await;
    delivery.put_manifest(&story.world, &delivery.manifest(story.payer())).await;
    stays(&story, "R-00001.csv.gz").await;
}

#[tokio::test]
async fn a_manifest_that_points_outside_the_path_keeps_the_month() {
    let story = Story::new().await.published().await;
    story.world.bucket.put("secret/R-00001.csv.gz", gzip(b"x")).await;
    let delivery = Delivery::newer(story.payer());
    let mut manifest = delivery.manifest(story.payer());
    manifest["reportKeys"] = json!(["secret/R-00001.csv.gz"]);
    delivery.put_manifest(&story.world, &manifest).await;
    stays(&story, "`secret/R-00001.csv.gz`, which lies outside").await;
}

#[tokio::test]
async fn a_manifest_of_another_payer_month_or_kind_keeps_the_month() {
    let story = Story::new().await.published().await;
    let delivery = Delivery::newer(story.payer());
    let good = delivery.manifest(story.payer());
    let mut other_payer = good.clone();
    other_payer["account"] = json!("210987654321");
    let mut other_month = good.clone();
    other_month["billingPeriod"] = json!({ "start": "20260801T000000.000Z", "end": "20260901T000000.000Z" });
    let mut parquet = good.clone();
    parquet["compression"] = json!("Parquet");
    for (manifest, text) in [
        (other_payer, "210987654321"),
        (other_month, "2026-08"),
        (parquet, "`Parquet`"),
        (json!({ "hello": 1 }), "not a manifest"),
    ] {
        delivery.put_manifest(&story.world, &manifest).await;
        stays(&story, text).await;
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_keeps_the_month_and_is_named() {
    let story = Story::new().await.published().await;
    for (cost, assembly, text) in
        [("twelve", "words", "lineItem/UnblendedCost"), ("0.0000000000000000001", "digits", "lineItem/UnblendedCost")]
    {
        let parts = vec![part(story.payer(), &[("Usage", "AmazonS3", "1"), ("Usage", "AmazonS3", cost)])];
        let delivery = Delivery { parts, assembly: Some(assembly.to_owned()) };
        delivery.put(&story.world).await;
        let key = format!("{MONTH}/{assembly}/R-00001.csv.gz");
        stays(&story, &key).await;
        let error = story.fails_with(text).await;
        assert!(error.contains('2') && error.contains(cost), "row and value are named: {error}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_not_downloaded_again_at_every_poll() {
    let proxy = Proxy::start().await;
    let story = Story::behind(&proxy).await.published().await;
    let bad = Delivery {
        parts: vec![part(story.payer(), &[("Usage", "AmazonS3", "twelve")])],
        assembly: Some("words".to_owned()),
    };
    bad.put(&story.world).await;
    let key = &bad.keys()[0];
    stays(&story, key).await;
    let downloads = proxy.seen(key).len();
    assert!(downloads > 0, "the proxy sees downloads");
    proxy.several_polls().await;
    assert_eq!(proxy.seen(key).len(), downloads, "nothing about the delivery has changed");
    let aborted = async || story.imports().await.iter().filter(|import| import["status"] == "aborted").count();
    assert_eq!(aborted().await, 1, "{:#?}", story.imports().await);
    stays(&story, key).await;

    Delivery::newer(story.payer()).put(&story.world).await;
    story.completed(2).await;
    assert_eq!(story.billed().await, "20.0000000181");
    story.recovers().await;
    assert_eq!(aborted().await, 1, "the history keeps it");
}

#[tokio::test]
async fn a_report_that_is_being_overwritten_is_read_when_it_is_whole() {
    let story = Story::new().await;
    let before = Delivery::good(story.payer());
    before.put(&story.world).await;
    // S3 tells times in whole seconds.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let after = Delivery::of(story.payer(), &[("Usage", "AmazonS3", "11")]);
    story.world.bucket.put(&after.keys()[0], gzip(after.parts[0].as_bytes())).await;
    assert_eq!(story.connect().await.status, 201);
    let error = story.fails_with("still being delivered").await;
    assert!(error.contains(&after.keys()[0]), "{error}");
    assert_eq!(story.billed().await, "none");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    after.put_manifest(&story.world, &after.manifest(story.payer())).await;
    story.completed(1).await;
    assert_eq!(story.billed().await, "11");
    story.recovers().await;
}

#[tokio::test]
async fn an_unknown_line_item_type_is_counted_and_named() {
    let story = Story::new().await;
    Delivery::of(story.payer(), &[("Usage", "AmazonS3", "1"), ("MoonTax", "AmazonS3", "0.5")]).put(&story.world).await;
    assert_eq!(story.connect().await.status, 201);
    story.completed(1).await;
    assert_eq!(story.billed().await, "1.5");
    let receipts = story.server.install().json(&["receipts", "--org", &story.org.to_string(), "--json"]);
    assert_eq!(receipts[0]["unknown_line_item_types"], json!(["MoonTax"]));
}
