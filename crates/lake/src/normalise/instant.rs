//! Instants as AWS writes them, read by hand: there are four in every line, and most are the same as the last.

/// Reads `2026-09-01T00:00:00Z`, `2026-09-01T00:00:00.000Z`, `2026-09-01 00:00:00+00:00` and the like as microseconds
/// since 1970, UTC. Without an offset it is UTC. `None` for anything else.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else { return None };
    let year = i64::from(two(y1, y2)?) * 100 + i64::from(two(y3, y4)?);
    let days = days_since_1970(year, two(m1, m2)?, two(d1, d2)?)?;
    let [b'T' | b't' | b' ', h1, h2, b':', i1, i2, b':', s1, s2, rest @ ..] = rest else { return None };
    let (hour, minute, second) = (two(*h1, *h2)?, two(*i1, *i2)?, two(*s1, *s2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, rest) = micros(rest)?;
    let seconds = days * 86_400 + i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
    Some((seconds - offset(rest)?) * 1_000_000 + fraction)
}

fn two(tens: u8, ones: u8) -> Option<u8> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| byte - b'0');
    Some(digit(tens)? * 10 + digit(ones)?)
}

/// Days from 1970-01-01 in the Gregorian calendar; `None` for a date that does not exist.
fn days_since_1970(year: i64, month: u8, day: u8) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the leap day is a year's last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days_of_year = (153 * i64::from(month) + 2) / 5 + i64::from(day) - 1;
    let days_of_years = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(days_of_years + days_of_year - 719_468)
}

/// The fraction of a second, if any, in microseconds; digits beyond are refused unless they are zeros.
fn micros(text: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.', rest @ ..] = text else { return Some((0, text)) };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = rest.split_at(count);
    if digits.is_empty() || digits.iter().skip(6).any(|digit| *digit != b'0') {
        return None;
    }
    let micros = (0..6).fold(0, |micros, at| micros * 10 + digits.get(at).map_or(0, |digit| i64::from(digit - b'0')));
    Some((micros, rest))
}

/// The offset from UTC in seconds.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match *text {
        [] | [b'Z' | b'z'] => return Some(0),
        [sign, h1, h2] => (sign, two(h1, h2)?, 0),
        [sign, h1, h2, i1, i2] | [sign, h1, h2, b':', i1, i2] => (sign, two(h1, h2)?, two(i1, i2)?),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = i64::from(hours) * 3_600 + i64::from(minutes) * 60;
    match sign {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use time::format_description::well_known::Rfc3339;
    use time::macros::datetime;
    use time::{Duration, OffsetDateTime};

    use super::*;

    #[track_caller]
    fn reads(text: &str, expect: OffsetDateTime) {
        assert_eq!(parse(text.as_bytes()).map(i128::from), Some(expect.unix_timestamp_nanos() / 1000), "{text}");
    }

    #[test]
    fn every_form_that_aws_writes() {
        let expect = datetime!(2026-09-01 13:14:15 UTC);
        for text in [
            "2026-09-01T13:14:15Z",
            "2026-09-01T13:14:15.000Z",
            "2026-09-01T13:14:15.000000000Z",
            "2026-09-01 13:14:15+00:00",
            "2026-09-01 13:14:15",
            "2026-09-01 13:14:15.000",
            "2026-09-01T15:14:15+02",
            "2026-09-01T15:14:15+0200",
            "2026-09-01T08:44:15-04:30",
        ] {
            reads(text, expect);
        }
        reads("2026-09-01T13:14:15.123456Z", datetime!(2026-09-01 13:14:15.123456 UTC));
        reads("1969-12-31T23:59:59Z", datetime!(1969-12-31 23:59:59 UTC));
    }

    #[test]
    fn every_day_of_many_years_as_the_time_crate_has_it() {
        let mut day = datetime!(1899-12-30 00:00:00 UTC);
        while day < datetime!(2101-01-02 00:00:00 UTC) {
            reads(&day.format(&Rfc3339).unwrap(), day);
            day += Duration::days(1);
        }
    }

    #[test]
    fn what_is_no_instant() {
        for text in [
            "",
            "2026",
            "2026-09-01",
            "2026-9-1T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-09-31T00:00:00Z",
            "2026-09-00T00:00:00Z",
            "2026-09-01T24:00:00Z",
            "2026-09-01T00:60:00Z",
            "2026-09-01T00:00:60Z",
            "2026-09-01T00:00:00.Z",
            "2026-09-01T00:00:00.1234567Z",
            "2026-09-01T00:00:00ZZ",
            "2026-09-01T00:00:00*01:00",
            "2026-09-01T00:00:00+99:00",
            "2026-09-01T00:00:00+01:60",
            " 2026-09-01T00:00:00Z",
            "2026/09/01 00:00:00",
            "None",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
