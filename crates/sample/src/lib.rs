//! Sample bills: deterministic, in every format that AWS delivers, and the totals that a right reader must find in them.
//!
//! [`write()`] lays out `<out>/bucket/…` as AWS lays out a customer's bucket, and `<out>/totals.json` beside it. The
//! totals come from the generator's own model of each line, in whole numbers of 10⁻¹², and never from the files: a
//! reader that agrees with them has read every byte right. This crate uses none of billconnect's other crates for
//! the same reason.
//!
//! # What the totals count
//!
//! `unblended` and `billed` follow the invoice; `effective` is amortised; `list` is the public on-demand price.
//! Split cost allocation rows count as rows and add to no sum. By line item type:
//!
//! | line | billed | effective | list |
//! |---|---|---|---|
//! | `DiscountedUsage` | unblended (0) | reservation effective cost | on-demand cost |
//! | `SavingsPlanCoveredUsage` | 0 | savings plan effective cost | on-demand cost |
//! | `SavingsPlanNegation` | 0 | 0 | 0 |
//! | `Fee` with a reservation ARN, `SavingsPlanUpfrontFee` | unblended | 0 | unblended |
//! | `RIFee` | unblended | 0, and an added Unused charge: unused upfront + unused recurring | unblended |
//! | `SavingsPlanRecurringFee` | unblended | 0, and an added Unused charge: total − used commitment | unblended |
//! | `Discount`, `BundledDiscount`, `EdpDiscount`, `PrivateRateDiscount` | unblended | unblended | 0 |
//! | all others (`Usage`, `Fee`, `Tax`, `Credit`, `Refund`, `FlatRateSubscription`) | unblended | unblended | on-demand cost where stated, else unblended |
//!
//! An Unused charge is added only where something is unused. It bills and lists 0, carries the account, service,
//! line item type, invoice and start day of the line it comes from, and is counted in `charges_expected_added`, not
//! in `rows`. A day is the UTC date on which a line's usage starts. A blank invoice id is the key `""`.
//!
//! The same specification in another [`Format`] is the same bill: every sum by service, account, day and invoice is the
//! same. FOCUS states charges instead of lines, so its rows are counted as [`Sums::rows`] says.
//!
//! [`draw()`] writes small random deliveries of one month in the same formats, for tests that have a reader of their own.
//!
//! # What is in a bill
//!
//! Every month has every line item type, except that commitments are bought in the first month (`Fee` with a
//! reservation ARN and `SavingsPlanUpfrontFee` are there only). The last month is open: its invoice ids are blank.
//! Columns come and go by month, and the last part of a month with several leaves some out and orders others
//! differently. A part may be several gzip members. In overwrite mode the manifest lists one part more, with a header
//! and no rows. In create-new mode an older assembly, which must not be read, lies beside the newest.

mod account;
mod catalogue;
mod cells;
mod column;
mod compute;
mod dec;
mod desk;
mod error;
mod focus;
mod format;
mod layout;
mod line;
mod month;
mod oneoff;
mod packed;
mod parquet;
mod part;
mod plan;
mod product;
mod random;
mod reservation;
mod rng;
mod savings_plan;
mod settle;
mod spec;
mod table;
mod totals;
mod usage;
mod write;

pub use dec::Dec;
pub use error::SampleError;
pub use format::Format;
pub use month::Month;
pub use random::{Draw, Drawn, draw};
pub use spec::{Mode, Spec};
pub use totals::{CommitmentSums, CoverageSums, MonthTotals, Sums, Totals};
pub use write::{Progress, write};
