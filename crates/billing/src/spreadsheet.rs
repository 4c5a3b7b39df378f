//! Texts in comma-separated files: what a spreadsheet would run as a formula is defused, by a rule that can be turned back.
//!
//! A text gets an apostrophe in front where a spreadsheet might run it, and where it begins with one already. So whoever
//! reads the file back takes one apostrophe away from each text that begins with one, and has what AWS said.

use std::borrow::Cow;

/// What formulas begin with; some spreadsheets take the wide forms for the narrow ones.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// The mark of a text that is no formula, whatever it looks like.
const MARK: char = '\'';

/// The text as a file for spreadsheets has it.
pub fn defused(text: &str) -> Cow<'_, str> {
    if text.starts_with(MARK) || may_run(text) { Cow::Owned(format!("{MARK}{text}")) } else { Cow::Borrowed(text) }
}

/// The text that [`defused`] was given.
pub fn restored(text: &str) -> &str {
    text.strip_prefix(MARK).unwrap_or(text)
}

/// A line of a comma-separated file, defused, with the end that RFC 4180 gives it.
pub fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let quoted = |cell: &'a str| {
        let safe = defused(cell);
        let must = safe.contains([',', '"', '\r', '\n', ';', '\t']);
        if must { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe.into_owned() }
    };
    cells.into_iter().map(quoted).collect::<Vec<_>>().join(",") + "\r\n"
}

/// Whether a spreadsheet might run it: it begins with a formula's sign, perhaps behind blanks or quotes, or with a tab or
/// a line break, which some skip.
fn may_run(text: &str) -> bool {
    let skipped =
        |letter: char| letter.is_whitespace() || letter.is_control() || "\"'`\u{feff}\u{200b}".contains(letter);
    text.starts_with(char::is_control) || text.trim_start_matches(skipped).starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_gets_an_apostrophe() {
        for text in [
            "=HYPERLINK(\"http://x\",\"y\")",
            "+1+cmd|' /C calc'!A0",
            "-2+3",
            "@SUM(A1)",
            "\tx",
            "\r=1",
            "\n=1",
            "  =1",
            "\"=1",
            "' =1",
            "\u{a0}=1",
            "\u{feff}@x",
            "＝1",
            "\u{0}=1",
        ] {
            let defused = defused(text);
            assert_eq!(*defused, format!("'{text}"));
            assert_eq!(restored(&defused), text);
        }
    }

    #[test]
    fn cells_are_defused_and_quoted_where_they_must_be() {
        assert_eq!(line(["a", "b,c", "d\"e", "f\ng", ""]), "a,\"b,c\",\"d\"\"e\",\"f\ng\",\r\n");
        assert_eq!(line(["=1+1", "\t=1"]), "'=1+1,\"'\t=1\"\r\n");
    }

    #[test]
    fn other_texts_stand_as_they_are_and_every_text_comes_back() {
        for text in ["", "BoxUsage:m5.large", "a=1", "{\"team\":\"=1\"}", "10% of usage", "ünïcode", "arn:aws:s3:::b"]
        {
            assert!(matches!(defused(text), Cow::Borrowed(same) if same == text), "{text}");
        }
        for text in ["'quoted'", "'", "''=1", "it's", "'=1"] {
            assert_eq!(restored(&defused(text)), text);
        }
        assert_eq!(defused("'quoted'"), "''quoted'");
    }
}
