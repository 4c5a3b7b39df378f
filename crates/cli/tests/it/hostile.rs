//! Two hundred hostile deliveries and some odd ones: each is refused in clear words or read right, the server stays, in its
//! memory, and the last good month with it.

mod by_hand;
mod case;
mod manifests;
mod odd;
mod packed;
mod parquet;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::Value;

use crate::kit::emulator;
use crate::kit::server::{Install, Server};
use crate::kit::story::{Story, wait};

use case::{Case, Month};

/// What the server is told that a bill may be, so that bombs are cheap to make.
const LIMITS: &str = "part-bytes=3MiB,delivery-bytes=4MiB,ratio=50,ratio-from=1MiB,part-rows=5000,columns=500,field-bytes=64KiB,\
                      row-bytes=1MiB,footer-bytes=64KiB,page-bytes=4MiB,held-bytes=8MiB";

/// The most memory that the server may ever have had, unoptimised as it is in tests. Some 230 of it are its own, before it reads
/// anything; the bombs would unpack to gigabytes.
const MEMORY_MIB: u64 = 400;

#[tokio::test]
async fn two_hundred_hostile_deliveries_are_refused_and_change_nothing() {
    let server = Server::over(Install::at(emulator::url()).await.with("BILLCONNECT_BILL_LIMIT", LIMITS));
    let story = Story::on(server).await.published().await;
    let good = answers(&story).await;
    let hostile = [text::cases(), packed::cases(), parquet::cases(), manifests::cases()].into_iter().flatten();
    let hostile: Vec<Case> = hostile.collect();
    assert!(hostile.len() >= 200, "{} hostile deliveries", hostile.len());
    let odd = odd::cases();
    let months = months(&story);
    assert!(hostile.len() + odd.len() <= months.len(), "{} and {} deliveries", hostile.len(), odd.len());
    for (case, month) in hostile.iter().chain(odd.iter().map(|(case, _)| case)).zip(&months) {
        put(&story, case, month).await;
    }
    let (refused, read) = months.split_at(hostile.len());
    wait("every delivery to be refused or read", async || {
        let imports = story.imports().await;
        let ended = imports.iter().filter(|import| import["status"] != "in-progress");
        let ended: BTreeSet<&str> = ended.filter_map(|import| import["billing_period"].as_str()).collect();
        refused.iter().chain(&read[..odd.len()]).all(|month| ended.contains(month.name().as_str()))
    })
    .await;
    let mut wrong = Vec::new();
    let errors = errors(&story).await;
    for (case, month) in hostile.iter().zip(refused) {
        wrong.extend(flaw(case, month, errors.get(&month.name())));
    }
    let costs = costs(&story);
    for ((case, total), month) in odd.iter().zip(read) {
        let found = costs.get(&month.name()).map_or("none", String::as_str);
        if found != *total {
            wrong.push(format!("{}: {found} instead of {total}: {:?}", case.name, errors.get(&month.name())));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), hostile.len() + odd.len(), wrong.join("\n"));
    assert_eq!(story.call(Method::GET, "/healthz", None).await.status, 200);
    assert_eq!(answers(&story).await, good, "the last good month is as it was, to the byte");
    let completed = story.imports().await.iter().filter(|import| import["status"] == "completed").count();
    assert_eq!(completed, odd.len() + 1, "nothing else was published");
    let peak = story.server.peak_memory() >> 20;
    assert!(peak <= MEMORY_MIB, "the server needed {peak} MiB");
    // A decoder panicked among all these, and told nobody what it read.
    let log = story.server.log();
    assert!(log.contains("its words are left out") && !log.contains("called `Result::unwrap()`"), "{log}");
}

/// As many months as anybody needs, from before the good one on backwards.
fn months(story: &Story) -> Vec<Month> {
    let of_year = |year: u16| (1..=12).rev().map(move |month| (year, month));
    let all = (2000..=2026).rev().flat_map(of_year).skip_while(|(year, month)| (*year, *month) >= (2026, 9));
    all.map(|(year, month)| Month { year, number: month, payer: story.payer().to_owned() }).collect()
}

async fn put(story: &Story, case: &Case, month: &Month) {
    let bucket = &story.world.bucket;
    let keys = month.keys(case.files.len(), case.ending);
    for (key, file) in keys.iter().zip(&case.files) {
        bucket.put(key, file.clone()).await;
    }
    let manifest = (case.manifest)(month, month.manifest(&keys));
    bucket.put(&format!("{}/R-Manifest.json", month.folder()), manifest).await;
}

/// What is wrong with what was said of a case, if anything is.
fn flaw(case: &Case, month: &Month, said: Option<&String>) -> Option<String> {
    let Some(said) = said else { return Some(format!("{}: no error for {}", case.name, month.name())) };
    let file = if case.names_file { month.keys(1, case.ending).remove(0) } else { String::new() };
    let lacks = case.says.iter().chain([&file]).find(|words| !said.contains(*words));
    if let Some(words) = lacks {
        return Some(format!("{}: `{words}` is not in `{said}`", case.name));
    }
    (said.len() > 3000 || said.chars().any(char::is_control))
        .then(|| format!("{}: too long or not plain: {said}", case.name))
}

/// What is said of each month that could not be read.
async fn errors(story: &Story) -> BTreeMap<String, String> {
    let errors = story.status_errors().await.into_iter();
    errors.filter_map(|error| error.split_once(": ").map(|(month, what)| (month.to_owned(), what.to_owned()))).collect()
}

/// All that is answered about the good month.
async fn answers(story: &Story) -> [String; 2] {
    let org = story.org.to_string();
    let receipts = story.server.install().json(&["receipts", "--org", &org, "--json"]);
    let good = receipts.as_array().unwrap().iter().find(|receipt| receipt["period"] == "2026-09").unwrap().to_string();
    [story.costs(&["service"]).await.to_string(), good]
}

/// What each published month cost.
fn costs(story: &Story) -> BTreeMap<String, String> {
    let receipts = story.server.install().json(&["receipts", "--org", &story.org.to_string(), "--json"]);
    let of = |receipt: &Value| {
        (receipt["period"].as_str().unwrap_or_default().to_owned(), receipt["billed_in_lake"].to_string())
    };
    receipts.as_array().unwrap().iter().map(of).collect()
}
