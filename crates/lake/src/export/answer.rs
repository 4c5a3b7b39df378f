//! An answer about costs as a file: CSV for spreadsheets, Parquet for programs.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use billing::cost_query::{CostAnswer, CostQuery, CostRow};
use billing::export::ExportFormat;
use billing::money::{Amount, PRECISION, SCALE};
use bytes::Bytes;

use super::Writer;
use crate::costs::micros;
use crate::error::LakeError;

/// The rows of an answer as a file with a column for the time, each dimension and each metric, and, where a question keeps a top
/// apart, one that says whether a row is of the other groups. Amounts have every digit; cells of CSV are no formulas.
pub fn cost_file(query: &CostQuery, answer: &CostAnswer, format: ExportFormat) -> Result<Vec<u8>, LakeError> {
    let batch = batch(query, &answer.rows)?;
    let mut writer = Writer::new(format, batch.schema())?;
    let pieces: [Bytes; 2] = [writer.write(&batch)?, writer.finish()?];
    Ok(pieces.concat())
}

fn batch(query: &CostQuery, rows: &[CostRow]) -> Result<RecordBatch, LakeError> {
    let starts = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| micros(row.timestamp)));
    let mut columns: Vec<(String, ArrayRef)> = vec![("timestamp".to_owned(), Arc::new(starts.with_timezone("UTC")))];
    for (at, dimension) in query.dimensions.iter().enumerate() {
        let values: StringArray = rows.iter().map(|row| Some(row.dimensions[at].as_str())).collect();
        columns.push((dimension.id(), Arc::new(values)));
    }
    for (at, metric) in query.metrics.iter().enumerate() {
        let amounts = rows.iter().map(|row| Amount::unscaled(row.metrics[at]));
        let amounts =
            Decimal128Array::from_iter_values(amounts).with_precision_and_scale(PRECISION, SCALE.cast_signed())?;
        columns.push((metric.id().to_owned(), Arc::new(amounts)));
    }
    if query.top.is_some() {
        let others: BooleanArray = rows.iter().map(|row| Some(row.other)).collect();
        columns.push(("other".to_owned(), Arc::new(others)));
    }
    Ok(RecordBatch::try_from_iter(columns)?)
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::Decimal128Type;
    use billing::cost_query::{Dimension, Metric};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
    use time::macros::datetime;

    use super::*;

    fn asked() -> (CostQuery, CostAnswer) {
        let query = CostQuery {
            metrics: vec![Metric::CostNonamortizedUnblended],
            dimensions: vec![Dimension::Service, Dimension::Tag("=a,b".to_owned())],
            top: Some(1),
            ..CostQuery::over(datetime!(2026-09-01 0:00 UTC), datetime!(2026-10-01 0:00 UTC))
        };
        let row = |values: [&str; 2], amount: &str, other| CostRow {
            timestamp: query.from,
            dimensions: values.map(str::to_owned).to_vec(),
            metrics: vec![amount.parse().unwrap()],
            other,
        };
        let rows = vec![
            row(["=HYPERLINK(1)", "a,\"b\""], "12345678901234567890.123456789012345678", false),
            row(["Other", "Other"], "-0.5", true),
        ];
        (query, CostAnswer { rows, truncated: false, deliveries: Vec::new() })
    }

    #[test]
    fn csv_has_every_digit_and_no_formula() {
        let (query, answer) = asked();
        let text = String::from_utf8(cost_file(&query, &answer, ExportFormat::Csv).unwrap()).unwrap();
        let lines = [
            "timestamp,service,\"tag_=a,b\",cost_nonamortized_unblended_adj,other",
            "2026-09-01T00:00:00Z,'=HYPERLINK(1),\"a,\"\"b\"\"\",12345678901234567890.123456789012345678,false",
            "2026-09-01T00:00:00Z,Other,Other,-0.5,true",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn parquet_has_every_value_as_it_is() {
        let (query, answer) = asked();
        let file = Bytes::from(cost_file(&query, &answer, ExportFormat::Parquet).unwrap());
        let batch = ParquetRecordBatchReader::try_new(file, 10).unwrap().next().unwrap().unwrap();
        let amounts = batch.column_by_name("cost_nonamortized_unblended_adj").unwrap();
        let amounts: Vec<_> = amounts.as_primitive::<Decimal128Type>().values().iter().copied().collect();
        assert_eq!(amounts, answer.rows.iter().map(|row| row.metrics[0].unscaled()).collect::<Vec<_>>());
        assert_eq!(batch.column(1).as_string::<i32>().value(0), "=HYPERLINK(1)");
        assert_eq!(batch.column(4).as_boolean().iter().collect::<Vec<_>>(), [Some(false), Some(true)]);
        let none = CostAnswer { rows: Vec::new(), ..answer };
        assert!(!cost_file(&query, &none, ExportFormat::Parquet).unwrap().is_empty());
    }
}
