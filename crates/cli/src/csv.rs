//! CSV for spreadsheets: quoted as RFC 4180 says, and texts that a spreadsheet would run as a formula are defused.

use std::borrow::Cow;

/// One line of cells, without an end of line.
pub fn line<'a>(cells: impl IntoIterator<Item = Cell<'a>>) -> String {
    cells.into_iter().map(Cell::written).collect::<Vec<_>>().join(",")
}

/// A cell.
#[derive(Debug)]
pub enum Cell<'a> {
    /// A number, as it is.
    Number(String),
    /// A text of ours or of somebody else's.
    Text(Cow<'a, str>),
}

impl Cell<'_> {
    fn written(self) -> String {
        let text = match self {
            Self::Number(number) => return number,
            Self::Text(text) => text,
        };
        let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let defused = if runs { format!("'{text}") } else { text.into_owned() };
        if defused.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", defused.replace('"', "\"\"")) } else { defused }
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

/// A number's cell.
pub fn number<'a>(number: &impl ToString) -> Cell<'a> {
    Cell::Number(number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_formulas_are_texts() {
        let cells = [Cell::from("a"), "b,\"c\"".into(), "=SUM(A1)".into(), "-x\n".into(), number(&-1)];
        assert_eq!(line(cells), "a,\"b,\"\"c\"\"\",'=SUM(A1),\"'-x\n\",-1");
    }
}
