//! Connections are kept true: a claim that stops holding suspends by itself and resumes by itself, silence of AWS changes
//! nothing, a pause holds, every report is kept, and a dry run leaves nothing behind.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::bill::Delivery;
use crate::kit::emulator::python;
use crate::kit::proxy::{Proxy, SLOW_DOWN};
use crate::kit::server::{Install, Server};
use crate::kit::story::{Story, wait};
use crate::kit::world::World;

/// What the credential scope of every request to STS says.
const STS: &str = "/sts/aws4_request";

/// A connection that is published, on a server that proves every connection at every poll.
async fn kept(proxy: &Proxy) -> Story {
    let install = Install::at(&proxy.url).await.with("BILLCONNECT_PROVE_EVERY", "1s");
    Story::on(Server::over(install)).await.published().await
}

fn id(story: &Story) -> String {
    format!("aws-{}", story.payer())
}

fn second(story: &Story) -> String {
    format!("/finops-onboarding/v1/orgs/{}/bill-connects", story.org)
}

/// The newest checks of the connection.
async fn checks(story: &Story) -> Value {
    story.get(&format!("{}/aws/{}/checks", second(story), id(story))).await
}

async fn history(story: &Story, query: &str) -> Value {
    story.get(&format!("{}/aws/{}/checks/history{query}", second(story), id(story))).await
}

/// What lists and single answers of both generations say of the connection, without asking AWS: each once.
async fn shown(story: &Story) -> Vec<Value> {
    let first = format!("/api/onboarding/orgs/{}/bill_connects", story.org);
    let status = story.get(&format!("/api/status/orgs/{}/bill-status-errors", story.org)).await;
    let list = story.get(&second(story)).await;
    vec![
        story.get(&first).await[0].clone(),
        story.get(&format!("{first}/aws/{}", id(story))).await,
        list["values"][0].clone(),
        story.get(&format!("{}/aws/{}", second(story), id(story))).await,
        status[id(story)].clone(),
    ]
}

/// What the validations of both generations say of the connection, having asked AWS.
async fn validated(story: &Story) -> Vec<Value> {
    let all = story.get(&format!("{}/validations", second(story))).await;
    vec![
        story.get(&format!("/api/onboarding/orgs/{}/bill_connects/validate", story.org)).await[0].clone(),
        all["values"][0].clone(),
        story.get(&format!("{}/aws/{}/validation", second(story), id(story))).await,
    ]
}

/// Fails unless all say this state, and the reason where there is to be one.
fn all_say(answers: &[Value], state: &str, reason: Option<&str>) {
    for answer in answers {
        assert_eq!(answer["state"], state, "{answer:#}");
        let said = answer.get("stateReason").or(answer.get("state_reason"));
        match reason {
            Some(reason) => assert!(said.is_some_and(|said| said.as_str().unwrap().contains(reason)), "{answer:#}"),
            None => assert_eq!(said, None, "{answer:#}"),
        }
        assert!(answer.get("stateSince").or(answer.get("state_since")).is_some(), "{answer:#}");
    }
}

async fn becomes(story: &Story, state: &str) {
    let path = format!("{}/aws/{}", second(story), id(story));
    wait(state, async || story.get(&path).await["state"] == state).await;
}

#[tokio::test]
async fn a_claim_that_stops_holding_suspends_everywhere_and_resumes_by_itself() {
    let proxy = Proxy::start().await;
    let story = kept(&proxy).await;
    all_say(&shown(&story).await, "active", None);
    all_say(&validated(&story).await, "active", None);

    // Nothing is delivered that could not be read: only the proof finds it.
    story.world.without("s3:GetObject").await;
    becomes(&story, "suspended").await;
    all_say(&shown(&story).await, "suspended", Some("bucket-readable"));
    let answers = validated(&story).await;
    all_say(&answers, "suspended", Some("bucket-readable"));
    assert!(answers.iter().all(|answer| answer["valid"] == false), "{answers:#?}");
    assert!(story.status_errors().await.iter().any(|error| error.starts_with("bucket-readable: ")));

    Delivery::newer(story.payer()).put(&story.world).await;
    let runs = async || checks(&story).await["runs"].as_i64().unwrap();
    let before = runs().await;
    wait("more proofs", async || runs().await >= before + 3).await;
    assert_eq!(story.imports().await.len(), 1, "nothing is read while it is suspended");
    assert_eq!(story.billed().await, "10");

    story.world.with_all_permissions().await;
    story.completed(2).await;
    assert_eq!(story.billed().await, "20.0000000181");
    all_say(&shown(&story).await, "active", None);
    all_say(&validated(&story).await, "active", None);
    story.recovers().await;
}

#[tokio::test]
async fn silence_of_aws_neither_suspends_nor_resumes() {
    let proxy = Proxy::start().await;
    let story = kept(&proxy).await;
    let undecided = async || wait("an undecided proof", async || checks(&story).await["verdict"] == "undecided").await;
    proxy.stand(|text| text.contains(STS), SLOW_DOWN);
    undecided().await;
    all_say(&shown(&story).await, "active", None);
    Delivery::newer(story.payer()).put(&story.world).await;
    story.completed(2).await;
    assert_eq!(checks(&story).await["verdict"], "undecided", "it is read by the proof before");

    proxy.lift();
    story.world.without("s3:GetObject").await;
    becomes(&story, "suspended").await;
    proxy.stand(|text| text.contains(STS), SLOW_DOWN);
    story.world.with_all_permissions().await;
    undecided().await;
    all_say(&shown(&story).await, "suspended", Some("bucket-readable"));
    proxy.lift();
    becomes(&story, "active").await;
}

#[tokio::test]
async fn a_pause_holds_until_it_is_resumed() {
    let proxy = Proxy::start().await;
    let story = kept(&proxy).await;
    let act = async |what: &str, id: &str| {
        story.call(Method::POST, &format!("{}/aws/{id}/{what}", second(&story)), None).await.status
    };
    assert_eq!(act("pause", &id(&story)).await, 204);
    let first = shown(&story).await;
    all_say(&first, "paused", Some("by hand"));
    assert_eq!(act("pause", &id(&story)).await, 204, "twice does nothing more");
    assert_eq!(shown(&story).await, first, "also not to since when");
    assert_eq!(act("pause", "aws-000000000000").await, 404);
    let refused = story.server.install().run(&["ingest", "--org", &story.org.to_string()]);
    let talk = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && talk.contains("is paused"), "{talk}");

    // A neighbour is polled; the paused one is not.
    Delivery::newer(story.payer()).put(&story.world).await;
    let (org, world) = neighbour(&story).await;
    let asked = proxy.seen(story.world.bucket.name.as_str()).len();
    wait("several polls of the neighbour", async || proxy.seen(world.bucket.name.as_str()).len() > 20).await;
    assert_eq!(proxy.seen(story.world.bucket.name.as_str()).len(), asked);
    assert_eq!(story.imports().await.len(), 1);
    assert!(org != story.org);

    assert_eq!(act("resume", &id(&story)).await, 204);
    assert_eq!(act("resume", &id(&story)).await, 204);
    story.completed(2).await;
    all_say(&shown(&story).await, "active", None);

    let log = story.get(&format!("/finops-onboarding/v1/orgs/{}/audit", story.org)).await;
    let acts = log["values"].as_array().unwrap().iter().filter(|entry| entry["subject"] == json!(id(&story)));
    let acts: Vec<&str> = acts.map(|entry| entry["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["bill-connect.resume", "bill-connect.pause", "bill-connect.create"], "each once, by whom");

    let org = story.org.to_string();
    for (command, state) in [("pause", "paused"), ("resume", "active")] {
        let done = story.server.install().run(&[command, "--org", &org, "--connect", &id(&story)]);
        assert!(done.status.success(), "{done:?}");
        all_say(&shown(&story).await, state, (state == "paused").then_some("by hand"));
    }
}

/// Another org on the same server, with a connection of its own.
async fn neighbour(story: &Story) -> (billing::names::OrgId, World) {
    let org = story.server.install().org("Neighbour");
    let token = story.server.access_token(org, "admin").await;
    let world = World::of(org, "eu-west-1").await;
    Delivery::good(world.payer.account.as_str()).put(&world).await;
    let body = json!({
        "aws_bill_account_id": world.candidate.account, "aws_bucket_name": world.candidate.bucket,
        "aws_bucket_path": world.candidate.path, "aws_sts_role_arn": format!("arn:aws:iam::{}:role/billing-reader", world.payer.account),
    });
    let path = format!("/api/onboarding/orgs/{org}/bill_connects/aws/iam_role");
    let made = story.server.call(Method::POST, &path, Some(&token), Some(body.to_string())).await;
    assert_eq!(made.status, 201, "{}", made.json);
    (org, world)
}

#[tokio::test]
async fn every_report_is_kept_and_what_changed_is_shown() {
    let story = Story::new().await.published().await;
    let first = checks(&story).await;
    assert_eq!((&first["number"], &first["verdict"], &first["changes"]), (&json!(1), &json!("verified"), &json!([])));
    validated(&story).await;
    let again = checks(&story).await;
    assert_eq!(again["number"], 1, "what says the same is one entry");
    assert_eq!(again["runs"].as_i64(), first["runs"].as_i64().map(|runs| runs + 3));
    assert_eq!(again["firstJudgedAt"], first["firstJudgedAt"]);

    story.world.without("s3:GetObject").await;
    validated(&story).await;
    story.world.with_all_permissions().await;
    validated(&story).await;
    let all = history(&story, "").await;
    let entries = all["values"].as_array().unwrap();
    let shape: Vec<_> = entries.iter().map(|entry| (&entry["number"], &entry["verdict"])).collect();
    let (verified, refused) = (json!("verified"), json!("refused"));
    assert_eq!(shape, [(&json!(3), &verified), (&json!(2), &refused), (&json!(1), &verified)], "{all:#}");
    let turned = |entry: &Value| {
        let changes = entry["changes"].as_array().unwrap();
        let change = changes.iter().find(|change| change["check"] == "bucket-readable").unwrap_or(&Value::Null);
        (change["from"].clone(), change["to"].clone())
    };
    assert_eq!(turned(&entries[1]), (json!("passed"), json!("failed")));
    assert_eq!(turned(&entries[0]), (json!("failed"), json!("passed")));

    let page = history(&story, "?limit=2").await;
    assert_eq!(page["values"].as_array().unwrap().len(), 2, "{page:#}");
    let rest = story.get(page["nextPage"].as_str().unwrap()).await;
    assert_eq!((&rest["values"], rest.get("nextPage")), (&json!([entries[2]]), None));
    let path = format!("{}/aws/{}/checks/history?limit=0", second(&story), id(&story));
    let wrong = story.call(Method::GET, &path, None).await;
    assert_eq!(wrong.status, 400, "{}", wrong.json);

    let org = story.org.to_string();
    let told = story.server.install().json(&["checks", "--org", &org, "--connect", &id(&story), "--history", "--json"]);
    assert_eq!(told["entries"].as_array().unwrap().len(), 3);
    assert_eq!((&told["state"], &told["entries"][1]["verdict"]), (&json!("active"), &refused));
    let shown = story.server.install().run(&["checks", "--org", &org, "--connect", &id(&story), "--history"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("✓ → ✗ bucket-readable"), "{shown:?}");
}

/// How many rows the tables about connections have, each.
fn rows(story: &Story) -> String {
    let count = "import sqlite3, sys\n\
                 store = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True)\n\
                 for table in ('bill_connects', 'reports', 'imports', 'manifests'):\n    \
                     print(table, store.execute(f'SELECT COUNT(*) FROM {table}').fetchone()[0], end=';')";
    let file = story.server.install().data().join("billconnect.db");
    let output = Command::new(python()).arg("-c").arg(count).arg(file).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_dry_run_says_all_and_stores_nothing() {
    let proxy = Proxy::start().await;
    let story = Story::behind(&proxy).await;
    Delivery::good(story.payer()).put(&story.world).await;
    let candidate = &story.world.candidate;
    let body = json!({
        "billAccountId": story.payer(), "bucketName": candidate.bucket, "bucketPath": candidate.path,
        "stsRoleArn": format!("arn:aws:iam::{}:role/billing-reader", story.payer()),
    });
    let path = format!("{}/aws/iam-role/check", second(&story));
    let check = async |body: &Value, status: u16| {
        let answer = story.call(Method::POST, &path, Some(body.clone())).await;
        assert_eq!(answer.status, status, "{}", answer.json);
        answer.json
    };
    let failed = |answer: &Value| {
        let lines = answer["checks"].as_array().unwrap().clone();
        let failed = |line: &&Value| line["verdict"] == "failed" && line["severity"] == "required";
        lines.iter().find(failed).map(|line| line["check"].clone())
    };
    let empty = rows(&story);
    let good = check(&body, 200).await;
    assert_eq!((&good["valid"], &good["state"], failed(&good)), (&json!(true), &json!("verified"), None));
    story.world.without("s3:GetObject").await;
    let bad = check(&body, 200).await;
    assert_eq!((&bad["valid"], failed(&bad)), (&json!(false), Some(json!("bucket-readable"))));
    story.world.with_all_permissions().await;
    proxy.stand(|text| text.contains(STS), SLOW_DOWN);
    let unknown = check(&body, 200).await;
    assert_eq!((&unknown["valid"], &unknown["state"]), (&json!(false), &json!("undecided")));
    proxy.lift();
    let mut wrong = body.clone();
    wrong["stsRoleArn"] = json!("arn:aws:iam::123456789012:user/me");
    assert_eq!(failed(&check(&wrong, 200).await), Some(json!("role-arn-well-formed")));
    wrong["bucketName"] = json!("No_Bucket");
    check(&wrong, 422).await;
    check(&json!({}), 400).await;
    assert_eq!(rows(&story), empty);
    assert!(empty.contains("bill_connects 0;reports 0;"), "{empty}");

    assert_eq!(story.connect().await.status, 201);
    story.completed(1).await;
    let connected = rows(&story);
    assert_ne!(connected, empty);
    let again = check(&body, 200).await;
    assert_eq!(again["valid"], true, "what is connected already is judged as a change of it: {again:#}");
    assert_eq!(rows(&story), connected);
    assert_eq!(checks(&story).await["runs"], 1);

    let org = candidate.org.to_string();
    let log = story.server.install().json(&["audit", "show", "--org", &org, "--json"]);
    let entries = log.as_array().unwrap();
    let dry = entries.iter().rev().filter(|entry| entry["act"] == "bill-connect.dry-run");
    let told: Vec<_> = dry.map(|entry| (entry["outcome"].as_str().unwrap(), entry["note"].clone())).collect();
    let outcomes: Vec<_> = told.iter().map(|(outcome, _)| *outcome).collect();
    assert_eq!(outcomes, ["done", "refused", "failed", "refused", "refused", "done"], "{log:#}");
    assert_eq!(told[1].1, "failed: bucket-readable", "{log:#}");
}
