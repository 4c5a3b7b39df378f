//! The language that lists are asked in: which values (`filter`), in which order (`orderBy`), a page at a time (`skipToken`).
//!
//! ```text
//! filter    billMonth ge '202501' and (status eq 'processing' or billConnectId in ('aws-123456789012','aws-210987654321'))
//! orderBy   billMonth desc,billConnectId asc
//! ```
//!
//! `and` binds closer than `or`. A value stands between single quotes, and a quote within it is written twice.

mod filter;
pub(crate) mod lex;
mod order;
mod page;
pub(crate) mod parse;

use std::borrow::Cow;
use std::fmt;

pub use filter::{Condition, Filter, Operator};
pub use order::{Direction, Order};
pub use page::{Listing, Page, Place, PlaceError};

use crate::cost_query::{MAX_CONDITIONS, MAX_DEPTH};
use crate::names::quotable;

/// What a list's values can be filtered and ordered by.
pub trait Field: Copy + Eq + fmt::Debug + 'static {
    /// All of them, in the order in which texts list them.
    const ALL: &'static [Self];
    /// Those that tell two values of the list apart: they end every order, so that a page knows where it ended.
    const KEY: &'static [Self];

    /// The name, as the list's values have it.
    fn name(self) -> &'static str;

    /// A whole value that a request compares the field with, in the form that [`Row::cell`] gives; or what would be one.
    fn read(self, text: &str) -> Result<String, String>;
}

/// A value of a list.
pub trait Row {
    /// What it has.
    type Field: Field;

    /// What it has in a field, in a form whose order as text is the field's order; `None` where it has nothing.
    fn cell(&self, field: Self::Field) -> Option<Cow<'_, str>>;
}

/// Something wrong with a filter or an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: {message}")]
pub struct Flaw {
    /// Which character it begins with, counted from 1.
    pub at: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Several names, for people.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The field of this name, or what is wrong with it.
fn field<F: Field>(at: usize, name: &str) -> Result<F, Flaw> {
    let found = F::ALL.iter().find(|field| field.name() == name).copied();
    found.ok_or_else(|| {
        let names = listed(F::ALL.iter().map(|field| field.name()));
        Flaw { at, message: format!("there is no field `{}`; fields are {names}", quotable(name)) }
    })
}

#[cfg(test)]
mod testkit;
