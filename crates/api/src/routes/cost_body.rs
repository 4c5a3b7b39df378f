//! The question about costs in a body, with everything that is wrong with it named at once. Whatever it is, it is a 400.

use std::str::FromStr;

use billing::cost_accounts::{AccountsAsOf, NoAccountsAsOf};
use billing::cost_query::{CostQuery, Filter, Granularity, PeriodType, Rows};
use billing::history::{AsOf, NamedDelivery};
use billing::names::{BillConnectId, quotable, without_credentials};
use billing::period::BillingPeriod;
use serde::Deserialize;
use serde_json::{Value, json};
use time::macros::format_description;
use time::{Date, OffsetDateTime, Time};

use super::billing_centers::UNALLOCATED;
use crate::body::{Fields, JsonObject};
use crate::body_doc::{BodyDoc, FieldDoc};
use crate::error::ApiError;
use crate::openapi::shape::reference;

/// The most rows of one answer, whatever the question's `limit` says.
pub(super) const MAX_ROWS: usize = 100_000;

/// The most deliveries that one question may name.
const MAX_NAMED: usize = 1000;

/// What a question about sums may say.
pub(super) fn sums_doc() -> BodyDoc {
    let mut fields = common();
    fields.push(
        FieldDoc::texts("dimensions", (0, 10), "at most 10 of those there are").optional().example(json!(["service"])),
    );
    fields.push(FieldDoc::whole("limit", 1, "at most so many rows; absent or above 100,000, it is 100,000").optional());
    fields.push(
        FieldDoc::flag("summarized", "whether all months or days are one, which starts at `start_at`").optional(),
    );
    BodyDoc { name: "CostQuestion", fields }
}

/// What a question about single charges may say.
pub(super) fn charges_doc() -> BodyDoc {
    let mut fields = common();
    let dimensions = FieldDoc::texts("dimensions", (1, 10), "at least one and at most 10 of those there are");
    fields.push(dimensions.example(json!(["resource_id"])));
    fields.push(FieldDoc::whole("limit", 1, "at most so many rows, and at most 100,000").example(1000));
    BodyDoc { name: "ChargeQuestion", fields }
}

/// What both may say.
fn common() -> Vec<FieldDoc> {
    vec![
        FieldDoc::texts("billing_center_ids", (1, 1000), "at least one; there is `unallocated`")
            .example(json!(["unallocated"])),
        FieldDoc::texts("metrics", (1, 100), "at least one of those there are")
            .example(json!(["cost_nonamortized_unblended_adj"])),
        FieldDoc::text("start_at", "`YYYY-MM` or `YYYY-MM-DD`, UTC").example("2026-10"),
        FieldDoc::text("end_at", "the same, excluded; at most 24 months after the start, or 31 days by day")
            .example("2026-11"),
        FieldDoc::word("granularity", &["month", "day"], "`month` by default").optional(),
        FieldDoc::word(
            "period_type",
            &["charge_period", "billing_period"],
            "`charge_period` by default: when a charge arose; `billing_period`: which bill it is on",
        )
        .optional(),
        FieldDoc::named("filter", ("CostFilter", filter_schema), "which charges; at most 500 conditions, 16 deep")
            .optional(),
        FieldDoc::text(
            "as_of",
            "what was held then: a day like `2026-10-03`, which means its end in UTC, or an instant like \
             `2026-10-03T12:00:00Z`; by default, what is held now",
        )
        .optional(),
        FieldDoc::text(
            "accounts_as_of",
            "as of when accounts' names, units and tags count: `usage_day` (by default: the day of each charge), `today`, or a day \
             like `2026-09-30`",
        )
        .optional(),
        FieldDoc::named(
            "deliveries",
            ("CostDeliveries", deliveries_schema),
            "months that come from another delivery than the newest, as answers and the list of deliveries name it",
        )
        .optional(),
    ]
}

/// What [`Filter`] deserialises.
fn filter_schema() -> Value {
    let of = |kind: &str, fields: Value| {
        let mut properties = json!({ "type": { "const": kind } });
        let mut required = vec!["type"];
        for (name, schema) in fields.as_object().into_iter().flatten() {
            properties[name] = schema.clone();
            required.push(name);
        }
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
    };
    let text = json!({ "type": "string" });
    let one = reference("CostFilter");
    let several = json!({ "type": "array", "items": one });
    json!({
        "description": "A condition on dimensions. A charge without a value has the value `None`.",
        "oneOf": [
            of("equal", json!({ "dimension": text, "value": text })),
            of("substring", json!({ "dimension": text, "substring": text })),
            of("and", json!({ "expressions": several })),
            of("or", json!({ "expressions": several })),
            of("not", json!({ "expression": one }))
        ],
        "examples": [{ "type": "equal", "dimension": "service", "value": "AmazonS3" }]
    })
}

/// What [`named_deliveries`] reads: fields of an answer's `deliveries` beyond these are no harm.
fn deliveries_schema() -> Value {
    let text = json!({ "type": "string" });
    let properties = json!({ "bill_connect_id": text, "billing_period": text, "delivery_id": text });
    json!({
        "type": "array",
        "maxItems": MAX_NAMED,
        "items": { "type": "object", "properties": properties, "required": ["bill_connect_id", "billing_period", "delivery_id"] },
        "examples": [[{
            "bill_connect_id": "aws-123456789012", "billing_period": "2026-09", "delivery_id": "0123456789abcdef0123456789abcdef"
        }]]
    })
}

/// Reads the question of `rows`, or names all that is wrong with it.
pub(crate) fn read(body: &JsonObject, rows: Rows) -> Result<CostQuery, ApiError> {
    let doc = if rows == Rows::Sums { sums_doc() } else { charges_doc() };
    let mut fields = Fields::of(body, &doc);
    billing_centers(&mut fields);
    let metrics = names(&mut fields, "metrics", Fields::texts);
    let read_dimensions = if rows == Rows::Sums { Fields::maybe_texts } else { Fields::texts };
    let dimensions = names(&mut fields, "dimensions", read_dimensions);
    let (from, until) = (instant(&mut fields, "start_at"), instant(&mut fields, "end_at"));
    let question = CostQuery {
        metrics: metrics.clone().unwrap_or_default(),
        dimensions: dimensions.clone().unwrap_or_default(),
        granularity: choice(&mut fields, ("granularity", &GRANULARITIES)).unwrap_or_default(),
        period_type: choice(&mut fields, ("period_type", &PERIOD_TYPES)).unwrap_or_default(),
        rows,
        filter: filter(&mut fields),
        limit: limit(&mut fields, rows),
        as_of: AsOf { at: as_of(&mut fields), deliveries: named_deliveries(&mut fields) },
        accounts_as_of: accounts_as_of(&mut fields).unwrap_or_default(),
        ..CostQuery::over(from.unwrap_or(OffsetDateTime::UNIX_EPOCH), until.unwrap_or(OffsetDateTime::UNIX_EPOCH))
    };
    let summarized = rows == Rows::Sums && fields.maybe_flag("summarized").unwrap_or_default();
    for problem in question.contract_problems() {
        // What could not be read is named already; what stands in for it is not the client's.
        let unread = match problem.field {
            "metrics" => metrics.is_none(),
            "dimensions" => dimensions.is_none(),
            "end_at" => from.is_none() || until.is_none(),
            _ => false,
        };
        if !unread {
            fields.refuse(problem.field, problem.message);
        }
    }
    fields.finish()?;
    Ok(if summarized { question.summarized() } else { question })
}

/// Everything is in the one billing center that there is, so naming it is the whole filter.
fn billing_centers(fields: &mut Fields<'_>) {
    let Some(ids) = fields.texts("billing_center_ids") else { return };
    if ids.is_empty() {
        fields.refuse("billing_center_ids", "name at least one billing center");
    }
    for unknown in ids.into_iter().filter(|id| *id != UNALLOCATED) {
        fields.refuse(
            "billing_center_ids",
            format!("there is no billing center `{}`; there is `{UNALLOCATED}`", quotable(unknown)),
        );
    }
}

type Texts<'a> = fn(&mut Fields<'a>, &str) -> Option<Vec<&'a str>>;

/// Metrics or dimensions; `None` if any could not be read.
fn names<'a, T>(fields: &mut Fields<'a>, name: &str, read: Texts<'a>) -> Option<Vec<T>>
where
    T: FromStr<Err: std::fmt::Display>,
{
    let texts = read(fields, name)?;
    let parsed = texts.into_iter().map(|text| text.parse().map_err(|error| fields.refuse(name, error)).ok());
    // All of them are looked at, so that every unknown name is named.
    parsed.collect::<Vec<Option<T>>>().into_iter().collect()
}

/// A month or a day, as its first instant in UTC.
fn instant(fields: &mut Fields<'_>, name: &str) -> Option<OffsetDateTime> {
    let read = first_instant(fields.text(name)?);
    if read.is_none() {
        fields.refuse(name, "it must be a month like `2026-10` or a day like `2026-10-31`");
    }
    read
}

/// The first instant of a month or a day, in UTC.
pub(super) fn first_instant(text: &str) -> Option<OffsetDateTime> {
    let day = || Date::parse(text, format_description!("[year]-[month]-[day]")).ok();
    let month = text.parse().ok().map(BillingPeriod::start);
    let first = month.or_else(|| day().map(|day| day.with_time(Time::MIDNIGHT).assume_utc()));
    // A date reader takes years with a sign; an answer can't name them.
    first.filter(|at| (1..=9999).contains(&at.year()))
}

const GRANULARITIES: [(&str, Granularity); 2] = [("month", Granularity::Month), ("day", Granularity::Day)];
pub(super) const PERIOD_TYPES: [(&str, PeriodType); 2] =
    [("charge_period", PeriodType::ChargePeriod), ("billing_period", PeriodType::BillingPeriod)];

/// One of a few words.
fn choice<T: Copy>(fields: &mut Fields<'_>, (name, words): (&str, &[(&str, T)])) -> Option<T> {
    let text = fields.maybe_text(name)?;
    let read = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    if read.is_none() {
        let words: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        fields.refuse(name, format!("it must be {}", words.join(" or ")));
    }
    read
}

fn filter(fields: &mut Fields<'_>) -> Option<Filter> {
    let value = fields.maybe("filter")?;
    Filter::deserialize(value).map_err(|error| fields.refuse("filter", without_credentials(&error.to_string()))).ok()
}

fn accounts_as_of(fields: &mut Fields<'_>) -> Option<AccountsAsOf> {
    let text = fields.maybe_text("accounts_as_of")?;
    text.parse().map_err(|error: NoAccountsAsOf| fields.refuse("accounts_as_of", error.to_string())).ok()
}

fn as_of(fields: &mut Fields<'_>) -> Option<OffsetDateTime> {
    let text = fields.maybe_text("as_of")?;
    AsOf::instant(text).map_err(|error| fields.refuse("as_of", error)).ok()
}

/// A delivery as a question names it.
#[derive(Deserialize)]
struct Named {
    bill_connect_id: BillConnectId,
    billing_period: BillingPeriod,
    delivery_id: String,
}

fn named_deliveries(fields: &mut Fields<'_>) -> Vec<NamedDelivery> {
    let Some(value) = fields.maybe("deliveries") else { return Vec::new() };
    let named: Vec<Named> = match Vec::deserialize(value) {
        Ok(named) => named,
        Err(error) => {
            fields.refuse("deliveries", without_credentials(&error.to_string()));
            return Vec::new();
        }
    };
    if named.len() > MAX_NAMED {
        fields.refuse("deliveries", format!("at most {MAX_NAMED} can be named"));
    }
    let mut read = Vec::new();
    for Named { bill_connect_id, billing_period, delivery_id } in named {
        match delivery_id.parse() {
            Ok(delivery_id) => {
                read.push(NamedDelivery { connect: bill_connect_id, period: billing_period, delivery_id });
            }
            Err(error) => fields.refuse("deliveries", error),
        }
    }
    read
}

/// The most rows. Sums that are more are cut off, and the answer says so; whoever wants charges says how many.
fn limit(fields: &mut Fields<'_>, rows: Rows) -> Option<usize> {
    let value = if rows == Rows::Sums { fields.maybe("limit") } else { fields.needed("limit") };
    let Some(value) = value else { return Some(MAX_ROWS) };
    let Some(limit) = value.as_u64().map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)) else {
        fields.mistyped("limit", ("a whole number from 1 on", value));
        return None;
    };
    if rows == Rows::Charges && limit > MAX_ROWS {
        fields.refuse("limit", format!("it is at most {MAX_ROWS}"));
    }
    Some(limit.min(MAX_ROWS))
}

#[cfg(test)]
mod tests {
    use billing::cost_query::{Dimension, Metric};
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn body(value: Value) -> JsonObject {
        let Value::Object(object) = value else { panic!("an object: {value}") };
        JsonObject(object)
    }

    fn right() -> Value {
        json!({
            "billing_center_ids": ["unallocated"], "metrics": ["cost_amortized_unblended_adj"],
            "start_at": "2026-10", "end_at": "2026-11-01"
        })
    }

    /// What is wrong with the right body once `changes` are made; `null` takes a field away.
    fn wrong(changes: Value) -> String {
        let mut all = body(right()).0;
        all.extend(body(changes).0);
        match read(&JsonObject(all), Rows::Sums) {
            Ok(question) => panic!("it was taken as {question:?}"),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn the_least_question_has_defaults() {
        let question = read(&body(right()), Rows::Sums).unwrap();
        assert_eq!((question.from, question.until), (datetime!(2026-10-01 0:00 UTC), datetime!(2026-11-01 0:00 UTC)));
        assert_eq!((question.granularity, question.period_type), (Granularity::Month, PeriodType::ChargePeriod));
        assert_eq!((question.dimensions, question.filter, question.limit), (Vec::new(), None, Some(MAX_ROWS)));
    }

    #[test]
    fn the_whole_question_is_read() {
        let question = read(
            &body(json!({
                "billing_center_ids": ["unallocated"], "metrics": ["usage_amount"], "dimensions": ["usage_unit", "tag_user:team"],
                "start_at": "2026-10-01", "end_at": "2026-11-01", "granularity": "day", "period_type": "charge_period",
                "filter": {"type": "equal", "dimension": "service", "value": "AmazonEC2"}, "limit": 7, "summarized": false,
                "something_else": [1]
            })),
            Rows::Sums,
        );
        let question = question.unwrap();
        assert_eq!(question.metrics, [Metric::UsageAmount]);
        assert_eq!(question.dimensions, [Dimension::UsageUnit, Dimension::Tag("user:team".into())]);
        assert_eq!((question.granularity, question.limit), (Granularity::Day, Some(7)));
        assert_eq!(question.filter, Some(Filter::Equal { dimension: Dimension::Service, value: "AmazonEC2".into() }));
    }

    #[test]
    fn every_wrong_field_is_named() {
        let error = wrong(json!({
            "billing_center_ids": [], "metrics": "all", "dimensions": ["service", 1], "start_at": null, "end_at": "soon",
            "granularity": "week", "period_type": 1, "filter": {"type": "maybe"}, "limit": 1.5
        }));
        for field in [
            "billing_center_ids",
            "metrics",
            "dimensions",
            "start_at",
            "end_at",
            "granularity",
            "period_type",
            "filter",
            "limit",
        ] {
            assert!(error.contains(&format!("`{field}`")), "{field}: {error}");
        }
        assert!(error.contains("9 fields are wrong"), "each once: {error}");
    }

    #[test]
    fn unknown_names_are_answered_with_the_known_ones() {
        let error = wrong(json!({ "metrics": ["cost"], "dimensions": ["servise", "colour"] }));
        assert!(error.contains("`cost` is no metric") && error.contains("list_price_amortized_adj"), "{error}");
        assert!(error.contains("`servise` is no dimension") && error.contains("`colour` is no dimension"), "{error}");
        let error = wrong(json!({ "filter": {"type": "equal", "dimension": "servise", "value": "x"} }));
        assert!(error.contains("`filter`: `servise` is no dimension"), "{error}");
        assert!(wrong(json!({ "billing_center_ids": ["unallocated", "1"] })).contains("no billing center `1`"));
    }

    #[test]
    fn questions_that_make_no_sense_are_refused() {
        assert!(wrong(json!({ "end_at": "2026-10-01" })).contains("`end_at`"));
        assert!(wrong(json!({ "end_at": "2028-11" })).contains("24 months"));
        assert!(wrong(json!({ "granularity": "day", "end_at": "2026-12" })).contains("31 days"));
        assert!(wrong(json!({ "metrics": ["usage_amount"] })).contains("usage_unit"));
        assert!(wrong(json!({ "dimensions": ["resource_id"] })).contains("resource_id"));
        assert!(wrong(json!({ "limit": 0 })).contains("`limit`"));
        assert!(wrong(json!({ "metrics": [] })).contains("at least one metric"));
    }

    #[test]
    fn a_question_may_be_as_of_an_instant_and_of_deliveries_that_an_answer_named() {
        let id = "0123456789abcdef0123456789abcdef";
        let mut all = body(right()).0;
        all.insert("as_of".into(), json!("2026-10-03"));
        let named = json!([{
            "bill_connect_id": "aws-123456789012", "billing_period": "2026-09", "delivery_id": id, "status": "final"
        }]);
        all.insert("deliveries".into(), named);
        let as_of = read(&JsonObject(all), Rows::Sums).unwrap().as_of;
        assert_eq!(as_of.at, Some(datetime!(2026-10-03 23:59:59.999_999_999 UTC)));
        assert_eq!(as_of.deliveries[0].delivery_id.to_string(), id);
        assert_eq!(read(&body(right()), Rows::Sums).unwrap().as_of, AsOf::NOW);
        assert!(wrong(json!({ "as_of": "yesterday" })).contains("`as_of`"));
        let one =
            |id: &str| json!({ "bill_connect_id": "aws-123456789012", "billing_period": "2026-09", "delivery_id": id });
        assert!(wrong(json!({ "deliveries": [one("x")] })).contains("`deliveries`"));
        assert!(wrong(json!({ "deliveries": [one(id), one(id)] })).contains("named twice"));
        assert!(wrong(json!({ "deliveries": [{ "billing_period": "2026-09" }] })).contains("`deliveries`"));
    }

    #[test]
    fn a_large_limit_is_cut_to_what_an_answer_holds() {
        let mut all = body(right()).0;
        all.insert("limit".into(), json!(u64::MAX));
        assert_eq!(read(&JsonObject(all), Rows::Sums).unwrap().limit, Some(MAX_ROWS));
    }

    #[test]
    fn a_summarized_question_has_one_bucket_within_the_same_limits() {
        let with = |changes: Value| {
            let mut all = body(right()).0;
            all.extend(body(changes).0);
            read(&JsonObject(all), Rows::Sums)
        };
        let question = with(json!({ "summarized": true })).unwrap();
        assert_eq!((question.granularity, question.from), (Granularity::Whole, datetime!(2026-10-01 0:00 UTC)));
        // By day, charges count by their own start; that all days are one does not change which count.
        let days = json!({ "summarized": true, "granularity": "day", "period_type": "billing_period" });
        assert!(with(days).unwrap().goes_by_charge());
        let months = json!({ "summarized": true, "period_type": "billing_period" });
        assert!(!with(months).unwrap().goes_by_charge());
        assert!(wrong(json!({ "summarized": true, "end_at": "2028-11" })).contains("24 months"));
        assert!(wrong(json!({ "summarized": "yes" })).contains("`summarized` must be"));
    }

    #[test]
    fn a_question_about_charges_needs_a_limit_and_a_dimension() {
        let with = |changes: Value| {
            let mut all = body(right()).0;
            all.extend(body(changes).0);
            read(&JsonObject(all), Rows::Charges)
        };
        let question = with(json!({ "dimensions": ["resource_id"], "limit": 100_000 })).unwrap();
        assert_eq!((question.rows, question.limit), (Rows::Charges, Some(MAX_ROWS)));
        let wrong = |changes: Value| format!("{:?}", with(changes).unwrap_err());
        let error = wrong(json!({}));
        assert!(error.contains("2 fields") && error.contains("`dimensions`") && error.contains("`limit`"), "{error}");
        let error = wrong(json!({ "dimensions": [], "limit": 100_001 }));
        assert!(error.contains("2 fields") && error.contains("at least one") && error.contains("100000"), "{error}");
        let eleven: Vec<String> = (0..11).map(|n| format!("tag_{n}")).collect();
        assert!(wrong(json!({ "dimensions": eleven, "limit": 1 })).contains("more than 10"));
        assert!(wrong(json!({ "dimensions": ["service"], "limit": "all" })).contains("`limit` must be"));
    }
}
