//! The mapping as a page for people: `docs/mapping.md` is what this prints.

use std::fmt::Write as _;

use super::columns;
use super::export;
use super::line_item_type::{LineItemRule, Money, RULES, UNKNOWN};
use super::mapping::{Absent, CommitmentFact, LineItemFact, MAPPINGS, Mapping, Object, ServiceFact, Value, WORDS};

const HEAD: &str = "# How a line of a Cost and Usage Report becomes charges

This page is printed from the tables in `crates/billing/src/focus`, which the ingest itself runs on. The rules for Cost
and Usage Reports name columns as legacy reports in CSV do; those in Parquet and CUR 2.0 spell the same columns with
underscores, and have some of them in maps (see [formats](formats.md)). FOCUS exports have a table of their own at the end.
`first(a, b)` is the first of the source columns that is not empty; `type.X` is column X of the table of line item types.
";

const MONEY: &str = "
## Line item types

The first rule that holds is the line's. A cell names the source column; where two are named, the first that is not
empty; `0` is nothing. Where nothing is stated, a cost is 0, a price or a net cost is null. A split cost allocation line (one with a
`splitLineItem/ParentResourceId`) costs 0 in all four FOCUS columns, for its instance's line carries the cost already.

";

const FOCUS: &str = "
## FOCUS exports

The columns of an AWS FOCUS 1.0 or 1.2 export stand as they are, money first; no charge is added. What an export has no
column for is left to this table.

";

const UNUSED: &str = "
## Charges that are added

- **Unused commitment.** A line whose type has one below, and where it comes to more than 0, also becomes a Usage charge
  with `CommitmentDiscountStatus` Unused: `EffectiveCost` as below, every other cost and `x_UnblendedCost` 0, no usage.
- **Adjustment.** SavingsPlanCoveredUsage and SavingsPlanNegation bill 0, for they cancel each other. Where their unblended
  costs do not over the month, what they leave by usage account and invoice is billed by one Adjustment charge each.

";

/// The whole page, as Markdown.
pub fn markdown() -> String {
    let mut page = String::from(HEAD);
    page.push_str("\n## Columns\n\n| Column | Value | Where the source says nothing | Meaning |\n|---|---|---|---|\n");
    for (mapping, column) in MAPPINGS.iter().zip(columns::all()) {
        let _ = writeln!(page, "| {} | {} |", written(mapping), column.description);
    }
    let words: Vec<_> = WORDS.iter().map(|word| format!("`{word}`")).collect();
    let _ = writeln!(page, "\n¹ These words in place of the number are read as nothing: {}.", words.join(", "));
    page.push_str(MONEY);
    page.push_str("| Type | Category | Frequency | Pricing | Billed | Effective | List | Contracted | Contracted price | Net effective |\n");
    page.push_str("|---|---|---|---|---|---|---|---|---|---|\n");
    for rule in RULES.iter().chain([&UNKNOWN]) {
        write_rule(&mut page, rule);
    }
    page.push_str(UNUSED);
    for rule in RULES {
        write_unused(&mut page, rule);
    }
    page.push_str(FOCUS);
    page.push_str("| Column | Value | Where the export says nothing |\n|---|---|---|\n");
    for mapping in export::MAPPINGS {
        match mapping.value {
            // Nothing of an export is a share of another line's cost.
            Value::Nothing | Value::LineItem(_) => {}
            Value::Object(object) if object != Object::Other => {
                let _ = writeln!(page, "| {0} | `{0}` | null |", mapping.target);
            }
            _ => {
                let _ = writeln!(page, "| {} |", written(mapping));
            }
        }
    }
    page
}

// Writing to a `String` cannot fail, so what `writeln!` answers is dropped throughout.

/// A rule's column, its value, and what absent means.
fn written(mapping: &Mapping) -> String {
    let mark = if mapping.words.is_empty() { "" } else { " ¹" };
    let absent = match mapping.absent {
        _ if matches!(mapping.value, Value::Always(_) | Value::LineItem(_)) => String::new(),
        Absent::Null => "null".to_owned(),
        Absent::Text(text) => format!("“{text}”"),
        Absent::Payer => "the delivery's payer account".to_owned(),
        Absent::MonthStart => "the start of the delivery's month".to_owned(),
        Absent::MonthEnd => "the end of the delivery's month".to_owned(),
        Absent::OtherOf(column) => format!("“Other (…)” of `{column}`"),
        Absent::Refused => "the delivery is refused".to_owned(),
    };
    format!("{} | {}{mark} | {absent}", mapping.target, expression(mapping))
}

/// A rule's value as a small expression.
fn expression(mapping: &Mapping) -> String {
    match mapping.value {
        Value::Always(text) => format!("“{text}”"),
        Value::First(columns) => money(columns),
        Value::LineItem(LineItemFact::IsSplitCost) => format!("`{}` is not empty", mapping.sources()[0]),
        Value::LineItem(LineItemFact::UnblendedCost) => money(mapping.sources()),
        Value::LineItem(LineItemFact::ConsumedQuantity | LineItemFact::ConsumedUnit) => {
            format!("`{}` where the category is Usage", mapping.sources()[0])
        }
        Value::LineItem(LineItemFact::PricingQuantity) => {
            format!("`{}` where the category is Usage or Purchase", mapping.sources()[0])
        }
        Value::LineItem(LineItemFact::PricingCategory) => {
            "“Dynamic” for spot usage, else type.PricingCategory".to_owned()
        }
        Value::LineItem(fact) => format!("type.{fact:?}"),
        Value::Service(ServiceFact::Name) => {
            format!("{}, by the table of services before the last", money(mapping.sources()))
        }
        Value::Service(fact) => format!("the table of services: {fact:?} of `{}`", mapping.sources()[0]),
        Value::Commitment(CommitmentFact::Category) => {
            "“Usage” for a reservation, “Spend” for a savings plan".to_owned()
        }
        Value::Commitment(CommitmentFact::Type) => {
            "“Reserved Instance” or “Savings Plan”, by whose ARN is there".to_owned()
        }
        Value::Commitment(CommitmentFact::Unit) => {
            "`pricing/unit` of a reservation, the currency of a savings plan".to_owned()
        }
        Value::Object(Object::Product) => "object of the other `product/*`".to_owned(),
        Value::Object(Object::Tags) => "object of `resourceTags/*`, keys without `user:`".to_owned(),
        Value::Object(Object::CostCategories) => "object of `costCategory/*`".to_owned(),
        Value::Object(Object::Discounts) => "object of `discount/*`".to_owned(),
        Value::Object(Object::Other) => "object of every column that is nowhere else".to_owned(),
        Value::Nothing => "nothing".to_owned(),
    }
}

fn money(columns: Money) -> String {
    match columns {
        [] => "0".to_owned(),
        [column] => format!("`{column}`"),
        columns => {
            format!("first({})", columns.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>().join(", "))
        }
    }
}

fn write_rule(page: &mut String, rule: &LineItemRule) {
    let name = rule.only_with.map_or(rule.name.to_owned(), |column| format!("{} with a `{column}`", rule.name));
    let category = rule.class.map_or(rule.category.to_owned(), |class| format!("{}, {class}", rule.category));
    let costs = [rule.billed, rule.effective, rule.list, rule.contracted].map(money);
    let others = [rule.contracted_price, rule.net_effective]
        .map(|columns| if columns.is_empty() { "null".into() } else { money(columns) });
    let cells = [name, category, rule.frequency.to_owned(), rule.pricing.unwrap_or("null").to_owned()];
    let cells: Vec<_> = cells.into_iter().chain(costs).chain(others).collect();
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

fn write_unused(page: &mut String, rule: &LineItemRule) {
    let Some(unused) = rule.unused else { return };
    let sum = |columns: Money| columns.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>();
    let _ = write!(page, "- {}: {}", rule.name, sum(unused.plus).join(" + "));
    for column in sum(unused.minus) {
        let _ = write!(page, " − {column}");
    }
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Run with `UPDATE_DOCS=1` to write the page anew after the tables changed.
    #[test]
    fn the_committed_page_is_what_the_tables_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/mapping.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, markdown()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == markdown(),
            "docs/mapping.md is not what the tables say: run `UPDATE_DOCS=1 cargo test -p billconnect-billing page`"
        );
    }

    #[test]
    fn the_page_has_every_column_and_every_type() {
        let page = markdown();
        for column in columns::all() {
            assert!(page.contains(&format!("\n| {} |", column.name)), "{}", column.name);
        }
        for rule in RULES {
            assert!(page.contains(&format!("\n| {} ", rule.name)), "{}", rule.name);
        }
    }
}
