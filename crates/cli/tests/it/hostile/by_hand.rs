//! Parquet files written byte by byte, so that they can lie.

/// A value of Thrift's compact protocol.
#[derive(Debug, Clone)]
pub enum Thrift {
    I32(i64),
    I64(i64),
    Text(Vec<u8>),
    Numbers(Vec<i64>),
    Texts(Vec<Vec<u8>>),
    Structs(Vec<Thrift>),
    Struct(Vec<(u8, Thrift)>),
    /// Bytes as they are, behind the type of the field that they are.
    Raw(u8, Vec<u8>),
}

impl Thrift {
    fn kind(&self) -> u8 {
        match self {
            Self::I32(_) => 5,
            Self::I64(_) => 6,
            Self::Text(_) => 8,
            Self::Numbers(_) | Self::Texts(_) | Self::Structs(_) => 9,
            Self::Struct(_) => 12,
            Self::Raw(kind, _) => *kind,
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::I32(number) | Self::I64(number) => zigzag(*number),
            Self::Text(text) => [varint(text.len() as u64), text.clone()].concat(),
            Self::Numbers(numbers) => list(5, &numbers.iter().map(|number| zigzag(*number)).collect::<Vec<_>>()),
            Self::Texts(texts) => {
                list(8, &texts.iter().map(|text| Self::Text(text.clone()).bytes()).collect::<Vec<_>>())
            }
            Self::Structs(structs) => list(12, &structs.iter().map(Self::bytes).collect::<Vec<_>>()),
            Self::Struct(fields) => {
                let mut out = Vec::new();
                let mut last = 0;
                for (id, value) in fields {
                    out.push(((id - last) << 4) | value.kind());
                    out.extend(value.bytes());
                    last = *id;
                }
                out.push(0);
                out
            }
            Self::Raw(_, bytes) => bytes.clone(),
        }
    }

    /// Sets what a path of fields and places in lists leads to; a field that is not there is added behind the others.
    pub fn set(&mut self, path: &[u8], value: Thrift) {
        let Some((first, rest)) = path.split_first() else {
            *self = value;
            return;
        };
        match self {
            Self::Structs(structs) => structs[usize::from(*first)].set(rest, value),
            Self::Struct(fields) => {
                if let Some((_, field)) = fields.iter_mut().find(|(id, _)| id == first) {
                    field.set(rest, value);
                } else {
                    fields.push((*first, value));
                    fields.sort_by_key(|(id, _)| *id);
                }
            }
            other => panic!("{path:?} leads into {other:?}"),
        }
    }
}

pub fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 128 {
        out.push(u8::try_from(value & 127).unwrap() | 128);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
    out
}

fn zigzag(value: i64) -> Vec<u8> {
    varint(((value << 1) ^ (value >> 63)).cast_unsigned())
}

fn list(kind: u8, elements: &[Vec<u8>]) -> Vec<u8> {
    [vec![0xf0 | kind], varint(elements.len() as u64), elements.concat()].concat()
}

/// Physical types, by their numbers.
pub const INT64: i64 = 2;
pub const DOUBLE: i64 = 5;
pub const TEXT: i64 = 6;

/// A leaf of the schema and its pages.
#[derive(Debug, Clone)]
pub struct Column {
    /// From the top; more than one name where it is nested.
    pub path: Vec<&'static str>,
    pub physical: i64,
    /// What the schema says beside type and name: number of the field and value.
    pub told: Vec<(u8, Thrift)>,
    /// Each page's head and body.
    pub pages: Vec<(Thrift, Vec<u8>)>,
    pub values: i64,
}

/// The head of a page of so many plain values.
pub fn head(values: i64, bytes: usize) -> Thrift {
    let about = vec![(1, Thrift::I32(values)), (2, Thrift::I32(0)), (3, Thrift::I32(3)), (4, Thrift::I32(3))];
    head_of(0, (5, about), bytes)
}

/// The head of a page of this kind; `about` is the field that tells of its values.
pub fn head_of(kind: i64, about: (u8, Vec<(u8, Thrift)>), bytes: usize) -> Thrift {
    let bytes = i64::try_from(bytes).unwrap();
    let (field, about) = about;
    Thrift::Struct(vec![
        (1, Thrift::I32(kind)),
        (2, Thrift::I32(bytes)),
        (3, Thrift::I32(bytes)),
        (field, Thrift::Struct(about)),
    ])
}

/// Plain texts, each behind its length.
pub fn texts(values: &[&[u8]]) -> Vec<u8> {
    let length = |text: &[u8]| u32::try_from(text.len()).unwrap().to_le_bytes();
    values.iter().flat_map(|text| [&length(text)[..], text].concat()).collect()
}

impl Column {
    /// A column of texts, in one plain page.
    pub fn text(name: &'static str, values: &[&str]) -> Self {
        let body = texts(&values.iter().map(|value| value.as_bytes()).collect::<Vec<_>>());
        Self::plain(name, TEXT, (values.len(), body)).told(6, 0)
    }

    /// A column of doubles, in one plain page.
    pub fn doubles(name: &'static str, values: &[f64]) -> Self {
        let body = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::plain(name, DOUBLE, (values.len(), body))
    }

    /// A column of whole numbers, in one plain page.
    pub fn numbers(name: &'static str, values: &[i64]) -> Self {
        let body = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::plain(name, INT64, (values.len(), body))
    }

    fn plain(name: &'static str, physical: i64, (count, body): (usize, Vec<u8>)) -> Self {
        let values = i64::try_from(count).unwrap();
        Self { path: vec![name], physical, told: Vec::new(), pages: vec![(head(values, body.len()), body)], values }
    }

    /// The same, whose schema says one thing more.
    pub fn told(mut self, field: u8, value: i64) -> Self {
        self.told.push((field, Thrift::I32(value)));
        self
    }

    /// A column whose values are all the one of a dictionary.
    pub fn repeated(name: &'static str, value: &[u8], count: u32) -> Self {
        let dictionary = texts(&[value]);
        let about = vec![(1, Thrift::I32(1)), (2, Thrift::I32(0))];
        let runs = [vec![1], varint(u64::from(count) << 1), vec![0]].concat();
        let mut runs_head = head(i64::from(count), runs.len());
        runs_head.set(&[5, 2], Thrift::I32(8));
        let pages = vec![(head_of(2, (7, about), dictionary.len()), dictionary), (runs_head, runs)];
        Self { path: vec![name], physical: TEXT, told: vec![(6, Thrift::I32(0))], pages, values: i64::from(count) }
    }
}

/// A file before it is written.
pub struct Liar {
    pub columns: Vec<Column>,
    pub rows: i64,
    /// The schema, where it is not that of the columns.
    pub schema: Option<Vec<Thrift>>,
    /// What to change of the footer.
    pub lies: Vec<(Vec<u8>, Thrift)>,
}

impl Liar {
    /// A right bill of two lines.
    pub fn bill() -> Self {
        let at = |hour: &'static str| [hour; 2];
        let columns = vec![
            Column::text("line_item_line_item_type", &["Usage", "Usage"]),
            Column::doubles("line_item_unblended_cost", &[1.5, 2.5]),
            Column::text("line_item_usage_account_id", &["111111111111", "111111111111"]),
            Column::text("line_item_usage_start_date", &at("2003-02-02T00:00:00Z")),
            Column::text("line_item_usage_end_date", &at("2003-02-02T01:00:00Z")),
        ];
        Self { columns, rows: 2, schema: None, lies: Vec::new() }
    }

    /// A right bill of so many lines, each the same.
    pub fn long(rows: u32) -> Self {
        let columns = vec![
            Column::repeated("line_item_line_item_type", b"Usage", rows),
            Column::repeated("line_item_unblended_cost", b"1.5", rows),
            Column::repeated("line_item_usage_account_id", b"111111111111", rows),
            Column::repeated("line_item_usage_start_date", b"2003-02-02T00:00:00Z", rows),
            Column::repeated("line_item_usage_end_date", b"2003-02-02T01:00:00Z", rows),
        ];
        Self { columns, rows: i64::from(rows), ..Self::bill() }
    }

    /// The same with one column more.
    pub fn with(mut self, column: Column) -> Self {
        self.columns.push(column);
        self
    }

    /// The same with another column in the place of one.
    pub fn but(mut self, place: usize, column: Column) -> Self {
        self.columns[place] = column;
        self
    }

    /// The same with a lie in the footer.
    pub fn lying(mut self, path: &[u8], value: Thrift) -> Self {
        self.lies.push((path.to_vec(), value));
        self
    }

    /// The same with a lie in the first page of a column.
    pub fn lying_in(mut self, column: usize, path: &[u8], value: Thrift) -> Self {
        self.columns[column].pages[0].0.set(path, value);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = b"PAR1".to_vec();
        let chunks = self.columns.iter().map(|column| {
            let start = out.len();
            let mut first_data = start;
            for (number, (head, body)) in column.pages.iter().enumerate() {
                if number == 1 {
                    first_data = out.len();
                }
                out.extend(head.bytes());
                out.extend(body);
            }
            let length = i64::try_from(out.len() - start).unwrap();
            let [start, first_data] = [start, first_data].map(|at| Thrift::I64(i64::try_from(at).unwrap()));
            let names = column.path.iter().map(|name| name.as_bytes().to_vec()).collect();
            let mut about = vec![
                (1, Thrift::I32(column.physical)),
                (2, Thrift::Numbers(vec![0, 3, 8])),
                (3, Thrift::Texts(names)),
                (4, Thrift::I32(0)),
                (5, Thrift::I64(column.values)),
                (6, Thrift::I64(length)),
                (7, Thrift::I64(length)),
                (9, first_data),
            ];
            if column.pages.len() > 1 {
                about.push((11, start.clone()));
            }
            Thrift::Struct(vec![(2, start), (3, Thrift::Struct(about))])
        });
        let chunks = chunks.collect();
        let group = vec![(1, Thrift::Structs(chunks)), (2, Thrift::I64(1000)), (3, Thrift::I64(self.rows))];
        let mut footer = Thrift::Struct(vec![
            (1, Thrift::I32(1)),
            (2, Thrift::Structs(self.schema.clone().unwrap_or_else(|| self.flat()))),
            (3, Thrift::I64(self.rows)),
            (4, Thrift::Structs(vec![Thrift::Struct(group)])),
        ]);
        for (path, lie) in &self.lies {
            footer.set(path, lie.clone());
        }
        let footer = footer.bytes();
        out.extend(&footer);
        out.extend(u32::try_from(footer.len()).unwrap().to_le_bytes());
        out.extend(b"PAR1");
        out
    }

    /// The schema of columns that are not nested, all of them required.
    fn flat(&self) -> Vec<Thrift> {
        let root = group("schema", self.columns.len());
        let leaf = |column: &Column| element(column.path[0], (column.physical, 0), &column.told);
        [root].into_iter().chain(self.columns.iter().map(leaf)).collect()
    }
}

/// A group of the schema that has so many members.
pub fn group(name: &str, members: usize) -> Thrift {
    let members = i64::try_from(members).unwrap();
    Thrift::Struct(vec![(4, Thrift::Text(name.into())), (5, Thrift::I32(members))])
}

/// A leaf of the schema: its type, and whether it is required (0), optional (1) or repeated (2).
pub fn element(name: &str, (physical, repetition): (i64, i64), told: &[(u8, Thrift)]) -> Thrift {
    let own = [(1, Thrift::I32(physical)), (3, Thrift::I32(repetition)), (4, Thrift::Text(name.into()))];
    let mut fields: Vec<_> = own.into_iter().chain(told.iter().cloned()).collect();
    fields.sort_by_key(|(id, _)| *id);
    Thrift::Struct(fields)
}
