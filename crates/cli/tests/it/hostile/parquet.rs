//! Hostile Parquet files: cut off, damaged, and above all lying about lengths.

use super::by_hand::{Column, Liar, TEXT, Thrift, element, group, head, texts, varint};
use super::case::Case;

const UNPACK: &str = "could not be unpacked";

pub fn cases() -> Vec<Case> {
    let mut cases = damaged();
    cases.extend(footers());
    cases.extend(pages());
    cases.extend(schemas());
    cases.extend(cells());
    cases.extend(bombs());
    cases.into_iter().map(|case| case.ending(".snappy.parquet")).collect()
}

fn case(name: &str, file: &Liar, says: &[&str]) -> Case {
    Case::new(format!("Parquet: {name}"), file.bytes(), says)
}

fn damaged() -> Vec<Case> {
    let whole = Liar::bill().bytes();
    let end = whole.len();
    let footer = end - 8 - u32::from_le_bytes(whole[end - 8..end - 4].try_into().unwrap()) as usize;
    let mut cases = Vec::new();
    for at in [4, 5, 11, 12, footer / 2, footer, footer + 20, end - 8, end - 5, end - 1] {
        cases.push(Case::new(format!("Parquet cut off after {at} bytes"), whole[..at].to_vec(), &[UNPACK]));
    }
    for at in [footer, footer + 30, footer + 90, footer.midpoint(end), end - 60] {
        let mut damaged = whole.clone();
        damaged[at..at + 24].fill(0);
        cases.push(Case::new(format!("Parquet with zeros from {at} on"), damaged, &[]));
    }
    let ends = |tail: &[u8]| [&whole[..end - tail.len()], tail].concat();
    cases.extend([
        Case::new("Parquet: another magic", ends(b"PAR2"), &["does not end as a Parquet file does"]),
        Case::new("Parquet: encrypted", ends(b"PARE"), &["it is encrypted"]),
        Case::new(
            "Parquet: a longer footer than the file",
            ends(b"\xff\x7f\0\0PAR1"),
            &["footer is longer than the file"],
        ),
        Case::new(
            "Parquet: a footer of two GiB",
            ends(b"\xff\xff\xff\x7fPAR1"),
            &["footer is longer than 64 KiB", "--bill-limit footer-bytes"],
        ),
        Case::new("Parquet: no footer", ends(b"\0\0\0\0PAR1"), &["footer makes no sense"]),
    ]);
    for case in &mut cases {
        if case.says.is_empty() {
            case.says.push("R-00001".to_owned());
        }
    }
    cases
}

fn footers() -> Vec<Case> {
    let lie = |path: &[u8], value| Liar::bill().lying(path, value);
    let chunk = |field, value| lie(&[4, 0, 1, 1, 3, field], value);
    let huge = Thrift::I64(1 << 40);
    [
        ("a trillion rows", lie(&[4, 0, 3], huge.clone()), &["more than 5000 rows", "--bill-limit part-rows"][..]),
        ("fewer rows than there are", lie(&[4, 0, 3], Thrift::I64(1)), &["not as many rows as its footer says"]),
        ("rows below zero", lie(&[4, 0, 3], Thrift::I64(-2)), &["not as many rows as its footer says"]),
        ("a trillion values", chunk(5, huge.clone()), &["`line_item_unblended_cost`", "not as many rows"]),
        ("values below zero", chunk(5, Thrift::I64(-1)), &["not as many rows"]),
        ("a column beyond the file", chunk(9, huge.clone()), &["lies outside of the file"]),
        ("a column before the file", chunk(9, Thrift::I64(-8)), &["lies outside of the file"]),
        ("a column longer than the file", chunk(7, huge.clone()), &["lies outside of the file"]),
        ("a column of no length", chunk(7, Thrift::I64(0)), &["not as many values as its footer says"]),
        ("a column of negative length", chunk(7, Thrift::I64(-1)), &["lies outside of the file"]),
        ("pages that begin in the footer's middle", chunk(9, Thrift::I64(7)), &[UNPACK]),
        ("packed with gzip", chunk(4, Thrift::I32(2)), &["`line_item_unblended_cost`", "snappy, zstd and unpacked"]),
        ("packed with LZO", chunk(4, Thrift::I32(3)), &["snappy, zstd and unpacked"]),
        ("packed with brotli", chunk(4, Thrift::I32(4)), &["snappy, zstd and unpacked"]),
        ("packed with LZ4", chunk(4, Thrift::I32(7)), &["snappy, zstd and unpacked"]),
        ("packed with something new", chunk(4, Thrift::I32(99)), &[UNPACK]),
        ("packed with snappy, it says", chunk(4, Thrift::I32(1)), &[UNPACK]),
        ("packed with zstd, it says", chunk(4, Thrift::I32(6)), &[UNPACK]),
        ("encrypted columns", lie(&[8], Thrift::Struct(vec![(1, Thrift::Struct(vec![]))])), &["it is encrypted"]),
        ("no columns in the row group", lie(&[4, 0, 1], Thrift::Structs(vec![])), &[UNPACK]),
        (
            "four billion row groups",
            lie(&[4], Thrift::Raw(9, vec![0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f])),
            &["makes no sense"],
        ),
        ("structures without end", lie(&[5], Thrift::Raw(9, vec![0x1c; 50_001])), &["makes no sense"]),
    ]
    .map(|(name, file, says)| case(name, &file, says))
    .into()
}

fn pages() -> Vec<Case> {
    let lie = |path: &[u8], value| Liar::bill().lying_in(1, path, value);
    let number = Thrift::I32;
    let of_text = |path: &[u8], value| Liar::bill().lying_in(2, path, value);
    let mut tables = vec![Liar::long(3).lying_in(2, &[7, 1], number(2_000_000_000))];
    let mut short = Liar::long(3);
    short.columns[2].pages[0].1.truncate(9);
    short.columns[2].pages[0].0.set(&[2], number(9));
    short.columns[2].pages[0].0.set(&[3], number(9));
    let mut missing = Liar::long(3);
    missing.columns[2].pages.remove(0);
    let mut checked = Liar::bill();
    checked.columns[1].pages[0].0.set(&[4], number(12345));
    [
        (
            "a page of two GiB",
            lie(&[2], number(i64::from(i32::MAX))),
            &["`line_item_unblended_cost`", "more than 4 MiB", "--bill-limit page-bytes"][..],
        ),
        ("a page of another size", lie(&[2], number(17)), &["says that it unpacks to another size"]),
        ("a page of negative size", lie(&[2], number(-1)), &["head of a page makes no sense"]),
        ("a page longer than its column", lie(&[3], number(1 << 20)), &["a page is longer than its column"]),
        ("a page of negative length", lie(&[3], number(-1)), &["head of a page makes no sense"]),
        (
            "two billion values in a page",
            lie(&[5, 1], number(2_000_000_000)),
            &["not as many values as its footer says"],
        ),
        ("fewer values in a page", lie(&[5, 1], number(1)), &["not as many values as its footer says"]),
        ("values below zero in a page", lie(&[5, 1], number(-2)), &["head of a page makes no sense"]),
        (
            "two billion values in a dictionary",
            tables.remove(0),
            &["`line_item_usage_account_id`", "more values than bytes"],
        ),
        ("a dictionary that is cut off", short, &["its dictionary is cut off"]),
        ("no dictionary", missing, &[UNPACK]),
        (
            "packed by difference",
            of_text(&[5, 2], number(6)),
            &["`line_item_usage_account_id`", "encoded in a way that is not read"],
        ),
        ("packed by prefix", of_text(&[5, 2], number(7)), &["encoded in a way that is not read"]),
        ("packed by something new", of_text(&[5, 2], number(77)), &["encoded in a way that is not read"]),
        ("a page of an unknown kind", lie(&[1], number(9)), &["a page is of an unknown kind"]),
        ("a page that says no more", lie(&[5], Thrift::Struct(vec![])), &["not as many values as its footer says"]),
        ("another checksum", checked, &["a page has not the checksum that it states"]),
    ]
    .map(|(name, file, says)| case(name, &file, says))
    .into()
}

fn schemas() -> Vec<Case> {
    let bill = Liar::bill();
    let own: Vec<Thrift> =
        bill.columns.iter().map(|column| element(column.path[0], (column.physical, 0), &column.told)).collect();
    let schema = |first: Thrift, more: Vec<Thrift>| {
        let schema = [vec![first], own.clone(), more].concat();
        Liar { schema: Some(schema), ..Liar::bill() }
    };
    let deep = (0..1_000).map(|_| group("g", 1)).collect();
    let wide: Vec<Thrift> = (0..600).map(|_| element("x", (TEXT, 0), &[])).collect();
    let list = nested(&["odd", "list", "element"], [3, 3]);
    let structure = nested(&["odd", "a"], [0, 0]);
    let twice = Liar::bill().with(Column::text("odd", &["", ""])).with(Column::text("odd", &["", ""]));
    [
        ("a thousand groups within each other", schema(group("schema", 6), deep), &["footer makes no sense"][..]),
        ("a group of two billion", schema(group("schema", 2_000_000_000), vec![]), &["more than 500 columns"]),
        ("a group of more than there are", schema(group("schema", 100), vec![]), &["footer makes no sense"]),
        ("fewer columns than there are", schema(group("schema", 4), vec![]), &["footer makes no sense"]),
        ("600 columns", schema(group("schema", 605), wide), &["more than 500 columns", "--bill-limit columns"]),
        ("a column twice", twice, &["two columns `odd`"]),
        (
            "no cost",
            Liar::bill().but(1, Column::doubles("cost", &[1.0, 2.0])),
            &["has no column `line_item_unblended_cost`"],
        ),
        ("a name that is no text", Liar::bill().lying(&[2, 2, 4], Thrift::Text(vec![0xff])), &[UNPACK]),
        ("a list", list, &["column `odd`", "holds a list"]),
        ("a structure", structure, &["column `odd`", "holds a structure"]),
        ("a column of another type than its pages", Liar::bill().lying(&[2, 3, 1], Thrift::I32(1)), &[UNPACK]),
    ]
    .map(|(name, file, says)| case(name, &file, says))
    .into()
}

/// A bill with one column more, of one leaf within groups: a list where there are two, a structure where there is one.
fn nested(path: &[&'static str], logical: [i64; 2]) -> Liar {
    let mut liar = Liar::bill();
    let column = Column { path: path.to_vec(), ..Column::text("odd", &["", ""]) };
    let mut schema: Vec<Thrift> = vec![group("schema", 6)];
    schema.extend(liar.columns.iter().map(|column| element(column.path[0], (column.physical, 0), &column.told)));
    for (place, name) in path.iter().enumerate() {
        if place + 1 == path.len() {
            schema.push(element(name, (TEXT, 0), &column.told));
            continue;
        }
        let mut within = group(name, 1);
        within.set(&[3], Thrift::I32(if place == 0 { 0 } else { 2 }));
        if place == 0 && logical[0] == 3 {
            within.set(&[6], Thrift::I32(3));
        }
        schema.push(within);
    }
    liar.schema = Some(schema);
    liar.with(column)
}

fn cells() -> Vec<Case> {
    let costs = |second: f64| Liar::bill().but(1, Column::doubles("line_item_unblended_cost", &[1.5, second]));
    let text = |second: &str| Liar::bill().but(1, Column::text("line_item_unblended_cost", &["1.5", second]));
    let time = |second: i64| {
        // Milliseconds since 1970.
        Liar::bill().but(3, Column::numbers("line_item_usage_start_date", &[1_788_318_000_000, second]).told(6, 9))
    };
    let cost = "row 2, column `line_item_unblended_cost`";
    let start = "row 2, column `line_item_usage_start_date`";
    let broken = Column { pages: vec![(head(2, 9), texts(&[b"\xff", b""]))], ..Column::text("odd", &["", ""]) };
    [
        ("a cost that is no number", costs(f64::NAN), &[cost, "`NaN`", "not a decimal number"][..]),
        ("an infinite cost", costs(f64::INFINITY), &[cost, "`inf`", "not a decimal number"]),
        ("an infinite credit", costs(f64::NEG_INFINITY), &[cost, "`-inf`", "not a decimal number"]),
        ("a huge cost", costs(1e300), &[cost, "more than 20 digits"]),
        ("a tiny cost", costs(1e-300), &[cost, "more than 18 digits"]),
        ("the tiniest cost", costs(f64::from_bits(1)), &[cost, "more than 18 digits"]),
        ("a cost in words", text("twelve"), &[cost, "`twelve`", "not a decimal number"]),
        ("a time beyond calendars", time(i64::MAX), &[start, "is not a time"]),
        ("a time before calendars", time(i64::MIN), &[start, "is not a time"]),
        ("text that is not UTF-8", Liar::bill().with(broken), &[UNPACK, "UTF-8"]),
        (
            "a cell of 70 kB",
            Liar::bill().with(Column::text("odd", &["", &"x".repeat(70_000)])),
            &["row 2, column `odd`", "longer than 64 KiB"],
        ),
    ]
    .map(|(name, file, says)| case(name, &file, says))
    .into()
}

/// A column of maps: the key and the value of each entry, and for each entry whether a map begins with it.
fn maps(keys: &[&[u8]], values: &[&[u8]], begins: &[u8]) -> Liar {
    let rows = begins.iter().map(|level| usize::from(*level == 0)).sum::<usize>();
    let mut liar = Liar::long(u32::try_from(rows).unwrap());
    let levels = |levels: &[u8], level: u8| -> Vec<u8> {
        let runs: Vec<u8> =
            levels.iter().flat_map(|one| [varint(2), vec![if level == 9 { *one } else { level }]].concat()).collect();
        [u32::try_from(runs.len()).unwrap().to_le_bytes().to_vec(), runs].concat()
    };
    let leaf = |name, bytes: &[&[u8]], begins: &[u8]| {
        let body = [levels(begins, 9), levels(begins, 1), texts(bytes)].concat();
        let values = i64::try_from(begins.len()).unwrap();
        let path = vec!["resource_tags", "key_value", name];
        Column { path, pages: vec![(head(values, body.len()), body)], values, ..Column::text("odd", &[]) }
    };
    let columns = [leaf("key", keys, begins), leaf("value", values, &begins[..values.len()])];
    let mut schema: Vec<Thrift> = vec![group("schema", 6)];
    schema.extend(liar.columns.iter().map(|column| element(column.path[0], (column.physical, 0), &column.told)));
    let mut map = group("resource_tags", 1);
    map.set(&[3], Thrift::I32(0));
    map.set(&[6], Thrift::I32(1));
    let mut entries = group("key_value", 2);
    entries.set(&[3], Thrift::I32(2));
    schema.extend([map, entries]);
    schema.extend(columns.iter().map(|column| element(column.path[2], (TEXT, 0), &column.told)));
    liar.schema = Some(schema);
    columns.into_iter().fold(liar, Liar::with)
}

fn bombs() -> Vec<Case> {
    let long = "y".repeat(60_000);
    let rows = Liar::long(4_000).with(Column::repeated("odd", long.as_bytes(), 4_000));
    let cell = Liar::long(3).with(Column::repeated("odd", "y".repeat(70_000).as_bytes(), 3));
    let entries = 30_000;
    let many: Vec<&[u8]> = vec![b"k"; entries];
    let begins: Vec<u8> = (0..entries).map(|entry| u8::from(entry > 0)).collect();
    let full = maps(&many, &many, &begins);
    let mut endless = maps(&[b"a"], &[b"b"], &[0]);
    for column in [5, 6] {
        let page = &mut endless.columns[column].pages[0];
        let runs = [vec![2, 0], varint(2_000_000_000 << 1), vec![1]].concat();
        let body = [&u32::try_from(runs.len()).unwrap().to_le_bytes()[..], &runs, &page.1[7..]].concat();
        *page = (head(2_000_000_001, body.len()), body);
        endless.columns[column].values = 2_000_000_001;
    }
    let mut short = maps(&[b"a"], &[b"b"], &[0]);
    short.columns[5].pages[0].1[0] = 200;
    let wide = Liar::bill().with(Column {
        pages: (0..3)
            .map(|_| (head(0, 3 << 20), vec![0; 3 << 20]))
            .chain(Liar::bill().columns[0].pages.clone())
            .collect(),
        ..Column::text("odd", &["", ""])
    });
    [
        (
            "a dictionary that stands for gigabytes",
            rows,
            &["row", "unpacks to more than 3 MiB", "--bill-limit part-bytes"][..],
        ),
        ("a long value in a dictionary", cell, &["column `odd`", "a cell is longer than 64 KiB"]),
        ("a map of very many entries", full, &["`resource_tags`"]),
        ("a map of two billion entries", endless, &["`resource_tags`", "a cell is longer than 64 KiB"]),
        ("maps whose lengths are cut off", short, &["the lengths of its maps make no sense"]),
        ("pages of nothing", wide, &["unpacks to more than 3 MiB"]),
        (
            "a key twice",
            maps(&[b"a", b"a"], &[b"1", b"2"], &[0, 1]),
            &["row 1, column `resource_tags`", "two things of one key"],
        ),
        ("more keys than values", maps(&[b"a", b"b"], &[b"1"], &[0, 1]), &["the reader of", "failed"]),
    ]
    .map(|(name, file, says)| case(name, &file, says))
    .into()
}

/// A right bill in Parquet.
pub fn good() -> Vec<u8> {
    Liar::bill().bytes()
}

/// A right bill whose costs are told by a dictionary of texts.
pub fn good_texts() -> Vec<u8> {
    Liar::long(2).bytes()
}

/// A right bill with maps.
pub fn good_maps() -> Vec<u8> {
    maps(&[b"user_team", b"b", b"user_team"], &[b"red", b"2", b"blue"], &[0, 1, 0]).bytes()
}
