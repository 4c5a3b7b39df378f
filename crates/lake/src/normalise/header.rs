//! The header of a file: which column is where. Each file has its own; the parts of one delivery may differ.

use std::collections::HashMap;

use billing::focus::mapping::REQUIRED;

use super::error::IngestError;

/// The names of a file's columns, each once, and their places.
#[derive(Debug)]
pub(super) struct Header {
    names: Vec<String>,
    places: HashMap<String, usize>,
}

impl Header {
    /// Reads the header's cells; every column that a charge can't be made without must be there.
    pub(super) fn read(file: &str, cells: Vec<Vec<u8>>) -> Result<Self, IngestError> {
        let mut header = Self { names: Vec::with_capacity(cells.len()), places: HashMap::new() };
        for cell in cells {
            let name = String::from_utf8(cell).map_err(|error| IngestError::Header {
                file: file.to_owned(),
                reason: format!("`{}` is not UTF-8 text", String::from_utf8_lossy(error.as_bytes())),
            })?;
            if header.places.insert(name.clone(), header.names.len()).is_some() {
                return Err(IngestError::DuplicateColumn { file: file.to_owned(), column: name });
            }
            header.names.push(name);
        }
        match REQUIRED.into_iter().find(|column| header.place(column).is_none()) {
            Some(column) => Err(IngestError::MissingColumn { file: file.to_owned(), column: column.to_owned() }),
            None => Ok(header),
        }
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
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
    }

    #[test]
    fn a_name_that_is_there_twice_is_refused() {
        let names: Vec<_> = REQUIRED.into_iter().chain(["a", "b", "a"]).collect();
        assert_eq!(read(&names).unwrap_err(), IngestError::DuplicateColumn { file: "f".into(), column: "a".into() });
    }
}
