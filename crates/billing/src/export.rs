//! Exports: a month of charges as a FOCUS 1.2 file, and which one is asked for.

use std::fmt;
use std::str::FromStr;

use crate::delivery::DeliveryId;
use crate::history::{AsOf, NamedDelivery};
use crate::names::{BillConnectId, NameError};
use crate::period::BillingPeriod;

/// What an export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExportFormat {
    /// Parquet: every value exact, decimals as decimals.
    Parquet,
    /// Comma-separated text, whose cells no spreadsheet runs: see [`spreadsheet`](crate::spreadsheet).
    Csv,
}

impl ExportFormat {
    /// Every one that there is.
    pub const ALL: [Self; 2] = [Self::Parquet, Self::Csv];

    /// The word for it, which is also how file names end.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
        }
    }

    /// Its content type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }
}

impl FromStr for ExportFormat {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let found = Self::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| NameError::new("an export's format", text, "it is `parquet` or `csv`"))
    }
}

/// Whose charges are exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportSource {
    /// What a month comes from now: of one connection, or of all that the org has.
    Month(BillingPeriod, Option<BillConnectId>),
    /// A delivery of a month, whether or not the month still comes from it.
    Delivery(NamedDelivery),
}

impl ExportSource {
    /// From its parts: a delivery is one of a connection.
    pub fn new(
        period: BillingPeriod,
        connect: Option<BillConnectId>,
        delivery: Option<DeliveryId>,
    ) -> Result<Self, DeliveryOfNothing> {
        match (connect, delivery) {
            (Some(connect), Some(delivery_id)) => Ok(Self::Delivery(NamedDelivery { connect, period, delivery_id })),
            (None, Some(_)) => Err(DeliveryOfNothing),
            (connect, None) => Ok(Self::Month(period, connect)),
        }
    }

    /// The month.
    pub fn period(&self) -> BillingPeriod {
        match self {
            Self::Month(period, _) => *period,
            Self::Delivery(named) => named.period,
        }
    }

    /// The connection, where it is of one.
    pub fn connect(&self) -> Option<&BillConnectId> {
        match self {
            Self::Month(_, connect) => connect.as_ref(),
            Self::Delivery(named) => Some(&named.connect),
        }
    }

    /// Which deliveries it is about.
    pub fn as_of(&self) -> AsOf {
        match self {
            Self::Month(..) => AsOf::NOW,
            Self::Delivery(named) => AsOf { at: None, deliveries: vec![named.clone()] },
        }
    }

    /// What a file of it is called.
    pub fn file_name(&self, format: ExportFormat) -> String {
        let whose = self.connect().map(|connect| format!("{connect}_")).unwrap_or_default();
        format!("focus-1.2_{whose}{}.{}", self.period(), format.name())
    }
}

impl fmt::Display for ExportSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Month(period, None) => write!(f, "`{period}`"),
            Self::Month(period, Some(connect)) => write!(f, "`{period}` of `{connect}`"),
            Self::Delivery(named) => {
                write!(f, "`{}` of `{}`, delivery `{}`", named.period, named.connect, named.delivery_id)
            }
        }
    }
}

/// A delivery was named, but no connection that it came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a delivery is one of a bill connect: name that too")]
pub struct DeliveryOfNothing;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_of_a_month_or_of_a_delivery_of_a_connection() {
        let period: BillingPeriod = "2026-09".parse().unwrap();
        let connect: BillConnectId = "aws-123456789012".parse().unwrap();
        let delivery = DeliveryId::of("m", &[]);
        let all = ExportSource::new(period, None, None).unwrap();
        assert_eq!(all.file_name(ExportFormat::Csv), "focus-1.2_2026-09.csv");
        let one = ExportSource::new(period, Some(connect.clone()), Some(delivery.clone())).unwrap();
        assert_eq!(one.file_name(ExportFormat::Parquet), "focus-1.2_aws-123456789012_2026-09.parquet");
        assert_eq!((one.connect(), one.as_of().deliveries.len()), (Some(&connect), 1));
        assert_eq!(ExportSource::new(period, None, Some(delivery)), Err(DeliveryOfNothing));
    }

    #[test]
    fn formats_are_named_as_files_end() {
        for format in ExportFormat::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert!("xlsx".parse::<ExportFormat>().unwrap_err().to_string().contains("`parquet` or `csv`"));
    }
}
