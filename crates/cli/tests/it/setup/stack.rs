//! The CloudFormation template, made into a stack in the emulator, whose function runs as Lambda would run it.

use std::path::Path;

use serde_json::{Value, json};

use super::{ROLE, Written, role_arn};
use crate::kit::bill::Delivery;
use crate::kit::story::{Story, wait};
use crate::kit::tools::aws;

/// The stack's name. One for each account: the emulator's functions of stacks with one name get into each other's way.
fn stack_name(story: &Story) -> String {
    format!("billconnect-{}", story.payer())
}

/// Makes the stack, waits until it is made or failed, and gives its status.
async fn make(story: &Story, template: &Path, parameters: &[(&str, &str)]) -> String {
    let body = format!("file://{}", template.display());
    let name = stack_name(story);
    let mut create = vec!["cloudformation", "create-stack", "--stack-name", &name, "--template-body", &body];
    create.extend(["--capabilities", "CAPABILITY_NAMED_IAM"]);
    let given: Vec<String> =
        parameters.iter().map(|(name, value)| format!("ParameterKey={name},ParameterValue={value}")).collect();
    if !given.is_empty() {
        create.push("--parameters");
        create.extend(given.iter().map(String::as_str));
    }
    aws(story.payer(), &create);
    settled(story).await
}

/// The stack's status once nothing is in progress.
async fn settled(story: &Story) -> String {
    let status = || {
        let stacks = aws(story.payer(), &["cloudformation", "describe-stacks", "--stack-name", &stack_name(story)]);
        stacks["Stacks"][0]["StackStatus"].as_str().unwrap().to_owned()
    };
    wait("the stack to settle", async || !status().ends_with("IN_PROGRESS")).await;
    status()
}

/// Why the stack's resources failed.
fn reasons(story: &Story) -> String {
    let events = aws(story.payer(), &["cloudformation", "describe-stack-events", "--stack-name", &stack_name(story)]);
    let events = events["StackEvents"].as_array().unwrap().iter();
    events.filter_map(|event| event["ResourceStatusReason"].as_str()).collect::<Vec<_>>().join("\n")
}

async fn delivered() -> Story {
    let story = Story::new().await;
    Delivery::of(story.payer(), &[("Usage", "AmazonS3", "1.5")]).put(&story.world).await;
    story
}

#[tokio::test]
async fn a_stack_of_the_role_connects() {
    for tightened in [&[][..], &["--tightened"]] {
        let story = delivered().await;
        let written = Written::of(&story, "cloudformation", tightened);
        assert_eq!(
            make(&story, &written.file("billconnect.json"), &[]).await,
            "CREATE_COMPLETE",
            "{}",
            reasons(&story)
        );
        let stacks = aws(story.payer(), &["cloudformation", "describe-stacks", "--stack-name", &stack_name(&story)]);
        let outputs = stacks["Stacks"][0]["Outputs"].as_array().unwrap();
        let output = |name: &str| {
            let found = outputs.iter().find(|output| output["OutputKey"] == name);
            found.and_then(|output| output["OutputValue"].as_str()).unwrap_or_else(|| panic!("no {name}: {outputs:?}"))
        };
        assert_eq!(output("RoleArn"), role_arn(&story));
        let body = serde_json::from_str(output("ConnectBody")).unwrap();
        let answer = story.call(reqwest::Method::POST, output("ConnectRoute"), Some(body)).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
    }
}

#[tokio::test]
async fn a_stack_that_ends_with_the_request_is_connected_when_it_is_made() {
    let story = delivered().await;
    let written = Written::of(&story, "cloudformation", &["--connect"]);
    let template = written.file("billconnect.json");
    let status = make(&story, &template, &[("AccessToken", &story.token), ("WaitSeconds", "0")]).await;
    assert_eq!(status, "CREATE_COMPLETE", "{}", reasons(&story));
    let connects = story.bill_connects().await;
    assert_eq!((connects.as_array().unwrap().len(), &connects[0]["aws_sts_role_arn"]), (1, &json!(role_arn(&story))));
    story.completed(1).await;

    // The bills that were read stay when the stack goes, and the same stack can be made again.
    aws(story.payer(), &["cloudformation", "delete-stack", "--stack-name", &stack_name(&story)]);
    wait("the stack to go", async || {
        let stacks = aws(story.payer(), &["cloudformation", "list-stacks"]);
        stacks["StackSummaries"].as_array().unwrap().iter().all(|stack| stack["StackStatus"] == "DELETE_COMPLETE")
    })
    .await;
    // Its state may have changed: the role is gone, and a poll may have seen that.
    let stayed = story.bill_connects().await;
    assert_eq!((&stayed[0]["id"], stayed.as_array().unwrap().len()), (&connects[0]["id"], 1));
    let status = make(&story, &template, &[("AccessToken", &story.token), ("WaitSeconds", "0")]).await;
    assert_eq!(status, "CREATE_COMPLETE", "{}", reasons(&story));
    assert_eq!(story.bill_connects().await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_stack_whose_request_fails_fails_in_our_words() {
    let story = delivered().await;
    let written = Written::of(&story, "cloudformation", &["--connect"]);
    let template = written.file("billconnect.json");
    let stranger = "987654321";
    let wrong = [("AccessToken", story.token.as_str()), ("WaitSeconds", "0"), ("ExternalId", stranger)];
    let status = make(&story, &template, &wrong).await;
    assert!(status.starts_with("ROLLBACK"), "{status}");
    let reasons = reasons(&story);
    assert!(reasons.contains("the connection failed its checks: role-assumable"), "{reasons}");
    assert!(reasons.contains(&format!("open the role `{ROLE}`")), "what to mend: {reasons}");
    assert_eq!(story.bill_connects().await, json!([]), "nothing may be stored");
}

#[tokio::test]
async fn a_stack_with_a_token_that_is_not_valid_fails_and_tells_the_token_to_nobody() {
    let story = delivered().await;
    let written = Written::of(&story, "cloudformation", &["--connect"]);
    let planted = "bca_planted0planted0planted0planted0";
    let status =
        make(&story, &written.file("billconnect.json"), &[("AccessToken", planted), ("WaitSeconds", "0")]).await;
    assert!(status.starts_with("ROLLBACK"), "{status}");
    for told in ["describe-stacks", "describe-stack-events"] {
        let text = aws(story.payer(), &["cloudformation", told, "--stack-name", &stack_name(&story)]).to_string();
        assert!(!text.contains(planted), "{told}: {text}");
    }
    assert!(reasons(&story).contains("token"), "{}", reasons(&story));
}

#[tokio::test]
async fn a_stack_with_the_bucket_lets_aws_deliver_to_it() {
    let story = Story::new().await;
    let written = Written::of(&story, "cloudformation", &["--with", "cur", "--connect"]);
    let path = written.file("billconnect.json");
    // The emulator has no such resource; cfn-lint looks at it.
    let mut template: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert!(template["Resources"].as_object_mut().unwrap().remove("BillingReport").is_some());
    template["Resources"]["BillConnect"]["DependsOn"] = json!("BillingBucketPolicy");
    std::fs::write(&path, template.to_string()).unwrap();
    let bucket = format!("stacked-{}", story.payer());
    let given = [("AccessToken", story.token.as_str()), ("WaitSeconds", "0"), ("BucketName", &bucket)];
    let status = make(&story, &path, &given).await;
    assert_eq!(status, "CREATE_COMPLETE", "{}", reasons(&story));
    assert_eq!(story.bill_connects().await[0]["aws_bucket_name"], bucket);
    let policy = aws(story.payer(), &["s3api", "get-bucket-policy", "--bucket", &bucket]);
    let policy: Value = serde_json::from_str(policy["Policy"].as_str().unwrap()).unwrap();
    let condition = &policy["Statement"][0]["Condition"];
    assert_eq!(condition["StringEquals"]["aws:SourceAccount"], story.payer(), "{policy}");
}
