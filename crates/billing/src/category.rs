//! Categories: what a charge is for, in a dozen words, by the first rule of a table that matches.

use std::fmt::Write as _;
use std::sync::LazyLock;

/// The rules, as a `FinOps` person keeps them; the first that matches decides.
const TABLE: &str = include_str!("../data/category-rules-aws.csv");

/// What a rule says of one column of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellRule {
    /// Any value, or none.
    Any,
    /// Exactly this value.
    Is(String),
    /// Any value that starts so.
    StartsWith(String),
}

impl CellRule {
    fn parse(cell: &str) -> Self {
        match cell.strip_suffix('*') {
            Some(start) => Self::StartsWith(start.to_owned()),
            None if cell.is_empty() => Self::Any,
            None => Self::Is(cell.to_owned()),
        }
    }
}

/// One rule: the category of every charge that all four columns match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryRule {
    /// The category.
    pub category: String,
    /// On AWS's product code.
    pub product_code: CellRule,
    /// On AWS's product family.
    pub product_family: CellRule,
    /// On AWS's usage type.
    pub usage_type: CellRule,
    /// On AWS's line item type.
    pub line_item_type: CellRule,
}

/// The rules, in the order in which they are tried. The last matches everything.
pub fn rules() -> &'static [CategoryRule] {
    static RULES: LazyLock<Vec<CategoryRule>> =
        LazyLock::new(|| parse(TABLE).expect("the table in the program is sound, a test reads it"));
    &RULES
}

/// Reads the table, in order of priority. Cells hold no commas and no quotes, so they need no csv reader.
fn parse(table: &str) -> Result<Vec<CategoryRule>, String> {
    let mut lines = table.lines();
    if lines.next() != Some("priority,category,product_code,product_family,usage_type,line_item_type") {
        return Err("the header is not the one that rules have".to_owned());
    }
    let mut rules = lines.map(parse_line).collect::<Result<Vec<_>, _>>()?;
    rules.sort_by_key(|(priority, _)| *priority);
    Ok(rules.into_iter().map(|(_, rule)| rule).collect())
}

fn parse_line(line: &str) -> Result<(u32, CategoryRule), String> {
    let cells: Vec<&str> = line.split(',').collect();
    let [priority, category, product_code, product_family, usage_type, line_item_type] = cells[..] else {
        return Err(format!("`{line}` has not six cells"));
    };
    let priority = priority.parse().map_err(|_| format!("`{line}` does not start with its priority"))?;
    let rule = CategoryRule {
        category: category.to_owned(),
        product_code: CellRule::parse(product_code),
        product_family: CellRule::parse(product_family),
        usage_type: CellRule::parse(usage_type),
        line_item_type: CellRule::parse(line_item_type),
    };
    Ok((priority, rule))
}

const INTRODUCTION: &str = "<!-- Written by a test from crates/billing/data/category-rules-aws.csv; change that file and run \
`UPDATE_DOCS=1 cargo test -p billconnect-billing page` -->

# Categories

The dimension `category` of [cost questions](costs.md) says in a word what a charge is for. Its value is that of the first rule
that matches the charge, from the top. A rule matches where every cell does: an empty one matches anything, also nothing at all; a
`*` matches the rest of a value; any other is the whole value, upper and lower case being different. The columns are AWS's own, as
its reports have them.

| | Category | Product code | Product family | Usage type | Line item type |
|---:|---|---|---|---|---|
";

/// The rules as a page of the documentation.
pub fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (at, rule) in rules().iter().enumerate() {
        let cells = [&rule.product_code, &rule.product_family, &rule.usage_type, &rule.line_item_type];
        let cells = cells.map(|cell| match cell {
            CellRule::Any => String::new(),
            CellRule::Is(value) => format!("`{value}`"),
            CellRule::StartsWith(start) => format!("`{start}*`"),
        });
        let _ = writeln!(page, "| {} | {} | {} |", at + 1, rule.category, cells.join(" | "));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Run with `UPDATE_DOCS=1` to write the page anew after the rules changed.
    #[test]
    fn the_committed_page_is_what_the_rules_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/categories.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == page(),
            "docs/categories.md is not what the rules say: run `UPDATE_DOCS=1 cargo test -p billconnect-billing page`"
        );
    }

    #[test]
    fn the_table_in_the_program_is_read_in_its_order() {
        let rules = rules();
        assert_eq!(rules.len(), 36);
        assert_eq!(rules[0].product_code, CellRule::Is("AmazonS3".to_owned()));
        assert_eq!(rules[5].usage_type, CellRule::StartsWith("EBS:".to_owned()));
        let last = &rules[35];
        assert_eq!(last.category, "Other");
        assert!(
            [&last.product_code, &last.product_family, &last.usage_type, &last.line_item_type]
                .iter()
                .all(|cell| **cell == CellRule::Any)
        );
    }

    #[test]
    fn priority_decides_and_not_the_order_of_lines() {
        let header = TABLE.lines().next().unwrap();
        let rules = parse(&format!("{header}\n2,B,,,,\n1,A,x,,y*,\n")).unwrap();
        assert_eq!(rules.iter().map(|rule| rule.category.as_str()).collect::<Vec<_>>(), ["A", "B"]);
    }

    #[test]
    fn a_table_that_is_none_is_refused() {
        assert!(parse("a,b\n").is_err());
        let header = TABLE.lines().next().unwrap();
        assert!(parse(&format!("{header}\n1,A,,,\n")).is_err());
        assert!(parse(&format!("{header}\nx,A,,,,\n")).is_err());
    }
}
