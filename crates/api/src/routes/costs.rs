//! Costs: `/bill-analysis/orgs/{org}/costs`.

use axum::Json;
use billing::cost_query::{CostAnswer, CostQuery, Dimension, Metric, Rows};
use billing::money::Amount;
use billing::names::BillConnectId;
use billing::period::BillingPeriod;
use billing::receipt::PublishedMonth;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use utoipa::ToSchema;
use utoipa::openapi::schema::{AdditionalProperties, Object, ObjectBuilder, Type};

use super::{cost_body, stamp};
use crate::access::Viewer;
use crate::body::JsonObject;
use crate::error::ApiError;
use crate::route::{Needs, Route};

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Needs::Viewer
            .post("/bill-analysis/orgs/{org}/costs/aggregated", aggregated)
            .named("aggregateCosts", "Sum costs by time and dimensions")
            .about(
                "`as_of` and `deliveries` ask about what was held before: 404 where a month never came from a delivery that is \
                 named, 410 where one that the answer needs is removed. Nothing held then is no rows.",
            )
            .takes(cost_body::sums_doc())
            .answers::<AnswerView>(200)
            .refuses(&[404, 410, 422]),
        Needs::Viewer
            .post("/bill-analysis/orgs/{org}/costs/select", select)
            .named("selectCosts", "List charges")
            .about(
                "A row is a charge as it is stored, at the start of its month or day. Shares of costs that are charges of their own \
                 are left out, as in every sum, so all charges add up to what `aggregated` answers.",
            )
            .takes(cost_body::charges_doc())
            .answers::<AnswerView>(200)
            .refuses(&[404, 410, 422]),
        Needs::Viewer
            .get("/bill-analysis/orgs/{org}/costs/dimensions", dimensions)
            .named("listDimensions", "List the dimensions that there are")
            .answers::<DimensionsView>(200),
        Needs::Viewer
            .get("/bill-analysis/orgs/{org}/costs/metrics", metrics)
            .named("listMetrics", "List the metrics that there are")
            .answers::<MetricsView>(200),
    ]
}

/// The answer to a question about costs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Costs)]
pub(crate) struct AnswerView {
    rows: Vec<RowView>,
    /// Whether there are more rows than the limit.
    #[serde(rename = "rowsTruncated")]
    truncated: bool,
    /// What the rows come from; left out where there is nothing to name.
    // Clients that know the public contract only expect no more than the above then.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    deliveries: Vec<DeliveryView>,
}

/// A delivery that the rows come from: a month of a bill connect, and how settled it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CostDelivery)]
struct DeliveryView {
    #[schema(value_type = String, example = "aws-123456789012")]
    bill_connect_id: BillConnectId,
    #[schema(value_type = String, example = "2026-10")]
    billing_period: BillingPeriod,
    delivery_id: String,
    /// When AWS made it.
    #[schema(example = "2026-11-03T12:00:00Z")]
    made_at: String,
    /// `open`, `estimated`, `final` or `reopened`.
    #[schema(example = "final")]
    status: &'static str,
}

impl From<PublishedMonth> for DeliveryView {
    fn from(month: PublishedMonth) -> Self {
        Self {
            bill_connect_id: month.connect,
            billing_period: month.period,
            delivery_id: month.delivery_id.to_string(),
            made_at: stamp(month.made_at),
            status: month.status.name(),
        }
    }
}

/// One sum for each metric.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CostRow)]
struct RowView {
    /// When its month or day starts.
    #[schema(example = "2026-10-01T00:00:00Z")]
    timestamp: String,
    /// The value of each dimension; `None` where a charge has none.
    #[schema(schema_with = texts)]
    dimensions: Pairs<String, String>,
    /// The sum of each metric, with every digit: read it as a decimal.
    #[schema(schema_with = amounts)]
    metrics: Pairs<&'static str, Amount>,
}

/// Names and values as a JSON object, in the order in which they were asked for. Amounts keep every digit.
#[derive(Debug)]
pub(super) struct Pairs<N, V>(pub(super) Vec<(N, V)>);

impl<N: Serialize, V: Serialize> Serialize for Pairs<N, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

pub(super) fn texts() -> Object {
    by_name(Type::String)
}

pub(super) fn amounts() -> Object {
    by_name(Type::Number)
}

fn by_name(values: Type) -> Object {
    let values = AdditionalProperties::from(ObjectBuilder::new().schema_type(values));
    ObjectBuilder::new().additional_properties(Some(values)).build()
}

impl AnswerView {
    fn of(question: &CostQuery, answer: CostAnswer) -> Self {
        let rows = answer.rows.into_iter().map(|row| RowView {
            timestamp: stamp(row.timestamp),
            dimensions: Pairs(question.dimensions.iter().map(Dimension::id).zip(row.dimensions).collect()),
            metrics: Pairs(question.metrics.iter().map(|metric| metric.id()).zip(row.metrics).collect()),
        });
        let deliveries = answer.deliveries.into_iter().map(DeliveryView::from).collect();
        Self { rows: rows.collect(), truncated: answer.truncated, deliveries }
    }
}

/// `POST /costs/aggregated`
pub(crate) async fn aggregated(viewer: Viewer, body: JsonObject) -> Result<Json<AnswerView>, ApiError> {
    answered(&viewer, &cost_body::read(&body, Rows::Sums)?).await
}

/// `POST /costs/select`
pub(crate) async fn select(viewer: Viewer, body: JsonObject) -> Result<Json<AnswerView>, ApiError> {
    answered(&viewer, &cost_body::read(&body, Rows::Charges)?).await
}

async fn answered(viewer: &Viewer, question: &CostQuery) -> Result<Json<AnswerView>, ApiError> {
    let answer = viewer.costs(question).await?;
    Ok(Json(AnswerView::of(question, answer)))
}

/// Something that can be asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Name)]
struct NameView {
    /// What a question calls it.
    id: String,
    /// What a person calls it.
    name: String,
    r#type: &'static str,
}

/// The dimensions that there are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Dimensions)]
pub(crate) struct DimensionsView {
    dimensions: Vec<NameView>,
}

/// The metrics that there are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Metrics)]
pub(crate) struct MetricsView {
    metrics: Vec<NameView>,
}

/// `GET /costs/dimensions`
pub(crate) async fn dimensions(_viewer: Viewer) -> Json<DimensionsView> {
    let view = |dimension: &Dimension| NameView { id: dimension.id(), name: dimension.label(), r#type: "string" };
    Json(DimensionsView { dimensions: Dimension::all().map(view).collect() })
}

/// `GET /costs/metrics`
pub(crate) async fn metrics(_viewer: Viewer) -> Json<MetricsView> {
    let view =
        |metric: Metric| NameView { id: metric.id().to_owned(), name: metric.label().to_owned(), r#type: "Spend" };
    Json(MetricsView { metrics: Metric::all().map(view).collect() })
}

#[cfg(test)]
mod tests {
    use billing::cost_query::CostRow;
    use billing::delivery::DeliveryId;
    use billing::receipt::MonthStatus;
    use time::macros::datetime;

    use super::*;

    fn question() -> CostQuery {
        CostQuery {
            metrics: vec![Metric::CostNonamortizedUnblended, Metric::ListPriceAmortized],
            dimensions: vec![Dimension::Service, Dimension::Category],
            ..CostQuery::over(datetime!(2026-10-01 0:00 UTC), datetime!(2026-11-01 0:00 UTC))
        }
    }

    #[test]
    fn rows_leave_with_every_digit_in_the_order_asked_for() {
        let question = question();
        let row = CostRow {
            timestamp: question.from,
            dimensions: vec!["AmazonEC2".into(), "None".into()],
            metrics: vec!["12345678901234567890.123456789012345678".parse().unwrap(), Amount::ZERO],
            other: false,
        };
        let answer = CostAnswer { rows: vec![row], truncated: true, deliveries: Vec::new() };
        let text = serde_json::to_string(&AnswerView::of(&question, answer)).unwrap();
        let expected = concat!(
            r#"{"rows":[{"timestamp":"2026-10-01T00:00:00Z","dimensions":{"service":"AmazonEC2","category":"None"},"#,
            r#""metrics":{"cost_nonamortized_unblended_adj":12345678901234567890.123456789012345678,"#,
            r#""list_price_amortized_adj":0}}],"rowsTruncated":true}"#
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn an_answer_names_its_deliveries() {
        let delivery_id = DeliveryId::of("20261103T000000Z", &[]);
        let month = PublishedMonth {
            connect: "aws-123456789012".parse().unwrap(),
            period: "2026-10".parse().unwrap(),
            delivery_id: delivery_id.clone(),
            manifest_key: "R-Manifest.json".to_owned(),
            made_at: datetime!(2026-11-03 12:00:00.5 UTC),
            published_at: datetime!(2026-11-03 13:00 UTC),
            charges: 2,
            status: MonthStatus::Final,
        };
        let answer = CostAnswer { rows: Vec::new(), truncated: false, deliveries: vec![month] };
        let expected = serde_json::json!([{
            "bill_connect_id": "aws-123456789012", "billing_period": "2026-10", "delivery_id": delivery_id.to_string(),
            "made_at": "2026-11-03T12:00:00Z", "status": "final"
        }]);
        assert_eq!(serde_json::to_value(AnswerView::of(&question(), answer)).unwrap()["deliveries"], expected);
    }
}
