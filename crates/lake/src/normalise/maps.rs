//! Maps: one cell that holds many columns, taken apart into those that the rules name and an object of the rest.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::Read;
use std::rc::Rc;

use ahash::RandomState;
use billing::focus::dialect::Dialect;
use billing::focus::mapping::Object;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::csv::{CsvBlock, CsvRow, CsvRows};
use super::error::{CellProblem, Fault};
use super::header::{Header, MapColumn};
use super::limits::{Breach, Meter, is_deeper};
use super::objects::{append_json, json};
use super::row::{Block, Row, RowError, Rows};
use crate::limits::Limit;

/// The most bytes that what is remembered of one column's maps may take before it is forgotten.
const MEMORY: usize = 4 << 20;
/// The most keys that are remembered.
const KEYS: usize = 4096;

/// What one map was taken apart into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Apart {
    /// The cells of the columns that the rules name, in the order of [`MapColumn::entries`].
    pub(super) cells: Vec<Vec<u8>>,
    /// All other entries as a JSON object; no text where there are none.
    pub(super) rest: Vec<u8>,
}

/// Where an entry goes.
enum Target {
    Cell(usize),
    /// Into the object, under this key as JSON with its colon; and the number of the map that had it last.
    Rest(Vec<u8>, u64),
}

/// Why a map can't be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untaken {
    /// It is not a map as it should be.
    Problem(CellProblem),
    /// It is larger than a limit allows.
    TooMuch(Breach),
}

impl Untaken {
    /// The error of a row whose map at `place` is this text.
    pub(super) fn error(self, place: usize, text: &str) -> RowError {
        match self {
            Self::Problem(problem) => RowError::Cell(place, text.to_owned(), problem),
            Self::TooMuch(breach) => RowError::TooMuch(Some(place), breach),
        }
    }
}

impl From<Breach> for Untaken {
    fn from(breach: Breach) -> Self {
        Self::TooMuch(breach)
    }
}

impl Apart {
    /// An empty map of this column.
    pub(super) fn empty(map: &MapColumn) -> Self {
        Self { cells: vec![Vec::new(); map.entries.len()], rest: Vec::new() }
    }
}

/// Takes the maps of one column apart.
struct MapReader {
    dialect: Dialect,
    map: MapColumn,
    targets: HashMap<String, Target, RandomState>,
    /// Keys of objects given out so far: two keys may come down to one.
    taken: HashSet<String>,
    apart: Apart,
    /// The number of the map at hand.
    number: u64,
    /// Whether it has a key twice.
    twice: bool,
}

impl MapReader {
    fn new(dialect: Dialect, map: MapColumn) -> Self {
        let apart = Apart::empty(&map);
        let (targets, taken) = (HashMap::default(), HashSet::new());
        Self { dialect, map, targets, taken, apart, number: 0, twice: false }
    }

    /// The next map begins.
    fn begin(&mut self) {
        self.apart.cells.iter_mut().for_each(Vec::clear);
        self.apart.rest.clear();
        (self.number, self.twice) = (self.number + 1, false);
        // Between two maps only, so that no key of one is forgotten before its end.
        if self.targets.len() >= KEYS {
            self.targets.clear();
            self.taken.clear();
        }
    }

    /// One entry of the map.
    fn entry(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        if !self.targets.contains_key(key) {
            let target = self.target(key);
            self.targets.insert(key.to_owned(), target);
        }
        let Some(target) = self.targets.get_mut(key) else { return };
        match target {
            Target::Cell(at) => {
                let cell = &mut self.apart.cells[*at];
                self.twice |= !cell.is_empty();
                cell.extend_from_slice(value.as_bytes());
            }
            Target::Rest(key, last) => {
                self.twice |= *last == self.number;
                *last = self.number;
                let rest = &mut self.apart.rest;
                rest.push(if rest.is_empty() { b'{' } else { b',' });
                rest.extend_from_slice(key);
                append_json(rest, value);
            }
        }
    }

    /// The map is whole.
    fn end(&mut self) -> Result<(), Untaken> {
        if !self.apart.rest.is_empty() {
            self.apart.rest.push(b'}');
        }
        if self.twice { Err(Untaken::Problem(CellProblem::TwiceInMap)) } else { Ok(()) }
    }

    fn target(&mut self, key: &str) -> Target {
        let column = self.dialect.entry(self.map.category, key);
        if let Some(at) = self.map.entries.iter().position(|(entry, _)| *entry == column) {
            return Target::Cell(at);
        }
        let (_, short) = Object::of(&column);
        let key = if self.taken.insert(short.to_owned()) { short } else { key };
        Target::Rest([json(key), b":".to_vec()].concat(), 0)
    }
}

/// The rows of a text file whose header has maps, or whose dialect has a word for nothing.
pub(super) struct MappedRows<R> {
    rows: CsvRows<R>,
    maps: Vec<TextMap>,
    /// The maps of the rows at hand, row after row.
    apart: Vec<Rc<Apart>>,
    /// Why there is nothing behind the rows at hand.
    broken: Option<RowError>,
    shape: Vec<Place>,
    null_word: Option<&'static [u8]>,
}

/// Where the cell of a column is found.
#[derive(Clone, Copy)]
enum Place {
    File,
    Rest(usize),
    Entry(usize, usize),
}

impl<R: Read> MappedRows<R> {
    /// Whether files with this header need to be read so.
    pub(super) fn are_needed(header: &Header) -> bool {
        !header.maps().is_empty() || header.dialect().null_word().is_some()
    }

    pub(super) fn new(rows: CsvRows<R>, header: &Header, meter: &Meter) -> Self {
        let mut shape = vec![Place::File; header.names().len()];
        for (number, map) in header.maps().iter().enumerate() {
            shape[map.place] = Place::Rest(number);
            for (at, (_, place)) in map.entries.iter().enumerate() {
                shape[*place] = Place::Entry(number, at);
            }
        }
        let maps = header.maps().iter().map(|map| TextMap::new(header.dialect(), map, meter)).collect();
        let null_word = header.dialect().null_word().map(str::as_bytes);
        Self { rows, maps, apart: Vec::new(), broken: None, shape, null_word }
    }
}

impl<R: Read> Rows for MappedRows<R> {
    type Block<'a>
        = MappedBlock<'a>
    where
        Self: 'a;

    fn next(&mut self) -> Result<Option<MappedBlock<'_>>, RowError> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        let Some(rows) = self.rows.next_block()? else { return Ok(None) };
        self.apart.clear();
        let mut whole = 0;
        for row in (0..rows.len()).map(|at| rows.row(at)) {
            let apart = self.maps.iter_mut().map(|map| map.apart(&row, self.null_word));
            match apart.collect::<Result<Vec<_>, _>>() {
                Ok(apart) => self.apart.extend(apart),
                Err(error) if whole == 0 => return Err(error),
                Err(error) => {
                    self.broken = Some(error);
                    break;
                }
            }
            whole += 1;
        }
        let Self { apart, maps, shape, null_word, .. } = self;
        Ok(Some(MappedBlock { rows, whole, apart, maps, shape, null_word: *null_word }))
    }
}

/// Some rows of text with their maps taken apart.
pub(super) struct MappedBlock<'a> {
    rows: &'a CsvBlock,
    /// How many of them could be taken apart.
    whole: usize,
    /// Row after row.
    apart: &'a [Rc<Apart>],
    maps: &'a [TextMap],
    shape: &'a [Place],
    null_word: Option<&'static [u8]>,
}

impl Block for MappedBlock<'_> {
    type Row<'a>
        = MappedRow<'a>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.whole
    }

    #[inline]
    fn row(&self, at: usize) -> MappedRow<'_> {
        let maps = &self.apart[at * self.maps.len()..(at + 1) * self.maps.len()];
        MappedRow { row: self.rows.row(at), maps, texts: self.maps, shape: self.shape, null_word: self.null_word }
    }

    fn check(&self, rows: usize) -> Result<(), (usize, Fault)> {
        self.rows.check(rows)
    }
}

/// One row of text with its maps taken apart.
pub(super) struct MappedRow<'a> {
    row: CsvRow<'a>,
    maps: &'a [Rc<Apart>],
    texts: &'a [TextMap],
    shape: &'a [Place],
    null_word: Option<&'static [u8]>,
}

impl Row for MappedRow<'_> {
    fn cell(&self, column: usize) -> Cow<'_, [u8]> {
        match self.shape.get(column) {
            Some(Place::Rest(map)) => Cow::Borrowed(&self.maps[*map].rest),
            Some(Place::Entry(map, at)) => Cow::Borrowed(&self.maps[*map].cells[*at]),
            Some(Place::File) | None if self.null_word == Some(self.row.raw(column)) => Cow::default(),
            Some(Place::File) | None => self.row.cell(column),
        }
    }

    /// What maps have is the text of the map, whichever of its columns it is.
    fn span(&self, first: usize, last: usize) -> Option<&[u8]> {
        let map_of = |column: usize| match self.shape.get(column) {
            Some(Place::Rest(map) | Place::Entry(map, _)) => Some(*map),
            Some(Place::File) | None => None,
        };
        match (map_of(first), map_of(last)) {
            (None, None) if (first..last).all(|column| map_of(column).is_none()) => self.row.span(first, last),
            (Some(map), Some(other)) if map == other => Some(self.row.raw(self.texts[map].place)),
            _ => None,
        }
    }

    fn size(&self) -> usize {
        self.row.size()
    }
}

/// One column of maps as JSON text.
struct TextMap {
    place: usize,
    known: Known,
}

impl TextMap {
    fn new(dialect: Dialect, map: &MapColumn, meter: &Meter) -> Self {
        Self { place: map.place, known: Known::new(dialect, map.clone(), meter) }
    }

    /// What the row's map is taken apart into.
    fn apart(&mut self, row: &CsvRow<'_>, null_word: Option<&'static [u8]>) -> Result<Rc<Apart>, RowError> {
        let cell = row.cell(self.place);
        let cell = if null_word == Some(&*cell) { Cow::default() } else { cell };
        let wrong = |untaken: Untaken| untaken.error(self.place, &String::from_utf8_lossy(&cell));
        self.known.apart(&cell).map_err(wrong)
    }
}

/// Maps that were taken apart lately: most rows repeat one.
pub(super) struct Known {
    reader: MapReader,
    meter: Meter,
    by_text: HashMap<Box<[u8]>, Rc<Apart>, RandomState>,
    bytes: usize,
}

impl Known {
    pub(super) fn new(dialect: Dialect, map: MapColumn, meter: &Meter) -> Self {
        Self { reader: MapReader::new(dialect, map), meter: meter.clone(), by_text: HashMap::default(), bytes: 0 }
    }

    /// The map of these entries; it lives until the next one.
    pub(super) fn apart_of(&mut self, entries: impl FnOnce(&mut dyn FnMut(&str, &str))) -> Result<&Apart, Untaken> {
        self.reader.begin();
        entries(&mut |key, value| self.reader.entry(key, value));
        self.reader.end()?;
        Ok(&self.reader.apart)
    }

    /// The map of this text, which is a JSON object or nothing.
    pub(super) fn apart(&mut self, text: &[u8]) -> Result<Rc<Apart>, Untaken> {
        if let Some(known) = self.by_text.get(text) {
            return Ok(Rc::clone(known));
        }
        // Before it is parsed: what is made of the text is many times larger.
        self.meter.check(Limit::FieldBytes, text.len() as u64)?;
        let allowed = self.meter.of(Limit::MapDepth);
        if is_deeper(text, allowed) {
            return Err(Untaken::TooMuch(Breach { limit: Limit::MapDepth, allowed }));
        }
        self.reader.begin();
        if !text.is_empty() {
            let no_object = |_| Untaken::Problem(CellProblem::Object);
            let Entries(entries) = serde_json::from_slice(text).map_err(no_object)?;
            for (key, value) in &entries {
                match value {
                    Value::Null => {}
                    Value::String(text) => self.reader.entry(key, text),
                    other => self.reader.entry(key, &other.to_string()),
                }
            }
        }
        self.reader.end()?;
        let apart = Rc::new(self.reader.apart.clone());
        // What is taken apart is about as long as the text, and its cells have some bytes each.
        self.bytes += text.len() * 2 + apart.cells.len() * 32;
        if self.bytes > MEMORY {
            self.by_text.clear();
            self.bytes = 0;
        }
        self.by_text.insert(text.into(), Rc::clone(&apart));
        Ok(apart)
    }
}

/// The entries of a JSON object in their order, also those whose key was there before.
struct Entries(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Entries, M::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::super::unpack::Marks;
    use super::*;

    fn rows(text: &str) -> (Header, MappedRows<&[u8]>) {
        let (cells, rows) = CsvRows::open(text.as_bytes(), Marks::default()).unwrap();
        let spelled = cells.into_iter().map(|cell| String::from_utf8(cell).unwrap()).collect();
        let header = Header::of(spelled).unwrap();
        let rows = MappedRows::new(rows, &header, &Meter::default());
        (header, rows)
    }

    fn cell(row: &MappedRow<'_>, place: usize) -> String {
        String::from_utf8(row.cell(place).into_owned()).unwrap()
    }

    #[test]
    fn a_map_is_the_columns_that_the_rules_name_and_a_rest() {
        let (header, mut rows) = rows(
            "line_item_unblended_cost,product,resource_tags\n\
             1,\"{\"\"product_name\"\":\"\"EC2\"\",\"\"vcpu\"\":2,\"\"clock_speed\"\":null,\"\"volume_type\"\":\"\"gp3\"\"}\",\"{\"\"user_team\"\":\"\"a \\\"\"b\\\"\"\"\",\"\"aws_created_by\"\":\"\"me\"\"}\"\n\
             2,,{}\n",
        );
        let name = header.place("product/ProductName").unwrap();
        let block = rows.next().unwrap().unwrap();
        let row = block.row(0);
        assert_eq!((cell(&row, 0), cell(&row, name)), ("1".into(), "EC2".into()));
        assert_eq!(cell(&row, 1), r#"{"vcpu":"2","volumeType":"gp3"}"#);
        assert_eq!(cell(&row, 2), r#"{"team":"a \"b\"","aws_created_by":"me"}"#);
        let row = block.row(1);
        assert_eq!([name, 1, 2].map(|place| cell(&row, place)), ["", "", ""]);
        assert!(rows.next().unwrap().is_none());
    }

    #[test]
    fn two_keys_that_come_down_to_one_keep_apart() {
        let (_, mut rows) =
            rows("line_item_unblended_cost,resource_tags\n1,\"{\"\"user_a\"\":\"\"1\"\",\"\"user:a\"\":\"\"2\"\"}\"\n");
        let block = rows.next().unwrap().unwrap();
        let row = block.row(0);
        assert_eq!(cell(&row, 1), r#"{"a":"1","user:a":"2"}"#);
    }

    #[test]
    fn what_is_no_object_is_refused_by_its_column() {
        for wrong in ["plain", "[]", "{\"\"a\"\":", "\"\"x\"\""] {
            let text = format!("BilledCost,Tags\n1,\"{wrong}\"\n");
            let (_, mut rows) = rows(&text);
            assert!(matches!(rows.next(), Err(RowError::Cell(1, _, CellProblem::Object))), "{wrong}");
        }
    }

    #[test]
    fn null_is_a_word_for_nothing_in_focus_exports_only() {
        let (_, mut rows) = rows("BilledCost,Tags,ResourceId,ResourceName\n1,NULL,NULL,\"NULL\"\n");
        let block = rows.next().unwrap().unwrap();
        let row = block.row(0);
        assert_eq!([1, 2, 3].map(|place| cell(&row, place)), ["", "", "NULL"]);
    }
}
