//! The words and the rules of cloud billing, as pure code.
//!
//! Nothing here does I/O, reads a clock or the environment, runs async, or knows AWS's SDK, a SQL engine or HTTP.

pub mod bill_month;
pub mod bucket;
pub mod calls;
pub mod category;
pub mod checks;
pub mod choice;
pub mod commitment;
pub mod comparison;
pub mod connection;
pub mod copies;
pub mod cost_accounts;
pub mod cost_filter;
pub mod cost_names;
pub mod cost_page;
pub mod cost_query;
pub mod cost_words;
pub mod decide;
pub mod delivery;
pub mod excess;
pub mod export;
pub mod external_ids;
pub mod focus;
pub mod formats;
pub mod history;
pub mod iam;
pub mod keys;
pub mod layout;
pub mod listing;
pub mod manifest;
pub mod money;
pub mod names;
pub mod organization;
pub mod period;
pub mod policy;
pub mod probe;
pub mod receipt;
pub mod reconcile;
pub mod reconciliation;
pub mod reservation;
pub mod retention;
pub mod role;
pub mod setup;
pub mod spreadsheet;
pub mod sql;
pub mod standing;
#[cfg(test)]
mod testkit;
pub mod told;
