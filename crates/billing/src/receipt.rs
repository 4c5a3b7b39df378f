//! Receipts: what an ingest proved of one delivery, kept beside the month that it published.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::delivery::DeliveryId;
use crate::money::Amount;
use crate::names::{AccountId, BillConnectId};
use crate::period::BillingPeriod;

/// How settled a month's bill is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MonthStatus {
    /// The month was not over when the delivery was made.
    Open,
    /// The month is over, but some of its charges have no invoice yet.
    Estimated,
    /// Every charge is on an invoice.
    Final,
    /// It was final once, and this delivery has charges without an invoice again.
    Reopened,
}

impl MonthStatus {
    /// Judges a delivery made at `made_at` for `period`, whose rows are `rows`; `before` is the status of the
    /// delivery that it replaces.
    pub fn judge(period: BillingPeriod, made_at: OffsetDateTime, rows: InvoicedRows, before: Option<Self>) -> Self {
        let all_invoiced = rows.all > 0 && rows.not_invoiced == 0;
        let was_final = matches!(before, Some(Self::Final | Self::Reopened));
        if made_at < period.end() {
            Self::Open
        } else if all_invoiced {
            Self::Final
        } else if was_final {
            Self::Reopened
        } else {
            Self::Estimated
        }
    }

    /// The word for it, as receipts and answers say it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Estimated => "estimated",
            Self::Final => "final",
            Self::Reopened => "reopened",
        }
    }
}

impl fmt::Display for MonthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many of a delivery's rows are on an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvoicedRows {
    /// All rows.
    pub all: u64,
    /// The rows whose invoice id is blank.
    pub not_invoiced: u64,
}

/// Which cost of the files a delivery is reconciled by: the one that they all state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum ComparedCost {
    /// AWS's unblended cost, in Cost and Usage Reports. The lake's `x_UnblendedCost` equals it.
    #[default]
    #[serde(rename = "UnblendedCost")]
    Unblended,
    /// FOCUS's billed cost, in FOCUS exports, which have no unblended cost.
    #[serde(rename = "BilledCost")]
    Billed,
}

impl ComparedCost {
    /// The cost's name in the files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unblended => "UnblendedCost",
            Self::Billed => "BilledCost",
        }
    }

    /// The lake's column that equals it by line item type.
    pub fn column(self) -> &'static str {
        match self {
            Self::Unblended => "x_UnblendedCost",
            Self::Billed => "BilledCost",
        }
    }
}

/// What an ingest proved: the delivery, what its files say, what the lake holds, and that the two are equal.
///
/// Amounts are in the bill's currency. Every `difference` is the lake less the files; in a published month all are 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The connection that the delivery came through.
    pub connect: BillConnectId,
    /// The payer account.
    pub payer: AccountId,
    /// The month.
    pub period: BillingPeriod,
    /// Which delivery of the month.
    pub delivery_id: DeliveryId,
    /// The report's name.
    pub report_name: String,
    /// The manifest's key, which tells the report: there is one for each month of each report.
    pub manifest_key: String,
    /// When AWS made the delivery.
    #[serde(with = "time::serde::rfc3339")]
    pub made_at: OffsetDateTime,
    /// When the month was published; until then, when it was reconciled.
    #[serde(with = "time::serde::rfc3339")]
    pub published_at: OffsetDateTime,
    /// How settled the bill is.
    pub status: MonthStatus,
    /// Rows in the delivery's files.
    pub rows_in_files: u64,
    /// Rows in the files that have no invoice id.
    pub rows_not_invoiced: u64,
    /// Charges that splitting added (unused commitment, savings plan adjustments).
    pub charges_added: u64,
    /// Charges in the lake, counted in the staged files themselves.
    pub charges_in_lake: u64,
    /// Rows that repeat cost which their instance already carries, and that no sum counts.
    pub split_cost_rows: u64,
    /// Which cost of the files is compared.
    pub compared: ComparedCost,
    /// That cost in the files.
    pub cost_in_files: Amount,
    /// The same in the lake: `x_UnblendedCost`, or `BilledCost` where the files state no unblended cost.
    pub cost_in_lake: Amount,
    /// The lake's `BilledCost`.
    pub billed_in_lake: Amount,
    /// The lake's `EffectiveCost`.
    pub effective_in_lake: Amount,
    /// The lake's `ListCost`.
    pub list_in_lake: Amount,
    /// `BilledCost` in the lake less the compared cost in the files.
    pub difference: Amount,
    /// The same by usage account.
    pub by_account: Vec<ReceiptLine>,
    /// The same by invoice id; the blank one is not invoiced yet.
    pub by_invoice: Vec<ReceiptLine>,
    /// The same by AWS's line item type, in the compared cost only: billed cost moves between types by rule. FOCUS exports have
    /// no line item types; their charge categories are listed.
    pub by_line_item_type: Vec<ReceiptLine>,
    /// Line item types that we don't know; their charges are kept and counted in `BilledCost`.
    pub unknown_line_item_types: BTreeSet<String>,
    /// Source columns that no FOCUS column takes; their cells are in `x_Other`.
    pub unmapped_columns: BTreeSet<String>,
    /// The files, in the manifest's order.
    pub parts: Vec<PartReceipt>,
}

impl Receipt {
    /// The line that lists this month among the published ones.
    pub fn published(&self) -> PublishedMonth {
        PublishedMonth {
            connect: self.connect.clone(),
            period: self.period,
            delivery_id: self.delivery_id.clone(),
            manifest_key: self.manifest_key.clone(),
            made_at: self.made_at,
            published_at: self.published_at,
            charges: self.charges_in_lake,
            status: self.status,
        }
    }
}

/// One line of a receipt: what one account, invoice or line item type sums to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptLine {
    /// The account, invoice id or line item type; empty where the source has none.
    pub name: String,
    /// The compared cost in the files.
    pub files: Amount,
    /// `BilledCost` in the lake (by line item type: the compared cost).
    pub lake: Amount,
    /// The lake less the files.
    pub difference: Amount,
}

/// What was read of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartReceipt {
    /// The object's key.
    pub key: String,
    /// The `ETag` that pinned it.
    pub etag: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size as delivered.
    pub bytes_packed: u64,
    /// Its size unpacked.
    pub bytes_unpacked: u64,
}

/// One month that the lake holds now, and the delivery that it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedMonth {
    /// The connection.
    pub connect: BillConnectId,
    /// The month.
    pub period: BillingPeriod,
    /// The delivery that the month comes from.
    pub delivery_id: DeliveryId,
    /// The key of the manifest that described it.
    pub manifest_key: String,
    /// When AWS made the delivery.
    #[serde(with = "time::serde::rfc3339")]
    pub made_at: OffsetDateTime,
    /// When it was published.
    #[serde(with = "time::serde::rfc3339")]
    pub published_at: OffsetDateTime,
    /// Charges in it.
    pub charges: u64,
    /// How settled it is.
    pub status: MonthStatus,
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[track_caller]
    fn judged(made_at: OffsetDateTime, not_invoiced: u64, before: Option<MonthStatus>) -> MonthStatus {
        let period = "2026-09".parse().unwrap();
        MonthStatus::judge(period, made_at, InvoicedRows { all: 10, not_invoiced }, before)
    }

    #[test]
    fn a_month_goes_from_open_over_estimated_to_final_and_may_reopen() {
        let (during, after) = (datetime!(2026-09-30 23:59 UTC), datetime!(2026-10-01 0:00 UTC));
        assert_eq!(judged(during, 10, None), MonthStatus::Open);
        assert_eq!(judged(during, 0, None), MonthStatus::Open);
        assert_eq!(judged(after, 1, Some(MonthStatus::Open)), MonthStatus::Estimated);
        assert_eq!(judged(after, 0, Some(MonthStatus::Estimated)), MonthStatus::Final);
        assert_eq!(judged(after, 1, Some(MonthStatus::Final)), MonthStatus::Reopened);
        assert_eq!(judged(after, 1, Some(MonthStatus::Reopened)), MonthStatus::Reopened);
        assert_eq!(judged(after, 0, Some(MonthStatus::Reopened)), MonthStatus::Final);
    }

    #[test]
    fn a_delivery_without_rows_is_never_final() {
        let rows = InvoicedRows { all: 0, not_invoiced: 0 };
        let status = MonthStatus::judge("2026-09".parse().unwrap(), datetime!(2026-11-01 0:00 UTC), rows, None);
        assert_eq!(status, MonthStatus::Estimated);
    }
}
