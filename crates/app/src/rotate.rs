//! The step `rotate`: an org is given a second external id, every role is proven with both, each connection goes over to the new
//! one when its role takes it, and the old one is retired when every role refuses it.

use billing::checks::{Report, State};
use billing::connection::{Access, BillConnect, Candidate, Presented, RoleAccess};
use billing::external_ids::{ExternalIds, IdState, new_id};
use billing::names::{BillConnectId, ExternalId, OrgId};
use billing::probe::{Caller, Probe};
use futures::future::join_all;
use time::OffsetDateTime;

use crate::App;
use crate::audit::{Act, Actor, Outcome, Subject, Who};
use crate::error::AppError;
use crate::store::{IdProof, Shown, StoreError, StoredId};

/// An external id of an org, and how far its rotation is.
#[derive(Debug, Clone)]
pub struct RotatingId {
    /// The id.
    pub id: String,
    /// Where it is in its life.
    pub state: Life,
    /// Since when it is stored as it is.
    pub since: OffsetDateTime,
    /// What is known of each connection that has a role; nothing for a retired id.
    pub connects: Vec<IdOfConnect>,
}

/// Where an external id is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Life {
    /// The org's id.
    Current,
    /// It is to become the current one.
    Pending,
    /// No connection uses it any more; it goes when every role refuses it.
    Retiring,
    /// It is never accepted or issued again.
    Retired,
}

impl Life {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Pending => "pending",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
        }
    }
}

/// What a connection makes of an external id.
#[derive(Debug, Clone)]
pub struct IdOfConnect {
    /// The connection.
    pub connect: BillConnectId,
    /// Whether it is the id that we present.
    pub in_use: bool,
    /// What its role was last shown to make of the id, and when; nothing where it was not shown yet.
    pub shown: Option<(Shown, OffsetDateTime)>,
}

/// Why an external id was not given or given up.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The org has two ids alive already.
    #[error(
        "the org is being given `{0}` already; finish that by having every role refuse the old id, or give `{0}` up first"
    )]
    UnderWay(ExternalId),
    /// The org was not given such an id.
    #[error("the org was never given the external id `{0}`")]
    NotFound(String),
    /// It is not pending.
    #[error("`{id}` is {state}: only a pending external id can be given up")]
    NotPending {
        /// The id.
        id: String,
        /// What it is.
        state: IdState,
    },
    /// A connection's role does not take the other id.
    #[error(
        "`{connect}` uses `{id}`, and its role does not take the other id: {why}; let its trust policy name both ids first"
    )]
    InUse {
        /// The connection.
        connect: BillConnectId,
        /// The pending id.
        id: ExternalId,
        /// What the checks found with the other id.
        why: String,
    },
    /// A fault on our side.
    #[error(transparent)]
    App(#[from] AppError),
}

impl From<StoreError> for RotateError {
    fn from(error: StoreError) -> Self {
        Self::App(error.into())
    }
}

impl App {
    /// Gives the org a second external id, random and never issued before.
    pub async fn rotate_external_id(&self, actor: &Actor, org: OrgId) -> Result<ExternalId, RotateError> {
        let new = loop {
            let mut entropy = [0; 64];
            getrandom::fill(&mut entropy).map_err(|_| AppError::Entropy)?;
            if let Some(new) = new_id(org, &entropy) {
                break new;
            }
        };
        if self.store.give_external_id(org, &new).await? {
            self.audit(actor, Act::ExternalIdAdd, Subject::of(org, &new), Outcome::Done).await?;
            return Ok(new);
        }
        let ids = self.store.external_ids(org).await?;
        Err(RotateError::UnderWay(ids.pending().unwrap_or(ids.current()).clone()))
    }

    /// Gives a pending external id up: connections that went over to it go back, each proven with the other id first.
    pub async fn abandon_external_id(&self, actor: &Actor, org: OrgId, id: &str) -> Result<(), RotateError> {
        let given = self.store.external_ids_given(org).await?;
        let Some(StoredId { id, state, .. }) = given.into_iter().find(|given| given.id.as_ref() == id) else {
            return Err(RotateError::NotFound(id.to_owned()));
        };
        if state != IdState::Pending {
            return Err(RotateError::NotPending { id: id.to_string(), state });
        }
        let current = self.store.external_ids(org).await?.current().clone();
        for connect in self.store.connects(org).await? {
            if connect.candidate.role().is_some_and(|role| role.external_id == id) {
                self.go_back(&connect, &current).await?;
            }
        }
        if !self.store.give_up_external_id(org, &id).await? {
            // A proof or a request chose it again in between.
            let why = "it was chosen again just now; try again".to_owned();
            let connects = self.store.connects(org).await?;
            let user =
                connects.iter().find(|connect| connect.candidate.role().is_some_and(|role| role.external_id == id));
            return match user {
                Some(connect) => Err(RotateError::InUse { connect: connect.candidate.id(), id, why }),
                None => Ok(()),
            };
        }
        Ok(self.audit(actor, Act::ExternalIdRetire, Subject::of(org, &id), Outcome::Done).await?)
    }

    /// Has a connection use the org's current id again, if that is shown to work.
    async fn go_back(&self, connect: &BillConnect, current: &ExternalId) -> Result<(), RotateError> {
        let back = with_id(&connect.candidate, current);
        let report = self.check(&back, Some(connect.updated_at)).await?;
        if report.verified(&back).is_none() {
            let id = connect.candidate.role().map_or_else(|| current.clone(), |role| role.external_id.clone());
            let why = report.problems().join("; ");
            return Err(RotateError::InUse { connect: back.id(), id, why });
        }
        if !self.store.switch_external_id(connect, current, &report).await? {
            return Err(AppError::Overtaken(back.id()).into());
        }
        Ok(self.note_switch(&back, current).await?)
    }

    /// The external ids that the org was given, oldest first, and what each connection makes of those alive.
    pub async fn rotating_ids(&self, org: OrgId) -> Result<Vec<RotatingId>, AppError> {
        let given = self.store.external_ids_given(org).await?;
        let proofs = self.store.external_id_proofs(org).await?;
        let roles: Vec<(BillConnectId, ExternalId)> = (self.store.connects(org).await?.into_iter())
            .filter_map(|connect| Some((connect.candidate.id(), connect.candidate.role()?.external_id.clone())))
            .collect();
        let pending = given.iter().find(|given| given.state == IdState::Pending);
        let all_over = pending.is_some_and(|new| !roles.is_empty() && roles.iter().all(|(_, id)| *id == new.id));
        let rotating = given.iter().map(|given| {
            let state = match given.state {
                IdState::Current if all_over => Life::Retiring,
                IdState::Current => Life::Current,
                IdState::Pending => Life::Pending,
                IdState::Retired => Life::Retired,
            };
            let of = |(connect, used): &(BillConnectId, ExternalId)| IdOfConnect {
                connect: connect.clone(),
                in_use: *used == given.id,
                shown: shown(&proofs, connect, &given.id),
            };
            let connects = if state == Life::Retired { Vec::new() } else { roles.iter().map(of).collect() };
            RotatingId { id: given.id.to_string(), state, since: given.since, connects }
        });
        Ok(rotating.collect())
    }

    /// The candidate with whichever of the org's ids its role takes, the pending one first; as it is where none is taken or
    /// AWS does not say.
    pub(crate) async fn with_working_id(&self, candidate: Candidate, ids: &ExternalIds) -> Candidate {
        if ids.pending().is_none() {
            return candidate;
        }
        let tried = self.try_ids(&candidate, ids).await;
        match preferred(&tried) {
            Some(id) => with_id(&candidate, id),
            None => candidate,
        }
    }

    /// Proves a connection. During a rotation its role is tried with both ids, and it goes over to the preferred one that works.
    ///
    /// Gives the candidate that the report is about, and the report, which is stored.
    pub(crate) async fn prove_with_ids(&self, connect: &BillConnect) -> Result<(Candidate, Report), AppError> {
        let (org, id, candidate) = (connect.candidate.org, connect.candidate.id(), &connect.candidate);
        let ids = self.store.external_ids(org).await?;
        if let (Some(role), Some(_)) = (candidate.role(), ids.pending()) {
            let tried = self.try_ids(candidate, &ids).await;
            self.keep_shown((org, &id), role, &tried).await?;
            let refused = tried.iter().any(|(its, probe)| **its == role.external_id && is_refused(probe));
            if let Some(preferred) = preferred(&tried).filter(|preferred| **preferred != role.external_id) {
                let over = with_id(candidate, preferred);
                let report = self.check(&over, Some(connect.updated_at)).await?;
                // Where the id in use works no more, nothing is lost by going over; else only for one that proves all.
                if report.verified(&over).is_some() || (refused && report.state() != State::Undecided) {
                    if !self.store.switch_external_id(connect, preferred, &report).await? {
                        return Err(AppError::Overtaken(id));
                    }
                    self.note_switch(&over, preferred).await?;
                    self.finish(org, &ids).await?;
                    return Ok((over, report));
                }
            }
        }
        let report = self.check(candidate, Some(connect.updated_at)).await?;
        if !self.store.insert_report(connect, &report).await? {
            return Err(AppError::Overtaken(id));
        }
        if ids.pending().is_some() {
            self.finish(org, &ids).await?;
        }
        Ok((candidate.clone(), report))
    }

    /// Ends the rotation if every role has been shown to refuse the old id.
    async fn finish(&self, org: OrgId, ids: &ExternalIds) -> Result<(), AppError> {
        if self.store.finish_rotation(org).await? {
            tracing::info!(%org, "every role refuses the old external id: it is retired");
            let (server, old) = (Actor::local(Who::Server), Subject::of(org, ids.current()));
            self.audit(&server, Act::ExternalIdRetire, old, Outcome::Done).await?;
        }
        Ok(())
    }

    async fn note_switch(&self, candidate: &Candidate, id: &ExternalId) -> Result<(), AppError> {
        let (org, connect) = (candidate.org, candidate.id());
        tracing::info!(%org, %connect, external_id = %id, "the connection goes over to another external id of its org");
        let (server, outcome) = (Actor::local(Who::Server), Outcome::DoneWith(id.to_string()));
        Ok(self.audit(&server, Act::ExternalIdSwitch, Subject::of(org, &connect), outcome).await?)
    }

    /// Tries the candidate's role with each of the org's ids, side by side; the one to prefer comes first.
    async fn try_ids<'a>(&self, candidate: &Candidate, ids: &'a ExternalIds) -> Vec<(&'a ExternalId, Probe<Caller>)> {
        let try_one =
            async |id: &'a ExternalId| (id, self.aws.assume(&with_id(candidate, id), Presented::Right(id)).await);
        join_all(ids.alive().map(try_one)).await
    }

    async fn keep_shown(
        &self,
        key: (OrgId, &BillConnectId),
        role: &RoleAccess,
        tried: &[(&ExternalId, Probe<Caller>)],
    ) -> Result<(), AppError> {
        for (id, probe) in tried {
            let shown = match probe {
                Probe::Granted(_) => Shown::Works,
                probe if is_refused(probe) => Shown::Refused,
                // Silence shows nothing.
                _ => continue,
            };
            self.store.show_external_id(key, (&role.arn, id), shown).await?;
        }
        Ok(())
    }
}

fn is_refused(probe: &Probe<Caller>) -> bool {
    probe.refusal().is_some_and(|refusal| refusal.kind.is_denial())
}

/// The first id that works, if all before it are cleanly refused.
fn preferred<'a>(tried: &[(&'a ExternalId, Probe<Caller>)]) -> Option<&'a ExternalId> {
    let (id, probe) = tried.iter().find(|(_, probe)| !is_refused(probe))?;
    probe.granted().map(|_| *id)
}

/// The same candidate with another external id of its org; one without a role has none.
fn with_id(candidate: &Candidate, id: &ExternalId) -> Candidate {
    let access = match &candidate.access {
        Access::Role(role) => Access::Role(RoleAccess { external_id: id.clone(), ..role.clone() }),
        user @ Access::User(_) => user.clone(),
    };
    Candidate { access, ..candidate.clone() }
}

fn shown(proofs: &[IdProof], connect: &BillConnectId, id: &ExternalId) -> Option<(Shown, OffsetDateTime)> {
    let proof = proofs.iter().find(|proof| proof.connect == *connect && proof.external_id == id.as_ref())?;
    Some((proof.shown, proof.at))
}

#[cfg(test)]
mod tests {
    use billing::probe::{Refusal, RefusalKind};

    use super::*;

    fn probe(kind: Option<RefusalKind>) -> Probe<Caller> {
        let Some(kind) = kind else { return Probe::Granted(Caller { account: String::new(), arn: String::new() }) };
        let (action, resource, code, message) = <(String, String, String, String)>::default();
        Probe::Refused(Box::new(Refusal { action, resource, kind, code, message, request_id: None }))
    }

    #[test]
    fn the_new_id_is_preferred_and_silence_decides_nothing() {
        let org: OrgId = "123456".parse().unwrap();
        let (new, old) = (new_id(org, &[1; 32]).unwrap(), org.external_id());
        let (denied, silent) = (Some(RefusalKind::Denied), Some(RefusalKind::Throttled));
        for (with_new, with_old, expected) in [
            (None, None, Some(&new)),
            (None, denied, Some(&new)),
            (denied, None, Some(&old)),
            (silent, None, None),
            (denied, silent, None),
            (denied, denied, None),
        ] {
            let tried = [(&new, probe(with_new)), (&old, probe(with_old))];
            assert_eq!(preferred(&tried), expected, "{tried:?}");
        }
    }
}
