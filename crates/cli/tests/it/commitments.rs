//! Reservations and savings plans: what the lake works out from a sample bill is what its independent writer knows, to the last digit.

use sample::{Format, Mode, Spec};
use serde_json::Value;

use crate::exact::exact;
use crate::kit::samples::deliver;
use crate::kit::story::Story;

/// An org with two months of a sample bill in this format, and the writer's own totals.
async fn sampled(format: Format) -> (Story, Value) {
    let story = Story::new().await;
    let spec = Spec {
        months: 2,
        rows_per_month: 600,
        mode: Mode::Overwrite,
        format,
        path_prefix: "bills".to_owned(),
        payer_account: story.payer().to_owned(),
        bucket: story.world.bucket.name.clone(),
        ..Spec::default()
    };
    let totals = deliver(&story, &spec).await;
    assert_eq!(story.connect().await.status, 201);
    story.completed(2).await;
    (story, totals)
}

/// What the command says of a month, or of days.
fn asked(story: &Story, days: &[&str]) -> Value {
    let org = story.org.to_string();
    story.server.install().json(&[&["reservations", "--json", "--org", &org], days].concat())
}

/// The bill's figures beside the writer's, by name.
fn pairs<'a>(found: &'a Value, known: &'a Value) -> [(&'static str, &'a Value, &'a Value); 7] {
    [
        ("bought", &found["quantity"]["bought"], &known["bought"]),
        ("used", &found["quantity"]["used"], &known["used"]),
        ("unused", &found["quantity"]["unused"], &known["unused"]),
        ("used cost", &found["cost"]["used"], &known["used_cost"]),
        ("unused cost", &found["cost"]["unused"], &known["unused_cost"]),
        ("billed", &found["billed"], &known["billed"]),
        ("covered", &found["covered"], &known["covered"]),
    ]
}

fn agree(found: &Value, totals: &Value, what: &str) {
    let commitments = found["commitments"].as_array().unwrap();
    let known = totals["commitments"].as_object().unwrap();
    assert_eq!(commitments.len(), known.len(), "{what}: {found:#}");
    assert_eq!(known.len(), 7, "four reservations and three savings plans");
    for commitment in commitments {
        let id = commitment["id"].as_str().unwrap();
        for (name, ours, theirs) in pairs(commitment, &known[id]) {
            assert_eq!(exact(ours), exact(theirs), "{what}: {name} of {id}: {commitment:#} {:#}", known[id]);
        }
    }
    // By service, over all regions and instance types.
    let mut sums = std::collections::BTreeMap::<&str, [billing::money::Amount; 2]>::new();
    for row in found["coverage"].as_array().unwrap() {
        let covered = exact(&row["reservations"]).checked_add(exact(&row["savings_plans"])).unwrap();
        let all = covered.checked_add(exact(&row["on_demand"])).unwrap();
        let sum = sums.entry(row["service"].as_str().unwrap()).or_default();
        *sum = [sum[0].checked_add(all).unwrap(), sum[1].checked_add(covered).unwrap()];
    }
    let known = totals["coverage"].as_object().unwrap();
    assert_eq!(sums.keys().copied().collect::<Vec<_>>(), known.keys().map(String::as_str).collect::<Vec<_>>());
    for (service, sums) in sums {
        let theirs = [exact(&known[service]["coverable"]), exact(&known[service]["covered"])];
        assert_eq!(sums, theirs, "{what}: coverage of {service}");
    }
}

#[tokio::test]
async fn a_sample_bills_commitments_are_the_known_ones() {
    let (story, totals) = sampled(Format::default()).await;
    for (month, known) in totals["months"].as_object().unwrap() {
        agree(&asked(&story, &["--month", month]), known, month);
    }
    let both = asked(&story, &["--from", "2026-08-01", "--until", "2026-10-01"]);
    agree(&both, &totals["overall"], "both months");
    let newest = asked(&story, &[]);
    assert_eq!((newest["from"].as_str(), newest["until"].as_str()), (Some("2026-09-01"), Some("2026-10-01")));
    let full = both["commitments"].as_array().unwrap().iter().find(|it| it["instance_type"] == "m5.large").unwrap();
    assert_eq!(full["utilization"], 100);
    let idle = both["commitments"].as_array().unwrap().iter().find(|it| it["service"] == "AmazonElastiCache").unwrap();
    assert_eq!((&idle["utilization"], &idle["starts"]), (&Value::from(0), &Value::from("2026-01-15T00:00:00.000Z")));
}

#[tokio::test]
async fn another_format_says_the_same_of_them() {
    let (story, totals) = sampled(Format::Cur2Parquet).await;
    agree(&asked(&story, &["--month", "2026-08"]), &totals["months"]["2026-08"], "CUR 2.0");
}

#[tokio::test]
async fn a_table_csv_and_the_empty_state() {
    let story = Story::new().await;
    let org = story.org.to_string();
    let run = |more: &[&str]| {
        let output = story.server.install().run(&[&["reservations", "--org", &org], more].concat());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (status, printed, talk) = run(&[]);
    assert_eq!((status, printed.as_str()), (Some(0), ""));
    assert!(talk.contains("no month is published"), "{talk}");
    let (status, _, talk) = run(&["--from", "2026-09-08", "--until", "2026-09-08"]);
    assert!(status == Some(1) && talk.contains("`--from` must be a day before `--until`"), "{talk}");
    let (status, _, talk) = run(&["--from", "yesterday", "--until", "2026-09-08"]);
    assert!(status == Some(2) && talk.contains("is no day"), "{talk}");

    let story = story.published().await;
    let run = |more: &[&str]| {
        let output = story.server.install().run(&[&["reservations", "--org", &org], more].concat());
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    assert!(run(&[]).contains("the bill names no reservation and no savings plan from 2026-09-01 to 2026-09-30"));
    assert_eq!(run(&["--csv"]).lines().count(), 1, "a header alone");
}
