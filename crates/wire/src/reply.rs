//! What the server sends: messages written one behind the other, and sent together.

use billing::sql::{Place, SqlColumn, SqlFault, SqlProblem, SqlType, SqlValue};
use bytes::{BufMut, BytesMut};

use crate::encode::{self, Format};

/// Messages that are to be sent.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) held: BytesMut,
}

/// Where a session stands between statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Idle,
    InTransaction,
    /// A statement of the transaction failed; the rest is refused until it ends.
    Failed,
}

/// What went wrong, as the protocol tells it.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// The character of the statement, counted from 1.
    pub(crate) position: Option<usize>,
    /// Whether the connection ends with it.
    pub(crate) fatal: bool,
}

impl Fault {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, position: None, fatal: false }
    }

    pub(crate) fn fatal(code: &'static str, message: impl Into<String>) -> Self {
        Self { fatal: true, ..Self::new(code, message) }
    }

    /// What is wrong with a statement of this text.
    pub(crate) fn of(problem: &SqlProblem, text: &str) -> Self {
        let code = match problem.fault {
            SqlFault::Syntax => "42601",
            SqlFault::NotAllowed => "0A000",
            SqlFault::NoColumn => "42703",
            SqlFault::NoTable => "42P01",
            SqlFault::NoFunction => "42883",
            SqlFault::Data => "22000",
            SqlFault::TooLarge => "54000",
            SqlFault::TimeOut => "57014",
            SqlFault::Busy => "53300",
        };
        let position = problem.place.and_then(|place| position(text, place));
        Self { hint: problem.hint.clone(), position, ..Self::new(code, problem.message.clone()) }
    }
}

/// The character at a place, counted from 1.
fn position(text: &str, place: Place) -> Option<usize> {
    let before = usize::try_from(place.line.checked_sub(1)?).ok()?;
    let lines = text.split_inclusive('\n').take(before).map(|line| line.chars().count());
    Some(lines.sum::<usize>() + usize::try_from(place.column).ok()?)
}

impl Reply {
    fn message(&mut self, kind: u8, write: impl FnOnce(&mut BytesMut)) {
        self.held.put_u8(kind);
        let at = self.held.len();
        self.held.put_i32(0);
        write(&mut self.held);
        let length = i32::try_from(self.held.len() - at).unwrap_or(i32::MAX);
        self.held[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }

    pub(crate) fn authentication(&mut self, code: i32) {
        self.message(b'R', |to| to.put_i32(code));
    }

    pub(crate) fn status(&mut self, name: &str, value: &str) {
        self.message(b'S', |to| {
            text(to, name);
            text(to, value);
        });
    }

    pub(crate) fn key(&mut self, process: i32, secret: i32) {
        self.message(b'K', |to| {
            to.put_i32(process);
            to.put_i32(secret);
        });
    }

    /// That of the protocol's versions, 3.0 is spoken, and none of these options is known.
    pub(crate) fn version(&mut self, unknown: &[String]) {
        self.message(b'v', |to| {
            to.put_i32(0);
            to.put_i32(i32::try_from(unknown.len()).unwrap_or(0));
            for option in unknown {
                text(to, option);
            }
        });
    }

    pub(crate) fn ready(&mut self, standing: Standing) {
        self.message(b'Z', |to| {
            to.put_u8(match standing {
                Standing::Idle => b'I',
                Standing::InTransaction => b'T',
                Standing::Failed => b'E',
            });
        });
    }

    pub(crate) fn fault(&mut self, fault: &Fault) {
        let severity = if fault.fatal { "FATAL" } else { "ERROR" };
        self.message(b'E', |to| {
            for (field, value) in [(b'S', severity), (b'V', severity), (b'C', fault.code), (b'M', &fault.message)] {
                to.put_u8(field);
                text(to, value);
            }
            if let Some(hint) = &fault.hint {
                to.put_u8(b'H');
                text(to, hint);
            }
            if let Some(position) = fault.position {
                to.put_u8(b'P');
                text(to, &position.to_string());
            }
            to.put_u8(0);
        });
    }

    /// The columns of an answer; `format` says how each comes.
    pub(crate) fn columns(&mut self, columns: &[SqlColumn], format: impl Fn(usize) -> Format) {
        self.message(b'T', |to| {
            to.put_u16(u16::try_from(columns.len()).unwrap_or(u16::MAX));
            for (at, column) in columns.iter().enumerate() {
                text(to, &column.name);
                to.put_i32(0);
                to.put_i16(0);
                to.put_u32(encode::oid(column.sql_type));
                to.put_i16(encode::width(column.sql_type));
                to.put_i32(-1);
                to.put_u16(u16::from(format(at) == Format::Binary));
            }
        });
    }

    pub(crate) fn parameters(&mut self, types: &[SqlType]) {
        self.message(b't', |to| {
            to.put_u16(u16::try_from(types.len()).unwrap_or(u16::MAX));
            for sql_type in types {
                to.put_u32(encode::oid(*sql_type));
            }
        });
    }

    pub(crate) fn row(&mut self, row: &[SqlValue], format: impl Fn(usize) -> Format) {
        self.message(b'D', |to| {
            to.put_u16(u16::try_from(row.len()).unwrap_or(u16::MAX));
            for (at, value) in row.iter().enumerate() {
                encode::value(to, value, format(at));
            }
        });
    }

    pub(crate) fn done(&mut self, tag: &str) {
        self.message(b'C', |to| text(to, tag));
    }

    /// A message without anything in it: `1` parsed, `2` bound, `3` closed, `n` no rows, `s` suspended, `I` nothing asked.
    pub(crate) fn bare(&mut self, kind: u8) {
        self.message(kind, |_| {});
    }
}

fn text(to: &mut BytesMut, text: &str) {
    // What a zero would cut off is shown instead.
    to.put_slice(text.replace('\0', "\u{fffd}").as_bytes());
    to.put_u8(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_tells_code_words_hint_and_place() {
        let problem = SqlProblem::new(SqlFault::NoColumn, "there is no such column")
            .at(Some(Place { line: 2, column: 8 }))
            .hint("did you mean `BilledCost`?");
        let mut reply = Reply::default();
        reply.fault(&Fault::of(&problem, "SELECT 'ü',\n       x\n"));
        let text = String::from_utf8_lossy(&reply.held);
        assert!(text.contains("C42703\0Mthere is no such column\0Hdid you mean `BilledCost`?\0P20\0\0"), "{text:?}");
        let length = i32::from_be_bytes(reply.held[1..5].try_into().unwrap());
        assert_eq!(usize::try_from(length).unwrap(), reply.held.len() - 1);
    }
}
