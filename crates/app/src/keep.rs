//! The step `keep`: every connection is proven again and again, and stands where its proofs and its pauses put it.
//!
//! A proof holds for less than a day, a failure to read asks for one at once, and a required claim that no longer holds stops
//! the reading until a later proof says otherwise. What AWS does not answer changes nothing.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use billing::checks::{Change, Report, State};
use billing::connection::{BillConnect, Candidate, VerifiedConnection};
use billing::names::{BillConnectId, OrgId};
use billing::standing::{ConnectionState, Standing};
use futures::future::ready;
use futures::{StreamExt, TryStreamExt, stream};
use time::OffsetDateTime;

use crate::audit::{Act, Actor, Outcome, Subject, Who};
use crate::discover::Scope;
use crate::error::AppError;
use crate::store::ReportEntry;
use crate::{App, Key};

/// How many of an org's connections are proven side by side when somebody asks.
const VALIDATIONS_AT_ONCE: usize = 4;

/// How long after its suspension a connection is proven at every poll, so that mending it shows soon.
const EAGER: Duration = Duration::from_hours(24);

/// How often a connection is proven that stays suspended for longer.
const PATIENT: Duration = Duration::from_hours(1);

/// Whether a connection holds now.
#[derive(Debug, Clone)]
pub struct Validation {
    /// The connection.
    pub connect: BillConnectId,
    /// Whether every required claim was shown to hold just now.
    pub valid: bool,
    /// What was not, as short sentences.
    pub errors: Vec<String>,
    /// All that was found.
    pub report: Report,
    /// Where the connection stands by it.
    pub standing: Standing,
}

/// A connection and where it stands.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The connection.
    pub connect: BillConnect,
    /// Where it stands.
    pub standing: Standing,
}

/// An entry of a connection's history, and what it changed.
#[derive(Debug, Clone)]
pub struct PastChecks {
    /// The connection.
    pub connect: BillConnectId,
    /// The check runs that said the same.
    pub entry: ReportEntry,
    /// What turned since the entry before it; nothing in the first.
    pub changes: Vec<Change>,
}

impl App {
    /// Proves every connection of the org anew.
    pub async fn validations(&self, org: OrgId) -> Result<Vec<Validation>, AppError> {
        let connects = self.store.connects(org).await?;
        let prove = async |connect| {
            let _place = self.place_to_check(org).await?;
            self.prove(connect).await
        };
        let proven = stream::iter(connects).map(prove).buffered(VALIDATIONS_AT_ONCE);
        // One that was changed or deleted meanwhile keeps no other back.
        proven.filter(|proven| ready(!matches!(proven, Err(AppError::Overtaken(_))))).try_collect().await
    }

    /// Proves one connection of the org anew.
    pub async fn validation(&self, org: OrgId, id: &BillConnectId) -> Result<Validation, AppError> {
        let connect = self.bill_connect(org, id).await?;
        let _place = self.place_to_check(org).await?;
        self.prove(connect).await
    }

    /// The org's connections and where each stands, oldest first.
    pub async fn connections(&self, org: OrgId) -> Result<Vec<Connection>, AppError> {
        let mut all = Vec::new();
        for connect in self.store.connects(org).await? {
            all.push(self.stood(connect).await?);
        }
        Ok(all)
    }

    /// One connection of the org and where it stands.
    pub async fn connection(&self, org: OrgId, id: &BillConnectId) -> Result<Connection, AppError> {
        self.stood(self.bill_connect(org, id).await?).await
    }

    /// A stored connection with where it stands.
    pub async fn stood(&self, connect: BillConnect) -> Result<Connection, AppError> {
        let standing = self.standing(connect.candidate.org, &connect.candidate.id()).await?;
        Ok(Connection { connect, standing })
    }

    /// Where the org's connection stands.
    pub async fn standing(&self, org: OrgId, id: &BillConnectId) -> Result<Standing, AppError> {
        let (paused_at, decided) = (self.store.paused_at(org, id).await?, self.store.decided(org, id).await?);
        Ok(Standing::of(paused_at, decided.as_ref()))
    }

    /// Stops reading through the connection until it is resumed. Twice does nothing more.
    pub async fn pause(&self, actor: &Actor, org: OrgId, id: &BillConnectId) -> Result<(), AppError> {
        self.bill_connect(org, id).await?;
        if self.store.pause(org, id).await? {
            self.audit(actor, Act::ConnectPause, Subject::of(org, id), Outcome::Done).await?;
        }
        Ok(())
    }

    /// Reads through the connection again, as far as its proofs allow. Twice does nothing more.
    pub async fn resume(&self, actor: &Actor, org: OrgId, id: &BillConnectId) -> Result<(), AppError> {
        self.bill_connect(org, id).await?;
        if self.store.resume(org, id).await? {
            self.audit(actor, Act::ConnectResume, Subject::of(org, id), Outcome::Done).await?;
            self.make_due((org, id.clone()));
        }
        Ok(())
    }

    /// Up to `limit` entries of the connection's history, newest first, of those with numbers below `before`.
    pub async fn checks_history(
        &self,
        org: OrgId,
        id: &BillConnectId,
        (before, limit): (Option<i64>, u32),
    ) -> Result<Vec<PastChecks>, AppError> {
        self.bill_connect(org, id).await?;
        // One more, to compare the last one with.
        let entries = self.store.report_history(org, id, (before, limit.saturating_add(1))).await?;
        let mut older = entries.iter().skip(1).map(|entry| entry.report.clone()).collect::<Vec<_>>().into_iter();
        let past = entries.into_iter().take(usize::try_from(limit).unwrap_or(usize::MAX)).map(|entry| {
            let changes = older.next().map(|older| entry.report.changes_since(&older)).unwrap_or_default();
            PastChecks { connect: id.clone(), entry, changes }
        });
        Ok(past.collect())
    }

    /// The connection as something that may be read from, by its newest proof; proven anew where that one is due.
    ///
    /// A proof that AWS leaves undecided is none: the one before it stands.
    pub async fn verified(&self, connect: &BillConnect, scope: Scope) -> Result<VerifiedConnection, AppError> {
        let candidate = &connect.candidate;
        let (org, id) = (candidate.org, candidate.id());
        let known = self.store.decided(org, &id).await?;
        let proven = known.as_ref().and_then(|known| known.report.verified(candidate));
        // A report about what the connection was before it was changed proves nothing about what it is.
        let about_another =
            proven.is_none() && known.as_ref().is_none_or(|known| known.report.state() != State::Refused);
        if !about_another && !self.due(connect, scope).await? {
            return proven.ok_or_else(|| AppError::NotVerified(known.map(|known| Box::new(known.report))));
        }
        let (candidate, report, _) = self.proof(connect).await?;
        match (report.verified(&candidate), report.state()) {
            (Some(verified), _) => Ok(verified),
            (None, State::Undecided) => proven.ok_or_else(|| AppError::NotVerified(Some(Box::new(report)))),
            (None, _) => Err(AppError::NotVerified(Some(Box::new(report)))),
        }
    }

    /// Whether the connection is to be proven anew.
    async fn due(&self, connect: &BillConnect, scope: Scope) -> Result<bool, AppError> {
        let (org, id) = (connect.candidate.org, connect.candidate.id());
        let Some(newest) = self.store.report_history(org, &id, (None, 1)).await?.pop() else { return Ok(true) };
        let age = elapsed(newest.last_at);
        Ok(match newest.report.state() {
            State::Verified if self.store.external_ids(org).await?.pending().is_some() => {
                // Whoever changes a trust policy for a rotation wants to see what comes of it.
                age >= PATIENT.min(holds(self.prove_every, &(org, id)))
            }
            State::Verified => age >= holds(self.prove_every, &(org, id)),
            // Whoever asks for it has perhaps just mended something.
            State::Refused if scope == Scope::FailedToo => true,
            State::Refused => elapsed(newest.first_at) < EAGER || age >= PATIENT.min(self.prove_every),
            State::Waiting | State::Undecided => true,
        })
    }

    /// Tells the log and the audit log that a proof has stopped the reading or let it go on.
    async fn note_change(
        &self,
        (org, id): (OrgId, &BillConnectId),
        before: &Standing,
        now: &Standing,
    ) -> Result<(), AppError> {
        // A pause that came in between is told by who paused it.
        if before.state == now.state || [before.state, now.state].contains(&ConnectionState::Paused) {
            return Ok(());
        }
        let (from, to, why) = (before.state.name(), now.state.name(), now.reason().unwrap_or_default());
        tracing::info!(%org, connect = %id, from, to, why, "the connection's state changed");
        let act = match (before.state.reads(), now.state.reads()) {
            (true, false) => Act::ConnectSuspend,
            (false, true) => {
                // What waits after a failed try waits for nothing any more.
                self.store.hasten_jobs(org, id).await?;
                self.work.notify_one();
                Act::ConnectRestore
            }
            _ => return Ok(()),
        };
        // Claims by name: what was found may quote what others wrote.
        let claims: Vec<&str> = now.reasons.iter().filter_map(|reason| Some(reason.split_once(':')?.0)).collect();
        let outcome = if claims.is_empty() { Outcome::Done } else { Outcome::DoneWith(claims.join(", ")) };
        Ok(self.audit(&Actor::local(Who::Server), act, Subject::of(org, id), outcome).await?)
    }

    async fn prove(&self, connect: BillConnect) -> Result<Validation, AppError> {
        let (candidate, report, standing) = self.proof(&connect).await?;
        let valid = report.verified(&candidate).is_some();
        Ok(Validation { connect: candidate.id(), valid, errors: report.problems(), report, standing })
    }

    /// Proves the connection and keeps the report. Gives what the report is about: the connection, perhaps with another of its
    /// org's external ids; and where it stands by it.
    pub(crate) async fn proof(&self, connect: &BillConnect) -> Result<(Candidate, Report, Standing), AppError> {
        let (org, id) = (connect.candidate.org, connect.candidate.id());
        let before = self.standing(org, &id).await?;
        let (candidate, report) = self.prove_with_ids(connect).await?;
        self.keep_page((org, id.clone())).await?;
        let standing = self.standing(org, &id).await?;
        self.note_change((org, &id), &before, &standing).await?;
        Ok((candidate, report, standing))
    }
}

/// How long ago it was; nothing for what lies ahead.
pub(crate) fn elapsed(since: OffsetDateTime) -> Duration {
    Duration::try_from(OffsetDateTime::now_utc() - since).unwrap_or_default()
}

/// How long a connection's proof holds where each is proven at least once within `every`: from 70 to 95 percent of that, so
/// that the time between two polls fits into the rest. Each connection has a time of its own, so that thousands which were
/// proven together, as after an outage, drift apart instead of all falling due at once.
pub(crate) fn holds(every: Duration, key: &Key) -> Duration {
    let mut hasher = DefaultHasher::new();
    (key.0.number(), key.1.as_ref()).hash(&mut hasher);
    every / 1000 * (700 + u32::try_from(hasher.finish() % 251).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> Key {
        (OrgId::try_from(OrgId::MIN + number).unwrap(), "aws-123456789012".parse().unwrap())
    }

    #[test]
    fn proofs_fall_due_within_the_day_and_not_all_at_once() {
        let day = Duration::from_hours(24);
        let times: Vec<Duration> = (0..1000).map(|number| holds(day, &key(number))).collect();
        assert!(times.iter().all(|time| (day * 70 / 100..=day * 95 / 100).contains(time)), "{times:?}");
        // 25 percent of a day in 24 slots: even, each has about 42 of the thousand.
        let slot = |time: &Duration| (time.as_secs() - (day * 70 / 100).as_secs()) / 900;
        let mut counts = [0; 25];
        for time in &times {
            counts[usize::try_from(slot(time)).unwrap()] += 1;
        }
        assert!(counts[..24].iter().all(|count| (10..100).contains(count)), "{counts:?}");
        assert_eq!(holds(day, &key(1)), holds(day, &key(1)), "a connection's time is its own and stays");
    }
}
