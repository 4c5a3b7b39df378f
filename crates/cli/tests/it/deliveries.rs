//! Earlier deliveries stay queryable, two of a month can be compared, and old ones go only where the operator says so.

use std::process::Stdio;
use std::time::Duration;

use billing::money::Amount;
use reqwest::Method;
use serde_json::{Value, json};

use crate::exact::exact;
use crate::kit::bill::{Delivery, part};
use crate::kit::server::Answer;
use crate::kit::story::Story;

/// A story whose September came from a delivery of 10, and comes from one of 20.0000000181 now.
async fn two_deliveries() -> Story {
    let story = Story::new().await.published().await;
    Delivery::newer(story.payer()).put(&story.world).await;
    story.completed(2).await;
    story
}

/// The org's deliveries, the newest first.
async fn listed(story: &Story) -> Vec<Value> {
    let list = story.get(&format!("/finops-onboarding/v1/orgs/{}/deliveries", story.org)).await;
    assert_eq!(list["kind"], "finops:delivery-list");
    list["values"].as_array().unwrap().clone()
}

/// What September costs, with these fields in the question.
async fn asked(story: &Story, fields: Value) -> Answer {
    let mut body = json!({
        "billing_center_ids": ["unallocated"], "metrics": ["cost_nonamortized_unblended_adj"], "start_at": "2026-09",
        "end_at": "2026-10",
    });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    story.call(Method::POST, &format!("/bill-analysis/orgs/{}/costs/aggregated", story.org), Some(body)).await
}

/// The same as one sum, or `none`.
async fn billed(story: &Story, fields: Value) -> String {
    let answer = asked(story, fields).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    let row = &answer.json["rows"][0];
    if row.is_null() { "none".to_owned() } else { row["metrics"]["cost_nonamortized_unblended_adj"].to_string() }
}

fn named(delivery: &Value) -> Value {
    json!([{
        "bill_connect_id": delivery["billConnectId"], "billing_period": "2026-09", "delivery_id": delivery["deliveryId"]
    }])
}

#[tokio::test]
async fn an_earlier_delivery_is_asked_about_by_time_and_by_name() {
    let story = two_deliveries().await;
    let deliveries = listed(&story).await;
    let [newer, older] = &deliveries[..] else { panic!("{deliveries:#?}") };
    assert_eq!((&newer["current"], &older["current"]), (&json!(true), &json!(false)));
    assert_eq!((&older["billMonth"], &older["replacedAt"]), (&json!("202609"), &newer["publishedAt"]));
    assert_eq!(
        (older["billedCost"].to_string(), newer["billedCost"].to_string()),
        ("10".into(), "20.0000000181".into())
    );

    assert_eq!(billed(&story, json!({ "as_of": "2026-09-01" })).await, "none", "nothing was published then");
    assert_eq!(billed(&story, json!({ "as_of": older["publishedAt"] })).await, "10");
    assert_eq!(billed(&story, json!({ "as_of": newer["publishedAt"] })).await, "20.0000000181");
    assert_eq!(billed(&story, json!({ "as_of": "2099-01-01" })).await, "20.0000000181");
    assert_eq!(billed(&story, json!({ "deliveries": named(older) })).await, "10");
    // What an answer says of where it comes from can be asked for again as it is.
    let answer = asked(&story, json!({ "as_of": older["publishedAt"] })).await.json;
    assert_eq!(billed(&story, json!({ "deliveries": answer["deliveries"] })).await, "10");
    assert_eq!(billed(&story, json!({})).await, "20.0000000181");

    let (org, install) = (story.org.to_string(), story.server.install());
    let total =
        |more: &[&str]| install.json(&[&["costs", "--org", &org, "--json"], more].concat())["total"].to_string();
    assert_eq!(total(&["--as-of", older["publishedAt"].as_str().unwrap()]), "10");
    assert_eq!(total(&["--as-of", "2026-09-01"]), "0");
    assert_eq!(total(&["--delivery", older["deliveryId"].as_str().unwrap()]), "10");
    assert_eq!(install.json(&["deliveries", "--org", &org, "--json"]).as_array().unwrap().len(), 2);
    let csv = install.run(&["deliveries", "--org", &org, "--csv"]).stdout;
    assert_eq!(String::from_utf8(csv).unwrap().lines().count(), 3);
}

/// The changes of a comparison's lines, added up, and its total's.
fn changes(compared: &Value, cost: &str) -> (Amount, Amount) {
    let lines = compared["lines"].as_array().unwrap().iter();
    let sum = lines.fold(Amount::ZERO, |sum, line| sum.checked_add(exact(&line["change"][cost])).unwrap());
    (sum, exact(&compared["total"]["change"][cost]))
}

#[tokio::test]
async fn two_deliveries_are_compared_in_money() {
    let story = two_deliveries().await;
    let deliveries = listed(&story).await;
    let base = format!("/finops-onboarding/v1/orgs/{}/deliveries/compare", story.org);
    let month = format!("billConnectId=aws-{}&billMonth=202609", story.payer());
    for by in ["", "&by=account", "&by=service", "&by=lineItemType", "&by=service,lineItemType&lines=all"] {
        let compared = story.get(&format!("{base}?{month}{by}")).await;
        assert_eq!(compared["from"]["deliveryId"], deliveries[1]["deliveryId"], "the one before, to the current one");
        for (cost, total) in [("billedCost", "10.0000000181"), ("effectiveCost", "10.0000000181"), ("charges", "0")] {
            let (lines, change) = changes(&compared, cost);
            assert_eq!((lines, change.to_string().as_str()), (change, total), "{by} {cost}");
        }
    }
    let compared = story.get(&format!("{base}?{month}&by=service,lineItemType")).await;
    let line = |at: usize| {
        (compared["lines"][at]["values"].clone(), compared["lines"][at]["change"]["billedCost"].to_string())
    };
    assert_eq!(line(0), (json!({ "service": "AmazonS3", "lineItemType": "Usage" }), "12.5".to_owned()));
    assert_eq!(line(1), (json!({ "service": "AmazonS3", "lineItemType": "Tax" }), "-2.5".to_owned()));
    let (from, to) = (deliveries[0]["deliveryId"].as_str().unwrap(), deliveries[1]["deliveryId"].as_str().unwrap());
    let backwards = story.get(&format!("{base}?{month}&from={from}&to={to}")).await;
    assert_eq!(backwards["total"]["change"]["billedCost"].to_string(), "-10.0000000181");

    let (org, connect) = (story.org.to_string(), format!("aws-{}", story.payer()));
    let command = ["deliveries", "compare", "--org", &org, "--connect", &connect, "--month", "2026-09"];
    let json = story.server.install().json(&[&command[..], &["--json", "--by", "service,line-item-type"]].concat());
    assert_eq!(json["total"]["change"]["billed"].to_string(), "10.0000000181");
    let csv = story.server.install().run(&[&command[..], &["--csv"]].concat()).stdout;
    let csv = String::from_utf8(csv).unwrap();
    assert!(csv.starts_with("service,from_charges,from_billed_cost") && csv.contains("AmazonEC2,0,0,"), "{csv}");
    let table = String::from_utf8(story.server.install().run(&command).stdout).unwrap();
    assert!(table.contains("+10.00") && table.contains("every digit: billed 10.0000000181"), "{table}");
}

#[tokio::test]
async fn old_deliveries_go_where_the_operator_says_so_and_stay_listed() {
    let story = two_deliveries().await;
    let (org, install) = (story.org.to_string(), story.server.install());
    let files = || walk(&install.data().join("lake/orgs").join(&org).join("charges"));
    let (older, all) = (listed(&story).await.remove(1), files());
    let prune = |more: &[&str]| install.json(&[&["deliveries", "prune", "--json"], more].concat());
    assert_eq!(prune(&[]), json!([]), "by default, all are kept");
    assert_eq!(prune(&["--keep-deliveries-for", "1d"]), json!([]));
    assert_eq!(prune(&["--keep-deliveries-for", "1s", "--keep-deliveries-at-least", "1"]), json!([]));
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let would = prune(&["--keep-deliveries-for", "1s", "--dry-run"]);
    assert_eq!((&would[0]["delivery"]["delivery_id"], &would[1]), (&older["deliveryId"], &Value::Null), "{would}");
    assert_eq!(files(), all, "a dry run removes nothing");
    assert_eq!(billed(&story, json!({ "as_of": older["publishedAt"] })).await, "10");

    let removed = prune(&["--keep-deliveries-for", "1s", "--org", &org]);
    assert_eq!(removed[0]["delivery"]["delivery_id"], older["deliveryId"]);
    assert!(files().len() < all.len());
    // The server that runs beside it knows at once.
    for fields in [json!({ "as_of": older["publishedAt"] }), json!({ "deliveries": named(&older) })] {
        let gone = asked(&story, fields).await;
        assert_eq!((gone.status, &gone.json["name"]), (410, &json!("gone")), "{}", gone.json);
        let message = gone.json["message"].as_str().unwrap();
        assert!(
            message.contains(older["deliveryId"].as_str().unwrap()) && message.contains("was removed on"),
            "{message}"
        );
    }
    let compare = format!(
        "/finops-onboarding/v1/orgs/{org}/deliveries/compare?billConnectId=aws-{}&billMonth=202609",
        story.payer()
    );
    assert_eq!(story.call(Method::GET, &compare, None).await.status, 410);
    let listed = listed(&story).await;
    assert!(listed[1]["removedAt"].is_string() && listed[0]["removedAt"].is_null(), "{listed:#?}");
    assert_eq!(listed[1]["billedCost"].to_string(), "10", "what it summed to stays known");
    assert_eq!(story.billed().await, "20.0000000181", "the month is as it was");
    assert_eq!(prune(&["--keep-deliveries-for", "1s"]), json!([]), "twice does nothing more");
}

/// The parts of a delivery whose removal is killed.
const PARTS: usize = 12;

#[tokio::test]
async fn a_killed_removal_leaves_each_delivery_whole_or_gone() {
    let story = Story::new().await;
    assert_eq!(story.connect().await.status, 201);
    // Of several files each, so that a kill comes between two.
    for number in 1..=8 {
        let cost = number.to_string();
        let text = part(story.payer(), &[("Usage", "AmazonS3", &cost)]);
        let delivery = Delivery { parts: vec![text; PARTS], assembly: Some(format!("number-{number}")) };
        delivery.put(&story.world).await;
        story.completed(number).await;
    }
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let install = story.server.install();
    let folder = install.data().join("lake/orgs").join(story.org.to_string());
    let noted = || walk(&folder).iter().filter(|file| file.to_string_lossy().ends_with(".removed.json")).count();
    for keep in (0..7).rev() {
        let (keep, before) = (keep.to_string(), noted());
        let prune = ["deliveries", "prune", "--keep-deliveries-for", "1s", "--keep-deliveries-at-least", &keep];
        let mut pruning = install.command(&prune).stdout(Stdio::null()).spawn().unwrap();
        // Its files go right after it is noted that they do.
        while noted() == before && pruning.try_wait().unwrap().is_none() {}
        pruning.kill().unwrap();
        pruning.wait().unwrap();
        for delivery in listed(&story).await {
            let answer = asked(&story, json!({ "deliveries": named(&delivery) })).await;
            if delivery["removedAt"].is_string() {
                assert_eq!(answer.status, 410, "{delivery:#}: {}", answer.json);
            } else {
                let metrics = &answer.json["rows"][0]["metrics"];
                assert_eq!(metrics["cost_nonamortized_unblended_adj"], delivery["billedCost"], "{delivery:#}");
            }
        }
    }
    let output = install.run(&["deliveries", "prune", "--keep-deliveries-for", "1s"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = walk(&folder.join("charges"));
    let data = files.iter().filter(|file| !file.components().any(|part| part.as_os_str() == "_delta_log"));
    assert_eq!(data.count(), PARTS, "only the newest delivery's: {files:?}");
    assert_eq!(story.billed().await, (8 * PARTS).to_string());
    let removed = listed(&story).await.iter().filter(|delivery| delivery["removedAt"].is_string()).count();
    assert_eq!(removed, 7);
}

/// Every file below a folder.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_server_that_is_told_so_removes_old_deliveries_by_itself() {
    let install = crate::kit::server::Install::at(crate::kit::emulator::url()).await;
    let server = crate::kit::server::Server::over(install.with("BILLCONNECT_KEEP_DELIVERIES_FOR", "1s"));
    let mut story = Story::on(server).await.published().await;
    Delivery::newer(story.payer()).put(&story.world).await;
    story.completed(2).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    // It looks at its start, and then once a day.
    story.server.kill();
    story.server.restart();
    crate::kit::story::wait("the older delivery to go", async || listed(&story).await[1]["removedAt"].is_string())
        .await;
    assert_eq!(story.billed().await, "20.0000000181");
}

#[tokio::test]
async fn an_org_without_bills_is_told_what_to_do() {
    let story = Story::new().await;
    assert_eq!(listed(&story).await, [] as [Value; 0]);
    let org = story.org.to_string();
    for (command, text) in [
        (vec!["deliveries", "--org", &org], "there are no such deliveries"),
        (vec!["reconcile", "--org", &org], "no such month is published"),
        (vec!["deliveries", "prune"], "all deliveries are kept for ever"),
    ] {
        let output = story.server.install().run(&command);
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && talk.contains(text), "{command:?}: {talk}");
        assert!(output.stdout.is_empty(), "{command:?}");
    }
    let output = story.server.install().run(&["deliveries"]);
    assert_eq!(output.status.code(), Some(2), "the org is missing: {}", String::from_utf8_lossy(&output.stderr));
}
