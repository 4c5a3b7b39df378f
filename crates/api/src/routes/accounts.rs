//! The accounts that bills are about: names, units and tags as of any day, and how the organizations were last looked at.

use std::collections::BTreeMap;

use app::accounts::{KnownAccount, KnownUnit};
use app::store::LastLook;
use axum::Json;
use billing::names::{AccountId, BillConnectId};
use billing::organization::{AccountState, OrganizationState};
use serde::Serialize;
use time::macros::format_description;
use time::{Date, OffsetDateTime};
use utoipa::ToSchema;
use utoipa::openapi::Object;

use super::asked::Asked;
use super::list::List;
use super::page::Paged;
use super::stamp;
use crate::access::{AccountOfPath, Viewer};
use crate::check_view::one_of;
use crate::error::ApiError;
use crate::route::{Needs, Param, Route};

/// How many accounts an answer has unless asked otherwise, and how many it may have.
const USUAL: usize = 100;
const MOST: usize = 1000;

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    let list = Needs::Viewer
        .get("/finops-onboarding/v1/orgs/{org}/accounts", list)
        .named("finopsListAccounts", "List the accounts that are known, as they were on a day")
        .about(
            "By bill connect and account. Accounts that were closed or left their organization stay in the list, as they were \
             known last. `docs/accounts.md` says where this comes from and how costs are grouped by it.",
        )
        .param(Param::text("billConnectId", "only those of this bill connect's organization; all by default"))
        .param(Param::whole("limit", "how many at most; 100 by default", 1..=MOST as u64))
        .param(Param::text("skipToken", "where the page before ended: what its `nextPage` says"))
        .answers::<Paged<AccountView>>(200);
    let history = Needs::Viewer
        .get("/finops-onboarding/v1/orgs/{org}/accounts/{accountId}/history", history)
        .named("finopsListAccountHistory", "List what was known of an account, from which day to which, oldest first")
        .param(Param::segment("accountId", "an AWS account", "^[0-9]{12}$"))
        .answers::<List<AccountView>>(200)
        .refuses(&[404]);
    let units = Needs::Viewer
        .get("/finops-onboarding/v1/orgs/{org}/account-units", units)
        .named("finopsListAccountUnits", "List the organizational units that there were on a day")
        .about("By bill connect, the root first, each unit followed by those in it.")
        .answers::<List<UnitView>>(200);
    let organizations = Needs::Viewer
        .get("/finops-onboarding/v1/orgs/{org}/organizations", organizations)
        .named("finopsListOrganizations", "List how the organization of each bill connect was last looked at")
        .about("Each is looked at once a day, slowly; what is in the way of that is in the way of nothing else.")
        .answers::<List<OrganizationView>>(200);
    vec![on_a_day(list), history, on_a_day(units), organizations]
}

/// A route that answers with what held on a day.
fn on_a_day(route: Route) -> Route {
    route.param(Param::text("asOf", "the day, like `2026-09-30` (UTC); today by default")).refuses(&[400])
}

/// What was known of an account for some days.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsAccount)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountView {
    #[schema(example = "finops:account")]
    kind: &'static str,
    #[schema(value_type = String, example = "210987654321")]
    id: AccountId,
    #[schema(example = "web-production")]
    name: String,
    /// Through which bill connect's organization it is known.
    #[schema(value_type = String, example = "aws-123456789012")]
    bill_connect_id: BillConnectId,
    /// `left`: it is no longer in the organization, and all else is what was known last.
    #[schema(schema_with = states)]
    state: &'static str,
    /// The units that it lay in, the highest first; `/` right below the root.
    #[schema(example = "/Production/Web")]
    unit: String,
    /// The same, with AWS's ids.
    unit_path: Vec<StepView>,
    tags: BTreeMap<String, String>,
    /// How it came into the organization, in AWS's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "CREATED")]
    joined_method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2024-05-01T12:00:00Z")]
    joined_at: Option<String>,
    /// The day on which it was first seen so.
    #[schema(example = "2026-09-01")]
    since: String,
    /// The first day on which it was seen otherwise; absent while it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-09-15")]
    until: Option<String>,
}

/// A unit on the way from the root to an account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsAccountUnitStep)]
struct StepView {
    #[schema(example = "ou-abcd-11111111")]
    id: String,
    #[schema(example = "Production")]
    name: String,
}

/// An organizational unit, or an organization's root.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsAccountUnit)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UnitView {
    #[schema(example = "finops:account-unit")]
    kind: &'static str,
    #[schema(example = "ou-abcd-11111111")]
    id: String,
    #[schema(example = "Production")]
    name: String,
    #[schema(value_type = String, example = "aws-123456789012")]
    bill_connect_id: BillConnectId,
    /// The unit or root above it; absent for a root.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "r-abcd")]
    parent_id: Option<String>,
    /// How deep it lies: 0 for a root, 1 right below it.
    #[schema(example = 1)]
    level: usize,
    /// How many accounts lay right in it.
    #[schema(example = 3)]
    accounts: usize,
    /// The day on which it was first seen so.
    #[schema(example = "2026-09-01")]
    since: String,
}

/// How the organization of a bill connect was last looked at.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FinopsOrganization)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrganizationView {
    #[schema(example = "finops:organization")]
    kind: &'static str,
    #[schema(value_type = String, example = "aws-123456789012")]
    bill_connect_id: BillConnectId,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "o-exampleorgid")]
    organization_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "123456789012")]
    management_account_id: Option<String>,
    #[schema(schema_with = looks)]
    state: &'static str,
    /// What is in the way, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-10-01T12:00:00Z")]
    looked_at: Option<String>,
    /// When all of it was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-10-01T12:00:00Z")]
    seen_at: Option<String>,
}

fn states() -> Object {
    one_of(&AccountState::ALL.map(AccountState::name))
}

fn looks() -> Object {
    one_of(&OrganizationState::ALL.map(OrganizationState::name))
}

impl From<KnownAccount> for AccountView {
    fn from(known: KnownAccount) -> Self {
        let KnownAccount { connect, account, span } = known;
        let facts = span.facts;
        Self {
            kind: "finops:account",
            id: account,
            name: facts.name,
            bill_connect_id: connect,
            state: facts.state.name(),
            unit: facts.unit.to_string(),
            unit_path: facts.unit.0.into_iter().map(|step| StepView { id: step.id, name: step.name }).collect(),
            tags: facts.tags,
            joined_method: facts.joined_method,
            joined_at: facts.joined_at.map(stamp),
            since: span.from.to_string(),
            until: span.until.map(|until| until.to_string()),
        }
    }
}

impl From<KnownUnit> for UnitView {
    fn from(known: KnownUnit) -> Self {
        let KnownUnit { connect, id, span, level, accounts } = known;
        let (name, parent_id, since) = (span.facts.name, span.facts.parent, span.from.to_string());
        Self { kind: "finops:account-unit", id, name, bill_connect_id: connect, parent_id, level, accounts, since }
    }
}

impl OrganizationView {
    fn of((connect, last): (BillConnectId, Option<LastLook>)) -> Self {
        let (looked_at, seen_at) =
            (last.as_ref().map(|last| stamp(last.looked_at)), last.as_ref().and_then(|last| last.seen_at));
        let look = last.map(|last| last.look);
        let organization = look.as_ref().and_then(|look| look.organization.clone());
        let (organization_id, management_account_id) =
            organization.map(|organization| (organization.id, organization.management_account)).unzip();
        Self {
            kind: "finops:organization",
            bill_connect_id: connect,
            organization_id,
            management_account_id,
            state: look.as_ref().map_or(OrganizationState::Pending, |look| look.state).name(),
            problem: look.and_then(|look| look.problem),
            looked_at,
            seen_at: seen_at.map(stamp),
        }
    }
}

/// The day that is asked for.
fn day(asked: &mut Asked) -> Date {
    let today = OffsetDateTime::now_utc().date();
    let Some(given) = asked.text("asOf") else { return today };
    let read = Date::parse(given, format_description!("[year]-[month]-[day]"));
    read.unwrap_or_else(|_| {
        asked.refuse("asOf", "it must be a day like `2026-09-30`");
        today
    })
}

/// `GET /accounts`
async fn list(viewer: Viewer, mut asked: Asked) -> Result<Json<Paged<AccountView>>, ApiError> {
    let (day, connect) = (day(&mut asked), asked.maybe::<BillConnectId>("billConnectId"));
    let limit = asked.whole("limit", 1..=MOST).unwrap_or(USUAL);
    let place = asked.whole("skipToken", 0..=usize::MAX).unwrap_or(0);
    asked.finish()?;
    let mut all = viewer.accounts(day).await?;
    all.retain(|known| connect.as_ref().is_none_or(|connect| known.connect == *connect));
    let next = place.saturating_add(limit);
    let next_page = (next < all.len()).then(|| asked.next_page(next));
    let values = all.into_iter().skip(place).take(limit).map(AccountView::from).collect();
    Ok(Json(Paged { kind: "finops:account-list", values, next_page }))
}

/// `GET /accounts/{accountId}/history`
async fn history(viewer: Viewer, AccountOfPath(account): AccountOfPath) -> Result<Json<List<AccountView>>, ApiError> {
    let past = viewer.account_history(&account).await?;
    if past.is_empty() {
        return Err(ApiError::not_found(format!("no organization of this org has shown an account `{account}`")));
    }
    Ok(Json(List { kind: "finops:account-history", values: past.into_iter().map(AccountView::from).collect() }))
}

/// `GET /account-units`
async fn units(viewer: Viewer, mut asked: Asked) -> Result<Json<List<UnitView>>, ApiError> {
    let day = day(&mut asked);
    asked.finish()?;
    let values = viewer.units(day).await?.into_iter().map(UnitView::from).collect();
    Ok(Json(List { kind: "finops:account-unit-list", values }))
}

/// `GET /organizations`
async fn organizations(viewer: Viewer) -> Result<Json<List<OrganizationView>>, ApiError> {
    let values = viewer.last_looks().await?.into_iter().map(OrganizationView::of).collect();
    Ok(Json(List { kind: "finops:organization-list", values }))
}
