//! The view `accounts`: what is known of each account, from which day to which.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, RecordBatch, StringArray};
use billing::names::AccountId;
use billing::organization::{AccountSpan, Accounts};
use billing::sql::SqlType;
use datafusion::error::DataFusionError;
use time::Date;

use super::views::{Described, schema};

/// The columns.
pub(crate) const COLUMNS: &[Described] = &[
    ("account_id", SqlType::Text, false, "Its 12 digits: `SubAccountId` of charges."),
    ("bill_connect_id", SqlType::Text, false, "The bill connect through whose organization it is known."),
    ("name", SqlType::Text, false, "Its name."),
    ("status", SqlType::Text, false, "Whether it is in use: active, suspended, closed, left and so on."),
    ("unit", SqlType::Text, false, "The units that it lies in, from the root down, as `/Production/Web`."),
    ("account_tags", SqlType::Text, false, "Its tags in Organizations, as a JSON object; those of charges are `Tags`."),
    ("since", SqlType::Date, false, "The first day, UTC, on which this was seen."),
    ("until", SqlType::Date, true, "The first day on which something else was; null while it holds."),
    ("is_current", SqlType::Bool, false, "Whether it holds now: one row of each account does."),
];

/// Accounts as rows of their view.
pub(crate) fn rows(accounts: &Accounts) -> Result<RecordBatch, DataFusionError> {
    let rows: Vec<(&AccountId, &AccountSpan)> =
        accounts.iter().flat_map(|(account, spans)| spans.iter().map(move |span| (account, span))).collect();
    let texts = |text: fn(&AccountSpan) -> String| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, span)| Some(text(span))).collect::<StringArray>())
    };
    let days = |day: fn(&AccountSpan) -> Option<Date>| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, span)| day(span).map(number)).collect::<Date32Array>())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|(account, _)| Some(account.to_string())).collect::<StringArray>()),
        texts(|it| it.connect.to_string()),
        texts(|it| it.span.facts.name.clone()),
        texts(|it| it.span.facts.state.name().to_owned()),
        texts(|it| it.span.facts.unit.to_string()),
        texts(|it| serde_json::json!(it.span.facts.tags).to_string()),
        days(|it| Some(it.span.from)),
        days(|it| it.span.until),
        Arc::new(rows.iter().map(|(_, it)| Some(it.span.until.is_none())).collect::<BooleanArray>()),
    ];
    Ok(RecordBatch::try_new(schema(COLUMNS), columns)?)
}

/// A day as the engine counts it, from 1970 on.
fn number(day: Date) -> i32 {
    const EPOCH: i32 = 2_440_588;
    day.to_julian_day() - EPOCH
}
