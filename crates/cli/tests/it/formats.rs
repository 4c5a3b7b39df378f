//! Every format that AWS delivers: one bill in all of them costs the same, and of several reports the best is read.

use std::path::Path;
use std::process::Command;

use billing::money::Amount;
use sample::{Format, Mode, Spec};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kit::bill::gzip;
use crate::kit::emulator::python;
use crate::kit::samples::deliver;
use crate::kit::story::Story;

/// A number of JSON as an exact decimal: `1.50` and `1.5` are the same.
fn exact(number: &Value) -> Amount {
    let text = number.as_str().map_or_else(|| number.to_string(), str::to_owned);
    text.parse().unwrap_or_else(|error| panic!("{number} is no amount: {error}"))
}

fn spec(story: &Story, format: Format) -> Spec {
    Spec {
        seed: 11,
        months: 2,
        rows_per_month: 2_000,
        accounts: 3,
        parts: 3,
        format,
        path_prefix: "bills/deep".to_owned(),
        payer_account: story.payer().to_owned(),
        bucket: story.world.candidate.bucket.to_string(),
        ..Spec::default()
    }
}

fn run(script: &str, arguments: &[&Path]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(script);
    let output = Command::new(python()).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn receipts(story: &Story) -> Vec<Value> {
    let receipts = story.server.install().json(&["receipts", "--org", &story.org.to_string(), "--json"]);
    receipts.as_array().unwrap().clone()
}

/// The lake's sums of billed, effective and list cost by each key are the generator's, to the last digit.
fn lake_holds(story: &Story, totals: &Value, keys: &[&str]) {
    let charges = story.server.install().data().join(format!("lake/orgs/{}/charges", story.org));
    let found = run("lake_sums.py", &[&charges]);
    for key in keys {
        let known = totals["overall"][key].as_object().unwrap();
        for (name, sums) in known {
            for cost in ["billed", "effective", "list"] {
                let found = found[key].get(name).map_or(Amount::ZERO, |sums| exact(&sums[cost]));
                assert_eq!(found, exact(&sums[cost]), "{cost} of {key} `{name}`");
            }
        }
        assert!(found[key].as_object().unwrap().keys().all(|name| known.contains_key(name)), "{key}");
    }
}

async fn equals_its_totals(format: Format, mode: Mode) {
    let mut story = Story::new().await;
    let totals = deliver(&story, &Spec { mode, ..spec(&story, format) }).await;
    story.world.candidate.path = "bills".parse().unwrap();
    let answer = story.connect().await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    story.completed(2).await;
    for receipt in receipts(&story) {
        let known = &totals["months"][receipt["period"].as_str().unwrap()];
        assert_eq!(receipt["rows_in_files"], known["rows"], "{}", receipt["period"]);
        assert_eq!(receipt["charges_added"], known["charges_expected_added"]);
        assert_eq!(receipt["compared"], if format.is_focus() { "BilledCost" } else { "UnblendedCost" });
        for (proven, told) in [
            ("cost_in_files", if format.is_focus() { "billed" } else { "unblended" }),
            ("billed_in_lake", "billed"),
            ("effective_in_lake", "effective"),
            ("list_in_lake", "list"),
        ] {
            assert_eq!(exact(&receipt[proven]), exact(&known[told]), "{} {proven}", receipt["period"]);
        }
    }
    // FOCUS 1.0 has no invoices.
    let has_invoices = !matches!(format, Format::Focus10CsvGz | Format::Focus10Parquet);
    let keys = ["by_service", "by_usage_account", "by_day", "by_invoice"];
    lake_holds(&story, &totals, &keys[..if has_invoices { 4 } else { 3 }]);
}

#[tokio::test]
async fn a_legacy_bill_in_gzip_equals_its_known_totals() {
    equals_its_totals(Format::LegacyCsvGz, Mode::CreateNew).await;
}

#[tokio::test]
async fn a_legacy_bill_in_zip_equals_its_known_totals() {
    equals_its_totals(Format::LegacyCsvZip, Mode::CreateNew).await;
}

#[tokio::test]
async fn a_legacy_bill_in_parquet_equals_its_known_totals() {
    equals_its_totals(Format::LegacyParquet, Mode::Overwrite).await;
}

#[tokio::test]
async fn a_cur_2_bill_in_csv_equals_its_known_totals() {
    equals_its_totals(Format::Cur2CsvGz, Mode::CreateNew).await;
}

#[tokio::test]
async fn a_cur_2_bill_in_parquet_equals_its_known_totals() {
    equals_its_totals(Format::Cur2Parquet, Mode::Overwrite).await;
}

#[tokio::test]
async fn a_focus_1_0_bill_in_csv_equals_its_known_totals() {
    equals_its_totals(Format::Focus10CsvGz, Mode::Overwrite).await;
}

#[tokio::test]
async fn a_focus_1_0_bill_in_parquet_equals_its_known_totals() {
    equals_its_totals(Format::Focus10Parquet, Mode::CreateNew).await;
}

#[tokio::test]
async fn a_focus_1_2_bill_in_csv_equals_its_known_totals() {
    equals_its_totals(Format::Focus12CsvGz, Mode::CreateNew).await;
}

#[tokio::test]
async fn a_focus_1_2_bill_in_parquet_equals_its_known_totals() {
    equals_its_totals(Format::Focus12Parquet, Mode::Overwrite).await;
}

#[test]
fn every_format_is_one_bill() {
    let totals = |format: Format| {
        let folder = TempDir::new().unwrap();
        let spec = Spec { format, rows_per_month: 500, months: 1, ..Spec::default() };
        sample::write(&spec, folder.path(), &mut |_| {}).unwrap();
        let mut totals: Value =
            serde_json::from_slice(&std::fs::read(folder.path().join("totals.json")).unwrap()).unwrap();
        let overall = totals["overall"].take();
        ["by_service", "by_usage_account", "by_day"].map(|key| without_rows(overall[key].clone()))
    };
    let first = totals(Format::LegacyCsvGz);
    for format in Format::ALL {
        assert_eq!(totals(format), first, "{format:?}");
    }
}

fn without_rows(mut breakdown: Value) -> Value {
    for sums in breakdown.as_object_mut().unwrap().values_mut() {
        sums.as_object_mut().unwrap().remove("rows");
    }
    breakdown
}

#[tokio::test]
async fn of_several_reports_the_best_is_read_and_all_are_told() {
    let mut story = Story::new().await;
    let named = |name: &str, format| Spec { report_name: name.to_owned(), ..spec(&story, format) };
    let legacy = named("legacy", Format::LegacyCsvGz);
    let (cur2, focus) = (named("cur2", Format::Cur2Parquet), named("focus", Format::Focus12CsvGz));
    deliver(&story, &legacy).await;
    deliver(&story, &Spec { seed: 12, ..cur2 }).await;
    story.world.candidate.path = "bills".parse().unwrap();
    let answer = story.connect().await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    story.completed(2).await;
    assert!(receipts(&story).iter().all(|receipt| receipt["report_name"] == "cur2"));
    let id = format!("aws-{}", story.payer());
    let check = story.server.install().run(&["check", "--org", &story.org.to_string(), "--connect", &id]);
    let told = String::from_utf8_lossy(&check.stdout).into_owned() + &String::from_utf8_lossy(&check.stderr);
    assert!(told.contains("bills/deep/legacy") && told.contains("`bills/deep/cur2` with 2 months is read"), "{told}");

    // A better report turns up: its months replace the other's, whole.
    let totals = deliver(&story, &focus).await;
    story.completed(4).await;
    let receipts = receipts(&story);
    assert_eq!(receipts.len(), 2);
    for receipt in receipts {
        let known = &totals["months"][receipt["period"].as_str().unwrap()];
        assert_eq!((&receipt["report_name"], &receipt["compared"]), (&json!("focus"), &json!("BilledCost")));
        assert_eq!(exact(&receipt["billed_in_lake"]), exact(&known["billed"]));
    }
}

#[tokio::test]
async fn a_real_focus_export_equals_what_an_independent_reader_finds() {
    let Some(folder) = std::env::var_os("BILLCONNECT_REAL_BILLS") else {
        println!("not run: `BILLCONNECT_REAL_BILLS` names no folder with focus-1.0-real-anonymised.csv");
        return;
    };
    let rows = TempDir::new().unwrap();
    let rows = rows.path().join("aws.csv");
    let known = run("focus_reader.py", &[&Path::new(&folder).join("focus-1.0-real-anonymised.csv"), &rows]);
    let mut story = Story::new().await;
    let text = std::fs::read_to_string(&rows).unwrap();
    let month = "BILLING_PERIOD=2024-09";
    let key = format!("bills/real/data/{month}/real-00001.csv.gz");
    story.world.bucket.put(&key, gzip(text.as_bytes())).await;
    let columns: Vec<Value> = text.lines().next().unwrap().split(',').map(|name| json!({ "name": name })).collect();
    let (payer, bucket) = (story.payer().to_owned(), story.world.candidate.bucket.to_string());
    let manifest = json!({
        "executionId": "1", "exportArn": format!("arn:aws:bcm-data-exports:us-east-1:{payer}:export/real-1"),
        "columns": columns, "dataFiles": [format!("s3://{bucket}/{key}")],
    });
    story.world.bucket.put(&format!("bills/real/metadata/{month}/real-Manifest.json"), manifest.to_string()).await;
    story.world.candidate.path = "bills/real".parse().unwrap();
    let answer = story.connect().await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    story.completed(1).await;

    let receipt = &receipts(&story)[0];
    assert_eq!((&receipt["rows_in_files"], &receipt["charges_added"]), (&known["rows"], &json!(0)));
    for (proven, cost) in [
        ("cost_in_files", "BilledCost"),
        ("billed_in_lake", "BilledCost"),
        ("effective_in_lake", "EffectiveCost"),
        ("list_in_lake", "ListCost"),
    ] {
        assert_eq!(exact(&receipt[proven]), exact(&known[cost]), "{proven}");
    }
    let accounts = receipt["by_account"].as_array().unwrap();
    assert_eq!(accounts.len(), known["by_account"].as_object().unwrap().len());
    for line in accounts {
        let name = line["name"].as_str().unwrap();
        assert_eq!(exact(&line["lake"]), exact(&known["by_account"][name]["BilledCost"]), "{name}");
    }
}
