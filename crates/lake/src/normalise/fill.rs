//! Filling the lake's columns from a row: the mapping, with the places of its columns in one file.

use std::borrow::Cow;

use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use billing::focus::mapping::LineItemFact;
use billing::focus::services;
use billing::money::Amount;

use super::charge::{self, Charge, Placed, Role};
use super::columns::{AmountColumn, FlagColumn, TextColumn, TimeColumn, constant};
use super::error::{CellProblem, Fault};
use super::facts::{line_item_amount, line_item_text, same_currency};
use super::instant;
use super::lookup::{CapacityColumn, CommitmentColumn, RegionColumn, ResourceTypeColumn, ServiceColumn};
use super::objects::ObjectColumn;
use super::row::{Block, Row};

/// What a text column holds where the source says nothing.
pub(super) enum Otherwise {
    Null,
    Text(String),
    /// FOCUS's catch-all subcategory of the category in this column.
    OtherOf(Option<usize>),
    /// The line can't be read without this column.
    Refused(usize),
}

/// One column of the lake on its way: where its values come from, and those of the batch so far.
pub(super) enum Filler {
    /// No row has a value.
    Null(DataType),
    /// Every row has this one.
    Always(String),
    /// Every row has what its batch has in this column, which is passed on whole.
    Passed(usize),
    Text {
        from: Vec<usize>,
        /// Null where this one is empty.
        only_with: Option<usize>,
        otherwise: Otherwise,
        out: TextColumn,
    },
    Amount {
        from: Vec<usize>,
        read: ReadAmount,
        out: AmountColumn,
    },
    Time {
        from: Option<usize>,
        time: Time,
        out: TimeColumn,
    },
    LineItemText {
        fact: LineItemFact,
        beside: Option<usize>,
        out: TextColumn,
    },
    LineItemAmount {
        fact: LineItemFact,
        /// Where the currencies are that prices and costs are in, where the fact is about prices' and the file has both.
        currencies: Option<[usize; 2]>,
        out: AmountColumn,
    },
    IsSplit {
        out: FlagColumn,
    },
    Service {
        service: ServiceColumn,
        out: TextColumn,
    },
    Commitment {
        commitment: CommitmentColumn,
        out: TextColumn,
    },
    Capacity {
        capacity: CapacityColumn,
        out: TextColumn,
    },
    RegionName {
        region: RegionColumn,
        out: TextColumn,
    },
    ResourceType {
        resource: ResourceTypeColumn,
        out: TextColumn,
    },
    Object {
        object: ObjectColumn,
        added: OnAdded,
        out: TextColumn,
    },
}

/// How the first amount of some cells is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadAmount {
    /// As a number, or nothing.
    Number,
    /// Likewise; and the words that AWS writes for no number are nothing.
    NumberOrWord,
    /// As a number, which must be there.
    Needed,
}

impl ReadAmount {
    fn read(self, row: &impl Row, from: &[usize]) -> Result<Option<Amount>, Fault> {
        let found = match self {
            Self::NumberOrWord => charge::first_or_word(row, from)?,
            Self::Number | Self::Needed => charge::first(row, from)?,
        };
        if found.is_none() && self == Self::Needed {
            return Err(Fault::new(from.first().copied().unwrap_or_default(), CellProblem::Missing));
        }
        Ok(found)
    }
}

/// Whether a charge that splitting adds repeats what the line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnAdded {
    Repeated,
    LeftOut,
}

impl Filler {
    /// Appends the value of each of a block's charges; fails with the first row that is not right.
    pub(super) fn fill(&mut self, block: &impl Block, charges: &[Placed]) -> Result<(), (usize, Fault)> {
        match self {
            Self::Null(_) | Self::Always(_) | Self::Passed(_) => Ok(()),
            Self::Text { from, only_with, otherwise, out } => each(block, charges, |row, _| {
                if only_with.is_some_and(|place| row.cell(place).is_empty()) {
                    out.push_null();
                    return Ok(());
                }
                fill_text(row, (from, otherwise), out)
            }),
            Self::Amount { from, read, out } => each(block, charges, |row, charge| {
                // An amount belongs to the line; a charge that is added has only what splitting gives it.
                let is_stated = charge.role == Role::Stated;
                out.push(if is_stated { read.read(row, from)? } else { None });
                Ok(())
            }),
            Self::Time { from, time, out } => {
                each(block, charges, |row, _| time.read(row, *from).map(|micros| out.push(micros)))
            }
            Self::LineItemText { fact, beside, out } => all(block, charges, |row, charge| {
                let beside = beside.map(|place| row.cell(place)).unwrap_or_default();
                out.push_or_null(line_item_text(*fact, &beside, charge).unwrap_or_default());
            }),
            Self::LineItemAmount { fact, currencies, out } => all(block, charges, |row, charge| {
                out.push(line_item_amount(*fact, charge, || same_currency(row, *currencies)));
            }),
            Self::IsSplit { out } => all(block, charges, |_, charge| out.push(charge.split)),
            Self::Service { service, out } => all(block, charges, |row, _| service.fill(row, out)),
            Self::Commitment { commitment, out } => {
                all(block, charges, |row, charge| commitment.fill(row, charge, out))
            }
            Self::Capacity { capacity, out } => all(block, charges, |row, _| capacity.fill(row, out)),
            Self::RegionName { region, out } => all(block, charges, |row, _| region.fill(row, out)),
            Self::ResourceType { resource, out } => all(block, charges, |row, _| resource.fill(row, out)),
            Self::Object { object, added, out } => each(block, charges, |row, charge| {
                if (*added, charge.role) == (OnAdded::LeftOut, Role::Unused) {
                    out.push_null();
                    return Ok(());
                }
                object.fill(row, out)
            }),
        }
    }

    /// The places of the cells that make its texts, and whether what the charge is has a say in them; `None` where it has no
    /// texts.
    pub(super) fn made_of(&self) -> Option<(Vec<usize>, bool)> {
        Some(match self {
            Self::Text { from, only_with, otherwise, .. } => {
                let category = if let Otherwise::OtherOf(category) = otherwise { *category } else { None };
                (from.iter().copied().chain(*only_with).chain(category).collect(), false)
            }
            Self::LineItemText { beside, .. } => (beside.iter().copied().collect(), true),
            Self::Service { service, .. } => (service.places(), false),
            // A unit is of a quantity, which not every charge has.
            Self::Commitment { commitment, .. } => (commitment.places(), true),
            Self::Capacity { capacity, .. } => (capacity.places(), false),
            Self::RegionName { region, .. } => (region.places(), false),
            Self::ResourceType { resource, .. } => (resource.places(), false),
            Self::Object { object, added, .. } => (object.places(), *added == OnAdded::LeftOut),
            Self::Null(_)
            | Self::Always(_)
            | Self::Passed(_)
            | Self::Amount { .. }
            | Self::Time { .. }
            | Self::LineItemAmount { .. }
            | Self::IsSplit { .. } => return None,
        })
    }

    /// The places of cells that are numbers or instants.
    pub(super) fn measures(&self) -> &[usize] {
        match self {
            Self::Amount { from, .. } => from,
            Self::Time { from, .. } => from.as_slice(),
            _ => &[],
        }
    }

    /// Begins anew, with nothing remembered.
    pub(super) fn forget(&mut self) {
        if let Some(out) = self.texts() {
            *out = TextColumn::new();
        }
    }

    fn texts(&mut self) -> Option<&mut TextColumn> {
        match self {
            Self::Text { out, .. }
            | Self::LineItemText { out, .. }
            | Self::Service { out, .. }
            | Self::Commitment { out, .. }
            | Self::Capacity { out, .. }
            | Self::RegionName { out, .. }
            | Self::ResourceType { out, .. }
            | Self::Object { out, .. } => Some(out),
            _ => None,
        }
    }

    /// Passes on whole columns where nothing is to be done with their cells: for files that come in batches of columns.
    pub(super) fn pass(&mut self) {
        if let Self::Text { from, only_with: None, otherwise: Otherwise::Null, .. } = self
            && let [place] = from[..]
        {
            *self = Self::Passed(place);
        }
    }

    /// The batch's array of `rows` values; the next batch begins. `kinds` says which kind each row is, where only the first of
    /// a kind was filled in; `passed` gives the rows' values of a column of the file.
    pub(super) fn finish(
        &mut self,
        (rows, kinds): (usize, Option<&[u32]>),
        passed: impl FnOnce(usize) -> Result<ArrayRef, ArrowError>,
    ) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::Passed(place) => passed(*place),
            Self::Null(data_type) => Ok(new_null_array(data_type, rows)),
            Self::Always(text) => constant(text, rows),
            Self::Text { out, .. }
            | Self::LineItemText { out, .. }
            | Self::Service { out, .. }
            | Self::Commitment { out, .. }
            | Self::Capacity { out, .. }
            | Self::RegionName { out, .. }
            | Self::ResourceType { out, .. }
            | Self::Object { out, .. } => match kinds {
                Some(kinds) => out.finish_kinds(kinds),
                None => out.finish(),
            },
            Self::Amount { out, .. } | Self::LineItemAmount { out, .. } => out.finish(),
            Self::Time { out, .. } => out.finish(),
            Self::IsSplit { out } => Ok(out.finish()),
        }
    }
}

/// One charge after the other: all that it takes is then about one column.
#[inline]
fn each<B: Block>(
    block: &B,
    charges: &[Placed],
    mut fill: impl FnMut(&B::Row<'_>, &Charge) -> Result<(), Fault>,
) -> Result<(), (usize, Fault)> {
    charges.iter().try_for_each(|Placed { at, charge }| fill(&block.row(*at), charge).map_err(|fault| (*at, fault)))
}

/// Likewise, where nothing can be wrong.
#[inline]
#[expect(clippy::unnecessary_wraps, reason = "it stands beside those that can fail")]
fn all<B: Block>(
    block: &B,
    charges: &[Placed],
    mut fill: impl FnMut(&B::Row<'_>, &Charge),
) -> Result<(), (usize, Fault)> {
    for Placed { at, charge } in charges {
        fill(&block.row(*at), charge);
    }
    Ok(())
}

fn fill_text(row: &impl Row, (from, otherwise): (&[usize], &Otherwise), out: &mut TextColumn) -> Result<(), Fault> {
    for place in from {
        let cell = row.cell(*place);
        if !cell.is_empty() {
            out.push(&cell);
            return Ok(());
        }
    }
    match otherwise {
        Otherwise::Null => out.push_null(),
        Otherwise::Text(text) => out.push(text.as_bytes()),
        Otherwise::OtherOf(category) => {
            let category = category.map(|place| row.cell(place)).filter(|category| !category.is_empty());
            let category = category.unwrap_or(Cow::Borrowed(services::OTHER.0.as_bytes()));
            out.push(&[b"Other (", &*category, b")"].concat());
        }
        Otherwise::Refused(place) => return Err(Fault::new(*place, CellProblem::Missing)),
    }
    Ok(())
}

/// How an instant is read.
pub(super) struct Time {
    /// What an empty cell means; `None` where it must not be.
    pub(super) otherwise: Option<i64>,
    /// The only instant that is right, where there is one.
    pub(super) only: Option<i64>,
    /// The last cell and what it came to: most rows repeat it.
    pub(super) last: (Vec<u8>, i64),
}

impl Time {
    fn read(&mut self, row: &impl Row, place: Option<usize>) -> Result<i64, Fault> {
        // Only what may be absent has no place: the header would have been refused.
        let (place, cell) = place.map_or_else(Default::default, |place| (place, row.cell(place)));
        if *cell == *self.last.0 && !cell.is_empty() {
            return Ok(self.last.1);
        }
        if cell.is_empty() {
            return self.otherwise.ok_or(Fault::new(place, CellProblem::Missing));
        }
        let micros = instant::parse(&cell).ok_or(Fault::new(place, CellProblem::Time))?;
        if self.only.is_some_and(|only| only != micros) {
            return Err(Fault::new(place, CellProblem::OtherMonth));
        }
        self.last.0.clear();
        self.last.0.extend_from_slice(&cell);
        self.last.1 = micros;
        Ok(micros)
    }
}
