//! Reconciliation: files = lake = answers, for every published month, and why a month is not published.

use app::reconciliation::{LakeFigures, ReconciledMonth};
use axum::Json;
use billing::money::Amount;
use billing::names::BillConnectId;
use billing::reconciliation::{Reconciliation, ThreeWay};
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::{Asked, bill_month, by_month};
use super::page::Paged;
use super::receipts::amount;
use super::stamp;
use crate::access::Viewer;
use crate::error::ApiError;
use crate::route::{Needs, Param, Route};

/// How many months an answer has unless asked otherwise, and how many it may have: each is read whole.
const USUAL: usize = 3;
const MOST: usize = 24;

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    let show = Needs::Viewer
        .get("/finops-onboarding/v1/orgs/{org}/reconciliation", show)
        .named("finopsReconcile", "Hold files, lake and answers of each month against each other")
        .about(
            "By line item type, account and invoice, the newest month first. The files' figures are the receipt's; the answers' are \
             those of `costs/aggregated`, asked now. The lake's are the receipt's, or, with `verify=true`, summed anew from every \
             published file: that takes as long as reading them, so ask for few months at a time. Where all is well, every \
             difference is 0 and `differences` is empty.",
        )
        .param(Param::word("verify", "`true` to sum the published files anew", &["true", "false"]))
        .param(Param::whole("limit", "how many months at most; 3 by default", 1..=MOST as u64))
        .param(Param::text("skipToken", "where the page before ended: what its `nextPage` says"))
        .answers::<Paged<View>>(200);
    vec![by_month(show)]
}

/// One month, in the three places.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsReconciliation)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    #[schema(value_type = String, example = "aws-123456789012")]
    bill_connect_id: BillConnectId,
    #[schema(example = "202609")]
    bill_month: String,
    /// Whether everything that is published of it agrees, and its newest delivery is published.
    reconciled: bool,
    /// Everything that does not agree, in words: which line, and by how much.
    differences: Vec<String>,
    /// Why its newest delivery is not published; only where that is so. What is published stays as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    not_published: Option<String>,
    /// When this was looked at.
    #[schema(example = "2026-10-03T12:00:00Z")]
    checked_at: String,
    /// What is published; absent where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    published: Option<PublishedView>,
}

/// What is published of a month.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsReconciledDelivery)]
#[serde(rename_all = "camelCase")]
struct PublishedView {
    delivery_id: String,
    #[schema(example = "2026-10-03T12:00:00Z")]
    published_at: String,
    /// `open`, `estimated`, `final` or `reopened`.
    #[schema(example = "final")]
    status: &'static str,
    /// Which cost of the files is compared: FOCUS exports have no unblended cost.
    #[schema(example = "UnblendedCost")]
    compared: &'static str,
    /// Whether the lake's figures were summed anew from its files just now; else they are the receipt's.
    verified: bool,
    rows_in_files: u64,
    /// With the rows in the files they add up to the charges in the lake.
    charges_added: u64,
    charges_in_lake: u64,
    /// The compared cost, and `EffectiveCost` and `ListCost`, for which the files' figure is what was proven at publishing.
    totals: Vec<LineView>,
    by_line_item_type: Vec<LineView>,
    by_account: Vec<LineView>,
    by_invoice: Vec<LineView>,
}

/// One figure in the three places. Differences are those from the files.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsReconciledLine)]
#[serde(rename_all = "camelCase")]
struct LineView {
    /// Empty where the source has none.
    name: String,
    #[schema(schema_with = amount)]
    files: Amount,
    #[schema(schema_with = amount)]
    lake: Amount,
    #[schema(schema_with = amount)]
    answers: Amount,
    #[schema(schema_with = amount)]
    lake_difference: Amount,
    #[schema(schema_with = amount)]
    answers_difference: Amount,
}

impl From<ThreeWay> for LineView {
    fn from(line: ThreeWay) -> Self {
        let ThreeWay { name, files, lake, answers, lake_difference, answers_difference } = line;
        Self { name, files, lake, answers, lake_difference, answers_difference }
    }
}

impl From<Reconciliation> for PublishedView {
    fn from(published: Reconciliation) -> Self {
        let lines = |lines: Vec<ThreeWay>| lines.into_iter().map(LineView::from).collect();
        Self {
            delivery_id: published.delivery_id.to_string(),
            published_at: stamp(published.published_at),
            status: published.status.name(),
            compared: published.compared.name(),
            verified: published.lake_summed_anew,
            rows_in_files: published.rows_in_files,
            charges_added: published.charges_added,
            charges_in_lake: published.charges_in_lake,
            totals: lines(published.totals),
            by_line_item_type: lines(published.by_line_item_type),
            by_account: lines(published.by_account),
            by_invoice: lines(published.by_invoice),
        }
    }
}

impl From<ReconciledMonth> for View {
    fn from(month: ReconciledMonth) -> Self {
        Self {
            bill_connect_id: month.connect,
            bill_month: bill_month(month.period),
            reconciled: month.differences.is_empty() && month.not_published.is_none(),
            differences: month.differences,
            not_published: month.not_published.map(|why| format!("not published: {why}")),
            checked_at: stamp(month.looked_at),
            published: month.published.map(PublishedView::from),
        }
    }
}

/// `GET /reconciliation`
async fn show(viewer: Viewer, mut asked: Asked) -> Result<Json<Paged<View>>, ApiError> {
    let months = asked.months();
    let figures = asked.word("verify", &[("true", LakeFigures::SummedAnew), ("false", LakeFigures::Receipt)]);
    let limit = asked.whole("limit", 1..=MOST).unwrap_or(USUAL);
    let place = asked.whole("skipToken", 0..=usize::MAX).unwrap_or(0);
    asked.finish()?;
    let (reconciled, count) = viewer.reconciliation((&months, figures.unwrap_or_default()), (place, limit)).await?;
    let next = place.saturating_add(limit);
    let next_page = (next < count).then(|| asked.next_page(next));
    let values = reconciled.into_iter().map(View::from).collect();
    Ok(Json(Paged { kind: "finops:reconciliation-list", values, next_page }))
}
