//! Files that are odd but right: each must be read, to the last digit.

use super::case::{Case, HEADER, LINE, gzip, with_cell, with_own};
use super::packed::{archive_named, archive_stored};
use super::parquet::{good, good_maps, good_texts};

/// Each with what its month must cost.
pub fn cases() -> Vec<(Case, &'static str)> {
    let text = format!("{HEADER}\n{LINE}\n{LINE}\n");
    let crlf = text.replace('\n', "\r\n");
    let quoted = text.lines().map(|line| format!("\"{}\"\n", line.replace(',', "\",\""))).collect::<Vec<_>>().concat();
    let members =
        [gzip(b""), gzip(&text.as_bytes()[..100]), gzip(b""), gzip(&text.as_bytes()[100..]), gzip(b"")].concat();
    let reversed: String = text.lines().map(|line| line.rsplit(',').collect::<Vec<_>>().join(",") + "\n").collect();
    let numbers = |cell| with_own(1, cell);
    let named = archive_named("../../etc/passwd.csv", &text);
    let mut cases: Vec<(Case, &str)> = [
        ("a byte order mark", format!("\u{feff}{text}"), "3"),
        ("carriage returns", crlf, "3"),
        ("blank lines", text.replace('\n', "\n\n"), "3"),
        ("no line break at the end", text.trim_end().to_owned(), "3"),
        ("quotes around everything", quoted, "3"),
        ("columns backwards", reversed, "3"),
        ("a quoted line break", with_cell("t/d", "\"a\nb, \"\"c\"\"\""), "3"),
        ("a column that nobody knows", with_cell("x/☃", "snow"), "3"),
        ("a zero with a sign", numbers("-0.00"), "1.5"),
        ("a plus", numbers("+7"), "8.5"),
        ("a small number", numbers("1.81E-8"), "1.5000000181"),
        ("a long zero", numbers("0E99999999999999999999"), "1.5"),
        ("a long tail", numbers("0.10000000000000000000000000000000000000"), "1.6"),
        ("no cost", numbers(""), "1.5"),
        ("a type that nobody knows", with_own(0, "MoonTax"), "3"),
    ]
    .map(|(name, text, total)| (Case::text(name, text, &[]), total))
    .into();
    for (name, file, total) in [
        ("several members, some of nothing", members, "3"),
        ("Parquet by the name of csv", good(), "4"),
        ("Parquet with texts for costs", good_texts(), "3"),
        ("Parquet with maps", good_maps(), "3"),
        ("an archive by the name of gzip", archive_stored(&text), "3"),
        ("a name that leaves its folder", named, "3"),
    ] {
        cases.push((Case::new(name, file, &[]), total));
    }
    let other = Case::new("costs of two types in two files", good(), &[]);
    cases.push((Case { files: vec![good(), good_texts()], ..other }, "7"));
    for (name, file) in [("a file of no bytes", Vec::new()), ("a header alone", gzip(HEADER.as_bytes()))] {
        let case = Case::new(name, file.clone(), &[]);
        cases.push((Case { files: vec![gzip(text.as_bytes()), file], ..case }, "3"));
    }
    cases.push((Case::text("csv by the name of Parquet", &text, &[]).ending(".snappy.parquet"), "3"));
    cases
}
