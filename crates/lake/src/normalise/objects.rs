//! Many cells of a row as one JSON object: tags, attributes, and what no column takes.

use std::collections::HashSet;

use billing::focus::mapping::Object;

use super::columns::TextColumn;
use super::error::{CellProblem, Fault};
use super::header::Header;
use super::row::Row;

/// The source columns of one object, and what they made lately.
pub(super) struct ObjectColumn {
    /// Members that stand side by side in the file, by their first and last places: most rows have nothing in them.
    runs: Vec<(usize, usize, Vec<Member>)>,
    scratch: Vec<u8>,
}

/// What an object is made of.
enum Member {
    /// The column at this place, under this key as JSON with its colon: `"team":`.
    Cell(usize, Vec<u8>),
    /// The map at this place, which comes as an object already.
    Map(usize),
}

impl Member {
    fn place(&self) -> usize {
        match self {
            Self::Cell(place, _) | Self::Map(place) => *place,
        }
    }

    /// Appends what the row has of it to an object that is not closed yet.
    fn append(&self, row: &impl Row, object: &mut Vec<u8>) -> Result<(), Fault> {
        if row.is_blank(self.place()) {
            return Ok(());
        }
        let cell = row.cell(self.place());
        let text = str::from_utf8(&cell).map_err(|_| Fault::new(self.place(), CellProblem::NotUtf8))?;
        if text.is_empty() {
            return Ok(());
        }
        object.push(if object.is_empty() { b'{' } else { b',' });
        match self {
            Self::Cell(_, key) => {
                object.extend_from_slice(key);
                append_json(object, text);
            }
            Self::Map(_) => object.extend_from_slice(&text.as_bytes()[1..text.len() - 1]),
        }
        Ok(())
    }
}

impl ObjectColumn {
    /// The members of `object` among these columns; `None` where it has none.
    pub(super) fn new(object: Object, header: &Header) -> Option<Self> {
        let mut keys = HashSet::new();
        let mut members = Vec::new();
        for (place, column) in header.names().iter().enumerate() {
            if let Some(map) = header.map_at(place) {
                if Object::of(&format!("{}/", map.category)).0 == object {
                    members.push(Member::Map(place));
                }
                continue;
            }
            let (its, key) = Object::of(column);
            if its == object && !header.family().reads(column) {
                // Two columns may come down to one key (`user:team` and `team`); the second keeps its whole name.
                let key = if keys.insert(key) { key } else { column };
                members.push(Member::Cell(place, [json(key), b":".to_vec()].concat()));
            }
        }
        (!members.is_empty()).then(|| Self { runs: runs(members), scratch: Vec::new() })
    }

    /// The places of its members.
    pub(super) fn places(&self) -> Vec<usize> {
        self.runs.iter().flat_map(|(_, _, members)| members).map(Member::place).collect()
    }

    /// Appends the row's object, null where all of its cells are empty.
    pub(super) fn fill(&mut self, row: &impl Row, out: &mut TextColumn) -> Result<(), Fault> {
        self.build(row)?;
        out.push_or_null(&self.scratch);
        Ok(())
    }

    fn build(&mut self, row: &impl Row) -> Result<(), Fault> {
        self.scratch.clear();
        for (first, last, members) in &self.runs {
            // Nothing but the commas between them.
            if row.span(*first, *last).is_some_and(|span| span.len() == last - first) {
                continue;
            }
            members.iter().try_for_each(|member| member.append(row, &mut self.scratch))?;
        }
        if !self.scratch.is_empty() {
            self.scratch.push(b'}');
        }
        Ok(())
    }
}

/// The members by the runs of columns that they are.
fn runs(members: Vec<Member>) -> Vec<(usize, usize, Vec<Member>)> {
    let mut runs: Vec<(usize, usize, Vec<Member>)> = Vec::new();
    for member in members {
        let place = member.place();
        match runs.last_mut() {
            Some((_, last, run)) if *last + 1 == place => {
                *last = place;
                run.push(member);
            }
            _ => runs.push((place, place, vec![member])),
        }
    }
    runs
}

/// The source columns that only `x_Other` takes, as the file spells them.
pub(super) fn unmapped(header: &Header) -> impl Iterator<Item = &String> {
    let columns = header.names().iter().zip(header.spelled()).enumerate();
    columns.filter_map(|(place, (name, spelled))| {
        let other = Object::of(name).0 == Object::Other && header.map_at(place).is_none();
        (other && !header.family().reads(name)).then_some(spelled)
    })
}

pub(super) fn json(text: &str) -> Vec<u8> {
    let mut json = Vec::with_capacity(text.len() + 2);
    append_json(&mut json, text);
    json
}

pub(super) fn append_json(out: &mut Vec<u8>, text: &str) {
    let is_special = |byte: u8| u8::from(byte < b' ') | u8::from(byte == b'"') | u8::from(byte == b'\\');
    // Without an early end, many bytes are looked at at once.
    if text.bytes().fold(0, |any, byte| any | is_special(byte)) != 0 {
        return serde_json::to_writer(out, text).expect("text is always JSON, and a vector always takes it");
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::compute::cast;
    use arrow::datatypes::DataType;

    use super::super::csv::CsvRows;
    use super::super::row::{Block, Rows};
    use super::super::unpack::Marks;
    use super::*;

    #[track_caller]
    fn check(object: Object, text: &str, expect: &[Option<&str>]) {
        let (header, mut rows) = CsvRows::open(text.as_bytes(), Marks::default()).unwrap();
        let header = header.into_iter().map(|name| String::from_utf8(name).unwrap()).collect();
        let header = Header::of(header).unwrap();
        let mut column = ObjectColumn::new(object, &header).unwrap();
        let mut out = TextColumn::new();
        while let Some(block) = rows.next().unwrap() {
            (0..block.len()).for_each(|at| column.fill(&block.row(at), &mut out).unwrap());
        }
        let array = cast(&out.finish().unwrap(), &DataType::Utf8).unwrap();
        assert_eq!(array.as_string::<i32>().iter().collect::<Vec<_>>(), expect);
    }

    #[test]
    fn tags_are_keyed_with_what_the_customer_typed() {
        let text = "lineItem/UsageType,resourceTags/aws:createdBy,resourceTags/user:team,resourceTags/user:a\"b\n\
                    x,me,blue,\nx,,,\ny,,blue,\"say \"\"hi\"\"\\\nnow\"\ny,me,blue,\nz,\"\",\"blue\",\n";
        check(
            Object::Tags,
            // The header's own quote must be doubled to be read.
            &text.replacen("resourceTags/user:a\"b", "\"resourceTags/user:a\"\"b\"", 1),
            &[
                Some(r#"{"aws:createdBy":"me","team":"blue"}"#),
                None,
                Some(r#"{"team":"blue","a\"b":"say \"hi\"\\\nnow"}"#),
                Some(r#"{"aws:createdBy":"me","team":"blue"}"#),
                Some(r#"{"team":"blue"}"#),
            ],
        );
    }

    #[test]
    fn two_columns_of_one_key_keep_apart() {
        check(
            Object::Tags,
            "resourceTags/team,resourceTags/user:team\na,b\n",
            &[Some(r#"{"team":"a","resourceTags/user:team":"b"}"#)],
        );
    }

    #[test]
    fn columns_that_are_scattered_or_between_others_are_gathered_too() {
        check(
            Object::Tags,
            "resourceTags/user:a,lineItem/UsageType,resourceTags/user:b\n1,x,2\n,x,2\n",
            &[Some(r#"{"a":"1","b":"2"}"#), Some(r#"{"b":"2"}"#)],
        );
        check(
            Object::Other,
            "new/thing,lineItem/UsageType,odd\n1,x,\n,x,\n,x,2\n",
            &[Some(r#"{"new/thing":"1"}"#), None, Some(r#"{"odd":"2"}"#)],
        );
    }

    #[test]
    fn a_mapped_attribute_is_not_told_twice() {
        check(
            Object::Product,
            "product/group,product/sku,product/volumeType\nS3,ABC,Standard\nS3,DEF,\n",
            &[Some(r#"{"group":"S3","volumeType":"Standard"}"#), Some(r#"{"group":"S3"}"#)],
        );
    }

    #[test]
    fn more_objects_than_are_remembered_are_right_all_the_same() {
        let values: Vec<_> = (0..3000).map(|at| format!("{at}-{}", "v".repeat(1500))).collect();
        let text: String = values.iter().chain(&values).fold("resourceTags/user:a\n".into(), |text, v| text + v + "\n");
        let expect: Vec<_> = values.iter().chain(&values).map(|value| format!("{{\"a\":\"{value}\"}}")).collect();
        check(Object::Tags, &text, &expect.iter().map(|text| Some(text.as_str())).collect::<Vec<_>>());
    }
}
