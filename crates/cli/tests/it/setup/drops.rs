//! With each statement, or each action, of the published policy taken away in turn, exactly its claims fail, by its name.

use billing::checks::Check;
use billing::policy::{Grant, PUBLISHED};
use serde_json::{Value, json};

use super::{ROLE, Written, role_arn};
use crate::kit::bill::Delivery;
use crate::kit::story::Story;
use crate::kit::tools::{as_administrator, aws, succeeded, tool};

/// The claim that rests on each action that is called. One that is not in the table of checks is not proven, so not expected.
const CLAIMS: [(&str, &str); 6] = [
    ("s3:GetBucketLocation", "bucket-region-known"),
    ("s3:ListBucket", "bucket-listable"),
    ("s3:GetObject", "bucket-readable"),
    ("organizations:DescribeOrganization", "organization-described"),
    ("organizations:ListAccounts", "accounts-listed"),
    ("ce:GetReservationUtilization", "reservations-readable"),
];

/// The actions without a claim: what they are for is looked at once a day, slowly, and shows in the state of the organization.
const OF_THE_TREE: [&str; 4] = [
    "organizations:ListAccountsForParent",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListRoots",
    "organizations:ListTagsForResource",
];

#[test]
fn every_action_that_is_called_has_a_claim_or_is_the_trees() {
    let mut called: Vec<&str> = PUBLISHED.iter().flat_map(|statement| statement.called).copied().collect();
    let mut known: Vec<&str> = CLAIMS.iter().map(|(action, _)| *action).chain(OF_THE_TREE).collect();
    called.sort_unstable();
    known.sort_unstable();
    assert_eq!(called, known);
}

/// The claim and the action of each check of a dry run that failed for want of a permission.
fn failed(story: &Story) -> Vec<(String, String)> {
    let (org, role) = (story.org.to_string(), role_arn(story));
    let bucket = story.world.candidate.bucket.as_ref();
    let account = story.payer();
    let check = [
        "check",
        "--org",
        &org,
        "--account",
        account,
        "--bucket",
        bucket,
        "--path",
        "bills",
        "--role-arn",
        &role,
        "--json",
    ];
    let output = story.server.install().run(&check);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let checks = report["checks"].as_array().unwrap().iter().filter(|line| line["verdict"] == "failed");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let failed = checks.map(|line| (text(&line["check"]), text(&line["action"])));
    let mut failed: Vec<_> = failed.filter(|(_, action)| !action.is_empty()).collect();
    failed.sort();
    failed
}

/// What must fail without these actions: the claims that rest on them, and no other.
fn expected(dropped: &[&str]) -> Vec<(String, String)> {
    let gone = |action: &str| {
        dropped.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => action.starts_with(start),
            None => *pattern == action,
        })
    };
    let proven = |check: &str| check.parse::<Check>().is_ok();
    let claims = CLAIMS.iter().filter(|(action, check)| gone(action) && proven(check));
    let mut claims: Vec<_> = claims.map(|(action, check)| ((*check).to_owned(), (*action).to_owned())).collect();
    claims.sort();
    claims
}

/// The policy less what `keep` refuses of each statement's actions.
fn without(policy: &Value, keep: impl Fn(&Value, &str) -> bool) -> Value {
    let mut policy = policy.clone();
    let statements = policy["Statement"].as_array_mut().unwrap();
    for statement in statements.iter_mut() {
        let sid = statement["Sid"].clone();
        statement["Action"].as_array_mut().unwrap().retain(|action| keep(&sid, action.as_str().unwrap()));
    }
    // IAM takes no statement that names no action.
    statements.retain(|statement| !statement["Action"].as_array().unwrap().is_empty());
    policy
}

fn put(story: &Story, policy: &Value) {
    let document = policy.to_string();
    let put =
        ["iam", "put-role-policy", "--role-name", ROLE, "--policy-name", "billconnect", "--policy-document", &document];
    aws(story.payer(), &put);
}

/// Sets the role up by the script, then takes away each action and each statement in turn.
async fn each_drop_is_named(grant: Grant, more: &[&str]) {
    let story = Story::new().await;
    Delivery::of(story.payer(), &[("Usage", "AmazonS3", "1.5")]).put(&story.world).await;
    let written = Written::of(&story, "cli", more);
    succeeded(as_administrator(tool("sh"), story.payer()).arg(written.file("setup.sh")));
    assert_eq!(failed(&story), [], "as set up");
    let form = if grant == Grant::Tightened { "policy-tightened" } else { "policy" };
    let policy = std::fs::read(Written::of(&story, form, more).file("policy.json")).unwrap();
    let policy: Value = serde_json::from_slice(&policy).unwrap();
    for statement in &PUBLISHED {
        let actions = if grant == Grant::Tightened { statement.called } else { statement.actions };
        for action in actions {
            put(&story, &without(&policy, |_, held| held != *action));
            assert_eq!(failed(&story), expected(&[action]), "without `{action}`");
        }
        put(&story, &without(&policy, |sid, _| !sid.as_str().unwrap().starts_with(statement.sid)));
        assert_eq!(failed(&story), expected(actions), "without the statement `{}`", statement.sid);
    }
    put(&story, &policy);
    assert_eq!(failed(&story), [], "with all of it again");
}

#[tokio::test]
async fn each_drop_from_the_published_policy_is_named() {
    each_drop_is_named(Grant::Published, &[]).await;
}

#[tokio::test]
async fn each_drop_from_the_tightened_policy_is_named() {
    each_drop_is_named(Grant::Tightened, &["--tightened"]).await;
}

#[tokio::test]
async fn the_tightened_role_sees_nothing_beside_the_path() {
    let story = Story::new().await;
    story.world.bucket.put("elsewhere/R/x.csv", "not a bill of ours").await;
    let written = Written::of(&story, "cli", &["--tightened"]);
    succeeded(as_administrator(tool("sh"), story.payer()).arg(written.file("setup.sh")));
    let mut body = story.body();
    body["aws_sts_role_arn"] = json!(role_arn(&story));
    body["aws_bucket_path"] = json!("elsewhere");
    let path = format!("/api/onboarding/orgs/{}/bill_connects/aws/iam_role", story.org);
    let answer = story.call(reqwest::Method::POST, &path, Some(body)).await;
    assert_eq!(answer.status, 422, "{}", answer.json);
    assert!(answer.json["message"].as_str().unwrap().contains("s3:ListBucket"), "{}", answer.json);
}
