//! The query engine, as the lake uses it: a session a question, all of them within one bound of memory.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::execution::context::{SessionConfig, SessionContext};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, ident};
use datafusion::prelude::DataFrame;
use tokio::sync::SemaphorePermit;
use url::Position;

use crate::error::LakeError;
use crate::provider::ChargesTable;
use crate::table::{ChargesFile, OrgLake};

/// Questions about costs that are answered at once; others wait their turn. The engine sets some megabytes aside for each
/// sort of each, so that with any number of them none would have enough.
pub(crate) const AT_ONCE: usize = 8;

impl OrgLake {
    /// A place among those that are answered at once; given back when it is dropped.
    pub(crate) async fn place(&self) -> SemaphorePermit<'_> {
        self.shared.questions.acquire().await.expect("nobody closes it")
    }

    /// The charges in `files`, ready to be asked.
    pub(crate) fn charges(&self, files: Vec<ChargesFile>) -> Result<DataFrame, LakeError> {
        self.charges_on(files, self.shared.settings.query_threads)
    }

    /// The same, read one after the other, so that rows come in the files' order.
    pub(crate) fn charges_in_order(&self, files: Vec<ChargesFile>) -> Result<DataFrame, LakeError> {
        self.charges_on(files, 1)
    }

    fn charges_on(&self, files: Vec<ChargesFile>, threads: usize) -> Result<DataFrame, LakeError> {
        self.read_on(Arc::new(ChargesTable::new(files, self.storage()?)), threads)
    }

    /// The rows of a table, ready to be asked.
    pub(crate) fn read_on(&self, table: Arc<dyn TableProvider>, threads: usize) -> Result<DataFrame, LakeError> {
        let config = SessionConfig::new().with_target_partitions(threads).with_information_schema(false);
        let context = SessionContext::new_with_config_rt(config, Arc::clone(&self.shared.runtime));
        Ok(context.read_table(table)?)
    }

    /// Where files are said to lie: the storage, from its root.
    pub(crate) fn storage(&self) -> Result<ObjectStoreUrl, LakeError> {
        Ok(ObjectStoreUrl::parse(&self.shared.base[..Position::BeforePath])?)
    }
}

/// Column `name`, in exactly this spelling.
pub(crate) fn column(name: &str) -> Expr {
    ident(name)
}
