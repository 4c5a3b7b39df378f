//! The step `reservations`: Cost Explorer's word on how reservations are used, read a page a day, and the bill's beside it.
//!
//! A page comes from the daily reading, or from a check that had to ask anyhow; never more than one within a day. Whatever becomes
//! of it keeps no bill from being read.

use std::collections::BTreeSet;

use billing::commitment::{CommitmentKind, Days};
use billing::connection::{Candidate, VerifiedConnection};
use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use billing::probe::Probe;
use billing::reservation::{
    Asked, Cause, EVERY, NextPage, Page, PageQuestion, Reading, Service, SideBySide, Trouble, next_page, next_question,
    readings, side_by_side,
};
use time::OffsetDateTime;

use crate::error::AppError;
use crate::store::PageCount;
use crate::{App, Key};

/// What Cost Explorer has said of a connection's reservations, and what it cost.
#[derive(Debug, Clone)]
pub struct Explored {
    /// The connection.
    pub connect: BillConnectId,
    /// Every reading, newest first; the first of a service is its newest.
    pub readings: Vec<Reading>,
    /// Why the newest question brought nothing, if it did not.
    pub trouble: Option<Trouble>,
    /// When Cost Explorer was last asked.
    pub asked_at: Option<OffsetDateTime>,
    /// When it may be asked again.
    pub next_at: Option<OffsetDateTime>,
    /// Pages that AWS has charged its customer for, or may have: in all, and in this calendar month.
    pub pages: PageCount,
    /// The newest reading of each service beside the bill.
    pub beside: Vec<SideBySide>,
}

/// A page that a check was answered with, until its connection is known to be proven.
pub(crate) type AnsweredPage = (OffsetDateTime, Page);

impl App {
    /// Reads the page of the day, if it is due.
    pub(crate) async fn read_reservations(&self, verified: &VerifiedConnection, now: OffsetDateTime) {
        let (org, id) = (verified.candidate().org, verified.candidate().id());
        if let Err(error) = self.try_reading(verified, now).await {
            tracing::warn!(%org, connect = %id, %error, "the use of reservations could not be noted");
        }
    }

    async fn try_reading(&self, verified: &VerifiedConnection, now: OffsetDateTime) -> Result<(), AppError> {
        let candidate = verified.candidate();
        let (org, id) = (candidate.org, candidate.id());
        let asked = self.store.asked(org, &id).await?;
        // Looked at before the bill is: most polls end here.
        if asked.last().is_some_and(|last| last.at + EVERY > now) {
            return Ok(());
        }
        let services = self.reserved_services(org, &id).await?;
        let NextPage::Ask(question) = next_page(&asked, &services, now) else { return Ok(()) };
        let answer = self.aws.reservations(candidate, &question).await;
        if let Some(cause) = trouble_of(&answer, now) {
            tracing::info!(%org, connect = %id, cause = cause.cause.name(), "Cost Explorer gave no page");
        }
        self.note_page(candidate, question, (now, &answer)).await?;
        self.keep_page((org, id)).await
    }

    /// The services that the newest month of the connection's bill names reservations of.
    async fn reserved_services(&self, org: OrgId, id: &BillConnectId) -> Result<BTreeSet<Service>, AppError> {
        let Some(days) = self.newest_month(org).await? else { return Ok(BTreeSet::new()) };
        let billed = self.commitments(org, days).await?;
        let own = billed
            .used
            .commitments
            .iter()
            .filter(|commitment| commitment.connect == *id && commitment.kind == CommitmentKind::Reservation);
        Ok(own.filter_map(|commitment| Service::of_code(commitment.facts.service.as_deref()?)).collect())
    }

    /// Notes what came of a question, and holds its page until it is known whether it may be kept.
    pub(crate) async fn note_page(
        &self,
        candidate: &Candidate,
        question: PageQuestion,
        (at, answer): (OffsetDateTime, &Probe<Page>),
    ) -> Result<(), AppError> {
        let (org, id) = (candidate.org, candidate.id());
        let asked = Asked { at, by: candidate.fingerprint(), question, page: None, trouble: trouble_of(answer, at) };
        self.store.note_asked((org, &id), &asked).await?;
        if let Some(page) = answer.granted() {
            self.pages().insert((org, id), (at, page.clone()));
        }
        Ok(())
    }

    /// Keeps the page that a check or a reading was answered with, now that its connection is stored and proven.
    pub(crate) async fn keep_page(&self, key: Key) -> Result<(), AppError> {
        let page = self.pages().remove(&key);
        if let Some((at, page)) = page {
            self.store.keep_page((key.0, &key.1), (at, &page)).await?;
        }
        Ok(())
    }

    /// Forgets the page of a check that proved nothing: what cannot be proven is not read.
    pub(crate) fn drop_page(&self, candidate: &Candidate) {
        self.pages().remove(&(candidate.org, candidate.id()));
    }

    /// The question within the day that AWS has charged for, or may have, if there is one.
    pub(crate) async fn answered_today(
        &self,
        candidate: &Candidate,
        now: OffsetDateTime,
    ) -> Result<Option<Asked>, AppError> {
        let asked = self.store.asked(candidate.org, &candidate.id()).await?;
        Ok(asked.into_iter().rev().find(Asked::is_charged).filter(|asked| asked.at + EVERY > now))
    }

    /// What is asked of Cost Explorer next, whenever that is.
    pub(crate) async fn next_question(
        &self,
        candidate: &Candidate,
        now: OffsetDateTime,
    ) -> Result<PageQuestion, AppError> {
        let (org, id) = (candidate.org, candidate.id());
        let services = self.reserved_services(org, &id).await?;
        Ok(next_question(&self.store.asked(org, &id).await?, &services, now.date()))
    }

    /// What Cost Explorer has said of each of the org's connections, with the bill beside it.
    pub async fn explored(&self, org: OrgId) -> Result<Vec<Explored>, AppError> {
        let mut all = Vec::new();
        for connect in self.store.connects(org).await? {
            all.push(self.explored_of(org, connect.candidate.id(), OffsetDateTime::now_utc()).await?);
        }
        Ok(all)
    }

    async fn explored_of(&self, org: OrgId, connect: BillConnectId, now: OffsetDateTime) -> Result<Explored, AppError> {
        let asked = self.store.asked(org, &connect).await?;
        let month = BillingPeriod::new(now.year(), now.month().into()).map_or(now, BillingPeriod::start);
        let pages = self.store.pages((org, &connect), month).await?;
        let mut newest_first = readings(&asked);
        newest_first.reverse();
        let mut beside = Vec::new();
        for reading in newest_of_each(&newest_first) {
            let billed = self.commitments(org, reading.days).await?;
            beside.extend(side_by_side(&connect, reading, &billed.used));
        }
        let last = asked.last();
        Ok(Explored {
            readings: newest_first,
            trouble: last.and_then(|asked| asked.trouble.clone()),
            asked_at: last.map(|asked| asked.at),
            next_at: last.map(|asked| asked.at + EVERY),
            connect,
            pages,
            beside,
        })
    }

    /// What the first generation of clients is told of reservations: Cost Explorer's newest word on each service, and where there
    /// is none, the bill's on the last seven days that it goes to.
    pub async fn rolling_week(&self, org: OrgId) -> Result<Vec<billing::reservation::Reservation>, AppError> {
        let mut all = Vec::new();
        let Some(newest) = self.newest_month(org).await? else {
            for explored in self.explored(org).await? {
                all.extend(told(&explored).cloned());
            }
            return Ok(all);
        };
        let until = self.billed_until(org, newest).await?;
        let week = PageQuestion::days_before(until);
        let billed = self.commitments(org, week).await?;
        for explored in self.explored(org).await? {
            let read: BTreeSet<&str> = explored.readings.iter().map(|reading| reading.service.code()).collect();
            all.extend(told(&explored).cloned());
            let own = billed.used.commitments.iter().filter(|commitment| {
                let service = commitment.facts.service.as_deref().unwrap_or_default();
                commitment.connect == explored.connect && !read.contains(service)
            });
            all.extend(own.filter_map(billing::reservation::Reservation::of_bill));
        }
        Ok(all)
    }

    /// The first day that the newest month's bill does not know whole.
    async fn billed_until(&self, org: OrgId, newest: Days) -> Result<time::Date, AppError> {
        let billed = self.commitments(org, newest).await?;
        let until = billed.used.seen_until.values().max().map(|until| until.date());
        Ok(until.filter(|until| *until > newest.from).unwrap_or(newest.until).min(newest.until))
    }

    fn pages(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<Key, AnsweredPage>> {
        self.answered_pages.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The reservations that Cost Explorer told of last, of each service.
fn told(explored: &Explored) -> impl Iterator<Item = &billing::reservation::Reservation> {
    newest_of_each(&explored.readings).into_iter().flat_map(|reading| &reading.reservations)
}

/// The newest reading of each service, of readings newest first.
fn newest_of_each(newest_first: &[Reading]) -> Vec<&Reading> {
    let mut seen = BTreeSet::new();
    newest_first.iter().filter(|reading| seen.insert(reading.service)).collect()
}

fn trouble_of(answer: &Probe<Page>, at: OffsetDateTime) -> Option<Trouble> {
    match answer {
        Probe::Granted(_) => None,
        Probe::Refused(refusal) => {
            let message = format!("{}: {}", refusal.code, refusal.message);
            Some(Trouble { at, cause: Cause::of(refusal.kind), message })
        }
        Probe::NotAsked(why) => Some(Trouble { at, cause: Cause::NotAsked, message: (*why).to_owned() }),
    }
}
