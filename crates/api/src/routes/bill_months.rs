//! Bill months: how far the reading of each is, `/finops-onboarding/v1/orgs/{org}/processing/bill-months`.

mod reprocess;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use billing::bill_month::{BillMonth, BillMonthField, Processing, csv, month};
use billing::names::BillConnectId;
use serde::Serialize;
use url::form_urlencoded;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::listing::{Asked, Beside, listing_route, paged_listing_route};
use super::stamp;
use crate::access::Viewer;
use crate::check_view::one_of;
use crate::error::ApiError;
use crate::route::{Needs, Param, Route};

const ABOUT: &str = "Every month that anything was ever found of, newest first unless `orderBy` says otherwise. A month is \
    `processing` while it is read or waits for that, else `processed`; where it could not be read, `bill-status-errors` says why, \
    and without `lastProcessedAt` it never was.";

const FILTER: &str = "which months: `eq ne gt ge lt le co sw ew` and a value, `in nin` and values in brackets, `and`, `or`, brackets; \
    values between single quotes, as in `billMonth ge '202501' and status eq 'processing'`";

const ORDER: &str =
    "fields with commas between them, each with `asc` or `desc`, as in `billMonth asc,billConnectId desc`";

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    let list = Needs::Viewer
        .get("/finops-onboarding/v1/orgs/{org}/processing/bill-months", list)
        .named("finopsListBillMonths", "List how far the reading of each month is")
        .about(ABOUT)
        .answers::<IndexView>(200);
    let download = Needs::Viewer
        .get("/finops-onboarding/v1/orgs/{org}/processing/bill-months/download", download)
        .named("finopsDownloadBillMonths", "Download how far the reading of each month is")
        .about("The whole list as a file for spreadsheets; a cell that one would run as a formula is defused.")
        .answers_text(200, "text/csv");
    let download = download.param(Param::word("format", "what to download; `csv` if left out", &["csv"]));
    vec![
        paged_listing_route(listing_route(list, (FILTER, ORDER))),
        listing_route(download, (FILTER, ORDER)),
        reprocess::route(),
    ]
}

/// Bill months, a page at a time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsBillMonthIndex)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IndexView {
    #[schema(example = "finops:enterprise-bill-month-index")]
    kind: &'static str,
    /// How many months the whole list has.
    count: usize,
    /// When anything last became of any of the org's months; where there are none, when the org was made.
    #[schema(example = "2026-10-03T12:00:00Z")]
    updated_at: String,
    /// Where the whole list is to be had as a file.
    download_url: String,
    /// The address of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_page: Option<String>,
    /// The address of the page before, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    prev_page: Option<String>,
    values: Vec<MonthView>,
}

/// A month of a bill connect.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsBillMonth)]
#[serde(rename_all = "camelCase")]
struct MonthView {
    #[schema(value_type = String, example = "aws-123456789012")]
    bill_connect_id: BillConnectId,
    #[schema(example = "202509")]
    bill_month: String,
    #[schema(schema_with = statuses)]
    status: &'static str,
    /// When it was last begun to be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-10-03T12:00:00Z")]
    last_process_start_at: Option<String>,
    /// When that ended, one way or the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-10-03T12:00:00Z")]
    last_process_end_at: Option<String>,
    /// When it was last published.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-10-03T12:00:00Z")]
    last_processed_at: Option<String>,
}

/// The words for how far a month is.
fn statuses() -> Object {
    one_of(&Processing::ALL.map(Processing::name))
}

impl From<BillMonth> for MonthView {
    fn from(of: BillMonth) -> Self {
        Self {
            bill_month: month(of.period),
            bill_connect_id: of.connect,
            status: of.status.name(),
            last_process_start_at: of.started_at.map(stamp),
            last_process_end_at: of.ended_at.map(stamp),
            last_processed_at: of.processed_at.map(stamp),
        }
    }
}

/// `GET /processing/bill-months`
async fn list(viewer: Viewer, uri: Uri) -> Result<Json<IndexView>, ApiError> {
    let asked = Asked::<BillMonthField>::read(&uri, BillMonth::usual_order())?;
    let months = viewer.bill_months().await?;
    let updated_at = match months.iter().filter_map(BillMonth::changed_at).max() {
        Some(at) => at,
        None => viewer.made_at().await?,
    };
    let (page, Beside { next, previous }) = asked.page(months);
    Ok(Json(IndexView {
        kind: "finops:enterprise-bill-month-index",
        count: page.count,
        updated_at: stamp(updated_at),
        download_url: asked.address(&format!("{}/download", uri.path()), &[("format", "csv")]),
        next_page: next,
        prev_page: previous,
        values: page.values.into_iter().map(MonthView::from).collect(),
    }))
}

/// `GET /processing/bill-months/download`
async fn download(viewer: Viewer, uri: Uri) -> Result<Response, ApiError> {
    let mut query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    if query.any(|(name, value)| name == "format" && !["", "csv"].contains(&value.as_ref())) {
        return Err(ApiError::wrong_fields(StatusCode::BAD_REQUEST, &["`format` must be `csv`".to_owned()]));
    }
    let asked = Asked::<BillMonthField>::read(&uri, BillMonth::usual_order())?;
    let months = asked.listing.all(viewer.bill_months().await?);
    let name = format!("attachment; filename=\"bill-months-{}.csv\"", viewer.org());
    let name = HeaderValue::from_str(&name).map_err(|error| ApiError::internal(error.to_string()))?;
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], csv(&months)).into_response())
}
