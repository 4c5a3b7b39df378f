//! Values as they cross the wire, in text or in Postgres's binary forms.

use billing::sql::{SqlParameter, SqlType, SqlValue};
use bytes::{BufMut, BytesMut};

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Binary,
}

impl Format {
    /// The format of the parameter or column at a place: text, or what one word says of all, or its own.
    pub(crate) fn at(formats: &[u16], at: usize) -> Self {
        let word = match formats {
            [one] => Some(one),
            each => each.get(at),
        };
        if word == Some(&1) { Self::Binary } else { Self::Text }
    }
}

/// The oid of a type.
pub(crate) fn oid(sql_type: SqlType) -> u32 {
    match sql_type {
        SqlType::Bool => 16,
        SqlType::Int => 20,
        SqlType::Text => 25,
        SqlType::Float => 701,
        SqlType::Date => 1082,
        SqlType::Time => 1184,
        SqlType::Decimal => 1700,
    }
}

/// The bytes of a value of a type; less than nothing where it varies.
pub(crate) fn width(sql_type: SqlType) -> i16 {
    match sql_type {
        SqlType::Bool => 1,
        SqlType::Date => 4,
        SqlType::Int | SqlType::Float | SqlType::Time => 8,
        SqlType::Text | SqlType::Decimal => -1,
    }
}

/// The type that a parameter's oid means; none where it means nothing here, and the value is read like a text in quotes.
pub(crate) fn sql_type(oid: u32) -> Option<SqlType> {
    Some(match oid {
        16 => SqlType::Bool,
        20 | 21 | 23 | 26 => SqlType::Int,
        700 | 701 => SqlType::Float,
        1700 => SqlType::Decimal,
        1082 => SqlType::Date,
        1114 | 1184 => SqlType::Time,
        _ => return None,
    })
}

/// Microseconds and days from 1970 to 2000, where Postgres counts from.
const MICROS_TO_2000: i64 = 946_684_800_000_000;
const DAYS_TO_2000: i32 = 10_957;

/// Writes a value behind its length.
pub(crate) fn value(to: &mut BytesMut, value: &SqlValue, format: Format) {
    let Some(text) = text(value) else { return to.put_i32(-1) };
    if format == Format::Text {
        return sized(to, text.as_bytes());
    }
    match value {
        SqlValue::Bool(flag) => sized(to, &[u8::from(*flag)]),
        SqlValue::Int(whole) => sized(to, &whole.to_be_bytes()),
        SqlValue::Float(float) => sized(to, &float.to_be_bytes()),
        SqlValue::Date(days) => sized(to, &days.saturating_sub(DAYS_TO_2000).to_be_bytes()),
        SqlValue::Time(micros) => sized(to, &micros.saturating_sub(MICROS_TO_2000).to_be_bytes()),
        SqlValue::Decimal(text) => sized(to, &numeric(text)),
        SqlValue::Null | SqlValue::Text(_) => sized(to, text.as_bytes()),
    }
}

fn sized(to: &mut BytesMut, bytes: &[u8]) {
    to.put_i32(i32::try_from(bytes.len()).unwrap_or(0));
    to.put_slice(bytes);
}

/// A value as text; Postgres has one letter for a truth.
fn text(value: &SqlValue) -> Option<String> {
    match value {
        SqlValue::Bool(flag) => Some(if *flag { "t" } else { "f" }.to_owned()),
        // A text has no zeros in Postgres.
        SqlValue::Text(text) if text.contains('\0') => Some(text.replace('\0', "\u{fffd}")),
        value => value.text(),
    }
}

/// A decimal in groups of four digits, with a weight, a sign and how many digits stand behind the point.
fn numeric(text: &str) -> Vec<u8> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let before = whole.len().div_ceil(4);
    let padded = format!("{whole:0>width$}{part:0<rest$}", width = before * 4, rest = part.len().div_ceil(4) * 4);
    let mut groups: Vec<u16> = padded
        .as_bytes()
        .chunks(4)
        .map(|group| group.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0')))
        .collect();
    let mut weight = i16::try_from(before).unwrap_or(0) - 1;
    let leading = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..leading);
    weight -= i16::try_from(leading).unwrap_or(0);
    while groups.last() == Some(&0) {
        groups.pop();
    }
    let mut bytes = BytesMut::new();
    bytes.put_i16(i16::try_from(groups.len()).unwrap_or(0));
    bytes.put_i16(if groups.is_empty() { 0 } else { weight });
    bytes.put_u16(if negative { 0x4000 } else { 0 });
    bytes.put_i16(i16::try_from(part.len()).unwrap_or(0));
    for group in &groups {
        bytes.put_u16(*group);
    }
    bytes.to_vec()
}

/// A parameter as it came: its type's oid, its format, its bytes. None where it can't be read.
pub(crate) fn parameter((oid, format): (u32, Format), bytes: Option<&[u8]>) -> Option<SqlParameter> {
    let sql_type = sql_type(oid);
    let value = match bytes {
        None => None,
        Some(bytes) if format == Format::Text => Some(std::str::from_utf8(bytes).ok()?.to_owned()),
        Some(bytes) => Some(from_binary(oid, bytes)?),
    };
    Some(SqlParameter { sql_type, value })
}

fn from_binary(oid: u32, bytes: &[u8]) -> Option<String> {
    let whole = || match bytes.len() {
        2 => Some(i64::from(i16::from_be_bytes(bytes.try_into().ok()?))),
        4 => Some(i64::from(i32::from_be_bytes(bytes.try_into().ok()?))),
        8 => Some(i64::from_be_bytes(bytes.try_into().ok()?)),
        _ => None,
    };
    Some(match sql_type(oid) {
        Some(SqlType::Bool) => (bytes == [1]).to_string(),
        Some(SqlType::Int) => whole()?.to_string(),
        Some(SqlType::Float) if bytes.len() == 4 => f32::from_be_bytes(bytes.try_into().ok()?).to_string(),
        Some(SqlType::Float) => f64::from_be_bytes(bytes.try_into().ok()?).to_string(),
        Some(SqlType::Date) => SqlValue::Date(i32::try_from(whole()?).ok()?.checked_add(DAYS_TO_2000)?).text()?,
        Some(SqlType::Time) => SqlValue::Time(whole()?.checked_add(MICROS_TO_2000)?).text()?,
        Some(SqlType::Decimal) => from_numeric(bytes)?,
        _ => std::str::from_utf8(bytes).ok()?.to_owned(),
    })
}

fn from_numeric(bytes: &[u8]) -> Option<String> {
    let words: Vec<u16> = bytes.chunks_exact(2).map(|word| u16::from_be_bytes([word[0], word[1]])).collect();
    let [count, weight, sign, scale, groups @ ..] = &words[..] else { return None };
    if groups.len() != usize::from(*count) || *sign > 0x4000 || groups.iter().any(|group| *group > 9999) {
        return None;
    }
    let weight = weight.cast_signed();
    if !(-20..=20).contains(&weight) || *scale > 60 {
        return None;
    }
    // A group's place: 0 is the last before the point.
    let group = |place: i16| {
        let at = usize::try_from(weight - place).ok();
        format!("{:04}", at.and_then(|at| groups.get(at)).copied().unwrap_or(0))
    };
    let whole: String = (0..=weight.max(0)).rev().map(group).collect();
    let part: String = (1..=15).map(|place| group(-place)).collect();
    let part = &part[..usize::from(*scale).min(part.len())];
    let sign = if *sign == 0x4000 { "-" } else { "" };
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_cross_in_binary_with_every_digit() {
        for text in [
            "0",
            "1",
            "-1",
            "10000",
            "36.100000000000000001",
            "-0.000000000000000001",
            "99999999999999999999.999999999999999999",
        ] {
            assert_eq!(from_numeric(&numeric(text)).as_deref(), Some(text), "{text}");
        }
        // As Postgres itself writes 12345.678.
        assert_eq!(numeric("12345.678"), [0, 3, 0, 1, 0, 0, 0, 3, 0, 1, 0x09, 0x29, 0x1a, 0x7c]);
    }

    #[test]
    fn values_have_a_length_before_them() {
        let written = |it: &SqlValue, format| {
            let mut to = BytesMut::new();
            value(&mut to, it, format);
            to.to_vec()
        };
        assert_eq!(written(&SqlValue::Null, Format::Binary), [0xff; 4]);
        assert_eq!(written(&SqlValue::Bool(true), Format::Text), [0, 0, 0, 1, b't']);
        assert_eq!(written(&SqlValue::Int(1), Format::Binary), [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(written(&SqlValue::Time(MICROS_TO_2000), Format::Binary), [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(written(&SqlValue::Text("a\0b".to_owned()), Format::Text).len(), 4 + 5);
    }

    #[test]
    fn parameters_are_read_by_their_type() {
        let read = |oid, bytes: &[u8]| parameter((oid, Format::Binary), Some(bytes)).and_then(|it| it.value);
        assert_eq!(read(23, &[0, 0, 0, 5]).as_deref(), Some("5"));
        assert_eq!(read(1184, &[0; 8]).as_deref(), Some("2000-01-01 00:00:00+00"));
        assert_eq!(read(25, b"text").as_deref(), Some("text"));
        assert_eq!(read(23, &[0, 0, 5]), None);
        assert_eq!(read(1700, &[0, 9]), None);
        assert_eq!(parameter((0, Format::Text), None).unwrap().value, None);
    }
}
