//! The mapping as a page for people: `docs/mapping.md` is what this prints.

use std::fmt::Write as _;

use super::columns;
use super::export;
use super::line_item_type::{LineItemRule, Money, Quantity, RULES, UNKNOWN};
use super::mapping::{
    Absent, COUNTED, CapacityFact, CommitmentFact, LineItemFact, MAPPINGS, Mapping, Object, ServiceFact, Value, WORDS,
};
use super::{regions, resource_types, services};

const HEAD: &str = "# How a line of a Cost and Usage Report becomes charges

This page is printed from the tables in `crates/billing/src/focus`, which the ingest itself runs on. The rules for Cost
and Usage Reports name columns as legacy reports in CSV do; those in Parquet and CUR 2.0 spell the same columns with
underscores, and have some of them in maps (see [formats](formats.md)). FOCUS exports have a table of their own at the end.
`first(a, b)` is the first of the source columns that is not empty; `type.X` is column X of the table of line item types.
";

const MONEY: &str = "
## Line item types

The first rule that holds is the line's. A cell names the source column; where two are named, the first that is not
empty; `0` is nothing. Where nothing is stated, a cost is 0, a net cost is null, and a price is the cost by the quantity
priced, to the nearest of 18 decimals (null where there is no quantity). A split cost allocation line (one with a
`splitLineItem/ParentResourceId`) costs 0 in all four FOCUS columns, for its instance's line carries the cost already.

";

const FOCUS: &str = "
## FOCUS exports

The columns of an AWS FOCUS 1.0 or 1.2 export stand as they are, money first; no charge is added. What an export has no
column for is left to this table.

";

const SERVICES: &str = "
## Services

By product code, and by product family where FOCUS files a family apart from the rest of its service. A name is filed in one
place, as FOCUS asks, so a family that is filed apart has the name of the service that it belongs to there.

| Product code | Family | Name | Category | Subcategory |
|---|---|---|---|---|
";

const RESOURCES: &str = "
## Resource types

An ARN says its type itself: `arn:aws:lambda:eu-west-1:1:function:f` is a `function`. Of other ids the first row holds.

| The id begins with | Product code | Type |
|---|---|---|
";

const REGIONS: &str = "
## Regions

Names as AWS's price list has them.

| Region | Name |
|---|---|
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
    page.push_str("| Type | Category | Frequency | Pricing | Billed | Effective | List | Contracted | List price | Contracted price | Net effective | Commitment bought or used |\n");
    page.push_str("|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for rule in RULES.iter().chain([&UNKNOWN]) {
        write_rule(&mut page, rule);
    }
    page.push_str(UNUSED);
    for rule in RULES {
        write_unused(&mut page, rule);
    }
    write_tables(&mut page);
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
        _ if matches!(mapping.value, Value::Always(_) | Value::LineItem(_) | Value::RegionName) => String::new(),
        Absent::Null => "null".to_owned(),
        Absent::Text(text) => format!("“{text}”"),
        Absent::Payer => "the delivery's payer account".to_owned(),
        Absent::MonthStart => "the start of the delivery's month".to_owned(),
        Absent::MonthEnd => "the end of the delivery's month".to_owned(),
        Absent::OtherOf(column) => format!("“Other (…)” of `{column}`"),
        Absent::Refused => "the delivery is refused".to_owned(),
    };
    let only = mapping.only_with.map(|column| format!(", where `{column}` is not empty")).unwrap_or_default();
    format!("{} | {}{only}{mark} | {absent}", mapping.target, expression(mapping))
}

/// A rule's value as a small expression.
fn expression(mapping: &Mapping) -> String {
    match mapping.value {
        Value::Always(text) => format!("“{text}”"),
        Value::First(columns) => money(columns),
        Value::LineItem(fact) => line_item(fact, mapping),
        Value::Service(ServiceFact::Name) => {
            "`product/ProductName`, else the table of services, else `lineItem/ProductCode`; for families with a name of \
             their own the table first"
                .to_owned()
        }
        Value::Service(fact) => {
            format!("the table of services: {fact:?} of `{}` and `{}`", mapping.sources()[0], mapping.sources()[1])
        }
        Value::Commitment(CommitmentFact::Category) => {
            "“Usage” for a reservation, “Spend” for a savings plan".to_owned()
        }
        Value::Commitment(CommitmentFact::Type) => {
            "“Reserved Instance” or “Savings Plan”, by whose ARN is there".to_owned()
        }
        Value::Commitment(CommitmentFact::Unit) => {
            "`pricing/unit` of a reservation, the currency of a savings plan, where there is a CommitmentDiscountQuantity"
                .to_owned()
        }
        Value::Capacity(CapacityFact::Id) => {
            "`capacityReservation/CapacityReservationArn` where its status is Used or Unused; `lineItem/ResourceId` where \
             the usage type is UnusedBox or UnusedDed"
                .to_owned()
        }
        Value::Capacity(CapacityFact::Status) => {
            "`capacityReservation/CapacityReservationStatus`; “Unused” by the usage type".to_owned()
        }
        Value::RegionName => {
            "the table of regions, else `product/location`, else the code; null without a RegionId".to_owned()
        }
        Value::ResourceType => "what the ARN in `lineItem/ResourceId` names, else the table of resource types, else \
                                `product/productFamily`, else “Other”; null without a ResourceId"
            .to_owned(),
        Value::Object(Object::Product) => "object of the other `product/*`".to_owned(),
        Value::Object(Object::Tags) => "object of `resourceTags/*`, keys without `user:`".to_owned(),
        Value::Object(Object::CostCategories) => "object of `costCategory/*`".to_owned(),
        Value::Object(Object::Discounts) => "object of `discount/*`".to_owned(),
        Value::Object(Object::Other) => "object of every column that is nowhere else".to_owned(),
        Value::Nothing => "nothing".to_owned(),
    }
}

/// What a rule takes from the table of line item types, or works out by it.
fn line_item(fact: LineItemFact, mapping: &Mapping) -> String {
    match fact {
        LineItemFact::IsSplitCost => format!("`{}` is not empty", mapping.sources()[0]),
        LineItemFact::UnblendedCost => money(mapping.sources()),
        LineItemFact::ConsumedQuantity => {
            format!("`{}` where the category is Usage", mapping.sources()[0])
        }
        LineItemFact::PricingQuantity => {
            format!("`{}` where the category is Usage or Purchase", mapping.sources()[0])
        }
        fact @ (LineItemFact::ConsumedUnit | LineItemFact::PricingUnit) => {
            let quantity = if fact == LineItemFact::PricingUnit { "PricingQuantity" } else { "ConsumedQuantity" };
            format!("`{}`, else “{COUNTED}”, where there is a {quantity}", mapping.sources()[0])
        }
        LineItemFact::PricingCurrencyListUnitPrice
        | LineItemFact::PricingCurrencyContractedUnitPrice
        | LineItemFact::PricingCurrencyEffectiveCost => {
            let same = mapping.target.trim_start_matches("PricingCurrency");
            format!("{same}, where `{}` is not another than `{}`", mapping.sources()[0], mapping.sources()[1])
        }
        LineItemFact::PricingCategory => "“Dynamic” for spot usage, else type.PricingCategory".to_owned(),
        _ => format!("type.{fact:?}"),
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
    let or = |columns: Money, empty: &str| if columns.is_empty() { empty.to_owned() } else { money(columns) };
    let worked_out = if rule.quantity == Quantity::None { "null" } else { "cost by quantity" };
    let prices = [rule.list_price, rule.contracted_price].map(|columns| or(columns, worked_out));
    let others = [or(rule.net_effective, "null"), or(rule.committed, "null")];
    let cells = [name, category, rule.frequency.to_owned(), rule.pricing.unwrap_or("null").to_owned()];
    let cells: Vec<_> = cells.into_iter().chain(costs).chain(prices).chain(others).collect();
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

/// The tables that columns are looked up in.
fn write_tables(page: &mut String) {
    page.push_str(SERVICES);
    for (code, service) in services::all() {
        let family = service.family.unwrap_or_default();
        let _ =
            writeln!(page, "| {code} | {family} | {} | {} | {} |", service.name, service.category, service.subcategory);
    }
    let _ = writeln!(page, "| any other | | | {} | {} |", services::OTHER.0, services::OTHER.1);
    page.push_str(RESOURCES);
    for (start, code, kind) in resource_types::all() {
        let start = if start.is_empty() { "anything".to_owned() } else { format!("`{start}`") };
        let code = if code == "*" { "any" } else { code };
        let _ = writeln!(page, "| {start} | {code} | {kind} |");
    }
    page.push_str(REGIONS);
    for (code, name) in regions::all() {
        let _ = writeln!(page, "| {code} | {name} |");
    }
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
