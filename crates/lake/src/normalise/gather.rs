//! The lake's columns of one file on their way: which are worked out row by row, and which once for each kind of row.

use std::collections::HashSet;

use arrow::array::ArrayRef;
use arrow::error::ArrowError;

use super::charge::Placed;
use super::error::Fault;
use super::fill::Filler;
use super::row::Block;
use super::runs::{Runs, Scout, Verdict};

/// All columns of the lake, of one file.
pub(super) struct Gathering {
    columns: Vec<Column>,
    runs: Runs,
    /// While rows are looked at for columns that hardly change.
    scout: Option<Scout>,
    /// The file's columns under the names that the rules know.
    names: Vec<String>,
    /// The places of numbers and instants.
    measures: HashSet<usize>,
}

struct Column {
    filler: Filler,
    /// The runs of cells that it is made of: only the first row of each kind is filled in.
    set: Option<usize>,
}

impl Gathering {
    /// `measures` are the places of cells that are numbers, beside those that the fillers know to be.
    pub(super) fn new(fillers: Vec<Filler>, names: &[String], measures: Vec<usize>) -> Self {
        let measures = fillers.iter().flat_map(Filler::measures).copied().chain(measures).collect();
        let columns = fillers.into_iter().map(|filler| Column { filler, set: None }).collect();
        let mut new = Self { columns, runs: Runs::default(), scout: None, names: names.to_vec(), measures };
        new.look();
        new
    }

    /// Passes on whole columns where it can: for files that come in batches of columns.
    pub(super) fn pass(&mut self) {
        self.columns.iter_mut().for_each(|column| column.filler.pass());
        self.scout = None;
    }

    /// Takes the charges of a block, one column after the other; tells `note` what became of each.
    pub(super) fn fill(
        &mut self,
        block: &impl Block,
        charges: &[Placed],
        mut note: impl FnMut(Result<(), (usize, Fault)>),
    ) {
        self.runs.note(block, charges);
        for Column { filler, set } in &mut self.columns {
            note(filler.fill(block, set.map_or(charges, |set| self.runs.fresh(set))));
        }
        if self.scout.as_mut().is_some_and(|scout| !scout.note(block, charges)) {
            self.scout = None;
        }
    }

    /// The arrays of a batch of so many rows; the next batch begins. `passed` gives the rows' values of a column of the file.
    pub(super) fn finish(
        &mut self,
        rows: usize,
        passed: impl Fn(usize) -> Result<ArrayRef, ArrowError>,
    ) -> Result<Vec<ArrayRef>, ArrowError> {
        let finish =
            |Column { filler, set }: &mut Column| filler.finish((rows, set.map(|set| self.runs.kinds(set))), &passed);
        let arrays = self.columns.iter_mut().map(finish).collect();
        self.end_batch();
        arrays
    }

    /// Takes in what the batch showed of how often cells change.
    fn end_batch(&mut self) {
        let verdicts = self.runs.end_batch();
        for Column { filler, set } in &mut self.columns {
            let verdict = set.map_or(Verdict::Keep, |set| verdicts[set]);
            if verdict != Verdict::Keep {
                filler.forget();
            }
            if verdict == Verdict::GiveUp {
                *set = None;
            }
        }
        match self.scout.take_if(|scout| scout.is_done()) {
            Some(scout) => self.learn(scout),
            None if self.scout.is_none() && verdicts.contains(&Verdict::GiveUp) && self.runs.may_scout() => self.look(),
            None => {}
        }
    }

    fn look(&mut self) {
        self.scout = Some(Scout::new(&self.names, |place| self.measures.contains(&place)));
    }

    /// Works each column out by kinds of rows where it can be.
    fn learn(&mut self, scout: Scout) {
        self.runs.learn(scout);
        for Column { filler, set } in &mut self.columns {
            let before = *set;
            *set = filler.made_of().and_then(|(places, by_charge)| self.runs.set(&places, by_charge));
            if before.or(*set).is_some() {
                filler.forget();
            }
        }
    }
}
