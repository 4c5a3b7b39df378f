//! The views of an org: what a statement may read, and nothing else is in its reach.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use billing::focus::columns;
use billing::history::PastDelivery;
use billing::money::{Amount, PRECISION, SCALE};
use billing::sql::SqlType;
use datafusion::error::DataFusionError;
use time::OffsetDateTime;

use super::values::sql_type;
use crate::provider::table_schema;
use crate::schema::data_type;
use crate::table::{CONNECT_COLUMN, PERIOD_COLUMN};

/// A view, as the catalogue describes it.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) columns: Vec<ViewColumn>,
}

/// A column of a view.
#[derive(Debug)]
pub(crate) struct ViewColumn {
    pub(crate) name: String,
    pub(crate) sql_type: SqlType,
    pub(crate) nullable: bool,
    pub(crate) about: &'static str,
}

/// The charges of all months.
pub(crate) const CHARGES: &str = "charges";
/// What is known of accounts.
pub(crate) const ACCOUNTS: &str = "accounts";
/// What was committed to.
pub(crate) const COMMITMENTS: &str = "commitments";
/// The deliveries that months come from and came from.
pub(crate) const DELIVERIES: &str = "deliveries";

/// The views that there are.
pub(crate) fn all() -> &'static [View] {
    static VIEWS: LazyLock<Vec<View>> = LazyLock::new(|| {
        let deliveries = "What AWS delivered: where each month comes from, and came from before.";
        let commitments = "What reservations and savings plans bought, month by month, and what became of it.";
        let accounts = "What is known of each account: a row for all days on which the same held.";
        vec![
            charges(),
            made(ACCOUNTS, accounts, super::accounts::COLUMNS),
            made(DELIVERIES, deliveries, DELIVERY_COLUMNS),
            made(COMMITMENTS, commitments, super::commitments::COLUMNS),
        ]
    });
    &VIEWS
}

/// Columns that are spelled with capitals, by their lower-case form: whoever writes no quotes may write them in any case.
pub(crate) fn spellings() -> &'static HashMap<String, String> {
    static SPELLINGS: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
        let names = all().iter().flat_map(|view| &view.columns).map(|column| &column.name);
        let capital = names.filter(|name| name.bytes().any(|byte| byte.is_ascii_uppercase()));
        capital.map(|name| (name.to_ascii_lowercase(), name.clone())).collect()
    });
    &SPELLINGS
}

/// The names of all views and columns.
pub(crate) fn names() -> &'static HashSet<String> {
    static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let columns = all().iter().flat_map(|view| &view.columns).map(|column| column.name.clone());
        columns.chain(all().iter().map(|view| view.name.to_owned())).collect()
    });
    &NAMES
}

fn charges() -> View {
    let about = |name: &str| match name {
        CONNECT_COLUMN => "The bill connect that the charge came through.",
        PERIOD_COLUMN => "The month that the charge was billed in, as `2026-09`.",
        _ => columns::all().find(|column| column.name == name).map_or("", |column| column.description),
    };
    let column = |field: &Arc<Field>| ViewColumn {
        name: field.name().clone(),
        sql_type: sql_type(field.data_type()),
        nullable: field.is_nullable(),
        about: about(field.name()),
    };
    View {
        name: CHARGES,
        about: "What was charged, in the columns of FOCUS 1.2 and ours: the newest delivery of each month.",
        columns: table_schema().fields().iter().map(column).collect(),
    }
}

/// A column of a view that is made here: its name, its type, whether it may be null, what it means.
pub(crate) type Described = (&'static str, SqlType, bool, &'static str);

const DELIVERY_COLUMNS: &[Described] = &[
    ("bill_connect_id", SqlType::Text, false, "The bill connect that it came through."),
    ("billing_period", SqlType::Text, false, "The month, as `2026-09`."),
    ("delivery_id", SqlType::Text, false, "Which delivery of the month."),
    ("report_name", SqlType::Text, false, "The report's name."),
    ("status", SqlType::Text, false, "How settled the bill was: open, estimated, final or reopened."),
    ("made_at", SqlType::Time, false, "When AWS made it."),
    ("published_at", SqlType::Time, false, "Since when the month came from it."),
    ("replaced_at", SqlType::Time, true, "Until when; null where the month comes from it now."),
    ("removed_at", SqlType::Time, true, "When its charges were removed, as old deliveries are."),
    ("row_count", SqlType::Int, false, "Rows in its files."),
    ("charge_count", SqlType::Int, false, "Charges in the lake."),
    ("billed_cost", SqlType::Decimal, false, "The sum of their BilledCost."),
    ("effective_cost", SqlType::Decimal, false, "The sum of their EffectiveCost."),
    ("list_cost", SqlType::Decimal, false, "The sum of their ListCost."),
];

/// A view that is made here.
fn made(name: &'static str, about: &'static str, columns: &[Described]) -> View {
    let column = |(name, sql_type, nullable, about): &Described| ViewColumn {
        name: (*name).to_owned(),
        sql_type: *sql_type,
        nullable: *nullable,
        about,
    };
    View { name, about, columns: columns.iter().map(column).collect() }
}

/// The schema of a view that is made here.
pub(crate) fn schema(columns: &[Described]) -> SchemaRef {
    let arrow_type = |sql_type: SqlType| match sql_type {
        SqlType::Time => data_type(columns::ColumnType::Time),
        SqlType::Decimal => data_type(columns::ColumnType::Decimal),
        SqlType::Int => DataType::Int64,
        SqlType::Date => DataType::Date32,
        SqlType::Bool => DataType::Boolean,
        _ => DataType::Utf8,
    };
    let field = |(name, sql_type, nullable, _): &Described| Field::new(*name, arrow_type(*sql_type), *nullable);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// Deliveries as rows of their view.
pub(crate) fn delivery_rows(deliveries: &[PastDelivery]) -> Result<RecordBatch, DataFusionError> {
    let texts = |text: fn(&PastDelivery) -> String| -> ArrayRef {
        Arc::new(deliveries.iter().map(text).map(Some).collect::<StringArray>())
    };
    let times = |at: fn(&PastDelivery) -> Option<OffsetDateTime>| -> ArrayRef {
        let micros = |at: OffsetDateTime| i64::try_from(at.unix_timestamp_nanos() / 1000).ok();
        let all = deliveries.iter().map(|it| at(it).and_then(micros));
        Arc::new(all.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    let counts = |count: fn(&PastDelivery) -> u64| -> ArrayRef {
        Arc::new(deliveries.iter().map(|it| i64::try_from(count(it)).ok()).collect::<Int64Array>())
    };
    let amounts = |amount: fn(&PastDelivery) -> Amount| -> Result<ArrayRef, DataFusionError> {
        let amounts: Decimal128Array = deliveries.iter().map(|it| Some(amount(it).unscaled())).collect();
        Ok(Arc::new(amounts.with_precision_and_scale(PRECISION, SCALE.cast_signed())?))
    };
    let columns = vec![
        texts(|it| it.connect.to_string()),
        texts(|it| it.period.to_string()),
        texts(|it| it.delivery_id.to_string()),
        texts(|it| it.report_name.clone()),
        texts(|it| it.status.name().to_owned()),
        times(|it| Some(it.made_at)),
        times(|it| Some(it.published_at)),
        times(|it| it.replaced_at),
        times(|it| it.removed_at),
        counts(|it| it.rows),
        counts(|it| it.charges),
        amounts(|it| it.billed)?,
        amounts(|it| it.effective)?,
        amounts(|it| it.list)?,
    ];
    Ok(RecordBatch::try_new(schema(DELIVERY_COLUMNS), columns)?)
}
