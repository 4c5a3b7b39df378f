//! Columns that are looked up: what the tables of services, regions and resource types say of a row.

use std::borrow::Cow;

use billing::focus::mapping::{
    CAPACITY, CAPACITY_STATUS, CURRENCY, CapacityFact, CommitmentFact, LOCATION, PRODUCT_CODE, PRODUCT_FAMILY,
    PRODUCT_NAME, REGION, RESERVATION, RESOURCE, SAVINGS_PLAN, ServiceFact, UNIT, UNUSED_CAPACITY, USAGE_TYPE,
};
use billing::focus::services::{self, Service};
use billing::focus::{regions, resource_types};

use super::charge::Charge;
use super::columns::TextColumn;
use super::fill::begins_a_piece;
use super::header::Header;
use super::row::Row;

/// The cell at a place that the file may not have.
fn cell(row: &impl Row, place: Option<usize>) -> Cow<'_, [u8]> {
    place.map(|place| row.cell(place)).unwrap_or_default()
}

fn text(word: &'static str) -> Cow<'static, [u8]> {
    Cow::Borrowed(word.as_bytes())
}

/// What the table of services says of the row's product.
pub(super) struct ServiceColumn {
    fact: ServiceFact,
    code: Option<usize>,
    family: Option<usize>,
    name: Option<usize>,
    /// The last product code and family, and their service.
    last: (Vec<u8>, Vec<u8>, Option<&'static Service>),
}

impl ServiceColumn {
    pub(super) fn new(fact: ServiceFact, header: &Header) -> Self {
        let (code, family) = (header.place(PRODUCT_CODE), header.place(PRODUCT_FAMILY));
        Self { fact, code, family, name: header.place(PRODUCT_NAME), last: (Vec::new(), Vec::new(), None) }
    }

    pub(super) fn fill(&mut self, row: &impl Row, out: &mut TextColumn) {
        let (code, family) = (cell(row, self.code), cell(row, self.family));
        if *code != *self.last.0 || *family != *self.last.1 {
            let words = str::from_utf8(&code).ok().zip(str::from_utf8(&family).ok());
            self.last.2 = words.and_then(|(code, family)| services::of(code, family));
            for (last, cell) in [(&mut self.last.0, &code), (&mut self.last.1, &family)] {
                last.clear();
                last.extend_from_slice(cell);
            }
        }
        let service = self.last.2;
        match self.fact {
            ServiceFact::Category => out.push(service.map_or(services::OTHER.0, |it| it.category).as_bytes()),
            ServiceFact::Subcategory => out.push(service.map_or(services::OTHER.1, |it| it.subcategory).as_bytes()),
            ServiceFact::Name => {
                let stated = cell(row, self.name);
                // A family that is filed apart goes by a name of its own: FOCUS files each name in one place.
                match service {
                    Some(service) if stated.is_empty() || service.family.is_some() => out.push(service.name.as_bytes()),
                    _ if !stated.is_empty() => out.push(&stated),
                    _ if code.is_empty() => out.push(services::OTHER.0.as_bytes()),
                    _ => out.push(&code),
                }
            }
        }
    }
}

/// What the kind of the row's commitment says.
pub(super) struct CommitmentColumn {
    fact: CommitmentFact,
    reservation: Option<usize>,
    savings_plan: Option<usize>,
    unit: Option<usize>,
    currency: Option<usize>,
}

impl CommitmentColumn {
    pub(super) fn new(fact: CommitmentFact, header: &Header) -> Self {
        let place = |column| header.place(column);
        let (reservation, savings_plan) = (place(RESERVATION), place(SAVINGS_PLAN));
        Self { fact, reservation, savings_plan, unit: place(UNIT), currency: place(CURRENCY) }
    }

    pub(super) fn fill(&self, row: &impl Row, charge: &Charge, out: &mut TextColumn) {
        // A unit is of a quantity.
        if self.fact == CommitmentFact::Unit && charge.committed.is_none() {
            return out.push_null();
        }
        let found = if !cell(row, self.reservation).is_empty() {
            match self.fact {
                CommitmentFact::Category => text("Usage"),
                CommitmentFact::Type => text("Reserved Instance"),
                CommitmentFact::Unit => cell(row, self.unit),
            }
        } else if !cell(row, self.savings_plan).is_empty() {
            match self.fact {
                CommitmentFact::Category => text("Spend"),
                CommitmentFact::Type => text("Savings Plan"),
                CommitmentFact::Unit => cell(row, self.currency),
            }
        } else {
            text("")
        };
        out.push_or_null(&found);
    }
}

/// What the row says of a capacity reservation: in columns of its own, or by the usage type of hours that nobody used.
pub(super) struct CapacityColumn {
    fact: CapacityFact,
    stated: Option<usize>,
    status: Option<usize>,
    resource: Option<usize>,
    usage_type: Option<usize>,
}

impl CapacityColumn {
    pub(super) fn new(fact: CapacityFact, header: &Header) -> Self {
        let place = |column| header.place(column);
        let (stated, status) = (place(CAPACITY), place(CAPACITY_STATUS));
        Self { fact, stated, status, resource: place(RESOURCE), usage_type: place(USAGE_TYPE) }
    }

    pub(super) fn fill(&self, row: &impl Row, out: &mut TextColumn) {
        let (stated, status) = (cell(row, self.stated), cell(row, self.status));
        // `Reserved` is neither: such a line repeats hours that others used or left unused.
        if !stated.is_empty() && matches!(&*status, b"Used" | b"Unused") {
            return out.push(if self.fact == CapacityFact::Id { &stated } else { &status });
        }
        let (resource, usage_type) = (cell(row, self.resource), cell(row, self.usage_type));
        let unused = UNUSED_CAPACITY.iter().any(|start| begins_a_piece(&usage_type, start.as_bytes()));
        match self.fact {
            CapacityFact::Id if unused => out.push_or_null(&resource),
            CapacityFact::Status if unused && !resource.is_empty() => out.push(b"Unused"),
            CapacityFact::Id | CapacityFact::Status => out.push_null(),
        }
    }
}

/// The name of the row's region.
pub(super) struct RegionColumn {
    code: Vec<usize>,
    location: Option<usize>,
}

impl RegionColumn {
    pub(super) fn new(header: &Header) -> Self {
        Self { code: header.places(REGION), location: header.place(LOCATION) }
    }

    pub(super) fn fill(&self, row: &impl Row, out: &mut TextColumn) {
        let Some(code) = self.code.iter().map(|place| row.cell(*place)).find(|code| !code.is_empty()) else {
            return out.push_null();
        };
        match str::from_utf8(&code).ok().and_then(regions::name) {
            Some(name) => out.push(name.as_bytes()),
            None => match cell(row, self.location) {
                location if location.is_empty() => out.push(&code),
                location => out.push(&location),
            },
        }
    }
}

/// What kind of resource the row is about.
pub(super) struct ResourceTypeColumn {
    resource: Option<usize>,
    code: Option<usize>,
    family: Option<usize>,
}

impl ResourceTypeColumn {
    pub(super) fn new(header: &Header) -> Self {
        let place = |column| header.place(column);
        Self { resource: place(RESOURCE), code: place(PRODUCT_CODE), family: place(PRODUCT_FAMILY) }
    }

    pub(super) fn fill(&self, row: &impl Row, out: &mut TextColumn) {
        let resource = cell(row, self.resource);
        if resource.is_empty() {
            return out.push_null();
        }
        let (code, family) = (cell(row, self.code), cell(row, self.family));
        // What is no UTF-8 text is refused with its row, at its own column.
        let words = [&resource, &code, &family].map(|cell| str::from_utf8(cell).unwrap_or_default());
        out.push(resource_types::of(words[0], words[1], words[2]).as_bytes());
    }
}
