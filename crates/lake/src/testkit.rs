//! What the lake's tests share: a lake in a folder of its own, and charges made by hand instead of read from a bill.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::{DataType, Field};
use billing::delivery::{DeliveryHead, DeliveryId, PartHead};
use billing::money::Amount;
use billing::receipt::PartReceipt;
use billing::reconcile::{SourceSum, SourceSums, SumKey};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;

use crate::error::LakeError;
use crate::location::{Lake, LakeSettings};
use crate::normalise::PartTotals;
use crate::reconcile::Reconciled;
use crate::schema::charges_schema;
use crate::stage::Staging;
use crate::table::OrgLake;

/// A lake that is gone when the test is.
pub(crate) struct TestLake {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) lake: Lake,
}

impl TestLake {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path(), LakeSettings::default()).unwrap();
        Self { folder, lake }
    }

    /// The same lake as another process has it: nothing of it is in memory.
    pub(crate) fn reopened(&self, number: u64) -> OrgLake {
        Lake::open(self.folder.path(), LakeSettings::default()).unwrap().org(number.try_into().unwrap())
    }

    pub(crate) fn org(&self, number: u64) -> OrgLake {
        self.lake.org(number.try_into().unwrap())
    }
}

/// A charge, as far as tests care.
#[derive(Debug, Clone)]
pub(crate) struct Charge {
    pub(crate) kind: &'static str,
    pub(crate) account: &'static str,
    pub(crate) invoice: Option<&'static str>,
    pub(crate) start: OffsetDateTime,
    pub(crate) unblended: &'static str,
    pub(crate) billed: &'static str,
    pub(crate) effective: &'static str,
    pub(crate) list: &'static str,
    pub(crate) split: bool,
    /// Texts and amounts of any other column.
    pub(crate) more: Vec<(&'static str, &'static str)>,
}

/// Usage of account 111, on 2 September 2026, that costs `cost` in every sense.
pub(crate) fn usage(cost: &'static str) -> Charge {
    Charge {
        kind: "Usage",
        account: "111",
        invoice: Some("I1"),
        start: datetime!(2026-09-02 5:00 UTC),
        unblended: cost,
        billed: cost,
        effective: cost,
        list: cost,
        split: false,
        more: Vec::new(),
    }
}

impl Charge {
    fn text(&self, name: &str) -> Option<String> {
        let text = match name {
            "x_LineItemType" => Some(self.kind),
            "SubAccountId" => Some(self.account),
            "InvoiceId" => self.invoice,
            _ => self.more.iter().find(|(known, _)| *known == name).map(|(_, text)| *text),
        };
        text.map(str::to_owned)
    }

    /// Every instant is the charge's start, but those given among the other columns.
    fn instant(&self, name: &str) -> OffsetDateTime {
        let given = self.more.iter().find(|(known, _)| *known == name);
        given.map_or(self.start, |(_, text)| OffsetDateTime::parse(text, &Rfc3339).unwrap())
    }

    fn amount(&self, name: &str) -> Option<Amount> {
        let text = match name {
            "x_UnblendedCost" => Some(self.unblended),
            "BilledCost" => Some(self.billed),
            "EffectiveCost" => Some(self.effective),
            "ListCost" => Some(self.list),
            _ => self.more.iter().find(|(known, _)| *known == name).map(|(_, text)| *text),
        };
        text.map(|text| text.parse().unwrap())
    }
}

pub(crate) fn batch(charges: &[Charge]) -> RecordBatch {
    let column = |field: &Arc<Field>| -> ArrayRef {
        let name = field.name().as_str();
        let or_filler = |text: Option<String>| text.or_else(|| (!field.is_nullable()).then(|| "filler".to_owned()));
        match field.data_type() {
            DataType::Utf8 => Arc::new(charges.iter().map(|it| or_filler(it.text(name))).collect::<StringArray>()),
            DataType::Decimal128(..) => {
                let zero = (!field.is_nullable()).then_some(Amount::ZERO);
                let amounts = charges.iter().map(|it| it.amount(name).or(zero).map(Amount::unscaled));
                Arc::new(amounts.collect::<Decimal128Array>().with_precision_and_scale(38, 18).unwrap())
            }
            DataType::Timestamp(..) => {
                let micros = charges.iter().map(|it| it.instant(name).unix_timestamp() * 1_000_000);
                Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
            }
            DataType::Boolean => Arc::new(charges.iter().map(|it| Some(it.split)).collect::<BooleanArray>()),
            other => new_null_array(other, charges.len()),
        }
    };
    let columns = charges_schema().fields().iter().map(column).collect();
    RecordBatch::try_new(charges_schema(), columns).unwrap()
}

/// Delivery `name` of September 2026 of payer 123456789012, in one part.
pub(crate) fn head(name: &str) -> DeliveryHead {
    DeliveryHead {
        connect: "aws-123456789012".parse().unwrap(),
        payer: "123456789012".parse().unwrap(),
        period: "2026-09".parse().unwrap(),
        delivery_id: DeliveryId::of(name, &[]),
        report_name: "R".to_owned(),
        manifest_key: "R-Manifest.json".to_owned(),
        parts: vec![PartHead { key: "R-00001.csv.gz".to_owned(), etag: "\"1\"".to_owned(), size: 1 }],
        made_at: datetime!(2026-10-03 0:00 UTC),
    }
}

/// What the files of a delivery would say that gives exactly these charges.
fn totals(charges: &[Charge]) -> PartTotals {
    let mut sums = SourceSums { rows: charges.len() as u64, ..SourceSums::default() };
    for charge in charges {
        let key = SumKey {
            line_item_type: charge.kind.to_owned(),
            usage_account: charge.account.to_owned(),
            invoice_id: charge.invoice.unwrap_or_default().to_owned(),
        };
        let unblended = if charge.split { Amount::ZERO } else { charge.unblended.parse().unwrap() };
        sums.add(key, SourceSum { rows: 1, cost: unblended }).unwrap();
    }
    PartTotals { sums, ..PartTotals::default() }
}

impl Staging {
    /// Takes charges in as if the delivery's only part had held them.
    pub(crate) async fn take(&self, charges: &[Charge]) {
        let batch = batch(charges);
        let send = move |batches: std::sync::mpsc::SyncSender<RecordBatch>| {
            batches.send(batch).unwrap();
            Ok(())
        };
        let ((), file) = self.write_file(send).await.unwrap();
        let PartHead { key, etag, .. } = self.head.parts[0].clone();
        let receipt = PartReceipt { key, etag, rows: charges.len() as u64, bytes_packed: 1, bytes_unpacked: 1 };
        self.finish_part(totals(charges), Some(file), receipt).unwrap();
    }
}

impl OrgLake {
    /// A delivery read and reconciled, and not yet published.
    pub(crate) async fn prepare(&self, head: &DeliveryHead, charges: &[Charge]) -> Result<Reconciled, LakeError> {
        let staging = self.stage(head).await?;
        staging.take(charges).await;
        staging.reconcile().await
    }

    /// Sweeps as if nobody were reading and every file were old.
    pub(crate) async fn sweep_all(&self) -> Result<usize, LakeError> {
        self.sweep(std::time::SystemTime::now(), &std::collections::BTreeSet::new()).await
    }

    pub(crate) async fn bring_in(&self, head: &DeliveryHead, charges: &[Charge]) {
        let reconciled = self.prepare(head, charges).await.unwrap();
        self.publish(reconciled).await.unwrap();
    }
}

/// A batch with each column as [`charges_schema`] has it, no dictionaries and no bare nulls.
pub(crate) fn plain(batch: &RecordBatch) -> RecordBatch {
    let columns = charges_schema();
    let columns = batch.columns().iter().zip(columns.fields());
    let columns = columns.map(|(array, field)| arrow::compute::cast(array, field.data_type()).unwrap()).collect();
    RecordBatch::try_new(charges_schema(), columns).unwrap()
}
