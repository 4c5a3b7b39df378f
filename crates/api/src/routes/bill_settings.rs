//! What clients of the cost API ask before they ask for costs: the accounts in the bills, and their currency.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::Asked;
use crate::access::Viewer;
use crate::error::ApiError;
use crate::route::{Needs, Param, Route};

/// The currency of an org without bills: AWS's own.
const USUAL_CURRENCY: &str = "USD";

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Needs::Viewer
            .get("/bill-analysis/orgs/{org}/cloud_vendor_accounts", accounts)
            .named("listCloudVendorAccounts", "List the accounts that the bills have charges of")
            .about("By id. An account that no bill names has its id as its name.")
            .param(Param::text("cloud_vendor", "only this vendor's; there is `aws`, any other has none"))
            .answers_array::<AccountView>(200),
        Needs::Viewer
            .get("/bill-analysis/orgs/{org}/settings/currency_code", currency)
            .named("getCurrencyCode", "Say which currency amounts are in")
            .about("The currency of the newest bill; `USD` until there is one.")
            .answers::<SettingView>(200),
    ]
}

/// An account that bills have charges of.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CloudVendorAccount)]
pub(crate) struct AccountView {
    #[schema(example = "123456789012")]
    id: String,
    #[schema(example = "ba#cloud_vendor_account")]
    kind: &'static str,
    name: String,
    #[schema(example = "Amazon Web Services")]
    vendor_name: &'static str,
}

/// A setting of the org.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Setting)]
pub(crate) struct SettingView {
    #[schema(example = "currency_code")]
    id: &'static str,
    #[schema(example = "optima#setting")]
    kind: &'static str,
    #[schema(example = "USD")]
    value: String,
}

/// `GET /cloud_vendor_accounts`
pub(crate) async fn accounts(viewer: Viewer, asked: Asked) -> Result<Json<Vec<AccountView>>, ApiError> {
    if asked.text("cloud_vendor").is_some_and(|vendor| !vendor.eq_ignore_ascii_case("aws")) {
        return Ok(Json(Vec::new()));
    }
    let view = |account: billing::cost_query::BilledAccount| AccountView {
        name: account.name.unwrap_or_else(|| account.id.clone()),
        id: account.id,
        kind: "ba#cloud_vendor_account",
        vendor_name: "Amazon Web Services",
    };
    Ok(Json(viewer.billed_accounts().await?.into_iter().map(view).collect()))
}

/// `GET /settings/currency_code`
pub(crate) async fn currency(viewer: Viewer) -> Result<Json<SettingView>, ApiError> {
    let value = viewer.currency().await?.unwrap_or_else(|| USUAL_CURRENCY.to_owned());
    Ok(Json(SettingView { id: "currency_code", kind: "optima#setting", value }))
}
