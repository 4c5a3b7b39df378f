//! The engine's sums as the words of `billing::commitment`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use billing::commitment::{CommitmentKind, CoverableUsage, Facts, MonthUse, UsedPart, instance_type};
use billing::money::Amount;
use billing::names::BillConnectId;
use billing::period::BillingPeriod;
use time::OffsetDateTime;

use super::plan::facts;
use crate::error::LakeError;

/// A commitment in a month.
type Key = (BillConnectId, BillingPeriod, String);

/// Columns by name, texts as plain ones.
struct Rows<'a> {
    batch: &'a RecordBatch,
    texts: HashMap<&'a str, ArrayRef>,
}

impl<'a> Rows<'a> {
    fn new(batch: &'a RecordBatch) -> Result<Self, LakeError> {
        let schema = batch.schema_ref();
        let mut texts = HashMap::new();
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            if matches!(field.data_type(), DataType::Utf8 | DataType::Utf8View) {
                texts.insert(field.name().as_str(), cast(column, &DataType::Utf8)?);
            }
        }
        Ok(Self { batch, texts })
    }

    /// A text; an empty one is none.
    fn text(&self, name: &str, row: usize) -> Option<String> {
        let column = self.texts.get(name)?.as_string::<i32>();
        (!column.is_null(row)).then(|| column.value(row).to_owned()).filter(|text| !text.is_empty())
    }

    fn column(&self, name: &str) -> &'a ArrayRef {
        self.batch.column_by_name(name).expect("it was planned")
    }

    fn amount(&self, name: &str, row: usize) -> Option<Amount> {
        let column = self.column(name).as_primitive::<Decimal128Type>();
        (!column.is_null(row)).then(|| Amount::from_unscaled(column.value(row)))
    }

    fn count(&self, name: &str, row: usize) -> i64 {
        self.column(name).as_primitive::<Int64Type>().value(row)
    }

    fn instant(&self, name: &str, row: usize) -> Result<Option<OffsetDateTime>, LakeError> {
        let micros = DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")));
        let column = cast(self.column(name), &micros)?;
        let column = column.as_primitive::<TimestampMicrosecondType>();
        let instant = |micros: i64| OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).ok();
        Ok((!column.is_null(row)).then(|| column.value(row)).and_then(instant))
    }

    /// Which commitment in which month the row is of; `None` where the bill names a kind that is none of ours.
    fn key(&self, row: usize) -> Option<(Key, CommitmentKind)> {
        let text = |name| self.text(name, row);
        let kind = CommitmentKind::of_type(&text("CommitmentDiscountType")?)?;
        let connect = text(crate::table::CONNECT_COLUMN)?.parse().ok()?;
        let period = text(crate::table::PERIOD_COLUMN)?.parse().ok()?;
        Some(((connect, period, text("CommitmentDiscountId")?), kind))
    }

    /// What was used, of a commitment whose unit is so many normalized ones.
    fn used(&self, row: usize, units_per: Option<Amount>) -> UsedPart {
        let charges = self.count("used_charges", row);
        let all = |known: &str| self.count(known, row) == charges;
        let sum = |name: &str| self.amount(name, row).unwrap_or_default();
        // What cannot change its size has no normalized units: AWS leaves them out, or writes 0.
        let normalized = units_per.filter(|_| all("normalized_known") && !sum("normalized").is_zero());
        let in_units = normalized.and_then(|units| sum("normalized").per(units));
        let quantity = in_units.or_else(|| all("used_known").then(|| sum("used")));
        UsedPart { across: None, quantity, cost: sum("used_cost"), list: sum("used_list") }
    }
}

/// What each month says of each commitment, with what of it was used in the days asked about.
pub(super) fn months(months: &[RecordBatch], within: &[RecordBatch]) -> Result<Vec<MonthUse>, LakeError> {
    let mut all = Vec::new();
    let mut places = HashMap::<Key, (usize, Option<Amount>)>::new();
    for batch in months {
        let rows = Rows::new(batch)?;
        for row in 0..batch.num_rows() {
            let Some((key, kind)) = rows.key(row) else { continue };
            let units_per = rows.text("units_per", row).and_then(|text| text.parse().ok());
            places.insert(key.clone(), (all.len(), units_per));
            all.push(month(&rows, row, (key, kind, units_per))?);
        }
    }
    for batch in within {
        let rows = Rows::new(batch)?;
        for row in 0..batch.num_rows() {
            let Some((at, units_per)) = rows.key(row).and_then(|(key, _)| places.get(&key).copied()) else { continue };
            let across = rows.instant("across_from", row)?.zip(rows.instant("across_until", row)?);
            all[at].within.push(UsedPart { across, ..rows.used(row, units_per) });
        }
    }
    Ok(all)
}

fn month(
    rows: &Rows<'_>,
    row: usize,
    ((connect, period, id), kind, units_per): (Key, CommitmentKind, Option<Amount>),
) -> Result<MonthUse, LakeError> {
    let unused_known = rows.count("unused_known", row) == rows.count("unused_charges", row);
    let unused_cost = rows.amount("unused_cost", row).unwrap_or_default();
    let unused = unused_known.then(|| rows.amount("unused", row).unwrap_or_default());
    Ok(MonthUse {
        connect,
        period,
        facts: facts_of(rows, row, &id),
        id,
        kind,
        stated: rows.amount("stated", row),
        paid: rows.instant("paid_from", row)?.zip(rows.instant("paid_until", row)?),
        used: rows.used(row, units_per),
        unused: (unused, unused_cost),
        used_until: rows.instant("used_until", row)?,
        billed: rows.amount("billed", row).unwrap_or_default(),
        within: Vec::new(),
    })
}

fn facts_of(rows: &Rows<'_>, row: usize, id: &str) -> Facts {
    let all: HashMap<&str, Option<String>> = facts().map(|name| (name, rows.text(name, row))).collect();
    let fact = |name: &str| all.get(name).cloned().flatten();
    // An ARN names the account that bought, in its fifth part, where no fee does.
    let owner = || id.split(':').nth(4).filter(|text| text.len() == 12).map(str::to_owned);
    Facts {
        account: fact("account").or_else(owner),
        account_name: fact("account_name"),
        service: fact("service"),
        region: fact("region"),
        instance_type: instance_type(fact("instance").as_deref(), fact("usage_type").as_deref()),
        instances: fact("instances").and_then(|text| text.parse().ok()),
        purchase_option: fact("purchase_option").or_else(|| fact("plan_option")),
        offering_class: fact("offering_class").or_else(|| fact("plan_type")),
        term: fact("term").or_else(|| fact("plan_term")),
        starts: fact("starts").or_else(|| fact("plan_starts")),
        ends: fact("ends").or_else(|| fact("plan_ends")),
        subscription: fact("subscription"),
        unit: fact("unit"),
        currency: fact("currency"),
    }
}

/// Usage that was or could have been covered.
pub(super) fn usage(batches: &[RecordBatch]) -> Result<Vec<CoverableUsage>, LakeError> {
    let mut all = Vec::new();
    for batch in batches {
        let rows = Rows::new(batch)?;
        for row in 0..batch.num_rows() {
            let text = |name| rows.text(name, row);
            let kind = text("by_type").and_then(|text| CommitmentKind::of_type(&text));
            all.push(CoverableUsage {
                service: text("service"),
                region: text("region"),
                instance_type: instance_type(text("instance").as_deref(), text("usage_type").as_deref()),
                by: kind.zip(text("by")),
                list: rows.amount("list", row).unwrap_or_default(),
            });
        }
    }
    Ok(all)
}
