//! The words and the rules of cloud billing, as pure code.
//!
//! Nothing here does I/O, reads a clock or the environment, runs async, or knows AWS's SDK, a SQL engine or HTTP.

pub mod money;
pub mod bucket;
pub mod decide;
pub mod delivery;
pub mod names;
pub mod period;
pub mod role;
pub mod category;
pub mod cost_names;
pub mod cost_query;
pub mod receipt;
pub mod reconcile;
pub mod connection;
pub mod policy;
pub mod probe;
pub mod checks;
pub mod focus;
pub mod layout;
pub mod manifest;
