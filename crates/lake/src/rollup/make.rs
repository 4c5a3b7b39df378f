//! Making a rollup: what the charges of a delivery sum to by time and by what questions group by, in one Parquet file.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use billing::money::{Amount, PRECISION, SCALE};
use billing::reconcile::{LakeSums, SumOverflow};
use flate2::Crc;
use object_store::{ObjectStoreExt, PutPayload};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use tokio::task::spawn_blocking;

use super::tally::{Key, Refusal, Sums, Tally, start};
use super::{AMOUNTS, DIMENSIONS, RecordedRollup, SPLIT, StagedRollup, UNITS};
use crate::calendar::Unit;
use crate::error::LakeError;
use crate::schema::charges_schema;
use crate::stage::{StagedFile, Staging};
use crate::table::START_COLUMN;

/// Why there is no rollup.
#[derive(Debug, thiserror::Error)]
enum Unmade {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Overflow(#[from] SumOverflow),
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    #[error(transparent)]
    Parquet(#[from] ParquetError),
}

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
    /// Stores what the charges that were staged sum to, by day and by month. Nothing where there is nothing to sum, or no rollup
    /// can be had that adds up to `sums`, which were read back: questions then read the charges.
    pub(crate) async fn roll_up(&self, tally: Box<Tally>, sums: &LakeSums) -> Result<Vec<StagedRollup>, LakeError> {
        let (tally, totals): (Arc<Tally>, _) = (tally.into(), Totals::of(sums)?);
        let mut staged = Vec::new();
        if sums.charges > sums.split_cost_rows {
            for unit in UNITS {
                staged.extend(self.roll_up_by(unit, Arc::clone(&tally), &totals).await?);
            }
        }
        Ok(staged)
    }

    async fn roll_up_by(
        &self,
        unit: Unit,
        tally: Arc<Tally>,
        expected: &Totals,
    ) -> Result<Option<StagedRollup>, LakeError> {
        let Written { bytes, rows, starts, totals } = match spawn_blocking(move || write(&tally, unit)).await? {
            Ok(written) => written,
            // The delivery is proven; without a rollup it is only slower to ask.
            Err(error) => {
                tracing::warn!(connect = %self.month.connect, period = %self.month.period, %error, "no rollup was made");
                return Ok(None);
            }
        };
        if totals != *expected {
            tracing::error!(connect = %self.month.connect, period = %self.month.period, "a rollup did not add up to its charges");
            return Ok(None);
        }
        let mut crc = Crc::new();
        crc.update(&bytes);
        let recorded = RecordedRollup { unit, rows, size: bytes.len() as u64, crc: crc.sum(), starts };
        let path = self.lake.rollup_path(&self.month, &self.attempt(), unit)?;
        self.lake.shared.store.put(&path, PutPayload::from(bytes)).await?;
        Ok(Some(StagedRollup { file: StagedFile { path, rows, size: recorded.size, starts }, recorded }))
    }
}

/// The Parquet file; its rows are sorted, so that columns are long runs of one value.
fn write(tally: &Tally, unit: Unit) -> Result<Written, Unmade> {
    let rows = tally.sorted(unit)?;
    let batch = batch(tally, &rows)?;
    let mut written = Written { rows: rows.len() as u64, ..Written::default() };
    for (key, sums) in &rows {
        written.add(start(key), sums)?;
    }
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties()))?;
    writer.write(&batch)?;
    written.bytes = writer.into_inner()?;
    if written.bytes.len() > MOST_BYTES { Err(Refusal::TooMany.into()) } else { Ok(written) }
}

/// The rows as charges have them.
fn batch(tally: &Tally, rows: &[(Key, Sums)]) -> Result<RecordBatch, ArrowError> {
    let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
    for (at, name) in DIMENSIONS.into_iter().enumerate() {
        let texts = rows.iter().map(|(key, _)| tally.text(at, key[at]).and_then(|text| str::from_utf8(text).ok()));
        columns.push((name, Arc::new(texts.collect::<StringArray>())));
    }
    let starts = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|(key, _)| start(key)));
    columns.push((START_COLUMN, Arc::new(starts.with_timezone("UTC"))));
    for (at, name) in AMOUNTS.into_iter().enumerate() {
        let sums: Decimal128Array = rows.iter().map(|(_, sums)| sums[at].map(Amount::unscaled)).collect();
        columns.push((name, Arc::new(sums.with_precision_and_scale(PRECISION, SCALE.cast_signed())?)));
    }
    columns.push((SPLIT, Arc::new(BooleanArray::from(vec![false; rows.len()]))));
    let schema = charges_schema();
    let fields = columns.iter().map(|(name, _)| schema.field_with_name(name).cloned());
    let schema = Schema::new(fields.collect::<Result<Vec<_>, _>>()?);
    RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, array)| array).collect())
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
    fn add(&mut self, start: i64, sums: &Sums) -> Result<(), SumOverflow> {
        let (first, last) = self.starts.unwrap_or((start, start));
        self.starts = Some((first.min(start), last.max(start)));
        let Totals { unblended, billed, effective, list } = &mut self.totals;
        let totals =
            [("x_UnblendedCost", unblended), ("BilledCost", billed), ("EffectiveCost", effective), ("ListCost", list)];
        for (name, total) in totals {
            let sum = AMOUNTS.iter().zip(sums).find(|(amount, _)| **amount == name).and_then(|(_, sum)| *sum);
            add(total, sum.unwrap_or_default())?;
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
