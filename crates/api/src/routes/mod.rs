//! The table of routes. The router is made of it, and so are the tests of who may call what.

mod audit;
mod bill_connects;
mod billing_centers;
mod cost_body;
mod costs;
mod finops_bill_connects;
mod health;
mod page;
mod receipts;
mod role_body;
mod status;
mod token;

use axum::routing::{MethodRouter, get, post};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::access::Http;

/// One route.
pub(crate) struct Route {
    /// `GET` or `POST`.
    pub(crate) method: &'static str,
    /// The path; `{org}` is the org that the token must speak for.
    pub(crate) path: &'static str,
    /// Who may call it.
    #[cfg_attr(not(test), expect(dead_code, reason = "the handler's extractor decides; the tests compare"))]
    pub(crate) needs: Needs,
    /// Makes the handler.
    pub(crate) handler: fn() -> MethodRouter<Http>,
}

/// What a caller needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing.
    Nothing,
    /// A token of the path's org.
    Viewer,
    /// A token of the path's org with the role `admin`.
    Admin,
}

/// Every route that there is.
pub(crate) fn all() -> Vec<Route> {
    use Needs::{Admin, Nothing, Viewer};
    let reads = |path, handler| Route { method: "GET", path, needs: Viewer, handler };
    let writes = |path, handler| Route { method: "POST", path, needs: Admin, handler };
    let posts = |path, needs, handler| Route { method: "POST", path, needs, handler };
    vec![
        Route { method: "GET", path: "/healthz", needs: Nothing, handler: || get(health::show) },
        posts("/oidc/token", Nothing, || post(token::oidc)),
        posts("/api/oauth2", Nothing, || post(token::oauth2)),
        // Onboarding, first generation.
        reads("/api/onboarding/orgs/{org}/bill_connects", || get(bill_connects::list)),
        reads("/api/onboarding/orgs/{org}/bill_connects/validate", || get(bill_connects::validate)),
        writes("/api/onboarding/orgs/{org}/bill_connects/aws/iam_role", || post(bill_connects::connect_role)),
        reads("/api/onboarding/orgs/{org}/bill_connects/aws/{id}", || get(bill_connects::show)),
        reads("/api/status/orgs/{org}/bill-status-errors", || get(status::errors)),
        reads("/api/status/orgs/{org}/bill_id/{id}/import-history", || get(status::import_history)),
        // Onboarding, second generation.
        reads("/finops-onboarding/v1/orgs/{org}/bill-connects", || get(finops_bill_connects::list)),
        reads("/finops-onboarding/v1/orgs/{org}/bill-connects/validations", || get(finops_bill_connects::validations)),
        writes("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/iam-role", || {
            post(finops_bill_connects::connect_role)
        }),
        reads("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/{id}", || get(finops_bill_connects::show)),
        reads("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/{id}/validation", || {
            get(finops_bill_connects::validation)
        }),
        reads("/finops-onboarding/v1/orgs/{org}/bill-connects/aws/{id}/receipts", || get(receipts::list)),
        Route {
            method: "GET",
            path: "/finops-onboarding/v1/orgs/{org}/audit",
            needs: Admin,
            handler: || get(audit::list),
        },
        // Costs.
        posts("/bill-analysis/orgs/{org}/costs/aggregated", Viewer, || post(costs::aggregated)),
        reads("/bill-analysis/orgs/{org}/costs/dimensions", || get(costs::dimensions)),
        reads("/bill-analysis/orgs/{org}/costs/metrics", || get(costs::metrics)),
        reads("/analytics/orgs/{org}/billing_centers", || get(billing_centers::list)),
    ]
}

/// An instant as clients read it: UTC, whole seconds, `Z`.
fn stamp(at: OffsetDateTime) -> String {
    let whole = at.to_offset(time::UtcOffset::UTC).replace_nanosecond(0).expect("0 is a nanosecond");
    whole.format(&Rfc3339).expect("the years of this product have four digits")
}
