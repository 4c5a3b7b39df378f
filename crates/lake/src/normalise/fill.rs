//! Filling the lake's columns from a row: the mapping, with the places of its columns in one file.

use std::borrow::Cow;

use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use billing::focus::line_item_type::Quantity;
use billing::focus::mapping::{CommitmentFact, LineItemFact, SPOT, ServiceFact};
use billing::focus::services::{self, Service};
use billing::money::Amount;

use super::charge::{self, Charge, Role};
use super::columns::{AmountColumn, FlagColumn, TextColumn, TimeColumn, constant};
use super::error::{CellProblem, Fault};
use super::instant;
use super::objects::ObjectColumn;
use super::row::Row;

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
    Text {
        from: Vec<usize>,
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
        amount: Option<usize>,
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
    /// Appends the row's value for `charge`.
    pub(super) fn fill(&mut self, row: &impl Row, charge: &Charge) -> Result<(), Fault> {
        match self {
            Self::Null(_) | Self::Always(_) => {}
            Self::Text { from, otherwise, out } => fill_text(row, (from, otherwise), out)?,
            // An amount belongs to the line; a charge that is added has only what splitting gives it.
            Self::Amount { out, .. } if charge.role == Role::Unused => out.push(None),
            Self::Amount { from, read, out } => out.push(read.read(row, from)?),
            Self::Time { from, time, out } => out.push(time.read(row, *from)?),
            Self::LineItemText { fact, beside, out } => {
                let beside = beside.map(|place| row.cell(place)).unwrap_or_default();
                out.push_or_null(line_item_text(*fact, &beside, charge).unwrap_or_default());
            }
            Self::LineItemAmount { fact, amount, out } => out.push(line_item_amount(*fact, (row, *amount), charge)?),
            Self::IsSplit { out } => out.push(charge.split),
            Self::Service { service, out } => service.fill(row, out),
            Self::Commitment { commitment, out } => commitment.fill(row, out),
            Self::Object { added: OnAdded::LeftOut, out, .. } if charge.role == Role::Unused => out.push_null(),
            Self::Object { object, out, .. } => object.fill(row, out)?,
        }
        Ok(())
    }

    /// The batch's array of `rows` values; the next batch begins.
    pub(super) fn finish(&mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::Null(data_type) => Ok(new_null_array(data_type, rows)),
            Self::Always(text) => constant(text, rows),
            Self::Text { out, .. }
            | Self::LineItemText { out, .. }
            | Self::Service { out, .. }
            | Self::Commitment { out, .. }
            | Self::Object { out, .. } => out.finish(),
            Self::Amount { out, .. } | Self::LineItemAmount { out, .. } => out.finish(),
            Self::Time { out, .. } => out.finish(),
            Self::IsSplit { out } => Ok(out.finish()),
        }
    }
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

/// `beside` is the usage type for the pricing category, and the unit for the consumed unit.
fn line_item_text<'t>(fact: LineItemFact, beside: &'t [u8], charge: &Charge) -> Option<&'t [u8]> {
    let rule = charge.rule;
    let text = match (fact, charge.role) {
        (LineItemFact::ConsumedUnit, Role::Stated) if rule.quantity == Quantity::Used => return Some(beside),
        (LineItemFact::ChargeCategory, Role::Unused) => Some("Usage"),
        (LineItemFact::ChargeCategory, Role::Stated) => Some(rule.category),
        (LineItemFact::ChargeClass, Role::Stated) => rule.class,
        (LineItemFact::ChargeFrequency, Role::Unused) => Some("Usage-Based"),
        (LineItemFact::ChargeFrequency, Role::Stated) => Some(rule.frequency),
        (LineItemFact::PricingCategory, Role::Unused) => Some("Committed"),
        (LineItemFact::PricingCategory, Role::Stated) if rule.pricing == Some("Standard") && is_spot(beside) => {
            Some("Dynamic")
        }
        (LineItemFact::PricingCategory, Role::Stated) => rule.pricing,
        (LineItemFact::CommitmentDiscountStatus, Role::Unused) => Some("Unused"),
        (LineItemFact::CommitmentDiscountStatus, Role::Stated) => rule.status,
        _ => None,
    };
    text.map(str::as_bytes)
}

/// Usage types look like `USE1-SpotUsage:m5.large`, without the region's prefix in the first of regions.
fn is_spot(usage_type: &[u8]) -> bool {
    usage_type.split(|byte| *byte == b'-').any(|piece| piece.starts_with(SPOT.as_bytes()))
}

/// `usage` is the place of the usage amount.
fn line_item_amount(
    fact: LineItemFact,
    (row, usage): (&impl Row, Option<usize>),
    charge: &Charge,
) -> Result<Option<Amount>, Fault> {
    let quantity = |has: &[Quantity]| match usage {
        Some(place) if charge.role == Role::Stated && has.contains(&charge.rule.quantity) => charge::amount(row, place),
        _ => Ok(None),
    };
    match fact {
        LineItemFact::BilledCost => Ok(Some(charge.billed)),
        LineItemFact::EffectiveCost => Ok(Some(charge.effective)),
        LineItemFact::ListCost => Ok(Some(charge.list)),
        LineItemFact::ContractedCost => Ok(Some(charge.contracted)),
        LineItemFact::ContractedUnitPrice => Ok(charge.contracted_price),
        LineItemFact::NetEffectiveCost => Ok(charge.net_effective),
        LineItemFact::UnblendedCost => Ok(charge.compared),
        LineItemFact::CommitmentDiscountQuantity => Ok(charge.committed),
        LineItemFact::ConsumedQuantity => quantity(&[Quantity::Used]),
        LineItemFact::PricingQuantity => quantity(&[Quantity::Used, Quantity::Bought]),
        _ => Ok(None),
    }
}

/// What the table of services says of the row's product.
pub(super) struct ServiceColumn {
    fact: ServiceFact,
    code: Option<usize>,
    name: Option<usize>,
    /// The last product code and its service.
    last: (Vec<u8>, Option<&'static Service>),
}

impl ServiceColumn {
    pub(super) fn new(fact: ServiceFact, (code, name): (Option<usize>, Option<usize>)) -> Self {
        Self { fact, code, name, last: (Vec::new(), None) }
    }

    fn fill(&mut self, row: &impl Row, out: &mut TextColumn) {
        if self.fact == ServiceFact::Name {
            let name = self.name.map(|place| row.cell(place)).unwrap_or_default();
            if !name.is_empty() {
                return out.push(&name);
            }
        }
        let code = self.code.map(|place| row.cell(place)).unwrap_or_default();
        if *code != *self.last.0 {
            self.last.1 = str::from_utf8(&code).ok().and_then(services::by_code);
            self.last.0.clear();
            self.last.0.extend_from_slice(&code);
        }
        match (self.fact, self.last.1) {
            (ServiceFact::Name, Some(service)) => out.push(service.name.as_bytes()),
            (ServiceFact::Name, None) if code.is_empty() => out.push(services::OTHER.0.as_bytes()),
            (ServiceFact::Name, None) => out.push(&code),
            (ServiceFact::Category, service) => {
                out.push(service.map_or(services::OTHER.0, |service| service.category).as_bytes());
            }
            (ServiceFact::Subcategory, service) => {
                out.push(service.map_or(services::OTHER.1, |service| service.subcategory).as_bytes());
            }
        }
    }
}

/// What the kind of the row's commitment says.
pub(super) struct CommitmentColumn {
    pub(super) fact: CommitmentFact,
    pub(super) reservation: Option<usize>,
    pub(super) savings_plan: Option<usize>,
    /// Where the pricing unit is.
    pub(super) unit: Option<usize>,
    /// Where the currency is.
    pub(super) currency: Option<usize>,
}

impl CommitmentColumn {
    fn fill(&self, row: &impl Row, out: &mut TextColumn) {
        let cell = |place: Option<usize>| place.map(|place| row.cell(place)).unwrap_or_default();
        let word = |text: &'static str| Cow::Borrowed(text.as_bytes());
        let text = if !cell(self.reservation).is_empty() {
            match self.fact {
                CommitmentFact::Category => word("Usage"),
                CommitmentFact::Type => word("Reserved Instance"),
                CommitmentFact::Unit => cell(self.unit),
            }
        } else if !cell(self.savings_plan).is_empty() {
            match self.fact {
                CommitmentFact::Category => word("Spend"),
                CommitmentFact::Type => word("Savings Plan"),
                CommitmentFact::Unit => cell(self.currency),
            }
        } else {
            word("")
        };
        out.push_or_null(&text);
    }
}
