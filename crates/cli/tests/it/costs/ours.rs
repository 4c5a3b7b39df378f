//! Any question in any form: pages that stay one answer, names that say whether an answer changed, files, and the command line.

use billing::money::Amount;
use reqwest::{Method, Response, StatusCode};
use sample::Mode;
use serde_json::Value;

use crate::exact::{exact, sampled};
use crate::kit::bill::Delivery;
use crate::kit::story::Story;

const UNBLENDED: &str = "cost_nonamortized_unblended_adj";

fn address(story: &Story, query: &str) -> String {
    format!("/finops-onboarding/v1/orgs/{}/costs?{query}", story.org)
}

async fn ask(story: &Story, query: &str) -> Value {
    story.get(&address(story, query)).await
}

/// Sends a request with these headers.
async fn raw(story: &Story, query: &str, headers: &[(&str, &str)]) -> Response {
    let url = format!("{}{}", story.server.url, address(story, query));
    let request = reqwest::Client::new().get(url).bearer_auth(&story.token);
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

fn sum(values: &[Value]) -> Amount {
    let amounts = values.iter().map(|row| exact(&row["metrics"][UNBLENDED]));
    amounts.fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).unwrap())
}

fn values(answer: &Value) -> Vec<Value> {
    answer["values"].as_array().unwrap().clone()
}

/// Every page from this one on.
async fn pages(story: &Story, query: &str) -> Vec<Vec<Value>> {
    let mut answer = ask(story, query).await;
    let mut pages = vec![values(&answer)];
    while let Some(next) = answer["nextPage"].as_str() {
        answer = story.get(next).await;
        pages.push(values(&answer));
    }
    pages
}

const SPAN: &str = "startAt=2026-08&endAt=2026-10";

#[tokio::test]
async fn any_number_of_dimensions_comes_in_pages_in_any_order_and_in_any_form() {
    let (story, totals) = sampled(Mode::CreateNew, 33).await;
    let known = exact(&totals["overall"]["unblended"]);
    let all = "vendor,vendor_account,billing_account,bill_entity,bill_source,invoice_id,category,service,region,usage_type,\
        line_item_type,resource_type,tag_team,description,resource_id";
    let query = format!("{SPAN}&dimensions={all}&granularity=hour&limit=100000");
    let rows = values(&ask(&story, &query).await);
    assert!(rows.len() > 1000 && sum(&rows) == known, "{}", rows.len());
    let by_cost =
        format!("{SPAN}&dimensions=service,vendor_account&granularity=day&orderBy={UNBLENDED}%20desc,service");
    let whole = values(&ask(&story, &format!("{by_cost}&limit=100000")).await);
    let pages = pages(&story, &format!("{by_cost}&limit=97")).await;
    assert!(pages.len() > 3 && pages[..pages.len() - 1].iter().all(|page| page.len() == 97));
    assert_eq!(pages.concat(), whole, "pages are the answer, each row once and in order");
    assert!(whole.is_sorted_by(|one, next| exact(&one["metrics"][UNBLENDED]) >= exact(&next["metrics"][UNBLENDED])));
    let top = values(&ask(&story, &format!("{SPAN}&dimensions=service&top=2&granularity=total")).await);
    assert_eq!(top.iter().filter(|row| row["other"] == true).count(), 1);
    assert_eq!((top.len(), sum(&top)), (3, known), "{top:?}");
    let without = "filter=not%20(service%20eq%20null%20or%20service%20in%20('AmazonEC2','AmazonS3'))";
    let rest = "filter=service%20eq%20null%20or%20service%20in%20('AmazonEC2','AmazonS3')";
    let parts = [ask(&story, &format!("{SPAN}&{without}")).await, ask(&story, &format!("{SPAN}&{rest}")).await];
    assert_eq!(sum(&parts.iter().flat_map(values).collect::<Vec<_>>()), known);
    files(&story, &by_cost, &whole).await;
    wrong_questions_are_explained(&story).await;
    on_the_command_line(&story, known);
}

/// The same rows in a file, whichever way it is asked for.
async fn files(story: &Story, query: &str, whole: &[Value]) {
    let csv = raw(story, query, &[("accept", "text/csv")]).await;
    assert_eq!(header(&csv, "content-type"), "text/csv; charset=utf-8");
    let text = csv.text().await.unwrap();
    assert_eq!(raw(story, &format!("{query}&format=csv"), &[]).await.text().await.unwrap(), text);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(&*format!("timestamp,service,vendor_account,{UNBLENDED}")));
    assert_eq!(lines.clone().count(), whole.len());
    for (line, row) in lines.zip(whole) {
        assert_eq!(line.rsplit(',').next().unwrap().parse(), Ok(exact(&row["metrics"][UNBLENDED])), "{line}");
    }
    let first = raw(story, &format!("{query}&format=csv&limit=10"), &[]).await;
    let link = header(&first, "link");
    let next = link
        .strip_prefix('<')
        .and_then(|link| link.strip_suffix(">; rel=\"next\""))
        .unwrap_or_else(|| panic!("{link}"));
    let next = next.split_once('?').unwrap().1.to_owned();
    assert_eq!(raw(story, &next, &[]).await.text().await.unwrap().lines().count(), 11);
    let parquet = raw(story, query, &[("accept", "application/vnd.apache.parquet")]).await;
    assert_eq!(header(&parquet, "content-disposition"), "attachment; filename=\"costs.parquet\"");
    let bytes = parquet.bytes().await.unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
}

async fn wrong_questions_are_explained(story: &Story) {
    for (query, said) in [
        ("", &["`startAt`", "`endAt`"][..]),
        ("startAt=soon&endAt=-0001-01-01", &["`startAt`", "`endAt`"]),
        ("startAt=2026-08&endAt=2026-10&metrics=cost,usage_amount&dimensions=colour", &["`metrics`", "`dimensions`"]),
        ("startAt=2026-08&endAt=2026-10&metrics=usage_amount", &["`usage_unit`"]),
        ("startAt=2026-08&endAt=2026-08", &["`endAt`"]),
        ("startAt=2026-08&endAt=2026-10&filter=service%20is%20'x'", &["`filter`: at character 9"]),
        ("startAt=2026-08&endAt=2026-10&filter=service%20eq%20'x", &["no closing quote"]),
        ("startAt=2026-08&endAt=2026-10&orderBy=region", &["`orderBy`", "not among"]),
        ("startAt=2026-08&endAt=2026-10&top=1", &["`top`"]),
        (
            "startAt=2026-08&endAt=2026-10&top=1001&limit=100001&format=xlsx",
            &["3 fields", "`top`", "`limit`", "`format`"],
        ),
        ("startAt=2026-08&endAt=2026-10&granularity=week&periodType=x&asOf=y", &["3 fields"]),
        ("startAt=2026-08&endAt=2026-10&skipToken=made-up", &["`skipToken`"]),
    ] {
        let answer = story.call(Method::GET, &address(story, query), None).await;
        let message = answer.json["message"].as_str().unwrap_or_default();
        assert_eq!(answer.status, 400, "{query}: {}", answer.json);
        for said in said {
            assert!(message.contains(said), "{query}: {message}");
        }
    }
    let first = ask(story, &format!("{SPAN}&dimensions=service&limit=1")).await;
    let other = first["nextPage"].as_str().unwrap().replace("dimensions=service", "dimensions=region");
    let answer = story.call(Method::GET, &other, None).await;
    assert!(answer.status == 400 && answer.json["message"].as_str().unwrap().contains("another question"));
}

fn on_the_command_line(story: &Story, known: Amount) {
    let org = story.org.to_string();
    let costs = |more: &[&str]| {
        let output = story.server.install().run(&[&["costs", "--org", &org][..], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let table = costs(&["--by", "service,region", "--top", "3"]);
    assert!(table.contains('█') && table.contains("Other") && table.contains("2026-08"), "{table}");
    assert!(table.contains(&format!("total, every digit: {known}")), "{table}");
    let json: Value = serde_json::from_str(&costs(&["--by", "tag_team", "--json"])).unwrap();
    assert_eq!(exact(&json["total"]), known);
    let csv = costs(&["--by", "service", "--granularity", "total", "--csv"]);
    let amounts = csv.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().parse::<Amount>().unwrap());
    assert_eq!(amounts.fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).unwrap()), known);
    let some = costs(&["--filter", "service eq 'AmazonS3'", "--months", "2026-08"]);
    assert!(some.contains("AmazonS3") && !some.contains("AmazonEC2"), "{some}");
    let output = story.server.install().run(&["costs", "--org", &org, "--filter", "service eq 'none such'"]);
    assert!(output.stdout.is_empty() && String::from_utf8_lossy(&output.stderr).contains("no charges match"));
    let output = story.server.install().run(&["costs", "--org", &org, "--filter", "servise eq 'x'"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("at character 1"));
}

#[tokio::test]
async fn pages_stay_one_answer_and_its_name_changes_when_it_may() {
    let story = Story::new().await;
    let empty = ask(&story, "startAt=2026-09&endAt=2026-10").await;
    assert_eq!(empty, serde_json::json!({ "kind": "finops:cost-list", "values": [], "deliveries": [] }));
    let lines = [("Usage", "AmazonEC2", "7.5"), ("Usage", "AmazonS3", "2.5"), ("Usage", "AmazonRDS", "1")];
    Delivery::of(story.payer(), &lines).put(&story.world).await;
    assert_eq!(story.connect().await.status, 201);
    story.completed(1).await;
    let query = "startAt=2026-09&endAt=2026-10&dimensions=service&limit=2";
    let first = ask(&story, query).await;
    let tag = header(&raw(&story, query, &[]).await, "etag");
    let same = raw(&story, query, &[("if-none-match", &tag)]).await;
    assert_eq!((same.status(), header(&same, "etag")), (StatusCode::NOT_MODIFIED, tag.clone()));
    assert_eq!(same.text().await.unwrap(), "");
    for other in [&format!("{query}&format=csv"), "startAt=2026-09&endAt=2026-10&limit=2"] {
        assert_eq!(raw(&story, other, &[("if-none-match", &tag)]).await.status(), StatusCode::OK, "{other}");
    }
    assert_eq!((&first["status"], &first["deliveries"][0]["status"]), (&"open".into(), &"estimated".into()));
    assert_eq!(first["deliveries"][0]["billConnectId"], format!("aws-{}", story.payer()));

    // While somebody reads on, AWS delivers the month anew.
    Delivery::newer(story.payer()).put(&story.world).await;
    story.completed(2).await;
    let second = story.get(first["nextPage"].as_str().unwrap()).await;
    assert_eq!(second["deliveries"], first["deliveries"]);
    let read = [values(&first), values(&second)].concat();
    assert_eq!((read.len(), sum(&read).to_string().as_str()), (3, "11"));
    let anew = raw(&story, query, &[("if-none-match", &tag)]).await;
    assert_eq!(anew.status(), StatusCode::OK);
    assert_ne!(header(&anew, "etag"), tag);
}
