//! The step `organization`: sees once a day which accounts an organization has and where they lie, slowly and beside everything
//! else. Nothing waits for it, and nothing fails because of it.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use billing::connection::{BillConnect, Candidate};
use billing::names::{BillConnectId, OrgId};
use billing::organization::{Look, OrganizationState, SeenOrganization, Walk};
use billing::probe::{Organization, Probe, Refusal, RefusalKind};
use futures::FutureExt;
use futures::future::BoxFuture;
use time::OffsetDateTime;
use tokio::sync::Semaphore;

use crate::error::AppError;
use crate::keep::{elapsed, holds};
use crate::store::LastLook;
use crate::{App, Key};

/// How soon an organization is looked at again that could not be seen, and may be by then.
const AGAIN_AFTER: Duration = Duration::from_hours(1);

/// How organizations are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrganizationSettings {
    /// How often at the least each is looked at.
    pub every: Duration,
    /// The rest between two questions: AWS allows an organization few, whoever asks.
    pub pace: Duration,
    /// The rest after AWS asked for fewer; it doubles each time.
    pub rest: Duration,
    /// How often one question is asked at the most.
    pub attempts: u32,
}

impl Default for OrganizationSettings {
    fn default() -> Self {
        Self {
            every: Duration::from_hours(24),
            pace: Duration::from_millis(200),
            rest: Duration::from_secs(1),
            attempts: 7,
        }
    }
}

/// What a look saw of an organization.
type Seen = (Organization, SeenOrganization);

impl App {
    /// The same, with organizations looked at like this.
    #[must_use]
    pub fn looking_at_organizations(self, organizations: OrganizationSettings) -> Self {
        Self { organizations, ..self }
    }

    /// Looks at the organization of the connection's account where that is due and the connection is proven. Whatever becomes of
    /// it, even a panic, is its own.
    pub(crate) async fn look_at_organization_when_due(&self, connect: &BillConnect, places: &Semaphore) {
        let (org, id) = (connect.candidate.org, connect.candidate.id());
        let look = async {
            let last = self.store.last_look(org, &id).await?;
            if !is_due(last.as_ref(), (self.organizations.every, &(org, id.clone()))) {
                return Ok(());
            }
            let proven = self.store.decided(org, &id).await?;
            if proven.and_then(|proven| proven.report.verified(&connect.candidate)).is_none() {
                return Ok(());
            }
            let _place = places.acquire().await.expect("the semaphore is never closed");
            self.look_at_organization(connect).await
        };
        match AssertUnwindSafe(look).catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%org, connect = %id, %error, "what was seen of the organization is not kept");
            }
            Err(_) => tracing::error!(%org, connect = %id, "looking at the organization panicked"),
        }
    }

    /// Looks at the organization of the connection's account now, and keeps what came of it.
    pub async fn look_at_organization(&self, connect: &BillConnect) -> Result<(), AppError> {
        let (org, id) = (connect.candidate.org, connect.candidate.id());
        let kept = match self.see(&connect.candidate, &id).await {
            Ok((organization, seen)) => {
                let (accounts, units) = (seen.accounts.len(), seen.units.len());
                tracing::info!(%org, connect = %id, organization = organization.id, accounts, units, "organization seen");
                self.store.keep_organization((org, &id), (&organization, &seen), OffsetDateTime::now_utc()).await?
            }
            Err(look) => {
                let (state, problem) = (look.state.name(), look.problem.as_deref().unwrap_or_default());
                tracing::info!(%org, connect = %id, state, problem, "organization not seen");
                self.store.note_look((org, &id), &look, OffsetDateTime::now_utc()).await?
            }
        };
        if kept { Ok(()) } else { Err(AppError::Overtaken(id)) }
    }

    /// Walks through the organization. What it saw, or what came in between.
    async fn see(&self, candidate: &Candidate, id: &BillConnectId) -> Result<Seen, Look> {
        let payer = &candidate.account;
        let described = self.patiently((candidate, id), || self.aws.organization(candidate)).await;
        let organization = described.map_err(|refusal| Look::refused(payer, None, &refusal))?;
        let mut walk = Walk::default();
        while let Some((question, token)) = walk.question() {
            tokio::time::sleep(self.organizations.pace).await;
            let page = self.patiently((candidate, id), || self.aws.organization_page(candidate, question, token)).await;
            let page = page.map_err(|refusal| Look::refused(payer, Some(organization.clone()), &refusal))?;
            walk.take(page).map_err(|problem| Look::unusable(organization.clone(), &problem.to_string()))?;
        }
        Ok((organization, walk.finish()))
    }

    /// Asks until AWS does not ask for fewer questions any more, or has done so too often. That it does shows meanwhile.
    async fn patiently<'a, T>(
        &self,
        (candidate, id): (&Candidate, &BillConnectId),
        ask: impl Fn() -> BoxFuture<'a, Probe<T>> + Send + Sync,
    ) -> Result<T, Box<Refusal>> {
        let mut attempt = 1;
        loop {
            let refusal = match ask().await {
                Probe::Granted(answer) => return Ok(answer),
                Probe::Refused(refusal) => refusal,
                Probe::NotAsked(why) => return Err(Box::new(not_asked(why))),
            };
            if refusal.kind != RefusalKind::Throttled || attempt >= self.organizations.attempts {
                return Err(refusal);
            }
            if attempt == 1 {
                let look = Look::refused(&candidate.account, None, &refusal);
                let noted = self.store.note_look((candidate.org, id), &look, OffsetDateTime::now_utc()).await;
                noted.map_err(|error| tracing::warn!(%error, "that AWS asks for fewer questions is not noted")).ok();
            }
            tokio::time::sleep(self.organizations.rest.saturating_mul(1 << (attempt - 1).min(16))).await;
            attempt += 1;
        }
    }

    /// What came of the last look at each of the org's organizations: one for each connection, also where there was none yet.
    pub async fn last_looks(&self, org: OrgId) -> Result<Vec<(BillConnectId, Option<LastLook>)>, AppError> {
        let mut looks = self.store.last_looks(org).await?;
        let connects = self.store.connects(org).await?.into_iter().map(|connect| connect.candidate.id());
        let look = |connect: BillConnectId| {
            let at = looks.iter().position(|look| look.connect == connect);
            let look = at.map(|at| looks.swap_remove(at));
            (connect, look)
        };
        Ok(connects.map(look).collect())
    }
}

/// What asking is that could not be.
fn not_asked(why: &str) -> Refusal {
    Refusal {
        action: "organizations:DescribeOrganization".to_owned(),
        resource: "*".to_owned(),
        kind: RefusalKind::Invalid,
        code: "NotAsked".to_owned(),
        message: why.to_owned(),
        request_id: None,
    }
}

/// Whether an organization is to be looked at.
fn is_due(last: Option<&LastLook>, (every, key): (Duration, &Key)) -> bool {
    let Some(last) = last else { return true };
    let usual = holds(every, key);
    let pause = if last.look.state.may_pass() { AGAIN_AFTER.min(usual) } else { usual };
    last.look.state == OrganizationState::Pending || elapsed(last.looked_at) >= pause
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_organization_is_looked_at_once_a_day_and_sooner_where_that_may_help() {
        let key: Key = ("100001".parse().unwrap(), "aws-123456789012".parse().unwrap());
        let due = |state: OrganizationState, hours: i64| {
            let look = Look { organization: None, state, problem: None };
            let looked_at = OffsetDateTime::now_utc() - time::Duration::hours(hours);
            let last = LastLook { connect: key.1.clone(), look, looked_at, seen_at: None };
            is_due(Some(&last), (Duration::from_hours(24), &key))
        };
        assert!(is_due(None, (Duration::from_hours(24), &key)), "it was never looked at");
        for state in OrganizationState::ALL.into_iter().filter(|state| *state != OrganizationState::Pending) {
            assert!(!due(state, 0) && due(state, 24), "{state:?}");
            assert_eq!(due(state, 2), state.may_pass(), "{state:?}");
        }
    }
}
