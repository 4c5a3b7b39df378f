//! Reservations as Cost Explorer tells of them: for the first generation's clients, and with the bill's word beside it.

use app::reservations::Explored;
use axum::Json;
use billing::money::Amount;
use billing::names::BillConnectId;
use billing::reservation::{Reading, Reason, Reservation, SideBySide, Trouble, Utilization, charge};
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::Asked;
use super::list::List;
use super::receipts::amount;
use super::stamp;
use crate::access::Viewer;
use crate::error::ApiError;
use crate::route::{Needs, Param, Route};

/// How many readings of a connection an answer has unless asked otherwise, and at the most.
const USUAL: usize = 10;
const MOST: usize = 400;

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    let week = Needs::Viewer
        .get("/reserved_instances/orgs/{org}/clouds/aws", week)
        .named("listReservedInstances", "List reservations with their utilization over seven days")
        .about(
            "A rolling window of seven days: those that Cost Explorer was last asked about, and for services that it was not asked \
             about yet, the last seven that the bill goes to. What neither states is empty.",
        )
        .answers_array::<ReservedInstance>(200);
    let explored = Needs::Viewer
        .get("/finops-onboarding/v1/orgs/{org}/reservation-utilization", explored)
        .named("finopsReservationUtilization", "Show what Cost Explorer says of reservations beside the bill")
        .about(
            "AWS charges its customer for each page of Cost Explorer's answers, so one is read a day and connection, of one service \
             at a time. The pages and what they are estimated to cost are counted here. A reading that needs several pages goes on \
             the next day, and is not `complete` until then.",
        )
        .param(Param::whole("limit", "how many readings of each bill connect at most, newest first; 10 by default", 1..=MOST as u64))
        .refuses(&[400])
        .answers::<List<View>>(200);
    vec![week, explored]
}

/// A reservation and its utilization.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReservedInstance)]
pub(crate) struct ReservedInstance {
    lease_id: String,
    #[schema(example = "123456789012")]
    account_id: String,
    account_name: String,
    #[schema(example = "eu-west-1")]
    region: String,
    #[schema(example = "m5.large")]
    instance_type: String,
    number_of_instances: u64,
    scope: String,
    tenancy: String,
    offering_type: String,
    #[schema(example = "2026-01-15T00:00:00.000Z")]
    start_datetime: String,
    end_datetime: String,
    utilization: UtilizationInHours,
}

/// How it was used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReservedInstanceUtilization)]
struct UtilizationInHours {
    #[schema(schema_with = amount)]
    purchased_hours: Amount,
    #[schema(schema_with = amount)]
    total_actual_hours: Amount,
    #[schema(schema_with = amount)]
    unused_hours: Amount,
    /// The percentage that was used.
    #[schema(schema_with = amount)]
    utilization_percentage: Amount,
}

impl From<Reservation> for ReservedInstance {
    fn from(reservation: Reservation) -> Self {
        let used = reservation.utilization;
        Self {
            lease_id: reservation.lease_id,
            account_id: reservation.account_id,
            account_name: reservation.account_name,
            region: reservation.region,
            instance_type: reservation.instance_type,
            number_of_instances: reservation.number_of_instances.parse().unwrap_or_default(),
            scope: reservation.scope,
            tenancy: reservation.tenancy,
            offering_type: reservation.offering_type,
            start_datetime: reservation.start,
            end_datetime: reservation.end,
            utilization: UtilizationInHours {
                purchased_hours: used.purchased_hours,
                total_actual_hours: used.total_actual_hours,
                unused_hours: used.unused_hours,
                utilization_percentage: used.utilization_percentage,
            },
        }
    }
}

/// What Cost Explorer says of one bill connect's reservations.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsReservationUtilization)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    #[schema(value_type = String, example = "aws-123456789012")]
    bill_connect_id: BillConnectId,
    /// Pages that AWS has charged its customer for, or may have, since the account was first connected.
    pages: u64,
    /// Those of this calendar month, UTC.
    pages_this_month: u64,
    /// What all pages are estimated to have cost, in US dollars: AWS's price for each, one cent.
    #[schema(schema_with = amount)]
    estimated_charge: Amount,
    /// The same of this calendar month's.
    #[schema(schema_with = amount)]
    estimated_charge_this_month: Amount,
    /// When Cost Explorer was last asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-09-15T06:00:00Z")]
    asked_at: Option<String>,
    /// When it is asked next, at the earliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-09-16T06:00:00Z")]
    next_at: Option<String>,
    /// Why the last question brought nothing; absent where it brought a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    trouble: Option<TroubleView>,
    /// The newest first.
    readings: Vec<ReadingView>,
    /// The newest reading of each service beside the bill's own figures of the same days.
    beside_the_bill: Vec<BesideView>,
}

/// Why Cost Explorer gave no page.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsReservationTrouble)]
#[serde(rename_all = "camelCase")]
struct TroubleView {
    /// `denied`, `not-enabled`, `no-data`, `throttled`, `unanswered`, `invalid` or `not-asked`.
    #[schema(example = "not-enabled")]
    cause: &'static str,
    /// AWS's code and words.
    message: String,
    /// What to do.
    remedy: &'static str,
}

/// What Cost Explorer said of one service over some days.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsReservationReading)]
#[serde(rename_all = "camelCase")]
struct ReadingView {
    #[schema(example = "AmazonEC2")]
    service: &'static str,
    #[schema(example = "2026-09-08")]
    from: String,
    /// The first day after the last.
    #[schema(example = "2026-09-15")]
    until: String,
    /// When its newest page was read.
    #[schema(example = "2026-09-15T06:00:00Z")]
    read_at: String,
    /// Pages that were read of it.
    pages: u64,
    /// Whether these are all.
    complete: bool,
    reservations: Vec<ReservedInstance>,
}

/// A reservation as Cost Explorer and the bill tell of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsReservationBesideTheBill)]
#[serde(rename_all = "camelCase")]
struct BesideView {
    lease_id: String,
    #[schema(example = "2026-09-08")]
    from: String,
    #[schema(example = "2026-09-15")]
    until: String,
    /// Absent where Cost Explorer did not name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cost_explorer: Option<HoursView>,
    /// Absent where the bill does not name it, or does not state its hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    bill: Option<HoursView>,
    /// Cost Explorer's hours less the bill's; 0 where one of them says nothing.
    gap: GapView,
}

/// Hours that were bought, and what became of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsReservationHours)]
#[serde(rename_all = "camelCase")]
struct HoursView {
    #[schema(schema_with = amount)]
    purchased_hours: Amount,
    #[schema(schema_with = amount)]
    total_actual_hours: Amount,
    #[schema(schema_with = amount)]
    unused_hours: Amount,
    #[schema(schema_with = amount)]
    utilization_percentage: Amount,
}

/// What lies between the two.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsReservationGap)]
#[serde(rename_all = "camelCase")]
struct GapView {
    #[schema(schema_with = amount)]
    purchased_hours: Amount,
    #[schema(schema_with = amount)]
    total_actual_hours: Amount,
    #[schema(schema_with = amount)]
    unused_hours: Amount,
    /// What explains it; empty where both say the same.
    reasons: Vec<ReasonView>,
}

/// Why the two differ.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsReservationGapReason)]
struct ReasonView {
    /// `bill-not-delivered`, `fee-spread`, `partial`, `not-in-cost-explorer`, `not-in-bill`, `hours-not-billed` or
    /// `counted-differently`.
    #[schema(example = "bill-not-delivered")]
    reason: &'static str,
    /// It, in a sentence.
    told: String,
}

impl From<Utilization> for HoursView {
    fn from(hours: Utilization) -> Self {
        Self {
            purchased_hours: hours.purchased_hours,
            total_actual_hours: hours.total_actual_hours,
            unused_hours: hours.unused_hours,
            utilization_percentage: hours.utilization_percentage,
        }
    }
}

impl From<Reading> for ReadingView {
    fn from(reading: Reading) -> Self {
        Self {
            service: reading.service.code(),
            from: reading.days.from.to_string(),
            until: reading.days.until.to_string(),
            read_at: stamp(reading.read_at),
            pages: reading.pages,
            complete: reading.complete,
            reservations: reading.reservations.into_iter().map(ReservedInstance::from).collect(),
        }
    }
}

impl From<SideBySide> for BesideView {
    fn from(row: SideBySide) -> Self {
        let reason = |reason: &Reason| ReasonView { reason: reason.name(), told: reason.told() };
        Self {
            lease_id: row.lease_id,
            from: row.days.from.to_string(),
            until: row.days.until.to_string(),
            cost_explorer: row.explorer.map(HoursView::from),
            bill: row.bill.map(HoursView::from),
            gap: GapView {
                purchased_hours: row.gap.purchased_hours,
                total_actual_hours: row.gap.total_actual_hours,
                unused_hours: row.gap.unused_hours,
                reasons: row.gap.reasons.iter().map(reason).collect(),
            },
        }
    }
}

impl View {
    fn new(explored: Explored, limit: usize) -> Self {
        let trouble = |trouble: Trouble| TroubleView {
            cause: trouble.cause.name(),
            remedy: trouble.cause.remedy(),
            message: trouble.message,
        };
        Self {
            bill_connect_id: explored.connect,
            pages: explored.pages.pages,
            pages_this_month: explored.pages.since,
            estimated_charge: charge(explored.pages.pages),
            estimated_charge_this_month: charge(explored.pages.since),
            asked_at: explored.asked_at.map(stamp),
            next_at: explored.next_at.map(stamp),
            trouble: explored.trouble.map(trouble),
            readings: explored.readings.into_iter().take(limit).map(ReadingView::from).collect(),
            beside_the_bill: explored.beside.into_iter().map(BesideView::from).collect(),
        }
    }
}

/// `GET /reserved_instances/orgs/{org}/clouds/aws`
async fn week(viewer: Viewer) -> Result<Json<Vec<ReservedInstance>>, ApiError> {
    Ok(Json(viewer.rolling_week().await?.into_iter().map(ReservedInstance::from).collect()))
}

/// `GET /reservation-utilization`
async fn explored(viewer: Viewer, mut asked: Asked) -> Result<Json<List<View>>, ApiError> {
    let limit = asked.whole("limit", 1..=MOST).unwrap_or(USUAL);
    asked.finish()?;
    let values = viewer.explored().await?.into_iter().map(|explored| View::new(explored, limit)).collect();
    Ok(Json(List { kind: "finops:reservation-utilization-list", values }))
}
