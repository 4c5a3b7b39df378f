//! AWS's services by product code: their names and where FOCUS files them.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A service, as far as its product code tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// Its name, for lines that state none.
    pub name: &'static str,
    /// `ServiceCategory`.
    pub category: &'static str,
    /// `ServiceSubcategory`, one of that category's.
    pub subcategory: &'static str,
}

/// The table, for whoever edits it: `data/services-aws.csv`, four plain columns without quotes.
const TABLE: &str = include_str!("../../data/services-aws.csv");

/// The category of what the table does not list, marketplace products among it.
pub const OTHER: (&str, &str) = ("Other", "Other (Other)");

/// Every service of the table with its product code, in the table's order.
pub fn all() -> impl Iterator<Item = (&'static str, Service)> {
    TABLE.lines().skip(1).filter_map(|line| {
        let mut cells = line.split(',');
        let (code, name) = (cells.next()?, cells.next()?);
        Some((code, Service { name, category: cells.next()?, subcategory: cells.next()? }))
    })
}

/// The service with this product code, or `None` for one that the table does not list.
pub fn by_code(product_code: &str) -> Option<&'static Service> {
    static BY_CODE: LazyLock<HashMap<&'static str, Service>> = LazyLock::new(|| all().collect());
    BY_CODE.get(product_code)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_of_the_table_is_whole_and_no_code_is_there_twice() {
        assert!(TABLE.lines().all(|line| line.split(',').count() == 4 && line.split(',').all(|cell| !cell.is_empty())));
        let codes: BTreeSet<_> = all().map(|(code, _)| code).collect();
        assert_eq!(codes.len(), TABLE.lines().count() - 1);
    }

    #[test]
    fn every_category_is_one_of_focus() {
        let allowed: BTreeSet<_> = include_str!("../../data/focus-1.2-service-subcategories.csv").lines().collect();
        let listed = all().map(|(_, service)| (service.category, service.subcategory));
        for (category, subcategory) in listed.chain([OTHER]) {
            assert!(allowed.contains(format!("{category},{subcategory}").as_str()), "{category}, {subcategory}");
        }
    }

    #[test]
    fn services_are_found_by_their_exact_code() {
        assert_eq!(by_code("AmazonEC2").map(|service| service.category), Some("Compute"));
        assert_eq!(by_code("amazonec2"), None);
    }
}
