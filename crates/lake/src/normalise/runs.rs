//! Runs of columns that hardly change: what a bill says of a product stands in thousands of rows, so whatever is made of it
//! is looked up once a row instead of once a cell, and worked out once.
//!
//! Some rows of a file show which columns those are. From then on each row's run of them has a number, which stands for
//! everything that is made of these columns alone. Where too many rows turn out to differ, some more are looked at.

use super::charge::{Charge, Placed, Role};
use super::row::{Block, Row};
use crate::intern::Interner;

/// How many rows are looked at before it is told which columns hardly change.
const SCOUTED_ROWS: usize = 2048;
/// A run may have one kind to so many rows.
const ROWS_A_KIND: usize = 6;
/// The most runs that one column may be made of.
const MOST_PARTS: usize = 4;
/// The most bytes that the kinds of one run may take before they are forgotten.
const MEMORY: usize = 1 << 20;
/// Kinds are held to repeating after every so many rows…
const WATCHED_ROWS: usize = 2 * SCOUTED_ROWS;
/// … of which one in so many may be of a new kind.
const ROWS_A_NEW_KIND: usize = 4;
/// How often the rows of a file are looked at: the first ones may be unlike the rest.
const SCOUTINGS: usize = 8;

/// Columns of a file while some of its rows are looked at.
pub(super) struct Scout {
    /// Each column's distinct cells, and which of them each row has; `None` for a column that is not to be in a run.
    columns: Vec<Option<(Interner, Vec<u32>)>>,
    /// Whether a column may be in one run with the one before it.
    joins: Vec<bool>,
    /// Whether rows were asked for that.
    asked: bool,
    rows: usize,
}

impl Scout {
    /// For columns of these names, but for those that are `apart`. What different categories say changes for different reasons.
    pub(super) fn new(names: &[String], apart: impl Fn(usize) -> bool) -> Self {
        let columns = (0..names.len()).map(|place| (!apart(place)).then(Default::default)).collect();
        let category = |place: usize| names[place].split_once('/').map(|(category, _)| category);
        let joins = (0..names.len()).map(|place| place > 0 && category(place - 1) == category(place)).collect();
        Self { columns, joins, asked: false, rows: 0 }
    }

    /// Looks at the rows of some charges. `false` where the file has no runs of cells.
    pub(super) fn note(&mut self, block: &impl Block, charges: &[Placed]) -> bool {
        for row in charges.iter().map(|placed| block.row(placed.at)) {
            if !std::mem::replace(&mut self.asked, true) {
                let joins = self.joins.iter_mut().enumerate().filter(|(_, joins)| **joins);
                joins.for_each(|(place, joins)| *joins = row.span(place - 1, place).is_some());
            }
            for (place, column) in self.columns.iter_mut().enumerate() {
                let Some((known, kinds)) = column else { continue };
                let Some(cell) = row.span(place, place) else { return false };
                kinds.push(known.intern(cell));
            }
        }
        self.rows += charges.len();
        true
    }

    /// Whether enough is seen.
    pub(super) fn is_done(&self) -> bool {
        self.rows >= SCOUTED_ROWS
    }

    /// The runs, by their first and last columns.
    fn runs(self) -> Vec<(usize, usize)> {
        let few = self.rows / ROWS_A_KIND;
        let mut runs: Vec<(usize, usize)> = Vec::new();
        let mut open: Option<Vec<u32>> = None;
        for (place, column) in self.columns.into_iter().enumerate() {
            let Some((_, kinds)) = column.filter(|(known, _)| known.len() <= few) else {
                open = None;
                continue;
            };
            if let (Some(before), Some((_, last)), true) = (&open, runs.last_mut(), self.joins[place]) {
                let mut pairs = Interner::default();
                let both = before.iter().zip(&kinds).map(|(one, other)| pairs.intern_number(key([*one, *other, 0, 0])));
                let both: Vec<_> = both.collect();
                if pairs.len() <= few {
                    (*last, open) = (place, Some(both));
                    continue;
                }
            }
            runs.push((place, place));
            open = Some(kinds);
        }
        runs
    }
}

/// Numbers side by side.
fn key(numbers: [u32; MOST_PARTS]) -> u128 {
    numbers.into_iter().fold(0, |key, number| key << 32 | u128::from(number))
}

/// What a column is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// A run of columns.
    Run(usize),
    /// What the charge is, by its line item type.
    Charge,
}

/// One run of columns.
struct Run {
    first: usize,
    last: usize,
    known: Interner,
    /// Of the block's charges.
    kinds: Vec<u32>,
    /// Whether any column is made of it.
    is_used: bool,
}

/// The runs that some columns are made of. Charges of the same kind have the same values in all of these.
#[derive(Default)]
struct Set {
    /// None where it was given up.
    parts: Vec<Part>,
    known: Interner,
    /// Of the batch's charges, each below the number of kinds known.
    kinds: Vec<u32>,
    count: u32,
    /// The block's charges whose kind is new.
    fresh: Vec<Placed>,
    /// Rows that were watched, and how many of them were the first of their kind.
    watched: (usize, usize),
}

/// What becomes of a set's kinds after a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They are still good.
    Keep,
    /// They took too much memory, and begin anew.
    Forget,
    /// Too many are new each time: each row is worked out by itself from now on.
    GiveUp,
}

/// The runs of a file, and those of them that its columns are made of.
#[derive(Default)]
pub(super) struct Runs {
    known: Vec<Run>,
    sets: Vec<Set>,
    /// How often rows were looked at for this.
    scoutings: usize,
    charges: Interner,
    charge_kinds: Vec<u32>,
}

impl Runs {
    /// What some rows showed; all that was known before goes.
    pub(super) fn learn(&mut self, scout: Scout) {
        let run = |(first, last)| Run { first, last, known: Interner::default(), kinds: Vec::new(), is_used: false };
        let runs = scout.runs().into_iter().map(run).collect();
        *self = Self { known: runs, scoutings: self.scoutings + 1, ..Self::default() };
    }

    /// The set of runs for a column that is made of the cells at these places, and of what the charge is where `by_charge` says
    /// so; `None` where a cell is in no run, or too many have a say.
    pub(super) fn set(&mut self, places: &[usize], by_charge: bool) -> Option<usize> {
        let run_of = |place: &usize| self.known.iter().position(|run| (run.first..=run.last).contains(place));
        let mut runs = places.iter().map(run_of).collect::<Option<Vec<_>>>()?;
        runs.sort_unstable();
        runs.dedup();
        let parts: Vec<_> = runs.iter().copied().map(Part::Run).chain(by_charge.then_some(Part::Charge)).collect();
        if parts.is_empty() || parts.len() > MOST_PARTS {
            return None;
        }
        for run in runs {
            self.known[run].is_used = true;
        }
        let known = self.sets.iter().position(|set| set.parts == parts);
        Some(known.unwrap_or_else(|| {
            self.sets.push(Set { parts, ..Set::default() });
            self.sets.len() - 1
        }))
    }

    /// Tells the kinds of a block's charges.
    pub(super) fn note(&mut self, block: &impl Block, charges: &[Placed]) {
        for Run { first, last, known, kinds, .. } in self.known.iter_mut().filter(|run| run.is_used) {
            kinds.clear();
            let kind = |placed: &Placed| known.intern(block.row(placed.at).span(*first, *last).unwrap_or_default());
            kinds.extend(charges.iter().map(kind));
        }
        self.charge_kinds.clear();
        self.charge_kinds.extend(charges.iter().map(|placed| self.charges.intern_number(charge_kind(&placed.charge))));
        for set in &mut self.sets {
            set.note(charges, &self.known, &self.charge_kinds);
        }
    }

    /// The block's charges that are the first of their kind.
    pub(super) fn fresh(&self, set: usize) -> &[Placed] {
        &self.sets[set].fresh
    }

    /// The kinds of the batch's charges.
    pub(super) fn kinds(&self, set: usize) -> &[u32] {
        &self.sets[set].kinds
    }

    /// Whether to look at rows again, where kinds have turned out to be too many.
    pub(super) fn may_scout(&self) -> bool {
        self.scoutings < SCOUTINGS
    }

    /// Ends a batch: what becomes of each set's kinds.
    pub(super) fn end_batch(&mut self) -> Vec<Verdict> {
        let full: Vec<_> = self.known.iter().map(|run| run.known.size() > MEMORY).collect();
        for (run, _) in self.known.iter_mut().zip(&full).filter(|(_, full)| **full) {
            run.known.clear();
        }
        let verdicts = self.sets.iter_mut().map(|set| set.end_batch(&full)).collect();
        for (at, run) in self.known.iter_mut().enumerate() {
            run.is_used = self.sets.iter().any(|set| set.parts.contains(&Part::Run(at)));
        }
        verdicts
    }
}

impl Set {
    fn note(&mut self, charges: &[Placed], runs: &[Run], charge_kinds: &[u32]) {
        let Self { parts, known, kinds, count, fresh, watched } = self;
        fresh.clear();
        if parts.is_empty() {
            return;
        }
        let of = |part: &Part| match part {
            Part::Run(run) => runs[*run].kinds.as_slice(),
            Part::Charge => charge_kinds,
        };
        let mut note = |placed: &Placed, kind: u32| {
            kinds.push(kind);
            // Kinds are numbered in the order in which they come.
            if kind >= *count {
                *count = kind + 1;
                watched.1 += 1;
                fresh.push(*placed);
            }
        };
        if let [only] = &**parts {
            charges.iter().zip(of(only)).for_each(|(placed, kind)| note(placed, *kind));
            return;
        }
        let mut of_parts: [&[u32]; MOST_PARTS] = [&[]; MOST_PARTS];
        for (kinds, part) in of_parts.iter_mut().zip(&*parts) {
            *kinds = of(part);
        }
        for (at, placed) in charges.iter().enumerate() {
            let numbers = of_parts.map(|kinds| kinds.get(at).copied().unwrap_or_default());
            note(placed, known.intern_number(key(numbers)));
        }
    }

    fn end_batch(&mut self, full: &[bool]) -> Verdict {
        self.watched.0 += self.kinds.len();
        self.kinds.clear();
        if self.watched.0 >= WATCHED_ROWS {
            let (rows, fresh) = std::mem::take(&mut self.watched);
            if fresh * ROWS_A_NEW_KIND > rows {
                *self = Self::default();
                return Verdict::GiveUp;
            }
        }
        let is_full = |part: &Part| matches!(part, Part::Run(run) if full[*run]);
        if self.known.size() <= MEMORY && !self.parts.iter().any(is_full) {
            return Verdict::Keep;
        }
        self.known.clear();
        self.count = 0;
        Verdict::Forget
    }
}

/// What of a charge columns of texts are made of.
fn charge_kind(charge: &Charge) -> u128 {
    let facts = [charge.quantity.is_some(), charge.committed.is_some(), charge.role == Role::Unused];
    let rule = std::ptr::from_ref(charge.rule).addr() as u128;
    facts.into_iter().fold(rule, |kind, fact| kind << 1 | u128::from(fact))
}
