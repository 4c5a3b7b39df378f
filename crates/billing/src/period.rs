//! Billing periods: the calendar months, in UTC, that AWS bills by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::{Date, Month, OffsetDateTime, Time};

use crate::names::NameError;

/// A billing period: one calendar month in UTC, from 2000-01 to 2099-12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BillingPeriod {
    year: u16,
    month: u8,
}

impl BillingPeriod {
    /// The month `month` (1 to 12) of `year` (2000 to 2099); `None` outside.
    pub fn new(year: i32, month: u8) -> Option<Self> {
        let year = u16::try_from(year).ok().filter(|year| (2000..2100).contains(year))?;
        (1..=12).contains(&month).then_some(Self { year, month })
    }

    /// The calendar year.
    pub fn year(self) -> i32 {
        i32::from(self.year)
    }

    /// The calendar month, 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// The first day.
    pub fn first_day(self) -> Date {
        let month = Month::try_from(self.month).expect("a period's month is 1 to 12");
        Date::from_calendar_date(self.year(), month, 1).expect("the first of a month exists")
    }

    /// The month after; years run out at 2099-12, which answers itself.
    #[must_use]
    pub fn next(self) -> Self {
        let (year, month) = if self.month == 12 { (self.year() + 1, 1) } else { (self.year(), self.month + 1) };
        Self::new(year, month).unwrap_or(self)
    }

    /// The first instant of the period, UTC.
    pub fn start(self) -> OffsetDateTime {
        self.first_day().with_time(Time::MIDNIGHT).assume_utc()
    }

    /// The first instant after the period, UTC.
    pub fn end(self) -> OffsetDateTime {
        let (year, month) = if self.month == 12 { (self.year() + 1, 1) } else { (self.year(), self.month + 1) };
        let month = Month::try_from(month).expect("a period's month is 1 to 12");
        let day = Date::from_calendar_date(year, month, 1).expect("the first of a month exists");
        day.with_time(Time::MIDNIGHT).assume_utc()
    }
}

impl fmt::Display for BillingPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for BillingPeriod {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let parsed = text.split_once('-').filter(|(year, month)| digits(year, 4) && digits(month, 2));
        parsed
            .and_then(|(year, month)| Self::new(year.parse().ok()?, month.parse().ok()?))
            .ok_or_else(|| NameError::new("a billing period", text, "it is a month from 2000 to 2099, like `2026-09`"))
    }
}

fn digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|b| b.is_ascii_digit())
}

impl TryFrom<String> for BillingPeriod {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<BillingPeriod> for String {
    fn from(period: BillingPeriod) -> String {
        period.to_string()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_period_runs_to_the_first_of_the_next_month() {
        let period: BillingPeriod = "2026-12".parse().unwrap();
        assert_eq!(period.start(), datetime!(2026-12-01 0:00 UTC));
        assert_eq!(period.end(), datetime!(2027-01-01 0:00 UTC));
        assert_eq!(period.next().to_string(), "2027-01");
    }

    #[test]
    fn what_is_no_month_is_refused() {
        for wrong in ["", "2026", "2026-13", "2026-00", "1999-12", "2100-01", "2026-9", "+026-09", "2026-+9"] {
            assert!(wrong.parse::<BillingPeriod>().is_err(), "{wrong}");
        }
    }
}
