//! Rollups can't be told from charges: generated questions have one answer, whether it comes from rollups, from the charges, or
//! from DuckDB over the same files.

use std::path::Path;
use std::process::Command;

use futures::{StreamExt as _, stream};
use reqwest::Method;
use sample::Spec;
use serde_json::{Value, json};

use crate::kit::emulator::python;
use crate::kit::samples;
use crate::kit::story::Story;

/// Questions, unless `BILLCONNECT_ROLLUP_QUESTIONS` says how many.
const QUESTIONS: usize = 120;
/// Of these, how many are asked of wrong rollups.
const OF_WRONG_ONES: usize = 40;
/// Questions under way at once.
const AT_ONCE: usize = 4;

/// Runs the script that knows DuckDB.
fn script(arguments: &[&str]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/rollup_questions.py");
    let output = Command::new(python()).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The answers of a server that has just started, so that nothing is remembered.
async fn ask(story: &mut Story, questions: &[Value]) -> Vec<Value> {
    story.server.kill();
    story.server.restart();
    let path = format!("/bill-analysis/orgs/{}/costs/aggregated", story.org);
    let story = &*story;
    let ask = |body: &Value| {
        let (path, body) = (path.clone(), body.clone());
        async move {
            let answer = story.call(Method::POST, &path, Some(body.clone())).await;
            assert_eq!(answer.status, 200, "{body}: {}", answer.json);
            answer.json
        }
    };
    stream::iter(questions).map(ask).buffered(AT_ONCE).collect().await
}

#[tokio::test]
async fn no_answer_tells_whether_it_comes_from_a_rollup() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<usize>().expect("a number"));
    let seed = number("BILLCONNECT_ROLLUP_SEED").unwrap_or(5);
    let count = number("BILLCONNECT_ROLLUP_QUESTIONS").unwrap_or(QUESTIONS);
    let mut story = Story::new().await;
    let spec = Spec {
        seed: seed as u64,
        rows_per_month: 2_000,
        payer_account: story.payer().to_owned(),
        bucket: story.world.candidate.bucket.to_string(),
        path_prefix: "bills".to_owned(),
        ..Spec::default()
    };
    samples::deliver(&story, &spec).await;
    story.world.candidate.path = "bills".parse().unwrap();
    assert_eq!(story.connect().await.status, 201);
    story.completed(3).await;

    let org = story.server.install().data().join(format!("lake/orgs/{}", story.org));
    let charges = org.join("charges").display().to_string();
    let questions = script(&["ask", &charges, &seed.to_string(), &count.to_string()]);
    let questions = questions.as_array().unwrap();
    let of_rollups = ask(&mut story, questions).await;

    std::fs::rename(org.join("rollups"), org.join("aside")).unwrap();
    let of_charges = ask(&mut story, questions).await;
    for ((question, rollup), charges) in questions.iter().zip(&of_rollups).zip(&of_charges) {
        assert_eq!(rollup, charges, "seed {seed}: {question}");
    }
    let answers: Vec<_> =
        questions.iter().zip(&of_rollups).map(|(question, answer)| json!([question, answer])).collect();
    let path = story.server.install().data().join("answers.json");
    std::fs::write(&path, Value::from(answers).to_string()).unwrap();
    let differences = script(&["compare", &charges, path.to_str().unwrap()]);
    assert_eq!(differences, json!([]), "seed {seed}");
    let rows = of_rollups.iter().map(|answer| answer["rows"].as_array().unwrap().len());
    assert!(rows.sum::<usize>() > 5 * count, "hardly any question had an answer");

    // Wrong rollups make wrong answers: so it was they that were asked, and the comparison tells.
    std::fs::rename(org.join("aside"), org.join("rollups")).unwrap();
    assert_eq!(script(&["forge", &org.display().to_string()]), json!(6), "by day and by month, of three months");
    let some = &questions[..OF_WRONG_ONES];
    let of_wrong_ones = ask(&mut story, some).await;
    let wrong = of_wrong_ones.iter().zip(&of_charges).filter(|(wrong, right)| wrong != right).count();
    assert!(wrong > OF_WRONG_ONES / 3, "only {wrong} answers come from rollups");
}
