//! The table that questions read: a snapshot's files, planned as a plain Parquet scan with partition values.
//!
//! Everything in the plan is standard, so it crosses a wire to other executors unchanged.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, BooleanArray, StringArray, TimestampMicrosecondArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfigBuilder, ParquetFileReaderFactory, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::{PruningPredicateBuilder, PruningStatistics};
use datafusion::physical_plan::ExecutionPlan;

use crate::schema::charges_schema;
use crate::table::{CONNECT_COLUMN, ChargesFile, PERIOD_COLUMN, START_COLUMN};

/// The columns of the table: those of its files, then the two that it is partitioned by.
pub fn table_schema() -> SchemaRef {
    let schema = charges_schema();
    let fields = schema.fields().iter().cloned().chain(partition_fields().map(Arc::new));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Never null and never in a file: the log states them, and every row of the file has them.
fn partition_fields() -> [Field; 2] {
    [CONNECT_COLUMN, PERIOD_COLUMN].map(|name| Field::new(name, DataType::Utf8, false))
}

/// The columns of a file as questions read them: texts as views, which are compared and grouped without copying.
fn view_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let view = |field: &Arc<Field>| match field.data_type() {
            DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
            _ => Arc::clone(field),
        };
        Arc::new(Schema::new(charges_schema().fields().iter().map(view).collect::<Vec<_>>()))
    });
    Arc::clone(&SCHEMA)
}

/// Some files of a table, as the query engine sees them.
#[derive(Debug)]
pub(crate) struct ChargesTable {
    schema: TableSchema,
    files: Vec<ChargesFile>,
    storage: ObjectStoreUrl,
    readers: Option<Arc<dyn ParquetFileReaderFactory>>,
}

impl ChargesTable {
    /// The table of `files`, which lie in the storage at `storage`.
    pub(crate) fn new(files: Vec<ChargesFile>, storage: ObjectStoreUrl) -> Self {
        let partition = partition_fields().map(Arc::new).to_vec();
        let schema = TableSchema::builder(view_schema()).with_table_partition_cols(partition).build();
        Self { schema, files, storage, readers: None }
    }

    /// The same table, its files opened by `readers`.
    pub(crate) fn read_by(self, readers: Arc<dyn ParquetFileReaderFactory>) -> Self {
        Self { readers: Some(readers), ..self }
    }

    /// The files that may hold a row which `filter` lets through.
    fn prune(&self, filter: Option<&Arc<dyn PhysicalExpr>>) -> Result<Vec<&ChargesFile>> {
        let schema = Arc::clone(self.schema.table_schema());
        let Some(filter) = filter else {
            return Ok(self.files.iter().collect());
        };
        let predicate = PruningPredicateBuilder::new().with_file_schema(schema).try_build(Arc::clone(filter))?;
        let keep = predicate.prune(&Log(&self.files))?;
        Ok(self.files.iter().zip(keep).filter(|(_, keep)| *keep).map(|(file, _)| file).collect())
    }
}

/// A file as a scan takes it. Its path is set as it is: the constructor would encode it once more.
fn partitioned(file: &ChargesFile) -> PartitionedFile {
    let mut partitioned = PartitionedFile::new(String::new(), file.size);
    partitioned.object_meta.location = file.path.clone();
    let values = [file.month.connect.to_string(), file.month.period.to_string()];
    partitioned.with_partition_values(values.map(|value| ScalarValue::Utf8(Some(value))).to_vec())
}

#[async_trait]
impl TableProvider for ChargesTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // Files and row groups are left out by their statistics; the rows that remain are filtered by the engine.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns = DFSchema::try_from(self.schema())?;
        let filter = conjunction(filters.iter().cloned());
        let filter = filter.map(|filter| state.create_physical_expr(filter, &columns)).transpose()?;
        let files: Vec<_> = self.prune(filter.as_ref())?.into_iter().map(partitioned).collect();
        let mut source = ParquetSource::new(self.schema.clone());
        if let Some(filter) = filter {
            source = source.with_predicate(filter);
        }
        if let Some(readers) = &self.readers {
            source = source.with_parquet_file_reader_factory(Arc::clone(readers));
        }
        // The engine cuts groups further, by row groups, where files are fewer than threads.
        let groups = FileGroup::new(files).split_files(state.config().target_partitions());
        let scan = FileScanConfigBuilder::new(self.storage.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}

/// What the log knows of each file, as the engine asks for it.
struct Log<'a>(&'a [ChargesFile]);

impl Log<'_> {
    fn texts(&self, text: impl Fn(&ChargesFile) -> String) -> ArrayRef {
        Arc::new(self.0.iter().map(|file| Some(text(file))).collect::<StringArray>())
    }

    /// The partition values, which every row of a file has, or the bound that `of` picks of the charges' starts.
    fn bound(&self, column: &Column, of: fn(&(i64, i64)) -> i64) -> Option<ArrayRef> {
        match column.name.as_str() {
            CONNECT_COLUMN => Some(self.texts(|file| file.month.connect.to_string())),
            PERIOD_COLUMN => Some(self.texts(|file| file.month.period.to_string())),
            START_COLUMN => {
                let starts = self.0.iter().map(|file| file.starts.as_ref().map(of));
                Some(Arc::new(starts.collect::<TimestampMicrosecondArray>().with_timezone("UTC")))
            }
            _ => None,
        }
    }
}

impl PruningStatistics for Log<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, |(first, _)| *first)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, |(_, last)| *last)
    }

    fn num_containers(&self) -> usize {
        self.0.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, |(first, _)| *first)?;
        // None of these three columns is ever null.
        Some(Arc::new(self.0.iter().map(|_| Some(0)).collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(self.0.iter().map(|file| file.rows).collect::<UInt64Array>()))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::lit;
    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::session::column;
    use crate::table::Month;

    /// One file a month; the log says nothing of the starts in the last.
    fn table() -> ChargesTable {
        let file = |(connect, period, starts): (&str, &str, Option<(i64, i64)>)| ChargesFile {
            path: format!("{connect}/{period}").into(),
            size: 1,
            month: Month { connect: connect.parse().unwrap(), period: period.parse().unwrap() },
            attempt: "a".to_owned(),
            rows: Some(1),
            starts,
        };
        let files = [
            ("aws-111111111111", "2026-08", Some((100, 200))),
            ("aws-111111111111", "2026-09", Some((200, 300))),
            ("aws-222222222222", "2026-09", None),
        ];
        ChargesTable::new(files.into_iter().map(file).collect(), ObjectStoreUrl::local_filesystem())
    }

    #[track_caller]
    fn kept(filter: &Expr, expect: &[&str]) {
        let table = table();
        let columns = DFSchema::try_from(table.schema()).unwrap();
        let physical = SessionContext::new().state().create_physical_expr(filter.clone(), &columns).unwrap();
        let kept = table.prune(Some(&physical)).unwrap();
        assert_eq!(kept.iter().map(|file| file.path.as_ref()).collect::<Vec<_>>(), expect, "{filter}");
    }

    #[test]
    fn files_that_cannot_match_are_not_read() {
        let start = |micros| lit(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())));
        let [august, september, unknown] =
            ["aws-111111111111/2026-08", "aws-111111111111/2026-09", "aws-222222222222/2026-09"];
        kept(&column(PERIOD_COLUMN).eq(lit("2026-09")), &[september, unknown]);
        kept(&column(CONNECT_COLUMN).eq(lit("aws-111111111111")), &[august, september]);
        // A file of which the log does not say when its charges start may hold any.
        kept(&column(START_COLUMN).lt(start(200)), &[august, unknown]);
        kept(&column(START_COLUMN).gt_eq(start(200)), &[august, september, unknown]);
        kept(&column("BilledCost").gt(lit(0)), &[august, september, unknown]);
    }
}
