//! The integration tests: one binary, because each would link the query engine again.

mod aws;
mod crash;
mod exact;
mod ingest;
mod kit;
mod onboarding;
mod rooms;
mod tenants;
