//! Months that are read again: `PATCH /finops-onboarding/v1/orgs/{org}/processing/bill-months`.

use app::months::Month;
use app::reprocess::{ReprocessItem, ReprocessResult, Reprocessed};
use axum::Json;
use billing::bill_month::{Processing, month, read_month};
use billing::names::{BillConnectId, quotable};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::statuses;
use crate::access::Admin;
use crate::body::{Fields, JsonObject};
use crate::body_doc::{BodyDoc, FieldDoc};
use crate::check_view::one_of;
use crate::error::ApiError;
use crate::route::{Needs, Route};

/// The most months that one request may name.
const MOST: usize = 1000;

/// What can be asked for.
const ACTION: &str = "reprocess";

const ABOUT: &str = "All of them, or none where one can't be: then `status` is `rejected`, each month's `result` says what of it, \
    and its `message` why. A month that is being read already is read once more after that. What is published stays until the new \
    reading takes its place.";

/// What becomes of single months, by the words of the contract.
const RESULTS: [&str; 5] = [
    "reprocessRequestSuccessful",
    "billConnectNotFound",
    "billMonthNotFound",
    "billConnectNotRead",
    "reprocessRequestNotMade",
];

/// The row.
pub(super) fn route() -> Route {
    Needs::Admin
        .patch("/finops-onboarding/v1/orgs/{org}/processing/bill-months", reprocess)
        .named("finopsReprocessBillMonths", "Have months read again, whatever is published of them")
        .about(ABOUT)
        .takes(doc())
        .answers::<View>(200)
}

fn doc() -> BodyDoc {
    BodyDoc {
        name: "FinopsBillMonthReprocess",
        fields: vec![
            FieldDoc::word("action", &[ACTION], "what to do with the months").example(ACTION),
            FieldDoc::named("items", ("FinopsBillMonthItems", items_schema), "the months")
                .example(json!([{ "billConnectId": "aws-123456789012", "billMonth": "202509" }])),
        ],
    }
}

fn items_schema() -> Value {
    json!({
        "type": "array", "minItems": 1, "maxItems": MOST, "description": "Months of bill connects.",
        "items": {
            "type": "object", "required": ["billConnectId", "billMonth"],
            "properties": {
                "billConnectId": { "type": "string", "pattern": "^aws-[0-9]{12}$" },
                "billMonth": { "type": "string", "pattern": "^20[0-9]{2}(0[1-9]|1[0-2])$" }
            }
        }
    })
}

/// What becomes of the months.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsBillMonthReprocessing)]
pub(crate) struct View {
    #[schema(example = "finops:enterprise-bill-month-reprocess")]
    kind: &'static str,
    /// `accepted`: all are read again; `rejected`: none is.
    #[schema(schema_with = answers)]
    status: &'static str,
    #[schema(example = "reprocess")]
    action: &'static str,
    items: Vec<ItemView>,
}

/// What becomes of one month.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsBillMonthReprocessed)]
#[serde(rename_all = "camelCase")]
struct ItemView {
    #[schema(value_type = String, example = "aws-123456789012")]
    bill_connect_id: BillConnectId,
    #[schema(example = "202509")]
    bill_month: String,
    /// How far it is now; only where there is such a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = statuses, required = false)]
    state: Option<&'static str>,
    #[schema(schema_with = results)]
    result: &'static str,
    /// Why it can't be read again; only where it can't.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    message: Option<String>,
}

fn answers() -> Object {
    one_of(&["accepted", "rejected"])
}

fn results() -> Object {
    one_of(&RESULTS)
}

impl From<Reprocessed> for View {
    fn from(done: Reprocessed) -> Self {
        Self {
            kind: "finops:enterprise-bill-month-reprocess",
            status: if done.is_accepted() { "accepted" } else { "rejected" },
            action: ACTION,
            items: done.items.into_iter().map(ItemView::from).collect(),
        }
    }
}

impl From<ReprocessItem> for ItemView {
    fn from(item: ReprocessItem) -> Self {
        let [successful, no_connect, no_month, not_read, not_made] = RESULTS;
        let result = match item.result {
            ReprocessResult::Accepted => successful,
            ReprocessResult::NoConnect => no_connect,
            ReprocessResult::NoMonth => no_month,
            ReprocessResult::NotRead(_) => not_read,
            ReprocessResult::Held => not_made,
        };
        let message = item.result.why_not(&item.month);
        let (connect, period) = item.month;
        let state = item.status.map(Processing::name);
        Self { bill_connect_id: connect, bill_month: month(period), state, result, message }
    }
}

/// `PATCH /processing/bill-months`
async fn reprocess(admin: Admin, body: JsonObject) -> Result<Json<View>, ApiError> {
    Ok(Json(admin.reprocess(read(&body)?).await?.into()))
}

/// The months of a body, or all that is wrong with it.
fn read(body: &JsonObject) -> Result<Vec<Month>, ApiError> {
    let doc = doc();
    let mut fields = Fields::of(body, &doc);
    if let Some(action) = fields.text("action").filter(|action| *action != ACTION) {
        fields.refuse("action", format!("`{}` can't be done with months; `{ACTION}` can", quotable(action)));
    }
    let mut months = Vec::new();
    if let Some(items) = fields.needed("items") {
        match items.as_array() {
            Some(items) if (1..=MOST).contains(&items.len()) => {
                for (at, item) in items.iter().enumerate() {
                    match read_item(item) {
                        Ok(month) => months.push(month),
                        Err(wrong) => wrong.iter().for_each(|why| fields.refuse(&format!("items[{at}]"), why)),
                    }
                }
            }
            Some(items) => fields.refuse("items", format!("it names {} months; from 1 to {MOST} can be", items.len())),
            None => fields.mistyped("items", ("an array", items)),
        }
    }
    fields.finish()?;
    Ok(months)
}

/// One month of a body, or what is wrong with it.
fn read_item(item: &Value) -> Result<Month, Vec<String>> {
    let text = |name: &str| item[name].as_str().ok_or_else(|| format!("`{name}` is missing or no text"));
    let connect = text("billConnectId").and_then(|id| id.parse::<BillConnectId>().map_err(|error| error.to_string()));
    let period = text("billMonth").and_then(read_month);
    match (connect, period) {
        (Ok(connect), Ok(period)) => Ok((connect, period)),
        (connect, period) => Err([connect.err(), period.err()].into_iter().flatten().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(body: &Value) -> String {
        let Value::Object(object) = body.clone() else { panic!("an object") };
        format!("{:?}", read(&JsonObject(object)).unwrap_err())
    }

    #[test]
    fn every_wrong_field_is_named() {
        let told = wrong(&json!({ "action": "drop", "items": [
            { "billConnectId": "aws-123456789012", "billMonth": "202509" },
            { "billConnectId": "aws-1", "billMonth": "2025-09" }, 7, { "billMonth": 202_509 },
        ] }));
        for part in [
            "`drop`",
            "items[1]",
            "`aws-1`",
            "`2025-09` is no bill month",
            "items[2]",
            "items[3]",
            "`billMonth` is missing or no text",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
        assert!(!told.contains("items[0]"), "{told}");
        assert!(wrong(&json!({})).contains("2 fields are wrong"));
        assert!(wrong(&json!({ "action": "reprocess", "items": [] })).contains("it names 0 months"));
        assert!(wrong(&json!({ "action": "reprocess", "items": {} })).contains("must be an array"));
        let many = vec![json!({}); MOST + 1];
        assert!(wrong(&json!({ "action": "reprocess", "items": many })).contains("it names 1001 months"));
    }
}
