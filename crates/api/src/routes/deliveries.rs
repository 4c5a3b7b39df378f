//! Deliveries: what months come from and came from, and what changed between two of a month.

use app::deliveries::Compared;
use axum::Json;
use billing::comparison::{Breakdown, ChangeLine, ChargeSums, Comparison, Lines};
use billing::history::PastDelivery;
use billing::money::Amount;
use billing::names::BillConnectId;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;

use super::asked::{Asked, bill_month, by_month};
use super::costs::{Pairs, texts};
use super::page::Paged;
use super::receipts::amount;
use crate::access::Viewer;
use crate::error::ApiError;
use crate::route::{Needs, Param, Route};

/// How many deliveries or lines an answer has unless asked otherwise, and how many it may have.
const USUAL: usize = 100;
const MOST: usize = 1000;
/// The most lines of a comparison.
const MOST_LINES: usize = 100_000;

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    let list = Needs::Viewer
        .get("/finops-onboarding/v1/orgs/{org}/deliveries", list)
        .named("finopsListDeliveries", "List the deliveries that months come from and came from")
        .about(
            "By bill connect and month, the newest first. One that retention removed stays in the list: it says when.",
        )
        .param(Param::whole("limit", "how many at most; 100 by default", 1..=MOST as u64))
        .param(Param::text("skipToken", "where the page before ended: what its `nextPage` says"))
        .answers::<Paged<View>>(200);
    let compare = Needs::Viewer
        .get("/finops-onboarding/v1/orgs/{org}/deliveries/compare", compare)
        .named("finopsCompareDeliveries", "Say what changed in a month from one delivery to another, in money")
        .about(
            "The lines are sorted by how much `BilledCost` changed. The changes of all lines add up to the total's, to the last \
             digit. 404 where the month came from no such delivery, 410 where it is removed.",
        )
        .param(Param::text("billConnectId", "the bill connect").needed())
        .param(Param::text("billMonth", "the month, like `202609`").needed())
        .param(Param::text("from", "the one delivery; the one before `to` by default"))
        .param(Param::text("to", "the other; what the month comes from now by default"))
        .param(Param::text(
            "by",
            "what the lines are by, with commas: `account`, `service`, `lineItemType`; all three by default",
        ))
        .param(Param::word("lines", "`changed` by default: only those in which something changed", &["changed", "all"]))
        .param(Param::whole("limit", "how many lines at most; 1,000 by default", 1..=MOST_LINES as u64))
        .answers::<ComparisonView>(200)
        .refuses(&[400, 404, 410]);
    vec![by_month(list), compare]
}

/// A delivery that a month comes from, or came from. Amounts have every digit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsDelivery)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    #[schema(value_type = String, example = "aws-123456789012")]
    bill_connect_id: BillConnectId,
    #[schema(example = "202609")]
    bill_month: String,
    delivery_id: String,
    report_name: String,
    /// The key of the manifest that described it.
    manifest_key: String,
    /// When AWS made it.
    #[schema(example = "2026-10-03T12:00:00Z")]
    made_at: String,
    /// Since when the month came from it.
    #[schema(example = "2026-10-03T13:00:00Z")]
    published_at: String,
    /// Until when; absent where the month comes from it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-10-04T13:00:00Z")]
    replaced_at: Option<String>,
    /// When retention removed its charges; absent where they are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2027-01-04T13:00:00Z")]
    removed_at: Option<String>,
    /// Whether the month comes from it now.
    current: bool,
    /// `open`: the month was not over; `estimated`: over, not all invoiced; `final`; `reopened`: it was final.
    #[schema(example = "final")]
    status: &'static str,
    /// Rows in its files.
    rows: u64,
    /// Charges in the lake.
    charges: u64,
    #[schema(schema_with = amount)]
    billed_cost: Amount,
    #[schema(schema_with = amount)]
    effective_cost: Amount,
    #[schema(schema_with = amount)]
    list_cost: Amount,
}

impl From<PastDelivery> for View {
    fn from(past: PastDelivery) -> Self {
        let current = past.is_current();
        Self {
            bill_connect_id: past.connect,
            bill_month: bill_month(past.period),
            delivery_id: past.delivery_id.to_string(),
            report_name: past.report_name,
            manifest_key: past.manifest_key,
            made_at: exact(past.made_at),
            published_at: exact(past.published_at),
            replaced_at: past.replaced_at.map(exact),
            removed_at: past.removed_at.map(exact),
            current,
            status: past.status.name(),
            rows: past.rows,
            charges: past.charges,
            billed_cost: past.billed,
            effective_cost: past.effective,
            list_cost: past.list,
        }
    }
}

/// An instant in full: as of it, costs are asked of what was published at it.
fn exact(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC).format(&Rfc3339).expect("the years of this product have four digits")
}

/// `GET /deliveries`
async fn list(viewer: Viewer, mut asked: Asked) -> Result<Json<Paged<View>>, ApiError> {
    let months = asked.months();
    let limit = asked.whole("limit", 1..=MOST).unwrap_or(USUAL);
    let place = asked.whole("skipToken", 0..=usize::MAX).unwrap_or(0);
    asked.finish()?;
    let all = viewer.deliveries(&months).await?;
    let next = place.saturating_add(limit);
    let next_page = (next < all.len()).then(|| asked.next_page(next));
    let values = all.into_iter().skip(place).take(limit).map(View::from).collect();
    Ok(Json(Paged { kind: "finops:delivery-list", values, next_page }))
}

/// What changed from one delivery of a month to another.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsDeliveryComparison)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ComparisonView {
    #[schema(example = "finops:delivery-comparison")]
    kind: &'static str,
    from: View,
    to: View,
    /// What the lines are by.
    #[schema(value_type = Vec<String>)]
    by: Vec<&'static str>,
    lines: Vec<LineView>,
    /// Whether there are more lines than the limit.
    lines_truncated: bool,
    /// All charges, whatever lines are listed.
    total: ChangeView,
}

/// What one combination of values was and is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsDeliveryChangeLine)]
struct LineView {
    /// The value of what the lines are by; `None` where a charge has none.
    #[schema(schema_with = texts)]
    values: Pairs<&'static str, String>,
    #[serde(flatten)]
    change: ChangeView,
}

/// Sums in the two deliveries.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsDeliveryChange)]
struct ChangeView {
    from: SumsView,
    to: SumsView,
    /// `to` less `from`.
    change: SumsView,
}

/// Sums of charges, with every digit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsChargeSums)]
#[serde(rename_all = "camelCase")]
struct SumsView {
    /// How many charges.
    charges: i64,
    #[schema(schema_with = amount)]
    billed_cost: Amount,
    #[schema(schema_with = amount)]
    effective_cost: Amount,
    #[schema(schema_with = amount)]
    list_cost: Amount,
}

impl From<ChargeSums> for SumsView {
    fn from(sums: ChargeSums) -> Self {
        let ChargeSums { charges, billed, effective, list } = sums;
        Self { charges, billed_cost: billed, effective_cost: effective, list_cost: list }
    }
}

impl ChangeView {
    fn of(line: &ChangeLine) -> Self {
        Self { from: line.from.into(), to: line.to.into(), change: line.change.into() }
    }
}

impl ComparisonView {
    fn of(compared: Comparison, limit: usize) -> Self {
        let by: Vec<_> = compared.by.iter().map(|by| by.name()).collect();
        let lines_truncated = compared.lines.len() > limit;
        let total = ChangeView::of(&compared.total);
        let line = |line: ChangeLine| LineView {
            change: ChangeView::of(&line),
            values: Pairs(by.iter().copied().zip(line.values).collect()),
        };
        let lines = compared.lines.into_iter().take(limit).map(line).collect();
        let (kind, from, to) = ("finops:delivery-comparison", compared.from.into(), compared.to.into());
        Self { kind, from, to, by, lines, lines_truncated, total }
    }
}

/// `GET /deliveries/compare`
async fn compare(viewer: Viewer, mut asked: Asked) -> Result<Json<ComparisonView>, ApiError> {
    asked.missing("billConnectId");
    asked.missing("billMonth");
    let months = asked.months();
    let (from, to) = (asked.maybe("from"), asked.maybe("to"));
    let by = breakdowns(&mut asked);
    let lines = asked.word("lines", &[("changed", Lines::Changed), ("all", Lines::All)]).unwrap_or_default();
    let limit = asked.whole("limit", 1..=MOST_LINES).unwrap_or(MOST);
    asked.finish()?;
    let (Some(connect), Some(period)) = (months.connect, months.period) else {
        return Err(ApiError::bad_request("`billConnectId` and `billMonth` say what is compared"));
    };
    let compared = viewer.compare(&Compared { connect, period, from, to, by, lines }).await?;
    Ok(Json(ComparisonView::of(compared, limit)))
}

fn breakdowns(asked: &mut Asked) -> Vec<Breakdown> {
    let Some(given) = asked.text("by") else { return Breakdown::ALL.to_vec() };
    let (mut by, mut wrong) = (Vec::new(), Vec::new());
    for name in given.split(',') {
        match name.trim().parse::<Breakdown>() {
            Ok(breakdown) if by.contains(&breakdown) => wrong.push(format!("`{breakdown}` is named twice")),
            Ok(breakdown) => by.push(breakdown),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    for wrong in wrong {
        asked.refuse("by", wrong);
    }
    by
}
