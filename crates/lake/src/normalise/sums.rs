//! What a file says, summed while it is read: what the lake is held against.

use std::collections::{BTreeSet, HashMap};

use ahash::RandomState;
use billing::money::Amount;
use billing::receipt::ComparedCost;
use billing::reconcile::{SourceSum, SourceSums, SumKey, SumOverflow};

use super::charge::Charge;
use super::error::{CellProblem, Fault, IngestError};
use super::header::Header;
use super::row::Row;

/// What was read of one file, or of several together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartTotals {
    /// Rows, charges added, and cost by line item type, usage account and invoice.
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
    pub fn merge(&mut self, other: PartTotals) -> Result<(), IngestError> {
        let have_rows = self.sums.rows > 0 && other.sums.rows > 0;
        if have_rows && self.sums.compared != other.sums.compared {
            return Err(IngestError::Mixed);
        }
        self.bytes_packed += other.bytes_packed;
        self.bytes_unpacked += other.bytes_unpacked;
        self.unknown_line_item_types.extend(other.unknown_line_item_types);
        self.unmapped_columns.extend(other.unmapped_columns);
        self.currencies.extend(other.currencies);
        Ok(self.sums.merge(other.sums)?)
    }
}

/// The sums of one file on their way, by the bytes of their key: rows come in any order, and most keys many times.
pub(super) struct RunningSums {
    compared: ComparedCost,
    places: [Option<usize>; 3],
    cost: usize,
    by_key: HashMap<Vec<u8>, SourceSum, RandomState>,
    key: Vec<u8>,
}

/// Stands between the parts of a key; no account, invoice or line item type has it.
const SEPARATOR: u8 = 0;

impl RunningSums {
    pub(super) fn new(header: &Header) -> Self {
        let family = header.family();
        Self {
            compared: family.compared,
            places: family.sum_key.map(|column| header.place(column)),
            cost: header.place(family.cost).unwrap_or_default(),
            by_key: HashMap::default(),
            key: Vec::new(),
        }
    }

    /// Counts a row; the cost of a split cost allocation row does not count, for another row carries it.
    pub(super) fn add(&mut self, row: &impl Row, charge: &Charge) -> Result<(), Fault> {
        self.key.clear();
        for place in self.places {
            if let Some(place) = place {
                self.key.extend_from_slice(&row.cell(place));
            }
            self.key.push(SEPARATOR);
        }
        // The key is copied, and looked at, only for a new sum: nearly every row finds its own.
        let sum = if let Some(sum) = self.by_key.get_mut(&self.key) {
            sum
        } else {
            self.check_key(row)?;
            self.by_key.entry(self.key.clone()).or_default()
        };
        sum.rows += 1;
        if !charge.split {
            let sum_of = sum.cost.checked_add(charge.compared.unwrap_or(Amount::ZERO));
            sum.cost = sum_of.ok_or(Fault::new(self.cost, CellProblem::Overflow))?;
        }
        Ok(())
    }

    /// Whether the parts of the key can be told apart again.
    fn check_key(&self, row: &impl Row) -> Result<(), Fault> {
        let places = self.places.into_iter().flatten();
        match places.into_iter().find(|place| row.cell(*place).contains(&SEPARATOR)) {
            Some(place) => Err(Fault::new(place, CellProblem::ZeroByte)),
            None => Ok(()),
        }
    }

    /// The sums by the words of their keys.
    pub(super) fn finish(self) -> Result<SourceSums, SumOverflow> {
        let mut sums = SourceSums { compared: self.compared, ..SourceSums::default() };
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
