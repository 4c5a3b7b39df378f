//! A question about costs as a plan over charges, and the rows that the plan gives.
//!
//! The plan is over any frame that has the columns which it names, cut no more coarsely than [`CostQuery::grain`].

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, TimeUnit, TimestampMicrosecondType};
use billing::cost_query::{CostQuery, CostRow, Direction, Granularity, Metric, OTHER, OrderKey, Rows};
use billing::money::Amount;
use billing::period::BillingPeriod;
use billing::reconcile::SumOverflow;
use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::{Expr, JoinType, SortExpr, lit, when};
use datafusion::prelude::DataFrame;
use time::OffsetDateTime;

use crate::calendar::{Unit, start_of};
use crate::cost_expr::{Part, amount, condition, nothing, parts, text, value};
use crate::costs::micros;
use crate::error::LakeError;
use crate::session::column;
use crate::table::{PERIOD_COLUMN, START_COLUMN};

/// A question, with the sums that its metrics are made of.
pub(crate) struct Question<'a> {
    query: &'a CostQuery,
    sums: Vec<Part>,
}

/// What the planned columns are called: `t` the time, `d0…` the dimensions, `s0…` the sums, `k0…` the dimensions of the top
/// groups, `o` whether a row is of the other groups, `n` how many charges it has.
fn name(kind: char, at: usize) -> String {
    format!("{kind}{at}")
}

impl<'a> Question<'a> {
    /// Two metrics may share a sum, which is then worked out once.
    pub(crate) fn new(query: &'a CostQuery) -> Self {
        let mut sums = Vec::new();
        for (part, less) in query.metrics.iter().map(|metric| parts(*metric)) {
            for part in [Some(part), less].into_iter().flatten() {
                if !sums.contains(&part) {
                    sums.push(part);
                }
            }
        }
        Self { query, sums }
    }

    /// One row a time and combination of values, or one a charge, in order: one more than asked for, to know whether there are
    /// more.
    pub(crate) fn plan(&self, charges: DataFrame) -> Result<DataFrame, LakeError> {
        let rows = charges.filter(self.covers()?)?.select(self.selected()?)?;
        let rows = match self.query.rows {
            Rows::Charges => rows,
            Rows::Sums => self.summed(rows)?,
        };
        let rows = match self.query.top {
            Some(most) => self.with_others(rows, most)?,
            None => rows,
        };
        let limit = self.query.limit.map(|limit| limit.saturating_add(1));
        Ok(rows.sort(self.order())?.limit(self.query.skip, limit)?)
    }

    /// What is needed of each charge: its time, its values, its amounts.
    fn selected(&self) -> Result<Vec<Expr>, LakeError> {
        let dimensions = self.query.dimensions.iter().enumerate();
        let dimensions = dimensions.map(|(at, dimension)| Ok(value(dimension)?.alias(name('d', at))));
        let amounts = self.sums.iter().enumerate().map(|(at, part)| Ok(amount(*part)?.alias(name('s', at))));
        std::iter::once(Ok(self.time().alias("t"))).chain(dimensions).chain(amounts).collect()
    }

    fn summed(&self, rows: DataFrame) -> Result<DataFrame, LakeError> {
        let groups = std::iter::once(column("t")).chain(self.dimensions('d')).collect();
        let counted = count(lit(1_i64)).alias("n");
        let sums: Vec<Expr> = self.sums().map(|sum_of| sum(column(&sum_of)).alias(sum_of)).chain([counted]).collect();
        // Where nothing but constants is grouped by, the engine sums up no charges to a row too.
        let rows = rows.aggregate(groups, sums)?.filter(column("n").gt(lit(0_i64)))?;
        let names: Vec<String> = std::iter::once("t".to_owned()).chain(self.names('d')).chain(self.sums()).collect();
        Ok(rows.select(names.iter().map(|name| column(name)))?)
    }

    /// The rows of the greatest groups as they are, all others as one group.
    fn with_others(&self, rows: DataFrame, most: usize) -> Result<DataFrame, LakeError> {
        let sums = self.sums().map(|sum_of| sum(column(&sum_of)).alias(sum_of)).collect::<Vec<_>>();
        let keys: Vec<(String, String)> = self.names('d').zip(self.names('k')).collect();
        let best = self.query.rank().map(|metric| self.metric(metric).sort(false, false));
        let best = best.into_iter().chain(self.dimensions('d').map(|value| value.sort(true, true))).collect();
        let top = rows.clone().aggregate(self.dimensions('d').collect(), sums.clone())?.sort(best)?;
        let top = top.limit(0, Some(most))?.select(keys.iter().map(|(own, key)| column(own).alias(key)))?;
        let (left, right): (Vec<_>, Vec<_>) = keys.iter().map(|(own, key)| (own.as_str(), key.as_str())).unzip();
        let rows = rows.join(top, JoinType::Left, &left, &right, None)?;
        let other = || column("k0").is_null();
        let dimensions = self.names('d').map(|own| Ok(when(other(), text(OTHER)).otherwise(column(&own))?.alias(own)));
        let sums_as_they_are = self.sums().map(|sum_of| Ok(column(&sum_of)));
        let columns = std::iter::once(Ok(column("t"))).chain(dimensions).chain(sums_as_they_are);
        let columns = columns.chain([Ok(other().alias("o"))]).collect::<Result<Vec<Expr>, LakeError>>()?;
        let groups = std::iter::once(column("t")).chain(self.dimensions('d')).chain([column("o")]).collect();
        Ok(rows.select(columns)?.aggregate(groups, sums)?)
    }

    /// What was asked for, then whatever tells two rows apart.
    fn order(&self) -> Vec<SortExpr> {
        let asked = self.query.order.iter().filter_map(|(key, direction)| {
            let ordered = match key {
                OrderKey::Time => column("t"),
                OrderKey::Metric(metric) => self.metric(*metric),
                OrderKey::Dimension(dimension) => {
                    column(&name('d', self.query.dimensions.iter().position(|its| its == dimension)?))
                }
            };
            Some(ordered.sort(*direction == Direction::Asc, true))
        });
        let other = self.query.top.map(|_| column("o"));
        let rest = std::iter::once(column("t")).chain(other).chain(self.dimensions('d'));
        let amounts = self.sums().filter(|_| self.query.rows == Rows::Charges).map(|sum_of| column(&sum_of));
        asked.chain(rest.chain(amounts).map(|key| key.sort(true, true))).collect()
    }

    /// A metric as one number, to order by.
    fn metric(&self, metric: Metric) -> Expr {
        let of = |part: Part| {
            let at = self.sums.iter().position(|known| *known == part).unwrap_or_default();
            coalesce(vec![column(&name('s', at)), nothing()])
        };
        match parts(metric) {
            (part, None) => of(part),
            (part, Some(less)) => of(part) - of(less),
        }
    }

    fn names(&self, kind: char) -> impl Iterator<Item = String> {
        (0..self.query.dimensions.len()).map(move |at| name(kind, at))
    }

    fn dimensions(&self, kind: char) -> impl Iterator<Item = Expr> {
        self.names(kind).map(|name| column(&name))
    }

    fn sums(&self) -> impl Iterator<Item = String> {
        (0..self.sums.len()).map(|at| name('s', at))
    }

    /// The month, day or hour that a charge counts in.
    fn time(&self) -> Expr {
        let unit = match self.query.granularity {
            Granularity::Whole => return instant(self.query.from),
            Granularity::Month if !self.query.goes_by_charge() => return column(PERIOD_COLUMN),
            Granularity::Month => Unit::Month,
            Granularity::Day => Unit::Day,
            Granularity::Hour => Unit::Hour,
        };
        start_of(unit, column(START_COLUMN))
    }

    /// Which charges the question covers.
    fn covers(&self) -> Result<Expr, LakeError> {
        let CostQuery { from, until, filter, .. } = self.query;
        let mut covers = !column("x_IsSplitCost");
        // Billing periods were chosen by file already: a file belongs to one.
        if self.query.goes_by_charge() {
            let start = || column(START_COLUMN);
            covers = covers.and(start().gt_eq(instant(*from))).and(start().lt(instant(*until)));
        }
        if let Some(filter) = filter {
            covers = covers.and(condition(filter)?);
        }
        Ok(covers)
    }

    /// Turns what was planned back into the question's own dimensions and metrics.
    pub(crate) fn read(&self, batch: &RecordBatch, rows: &mut Vec<CostRow>) -> Result<(), LakeError> {
        let named = |name: String| batch.column_by_name(&name).expect("it was planned");
        let times = times(named("t".to_owned()))?;
        let texts = self.names('d').map(|name| cast(named(name), &DataType::Utf8));
        let texts = texts.collect::<Result<Vec<_>, _>>()?;
        let sums: Vec<&ArrayRef> = self.sums().map(named).collect();
        let others = batch.column_by_name("o");
        for (row, timestamp) in times.into_iter().enumerate() {
            let sum = |part: Part| {
                let at = self.sums.iter().position(|known| *known == part).expect("it was planned");
                let sums = sums[at].as_primitive::<Decimal128Type>();
                // Nothing was there to add up, for example usage of a tax.
                if sums.is_null(row) { Amount::ZERO } else { Amount::from_unscaled(sums.value(row)) }
            };
            let metric = |(part, less): (Part, Option<Part>)| {
                let less = less.map_or(Amount::ZERO, sum);
                sum(part).checked_sub(less).ok_or_else(|| SumOverflow { what: "a metric".to_owned() })
            };
            rows.push(CostRow {
                timestamp,
                dimensions: texts.iter().map(|texts| texts.as_string::<i32>().value(row).to_owned()).collect(),
                metrics: self.query.metrics.iter().map(|it| metric(parts(*it))).collect::<Result<_, _>>()?,
                other: others.is_some_and(|others| others.as_boolean().value(row)),
            });
        }
        Ok(())
    }
}

fn instant(at: OffsetDateTime) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(micros(at)), Some("UTC".into())))
}

/// The column `t`: an instant, or a billing period's text.
fn times(column: &ArrayRef) -> Result<Vec<OffsetDateTime>, LakeError> {
    if matches!(column.data_type(), DataType::Timestamp(..)) {
        let micros = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))))?;
        let micros = micros.as_primitive::<TimestampMicrosecondType>().values().iter();
        let instant = |micros: &i64| OffsetDateTime::from_unix_timestamp_nanos(i128::from(*micros) * 1000);
        return Ok(micros.map(|micros| instant(micros).unwrap_or(OffsetDateTime::UNIX_EPOCH)).collect());
    }
    let periods = cast(column, &DataType::Utf8)?;
    let periods = periods.as_string::<i32>().iter().flatten();
    let start = |period: &str| period.parse::<BillingPeriod>().map_or(OffsetDateTime::UNIX_EPOCH, BillingPeriod::start);
    Ok(periods.map(start).collect())
}
