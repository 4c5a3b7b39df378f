//! Checks: the claims that a connection must prove, and how evidence is judged.

mod history;
mod judge;
mod judge_bucket;
mod judge_report;
mod judge_trust;
mod judge_user;
pub(crate) mod remedy;
mod report;
mod table;

pub use history::Change;
pub use judge::{Subject, judge, refuse_malformed_role};
pub use report::{AwsWords, CheckResult, Report, State, Verdict};
pub use table::{AppliesTo, CHECKS, Check, CheckSpec, Severity, checks_page};
