//! Commitments as the bill states them: what reservations and savings plans bought, what of it was used, what that covered.

use axum::Json;
use billing::commitment::{Commitment, Coverage, Days, Measure};
use billing::money::Amount;
use billing::names::BillConnectId;
use serde::Serialize;
use time::Date;
use time::macros::format_description;
use utoipa::ToSchema;

use super::asked::Asked;
use super::receipts::amount;
use crate::access::Viewer;
use crate::error::ApiError;
use crate::route::{Needs, Param, Route};

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    let show = Needs::Viewer
        .get("/finops-onboarding/v1/orgs/{org}/commitments", show)
        .named("finopsListCommitments", "List what commitments bought, what was used, and what that covered")
        .about(
            "Worked out from the bill, exactly: used and unused add up to what was bought. A bill states a reservation's fee once a \
             month; over days that are part of a month it is spread evenly, and what was used counts by when it was used. Without \
             parameters, the newest month that is published.",
        )
        .param(Param::text("billMonth", "this month, like `202609`"))
        .param(Param::text("from", "the first day, like `2026-09-08`, UTC"))
        .param(Param::text("until", "the first day after the last"))
        .refuses(&[400])
        .answers::<View>(200);
    vec![show]
}

/// Commitments over some days.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsCommitmentList)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    #[schema(example = "finops:commitment-list")]
    kind: &'static str,
    /// The first day, UTC; absent where nothing is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-09-01")]
    from: Option<String>,
    /// The first day after the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-10-01")]
    until: Option<String>,
    values: Vec<CommitmentView>,
    /// Usage that commitments are sold for, by service, region and instance type, at public on-demand prices.
    coverage: Vec<CoverageView>,
}

/// One commitment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsCommitment)]
#[serde(rename_all = "camelCase")]
struct CommitmentView {
    /// AWS's ARN.
    id: String,
    /// `reservation` or `savings-plan`.
    #[schema(example = "reservation")]
    kind: &'static str,
    #[schema(value_type = String, example = "aws-123456789012")]
    bill_connect_id: BillConnectId,
    /// The account that bought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    account_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    account_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    instance_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = amount, required = false)]
    number_of_instances: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    purchase_option: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    offering_class: Option<String>,
    /// As the bill writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    starts_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ends_at: Option<String>,
    /// What `quantity` is in: hours, or a currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Hrs")]
    unit: Option<String>,
    /// Hours of a reservation, money of a savings plan; absent where the bill's format does not state what was left unused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    quantity: Option<MeasureView>,
    /// Effective cost.
    cost: MeasureView,
    /// What its fees and purchases billed.
    #[schema(schema_with = amount)]
    billed: Amount,
    /// The public on-demand price of what it covered.
    #[schema(schema_with = amount)]
    covered: Amount,
    /// The same of all that it could have covered.
    #[schema(schema_with = amount)]
    coverable: Amount,
    /// The percentage of what was bought that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = amount, required = false)]
    utilization_percentage: Option<Amount>,
    /// The percentage of what it could have covered that it did cover.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = amount, required = false)]
    coverage_percentage: Option<Amount>,
}

/// What was bought, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsCommitmentMeasure)]
#[serde(rename_all = "camelCase")]
struct MeasureView {
    /// Used and unused together.
    #[schema(schema_with = amount)]
    bought: Amount,
    #[schema(schema_with = amount)]
    used: Amount,
    #[schema(schema_with = amount)]
    unused: Amount,
}

/// What could be covered, and what was.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsCoverage)]
#[serde(rename_all = "camelCase")]
struct CoverageView {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    instance_type: Option<String>,
    /// What nothing covered.
    #[schema(schema_with = amount)]
    on_demand: Amount,
    #[schema(schema_with = amount)]
    reservations: Amount,
    #[schema(schema_with = amount)]
    savings_plans: Amount,
    /// The percentage that was covered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = amount, required = false)]
    coverage_percentage: Option<Amount>,
}

impl From<Measure> for MeasureView {
    fn from(measure: Measure) -> Self {
        Self { bought: measure.bought, used: measure.used, unused: measure.unused }
    }
}

impl From<Commitment> for CommitmentView {
    fn from(commitment: Commitment) -> Self {
        let (utilization_percentage, coverage_percentage) = (commitment.utilization(), commitment.coverage());
        let facts = commitment.facts;
        Self {
            id: commitment.id,
            kind: commitment.kind.name(),
            bill_connect_id: commitment.connect,
            account_id: facts.account,
            account_name: facts.account_name,
            service: facts.service,
            region: facts.region,
            instance_type: facts.instance_type,
            number_of_instances: facts.instances,
            purchase_option: facts.purchase_option,
            offering_class: facts.offering_class,
            starts_at: facts.starts,
            ends_at: facts.ends,
            unit: facts.unit,
            quantity: commitment.quantity.map(MeasureView::from),
            cost: commitment.cost.into(),
            billed: commitment.billed,
            covered: commitment.covered,
            coverable: commitment.coverable,
            utilization_percentage,
            coverage_percentage,
        }
    }
}

impl From<Coverage> for CoverageView {
    fn from(row: Coverage) -> Self {
        let coverage_percentage = row.percentage();
        Self {
            service: row.service,
            region: row.region,
            instance_type: row.instance_type,
            on_demand: row.on_demand,
            reservations: row.reservations,
            savings_plans: row.savings_plans,
            coverage_percentage,
        }
    }
}

/// `GET /commitments`
async fn show(viewer: Viewer, mut asked: Asked) -> Result<Json<View>, ApiError> {
    let days = days(&mut asked);
    asked.finish()?;
    let found = viewer.commitments(days).await?;
    let (days, used) = found.map(|(days, billed)| (days, billed.used)).unzip();
    let used = used.unwrap_or_default();
    Ok(Json(View {
        kind: "finops:commitment-list",
        from: days.map(|days: Days| days.from.to_string()),
        until: days.map(|days| days.until.to_string()),
        values: used.commitments.into_iter().map(CommitmentView::from).collect(),
        coverage: used.coverage.into_iter().map(CoverageView::from).collect(),
    }))
}

/// The days that a request is about; `None` where it names none.
fn days(asked: &mut Asked) -> Option<Days> {
    let month = asked.month("billMonth").map(Days::of);
    let (from, until) = (day(asked, "from"), day(asked, "until"));
    let named = ["from", "until"].map(|name| asked.text(name).is_some());
    match named {
        [true, false] => asked.missing("until"),
        [false, true] => asked.missing("from"),
        _ => {}
    }
    if month.is_some() && named.contains(&true) {
        asked.refuse("billMonth", "name a month, or days, and not both");
    }
    let days = from.zip(until).map(|(from, until)| Days { from, until });
    if days.is_some_and(|days| days.from >= days.until) {
        asked.refuse("from", "it must be a day before `until`");
    }
    month.or(days)
}

fn day(asked: &mut Asked, name: &str) -> Option<Date> {
    let text = asked.text(name)?;
    let read = Date::parse(text, format_description!("[year]-[month]-[day]")).ok();
    if read.is_none() {
        asked.refuse(name, "it must be a day like `2026-09-08`");
    }
    read
}
