//! SQL: `/finops-onboarding/v1/orgs/{org}/sql`, one read-only query over the org's views.

use app::AppError;
use app::sql::{SqlAnswer, SqlQuestion};
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use billing::spreadsheet;
use billing::sql::{SqlColumn, SqlParameter, SqlValue};
use bytes::Bytes;
use futures::stream;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::access::Viewer;
use crate::body::{Fields, JsonObject};
use crate::body_doc::{BodyDoc, FieldDoc};
use crate::error::ApiError;
use crate::route::{Needs, Route};

/// Rows of an answer, if the body does not say how many.
const ROWS: usize = 10_000;

/// How much of an answer is held back, so that what fails early is an error with its status and not half an answer.
const HELD_BACK: usize = 256 << 10;

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Needs::Viewer
            .post("/finops-onboarding/v1/orgs/{org}/sql", ask)
            .named("finopsSql", "Ask in SQL")
            .about(
                "One `SELECT` over the org's views `charges`, in the columns of FOCUS, `accounts`, `commitments` and `deliveries`, in the dialect of \
                 Postgres; nothing can be changed. Decimals are JSON numbers with every digit. A statement that is wrong, or asks \
                 for more than one may, is 422 and says where. The answer comes while it is worked out; where that fails, the \
                 transfer breaks off and never looks whole. `docs/sql.md` tells more, and how to connect a Postgres client.",
            )
            .takes(doc())
            .answers::<AnswerView>(200)
            .answers_text(200, "text/csv")
            .refuses(&[422]),
    ]
}

/// The fields of the body.
fn doc() -> BodyDoc {
    let fields = vec![
        FieldDoc::text("query", "the statement")
            .example("SELECT ServiceName, sum(BilledCost) AS cost FROM charges GROUP BY 1 ORDER BY 2 DESC"),
        FieldDoc::texts("parameters", (0, 1000), "what stands for `$1` and so on in the statement").optional(),
        FieldDoc::whole("limit", 1, "the most rows of the answer; 10000 by default").optional(),
        FieldDoc::word("format", &["json", "csv"], "`json` by default").optional(),
    ];
    BodyDoc { name: "SqlStatement", fields }
}

/// The answer to a statement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SqlAnswer)]
pub(crate) struct AnswerView {
    #[schema(example = "finops:sql-answer")]
    kind: &'static str,
    columns: Vec<ColumnView>,
    /// The rows: a value for each column. Decimals are numbers with every digit, instants are like `2026-10-01T00:00:00Z`.
    values: Vec<Vec<Value>>,
    /// Whether there are more rows than the limit.
    truncated: bool,
}

/// A column of an answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SqlColumn)]
struct ColumnView {
    name: String,
    /// What it holds, in Postgres's words.
    #[schema(example = "numeric")]
    r#type: &'static str,
}

impl From<&SqlColumn> for ColumnView {
    fn from(column: &SqlColumn) -> Self {
        Self { name: column.name.clone(), r#type: column.sql_type.name() }
    }
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
}

/// What a body asks for.
fn read(body: &JsonObject) -> Result<(SqlQuestion, Format), ApiError> {
    let doc = doc();
    let mut fields = Fields::of(body, &doc);
    let text = fields.text("query").unwrap_or_default().to_owned();
    let texts = fields.maybe_texts("parameters").unwrap_or_default();
    let parameter = |text: &str| SqlParameter { sql_type: None, value: Some(text.to_owned()) };
    let parameters = texts.into_iter().map(parameter).collect();
    let limit = match fields.maybe("limit") {
        None => ROWS,
        Some(value) => match value.as_u64().and_then(|limit| usize::try_from(limit).ok()) {
            Some(limit) if limit > 0 => limit,
            _ => {
                fields.refuse("limit", "it must be a whole number from 1 on");
                ROWS
            }
        },
    };
    let format = match fields.maybe_text("format") {
        None | Some("json") => Format::Json,
        Some("csv") => Format::Csv,
        Some(_) => {
            fields.refuse("format", "it is `json` or `csv`");
            Format::Json
        }
    };
    fields.finish()?;
    Ok((SqlQuestion { text, parameters, limit: Some(limit) }, format))
}

/// `POST /sql`
pub(crate) async fn ask(viewer: Viewer, body: JsonObject) -> Result<Response, ApiError> {
    let (question, format) = read(&body)?;
    let mut written = Written::new(viewer.sql(question).await?, format);
    let mut first = Vec::new();
    while first.len() < HELD_BACK {
        match written.next().await {
            Some(piece) => first.extend_from_slice(&piece?),
            None => return Ok(respond(format, Body::from(first))),
        }
    }
    let rest = stream::unfold((Some(first), written), async |(held, mut written)| {
        if let Some(held) = held {
            return Some((Ok(Bytes::from(held)), (None, written)));
        }
        let piece = written.next().await?.map(Bytes::from).map_err(|error| {
            tracing::error!(%error, "an answer in SQL broke off");
            std::io::Error::other("the answer broke off")
        });
        Some((piece, (None, written)))
    });
    Ok(respond(format, Body::from_stream(rest)))
}

fn respond(format: Format, body: Body) -> Response {
    let kind = match format {
        Format::Json => "application/json",
        Format::Csv => "text/csv",
    };
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

/// An answer as it is written.
struct Written {
    answer: SqlAnswer,
    format: Format,
    state: State,
    /// Whether a row was written: from then on, a comma goes before each.
    any: bool,
}

#[derive(PartialEq, Eq)]
enum State {
    Head,
    Rows,
    Ended,
}

impl Written {
    fn new(answer: SqlAnswer, format: Format) -> Self {
        Self { answer, format, state: State::Head, any: false }
    }

    /// The next piece; none after the last.
    async fn next(&mut self) -> Option<Result<Vec<u8>, AppError>> {
        match self.state {
            State::Head => {
                self.state = State::Rows;
                Some(Ok(self.head()))
            }
            State::Rows => match self.answer.next().await {
                Some(Ok(rows)) => Some(Ok(self.rows(&rows))),
                Some(Err(error)) => {
                    self.state = State::Ended;
                    Some(Err(error))
                }
                None => {
                    self.state = State::Ended;
                    Some(Ok(self.end()))
                }
            },
            State::Ended => None,
        }
    }

    fn head(&self) -> Vec<u8> {
        let columns = self.answer.columns();
        match self.format {
            Format::Csv => spreadsheet::line(columns.iter().map(|column| column.name.as_str())).into_bytes(),
            Format::Json => {
                let columns: Vec<_> = columns.iter().map(ColumnView::from).collect();
                format!("{{\"kind\":\"finops:sql-answer\",\"columns\":{},\"values\":[", json!(columns)).into_bytes()
            }
        }
    }

    fn rows(&mut self, rows: &[Vec<SqlValue>]) -> Vec<u8> {
        let mut text = String::new();
        for row in rows {
            match self.format {
                Format::Csv => text.push_str(&csv_line(row)),
                Format::Json => {
                    if std::mem::replace(&mut self.any, true) {
                        text.push(',');
                    }
                    text.push_str(&Value::Array(row.iter().map(json_value).collect()).to_string());
                }
            }
        }
        text.into_bytes()
    }

    fn end(&self) -> Vec<u8> {
        match self.format {
            Format::Csv => Vec::new(),
            Format::Json => format!("],\"truncated\":{}}}", self.answer.is_cut()).into_bytes(),
        }
    }
}

/// An instant as the rest of the API writes one.
fn text(value: &SqlValue) -> String {
    let text = value.text().unwrap_or_default();
    match value {
        SqlValue::Time(_) => text.replace(' ', "T").replace("+00", "Z"),
        _ => text,
    }
}

fn json_value(value: &SqlValue) -> Value {
    match value {
        SqlValue::Null => Value::Null,
        SqlValue::Bool(flag) => json!(flag),
        SqlValue::Int(whole) => json!(whole),
        SqlValue::Float(float) if float.is_finite() => json!(float),
        // As it is, with every digit: no binary number comes between.
        SqlValue::Decimal(decimal) => serde_json::from_str(decimal).unwrap_or_else(|_| json!(decimal)),
        value => json!(text(value)),
    }
}

/// Numbers as they are; a text that a spreadsheet would run is defused.
fn csv_line(row: &[SqlValue]) -> String {
    let texts: Vec<String> = row.iter().map(text).collect();
    let cell = |(value, text): (&SqlValue, &String)| match value {
        SqlValue::Text(_) => {
            let line = spreadsheet::line([text.as_str()]);
            line.trim_end_matches("\r\n").to_owned()
        }
        _ => text.clone(),
    };
    row.iter().zip(&texts).map(cell).collect::<Vec<_>>().join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_every_digit() {
        let row = [
            SqlValue::Decimal("12345678901234567890.123456789012345678".to_owned()),
            SqlValue::Null,
            SqlValue::Time(1_788_325_200_000_000),
            SqlValue::Text("=1+1".to_owned()),
            SqlValue::Decimal("-5".to_owned()),
        ];
        let json = Value::Array(row.iter().map(json_value).collect()).to_string();
        assert_eq!(json, r#"[12345678901234567890.123456789012345678,null,"2026-09-02T05:00:00Z","=1+1",-5]"#);
        assert_eq!(csv_line(&row), "12345678901234567890.123456789012345678,,2026-09-02T05:00:00Z,'=1+1,-5\r\n");
    }

    #[test]
    fn every_wrong_field_is_named() {
        let body = |value: Value| JsonObject(value.as_object().unwrap().clone());
        let (question, format) = read(&body(json!({ "query": "SELECT 1" }))).unwrap();
        assert_eq!((question.limit, format), (Some(ROWS), Format::Json));
        let wrong = body(json!({ "limit": 0, "format": "xml", "parameters": [1] }));
        let message = format!("{:?}", read(&wrong).unwrap_err());
        for field in ["query", "limit", "format", "parameters"] {
            assert!(message.contains(&format!("`{field}`")), "{message}");
        }
    }
}
