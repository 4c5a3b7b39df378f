//! What a connection works without: each such feature is told by name, keeps nothing back, and heals by itself. And why AWS denies.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::bill::Delivery;
use crate::kit::proxy::{Fault, Proxy, Refused};
use crate::kit::story::Story;
use crate::kit::world::ROLE;

/// The line of one check.
fn line<'a>(report: &'a Value, check: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap_or_else(|| panic!("no checks in {report}"));
    checks.iter().find(|line| line["check"] == check).unwrap_or_else(|| panic!("no `{check}` in {report:#}"))
}

/// The policy or statement at the end of a remedy.
fn pasted(line: &Value) -> Value {
    let remedy = line["remedy"].as_str().unwrap();
    let (_, json) = remedy.split_once(":\n").unwrap_or_else(|| panic!("nothing to paste: {remedy}"));
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

async fn delivered(story: Story) -> Story {
    Delivery::good(story.payer()).put(&story.world).await;
    story
}

#[tokio::test]
async fn a_role_set_up_as_published_shows_all_that_can_be_seen() {
    let story = delivered(Story::new().await).await;
    let report = story.dry_run().await;
    for check in
        ["report-fresh", "organization-described", "accounts-listed", "reservations-readable", "no-excess-permission"]
    {
        assert_eq!(line(&report, check)["verdict"], "passed", "{:#}", line(&report, check));
        assert_eq!(line(&report, check)["severity"], "optional");
    }
    assert_eq!(line(&report, "report-has-resource-ids")["verdict"], "failed", "the small bills have no resource ids");
    assert_eq!(story.connect().await.status, 201, "what is optional keeps nothing back");
}

#[tokio::test]
async fn each_remedy_mends_exactly_what_it_is_for() {
    let story = delivered(Story::new().await).await;
    for (pattern, action, check) in [
        ("s3:ListBucket", "s3:ListBucket", "bucket-listable"),
        ("s3:GetBucketLocation", "s3:GetBucketLocation", "bucket-region-known"),
        ("s3:GetObject", "s3:GetObject", "bucket-readable"),
        ("organizations:Describe*", "organizations:DescribeOrganization", "organization-described"),
        ("organizations:List*", "organizations:ListAccounts", "accounts-listed"),
        ("ce:GetReservationUtilization", "ce:GetReservationUtilization", "reservations-readable"),
    ] {
        story.world.without(pattern).await;
        let report = story.dry_run().await;
        let failed = line(&report, check);
        assert_eq!((&failed["verdict"], &failed["action"]), (&json!("failed"), &json!(action)), "{failed:#}");
        assert!(failed["aws"]["message"].as_str().unwrap().contains(action), "AWS's words are kept: {failed:#}");
        assert!(failed["found"].as_str().unwrap().contains("no grant in the policies of the role"), "{failed:#}");
        let remedy = pasted(failed);
        let name = remedy["Statement"][0]["Sid"].as_str().unwrap();
        story.world.payer.add_permissions(ROLE, name, &remedy).await;
        assert_eq!(line(&story.dry_run().await, check)["verdict"], "passed", "{remedy:#}");
        story.world.payer.remove_permissions(ROLE, name).await;
    }
}

#[tokio::test]
async fn a_missing_optional_permission_keeps_nothing_back_and_heals() {
    let story = delivered(Story::new().await).await;
    story.world.without("organizations:List*").await;
    assert_eq!(story.connect().await.status, 201);
    let valid = format!("/api/onboarding/orgs/{}/bill_connects/validate", story.org);
    assert_eq!(story.get(&valid).await[0]["valid"], true);
    assert_eq!(line(&story.dry_run().await, "accounts-listed")["verdict"], "failed");
    story.world.with_all_permissions().await;
    assert_eq!(line(&story.dry_run().await, "accounts-listed")["verdict"], "passed");
}

#[tokio::test]
async fn what_a_role_holds_too_much_is_named_and_its_remedy_takes_it_away() {
    let story = delivered(Story::new().await).await;
    let wide = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": ["s3:Get*", "s3:List*", "organizations:*", "ce:*"], "Resource": "*" },
    ] });
    story.world.payer.set_permissions(ROLE, &wide).await;
    let report = story.dry_run().await;
    let excess = line(&report, "no-excess-permission");
    assert_eq!(excess["verdict"], "failed", "{excess:#}");
    for action in ["s3:ListAllMyBuckets", "s3:GetBucketPolicy", "s3:GetBucketAcl", "s3:ListBucketVersions"] {
        assert!(excess["found"].as_str().unwrap().contains(action), "{excess:#}");
    }
    assert_eq!(story.connect().await.status, 201, "it is not refused for it");
    story.world.payer.set_permissions(ROLE, &pasted(excess)).await;
    assert_eq!(line(&story.dry_run().await, "no-excess-permission")["verdict"], "passed");
}

#[tokio::test]
async fn who_denies_is_told_and_a_grant_is_not_offered_for_a_deny() {
    let story = delivered(Story::new().await).await;
    let candidate = &story.world.candidate;
    let bucket = format!("arn:aws:s3:::{}", candidate.bucket);
    let deny = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Deny", "Action": "s3:ListBucket", "Resource": bucket },
    ] });
    story.world.payer.add_permissions(ROLE, "deny", &deny).await;
    let report = story.dry_run().await;
    let failed = line(&report, "bucket-listable");
    assert!(failed["found"].as_str().unwrap().contains("an explicit deny in the policies of the role"), "{failed:#}");
    assert!(failed["remedy"].as_str().unwrap().contains("list-attached-role-policies"), "{failed:#}");
    story.world.payer.remove_permissions(ROLE, "deny").await;

    let mut deny = deny;
    deny["Statement"][0]["Principal"] = json!("*");
    story.world.bucket.set_policy(&deny).await;
    let report = story.dry_run().await;
    let failed = line(&report, "bucket-listable");
    assert!(failed["found"].as_str().unwrap().contains("an explicit deny in the bucket's policy"), "{failed:#}");
    assert!(failed["remedy"].as_str().unwrap().contains("get-bucket-policy"), "{failed:#}");
}

#[tokio::test]
async fn the_words_of_organizations_and_cost_explorer_are_told_apart() {
    let proxy = Proxy::start().await;
    let story = delivered(Story::behind(&proxy).await).await;
    let none = Refused(400, "AWSOrganizationsNotInUseException", "Your account is not a member of an organization.");
    let off = Refused(400, "AccessDeniedException", "User not enabled for cost explorer access");
    proxy.stand(|text| text.contains("AWSOrganizationsV20161128."), Fault::Refuse(none));
    proxy.stand(|text| text.contains("AWSInsightsIndexService."), Fault::Refuse(off));
    let report = story.dry_run().await;
    for check in ["organization-described", "accounts-listed"] {
        assert_eq!(line(&report, check)["verdict"], "skipped", "{:#}", line(&report, check));
        assert_eq!(line(&report, check)["aws"]["code"], "AWSOrganizationsNotInUseException");
    }
    let reservations = line(&report, "reservations-readable");
    assert!(reservations["found"].as_str().unwrap().contains("not enabled"), "{reservations:#}");

    proxy.lift();
    let member = r#"{"Organization":{"Id":"o-acme","MasterAccountId":"210987654321"}}"#;
    proxy.stand(|text| text.contains("V20161128.DescribeOrganization"), Fault::Answer(member));
    let denied = Refused(400, "AccessDeniedException", "You don't have permissions to access this resource.");
    proxy.stand(|text| text.contains("V20161128.ListAccounts"), Fault::Refuse(denied));
    let report = story.dry_run().await;
    for check in ["organization-described", "accounts-listed"] {
        let line = line(&report, check);
        assert!(line["found"].as_str().unwrap().contains("210987654321"), "{line:#}");
    }
    assert_eq!(story.connect().await.status, 201, "what is optional keeps nothing back");
}

#[tokio::test]
async fn the_customer_pays_for_one_answer_a_day() {
    let proxy = Proxy::start().await;
    let story = delivered(Story::behind(&proxy).await).await;
    assert_eq!(story.connect().await.status, 201);
    let asked = || proxy.seen("AWSInsightsIndexService.GetReservationUtilization").len();
    assert_eq!(asked(), 1);
    let valid = format!("/api/onboarding/orgs/{}/bill_connects/validate", story.org);
    for _ in 0..2 {
        let answer = story.call(Method::GET, &valid, None).await;
        assert_eq!((answer.status, &answer.json[0]["valid"]), (200, &json!(true)), "{}", answer.json);
    }
    assert_eq!(asked(), 1, "an answer counts for a day");
}
