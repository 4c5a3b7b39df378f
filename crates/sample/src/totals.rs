//! The sums that a right reader must find, added up from the generator's model.

use std::collections::BTreeMap;

use crate::dec::Dec;
use crate::desk::Entry;
use crate::line::{Charges, Part};

/// Sums of some lines. Amounts are exact decimal strings in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Sums {
    /// Lines in the files. Split cost allocation rows are among them and added Unused charges are not, but in FOCUS, which
    /// has no split rows and states what was left unused in lines of its own.
    pub rows: u64,
    /// AWS's unblended cost.
    pub unblended: Dec,
    /// FOCUS `BilledCost`.
    pub billed: Dec,
    /// FOCUS `EffectiveCost`.
    pub effective: Dec,
    /// FOCUS `ListCost`.
    pub list: Dec,
}

/// What a bill says of one reservation or savings plan: quantities are hours, or money.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CommitmentSums {
    /// How much was bought: the fees' own word, but of upfront fees, which name the whole term.
    pub bought: Dec,
    /// How much was used, added up line by line.
    pub used: Dec,
    /// How much was not.
    pub unused: Dec,
    /// FOCUS `EffectiveCost` of what was used.
    pub used_cost: Dec,
    /// FOCUS `EffectiveCost` of what was not.
    pub unused_cost: Dec,
    /// FOCUS `BilledCost` of its fees.
    pub billed: Dec,
    /// FOCUS `ListCost` of what it covered.
    pub covered: Dec,
}

/// Usage that commitments are sold for, at FOCUS `ListCost`; spot usage is not among it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CoverageSums {
    /// All of it.
    pub coverable: Dec,
    /// What one covered.
    pub covered: Dec,
}

/// A month's totals, or all months'.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct MonthTotals {
    /// Everything.
    #[serde(flatten)]
    pub sums: Sums,
    /// Unused charges that a reader adds to the lines of the files.
    pub charges_expected_added: u64,
    /// By `lineItem/ProductCode`.
    pub by_service: BTreeMap<String, Sums>,
    /// By `lineItem/UsageAccountId`.
    pub by_usage_account: BTreeMap<String, Sums>,
    /// By `lineItem/LineItemType`; an Unused charge has that of its source line.
    pub by_line_item_type: BTreeMap<String, Sums>,
    /// By the UTC date on which usage starts, as `2026-08-01`.
    pub by_day: BTreeMap<String, Sums>,
    /// By `bill/InvoiceId`; blank is the empty string.
    pub by_invoice: BTreeMap<String, Sums>,
    /// By the ARN of the reservation or savings plan.
    pub commitments: BTreeMap<String, CommitmentSums>,
    /// By `lineItem/ProductCode`.
    pub coverage: BTreeMap<String, CoverageSums>,
}

/// What `totals.json` holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Where the bill lies and whose it is: for whoever connects it.
    pub bucket: String,
    /// The connection's bucket path.
    pub path_prefix: String,
    /// The report's name.
    pub report_name: String,
    /// The payer's account id.
    pub payer_account: String,
    /// All months together.
    pub overall: MonthTotals,
    /// By month, as `2026-08`.
    pub months: BTreeMap<String, MonthTotals>,
}

/// What the lines of the files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stated {
    /// AWS's lines: a reader adds charges to some.
    Lines,
    /// FOCUS charges, each a line.
    Charges,
}

impl Sums {
    fn add(&mut self, charges: &Charges, rows: u64) {
        self.rows += rows;
        self.unblended += charges.unblended;
        self.billed += charges.billed;
        self.effective += charges.effective + charges.unused.unwrap_or_default();
        self.list += charges.list;
    }

    fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.unblended += other.unblended;
        self.billed += other.billed;
        self.effective += other.effective;
        self.list += other.list;
    }
}

impl CommitmentSums {
    fn add(&mut self, part: Part, charges: &Charges) {
        match part {
            Part::Used(quantity) => {
                self.used += quantity;
                self.used_cost += charges.effective;
                self.covered += charges.list;
            }
            Part::Bought { bought, unused } => {
                self.bought += bought;
                self.unused += unused;
                self.unused_cost += charges.unused.unwrap_or_default();
                self.billed += charges.billed;
            }
            Part::Paid => self.billed += charges.billed,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.bought += other.bought;
        self.used += other.used;
        self.unused += other.unused;
        self.used_cost += other.used_cost;
        self.unused_cost += other.unused_cost;
        self.billed += other.billed;
        self.covered += other.covered;
    }
}

impl MonthTotals {
    /// Adds a line that made so many in the files, all of its charges among them where `stated` says so.
    pub(crate) fn add(&mut self, entry: &Entry<'_>, (rows, stated): (u64, Stated)) {
        let charges = entry.money.charges(entry.line_type);
        self.charges_expected_added += u64::from(stated == Stated::Lines && charges.unused.is_some());
        self.sums.add(&charges, rows);
        // A stamp starts with its date.
        let day = &entry.start[..10];
        if let Some(committed) = &entry.money.committed {
            self.commitments.entry(committed.arn.to_string()).or_default().add(committed.part, &charges);
        }
        if entry.money.coverable {
            let sums = self.coverage.entry(entry.product.to_owned()).or_default();
            sums.coverable += charges.list;
            sums.covered += if entry.money.committed.is_some() { charges.list } else { Dec::ZERO };
        }
        let keys = [entry.product, entry.account, entry.line_type.name(), day, entry.invoice];
        for (breakdown, key) in self.breakdowns().into_iter().zip(keys) {
            match breakdown.get_mut(key) {
                Some(sums) => sums.add(&charges, rows),
                None => breakdown.entry(key.to_owned()).or_default().add(&charges, rows),
            }
        }
    }

    pub(crate) fn merge(&mut self, mut other: Self) {
        self.sums.merge(&other.sums);
        self.charges_expected_added += other.charges_expected_added;
        for (mine, theirs) in self.breakdowns().into_iter().zip(other.breakdowns()) {
            for (key, sums) in theirs {
                mine.entry(key.clone()).or_default().merge(sums);
            }
        }
        for (arn, sums) in &other.commitments {
            self.commitments.entry(arn.clone()).or_default().merge(sums);
        }
        for (service, sums) in &other.coverage {
            let mine = self.coverage.entry(service.clone()).or_default();
            mine.coverable += sums.coverable;
            mine.covered += sums.covered;
        }
    }

    fn breakdowns(&mut self) -> [&mut BTreeMap<String, Sums>; 5] {
        [
            &mut self.by_service,
            &mut self.by_usage_account,
            &mut self.by_line_item_type,
            &mut self.by_day,
            &mut self.by_invoice,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::Cells;
    use crate::line::{LineType, Money};

    fn add(totals: &mut MonthTotals, line_type: LineType, money: &Money) {
        let (account, product, start, invoice) = ("111111111111", "AmazonEC2", "2026-08-03T05:00:00Z", "");
        totals.add(
            &Entry { line_type, account, product, start, invoice, money, cells: &Cells::new() },
            (1, Stated::Lines),
        );
    }

    #[test]
    fn an_unused_charge_counts_under_its_source_line() {
        let mut totals = MonthTotals::default();
        let fee = Money { unblended: Dec::of("40"), unused_recurring: Some(Dec::of("2.5")), ..Money::default() };
        add(&mut totals, LineType::RiFee, &fee);
        add(&mut totals, LineType::Usage, &Money { unblended: Dec::of("1"), ..Money::default() });
        let expect = |billed, effective, rows| Sums {
            rows,
            unblended: Dec::of(billed),
            billed: Dec::of(billed),
            effective: Dec::of(effective),
            list: Dec::of(billed),
        };
        assert_eq!((totals.sums.clone(), totals.charges_expected_added), (expect("41", "3.5", 2), 1));
        assert_eq!(totals.by_line_item_type["RIFee"], expect("40", "2.5", 1));
        assert_eq!(totals.by_day["2026-08-03"], expect("41", "3.5", 2));
        assert_eq!(totals.by_invoice[""], expect("41", "3.5", 2));
    }

    #[test]
    fn merged_months_add_up() {
        let (mut all, mut month) = (MonthTotals::default(), MonthTotals::default());
        add(&mut month, LineType::Tax, &Money { unblended: Dec::of("3"), ..Money::default() });
        all.merge(month.clone());
        all.merge(month);
        assert_eq!((all.sums.billed, all.by_service["AmazonEC2"].rows), (Dec::of("6"), 2));
    }
}
