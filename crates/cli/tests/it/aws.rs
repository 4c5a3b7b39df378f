//! The `aws` room against an emulator that checks signatures and evaluates trust, permission and session policies.

mod access;
mod faults;
mod payer;
mod trust;
