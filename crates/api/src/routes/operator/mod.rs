//! The operator's routes: orgs, their service accounts and refresh tokens, the audit log, and what monitoring reads.

mod metrics;
mod orgs;
mod refresh_tokens;
mod service_accounts;

use app::tokens::Role;

use crate::body::Fields;
use crate::route::{Param, Route};

/// The longest name that anything may have, in characters.
const LONGEST_NAME: usize = 100;

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    [orgs::routes(), service_accounts::routes(), refresh_tokens::routes(), metrics::routes()]
        .into_iter()
        .flatten()
        .collect()
}

/// A route below an org's address.
fn of_org(route: Route) -> Route {
    route.param(Param::segment("orgId", "the org", "^[1-9][0-9]{5,17}$")).refuses(&[404])
}

/// A route whose path ends with the number of something.
fn numbered(route: Route) -> Route {
    of_org(route).param(Param::segment("number", "its number", "^[0-9]{1,18}$"))
}

/// A name for people, or what is wrong with it.
fn check_name(fields: &mut Fields<'_>, name: Option<&str>) {
    if name.is_some_and(|name| name.trim().is_empty() || name.chars().count() > LONGEST_NAME) {
        fields.refuse("name", format!("it has 1 to {LONGEST_NAME} characters"));
    }
}

/// A role, or what is wrong with it.
fn role(fields: &mut Fields<'_>, given: Option<&str>) -> Option<Role> {
    let parsed = given?.parse::<Role>();
    parsed.map_err(|error| fields.refuse("role", error)).ok()
}
