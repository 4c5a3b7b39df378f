//! The only room that speaks AWS: assume a role, look at a bucket, read objects.
//!
//! It decides nothing: no verdict, no mapping, no judgement of what an answer means. Each refusal is kept in AWS's own
//! words, and nothing is called that the published policy does not grant (a test reads these sources and compares).

mod bucket;
mod client;
mod object;
mod operation;
mod part;
mod refusal;
mod session;
mod settings;

pub use client::AwsClient;
pub use part::PartStream;
pub use settings::{AwsSettings, Credentials};
