//! From a file's header to the fillers of the lake's columns: the mapping is looked up once a file, not once a row.

use billing::focus::columns::{self, ColumnType};
use billing::focus::mapping::{
    Absent, CURRENCY, LineItemFact, Mapping, Object, PRICE_CURRENCY, UNIT, USAGE_TYPE, Value,
};

use super::columns::{AmountColumn, FlagColumn, TextColumn, TimeColumn};
use super::fill::{Filler, OnAdded, Otherwise, ReadAmount, Time};
use super::header::Header;
use super::lookup::{CapacityColumn, CommitmentColumn, RegionColumn, ResourceTypeColumn, ServiceColumn};
use super::objects::ObjectColumn;
use crate::schema::data_type;

/// What the delivery says of all of its lines.
#[derive(Debug, Clone)]
pub(super) struct Delivered {
    /// The payer account.
    pub(super) payer: String,
    /// Whether the rows alone say whose bill it is: then each must name that account.
    pub(super) rows_prove_payer: bool,
    /// The month's first instant, in microseconds since 1970.
    pub(super) start: i64,
    /// The first instant after the month, likewise.
    pub(super) end: i64,
}

/// The fillers of all of the lake's columns, in their order.
pub(super) fn fillers(header: &Header, delivered: &Delivered) -> Vec<Filler> {
    let planner = Planner { header, delivered };
    let mappings = header.family().mappings.iter().zip(columns::all());
    mappings.map(|(mapping, column)| planner.filler(mapping, column.column_type)).collect()
}

struct Planner<'a> {
    header: &'a Header,
    delivered: &'a Delivered,
}

impl Planner<'_> {
    fn filler(&self, mapping: &Mapping, column_type: ColumnType) -> Filler {
        match mapping.value {
            Value::Always(text) => Filler::Always(text.to_owned()),
            Value::First(columns) => match column_type {
                ColumnType::Decimal => self.amount(columns, mapping),
                ColumnType::Time => self.time(columns, mapping),
                ColumnType::Text | ColumnType::Json | ColumnType::Flag => self.text(columns, mapping),
            },
            Value::LineItem(LineItemFact::IsSplitCost) => Filler::IsSplit { out: FlagColumn::new() },
            Value::LineItem(fact) if column_type == ColumnType::Decimal => {
                Filler::LineItemAmount { fact, currencies: self.currencies(), out: AmountColumn::new() }
            }
            Value::LineItem(fact) => Filler::LineItemText { fact, beside: self.beside(fact), out: TextColumn::new() },
            Value::Service(fact) => {
                Filler::Service { service: ServiceColumn::new(fact, self.header), out: TextColumn::new() }
            }
            Value::Commitment(fact) => {
                Filler::Commitment { commitment: CommitmentColumn::new(fact, self.header), out: TextColumn::new() }
            }
            Value::Capacity(fact) => {
                Filler::Capacity { capacity: CapacityColumn::new(fact, self.header), out: TextColumn::new() }
            }
            Value::RegionName => Filler::RegionName { region: RegionColumn::new(self.header), out: TextColumn::new() },
            Value::ResourceType => {
                Filler::ResourceType { resource: ResourceTypeColumn::new(self.header), out: TextColumn::new() }
            }
            Value::Object(object) => self.object(object),
            Value::Nothing => Filler::Null(data_type(column_type)),
        }
    }

    fn text(&self, columns: &[&str], mapping: &Mapping) -> Filler {
        let from = self.header.places(columns);
        let only_with = mapping.only_with.map(|column| self.header.place(column));
        if only_with == Some(None) {
            return Filler::Null(data_type(ColumnType::Text));
        }
        let otherwise = match mapping.absent {
            Absent::Text(text) => Otherwise::Text(text.to_owned()),
            Absent::Payer => Otherwise::Text(self.delivered.payer.clone()),
            Absent::OtherOf(category) => Otherwise::OtherOf(self.header.place(category)),
            Absent::Refused => Otherwise::Refused(from.first().copied().unwrap_or_default()),
            Absent::Null | Absent::MonthStart | Absent::MonthEnd => Otherwise::Null,
        };
        match otherwise {
            Otherwise::Null if from.is_empty() => Filler::Null(data_type(ColumnType::Text)),
            Otherwise::Text(text) if from.is_empty() => Filler::Always(text),
            otherwise => Filler::Text { from, only_with: only_with.flatten(), otherwise, out: TextColumn::new() },
        }
    }

    fn amount(&self, columns: &[&str], mapping: &Mapping) -> Filler {
        let read = match mapping.absent {
            Absent::Refused => ReadAmount::Needed,
            _ if mapping.words.is_empty() => ReadAmount::Number,
            _ => ReadAmount::NumberOrWord,
        };
        match self.header.places(columns) {
            from if from.is_empty() => Filler::Null(data_type(ColumnType::Decimal)),
            from => Filler::Amount { from, read, out: AmountColumn::new() },
        }
    }

    fn time(&self, columns: &[&str], mapping: &Mapping) -> Filler {
        let otherwise = match mapping.absent {
            Absent::MonthStart => Some(self.delivered.start),
            Absent::MonthEnd => Some(self.delivered.end),
            _ => None,
        };
        let only = (mapping.absent == Absent::MonthStart).then_some(self.delivered.start);
        let time = Time { otherwise, only, last: (Vec::new(), 0) };
        Filler::Time { from: self.header.places(columns).first().copied(), time, out: TimeColumn::new() }
    }

    /// The column that a fact by line item type is read from beside the type.
    fn beside(&self, fact: LineItemFact) -> Option<usize> {
        match fact {
            LineItemFact::PricingCategory => self.header.place(USAGE_TYPE),
            LineItemFact::ConsumedUnit | LineItemFact::PricingUnit => self.header.place(UNIT),
            _ => None,
        }
    }

    /// Where the currencies are of prices and of costs, where the file has both.
    fn currencies(&self) -> Option<[usize; 2]> {
        Some([self.header.place(PRICE_CURRENCY)?, self.header.place(CURRENCY)?])
    }

    fn object(&self, object: Object) -> Filler {
        // What no column takes is said once, on the line itself.
        let added = if object == Object::Other { OnAdded::LeftOut } else { OnAdded::Repeated };
        match ObjectColumn::new(object, self.header) {
            Some(object) => Filler::Object { object, added, out: TextColumn::new() },
            None => Filler::Null(data_type(ColumnType::Json)),
        }
    }
}
