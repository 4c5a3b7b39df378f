//! Which page is asked for next, and what the pages so far add up to.
//!
//! A page a day: a reading that needs several goes on the next day, about the same days, and says until then that it is partial.
//! Where it is broken off, what was read stays, as partial.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime};

use super::{Cause, EVERY, Page, PageQuestion, Reservation, Service, Trouble};
use crate::commitment::Days;
use crate::connection::Fingerprint;

/// A question to Cost Explorer, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// As whom: an answer to another role says nothing of this one.
    pub by: Fingerprint,
    /// What.
    pub question: PageQuestion,
    /// The page that came, where it was kept: only what a proven connection gave is. `None` where none came.
    pub page: Option<Page>,
    /// Why none came, if none did.
    pub trouble: Option<Trouble>,
}

impl Asked {
    /// Whether AWS has charged its customer for it, or may have.
    pub fn is_charged(&self) -> bool {
        self.trouble.as_ref().is_none_or(|trouble| trouble.cause == Cause::Unanswered)
    }
}

/// All pages about the same service and days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Of which service.
    pub service: Service,
    /// Of which days.
    pub days: Days,
    /// When its first page came.
    pub begun_at: OffsetDateTime,
    /// When its newest page came.
    pub read_at: OffsetDateTime,
    /// How many pages came.
    pub pages: u64,
    /// Whether these are all.
    pub complete: bool,
    /// The reservations on them.
    pub reservations: Vec<Reservation>,
    /// Where the newest page ended, if there are more.
    next: Option<String>,
}

/// What is done next about Cost Explorer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextPage {
    /// This is asked.
    Ask(PageQuestion),
    /// Nothing before this instant.
    Wait(OffsetDateTime),
}

/// The readings that a connection's questions make, oldest first. `asked` is in order, oldest first.
pub fn readings(asked: &[Asked]) -> Vec<Reading> {
    let mut all: Vec<Reading> = Vec::new();
    for asked in asked {
        let Some(page) = &asked.page else { continue };
        let (question, at) = (&asked.question, asked.at);
        let goes_on = |reading: &&mut Reading| {
            question.after.is_some()
                && (reading.service, reading.days) == (question.service, question.days)
                && reading.next == question.after
        };
        match all.last_mut().filter(goes_on) {
            Some(reading) => {
                reading.read_at = at;
                reading.pages += 1;
                reading.complete = page.next.is_none();
                reading.next.clone_from(&page.next);
                reading.reservations.extend(page.reservations.iter().cloned());
            }
            None => all.push(Reading {
                service: question.service,
                days: question.days,
                begun_at: at,
                read_at: at,
                pages: 1,
                // A page from the middle alone is never all there is.
                complete: page.next.is_none() && question.after.is_none(),
                reservations: page.reservations.clone(),
                next: page.next.clone(),
            }),
        }
    }
    all
}

/// Which page is asked for now, if any is due. `asked` is in order, oldest first.
pub fn next_page(asked: &[Asked], services: &BTreeSet<Service>, now: OffsetDateTime) -> NextPage {
    // What was refused cost nothing, but asking again at once would only be refused again.
    match asked.last().map(|asked| asked.at + EVERY).filter(|due| *due > now) {
        Some(due) => NextPage::Wait(due),
        None => NextPage::Ask(next_question(asked, services, now.date())),
    }
}

/// Which page comes next: the rest of a reading that is partial, or the first of the service that was asked about the longest ago,
/// of those that the bill names reservations of; of EC2 where it names none. `asked` is in order, oldest first.
pub fn next_question(asked: &[Asked], services: &BTreeSet<Service>, today: Date) -> PageQuestion {
    let all = readings(asked);
    let refused = asked.last().is_some_and(|asked| asked.trouble.is_some() && asked.question.after.is_some());
    // A place that is refused is not asked for again: perhaps it holds no longer.
    if let Some(Reading { service, days, next: Some(next), .. }) = all.last().filter(|_| !refused) {
        return PageQuestion { service: *service, days: *days, after: Some(next.clone()) };
    }
    let last_asked =
        |service: Service| asked.iter().rev().find(|asked| asked.question.service == service).map(|asked| asked.at);
    let service = services.iter().copied().min_by_key(|service| last_asked(*service)).unwrap_or(Service::Ec2);
    PageQuestion { service, days: PageQuestion::days_before(today), after: None }
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const MONDAY: OffsetDateTime = datetime!(2026-09-14 6:00 UTC);

    fn by() -> Fingerprint {
        serde_json::from_str("\"somebody\"").unwrap()
    }

    fn reservation(id: &str) -> Reservation {
        Reservation { lease_id: id.to_owned(), ..Reservation::default() }
    }

    /// Asks what is next, and has this page or this cause come of it.
    fn ask(asked: &mut Vec<Asked>, services: &[Service], came: Result<Page, Cause>) -> PageQuestion {
        let at = MONDAY + EVERY * i32::try_from(asked.len()).unwrap();
        let NextPage::Ask(question) = next_page(asked, &services.iter().copied().collect(), at) else {
            panic!("a day later something is asked")
        };
        let trouble = came.as_ref().err().map(|cause| Trouble { at, cause: *cause, message: String::new() });
        asked.push(Asked { at, by: by(), question: question.clone(), page: came.ok(), trouble });
        question
    }

    fn page(ids: &[&str], next: Option<&str>) -> Page {
        Page { reservations: ids.iter().map(|id| reservation(id)).collect(), next: next.map(str::to_owned) }
    }

    #[test]
    fn never_a_second_page_within_a_day() {
        let mut asked = Vec::new();
        ask(&mut asked, &[], Ok(page(&["a"], Some("more"))));
        for hours in [0, 1, 23] {
            let next = next_page(&asked, &BTreeSet::new(), MONDAY + Duration::hours(hours));
            assert_eq!(next, NextPage::Wait(MONDAY + EVERY), "{hours}");
        }
        assert!(matches!(next_page(&asked, &BTreeSet::new(), MONDAY + EVERY), NextPage::Ask(_)));
    }

    #[test]
    fn a_reading_goes_on_the_next_day_about_the_same_days_and_is_partial_until_then() {
        let mut asked = Vec::new();
        let first = ask(&mut asked, &[], Ok(page(&["a", "b"], Some("more"))));
        assert_eq!((first.service, first.days.until, &first.after), (Service::Ec2, MONDAY.date(), &None));
        let [partial] = readings(&asked).try_into().unwrap();
        assert!(!partial.complete && partial.reservations.len() == 2);
        let second = ask(&mut asked, &[], Ok(page(&["c"], None)));
        assert_eq!((second.days, second.after.as_deref()), (first.days, Some("more")));
        let [whole] = readings(&asked).try_into().unwrap();
        assert!(whole.complete && whole.pages == 2 && whole.reservations.len() == 3);
        assert_eq!((whole.begun_at, whole.read_at), (MONDAY, MONDAY + EVERY));
        let third = ask(&mut asked, &[], Ok(page(&["a"], None)));
        assert_eq!((third.days.until, third.after), ((MONDAY + EVERY * 2_i32).date(), None), "newer days");
        assert_eq!(readings(&asked).len(), 2, "what was read before stays");
    }

    #[test]
    fn a_place_that_is_refused_is_given_up_and_the_reading_stays_partial() {
        let mut asked = Vec::new();
        ask(&mut asked, &[], Ok(page(&["a"], Some("more"))));
        ask(&mut asked, &[], Err(Cause::Invalid));
        let anew = ask(&mut asked, &[], Ok(page(&["a", "b"], None)));
        assert_eq!(anew.after, None);
        let [broken, whole] = readings(&asked).try_into().unwrap();
        assert!(!broken.complete && whole.complete);
        assert_eq!(asked.iter().filter(|asked| asked.is_charged()).count(), 2);
    }

    #[test]
    fn services_take_turns() {
        let (mut asked, services) = (Vec::new(), [Service::Rds, Service::Ec2]);
        let turns: Vec<_> = (0..4).map(|_| ask(&mut asked, &services, Ok(page(&[], None))).service).collect();
        assert_eq!(turns, [Service::Ec2, Service::Rds, Service::Ec2, Service::Rds]);
        assert_eq!(ask(&mut asked, &[Service::Redshift], Err(Cause::Denied)).service, Service::Redshift);
    }

    #[test]
    fn what_never_came_may_have_been_charged() {
        let at = MONDAY;
        let of = |cause| Asked {
            at,
            by: by(),
            question: PageQuestion::first(at.date()),
            page: None,
            trouble: Some(Trouble { at, cause, message: String::new() }),
        };
        let charged: Vec<_> = Cause::ALL.into_iter().filter(|cause| of(*cause).is_charged()).collect();
        assert_eq!(charged, [Cause::Unanswered]);
    }
}
