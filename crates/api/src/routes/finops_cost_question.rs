//! The question about costs in a query: what it may say, and everything that is wrong with it named at once.

use axum::http::{HeaderMap, StatusCode, header};
use billing::cost_page::CostPlace;
use billing::cost_query::{CostQuery, Granularity, MAX_TOP, Metric, PeriodType};
use billing::cost_words;
use billing::export::ExportFormat;
use billing::history::AsOf;
use billing::listing::Flaw;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::asked::Asked;
use super::cost_body::{MAX_ROWS, PERIOD_TYPES, first_instant};
use crate::error::ApiError;
use crate::route::{Param, Route};

/// How many rows a page has unless asked otherwise.
const USUAL_ROWS: usize = 1000;

const GRANULARITIES: [(&str, Granularity); 4] = [
    ("month", Granularity::Month),
    ("day", Granularity::Day),
    ("hour", Granularity::Hour),
    ("total", Granularity::Whole),
];

const FORMATS: [(&str, Form); 3] =
    [("json", Form::Json), ("csv", Form::File(ExportFormat::Csv)), ("parquet", Form::File(ExportFormat::Parquet))];

/// What an answer is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    File(ExportFormat),
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) question: CostQuery,
    /// Where the page before ended.
    pub(super) place: Option<CostPlace>,
    pub(super) form: Form,
}

/// What a question may say.
pub(super) fn params(route: Route) -> Route {
    let words = |all: &[(&'static str, Granularity)]| all.iter().map(|(word, _)| *word).collect::<Vec<_>>();
    route
        .param(Param::text("startAt", "the first month like `2026-10`, day like `2026-10-31` or instant that counts, UTC").needed())
        .param(Param::text("endAt", "the first that no longer counts").needed())
        .param(Param::text("metrics", "what is summed, with commas; `cost_nonamortized_unblended_adj` by default"))
        .param(Param::text("dimensions", "what it is grouped by, with commas; as many as you like, `resource_id` too"))
        .param(Param::word("granularity", "how finely time is cut; `month` by default", &words(&GRANULARITIES)))
        .param(Param::word(
            "periodType",
            "`charge_period` by default: when a charge arose; `billing_period`: which bill it is on",
            &PERIOD_TYPES.map(|(word, _)| word),
        ))
        .param(Param::text(
            "filter",
            "which charges: `eq ne gt ge lt le co sw ew` and a value or, for the first two, `null`; `in nin` and values in brackets; \
             `not`, `and`, `or`, brackets; as in `service eq 'AmazonEC2' and not (tag_team in ('a','b') or region eq null)`",
        ))
        .param(Param::text(
            "orderBy",
            "metrics, dimensions and `timestamp` with commas, each with `asc` or `desc`; by time and dimensions by default",
        ))
        .param(Param::whole(
            "top",
            "keep so many groups apart, those with the greatest sums of the first metric, and sum the others up as `Other`",
            1..=MAX_TOP as u64,
        ))
        .param(Param::text("asOf", "what was held then: a day, which means its end in UTC, or an instant; now by default"))
        .param(Param::text(
            "accountsAsOf",
            "as of when accounts' names, units and tags count: `usage_day` (by default: the day of each charge), `today`, or a day like \
             `2026-09-30`",
        ))
        .param(Param::whole(
            "limit",
            "how many rows at most; by default 1,000, and 100,000 in a file",
            1..=MAX_ROWS as u64,
        ))
        .param(Param::text("skipToken", "where the page before ended: what its `nextPage` says, with all else as it was"))
        .param(Param::word(
            "format",
            "what the answer is written as; by default what `Accept` names first, or else `json`",
            &FORMATS.map(|(word, _)| word),
        ))
}

impl Wanted {
    /// Reads a question, or names all that is wrong with it.
    pub(super) fn read(asked: &mut Asked, headers: &HeaderMap) -> Result<Self, ApiError> {
        let form = asked.word("format", &FORMATS).unwrap_or_else(|| accepted(headers));
        let question = question(asked, form);
        let token = asked.text("skipToken").map(CostPlace::parse).transpose();
        let place = token.unwrap_or_else(|error| {
            asked.refuse("skipToken", error);
            None
        });
        asked.finish()?;
        match place.iter().try_fold(question, CostQuery::from_place) {
            Ok(question) => Ok(Self { question, place, form }),
            Err(error) => Err(ApiError::wrong_fields(StatusCode::BAD_REQUEST, &[format!("`skipToken`: {error}")])),
        }
    }
}

/// The question; what is wrong with it is kept in `asked`.
fn question(asked: &mut Asked, form: Form) -> CostQuery {
    let (from, until) = (instant(asked, "startAt"), instant(asked, "endAt"));
    let mut metrics: Vec<Metric> = names(asked, "metrics");
    if asked.listed("metrics").is_empty() {
        metrics.push(Metric::CostNonamortizedUnblended);
    }
    let filter = worded(asked, "filter", cost_words::filter);
    let order = worded(asked, "orderBy", cost_words::order).unwrap_or_default();
    let usual = if form == Form::Json { USUAL_ROWS } else { MAX_ROWS };
    let as_of = asked.text("asOf").map(AsOf::instant).transpose();
    let at = as_of.unwrap_or_else(|error| {
        asked.refuse("asOf", error);
        None
    });
    let accounts_as_of = asked.maybe("accountsAsOf").unwrap_or_default();
    let unread = asked.any_wrong();
    let question = CostQuery {
        metrics,
        dimensions: names(asked, "dimensions"),
        granularity: asked.word("granularity", &GRANULARITIES).unwrap_or_default(),
        period_type: asked.word("periodType", &PERIOD_TYPES).unwrap_or(PeriodType::ChargePeriod),
        filter,
        order,
        top: asked.whole("top", 1..=MAX_TOP),
        limit: Some(asked.whole("limit", 1..=MAX_ROWS).unwrap_or(usual)),
        as_of: AsOf { at, ..AsOf::NOW },
        accounts_as_of,
        ..CostQuery::over(from.unwrap_or(OffsetDateTime::UNIX_EPOCH), until.unwrap_or(OffsetDateTime::UNIX_EPOCH))
    };
    // Where something could not be read, what stands in for it is not the client's.
    for problem in question.problems().into_iter().filter(|_| !unread) {
        let name = match problem.field {
            "end_at" => "endAt",
            "order" => "orderBy",
            same => same,
        };
        asked.refuse(name, problem.message);
    }
    question
}

/// Metrics or dimensions.
fn names<T: std::str::FromStr<Err: std::fmt::Display>>(asked: &mut Asked, name: &str) -> Vec<T> {
    let read: Vec<Result<T, String>> =
        asked.listed(name).into_iter().map(|text| text.parse().map_err(|error: T::Err| error.to_string())).collect();
    read.into_iter().filter_map(|read| read.map_err(|error| asked.refuse(name, error)).ok()).collect()
}

fn worded<T>(asked: &mut Asked, name: &str, read: fn(&str) -> Result<T, Vec<Flaw>>) -> Option<T> {
    let read = asked.text(name).map(read)?;
    read.map_err(|flaws| flaws.iter().for_each(|flaw| asked.refuse(name, flaw))).ok()
}

fn instant(asked: &mut Asked, name: &str) -> Option<OffsetDateTime> {
    let Some(text) = asked.text(name) else {
        asked.missing(name);
        return None;
    };
    let exact = || OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC);
    let read = first_instant(text).or_else(exact);
    if read.is_none() {
        asked.refuse(
            name,
            "it must be a month like `2026-10`, a day like `2026-10-31` or an instant like `2026-10-31T05:00:00Z`",
        );
    }
    read
}

/// The first form that `Accept` names.
fn accepted(headers: &HeaderMap) -> Form {
    let kinds = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = kinds.flat_map(|value| value.split(',')).filter_map(|kind| kind.split(';').next());
    let form = |kind: &str| match kind.trim() {
        "text/csv" => Some(Form::File(ExportFormat::Csv)),
        "application/vnd.apache.parquet" => Some(Form::File(ExportFormat::Parquet)),
        "application/json" | "application/*" | "*/*" => Some(Form::Json),
        _ => None,
    };
    kinds.find_map(form).unwrap_or(Form::Json)
}

impl Form {
    /// The word for it.
    pub(super) fn name(self) -> &'static str {
        FORMATS.iter().find(|(_, form)| *form == self).map_or("json", |(word, _)| word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_is_accepted_and_known_is_taken() {
        for (accept, expect) in [
            ("", "json"),
            ("*/*", "json"),
            ("text/html, text/csv;q=0.5, */*", "csv"),
            ("application/json, text/csv", "json"),
            ("application/vnd.apache.parquet", "parquet"),
            ("image/png", "json"),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(accepted(&headers).name(), expect, "{accept}");
        }
    }
}
