//! Where the lake lies: a folder on disk by default, with one folder an org.

use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;

use billing::names::OrgId;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use tokio::sync::Semaphore;
use url::Url;
use uuid::Uuid;

use crate::durable::DurableFolder;
use crate::error::LakeError;
use crate::export;
use crate::history::Known;
use crate::limits::Limits;
use crate::rollup::Opened;
use crate::session;
use crate::sql::{Engine, SqlSettings};
use crate::table::{OrgLake, Snapshots, path_of};

/// What an operator may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LakeSettings {
    /// The memory that all questions together may use, in bytes; beyond it they spill to disk.
    pub query_memory: usize,
    /// The threads that one question may use.
    pub query_threads: usize,
    /// The memory that one file of a delivery may take while it is read, about, in bytes; two are read at once. A quarter
    /// of it holds the row group on its way to the storage, the rest what comes before and behind it.
    pub part_memory: usize,
    /// What a delivery's files may be at most.
    pub limits: Limits,
    /// What statements in SQL may use.
    pub sql: SqlSettings,
}

impl Default for LakeSettings {
    fn default() -> Self {
        Self {
            query_memory: 256 << 20,
            query_threads: 2,
            part_memory: 40 << 20,
            limits: Limits::default(),
            sql: SqlSettings::default(),
        }
    }
}

/// The lake of all orgs. A clone is the same lake.
#[derive(Debug, Clone)]
pub struct Lake {
    shared: Arc<Shared>,
}

/// What every org's lake uses: the storage, the engine's memory, the settings.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The storage, from its very root; addresses below say where in it.
    pub(crate) store: Arc<dyn ObjectStore>,
    /// The lake's address, with a slash at the end.
    pub(crate) base: Url,
    /// A folder on disk for what is kept only while it is read. Files in it have no names: a crash leaves none.
    pub(crate) scratch: PathBuf,
    pub(crate) runtime: Arc<RuntimeEnv>,
    pub(crate) settings: LakeSettings,
    /// Places for exports that are made at once.
    pub(crate) exports: Arc<Semaphore>,
    /// Places for questions that are answered at once.
    pub(crate) questions: Semaphore,
    /// Records that were read already.
    pub(crate) known: Known,
    pub(crate) snapshots: Snapshots,
    /// Rollups that were read already.
    pub(crate) opened: Opened,
    /// What statements run on.
    pub(crate) sql: Engine,
}

impl Lake {
    /// Opens the lake in the folder `root`, which is made where it does not exist.
    pub fn open(root: &FsPath, settings: LakeSettings) -> Result<Self, LakeError> {
        let folder = |source| LakeError::Folder { path: root.display().to_string(), source };
        std::fs::create_dir_all(root).map_err(folder)?;
        let root = root.canonicalize().map_err(folder)?;
        let base = Url::from_directory_path(&root).expect("a canonical path is absolute");
        let store: Arc<dyn ObjectStore> = Arc::new(DurableFolder::new());
        let pool = Arc::new(FairSpillPool::new(settings.query_memory));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc()?;
        runtime.register_object_store(&base, Arc::clone(&store));
        Ok(Self {
            shared: Arc::new(Shared {
                store,
                base,
                scratch: root,
                runtime,
                settings,
                exports: Arc::new(Semaphore::new(export::AT_ONCE)),
                questions: Semaphore::new(session::AT_ONCE),
                known: Known::default(),
                snapshots: Snapshots::default(),
                opened: Opened::default(),
                sql: Engine::new(settings.sql),
            }),
        })
    }

    /// Writes a small file and removes it, as a proof that it can.
    pub async fn prove_writable(&self) -> Result<(), LakeError> {
        let path = path_of(&self.shared.base)?.join(format!(".pulse-{}", Uuid::new_v4().simple()));
        self.shared.store.put(&path, PutPayload::from_static(b"written to see whether it can be")).await?;
        Ok(self.shared.store.delete(&path).await?)
    }

    /// The same lake over another storage of the same folder.
    #[cfg(test)]
    pub(crate) fn over(mut self, store: Arc<dyn ObjectStore>) -> Self {
        let shared = Arc::get_mut(&mut self.shared).expect("nobody has it yet");
        shared.runtime.register_object_store(&shared.base, Arc::clone(&store));
        shared.store = store;
        self
    }

    /// One org's lake. It sees that org's folder and no other.
    pub fn org(&self, org: OrgId) -> OrgLake {
        OrgLake::new(Arc::clone(&self.shared), org)
    }
}

#[cfg(test)]
mod tests {
    use crate::testkit::TestLake;

    #[tokio::test]
    async fn a_lake_that_takes_no_write_says_so() {
        let test = TestLake::new();
        test.lake.prove_writable().await.unwrap();
        assert_eq!(std::fs::read_dir(test.folder.path()).unwrap().count(), 0, "nothing is left of it");
        std::fs::remove_dir_all(test.folder.path()).unwrap();
        std::fs::write(test.folder.path(), "a file in its place").unwrap();
        assert!(test.lake.prove_writable().await.is_err());
        std::fs::remove_file(test.folder.path()).unwrap();
        std::fs::create_dir(test.folder.path()).unwrap();
    }
}
