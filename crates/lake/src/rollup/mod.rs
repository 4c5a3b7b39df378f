//! Rollups: what a delivery's charges sum to by day and by month, kept beside them, so that most questions need not read the
//! charges.
//!
//! A rollup is one Parquet file of the same columns as the charges that it is made of, less those that tell single resources
//! apart. Starts are cut to the day or the month and amounts are summed, so that the very same plan gives the very same answer over it.
//!
//! *Invariants:* a rollup is counted from the batches that one delivery's files are written of, and adds up to what is read
//! back from these. Their record names it: readers see charges and rollup
//! of one delivery, or neither. It lies outside the table, so nobody takes its rows for charges. What is missing, or is not byte
//! for byte what the record says, is not used.

mod make;
mod opened;
mod plan;
mod reader;
mod tally;
#[cfg(test)]
mod tests;

use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::calendar::Unit;
use crate::error::LakeError;
use crate::stage::StagedFile;
use crate::table::{ChargesFile, Month, OrgLake, START_COLUMN, path_of};

pub(crate) use opened::Opened;
pub(crate) use plan::unit_of;
pub(crate) use tally::Tally;

/// What time is cut into, a rollup each.
const UNITS: [Unit; 2] = [Unit::Day, Unit::Month];

/// What charges are told apart by, beside their time: all that sums may be asked by, but for what a single charge has, which is
/// its resource, its tags and its description.
const DIMENSIONS: [&str; 26] = [
    "SubAccountId",
    "SubAccountName",
    "BillingAccountId",
    "InvoiceId",
    "x_BillingEntity",
    "x_LineItemType",
    "ChargeCategory",
    "x_ServiceCode",
    "ServiceCategory",
    "PublisherName",
    "x_ProductFamily",
    "x_UsageType",
    "PricingUnit",
    "ConsumedUnit",
    "RegionId",
    "x_ProductLocation",
    "AvailabilityZone",
    "x_InstanceType",
    "x_InstanceTypeFamily",
    "x_OperatingSystem",
    "x_DatabaseEngine",
    "x_LicenseModel",
    "x_DeploymentOption",
    "x_PurchaseOption",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
];

/// What is summed.
const AMOUNTS: [&str; 6] =
    ["x_UnblendedCost", "BilledCost", "EffectiveCost", "x_BlendedCost", "ListCost", "x_UsageAmount"];

/// Amounts that a charge may lack, where a metric then takes another: charges with and without are never summed together.
const TOLD_APART: [&str; 2] = ["x_UnblendedCost", "x_BlendedCost"];

/// The flag of rows that no sum counts. They are left out, and the flag says so of the others.
const SPLIT: &str = "x_IsSplitCost";

/// Whether a rollup has the column, with what it holds summed to days or months.
fn has(column: &str) -> bool {
    DIMENSIONS.contains(&column) || AMOUNTS.contains(&column) || [START_COLUMN, SPLIT].contains(&column)
}

/// What a delivery's record says of its rollup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordedRollup {
    unit: Unit,
    rows: u64,
    size: u64,
    /// CRC-32 of the file.
    crc: u32,
    starts: Option<(i64, i64)>,
}

/// A rollup that is stored, and not yet published.
#[derive(Debug)]
pub(crate) struct StagedRollup {
    pub(crate) file: StagedFile,
    pub(crate) recorded: RecordedRollup,
}

/// The rollup of a published delivery.
#[derive(Debug)]
pub(crate) struct Rollup {
    /// The file, as a table of charges would have it.
    pub(crate) file: ChargesFile,
    unit: Unit,
    crc: u32,
}

impl OrgLake {
    /// Where the org's rollups lie.
    pub(crate) fn rollups_path(&self) -> Result<Path, LakeError> {
        path_of(&self.address("rollups/"))
    }

    /// Where a month's rollups lie.
    pub(crate) fn month_rollups_path(&self, month: &Month) -> Result<Path, LakeError> {
        Ok(self.rollups_path()?.join(month.connect.as_ref()).join(month.period.to_string()))
    }

    /// The place of an ingest's rollup; a sweep reads in the name whose it is.
    fn rollup_path(&self, month: &Month, attempt: &str, unit: Unit) -> Result<Path, LakeError> {
        Ok(self.month_rollups_path(month)?.join(format!("{attempt}-{}.parquet", unit.name())))
    }

    /// The rollup that a record tells of.
    pub(crate) fn rollup(&self, month: &Month, attempt: &str, of: RecordedRollup) -> Result<Rollup, LakeError> {
        let RecordedRollup { unit, rows, size, crc, starts } = of;
        let path = self.rollup_path(month, attempt, unit)?;
        let (month, attempt) = (month.clone(), attempt.to_owned());
        Ok(Rollup { file: ChargesFile { path, size, month, attempt, rows: Some(rows), starts }, unit, crc })
    }
}
