//! Asking for exports: what is wrong is named, all of it, and a month that is not there is not found.

use super::*;

const EXPORTS: &str = "/finops-onboarding/v1/orgs/{org}/exports";

#[tokio::test]
async fn a_wrong_request_names_every_wrong_parameter() {
    let api = Api::new().await;
    let query = "billMonth=202613&billConnectId=x&format=xlsx&deliveryId=1";
    let message = api.get(&format!("{EXPORTS}?{query}")).await.error(400, "bad_request");
    for name in ["billMonth", "billConnectId", "format", "deliveryId"] {
        assert!(message.contains(&format!("`{name}`")), "{name}: {message}");
    }
    let message = api.get(EXPORTS).await.error(400, "bad_request");
    assert!(message.contains("`billMonth`") && message.contains("`202609`"), "{message}");
    let query = format!("billMonth=202609&deliveryId={}", "0".repeat(32));
    let message = api.get(&format!("{EXPORTS}?{query}")).await.error(400, "bad_request");
    assert!(message.contains("`billConnectId`"), "{message}");
}

#[tokio::test]
async fn a_month_that_is_not_there_is_not_found() {
    let api = Api::new().await;
    for format in ["parquet", "csv"] {
        let answer = api.get(&format!("{EXPORTS}?billMonth=202609&format={format}")).await;
        let message = answer.error(404, "not_found");
        assert!(message.contains("`2026-09`"), "{message}");
    }
    let query = format!("billMonth=202609&billConnectId=aws-123456789012&deliveryId={}", "0".repeat(32));
    api.get(&format!("{EXPORTS}?{query}")).await.error(404, "not_found");
}
