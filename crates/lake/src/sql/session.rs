//! The session of one statement: the org's views, the functions that are allowed, and nothing else. Whatever passed the
//! allow-list by mistake finds no catalogue, no file, no address and no statement but a query here.

use std::collections::BTreeSet;
use std::sync::Arc;

use billing::organization::Accounts;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemTable, MemoryCatalogProvider, MemoryCatalogProviderList,
    MemorySchemaProvider, SchemaProvider,
};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::{SessionConfig, SessionContext};
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::{ObjectStoreRegistry, ObjectStoreUrl};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::functions::{core, datetime, unicode};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::ExprPlanner;
use object_store::ObjectStore;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use url::Url;

use super::engine::SqlSettings;
use super::{accounts, arithmetic, functions, views};
use crate::error::LakeError;
use crate::provider::ChargesTable;
use crate::session::column;
use crate::table::{ChargesFile, OrgLake};

const CATALOG: &str = "billconnect";
const SCHEMA: &str = "public";

/// The one storage that a statement reaches: its org's folder, under an address that nobody else has.
#[derive(Debug)]
struct OwnFolder {
    address: Url,
    store: Arc<dyn ObjectStore>,
}

impl ObjectStoreRegistry for OwnFolder {
    fn register_store(&self, _: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        Some(store)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        if (url.scheme(), url.host_str()) == (self.address.scheme(), self.address.host_str()) {
            return Ok(Arc::clone(&self.store));
        }
        Err(DataFusionError::Plan("a statement reads its org's charges and nothing else".to_owned()))
    }
}

impl OrgLake {
    /// A session in which `asked` of the org's views are.
    pub(crate) async fn sql_session(
        &self,
        asked: &BTreeSet<String>,
        (accounts, settings): (&Accounts, &SqlSettings),
    ) -> Result<SessionContext, LakeError> {
        let address = ObjectStoreUrl::parse("org://charges")?;
        let store = PrefixStore::new(Arc::clone(&self.shared.store), self.table_path()?);
        let registry = OwnFolder { address: AsRef::<Url>::as_ref(&address).clone(), store: Arc::new(store) };
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(settings.memory)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_max_temp_directory_size(settings.spill))
            .with_object_store_registry(Arc::new(registry))
            .build_arc()?;
        let planners: Vec<Arc<dyn ExprPlanner>> = vec![
            Arc::new(arithmetic::Exact),
            Arc::new(core::planner::CoreFunctionPlanner::default()),
            Arc::new(datetime::planner::DatetimeFunctionPlanner),
            Arc::new(unicode::planner::UnicodeFunctionPlanner),
            Arc::new(datafusion::functions_aggregate::planner::AggregateFunctionPlanner),
            Arc::new(datafusion::functions_window::planner::WindowFunctionPlanner),
        ];
        let schema = Arc::new(MemorySchemaProvider::new());
        let state = SessionStateBuilder::new()
            .with_config(config(self.shared.settings.query_threads))
            .with_runtime_env(runtime)
            .with_catalog_list(catalogs(&schema)?)
            .with_expr_planners(planners)
            .with_scalar_functions(functions::scalar())
            .with_aggregate_functions(functions::aggregate())
            .with_window_functions(functions::window())
            .build();
        let session = SessionContext::new_with_state(state);
        if asked.contains(views::CHARGES) {
            let files = self.snapshot().await?.map_or_else(Vec::new, |snapshot| snapshot.files.clone());
            let table = ChargesTable::new(self.below(files)?, address);
            // As in every sum: their instances carry that cost already.
            let charges = session.read_table(Arc::new(table))?.filter(!column("x_IsSplitCost"))?;
            schema.register_table(views::CHARGES.to_owned(), charges.into_view())?;
        }
        let mut made = Vec::new();
        if asked.contains(views::DELIVERIES) {
            made.push((views::DELIVERIES, views::delivery_rows(&self.deliveries(None, None).await?)?));
        }
        if asked.contains(views::ACCOUNTS) {
            made.push((views::ACCOUNTS, accounts::rows(accounts)?));
        }
        if asked.contains(views::COMMITMENTS) {
            made.push((views::COMMITMENTS, self.commitment_rows().await?));
        }
        for (name, batch) in made {
            let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
            schema.register_table(name.to_owned(), Arc::new(table))?;
        }
        Ok(session)
    }

    /// The files by their places in the org's table.
    fn below(&self, files: Vec<ChargesFile>) -> Result<Vec<ChargesFile>, LakeError> {
        let table = self.table_path()?;
        let below = |file: ChargesFile| {
            let path = file.path.prefix_match(&table).map(Iterator::collect::<Path>);
            let path = path.ok_or_else(|| self.strange("a file of it lies elsewhere"))?;
            Ok(ChargesFile { path, ..file })
        };
        files.into_iter().map(below).collect()
    }
}

fn config(threads: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(threads)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA);
    let options = config.options_mut();
    // No number of a statement becomes a binary one by itself.
    options.sql_parser.parse_float_as_decimal = true;
    options.execution.time_zone = Some("UTC".to_owned());
    config
}

fn catalogs(schema: &Arc<MemorySchemaProvider>) -> Result<Arc<dyn CatalogProviderList>> {
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(SCHEMA, Arc::clone(schema) as Arc<dyn SchemaProvider>)?;
    let catalogs = MemoryCatalogProviderList::new();
    catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
    Ok(Arc::new(catalogs))
}

/// Fails where a plan does anything but read.
pub(crate) fn reads_only(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| match node {
        LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::DescribeTable(_)
        | LogicalPlan::RecursiveQuery(_) => {
            Err(DataFusionError::Plan("only a query is answered: `SELECT` or `WITH`".to_owned()))
        }
        _ => Ok(TreeNodeRecursion::Continue),
    })
    .map(drop)
}
