//! Bill months over HTTP: the language, the pages, the file.

use app::store::Outcome;
use billing::delivery::{DeliveryId, PartHead};
use billing::names::BillConnectId;

use super::*;

const MONTHS: &str = "/finops-onboarding/v1/orgs/{org}/processing/bill-months";
const ONE: &str = "aws-123456789012";
const OTHER: &str = "aws-210987654321";

impl Api {
    /// A try to read a month that came to nothing, or has not ended.
    async fn tried(&self, connect: &str, period: &str, ended: Option<&str>) {
        let (connect, period): (BillConnectId, _) = (connect.parse().unwrap(), period.parse().unwrap());
        let delivery = DeliveryId::of("1", &[PartHead { key: "a".into(), etag: "b".into(), size: 1 }]);
        let id = self.app.store().start_import((self.org, &connect, period), &delivery).await.unwrap();
        if let Some(error) = ended {
            self.app.store().finish_import(self.org, id, Outcome::Aborted(error)).await.unwrap();
        }
    }

    /// An API with two bill connects of three months each; the newest of the first is being read.
    async fn with_months() -> Self {
        let api = Self::new().await;
        for connect in [ONE, OTHER] {
            api.connected(&connect[4..]).await;
            for period in ["2026-08", "2026-09", "2026-10"] {
                let reading = connect == ONE && period == "2026-10";
                api.tried(connect, period, (!reading).then_some("`a` is missing")).await;
            }
        }
        api
    }

    /// The months that a query lists, `connect month`, and the whole answer.
    async fn months(&self, query: &str) -> (Vec<String>, Value) {
        let answer = self.get(&format!("{MONTHS}?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        let json = answer.json();
        let told = |value: &Value| format!("{} {}", text(&value["billConnectId"]), text(&value["billMonth"]));
        (json["values"].as_array().unwrap().iter().map(told).collect(), json)
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// A filter as a query sends it.
fn filter(text: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", text).finish()
}

#[tokio::test]
async fn an_org_without_months_has_an_empty_index() {
    let api = Api::new().await;
    let made = api.app.store().org(api.org).await.unwrap().unwrap().created_at;
    let (_, answer) = api.months("").await;
    let expected = json!({
        "kind": "finops:enterprise-bill-month-index", "count": 0,
        "updatedAt": billing::bill_month::stamp(made),
        "downloadUrl": format!("/finops-onboarding/v1/orgs/{}/processing/bill-months/download?format=csv", api.org),
        "values": []
    });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn months_are_listed_newest_first_with_what_is_known() {
    let api = Api::with_months().await;
    let (months, answer) = api.months("").await;
    let expected: Vec<String> = ["202610", "202609", "202608"]
        .iter()
        .flat_map(|month| [ONE, OTHER].map(|id| format!("{id} {month}")))
        .collect();
    assert_eq!(months, expected);
    let fields = |at: usize| answer["values"][at].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(0), ["billConnectId", "billMonth", "status", "lastProcessStartAt"], "it is being read");
    assert_eq!(
        fields(1),
        ["billConnectId", "billMonth", "status", "lastProcessStartAt", "lastProcessEndAt"],
        "it never was"
    );
    assert_eq!(
        (&answer["values"][0]["status"], &answer["values"][1]["status"]),
        (&json!("processing"), &json!("processed"))
    );
    assert_eq!(answer["count"], 6);
    let newest = answer["values"].as_array().unwrap().iter().map(|value| text(&value["lastProcessStartAt"])).max();
    assert!(text(&answer["updatedAt"]) >= newest.unwrap());
}

#[tokio::test]
async fn filters_and_orders_say_which_and_how() {
    let api = Api::with_months().await;
    for (query, expected) in [
        (filter("status eq 'processing'"), vec![format!("{ONE} 202610")]),
        (filter("lastProcessEndAt le '2000-01-01T00:00:00Z'"), vec![]),
        (
            filter("billMonth in ('202608','202610') and (billConnectId ew '1' or status ne 'processed')"),
            vec![format!("{ONE} 202610"), format!("{OTHER} 202610"), format!("{OTHER} 202608")],
        ),
        (
            filter("billMonth lt '202609'") + "&orderBy=billMonth%20asc,billConnectId%20desc",
            vec![format!("{OTHER} 202608"), format!("{ONE} 202608")],
        ),
        // What is empty is as good as absent, and what nobody knows is not looked at.
        ("filter=&orderBy=&skipToken=&limit=&colour=red&limit=1".to_owned(), vec![format!("{ONE} 202610")]),
    ] {
        assert_eq!(api.months(&query).await.0, expected, "{query}");
    }
}

#[tokio::test]
async fn pages_lead_through_the_list_and_back() {
    let api = Api::with_months().await;
    let query = filter("billMonth ge '202608'") + "&orderBy=billMonth";
    let (all, _) = api.months(&query).await;
    let (mut seen, mut path, mut pages) = (Vec::new(), format!("{MONTHS}?{query}&limit=4"), Vec::new());
    loop {
        let answer = api.get(&path).await.json();
        assert_eq!(answer["count"], 6);
        seen.extend(answer["values"].as_array().unwrap().clone());
        let next = answer["nextPage"].as_str().map(str::to_owned);
        pages.push(answer);
        // What comes meanwhile shifts no page.
        api.tried(ONE, "2026-07", Some("x")).await;
        match next {
            Some(next) => path = next,
            None => break,
        }
    }
    let told: Vec<String> =
        seen.iter().map(|value| format!("{} {}", text(&value["billConnectId"]), text(&value["billMonth"]))).collect();
    assert_eq!((told, pages.len()), (all, 2));
    assert!(pages[0].get("prevPage").is_none() && pages[1].get("nextPage").is_none());
    let back = api.get(text(&pages[1]["prevPage"])).await.json();
    assert_eq!(back["values"], pages[0]["values"]);
    assert!(text(&pages[0]["downloadUrl"]).contains("filter=billMonth+ge+%27202608%27&orderBy=billMonth&format=csv"));
}

#[tokio::test]
async fn everything_wrong_with_a_query_is_named() {
    let api = Api::with_months().await;
    let query = filter("colour eq 'red' and status eq 'done'") + "&orderBy=size&limit=0&skipToken=x";
    let message = api.get(&format!("{MONTHS}?{query}")).await.error(400, "bad_request");
    for part in [
        "4 fields are wrong",
        "`filter`: at character 1: there is no field `colour`; fields are `billConnectId`, `billMonth`, `status`, \
         `lastProcessStartAt`, `lastProcessEndAt`, `lastProcessedAt`",
        "`filter`: at character 31: `status`: `done` is no status; it is `processing` or `processed`",
        "`orderBy`: at character 1: there is no field `size`",
        "`limit` must be a whole number from 1 to 1000",
    ] {
        assert!(message.contains(part), "{part} in {message}");
    }
    let (_, first) = api.months("limit=1").await;
    let token = text(&first["nextPage"]).split("skipToken=").nth(1).unwrap().to_owned();
    for (other, told) in [
        (
            format!("skipToken={token}&orderBy=status"),
            "`skipToken`: it belongs to a list with another `filter` or `orderBy`",
        ),
        (
            format!("skipToken={token}&{}", filter("status eq 'processed'")),
            "`skipToken`: it belongs to a list with another",
        ),
        ("skipToken=7".to_owned(), "`skipToken`: it is none that this list has named"),
    ] {
        let message = api.get(&format!("{MONTHS}?{other}")).await.error(400, "bad_request");
        assert!(message.contains(told), "{message}");
    }
    for wrong in ["limit=1001", "limit=x", "limit=-1", "limit=1.5"] {
        api.get(&format!("{MONTHS}?{wrong}")).await.error(400, "bad_request");
    }
    let message = api.get(&format!("{MONTHS}/download?format=xlsx")).await.error(400, "bad_request");
    assert!(message.contains("`format` must be `csv`"), "{message}");
}

#[tokio::test]
async fn the_whole_list_is_to_be_had_as_a_file() {
    let api = Api::with_months().await;
    let query = filter("billConnectId ew '2'") + "&orderBy=billMonth&limit=1";
    let answer = api.get(&format!("{MONTHS}/download?format=csv&{query}")).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/csv; charset=utf-8"));
    let name = format!("attachment; filename=\"bill-months-{}.csv\"", api.org);
    assert_eq!(answer.header("content-disposition"), name);
    let lines: Vec<&str> = answer.text.split_terminator("\r\n").collect();
    assert_eq!(lines[0], "billConnectId,billMonth,status,lastProcessStartAt,lastProcessEndAt,lastProcessedAt");
    let starts: Vec<&str> = lines[1..].iter().map(|line| line.rsplitn(4, ',').last().unwrap()).collect();
    assert_eq!(
        starts,
        [
            "aws-123456789012,202608,processed",
            "aws-123456789012,202609,processed",
            "aws-123456789012,202610,processing"
        ]
    );
}
