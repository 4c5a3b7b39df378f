//! Tables beside the legacy csv: their columns, and what a line of the bill has in each.

use std::borrow::Cow;

use crate::cells::write_field;
use crate::column::Col;
use crate::desk::Entry;
use crate::focus;
use crate::format::{Family, Format};

/// A column of a table.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    from: From,
}

/// What a column holds; in csv, all of it is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Double,
    Time,
    /// Texts by key.
    Texts,
    /// Doubles by key.
    Doubles,
}

#[derive(Clone, Debug)]
enum From {
    Cell(Col),
    /// Each cell under its key.
    Gather(Vec<(String, Col)>),
    Focus(&'static str),
}

/// What a line has in a column.
pub(crate) enum Value<'e> {
    /// Nothing where it is empty.
    Text(Cow<'e, [u8]>),
    Map(Vec<(&'e str, &'e [u8])>),
}

/// Which charge of a line is meant: FOCUS has a line for what a commitment left unused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Stated,
    Unused,
}

impl Kind {
    /// As manifests of Data Exports call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Double => "double",
            Self::Time => "timestamp_milliseconds",
            Self::Texts => "map<string,string>",
            Self::Doubles => "map<string,double>",
        }
    }
}

impl Column {
    pub(crate) fn focus(name: &'static str, kind: Kind) -> Self {
        Self { name: name.to_owned(), kind, from: From::Focus(name) }
    }

    pub(crate) fn gathered(name: &str, kind: Kind, cells: Vec<(String, Col)>) -> Self {
        Self { name: name.to_owned(), kind, from: From::Gather(cells) }
    }

    pub(crate) fn value<'e>(&'e self, entry: &'e Entry<'_>, part: Part) -> Value<'e> {
        match &self.from {
            From::Cell(col) => Value::Text(Cow::Borrowed(entry.cells.get(*col))),
            From::Gather(cells) => {
                let filled = |(key, col): &'e (String, Col)| {
                    let cell = entry.cells.get(*col);
                    (!cell.is_empty()).then_some((key.as_str(), cell))
                };
                Value::Map(cells.iter().filter_map(filled).collect())
            }
            From::Focus(name) => Value::Text(focus::cell(name, entry, part)),
        }
    }
}

/// The columns of a format, out of those that a legacy bill of the month has.
pub(crate) fn columns(format: Format, month: &[Col]) -> Vec<Column> {
    match format.family() {
        Family::Legacy => legacy(month),
        Family::Cur2 => cur2(month),
        Family::Focus10 => focus::columns_1_0(month),
        Family::Focus12 => focus::columns_1_2(month),
    }
}

/// The lines of the table that a line of the bill makes.
pub(crate) fn parts(format: Format, entry: &Entry<'_>) -> &'static [Part] {
    if !format.is_focus() {
        return &[Part::Stated];
    }
    match (entry.is_split(), entry.money.charges(entry.line_type).unused) {
        (true, _) => &[],
        (false, None) => &[Part::Stated],
        (false, Some(_)) => &[Part::Stated, Part::Unused],
    }
}

/// AWS's spelling with underscores.
fn snake(col: Col) -> String {
    let (category, name) = col.category_and_name();
    let mut out = String::new();
    for letter in format!("{category}/{name}").chars() {
        let is_word = letter.is_ascii_alphanumeric();
        if (letter.is_ascii_uppercase() || !is_word) && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        if is_word {
            out.push(letter.to_ascii_lowercase());
        }
    }
    out
}

/// A legacy report's columns with underscores. AWS keeps one of two columns that come down to the same name.
fn legacy(month: &[Col]) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for col in month {
        let name = snake(*col);
        if columns.iter().all(|column| column.name != name) {
            columns.push(Column { name, kind: kind(*col), from: From::Cell(*col) });
        }
    }
    columns
}

/// Attributes of products that CUR 2.0 has columns for; the others are in a map.
const PRODUCT_COLUMNS: [&str; 15] = [
    "product_from_location",
    "product_from_location_type",
    "product_from_region_code",
    "product_instance_family",
    "product_instance_type",
    "product_location",
    "product_location_type",
    "product_operation",
    "product_product_family",
    "product_region_code",
    "product_servicecode",
    "product_sku",
    "product_to_location",
    "product_to_region_code",
    "product_usagetype",
];

/// CUR 2.0: tags, cost categories, discounts and most attributes of products are maps.
fn cur2(month: &[Col]) -> Vec<Column> {
    let all = legacy(month);
    let col = |column: &Column| match column.from {
        From::Cell(col) => col,
        _ => unreachable!("a legacy report's columns are cells"),
    };
    let in_map = |column: &Column| match col(column).category_and_name().0 {
        "product" => !PRODUCT_COLUMNS.contains(&column.name.as_str()),
        "discount" => !["discount_bundled_discount", "discount_total_discount"].contains(&column.name.as_str()),
        category => category == "resourceTags" || category == "costCategory",
    };
    let gathered = |category: &str, (name, kind): (&str, Kind)| {
        let its = all.iter().filter(|column| col(column).category_and_name().0 == category && in_map(column));
        let key = |column: &Column| column.name[name.len() + 1..].to_owned();
        Column::gathered(name, kind, its.map(|column| (key(column), col(column))).collect())
    };
    let mut columns: Vec<_> = all.iter().filter(|column| !in_map(column)).cloned().collect();
    columns.push(gathered("product", ("product", Kind::Texts)));
    columns.push(gathered("resourceTags", ("resource_tags", Kind::Texts)));
    columns.push(gathered("costCategory", ("cost_category", Kind::Texts)));
    columns.push(gathered("discount", ("discount", Kind::Doubles)));
    columns.sort_by(|one, other| one.name.cmp(&other.name));
    columns
}

/// What AWS's dictionary says that a column holds. Rates are texts there.
fn kind(col: Col) -> Kind {
    let (category, name) = col.category_and_name();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let double = match category {
        "lineItem" => ends(&["Cost", "UsageAmount", "NormalizationFactor"]),
        "discount" => true,
        "pricing" => name == "publicOnDemandCost",
        "reservation" => ends(&["Cost", "Fee", "ForUsage", "ForBillingPeriod", "UpfrontValue", "Quantity"]),
        "savingsPlan" => ends(&["Cost", "ForBillingPeriod", "CommitmentToDate", "UsedCommitment", "SavingsPlanRate"]),
        "splitLineItem" => name != "ParentResourceId",
        _ => false,
    };
    let time = ["BillingPeriodStartDate", "BillingPeriodEndDate", "UsageStartDate", "UsageEndDate"].contains(&name);
    match (double, time) {
        (true, _) => Kind::Double,
        (_, true) => Kind::Time,
        _ => Kind::Text,
    }
}

/// Appends a line of csv.
pub(crate) fn write_row(columns: &[Column], (entry, part): (&Entry<'_>, Part), out: &mut Vec<u8>) {
    for (at, column) in columns.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match column.value(entry, part) {
            Value::Text(text) => write_field(&text, out),
            Value::Map(entries) if entries.is_empty() => {}
            Value::Map(entries) => {
                let text = |value: &[u8]| serde_json::Value::from(String::from_utf8_lossy(value));
                let object: serde_json::Map<_, _> =
                    entries.into_iter().map(|(key, value)| (key.to_owned(), text(value))).collect();
                write_field(serde_json::Value::Object(object).to_string().as_bytes(), out);
            }
        }
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::of_month;

    #[test]
    fn names_are_spelled_as_aws_spells_them() {
        assert_eq!(snake(Col::ReservationArn), "reservation_reservation_a_r_n");
        assert_eq!(snake(Col::ProductName), "product_product_name");
        assert_eq!(snake(Col::TagCreatedBy), "resource_tags_aws_created_by");
        assert_eq!(snake(Col::PricingPublicOnDemandCost), "pricing_public_on_demand_cost");
    }

    #[test]
    fn cur2_keeps_most_attributes_in_maps() {
        let columns = columns(Format::Cur2Parquet, &of_month(0));
        let named = |name: &str| columns.iter().find(|column| column.name == name);
        assert!(named("resource_tags").is_some_and(|column| column.kind == Kind::Texts));
        assert!(named("line_item_unblended_cost").is_some_and(|column| column.kind == Kind::Double));
        assert!(named("product_product_name").is_none() && named("resource_tags_user_env").is_none());
        let From::Gather(product) = &named("product").expect("a map").from else { panic!("a map") };
        assert!(product.iter().any(|(key, col)| (key.as_str(), *col) == ("product_name", Col::ProductName)));
    }
}
