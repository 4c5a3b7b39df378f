//! How a month's rows are shared out, so that it has exactly the number asked for.

use crate::error::SampleError;
use crate::month::Month;
use crate::spec::Spec;
use crate::{oneoff, settle};

/// Lines of hourly usage a month has at least: enough for pods and marketplace usage to be among them.
const LEAST_USAGE: u64 = 100;
const COMMITMENTS: u64 = 3;

/// How commitments are spread over a month.
pub(crate) struct Plan {
    /// Stretches of hours from the month's first to its last: hours in a big bill, days or the month in smaller ones.
    pub(crate) slots: Vec<(u16, u16)>,
    /// Resources that each reservation and each savings plan can cover at once.
    pub(crate) covers: u64,
}

impl Plan {
    pub(crate) fn new(spec: &Spec, month: Month) -> Result<Self, SampleError> {
        let rows = spec.rows_per_month;
        let fixed = oneoff::MOST_LINES + settle::LINES_PER_ACCOUNT * u64::from(spec.accounts) + LEAST_USAGE;
        let needed = fixed + slot_lines(1);
        if rows < needed {
            return Err(SampleError::TooFewRows { rows, needed });
        }
        // About a seventh of a bill's lines come from commitments.
        let budget = (rows / 7).max(slot_lines(1)).min(rows - fixed);
        let hours = month.hours();
        let fits = |length: &u16| u64::from(hours / length) * slot_lines(1) <= budget;
        let length = [1, 24].into_iter().find(fits).unwrap_or(hours);
        let slots: Vec<_> = (0..hours / length).map(|at| (at * length, (at + 1) * length)).collect();
        let per_slot = budget / u64::from(hours / length);
        let covers = (1..=64).rev().find(|covers| slot_lines(*covers) <= per_slot).unwrap_or(1);
        Ok(Self { slots, covers })
    }
}

/// A covered line for each resource and reservation or savings plan; a savings plan also has its negation and fee.
const fn slot_lines(covers: u64) -> u64 {
    COMMITMENTS * covers + COMMITMENTS * (covers + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rows_per_month: u64) -> (usize, u64) {
        let spec = Spec { rows_per_month, ..Spec::default() };
        let plan = Plan::new(&spec, spec.first_month).expect("enough rows");
        assert_eq!(plan.slots.last().map(|slot| slot.1), Some(744));
        (plan.slots.len(), plan.covers)
    }

    #[test]
    fn bigger_bills_are_finer() {
        assert_eq!(plan(300), (1, 6));
        assert_eq!(plan(20_000), (31, 14));
        assert_eq!(plan(1_000_000), (744, 31));
    }
}
