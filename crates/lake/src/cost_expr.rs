//! What metrics and dimensions are, in the words of the query engine: one expression on charges each.
//!
//! Values that a caller gives appear here as literals only; there is no text that they could be spliced into.

use billing::category::{self, CategoryRule, CellRule};
use billing::cost_query::{Dimension, Filter, MISSING, Metric};
use billing::listing::Operator;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::expr::Like;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator as Binary, lit, when};

use crate::accounts::joined_column;
use crate::session::column;
use crate::table::CONNECT_COLUMN;
use crate::tags::tag_value;

/// A sum that metrics are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Unblended,
    Effective,
    Blended,
    EffectiveBlended,
    List,
    ListAmortized,
    Usage,
}

/// The sum that a metric is, and the one that is taken off it.
pub(crate) fn parts(metric: Metric) -> (Part, Option<Part>) {
    match metric {
        Metric::CostNonamortizedUnblended => (Part::Unblended, None),
        Metric::CostAmortizedUnblended => (Part::Effective, None),
        Metric::CostNonamortizedBlended => (Part::Blended, None),
        Metric::CostAmortizedBlended => (Part::EffectiveBlended, None),
        Metric::ListPriceNonamortized => (Part::List, None),
        Metric::ListPriceAmortized => (Part::ListAmortized, None),
        Metric::SavingsRateReductionNonamortized => (Part::List, Some(Part::Unblended)),
        Metric::SavingsRateReductionAmortized => (Part::ListAmortized, Some(Part::Effective)),
        Metric::UsageAmount => (Part::Usage, None),
    }
}

/// The amount that one charge adds to a sum; null adds nothing.
pub(crate) fn amount(part: Part) -> Result<Expr> {
    Ok(match part {
        Part::Unblended => coalesce(vec![column("x_UnblendedCost"), column("BilledCost")]),
        Part::Effective => column("EffectiveCost"),
        Part::Blended => coalesce(vec![column("x_BlendedCost"), column("BilledCost")]),
        // Blending is AWS's average of rates over accounts; what a commitment covers or buys has its own rate.
        Part::EffectiveBlended => when(committed(), column("EffectiveCost"))
            .otherwise(coalesce(vec![column("x_BlendedCost"), column("EffectiveCost")]))?,
        Part::List => column("ListCost"),
        // A purchase's price is spread over what it covers, which has a list price of its own already.
        Part::ListAmortized => {
            let purchase = committed().and(column("ChargeCategory").eq(text("Purchase")));
            when(purchase, nothing()).otherwise(column("ListCost"))?
        }
        Part::Usage => column("x_UsageAmount"),
    })
}

/// An amount of 0.
pub(crate) fn nothing() -> Expr {
    lit(ScalarValue::Decimal128(Some(0), 38, 18))
}

/// Line item types that are about a commitment even where the line does not name it.
const COMMITTED: [&str; 6] = [
    "DiscountedUsage",
    "RIFee",
    "SavingsPlanCoveredUsage",
    "SavingsPlanNegation",
    "SavingsPlanRecurringFee",
    "SavingsPlanUpfrontFee",
];

/// Whether a charge buys a commitment, uses one, or pays for what went unused of one.
fn committed() -> Expr {
    let by_type = column("x_LineItemType").in_list(COMMITTED.map(text).to_vec(), false);
    column("CommitmentDiscountId").is_not_null().or(by_type)
}

/// The value of a dimension: text, and [`MISSING`] where the charge has none.
pub(crate) fn value(dimension: &Dimension) -> Result<Expr> {
    let value = maybe_value(dimension)?;
    let always = matches!(dimension, Dimension::Vendor | Dimension::BillingCenterId | Dimension::Category);
    Ok(if always { value } else { coalesce(vec![value, text(MISSING)]) })
}

/// The value of a dimension: null where the charge has none.
fn maybe_value(dimension: &Dimension) -> Result<Expr> {
    Ok(match dimension {
        Dimension::Vendor => text("AWS"),
        // Until there are billing centers, every charge is in this one.
        Dimension::BillingCenterId => text("unallocated"),
        Dimension::Category => category()?,
        Dimension::VendorAccount => column("SubAccountId"),
        // The bill has a name of its own for some accounts.
        Dimension::VendorAccountName => coalesce(vec![column(&joined_column(dimension)), column("SubAccountName")]),
        Dimension::AccountUnit | Dimension::AccountUnitLevel(_) | Dimension::AccountTag(_) => {
            column(&joined_column(dimension))
        }
        Dimension::BillingAccount => column("BillingAccountId"),
        Dimension::BillEntity => column("x_BillingEntity"),
        Dimension::BillSource => column(CONNECT_COLUMN),
        Dimension::InvoiceId => column("InvoiceId"),
        Dimension::Service => column("x_ServiceCode"),
        Dimension::Region => coalesce(vec![column("x_ProductLocation"), column("RegionId")]),
        Dimension::AvailabilityZone => column("AvailabilityZone"),
        Dimension::UsageType => usage_type()?,
        Dimension::UsageUnit => coalesce(vec![column("PricingUnit"), column("ConsumedUnit")]),
        Dimension::ResourceType => column("x_ProductFamily"),
        Dimension::InstanceType => column("x_InstanceType"),
        Dimension::InstanceTypeFamily => column("x_InstanceTypeFamily"),
        Dimension::OperatingSystem => column("x_OperatingSystem"),
        Dimension::DatabaseEngine => column("x_DatabaseEngine"),
        Dimension::LicenseModel => column("x_LicenseModel"),
        Dimension::DeploymentOption => column("x_DeploymentOption"),
        Dimension::LineItemType => column("x_LineItemType"),
        Dimension::PurchaseOption => column("x_PurchaseOption"),
        Dimension::CommitmentId => column("CommitmentDiscountId"),
        Dimension::CommitmentName => column("CommitmentDiscountName"),
        Dimension::Description => column("ChargeDescription"),
        Dimension::ServiceFamily => column("ServiceCategory"),
        Dimension::ManufacturerName => column("PublisherName"),
        Dimension::ResourceId => column("ResourceId"),
        Dimension::Tag(key) => tag(key),
    })
}

/// The value of a tag. A key may be given as AWS's reports spell it, with `user:` in front of the customer's own.
fn tag(key: &str) -> Expr {
    let value = tag_value(column("Tags"), key);
    match key.strip_prefix("user:") {
        Some(own) => coalesce(vec![value, tag_value(column("Tags"), own)]),
        None => value,
    }
}

/// AWS's usage type. A tax, a fee and usage that a reservation discounts say so: `USE1-BoxUsage:m5.large:DiscountedUsage`.
fn usage_type() -> Result<Expr> {
    let kind = || column("x_LineItemType");
    let marked = kind().in_list(["DiscountedUsage", "Fee", "Tax"].map(text).to_vec(), false);
    let join = |left, right| Expr::BinaryExpr(BinaryExpr::new(Box::new(left), Binary::StringConcat, Box::new(right)));
    let both = join(join(column("x_UsageType"), text(":")), kind());
    when(marked, coalesce(vec![both, kind()])).otherwise(column("x_UsageType"))
}

/// The category of the first rule that matches.
fn category() -> Result<Expr> {
    let rules = category::rules();
    // Behind a rule that matches everything no other has a say.
    let cases: Vec<_> = rules.iter().map_while(|rule| Some((matches(rule)?, &rule.category))).collect();
    let otherwise = rules.get(cases.len()).map_or(MISSING, |rule| rule.category.as_str());
    let mut cases = cases.into_iter();
    let Some((condition, category)) = cases.next() else {
        return Ok(text(otherwise));
    };
    let first = when(condition, text(category));
    cases.fold(first, |mut case, (condition, category)| case.when(condition, text(category))).otherwise(text(otherwise))
}

/// When a rule matches; `None` where it always does.
fn matches(rule: &CategoryRule) -> Option<Expr> {
    let cells = [
        ("x_ServiceCode", &rule.product_code),
        ("x_ProductFamily", &rule.product_family),
        ("x_UsageType", &rule.usage_type),
        ("x_LineItemType", &rule.line_item_type),
    ];
    let conditions = cells.into_iter().filter_map(|(name, cell)| match cell {
        CellRule::Any => None,
        CellRule::Is(value) => Some(column(name).eq(text(value))),
        CellRule::StartsWith(start) => Some(like(column(name), &format!("{}%", escaped(start)))),
    });
    conditions.reduce(Expr::and)
}

/// Which charges a filter lets through.
pub(crate) fn condition(filter: &Filter) -> Result<Expr> {
    Ok(match filter {
        Filter::Equal { dimension, value: given } => value(dimension)?.eq(text(given)),
        Filter::Substring { dimension, substring } => like(value(dimension)?, &format!("%{}%", escaped(substring))),
        Filter::And { expressions } => all(expressions, Binary::And)?.unwrap_or_else(|| lit(true)),
        Filter::Or { expressions } => all(expressions, Binary::Or)?.unwrap_or_else(|| lit(false)),
        Filter::Not { expression } => !condition(expression)?,
        Filter::Is { dimension, operator, values } => compared(value(dimension)?, *operator, values),
        Filter::Missing { dimension } => maybe_value(dimension)?.is_null(),
    })
}

/// Whether a value, which is never null, compares like this with one of several.
fn compared(value: Expr, operator: Operator, values: &[String]) -> Expr {
    let one = || text(values.first().map_or("", String::as_str));
    let part = |before: &str, after: &str| {
        let part = escaped(values.first().map_or("", String::as_str));
        like(value.clone(), &format!("{before}{part}{after}"))
    };
    match operator {
        Operator::Eq => value.eq(one()),
        Operator::Ne => value.not_eq(one()),
        Operator::Gt => value.gt(one()),
        Operator::Ge => value.gt_eq(one()),
        Operator::Lt => value.lt(one()),
        Operator::Le => value.lt_eq(one()),
        Operator::Co => part("%", "%"),
        Operator::Sw => part("", "%"),
        Operator::Ew => part("%", ""),
        Operator::In | Operator::Nin => {
            value.in_list(values.iter().map(|one| text(one)).collect(), operator == Operator::Nin)
        }
    }
}

/// All conditions, joined in halves: a long list must not become a deep tree, which the engine walks recursively.
fn all(filters: &[Filter], operator: Binary) -> Result<Option<Expr>> {
    Ok(match filters {
        [] => None,
        [one] => Some(condition(one)?),
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            let (left, right) = (all(left, operator)?, all(right, operator)?);
            left.zip(right)
                .map(|(left, right)| Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right))))
        }
    })
}

/// A text as a literal, which is all that a caller's words ever become.
pub(crate) fn text(text: &str) -> Expr {
    lit(ScalarValue::Utf8View(Some(text.to_owned())))
}

fn like(value: Expr, pattern: &str) -> Expr {
    Expr::Like(Like::new(false, Box::new(value), Box::new(text(pattern)), Some('\\'), false))
}

/// `part` as a pattern that matches it and nothing else.
fn escaped(part: &str) -> String {
    let mut pattern = String::with_capacity(part.len());
    for letter in part.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}
