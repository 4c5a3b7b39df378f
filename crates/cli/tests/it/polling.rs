//! Looking for deliveries: every month at every poll, cheaply, and whatever way AWS delivers anew.

use std::time::Duration;

use serde_json::{Value, json};

use crate::kit::bill::{Delivery, MONTH, gzip, part};
use crate::kit::monthly::{Monthly, months_ago};
use crate::kit::proxy::Proxy;
use crate::kit::story::{Story, wait};

/// The receipts of the org's published months, by month.
fn receipts(story: &Story) -> Vec<Value> {
    let receipts = story.server.install().json(&["receipts", "--org", &story.org.to_string(), "--json"]);
    receipts.as_array().unwrap().clone()
}

fn receipt(story: &Story, bill: &Monthly) -> Value {
    let month = json!(bill.period.to_string());
    receipts(story).into_iter().find(|receipt| receipt["period"] == month).unwrap_or_default()
}

/// Waits until a month's receipt says so.
async fn becomes(story: &Story, bill: &Monthly, (field, value): (&str, Value)) {
    wait(&format!("{field} {value} of {}", bill.period), async || receipt(story, bill)[field] == value).await;
}

/// S3 tells times in whole seconds.
async fn a_second() {
    tokio::time::sleep(Duration::from_millis(1_100)).await;
}

/// What one whole poll asked, by its request lines: what lies between two listings of the path.
fn one_poll(proxy: &Proxy, after: usize) -> Option<Vec<String>> {
    let all = proxy.seen("");
    let starts: Vec<usize> =
        (after..all.len()).filter(|place| all[*place].contains("delimiter=%2F&prefix=bills%2F ")).collect();
    let [first, second, ..] = starts[..] else { return None };
    Some(all[first..second].iter().map(|head| head.lines().next().unwrap_or_default().to_owned()).collect())
}

#[tokio::test]
async fn an_unchanged_poll_asks_for_one_head_a_month_and_two_listings() {
    const MONTHS: i32 = 36;
    let proxy = Proxy::start().await;
    let story = Story::behind(&proxy).await;
    for age in 1..=MONTHS {
        Monthly::of(months_ago(age), "1.5", "inv-1").put(&story.world).await;
    }
    assert_eq!(story.connect().await.status, 201);
    story.completed(36).await;
    proxy.several_polls().await;
    let settled = proxy.seen("").len();
    wait("one whole poll", async || one_poll(&proxy, settled).is_some()).await;
    let poll = one_poll(&proxy, settled).unwrap();
    let count = |what: &str| poll.iter().filter(|line| line.starts_with(what)).count();
    let listings = poll.iter().filter(|line| line.contains("list-type=2")).count();
    assert_eq!((count("HEAD "), listings, poll.len()), (36, 2, 38), "{poll:#?}");

    // A month of any age is seen to change, and nothing else is read for it.
    let read = |key: &str| proxy.seen(key).iter().filter(|head| head.starts_with("GET ")).count();
    let (oldest, other) = (Monthly::of(months_ago(MONTHS), "2.5", ""), Monthly::of(months_ago(5), "1.5", "inv-1"));
    let before = (read(&other.key()), read(&other.manifest_key()), read(&oldest.key()));
    oldest.put(&story.world).await;
    becomes(&story, &oldest, ("status", json!("reopened"))).await;
    assert_eq!(receipt(&story, &oldest)["billed_in_lake"].to_string(), "2.5");
    assert_eq!(
        (read(&other.key()), read(&other.manifest_key()), read(&oldest.key())),
        (before.0, before.1, before.2 + 1)
    );
}

#[tokio::test]
async fn a_month_is_open_estimated_final_and_reopened_at_any_age() {
    let story = Story::new().await;
    let this = Monthly::of(months_ago(0), "1", "");
    let old = |cost, invoice| Monthly::of(months_ago(14), cost, invoice);
    this.put(&story.world).await;
    old("10", "").put(&story.world).await;
    assert_eq!(story.connect().await.status, 201);
    becomes(&story, &this, ("status", json!("open"))).await;
    for (cost, invoice, status) in
        [("10", "", "estimated"), ("10.5", "inv-1", "final"), ("11", "", "reopened"), ("12", "inv-1", "final")]
    {
        a_second().await;
        let bill = old(cost, invoice);
        bill.put(&story.world).await;
        becomes(&story, &bill, ("status", json!(status))).await;
        let cost_of = |receipt: Value| receipt["billed_in_lake"].to_string();
        wait("its cost", async || cost_of(receipt(&story, &bill)) == cost).await;
    }
    let half = Monthly { lines: vec![("12", "inv-1"), ("1", "")], ..old("", "") };
    half.put(&story.world).await;
    becomes(&story, &half, ("status", json!("reopened"))).await;
    assert_eq!(receipt(&story, &this)["status"], "open", "no other month is touched");
}

#[tokio::test]
async fn a_manifest_written_anew_with_the_same_bytes_settles_unless_its_files_changed() {
    let proxy = Proxy::start().await;
    let story = Story::behind(&proxy).await.published().await;
    let key = Delivery::good(story.payer()).keys().remove(0);
    let manifest = format!("{MONTH}/R-Manifest.json");
    let read = |key: &str| proxy.seen(key).iter().filter(|head| head.starts_with("GET ")).count();
    let parts = read(&key);
    a_second().await;
    Delivery::good(story.payer())
        .put_manifest(&story.world, &Delivery::good(story.payer()).manifest(story.payer()))
        .await;
    let looked = read(&manifest);
    wait("the manifest to be looked at", async || read(&manifest) > looked).await;
    proxy.several_polls().await;
    assert_eq!((read(&manifest), read(&key)), (looked + 1, parts), "it is settled again");
    assert_eq!(story.imports().await.len(), 1);

    // The same manifest, other files: AWS overwrote the report under the same assembly id.
    a_second().await;
    let after = Delivery::of(story.payer(), &[("Usage", "AmazonS3", "11")]);
    after.put(&story.world).await;
    story.completed(2).await;
    assert_eq!(story.billed().await, "11");
}

#[tokio::test]
async fn deliveries_with_fewer_or_reordered_files_are_read_right() {
    let story = Story::new().await.published().await;
    let payer = story.payer().to_owned();
    let whole = |parts: &[&str], assembly: &str| Delivery {
        parts: parts.iter().map(|cost| part(&payer, &[("Usage", "AmazonS3", cost)])).collect(),
        assembly: Some(assembly.to_owned()),
    };
    whole(&["1", "2", "4"], "a1").put(&story.world).await;
    story.completed(2).await;
    assert_eq!(story.billed().await, "7");
    let mut reordered = whole(&["1", "2", "4"], "a1").manifest(&payer);
    reordered["reportKeys"].as_array_mut().unwrap().reverse();
    whole(&[], "a1").put_manifest(&story.world, &reordered).await;
    story.completed(3).await;
    assert_eq!(story.billed().await, "7");
    whole(&["8"], "a2").put(&story.world).await;
    story.completed(4).await;
    assert_eq!(story.billed().await, "8", "what the smaller delivery no longer has is gone");
    assert_eq!(receipts(&story)[0]["parts"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_report_that_is_half_overwritten_is_waited_for() {
    let story = Story::new().await;
    let payer = story.payer().to_owned();
    let two = |costs: [&str; 2]| Delivery {
        parts: costs.map(|cost| part(&payer, &[("Usage", "AmazonS3", cost)])).to_vec(),
        assembly: None,
    };
    two(["1", "2"]).put(&story.world).await;
    assert_eq!(story.connect().await.status, 201);
    story.completed(1).await;
    assert_eq!(story.billed().await, "3");
    a_second().await;
    // One file of the next delivery is there, and something has the manifest written anew.
    let next = two(["10", "20"]);
    a_second().await;
    story
        .world
        .bucket
        .put(&format!("{MONTH}/R-Manifest.json"), two(["1", "2"]).manifest(&payer).to_string() + "\n")
        .await;
    a_second().await;
    story.world.bucket.put(&next.keys()[1], gzip(next.parts[1].as_bytes())).await;
    a_second().await;
    assert_eq!(story.billed().await, "3", "two deliveries are never mixed");
    next.put(&story.world).await;
    wait("the whole delivery", async || story.billed().await == "30").await;
    story.recovers().await;
}

#[tokio::test]
async fn a_manifest_that_vanished_is_told_once_and_the_month_stays() {
    let proxy = Proxy::start().await;
    let story = Story::behind(&proxy).await.published().await;
    // Another month, so that the report is still one with manifests.
    Monthly::of("2026-08".parse().unwrap(), "5", "inv-1").put(&story.world).await;
    story.completed(2).await;
    let manifest = format!("{MONTH}/R-Manifest.json");
    story.world.bucket.delete(&manifest).await;
    let error = story.fails_with("no longer in the bucket").await;
    assert!(error.starts_with("2026-09: ") && error.contains(&manifest), "{error}");
    let looked = proxy.seen(&Delivery::good(story.payer()).keys()[0]).len();
    proxy.several_polls().await;
    assert_eq!(
        proxy.seen(&Delivery::good(story.payer()).keys()[0]).len(),
        looked,
        "it is not asked for again and again"
    );
    assert_eq!(story.imports().await.iter().filter(|import| import["status"] == "aborted").count(), 1);
    assert_eq!(receipts(&story).len(), 2, "both months stay");
    Delivery::good(story.payer()).put(&story.world).await;
    story.recovers().await;
}

#[tokio::test]
async fn a_month_that_was_cleared_away_stays_as_it_was_read() {
    let proxy = Proxy::start().await;
    let story = Story::behind(&proxy).await.published().await;
    Monthly::of("2026-08".parse().unwrap(), "5", "inv-1").put(&story.world).await;
    story.completed(2).await;
    for key in [format!("{MONTH}/R-Manifest.json"), Delivery::good(story.payer()).keys().remove(0)] {
        story.world.bucket.delete(&key).await;
    }
    proxy.several_polls().await;
    assert_eq!(story.status_errors().await, Vec::<String>::new(), "who clears old bills away is told nothing");
    assert_eq!(receipts(&story).len(), 2);
}
