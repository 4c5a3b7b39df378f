//! Reading Parquet files for questions: rollups out of memory, charges from the storage with their footers remembered.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::error::Result;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use super::opened::OpenRollup;

/// Opens a question's files.
#[derive(Debug)]
pub(super) struct Readers {
    /// The rollups among them.
    pub(super) rollups: HashMap<Path, Arc<OpenRollup>>,
    /// What opens the others.
    pub(super) charges: Arc<dyn ParquetFileReaderFactory>,
}

impl ParquetFileReaderFactory for Readers {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        match self.rollups.get(&file.object_meta.location) {
            Some(open) => Ok(Box::new(InMemory(Arc::clone(open)))),
            None => self.charges.create_reader(partition, file, hint, metrics),
        }
    }
}

/// A rollup's file.
struct InMemory(Arc<OpenRollup>);

impl fmt::Debug for InMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InMemory").field(&self.0.bytes.len()).finish()
    }
}

impl AsyncFileReader for InMemory {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        let bytes = &self.0.bytes;
        let range = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        let range = range.filter(|(start, end)| start <= end && *end <= bytes.len());
        let outside = || ParquetError::EOF("a rollup is shorter than its footer says".to_owned());
        let found = range.map(|(start, end)| bytes.slice(start..end)).ok_or_else(outside);
        async { found }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        let footer = Arc::clone(&self.0.footer);
        async { Ok(footer) }.boxed()
    }
}
