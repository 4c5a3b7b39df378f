//! Reconciling: the staged files are read back, and must say what the delivery's files said.

use std::collections::HashMap;
use std::sync::PoisonError;

use arrow::array::{Array, AsArray, BooleanArray, Decimal128Array, RecordBatch, StringViewArray};
use arrow::datatypes::Decimal128Type;
use billing::money::Amount;
use billing::receipt::Receipt;
use billing::reconcile::{LakeSum, LakeSums, ReadDelivery, SumKey, SumOverflow, reconcile};
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use time::OffsetDateTime;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::error::{IngestError, LakeError};
use crate::normalise::PartTotals;
use crate::publish::Fence;
use crate::rollup::StagedRollup;
use crate::session::column;
use crate::stage::{StagedFile, Staging};
use crate::table::{ChargesFile, Month, OrgLake};

/// A delivery whose staged files agree with what was delivered; nothing else can be published.
#[derive(Debug)]
pub struct Reconciled {
    pub(crate) receipt: Receipt,
    pub(crate) attempt: Uuid,
    pub(crate) month: Month,
    pub(crate) fence: Fence,
    pub(crate) files: Vec<StagedFile>,
    pub(crate) rollups: Vec<StagedRollup>,
}

impl Reconciled {
    /// What was proven.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }
}

impl Staging {
    /// Closes the delivery's books: every listed file was read, and the staged files hold, row for row and to the last
    /// digit, what those files say. Otherwise nothing is left staged, and the error names what disagrees.
    pub async fn reconcile(self) -> Result<Reconciled, LakeError> {
        match self.prove().await {
            Ok((receipt, files, rollups)) => {
                let Self { attempt, month, fence, .. } = self;
                Ok(Reconciled { receipt, attempt, month, fence, files, rollups })
            }
            Err(error) => {
                self.discard().await;
                Err(error)
            }
        }
    }

    /// The receipt, the files that it is true of, and what they sum to.
    async fn prove(&self) -> Result<(Receipt, Vec<StagedFile>, Vec<StagedRollup>), LakeError> {
        let (mut totals, mut parts) = {
            let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            (done.totals.clone().unwrap_or_default(), done.parts.clone())
        };
        let unread = self.unread(&parts);
        if !unread.is_empty() {
            return Err(LakeError::Unread {
                connect: self.month.connect.clone(),
                period: self.month.period,
                keys: unread,
            });
        }
        totals.sums.charges_added += self.stage_closing_charges(&totals).await?;
        let (files, tally) = {
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            (done.files.clone(), std::mem::take(&mut done.tally))
        };
        let lake = self.read_back(&files).await?;
        // Parts are read in whatever order they come; the receipt lists them in the manifest's.
        let place = |key: &str| self.head.parts.iter().position(|part| part.key == key);
        parts.sort_by_key(|part| place(&part.key));
        let read = ReadDelivery {
            head: self.head.clone(),
            sums: totals.sums,
            parts,
            unknown_line_item_types: totals.unknown_line_item_types,
            unmapped_columns: totals.unmapped_columns,
            status_before: self.status_before,
        };
        let (Month { connect, period }, manifest) = (self.month.clone(), self.head.manifest_key.clone());
        let disagreement = |source| LakeError::Disagreement { connect, period, manifest, source: Box::new(source) };
        let receipt = reconcile(read, &lake, OffsetDateTime::now_utc()).map_err(disagreement)?;
        let rollups = self.roll_up(tally, &lake).await?;
        Ok((receipt, files, rollups))
    }

    /// Stages the charges that only the delivery as a whole gives, and answers with how many those are.
    async fn stage_closing_charges(&self, totals: &PartTotals) -> Result<u64, LakeError> {
        let charges = self.normaliser.closing_charges(totals)?;
        let count = charges.as_ref().map_or(0, RecordBatch::num_rows) as u64;
        let has_file = !self.done.lock().unwrap_or_else(PoisonError::into_inner).files.is_empty();
        // A month without charges has one empty file: the log must name something that came from the delivery.
        if charges.is_some() || !has_file {
            let send = move |batches: std::sync::mpsc::SyncSender<RecordBatch>| {
                charges.into_iter().try_for_each(|batch| batches.send(batch)).map_err(|_| IngestError::Stopped)
            };
            let ((), file) = self.write_file(send).await?;
            self.done.lock().unwrap_or_else(PoisonError::into_inner).keep(file);
        }
        Ok(count)
    }

    /// What the staged files hold, read as questions will read them.
    async fn read_back(&self, files: &[StagedFile]) -> Result<LakeSums, LakeError> {
        self.lake.sums_of(files.iter().map(|file| self.charges_file(file)).collect()).await
    }
}

impl OrgLake {
    /// What files of charges hold.
    pub(crate) async fn sums_of(&self, files: Vec<ChargesFile>) -> Result<LakeSums, LakeError> {
        let charges = self.charges(files)?.select(COLUMNS.map(column))?;
        // A worker a partition: reading is most of what summing takes.
        let mut workers = JoinSet::new();
        for batches in charges.execute_stream_partitioned().await? {
            workers.spawn(add_all(batches));
        }
        let mut sums = Sums::default();
        while let Some(worker) = workers.join_next().await {
            sums.merge(&worker??)?;
        }
        Ok(sums.into_lake_sums())
    }
}

/// The sums of one partition's charges.
async fn add_all(mut batches: SendableRecordBatchStream) -> Result<Sums, LakeError> {
    let mut sums = Sums::default();
    while let Some(batch) = batches.try_next().await? {
        sums.add(&batch)?;
    }
    Ok(sums)
}

/// The columns that are read back, in the order in which [`Cells`] takes them.
const COLUMNS: [&str; 8] = [
    "x_LineItemType",
    "SubAccountId",
    "InvoiceId",
    "x_IsSplitCost",
    "x_UnblendedCost",
    "BilledCost",
    "EffectiveCost",
    "ListCost",
];

/// One batch's cells, by column.
struct Cells<'a> {
    key: [&'a StringViewArray; 3],
    split: &'a BooleanArray,
    amounts: [&'a Decimal128Array; 4],
}

impl<'a> Cells<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        Self {
            key: [0, 1, 2].map(|at| batch.column(at).as_string_view()),
            split: batch.column(3).as_boolean(),
            amounts: [4, 5, 6, 7].map(|at| batch.column(at).as_primitive::<Decimal128Type>()),
        }
    }

    /// A key's text; missing is empty, as in the files.
    fn text(&self, column: usize, row: usize) -> &'a str {
        let texts = self.key[column];
        if texts.is_null(row) { "" } else { texts.value(row) }
    }

    /// A charge that we added has no unblended cost of AWS's, which is nothing to add up.
    fn amount(&self, column: usize, row: usize) -> Amount {
        let amounts = self.amounts[column];
        if amounts.is_null(row) { Amount::ZERO } else { Amount::from_unscaled(amounts.value(row)) }
    }
}

type ByInvoice = HashMap<String, LakeSum>;
type ByAccount = HashMap<String, ByInvoice>;

/// Sums of charges. Nested by line item type, account and invoice, so that a row needs no new key.
#[derive(Default)]
struct Sums {
    charges: u64,
    split_cost_rows: u64,
    by_type: HashMap<String, ByAccount>,
    effective: Amount,
    list: Amount,
}

/// The value under `key`, put in where it is new. Only then is the key copied: there are far more rows than keys.
fn slot<'a, T: Default>(map: &'a mut HashMap<String, T>, key: &str) -> &'a mut T {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), T::default());
    }
    map.get_mut(key).expect("it was put in")
}

/// Adds exactly: an amount that wraps round could make a wrong month look right.
fn add(sum: &mut Amount, amount: Amount, what: &str) -> Result<(), SumOverflow> {
    *sum = sum.checked_add(amount).ok_or_else(|| SumOverflow { what: what.to_owned() })?;
    Ok(())
}

impl Sums {
    fn add(&mut self, batch: &RecordBatch) -> Result<(), SumOverflow> {
        let cells = Cells::of(batch);
        self.charges += batch.num_rows() as u64;
        for row in 0..batch.num_rows() {
            if cells.split.value(row) {
                // It repeats cost that its instance already carries.
                self.split_cost_rows += 1;
                continue;
            }
            let by_account = slot(&mut self.by_type, cells.text(0, row));
            let sum = slot(slot(by_account, cells.text(1, row)), cells.text(2, row));
            add(&mut sum.unblended, cells.amount(0, row), "x_UnblendedCost")?;
            add(&mut sum.billed, cells.amount(1, row), "BilledCost")?;
            add(&mut self.effective, cells.amount(2, row), "EffectiveCost")?;
            add(&mut self.list, cells.amount(3, row), "ListCost")?;
        }
        Ok(())
    }

    fn merge(&mut self, other: &Sums) -> Result<(), SumOverflow> {
        self.charges += other.charges;
        self.split_cost_rows += other.split_cost_rows;
        add(&mut self.effective, other.effective, "EffectiveCost")?;
        add(&mut self.list, other.list, "ListCost")?;
        for (key, sum) in other.keys() {
            let by_account = slot(&mut self.by_type, &key.line_item_type);
            let known = slot(slot(by_account, &key.usage_account), &key.invoice_id);
            add(&mut known.unblended, sum.unblended, "x_UnblendedCost")?;
            add(&mut known.billed, sum.billed, "BilledCost")?;
        }
        Ok(())
    }

    fn keys(&self) -> impl Iterator<Item = (SumKey, LakeSum)> {
        self.by_type.iter().flat_map(|(line_item_type, by_account)| {
            by_account.iter().flat_map(move |(usage_account, by_invoice)| {
                by_invoice.iter().map(move |(invoice_id, sum)| {
                    let key = SumKey {
                        line_item_type: line_item_type.clone(),
                        usage_account: usage_account.clone(),
                        invoice_id: invoice_id.clone(),
                    };
                    (key, *sum)
                })
            })
        })
    }

    fn into_lake_sums(self) -> LakeSums {
        LakeSums {
            charges: self.charges,
            split_cost_rows: self.split_cost_rows,
            by_key: self.keys().collect(),
            effective: self.effective,
            list: self.list,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::ArrayRef;
    use arrow::datatypes::DataType;
    use billing::receipt::MonthStatus;
    use billing::reconcile::Disagreement;
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;
    use crate::testkit::{Charge, TestLake, head, usage};

    fn bill() -> Vec<Charge> {
        let covered = Charge { kind: "SavingsPlanCoveredUsage", billed: "0", effective: "2", list: "4", ..usage("3") };
        let negation = Charge { kind: "SavingsPlanNegation", billed: "0", effective: "0", list: "0", ..usage("-3") };
        let pod = Charge { split: true, billed: "0", effective: "0", list: "0", ..usage("0.7") };
        let other = Charge { account: "222", invoice: None, ..usage("0.000000000000000001") };
        vec![usage("1.5"), covered, negation, pod, other]
    }

    /// Rewrites every staged file with `change` done to one of its columns, as a fault in writing it would.
    fn tamper(staging: &Staging, column: &str, change: impl Fn(&ArrayRef) -> ArrayRef) {
        for file in &mut staging.done.lock().unwrap().files {
            let path = std::path::Path::new("/").join(file.path.as_ref());
            let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).unwrap()).unwrap();
            let schema = Arc::clone(reader.schema());
            let batches: Vec<_> = reader.build().unwrap().collect::<Result<_, _>>().unwrap();
            let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), None).unwrap();
            for batch in batches {
                let mut columns = batch.columns().to_vec();
                let at = schema.index_of(column).unwrap();
                columns[at] = change(&columns[at]);
                let rows = columns[at].len();
                let columns = columns.iter().map(|column| column.slice(0, rows)).collect();
                writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()).unwrap();
            }
            let bytes = writer.into_inner().unwrap();
            file.size = bytes.len() as u64;
            std::fs::write(path, bytes).unwrap();
        }
    }

    /// Adds the smallest amount that there is to the first row.
    fn off_by_the_last_digit(column: &ArrayRef) -> ArrayRef {
        let mut values: Vec<_> = column.as_primitive::<Decimal128Type>().iter().collect();
        values[0] = values[0].map(|value| value + 1);
        let values: Decimal128Array = values.into_iter().collect();
        Arc::new(values.with_precision_and_scale(38, 18).unwrap())
    }

    async fn tampered(column: &str, change: impl Fn(&ArrayRef) -> ArrayRef) -> (TestLake, String) {
        let test = TestLake::new();
        let lake = test.org(100_001);
        lake.bring_in(&head("old"), &[usage("1")]).await;
        let staging = lake.stage(&head("new")).await.unwrap();
        staging.take(&bill()).await;
        tamper(&staging, column, change);
        let error = staging.reconcile().await.unwrap_err();
        assert!(matches!(error, LakeError::Disagreement { .. }), "{error}");
        assert!(error.to_string().contains("`R-Manifest.json`"), "the delivery's manifest is named: {error}");
        (test, error.to_string())
    }

    #[tokio::test]
    async fn a_right_month_has_a_receipt_with_every_sum() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        let receipt = lake.prepare(&head("a"), &bill()).await.unwrap().receipt().clone();
        let sums = [receipt.cost_in_lake, receipt.billed_in_lake, receipt.effective_in_lake, receipt.list_in_lake];
        let expect = ["1.500000000000000001", "1.500000000000000001", "3.500000000000000001", "5.500000000000000001"];
        assert_eq!(sums.map(|sum| sum.to_string()), expect);
        assert_eq!((receipt.charges_in_lake, receipt.split_cost_rows, receipt.rows_not_invoiced), (5, 1, 1));
        assert_eq!(receipt.difference, Amount::ZERO);
        assert_eq!(receipt.status, MonthStatus::Estimated);
    }

    #[tokio::test]
    async fn an_amount_that_is_off_by_its_last_digit_is_found_and_nothing_published() {
        let (test, error) = tampered("x_UnblendedCost", off_by_the_last_digit).await;
        assert!(error.contains("line item type `Usage`, usage account `111`, invoice `I1`"), "{error}");
        assert!(
            error
                .contains("`1.500000000000000001` in the lake, but the files say `1.5`, off by `0.000000000000000001`"),
            "{error}"
        );
        let lake = test.org(100_001);
        assert_eq!(lake.published().await.unwrap()[0].delivery_id, head("old").delivery_id);
        // What was staged is gone, so a sweep finds nothing.
        assert_eq!(lake.sweep_all().await.unwrap(), 0);
    }

    #[tokio::test]
    async fn billed_cost_must_be_the_files_unblended_cost() {
        let (_test, error) = tampered("BilledCost", off_by_the_last_digit).await;
        assert!(error.contains("BilledCost of usage account `111`"), "{error}");
    }

    #[tokio::test]
    async fn a_row_that_is_missing_in_the_file_is_found() {
        let (_test, error) = tampered("BilledCost", |column| column.slice(0, column.len() - 1)).await;
        assert!(error.contains("the files have 5 rows") && error.contains("the lake holds 4"), "{error}");
    }

    #[tokio::test]
    async fn cost_on_another_account_is_found() {
        let (_test, error) = tampered("SubAccountId", |column| {
            assert_eq!(column.data_type(), &DataType::Utf8);
            Arc::new(arrow::array::StringArray::from(vec!["222"; column.len()]))
        })
        .await;
        assert!(error.contains("usage account `111`") && error.contains("is `0` in the lake"), "{error}");
    }

    #[tokio::test]
    async fn a_delivery_with_a_file_unread_is_not_published() {
        let test = TestLake::new();
        let mut two_parts = head("a");
        two_parts
            .parts
            .push(billing::delivery::PartHead { key: "R-00002.csv.gz".to_owned(), ..two_parts.parts[0].clone() });
        let staging = test.org(100_001).stage(&two_parts).await.unwrap();
        staging.take(&bill()).await;
        let error = staging.reconcile().await.unwrap_err().to_string();
        assert!(error.ends_with("of its files `R-00002.csv.gz` was not read whole, once"), "{error}");
        let twice = test.org(100_001).stage(&head("a")).await.unwrap();
        twice.take(&bill()).await;
        twice.take(&bill()).await;
        assert!(matches!(twice.reconcile().await, Err(LakeError::Unread { .. })));
    }

    #[tokio::test]
    async fn a_sum_that_does_not_fit_is_an_error() {
        let test = TestLake::new();
        let huge = usage("99999999999999999999");
        let staging = test.org(100_001).stage(&head("a")).await.unwrap();
        // The files' own sum has overflowed before, so give it other keys: the overall sum is still too large.
        staging.take(&[huge.clone(), Charge { account: "222", ..huge }]).await;
        let error = staging.reconcile().await.unwrap_err();
        let overflow = matches!(&error, LakeError::Overflow(_))
            || matches!(&error, LakeError::Disagreement { source, .. } if matches!(**source, Disagreement::Overflow(_)));
        assert!(overflow, "{error}");
    }
}
