//! Columns that are looked up: what the tables of services, regions and resource types say of a row.

use std::borrow::Cow;
use std::collections::HashMap;

use ahash::RandomState;
use billing::focus::mapping::{
    CAPACITY, CAPACITY_STATUS, CURRENCY, CapacityFact, CommitmentFact, LOCATION, PRODUCT_CODE, PRODUCT_FAMILY,
    PRODUCT_NAME, REGION, RESERVATION, RESOURCE, SAVINGS_PLAN, ServiceFact, UNIT, UNUSED_CAPACITY, USAGE_TYPE,
};
use billing::focus::services::{self, Service};
use billing::focus::{regions, resource_types};

use super::charge::Charge;
use super::columns::TextColumn;
use super::facts::begins_a_piece;
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
    /// Products that were asked for, by code and family: a bill has few, and a row seldom the one before it.
    known: HashMap<Vec<u8>, Option<&'static Service>, RandomState>,
    key: Vec<u8>,
}

/// The most products that are remembered.
const PRODUCTS: usize = 4096;

impl ServiceColumn {
    pub(super) fn new(fact: ServiceFact, header: &Header) -> Self {
        let (code, family) = (header.place(PRODUCT_CODE), header.place(PRODUCT_FAMILY));
        Self { fact, code, family, name: header.place(PRODUCT_NAME), known: HashMap::default(), key: Vec::new() }
    }

    /// The places of the cells that it looks at.
    pub(super) fn places(&self) -> Vec<usize> {
        [self.code, self.family, self.name].into_iter().flatten().collect()
    }

    pub(super) fn fill(&mut self, row: &impl Row, out: &mut TextColumn) {
        let (code, family) = (cell(row, self.code), cell(row, self.family));
        let service = self.service(&code, &family);
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

    fn service(&mut self, code: &[u8], family: &[u8]) -> Option<&'static Service> {
        self.key.clear();
        // Where the code ends, no byte within it can say.
        self.key.extend_from_slice(&code.len().to_le_bytes());
        self.key.extend_from_slice(code);
        self.key.extend_from_slice(family);
        if let Some(known) = self.known.get(&self.key) {
            return *known;
        }
        let words = str::from_utf8(code).ok().zip(str::from_utf8(family).ok());
        let service = words.and_then(|(code, family)| services::of(code, family));
        if self.known.len() >= PRODUCTS {
            self.known.clear();
        }
        self.known.insert(self.key.clone(), service);
        service
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

    /// The places of the cells that it looks at.
    pub(super) fn places(&self) -> Vec<usize> {
        [self.reservation, self.savings_plan, self.unit, self.currency].into_iter().flatten().collect()
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

    /// The places of the cells that it looks at.
    pub(super) fn places(&self) -> Vec<usize> {
        [self.stated, self.status, self.resource, self.usage_type].into_iter().flatten().collect()
    }

    pub(super) fn fill(&self, row: &impl Row, out: &mut TextColumn) {
        let (stated, status) = (cell(row, self.stated), cell(row, self.status));
        // `Reserved` is neither: such a line repeats hours that others used or left unused.
        if !stated.is_empty() && matches!(&*status, b"Used" | b"Unused") {
            return out.push(if self.fact == CapacityFact::Id { &stated } else { &status });
        }
        let resource = cell(row, self.resource);
        if resource.is_empty() {
            return out.push_null();
        }
        let usage_type = cell(row, self.usage_type);
        let unused = UNUSED_CAPACITY.iter().any(|start| begins_a_piece(&usage_type, start.as_bytes()));
        match self.fact {
            CapacityFact::Id if unused => out.push(&resource),
            CapacityFact::Status if unused => out.push(b"Unused"),
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

    /// The places of the cells that it looks at.
    pub(super) fn places(&self) -> Vec<usize> {
        self.code.iter().copied().chain(self.location).collect()
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

    /// The places of the cells that it looks at.
    pub(super) fn places(&self) -> Vec<usize> {
        [self.resource, self.code, self.family].into_iter().flatten().collect()
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
