//! One row of text cells, and how they become a line of csv.

use std::io::Write as _;

use crate::column::Col;
use crate::dec::Dec;

/// The cells of one row, reused from row to row so that writing allocates nothing.
pub(crate) struct Cells {
    text: Vec<u8>,
    spans: [(u32, u32); Col::COUNT],
}

impl Cells {
    pub(crate) fn new() -> Self {
        Self { text: Vec::with_capacity(4096), spans: [(0, 0); Col::COUNT] }
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.spans = [(0, 0); Col::COUNT];
    }

    pub(crate) fn set(&mut self, col: Col, text: &str) {
        self.fill(col, |out| out.extend_from_slice(text.as_bytes()));
    }

    pub(crate) fn set_amount(&mut self, col: Col, amount: Dec) {
        self.fill(col, |out| amount.write_as_bill(out));
    }

    pub(crate) fn set_format(&mut self, col: Col, text: std::fmt::Arguments<'_>) {
        self.fill(col, |out| out.write_fmt(text).expect("memory takes every byte"));
    }

    fn fill(&mut self, col: Col, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.position();
        write(&mut self.text);
        self.spans[col as usize] = (start, self.position());
    }

    fn position(&self) -> u32 {
        u32::try_from(self.text.len()).expect("a row is far smaller than 4 GiB")
    }

    pub(crate) fn get(&self, col: Col) -> &[u8] {
        let (start, end) = self.spans[col as usize];
        &self.text[start as usize..end as usize]
    }

    /// Appends the row as csv, with a line feed.
    pub(crate) fn write_row(&self, columns: &[Col], out: &mut Vec<u8>) {
        for (at, col) in columns.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_field(self.get(*col), out);
        }
        out.push(b'\n');
    }
}

/// Quotes where RFC 4180 asks for it.
pub(crate) fn write_field(field: &[u8], out: &mut Vec<u8>) {
    if !field.iter().any(|byte| matches!(byte, b'"' | b',' | b'\n' | b'\r')) {
        out.extend_from_slice(field);
        return;
    }
    out.push(b'"');
    for &byte in field {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_quotes_what_needs_it_and_keeps_order() {
        let mut cells = Cells::new();
        cells.set(Col::LineItemId, "left from the row before");
        cells.clear();
        cells.set(Col::TagName, "say \"hi\",\nthen go");
        cells.set_amount(Col::UnblendedCost, Dec::of("0.00001"));
        cells.set_format(Col::UsageType, format_args!("EU-{}", "Box"));
        let mut row = Vec::new();
        cells.write_row(&[Col::UnblendedCost, Col::LineItemId, Col::TagName, Col::UsageType], &mut row);
        assert_eq!(std::str::from_utf8(&row), Ok("1.0E-5,,\"say \"\"hi\"\",\nthen go\",EU-Box\n"));
    }
}
