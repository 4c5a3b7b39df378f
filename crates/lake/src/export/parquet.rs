//! An export as Parquet: every value as the lake has it.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::error::LakeError;

/// The most rows of a row group, and the most bytes on their way into one: what an export holds in memory.
const ROW_GROUP_ROWS: usize = 64 << 10;
const ROW_GROUP_BYTES: usize = 16 << 20;

/// Writes batches into a Parquet file whose bytes are taken away as they come.
pub(super) struct ParquetWriter {
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
}

impl ParquetWriter {
    pub(super) fn new(schema: SchemaRef) -> Result<Self, LakeError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
            .build();
        let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties))?;
        Ok(Self { schema, writer })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<Bytes, LakeError> {
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type())).collect::<Result<_, _>>()?;
        self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)?;
        Ok(std::mem::take(self.writer.inner_mut()).into())
    }

    pub(super) fn finish(mut self) -> Result<Bytes, LakeError> {
        self.writer.finish()?;
        Ok(std::mem::take(self.writer.inner_mut()).into())
    }
}
