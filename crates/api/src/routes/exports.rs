//! Exports: a month of charges as a file in FOCUS 1.2.

use app::export::Export;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use billing::export::{ExportFormat, ExportSource};
use billing::names::NameError;
use billing::period::BillingPeriod;
use futures::stream;
use serde_json::json;
use url::form_urlencoded;

use crate::access::{Http, Viewer};
use crate::error::ApiError;
use crate::route::{Needs, Param, Route};

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    let words = ExportFormat::ALL.map(ExportFormat::name);
    let connect = Param {
        name: "billConnectId",
        place: "query",
        required: false,
        about: "whose charges; all bill connects' that have the month, if left out",
        schema: json!({ "type": "string", "pattern": "^aws-[0-9]{12}$", "examples": ["aws-123456789012"] }),
    };
    vec![
        Needs::Viewer
            .get("/finops-onboarding/v1/orgs/{org}/exports", export)
            .named("finopsExportMonth", "Export a month's charges as FOCUS 1.2")
            .about(
                "All 57 columns of FOCUS 1.2, then ours, which start with `x_`. `ETag` names the deliveries that the charges come \
                 from. Parquet has every value as it is. In CSV, a text that a spreadsheet would run as a formula, and one that \
                 begins with an apostrophe, gets an apostrophe in front: take one away from each text that begins with one, and \
                 it is what AWS said. Split cost allocation rows are left out, as in every sum. The file comes while it is \
                 written; where that fails, the transfer breaks off and never looks whole.",
            )
            .param(connect)
            .param(Param::text("billMonth", "the month, like `202609`").needed())
            .param(Param::word("format", "what the file is; `parquet` if left out", &words))
            .param(Param::text("deliveryId", "an earlier delivery of the month; needs `billConnectId`"))
            .answers_text(200, "application/vnd.apache.parquet")
            .answers_text(200, "text/csv")
            .refuses(&[400, 404, 410]),
    ]
}

/// What a request asks for. Comes after whoever asks among a handler's arguments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    source: ExportSource,
    format: ExportFormat,
}

impl Wanted {
    fn of(query: &str) -> Result<Self, ApiError> {
        let mut wrong = Vec::new();
        let (mut month, mut connect, mut delivery, mut format) = (None, None, None, ExportFormat::Parquet);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let mut note = |error: NameError| wrong.push(format!("`{name}`: {error}"));
            match name.as_ref() {
                "billMonth" => bill_month(&value).map_or_else(&mut note, |its| month = Some(its)),
                "billConnectId" => value.parse().map_or_else(&mut note, |its| connect = Some(its)),
                "deliveryId" => value.parse().map_or_else(&mut note, |its| delivery = Some(its)),
                "format" => value.parse().map_or_else(&mut note, |its| format = its),
                // As everywhere, what is not known is not looked at.
                _ => {}
            }
        }
        if month.is_none() && wrong.iter().all(|wrong| !wrong.starts_with("`billMonth`")) {
            wrong.push("`billMonth`: it is missing; name a month like `202609`".to_owned());
        }
        let source = month.map(|month| ExportSource::new(month, connect, delivery));
        match source {
            Some(Ok(source)) if wrong.is_empty() => return Ok(Self { source, format }),
            Some(Err(error)) => wrong.push(format!("`deliveryId`: {error} with `billConnectId`")),
            _ => {}
        }
        Err(ApiError::wrong_fields(StatusCode::BAD_REQUEST, &wrong))
    }
}

/// `202609`, or as elsewhere `2026-09`.
fn bill_month(text: &str) -> Result<BillingPeriod, NameError> {
    match text.split_at_checked(4) {
        Some((year, month)) if text.len() == 6 => format!("{year}-{month}").parse(),
        _ => text.parse(),
    }
}

impl FromRequestParts<Http> for Wanted {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Http) -> Result<Self, ApiError> {
        Self::of(parts.uri.query().unwrap_or_default())
    }
}

/// `GET /exports`
pub(crate) async fn export(viewer: Viewer, wanted: Wanted) -> Result<Response, ApiError> {
    let export = viewer.export(&wanted.source, wanted.format).await?;
    let headers: [(HeaderName, String); 3] = [
        (header::CONTENT_TYPE, wanted.format.content_type().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", wanted.source.file_name(wanted.format))),
        (header::ETAG, format!("\"{}\"", export.tag())),
    ];
    Ok((headers, body(export)).into_response())
}

/// The file as it is written. An error breaks the transfer off.
fn body(export: Export) -> Body {
    Body::from_stream(stream::unfold(export, async |mut export| {
        let piece = export.next().await?;
        if let Err(error) = &piece {
            tracing::error!(%error, "an export broke off");
        }
        Some((piece, export))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELIVERY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_month_is_asked_for_by_name() {
        let all = Wanted::of("billMonth=202609").unwrap();
        assert_eq!(all, Wanted::of("billMonth=2026-09&format=parquet&other=x").unwrap());
        assert_eq!(all.source.file_name(all.format), "focus-1.2_2026-09.parquet");
        let one = format!("billMonth=202609&format=csv&billConnectId=aws-123456789012&deliveryId={DELIVERY}");
        let one = Wanted::of(&one).unwrap();
        assert!(matches!(&one.source, ExportSource::Delivery(named) if named.delivery_id.as_ref() == DELIVERY));
        assert_eq!(one.format, ExportFormat::Csv);
    }
}
