//! What months came from: the deliveries of each, the one that it comes from now among them, and which of them a question means.

use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use crate::delivery::DeliveryId;
use crate::money::Amount;
use crate::names::{BillConnectId, NameError};
use crate::period::BillingPeriod;
use crate::receipt::{MonthStatus, PublishedMonth, Receipt};

/// A delivery that was published as its month, whether or not the month still comes from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastDelivery {
    /// The connection that it came through.
    pub connect: BillConnectId,
    /// The month.
    pub period: BillingPeriod,
    /// Which delivery of the month.
    pub delivery_id: DeliveryId,
    /// The report's name.
    pub report_name: String,
    /// The key of the manifest that described it.
    pub manifest_key: String,
    /// When AWS made it.
    #[serde(with = "time::serde::rfc3339")]
    pub made_at: OffsetDateTime,
    /// Since when the month came from it.
    #[serde(with = "time::serde::rfc3339")]
    pub published_at: OffsetDateTime,
    /// Until when; `None` where the month comes from it now.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub replaced_at: Option<OffsetDateTime>,
    /// When retention took its charges away; what it summed to is still known then.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<OffsetDateTime>,
    /// How settled the bill was.
    pub status: MonthStatus,
    /// Rows in its files.
    pub rows: u64,
    /// Charges in the lake.
    pub charges: u64,
    /// Their `BilledCost`.
    pub billed: Amount,
    /// Their `EffectiveCost`.
    pub effective: Amount,
    /// Their `ListCost`.
    pub list: Amount,
}

impl PastDelivery {
    /// The delivery of a receipt, as of its publishing: nothing has replaced it.
    pub fn of(receipt: &Receipt) -> Self {
        Self {
            connect: receipt.connect.clone(),
            period: receipt.period,
            delivery_id: receipt.delivery_id.clone(),
            report_name: receipt.report_name.clone(),
            manifest_key: receipt.manifest_key.clone(),
            made_at: receipt.made_at,
            published_at: receipt.published_at,
            replaced_at: None,
            removed_at: None,
            status: receipt.status,
            rows: receipt.rows_in_files,
            charges: receipt.charges_in_lake,
            billed: receipt.billed_in_lake,
            effective: receipt.effective_in_lake,
            list: receipt.list_in_lake,
        }
    }

    /// Whether the month comes from it now.
    pub fn is_current(&self) -> bool {
        self.replaced_at.is_none()
    }

    /// Whether the month came from it at this instant.
    pub fn was_current(&self, at: OffsetDateTime) -> bool {
        self.published_at <= at && self.replaced_at.is_none_or(|replaced| at < replaced)
    }

    /// The line that names it in an answer.
    pub fn published(&self) -> PublishedMonth {
        PublishedMonth {
            connect: self.connect.clone(),
            period: self.period,
            delivery_id: self.delivery_id.clone(),
            manifest_key: self.manifest_key.clone(),
            made_at: self.made_at,
            published_at: self.published_at,
            charges: self.charges,
            status: self.status,
        }
    }
}

/// One delivery of one month, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedDelivery {
    /// The connection.
    pub connect: BillConnectId,
    /// The month.
    pub period: BillingPeriod,
    /// Which delivery of it. The same one may have been published more than once; the last time counts.
    pub delivery_id: DeliveryId,
}

/// Which deliveries a question is about. The default is what each month comes from now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AsOf {
    /// Each month as it was published at this instant; months that were not published then are empty.
    pub at: Option<OffsetDateTime>,
    /// Months that come from a delivery that the question names, whatever the instant.
    pub deliveries: Vec<NamedDelivery>,
}

impl AsOf {
    /// The instant that a text means: `2026-10-03` is the end of that day in UTC, so that what was published on it counts;
    /// `2026-10-03T12:00:00Z` is itself.
    pub fn instant(text: &str) -> Result<OffsetDateTime, NameError> {
        let day = Date::parse(text, format_description!("[year]-[month]-[day]")).ok();
        let end = |day: Date| Some(day.next_day()?.midnight().assume_utc() - time::Duration::nanoseconds(1));
        let instant = day.and_then(end).or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok());
        let rule =
            "it is a day like `2026-10-03`, which means its end in UTC, or an instant like `2026-10-03T12:00:00Z`";
        instant.ok_or_else(|| NameError::new("an instant", text, rule))
    }

    /// What each month comes from now.
    pub const NOW: Self = Self { at: None, deliveries: Vec::new() };

    /// The delivery that the question names for a month.
    pub fn named(&self, connect: &BillConnectId, period: BillingPeriod) -> Option<&NamedDelivery> {
        self.deliveries.iter().find(|named| named.connect == *connect && named.period == period)
    }

    /// The month that is named more than once, if any is: it could come from one delivery only.
    pub fn named_twice(&self) -> Option<&NamedDelivery> {
        let mut all = self.deliveries.iter().enumerate();
        all.find(|(at, named)| {
            self.deliveries[..*at].iter().any(|other| other.connect == named.connect && other.period == named.period)
        })
        .map(|(_, named)| named)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn named(period: &str, name: &str) -> NamedDelivery {
        NamedDelivery {
            connect: "aws-123456789012".parse().unwrap(),
            period: period.parse().unwrap(),
            delivery_id: DeliveryId::of(name, &[]),
        }
    }

    #[test]
    fn a_month_comes_from_one_named_delivery() {
        let [august, september, other] = [named("2026-08", "a"), named("2026-09", "b"), named("2026-09", "c")];
        let once = AsOf { at: None, deliveries: vec![august, september.clone()] };
        assert_eq!(once.named_twice(), None);
        assert_eq!(once.named(&september.connect, september.period), Some(&september));
        assert_eq!(once.named(&september.connect, "2026-10".parse().unwrap()), None);
        let twice = AsOf { deliveries: vec![september, other.clone()], ..AsOf::NOW };
        assert_eq!(twice.named_twice(), Some(&other));
    }

    #[test]
    fn a_day_means_its_end() {
        let end = datetime!(2026-10-03 23:59:59.999_999_999 UTC);
        assert_eq!(AsOf::instant("2026-10-03"), Ok(end));
        assert_eq!(AsOf::instant("2026-10-03T14:00:00+02:00"), Ok(datetime!(2026-10-03 12:00 UTC)));
        for wrong in ["", "2026-10", "2026-13-01", "yesterday", "2026-10-03T12:00:00"] {
            assert!(AsOf::instant(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_delivery_is_current_from_its_publishing_until_it_is_replaced() {
        let json = r#"{"connect":"aws-123456789012","period":"2026-09","delivery_id":"d","report_name":"R","manifest_key":"m",
            "made_at":"2026-10-02T00:00:00Z","published_at":"2026-10-03T00:00:00Z","replaced_at":"2026-10-04T00:00:00Z",
            "status":"final","rows":1,"charges":1,"billed":1,"effective":1,"list":1}"#;
        let past: PastDelivery = serde_json::from_str(json).unwrap();
        let (published, replaced) = (datetime!(2026-10-03 0:00 UTC), datetime!(2026-10-04 0:00 UTC));
        let nanosecond = time::Duration::nanoseconds(1);
        for (at, current) in
            [(published - nanosecond, false), (published, true), (replaced - nanosecond, true), (replaced, false)]
        {
            assert_eq!(past.was_current(at), current, "{at}");
        }
        let now = PastDelivery { replaced_at: None, ..past };
        assert!(now.is_current() && now.was_current(replaced));
        assert!(!serde_json::to_string(&now).unwrap().contains("replaced_at"));
    }
}
