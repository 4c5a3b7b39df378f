//! IAM policy documents, read strictly and judged offline: what a trust policy lets in, what a permission policy grants.
//!
//! Exact where the documents decide, and undecided, with the reason, where they don't: a condition on `aws:SourceIp` is AWS's to
//! answer and never guessed here.

mod condition;
mod context;
mod document;
mod evaluate;
mod exact;
mod excess;
mod json;
mod operator;
mod parse;
mod pattern;
mod permission;
mod principal;
mod report;
mod trust;
mod truth;

pub use document::{Document, PolicyKind};
pub use evaluate::{Decision, Outcome};
pub use exact::OtherId;
pub use excess::{Excess, Reach, reach_of, score};
pub use parse::PolicyError;
pub use permission::{Permissions, Place};
pub use principal::{Asker, NotAnAsker};
pub use report::{Documents, LeastPrivilege, holds, tightened};
pub use trust::{Safety, Trust, TrustFindings};
