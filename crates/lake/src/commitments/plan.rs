//! What the engine is asked about commitments: three sums over charges.

use billing::commitment::{COVERABLE, Days};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions_aggregate::expr_fn::{count, max, min, sum};
use datafusion::logical_expr::{Expr, lit, when};
use datafusion::prelude::DataFrame;
use time::OffsetDateTime;

use crate::session::column;
use crate::table::{CONNECT_COLUMN, PERIOD_COLUMN, START_COLUMN};
use crate::tags::tag_value;

const END_COLUMN: &str = "ChargePeriodEnd";

/// What all rows are keyed by.
const KEY: [&str; 4] = [CONNECT_COLUMN, PERIOD_COLUMN, "CommitmentDiscountId", "CommitmentDiscountType"];

/// What fees say of a commitment: our name, and the column.
const FACTS: [(&str, &str); 10] = [
    ("account", "SubAccountId"),
    ("account_name", "SubAccountName"),
    ("region", "RegionId"),
    ("service", "x_ServiceCode"),
    ("instance", "x_InstanceType"),
    ("purchase_option", "x_PurchaseOption"),
    ("offering_class", "x_OfferingClass"),
    ("term", "x_LeaseContractLength"),
    ("subscription", "x_SubscriptionId"),
    ("unit", "CommitmentDiscountUnit"),
];

/// The same of what no column of ours holds: the source column is the key in `x_Other`.
const OTHERS: [(&str, &str); 8] = [
    ("starts", "reservation/StartTime"),
    ("ends", "reservation/EndTime"),
    ("instances", "reservation/NumberOfReservations"),
    ("units_per", "reservation/NormalizedUnitsPerReservation"),
    ("plan_starts", "savingsPlan/StartTime"),
    ("plan_ends", "savingsPlan/EndTime"),
    ("plan_type", "savingsPlan/OfferingType"),
    ("plan_option", "savingsPlan/PaymentOption"),
];

/// The names of the facts, in the order in which [`months`] has them: `usage_type`, `currency` and `plan_term` come last.
pub(super) fn facts() -> impl Iterator<Item = &'static str> {
    let named = FACTS.into_iter().chain(OTHERS).map(|(name, _)| name);
    named.chain(["plan_term", "usage_type", "currency"])
}

/// By connection, month and commitment: what its fees say, and what was bought, used and left unused.
pub(super) fn months(charges: DataFrame) -> Result<DataFrame> {
    let fee = || column("ChargeCategory").eq(text("Purchase"));
    let recurring = || fee().and(column("ChargeFrequency").eq(text("Recurring")));
    let of_fee = |name: &str, value: Expr| only(fee(), value).map(|value| value.alias(name));
    let mut columns: Vec<Expr> = KEY.map(column).to_vec();
    for (name, from) in FACTS {
        columns.push(of_fee(name, column(from))?);
    }
    for (name, key) in OTHERS {
        columns.push(of_fee(name, tag_value(column("x_Other"), key))?);
    }
    columns.push(of_fee("plan_term", tag_value(column("x_Other"), "savingsPlan/PurchaseTerm"))?);
    columns.push(of_fee("usage_type", usage_type())?);
    columns.push(column("BillingCurrency").alias("currency"));
    columns.extend(used()?);
    columns.extend([
        only(recurring(), column("CommitmentDiscountQuantity"))?.alias("stated"),
        only(recurring(), column(START_COLUMN))?.alias("paid_from"),
        only(recurring(), column(END_COLUMN))?.alias("paid_until"),
        only(is("Used"), column(END_COLUMN))?.alias("used_until"),
        only(is("Unused"), quantity(only(plan(), column("EffectiveCost"))?))?.alias("unused"),
        only(is("Unused"), column("EffectiveCost"))?.alias("unused_cost"),
        column("BilledCost").alias("billed"),
    ]);
    let mut results: Vec<Expr> = facts().map(|name| max(column(name)).alias(name)).collect();
    results.extend(["stated", "unused", "unused_cost", "billed"].map(|name| sum(column(name)).alias(name)));
    results.extend([
        min(column("paid_from")).alias("paid_from"),
        max(column("paid_until")).alias("paid_until"),
        max(column("used_until")).alias("used_until"),
        // How many are told apart from how many have a value: a sum says nothing of what it left out.
        count(column("unused_cost")).alias("unused_charges"),
        count(column("unused")).alias("unused_known"),
    ]);
    results.extend(used_sums());
    let named = column("CommitmentDiscountId").is_not_null().and(!column("x_IsSplitCost"));
    charges.filter(named)?.select(columns)?.aggregate(KEY.map(column).to_vec(), results)
}

/// By connection, month and commitment: what was used in `days`; what lies across an edge of them, by its own time.
pub(super) fn within(charges: DataFrame, days: Days) -> Result<DataFrame> {
    let (start, end) = (|| lit(instant(days.start())), || lit(instant(days.end())));
    let across = || {
        let (from, until) = (column(START_COLUMN), column(END_COLUMN));
        from.clone().lt(start()).or(until.gt(end()).and(from.lt(end())))
    };
    let touches = column(START_COLUMN).lt(end()).and(column(END_COLUMN).gt(start()));
    let named = column("CommitmentDiscountId").is_not_null().and(is("Used")).and(!column("x_IsSplitCost"));
    let mut columns: Vec<Expr> = KEY.map(column).to_vec();
    columns.push(only(across(), column(START_COLUMN))?.alias("across_from"));
    columns.push(only(across(), column(END_COLUMN))?.alias("across_until"));
    columns.extend(used()?);
    let groups = KEY.into_iter().chain(["across_from", "across_until"]).map(column).collect();
    charges.filter(named.and(touches))?.select(columns)?.aggregate(groups, used_sums())
}

/// The list cost of usage that starts in `days` and was or could have been covered, by what and by which commitment.
pub(super) fn coverable(charges: DataFrame, days: Days) -> Result<DataFrame> {
    let sold = COVERABLE.iter().map(|row| {
        column("x_ServiceCode").eq(text(row.service)).and(usage_type().like(text(&format!("%{}%", row.usage_type))))
    });
    let sold = sold.reduce(Expr::or).unwrap_or_else(|| lit(false));
    let on_demand = column("ChargeCategory")
        .eq(text("Usage"))
        .and(column("CommitmentDiscountStatus").is_null())
        .and(column("PricingCategory").eq(text("Standard")))
        .and(sold);
    let starts =
        column(START_COLUMN).gt_eq(lit(instant(days.start()))).and(column(START_COLUMN).lt(lit(instant(days.end()))));
    let counts = starts.and(!column("x_IsSplitCost")).and(is("Used").or(on_demand));
    let groups = ["service", "region", "instance", "usage_type", "by_type", "by"];
    let covered = |name: &str| only(is("Used"), column(name));
    let columns = vec![
        column("x_ServiceCode").alias("service"),
        column("RegionId").alias("region"),
        column("x_InstanceType").alias("instance"),
        usage_type().alias("usage_type"),
        covered("CommitmentDiscountType")?.alias("by_type"),
        covered("CommitmentDiscountId")?.alias("by"),
        column("ListCost").alias("list"),
    ];
    let sums = vec![sum(column("list")).alias("list")];
    charges.filter(counts)?.select(columns)?.aggregate(groups.map(column).to_vec(), sums)
}

/// What a charge adds to what was used, in the order of [`used_sums`].
fn used() -> Result<[Expr; 4]> {
    // Hours of instances of another size are not the reservation's own: these are in normalized units, as AWS counts.
    let instead = when(plan(), column("EffectiveCost")).otherwise(column("ConsumedQuantity"))?;
    Ok([
        only(is("Used"), quantity(instead))?.alias("used"),
        only(is("Used"), column("x_NormalizedUsageAmount"))?.alias("normalized"),
        only(is("Used"), column("EffectiveCost"))?.alias("used_cost"),
        only(is("Used"), column("ListCost"))?.alias("used_list"),
    ])
}

fn used_sums() -> Vec<Expr> {
    let sums = ["used", "normalized", "used_cost", "used_list"].map(|name| sum(column(name)).alias(name));
    let counts = [("used_charges", "used_cost"), ("used_known", "used"), ("normalized_known", "normalized")];
    sums.into_iter().chain(counts.map(|(name, of)| count(column(of)).alias(name))).collect()
}

/// How much of a commitment a charge is about: what it states, or something else that comes to the same.
fn quantity(instead: Expr) -> Expr {
    coalesce(vec![column("CommitmentDiscountQuantity"), instead])
}

/// Whether the commitment is one to an amount of money.
fn plan() -> Expr {
    column("CommitmentDiscountCategory").eq(text("Spend"))
}

fn is(status: &str) -> Expr {
    column("CommitmentDiscountStatus").eq(text(status))
}

/// AWS's usage type; FOCUS 1.2 calls it the SKU's meter.
fn usage_type() -> Expr {
    coalesce(vec![column("x_UsageType"), column("SkuMeter")])
}

/// A text as a literal.
fn text(text: &str) -> Expr {
    lit(ScalarValue::Utf8View(Some(text.to_owned())))
}

/// The value where the condition holds, null elsewhere.
fn only(condition: Expr, value: Expr) -> Result<Expr> {
    when(condition, value).end()
}

fn instant(at: OffsetDateTime) -> ScalarValue {
    let micros = i64::try_from(at.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX);
    ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()))
}
