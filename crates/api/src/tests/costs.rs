//! Costs of an org that has none, in every form, and what is wrong with a question before the lake is asked.

use super::*;

const COSTS: &str = "/finops-onboarding/v1/orgs/{org}/costs?startAt=2026-09&endAt=2026-10&dimensions=service";

#[tokio::test]
async fn an_org_without_costs_is_answered_in_every_form() {
    let api = Api::new().await;
    let answer = api.get(COSTS).await;
    assert_eq!(answer.json(), json!({ "kind": "finops:cost-list", "values": [], "deliveries": [] }));
    let csv = api.get(&format!("{COSTS}&format=csv&top=3")).await;
    assert_eq!(csv.text, "timestamp,service,cost_nonamortized_unblended_adj,other\n");
    let request = api.request("GET", COSTS, &api.viewer).header(header::IF_NONE_MATCH, answer.header("etag"));
    let same = api.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((same.status, same.header("etag")), (StatusCode::NOT_MODIFIED, answer.header("etag")));
    let base = "/bill-analysis/orgs/{org}";
    let body = json!({
        "billing_center_ids": ["unallocated"], "metrics": ["list_price_amortized_adj"], "dimensions": ["resource_id"],
        "start_at": "2026-09", "end_at": "2026-10", "limit": 1
    });
    let charges = api.post(&format!("{base}/costs/select"), &body).await;
    assert_eq!(charges.text, r#"{"rows":[],"rowsTruncated":false}"#);
    let body = with(body, json!({ "dimensions": null, "limit": null, "summarized": true }));
    assert_eq!(api.post(&format!("{base}/costs/aggregated"), &body).await.text, charges.text);
    assert_eq!(api.get(&format!("{base}/cloud_vendor_accounts?cloud_vendor=AWS")).await.json(), json!([]));
    let currency = json!({ "id": "currency_code", "kind": "optima#setting", "value": "USD" });
    assert_eq!(api.get(&format!("{base}/settings/currency_code")).await.json(), currency);
}

#[tokio::test]
async fn a_wrong_question_names_every_wrong_parameter() {
    let api = Api::new().await;
    let wrong = "endAt=x&metrics=cost&dimensions=colour&granularity=week&periodType=x&filter=(&orderBy=(&top=0&limit=0&asOf=x\
        &skipToken=x&format=xlsx";
    let message = api.get(&format!("/finops-onboarding/v1/orgs/{{org}}/costs?{wrong}")).await.error(400, "bad_request");
    for name in wrong.split('&').filter_map(|pair| pair.split('=').next()).chain(["startAt"]) {
        assert!(message.contains(&format!("`{name}`")), "{name}: {message}");
    }
    assert!(message.starts_with("13 fields are wrong"), "each once: {message}");
}
