//! The header of a file: which column is where. Each file has its own; the parts of one delivery may differ.

use std::collections::{HashMap, HashSet};

use billing::focus::dialect::{Dialect, Spelled};
use billing::focus::family::Family;
use billing::told::told;

use super::error::IngestError;

/// The columns of a file under the names that the rules know, and their places. Behind the file's own columns come those
/// that the rules name and the file has in maps.
#[derive(Debug, Clone)]
pub(super) struct Header {
    dialect: Dialect,
    names: Vec<String>,
    /// What the file calls each column.
    spelled: Vec<String>,
    places: HashMap<String, usize>,
    maps: Vec<MapColumn>,
}

/// A column that holds many, by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MapColumn {
    /// Where it is. What the rules name no column for is found there, as one object.
    pub(super) place: usize,
    /// What the rules call columns like those in it.
    pub(super) category: &'static str,
    /// The columns that the rules name, and their places.
    pub(super) entries: Vec<(String, usize)>,
}

impl Header {
    /// Reads the header's cells; every column that a charge can't be made without must be there.
    pub(super) fn read(file: &str, cells: Vec<Vec<u8>>) -> Result<Self, IngestError> {
        let text = |cell: Vec<u8>| {
            String::from_utf8(cell).map_err(|error| IngestError::Header {
                file: file.to_owned(),
                reason: format!("`{}` is not UTF-8 text", told(&String::from_utf8_lossy(error.as_bytes()))),
            })
        };
        let spelled: Vec<_> = cells.into_iter().map(text).collect::<Result<_, _>>()?;
        let duplicate = |column: String| IngestError::DuplicateColumn { file: file.to_owned(), column: told(&column) };
        let header = Self::of(spelled).map_err(duplicate)?;
        match header.family().required.iter().find(|column| header.place(column).is_none()) {
            Some(column) => {
                Err(IngestError::MissingColumn { file: file.to_owned(), column: header.dialect.spell(column) })
            }
            None => Ok(header),
        }
    }

    /// The header of these columns, or the one that is there twice.
    pub(super) fn of(spelled: Vec<String>) -> Result<Self, String> {
        let dialect = Dialect::of(&spelled);
        let names = Vec::with_capacity(spelled.len());
        let mut header = Self { dialect, names, spelled, places: HashMap::new(), maps: Vec::new() };
        let mut known = HashSet::with_capacity(header.spelled.len());
        for place in 0..header.spelled.len() {
            let spelled = header.spelled[place].clone();
            if !known.insert(spelled.clone()) {
                return Err(spelled);
            }
            header.push(place, spelled);
        }
        header.push_entries();
        Ok(header)
    }

    fn push(&mut self, place: usize, spelled: String) {
        match self.dialect.column(&spelled) {
            Spelled::Map(category) => {
                self.maps.push(MapColumn { place, category, entries: Vec::new() });
                self.names.push(spelled);
            }
            Spelled::Column(name) => {
                // Two spellings may come down to one name; the second keeps its own.
                let name = if self.places.contains_key(&name) { spelled } else { name };
                self.places.insert(name.clone(), place);
                self.names.push(name);
            }
        }
    }

    /// Gives every column that the rules name a place, where only a map can have it.
    fn push_entries(&mut self) {
        for map in 0..self.maps.len() {
            let category = self.maps[map].category;
            for source in self.dialect.family().sources() {
                let within = source.split_once('/').is_some_and(|(its, _)| its == category);
                if !within || self.places.contains_key(source) {
                    continue;
                }
                let place = self.names.len();
                self.places.insert(source.to_owned(), place);
                self.maps[map].entries.push((source.to_owned(), place));
                self.names.push(source.to_owned());
                self.spelled.push(self.spelled[self.maps[map].place].clone());
            }
        }
    }

    /// How the file spells its columns.
    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whose rules read the file.
    pub(super) fn family(&self) -> &'static Family {
        self.dialect.family()
    }

    /// What the rules call each column, by its place.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// What the file calls each column, by its place.
    pub(super) fn spelled(&self) -> &[String] {
        &self.spelled
    }

    /// The columns that hold many.
    pub(super) fn maps(&self) -> &[MapColumn] {
        &self.maps
    }

    /// The map at this place, if there is one.
    pub(super) fn map_at(&self, place: usize) -> Option<&MapColumn> {
        self.maps.iter().find(|map| map.place == place)
    }

    /// Where the column is, `None` where the file has none of that name.
    pub(super) fn place(&self, column: &str) -> Option<usize> {
        self.places.get(column).copied()
    }

    /// Where those of these columns are that the file has, in their order.
    pub(super) fn places(&self, columns: &[&str]) -> Vec<usize> {
        columns.iter().filter_map(|column| self.place(column)).collect()
    }
}

#[cfg(test)]
mod tests {
    use billing::focus::family::{CUR, FOCUS};
    use billing::focus::mapping::REQUIRED;

    use super::*;

    fn read(names: &[&str]) -> Result<Header, IngestError> {
        Header::read("f", names.iter().map(|name| name.as_bytes().to_vec()).collect())
    }

    #[test]
    fn columns_are_found_by_name_wherever_they_stand() {
        let names: Vec<_> = REQUIRED.into_iter().rev().chain(["product/sku"]).collect();
        let header = read(&names).unwrap();
        assert_eq!(header.place("product/sku"), Some(REQUIRED.len()));
        assert_eq!(header.places(&["product/none", "product/sku", REQUIRED[4]]), [REQUIRED.len(), 0]);
    }

    #[test]
    fn a_required_column_that_is_missing_is_named() {
        for missing in REQUIRED {
            let names: Vec<_> = REQUIRED.into_iter().filter(|name| *name != missing).collect();
            let expect = IngestError::MissingColumn { file: "f".into(), column: missing.into() };
            assert_eq!(read(&names).unwrap_err(), expect);
        }
        let snake = ["line_item_unblended_cost", "line_item_line_item_type", "line_item_usage_account_id"];
        assert!(read(&snake).unwrap_err().to_string().contains("`line_item_usage_start_date`"));
        assert!(read(&["BilledCost"]).unwrap_err().to_string().contains("`EffectiveCost`"));
    }

    #[test]
    fn a_name_that_is_there_twice_is_refused() {
        let names: Vec<_> = REQUIRED.into_iter().chain(["a", "b", "a"]).collect();
        assert_eq!(read(&names).unwrap_err(), IngestError::DuplicateColumn { file: "f".into(), column: "a".into() });
    }

    #[test]
    fn what_only_a_map_can_have_gets_a_place_behind_the_files_own_columns() {
        let names = ["line_item_unblended_cost", "product", "product_sku", "resource_tags"];
        let header = Header::of(names.map(str::to_owned).to_vec()).unwrap();
        assert_eq!(header.family().name, CUR.name);
        assert_eq!(header.place("product/sku"), Some(2));
        let name = header.place("product/ProductName").unwrap();
        assert!(name >= names.len() && header.spelled()[name] == "product");
        assert_eq!(header.maps()[1], MapColumn { place: 3, category: "resourceTags", entries: Vec::new() });
        let focus = Header::of(vec!["BilledCost".to_owned(), "Tags".to_owned()]).unwrap();
        assert_eq!((focus.family().name, focus.names().len()), (FOCUS.name, 2));
    }
}
