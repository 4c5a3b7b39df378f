//! Bill months as lists show them: how far the reading of each month of each bill connect is.

use std::borrow::Cow;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::listing::{Direction, Field, Order, Row};
use crate::names::{BillConnectId, quotable};
use crate::period::BillingPeriod;
use crate::spreadsheet;

/// A month of a bill connect's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillMonth {
    /// The bill connect.
    pub connect: BillConnectId,
    /// The month.
    pub period: BillingPeriod,
    /// How far it is.
    pub status: Processing,
    /// When it was last begun to be read, if that is known.
    pub started_at: Option<OffsetDateTime>,
    /// When that ended, one way or the other; unknown while it goes on.
    pub ended_at: Option<OffsetDateTime>,
    /// When it was last published; never, where that is unknown.
    pub processed_at: Option<OffsetDateTime>,
}

/// Whether a month is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processing {
    /// It is, or it waits for its turn.
    Processing,
    /// It is not: what could be read of it has been.
    Processed,
}

impl Processing {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Processing, Self::Processed];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Processed => "processed",
        }
    }
}

/// What bill months can be filtered and ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the fields of a bill month")]
pub enum BillMonthField {
    BillConnectId,
    BillMonth,
    Status,
    LastProcessStartAt,
    LastProcessEndAt,
    LastProcessedAt,
}

impl BillMonth {
    /// The order that bill months come in unless asked otherwise: newest first.
    pub fn usual_order() -> Order<BillMonthField> {
        Order::by(&[(BillMonthField::BillMonth, Direction::Desc), (BillMonthField::BillConnectId, Direction::Asc)])
    }

    /// When anything last became of it, if that is known.
    pub fn changed_at(&self) -> Option<OffsetDateTime> {
        [self.started_at, self.ended_at, self.processed_at].into_iter().flatten().max()
    }
}

/// Bill months as a csv file with a header, for spreadsheets and programs.
pub fn csv(months: &[BillMonth]) -> String {
    let cells = |month: &BillMonth| {
        let cells = BillMonthField::ALL.iter().map(|field| month.cell(*field).unwrap_or_default().into_owned());
        cells.collect::<Vec<_>>()
    };
    let header = spreadsheet::line(BillMonthField::ALL.iter().map(|field| field.name()));
    let lines = months.iter().map(|month| spreadsheet::line(cells(month).iter().map(String::as_str)));
    std::iter::once(header).chain(lines).collect()
}

impl Field for BillMonthField {
    const ALL: &'static [Self] = &[
        Self::BillConnectId,
        Self::BillMonth,
        Self::Status,
        Self::LastProcessStartAt,
        Self::LastProcessEndAt,
        Self::LastProcessedAt,
    ];
    const KEY: &'static [Self] = &[Self::BillConnectId, Self::BillMonth];

    fn name(self) -> &'static str {
        match self {
            Self::BillConnectId => "billConnectId",
            Self::BillMonth => "billMonth",
            Self::Status => "status",
            Self::LastProcessStartAt => "lastProcessStartAt",
            Self::LastProcessEndAt => "lastProcessEndAt",
            Self::LastProcessedAt => "lastProcessedAt",
        }
    }

    fn read(self, text: &str) -> Result<String, String> {
        match self {
            Self::BillConnectId => Ok(text.to_owned()),
            Self::BillMonth => read_month(text).map(month),
            Self::Status if Processing::ALL.iter().any(|known| known.name() == text) => Ok(text.to_owned()),
            Self::Status => Err(format!("`{}` is no status; it is `processing` or `processed`", quotable(text))),
            Self::LastProcessStartAt | Self::LastProcessEndAt | Self::LastProcessedAt => instant(text),
        }
    }
}

impl Row for BillMonth {
    type Field = BillMonthField;

    fn cell(&self, field: BillMonthField) -> Option<Cow<'_, str>> {
        match field {
            BillMonthField::BillConnectId => Some(self.connect.as_ref().into()),
            BillMonthField::BillMonth => Some(month(self.period).into()),
            BillMonthField::Status => Some(self.status.name().into()),
            BillMonthField::LastProcessStartAt => self.started_at.map(|at| stamp(at).into()),
            BillMonthField::LastProcessEndAt => self.ended_at.map(|at| stamp(at).into()),
            BillMonthField::LastProcessedAt => self.processed_at.map(|at| stamp(at).into()),
        }
    }
}

/// A month as bill months write it: `202509`.
pub fn month(period: BillingPeriod) -> String {
    format!("{:04}{:02}", period.year(), period.month())
}

/// Reads a month as bill months write it.
pub fn read_month(text: &str) -> Result<BillingPeriod, String> {
    let digits = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    let read = digits.then(|| format!("{}-{}", &text[..4], &text[4..]).parse().ok()).flatten();
    read.ok_or_else(|| {
        format!("`{}` is no bill month; it is year and month from 2000 to 2099, like `202509`", quotable(text))
    })
}

/// An instant as bill months write it: UTC, in whole seconds, so that texts are ordered as instants are.
pub fn stamp(at: OffsetDateTime) -> String {
    let whole = at.to_offset(time::UtcOffset::UTC).truncate_to_second();
    whole.format(&Rfc3339).expect("the years of this product have four digits")
}

fn instant(text: &str) -> Result<String, String> {
    let read = OffsetDateTime::parse(text, &Rfc3339).ok().filter(|at| at.nanosecond() == 0);
    let read = read.and_then(|at| at.checked_to_offset(time::UtcOffset::UTC));
    read.filter(|at| (0..=9999).contains(&at.year())).map(stamp).ok_or_else(|| {
        let given = quotable(text);
        format!("`{given}` is no time; it is a date and a time in whole seconds, like `2025-09-03T12:00:00Z`")
    })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::listing::{Filter, Listing};

    fn month_of(connect: &str, period: &str) -> BillMonth {
        BillMonth {
            connect: connect.parse().unwrap(),
            period: period.parse().unwrap(),
            status: Processing::Processed,
            started_at: Some(datetime!(2026-10-03 12:00:00.9 UTC)),
            ended_at: None,
            processed_at: None,
        }
    }

    #[test]
    fn months_come_newest_first() {
        let (one, other) = ("aws-123456789012", "aws-210987654321");
        let rows = vec![month_of(other, "2026-09"), month_of(one, "2025-12"), month_of(one, "2026-09")];
        let listed = Listing { filter: None, order: BillMonth::usual_order() }.all(rows);
        let told: Vec<_> = listed.iter().map(|row| (row.connect.as_ref(), row.period.to_string())).collect();
        let expected = [(one, "2026-09"), (other, "2026-09"), (one, "2025-12")];
        assert_eq!(told, expected.map(|(connect, period)| (connect, period.to_owned())));
    }

    #[test]
    fn a_sheet_has_every_field_and_leaves_out_what_is_unknown() {
        let expected = "billConnectId,billMonth,status,lastProcessStartAt,lastProcessEndAt,lastProcessedAt\r\n\
                        aws-123456789012,202609,processed,2026-10-03T12:00:00Z,,\r\n";
        assert_eq!(csv(&[month_of("aws-123456789012", "2026-09")]), expected);
    }

    #[test]
    fn values_are_compared_in_one_form() {
        let row = month_of("aws-123456789012", "2026-09");
        for (filter, holds) in [
            ("billMonth eq '202609'", true),
            ("billMonth gt '202512'", true),
            ("billMonth sw '2026'", true),
            ("lastProcessStartAt eq '2026-10-03T14:00:00+02:00'", true),
            ("lastProcessStartAt lt '2026-10-03T12:00:00Z'", false),
            ("lastProcessEndAt ne '2026-10-03T12:00:00Z'", true),
            ("lastProcessEndAt le '2026-10-03T12:00:00Z'", false),
            ("status in ('processing','processed')", true),
        ] {
            let read = Filter::<BillMonthField>::parse(filter).unwrap_or_else(|flaws| panic!("{filter}: {flaws:?}"));
            assert_eq!(read.holds(&row), holds, "{filter}");
        }
    }

    #[test]
    fn what_can_be_no_value_is_refused() {
        for filter in [
            "billMonth eq '2026-09'",
            "billMonth eq '202613'",
            "billMonth eq '+20261'",
            "status eq 'done'",
            "lastProcessedAt gt '2026'",
            "lastProcessedAt gt '2026-10-03T12:00:00.5Z'",
            "lastProcessedAt gt '0000-01-01T00:00:00+23:00'",
        ] {
            let flaws = Filter::<BillMonthField>::parse(filter).unwrap_err();
            assert!(flaws[0].message.contains("` is no "), "{filter}: {flaws:?}");
        }
    }
}
