//! Receipts: what reading each month of a bill connect proved.

use axum::Json;
use serde_json::Value;

use super::finops_bill_connects::List;
use crate::access::{ConnectId, Viewer};
use crate::error::ApiError;

/// `GET /bill-connects/aws/{id}/receipts`
pub(crate) async fn list(viewer: Viewer, ConnectId(id): ConnectId) -> Result<Json<List<Value>>, ApiError> {
    let receipts = viewer.receipts(&id).await?;
    let values = receipts.iter().map(|receipt| {
        let receipt = serde_json::to_value(receipt).map_err(|error| ApiError::internal(error.to_string()))?;
        Ok(camel_case(receipt))
    });
    Ok(Json(List { kind: "finops:bill-receipt-list", values: values.collect::<Result<_, ApiError>>()? }))
}

/// The same value with the keys of its objects in this generation's casing. A receipt's keys are all names of fields.
fn camel_case(value: Value) -> Value {
    match value {
        Value::Object(object) => object.into_iter().map(|(key, value)| (camel(&key), camel_case(value))).collect(),
        Value::Array(values) => values.into_iter().map(camel_case).collect(),
        other => other,
    }
}

fn camel(key: &str) -> String {
    let mut words = key.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut all, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        all.push_str(&head.to_ascii_uppercase());
        all.push_str(tail);
        all
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_change_and_values_stay_to_the_last_digit() {
        let text = r#"{"rows_in_files":2,"by_account":[{"name":"a_b","lake":0.123456789012345678}],"payer":"1"}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        let expected = r#"{"rowsInFiles":2,"byAccount":[{"name":"a_b","lake":0.123456789012345678}],"payer":"1"}"#;
        assert_eq!(camel_case(value).to_string(), expected);
        assert_eq!(camel_case(json!({ "_x": null })), json!({ "X": null }));
    }
}
