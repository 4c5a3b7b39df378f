//! The only room that speaks Parquet, Arrow, the query engine and the table format: it reads a delivery's files into FOCUS
//! charges, publishes a month of them as a whole, and answers questions about their cost.
//!
//! *Invariant:* nothing here sees a credential or HTTP, updates in place, or publishes a month whose rows or sums
//! disagree with its delivery.

mod accounts;
mod calendar;
mod commitments;
mod compare;
mod contain;
mod cost_expr;
mod costs;
mod durable;
mod encode;
mod erase;
mod error;
mod export;
mod feed;
#[cfg(test)]
mod full_disk;
mod held;
mod history;
mod intern;
mod limits;
mod location;
mod named;
mod normalise;
mod provider;
mod publish;
mod question;
mod reconcile;
mod retain;
mod rollup;
pub mod schema;
mod session;
mod sql;
mod stage;
mod sweep;
mod table;
mod tags;
#[cfg(test)]
mod testkit;
mod verify;

pub use commitments::BilledCommitments;
pub use contain::is_decoding;
pub use error::{IngestError, LakeError};
pub use export::{Export, cost_file};
pub use limits::{Limit, Limits, Setting, SettingError, parse_bytes};
pub use location::{Lake, LakeSettings};
pub use normalise::CellProblem;
pub use reconcile::Reconciled;
pub use retain::{Pruned, Pruning};
pub use sql::{SqlQuestion, SqlRows, SqlSettings};
pub use stage::{Progress, Staging};
pub use table::OrgLake;
pub use verify::Summed;
