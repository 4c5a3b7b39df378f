//! The Arrow schema of the lake's table of charges, made from the table of columns.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use billing::focus::columns::{self, Column, ColumnType, Nulls};
use billing::money::{PRECISION, SCALE};

/// The columns of a charges file: FOCUS's 57, then ours. The partition columns are not among them.
pub fn charges_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> =
        LazyLock::new(|| Arc::new(Schema::new(columns::all().map(field).collect::<Vec<_>>())));
    Arc::clone(&SCHEMA)
}

/// A batch of these columns, in the order of [`charges_schema`]; texts may come as dictionaries, and nothing at all as nulls.
pub(crate) fn charges_batch(columns: Vec<ArrayRef>) -> Result<RecordBatch, ArrowError> {
    let schema = charges_schema();
    let packed = |(field, array): (&FieldRef, &ArrayRef)| {
        if field.data_type() == array.data_type() {
            return Arc::clone(field);
        }
        Arc::new(field.as_ref().clone().with_data_type(array.data_type().clone()))
    };
    let fields: Vec<_> = schema.fields().iter().zip(&columns).map(packed).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn field(column: &Column) -> Field {
    Field::new(column.name, data_type(column.column_type), column.nulls == Nulls::Allowed)
}

/// How Arrow holds a column: decimals exact, times in UTC microseconds, JSON as text.
pub(crate) fn data_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Text | ColumnType::Json => DataType::Utf8,
        ColumnType::Decimal => DataType::Decimal128(PRECISION, SCALE.cast_signed()),
        ColumnType::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::Flag => DataType::Boolean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact_and_every_column_is_there() {
        let schema = charges_schema();
        assert_eq!(schema.fields().len(), columns::all().count());
        for name in ["BilledCost", "EffectiveCost", "x_UnblendedCost", "ConsumedQuantity"] {
            let field = schema.field_with_name(name).unwrap();
            assert_eq!(field.data_type(), &DataType::Decimal128(38, 18), "{name}");
        }
        assert!(!schema.field_with_name("BilledCost").unwrap().is_nullable());
        assert!(schema.field_with_name("x_UnblendedCost").unwrap().is_nullable());
    }
}
