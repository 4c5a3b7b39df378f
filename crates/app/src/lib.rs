//! The `app` room.

pub mod store;
pub mod tokens;
