//! AWS's services by product code and product family: their names and where FOCUS files them.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A service, as far as a line's product code and family tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// The product family that is filed apart from the rest of its product code.
    pub family: Option<&'static str>,
    /// Its name, for lines that state none and for families that are filed apart.
    pub name: &'static str,
    /// `ServiceCategory`.
    pub category: &'static str,
    /// `ServiceSubcategory`, one of that category's.
    pub subcategory: &'static str,
}

/// The table, for whoever edits it: `data/services-aws.csv`, five plain columns without quotes. A row with a
/// family goes before the row of its code.
const TABLE: &str = include_str!("../../data/services-aws.csv");

/// The category of what the table does not list, marketplace products among it.
pub const OTHER: (&str, &str) = ("Other", "Other (Other)");

/// Every service of the table with its product code, in the table's order.
pub fn all() -> impl Iterator<Item = (&'static str, Service)> {
    TABLE.lines().skip(1).filter_map(|line| {
        let mut cells = line.split(',');
        let (code, family) = (cells.next()?, cells.next().filter(|family| !family.is_empty()));
        Some((code, Service { family, name: cells.next()?, category: cells.next()?, subcategory: cells.next()? }))
    })
}

/// The service of this product code and family (which may be empty), or `None` for a code that the table does not list.
pub fn of(product_code: &str, family: &str) -> Option<&'static Service> {
    static BY_CODE: LazyLock<HashMap<&'static str, Vec<Service>>> = LazyLock::new(|| {
        all().fold(HashMap::new(), |mut by_code, (code, service)| {
            by_code.entry(code).or_insert_with(Vec::new).push(service);
            by_code
        })
    });
    BY_CODE.get(product_code)?.iter().find(|service| service.family.is_none_or(|its| its == family))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_of_the_table_is_whole_and_no_code_is_there_twice() {
        for line in TABLE.lines() {
            let cells: Vec<_> = line.split(',').collect();
            assert!(
                cells.len() == 5 && cells.iter().enumerate().all(|(at, cell)| at == 1 || !cell.is_empty()),
                "{line}"
            );
        }
        let keys: BTreeSet<_> = all().map(|(code, service)| (code, service.family)).collect();
        assert_eq!(keys.len(), TABLE.lines().count() - 1);
        assert!(keys.iter().all(|(code, _)| keys.contains(&(*code, None))), "each family's code has a row of its own");
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
    fn a_name_is_filed_in_one_place() {
        let mut places = HashMap::new();
        for (code, service) in all() {
            let place = (service.category, service.subcategory);
            assert_eq!(*places.entry(service.name).or_insert(place), place, "{code}");
        }
    }

    #[test]
    fn services_are_found_by_their_exact_code_and_family() {
        let subcategory = |code, family| of(code, family).map(|service| service.subcategory);
        assert_eq!(subcategory("AmazonEC2", "Compute Instance"), Some("Virtual Machines"));
        assert_eq!(subcategory("AmazonEC2", ""), Some("Virtual Machines"));
        assert_eq!(subcategory("AmazonEC2", "Storage"), Some("Block Storage"));
        assert_eq!(subcategory("AmazonRDS", "Storage"), Some("Relational Databases"));
        assert_eq!(subcategory("amazonec2", ""), None);
    }
}
