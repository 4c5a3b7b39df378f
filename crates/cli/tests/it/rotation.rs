//! An org's external id is rotated: both ids are proven, each connection goes over when its role takes the new one, and the old
//! one is retired when every role refuses it.

use billing::names::OrgId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::bill::Delivery;
use crate::kit::emulator;
use crate::kit::server::{Install, Server};
use crate::kit::story::{Story, wait};
use crate::kit::world::{ROLE, World};

/// A connection that is published, on a server that proves every connection at every poll.
async fn kept() -> Story {
    let install = Install::at(emulator::url()).await.with("BILLCONNECT_PROVE_EVERY", "1s");
    Story::on(Server::over(install)).await.published().await
}

fn base(story: &Story) -> String {
    format!("/finops-onboarding/v1/orgs/{}", story.org)
}

/// Gives the org a second external id.
async fn rotate(story: &Story) -> String {
    let made = story.call(Method::POST, &format!("{}/external-ids", base(story)), None).await;
    assert_eq!((made.status, &made.json["state"]), (201, &json!("pending")), "{}", made.json);
    made.json["id"].as_str().unwrap().to_owned()
}

async fn give_up(story: &Story, id: &str) -> (u16, Value) {
    let answer = story.call(Method::DELETE, &format!("{}/external-ids/{id}", base(story)), None).await;
    (answer.status, answer.json)
}

/// The org's external ids, oldest first: each with its state.
async fn states(story: &Story) -> Vec<(String, String)> {
    let list = story.get(&format!("{}/external-ids", base(story))).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list["values"].as_array().unwrap().iter().map(|id| (text(&id["id"]), text(&id["state"]))).collect()
}

/// What the role of the payer's connection was shown to make of an external id.
async fn shown(story: &Story, id: &str, payer: &str) -> Value {
    let list = story.get(&format!("{}/external-ids", base(story))).await;
    let one = list["values"].as_array().unwrap().iter().find(|value| value["id"] == id).cloned().unwrap();
    let connects = one["connects"].as_array().unwrap().clone();
    let of = connects.iter().find(|of| of["billId"] == json!(format!("aws-{payer}")));
    of.map_or(Value::Null, |of| of["shown"].clone())
}

async fn connection(story: &Story, payer: &str) -> Value {
    story.get(&format!("{}/bill-connects/aws/aws-{payer}", base(story))).await
}

/// Waits until the payer's connection uses this external id.
async fn uses(story: &Story, payer: &str, id: &str) {
    wait(id, async || connection(story, payer).await["aws"]["iamRole"]["stsExternalId"] == id).await;
}

/// Has the role name these external ids, any of which lets us in.
async fn trusts(world: &World, ids: &[&str]) {
    world.trust_if(json!({ "StringEquals": { "sts:ExternalId": ids } })).await;
}

/// The body that connects a world's role in the second generation.
fn body(world: &World, external_id: Option<&str>) -> Value {
    let candidate = &world.candidate;
    let mut body = json!({
        "billAccountId": candidate.account, "bucketName": candidate.bucket, "bucketPath": candidate.path,
        "stsRoleArn": format!("arn:aws:iam::{}:role/{ROLE}", candidate.account),
    });
    if let Some(id) = external_id {
        body["stsExternalId"] = json!(id);
    }
    body
}

async fn post(story: &Story, what: &str, body: Value) -> (u16, Value) {
    let answer = story.call(Method::POST, &format!("{}/bill-connects/aws/{what}", base(story)), Some(body)).await;
    (answer.status, answer.json)
}

#[tokio::test]
async fn a_rotation_goes_from_one_id_over_both_to_the_other() {
    let story = kept().await;
    let (old, payer) = (story.org.to_string(), story.payer().to_owned());
    assert_eq!(states(&story).await, [(old.clone(), "current".to_owned())]);
    let new = rotate(&story).await;
    assert!(new.starts_with(&format!("{old}-")) && new.len() > old.len() + 16, "{new}");
    let again = story.call(Method::POST, &format!("{}/external-ids", base(&story)), None).await;
    assert_eq!((again.status, &again.json["name"]), (409, &json!("conflict")), "{}", again.json);

    // The role does not take the new id yet: nothing changes.
    wait("the new id to be refused", async || shown(&story, &new, &payer).await == "refused").await;
    assert_eq!(shown(&story, &old, &payer).await, "works");
    let before = connection(&story, &payer).await;
    assert_eq!((&before["state"], &before["aws"]["iamRole"]["stsExternalId"]), (&json!("active"), &json!(old)));

    // It takes both: the connection goes over, and bills are read by the new id.
    trusts(&story.world, &[&old, &new]).await;
    uses(&story, &payer, &new).await;
    assert_eq!(states(&story).await, [(old.clone(), "retiring".to_owned()), (new.clone(), "pending".to_owned())]);
    assert_eq!(shown(&story, &old, &payer).await, "works");
    Delivery::newer(story.payer()).put(&story.world).await;
    story.completed(2).await;
    assert_eq!(connection(&story, &payer).await["state"], "active");
    for id in [&old, &new] {
        let (status, report) = post(&story, "iam-role/check", body(&story.world, Some(id))).await;
        assert_eq!(
            (status, &report["valid"]),
            (200, &json!(true)),
            "the other id of the org is no forgery: {report:#}"
        );
    }

    // It refuses the old one: that one is retired for ever.
    trusts(&story.world, &[&new]).await;
    let over = [(old.clone(), "retired".to_owned()), (new.clone(), "current".to_owned())];
    wait("the rotation to end", async || states(&story).await == over).await;
    assert_eq!(connection(&story, &payer).await["state"], "active");
    let (status, refusal) = post(&story, "iam-role/check", body(&story.world, Some(&old))).await;
    assert_eq!(status, 422, "{refusal}");
    assert!(refusal["message"].as_str().unwrap().contains("`stsExternalId`"), "{refusal}");
    assert_eq!(give_up(&story, &old).await.0, 409);
    assert_eq!(give_up(&story, &new).await.0, 409, "only a pending id can be given up");
    assert_eq!(give_up(&story, "nobody-knows-it").await.0, 404);
    let log = story.get(&format!("{}/audit", base(&story))).await;
    let acts: Vec<&str> = log["values"].as_array().unwrap().iter().filter_map(|entry| entry["act"].as_str()).collect();
    for act in ["external-id.add", "external-id.switch", "external-id.retire"] {
        assert_eq!(acts.iter().filter(|its| **its == act).count(), 1, "{act}: {acts:?}");
    }
}

#[tokio::test]
async fn one_connection_that_lags_keeps_the_old_id_alive() {
    let story = kept().await;
    let old = story.org.to_string();
    let second = World::of(story.org, "eu-west-1").await;
    let other = second.payer.account.clone();
    Delivery::good(&other).put(&second).await;
    assert_eq!(post(&story, "iam-role", body(&second, None)).await.0, 201);
    let new = rotate(&story).await;
    trusts(&story.world, &[&new]).await;
    uses(&story, story.payer(), &new).await;
    wait("the old id to be refused", async || shown(&story, &old, story.payer()).await == "refused").await;
    wait("the lagging role to be tried", async || shown(&story, &old, &other).await == "works").await;
    assert_eq!(states(&story).await, [(old.clone(), "current".to_owned()), (new.clone(), "pending".to_owned())]);

    // What is connected now takes the id that its role takes.
    let third = World::of(story.org, "eu-west-1").await;
    Delivery::good(&third.payer.account).put(&third).await;
    trusts(&third, &[&new]).await;
    let (status, made) = post(&story, "iam-role", body(&third, None)).await;
    assert_eq!((status, &made["aws"]["iamRole"]["stsExternalId"]), (201, &json!(new)), "{made:#}");

    trusts(&second, &[&new]).await;
    let over = [(old.clone(), "retired".to_owned()), (new.clone(), "current".to_owned())];
    wait("the rotation to end", async || states(&story).await == over).await;
    uses(&story, &other, &new).await;
}

#[tokio::test]
async fn a_rotation_is_given_up_only_where_every_connection_can_go_back() {
    let story = kept().await;
    let (old, payer) = (story.org.to_string(), story.payer().to_owned());
    // Without another connection that needs the old id, it would be retired.
    let second = World::of(story.org, "eu-west-1").await;
    Delivery::good(&second.payer.account).put(&second).await;
    assert_eq!(post(&story, "iam-role", body(&second, Some(&old))).await.0, 201);
    let new = rotate(&story).await;
    trusts(&story.world, &[&new]).await;
    uses(&story, &payer, &new).await;
    let (status, refusal) = give_up(&story, &new).await;
    assert_eq!(status, 409, "{refusal}");
    assert!(refusal["message"].as_str().unwrap().contains(&format!("aws-{payer}")), "{refusal}");

    trusts(&story.world, &[&old]).await;
    assert_eq!(give_up(&story, &new).await.0, 204);
    assert_eq!(states(&story).await, [(old.clone(), "current".to_owned()), (new.clone(), "retired".to_owned())]);
    uses(&story, &payer, &old).await;
    assert_eq!(connection(&story, &payer).await["state"], "active");

    let org = story.org.to_string();
    let install = story.server.install();
    let another = install.json(&["external-id", "rotate", "--org", &org, "--json"])["id"].as_str().unwrap().to_owned();
    assert_ne!(another, new, "no id comes back");
    let list = install.json(&["external-id", "list", "--org", &org, "--json"]);
    assert_eq!(list.as_array().unwrap().len(), 3, "{list}");
    assert!(install.run(&["external-id", "abandon", "--org", &org, &another]).status.success());
    assert!(!install.run(&["external-id", "abandon", "--org", &org, &another]).status.success());
}

#[tokio::test]
async fn another_orgs_ids_are_refused_and_wildcards_are_found_out() {
    let story = kept().await;
    let stranger: OrgId = story.server.install().org("Stranger");
    let theirs =
        story.server.install().json(&["external-id", "rotate", "--org", &stranger.to_string(), "--json"])["id"].clone();
    let new = rotate(&story).await;
    for id in [json!(stranger.to_string()), theirs] {
        let id = id.as_str().unwrap();
        trusts(&story.world, &[id]).await;
        for what in ["iam-role", "iam-role/check"] {
            let (status, refusal) = post(&story, what, body(&story.world, Some(id))).await;
            assert_eq!(status, 422, "{id}: {refusal}");
        }
        assert_eq!(give_up(&story, id).await.0, 404, "another org's id");
    }
    // A wildcard that takes both of the org's ids takes others too.
    let like = json!({ "StringLike": { "sts:ExternalId": format!("{}*", story.org) } });
    story.world.trust_if(like).await;
    for id in [story.org.to_string(), new] {
        let (_, report) = post(&story, "iam-role/check", body(&story.world, Some(&id))).await;
        let failed = report["checks"].as_array().unwrap().iter().find(|line| line["verdict"] == "failed").cloned();
        assert_eq!(failed.map(|line| line["check"].clone()), Some(json!("external-id-exact")), "{report:#}");
    }
}
