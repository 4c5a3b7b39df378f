//! Maps of a Parquet file, as the JSON objects that the lake keeps.

use arrow::array::{Array, MapArray};

use super::super::objects::append_json;
use super::{Column, text};

/// Each map as a JSON object; a map without entries is an empty cell.
pub(super) fn json_objects(maps: &MapArray) -> Result<Column, String> {
    let parts = MapParts::new(maps)?;
    let mut column = Column::empty();
    for row in 0..maps.len() {
        let mut json = Vec::new();
        parts.entries(row, |key, value| {
            json.push(if json.is_empty() { b'{' } else { b',' });
            append_json(&mut json, key);
            json.push(b':');
            append_json(&mut json, value);
        });
        if !json.is_empty() {
            json.push(b'}');
        }
        column.push(&json);
    }
    Ok(column)
}

/// The keys and values of all maps of an array, as text.
pub(super) struct MapParts<'a> {
    maps: &'a MapArray,
    keys: Column,
    values: Column,
}

impl<'a> MapParts<'a> {
    pub(super) fn new(maps: &'a MapArray) -> Result<Self, String> {
        Ok(Self { maps, keys: text(maps.keys())?, values: text(maps.values())? })
    }

    pub(super) fn entries(&self, row: usize, mut take: impl FnMut(&str, &str)) {
        if self.maps.is_null(row) {
            return;
        }
        let [start, end] = [row, row + 1].map(|at| usize::try_from(self.maps.value_offsets()[at]).unwrap_or_default());
        for at in start..end {
            take(&self.keys.cell(at), &self.values.cell(at));
        }
    }
}
