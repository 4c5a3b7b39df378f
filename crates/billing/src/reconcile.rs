//! Reconciling: the rule that what the lake holds of a delivery equals what its files say, to the last digit.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::delivery::DeliveryHead;
use crate::money::Amount;
use crate::receipt::{ComparedCost, InvoicedRows, MonthStatus, PartReceipt, Receipt, ReceiptLine};

/// What sums are kept by: the finest grain at which files and lake must agree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct SumKey {
    /// AWS's line item type.
    pub line_item_type: String,
    /// The account that used what is charged; empty where the source has none.
    pub usage_account: String,
    /// The invoice; empty until there is one.
    pub invoice_id: String,
}

/// What the files say of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceSum {
    /// Rows, split cost allocation rows among them.
    pub rows: u64,
    /// The compared cost, split cost allocation rows left out.
    pub cost: Amount,
}

/// What the files say, summed while they are parsed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceSums {
    /// Which cost is summed; the same in all files of a delivery.
    pub compared: ComparedCost,
    /// Rows of any kind.
    pub rows: u64,
    /// Charges that normalising added to those rows.
    pub charges_added: u64,
    /// Rows and cost by key.
    pub by_key: BTreeMap<SumKey, SourceSum>,
}

/// A sum that no longer fits 38 digits; nothing is published with one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the sum of {what} needs more than 38 digits: an amount in the files is not a real one")]
pub struct SumOverflow {
    /// Which sum.
    pub what: String,
}

impl SourceSums {
    /// Adds `sum` to what is known of `key`. The overall `rows` are the caller's to count.
    pub fn add(&mut self, key: SumKey, sum: SourceSum) -> Result<(), SumOverflow> {
        let overflow = || SumOverflow { what: "the cost".to_owned() };
        let known = self.by_key.entry(key).or_default();
        known.rows += sum.rows;
        known.cost = known.cost.checked_add(sum.cost).ok_or_else(overflow)?;
        Ok(())
    }

    /// Adds what another part of the same delivery says. A part without rows says nothing of which cost is summed.
    pub fn merge(&mut self, other: SourceSums) -> Result<(), SumOverflow> {
        if self.rows == 0 {
            self.compared = other.compared;
        }
        self.rows += other.rows;
        self.charges_added += other.charges_added;
        other.by_key.into_iter().try_for_each(|(key, sum)| self.add(key, sum))
    }
}

/// What the lake's staged files hold of one key, split cost allocation rows left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LakeSum {
    /// `x_UnblendedCost`.
    pub unblended: Amount,
    /// `BilledCost`.
    pub billed: Amount,
}

/// What the lake's staged files hold, read back from the files themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LakeSums {
    /// Charges of any kind.
    pub charges: u64,
    /// Split cost allocation rows among them; no sum counts these.
    pub split_cost_rows: u64,
    /// By key.
    pub by_key: BTreeMap<SumKey, LakeSum>,
    /// `EffectiveCost`.
    pub effective: Amount,
    /// `ListCost`.
    pub list: Amount,
}

/// The files and the lake do not agree, so the month is not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    /// Rows were lost or added.
    #[error(
        "the files have {rows} rows and splitting added {added} charges, but the lake holds {charges}: read the delivery again, and report it if that does not help"
    )]
    Charges {
        /// Rows in the files.
        rows: u64,
        /// Charges added.
        added: u64,
        /// Charges in the lake.
        charges: u64,
    },
    /// A sum is not the same.
    #[error(
        "{cost} of {key} is `{lake}` in the lake, but the files say `{files}`{}: read the delivery again, and report it if that does not help",
        .lake.checked_sub(*.files).map(|off| format!(", off by `{off}`")).unwrap_or_default()
    )]
    Sum {
        /// `BilledCost` or `x_UnblendedCost`.
        cost: &'static str,
        /// Which account, invoice or line item type, in words.
        key: String,
        /// The compared cost in the files.
        files: Amount,
        /// The sum in the lake.
        lake: Amount,
    },
    /// A sum does not fit.
    #[error(transparent)]
    Overflow(#[from] SumOverflow),
}

/// What reading a delivery gave, to be held against the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadDelivery {
    /// The delivery.
    pub head: DeliveryHead,
    /// What its files say.
    pub sums: SourceSums,
    /// File by file.
    pub parts: Vec<PartReceipt>,
    /// Line item types that we don't know.
    pub unknown_line_item_types: BTreeSet<String>,
    /// Columns that nothing maps.
    pub unmapped_columns: BTreeSet<String>,
    /// The status of the delivery that this one would replace.
    pub status_before: Option<MonthStatus>,
}

/// The receipt of a delivery whose files and lake agree in every sum; the first disagreement, from the finest key up, otherwise.
///
/// `now` is the time of reconciling, which the receipt carries until the month is published.
pub fn reconcile(read: ReadDelivery, lake: &LakeSums, now: OffsetDateTime) -> Result<Receipt, Disagreement> {
    let ReadDelivery { head, sums, parts, unknown_line_item_types, unmapped_columns, status_before } = read;
    if sums.rows.checked_add(sums.charges_added) != Some(lake.charges) {
        return Err(Disagreement::Charges { rows: sums.rows, added: sums.charges_added, charges: lake.charges });
    }
    let compared = sums.compared;
    cost_is_equal_by_key(&sums, lake)?;
    let by_account =
        lines(&sums, lake, Grain { says: "usage account", name: |key| &key.usage_account, lake: |sum| sum.billed })?;
    let by_invoice =
        lines(&sums, lake, Grain { says: "invoice", name: |key| &key.invoice_id, lake: |sum| sum.billed })?;
    let by_type =
        lines(&sums, lake, Grain { says: "line item type", name: |key| &key.line_item_type, lake: in_lake(compared) })?;
    let cost_in_files = total(compared.name(), sums.by_key.values().map(|sum| sum.cost))?;
    let cost_in_lake = total(compared.column(), lake.by_key.values().map(in_lake(compared)))?;
    let billed_in_lake = total("BilledCost", lake.by_key.values().map(|sum| sum.billed))?;
    let not_invoiced = sums.by_key.iter().filter(|(key, _)| key.invoice_id.is_empty()).map(|(_, sum)| sum.rows).sum();
    let rows = InvoicedRows { all: sums.rows, not_invoiced };
    Ok(Receipt {
        status: MonthStatus::judge(head.period, head.made_at, rows, status_before),
        connect: head.connect,
        payer: head.payer,
        period: head.period,
        delivery_id: head.delivery_id,
        report_name: head.report_name,
        manifest_key: head.manifest_key,
        made_at: head.made_at,
        published_at: now,
        rows_in_files: sums.rows,
        rows_not_invoiced: not_invoiced,
        charges_added: sums.charges_added,
        charges_in_lake: lake.charges,
        split_cost_rows: lake.split_cost_rows,
        compared,
        cost_in_files,
        cost_in_lake,
        billed_in_lake,
        effective_in_lake: lake.effective,
        list_in_lake: lake.list,
        difference: difference(billed_in_lake, cost_in_files)?,
        by_account,
        by_invoice,
        by_line_item_type: by_type,
        unknown_line_item_types,
        unmapped_columns,
        parts,
    })
}

/// One way to group the sums: its words, what it groups by, and which of the lake's sums must equal the files'.
#[derive(Clone, Copy)]
struct Grain {
    says: &'static str,
    name: fn(&SumKey) -> &String,
    lake: fn(&LakeSum) -> Amount,
}

/// The lake's sum that equals the compared cost at the finest grain.
fn in_lake(compared: ComparedCost) -> fn(&LakeSum) -> Amount {
    match compared {
        ComparedCost::Unblended => |sum| sum.unblended,
        ComparedCost::Billed => |sum| sum.billed,
    }
}

fn cost_is_equal_by_key(files: &SourceSums, lake: &LakeSums) -> Result<(), Disagreement> {
    let keys: BTreeSet<&SumKey> = files.by_key.keys().chain(lake.by_key.keys()).collect();
    for key in keys {
        // A charge that we added has no such cost, so a key that only the lake knows must sum to nothing.
        let in_files = files.by_key.get(key).map_or(Amount::ZERO, |sum| sum.cost);
        let in_lake = lake.by_key.get(key).map_or(Amount::ZERO, in_lake(files.compared));
        if in_files != in_lake {
            let SumKey { line_item_type, usage_account, invoice_id } = key;
            let key =
                format!("line item type `{line_item_type}`, usage account `{usage_account}`, invoice `{invoice_id}`");
            return Err(Disagreement::Sum { cost: files.compared.column(), key, files: in_files, lake: in_lake });
        }
    }
    Ok(())
}

fn lines(files: &SourceSums, lake: &LakeSums, grain: Grain) -> Result<Vec<ReceiptLine>, Disagreement> {
    let mut sums: BTreeMap<&String, (Amount, Amount)> = BTreeMap::new();
    let overflow = || SumOverflow { what: format!("one {}", grain.says) };
    for (key, sum) in &files.by_key {
        let (in_files, _) = sums.entry((grain.name)(key)).or_default();
        *in_files = in_files.checked_add(sum.cost).ok_or_else(overflow)?;
    }
    for (key, sum) in &lake.by_key {
        let (_, in_lake) = sums.entry((grain.name)(key)).or_default();
        *in_lake = in_lake.checked_add((grain.lake)(sum)).ok_or_else(overflow)?;
    }
    let line = |(name, (files, lake)): (&String, (Amount, Amount))| {
        if files == lake {
            let difference = difference(lake, files)?;
            Ok(ReceiptLine { name: name.clone(), files, lake, difference })
        } else {
            Err(Disagreement::Sum { cost: "BilledCost", key: format!("{} `{name}`", grain.says), files, lake })
        }
    };
    sums.into_iter().map(line).collect()
}

fn total(what: &str, amounts: impl IntoIterator<Item = Amount>) -> Result<Amount, SumOverflow> {
    let overflow = || SumOverflow { what: what.to_owned() };
    amounts.into_iter().try_fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).ok_or_else(overflow))
}

fn difference(lake: Amount, files: Amount) -> Result<Amount, SumOverflow> {
    lake.checked_sub(files).ok_or_else(|| SumOverflow { what: "the difference".to_owned() })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::delivery::DeliveryId;

    fn key(line_item_type: &str, account: &str, invoice: &str) -> SumKey {
        SumKey {
            line_item_type: line_item_type.to_owned(),
            usage_account: account.to_owned(),
            invoice_id: invoice.to_owned(),
        }
    }

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    /// Files and lake of one small right bill: a savings plan covers 3, one charge was added.
    fn right() -> (ReadDelivery, LakeSums) {
        let head = DeliveryHead {
            connect: "aws-123456789012".parse().unwrap(),
            payer: "123456789012".parse().unwrap(),
            period: "2026-09".parse().unwrap(),
            delivery_id: DeliveryId::of("m", &[]),
            report_name: "R".to_owned(),
            manifest_key: "R-Manifest.json".to_owned(),
            parts: Vec::new(),
            made_at: datetime!(2026-10-03 0:00 UTC),
        };
        let mut sums = SourceSums { rows: 4, charges_added: 1, ..SourceSums::default() };
        let mut lake = LakeSums { charges: 5, ..LakeSums::default() };
        for (key, unblended, billed) in [
            (key("Usage", "111", "I1"), "1.5", "1.5"),
            (key("SavingsPlanCoveredUsage", "111", "I1"), "3", "0"),
            (key("SavingsPlanNegation", "111", "I1"), "-3", "0"),
            (key("Tax", "222", "I2"), "0.000000000000000001", "0.000000000000000001"),
        ] {
            sums.add(key.clone(), SourceSum { rows: 1, cost: amount(unblended) }).unwrap();
            lake.by_key.insert(key, LakeSum { unblended: amount(unblended), billed: amount(billed) });
        }
        let read = ReadDelivery {
            head,
            sums,
            parts: Vec::new(),
            unknown_line_item_types: BTreeSet::new(),
            unmapped_columns: BTreeSet::new(),
            status_before: None,
        };
        (read, lake)
    }

    fn at() -> OffsetDateTime {
        datetime!(2026-10-03 1:00 UTC)
    }

    #[test]
    fn a_right_bill_has_a_receipt_whose_differences_are_nothing() {
        let (read, lake) = right();
        let receipt = reconcile(read, &lake, at()).unwrap();
        assert_eq!(receipt.billed_in_lake, amount("1.500000000000000001"));
        assert_eq!(receipt.difference, Amount::ZERO);
        assert_eq!(receipt.status, MonthStatus::Final);
        let accounts: Vec<_> = receipt.by_account.iter().map(|line| (line.name.as_str(), line.lake)).collect();
        assert_eq!(accounts, [("111", amount("1.5")), ("222", amount("0.000000000000000001"))]);
        assert_eq!(receipt.by_line_item_type.len(), 4);
        let json = serde_json::to_string(&receipt).unwrap();
        assert_eq!(serde_json::from_str::<Receipt>(&json).unwrap(), receipt);
    }

    #[test]
    fn a_focus_export_is_compared_by_its_billed_cost() {
        let (mut read, mut lake) = right();
        read.sums = SourceSums { compared: ComparedCost::Billed, rows: 1, ..SourceSums::default() };
        read.sums.add(key("Usage", "111", ""), SourceSum { rows: 1, cost: amount("2") }).unwrap();
        lake = LakeSums { charges: 1, ..lake };
        lake.by_key = [(key("Usage", "111", ""), LakeSum { unblended: Amount::ZERO, billed: amount("2") })].into();
        let receipt = reconcile(read.clone(), &lake, at()).unwrap();
        assert_eq!((receipt.cost_in_files, receipt.cost_in_lake), (amount("2"), amount("2")));
        lake.by_key.get_mut(&key("Usage", "111", "")).unwrap().billed = amount("2.1");
        let error = reconcile(read, &lake, at()).unwrap_err().to_string();
        assert!(error.starts_with("BilledCost of line item type `Usage`"), "{error}");
    }

    #[test]
    fn a_lost_row_is_named() {
        let (read, mut lake) = right();
        lake.charges = 4;
        assert_eq!(reconcile(read, &lake, at()), Err(Disagreement::Charges { rows: 4, added: 1, charges: 4 }));
    }

    #[test]
    fn the_last_digit_of_unblended_cost_counts() {
        let (read, mut lake) = right();
        lake.by_key.get_mut(&key("Tax", "222", "I2")).unwrap().unblended = Amount::from_unscaled(2);
        let error = reconcile(read, &lake, at()).unwrap_err().to_string();
        assert!(
            error.contains("x_UnblendedCost of line item type `Tax`, usage account `222`, invoice `I2`"),
            "{error}"
        );
        assert!(
            error.contains("`0.000000000000000002` in the lake") && error.contains("`0.000000000000000001`"),
            "{error}"
        );
    }

    #[test]
    fn billed_cost_must_be_the_invoices() {
        let (read, mut lake) = right();
        lake.by_key.get_mut(&key("SavingsPlanCoveredUsage", "111", "I1")).unwrap().billed = amount("3");
        let error = reconcile(read, &lake, at()).unwrap_err().to_string();
        assert!(
            error.starts_with("BilledCost of usage account `111` is `4.5` in the lake, but the files say `1.5`"),
            "{error}"
        );
    }

    #[test]
    fn cost_moved_between_invoices_of_one_account_is_found() {
        let (read, mut lake) = right();
        lake.by_key.get_mut(&key("Usage", "111", "I1")).unwrap().billed = Amount::ZERO;
        let moved = LakeSum { unblended: Amount::ZERO, billed: amount("1.5") };
        lake.by_key.insert(key("Usage", "111", "I2"), moved);
        let error = reconcile(read, &lake, at()).unwrap_err().to_string();
        assert!(error.starts_with("BilledCost of invoice `I1`"), "{error}");
    }

    #[test]
    fn an_overflow_is_an_error_and_no_wrapped_sum() {
        let mut sums = SourceSums::default();
        let huge = SourceSum { rows: 1, cost: amount("99999999999999999999") };
        sums.add(key("Usage", "111", ""), huge).unwrap();
        let other = sums.clone();
        assert!(sums.merge(other).is_err());
    }
}
