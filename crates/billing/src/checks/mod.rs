//! Checks: the claims that a connection must prove, and how evidence is judged.

mod cause;
mod history;
mod judge;
mod judge_account;
mod judge_bucket;
mod judge_delivery;
mod judge_report;
mod judge_trust;
mod judge_user;
pub(crate) mod remedy;
mod report;
mod spec;
mod table;

pub use history::Change;
pub use judge::{Subject, judge, refuse_malformed_role};
pub use report::{AwsWords, CheckResult, Report, State, Verdict};
pub use spec::{AppliesTo, Check, CheckSpec, Severity, checks_page};
pub use table::CHECKS;
