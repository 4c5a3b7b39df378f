//! The cost API as its contract has it: every metric, dimension, filter, period, limit and error, over a sample bill.

mod duckdb;
mod ours;

use std::collections::BTreeSet;

use billing::cost_query::{Dimension, Metric};
use billing::money::Amount;
use reqwest::Method;
use sample::Mode;
use serde_json::{Value, json};

use crate::exact::{exact, sampled};
use crate::kit::server::Answer;
use crate::kit::story::Story;

const UNBLENDED: &str = "cost_nonamortized_unblended_adj";

/// Asks one of the two routes about the sample's two months, with these fields in the question; `null` takes one away.
async fn ask(story: &Story, route: &str, fields: Value) -> Answer {
    let mut body = json!({
        "billing_center_ids": ["unallocated"], "metrics": [UNBLENDED], "start_at": "2026-08", "end_at": "2026-10",
    });
    let all = body.as_object_mut().unwrap();
    for (name, value) in fields.as_object().unwrap() {
        if value.is_null() {
            all.remove(name)
        } else {
            all.insert(name.clone(), value.clone())
        };
    }
    story.call(Method::POST, &format!("/bill-analysis/orgs/{}/costs/{route}", story.org), Some(body)).await
}

async fn rows(story: &Story, route: &str, fields: Value) -> Vec<Value> {
    let answer = ask(story, route, fields.clone()).await;
    assert_eq!(answer.status, 200, "{fields}: {}", answer.json);
    assert_eq!(answer.json["rowsTruncated"], false, "{fields}");
    answer.json["rows"].as_array().unwrap().clone()
}

fn sum(rows: &[Value], metric: &str) -> Amount {
    rows.iter().fold(Amount::ZERO, |sum, row| sum.checked_add(exact(&row["metrics"][metric])).unwrap())
}

fn values(rows: &[Value], dimension: &str) -> BTreeSet<String> {
    rows.iter().map(|row| row["dimensions"][dimension].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_metric_by_every_dimension_adds_up_to_the_whole_and_to_the_charges() {
    let (story, totals) = sampled(Mode::CreateNew, 31).await;
    let listed = story.get(&format!("/bill-analysis/orgs/{}/costs/metrics", story.org)).await;
    let metrics: Vec<&str> =
        listed["metrics"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(metrics, Metric::all().map(Metric::id).collect::<Vec<_>>());
    let listed = story.get(&format!("/bill-analysis/orgs/{}/costs/dimensions", story.org)).await;
    let dimensions: Vec<&str> =
        listed["dimensions"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(dimensions, Dimension::all().map(Dimension::id).collect::<Vec<_>>());

    let costs: Vec<&str> = metrics.iter().copied().filter(|metric| *metric != "usage_amount").collect();
    let whole = rows(&story, "aggregated", json!({ "metrics": costs })).await;
    assert_eq!(whole.len(), 2, "a row a month");
    for (metric, known) in [
        (UNBLENDED, "unblended"),
        ("cost_amortized_unblended_adj", "effective"),
        ("list_price_nonamortized_adj", "list"),
    ] {
        assert_eq!(sum(&whole, metric), exact(&totals["overall"][known]), "{metric}");
    }
    for dimension in dimensions.iter().filter(|dimension| **dimension != "resource_id").chain(&["tag_team"]) {
        let grouped = rows(&story, "aggregated", json!({ "metrics": costs, "dimensions": [dimension] })).await;
        for metric in &costs {
            assert_eq!(sum(&grouped, metric), sum(&whole, metric), "{metric} by {dimension}");
        }
    }
    let usage = json!({ "metrics": ["usage_amount"], "dimensions": ["usage_unit"] });
    assert!(values(&rows(&story, "aggregated", usage).await, "usage_unit").len() > 2);
    let charges = json!({ "metrics": costs, "dimensions": ["resource_id", "service"], "limit": 100_000 });
    let charges = rows(&story, "select", charges).await;
    assert!(charges.len() > 5_000 && values(&charges, "resource_id").len() > 100, "{}", charges.len());
    for metric in &costs {
        assert_eq!(sum(&charges, metric), sum(&whole, metric), "{metric} of single charges");
    }
    let day = json!({ "granularity": "day", "start_at": "2026-08-01", "end_at": "2026-09-01" });
    let days = rows(&story, "aggregated", day).await;
    assert_eq!(days.len(), 31);
    let august = rows(&story, "aggregated", json!({ "end_at": "2026-09" })).await;
    assert_eq!(sum(&days, UNBLENDED), sum(&august, UNBLENDED));
    let one = rows(&story, "aggregated", json!({ "summarized": true, "metrics": costs })).await;
    assert_eq!((one.len(), &one[0]["timestamp"]), (1, &json!("2026-08-01T00:00:00Z")));
    for metric in costs {
        assert_eq!(sum(&one, metric), sum(&whole, metric), "{metric} summarized");
    }
    accounts_and_currency(&story, &totals).await;
    hostile_values_match_nothing(&story, &august).await;
    limits_bite(&story).await;
}

async fn accounts_and_currency(story: &Story, totals: &Value) {
    let base = format!("/bill-analysis/orgs/{}", story.org);
    let accounts = story.get(&format!("{base}/cloud_vendor_accounts?cloud_vendor=aws")).await;
    let ids: BTreeSet<&str> =
        accounts.as_array().unwrap().iter().map(|account| account["id"].as_str().unwrap()).collect();
    let known = totals["overall"]["by_usage_account"].as_object().unwrap();
    assert_eq!(ids, known.keys().map(String::as_str).collect());
    assert_eq!(accounts[0]["kind"], "ba#cloud_vendor_account");
    assert_eq!(accounts[0]["vendor_name"], "Amazon Web Services");
    assert!(accounts[0]["name"].as_str().is_some_and(|name| !name.is_empty()));
    assert_eq!(story.get(&format!("{base}/cloud_vendor_accounts?cloud_vendor=azure")).await, json!([]));
    let currency = story.get(&format!("{base}/settings/currency_code")).await;
    assert_eq!(currency, json!({ "id": "currency_code", "kind": "optima#setting", "value": "USD" }));
}

/// Values that would be something else in a query's text, in a pattern, in a path.
const HOSTILE: [&str; 12] = [
    "' OR 1=1 --",
    "'; DROP TABLE charges; --",
    "%",
    "_",
    "\\",
    "\"",
    "${jndi:ldap://x}",
    "../../etc/passwd",
    "\u{0}",
    "\u{202e}",
    "🦀",
    "x') UNION SELECT 1 --",
];

async fn hostile_values_match_nothing(story: &Story, august: &[Value]) {
    for value in HOSTILE {
        let condition = json!({ "type": "equal", "dimension": "service", "value": value });
        let without = json!({ "end_at": "2026-09", "filter": { "type": "not", "expression": condition } });
        assert_eq!(rows(story, "aggregated", json!({ "filter": condition })).await, [Value::Null; 0], "{value:?}");
        assert_eq!(sum(&rows(story, "aggregated", without).await, UNBLENDED), sum(august, UNBLENDED), "{value:?}");
        let part = json!({ "type": "substring", "dimension": "service", "substring": value });
        assert_eq!(rows(story, "aggregated", json!({ "filter": part })).await, [Value::Null; 0], "{value:?}");
        let tag = format!("tag_{value}");
        let tagged = rows(story, "aggregated", json!({ "end_at": "2026-09", "dimensions": [tag] })).await;
        assert_eq!(values(&tagged, &tag), BTreeSet::from(["None".to_owned()]), "{value:?}");
    }
}

async fn limits_bite(story: &Story) {
    let by_service = json!({ "dimensions": ["service"], "limit": 1 });
    let cut = ask(story, "aggregated", by_service).await.json;
    assert_eq!((cut["rows"].as_array().unwrap().len(), &cut["rowsTruncated"]), (1, &json!(true)));
    let cut = ask(story, "select", json!({ "dimensions": ["service"], "limit": 10 })).await.json;
    assert_eq!((cut["rows"].as_array().unwrap().len(), &cut["rowsTruncated"]), (10, &json!(true)));
    let tags: Vec<String> = (0..11).map(|number| format!("tag_{number}")).collect();
    let deep = (0..16)
        .fold(json!({ "type": "and", "expressions": [] }), |inner, _| json!({ "type": "not", "expression": inner }));
    let long = json!({ "type": "or", "expressions": vec![json!({ "type": "and", "expressions": [] }); 500] });
    let charges = json!({ "dimensions": ["service"], "limit": 1 });
    let with = |more: Value| {
        let mut all = charges.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    for (route, fields, said) in [
        ("aggregated", json!({ "billing_center_ids": [] }), "`billing_center_ids`"),
        ("aggregated", json!({ "billing_center_ids": ["other"] }), "there is `unallocated`"),
        ("aggregated", json!({ "billing_center_ids": null }), "`billing_center_ids` is missing"),
        ("aggregated", json!({ "metrics": [] }), "at least one metric"),
        ("aggregated", json!({ "metrics": ["cost"] }), "no metric"),
        ("aggregated", json!({ "metrics": ["usage_amount"] }), "`usage_unit`"),
        ("aggregated", json!({ "dimensions": tags }), "more than 10"),
        ("aggregated", json!({ "dimensions": ["resource_id"] }), "`resource_id`"),
        ("aggregated", json!({ "dimensions": ["servise"] }), "no dimension"),
        ("aggregated", json!({ "end_at": "2028-09" }), "24 months"),
        ("aggregated", json!({ "granularity": "day" }), "31 days"),
        ("aggregated", json!({ "granularity": "hour" }), "`month` or `day`"),
        ("aggregated", json!({ "period_type": "invoice" }), "`charge_period` or `billing_period`"),
        ("aggregated", json!({ "start_at": "2026-10" }), "must lie after the start"),
        ("aggregated", json!({ "start_at": "October" }), "`start_at`"),
        ("aggregated", json!({ "limit": 0 }), "at least 1"),
        ("aggregated", json!({ "filter": { "type": "in", "dimension": "service", "values": [] } }), "`filter`"),
        ("aggregated", json!({ "filter": deep }), "16"),
        ("aggregated", json!({ "filter": long }), "500"),
        ("select", with(json!({ "limit": null })), "`limit` is missing"),
        ("select", with(json!({ "limit": 100_001 })), "100000"),
        ("select", with(json!({ "dimensions": [] })), "at least one dimension"),
        ("select", with(json!({ "dimensions": null })), "`dimensions` is missing"),
        ("select", with(json!({ "dimensions": tags })), "more than 10"),
    ] {
        let answer = ask(story, route, fields.clone()).await;
        assert_eq!((answer.status, &answer.json["name"]), (400, &json!("bad_request")), "{fields}");
        let message = answer.json["message"].as_str().unwrap();
        assert!(message.contains(said), "{fields}: {message}");
    }
}

#[tokio::test]
async fn an_org_without_costs_is_answered_in_the_contracts_form() {
    let story = Story::new().await;
    let empty = json!({ "rows": [], "rowsTruncated": false });
    assert_eq!(ask(&story, "aggregated", json!({})).await.json, empty);
    assert_eq!(ask(&story, "select", json!({ "dimensions": ["service"], "limit": 1 })).await.json, empty);
    let base = format!("/bill-analysis/orgs/{}", story.org);
    assert_eq!(story.get(&format!("{base}/cloud_vendor_accounts")).await, json!([]));
    assert_eq!(story.get(&format!("{base}/settings/currency_code")).await["value"], "USD");
}
