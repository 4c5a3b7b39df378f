//! Connections by an IAM user, and connections that are changed and deleted: what is kept, what is refused, what comes back.

use aws::Credentials;
use billing::policy;
use billing::role::Partition;
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::admin::Admin;
use crate::kit::bill::Delivery;
use crate::kit::server::Answer;
use crate::kit::story::Story;

/// An IAM user of `account` with the permissions that we ask for.
pub async fn reader(story: &Story, account: &str) -> Credentials {
    let policy = policy::permission_policy(Partition::Aws, &story.world.candidate.bucket);
    Admin::of(account).user("bill-reader", &policy).await
}

/// The body that connects the customer's bill by this user.
pub fn keys(story: &Story, user: &Credentials) -> Value {
    json!({
        "billAccountId": story.payer(), "bucketName": story.world.candidate.bucket, "bucketPath": "bills",
        "accessKey": user.access_key_id(), "secretAccessKey": user.secret_access_key(),
    })
}

/// Where the second generation has the org's bill connects.
pub fn base(story: &Story) -> String {
    format!("/finops-onboarding/v1/orgs/{}/bill-connects/aws", story.org)
}

/// Sends a body that connects by a user.
pub async fn connect_user(story: &Story, body: Value) -> Answer {
    story.call(Method::POST, &format!("{}/iam-user", base(story)), Some(body)).await
}

fn verdict(answer: &Answer, check: &str) -> String {
    let lines = answer.json["checks"].as_array().unwrap_or_else(|| panic!("no checks in {}", answer.json));
    let line = lines.iter().find(|line| line["check"] == check).unwrap_or_else(|| panic!("no {check}"));
    line["verdict"].as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn an_iam_users_bill_is_read_and_its_keys_are_nowhere() {
    let story = Story::new().await;
    Delivery::good(story.payer()).put(&story.world).await;
    let user = reader(&story, story.payer()).await;
    let made = connect_user(&story, keys(&story, &user)).await;
    assert_eq!(made.status, 201, "{}", made.json);
    assert_eq!(made.json["aws"]["kind"], "finops:bill-connect-aws-iam-user");
    assert!(made.json["recommendation"].as_str().unwrap().contains("a role is safer"), "{}", made.json);
    assert!(made.json["aws"].get("iamRole").is_none());
    story.completed(1).await;
    assert_eq!(story.billed().await, "10");

    let first = story.bill_connects().await;
    assert!(first[0].get("aws_sts_role_arn").is_none(), "{first}");
    let answers =
        format!("{} {first} {}", made.json, story.get(&format!("{}/aws-{}", base(&story), story.payer())).await);
    for secret in [user.access_key_id(), user.secret_access_key()] {
        assert!(!answers.contains(secret));
        for file in std::fs::read_dir(story.server.install().data()).unwrap() {
            let path = file.unwrap().path();
            let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a key is in {}", path.display());
        }
    }
}

#[tokio::test]
async fn keys_that_are_wrong_or_anothers_are_refused() {
    let story = Story::new().await;
    Delivery::good(story.payer()).put(&story.world).await;
    let user = reader(&story, story.payer()).await;
    let mut wrong = keys(&story, &user);
    wrong["secretAccessKey"] = json!("0".repeat(40));
    let refused = connect_user(&story, wrong).await;
    assert_eq!((refused.status, verdict(&refused, "user-keys-work").as_str()), (422, "failed"), "{}", refused.json);

    let stranger = reader(&story, "300000000001").await;
    let refused = connect_user(&story, keys(&story, &stranger)).await;
    assert_eq!((refused.status, verdict(&refused, "user-account-is-payer").as_str()), (422, "failed"));
    assert_eq!(verdict(&refused, "external-id-exact"), "skipped");
    assert_eq!(story.bill_connects().await, json!([]));
}

#[tokio::test]
async fn a_change_that_fails_its_checks_leaves_all_as_it_was() {
    let story = Story::new().await.published().await;
    let path = format!("{}/iam-role/aws-{}", base(&story), story.payer());
    let before = story.bill_connects().await;
    let arn = format!("arn:aws:iam::{}:role/no-such-role", story.payer());
    let refused = story.call(Method::PATCH, &path, Some(json!({ "stsRoleArn": arn }))).await;
    assert_eq!((refused.status, verdict(&refused, "role-assumable").as_str()), (422, "failed"), "{}", refused.json);
    let account = story.call(Method::PATCH, &path, Some(json!({ "billAccountId": "300000000002" }))).await;
    assert_eq!(account.status, 422);
    assert!(account.json["message"].as_str().unwrap().contains("`billAccountId`"), "{}", account.json);
    let other = path.replace("iam-role", "iam-user");
    let other = story.call(Method::PATCH, &other, Some(json!({ "bucketPath": "x" }))).await;
    assert_eq!(other.status, 404, "{}", other.json);
    assert_eq!(story.bill_connects().await[0]["updated_at"], before[0]["updated_at"]);

    let renamed = json!({ "stsRoleSessionName": "another-name", "effectiveFrom": "2026-09" });
    let changed = story.call(Method::PATCH, &path, Some(renamed)).await;
    assert_eq!((changed.status, &changed.json), (204, &Value::Null));
    let shown = story.get(&format!("{}/aws-{}", base(&story), story.payer())).await;
    assert_eq!(shown["aws"]["iamRole"]["stsRoleSessionName"], "another-name");
    assert_eq!(shown["aws"]["effectiveFrom"], "2026-09");
    Delivery::newer(story.payer()).put(&story.world).await;
    story.completed(2).await;
    assert_eq!(story.billed().await, "20.0000000181");
}

#[tokio::test]
async fn a_deleted_connection_is_forgotten_and_can_be_made_again() {
    let story = Story::new().await.published().await;
    let path = format!("/api/onboarding/orgs/{}/bill_connects/aws/aws-{}", story.org, story.payer());
    assert_eq!(story.call(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(story.call(Method::DELETE, &path, None).await.status, 404);
    assert_eq!(story.call(Method::GET, &path, None).await.status, 404);
    assert_eq!((story.billed().await.as_str(), story.bill_connects().await), ("none", json!([])));
    assert_eq!(story.connect().await.status, 201);
    story.completed(1).await;
    assert_eq!(story.billed().await, "10");
}
