//! Parquet files that are damaged on purpose: each is read or refused, and no decoder takes the thread with it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, MapBuilder, StringArray, StringBuilder, TimestampMillisecondArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};

use super::*;
use crate::contain::contained;
use crate::limits::{Limit, Setting};

/// Twenty lines with texts by dictionary, plain ones, and maps.
#[expect(clippy::cast_precision_loss, reason = "twenty rows are exact")]
fn bill(properties: WriterPropertiesBuilder) -> Vec<u8> {
    let rows = 0..20_i64;
    let texts = |text: &dyn Fn(i64) -> String| -> ArrayRef {
        Arc::new(rows.clone().map(|row| Some(text(row))).collect::<StringArray>())
    };
    let mut maps = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for row in rows.clone() {
        for key in 0..row % 3 {
            maps.keys().append_value(format!("user_{key}"));
            maps.values().append_value("v");
        }
        maps.append(row % 5 != 4).unwrap();
    }
    let times: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![1_788_318_000_000_i64; 20]));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("line_item_line_item_type", texts(&|_| "Usage".to_owned())),
        (
            "line_item_unblended_cost",
            Arc::new(rows.clone().map(|row| Some(row as f64 / 8.0)).collect::<Float64Array>()),
        ),
        ("line_item_usage_account_id", texts(&|row| format!("11111111111{}", row % 2))),
        ("line_item_usage_start_date", Arc::clone(&times)),
        ("line_item_usage_end_date", times),
        ("line_item_resource_id", texts(&|row| format!("arn:aws:ec2:{row}"))),
        ("resource_tags", Arc::new(maps.finish())),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = properties.set_data_page_row_count_limit(7).set_write_batch_size(7).build();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    file
}

fn bills() -> Vec<Vec<u8>> {
    let properties = WriterProperties::builder;
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1).unwrap());
    vec![
        bill(properties()),
        bill(properties().set_compression(Compression::SNAPPY)),
        bill(
            properties()
                .set_compression(zstd)
                .set_writer_version(WriterVersion::PARQUET_2_0)
                .set_encoding(Encoding::PLAIN),
        ),
        bill(properties().set_dictionary_enabled(false)),
    ]
}

#[test]
fn a_changed_byte_anywhere_is_read_refused_or_contained() {
    let mut contained_panics = 0;
    for whole in bills() {
        assert_eq!(read_packed(&whole).unwrap().totals.sums.rows, 20);
        // A prime step, so that each file is changed in other places; all places take minutes, and were tried.
        for (at, change) in (4..whole.len()).step_by(13).zip([1_u8, 0x40, 0x80, 0xff].into_iter().cycle()) {
            let mut damaged = whole.clone();
            damaged[at] ^= change;
            match contained(FILE, || read_packed(&damaged)) {
                Ok(read) => assert!(read.totals.sums.rows <= 20, "byte {at}"),
                Err(IngestError::Decoder { .. }) => contained_panics += 1,
                Err(error) => assert!(error.to_string().contains(FILE), "{error}"),
            }
        }
    }
    assert!(contained_panics > 0, "no decoder panics any more: find other damage that shows the containment");
}

#[test]
fn each_limit_of_parquet_is_told_by_its_name() {
    let whole = bill(WriterProperties::builder());
    for (limit, allowed, expect) in [
        (Limit::FooterBytes, 100, "its footer is longer than 100 bytes"),
        (Limit::Columns, 6, "it has more than 6 columns"),
        (Limit::PageBytes, 20, "a page unpacks to more than 20 bytes"),
        (Limit::HeldBytes, 100, "its open pages need more memory than 100 bytes"),
        (Limit::PartRows, 19, "it has more than 19 rows"),
        (Limit::PartBytes, 200, "it unpacks to more than 200 bytes"),
        (Limit::FieldBytes, 12, "column `line_item_resource_id` of"),
    ] {
        let error = read_within(&whole, Limits::default().with(Setting::new(limit, allowed))).unwrap_err().to_string();
        assert!(error.contains(expect) && error.contains(&format!("`--bill-limit {}=…`", limit.name())), "{error}");
    }
}
