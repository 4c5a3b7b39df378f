//! AWS's regions by code, with the names that its price list gives them.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The table, for whoever edits it: `data/regions-aws.csv`, two plain columns without quotes.
const TABLE: &str = include_str!("../../data/regions-aws.csv");

/// Every region of the table: code and name, in the table's order.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().skip(1).filter_map(|line| line.split_once(','))
}

/// The name of the region with this code, or `None` for one that the table does not list.
pub fn name(code: &str) -> Option<&'static str> {
    static NAMES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| all().collect());
    NAMES.get(code).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_is_a_code_and_a_name_and_none_is_there_twice() {
        assert!(TABLE.lines().all(|line| line.split(',').filter(|cell| !cell.is_empty()).count() == 2));
        let (codes, names): (BTreeSet<_>, BTreeSet<_>) = all().unzip();
        assert_eq!((codes.len(), names.len()), (all().count(), all().count()));
    }

    #[test]
    fn a_region_is_found_by_its_exact_code() {
        assert_eq!(name("eu-west-1"), Some("EU (Ireland)"));
        assert_eq!(name("eu-west-9"), None);
    }
}
