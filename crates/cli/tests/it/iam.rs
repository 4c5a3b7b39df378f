//! Documents judged offline, and trust policies by the hundred: what is decided here, by an independent evaluator, and by the server.

mod generate;
mod judge;
mod offline;
mod trust;
