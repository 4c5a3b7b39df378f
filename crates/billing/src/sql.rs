//! SQL's words: the columns and values of an answer, a statement's parameters, and what can be wrong with a statement.

use std::fmt;

use time::{Date, Duration};

/// What a column or a parameter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlType {
    /// Yes or no.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// A binary floating-point number; never an amount.
    Float,
    /// An exact decimal number.
    Decimal,
    /// Text, and whatever is shown as text.
    Text,
    /// A day.
    Date,
    /// An instant in UTC.
    Time,
}

impl SqlType {
    /// The name that Postgres has for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Int => "bigint",
            Self::Float => "double precision",
            Self::Decimal => "numeric",
            Self::Text => "text",
            Self::Date => "date",
            Self::Time => "timestamp with time zone",
        }
    }
}

/// Settings of a session that Postgres's clients look at, and what they are here.
pub const SETTINGS: &[(&str, &str)] = &[
    ("application_name", ""),
    ("client_encoding", "UTF8"),
    ("client_min_messages", "notice"),
    ("datestyle", "ISO, MDY"),
    ("default_transaction_isolation", "repeatable read"),
    ("default_transaction_read_only", "on"),
    ("extra_float_digits", "1"),
    ("integer_datetimes", "on"),
    ("intervalstyle", "postgres"),
    ("is_superuser", "off"),
    ("lc_collate", "C"),
    ("lc_ctype", "C"),
    ("max_identifier_length", "63"),
    ("max_index_keys", "32"),
    ("search_path", "public"),
    ("server_encoding", "UTF8"),
    ("server_version", "16.0"),
    ("server_version_num", "160000"),
    ("session_authorization", "billconnect"),
    ("standard_conforming_strings", "on"),
    ("statement_timeout", "0"),
    ("timezone", "UTC"),
    ("transaction_isolation", "repeatable read"),
    ("transaction_read_only", "on"),
];

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlColumn {
    /// Its name; two columns may have the same.
    pub name: String,
    /// What it holds.
    pub sql_type: SqlType,
}

/// What a statement takes and answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SqlShape {
    /// The types of its parameters.
    pub parameters: Vec<SqlType>,
    /// The columns of its answer.
    pub columns: Vec<SqlColumn>,
}

/// A value of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum SqlValue {
    /// None.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A binary floating-point number.
    Float(f64),
    /// A decimal number with all its digits, without zeros at its end.
    Decimal(String),
    /// Text.
    Text(String),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01, UTC.
    Time(i64),
}

impl SqlValue {
    /// The value as text, as Postgres writes it: instants in UTC, days and instants as ISO 8601 has them; nothing for null.
    pub fn text(&self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(flag) => flag.to_string(),
            Self::Int(whole) => whole.to_string(),
            Self::Float(float) if float.is_infinite() => if *float > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
            Self::Float(float) => float.to_string(),
            Self::Decimal(text) | Self::Text(text) => text.clone(),
            Self::Date(days) => day(i64::from(*days)).map_or_else(|| days.to_string(), |day| day.to_string()),
            Self::Time(micros) => instant(*micros).unwrap_or_else(|| micros.to_string()),
        })
    }
}

const MICROS_OF_DAY: i64 = 86_400_000_000;

fn day(days: i64) -> Option<Date> {
    Date::from_ordinal_date(1970, 1).ok()?.checked_add(Duration::days(days))
}

fn instant(micros: i64) -> Option<String> {
    let day = day(micros.div_euclid(MICROS_OF_DAY))?;
    let rest = micros.rem_euclid(MICROS_OF_DAY);
    let (seconds, part) = (rest / 1_000_000, rest % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let part = format!(".{part:06}");
    let part = part.trim_end_matches('0').trim_end_matches('.');
    Some(format!("{day} {hour:02}:{minute:02}:{second:02}{part}+00"))
}

/// A parameter of a statement, as a client gives it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SqlParameter {
    /// What the client says that it is; like a text in quotes, whatever its place needs, if it says nothing.
    pub sql_type: Option<SqlType>,
    /// Its value as text; none is null.
    pub value: Option<String>,
}

/// A place in a statement's text, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The character in the line.
    pub column: u64,
}

/// What kind of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlFault {
    /// It is no SQL.
    Syntax,
    /// It is SQL that is not answered here.
    NotAllowed,
    /// It names a column that is not there.
    NoColumn,
    /// It names a table that is not there.
    NoTable,
    /// It calls a function that is not there.
    NoFunction,
    /// Values don't fit: their types, their size, a division by zero.
    Data,
    /// It needs more memory than a statement gets.
    TooLarge,
    /// It took too long.
    TimeOut,
    /// As many statements are being answered as may be.
    Busy,
}

/// What is wrong with a statement. Its words never repeat the statement's own: a secret may have been pasted there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SqlProblem {
    /// What kind of thing is wrong.
    pub fault: SqlFault,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
    /// What to do.
    pub hint: Option<String>,
}

impl SqlProblem {
    /// A problem of a kind.
    pub fn new(fault: SqlFault, message: impl Into<String>) -> Self {
        Self { fault, message: message.into(), place: None, hint: None }
    }

    /// The same at a place.
    #[must_use]
    pub fn at(self, place: Option<Place>) -> Self {
        Self { place, ..self }
    }

    /// The same with what to do.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for SqlProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(Place { line, column }) = self.place {
            write!(f, " (line {line}, column {column})")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_postgres_writes_them() {
        for (value, expect) in [
            (SqlValue::Time(1_788_325_200_000_000), "2026-09-02 05:00:00+00"),
            (SqlValue::Time(-1), "1969-12-31 23:59:59.999999+00"),
            (SqlValue::Time(1_500_000), "1970-01-01 00:00:01.5+00"),
            (SqlValue::Date(20_698), "2026-09-02"),
            (SqlValue::Float(0.5), "0.5"),
            (SqlValue::Float(f64::NAN), "NaN"),
            (SqlValue::Float(f64::NEG_INFINITY), "-Infinity"),
            (SqlValue::Decimal("36.1".to_owned()), "36.1"),
            (SqlValue::Bool(true), "true"),
        ] {
            assert_eq!(value.text().as_deref(), Some(expect));
        }
        assert_eq!(SqlValue::Null.text(), None);
    }

    #[test]
    fn a_problem_says_what_where_and_what_to_do() {
        let problem = SqlProblem::new(SqlFault::NoColumn, "there is no such column");
        assert_eq!(problem.to_string(), "there is no such column");
        let problem = problem.at(Some(Place { line: 2, column: 8 })).hint("did you mean `BilledCost`?");
        assert_eq!(problem.to_string(), "there is no such column (line 2, column 8); did you mean `BilledCost`?");
    }
}
