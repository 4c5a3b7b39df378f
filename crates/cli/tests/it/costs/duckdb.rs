//! Generated questions, answered over HTTP and by DuckDB from the same Parquet files: the same rows, to the last digit.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use billing::money::Amount;
use sample::Mode;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use crate::exact::{exact, sampled};
use crate::kit::emulator::python;
use crate::kit::story::Story;

/// How many questions are asked.
const QUESTIONS: usize = 120;

const DIMENSIONS: [&str; 13] = [
    "vendor_account",
    "service",
    "region",
    "usage_type",
    "usage_unit",
    "line_item_type",
    "invoice_id",
    "purchase_option",
    "commitment_id",
    "category",
    "bill_source",
    "tag_team",
    "resource_id",
];

const METRICS: [&str; 8] = [
    "cost_amortized_unblended_adj",
    "cost_amortized_blended_adj",
    "cost_nonamortized_unblended_adj",
    "cost_nonamortized_blended_adj",
    "list_price_amortized_adj",
    "list_price_nonamortized_adj",
    "savings_rate_reduction_amortized_adj",
    "savings_rate_reduction_nonamortized_adj",
];

/// A small generator: the same seed asks the same.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn one<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    fn some<'a>(&mut self, all: &[&'a str], most: usize) -> BTreeSet<&'a str> {
        (0..self.below(most + 1)).map(|_| self.one(all)).collect()
    }

    /// A question as [`questions.py`] takes it, with values that are there for the most part.
    fn question(&mut self, values: &BTreeMap<&str, Vec<String>>) -> Value {
        let mut metrics = self.some(&METRICS, 2);
        metrics.insert(self.one(&METRICS));
        let mut dimensions = self.some(&DIMENSIONS, 3);
        let granularity = self.one(&["month", "day", "hour", "total"]);
        if granularity == "hour" {
            // Hours of single resources are as many rows as charges.
            dimensions.remove("resource_id");
        }
        let (start, end) =
            [("2026-08", "2026-10"), ("2026-08-03", "2026-08-04"), ("2026-08-20", "2026-09-10")][self.below(3)];
        let conditions: Vec<Value> = (0..self.below(4)).map(|_| self.condition(values)).collect();
        let top = if dimensions.is_empty() || self.below(3) > 0 { 0 } else { 1 + self.below(5) };
        json!({
            "metrics": metrics, "dimensions": dimensions, "granularity": granularity, "start": start, "end": end,
            "period": self.one(&["charge_period", "billing_period"]), "join": self.one(&["and", "or"]),
            "conditions": conditions, "top": top,
        })
    }

    fn condition(&mut self, values: &BTreeMap<&str, Vec<String>>) -> Value {
        let dimension = self.one(&DIMENSIONS);
        let operator = self.one(&["eq", "ne", "gt", "ge", "lt", "le", "co", "sw", "ew", "in", "nin", "null"]);
        let several = if ["in", "nin"].contains(&operator) { 3 } else { 1 };
        let known = &values[dimension];
        let value = |random: &mut Self| {
            let value = if random.below(6) == 0 { "no' such % value_\\" } else { &known[random.below(known.len())] };
            let length = value.chars().count();
            match operator {
                "co" => value.chars().skip(random.below(length)).take(4).collect(),
                "sw" => value.chars().take(1 + random.below(length)).collect(),
                "ew" => value.chars().skip(random.below(length)).collect(),
                _ => value.to_owned(),
            }
        };
        let given: Vec<String> = (0..several).map(|_| value(self)).collect();
        json!({ "dimension": dimension, "operator": operator, "values": given, "not": self.below(4) == 0 })
    }
}

/// The question's filter, in the language of lists.
fn filter(question: &Value) -> String {
    let quoted = |value: &Value| format!("'{}'", value.as_str().unwrap().replace('\'', "''"));
    let one = |condition: &Value| {
        let values: Vec<String> = condition["values"].as_array().unwrap().iter().map(quoted).collect();
        let compared = match condition["operator"].as_str().unwrap() {
            "null" => "eq null".to_owned(),
            several @ ("in" | "nin") => format!("{several} ({})", values.join(",")),
            operator => format!("{operator} {}", values[0]),
        };
        let not = if condition["not"] == true { "not " } else { "" };
        format!("{not}{} {compared}", condition["dimension"].as_str().unwrap())
    };
    let conditions: Vec<String> = question["conditions"].as_array().unwrap().iter().map(one).collect();
    conditions.join(&format!(" {} ", question["join"].as_str().unwrap()))
}

fn address(story: &Story, question: &Value) -> String {
    let words = |name: &str| {
        let words: Vec<&str> = question[name].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        words.join(",")
    };
    let text = |name: &str| question[name].as_str().unwrap().to_owned();
    let mut query = Serializer::new(String::new());
    query.extend_pairs([
        ("metrics", words("metrics")),
        ("dimensions", words("dimensions")),
        ("granularity", text("granularity")),
        ("startAt", text("start")),
        ("endAt", text("end")),
        ("periodType", text("period")),
        ("filter", filter(question)),
        ("limit", "100000".to_owned()),
    ]);
    if question["top"] != 0 {
        query.append_pair("top", &question["top"].to_string());
    }
    format!("/finops-onboarding/v1/orgs/{}/costs?{}", story.org, query.finish())
}

/// The sums of each metric, by time, values and whether it is the rest.
type Rows = BTreeMap<String, Vec<Amount>>;

/// What DuckDB answers to each question.
fn asked_of_duckdb(charges: &Path, questions: &[Value]) -> Vec<Rows> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/costs/questions.py");
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../billing/data/category-rules-aws.csv");
    let mut command = Command::new(python());
    command.arg(script).arg(charges).arg(rules).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let sent = serde_json::to_vec(questions).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&sent).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let answers: Vec<Vec<(Value, Vec<Value>)>> = serde_json::from_slice(&output.stdout).unwrap();
    let rows = |rows: Vec<(Value, Vec<Value>)>| {
        rows.into_iter().map(|(key, sums)| (key.to_string(), sums.iter().map(exact).collect())).collect()
    };
    answers.into_iter().map(rows).collect()
}

/// What the API answers.
async fn asked_of_us(story: &Story, question: &Value) -> Rows {
    let answer = story.get(&address(story, question)).await;
    assert!(answer.get("nextPage").is_none(), "one page was enough");
    let rows = answer["values"].as_array().unwrap().iter().map(|row| {
        let names = question["dimensions"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        let values: Vec<&Value> = names.map(|name| &row["dimensions"][name]).collect();
        let key = json!([row["timestamp"], values, row["other"] == true]);
        let metrics = question["metrics"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        (key.to_string(), metrics.map(|name| exact(&row["metrics"][name])).collect())
    });
    rows.collect()
}

#[tokio::test]
async fn generated_questions_have_the_answers_that_duckdb_gives() {
    let (story, _) = sampled(Mode::CreateNew, 32).await;
    let mut values = BTreeMap::new();
    for dimension in DIMENSIONS {
        let all = json!({
            "metrics": [METRICS[2]], "dimensions": [dimension], "granularity": "total", "start": "2026-08", "end": "2026-10",
            "period": "charge_period", "join": "and", "conditions": [], "top": 0,
        });
        let answer = story.get(&address(&story, &all)).await;
        let found = answer["values"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["dimensions"][dimension].as_str().unwrap().to_owned());
        values.insert(dimension, found.collect::<Vec<_>>());
    }
    let mut random = Random(20_261_001);
    let questions: Vec<Value> = (0..QUESTIONS).map(|_| random.question(&values)).collect();
    let charges = story.server.install().data().join("lake/orgs").join(story.org.to_string()).join("charges");
    let known = asked_of_duckdb(&charges, &questions);
    for (question, known) in questions.iter().zip(&known) {
        let found = asked_of_us(&story, question).await;
        assert_eq!(found, *known, "{question}\n{}", filter(question));
    }
    let with_rows = known.iter().filter(|rows| !rows.is_empty()).count();
    let others = known.iter().flatten().filter(|(key, _)| key.ends_with("true]")).count();
    assert!(with_rows > QUESTIONS / 2 && others > 5, "they ask for something: {with_rows}, {others}");
}
