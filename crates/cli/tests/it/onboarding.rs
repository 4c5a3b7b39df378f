//! A customer connects: the published request, what it proves, and what a refusal says.

use billing::policy::permission_policy;
use billing::role::Partition;
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::bill::Delivery;
use crate::kit::server::Body;
use crate::kit::story::Story;
use crate::kit::world::{OPERATOR_ARN, ROLE};

/// The one failed required check of a refusal.
fn failed(answer: &Value) -> &Value {
    let checks = answer["checks"].as_array().unwrap_or_else(|| panic!("no checks in {answer}"));
    let counts = |check: &&Value| check["verdict"] == "failed" && check["severity"] == "required";
    let failed: Vec<&Value> = checks.iter().filter(counts).collect();
    assert_eq!(failed.len(), 1, "{failed:#?}");
    failed[0]
}

/// Connects, expects a refusal for `check`, and that nothing was stored.
async fn refused(story: &Story, check: &str) -> Value {
    let answer = story.connect().await;
    assert_eq!((answer.status, &answer.json["name"]), (422, &json!("unprocessable_entity")), "{}", answer.json);
    let line = failed(&answer.json);
    assert_eq!(line["check"], check, "{line:#}");
    assert_eq!(story.bill_connects().await, json!([]), "nothing may be stored");
    line.clone()
}

async fn delivered() -> Story {
    let story = Story::new().await;
    Delivery::of(story.payer(), &[("Usage", "AmazonS3", "1.5")]).put(&story.world).await;
    story
}

#[tokio::test]
async fn the_published_request_connects_and_the_costs_come() {
    let story = delivered().await;
    let answer = story.connect().await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    let (org, payer) = (story.org, story.payer());
    let mut shown = answer.json.clone();
    for time in ["created_at", "updated_at", "state_since"] {
        assert!(shown[time].take().as_str().is_some_and(|text| text.ends_with('Z')), "{}", answer.json);
    }
    let expected = json!({
        "id": format!("aws-{payer}"),
        "href": format!("/api/onboarding/orgs/{org}/bill_connects/aws/aws-{payer}"),
        "cloud_vendor_id": "aws", "created_at": null, "updated_at": null, "state": "active", "state_since": null,
        "aws_bill_account_id": payer, "aws_bucket_name": story.world.candidate.bucket, "aws_bucket_path": "bills",
        "aws_bucket_region": "eu-west-1",
        "aws_sts_role_arn": story.world.role().arn, "aws_sts_role_session_name": "flexera-finops",
    });
    assert_eq!(shown, expected);
    assert_eq!(story.bill_connects().await, json!([answer.json]));
    assert_eq!(story.get(answer.json["href"].as_str().unwrap()).await, answer.json);
    story.completed(1).await;
    assert_eq!(story.billed().await, "1.5");

    let again = story.connect().await;
    assert_eq!((again.status, &again.json["name"]), (409, &json!("conflict")));
}

#[tokio::test]
async fn the_published_request_connects_whatever_its_content_type() {
    for content_type in [None, Some("application/json")] {
        let story = delivered().await;
        let path = format!("/api/onboarding/orgs/{}/bill_connects/aws/iam_role", story.org);
        let body = Body { text: story.body().to_string(), content_type };
        let answer = story.server.send(Method::POST, &path, Some(&story.token), Some(body)).await;
        assert_eq!(answer.status, 201, "{content_type:?}: {}", answer.json);
    }
}

#[tokio::test]
async fn both_generations_show_the_same_connection_and_prove_it_anew() {
    let story = delivered().await;
    let (org, payer) = (story.org, story.payer());
    let base = format!("/finops-onboarding/v1/orgs/{org}/bill-connects");
    let candidate = &story.world.candidate;
    let body = json!({
        "billAccountId": payer, "bucketName": candidate.bucket, "bucketPath": "/bills/", "stsRoleArn": story.world.role().arn,
        "stsExternalId": org, "effectiveFrom": "2026-01",
    });
    let stranger = {
        let mut body = body.clone();
        body["stsExternalId"] = json!("999999999");
        body
    };
    let answer = story.call(Method::POST, &format!("{base}/aws/iam-role"), Some(stranger)).await;
    assert_eq!(answer.status, 422, "an id that the org was not given: {}", answer.json);
    let made = story.call(Method::POST, &format!("{base}/aws/iam-role"), Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.json);
    assert_eq!(made.json["aws"]["iamRole"]["stsExternalId"], json!(org.to_string()));
    assert_eq!(made.json["aws"]["bucketPath"], "bills");
    assert_eq!(made.json["aws"]["effectiveFrom"], "2026-01");
    assert_eq!(story.get(&base).await["values"], json!([made.json]));
    assert_eq!(story.get(&format!("{base}/aws/aws-{payer}")).await, made.json);
    assert_eq!(story.bill_connects().await[0]["id"], made.json["id"]);

    let first = format!("/api/onboarding/orgs/{org}/bill_connects/validate");
    assert_eq!(story.get(&first).await[0]["valid"], true);
    assert_eq!(story.get(&format!("{base}/validations")).await["values"][0]["valid"], true);
    story.world.without("s3:GetObject").await;
    assert_eq!(story.get(&first).await[0]["valid"], false);
    let validation = story.get(&format!("{base}/aws/aws-{payer}/validation")).await;
    assert_eq!(validation["kind"], "finops:bill-connect-aws-validation");
    assert_eq!(validation["valid"], false);
    assert!(validation["error"].to_string().contains("s3:GetObject"), "{validation}");
}

#[tokio::test]
async fn a_trust_policy_that_others_could_use_is_refused_with_the_one_to_paste() {
    let story = delivered().await;
    let id = story.org.to_string();
    for (condition, check) in [
        (Value::Null, "external-id-required"),
        (json!({ "StringEqualsIfExists": { "sts:ExternalId": id } }), "external-id-required"),
        (json!({ "StringLike": { "sts:ExternalId": "*" } }), "external-id-exact"),
        (json!({ "StringLike": { "sts:ExternalId": format!("{id}*") } }), "external-id-exact"),
        (json!({ "StringEquals": { "sts:ExternalId": "999999999" } }), "role-assumable"),
    ] {
        story.world.trust_if(condition.clone()).await;
        let answer = story.connect().await;
        assert_eq!(answer.status, 422, "{condition}: {}", answer.json);
        let checks = answer.json["checks"].as_array().unwrap();
        let line = checks.iter().find(|line| line["check"] == check).unwrap();
        assert_eq!(line["verdict"], "failed", "{condition}: {line:#}");
        let remedy = line["remedy"].as_str().unwrap();
        let paste: Value = serde_json::from_str(&remedy[remedy.find('{').unwrap()..]).unwrap();
        assert_eq!(paste["Statement"][0]["Principal"]["AWS"], OPERATOR_ARN);
        assert_eq!(paste["Statement"][0]["Condition"], json!({ "StringEquals": { "sts:ExternalId": id } }));
        assert_eq!(story.bill_connects().await, json!([]), "{condition}: nothing may be stored");
    }
    // What the remedy says is what connects.
    story.world.trust_if(json!({ "StringEquals": { "sts:ExternalId": id } })).await;
    assert_eq!(story.connect().await.status, 201);
}

#[tokio::test]
async fn each_missing_bucket_permission_is_named() {
    let story = delivered().await;
    for (action, check) in [
        ("s3:ListBucket", "bucket-listable"),
        ("s3:GetBucketLocation", "bucket-region-known"),
        ("s3:GetObject", "bucket-readable"),
    ] {
        story.world.without(action).await;
        let line = refused(&story, check).await;
        assert_eq!(line["action"], action);
        assert!(line["remedy"].as_str().unwrap().contains(action), "{line:#}");
        assert!(!line["aws"]["message"].as_str().unwrap().is_empty(), "AWS's words are kept");
    }
}

#[tokio::test]
async fn wrong_names_and_accounts_are_told() {
    let story = delivered().await;
    let path = format!("/api/onboarding/orgs/{}/bill_connects/aws/iam_role", story.org);
    // AWS tells a missing bucket only to who may look at one of that name.
    let missing = "no-such-bucket-anywhere";
    let mut policy = permission_policy(Partition::Aws, &story.world.candidate.bucket);
    for name in ["", "/*"] {
        let resource = format!("arn:aws:s3:::{missing}{name}");
        let statement = json!({ "Effect": "Allow", "Action": "s3:*", "Resource": resource });
        policy["Statement"].as_array_mut().unwrap().push(statement);
    }
    story.world.payer.set_permissions(ROLE, &policy).await;
    for (field, value, check) in [
        ("aws_sts_role_arn", json!(format!("arn:aws:iam::{}:user/me", story.payer())), "role-arn-well-formed"),
        ("aws_sts_role_arn", json!("arn:aws:iam::999999999999:role/operators-own"), "role-arn-well-formed"),
        ("aws_sts_role_arn", json!(format!("arn:aws:iam::{}:role/nobody", story.payer())), "role-assumable"),
        ("aws_bill_account_id", json!("210987654321"), "role-account-is-payer"),
        ("aws_bucket_name", json!("not-the-roles-bucket"), "bucket-region-known"),
        ("aws_bucket_name", json!(missing), "bucket-exists"),
        ("aws_bucket_path", json!("bills/elsewhere"), "waiting"),
    ] {
        let mut body = story.body();
        body[field] = value.clone();
        let answer = story.call(Method::POST, &path, Some(body)).await;
        if check == "waiting" {
            // An empty path is no mistake yet: AWS takes up to a day to deliver.
            assert_eq!(answer.status, 201, "{field}={value}: {}", answer.json);
            continue;
        }
        assert_eq!(answer.status, 422, "{field}={value}: {}", answer.json);
        let checks = answer.json["checks"].as_array().unwrap_or_else(|| panic!("{field}={value}: {}", answer.json));
        let line = checks.iter().find(|line| line["check"] == check).unwrap();
        assert_eq!(line["verdict"], "failed", "{field}={value}: {checks:#?}");
        assert_eq!(story.bill_connects().await, json!([]), "{field}={value}");
    }
}

#[tokio::test]
async fn a_waiting_connection_starts_when_the_first_report_lands() {
    let story = Story::new().await;
    assert_eq!(story.connect().await.status, 201);
    story.fails_with("waiting for the first report").await;
    assert_eq!(story.imports().await.len(), 0);
    assert_eq!(story.costs(&[]).await, json!({ "rows": [], "rowsTruncated": false }));
    Delivery::of(story.payer(), &[("Usage", "AmazonS3", "2")]).put(&story.world).await;
    story.completed(1).await;
    assert_eq!(story.billed().await, "2");
    story.recovers().await;
}

#[tokio::test]
async fn what_lies_at_the_path_instead_of_a_report_is_shown() {
    let story = Story::new().await;
    story.world.bucket.put("bills/photos/cat.jpg", "meow").await;
    let line = refused(&story, "report-found").await;
    assert!(line["found"].as_str().unwrap().contains("`bills/photos/`"), "{line:#}");
}

#[tokio::test]
async fn the_command_line_proves_the_same_without_storing() {
    let story = delivered().await;
    let candidate = &story.world.candidate;
    let org = story.org.to_string();
    let arguments = [
        "check",
        "--org",
        &org,
        "--account",
        story.payer(),
        "--bucket",
        candidate.bucket.as_ref(),
        "--path",
        "bills",
        "--role-arn",
        story.world.role().arn.as_ref(),
        "--json",
    ];
    let report = story.server.install().json(&arguments);
    let checks = report["checks"].as_array().unwrap();
    let required = |line: &&Value| line["severity"] == "required" && line["verdict"] != "passed";
    let not_passed: Vec<_> = checks.iter().filter(required).map(|line| (&line["check"], &line["verdict"])).collect();
    let skipped = &json!("skipped");
    let keys = [(&json!("user-keys-work"), skipped), (&json!("user-account-is-payer"), skipped)];
    assert_eq!(not_passed, keys, "a role has no keys: {report:#}");
    assert_eq!(story.bill_connects().await, json!([]));
    let id = json!({ "sts:ExternalId": org });
    story.world.trust_if(json!({ "StringEqualsIfExists": id })).await;
    let output = story.server.install().run(&arguments);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(failed(&report)["check"], "external-id-required");
}
