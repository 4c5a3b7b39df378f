//! The table of routes. The router is made of it, and so are the document, the page and the tests of who may call what.

mod accounts;
mod asked;
mod audit;
mod bill_connects;
mod bill_months;
mod bill_settings;
mod billing_centers;
mod checks;
mod commitments;
mod connect_body;
mod cost_body;
mod costs;
mod deliveries;
mod exports;
mod external_ids;
mod finops_bill_connects;
mod finops_cost_question;
mod finops_costs;
mod health;
mod jobs;
mod list;
mod listing;
mod operator;
mod page;
mod receipts;
mod reconciliation;
mod reservations;
mod setup;
mod sql;
mod status;
mod token;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::route::Route;

/// Routes that belong together.
pub(crate) struct Group {
    /// What the group is called in the document.
    pub(crate) tag: &'static str,
    /// What it is for.
    pub(crate) about: &'static str,
    pub(crate) routes: Vec<Route>,
}

/// Every route that there is, by what it is about.
pub(crate) fn groups() -> Vec<Group> {
    let group =
        |tag, about, routes: Vec<Vec<Route>>| Group { tag, about, routes: routes.into_iter().flatten().collect() };
    vec![
        group("Tokens", "How to get an access token.", vec![token::routes()]),
        group(
            "Onboarding, first generation",
            "Bill connects and what became of them.",
            vec![bill_connects::routes(), status::routes()],
        ),
        group(
            "Onboarding, second generation",
            "The same steps, with more to say.",
            vec![
                finops_bill_connects::routes(),
                checks::routes(),
                external_ids::routes(),
                jobs::routes(),
                bill_months::routes(),
                receipts::routes(),
                deliveries::routes(),
                reconciliation::routes(),
                exports::routes(),
                accounts::routes(),
                setup::routes(),
                audit::routes(),
            ],
        ),
        group(
            "Costs",
            "What was spent, and on what.",
            vec![
                costs::routes(),
                finops_costs::routes(),
                bill_settings::routes(),
                billing_centers::routes(),
                reservations::routes(),
                commitments::routes(),
                sql::routes(),
            ],
        ),
        group("Operator", "Orgs and their credentials, for the operator's own programs.", vec![operator::routes()]),
        group("Server", "The server itself.", vec![health::routes()]),
    ]
}

/// Every route that there is.
pub(crate) fn all() -> Vec<Route> {
    groups().into_iter().flat_map(|group| group.routes).collect()
}

/// An instant as clients read it: UTC, whole seconds, `Z`.
fn stamp(at: OffsetDateTime) -> String {
    let whole = at.to_offset(time::UtcOffset::UTC).replace_nanosecond(0).expect("0 is a nanosecond");
    whole.format(&Rfc3339).expect("the years of this product have four digits")
}
