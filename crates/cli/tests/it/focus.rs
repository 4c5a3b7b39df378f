//! Exports in FOCUS 1.2: valid by FOCUS's own validator and by rules of our own, equal to the API, and amortised as AWS does it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use billing::money::Amount;
use sample::{Mode, Spec};
use serde_json::Value;
use tempfile::TempDir;

use crate::exact::{REAL_PAYER, deliver_real, real_bill};
use crate::kit::bill::Delivery;
use crate::kit::emulator::python;
use crate::kit::samples::write_and_put;
use crate::kit::server::Server;
use crate::kit::story::Story;
use crate::kit::tools::{run, succeeded};
use crate::kit::world::World;

/// The folder of the scripts and queries.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/focus")
}

/// The rows of each query of a SQL file over these views, `name=file`; a name that begins with `text_` has texts alone.
fn ask(queries: &str, views: &[String]) -> BTreeMap<String, Vec<Vec<Value>>> {
    let mut command = std::process::Command::new(python());
    command.arg(folder().join("ask.py")).arg(folder().join(queries)).args(views);
    serde_json::from_str(&succeeded(&mut command)).unwrap()
}

/// A sample month and the files that it came in.
struct Sample {
    story: Story,
    _folder: TempDir,
    parts: String,
    exports: TempDir,
}

/// A month of a sample bill, published.
async fn sampled() -> Sample {
    let mut story = Story::new().await;
    let folder = TempDir::new().unwrap();
    let spec = Spec {
        seed: 12,
        months: 1,
        rows_per_month: 3_000,
        parts: 2,
        mode: Mode::Overwrite,
        path_prefix: "bills".to_owned(),
        payer_account: story.payer().to_owned(),
        bucket: story.world.candidate.bucket.to_string(),
        ..Spec::default()
    };
    let files = write_and_put(&story, (&spec, folder.path()), |_| true).await;
    let part = files.iter().find(|file| file.to_string_lossy().ends_with(".csv.gz")).unwrap();
    let parts = part.parent().unwrap().join("*.csv.gz").to_string_lossy().into_owned();
    story.world.candidate.path = "bills".parse().unwrap();
    assert_eq!(story.connect().await.status, 201);
    story.completed(1).await;
    Sample { story, _folder: folder, parts, exports: TempDir::new().unwrap() }
}

/// Exports a month on the command line; the file's path.
fn export(story: &Story, month: &str, to: &Path) -> String {
    let (org, to) = (story.org.to_string(), to.to_str().unwrap());
    let format = if to.ends_with("csv") { "csv" } else { "parquet" };
    let arguments = ["export", "--org", &org, "--month", month, "--format", format, "--out", to];
    succeeded(&mut story.server.install().command(&arguments));
    to.to_owned()
}

#[tokio::test]
async fn an_exported_month_passes_the_focus_validator_but_for_what_is_allowed() {
    let sample = sampled().await;
    let file = export(&sample.story, "2026-08", &sample.exports.path().join("m.parquet"));
    let validator = python().with_file_name("../focus/bin/python");
    assert!(validator.exists(), "`make test` installs the validator ({})", validator.display());
    let mut command = std::process::Command::new(validator);
    let verdicts = succeeded(command.arg(folder().join("validate.py")).arg(&file));
    let verdicts: BTreeMap<String, String> = serde_json::from_str(&verdicts).unwrap();
    let failed: BTreeSet<&str> =
        verdicts.iter().filter(|(_, verdict)| *verdict == "failed").map(|(rule, _)| rule.as_str()).collect();
    let allowed = include_str!("focus/allowed.csv").lines().skip(1).map(|line| line.split_once(',').unwrap());
    let allowed: BTreeMap<&str, &str> = allowed.collect();
    assert!(allowed.values().all(|why| why.len() > 10), "each says why");
    // Neither a failure that is not allowed, nor an allowance that nothing needs.
    assert_eq!(failed, allowed.keys().copied().collect());
    assert!(verdicts.values().filter(|verdict| *verdict == "passed").count() > 200, "it looked: {verdicts:?}");
}

#[tokio::test]
async fn an_exported_month_keeps_the_rules_that_the_validator_does_not_look_at() {
    let sample = sampled().await;
    let file = export(&sample.story, "2026-08", &sample.exports.path().join("m.parquet"));
    let categories = Path::new(env!("CARGO_MANIFEST_DIR")).join("../billing/data/focus-1.2-service-subcategories.csv");
    let views = [format!("charges={file}"), format!("subcategories={}", categories.display())];
    let broken = ask("charges.sql", &views);
    assert!(broken.len() > 15);
    for (rule, charges) in broken {
        assert!(charges.is_empty(), "{rule}: {} charges, such as {:?}", charges.len(), charges[0]);
    }
}

fn exact(value: &Value) -> Amount {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned).parse().unwrap()
}

#[tokio::test]
async fn both_formats_sum_to_what_the_api_answers() {
    let sample = sampled().await;
    let parquet = export(&sample.story, "2026-08", &sample.exports.path().join("m.parquet"));
    let csv = export(&sample.story, "2026-08", &sample.exports.path().join("m.csv"));
    let answers = ask("sums.sql", &[format!("charges={parquet}"), format!("text_charges={csv}")]);
    assert_eq!(answers["parquet"], answers["csv"]);
    let other = "a text of csv is that of parquet with an apostrophe where a spreadsheet would run it";
    assert_eq!(answers[other], Vec::<Vec<Value>>::new());
    let costs = sample.story.costs(&[]).await;
    let api = |metric: &str| {
        let sums = costs["rows"].as_array().unwrap().iter().map(|row| exact(&row["metrics"][metric]));
        sums.fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).unwrap())
    };
    let sums = &answers["parquet"][0];
    assert_eq!(exact(&sums[1]), api("cost_amortized_unblended_adj"));
    assert_eq!(exact(&sums[2]), api("list_price_nonamortized_adj"));
    assert_eq!(exact(&sums[3]), api("cost_nonamortized_unblended_adj"));
    let receipts = sample.story.server.install().json(&["receipts", "--org", &sample.story.org.to_string(), "--json"]);
    assert_eq!(exact(&sums[0]), exact(&receipts[0]["billed_in_lake"]));
}

#[tokio::test]
async fn the_amortised_cost_is_that_of_awss_own_dashboards() {
    let sample = sampled().await;
    let file = export(&sample.story, "2026-08", &sample.exports.path().join("m.parquet"));
    let answers = ask("amortised.sql", &[format!("charges={file}"), format!("text_lines={}", sample.parts)]);
    assert_eq!(answers["amortised by account, service and type"], Vec::<Vec<Value>>::new());
    assert!(
        exact(&answers["amounts of both"][0][0]) > Amount::ZERO
            && exact(&answers["amounts of both"][0][1]) > "10".parse().unwrap()
    );
}

#[tokio::test]
async fn a_month_is_downloaded_whole_and_a_planted_formula_is_defused_in_csv_alone() {
    let story = Story::new().await;
    let formula = "=HYPERLINK(1)";
    Delivery::of(story.payer(), &[("Usage", formula, "7.5"), ("Credit", "AmazonS3", "-2.5")]).put(&story.world).await;
    assert_eq!(story.connect().await.status, 201);
    story.completed(1).await;
    let url = format!("{}/finops-onboarding/v1/orgs/{}/exports?billMonth=202609", story.server.url, story.org);
    let get = async |query: &str| {
        let request = reqwest::Client::new().get(format!("{url}{query}")).bearer_auth(&story.token);
        request.send().await.unwrap().error_for_status().unwrap()
    };
    let answer = get("&format=csv").await;
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    let id =
        story.server.install().json(&["receipts", "--org", &story.org.to_string(), "--json"])[0]["delivery_id"].clone();
    assert!(header("etag").contains(id.as_str().unwrap()), "{}", header("etag"));
    assert_eq!(header("content-disposition"), "attachment; filename=\"focus-1.2_2026-09.csv\"");
    assert_eq!(header("content-type"), "text/csv; charset=utf-8");
    let text = answer.text().await.unwrap();
    assert!(text.contains(&format!(",'{formula},")) && !text.contains(&format!(",{formula}")), "{text}");
    assert!(text.contains(",-2.5,"), "a number is no formula: {text}");
    let earlier =
        get(&format!("&format=csv&billConnectId=aws-{}&deliveryId={}", story.payer(), id.as_str().unwrap())).await;
    assert_eq!(earlier.text().await.unwrap(), text);

    let folder = TempDir::new().unwrap();
    let file = folder.path().join("m.parquet");
    std::fs::write(&file, get("").await.bytes().await.unwrap()).unwrap();
    let on_the_command_line = export(&story, "2026-09", &folder.path().join("cli.parquet"));
    assert!(std::fs::read(&file).unwrap() == std::fs::read(&on_the_command_line).unwrap(), "one month, one file");
    let codes = ask("services.sql", &[format!("charges={on_the_command_line}")]);
    assert_eq!(codes["services"], [[Value::from("AmazonS3")], [Value::from(formula)]]);
}

#[tokio::test]
async fn what_cannot_be_exported_leaves_no_file() {
    let story = Story::new().await;
    let folder = TempDir::new().unwrap();
    let (org, to) = (story.org.to_string(), folder.path().join("m.csv"));
    let arguments = ["export", "--org", &org, "--month", "2026-09", "--format", "csv", "--out", to.to_str().unwrap()];
    let output = run(&mut story.server.install().command(&arguments));
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && talk.contains("`2026-09`"), "{talk}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn the_amortised_cost_of_a_real_bill_is_that_of_awss_own_dashboards() {
    let Some(bill) = real_bill() else {
        println!("not run: `BILLCONNECT_REAL_BILLS` names no folder with cur-legacy-real-anonymised.csv");
        return;
    };
    let server = Server::start().await;
    let org = server.install().org("Real");
    let token = server.access_token(org, "admin").await;
    // Another account than the one that another test delivers the bill to.
    let payer = "123412340535";
    let world = World::with_account(org, payer, "ca-central-1").await;
    let text = std::fs::read_to_string(&bill).unwrap().replace(REAL_PAYER, payer);
    deliver_real(&world, &text).await;
    let story = Story { server, org, token, world };
    assert_eq!(story.connect().await.status, 201);
    story.completed(1).await;
    let folder = TempDir::new().unwrap();
    let lines = folder.path().join("lines.csv");
    std::fs::write(&lines, text).unwrap();
    let file = export(&story, "2023-11", &folder.path().join("m.parquet"));
    let answers = ask("amortised.sql", &[format!("charges={file}"), format!("text_lines={}", lines.display())]);
    assert_eq!(answers["amortised by account, service and type"], Vec::<Vec<Value>>::new());
}
