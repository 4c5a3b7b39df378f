//! An organization as AWS shows it: its accounts, the units that they lie in, and what was known of both on any day.

mod facts;
mod look;
mod timeline;
mod walk;

pub use facts::{AccountFacts, AccountState, UnitFacts, UnitPath, UnitStep};
pub use look::{Look, OrganizationState};
pub use timeline::{AccountSpan, Accounts, Span, as_of, spans};
pub use walk::{
    Found, ListedAccount, ListedUnit, OrganizationPage, OrganizationQuestion, SeenOrganization, Walk, WalkProblem,
};
