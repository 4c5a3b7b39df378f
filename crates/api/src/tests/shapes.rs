//! What answers look like, to the letter of the contract.

use app::store::Outcome;
use billing::delivery::{DeliveryId, PartHead};

use super::*;

const ACCOUNT: &str = "123456789012";

#[tokio::test]
async fn an_org_without_bills_has_empty_lists() {
    let api = Api::new().await;
    for (path, expected) in [
        (FIRST.to_owned(), json!([])),
        (format!("{FIRST}/validate"), json!([])),
        (SECOND.to_owned(), json!({ "kind": "finops:generic-bill-list", "values": [] })),
        (format!("{SECOND}/validations"), json!({ "kind": "finops:generic-bill-validation-list", "values": [] })),
        ("/api/status/orgs/{org}/bill-status-errors".to_owned(), json!({})),
    ] {
        let answer = api.get(&path).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, expected), "{path}");
        assert_eq!(answer.header("content-type"), "application/json");
    }
}

#[tokio::test]
async fn a_bill_connect_in_the_first_generation() {
    let api = Api::new().await;
    api.connected(ACCOUNT).await;
    let expected = json!({
        "id": "aws-123456789012",
        "href": format!("/api/onboarding/orgs/{}/bill_connects/aws/aws-123456789012", api.org),
        "cloud_vendor_id": "aws", "created_at": "2026-10-01T12:00:00Z", "updated_at": "2026-10-02T12:00:00Z",
        "aws_bill_account_id": ACCOUNT, "aws_bucket_name": "acme-bills", "aws_bucket_path": "cur",
        "aws_bucket_region": "eu-west-1", "aws_sts_role_arn": "arn:aws:iam::123456789012:role/reader",
        "aws_sts_role_session_name": "flexera_optima",
        "state": "suspended", "state_reason": "nothing has been proven yet"
    });
    assert_eq!(api.get(FIRST).await.json(), json!([expected]));
    let href = expected["href"].as_str().unwrap();
    assert_eq!(api.get(href).await.json(), expected, "the address that it names is its own");
}

#[tokio::test]
async fn a_bill_connect_in_the_second_generation() {
    let api = Api::new().await;
    api.connected(ACCOUNT).await;
    let expected = json!({
        "kind": "finops:bill-connect-aws", "id": "aws-123456789012",
        "createdAt": "2026-10-01T12:00:00Z", "updatedAt": "2026-10-02T12:00:00Z",
        "state": "suspended", "stateReason": "nothing has been proven yet",
        "aws": {
            "kind": "finops:bill-connect-aws-iam-role", "billAccountId": ACCOUNT, "bucketName": "acme-bills",
            "bucketPath": "cur", "bucketRegion": "eu-west-1", "partition": "aws", "onboardingOrigin": "finops",
            "iamRole": {
                "stsExternalId": api.org.to_string(), "stsRoleArn": "arn:aws:iam::123456789012:role/reader",
                "stsRoleSessionName": "flexera_optima"
            }
        }
    });
    assert_eq!(api.get(SECOND).await.json()["values"], json!([expected]));
    assert_eq!(api.get(&format!("{SECOND}/aws/aws-{ACCOUNT}")).await.json(), expected);
}

#[tokio::test]
async fn what_the_org_has_not_connected_is_404() {
    let api = Api::new().await;
    let theirs = api.app.store().create_org("Other").await.unwrap().id;
    let mut connect = api.connected(ACCOUNT).await;
    connect.candidate.org = theirs;
    connect.candidate.account = "210987654321".parse().unwrap();
    let report =
        api.app.store().newest_report(api.org, &format!("aws-{ACCOUNT}").parse().unwrap()).await.unwrap().unwrap();
    api.app.store().insert_connect(&connect, &report).await.unwrap();
    for id in ["aws-210987654321", "aws-000000000000", "aws-1", "x", "%FF", "%2F"] {
        for path in [
            format!("{FIRST}/aws/{id}"),
            format!("{SECOND}/aws/{id}"),
            format!("{SECOND}/aws/{id}/validation"),
            format!("{SECOND}/aws/{id}/receipts"),
            format!("{SECOND}/aws/{id}/checks"),
            format!("{SECOND}/aws/{id}/checks/history"),
            format!("/api/status/orgs/{{org}}/bill_id/{id}/import-history"),
        ] {
            api.get(&path).await.error(404, "not_found");
        }
    }
}

#[tokio::test]
async fn validations_say_what_does_not_hold() {
    let api = Api::new().await;
    api.connected(ACCOUNT).await;
    let first = api.get(&format!("{FIRST}/validate")).await.json();
    let error = first[0]["error"].as_str().unwrap();
    assert!(error.contains("role-assumable"), "{error}");
    let href = format!("/api/onboarding/orgs/{}/bill_connects/aws/aws-{ACCOUNT}", api.org);
    let expected = json!([{
        "bill_id": "aws-123456789012", "href": href, "valid": false, "error": error,
        "state": "suspended", "state_reason": "nothing has been proven yet"
    }]);
    assert_eq!(first, expected);

    let one = api.get(&format!("{SECOND}/aws/aws-{ACCOUNT}/validation")).await;
    let error = one.json()["error"].clone();
    let expected = json!({
        "kind": "finops:bill-connect-aws-validation", "billId": "aws-123456789012", "valid": false, "error": error,
        "state": "suspended", "stateReason": "nothing has been proven yet"
    });
    assert_eq!((one.status.as_u16(), one.json()), (200, expected.clone()));
    assert_eq!(api.get(&format!("{SECOND}/validations")).await.json()["values"], json!([expected]));
}

#[tokio::test]
async fn imports_show_in_the_history_and_their_errors_in_the_status() {
    let api = Api::new().await;
    let id = api.connected(ACCOUNT).await.candidate.id();
    let part = PartHead { key: "a".into(), etag: "b".into(), size: 1 };
    let delivery = DeliveryId::of("1", &[part]);
    let store = api.app.store();
    let history = format!("/api/status/orgs/{{org}}/bill_id/{id}/import-history");
    assert_eq!(api.get(&history).await.text, "[]");
    let failed = store.start_import((api.org, &id, "2026-09".parse().unwrap()), &delivery).await.unwrap();
    store.finish_import(api.org, failed, Outcome::Aborted("`a` is missing")).await.unwrap();
    store.start_import((api.org, &id, "2026-10".parse().unwrap()), &delivery).await.unwrap();
    let entry = |month: &str, status: &str| json!({ "billing_period": month, "status": status, "source_id": delivery.to_string() });
    let mut aborted = entry("2026-09", "aborted");
    aborted["error_message"] = json!("`a` is missing");
    assert_eq!(api.get(&history).await.json(), json!([entry("2026-10", "in-progress"), aborted]));
    let errors = api.get("/api/status/orgs/{org}/bill-status-errors").await.json();
    let expected = json!({
        "aws-123456789012": {
            "count": 2, "supported": true, "state": "suspended", "state_reason": "nothing has been proven yet",
            "errors": [{ "error_message": "nothing has been proven yet" }, { "error_message": "2026-09: `a` is missing" }]
        }
    });
    assert_eq!(errors, expected);
    let receipts = api.get(&format!("{SECOND}/aws/{id}/receipts")).await.json();
    assert_eq!(receipts, json!({ "kind": "finops:bill-receipt-list", "values": [] }));
}

#[tokio::test]
async fn costs_of_an_org_without_bills_are_no_rows() {
    let api = Api::new().await;
    let question = json!({
        "billing_center_ids": ["unallocated"], "metrics": ["cost_nonamortized_unblended_adj"], "dimensions": ["service"],
        "start_at": "2026-09", "end_at": "2026-10", "granularity": "month"
    });
    let answer = api.post("/bill-analysis/orgs/{org}/costs/aggregated", &question).await;
    assert_eq!(answer.text, r#"{"rows":[],"rowsTruncated":false}"#);
    let message = api.post("/bill-analysis/orgs/{org}/costs/aggregated", &json!({})).await.error(400, "bad_request");
    for field in ["billing_center_ids", "metrics", "start_at", "end_at"] {
        assert!(message.contains(&format!("`{field}` is missing")), "{message}");
    }
}

#[tokio::test]
async fn what_can_be_asked_is_listed() {
    let api = Api::new().await;
    let metrics = api.get("/bill-analysis/orgs/{org}/costs/metrics").await.json();
    let expected = json!({ "id": "cost_nonamortized_unblended_adj", "name": "Cost, unblended", "type": "Spend" });
    assert!(metrics["metrics"].as_array().unwrap().contains(&expected), "{metrics}");
    let dimensions = api.get("/bill-analysis/orgs/{org}/costs/dimensions").await.json();
    assert!(dimensions["dimensions"].as_array().unwrap().len() >= 12, "{dimensions}");
    assert_eq!(dimensions["dimensions"][0], json!({ "id": "vendor", "name": "Cloud vendor", "type": "string" }));
    let centers = api.get("/analytics/orgs/{org}/billing_centers").await.json();
    let made = centers[0]["created_at"].clone();
    let expected = json!([{
        "id": "unallocated", "href": format!("/analytics/orgs/{}/billing_centers/unallocated", api.org),
        "name": "Unallocated", "kind": "optima#billing_center", "created_at": made, "updated_at": made
    }]);
    assert_eq!(centers, expected);
    assert_eq!(api.get("/healthz").await.json(), json!({ "status": "ok" }));
}

#[tokio::test]
async fn the_documentation_names_all_that_can_be_asked() {
    let api = Api::new().await;
    let page = include_str!("../../../../docs/api.md");
    for list in ["metrics", "dimensions"] {
        let known = api.get(&format!("/bill-analysis/orgs/{{org}}/costs/{list}")).await.json();
        for entry in known[list].as_array().unwrap() {
            let id = entry["id"].as_str().unwrap();
            assert!(page.contains(&format!("`{id}`")), "docs/api.md does not name `{id}`");
        }
    }
}
