//! The integration tests: one binary, because each would link the query engine again.

#![expect(clippy::unwrap_used, reason = "in a test, what cannot be unwrapped is the failure")]

mod accounts;
mod audit;
mod aws;
mod changes;
mod checks;
mod commitments;
mod copies;
mod costs;
mod crash;
mod deliveries;
mod exact;
mod focus;
mod formats;
mod fuzz;
mod generated;
mod hostile;
mod iam;
mod ingest;
mod jobs;
mod keeping;
mod kit;
mod lifecycle;
mod matrix;
mod months;
mod onboarding;
mod operations;
mod operator;
mod polling;
mod probes;
mod reconciliation;
mod reports;
mod rollups;
mod rooms;
mod rotation;
mod secret_keys;
mod secrets;
mod setup;
mod sql;
mod tenants;
mod tokens;
mod users;
