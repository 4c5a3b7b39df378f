//! Costs beyond the published contract: `/finops-onboarding/v1/orgs/{org}/costs`, which answers any question in any form.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use billing::cost_query::{CostAnswer, CostQuery, CostRow, Dimension};
use billing::money::Amount;
use billing::names::BillConnectId;
use billing::receipt::{MonthStatus, PublishedMonth};
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::{Asked, bill_month};
use super::costs::{Pairs, amounts, texts};
use super::finops_cost_question::{Form, Wanted, params};
use super::stamp;
use crate::access::Viewer;
use crate::error::ApiError;
use crate::route::{Needs, Route};

const ABOUT: &str = "What the published cost API can't be asked: any number of dimensions, hours, any order, the greatest groups \
    with all others summed up, conditions that compare, negate and ask for what has no value, a page at a time. All pages of an \
    answer come from the deliveries of the first, whatever is published meanwhile; 409 where they can't, 410 where one of them is \
    removed. `ETag` changes whenever the answer may: the question, the form or a delivery. A file has a `Link` to its next page. \
    In CSV, a text that a spreadsheet would run as a formula, and one that begins with an apostrophe, gets an apostrophe in front.";

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    let route = Needs::Viewer
        .get("/finops-onboarding/v1/orgs/{org}/costs", costs)
        .named("finopsCosts", "Answer a question about costs")
        .about(ABOUT)
        .answers::<View>(200)
        .answers_text(200, "text/csv")
        .answers_text(200, "application/vnd.apache.parquet")
        .answers_unchanged()
        .refuses(&[400, 404, 409, 410, 422]);
    vec![params(route)]
}

/// A page of an answer, and what it comes from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsCosts)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    #[schema(example = "finops:cost-list")]
    kind: &'static str,
    values: Vec<RowView>,
    /// The address of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_page: Option<String>,
    /// When the newest of the deliveries was published; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-11-03T13:00:00Z")]
    as_of: Option<String>,
    /// `final` where every delivery is, so that the answer is not going to change; else `open`. Absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "final")]
    status: Option<&'static str>,
    /// What the values come from.
    deliveries: Vec<DeliveryView>,
}

/// One sum for each metric.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsCost)]
struct RowView {
    /// When its month, day or hour starts, or the whole span.
    #[schema(example = "2026-10-01T00:00:00Z")]
    timestamp: String,
    /// The value of each dimension; `None` where a charge has none.
    #[schema(schema_with = texts)]
    dimensions: Pairs<String, String>,
    /// The sum of each metric, with every digit: read it as a decimal.
    #[schema(schema_with = amounts)]
    metrics: Pairs<&'static str, Amount>,
    /// `true` where these are all groups that are not among the `top`; left out elsewhere.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    other: bool,
}

/// A delivery that values come from: a month of a bill connect, and how settled it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsCostDelivery)]
#[serde(rename_all = "camelCase")]
struct DeliveryView {
    #[schema(value_type = String, example = "aws-123456789012")]
    bill_connect_id: BillConnectId,
    #[schema(example = "202610")]
    bill_month: String,
    delivery_id: String,
    /// When AWS made it.
    #[schema(example = "2026-11-03T12:00:00Z")]
    made_at: String,
    /// Since when the month comes from it.
    #[schema(example = "2026-11-03T13:00:00Z")]
    published_at: String,
    /// `open`, `estimated`, `final` or `reopened`.
    #[schema(example = "final")]
    status: &'static str,
}

impl From<&PublishedMonth> for DeliveryView {
    fn from(month: &PublishedMonth) -> Self {
        Self {
            bill_connect_id: month.connect.clone(),
            bill_month: bill_month(month.period),
            delivery_id: month.delivery_id.to_string(),
            made_at: stamp(month.made_at),
            published_at: stamp(month.published_at),
            status: month.status.name(),
        }
    }
}

impl View {
    fn of(question: &CostQuery, answer: CostAnswer, next_page: Option<String>) -> Self {
        let row = |row: CostRow| RowView {
            timestamp: stamp(row.timestamp),
            dimensions: Pairs(question.dimensions.iter().map(Dimension::id).zip(row.dimensions).collect()),
            metrics: Pairs(question.metrics.iter().map(|metric| metric.id()).zip(row.metrics).collect()),
            other: row.other,
        };
        let deliveries = &answer.deliveries;
        let settled = deliveries.iter().all(|month| month.status == MonthStatus::Final);
        let newest = deliveries.iter().map(|month| month.published_at).max();
        Self {
            kind: "finops:cost-list",
            next_page,
            as_of: newest.map(stamp),
            status: newest.map(|_| if settled { "final" } else { "open" }),
            deliveries: deliveries.iter().map(DeliveryView::from).collect(),
            values: answer.rows.into_iter().map(row).collect(),
        }
    }
}

/// `GET /costs`
pub(crate) async fn costs(viewer: Viewer, headers: HeaderMap, mut asked: Asked) -> Result<Response, ApiError> {
    let Wanted { question, place, form } = Wanted::read(&mut asked, &headers)?;
    let accounts = viewer.accounts_tag(&question).await?;
    let tag = |deliveries: &[PublishedMonth]| format!("\"{}{accounts}\"", question.tag(deliveries, form.name()));
    if headers.contains_key(header::IF_NONE_MATCH) {
        let known = tag(&viewer.costs_come_from(&question).await?);
        if is_known(&headers, &known) {
            return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, known)]).into_response());
        }
    }
    let answer = viewer.costs(&question).await?;
    if place.is_some_and(|place| !place.holds(&answer.deliveries)) {
        let message = "a month was published while the pages before were read, and they can't be gone on with; start again without `skipToken`";
        return Err(ApiError::new(StatusCode::CONFLICT, message));
    }
    let tag = [(header::ETAG, tag(&answer.deliveries))];
    let next = question.next(&answer).map(|place| asked.next_page(place.token()));
    let Form::File(format) = form else {
        return Ok((tag, Json(View::of(&question, answer, next))).into_response());
    };
    let about: [(HeaderName, String); 2] = [
        (header::CONTENT_TYPE, format.content_type().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"costs.{}\"", format.name())),
    ];
    let link = next.map(|next| [(header::LINK, format!("<{next}>; rel=\"next\""))]);
    let file = viewer.cost_file(question, answer, format).await?;
    let mut response = (tag, about, file).into_response();
    for (name, value) in link.into_iter().flatten() {
        let value = value.parse().map_err(|_| ApiError::internal("the address of a next page is no header"))?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// Whether whoever asks has the answer of this name.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let named = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut named = named.flat_map(|value| value.split(',')).map(str::trim);
    named.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_by_its_tag_weak_or_among_others() {
        for (sent, known) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("a", false),
            ("\"b\"", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, sent.parse().unwrap())]);
            assert_eq!(is_known(&headers, "\"a\""), known, "{sent}");
        }
    }
}
