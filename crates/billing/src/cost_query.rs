//! Questions about costs, and their answers.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime, UtcOffset};

pub use crate::cost_accounts::AccountsAsOf;
pub use crate::cost_filter::{Filter, MAX_CONDITIONS, MAX_DEPTH};
pub use crate::cost_names::{Dimension, MISSING, Metric, UnknownName};
use crate::history::AsOf;
pub use crate::listing::Direction;
use crate::money::Amount;
use crate::names::{BillConnectId, quotable};
use crate::receipt::PublishedMonth;

/// The most dimensions that one question of the cost API may group by.
pub const MAX_DIMENSIONS: usize = 10;
/// The most months that one question of the cost API by month may span.
pub const MAX_MONTHS: i32 = 24;
/// The most days that one question of the cost API by day may span.
pub const MAX_DAYS: i64 = 31;
/// The most groups that may be kept apart from the rest.
pub const MAX_TOP: usize = 1000;

/// What stands for the values of all groups that are not among the [`CostQuery::top`].
pub const OTHER: &str = "Other";

/// How finely time is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// By hour, UTC, of the charge's own start.
    Hour,
    /// By day, UTC. Days always go by the charge's own start: a billing period has none.
    Day,
    /// By calendar month, UTC.
    #[default]
    Month,
    /// Not at all: the whole span is one bucket, which starts where the span does.
    Whole,
}

/// Which time of a charge counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodType {
    /// When it arose: the month, day or hour that its charge period starts in.
    #[default]
    ChargePeriod,
    /// When it was billed: its billing period.
    BillingPeriod,
}

/// What a row of an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rows {
    /// The sum of all charges of one time that have the same values.
    #[default]
    Sums,
    /// One charge.
    Charges,
}

/// What rows are ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderKey {
    /// The start of the month, day or hour.
    Time,
    /// One of the question's dimensions, as text.
    Dimension(Dimension),
    /// One of the question's metrics.
    Metric(Metric),
}

/// A question: sums of `metrics` grouped by time and `dimensions`, or the charges themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostQuery {
    /// What is summed; at least one.
    pub metrics: Vec<Metric>,
    /// What it is grouped by, beside time; none gives one row a month, day or hour.
    pub dimensions: Vec<Dimension>,
    /// The first instant that counts.
    pub from: OffsetDateTime,
    /// The first instant that no longer counts.
    pub until: OffsetDateTime,
    /// How finely time is cut.
    pub granularity: Granularity,
    /// Which time counts.
    pub period_type: PeriodType,
    /// Sums or charges.
    pub rows: Rows,
    /// Which charges count; `None` is all.
    pub filter: Option<Filter>,
    /// The order of the rows: these first, then time, then the dimensions' values.
    pub order: Vec<(OrderKey, Direction)>,
    /// How many groups are kept apart, those with the greatest sum over the whole span of the first metric in `order`, or of
    /// the first metric. All others are one, whose dimensions say [`OTHER`].
    pub top: Option<usize>,
    /// How many rows are left out before the first.
    pub skip: usize,
    /// The most rows to answer; more sets [`CostAnswer::truncated`].
    pub limit: Option<usize>,
    /// The bill connects to look at; `None` is all of the org's.
    pub connects: Option<Vec<BillConnectId>>,
    /// Which deliveries of the months; by default those that they come from now.
    pub as_of: AsOf,
    /// As of when accounts' names, units and tags count.
    pub accounts_as_of: AccountsAsOf,
}

/// One thing wrong with a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueryProblem {
    /// The field of the request that is wrong.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub message: String,
}

impl CostQuery {
    /// A question by month about all charges that arose in a span, which asks for nothing yet.
    pub fn over(from: OffsetDateTime, until: OffsetDateTime) -> Self {
        Self {
            metrics: Vec::new(),
            dimensions: Vec::new(),
            from,
            until,
            granularity: Granularity::default(),
            period_type: PeriodType::default(),
            rows: Rows::default(),
            filter: None,
            order: Vec::new(),
            top: None,
            skip: 0,
            limit: None,
            connects: None,
            as_of: AsOf::NOW,
            accounts_as_of: AccountsAsOf::default(),
        }
    }

    /// Whether a charge counts by its own start, and not by its billing period, which has no days.
    pub fn goes_by_charge(&self) -> bool {
        self.period_type == PeriodType::ChargePeriod || self.granularity < Granularity::Month
    }

    /// The same question with its months, days or hours as one, which starts where the span does.
    #[must_use]
    pub fn summarized(self) -> Self {
        let period_type = if self.goes_by_charge() { PeriodType::ChargePeriod } else { self.period_type };
        Self { granularity: Granularity::Whole, period_type, ..self }
    }

    /// The metric that decides which groups are among the top.
    pub fn rank(&self) -> Option<Metric> {
        let ordered = self.order.iter().find_map(|(key, _)| match key {
            OrderKey::Metric(metric) => Some(*metric),
            _ => None,
        });
        ordered.or_else(|| self.metrics.first().copied())
    }

    /// Everything that is wrong with the question, field by field; empty where it can be answered.
    pub fn problems(&self) -> Vec<QueryProblem> {
        let mut problems = Vec::new();
        let mut wrong = |field, message| problems.push(QueryProblem { field, message });
        if self.metrics.is_empty() {
            wrong("metrics", "name at least one metric".to_owned());
        }
        for (at, metric) in self.metrics.iter().enumerate() {
            if self.metrics[..at].contains(metric) {
                wrong("metrics", format!("`{metric}` is named twice"));
            }
        }
        for (at, dimension) in self.dimensions.iter().enumerate() {
            if self.dimensions[..at].contains(dimension) {
                wrong("dimensions", format!("`{}` is named twice", quotable(&dimension.id())));
            }
        }
        if self.metrics.contains(&Metric::UsageAmount) && !self.dimensions.contains(&Dimension::UsageUnit) {
            // Hours and gigabytes don't add up.
            wrong("metrics", "`usage_amount` needs the dimension `usage_unit`".to_owned());
        }
        if self.limit == Some(0) {
            wrong("limit", "a limit is at least 1".to_owned());
        }
        let (conditions, depth) = self.filter.as_ref().map_or((0, 0), Filter::size);
        if conditions > MAX_CONDITIONS || depth > MAX_DEPTH {
            wrong(
                "filter",
                format!("a filter has at most {MAX_CONDITIONS} conditions, at most {MAX_DEPTH} inside one another"),
            );
        }
        if let Some(twice) = self.as_of.named_twice() {
            wrong(
                "deliveries",
                format!("`{}` `{}` is named twice, but comes from one delivery", twice.connect, twice.period),
            );
        }
        if self.until <= self.from {
            wrong("end_at", "the end is exclusive and must lie after the start".to_owned());
        }
        problems.extend(self.order_problems());
        problems
    }

    fn order_problems(&self) -> Vec<QueryProblem> {
        let mut problems = Vec::new();
        for (key, _) in &self.order {
            let name = match key {
                OrderKey::Dimension(dimension) if !self.dimensions.contains(dimension) => dimension.id(),
                OrderKey::Metric(metric) if !self.metrics.contains(metric) => metric.id().to_owned(),
                _ => continue,
            };
            let name = quotable(&name);
            let message = format!("`{name}` is not among what the question asks for");
            problems.push(QueryProblem { field: "order", message });
        }
        let top = match self.top {
            Some(_) if self.dimensions.is_empty() => "it takes a dimension to have groups".to_owned(),
            Some(_) if self.rows == Rows::Charges => "charges are not grouped".to_owned(),
            Some(top) if !(1..=MAX_TOP).contains(&top) => format!("it is a whole number from 1 to {MAX_TOP}"),
            _ => return problems,
        };
        problems.push(QueryProblem { field: "top", message: top });
        problems
    }

    /// The same, and what the published contract of the cost API does not allow.
    pub fn contract_problems(&self) -> Vec<QueryProblem> {
        let mut problems = Vec::new();
        let mut wrong = |field, message| problems.push(QueryProblem { field, message });
        if self.dimensions.len() > MAX_DIMENSIONS {
            wrong("dimensions", format!("{} dimensions are more than {MAX_DIMENSIONS}", self.dimensions.len()));
        }
        if self.rows == Rows::Charges && self.dimensions.is_empty() {
            wrong("dimensions", "name at least one dimension".to_owned());
        }
        let single = self.dimensions.iter().find(|dimension| self.rows == Rows::Sums && !dimension.groups());
        if let Some(single) = single {
            wrong("dimensions", format!("`{single}` is for single charges, sums can't be grouped by it"));
        }
        self.span_problem().into_iter().for_each(|message| wrong("end_at", message));
        problems.extend(self.problems());
        problems
    }

    fn span_problem(&self) -> Option<String> {
        match self.granularity {
            Granularity::Hour | Granularity::Day if self.until - self.from > Duration::days(MAX_DAYS) => {
                Some(format!("by day, at most {MAX_DAYS} days fit one question"))
            }
            Granularity::Month if self.until > self.from && months(self.from, self.until) > MAX_MONTHS => {
                Some(format!("by month, at most {MAX_MONTHS} months fit one question"))
            }
            _ => None,
        }
    }

    /// How finely the time of charges must be known to answer the question.
    pub fn grain(&self) -> Grain {
        if self.rows == Rows::Charges {
            return Grain::Charge;
        }
        let by_day = self.accounts_as_of == AccountsAsOf::UsageDay && !self.account_dimensions().is_empty();
        let finest = match self.granularity {
            Granularity::Hour => Grain::Hour,
            Granularity::Day => Grain::Day,
            Granularity::Month | Granularity::Whole if by_day => Grain::Day,
            Granularity::Month | Granularity::Whole => Grain::Month,
        };
        // Of its billing period, a charge is wherever the question ends.
        if self.goes_by_charge() { finest.min(Grain::of(self.from)).min(Grain::of(self.until)) } else { finest }
    }
}

/// How finely time is told, from the finest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grain {
    /// By the instant of each charge.
    Charge,
    /// By hours.
    Hour,
    /// By days.
    Day,
    /// By calendar months.
    Month,
}

impl Grain {
    /// The coarsest of which an instant is a beginning, in UTC.
    fn of(at: OffsetDateTime) -> Self {
        let at = at.to_offset(UtcOffset::UTC);
        match (at.day(), at.hour(), at.minute(), at.second(), at.nanosecond()) {
            (1, 0, 0, 0, 0) => Self::Month,
            (_, 0, 0, 0, 0) => Self::Day,
            (_, _, 0, 0, 0) => Self::Hour,
            _ => Self::Charge,
        }
    }
}

/// How many months the span takes, a part of one counted whole.
fn months(from: OffsetDateTime, until: OffsetDateTime) -> i32 {
    let number = |at: OffsetDateTime| at.year() * 12 + i32::from(u8::from(at.month()));
    let last = until - Duration::nanoseconds(1);
    number(last) - number(from) + 1
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostAnswer {
    /// In the question's order.
    pub rows: Vec<CostRow>,
    /// Whether the limit cut rows off.
    pub truncated: bool,
    /// The months that were looked at, with the delivery that each comes from.
    pub deliveries: Vec<PublishedMonth>,
}

/// An account that charges are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BilledAccount {
    /// Its 12 digits, or what a bill has in their place.
    pub id: String,
    /// Its name, where a bill has one.
    pub name: Option<String>,
}

/// One row of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostRow {
    /// The start of the month, day, hour or span, UTC.
    pub timestamp: OffsetDateTime,
    /// The values of the question's dimensions, in its order.
    pub dimensions: Vec<String>,
    /// The sums of the question's metrics, in its order.
    pub metrics: Vec<Amount>,
    /// Whether this is the sum of all groups that are not among the top.
    pub other: bool,
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn query() -> CostQuery {
        CostQuery {
            metrics: vec![Metric::CostNonamortizedUnblended],
            dimensions: vec![Dimension::Service],
            ..CostQuery::over(datetime!(2025-01-01 0:00 UTC), datetime!(2027-01-01 0:00 UTC))
        }
    }

    fn days(until: OffsetDateTime) -> CostQuery {
        CostQuery { granularity: Granularity::Day, until, ..query() }
    }

    fn fields(query: &CostQuery) -> Vec<&'static str> {
        query.contract_problems().into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn the_widest_question_is_right() {
        assert_eq!(query().contract_problems(), []);
        assert_eq!(days(datetime!(2025-02-01 0:00 UTC)).contract_problems(), []);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let wrong = CostQuery {
            metrics: vec![Metric::UsageAmount, Metric::UsageAmount],
            dimensions: vec![Dimension::Service, Dimension::Service, Dimension::ResourceId],
            until: datetime!(2027-01-01 0:01 UTC),
            limit: Some(0),
            ..query()
        };
        assert_eq!(fields(&wrong), ["dimensions", "end_at", "metrics", "dimensions", "metrics", "limit"]);
        assert_eq!(fields(&CostQuery { metrics: Vec::new(), until: query().from, ..query() }), ["metrics", "end_at"]);
        assert_eq!(fields(&days(datetime!(2025-02-02 0:00 UTC))), ["end_at"]);
        let tags = (0..11).map(|n| Dimension::Tag(n.to_string())).collect();
        assert_eq!(fields(&CostQuery { dimensions: tags, ..query() }), ["dimensions"]);
    }

    #[test]
    fn what_the_contract_does_not_allow_can_be_answered_all_the_same() {
        let dimensions = (0..40).map(|n| Dimension::Tag(n.to_string())).chain([Dimension::ResourceId]).collect();
        let until = datetime!(2099-01-01 0:00 UTC);
        let wide = CostQuery { dimensions, until, granularity: Granularity::Hour, ..query() };
        assert_eq!(wide.problems(), []);
        assert_eq!(fields(&wide), ["dimensions", "dimensions", "end_at"]);
    }

    #[test]
    fn charges_need_a_dimension_and_have_resources() {
        let charges = CostQuery { rows: Rows::Charges, dimensions: vec![Dimension::ResourceId], ..query() };
        assert_eq!(fields(&charges), [""; 0]);
        assert_eq!(fields(&CostQuery { dimensions: Vec::new(), ..charges.clone() }), ["dimensions"]);
        assert_eq!(fields(&CostQuery { top: Some(1), ..charges }), ["top"]);
    }

    #[test]
    fn order_and_top_are_by_what_is_asked_for() {
        let by = |key| CostQuery { order: vec![(key, Direction::Desc)], ..query() };
        assert_eq!(fields(&by(OrderKey::Metric(Metric::CostNonamortizedUnblended))), [""; 0]);
        assert_eq!(fields(&by(OrderKey::Metric(Metric::UsageAmount))), ["order"]);
        assert_eq!(fields(&by(OrderKey::Dimension(Dimension::Region))), ["order"]);
        let top = |top| fields(&CostQuery { top: Some(top), ..query() });
        assert_eq!((top(1), top(MAX_TOP)), (vec![], vec![]));
        assert_eq!((top(0), top(MAX_TOP + 1)), (vec!["top"], vec!["top"]));
        assert_eq!(fields(&CostQuery { top: Some(1), dimensions: Vec::new(), ..query() }), ["top"]);
        let two = CostQuery { metrics: vec![Metric::UsageAmount, Metric::CostAmortizedBlended], ..query() };
        assert_eq!(two.rank(), Some(Metric::UsageAmount));
        let order = vec![(OrderKey::Metric(Metric::CostAmortizedBlended), Direction::Asc)];
        assert_eq!(CostQuery { order, ..two }.rank(), Some(Metric::CostAmortizedBlended));
    }

    #[test]
    fn the_grain_is_as_fine_as_the_cut_and_the_ends_ask() {
        let until = datetime!(2025-02-01 0:00 UTC);
        let month = || CostQuery { granularity: Granularity::Month, ..days(until) };
        assert_eq!(days(until).grain(), Grain::Day);
        assert_eq!(month().grain(), Grain::Month);
        assert_eq!(CostQuery { granularity: Granularity::Whole, ..month() }.grain(), Grain::Month);
        assert_eq!(CostQuery { from: datetime!(2025-01-02 0:00 UTC), ..month() }.grain(), Grain::Day);
        assert_eq!(CostQuery { until: datetime!(2025-02-01 0:00 +1), ..month() }.grain(), Grain::Hour);
        assert_eq!(CostQuery { granularity: Granularity::Hour, ..days(until) }.grain(), Grain::Hour);
        assert_eq!(days(datetime!(2025-01-05 1:00 UTC)).grain(), Grain::Hour);
        assert_eq!(days(datetime!(2025-01-05 1:30 UTC)).grain(), Grain::Charge);
        let billed = CostQuery { period_type: PeriodType::BillingPeriod, ..month() };
        assert_eq!(CostQuery { until: datetime!(2025-01-05 1:30 UTC), ..billed.clone() }.grain(), Grain::Month);
        assert_eq!(CostQuery { granularity: Granularity::Day, ..billed.clone() }.grain(), Grain::Day);
        assert_eq!(CostQuery { rows: Rows::Charges, ..billed.clone() }.grain(), Grain::Charge);
        // An account may move between units within a month.
        let by_unit =
            |accounts_as_of| CostQuery { dimensions: vec![Dimension::AccountUnit], accounts_as_of, ..billed.clone() };
        assert_eq!(by_unit(AccountsAsOf::UsageDay).grain(), Grain::Day);
        assert_eq!(by_unit(AccountsAsOf::Today).grain(), Grain::Month);
    }

    #[test]
    fn a_filter_has_bounds() {
        let one = || Filter::Equal { dimension: Dimension::Service, value: "x".to_owned() };
        let or = |count| Filter::Or { expressions: (0..count).map(|_| one()).collect() };
        let deep = |depth| (1..depth).fold(one(), |filter, _| Filter::Not { expression: Box::new(filter) });
        let with = |filter| CostQuery { filter: Some(filter), ..query() };
        assert_eq!(fields(&with(or(MAX_CONDITIONS - 1))), [""; 0]);
        assert_eq!(fields(&with(or(MAX_CONDITIONS))), ["filter"]);
        assert_eq!(fields(&with(deep(MAX_DEPTH))), [""; 0]);
        assert_eq!(fields(&with(deep(MAX_DEPTH + 1))), ["filter"]);
    }
}
