//! What a file says, summed while it is read: what the lake is held against.

use std::collections::{BTreeSet, HashMap};

use ahash::RandomState;
use billing::focus::mapping::{INVOICE, LINE_ITEM_TYPE, UNBLENDED_COST, USAGE_ACCOUNT};
use billing::money::Amount;
use billing::reconcile::{SourceSum, SourceSums, SumKey, SumOverflow};

use super::charge::Charge;
use super::error::{CellProblem, Fault};
use super::header::Header;
use super::rows::Row;

/// What was read of one file, or of several together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartTotals {
    /// Rows, charges added, and unblended cost by line item type, usage account and invoice.
    pub sums: SourceSums,
    /// Bytes read, packed.
    pub bytes_packed: u64,
    /// Bytes that they unpacked to.
    pub bytes_unpacked: u64,
    /// Line item types that the table of them does not list.
    pub unknown_line_item_types: BTreeSet<String>,
    /// Source columns that only `x_Other` takes.
    pub unmapped_columns: BTreeSet<String>,
    /// The currencies of the lines.
    pub currencies: BTreeSet<String>,
}

impl PartTotals {
    /// Adds what another file of the same delivery says.
    pub fn merge(&mut self, other: PartTotals) -> Result<(), SumOverflow> {
        self.bytes_packed += other.bytes_packed;
        self.bytes_unpacked += other.bytes_unpacked;
        self.unknown_line_item_types.extend(other.unknown_line_item_types);
        self.unmapped_columns.extend(other.unmapped_columns);
        self.currencies.extend(other.currencies);
        self.sums.merge(other.sums)
    }
}

/// The sums of one file on their way, by the bytes of their key: rows come in any order, and most keys many times.
pub(super) struct RunningSums {
    places: [Option<usize>; 3],
    unblended: usize,
    by_key: HashMap<Vec<u8>, SourceSum, RandomState>,
    key: Vec<u8>,
}

/// Stands between the parts of a key; no account, invoice or line item type has it.
const SEPARATOR: u8 = 0;

impl RunningSums {
    pub(super) fn new(header: &Header) -> Self {
        Self {
            places: [LINE_ITEM_TYPE, USAGE_ACCOUNT, INVOICE].map(|column| header.place(column)),
            unblended: header.place(UNBLENDED_COST).unwrap_or_default(),
            by_key: HashMap::default(),
            key: Vec::new(),
        }
    }

    /// Counts a row; the cost of a split cost allocation row does not count, for another row carries it.
    pub(super) fn add(&mut self, row: &Row<'_>, charge: &Charge) -> Result<(), Fault> {
        self.key.clear();
        for place in self.places {
            if let Some(place) = place {
                self.key.extend_from_slice(&row.cell(place));
            }
            self.key.push(SEPARATOR);
        }
        // The key is copied only for a new sum: nearly every row finds its own.
        let sum = match self.by_key.get_mut(&self.key) {
            Some(sum) => sum,
            None => self.by_key.entry(self.key.clone()).or_default(),
        };
        sum.rows += 1;
        if !charge.split {
            let sum_of = sum.unblended.checked_add(charge.unblended.unwrap_or(Amount::ZERO));
            sum.unblended = sum_of.ok_or(Fault::new(self.unblended, CellProblem::Overflow))?;
        }
        Ok(())
    }

    /// The sums by the words of their keys.
    pub(super) fn finish(self) -> Result<SourceSums, SumOverflow> {
        let mut sums = SourceSums::default();
        for (key, sum) in self.by_key {
            let mut parts = key.split(|byte| *byte == SEPARATOR).map(|part| String::from_utf8_lossy(part).into_owned());
            let mut part = || parts.next().unwrap_or_default();
            let key = SumKey { line_item_type: part(), usage_account: part(), invoice_id: part() };
            sums.rows += sum.rows;
            sums.add(key, sum)?;
        }
        Ok(sums)
    }
}
