//! Jobs: two processes over one store, a server that falls asleep while it reads, and a backfill, the newest month first.

use std::process::Command;

use reqwest::Method;
use serde_json::Value;

use crate::kit::bill::{Delivery, MONTH, gzip};
use crate::kit::emulator;
use crate::kit::proxy::{Fault, Proxy};
use crate::kit::story::{Story, wait};

/// The story's jobs.
async fn jobs(story: &Story) -> Vec<Value> {
    let jobs = story.get(&format!("/finops-onboarding/v1/orgs/{}/processing/jobs", story.org)).await;
    assert_eq!(jobs["kind"], "finops:processing-job-list");
    jobs["values"].as_array().expect("a list").clone()
}

/// Sends the server a signal: `STOP` has it sleep, `CONT` wakes it.
fn signal(story: &Story, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &story.server.id().to_string()]).status();
    assert!(sent.expect("`kill` is there").success());
}

#[tokio::test]
async fn a_server_that_slept_through_its_lease_publishes_nothing_any_more() {
    let proxy = Proxy::start().await;
    let story = Story::behind(&proxy).await.published().await;
    let newer = Delivery::newer(story.payer());
    let (bucket, key) = (story.world.candidate.bucket.to_string(), newer.keys()[1].clone());
    proxy.stand(move |text| text.contains(&bucket) && text.contains(&key), Fault::Hold);
    newer.put(&story.world).await;
    wait("the part to be asked for", async || proxy.met() > 0).await;
    let held = jobs(&story).await;
    assert_eq!((&held[0]["state"], &held[0]["attempts"]), (&"running".into(), &1.into()), "{held:#?}");
    signal(&story, "STOP");

    // Another process over the same store takes the month over when the lease runs out, and reads it past the proxy.
    let mut ingest = story.server.install().command(&["ingest", "--org", &story.org.to_string(), "--json"]);
    let ingest = ingest.env("AWS_ENDPOINT_URL", emulator::url()).output().expect("the binary starts");
    let done: Value = serde_json::from_slice(&ingest.stdout).expect("it prints JSON");
    assert_eq!(done[0]["status"], "published", "{done} {}", String::from_utf8_lossy(&ingest.stderr));

    signal(&story, "CONT");
    proxy.lift();
    wait("the lost lease to be noticed", async || story.server.log().contains("is read by somebody else now")).await;
    proxy.several_polls().await;
    assert_eq!(story.billed().await, "20.0000000181");
    let org = story.org.to_string();
    let deliveries = story.server.install().json(&["deliveries", "--org", &org, "--json"]);
    assert_eq!(deliveries.as_array().map(Vec::len), Some(2), "each delivery was published once: {deliveries:#}");
    let after = jobs(&story).await;
    assert_eq!((&after[0]["state"], &after[0]["outcome"]), (&"done".into(), &"published".into()), "{after:#?}");
    let imports = story.imports().await;
    assert!(imports.len() == 2 && imports.iter().all(|import| import["status"] == "completed"), "{imports:#?}");

    let token = story.server.install().operator_token();
    let metrics = story.server.raw(Method::GET, "/operator/v1/metrics", Some(&token), Vec::new()).await;
    assert!(metrics.text.contains("billconnect_job_leases_lost_total 1\n"), "{}", metrics.text);
    assert!(metrics.text.contains("billconnect_jobs{state=\"done\"} 1\n"), "{}", metrics.text);
    let refused = story.server.raw(Method::GET, "/operator/v1/metrics", Some(&story.token), Vec::new()).await;
    assert_eq!(refused.status, 403, "no org's token counts for all");
}

/// The same bill for the month before: August.
async fn put_august(story: &Story) {
    let delivery = Delivery::good(story.payer());
    let august = |text: &str| {
        let text = text.replace("2026-10-01", "2026-09-31").replace("2026-09-0", "2026-08-0");
        let text = text.replace("2026-09-31", "2026-09-01").replace("20260901-20261001", "20260801-20260901");
        text.replace("20261001T", "2026-end").replace("20260901T", "20260801T").replace("2026-end", "20260901T")
    };
    let key = august(&delivery.keys()[0]);
    story.world.bucket.put(&key, gzip(august(&delivery.parts[0]).as_bytes())).await;
    let manifest = august(&delivery.manifest(story.payer()).to_string());
    story.world.bucket.put(&august(&format!("{MONTH}/R-Manifest.json")), manifest).await;
}

#[tokio::test]
async fn the_newest_month_shows_before_an_older_one_is_read() {
    let proxy = Proxy::start().await;
    let story = Story::behind(&proxy).await;
    put_august(&story).await;
    Delivery::good(story.payer()).put(&story.world).await;
    let bucket = story.world.candidate.bucket.to_string();
    let is_august = move |text: &str| text.contains(&bucket) && text.contains("20260801-20260901/R-00001");
    proxy.stand(is_august, Fault::Hold);
    assert_eq!(story.connect().await.status, 201);
    wait("the newest month's costs", async || story.billed().await == "10").await;
    wait("the older month to be asked for", async || proxy.met() > 0).await;
    let months: Vec<(String, String)> = jobs(&story)
        .await
        .iter()
        .map(|job| {
            let text = |name: &str| job[name].as_str().expect("a text").to_owned();
            (text("billMonth"), text("state"))
        })
        .collect();
    let told = |month: &str, state: &str| (month.to_owned(), state.to_owned());
    assert_eq!(months, [told("202609", "done"), told("202608", "running")]);
    proxy.lift();
    story.completed(2).await;
    let listed = story.server.install().json(&["jobs", "--org", &story.org.to_string(), "--json"]);
    assert!(listed.as_array().expect("a list").iter().all(|job| job["state"] == "done"), "{listed:#}");
}
