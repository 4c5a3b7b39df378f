//! Dialects: how a family of reports spells its columns. A file's header alone says which it is; the rules are the family's.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::family::{CUR, FOCUS, Family};

/// How a file spells its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `lineItem/UnblendedCost`: legacy reports in csv.
    Slashed,
    /// `line_item_unblended_cost`: legacy reports in Parquet, and CUR 2.0, which has some columns as maps.
    Snake,
    /// `BilledCost`: FOCUS exports.
    Focus,
}

/// What a column of a file is to the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spelled {
    /// The column that the rules call so.
    Column(String),
    /// Many columns of this category at once, by key.
    Map(&'static str),
}

/// Every source column that the rules for Cost and Usage Reports name, by its spelling with underscores.
static SNAKE: LazyLock<HashMap<String, &'static str>> =
    LazyLock::new(|| CUR.sources().map(|source| (snake(source), source)).collect());

impl Dialect {
    /// The dialect of a file with these columns. What is none of ours is taken for [`Slashed`](Self::Slashed), whose required
    /// columns will then be missed by name.
    pub fn of(header: &[String]) -> Self {
        let has = |name: &str| header.iter().any(|column| column == name);
        if has("line_item_unblended_cost") || has("line_item_line_item_type") {
            Self::Snake
        } else if has("BilledCost") || has("ChargeCategory") {
            Self::Focus
        } else {
            Self::Slashed
        }
    }

    /// Whose rules read it.
    pub fn family(self) -> &'static Family {
        match self {
            Self::Slashed | Self::Snake => &CUR,
            Self::Focus => &FOCUS,
        }
    }

    /// A word that stands for an empty cell: FOCUS data is often printed by a database.
    pub fn null_word(self) -> Option<&'static str> {
        (self == Self::Focus).then_some("NULL")
    }

    /// What the rules call the column that a file calls `name`.
    pub fn column(self, name: &str) -> Spelled {
        let map = match (self, name) {
            (Self::Snake, "resource_tags") | (Self::Focus, "Tags") => "resourceTags",
            (Self::Snake, "cost_category") | (Self::Focus, "x_CostCategories") => "costCategory",
            (Self::Snake, "product") | (Self::Focus, "SkuPriceDetails") => "product",
            (Self::Snake, "discount") | (Self::Focus, "x_Discounts") => "discount",
            (Self::Snake, _) => return Spelled::Column(slashed(name)),
            (Self::Slashed | Self::Focus, _) => return Spelled::Column(name.to_owned()),
        };
        Spelled::Map(map)
    }

    /// What the rules call the column that a map of `category` has under `key`.
    pub fn entry(self, category: &str, key: &str) -> String {
        match (self, category) {
            (Self::Snake, "product") => slashed(&format!("product_{key}")),
            (Self::Snake, "resourceTags") => slashed(&format!("resource_tags_{key}")),
            (Self::Snake, "discount") => slashed(&format!("discount_{key}")),
            _ => format!("{category}/{key}"),
        }
    }

    /// How files of this dialect spell a column of the rules, for errors.
    pub fn spell(self, column: &str) -> String {
        if self == Self::Snake { snake(column) } else { column.to_owned() }
    }
}

/// What the rules call a column with underscores. Names that no rule has keep what the spelling left of them: attributes of
/// products are turned back exactly, tags and cost categories stay as they are but for AWS's `user_` in front.
fn slashed(name: &str) -> String {
    if let Some(known) = SNAKE.get(name) {
        return (*known).to_owned();
    }
    let after = |prefix: &str| name.strip_prefix(prefix).filter(|key| !key.is_empty());
    if let Some(key) = after("product_") {
        return format!("product/{}", camel(key, Start::Lower));
    }
    if let Some(key) = after("discount_") {
        return format!("discount/{}", camel(key, Start::Upper));
    }
    if let Some(key) = after("resource_tags_") {
        return match key.strip_prefix("user_").filter(|typed| !typed.is_empty()) {
            Some(typed) => format!("resourceTags/user:{typed}"),
            None => format!("resourceTags/{key}"),
        };
    }
    match after("cost_category_") {
        Some(key) => format!("costCategory/{key}"),
        None => name.to_owned(),
    }
}

/// AWS's spelling with underscores: `savingsPlan/SavingsPlanARN` is `savings_plan_savings_plan_a_r_n`.
fn snake(column: &str) -> String {
    let mut out = String::with_capacity(column.len() + 8);
    for letter in column.chars() {
        let breaks = letter.is_uppercase() || !letter.is_alphanumeric();
        if breaks && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        if letter.is_alphanumeric() {
            out.extend(letter.to_lowercase());
        }
    }
    out
}

#[derive(Clone, Copy)]
enum Start {
    Lower,
    Upper,
}

fn camel(key: &str, start: Start) -> String {
    let mut upper = matches!(start, Start::Upper);
    let mut out = String::with_capacity(key.len());
    for letter in key.chars() {
        if letter == '_' {
            upper = true;
        } else if std::mem::take(&mut upper) {
            out.extend(letter.to_uppercase());
        } else {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn column(name: &str) -> Spelled {
        Spelled::Column(name.to_owned())
    }

    #[test]
    fn a_header_tells_its_dialect() {
        let of = |names: &[&str]| Dialect::of(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["lineItem/UnblendedCost"]), Dialect::Slashed);
        assert_eq!(of(&["line_item_unblended_cost"]), Dialect::Snake);
        assert_eq!(of(&["BilledCost", "x_Operation"]), Dialect::Focus);
        assert_eq!(of(&["anything"]), Dialect::Slashed);
    }

    #[test]
    fn no_two_columns_of_the_rules_are_spelled_alike() {
        let spelled: HashSet<_> = CUR.sources().map(snake).collect();
        let sources: HashSet<_> = CUR.sources().collect();
        assert_eq!(spelled.len(), sources.len());
    }

    #[test]
    fn every_column_that_the_rules_name_is_found_by_awss_own_spelling() {
        for (name, expect) in [
            ("line_item_unblended_cost", "lineItem/UnblendedCost"),
            ("reservation_reservation_a_r_n", "reservation/ReservationARN"),
            ("savings_plan_savings_plan_a_r_n", "savingsPlan/SavingsPlanARN"),
            ("pricing_public_on_demand_cost", "pricing/publicOnDemandCost"),
            ("split_line_item_parent_resource_id", "splitLineItem/ParentResourceId"),
            ("product_product_name", "product/ProductName"),
            ("product_usagetype", "product/usagetype"),
            ("product_volume_api_name", "product/volumeApiName"),
            ("discount_bundled_discount", "discount/BundledDiscount"),
            ("resource_tags_user_cost_centre", "resourceTags/user:cost_centre"),
            ("resource_tags_aws_created_by", "resourceTags/aws_created_by"),
            ("cost_category_business_unit", "costCategory/business_unit"),
            ("line_item_iam_principal", "line_item_iam_principal"),
        ] {
            assert_eq!(Dialect::Snake.column(name), column(expect), "{name}");
        }
        for source in CUR.sources() {
            assert_eq!(Dialect::Snake.column(&snake(source)), column(source));
        }
    }

    #[test]
    fn maps_are_many_columns() {
        assert_eq!(Dialect::Snake.column("product"), Spelled::Map("product"));
        assert_eq!(Dialect::Focus.column("Tags"), Spelled::Map("resourceTags"));
        assert_eq!(Dialect::Slashed.column("product"), column("product"));
        assert_eq!(Dialect::Snake.entry("product", "product_name"), "product/ProductName");
        assert_eq!(Dialect::Snake.entry("product", "instance_type_family"), "product/instanceTypeFamily");
        assert_eq!(Dialect::Snake.entry("resourceTags", "user_team"), "resourceTags/user:team");
        assert_eq!(Dialect::Snake.entry("costCategory", "Team"), "costCategory/Team");
        assert_eq!(Dialect::Focus.entry("resourceTags", "user_id"), "resourceTags/user_id");
    }
}
