//! `kill -9` at any moment of an ingest: after a restart the month is the old one or the new one, and a retry completes it.

use std::time::Duration;

use crate::kit::bill::{Delivery, part};
use crate::kit::story::{Story, wait};

/// How often the server is killed, each time a little later.
const KILLS: u64 = 12;

/// Rows of a delivery: enough that an ingest takes a while.
const ROWS: usize = 6_000;

/// A delivery whose rows add up to `each` × [`ROWS`].
fn delivery(story: &Story, each: &str) -> Delivery {
    let lines: Vec<(&str, &str, &str)> = (0..ROWS).map(|_| ("Usage", "AmazonS3", each)).collect();
    let text = part(story.payer(), &lines);
    Delivery { parts: vec![text.clone(), text], assembly: Some(format!("each-{each}")) }
}

#[tokio::test]
async fn a_killed_ingest_leaves_the_old_month_or_the_new_one() {
    let mut story = Story::new().await;
    delivery(&story, "1").put(&story.world).await;
    assert_eq!(story.connect().await.status, 201);
    story.completed(1).await;
    let mut old = 1;
    assert_eq!(story.billed().await, (2 * ROWS * old).to_string());
    let mut seen_mid_way = 0;
    for kill in 1..=KILLS {
        let new = old + 1;
        let imports = story.imports().await.len();
        delivery(&story, &new.to_string()).put(&story.world).await;
        // From the moment the ingest has begun, a little later each time: while it reads, stages, reconciles, publishes.
        wait("an import to begin", async || story.imports().await.len() > imports).await;
        tokio::time::sleep(Duration::from_millis(kill * 40)).await;
        story.server.kill_and_restart();
        let after = story.billed().await;
        let (before, then) = ((2 * ROWS * old).to_string(), (2 * ROWS * new).to_string());
        assert!(after == before || after == then, "after kill {kill}: {after}, which is neither {before} nor {then}");
        seen_mid_way += usize::from(after == before);
        wait("the retry", async || story.billed().await == then).await;
        wait("nothing left running", async || {
            story.imports().await.iter().all(|import| import["status"] != "in-progress")
        })
        .await;
        old = new;
    }
    assert!(seen_mid_way > 0, "no kill came before a publish: the test did not test");
    let receipts = story.server.install().json(&["receipts", "--org", &story.org.to_string(), "--json"]);
    assert_eq!(receipts[0]["difference"].to_string(), "0");
    assert_eq!(receipts[0]["billed_in_lake"].to_string(), (2 * ROWS * old).to_string());
}
