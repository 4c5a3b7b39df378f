//! The only room that speaks AWS: assume a role, look at a bucket, read objects, look at the payer account.
//!
//! It decides nothing: no verdict, no mapping, no judgement of what an answer means. Each refusal is kept in AWS's own
//! words, and nothing is called that the published policy does not grant, but for the harmless reads that show an excess of
//! permission (a test reads these sources and compares).

mod bucket;
mod calls;
mod client;
mod object;
mod operation;
mod organization;
mod part;
mod payer;
mod refusal;
mod session;
mod settings;
mod unpublished;

pub use client::AwsClient;
pub use part::PartStream;
pub use settings::{AwsSettings, Credentials};
