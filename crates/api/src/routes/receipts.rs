//! Receipts: what reading each month of a bill connect proved.

use axum::Json;
use billing::money::Amount;
use billing::names::{AccountId, BillConnectId};
use billing::period::BillingPeriod;
use billing::receipt::{ComparedCost, MonthStatus, PartReceipt, Receipt, ReceiptLine};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::list::List;
use crate::access::{ConnectId, Viewer};
use crate::error::ApiError;
use crate::route::{Needs, Route};

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Needs::Viewer
            .get("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/{id}/receipts", list)
            .named("finopsListReceipts", "List what was proven of each published month")
            .answers::<List<View>>(200),
    ]
}

/// What reading a month's delivery proved. Amounts are in the bill's currency, with every digit; every `difference` is the lake
/// less the files, and 0.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BillReceipt)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    /// The bill connect's id.
    #[schema(value_type = String, example = "aws-123456789012")]
    connect: BillConnectId,
    /// The payer account.
    #[schema(value_type = String, example = "123456789012")]
    payer: AccountId,
    #[schema(value_type = String, example = "2026-10")]
    period: BillingPeriod,
    /// Which delivery of the month.
    delivery_id: String,
    report_name: String,
    /// The key of the manifest that described the delivery.
    manifest_key: String,
    /// When AWS made the delivery.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, example = "2026-11-03T12:00:00Z")]
    made_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, example = "2026-11-03T13:00:00Z")]
    published_at: OffsetDateTime,
    /// `open`: the month is not over; `estimated`: over, not all invoiced; `final`; `reopened`: it was final.
    #[schema(value_type = String, example = "final")]
    status: MonthStatus,
    rows_in_files: u64,
    /// Rows without an invoice id.
    rows_not_invoiced: u64,
    /// With the rows in the files they add up to the charges in the lake.
    charges_added: u64,
    charges_in_lake: u64,
    /// Rows that repeat their instance's cost, in no sum.
    split_cost_rows: u64,
    /// Which cost of the files is compared: FOCUS exports have no unblended cost.
    #[schema(value_type = String, example = "UnblendedCost")]
    compared: ComparedCost,
    #[schema(schema_with = amount)]
    cost_in_files: Amount,
    #[schema(schema_with = amount)]
    cost_in_lake: Amount,
    #[schema(schema_with = amount)]
    billed_in_lake: Amount,
    #[schema(schema_with = amount)]
    effective_in_lake: Amount,
    #[schema(schema_with = amount)]
    list_in_lake: Amount,
    /// `billedInLake` less `costInFiles`: 0.
    #[schema(schema_with = amount)]
    difference: Amount,
    by_account: Vec<LineView>,
    by_invoice: Vec<LineView>,
    by_line_item_type: Vec<LineView>,
    /// Kept and counted, but not known to the mapping.
    unknown_line_item_types: Vec<String>,
    /// Columns that are kept as they are, without a column of their own.
    unmapped_columns: Vec<String>,
    parts: Vec<PartView>,
}

/// What one account, invoice or line item type sums to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BillReceiptLine)]
struct LineView {
    /// Empty where the source has none.
    name: String,
    #[schema(schema_with = amount)]
    files: Amount,
    #[schema(schema_with = amount)]
    lake: Amount,
    #[schema(schema_with = amount)]
    difference: Amount,
}

/// What was read of one file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BillReceiptPart)]
#[serde(rename_all = "camelCase")]
struct PartView {
    key: String,
    /// The `ETag` that pinned it.
    etag: String,
    rows: u64,
    /// Its size as delivered.
    bytes_packed: u64,
    bytes_unpacked: u64,
}

/// An amount with every digit.
pub(super) fn amount() -> Object {
    ObjectBuilder::new().schema_type(Type::Number).build()
}

impl From<Receipt> for View {
    fn from(receipt: Receipt) -> Self {
        let lines = |lines: Vec<ReceiptLine>| lines.into_iter().map(LineView::from).collect();
        Self {
            connect: receipt.connect,
            payer: receipt.payer,
            period: receipt.period,
            delivery_id: receipt.delivery_id.to_string(),
            report_name: receipt.report_name,
            manifest_key: receipt.manifest_key,
            made_at: receipt.made_at,
            published_at: receipt.published_at,
            status: receipt.status,
            rows_in_files: receipt.rows_in_files,
            rows_not_invoiced: receipt.rows_not_invoiced,
            charges_added: receipt.charges_added,
            charges_in_lake: receipt.charges_in_lake,
            split_cost_rows: receipt.split_cost_rows,
            compared: receipt.compared,
            cost_in_files: receipt.cost_in_files,
            cost_in_lake: receipt.cost_in_lake,
            billed_in_lake: receipt.billed_in_lake,
            effective_in_lake: receipt.effective_in_lake,
            list_in_lake: receipt.list_in_lake,
            difference: receipt.difference,
            by_account: lines(receipt.by_account),
            by_invoice: lines(receipt.by_invoice),
            by_line_item_type: lines(receipt.by_line_item_type),
            unknown_line_item_types: receipt.unknown_line_item_types.into_iter().collect(),
            unmapped_columns: receipt.unmapped_columns.into_iter().collect(),
            parts: receipt.parts.into_iter().map(PartView::from).collect(),
        }
    }
}

impl From<ReceiptLine> for LineView {
    fn from(line: ReceiptLine) -> Self {
        Self { name: line.name, files: line.files, lake: line.lake, difference: line.difference }
    }
}

impl From<PartReceipt> for PartView {
    fn from(part: PartReceipt) -> Self {
        let PartReceipt { key, etag, rows, bytes_packed, bytes_unpacked } = part;
        Self { key, etag, rows, bytes_packed, bytes_unpacked }
    }
}

/// `GET /bill-connects/aws/{id}/receipts`
async fn list(viewer: Viewer, ConnectId(id): ConnectId) -> Result<Json<List<View>>, ApiError> {
    let values = viewer.receipts(&id).await?.into_iter().map(View::from).collect();
    Ok(Json(List { kind: "finops:bill-receipt-list", values }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_receipt_leaves_whole_and_to_the_last_digit() {
        let digits = "0.123456789012345678";
        let text = format!(
            r#"{{"connect":"aws-123456789012","payer":"123456789012","period":"2026-10","delivery_id":"d","report_name":"r",
            "made_at":"2026-11-03T12:00:00.5Z","published_at":"2026-11-03T13:00:00Z","status":"final","rows_in_files":2,
            "rows_not_invoiced":0,"charges_added":1,"charges_in_lake":3,"split_cost_rows":0,"compared":"BilledCost",
            "manifest_key":"m","cost_in_files":{digits},"cost_in_lake":{digits},"billed_in_lake":{digits},"effective_in_lake":1,"list_in_lake":2,"difference":0,
            "by_account":[{{"name":"a_b","files":1,"lake":1,"difference":0}}],"by_invoice":[],"by_line_item_type":[],
            "unknown_line_item_types":["New"],"unmapped_columns":["a/B"],
            "parts":[{{"key":"k","etag":"e","rows":2,"bytes_packed":3,"bytes_unpacked":4}}]}}"#
        );
        let receipt: Receipt = serde_json::from_str(&text).unwrap();
        let left = serde_json::to_value(View::from(receipt)).unwrap();
        let stored: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(left.as_object().unwrap().len(), stored.as_object().unwrap().len(), "nothing is left out");
        assert_eq!(left["billedInLake"].to_string(), digits);
        assert_eq!((&left["madeAt"], &left["status"]), (&json!("2026-11-03T12:00:00.5Z"), &json!("final")));
        assert_eq!(left["byAccount"], stored["by_account"]);
        assert_eq!(
            left["parts"],
            json!([{ "key": "k", "etag": "e", "rows": 2, "bytesPacked": 3, "bytesUnpacked": 4 }])
        );
        assert_eq!((&left["unknownLineItemTypes"], &left["unmappedColumns"]), (&json!(["New"]), &json!(["a/B"])));
    }
}
