//! Connections that are deleted or changed while a bill is read through them, and by several at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::bill::{Delivery, MONTH, gzip};
use crate::kit::proxy::{Fault, Proxy};
use crate::kit::story::{Story, wait};
use crate::kit::world::World;
use crate::users::base;

/// Has the story's customer deliver a newer bill, and holds its second part in the middle of the ingest.
async fn held(story: &Story, proxy: &Proxy) {
    let newer = Delivery::newer(story.payer());
    let (bucket, key) = (story.world.candidate.bucket.to_string(), newer.keys()[1].clone());
    proxy.stand(move |text| text.contains(&bucket) && text.contains(&key), Fault::Hold);
    newer.put(&story.world).await;
    wait("the part to be asked for", async || proxy.met() > 0).await;
    assert_eq!(story.imports().await[0]["status"], "in-progress");
}

/// Where the first generation tells of the imports of an account.
fn history(story: &Story, payer: &str) -> String {
    format!("/api/status/orgs/{}/bill_id/aws-{payer}/import-history", story.org)
}

/// Another customer of the story's org, whose bill is connected and published: its month costs 10.
async fn neighbour(story: &Story) -> World {
    let world = World::of(story.org, "us-east-1").await;
    let payer = world.candidate.account.as_ref();
    Delivery::good(payer).put(&world).await;
    let body = json!({
        "aws_bill_account_id": payer, "aws_bucket_name": world.candidate.bucket, "aws_bucket_path": "bills",
        "aws_sts_role_arn": world.role().arn,
    });
    let path = format!("/api/onboarding/orgs/{}/bill_connects/aws/iam_role", story.org);
    assert_eq!(story.call(Method::POST, &path, Some(body)).await.status, 201);
    imported(story, payer, 1).await;
    world
}

/// Waits until so many imports of an account have completed.
async fn imported(story: &Story, payer: &str, count: usize) {
    let completed = |imports: &Value| {
        let imports = imports.as_array().expect("a list");
        imports.iter().filter(|import| import["status"] == "completed").count()
    };
    wait("an import", async || completed(&story.get(&history(story, payer)).await) >= count).await;
}

/// Asserts that nothing of the story's own connection is to be seen, and that all else costs `others`.
async fn is_gone(story: &Story, others: &str) {
    for path in [format!("{}/aws-{}", base(story), story.payer()), history(story, story.payer())] {
        let answer = story.call(Method::GET, &path, None).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.json);
    }
    assert_eq!(story.billed().await, others);
}

#[tokio::test]
async fn what_is_deleted_while_it_is_read_does_not_come_back() {
    let proxy = Proxy::start().await;
    let mut story = Story::behind(&proxy).await.published().await;
    held(&story, &proxy).await;
    let path = format!("{}/aws-{}", base(&story), story.payer());
    assert_eq!(story.call(Method::DELETE, &path, None).await.status, 204);
    is_gone(&story, "none").await;

    proxy.lift();
    is_gone(&story, "none").await;
    // What another customer delivers now is read after what was held.
    let other = neighbour(&story).await;
    Delivery::newer(other.candidate.account.as_ref()).put(&other).await;
    imported(&story, other.candidate.account.as_ref(), 2).await;
    is_gone(&story, "20.0000000181").await;
    story.server.kill();
    story.server.restart();
    is_gone(&story, "20.0000000181").await;

    assert_eq!(story.connect().await.status, 201);
    story.completed(1).await;
    assert_eq!(story.imports().await.len(), 1, "what was imported before is forgotten");
    assert_eq!(story.billed().await, "40.0000000362");
}

#[tokio::test]
async fn what_is_changed_while_it_is_read_is_read_from_the_new_path_alone() {
    let proxy = Proxy::start().await;
    let story = Story::behind(&proxy).await.published().await;
    let elsewhere = Delivery::of(story.payer(), &[("Usage", "AmazonS3", "30")]);
    let moved = |key: &str| key.replace("bills/", "other/");
    let part = moved(&elsewhere.keys()[0]);
    story.world.bucket.put(&part, gzip(elsewhere.parts[0].as_bytes())).await;
    let mut manifest = elsewhere.manifest(story.payer());
    manifest["reportKeys"] = json!([part]);
    story.world.bucket.put(&moved(&format!("{MONTH}/R-Manifest.json")), manifest.to_string()).await;

    held(&story, &proxy).await;
    let path = format!("{}/iam-role/aws-{}", base(&story), story.payer());
    let changed = story.call(Method::PATCH, &path, Some(json!({ "bucketPath": "other" }))).await;
    assert_eq!(changed.status, 204, "{}", changed.json);
    proxy.lift();
    story.completed(2).await;
    let looked = || proxy.seen("prefix=other%2F ").len();
    let before = looked();
    wait("several polls", async || looked() >= before + 4).await;

    assert_eq!(story.billed().await, "30");
    let imports = story.imports().await;
    let told: Vec<&Value> = imports.iter().map(|import| &import["status"]).collect();
    assert_eq!(told, ["completed", "aborted", "completed"], "the bill that was held is not read: {imports:#?}");
    let shown = story.get(&format!("{}/aws-{}", base(&story), story.payer())).await;
    assert_eq!(shown["aws"]["bucketPath"], "other", "{shown}");
    assert_eq!(story.status_errors().await, [""; 0]);
}

/// The session name and the first month of two changes.
const CHANGES: [(&str, &str); 2] = [("the-left-one", "2026-07"), ("the-right-one", "2026-08")];

#[tokio::test]
async fn of_two_changes_at_once_one_is_stored_whole_and_the_other_is_told() {
    let proxy = Proxy::start().await;
    let story = Story::behind(&proxy).await.published().await;
    let path = format!("{}/iam-role/aws-{}", base(&story), story.payer());
    let asked = CHANGES.map(|(name, _)| {
        let asked = Arc::new(AtomicBool::new(false));
        let (heard, needle) = (asked.clone(), format!("RoleSessionName={name}"));
        let meets = move |text: &str| {
            let is = text.contains(&needle);
            heard.fetch_or(is, Ordering::SeqCst);
            is
        };
        proxy.stand(meets, Fault::Hold);
        asked
    });
    let change = |(name, from): (&'static str, &'static str)| {
        story.call(Method::PATCH, &path, Some(json!({ "stsRoleSessionName": name, "effectiveFrom": from })))
    };
    let both_are_proven = async {
        wait("both to be proven", async || asked.iter().all(|asked| asked.load(Ordering::SeqCst))).await;
        proxy.lift();
    };
    let (left, right, ()) = tokio::join!(change(CHANGES[0]), change(CHANGES[1]), both_are_proven);

    let (winner, loser) = if left.status == 204 { (CHANGES[0], &right) } else { (CHANGES[1], &left) };
    assert_eq!(left.status.min(right.status), 204, "{left:?} {right:?}");
    assert_eq!(loser.status, 409, "both began from the same: {left:?} {right:?}");
    let message = loser.json["message"].as_str().unwrap();
    assert!(message.contains(story.payer()) && message.contains("send the request again"), "{message}");
    let aws = story.get(&format!("{}/aws-{}", base(&story), story.payer())).await["aws"].clone();
    assert_eq!((&aws["iamRole"]["stsRoleSessionName"], &aws["effectiveFrom"]), (&json!(winner.0), &json!(winner.1)));
    // Whoever does as told comes through.
    let again = change(if winner == CHANGES[0] { CHANGES[1] } else { CHANGES[0] }).await;
    assert_eq!(again.status, 204, "{}", again.json);
}
