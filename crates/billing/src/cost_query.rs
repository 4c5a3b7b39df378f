//! Questions about costs, and their answers.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

pub use crate::cost_names::{Dimension, MISSING, Metric, UnknownName};
use crate::history::AsOf;
use crate::money::Amount;
use crate::names::BillConnectId;
use crate::receipt::PublishedMonth;

/// The most dimensions that one question may group by.
pub const MAX_DIMENSIONS: usize = 10;
/// The most months that one question by month may span.
pub const MAX_MONTHS: i32 = 24;
/// The most days that one question by day may span.
pub const MAX_DAYS: i64 = 31;

/// The most conditions that one filter may have.
pub const MAX_CONDITIONS: usize = 500;
/// How deep conditions may be inside one another: an engine walks them recursively, on a stack that has an end.
pub const MAX_DEPTH: usize = 16;

/// How finely time is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// By calendar month, UTC.
    #[default]
    Month,
    /// By day, UTC. Days always go by the charge's own start: a billing period has none.
    Day,
}

/// Which time of a charge counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodType {
    /// When it arose: the month or day that its charge period starts in.
    #[default]
    ChargePeriod,
    /// When it was billed: its billing period.
    BillingPeriod,
}

/// A condition on dimensions. A charge without a value has the value [`MISSING`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Filter {
    /// The dimension's value is exactly this.
    Equal {
        /// The dimension.
        dimension: Dimension,
        /// The whole value.
        value: String,
    },
    /// The dimension's value contains this, upper and lower case being different.
    Substring {
        /// The dimension.
        dimension: Dimension,
        /// The part.
        substring: String,
    },
    /// All hold; with none, true.
    And {
        /// The conditions.
        expressions: Vec<Filter>,
    },
    /// One holds; with none, false.
    Or {
        /// The conditions.
        expressions: Vec<Filter>,
    },
    /// It does not hold.
    Not {
        /// The condition.
        expression: Box<Filter>,
    },
}

impl Filter {
    /// How many conditions there are, and how deep the deepest lies.
    fn size(&self) -> (usize, usize) {
        let inside: &[Filter] = match self {
            Self::Equal { .. } | Self::Substring { .. } => &[],
            Self::And { expressions } | Self::Or { expressions } => expressions,
            Self::Not { expression } => std::slice::from_ref(expression),
        };
        let sizes = inside.iter().map(Self::size);
        let (count, depth) = sizes.fold((0, 0), |(all, deepest), (count, depth)| (all + count, deepest.max(depth)));
        (count + 1, depth + 1)
    }
}

/// A question: sums of `metrics` grouped by time and `dimensions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostQuery {
    /// What is summed; at least one.
    pub metrics: Vec<Metric>,
    /// What it is grouped by, beside time; none gives one row a month or day.
    pub dimensions: Vec<Dimension>,
    /// The first instant that counts.
    pub from: OffsetDateTime,
    /// The first instant that no longer counts.
    pub until: OffsetDateTime,
    /// By month or by day.
    pub granularity: Granularity,
    /// Which time counts.
    pub period_type: PeriodType,
    /// Which charges count; `None` is all.
    pub filter: Option<Filter>,
    /// The most rows to answer; more sets [`CostAnswer::truncated`].
    pub limit: Option<usize>,
    /// The bill connects to look at; `None` is all of the org's.
    pub connects: Option<Vec<BillConnectId>>,
    /// Which deliveries of the months; by default those that they come from now.
    pub as_of: AsOf,
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
    /// Everything that is wrong with the question, field by field; empty where it can be answered.
    pub fn problems(&self) -> Vec<QueryProblem> {
        let mut problems = Vec::new();
        let mut wrong = |field, message| problems.push(QueryProblem { field, message });
        if self.metrics.is_empty() {
            wrong("metrics", "name at least one metric".to_owned());
        }
        if self.dimensions.len() > MAX_DIMENSIONS {
            wrong("dimensions", format!("{} dimensions are more than {MAX_DIMENSIONS}", self.dimensions.len()));
        }
        for (at, dimension) in self.dimensions.iter().enumerate() {
            if !dimension.groups() {
                wrong("dimensions", format!("`{dimension}` is for single charges, sums can't be grouped by it"));
            }
            if self.dimensions[..at].contains(dimension) {
                wrong("dimensions", format!("`{dimension}` is named twice"));
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
        self.span_problem().into_iter().for_each(|message| wrong("end_at", message));
        problems
    }

    fn span_problem(&self) -> Option<String> {
        if self.until <= self.from {
            return Some("the end is exclusive and must lie after the start".to_owned());
        }
        match self.granularity {
            Granularity::Day if self.until - self.from > time::Duration::days(MAX_DAYS) => {
                Some(format!("by day, at most {MAX_DAYS} days fit one question"))
            }
            Granularity::Month if months(self.from, self.until) > MAX_MONTHS => {
                Some(format!("by month, at most {MAX_MONTHS} months fit one question"))
            }
            _ => None,
        }
    }
}

/// How many months the span takes, a part of one counted whole.
fn months(from: OffsetDateTime, until: OffsetDateTime) -> i32 {
    let number = |at: OffsetDateTime| at.year() * 12 + i32::from(u8::from(at.month()));
    let last = until - time::Duration::nanoseconds(1);
    number(last) - number(from) + 1
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostAnswer {
    /// By time, then by the dimensions' values.
    pub rows: Vec<CostRow>,
    /// Whether the limit cut rows off.
    pub truncated: bool,
    /// The months that were looked at, with the delivery that each comes from.
    pub deliveries: Vec<PublishedMonth>,
}

/// One row of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostRow {
    /// The start of the month or day, UTC.
    pub timestamp: OffsetDateTime,
    /// The values of the question's dimensions, in its order.
    pub dimensions: Vec<String>,
    /// The sums of the question's metrics, in its order.
    pub metrics: Vec<Amount>,
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn query() -> CostQuery {
        CostQuery {
            metrics: vec![Metric::CostNonamortizedUnblended],
            dimensions: vec![Dimension::Service],
            from: datetime!(2025-01-01 0:00 UTC),
            until: datetime!(2027-01-01 0:00 UTC),
            granularity: Granularity::Month,
            period_type: PeriodType::ChargePeriod,
            filter: None,
            limit: None,
            connects: None,
            as_of: AsOf::NOW,
        }
    }

    fn fields(query: &CostQuery) -> Vec<&'static str> {
        query.problems().into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn the_widest_question_is_right() {
        assert_eq!(query().problems(), []);
        let days = CostQuery { granularity: Granularity::Day, until: datetime!(2025-02-01 0:00 UTC), ..query() };
        assert_eq!(days.problems(), []);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let wrong = CostQuery {
            metrics: vec![Metric::UsageAmount],
            dimensions: vec![Dimension::Service, Dimension::Service, Dimension::ResourceId],
            until: datetime!(2027-01-01 0:01 UTC),
            limit: Some(0),
            ..query()
        };
        assert_eq!(fields(&wrong), ["dimensions", "dimensions", "metrics", "limit", "end_at"]);
        assert_eq!(fields(&CostQuery { metrics: Vec::new(), until: query().from, ..query() }), ["metrics", "end_at"]);
        let days = CostQuery { granularity: Granularity::Day, until: datetime!(2025-02-02 0:00 UTC), ..query() };
        assert_eq!(fields(&days), ["end_at"]);
        let tags = (0..11).map(|n| Dimension::Tag(n.to_string())).collect();
        assert_eq!(fields(&CostQuery { dimensions: tags, ..query() }), ["dimensions"]);
    }

    #[test]
    fn filters_read_as_the_contract_spells_them() {
        let text = r#"{"type":"and","expressions":[{"type":"equal","dimension":"service","value":"AmazonEC2"},
            {"type":"not","expression":{"type":"substring","dimension":"tag_user:team","substring":"x"}},{"type":"or","expressions":[]}]}"#;
        let filter: Filter = serde_json::from_str(text).unwrap();
        let Filter::And { expressions } = &filter else { panic!("{filter:?}") };
        assert_eq!(expressions[0], Filter::Equal { dimension: Dimension::Service, value: "AmazonEC2".to_owned() });
        assert_eq!(serde_json::from_str::<Filter>(&serde_json::to_string(&filter).unwrap()).unwrap(), filter);
        assert!(serde_json::from_str::<Filter>(r#"{"type":"equal","dimension":"nonsense","value":"x"}"#).is_err());
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
