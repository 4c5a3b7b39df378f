//! Files = lake = answers: for a right month in every line, and where somebody changed a published file, the line is named.

use std::path::PathBuf;
use std::process::Command;

use sample::Mode;
use serde_json::{Value, json};

use crate::exact::{exact, sampled};
use crate::kit::bill::{Delivery, part};
use crate::kit::emulator::python;
use crate::kit::story::Story;

/// What the API says of the org's months.
async fn reconciled(story: &Story, query: &str) -> Vec<Value> {
    let path = format!("/finops-onboarding/v1/orgs/{}/reconciliation{query}", story.org);
    story.get(&path).await["values"].as_array().unwrap().clone()
}

/// The command's exit status and what it printed.
fn command(story: &Story, more: &[&str]) -> (Option<i32>, Value) {
    let org = story.org.to_string();
    let output = story.server.install().run(&[&["reconcile", "--org", &org, "--json"], more].concat());
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

const GROUPS: [(&str, &str); 3] =
    [("byLineItemType", "line_item_type"), ("byAccount", "vendor_account"), ("byInvoice", "invoice_id")];

#[tokio::test]
async fn a_sample_bill_reconciles_in_every_line_and_with_what_the_api_answers() {
    let (story, totals) = sampled(Mode::CreateNew, 11).await;
    for query in ["", "?verify=true"] {
        let months = reconciled(&story, query).await;
        assert_eq!(months.len(), 2);
        for month in &months {
            assert_eq!((&month["reconciled"], &month["differences"]), (&json!(true), &json!([])), "{month:#}");
            let published = &month["published"];
            assert_eq!(published["verified"], json!(!query.is_empty()));
            let mut lines = published["totals"].as_array().unwrap().clone();
            for (group, _) in GROUPS {
                let group = published[group].as_array().unwrap();
                assert!(!group.is_empty());
                lines.extend(group.iter().cloned());
            }
            for line in lines {
                assert_eq!(
                    (exact(&line["files"]), exact(&line["files"])),
                    (exact(&line["lake"]), exact(&line["answers"]))
                );
                assert_eq!(
                    (line["lakeDifference"].to_string(), line["answersDifference"].to_string()),
                    ("0".into(), "0".into())
                );
            }
        }
    }
    // The figures are the independent writer's.
    let months = reconciled(&story, "?verify=true").await;
    for (group, breakdown) in
        [("byLineItemType", "by_line_item_type"), ("byAccount", "by_usage_account"), ("byInvoice", "by_invoice")]
    {
        for month in &months {
            let period = month["billMonth"].as_str().unwrap();
            let known = &totals["months"][format!("{}-{}", &period[..4], &period[4..])][breakdown];
            for line in month["published"][group].as_array().unwrap() {
                let sums = &known[line["name"].as_str().unwrap()];
                let unblended = if sums.is_null() { billing::money::Amount::ZERO } else { exact(&sums["unblended"]) };
                assert_eq!(exact(&line["lake"]), unblended, "{period} {group} {}", line["name"]);
            }
        }
    }
    let (status, months) = command(&story, &["--verify"]);
    assert_eq!((status, months.as_array().unwrap().len()), (Some(0), 2));
    let page = story.get(&format!("/finops-onboarding/v1/orgs/{}/reconciliation?limit=1", story.org)).await;
    let next = story.get(page["nextPage"].as_str().unwrap()).await;
    assert_eq!((page["values"].as_array().unwrap().len(), next["values"].as_array().unwrap().len()), (1, 1));
    assert_ne!(page["values"][0]["billMonth"], next["values"][0]["billMonth"]);
    assert!(next["nextPage"].is_null());
}

/// The one data file of the story's month.
fn published_file(story: &Story) -> PathBuf {
    let mut folder = story.server.install().data().join("lake/orgs").join(story.org.to_string()).join("charges");
    folder = folder.join(format!("x_BillConnectId=aws-{}", story.payer())).join("x_BillingPeriod=2026-09");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

/// Rewrites a Parquet file with another reader and writer, one of its columns changed.
fn rewrite(file: &std::path::Path, change: &str) {
    let script = "import duckdb, os, sys\n\
        file, change = sys.argv[1:]\n\
        duckdb.sql(f\"COPY (SELECT * REPLACE ({change}) FROM read_parquet('{file}', hive_partitioning=false)) TO '{file}.new' (FORMAT parquet)\")\n\
        os.replace(file + '.new', file)\n";
    let output = Command::new(python()).args(["-c", script]).arg(file).arg(change).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_published_file_that_was_changed_on_disk_is_named_with_the_line_and_by_how_much() {
    let story = Story::new().await.published().await;
    assert_eq!(command(&story, &["--verify"]).0, Some(0));
    let tampered = "CASE WHEN x_LineItemType = 'Tax' THEN CAST(2.500000000000000001 AS DECIMAL(38,18)) ELSE x_UnblendedCost END AS x_UnblendedCost";
    rewrite(&published_file(&story), tampered);
    let month = reconciled(&story, "?verify=true").await.remove(0);
    assert_eq!(month["reconciled"], json!(false));
    let differences: Vec<&str> =
        month["differences"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let line = differences
        .iter()
        .find(|it| it.starts_with("line item type `Tax`"))
        .unwrap_or_else(|| panic!("{differences:#?}"));
    assert!(line.contains("files `2.5`, lake `2.500000000000000001` (off by `0.000000000000000001`)"), "{line}");
    assert!(
        differences.iter().any(|it| it.contains("but was published with")),
        "its size is another: {differences:#?}"
    );
    let tax =
        month["published"]["byLineItemType"].as_array().unwrap().iter().find(|line| line["name"] == "Tax").unwrap();
    assert_eq!(tax["lakeDifference"].to_string(), "0.000000000000000001");
    let (status, months) = command(&story, &["--verify", "--month", "2026-09"]);
    assert_eq!((status, &months[0]["reconciled"]), (Some(1), &json!(false)));
    let table = story.server.install().run(&["reconcile", "--verify", "--org", &story.org.to_string()]);
    let text = String::from_utf8(table.stdout).unwrap();
    assert!(text.contains("2026-09: line item type `Tax`: files `2.5`"), "{text}");
    assert_eq!(command(&story, &["--month", "2026-08"]), (Some(0), json!([])));
}

#[tokio::test]
async fn a_month_whose_newest_delivery_is_not_published_says_why() {
    let story = Story::new().await.published().await;
    let bad = Delivery {
        parts: vec![part(story.payer(), &[("Usage", "AmazonS3", "twelve")])],
        assembly: Some("words".to_owned()),
    };
    bad.put(&story.world).await;
    let error = story.fails_with("twelve").await;
    let month = reconciled(&story, "?verify=true").await.remove(0);
    let why = month["notPublished"].as_str().unwrap();
    assert_eq!(why, error.replacen("2026-09: ", "not published: ", 1));
    assert_eq!(
        (&month["reconciled"], &month["differences"]),
        (&json!(false), &json!([])),
        "what is published still agrees"
    );
    let history = story.imports().await;
    assert!(history[0]["error_message"].as_str().unwrap().contains("twelve"), "{history:#?}");
    assert!(history[1]["error_message"].is_null());
    let (status, months) = command(&story, &[]);
    assert_eq!(status, Some(1));
    assert!(months[0]["not_published"].as_str().unwrap().starts_with("not published: "), "{months}");
    assert_eq!(story.billed().await, "10");
}
