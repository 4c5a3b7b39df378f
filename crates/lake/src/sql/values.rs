//! From the engine's arrays to values of an answer.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Field, Float64Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use billing::sql::{SqlColumn, SqlType, SqlValue};
use datafusion::common::DFSchema;

/// What a column of the engine's type is to a client.
pub(crate) fn sql_type(data_type: &DataType) -> SqlType {
    match data_type {
        DataType::Boolean => SqlType::Bool,
        it if it.is_integer() => SqlType::Int,
        it if it.is_floating() => SqlType::Float,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            SqlType::Decimal
        }
        DataType::Date32 | DataType::Date64 => SqlType::Date,
        DataType::Timestamp(..) => SqlType::Time,
        DataType::Dictionary(_, value) => sql_type(value),
        _ => SqlType::Text,
    }
}

/// The columns of an answer, by the engine's names where `names` has none for each.
pub(crate) fn columns(schema: &DFSchema, names: Option<Vec<String>>) -> Vec<SqlColumn> {
    let fields = schema.fields();
    let names = names.filter(|names| names.len() == fields.len());
    let column = |(at, field): (usize, &Arc<Field>)| SqlColumn {
        name: names.as_ref().and_then(|names| names.get(at)).unwrap_or(field.name()).clone(),
        sql_type: sql_type(field.data_type()),
    };
    fields.iter().enumerate().map(column).collect()
}

/// The rows of a batch.
pub(crate) fn rows(batch: &RecordBatch) -> Result<Vec<Vec<SqlValue>>, ArrowError> {
    let mut rows: Vec<Vec<SqlValue>> = (0..batch.num_rows()).map(|_| Vec::with_capacity(batch.num_columns())).collect();
    for column in batch.columns() {
        for (row, value) in rows.iter_mut().zip(values(column)?) {
            row.push(value);
        }
    }
    Ok(rows)
}

fn values(column: &ArrayRef) -> Result<Vec<SqlValue>, ArrowError> {
    let valued =
        |at: usize, value: &dyn Fn(usize) -> SqlValue| if column.is_null(at) { SqlValue::Null } else { value(at) };
    let all = |value: &dyn Fn(usize) -> SqlValue| (0..column.len()).map(|at| valued(at, value)).collect();
    Ok(match column.data_type() {
        DataType::Null => vec![SqlValue::Null; column.len()],
        DataType::Decimal128(_, scale) => {
            let (decimals, scale) = (column.as_primitive::<Decimal128Type>(), *scale);
            all(&|at| SqlValue::Decimal(decimal(&decimals.value(at).to_string(), scale)))
        }
        DataType::Decimal256(_, scale) => {
            let (decimals, scale) = (column.as_primitive::<Decimal256Type>(), *scale);
            all(&|at| SqlValue::Decimal(decimal(&decimals.value(at).to_string(), scale)))
        }
        other => match sql_type(other) {
            SqlType::Bool => {
                let flags = column.as_boolean();
                all(&|at| SqlValue::Bool(flags.value(at)))
            }
            SqlType::Int => {
                let whole = exactly(column, &DataType::Int64)?;
                all(&|at| SqlValue::Int(whole.as_primitive::<Int64Type>().value(at)))
            }
            SqlType::Float => {
                let floats = cast(column, &DataType::Float64)?;
                all(&|at| SqlValue::Float(floats.as_primitive::<Float64Type>().value(at)))
            }
            SqlType::Date => {
                let days = cast(column, &DataType::Date32)?;
                all(&|at| SqlValue::Date(days.as_primitive::<Date32Type>().value(at)))
            }
            SqlType::Time => {
                let zone = Some(Arc::from("UTC"));
                let micros = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, zone))?;
                all(&|at| SqlValue::Time(micros.as_primitive::<TimestampMicrosecondType>().value(at)))
            }
            SqlType::Decimal => return values(&cast(column, &DataType::Decimal128(38, 18))?),
            SqlType::Text => return texts(column),
        },
    })
}

/// A number beyond the type is an error, not a null.
fn exactly(column: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    let options = arrow::compute::CastOptions { safe: false, ..Default::default() };
    arrow::compute::cast_with_options(column, to, &options)
}

fn texts(column: &ArrayRef) -> Result<Vec<SqlValue>, ArrowError> {
    if let DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View = column.data_type() {
        let texts = cast(column, &DataType::Utf8)?;
        let texts = texts.as_string::<i32>().iter();
        return Ok(texts.map(|text| text.map_or(SqlValue::Null, |text| SqlValue::Text(text.to_owned()))).collect());
    }
    let shown = FormatOptions::default();
    let shown = ArrayFormatter::try_new(column, &shown)?;
    let text = |at| if column.is_null(at) { SqlValue::Null } else { SqlValue::Text(shown.value(at).to_string()) };
    Ok((0..column.len()).map(text).collect())
}

/// An unscaled number as a decimal without zeros at its end.
fn decimal(unscaled: &str, scale: i8) -> String {
    let (sign, digits) = unscaled.strip_prefix('-').map_or(("", unscaled), |digits| ("-", digits));
    let Ok(scale) = usize::try_from(scale) else {
        return format!("{unscaled}{}", "0".repeat(usize::from(scale.unsigned_abs())));
    };
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let part = part.trim_end_matches('0');
    let sign = if part.is_empty() && whole == "0" { "" } else { sign };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_every_digit_and_no_zeros() {
        for (unscaled, scale, expect) in [
            ("36100000000000000001", 18, "36.100000000000000001"),
            ("-100000000000000000", 18, "-0.1"),
            ("0", 18, "0"),
            ("5000000000000000000", 18, "5"),
            ("-7", 0, "-7"),
            ("7", -2, "700"),
            ("99999999999999999999999999999999999999", 18, "99999999999999999999.999999999999999999"),
        ] {
            assert_eq!(decimal(unscaled, scale), expect);
        }
    }
}
