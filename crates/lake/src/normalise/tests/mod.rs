//! What normalising makes of whole files: a kit, and the cases by topic.

mod columns;
mod damage;
mod formats;
mod hostile;
mod kinds;
mod money;
mod payer;

use std::io::Write;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Decimal128Type, TimestampMicrosecondType};
use billing::delivery::{DeliveryHead, DeliveryId, PartHead};
use billing::money::Amount;
use flate2::Compression;
use flate2::write::GzEncoder;
use time::macros::datetime;

use super::{IngestError, Normaliser, PartTotals};
use crate::limits::Limits;
use crate::schema::charges_schema;
use crate::testkit::plain;

/// The columns that every test's file has, before its own.
const HEADER: &str = "lineItem/LineItemType,lineItem/UnblendedCost,lineItem/UsageAccountId,lineItem/UsageStartDate,lineItem/UsageEndDate";
const FILE: &str = "report-00001.csv.gz";

fn head() -> DeliveryHead {
    let part = part();
    DeliveryHead {
        connect: "aws-123456789012".parse().unwrap(),
        payer: "123456789012".parse().unwrap(),
        period: "2026-09".parse().unwrap(),
        delivery_id: DeliveryId::of("m", std::slice::from_ref(&part)),
        report_name: "report".to_owned(),
        manifest_key: "report-Manifest.json".to_owned(),
        parts: vec![part],
        made_at: datetime!(2026-09-15 12:00 UTC),
    }
}

fn part() -> PartHead {
    PartHead { key: FILE.to_owned(), etag: "\"e\"".to_owned(), size: 0 }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

/// The charges of a file, and what was summed of it.
#[derive(Debug)]
struct Read {
    charges: RecordBatch,
    totals: PartTotals,
}

fn read_packed(packed: &[u8]) -> Result<Read, IngestError> {
    read_within(packed, Limits::default())
}

fn read_within(packed: &[u8], limits: Limits) -> Result<Read, IngestError> {
    let mut batches = Vec::new();
    let totals = Normaliser::new(&head(), std::env::temp_dir(), limits).read_part(&part(), packed, &mut |batch| {
        batches.push(plain(&batch));
        Ok(())
    })?;
    Ok(Read { charges: concat_batches(&charges_schema(), &batches).unwrap(), totals })
}

/// Reads a file of [`HEADER`] and `columns`; each line has its own cells behind a type, a cost and the common cells.
#[track_caller]
fn read(columns: &str, lines: &[(&str, &str, &str)]) -> Read {
    try_read(columns, lines).unwrap_or_else(|error| panic!("{error}"))
}

fn try_read(columns: &str, lines: &[(&str, &str, &str)]) -> Result<Read, IngestError> {
    read_packed(&gzip(text(columns, lines).as_bytes()))
}

fn text(columns: &str, lines: &[(&str, &str, &str)]) -> String {
    let rest = |text: &str| if columns.is_empty() { String::new() } else { format!(",{text}") };
    let mut file = format!("{HEADER}{}\n", rest(columns));
    for (line_item_type, unblended, cells) in lines {
        let common = "111111111111,2026-09-02T03:00:00Z,2026-09-02T04:00:00Z";
        file.extend([line_item_type, ",", unblended, ",", common, &rest(cells), "\n"]);
    }
    file
}

impl Read {
    /// A column as text, null as `-`.
    #[track_caller]
    fn column(&self, name: &str) -> Vec<String> {
        column(&self.charges, name)
    }

    /// The sum of a column of amounts.
    #[track_caller]
    fn sum(&self, name: &str) -> String {
        let amounts = self.column(name).into_iter().filter(|amount| amount != "-");
        let sum = amounts.fold(Amount::ZERO, |sum, amount| sum.checked_add(amount.parse().unwrap()).unwrap());
        sum.to_string()
    }
}

#[track_caller]
fn column(charges: &RecordBatch, name: &str) -> Vec<String> {
    let charges = plain(charges);
    let array = charges.column_by_name(name).unwrap_or_else(|| panic!("no column `{name}`"));
    let text = |row: usize| {
        if array.is_null(row) {
            return "-".to_owned();
        }
        if let Some(texts) = array.as_string_opt::<i32>() {
            return texts.value(row).to_owned();
        }
        if let Some(amounts) = array.as_primitive_opt::<Decimal128Type>() {
            return Amount::from_unscaled(amounts.value(row)).to_string();
        }
        if let Some(times) = array.as_primitive_opt::<TimestampMicrosecondType>() {
            let time = time::OffsetDateTime::from_unix_timestamp(times.value(row) / 1_000_000).unwrap();
            return time.format(&time::format_description::well_known::Rfc3339).unwrap();
        }
        array.as_boolean().value(row).to_string()
    };
    (0..charges.num_rows()).map(text).collect()
}
