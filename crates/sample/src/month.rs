//! Calendar months and the ways a bill writes them.

use std::fmt;

/// A month in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    /// For example 2026.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
}

impl Month {
    pub(crate) fn next(self) -> Self {
        if self.month == 12 { Self { year: self.year + 1, month: 1 } } else { Self { month: self.month + 1, ..self } }
    }

    pub(crate) fn days(self) -> u8 {
        match self.month {
            4 | 6 | 9 | 11 => 30,
            2 if self.year.is_multiple_of(4) && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400)) => 29,
            2 => 28,
            _ => 31,
        }
    }

    pub(crate) fn hours(self) -> u16 {
        u16::from(self.days()) * 24
    }

    /// `20260901-20261001`: the folder of a legacy report's month.
    pub(crate) fn folder(self) -> String {
        let end = self.next();
        format!("{}{:02}01-{}{:02}01", self.year, self.month, end.year, end.month)
    }

    /// `20260901T000000.000Z`, as manifests write it.
    pub(crate) fn manifest_start(self) -> String {
        format!("{}{:02}01T000000.000Z", self.year, self.month)
    }

    /// The start of every hour and, at the end, of the next month: `2026-09-01T00:00:00Z`.
    pub(crate) fn stamps(self) -> Vec<String> {
        let hours = (1..=self.days()).flat_map(|day| (0..24).map(move |hour| (self, day, hour)));
        hours
            .chain([(self.next(), 1, 0)])
            .map(|(month, day, hour)| format!("{month}-{day:02}T{hour:02}:00:00Z"))
            .collect()
    }
}

/// `2026-09`
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", self.year, self.month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_know_their_length_and_folder() {
        let december = Month { year: 2026, month: 12 };
        assert_eq!(december.folder(), "20261201-20270101");
        assert_eq!(december.manifest_start(), "20261201T000000.000Z");
        assert_eq!(december.hours(), 744);
        assert_eq!(december.next().days() + december.next().next().days(), 31 + 28);
        assert_eq!(Month { year: 2028, month: 2 }.days(), 29);
        assert_eq!(Month { year: 2100, month: 2 }.days(), 28);
    }

    #[test]
    fn stamps_run_from_the_first_hour_to_the_next_month() {
        let stamps = Month { year: 2026, month: 9 }.stamps();
        assert_eq!(stamps.len(), 721);
        assert_eq!((stamps[0].as_str(), stamps[25].as_str()), ("2026-09-01T00:00:00Z", "2026-09-02T01:00:00Z"));
        assert_eq!(stamps[720], "2026-10-01T00:00:00Z");
    }
}
