//! Sessions in customers' roles: opened by `AssumeRole`, scoped to one bucket and path, kept until shortly before they end.
//! A customer's IAM user has none: its keys are used as they are, and nothing of it is kept here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::Credentials;
use billing::bucket::{BucketName, BucketPath};
use billing::connection::{Access, Candidate, Presented, RoleAccess, UserAccess};
use billing::names::{BillConnectId, ExternalId, OrgId};
use billing::policy;
use billing::probe::{Caller, Probe, Refusal, RefusalKind};
use billing::role::RoleArn;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::client::{AwsClient, caller, retry_name};
use crate::operation::Operation;
use crate::refusal::{Question, Signer};

/// How long a session lasts, in seconds: the most that every role allows.
const LIFETIME: i32 = 3600;

/// How long before its end a session is no longer used: longer than any one call and its retries take.
const MARGIN: Duration = Duration::from_mins(5);

/// What a session may be reused for: everything that decides whose it is and what it may see.
///
/// Never the role alone. Two orgs that name the same role must each prove their own external id, and a session that was
/// scoped to one path must not serve another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Scope {
    org: OrgId,
    connect: BillConnectId,
    role: RoleArn,
    external_id: ExternalId,
    bucket: BucketName,
    path: BucketPath,
    name: String,
}

impl Scope {
    fn of(candidate: &Candidate, role: &RoleAccess) -> Self {
        Self {
            org: candidate.org,
            connect: candidate.id(),
            role: role.arn.clone(),
            external_id: role.external_id.clone(),
            bucket: candidate.bucket.clone(),
            path: candidate.path.clone(),
            name: role.session_name.to_string(),
        }
    }
}

/// The place of one session. Held while it is being opened, so that a connection opens one at a time.
type Slot = Arc<tokio::sync::Mutex<Option<Credentials>>>;

/// The sessions that are open, by what they may be used for.
#[derive(Default)]
pub(crate) struct Sessions {
    slots: Mutex<HashMap<Scope, Slot>>,
}

impl Sessions {
    fn slot(&self, scope: Scope) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        // Ended sessions go when a new place is made, so that the map is no larger than the connections of the last hour.
        if !slots.contains_key(&scope) {
            slots.retain(|_, slot| {
                Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|held| held.as_ref().is_some_and(is_fresh))
            });
        }
        slots.entry(scope).or_default().clone()
    }

    /// Makes the next call in this scope open a session anew.
    pub(crate) async fn forget(&self, candidate: &Candidate) {
        if let Some(role) = candidate.role() {
            *self.slot(Scope::of(candidate, role)).lock().await = None;
        }
    }
}

fn is_fresh(session: &Credentials) -> bool {
    session.expiry().is_some_and(|end| end > SystemTime::now() + MARGIN)
}

impl AwsClient {
    /// Tries to assume the candidate's role, always anew, presenting what is given as external id.
    ///
    /// With the right id, the session is kept for the calls that follow. With none or a wrong one, a session that AWS gives
    /// nevertheless is thrown away unused: that it was given is the answer.
    pub async fn assume(&self, candidate: &Candidate, presented: Presented<'_>) -> Probe<Caller> {
        match candidate.role() {
            Some(role) => self.try_assume((candidate, role), presented).await.map_err(|refusal| *refusal).into(),
            None => Probe::NotAsked("the connection is by an IAM user, who is not assumed"),
        }
    }

    async fn try_assume(
        &self,
        (candidate, role): (&Candidate, &RoleAccess),
        presented: Presented<'_>,
    ) -> Result<Caller, Box<Refusal>> {
        let opened = self.open_session((candidate, role), presented, &scope_of(candidate)).await;
        if let Presented::Right(_) = presented {
            let slot = self.sessions.slot(Scope::of(candidate, role));
            match &opened {
                Ok((session, _)) => *slot.lock().await = Some(session.clone()),
                // AWS lets a session run on when the role is withdrawn; we do not.
                Err(refusal) if refusal.kind.is_denial() => *slot.lock().await = None,
                Err(_) => {}
            }
        }
        opened.map(|(_, arn)| Caller { account: role.arn.account().to_string(), arn })
    }

    /// Who the credentials are that act for the candidate, by their own word.
    pub async fn identify(&self, candidate: &Candidate) -> Probe<Caller> {
        self.try_identify(candidate).await.map_err(|refusal| *refusal).into()
    }

    async fn try_identify(&self, candidate: &Candidate) -> Result<Caller, Box<Refusal>> {
        let resource = match &candidate.access {
            Access::Role(role) => role.arn.to_string(),
            Access::User(user) => format!("arn:{}:iam::{}:user/*", user.partition, candidate.account),
        };
        let session = self.session(candidate).await?;
        caller(&self.sts_as(candidate, session), Signer::of(candidate), &resource).await
    }

    /// The credentials that act for the candidate: a session in its role (the one that is open, or a new one shortly before it
    /// ends), or its user's keys.
    pub(crate) async fn session(&self, candidate: &Candidate) -> Result<Credentials, Box<Refusal>> {
        match &candidate.access {
            Access::Role(role) => self.role_session(candidate, role).await,
            Access::User(user) => Ok(keys(user)),
        }
    }

    async fn role_session(&self, candidate: &Candidate, role: &RoleAccess) -> Result<Credentials, Box<Refusal>> {
        let slot = self.sessions.slot(Scope::of(candidate, role));
        let mut held = slot.lock().await;
        if let Some(session) = held.as_ref().filter(|session| is_fresh(session)) {
            return Ok(session.clone());
        }
        let right = Presented::Right(&role.external_id);
        let (session, _) = self.open_session((candidate, role), right, &scope_of(candidate)).await?;
        *held = Some(session.clone());
        Ok(session)
    }

    /// Asks STS for a session that may do what `scope` says: its credentials and the ARN that it acts as.
    pub(crate) async fn open_session(
        &self,
        (candidate, role): (&Candidate, &RoleAccess),
        presented: Presented<'_>,
        scope: &Value,
    ) -> Result<(Credentials, String), Box<Refusal>> {
        let (operation, resource) = (Operation::AssumeRole, role.arn.to_string());
        let question = Question { operation, resource, signer: Signer::Operator };
        let client = self.sts(candidate.partition(), retry_name(candidate));
        // No tags and no source identity: the trust policy that we publish grants `sts:AssumeRole` alone.
        let answer = client
            .assume_role()
            .role_arn(role.arn.as_ref())
            .role_session_name(role.session_name.as_ref())
            .set_external_id(presented.text().map(str::to_owned))
            .policy(scope.to_string())
            .duration_seconds(LIFETIME)
            .send()
            .await
            .map_err(|error| question.refused(&error))?;
        let arn = answer.assumed_role_user().map(|user| user.arn().to_owned()).unwrap_or_default();
        let Some(given) = answer.credentials() else {
            let message = "STS granted the role and sent no credentials";
            return Err(Box::new(question.failed(RefusalKind::Invalid, "NoSessionCredentials", message)));
        };
        let end = SystemTime::try_from(*given.expiration()).ok();
        let token = Some(given.session_token().to_owned());
        let session = Credentials::new(given.access_key_id(), given.secret_access_key(), token, end, "AssumeRole");
        Ok((session, arn))
    }
}

/// What sessions may do that read bills.
fn scope_of(candidate: &Candidate) -> Value {
    policy::session_policy(candidate.partition(), &candidate.bucket, &candidate.path)
}

/// A user's keys as the SDK takes them. They do not end, so nothing is gained by keeping them.
fn keys(user: &UserAccess) -> Credentials {
    Credentials::new(user.access_key_id.as_ref(), user.secret_access_key.expose_secret(), None, None, "IamUser")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(sessions: &Sessions, org: &str, path: &str) -> Slot {
        let candidate = candidate(org, path);
        sessions.slot(Scope::of(&candidate, candidate.role().unwrap()))
    }

    fn candidate(org: &str, path: &str) -> Candidate {
        Candidate {
            org: org.parse().unwrap(),
            account: "123456789012".parse().unwrap(),
            bucket: "acme-bills".parse().unwrap(),
            path: path.parse().unwrap(),
            access: Access::Role(RoleAccess {
                arn: "arn:aws:iam::123456789012:role/finops".parse().unwrap(),
                session_name: billing::names::SessionName::default(),
                external_id: org.parse::<OrgId>().unwrap().external_id(),
            }),
            effective_from: None,
            report: None,
        }
    }

    fn lasting(seconds: u64) -> Credentials {
        let end = SystemTime::now() + Duration::from_secs(seconds);
        Credentials::new("AKIDEXAMPLE", "secret", Some("token".into()), Some(end), "test")
    }

    #[test]
    fn a_session_serves_one_org_and_one_path() {
        let sessions = Sessions::default();
        let mine = slot(&sessions, "100001", "bills");
        *mine.try_lock().unwrap() = Some(lasting(3600));
        let same = slot(&sessions, "100001", "bills");
        assert!(Arc::ptr_eq(&mine, &same));
        for (org, path) in [("100002", "bills"), ("100001", "other")] {
            assert!(slot(&sessions, org, path).try_lock().unwrap().is_none(), "{org} {path}");
        }
    }

    #[test]
    fn a_session_is_not_used_up_to_its_last_moment() {
        assert!(is_fresh(&lasting(3600)));
        assert!(!is_fresh(&lasting(MARGIN.as_secs() - 1)));
        assert!(
            !is_fresh(&Credentials::new("AKIDEXAMPLE", "secret", None, None, "test")),
            "a session without an end is none"
        );
    }

    #[test]
    fn ended_sessions_leave_the_cache() {
        let sessions = Sessions::default();
        for (org, seconds) in [("100001", 1), ("100002", 3600)] {
            let slot = slot(&sessions, org, "");
            *slot.try_lock().unwrap() = Some(lasting(seconds));
        }
        slot(&sessions, "100003", "");
        let slots = sessions.slots.lock().unwrap();
        let mut orgs: Vec<String> = slots.keys().map(|scope| scope.org.to_string()).collect();
        orgs.sort();
        assert_eq!(orgs, ["100002", "100003"]);
    }
}
