//! One org's table of charges: its address and its current files.
//!
//! *Invariant:* what the log does not name does not exist. Files are read through a snapshot of it, never by listing.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use billing::names::{BillConnectId, OrgId};
use billing::organization::Accounts;
use billing::period::BillingPeriod;
use deltalake_core::kernel::LogicalFileView;
use deltalake_core::logstore::{LogStoreRef, StorageConfig, logstore_with};
use deltalake_core::{DeltaTable, DeltaTableError};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;
use uuid::Uuid;

use crate::error::LakeError;
use crate::location::Shared;

/// The partition column that says which connection a charge came through.
pub const CONNECT_COLUMN: &str = "x_BillConnectId";
/// The partition column that says which month a charge was billed in, as `2026-09`.
pub const PERIOD_COLUMN: &str = "x_BillingPeriod";
/// The column that the log keeps the smallest and the largest value of.
pub(crate) const START_COLUMN: &str = "ChargePeriodStart";

/// One org's lake. A clone is the same one.
#[derive(Clone)]
pub struct OrgLake {
    pub(crate) shared: Arc<Shared>,
    org: OrgId,
    /// What is known of the org's accounts, where somebody said so.
    pub(crate) known_accounts: Arc<Accounts>,
}

impl fmt::Debug for OrgLake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrgLake").field("org", &self.org).finish_non_exhaustive()
    }
}

/// One month of one connection: what is published and replaced as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Month {
    pub(crate) connect: BillConnectId,
    pub(crate) period: BillingPeriod,
}

/// One data file of the table.
#[derive(Debug, Clone)]
pub(crate) struct ChargesFile {
    /// Its place, from the storage's root.
    pub(crate) path: Path,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// The month it belongs to.
    pub(crate) month: Month,
    /// The ingest that wrote it; the receipt of that ingest has the same name.
    pub(crate) attempt: String,
    /// Rows, where the log says.
    pub(crate) rows: Option<u64>,
    /// The earliest and the latest start of a charge in it, in microseconds since 1970, where the log says.
    pub(crate) starts: Option<(i64, i64)>,
}

/// The table at one version.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) table: DeltaTable,
    pub(crate) files: Vec<ChargesFile>,
}

/// Each org's table as it was last read: as long as nothing is committed to it, no question replays its log.
#[derive(Debug, Default)]
pub(crate) struct Snapshots(Mutex<HashMap<OrgId, Arc<Snapshot>>>);

/// How many orgs' tables are remembered.
const REMEMBERED: usize = 256;

impl Snapshots {
    fn get(&self, org: OrgId) -> Option<Arc<Snapshot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&org).cloned()
    }

    fn put(&self, org: OrgId, snapshot: Arc<Snapshot>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(org, snapshot);
    }

    fn forget(&self, org: OrgId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&org);
    }
}

impl OrgLake {
    /// Has the table read anew: it is being erased.
    pub(crate) fn forget_snapshot(&self) {
        self.shared.snapshots.forget(self.org);
    }

    pub(crate) fn new(shared: Arc<Shared>, org: OrgId) -> Self {
        Self { shared, org, known_accounts: Arc::default() }
    }

    /// The same, which knows this of the org's accounts: questions about costs join it.
    #[must_use]
    pub fn knowing(self, known_accounts: Arc<Accounts>) -> Self {
        Self { known_accounts, ..self }
    }

    /// The address of the org's table of charges: a Delta table that any engine may read.
    pub fn table_url(&self) -> Url {
        self.address("charges/")
    }

    pub(crate) fn address(&self, below: &str) -> Url {
        let path = format!("orgs/{}/{below}", self.org);
        self.shared.base.join(&path).expect("an org's number and fixed words make an address")
    }

    /// The address of all that the org has in the lake.
    pub(crate) fn folder_url(&self) -> Url {
        self.address("")
    }

    pub(crate) fn folder_path(&self) -> Result<Path, LakeError> {
        path_of(&self.folder_url())
    }

    /// Whose lake it is.
    pub(crate) fn org(&self) -> OrgId {
        self.org
    }

    pub(crate) fn table_path(&self) -> Result<Path, LakeError> {
        path_of(&self.table_url())
    }

    /// The folder, from the storage's root, of a month's data files.
    pub(crate) fn month_path(&self, month: &Month) -> Result<Path, LakeError> {
        let Month { connect, period } = month;
        let folder = self.table_path()?.join(format!("{CONNECT_COLUMN}={connect}"));
        Ok(folder.join(format!("{PERIOD_COLUMN}={period}")))
    }

    /// The name, from the storage's root, of data file number `number` of an ingest.
    pub(crate) fn data_path(&self, month: &Month, attempt: Uuid, number: usize) -> Result<Path, LakeError> {
        Ok(self.month_path(month)?.join(format!("{}-{number:05}.parquet", attempt.simple())))
    }

    pub(crate) fn log_error(&self, source: DeltaTableError) -> LakeError {
        LakeError::Log { table: self.table_url().to_string(), source: Box::new(source) }
    }

    pub(crate) fn strange(&self, what: impl Into<String>) -> LakeError {
        LakeError::Strange { table: self.table_url().to_string(), what: what.into() }
    }

    pub(crate) fn log_store(&self) -> Result<LogStoreRef, LakeError> {
        let store = Arc::clone(&self.shared.store);
        logstore_with(store, &self.table_url(), StorageConfig::default()).map_err(|error| self.log_error(error))
    }

    /// The table as it is now; `None` until a first month is published.
    pub(crate) async fn snapshot(&self) -> Result<Option<Arc<Snapshot>>, LakeError> {
        if let Some(known) = self.shared.snapshots.get(self.org)
            && self.is_newest(&known).await?
        {
            return Ok(Some(known));
        }
        let log = self.log_store()?;
        if !log.is_delta_table_location().await.map_err(|error| self.log_error(error))? {
            return Ok(None);
        }
        let mut table = DeltaTable::new(log);
        table.load().await.map_err(|error| self.log_error(error))?;
        let state = table.snapshot().map_err(|error| self.log_error(error))?;
        let files = state.log_data().iter().map(|view| self.charges_file(&view)).collect::<Result<_, _>>()?;
        let snapshot = Arc::new(Snapshot { table, files });
        self.shared.snapshots.put(self.org, Arc::clone(&snapshot));
        Ok(Some(snapshot))
    }

    /// Whether the table is there and nothing was committed after this: the log's versions have no gaps.
    async fn is_newest(&self, snapshot: &Snapshot) -> Result<bool, LakeError> {
        let Some(version) = snapshot.table.version() else {
            return Ok(false);
        };
        Ok(self.has_version(version).await? && !self.has_version(version + 1).await?)
    }

    async fn has_version(&self, version: u64) -> Result<bool, LakeError> {
        let commit = self.table_path()?.join("_delta_log").join(format!("{version:020}.json"));
        match self.shared.store.head(&commit).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn charges_file(&self, view: &LogicalFileView) -> Result<ChargesFile, LakeError> {
        let below = view.object_store_path();
        let strange = |what: &str| self.strange(format!("file `{below}` {what}"));
        let values = view.partition_values_map();
        let month = month_of(&values).ok_or_else(|| strange("belongs to no month"))?;
        let name = below.filename().and_then(|name| name.split_once('-'));
        let attempt = name.ok_or_else(|| strange("was not written by this program"))?.0.to_owned();
        let stats: Option<Stats> = view.stats().and_then(|json| serde_json::from_str(&json).ok());
        let path = below.parts().fold(self.table_path()?, Path::join);
        let size = u64::try_from(view.size()).map_err(|_| strange("has a size below nothing"))?;
        let rows = stats.as_ref().map(|stats| stats.rows);
        Ok(ChargesFile { path, size, month, attempt, rows, starts: stats.and_then(|stats| stats.starts()) })
    }
}

impl Snapshot {
    /// The months of the table, and the ingest that each comes from.
    pub(crate) fn attempts(&self) -> BTreeMap<&Month, &str> {
        self.files.iter().map(|file| (&file.month, file.attempt.as_str())).collect()
    }

    /// The ingest that a month comes from.
    pub(crate) fn attempt(&self, month: &Month) -> Option<&str> {
        self.files.iter().find(|file| file.month == *month).map(|file| file.attempt.as_str())
    }
}

/// An address's path in the storage that it lies in.
pub(crate) fn path_of(url: &Url) -> Result<Path, LakeError> {
    Ok(Path::from_url_path(url.path()).map_err(object_store::Error::from)?)
}

fn month_of(partition: &HashMap<String, Option<String>>) -> Option<Month> {
    let value = |column: &str| partition.get(column)?.as_deref();
    Some(Month { connect: value(CONNECT_COLUMN)?.parse().ok()?, period: value(PERIOD_COLUMN)?.parse().ok()? })
}

/// What the log says of a file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    #[serde(rename = "numRecords")]
    rows: u64,
    #[serde(default)]
    min_values: HashMap<String, serde_json::Value>,
    #[serde(default)]
    max_values: HashMap<String, serde_json::Value>,
}

impl Stats {
    fn starts(&self) -> Option<(i64, i64)> {
        let micros = |values: &HashMap<String, serde_json::Value>| {
            let at = OffsetDateTime::parse(values.get(START_COLUMN)?.as_str()?, &Rfc3339).ok()?;
            i64::try_from(at.unix_timestamp_nanos() / 1000).ok()
        };
        Some((micros(&self.min_values)?, micros(&self.max_values)?))
    }
}
