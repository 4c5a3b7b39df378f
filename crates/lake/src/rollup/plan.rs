//! The planner of ours: for each delivery that a question is about, its rollup where that has all that the question needs, or
//! else its charges. Whoever asks can't tell.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use billing::cost_query::Grain;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::DataFrame;
use object_store::path::Path;

use super::has;
use super::opened::OpenRollup;
use super::reader::Readers;
use crate::calendar::Unit;
use crate::error::LakeError;
use crate::held::Held;
use crate::provider::ChargesTable;
use crate::table::{CONNECT_COLUMN, ChargesFile, OrgLake, PERIOD_COLUMN};

/// What time may be cut into for a question; `None` for one that needs the charges.
pub(crate) fn unit_of(grain: Grain) -> Option<Unit> {
    match grain {
        Grain::Charge | Grain::Hour => None,
        Grain::Day => Some(Unit::Day),
        Grain::Month => Some(Unit::Month),
    }
}

impl OrgLake {
    /// What was held, for questions that only sum amounts, by `unit` or more: a row may stand for all charges of a day, or of
    /// a month, that differ in nothing that the plan names.
    pub(crate) fn totals_by(&self, unit: Unit, held: Held) -> Result<DataFrame, LakeError> {
        let storage = self.storage()?;
        let raw = ChargesTable::new(Vec::new(), storage.clone());
        let table = Summed { lake: self.clone(), unit, held, raw, storage };
        self.read_on(Arc::new(table), self.shared.settings.query_threads)
    }
}

/// The table of what was held.
#[derive(Debug)]
struct Summed {
    lake: OrgLake,
    /// No row may stand for more time.
    unit: Unit,
    held: Held,
    /// What a table of charges is, whatever its files.
    raw: ChargesTable,
    storage: ObjectStoreUrl,
}

/// Whether rollups have all columns that a scan is to read.
fn suffices(schema: &SchemaRef, projection: Option<&Vec<usize>>, filters: &[Expr]) -> bool {
    let Some(projection) = projection else { return false };
    let mut needed: BTreeSet<&str> = projection.iter().map(|at| schema.field(*at).name().as_str()).collect();
    needed.extend(filters.iter().flat_map(Expr::column_refs).map(|column| column.name.as_str()));
    needed.into_iter().all(|name| has(name) || [CONNECT_COLUMN, PERIOD_COLUMN].contains(&name))
}

impl Summed {
    /// The files to read, with the rollups among them.
    async fn chosen(&self) -> (Vec<ChargesFile>, Readers) {
        let mut rollups = HashMap::new();
        let mut files = Vec::new();
        let mut instead = BTreeSet::new();
        for entry in &self.held.entries {
            // The coarsest first: it has the fewest rows.
            let mut fitting: Vec<_> = entry.rollups.iter().filter(|rollup| rollup.unit <= self.unit).collect();
            fitting.sort_by_key(|rollup| Reverse(rollup.unit));
            for rollup in fitting {
                if let Some(open) = self.lake.open_rollup(rollup).await {
                    rollups.insert(rollup.file.path.clone(), open);
                    files.push(rollup.file.clone());
                    instead.insert(entry.attempt.as_str());
                    break;
                }
            }
        }
        files.extend(self.held.files.iter().filter(|file| !instead.contains(file.attempt.as_str())).cloned());
        (files, self.readers(rollups))
    }

    fn readers(&self, rollups: HashMap<Path, Arc<OpenRollup>>) -> Readers {
        let shared = &self.lake.shared;
        let footers = shared.runtime.cache_manager.get_file_metadata_cache();
        let charges = Arc::new(CachedParquetFileReaderFactory::new(Arc::clone(&shared.store), footers));
        Readers { rollups, charges }
    }
}

#[async_trait]
impl TableProvider for Summed {
    fn schema(&self) -> SchemaRef {
        self.raw.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        self.raw.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (files, readers) = if suffices(&self.schema(), projection, filters) {
            self.chosen().await
        } else {
            (self.held.files.clone(), self.readers(HashMap::new()))
        };
        let table = ChargesTable::new(files, self.storage.clone()).read_by(Arc::new(readers));
        table.scan(state, projection, filters, limit).await
    }
}
