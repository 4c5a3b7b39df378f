//! Looking at buckets and objects: what each permission opens, and how each refusal names what is missing.

use aws::AwsClient;
use billing::connection::Candidate;
use billing::delivery::PartHead;
use billing::names::{OrgId, Region};
use billing::probe::{Probe, Refusal, RefusalKind};
use futures::StreamExt;
use futures::stream;
use serde_json::json;

use crate::kit::world::World;

/// The refusal that a probe must have met.
#[track_caller]
fn refused<T: std::fmt::Debug>(probe: &Probe<T>) -> &Refusal {
    probe.refusal().unwrap_or_else(|| panic!("{probe:?}"))
}

/// The answer that a probe must have got.
#[track_caller]
fn granted<T: std::fmt::Debug>(probe: &Probe<T>) -> &T {
    probe.granted().unwrap_or_else(|| panic!("{probe:?}"))
}

/// Asks all that a bill needs, and fails unless exactly the question behind `missing` is denied, by that name.
async fn check_without(missing: &str) {
    let world = World::new().await;
    world.bucket.put("bills/a.txt", "text").await;
    world.without(missing).await;
    let (aws, candidate, region) = (world.aws().await, &world.candidate, world.region());
    let answers = [
        ("s3:GetBucketLocation", aws.bucket_region(candidate).await.refusal().cloned()),
        ("s3:ListBucket", aws.list(candidate, &region, "bills/").await.refusal().cloned()),
        ("s3:GetObject", aws.read_first_byte(candidate, &region, "bills/a.txt").await.refusal().cloned()),
    ];
    for (action, refusal) in answers {
        let found = refusal.as_ref().map(|refusal| (refusal.kind, refusal.action.as_str()));
        let expected = (action == missing).then_some((RefusalKind::Denied, action));
        assert_eq!(found, expected, "without `{missing}`: {refusal:?}");
        if let Some(refusal) = refusal {
            assert_eq!(refusal.code, "AccessDenied");
            assert!(refusal.message.contains(missing), "AWS's words name the action: {refusal}");
            assert!(refusal.resource.starts_with(&format!("arn:aws:s3:::{}", candidate.bucket)), "{refusal}");
        }
    }
}

#[tokio::test]
async fn each_missing_bucket_permission_is_named() {
    for action in ["s3:GetBucketLocation", "s3:ListBucket", "s3:GetObject"] {
        check_without(action).await;
    }
}

#[tokio::test]
async fn a_bucket_answers_in_its_own_region_only() {
    let world = World::of(OrgId::try_from(555_555).unwrap(), "eu-west-1").await;
    world.bucket.put("bills/a.txt", "text").await;
    let (aws, candidate) = (world.aws().await, &world.candidate);
    let region = aws.bucket_region(candidate).await;
    assert_eq!(granted(&region).as_ref(), "eu-west-1");
    // AWS answers us-east-1 with 400 `AuthorizationHeaderMalformed` where MiniStack says 301; both are the wrong region.
    let elsewhere: Region = "us-east-1".parse().unwrap();
    let listing = aws.list(candidate, &elsewhere, "bills/").await;
    assert_eq!(
        (refused(&listing).kind, refused(&listing).code.as_str()),
        (RefusalKind::WrongRegion, "PermanentRedirect")
    );
    let listing = aws.list(candidate, &world.region(), "bills/").await;
    assert_eq!(granted(&listing).objects.len(), 1);
}

#[tokio::test]
async fn a_bucket_of_another_account_is_refused() {
    // The role may read the bucket, and yet it is not the payer's: names of deleted buckets are taken over. MiniStack ignores
    // the expected owner; the kit's launcher adds it, so this test shows that every call carries it.
    let (ours, theirs) = (World::new().await, World::new().await);
    theirs.bucket.put("bills/a.txt", "text").await;
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        // The account and not its role: MiniStack looks at no more of a stranger than that.
        "Principal": { "AWS": format!("arn:aws:iam::{}:root", ours.payer.account) },
        "Action": ["s3:ListBucket", "s3:GetBucketLocation", "s3:GetObject"],
        "Resource": [format!("arn:aws:s3:::{}", theirs.bucket.name), format!("arn:aws:s3:::{}/*", theirs.bucket.name)],
    }] });
    theirs.bucket.set_policy(&policy).await;
    let mut candidate = ours.candidate.clone();
    candidate.bucket = theirs.candidate.bucket.clone();
    let wide = billing::policy::permission_policy(candidate.partition(), &candidate.bucket);
    ours.payer.set_permissions(crate::kit::world::ROLE, &wide).await;
    let part = {
        // Were it the bucket's owner that we expect, every question would be answered: nothing else stands in the way.
        let expecting_them = Candidate { account: theirs.candidate.account.clone(), ..candidate.clone() };
        let (aws, region) = (ours.aws().await, theirs.region());
        let listing = aws.list(&expecting_them, &region, "bills/").await;
        let head = granted(&listing).objects[0].clone();
        let part = PartHead { key: head.key, etag: head.etag, size: head.size };
        assert_eq!(refusals(&aws, &expecting_them, &part).await, [const { None }; 5]);
        part
    };
    for refusal in refusals(&ours.aws().await, &candidate, &part).await {
        assert_eq!(refusal.as_ref().map(|refusal| refusal.kind), Some(RefusalKind::Denied), "{refusal:?}");
    }
}

/// What came of each question about a bucket in `us-east-1` and the part in it.
async fn refusals(aws: &AwsClient, candidate: &Candidate, part: &PartHead) -> [Option<Refusal>; 5] {
    let region: Region = "us-east-1".parse().expect("a sound region");
    [
        aws.bucket_region(candidate).await.refusal().cloned(),
        aws.list(candidate, &region, "bills/").await.refusal().cloned(),
        aws.read_small(candidate, &region, &part.key).await.refusal().cloned(),
        aws.read_first_byte(candidate, &region, &part.key).await.refusal().cloned(),
        aws.open(candidate, &region, part).await.err(),
    ]
}

#[tokio::test]
async fn sessions_see_no_more_than_the_path() {
    // The role may read the whole bucket; the session policy leaves only the candidate's path of it.
    let world = World::new().await;
    world.bucket.put("bills/a.txt", "text").await;
    world.bucket.put("billsx/a.txt", "text").await;
    let (aws, candidate, region) = (world.aws().await, &world.candidate, world.region());
    granted(&aws.list(candidate, &region, "bills/").await);
    granted(&aws.read_first_byte(candidate, &region, "bills/a.txt").await);
    for outside in ["", "billsx/", "bills"] {
        let listing = aws.list(candidate, &region, outside).await;
        assert_eq!(refused(&listing).kind, RefusalKind::Denied, "{outside}");
    }
    let read = aws.read_first_byte(candidate, &region, "billsx/a.txt").await;
    assert_eq!(refused(&read).kind, RefusalKind::Denied);
}

#[tokio::test]
async fn a_missing_bucket_or_object_is_not_found() {
    let world = World::new().await;
    let (aws, region) = (world.aws().await, world.region());
    let missing = aws.read_small(&world.candidate, &region, "bills/none.json").await;
    assert_eq!((refused(&missing).kind, refused(&missing).code.as_str()), (RefusalKind::NotFound, "NoSuchKey"));
    let mut candidate = world.candidate.clone();
    candidate.bucket = "no-such-bucket-anywhere".parse().unwrap();
    let wide = billing::policy::permission_policy(candidate.partition(), &candidate.bucket);
    world.payer.set_permissions(crate::kit::world::ROLE, &wide).await;
    let missing = aws.bucket_region(&candidate).await;
    assert_eq!((refused(&missing).kind, refused(&missing).code.as_str()), (RefusalKind::NotFound, "NoSuchBucket"));
}

#[tokio::test]
async fn a_level_has_its_objects_and_folders_over_all_pages() {
    let world = World::new().await;
    world.bucket.put("bills/report/deep/x.gz", "x").await;
    // A page has 1,000 keys.
    let keys = (0..1_005).map(|number| format!("bills/{number:04}.gz"));
    stream::iter(keys).for_each_concurrent(16, async |key| world.bucket.put(&key, "x").await).await;
    let listing = world.aws().await.list(&world.candidate, &world.region(), "bills/").await;
    let level = granted(&listing);
    assert_eq!(level.folders, ["bills/report/"]);
    assert_eq!(level.objects.len(), 1_005);
    let last = level.objects.last().unwrap();
    assert_eq!((last.key.as_str(), last.size), ("bills/1004.gz", 1));
    assert!(last.etag.starts_with('"') && last.etag.ends_with('"'), "{}", last.etag);
}

#[tokio::test]
async fn small_objects_are_read_whole_and_large_ones_are_not() {
    let world = World::new().await;
    world.bucket.put("bills/m.json", r#"{"assemblyId":"1"}"#).await;
    world.bucket.put("bills/large.json", vec![b' '; 8 * 1024 * 1024 + 1]).await;
    world.bucket.put("bills/empty.gz", "").await;
    let (aws, candidate, region) = (world.aws().await, &world.candidate, world.region());
    let manifest = aws.read_small(candidate, &region, "bills/m.json").await;
    let text = granted(&manifest);
    assert_eq!((text.body.as_slice(), text.head.size), (br#"{"assemblyId":"1"}"#.as_slice(), 18));
    let listing = aws.list(candidate, &region, "bills/").await;
    let listed = granted(&listing).objects.iter().find(|object| object.key == text.head.key).unwrap();
    assert_eq!(listed.etag, text.head.etag, "a listing and a read pin the same version");
    let large = aws.read_small(candidate, &region, "bills/large.json").await;
    assert_eq!((refused(&large).kind, refused(&large).code.as_str()), (RefusalKind::Invalid, "ObjectTooLarge"));
    granted(&aws.read_first_byte(candidate, &region, "bills/empty.gz").await);
    granted(&aws.read_first_byte(candidate, &region, "bills/large.json").await);
}
