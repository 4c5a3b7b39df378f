//! `kill -9` at any moment of an ingest: after a restart the month is the old one or the new one, and a retry completes it.

use std::time::Duration;

use crate::kit::bill::{Delivery, part};
use crate::kit::proxy::{Fault, Proxy};
use crate::kit::story::{Story, wait};

/// When the server is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// While it reads: this part, from 0, stands still after so many bytes.
    Reading(usize, usize),
    /// So many milliseconds after the import has begun: while it reads, stages, reconciles, publishes, or when it is done.
    After(u64),
}

/// Each kill is a test of its own; the first four certainly come before anything is published.
const KILLS: [Moment; 14] = [
    Moment::Reading(0, 0),
    Moment::Reading(0, 1_000),
    Moment::Reading(1, 0),
    Moment::Reading(1, 5_000),
    Moment::After(0),
    Moment::After(50),
    Moment::After(100),
    Moment::After(150),
    Moment::After(200),
    Moment::After(250),
    Moment::After(300),
    Moment::After(400),
    Moment::After(500),
    Moment::After(700),
];

/// Rows of a part: enough that an ingest takes a while.
const ROWS: usize = 6_000;

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

/// Puts a delivery, and kills the server at that moment of its ingest.
async fn kill(story: &mut Story, proxy: &Proxy, (delivery, moment): (&Delivery, Moment)) {
    let imports = story.imports().await.len();
    if let Moment::Reading(part, bytes) = moment {
        proxy.plan(&delivery.keys()[part], Fault::StallAfter(bytes));
    }
    delivery.put(&story.world).await;
    wait("an import to begin", async || story.imports().await.len() > imports).await;
    match moment {
        Moment::Reading(part, _) => {
            wait("the part to be asked for", async || !proxy.seen(&delivery.keys()[part]).is_empty()).await;
        }
        Moment::After(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
    }
    story.server.kill();
}

/// What the month costs by the lake alone, no server running.
fn billed_at_rest(story: &Story) -> String {
    let org = story.org.to_string();
    story.server.install().json(&["costs", "--org", &org, "--json"])["total"].to_string()
}

#[tokio::test]
async fn a_killed_ingest_leaves_the_old_month_or_the_new_one() {
    let proxy = Proxy::start().await;
    let mut story = Story::behind(&proxy).await;
    delivery(&story, 1).put(&story.world).await;
    assert_eq!(story.connect().await.status, 201);
    story.completed(1).await;
    assert_eq!(story.billed().await, total(1));
    for (old, moment) in (1..).zip(KILLS) {
        let new = old + 1;
        let delivery = delivery(&story, new);
        kill(&mut story, &proxy, (&delivery, moment)).await;
        let after = billed_at_rest(&story);
        let allowed = match moment {
            Moment::Reading(..) => vec![total(old)],
            Moment::After(_) => vec![total(old), total(new)],
        };
        assert!(allowed.contains(&after), "killed at {moment:?}: {after}, which is none of {allowed:?}");
        story.server.restart();
        wait("the retry", async || story.billed().await == total(new)).await;
        wait("its import to be told as completed", async || story.imports().await[0]["status"] == "completed").await;
    }
    story.recovers().await;
    let imports = story.imports().await;
    assert_eq!(imports.len(), 1 + KILLS.len(), "one import a delivery: {imports:#?}");
    assert!(imports.iter().all(|import| import["status"] == "completed"), "{imports:#?}");
    let receipts = story.server.install().json(&["receipts", "--org", &story.org.to_string(), "--json"]);
    assert_eq!(receipts[0]["difference"].to_string(), "0");
    assert_eq!(receipts[0]["billed_in_lake"].to_string(), total(1 + KILLS.len()));
}
