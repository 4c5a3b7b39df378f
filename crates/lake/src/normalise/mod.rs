//! Normalising: a delivery's files, whatever their format, become charges in FOCUS columns.
//!
//! *Invariants:* a row is read right or the file is refused, naming file, row and column; every row is one charge, and
//! with it at most one that splitting adds; memory does not grow with the file; no amount passes through a float.

mod batches;
mod charge;
mod closing;
mod columns;
mod csv;
mod doubles;
mod error;
mod facts;
mod fill;
mod gather;
mod header;
mod instant;
mod limits;
mod lookup;
mod maps;
mod objects;
mod parquet;
mod part;
mod payer;
mod plan;
mod row;
mod runs;
mod sums;
mod unpack;
mod zip;

use std::io::Read;
use std::path::PathBuf;

use arrow::array::RecordBatch;
use billing::delivery::{DeliveryHead, PartHead};
use time::OffsetDateTime;

pub use error::{CellProblem, IngestError};
pub use sums::PartTotals;

use limits::Meter;
use part::Source;
use plan::Delivered;

use crate::limits::Limits;

/// Turns the files of one delivery into charges; may be shared by threads that read one file each.
#[derive(Debug)]
pub struct Normaliser {
    delivered: Delivered,
    scratch: PathBuf,
    meter: Meter,
}

impl Normaliser {
    /// For the files of this delivery. What their columns are, each file's own header says; the manifest may list fewer.
    /// `scratch` is a folder on disk for files that can't be read as a stream. Limits on the delivery count what all of its
    /// files have in common.
    pub fn new(head: &DeliveryHead, scratch: PathBuf, limits: Limits) -> Self {
        let micros = |instant: OffsetDateTime| instant.unix_timestamp() * 1_000_000;
        let (start, end) = (micros(head.period.start()), micros(head.period.end()));
        let (payer, rows_prove_payer) = (head.payer.to_string(), !head.has_manifest());
        let delivered = Delivered { payer, rows_prove_payer, start, end };
        Self { delivered, scratch, meter: Meter::new(limits) }
    }

    /// Reads one file from `packed`, its bytes as delivered, and gives its charges to `sink` in batches of
    /// [`charges_schema`](crate::schema::charges_schema), each of at most 2048. Blocks.
    ///
    /// The totals are of this file alone. An error means that the whole file is refused, whatever `sink` got of it.
    pub fn read_part(
        &self,
        part: &PartHead,
        packed: impl Read,
        sink: &mut dyn FnMut(RecordBatch) -> Result<(), IngestError>,
    ) -> Result<PartTotals, IngestError> {
        let Self { delivered, scratch, meter } = self;
        part::read(Source { file: &part.key, delivered, scratch, meter }, packed, sink)
    }

    /// The charges that close the month, from the totals of all of its files: `None` for a right bill.
    ///
    /// They count as charges added, which is the caller's to write down.
    pub fn closing_charges(&self, totals: &PartTotals) -> Result<Option<RecordBatch>, IngestError> {
        let residuals = closing::residuals(&totals.sums)?;
        if residuals.is_empty() {
            return Ok(None);
        }
        let charges = closing::charges(&residuals, totals, &self.delivered).map_err(|error| IngestError::Charges {
            file: "the whole delivery".to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Some(charges))
    }
}

#[cfg(test)]
mod tests;
