//! Reading parts while the network or AWS fails: pinned to a version, resumed where it broke, never short.

use std::time::Duration;

use aws::{AwsClient, AwsSettings};
use billing::connection::Presented;
use billing::delivery::PartHead;
use billing::probe::{Refusal, RefusalKind};
use futures::TryStreamExt;
use serde_json::json;

use crate::kit::proxy::{Fault, Proxy, Refused, SLOW_DOWN};
use crate::kit::world::World;

const KEY: &str = "bills/part-1.csv.gz";

/// Something that does not look the same anywhere.
fn content(seed: usize) -> Vec<u8> {
    (0..300_000_usize).map(|index| u8::try_from((index * index + seed) % 251).expect("less than 251")).collect()
}

/// A world with one part in it, reached through a proxy.
struct Scene {
    world: World,
    proxy: Proxy,
    aws: AwsClient,
}

impl Scene {
    /// A scene whose client has the usual patience.
    async fn new() -> Self {
        Self::with(AwsSettings::default()).await
    }

    /// A scene whose client has the patience of `settings`.
    async fn with(settings: AwsSettings) -> Self {
        let (world, proxy) = (World::new().await, Proxy::start().await);
        world.bucket.put(KEY, content(1)).await;
        let settings = AwsSettings {
            endpoint_url: Some(proxy.url.clone()),
            attempt_timeout: settings.attempt_timeout,
            stall_grace: settings.stall_grace,
            ..world.settings()
        };
        Self { world, proxy, aws: AwsClient::new(settings).await }
    }

    /// The part as a listing pins it.
    async fn part(&self) -> PartHead {
        let listing = self.world.aws().await.list(&self.world.candidate, &self.world.region(), "bills/").await;
        let head = listing.granted().unwrap_or_else(|| panic!("{listing:?}")).objects[0].clone();
        PartHead { key: head.key, etag: head.etag, size: head.size }
    }

    async fn read(&self, part: &PartHead) -> Result<Vec<u8>, Refusal> {
        let stream = self.aws.open(&self.world.candidate, &self.world.region(), part).await?;
        let chunks: Vec<_> = stream.try_collect().await?;
        Ok(chunks.concat())
    }

    /// The `Range` headers of the requests for the part, in order.
    fn ranges(&self) -> Vec<Option<String>> {
        let range = |head: String| head.lines().find_map(|line| line.strip_prefix("range: ").map(str::to_owned));
        self.proxy.seen(KEY).into_iter().map(range).collect()
    }
}

#[tokio::test]
async fn a_part_is_read_in_the_version_that_was_listed() {
    let scene = Scene::new().await;
    let part = scene.part().await;
    assert_eq!(scene.read(&part).await.unwrap(), content(1));
    scene.world.bucket.put(KEY, content(2)).await;
    let refusal = scene.read(&part).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::Changed, "PreconditionFailed"));
    scene.world.bucket.delete(KEY).await;
    let refusal = scene.read(&part).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::NotFound, "NoSuchKey"));
}

#[tokio::test]
async fn a_broken_body_is_taken_up_where_it_broke() {
    let scene = Scene::new().await;
    let part = scene.part().await;
    scene.proxy.plan(KEY, Fault::CutAfter(100_000));
    scene.proxy.plan(KEY, SLOW_DOWN);
    scene.proxy.plan(KEY, Fault::CutAfter(50_000));
    assert_eq!(scene.read(&part).await.unwrap(), content(1));
    let ranges: Vec<_> = scene.ranges().into_iter().flatten().collect();
    // The refused request is tried again by the SDK, with the same range.
    assert_eq!(ranges, ["bytes=100000-", "bytes=100000-", "bytes=150000-"]);
    assert!(scene.proxy.seen(KEY).iter().all(|head| head.contains(&format!("if-match: {}", part.etag))));
}

#[tokio::test]
async fn a_body_that_stands_still_is_taken_up_too() {
    let scene = Scene::with(AwsSettings { stall_grace: Duration::from_millis(500), ..AwsSettings::default() }).await;
    let part = scene.part().await;
    scene.proxy.plan(KEY, Fault::StallAfter(120_000));
    // The proxy keeps the stalled connection open for ever, so that only a reader who gives up on it gets further.
    let read = tokio::time::timeout(Duration::from_mins(2), scene.read(&part)).await;
    assert_eq!(read.expect("the stall is noticed").unwrap(), content(1));
    assert_eq!(scene.ranges().pop().flatten().as_deref(), Some("bytes=120000-"));
}

#[tokio::test]
async fn a_part_replaced_while_it_is_read_is_an_error() {
    let scene = Scene::new().await;
    let part = scene.part().await;
    scene.proxy.plan(KEY, Fault::CutAfter(100_000));
    let mut stream = scene.aws.open(&scene.world.candidate, &scene.world.region(), &part).await.unwrap();
    scene.world.bucket.put(KEY, content(2)).await;
    let refusal = loop {
        match stream.try_next().await {
            Ok(chunk) => assert!(chunk.is_some(), "half of one version and half of another passed for a part"),
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(refusal.kind, RefusalKind::Changed, "{refusal}");
}

#[tokio::test]
async fn a_body_that_keeps_breaking_is_given_up() {
    let scene = Scene::new().await;
    let part = scene.part().await;
    (0..20).for_each(|_| scene.proxy.plan(KEY, Fault::CutAfter(1_000)));
    let refusal = scene.read(&part).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::Unavailable, "BrokenBody"), "{refusal}");
    assert_eq!(scene.proxy.seen(KEY).len(), 6, "the first request and five more");
}

#[tokio::test]
async fn a_part_of_another_size_than_listed_is_an_error() {
    let scene = Scene::new().await;
    let part = scene.part().await;
    for size in [part.size - 1, part.size + 1] {
        let refusal = scene.read(&PartHead { size, ..part.clone() }).await.unwrap_err();
        assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::Changed, "SizeDiffers"), "{refusal}");
    }
}

#[tokio::test]
async fn throttles_and_silence_are_no_denials() {
    let scene = Scene::with(AwsSettings { attempt_timeout: Duration::from_secs(1), ..AwsSettings::default() }).await;
    let (candidate, region) = (&scene.world.candidate, scene.world.region());
    let id = scene.world.role().external_id.clone();
    scene.aws.assume(candidate, Presented::Right(&id)).await;
    (0..3).for_each(|_| scene.proxy.plan("list-type=2", SLOW_DOWN));
    let listing = scene.aws.list(candidate, &region, "bills/").await;
    let refusal = listing.refusal().unwrap_or_else(|| panic!("{listing:?}"));
    assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::Throttled, "SlowDown"));
    assert_eq!(refusal.message, "Please reduce your request rate.");
    (0..3).for_each(|_| scene.proxy.plan("list-type=2", Fault::Silence));
    let listing = scene.aws.list(candidate, &region, "bills/").await;
    let refusal = listing.refusal().unwrap_or_else(|| panic!("{listing:?}"));
    assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::Unavailable, "Timeout"), "{refusal}");
    assert_eq!(scene.proxy.seen("list-type=2").len(), 6, "each was tried three times");
}

#[tokio::test]
async fn a_refusal_by_the_key_is_told_from_one_by_the_bucket() {
    let scene = Scene::new().await;
    // MiniStack's S3 does not ask its KMS about keys; these are AWS's words.
    let words = "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:::key/k \
                 because no resource-based policy allows the kms:Decrypt action";
    scene.proxy.plan(KEY, Fault::Refuse(Refused(403, "AccessDenied", words)));
    let probe = scene.aws.read_first_byte(&scene.world.candidate, &scene.world.region(), KEY).await;
    let refusal = probe.refusal().unwrap_or_else(|| panic!("{probe:?}"));
    assert_eq!((refusal.kind, refusal.message.as_str()), (RefusalKind::DeniedByKms, words));
}

#[tokio::test]
async fn a_session_that_ended_early_is_opened_anew() {
    let scene = Scene::new().await;
    let (candidate, region) = (&scene.world.candidate, scene.world.region());
    scene.proxy.plan("list-type=2", Fault::Refuse(Refused(400, "ExpiredToken", "The provided token has expired.")));
    let ended = scene.aws.list(candidate, &region, "bills/").await;
    assert_eq!(ended.refusal().map(|refusal| refusal.kind), Some(RefusalKind::Unavailable), "{ended:?}");
    for _ in 0..2 {
        let listing = scene.aws.list(candidate, &region, "bills/").await;
        assert!(listing.granted().is_some(), "{listing:?}");
    }
    let keys: Vec<_> = scene.proxy.seen("list-type=2").iter().map(|head| credential(head)).collect();
    assert_ne!(keys[0], keys[1], "the ended session was used again");
    assert_eq!(keys[1], keys[2], "an open session was not reused");
}

#[tokio::test]
async fn an_open_session_ends_when_the_role_is_withdrawn() {
    let scene = Scene::new().await;
    let (candidate, region) = (&scene.world.candidate, scene.world.region());
    let id = scene.world.role().external_id.clone();
    assert!(scene.aws.assume(candidate, Presented::Right(&id)).await.granted().is_some());
    scene.world.trust_if(json!({ "StringEquals": { "sts:ExternalId": "987654321" } })).await;
    assert!(scene.aws.assume(candidate, Presented::Right(&id)).await.refusal().is_some());
    let listing = scene.aws.list(candidate, &region, "bills/").await;
    assert_eq!(listing.refusal().map(|refusal| refusal.action.as_str()), Some("sts:AssumeRole"), "{listing:?}");
}

/// The access key that signed a request.
fn credential(head: &str) -> String {
    let signed = head.split_once("Credential=").and_then(|(_, rest)| rest.split_once('/'));
    signed.map_or_else(|| panic!("not signed: {head}"), |(key, _)| key.to_owned())
}

#[tokio::test]
async fn an_address_where_no_one_listens_is_unavailable() {
    let world = World::new().await;
    let settings = AwsSettings { endpoint_url: Some("http://127.0.0.1:1".to_owned()), ..world.settings() };
    let probe = AwsClient::new(settings).await.operator().await;
    let refusal = probe.refusal().unwrap_or_else(|| panic!("{probe:?}"));
    assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::Unavailable, "ConnectionFailed"));
}

#[tokio::test]
async fn a_customers_broken_bucket_starves_nobody() {
    // Both customers are in one region: by the SDK's default they would share one budget of retries.
    let (broken, sound) = (Scene::new().await, World::new().await);
    let (proxy, aws) = (&broken.proxy, &broken.aws);
    let asked = |world: &World| proxy.seen(&format!("/{}/?list-type=2", world.bucket.name)).len();
    let list = async |world: &World| aws.list(&world.candidate, &world.region(), "bills/").await;
    let name = broken.world.bucket.name.clone();
    proxy.stand(move |text| text.contains(&name) && text.contains("list-type=2"), SLOW_DOWN);
    // Each of these calls would be tried three times, were it not for the budget of this one connection.
    futures::future::join_all((0..200).map(|_| list(&broken.world))).await;
    let tries = asked(&broken.world);
    assert!((200..500).contains(&tries), "its budget was not spent: {tries} tries");

    (0..2).for_each(|_| proxy.plan(&format!("/{}/?list-type=2", sound.bucket.name), SLOW_DOWN));
    assert!(list(&sound).await.granted().is_some(), "the other's calls are tried again");
    assert_eq!(asked(&sound), 3);
}
