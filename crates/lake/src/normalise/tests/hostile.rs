//! Files as they should not be: each read right, or refused by file, row and column.

use super::super::error::CellProblem;
use super::*;
use crate::limits::{Limit, Setting};

#[track_caller]
fn refuses(packed: &[u8], expect: &[&str]) {
    let error = match read_packed(packed) {
        Err(error) => error.to_string(),
        Ok(read) => panic!("read {} charges", read.charges.num_rows()),
    };
    for expect in expect.iter().chain([&FILE]) {
        assert!(error.contains(expect), "`{expect}` is not in `{error}`");
    }
}

#[track_caller]
fn refuses_line(columns: &str, line: (&str, &str, &str), expect: &[&str]) {
    refuses(
        &gzip(text(columns, &[("Usage", "1", &",".repeat(columns.matches(',').count())), line]).as_bytes()),
        expect,
    );
}

#[test]
fn files_without_rows_are_read_as_none() {
    for packed in [Vec::new(), gzip(b""), gzip(format!("{HEADER}\n").as_bytes()), gzip(HEADER.as_bytes()), gzip(b"\n")]
    {
        let read = read_packed(&packed).unwrap();
        assert_eq!((read.charges.num_rows(), read.totals.sums.rows), (0, 0));
        assert_eq!(read.totals.bytes_packed, packed.len() as u64);
    }
}

#[test]
fn several_members_a_byte_order_mark_and_quoted_line_breaks_are_read() {
    let file =
        text("lineItem/LineItemDescription", &[("Usage", "1", "\"two\nlines, \"\"quoted\"\"\""), ("Usage", "2", "ü→")]);
    let (one, two) = file.split_at(file.len() / 2);
    let packed = [gzip(format!("\u{feff}{one}").as_bytes()), gzip(b""), gzip(two.as_bytes())].concat();
    let read = read_packed(&packed).unwrap();
    assert_eq!(read.column("ChargeDescription"), ["two\nlines, \"quoted\"", "ü→"]);
    assert_eq!(read.column("x_LineItemType"), ["Usage"; 2]);
    assert_eq!(read.totals.bytes_unpacked, file.len() as u64 + 3);
    assert_eq!(read.totals.bytes_packed, packed.len() as u64);
}

#[test]
fn a_file_that_is_cut_off_or_not_packed_is_refused() {
    let packed = gzip(text("", &[("Usage", "1", ""); 50]).as_bytes());
    for end in [1, 5, 20, packed.len() / 2, packed.len() - 1] {
        refuses(&packed[..end], &["could not be unpacked"]);
    }
    refuses(text("", &[]).as_bytes(), &["none of the formats"]);
}

#[test]
fn a_header_that_says_too_little_or_too_much_is_refused() {
    for missing in HEADER.split(',') {
        let rest: Vec<_> = HEADER.split(',').filter(|name| *name != missing).collect();
        refuses(&gzip(format!("{}\n", rest.join(",")).as_bytes()), &[missing, "no column"]);
    }
    refuses(&gzip(format!("{HEADER},bill/InvoiceId,bill/InvoiceId\n").as_bytes()), &["two columns", "bill/InvoiceId"]);
    refuses(&gzip(b"\xff,b\n"), &["UTF-8"]);
}

#[test]
fn rows_of_another_width_and_open_quotes_are_refused() {
    refuses_line("bill/InvoiceId", ("Usage", "1", "i,i"), &["row 2", "7 cells", "has 6"]);
    refuses(&gzip(format!("{HEADER}\nUsage,1\n").as_bytes()), &["row 1", "2 cells"]);
    refuses_line("bill/InvoiceId", ("Usage", "1", "\"open"), &["row 2", "bill/InvoiceId", "quoted"]);
    refuses_line("bill/InvoiceId", ("Usage", "1", "5\" disk"), &["row 2", "bill/InvoiceId", "quoted"]);
    let endless = format!("{HEADER}\nUsage,1,a,\"{}", "x".repeat(20 << 20));
    refuses(&gzip(endless.as_bytes()), &["row 1", "quote is not closed"]);
}

#[test]
fn amounts_that_are_none_are_refused() {
    for (amount, why) in [
        ("None", "not a decimal number"),
        ("convertible", "not a decimal number"),
        ("1,5", "7 cells"),
        ("\"1,5\"", "not a decimal number"),
        ("NaN", "not a decimal number"),
        ("0.1234567890123456789", "more than 18 digits"),
        ("123456789012345678901", "more than 20 digits"),
        (" 1", "not a decimal number"),
    ] {
        refuses_line("bill/InvoiceId", ("Usage", amount, ""), &["row 2", why]);
    }
    let error = try_read("", &[("Usage", "None", "")]).unwrap_err();
    let IngestError::Cell { row, column, value, problem: CellProblem::Amount(_), .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((*row, column.as_str(), value.as_str()), (1, "lineItem/UnblendedCost", "None"));
}

#[test]
fn times_and_months_that_are_not_right_are_refused() {
    let start = "bill/BillingPeriodStartDate";
    for right in ["2026-09-01T00:00:00Z", "2026-09-01T00:00:00.000Z", "2026-09-01 00:00:00+00:00", ""] {
        assert_eq!(read(start, &[("Usage", "1", right)]).column("BillingPeriodStart"), ["2026-09-01T00:00:00Z"]);
    }
    refuses_line(start, ("Usage", "1", "2026-08-01T00:00:00Z"), &["row 2", start, "not the month"]);
    refuses_line(start, ("Usage", "1", "yesterday"), &["row 2", start, "`yesterday`", "not a time"]);
    let file = format!("{HEADER}\nUsage,1,a,,2026-09-01T00:00:00Z\n");
    refuses(&gzip(file.as_bytes()), &["row 1", "lineItem/UsageStartDate", "empty"]);
    let file = format!("{HEADER}\n,1,a,2026-09-01T00:00:00Z,2026-09-01T00:00:00Z\n");
    refuses(&gzip(file.as_bytes()), &["row 1", "lineItem/LineItemType", "empty"]);
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    for columns in ["lineItem/LineItemDescription", "resourceTags/user:a", "new/Column"] {
        let file = text(columns, &[("Usage", "1", "x"), ("Usage", "1", "?")]).replace('?', "\u{1}");
        let file: Vec<u8> = file.bytes().map(|byte| if byte == 1 { 0xff } else { byte }).collect();
        refuses(&gzip(&file), &["row 2", columns, "UTF-8"]);
    }
}

#[test]
fn sums_that_do_not_fit_are_refused() {
    let most = "99999999999999999999";
    refuses(&gzip(text("", &[("Usage", most, ""), ("Usage", most, "")]).as_bytes()), &["row 2", "38 digits"]);
    let columns = "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod,reservation/UnusedRecurringFee";
    refuses(&gzip(text(columns, &[("RIFee", "1", &format!("{most},{most}"))]).as_bytes()), &["row 1", "38 digits"]);
}

#[test]
fn a_long_file_comes_in_batches_and_loses_nothing() {
    let unused = ("SavingsPlanRecurringFee", "1", "1");
    let lines: Vec<_> = (0..20_001).map(|at| if at % 3 == 0 { unused } else { ("Usage", "0.1", "") }).collect();
    let mut sizes = Vec::new();
    let packed = gzip(text("savingsPlan/TotalCommitmentToDate", &lines).as_bytes());
    let totals = Normaliser::new(&head(), std::env::temp_dir(), Limits::default())
        .read_part(&part(), packed.as_slice(), &mut |batch| {
            sizes.push(batch.num_rows());
            Ok(())
        })
        .unwrap();
    assert!(sizes.iter().all(|size| *size <= 2048) && sizes.len() == 14, "{sizes:?}");
    assert_eq!(sizes.iter().sum::<usize>(), 20_001 + 6_667);
    assert_eq!((totals.sums.rows, totals.sums.charges_added), (20_001, 6_667));
}

#[test]
fn a_sink_that_stops_stops_the_reading() {
    let packed = gzip(text("", &[("Usage", "1", "")]).as_bytes());
    let stopped = Normaliser::new(&head(), std::env::temp_dir(), Limits::default()).read_part(
        &part(),
        packed.as_slice(),
        &mut |_| Err(IngestError::Stopped),
    );
    assert_eq!(stopped, Err(IngestError::Stopped));
}

#[test]
fn each_limit_of_text_is_told_by_its_name() {
    let file = text(
        "resource_tags",
        &[("Usage", "1", ""), ("Usage", "1", &format!("\"{{\"\"a\"\":\"\"{}\"\"}}\"", "x".repeat(5000)))],
    );
    let file = file
        .replace("lineItem/", "line_item_")
        .replace("LineItemType", "line_item_type")
        .replace("UnblendedCost", "unblended_cost");
    let file = file.replace("UsageAccountId", "usage_account_id").replace("UsageStartDate", "usage_start_date");
    let packed = gzip(file.replace("UsageEndDate", "usage_end_date").as_bytes());
    read_packed(&packed).unwrap();
    for (limit, allowed, expect) in [
        (Limit::PartRows, 1, "row 2 of `report-00001.csv.gz`: it has more than 1 rows"),
        (Limit::Columns, 5, "`report-00001.csv.gz`: it has more than 5 columns"),
        (
            Limit::FieldBytes,
            4096,
            "row 2, column `resource_tags` of `report-00001.csv.gz`: a cell is longer than 4 KiB",
        ),
        (Limit::RowBytes, 4096, "a row is longer than 4 KiB"),
        (Limit::PartBytes, 4096, "it unpacks to more than 4 KiB"),
        (Limit::DeliveryBytes, 4096, "the delivery's files together unpack to more than 4 KiB"),
    ] {
        let error = read_within(&packed, Limits::default().with(Setting::new(limit, allowed))).unwrap_err().to_string();
        assert!(error.contains(expect) && error.contains(&format!("`--bill-limit {}=…`", limit.name())), "{error}");
    }
    let limits = [(Limit::RatioFrom, 4096), (Limit::Ratio, 10)].into_iter();
    let limits = limits.fold(Limits::default(), |limits, (limit, allowed)| limits.with(Setting::new(limit, allowed)));
    let error = read_within(&packed, limits).unwrap_err().to_string();
    assert!(error.contains("it unpacks to more than 10 times its size"), "{error}");
}

#[test]
fn maps_that_nest_or_repeat_a_key_are_refused() {
    let read = |map: &str| {
        let quoted = map.replace('"', "\"\"");
        read_packed(&gzip(format!("BilledCost,EffectiveCost,ListCost,ContractedCost,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,SubAccountId,ServiceName,ServiceCategory,Tags\n1,1,1,1,Usage,2026-09-02T03:00:00Z,2026-09-02T04:00:00Z,1,a,b,\"{quoted}\"\n").as_bytes()))
    };
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for (map, expect) in [
        (r#"{"a":"1","a":"2"}"#, "says two things of one key"),
        (r#"{"a":"1","b":"","a":"1"}"#, "says two things of one key"),
        (deep.as_str(), "a map nests deeper than 16"),
    ] {
        let error = read(map).unwrap_err().to_string();
        assert!(error.contains(expect) && error.contains("row 1, column `Tags`"), "{error}");
    }
    assert_eq!(read(r#"{"a":"","a":"1","b":"{{{{"}"#).unwrap().column("Tags"), [r#"{"a":"1","b":"{{{{"}"#]);
}

#[test]
fn a_zero_byte_in_a_name_is_refused_and_a_terminal_is_not_moved() {
    refuses_line("bill/InvoiceId", ("Usage", "1", "a\0b"), &["row 2", "bill/InvoiceId", "zero byte"]);
    let error = try_read("", &[("Usage", "\u{1b}[31m7", "")]).unwrap_err().to_string();
    assert!(error.contains("`\u{fffd}[31m7`"), "{error:?}");
}
