//! Deliveries and reconciliation of an org that has none, and questions about them that are wrong.

use serde_json::json;

use super::Api;

const BASE: &str = "/finops-onboarding/v1/orgs/{org}";

#[tokio::test]
async fn an_org_without_bills_has_empty_lists() {
    let api = Api::new().await;
    for (path, kind) in [
        ("deliveries?billMonth=202609", "finops:delivery-list"),
        ("reconciliation?verify=true", "finops:reconciliation-list"),
    ] {
        let answer = api.get(&format!("{BASE}/{path}")).await;
        assert_eq!(answer.json(), json!({ "kind": kind, "values": [] }), "{path}");
    }
    let question = json!({
        "billing_center_ids": ["unallocated"], "metrics": ["cost_nonamortized_unblended_adj"], "start_at": "2026-09",
        "end_at": "2026-10", "as_of": "2026-10-03"
    });
    let answer = api.post("/bill-analysis/orgs/{org}/costs/aggregated", &question).await;
    assert_eq!(answer.text, r#"{"rows":[],"rowsTruncated":false}"#);
}

#[tokio::test]
async fn what_is_not_there_is_404_and_what_is_wrong_400() {
    let api = Api::new().await;
    let compare = format!("{BASE}/deliveries/compare");
    let month = "billConnectId=aws-123456789012&billMonth=202609";
    let message = api.get(&format!("{compare}?{month}")).await.error(404, "not_found");
    assert!(message.contains("there is nothing to compare"), "{message}");
    let unknown = "0123456789abcdef0123456789abcdef";
    let message = api.get(&format!("{compare}?{month}&from={unknown}")).await.error(404, "not_found");
    assert!(message.contains(unknown), "{message}");
    let wrong = api.get(&format!("{compare}?billMonth=x&from=y&by=service,color,service&lines=some&limit=0")).await;
    let message = wrong.error(400, "bad_request");
    for part in [
        "`billConnectId` is missing",
        "`billMonth`",
        "`from`",
        "`color`",
        "named twice",
        "`changed` or `all`",
        "`limit`",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let message = api.get(&format!("{BASE}/reconciliation?limit=25&verify=1")).await.error(400, "bad_request");
    assert!(message.contains("from 1 to 24") && message.contains("`verify`"), "{message}");
    let question = json!({
        "billing_center_ids": ["unallocated"], "metrics": ["cost_nonamortized_unblended_adj"], "start_at": "2026-09",
        "end_at": "2026-10",
        "deliveries": [{ "bill_connect_id": "aws-123456789012", "billing_period": "2026-09", "delivery_id": unknown }]
    });
    let answer = api.post("/bill-analysis/orgs/{org}/costs/aggregated", &question).await;
    let message = answer.error(404, "not_found");
    assert!(message.contains("never came from a delivery"), "{message}");
}
