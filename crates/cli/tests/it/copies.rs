//! Copied buckets: data without manifests. The newest listing that has settled is the version, and every row says whose bill it is.

use std::time::Duration;

use billing::money::Amount;
use sample::{Format, Mode, Spec};
use serde_json::{Value, json};

use crate::kit::bill::{gzip, part};
use crate::kit::emulator;
use crate::kit::monthly::Monthly;
use crate::kit::samples::copy;
use crate::kit::server::{Install, Server};
use crate::kit::story::{Story, wait};

/// Where the small copies of these tests lie.
const MONTH: &str = "bills/C/data/BILLING_PERIOD=2026-09";

/// A story whose server takes a copy for whole after this time.
async fn settling(after: &str) -> Story {
    let install = Install::at(emulator::url()).await.with("BILLCONNECT_COPIES_SETTLE_AFTER", after);
    Story::on(Server::over(install)).await
}

fn receipts(story: &Story) -> Vec<Value> {
    let receipts = story.server.install().json(&["receipts", "--org", &story.org.to_string(), "--json"]);
    receipts.as_array().unwrap().clone()
}

fn exact(number: &Value) -> Amount {
    number.as_str().map_or_else(|| number.to_string(), str::to_owned).parse().unwrap()
}

/// The line of a check of a dry run.
async fn line(story: &Story, check: &str) -> Value {
    let report = story.dry_run().await;
    report["checks"].as_array().unwrap().iter().find(|line| line["check"] == check).unwrap().clone()
}

/// Puts a file of this usage into a folder of the month.
async fn put(story: &Story, name: &str, cost: &str) {
    let text = part(story.payer(), &[("Usage", "AmazonS3", cost)]);
    story.world.bucket.put(&format!("{MONTH}/{name}"), gzip(text.as_bytes())).await;
}

async fn equals_its_totals_without_manifests(format: Format, mode: Mode) {
    let story = settling("2s").await;
    let spec = Spec {
        seed: 12,
        months: 2,
        rows_per_month: 1_000,
        accounts: 3,
        parts: 3,
        mode,
        format,
        path_prefix: "bills".to_owned(),
        payer_account: story.payer().to_owned(),
        bucket: story.world.candidate.bucket.to_string(),
        ..Spec::default()
    };
    let totals = copy(&story, &spec, |key| !key.ends_with("Manifest.json")).await;
    let answer = story.connect().await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    // Of several executions, an older one may be read while the newest settles.
    let known = |receipt: &Value| totals["months"][receipt["period"].as_str().unwrap()].clone();
    let newest = |receipt: &Value| exact(&receipt["billed_in_lake"]) == exact(&known(receipt)["billed"]);
    wait("both months", async || receipts(&story).iter().filter(|receipt| newest(receipt)).count() == 2).await;
    for receipt in receipts(&story) {
        let known = known(&receipt);
        assert_eq!(receipt["rows_in_files"], known["rows"], "{}", receipt["period"]);
        for (proven, told) in
            [("billed_in_lake", "billed"), ("effective_in_lake", "effective"), ("list_in_lake", "list")]
        {
            assert_eq!(exact(&receipt[proven]), exact(&known[told]), "{} {proven}", receipt["period"]);
        }
        let folder = receipt["manifest_key"].as_str().unwrap();
        assert!(folder.ends_with('/'), "the folder stands for the manifest: {folder}");
    }
    let found = line(&story, "report-found").await;
    assert!(found["verdict"] == "passed" && found["found"].as_str().unwrap().contains("without a manifest"), "{found}");
    let again = story.server.install().json(&["ingest", "--org", &story.org.to_string(), "--json"]);
    assert_eq!(again, json!([]), "the same listing does nothing");
}

#[tokio::test]
async fn a_copied_export_in_executions_equals_its_known_totals() {
    equals_its_totals_without_manifests(Format::Cur2CsvGz, Mode::CreateNew).await;
}

#[tokio::test]
async fn a_copied_export_in_parquet_equals_its_known_totals() {
    equals_its_totals_without_manifests(Format::Focus12Parquet, Mode::Overwrite).await;
}

#[tokio::test]
async fn a_copied_legacy_report_equals_its_known_totals() {
    equals_its_totals_without_manifests(Format::LegacyCsvGz, Mode::Overwrite).await;
}

#[tokio::test]
async fn a_copied_legacy_report_in_parquet_equals_its_known_totals() {
    equals_its_totals_without_manifests(Format::LegacyParquet, Mode::Overwrite).await;
}

#[tokio::test]
async fn deliveries_of_a_legacy_report_copied_in_one_go_are_not_guessed_about() {
    let story = settling("5m").await;
    for (folder, cost) in [("0a1b", "1"), ("2c3d", "2")] {
        put(&story, &format!("{folder}/R-00001.csv.gz"), cost).await;
    }
    let settled = settling("1s").await;
    for (folder, cost) in [("0a1b", "1"), ("2c3d", "2")] {
        put(&settled, &format!("{folder}/R-00001.csv.gz"), cost).await;
    }
    assert_eq!(story.connect().await.status, 201, "it may be on its way");
    let found = line(&story, "report-found").await;
    assert!(found["found"].as_str().unwrap().contains("5 minutes"), "{found}");
    assert_eq!(receipts(&story), Vec::<Value>::new());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let refused = settled.connect().await;
    assert_eq!(refused.status, 422, "{}", refused.json);
    assert!(refused.json["message"].as_str().unwrap().contains("can't be told"), "{}", refused.json);
}

#[tokio::test]
async fn a_copy_that_names_another_payer_is_not_published() {
    let story = settling("1s").await;
    let lines =
        [part(story.payer(), &[("Usage", "AmazonS3", "1")]), part("210987654321", &[("Usage", "AmazonS3", "2")])];
    let text = lines[0].clone() + lines[1].lines().nth(1).unwrap() + "\n";
    story.world.bucket.put(&format!("{MONTH}/C-00001.csv.gz"), gzip(text.as_bytes())).await;
    assert_eq!(story.connect().await.status, 201);
    let error = story.fails_with("is not the payer account").await;
    for named in ["row 2", "`bill/PayerAccountId`", "C-00001.csv.gz", "210987654321"] {
        assert!(error.contains(named), "{error}");
    }
    assert_eq!(receipts(&story), Vec::<Value>::new());
}

#[tokio::test]
async fn what_is_not_one_whole_delivery_keeps_the_month() {
    let story = settling("1s").await;
    put(&story, "C-00001.csv.gz", "1").await;
    put(&story, "C-00002.csv.gz", "2").await;
    assert_eq!(story.connect().await.status, 201);
    story.completed(1).await;
    assert_eq!(story.billed().await, "3");

    story.world.bucket.delete(&format!("{MONTH}/C-00002.csv.gz")).await;
    let error = story.fails_with("is gone from").await;
    assert!(error.starts_with("2026-09: ") && error.contains("C-00002.csv.gz"), "{error}");
    assert_eq!(story.billed().await, "3");
    put(&story, "C-00003.csv.gz", "4").await;
    story.fails_with("file number 2").await;
    put(&story, "other-00001.csv.gz", "4").await;
    story.fails_with("files of several reports").await;
    assert_eq!(story.billed().await, "3", "the last good month stays");

    story.world.bucket.delete(&format!("{MONTH}/other-00001.csv.gz")).await;
    put(&story, "C-00002.csv.gz", "8").await;
    story.completed(2).await;
    assert_eq!(story.billed().await, "13");
    story.recovers().await;
}

#[tokio::test]
async fn executions_are_never_mixed_and_make_the_months_states() {
    let story = settling("1s").await;
    let bill = |cost, invoice| Monthly::of("2026-09".parse().unwrap(), cost, invoice);
    let mut published = 0;
    for (made, cost, invoice, status) in [
        ("2026-09-28T01:02:03.456Z", "1", "", "open"),
        ("2026-10-02T01:02:03.456Z", "2", "", "estimated"),
        ("2026-10-05T01:02:03.456Z", "4", "inv-1", "final"),
        ("2026-10-12T01:02:03.456Z", "8", "", "reopened"),
        ("2026-10-15T01:02:03.456Z", "16", "inv-2", "final"),
    ] {
        let key = format!("{MONTH}/{made}-0a1b/C-00001.csv.gz");
        story.world.bucket.put(&key, bill(cost, invoice).file(story.payer())).await;
        if published == 0 {
            assert_eq!(story.connect().await.status, 201);
        }
        published += 1;
        story.completed(published).await;
        let receipt = &receipts(&story)[0];
        assert_eq!((&receipt["status"], receipt["billed_in_lake"].to_string()), (&json!(status), cost.to_owned()));
    }
    // An old execution that is copied late changes nothing.
    let late = format!("{MONTH}/2026-10-01T01:02:03.456Z-0a1b/C-00001.csv.gz");
    story.world.bucket.put(&late, bill("32", "").file(story.payer())).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(story.billed().await, "16");
    wait("no errors", async || story.status_errors().await.is_empty()).await;
}
