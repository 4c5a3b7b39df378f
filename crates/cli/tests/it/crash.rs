//! `kill -9` at any moment: after a restart the month is the old one or the new one, the job goes on by itself, and in the end
//! nothing is left over.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::kit::bill::{Delivery, part};
use crate::kit::emulator;
use crate::kit::proxy::{Fault, Proxy};
use crate::kit::server::{Install, Server};
use crate::kit::story::{Story, wait};

/// Rows of a part.
const ROWS: usize = 50;

/// A delivery whose rows add up to `each` × [`ROWS`] × 2.
fn delivery(story: &Story, each: usize) -> Delivery {
    let cost = each.to_string();
    let lines: Vec<(&str, &str, &str)> = (0..ROWS).map(|_| ("Usage", "AmazonS3", cost.as_str())).collect();
    let text = part(story.payer(), &lines);
    Delivery { parts: vec![text.clone(), text], assembly: Some(format!("each-{each}")) }
}

fn total(each: usize) -> String {
    (2 * ROWS * each).to_string()
}

/// The number of the delivery that the month comes from, by what it costs.
async fn published(story: &Story) -> usize {
    let billed = story.billed().await;
    if billed == "none" {
        return 0;
    }
    let billed: usize = billed.parse().unwrap_or_else(|_| panic!("`{billed}` is no whole number"));
    assert_eq!(billed % (2 * ROWS), 0, "{billed} is no delivery's total");
    billed / (2 * ROWS)
}

/// While this part, from 0, stands still after so many bytes: certainly before anything is published.
const STANDING: [(usize, usize); 4] = [(0, 0), (0, 500), (1, 0), (1, 500)];

#[tokio::test]
async fn a_reading_that_is_killed_goes_on_by_itself() {
    let proxy = Proxy::start().await;
    let mut story = Story::behind(&proxy).await;
    delivery(&story, 1).put(&story.world).await;
    assert_eq!(story.connect().await.status, 201);
    story.completed(1).await;
    assert_eq!(story.billed().await, total(1));
    for (old, (part, bytes)) in (1..).zip(STANDING) {
        let new = delivery(&story, old + 1);
        proxy.plan(&new.keys()[part], Fault::StallAfter(bytes));
        new.put(&story.world).await;
        wait("the part to be asked for", async || !proxy.seen(&new.keys()[part]).is_empty()).await;
        story.server.kill();
        let org = story.org.to_string();
        let at_rest = story.server.install().json(&["costs", "--org", &org, "--json"])["total"].to_string();
        assert_eq!(at_rest, total(old), "killed in part {part} after {bytes} bytes");
        story.server.restart();
        wait("the retry", async || story.billed().await == total(old + 1)).await;
        wait("its import to be told as completed", async || story.imports().await[0]["status"] == "completed").await;
    }
    story.recovers().await;
    let imports = story.imports().await;
    assert_eq!(imports.len(), 1 + STANDING.len(), "one import a delivery: {imports:#?}");
    assert!(imports.iter().all(|import| import["status"] == "completed"), "{imports:#?}");
}

/// Data folders, each with a server of its own that is killed again and again.
const FOLDERS: usize = 4;
/// How often each is killed: 200 times in all.
const KILLS: usize = 50;
/// By how many milliseconds, at the most, a kill comes later than what it waits for.
const LATER: u64 = 600;

/// What the kills met, so that it shows whether they could have broken anything.
#[derive(Default)]
struct Met {
    /// A job that somebody ran.
    running: AtomicUsize,
    /// A month that had been published in that life.
    published: AtomicUsize,
}

#[test]
fn two_hundred_kills_lose_nothing_double_nothing_and_leave_nothing() {
    let seed = std::env::var("BILLCONNECT_CRASH_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()) << 20 | 1);
    println!("seed {seed}: BILLCONNECT_CRASH_SEED={seed} kills at the same moments");
    let met = Met::default();
    std::thread::scope(|scope| {
        for number in 0..FOLDERS {
            let met = &met;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(killed_again_and_again(seed + 7919 * number as u64, met));
            });
        }
    });
    let (running, published) = (met.running.into_inner(), met.published.into_inner());
    println!("of {} kills {running} met a running job and {published} a life that had published", FOLDERS * KILLS);
    assert!(running >= 20 && published >= 10, "the kills came too early or too late: {running}, {published}");
}

/// One data folder through all its servers' lives.
async fn killed_again_and_again(seed: u64, met: &Met) {
    let mut chance = Chance(seed);
    let settings = [
        ("BILLCONNECT_JOB_LEASE", "200ms"),
        ("BILLCONNECT_JOB_RETRY_AFTER", "100ms"),
        ("BILLCONNECT_JOB_RETRY_AT_MOST", "100ms"),
        ("BILLCONNECT_SWEEP_EVERY", "1s"),
        ("BILLCONNECT_JOB_ATTEMPTS", "1000"),
    ];
    let install = Install::at(emulator::url()).await;
    let install = settings.iter().fold(install, |install, (name, value)| install.with(name, value));
    let mut story = Story::on(Server::over(install)).await;
    delivery(&story, 1).put(&story.world).await;
    assert_eq!(story.connect().await.status, 201);
    let (mut newest, mut last) = (1, 0);
    for kill in 0..KILLS {
        // Now and then nothing new comes, so that what was cut off goes on; never does a month go back.
        if chance.below(3) > 0 {
            newest += 1;
            delivery(&story, newest).put(&story.world).await;
        }
        // A third come at any moment of a server's first breaths, a third while a month is read and published, and a third
        // when it is published, while what others left is cleaned up.
        match chance.below(3) {
            0 => {}
            1 => wait("a reading, or its end", async || reads_or_has_read(&story, newest).await).await,
            _ => wait("the newest delivery", async || published(&story).await == newest).await,
        }
        tokio::time::sleep(Duration::from_millis(chance.below(LATER))).await;
        let before = published(&story).await;
        met.published.fetch_add(usize::from(before > last), Ordering::Relaxed);
        met.running.fetch_add(usize::from(runs(&story).await), Ordering::Relaxed);
        story.server.kill();
        story.server.restart();
        let after = published(&story).await;
        assert!(
            last <= before && before <= after && after <= newest,
            "kill {kill} of seed {seed}: {last} {before} {after}"
        );
        last = after;
    }
    wait("the newest delivery", async || published(&story).await == newest).await;
    wait("its import to be told as completed", async || story.imports().await[0]["status"] == "completed").await;
    let imports = story.imports().await;
    assert!(imports.iter().all(|import| import["status"] != "in-progress"), "seed {seed}: {imports:#?}");
    let (data, org) = (story.server.install().data().to_owned(), story.org.to_string());
    let lake = data.join("lake/orgs").join(&org);
    wait("nothing to be left over", async || left_over(&lake).is_empty()).await;
    let receipts = story.server.install().json(&["receipts", "--org", &org, "--json"]);
    assert_eq!(receipts[0]["difference"].to_string(), "0", "seed {seed}");
    assert_eq!(receipts[0]["billed_in_lake"].to_string(), total(newest), "seed {seed}");
}

/// Whether the newest delivery is being read by a server that lives, or is published already.
async fn reads_or_has_read(story: &Story, newest: usize) -> bool {
    let jobs = story.get(&format!("/finops-onboarding/v1/orgs/{}/processing/jobs", story.org)).await;
    let reads = |job: &Value| job["state"] == "running" && job["stuck"].is_null() && job["progress"]["bytes"] != 0;
    jobs["values"].as_array().expect("a list").iter().any(reads) || published(story).await == newest
}

/// Whether a job of the story's org is being run.
async fn runs(story: &Story) -> bool {
    let jobs = story.get(&format!("/finops-onboarding/v1/orgs/{}/processing/jobs?state=running", story.org)).await;
    !jobs["values"].as_array().expect("a list").is_empty()
}

/// What lies on disk and is named by nothing: data files and records of no version of the table, and half-written files.
fn left_over(lake: &Path) -> Vec<PathBuf> {
    let (table, receipts) = (lake.join("charges"), lake.join("receipts"));
    let mut named = BTreeSet::new();
    for entry in files(&table.join("_delta_log")) {
        // A version that is still being written counts when it is.
        for line in std::fs::read_to_string(&entry).unwrap_or_default().lines() {
            let action: Value = serde_json::from_str(line).unwrap_or_default();
            if let Some(path) = action["add"]["path"].as_str() {
                let file = path.rsplit('/').next().unwrap_or(path);
                named.insert(file.split('-').next().unwrap_or(file).to_owned());
            }
        }
    }
    assert!(!named.is_empty(), "the log names what is published");
    let is_named = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let of_log = path.starts_with(table.join("_delta_log")) && !name.contains('#');
        let whole = Path::new(&name).extension().is_some_and(|end| end == "parquet" || end == "json");
        of_log || (whole && named.iter().any(|attempt| name.starts_with(attempt.as_str())))
    };
    files(&table).into_iter().chain(files(&receipts)).filter(|path| !is_named(path)).collect()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let below = entries.flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] });
    below.collect()
}

/// Numbers that look like chance and are the same for the same seed.
struct Chance(u64);

impl Chance {
    /// The next one, below `end`.
    fn below(&mut self, end: u64) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
