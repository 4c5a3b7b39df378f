//! The shell script, run with the AWS CLI against the emulator: the connection is green then, and nothing else was touched.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use super::{ROLE, Written, role_arn};
use crate::kit::bill::Delivery;
use crate::kit::story::Story;
use crate::kit::tools::{as_administrator, aws, run, succeeded, tool};
use crate::kit::world;

/// Runs the script as the administrator of this account.
fn sh(script: &Path, account: &str) -> Output {
    run(as_administrator(tool("sh"), account).arg(script))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs the script and sends the request that it prints; gives what the service answers.
fn apply(story: &Story, script: &Path) -> Value {
    let printed = succeeded(as_administrator(tool("sh"), story.payer()).arg(script));
    assert!(printed.contains(&format!("Role: {}", role_arn(story))), "{printed}");
    let request = printed.split_once("curl ").map(|(_, rest)| format!("curl -s {rest}")).unwrap();
    let answer = succeeded(tool("sh").args(["-c", &request.replace("<token>", &story.token)]));
    serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

async fn delivered() -> Story {
    let story = Story::new().await;
    Delivery::of(story.payer(), &[("Usage", "AmazonS3", "1.5")]).put(&story.world).await;
    story
}

/// Checks that the connection holds.
async fn green(story: &Story) {
    let base = format!("/api/onboarding/orgs/{}/bill_connects", story.org);
    let validations = story.get(&format!("{base}/validate")).await;
    assert_eq!((validations.as_array().unwrap().len(), &validations[0]["valid"]), (1, &json!(true)), "{validations}");
}

#[tokio::test]
async fn the_script_and_the_request_that_it_prints_connect() {
    for tightened in [&[][..], &["--tightened"]] {
        let story = delivered().await;
        let account = ["--account", story.payer()];
        let written = Written::of(&story, "cli", &[&account[..], tightened].concat());
        let script = written.file("setup.sh");
        let answer = apply(&story, &script);
        assert_eq!(answer["aws_sts_role_arn"], role_arn(&story), "{answer}");
        green(&story).await;
        story.completed(1).await;
        assert_eq!(story.billed().await, "1.5");

        let again = sh(&script, story.payer());
        assert!(again.status.success(), "a second run: {}", text(&again.stderr));
        green(&story).await;
    }
}

#[tokio::test]
async fn the_script_leaves_what_is_not_its_own_alone() {
    let story = delivered().await;
    // The name of the role that is there already, by another's hand.
    let written = Written::of(&story, "cli", &[]);
    let script = written.file("setup.sh");
    let changed = std::fs::read_to_string(&script).unwrap().replace(ROLE, world::ROLE);
    std::fs::write(&script, changed).unwrap();
    let refused = sh(&script, story.payer());
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("it was left alone"), "{}", text(&refused.stderr));
    assert_eq!(story.connect().await.status, 201, "the role is as it was");

    let payers = Written::of(&story, "cli", &["--account", story.payer()]);
    let refused = sh(&payers.file("setup.sh"), "210000000001");
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("nothing was changed"), "{}", text(&refused.stderr));
}

#[tokio::test]
async fn the_script_makes_the_bucket_and_the_report_too() {
    let story = Story::new().await;
    let payer = story.payer();
    let written =
        Written::of(&story, "cli", &["--with", "cur", "--bucket-region", "eu-central-1", "--report-name", "R"]);
    let script = written.file("setup.sh");
    let bucket = format!("made-{payer}");
    let changed = std::fs::read_to_string(&script).unwrap().replace(story.world.candidate.bucket.as_ref(), &bucket);
    std::fs::write(&script, changed).unwrap();
    let answer = apply(&story, &script);
    assert_eq!(answer["aws_bucket_region"], "eu-central-1", "{answer}");
    story.fails_with("waiting for the first report").await;

    let again = sh(&script, payer);
    assert!(again.status.success(), "a second run: {}", text(&again.stderr));
    let reports = aws(payer, &["cur", "describe-report-definitions"]);
    assert_eq!(reports["ReportDefinitions"].as_array().unwrap().len(), 1, "{reports}");
    let report = &reports["ReportDefinitions"][0];
    assert_eq!(
        (&report["ReportName"], &report["S3Prefix"], &report["S3Bucket"]),
        (&json!("R"), &json!("bills"), &json!(bucket))
    );
    let policy = aws(payer, &["s3api", "get-bucket-policy", "--bucket", &bucket]);
    assert!(policy["Policy"].as_str().unwrap().contains(&format!("\"aws:SourceAccount\": \"{payer}\"")), "{policy}");
}

#[tokio::test]
async fn a_bucket_policy_of_somebody_elses_is_kept_and_the_statement_shown() {
    let story = Story::new().await;
    let own = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        "Resource": format!("arn:aws:s3:::{}/secret/*", story.world.candidate.bucket),
    }] });
    story.world.bucket.set_policy(&own).await;
    let written = Written::of(&story, "cli", &["--with", "cur", "--bucket-region", "eu-west-1"]);
    let refused = sh(&written.file("setup.sh"), story.payer());
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("BillconnectDelivery"), "{}", text(&refused.stderr));
    let bucket = story.world.candidate.bucket.as_ref();
    let kept = aws(story.payer(), &["s3api", "get-bucket-policy", "--bucket", bucket, "--region", "eu-west-1"]);
    assert_eq!(serde_json::from_str::<Value>(kept["Policy"].as_str().unwrap()).unwrap(), own);
}
