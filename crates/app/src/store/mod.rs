//! What is remembered between runs, in SQLite: the only place with SQL.
//!
//! Every function takes the org that it works for and puts it into its `WHERE`, so that one org's call cannot reach
//! another org's rows. The exceptions say so: looking a token up finds out whose it is, and jobs are claimed for all.

mod accounts;
mod audit;
mod connects;
mod external_ids;
mod imports;
mod jobs;
mod leases;
mod operators;
mod orgs;
mod pauses;
mod pulse;
mod reports;
mod reservations;
mod secrets;
mod service_accounts;
mod tokens;

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use billing::names::{BillConnectId, OrgId};
use futures::FutureExt;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Connection, Row, Sqlite};
use time::OffsetDateTime;

use crate::seal::{SealError, SecretKeys};

pub use accounts::{Known, LastLook};
pub use external_ids::{IdProof, Shown, StoredId};
pub use imports::{Import, ImportId, ImportStatus, ManifestOutcome, Outcome, SeenManifest};
pub use jobs::{Found, Job, JobCount, JobOutcome, JobProgress, JobReason, JobState, Staged, Wanted};
pub(crate) use leases::{Begun, Claim, Claimed, End};
pub use operators::OperatorToken;
pub use orgs::Org;
pub use reports::ReportEntry;
pub use reservations::PageCount;
pub use secrets::Rotated;
pub(crate) use service_accounts::NewServiceAccount;
pub use service_accounts::{ClientSecret, ServiceAccount, ServiceAccountChange};
pub(crate) use tokens::{AccessToken, Parent, TokenHash};
pub use tokens::{RefreshToken, TokenId};

/// How long a statement waits for another process that writes.
const BUSY: Duration = Duration::from_secs(15);
/// Connections at once; `SQLite` has one writer, and more readers than this don't read faster.
const CONNECTIONS: u32 = 4;

/// Why the store did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The org has connected this account already.
    #[error("`{0}` is connected already")]
    Conflict(BillConnectId),
    /// An org has this id, or had it once.
    #[error("the org id `{0}` is taken, or was once: ids never come back")]
    OrgTaken(OrgId),
    /// The file can't be made or opened.
    #[error("the store `{path}` can't be opened: {source}; its folder must exist and be writable")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file was written by a version of the program that this one doesn't understand, or isn't a store.
    #[error(
        "the store `{path}` can't be brought up to date: {source}; restore a backup or run the program that wrote it"
    )]
    Migration {
        /// The file.
        path: String,
        /// What went wrong.
        source: Box<sqlx::migrate::MigrateError>,
    },
    /// The database refused or failed.
    #[error("the store failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A row holds what no version of the program writes.
    #[error("the store holds `{column}` in a form that this version can't read: {why}")]
    Unreadable {
        /// The column.
        column: &'static str,
        /// Why not.
        why: String,
    },
    /// A secret can't be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Something that only the machine can give was refused: random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

/// The store: a pool of connections to one SQLite file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
    keys: Arc<SecretKeys>,
}

impl Store {
    /// Opens the store at `path`, makes it if there is none (readable by its owner alone), and brings its schema up to date.
    ///
    /// Several processes may have it open: a command line beside a server.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        make_private(path).map_err(|source| StoreError::File { path: path.display().to_string(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A 201 and a receipt are promises: they must outlast a power cut, not only a crash.
            .synchronous(SqliteSynchronous::Full)
            // What is deleted or sealed anew leaves no copy in the file's free pages.
            .pragma("secure_delete", "ON")
            .busy_timeout(BUSY);
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).after_release(|connection, _| {
            async move {
                // Whatever is still to be rolled back is by then.
                connection.ping().await?;
                // A full disk ends a transaction without the connection's knowing: no other could be begun on it.
                Ok(!connection.is_in_transaction())
            }
            .boxed()
        });
        let pool = pool.connect_with(options).await?;
        sqlx::migrate!("./migrations")
            .run(&pool)
            .await
            .map_err(|source| StoreError::Migration { path: path.display().to_string(), source: Box::new(source) })?;
        Ok(Self { pool, keys: Arc::default() })
    }

    /// The same store with the keys that seal the secrets in it. Without them, whatever has none can still be done.
    #[must_use]
    pub fn with_keys(self, keys: SecretKeys) -> Self {
        Self { keys: Arc::new(keys), ..self }
    }

    /// Waits for what is running and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Makes an empty file that only its owner may read, if there is none.
///
/// SQLite gives the log files beside it the same permissions.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// An org's id as the database keeps it.
fn key(org: OrgId) -> i64 {
    i64::try_from(org.number()).expect("an org id has at most 18 digits")
}

/// An instant as the database keeps it: whole microseconds since 1970; what is finer is cut off.
fn micros(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1000).expect("the years that `time` knows fit")
}

/// Reads columns back into the types that they were written from.
trait ReadRow {
    fn text<T: FromStr<Err: ToString>>(&self, column: &'static str) -> Result<T, StoreError>;
    fn instant(&self, column: &'static str) -> Result<OffsetDateTime, StoreError>;
    fn maybe_instant(&self, column: &'static str) -> Result<Option<OffsetDateTime>, StoreError>;
    fn maybe_json<T: serde::de::DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>, StoreError>;
    fn org(&self, column: &'static str) -> Result<OrgId, StoreError>;
}

impl ReadRow for SqliteRow {
    fn text<T: FromStr<Err: ToString>>(&self, column: &'static str) -> Result<T, StoreError> {
        let text: String = self.try_get(column)?;
        text.parse().map_err(|error: T::Err| StoreError::Unreadable { column, why: error.to_string() })
    }

    fn instant(&self, column: &'static str) -> Result<OffsetDateTime, StoreError> {
        instant(column, self.try_get(column)?)
    }

    fn maybe_instant(&self, column: &'static str) -> Result<Option<OffsetDateTime>, StoreError> {
        let micros: Option<i64> = self.try_get(column)?;
        micros.map(|micros| instant(column, micros)).transpose()
    }

    fn maybe_json<T: serde::de::DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.try_get(column)?;
        let parsed = text.map(|text| serde_json::from_str(&text)).transpose();
        parsed.map_err(|error| StoreError::Unreadable { column, why: error.to_string() })
    }

    fn org(&self, column: &'static str) -> Result<OrgId, StoreError> {
        let number: i64 = self.try_get(column)?;
        let wrong = |why: String| StoreError::Unreadable { column, why };
        let number = u64::try_from(number).map_err(|error| wrong(error.to_string()))?;
        OrgId::try_from(number).map_err(|error| wrong(error.to_string()))
    }
}

fn instant(column: &'static str, micros: i64) -> Result<OffsetDateTime, StoreError> {
    let read = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000);
    read.map_err(|error| StoreError::Unreadable { column, why: error.to_string() })
}

/// What we write is always JSON-able: text keys, no foreign types.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("our own types turn into JSON")
}

/// A statement for the one database that there is.
fn query(sql: &'static str) -> sqlx::query::Query<'static, Sqlite, sqlx::sqlite::SqliteArguments> {
    sqlx::query(sql)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A store in a folder of its own, which goes away with the second value.
    pub(crate) async fn store() -> (Store, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("billconnect.db")).await.unwrap();
        (store, folder)
    }

    #[tokio::test]
    async fn what_was_written_is_there_when_opened_again() {
        let (store, folder) = store().await;
        let org = store.create_org("Acme").await.unwrap();
        store.close().await;
        let again = Store::open(&folder.path().join("billconnect.db")).await.unwrap();
        assert_eq!(again.org(org.id).await.unwrap(), Some(org));
    }

    #[tokio::test]
    async fn two_processes_may_have_it_open() {
        let (store, folder) = store().await;
        let other = Store::open(&folder.path().join("billconnect.db")).await.unwrap();
        let org = store.create_org("Acme").await.unwrap();
        assert_eq!(other.orgs().await.unwrap(), [org]);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn only_the_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let (store, folder) = store().await;
        store.create_org("Acme").await.unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
        }
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_named() {
        let error = Store::open(Path::new("/nowhere/billconnect.db")).await.unwrap_err().to_string();
        assert!(error.contains("`/nowhere/billconnect.db`") && error.contains("its folder must exist"), "{error}");
    }

    #[test]
    fn instants_keep_their_microseconds() {
        let at = time::macros::datetime!(2026-09-30 23:59:59.123456 UTC);
        assert_eq!(instant("at", micros(at)).unwrap(), at);
    }
}
