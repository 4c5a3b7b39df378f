//! What can go wrong in the lake.

use std::collections::BTreeSet;

use arrow::error::ArrowError;
use billing::cost_query::QueryProblem;
use billing::history::NamedDelivery;
use billing::names::BillConnectId;
use billing::period::BillingPeriod;
use billing::reconcile::{Disagreement, SumOverflow};
use billing::sql::SqlProblem;
use datafusion::error::DataFusionError;
use deltalake_core::DeltaTableError;
use parquet::errors::ParquetError;
use time::OffsetDateTime;

pub use crate::normalise::IngestError;

/// Why the lake could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// A file of the delivery can't be read right.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The download of a file broke off: what was made of it says nothing about the file.
    #[error("{0}")]
    Download(#[source] Box<LakeError>),
    /// Files and lake don't agree.
    #[error(
        "`{connect}` `{period}` is not published: what was read of the files that manifest `{manifest}` lists: {source}"
    )]
    Disagreement {
        /// The connection.
        connect: BillConnectId,
        /// The month.
        period: BillingPeriod,
        /// The key of the delivery's manifest.
        manifest: String,
        /// Where they don't agree.
        source: Box<Disagreement>,
    },
    /// Not every file that the manifest lists was read whole, once.
    #[error("`{connect}` `{period}` is not published: of its files {} not read whole, once", list(.keys))]
    Unread {
        /// The connection.
        connect: BillConnectId,
        /// The month.
        period: BillingPeriod,
        /// The files' keys.
        keys: BTreeSet<String>,
    },
    /// A sum of the files does not fit.
    #[error(transparent)]
    Overflow(#[from] SumOverflow),
    /// Somebody else published the month, or forgot the connection, after this delivery was begun.
    #[error("`{connect}` `{period}` was published by another ingest meanwhile: look for its newest delivery again")]
    Conflict {
        /// The connection.
        connect: BillConnectId,
        /// The month.
        period: BillingPeriod,
    },
    /// The month comes from a delivery that was made later; an older one never replaces it.
    #[error("`{connect}` `{period}` comes from a newer delivery already, which an older one does not replace")]
    Older {
        /// The connection.
        connect: BillConnectId,
        /// The month.
        period: BillingPeriod,
    },
    /// The month never came from this delivery.
    #[error(
        "`{}` `{}` never came from a delivery `{}`; the list of deliveries names those that it came from",
        .0.connect, .0.period, .0.delivery_id
    )]
    NoDelivery(NamedDelivery),
    /// There is nothing to compare the delivery with.
    #[error(
        "there is nothing to compare: `{connect}` `{period}` came from no delivery before that one; `from` and `to` name two of those in the list of deliveries"
    )]
    NothingBefore {
        /// The connection.
        connect: BillConnectId,
        /// The month.
        period: BillingPeriod,
    },
    /// The files of a delivery that the question is about are gone.
    #[error(
        "delivery `{}` of `{}` `{}` was removed on {} at {:02}:{:02} UTC, as old deliveries are here: ask about a later time, or leave the time out for what the month comes from now",
        .delivery.delivery_id, .delivery.connect, .delivery.period, .removed_at.date(), .removed_at.hour(), .removed_at.minute()
    )]
    Removed {
        /// The delivery.
        delivery: NamedDelivery,
        /// When retention removed it, UTC.
        removed_at: OffsetDateTime,
    },
    /// The question can't be answered as it stands.
    #[error("the question is wrong: {}", .0.iter().map(|problem| format!("`{}`: {}", problem.field, problem.message)).collect::<Vec<_>>().join("; "))]
    Question(Vec<QueryProblem>),
    /// The statement can't be answered as it stands.
    #[error(transparent)]
    Sql(SqlProblem),
    /// The question needs more memory than the lake gives one.
    #[error(
        "the answer needs more memory than the lake may use: ask for fewer dimensions or a shorter time, or raise the query memory"
    )]
    TooLarge,
    /// As many exports as may be are being made.
    #[error("as many exports as may be are being made; try again when one is done")]
    Exporting,
    /// An export could not be written to its end: it was given up, or whoever took it was too slow.
    #[error("the export was stopped before its end; ask for it again")]
    ExportStopped,
    /// The query engine failed.
    #[error("the lake could not be queried: {0}")]
    Query(#[source] Box<DataFusionError>),
    /// The table's log can't be read or written.
    #[error("the log of table `{table}` failed: {source}")]
    Log {
        /// The table's address.
        table: String,
        /// The log's own words.
        source: Box<DeltaTableError>,
    },
    /// The table holds what we did not put there.
    #[error(
        "table `{table}` is not as this program keeps it: {what}; restore it, or connect the bill again into an empty lake"
    )]
    Strange {
        /// The table's address.
        table: String,
        /// What is strange.
        what: String,
    },
    /// The storage below failed.
    #[error("the lake's storage failed: {0}")]
    Storage(#[from] object_store::Error),
    /// The lake's folder can't be made or entered.
    #[error("the lake's folder `{path}` can't be used: {source}; name one that this user may write to")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A Parquet file could not be written.
    #[error("writing a Parquet file failed: {0}")]
    Parquet(#[from] ParquetError),
    /// A receipt can't be read.
    #[error("the receipt `{path}` can't be read: {source}")]
    Receipt {
        /// Its place.
        path: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A worker ended before its work was done: the program is stopping, or it is broken.
    #[error("a worker of the lake ended early: {}", ended(.0))]
    Worker(#[from] tokio::task::JoinError),
}

/// How a worker ended. Its panic's words are not told: they may be a customer's.
fn ended(error: &tokio::task::JoinError) -> &'static str {
    if error.is_panic() { "it panicked" } else { "it was stopped" }
}

fn list(keys: &BTreeSet<String>) -> String {
    let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
    format!("{} {}", keys.join(", "), if keys.len() == 1 { "was" } else { "were" })
}

impl From<ArrowError> for LakeError {
    fn from(error: ArrowError) -> Self {
        DataFusionError::from(error).into()
    }
}

impl From<DataFusionError> for LakeError {
    fn from(error: DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => Self::TooLarge,
            _ => Self::Query(Box::new(error)),
        }
    }
}
