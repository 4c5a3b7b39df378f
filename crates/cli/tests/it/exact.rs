//! Exact to the last digit: a real bill against an independent reader, and sample bills against their known totals.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use sample::{Mode, Spec};
use serde_json::{Value, json};

use crate::kit::bill::gzip;
use crate::kit::emulator::python;
use crate::kit::samples::deliver;
use crate::kit::server::Server;
use crate::kit::story::Story;
use crate::kit::world::World;

/// The payer account of the real bill.
pub const REAL_PAYER: &str = "123412340534";

/// A number of JSON as an exact decimal: `1.50` and `1.5` are the same.
pub fn exact(number: &Value) -> billing::money::Amount {
    let text = number.as_str().map_or_else(|| number.to_string(), str::to_owned);
    text.parse().unwrap_or_else(|error| panic!("{number} is no amount: {error}"))
}

/// Metrics of an answer's rows by one dimension: billed and effective.
fn by(
    costs: &Value,
    dimension: &str,
) -> BTreeMap<String, (billing::money::Amount, billing::money::Amount, billing::money::Amount)> {
    let mut sums = BTreeMap::new();
    for row in costs["rows"].as_array().unwrap() {
        let name = row["dimensions"][dimension].as_str().unwrap().to_owned();
        let metric = |name: &str| exact(&row["metrics"][name]);
        let entry: &mut (billing::money::Amount, billing::money::Amount, billing::money::Amount) =
            sums.entry(name).or_default();
        entry.0 = entry.0.checked_add(metric("cost_nonamortized_unblended_adj")).unwrap();
        entry.1 = entry.1.checked_add(metric("cost_amortized_unblended_adj")).unwrap();
        entry.2 = entry.2.checked_add(metric("list_price_nonamortized_adj")).unwrap();
    }
    sums
}

/// The folder of real bills. CI names it where it exists; a machine without them runs everything else.
pub fn real_bill() -> Option<PathBuf> {
    let folder = std::env::var_os("BILLCONNECT_REAL_BILLS")?;
    let file = Path::new(&folder).join("cur-legacy-real-anonymised.csv");
    assert!(file.is_file(), "`BILLCONNECT_REAL_BILLS` is set, but there is no `{}`", file.display());
    Some(file)
}

#[tokio::test]
async fn a_real_bill_equals_what_an_independent_reader_finds() {
    let Some(file) = real_bill() else {
        println!("not run: `BILLCONNECT_REAL_BILLS` names no folder with cur-legacy-real-anonymised.csv");
        return;
    };
    let output = Command::new(python())
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/independent_reader.py"))
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let known: Value = serde_json::from_slice(&output.stdout).unwrap();

    let server = Server::start().await;
    let org = server.install().org("Real");
    let token = server.access_token(org, "admin").await;
    let world = World::with_account(org, REAL_PAYER, "ca-central-1").await;
    let text = std::fs::read_to_string(&file).unwrap();
    deliver_real(&world, &text).await;
    let story = Story { server, org, token, world };
    let answer = story.connect().await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    story.completed(1).await;

    let receipts = story.server.install().json(&["receipts", "--org", &org.to_string(), "--json"]);
    let receipt = &receipts[0];
    assert_eq!(receipt["rows_in_files"], known["rows"]);
    assert_eq!(exact(&receipt["cost_in_files"]), exact(&known["unblended"]));
    assert_eq!(exact(&receipt["billed_in_lake"]), exact(&known["billed"]));
    assert_eq!(exact(&receipt["effective_in_lake"]), exact(&known["effective"]));
    let body = json!({
        "billing_center_ids": ["unallocated"], "dimensions": ["service"], "start_at": "2023-11", "end_at": "2023-12",
        "metrics": ["cost_nonamortized_unblended_adj", "cost_amortized_unblended_adj", "list_price_nonamortized_adj"],
    });
    let path = format!("/bill-analysis/orgs/{org}/costs/aggregated");
    let costs = story.call(reqwest::Method::POST, &path, Some(body)).await.json;
    let found = by(&costs, "service");
    for (product, sums) in known["by_product"].as_object().unwrap() {
        let (billed, effective, _) = found[product];
        assert_eq!((billed, effective), (exact(&sums["billed"]), exact(&sums["effective"])), "{product}");
    }
    assert_eq!(found.len(), known["by_product"].as_object().unwrap().len());
}

/// Lays the real bill out as AWS delivers one.
pub async fn deliver_real(world: &World, text: &str) {
    let header = text.lines().next().unwrap();
    let columns: Vec<Value> = header
        .split(',')
        .map(|column| {
            column.split_once('/').map(|(category, name)| json!({ "category": category, "name": name })).unwrap()
        })
        .collect();
    let folder = "bills/real/20231101-20231201";
    let key = format!("{folder}/real-00001.csv.gz");
    world.bucket.put(&key, gzip(text.as_bytes())).await;
    let manifest = json!({
        "assemblyId": "1", "account": world.candidate.account, "columns": columns, "charset": "UTF-8", "compression": "GZIP",
        "contentType": "text/csv", "reportId": "1", "reportName": "real", "bucket": "b", "reportKeys": [key],
        "billingPeriod": { "start": "20231101T000000.000Z", "end": "20231201T000000.000Z" }, "additionalArtifactKeys": [],
    });
    world.bucket.put(&format!("{folder}/real-Manifest.json"), manifest.to_string()).await;
}

/// Uploads a sample bill, connects it, and waits until every month is in.
pub async fn sampled(mode: Mode, seed: u64) -> (Story, Value) {
    let mut story = Story::new().await;
    let spec = Spec {
        seed,
        months: 2,
        rows_per_month: 3_000,
        accounts: 3,
        parts: 3,
        mode,
        path_prefix: "bills/deep".to_owned(),
        payer_account: story.payer().to_owned(),
        bucket: story.world.candidate.bucket.to_string(),
        ..Spec::default()
    };
    let totals = deliver(&story, &spec).await;
    story.world.candidate.path = "bills".parse().unwrap();
    let answer = story.connect().await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    story.completed(2).await;
    (story, totals)
}

async fn equals_its_totals(mode: Mode, seed: u64) {
    let (story, totals) = sampled(mode, seed).await;
    for (dimension, breakdown) in [
        ("service", "by_service"),
        ("vendor_account", "by_usage_account"),
        ("line_item_type", "by_line_item_type"),
        ("invoice_id", "by_invoice"),
    ] {
        let found = by(&story.costs(&[dimension]).await, dimension);
        let known = totals["overall"][breakdown].as_object().unwrap_or_else(|| panic!("no {breakdown} in {totals:#}"));
        for (name, sums) in known {
            let shown = if name.is_empty() { "None" } else { name };
            // `cost_nonamortized_unblended_adj` is AWS's own unblended cost, line by line.
            let expected = (exact(&sums["unblended"]), exact(&sums["effective"]), exact(&sums["list"]));
            let nothing = Default::default();
            assert_eq!(*found.get(shown).unwrap_or(&nothing), expected, "{dimension} {shown}");
        }
        assert!(
            found.keys().all(|name| known.contains_key(if name == "None" { "" } else { name })),
            "{dimension}: {found:?}"
        );
    }
    let receipts = story.server.install().json(&["receipts", "--org", &story.org.to_string(), "--json"]);
    for receipt in receipts.as_array().unwrap() {
        let known = &totals["months"][receipt["period"].as_str().unwrap()];
        assert_eq!(receipt["rows_in_files"], known["rows"], "{}", receipt["period"]);
        assert_eq!(receipt["charges_added"], known["charges_expected_added"]);
        for (proven, told) in [
            ("cost_in_files", "unblended"),
            ("cost_in_lake", "unblended"),
            ("billed_in_lake", "billed"),
            ("effective_in_lake", "effective"),
            ("list_in_lake", "list"),
        ] {
            assert_eq!(exact(&receipt[proven]), exact(&known[told]), "{} {proven}", receipt["period"]);
        }
    }
}

#[tokio::test]
async fn a_sample_bill_in_assemblies_equals_its_known_totals() {
    equals_its_totals(Mode::CreateNew, 7).await;
}

#[tokio::test]
async fn a_sample_bill_that_is_overwritten_equals_its_known_totals() {
    equals_its_totals(Mode::Overwrite, 8).await;
}
