//! Making a rollup: the staged charges of a delivery, summed by day and by what questions group by, into one Parquet file.

use std::io::Write;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{max, min};
use arrow::datatypes::{Decimal128Type, TimestampMicrosecondType};
use billing::money::Amount;
use billing::reconcile::{LakeSums, SumOverflow};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::functions_aggregate::expr_fn::sum;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::DataFrame;
use flate2::Crc;
use futures::TryStreamExt;
use object_store::{ObjectStoreExt, PutPayload};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::{AMOUNTS, DIMENSIONS, RecordedRollup, SPLIT, StagedRollup, TOLD_APART};
use crate::calendar::{Unit, start_of};
use crate::error::LakeError;
use crate::session::column;
use crate::stage::{StagedFile, Staging};
use crate::table::START_COLUMN;

/// The largest file that is kept: it is written and read whole.
const MOST_BYTES: usize = 64 << 20;

/// What the rollup of a delivery must add up to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    unblended: Amount,
    billed: Amount,
    effective: Amount,
    list: Amount,
}

/// A file as it is written.
#[derive(Debug, Default)]
struct Written {
    bytes: Vec<u8>,
    rows: u64,
    starts: Option<(i64, i64)>,
    totals: Totals,
}

impl Staging {
    /// Sums the staged charges by day, and stores that. `None` where there is nothing to sum, or no rollup can be had that adds
    /// up to `sums`: questions then read the charges.
    pub(crate) async fn roll_up(
        &self,
        files: &[StagedFile],
        sums: &LakeSums,
    ) -> Result<Option<StagedRollup>, LakeError> {
        if sums.charges == sums.split_cost_rows {
            return Ok(None);
        }
        let Written { bytes, rows, starts, totals } = match self.summed(files).await {
            Ok(Some(written)) => written,
            Ok(None) => return Ok(None),
            Err(error @ LakeError::Storage(_)) => return Err(error),
            // The delivery is proven; without a rollup it is only slower to ask.
            Err(error) => {
                tracing::warn!(connect = %self.month.connect, period = %self.month.period, %error, "no rollup was made");
                return Ok(None);
            }
        };
        if totals != Totals::of(sums)? {
            tracing::error!(connect = %self.month.connect, period = %self.month.period, "a rollup did not add up to its charges");
            return Ok(None);
        }
        let mut crc = Crc::new();
        crc.update(&bytes);
        let recorded = RecordedRollup { rows, size: bytes.len() as u64, crc: crc.sum(), starts };
        let path = self.lake.rollup_path(&self.month, &self.attempt())?;
        self.lake.shared.store.put(&path, PutPayload::from(bytes)).await?;
        Ok(Some(StagedRollup { file: StagedFile { path, rows, size: recorded.size, starts }, recorded }))
    }

    async fn summed(&self, files: &[StagedFile]) -> Result<Option<Written>, LakeError> {
        let charges = self.lake.charges(files.iter().map(|file| self.charges_file(file)).collect())?;
        let days = plan(charges)?.execute_stream().await?;
        let runtime = Handle::current();
        spawn_blocking(move || runtime.block_on(encode(days))).await?
    }
}

/// The rows of a rollup: sorted, so that columns are long runs of one value.
fn plan(charges: DataFrame) -> Result<DataFrame, LakeError> {
    let missing = |name: &str| format!("no {name}");
    let day = start_of(Unit::Day, column(START_COLUMN)).alias(START_COLUMN);
    let missings = TOLD_APART.map(|name| column(name).is_null().alias(missing(name)));
    let groups = DIMENSIONS.map(column).into_iter().chain([day]).chain(missings).collect();
    let sums = AMOUNTS.map(|name| sum(column(name)).alias(name)).to_vec();
    let order = DIMENSIONS.into_iter().chain([START_COLUMN]);
    let order = order.map(column).chain(TOLD_APART.map(|name| column(&missing(name))));
    let order = order.map(|by| by.sort(true, true)).collect();
    let columns = DIMENSIONS.into_iter().chain([START_COLUMN]).chain(AMOUNTS);
    let columns: Vec<Expr> = columns.map(column).chain([lit(false).alias(SPLIT)]).collect();
    Ok(charges.filter(!column(SPLIT))?.aggregate(groups, sums)?.sort(order)?.select(columns)?)
}

/// The Parquet file; `None` where it would be too large.
async fn encode(mut days: SendableRecordBatchStream) -> Result<Option<Written>, LakeError> {
    let mut written = Written::default();
    let mut writer = ArrowWriter::try_new(Vec::new(), days.schema(), Some(properties()))?;
    while let Some(batch) = days.try_next().await? {
        written.add(&batch)?;
        writer.write(&batch)?;
        if writer.bytes_written() > MOST_BYTES {
            return Ok(None);
        }
    }
    writer.flush()?;
    written.bytes = writer.into_inner()?;
    written.bytes.flush().map_err(parquet::errors::ParquetError::from)?;
    Ok((written.bytes.len() <= MOST_BYTES).then_some(written))
}

fn properties() -> WriterProperties {
    let level = ZstdLevel::try_new(1).expect("zstd has a level 1");
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .build()
}

impl Written {
    fn add(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        self.rows += batch.num_rows() as u64;
        let starts = batch.column(DIMENSIONS.len()).as_primitive::<TimestampMicrosecondType>();
        if let (Some(first), Some(last)) = (min(starts), max(starts)) {
            let known = self.starts.unwrap_or((first, last));
            self.starts = Some((known.0.min(first), known.1.max(last)));
        }
        let amounts = |name: &str| {
            let at = AMOUNTS.iter().position(|amount| *amount == name)?;
            Some(batch.column(DIMENSIONS.len() + 1 + at).as_primitive::<Decimal128Type>())
        };
        let Totals { unblended, billed, effective, list } = &mut self.totals;
        let totals =
            [("x_UnblendedCost", unblended), ("BilledCost", billed), ("EffectiveCost", effective), ("ListCost", list)];
        for (name, total) in totals {
            for amount in amounts(name).into_iter().flatten().flatten() {
                add(total, Amount::from_unscaled(amount))?;
            }
        }
        Ok(())
    }
}

impl Totals {
    /// What was read back from the staged files.
    fn of(sums: &LakeSums) -> Result<Self, SumOverflow> {
        let mut totals = Self { effective: sums.effective, list: sums.list, ..Self::default() };
        for sum in sums.by_key.values() {
            add(&mut totals.unblended, sum.unblended)?;
            add(&mut totals.billed, sum.billed)?;
        }
        Ok(totals)
    }
}

fn add(total: &mut Amount, amount: Amount) -> Result<(), SumOverflow> {
    *total = total.checked_add(amount).ok_or_else(|| SumOverflow { what: "a rollup".to_owned() })?;
    Ok(())
}
