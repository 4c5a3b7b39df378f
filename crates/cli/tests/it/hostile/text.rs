//! Hostile text: cells, rows and headers that no bill has.

use super::case::{Case, HEADER, LINE, noise, with_cell, with_own};

pub fn cases() -> Vec<Case> {
    let mut cases = amounts();
    cases.extend(times());
    cases.extend(headers());
    cases.extend(rows());
    cases.extend(bytes());
    cases.extend(maps());
    cases
}

fn amounts() -> Vec<Case> {
    let none = "not a decimal number";
    let wide = "more than 20 digits before the point";
    let fine = "more than 18 digits after the point";
    let forty = "1234567890".repeat(4);
    let own = [
        ("NaN", none),
        ("-nan", none),
        ("Infinity", none),
        ("-inf", none),
        ("∞", none),
        ("1e999999999", wide),
        ("1e20", wide),
        ("1e-999999999", fine),
        ("0.0000000000000000001", fine),
        ("12 USD", none),
        ("$5", none),
        ("0x10", none),
        ("１２", none),
        ("--1", none),
        ("1.2.3", none),
        (" 1", none),
        ("1 ", none),
        ("1_000", none),
        (".", none),
        ("-", none),
        ("e5", none),
        ("1e", none),
        ("null", none),
        ("true", none),
        ("None", none),
        ("\"1,5\"", none),
        ("\"1\n2\"", none),
        ("'1'", none),
        ("=1+1", none),
        ("1/3", none),
        (forty.as_str(), wide),
    ];
    let case = |(cell, says): &(&str, &str)| {
        Case::text(format!("amount {cell:?}"), with_own(1, cell), &["row 2", "`lineItem/UnblendedCost`", says])
    };
    let mut cases: Vec<Case> = own.iter().map(case).collect();
    for (column, cell) in [
        ("pricing/publicOnDemandCost", "free"),
        ("lineItem/BlendedCost", "NaN"),
        ("lineItem/UsageAmount", "1e40"),
        ("reservation/EffectiveCost", "0.12345678901234567890123456789"),
        ("savingsPlan/SavingsPlanEffectiveCost", "-"),
    ] {
        let text = with_cell(column, cell).replace(
            "Usage,",
            match column.split('/').next() {
                Some("reservation") => "DiscountedUsage,",
                Some("savingsPlan") => "SavingsPlanCoveredUsage,",
                _ => "Usage,",
            },
        );
        cases.push(Case::text(
            format!("{column} {cell:?}"),
            text,
            &["row 2", column, "can't be kept as an exact amount"],
        ));
    }
    let most = "99999999999999999999";
    let text = format!("{HEADER}\n{}\n{}\n", LINE.replace("1.5", most), LINE.replace("1.5", most));
    cases.push(Case::text("a sum of too many digits", text, &["row 2", "38 digits"]));
    cases
}

fn times() -> Vec<Case> {
    let odd = [
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "0000-00-00T00:00:00Z",
        "2026-09-02",
        "1788318000",
        "2026-09-02T25:00:00Z",
        "2026-09-02T00:00:60Z",
        "99999-01-01T00:00:00Z",
        "-2026-09-02T00:00:00Z",
        "⏰",
        "2026-09-02T00:00:00+99:99",
        "2026-09-02T00:00:00.1234567Z",
        "NaT",
    ];
    let case = |cell: &&str| {
        Case::text(
            format!("time {cell:?}"),
            with_own(3, cell),
            &["row 2", "`lineItem/UsageStartDate`", "is not a time"],
        )
    };
    let mut cases: Vec<Case> = odd.iter().map(case).collect();
    let month = "bill/BillingPeriodStartDate";
    for (cell, says) in [
        ("1999-01-01T00:00:00Z", "is not the month"),
        ("2199-01-01T00:00:00Z", "is not the month"),
        ("September", "is not a time"),
    ] {
        cases.push(Case::text(format!("month {cell:?}"), with_cell(month, cell), &["row 2", month, says]));
    }
    cases.push(Case::text("no time", with_own(3, ""), &["row 2", "`lineItem/UsageStartDate`", "is empty"]));
    cases.push(Case::text("no type", with_own(0, ""), &["row 2", "`lineItem/LineItemType`", "is empty"]));
    cases
}

fn headers() -> Vec<Case> {
    let mut cases = Vec::new();
    for missing in HEADER.split(',') {
        let text = format!("{HEADER}\n{LINE}\n").replace(missing, "lineItem/Else");
        cases.push(Case::text(format!("without {missing}"), text, &[missing, "has no column"]));
    }
    let numbered = |count| (0..count).map(|number| format!(",x/{number}")).collect::<Vec<_>>().concat();
    let (many, some) = (numbered(100_000), numbered(500));
    let named = "x".repeat(70_000);
    for (name, text, says) in [
        ("a column twice", format!("{HEADER},a/b,a/b\n{LINE},,\n"), &["two columns `a/b`"][..]),
        ("columns without names", format!("{HEADER},,\n{LINE},,\n"), &["two columns ``"]),
        ("a hundred thousand columns", format!("{HEADER}{many}\n"), &["more than 500 columns", "--bill-limit columns"]),
        ("more columns than are allowed", format!("{HEADER}{some}\n"), &["more than 500 columns"]),
        ("a name of 70 kB", format!("{HEADER},{named},{named}\n"), &["two columns `xxxx", "…`"]),
        ("semicolons", format!("{HEADER}\n{LINE}\n").replace(',', ";"), &["has no column"]),
        ("tabs", format!("{HEADER}\n{LINE}\n").replace(',', "\t"), &["has no column"]),
        ("a web page", "<html><body>AccessDenied</body></html>".to_owned(), &["has no column"]),
        ("JSON", r#"{"lineItem/UnblendedCost": 1}"#.to_owned(), &["has no column"]),
        ("carriage returns alone", format!("{HEADER}\r{LINE}\r"), &["has no column"]),
        ("no header", format!("{LINE}\n{LINE}\n"), &["has no column"]),
        ("names that move the terminal", format!("{HEADER},\u{1b}[2J,\u{1b}[2J\n"), &["two columns `\u{fffd}[2J`"]),
    ] {
        cases.push(Case::text(name, text, says));
    }
    cases
}

fn rows() -> Vec<Case> {
    let long = "x".repeat(70_000);
    let endless = noise(1_300_000, 7);
    let too_many = format!("{HEADER}\n{}", format!("{LINE}\n").repeat(5_001));
    [
        ("a cell too many", format!("{HEADER}\n{LINE}\n{LINE},\n"), &["row 2", "6 cells", "has 5"][..]),
        ("a cell too few", format!("{HEADER}\n{LINE}\nUsage,1.5,1\n"), &["row 2", "3 cells"]),
        ("a line of one cell", format!("{HEADER}\n{LINE}\nx\n"), &["row 2", "1 cells"]),
        ("a million cells", format!("{HEADER}\n{}\n", ",".repeat(1_000_000)), &["row 1", "1000001 cells"]),
        ("an open quote", format!("{HEADER},t/d\n{LINE},\"open\n{LINE},b\n"), &["row 1", "not quoted right"]),
        (
            "an open quote for ever",
            format!("{HEADER},t/d\n{LINE},\"{endless}"),
            &["row 1", "longer than 1 MiB", "quote"],
        ),
        ("a row for ever", format!("{HEADER}\n{endless}"), &["row 1", "longer than 1 MiB"]),
        ("text behind a quote", format!("{HEADER},t/d\n{LINE},\"a\"b\n"), &["row 1", "`t/d`", "not quoted right"]),
        ("a lone quote", format!("{HEADER},t/d\n{LINE},5\" disk\n"), &["row 1", "`t/d`", "not quoted right"]),
        (
            "a cell of 70 kB",
            with_cell("t/d", &long),
            &["row 2", "`t/d`", "a cell is longer than 64 KiB", "--bill-limit field-bytes"],
        ),
        ("a name of 70 kB in a row", with_own(2, &long), &["row 2", "`lineItem/UsageAccountId`", "longer than 64 KiB"]),
        ("too many rows", too_many, &["row 5001", "more than 5000 rows", "--bill-limit part-rows"]),
        ("a cut off row", format!("{HEADER}\n{LINE}\nUsage,1."), &["row 2", "2 cells"]),
    ]
    .map(|(name, text, says)| Case::text(name, text, says))
    .into()
}

fn bytes() -> Vec<Case> {
    let wrong = |text: String| -> Vec<u8> { text.bytes().map(|byte| if byte == b'?' { 0xff } else { byte }).collect() };
    let utf16 = |big: bool| -> Vec<u8> {
        let text = format!("\u{feff}{HEADER}\r\n{LINE}\r\n");
        text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    [
        ("UTF-8 broken in the header", wrong(format!("{HEADER},a?\n")), &["header", "UTF-8"][..]),
        (
            "UTF-8 broken in a tag",
            wrong(with_cell("resourceTags/user:a", "?")),
            &["row 2", "`resourceTags/user:a`", "UTF-8"],
        ),
        ("UTF-8 broken in a cell", wrong(with_cell("lineItem/LineItemDescription", "a?b")), &["row 2", "UTF-8"]),
        ("UTF-8 broken in a name", wrong(with_own(2, "?")), &["row 2", "`lineItem/UsageAccountId`", "UTF-8"]),
        (
            "a surrogate",
            [with_cell("t/d", "").trim_end().as_bytes(), b"\xed\xa0\x80\n"].concat(),
            &["row 2", "`t/d`", "UTF-8"],
        ),
        ("UTF-16", utf16(false), &["header", "UTF-8"]),
        ("UTF-16, the other way round", utf16(true), &["header", "UTF-8"]),
        ("a zero byte in an account", with_own(2, "1\0x").into(), &["row 2", "`lineItem/UsageAccountId`", "zero byte"]),
        ("a zero byte in a type", with_own(0, "Us\0age").into(), &["row 2", "`lineItem/LineItemType`", "zero byte"]),
        (
            "a zero byte in an amount",
            with_own(1, "1\0").into(),
            &["row 2", "`lineItem/UnblendedCost`", "not a decimal"],
        ),
        ("nothing but zero bytes", vec![0; 100_000], &["has no column"]),
    ]
    .map(|(name, text, says)| Case::text(name, text, says))
    .into()
}

/// Maps as they are in the text of newer reports.
fn maps() -> Vec<Case> {
    let header = HEADER.replace("lineItem/", "line_item_").replace("LineItemType", "line_item_type");
    let header = header.replace("UnblendedCost", "unblended_cost").replace("UsageAccountId", "usage_account_id");
    let header = header.replace("UsageStartDate", "usage_start_date").replace("UsageEndDate", "usage_end_date");
    let nested =
        |open: &str, close: &str, depth: usize| format!("{{\"a\":{}{}}}", open.repeat(depth), close.repeat(depth));
    let many = (0..10_000).map(|number| format!("\"{number}\":\"x\",")).collect::<Vec<_>>().concat();
    [
        ("a list for a map", "[1,2]".to_owned(), &["is not a JSON object"][..]),
        ("a text for a map", "plain".to_owned(), &["is not a JSON object"]),
        ("a map that is cut off", r#"{"a":"b""#.to_owned(), &["is not a JSON object"]),
        ("a map with a tail", r#"{"a":"b"} or not"#.to_owned(), &["is not a JSON object"]),
        (
            "a map of lists of lists",
            nested("[", "]", 20_000),
            &["a map nests deeper than 16", "--bill-limit map-depth"],
        ),
        ("a map of maps of maps", nested("{\"a\":", "}", 100), &["a map nests deeper than 16"]),
        ("a key twice", r#"{"team":"a","team":"b"}"#.to_owned(), &["says two things of one key"]),
        ("a huge map", format!("{{{many}\"z\":\"\"}}"), &["a cell is longer than 64 KiB"]),
        ("a number too long for a map", format!("{{\"a\":{}}}", "9".repeat(70_000)), &["a cell is longer than 64 KiB"]),
    ]
    .map(|(name, map, says)| {
        let text = format!("{header},resource_tags\n{LINE},\n{LINE},\"{}\"\n", map.replace('"', "\"\""));
        Case::text(name, text, &[&["row 2", "`resource_tags`"], says].concat())
    })
    .into()
}
