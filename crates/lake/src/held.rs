//! What was held: the files that a question is about, as of now, of an instant, or of deliveries that it names.
//!
//! *Invariant:* nothing is answered from files of which some are gone. Whoever reads while they are removed is told so.

use std::collections::BTreeSet;
use std::sync::Arc;

use billing::history::{AsOf, NamedDelivery};
use billing::receipt::PublishedMonth;
use futures::future::BoxFuture;
use time::OffsetDateTime;

use crate::error::LakeError;
use crate::history::Entry;
use crate::table::{ChargesFile, Month, OrgLake, Snapshot};

/// How often a question is asked anew because a month's files were replaced and removed while it was answered.
const ATTEMPTS: usize = 3;

/// Whether a question is about a file.
type Counts<'a> = &'a (dyn Fn(&ChargesFile) -> bool + Sync);

/// The files of a question, and the deliveries that they are of.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) entries: Vec<Arc<Entry>>,
    pub(crate) files: Vec<ChargesFile>,
}

impl Held {
    /// The deliveries, by connection and month.
    pub(crate) fn deliveries(&self) -> Vec<PublishedMonth> {
        self.entries.iter().map(|entry| entry.delivery.published()).collect()
    }
}

impl OrgLake {
    /// Asks `ask` about the files that `counts` lets through, of the deliveries that `as_of` means. Nothing published then is
    /// no files.
    ///
    /// [`LakeError::NoDelivery`] and [`LakeError::Removed`] where a delivery is not there, or is there no longer.
    pub(crate) async fn ask<'a, T>(
        &self,
        as_of: &AsOf,
        counts: Counts<'_>,
        ask: impl Fn(Held) -> BoxFuture<'a, Result<T, LakeError>> + Sync,
    ) -> Result<T, LakeError> {
        let mut tries = 1;
        loop {
            let held = self.held(as_of, counts).await?;
            let entries = held.entries.clone();
            match ask(held).await {
                // Not the question's fault, and the next look says what has become of the files.
                Err(_) if tries < ATTEMPTS && self.first_removed(&entries).await?.is_some() => tries += 1,
                result => return result,
            }
        }
    }

    async fn held(&self, as_of: &AsOf, counts: Counts<'_>) -> Result<Held, LakeError> {
        let snapshot = self.snapshot().await?;
        let mut months: BTreeSet<Month> = as_of.deliveries.iter().map(month_of).collect();
        if let Some(snapshot) = &snapshot {
            months.extend(snapshot.attempts().into_keys().cloned());
        }
        let mut held = Held::default();
        for month in &months {
            let entry = match as_of.named(&month.connect, month.period) {
                Some(named) => Some(self.named(snapshot.as_deref(), named).await?),
                None => self.entry_at(snapshot.as_deref(), month, as_of.at).await?,
            };
            let Some(entry) = entry else { continue };
            let before = held.files.len();
            held.files.extend(entry.files.iter().filter(|file| counts(file)).cloned());
            if held.files.len() > before {
                held.entries.push(entry);
            }
        }
        // What months come from now is never removed, so the usual question need not look.
        if *as_of != AsOf::NOW
            && let Some(removed) = self.first_removed(&held.entries).await?
        {
            return Err(removed);
        }
        Ok(held)
    }

    /// What the month came from at an instant, or comes from now.
    async fn entry_at(
        &self,
        snapshot: Option<&Snapshot>,
        month: &Month,
        at: Option<OffsetDateTime>,
    ) -> Result<Option<Arc<Entry>>, LakeError> {
        let Some(attempt) = snapshot.and_then(|snapshot| snapshot.attempt(month)) else {
            return Ok(None);
        };
        let mut entry = self.entry(month, attempt).await?;
        while at.is_some_and(|at| entry.delivery.published_at > at) {
            match self.before(&entry).await? {
                Some(before) => entry = before,
                None => return Ok(None),
            }
        }
        Ok(Some(entry))
    }

    /// The delivery of this name. Where the month came from it more than once, the last time that is still there counts.
    pub(crate) async fn named(
        &self,
        snapshot: Option<&Snapshot>,
        named: &NamedDelivery,
    ) -> Result<Arc<Entry>, LakeError> {
        let mut next = self.entry_at(snapshot, &month_of(named), None).await?;
        let mut found = None;
        while let Some(entry) = next {
            if entry.delivery.delivery_id == named.delivery_id {
                if self.removed_at(&entry).await?.is_none() {
                    return Ok(entry);
                }
                found.get_or_insert(Arc::clone(&entry));
            }
            next = self.before(&entry).await?;
        }
        found.ok_or_else(|| LakeError::NoDelivery(named.clone()))
    }

    /// The error that says which of the deliveries is removed, if any is.
    async fn first_removed(&self, entries: &[Arc<Entry>]) -> Result<Option<LakeError>, LakeError> {
        for entry in entries {
            if let Some(removed_at) = self.removed_at(entry).await? {
                let Month { connect, period } = entry.month.clone();
                let delivery_id = entry.delivery.delivery_id.clone();
                let delivery = NamedDelivery { connect, period, delivery_id };
                return Ok(Some(LakeError::Removed { delivery, removed_at }));
            }
        }
        Ok(None)
    }
}

fn month_of(named: &NamedDelivery) -> Month {
    Month { connect: named.connect.clone(), period: named.period }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use billing::cost_query::{CostQuery, Metric, PeriodType};
    use billing::delivery::{DeliveryHead, DeliveryId};
    use futures::FutureExt;
    use time::Duration;
    use time::macros::datetime;

    use super::*;
    use crate::testkit::{TestLake, head, usage};

    fn query(as_of: AsOf) -> CostQuery {
        CostQuery {
            metrics: vec![Metric::CostNonamortizedUnblended],
            period_type: PeriodType::BillingPeriod,
            as_of,
            ..CostQuery::over(datetime!(2026-01-01 0:00 UTC), datetime!(2027-01-01 0:00 UTC))
        }
    }

    /// The sums by month, and how many deliveries they come from.
    async fn sums(lake: &OrgLake, as_of: AsOf) -> (Vec<String>, usize) {
        let answer = lake.costs(&query(as_of)).await.unwrap();
        let sums = answer.rows.iter().map(|row| format!("{} {}", row.timestamp.date(), row.metrics[0]));
        (sums.collect(), answer.deliveries.len())
    }

    fn at(instant: OffsetDateTime) -> AsOf {
        AsOf { at: Some(instant), ..AsOf::NOW }
    }

    fn named(name: &str) -> NamedDelivery {
        let DeliveryHead { connect, period, .. } = head(name);
        NamedDelivery { connect, period, delivery_id: DeliveryId::of(name, &[]) }
    }

    /// September from deliveries `a`, `b` and `c` of 1, 2 and 3, and August, after `b`, of 10.
    async fn lake() -> (TestLake, OrgLake, Vec<OffsetDateTime>) {
        let test = TestLake::new();
        let lake = test.org(100_001);
        let august = DeliveryHead { period: "2026-08".parse().unwrap(), ..head("august") };
        for (head, cost) in [(head("a"), "1"), (head("b"), "2"), (august, "10"), (head("c"), "3")] {
            lake.bring_in(&head, &[usage(cost)]).await;
        }
        let deliveries = lake.deliveries(None, None).await.unwrap();
        let mut published: Vec<_> = deliveries.iter().map(|past| past.published_at).collect();
        published.sort_unstable();
        (test, lake, published)
    }

    #[tokio::test]
    async fn an_instant_is_answered_from_what_was_published_then() {
        let (_test, lake, published) = lake().await;
        let nanosecond = Duration::nanoseconds(1);
        let empty = (Vec::<String>::new(), 0);
        assert_eq!(sums(&lake, at(published[0] - nanosecond)).await, empty, "nothing was published yet");
        assert_eq!(sums(&lake, at(published[0])).await, (vec!["2026-09-01 1".to_owned()], 1));
        assert_eq!(sums(&lake, at(published[2] - nanosecond)).await.0, ["2026-09-01 2"]);
        assert_eq!(sums(&lake, at(published[2])).await, (vec!["2026-08-01 10".into(), "2026-09-01 2".into()], 2));
        assert_eq!(sums(&lake, AsOf::NOW).await.0, ["2026-08-01 10", "2026-09-01 3"]);
        assert_eq!(sums(&lake, at(published[3] + Duration::days(9))).await.0, ["2026-08-01 10", "2026-09-01 3"]);
        assert_eq!(sums(&TestLake::new().org(100_001), at(published[0])).await, empty);
    }

    #[tokio::test]
    async fn every_past_answer_is_given_again() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        let mut given = Vec::new();
        // Months in no order, some of them delivered again at once.
        for (number, month) in [9, 8, 9, 9, 7, 8, 9, 7, 7, 8].into_iter().enumerate() {
            let period = format!("2026-{month:02}").parse().unwrap();
            let cost = ["1", "20", "0.3", "4.000000000000000001"][number % 4];
            lake.bring_in(&DeliveryHead { period, ..head(&number.to_string()) }, &[usage(cost)]).await;
            let last = lake.deliveries(None, None).await.unwrap().into_iter().map(|past| past.published_at).max();
            given.push((last.unwrap(), sums(&lake, AsOf::NOW).await));
        }
        for (instant, answer) in given {
            assert_eq!(sums(&test.reopened(100_001), at(instant)).await, answer, "{instant}");
        }
    }

    #[tokio::test]
    async fn a_month_is_taken_from_the_delivery_that_is_named() {
        let (_test, lake, published) = lake().await;
        let from_a = AsOf { at: None, deliveries: vec![named("a")] };
        assert_eq!(sums(&lake, from_a.clone()).await.0, ["2026-08-01 10", "2026-09-01 1"]);
        let with_both = AsOf { at: Some(published[0]), deliveries: vec![named("b")] };
        assert_eq!(sums(&lake, with_both).await.0, ["2026-09-01 2"]);
        // The same delivery again, as when AWS delivers what it delivered before.
        lake.bring_in(&head("a"), &[usage("1")]).await;
        assert_eq!(sums(&lake, from_a).await.0, ["2026-08-01 10", "2026-09-01 1"]);
        let error = lake.costs(&query(AsOf { at: None, deliveries: vec![named("z")] })).await.unwrap_err();
        assert!(matches!(&error, LakeError::NoDelivery(_)), "{error}");
        let empty = TestLake::new().org(100_001);
        let error = empty.costs(&query(AsOf { at: None, deliveries: vec![named("a")] })).await;
        assert!(matches!(error, Err(LakeError::NoDelivery(_))));
    }

    #[tokio::test]
    async fn what_was_removed_is_named_where_the_question_needs_it() {
        let (_test, lake, published) = lake().await;
        let snapshot = lake.snapshot().await.unwrap();
        let entry = lake.named(snapshot.as_deref(), &named("a")).await.unwrap();
        let removed_at = datetime!(2026-12-24 18:05 UTC);
        lake.note_removal(&entry, removed_at).await.unwrap();
        for as_of in [at(published[0]), AsOf { at: None, deliveries: vec![named("a")] }] {
            let error = lake.costs(&query(as_of)).await.unwrap_err();
            assert!(matches!(error, LakeError::Removed { .. }), "{error}");
            assert!(error.to_string().contains("was removed on 2026-12-24 at 18:05 UTC"), "{error}");
        }
        // Not about September, or not as it was then.
        let august = CostQuery { until: datetime!(2026-09-01 0:00 UTC), ..query(at(published[0])) };
        assert_eq!(lake.costs(&august).await.unwrap().rows, []);
        assert_eq!(sums(&lake, at(published[1])).await.0, ["2026-09-01 2"]);
        let past = lake.deliveries(None, Some(entry.month.period)).await.unwrap();
        assert_eq!(past.iter().map(|past| past.removed_at).collect::<Vec<_>>(), [None, None, Some(removed_at)]);
    }

    /// Removes a delivery as retention does.
    async fn remove(lake: &OrgLake, name: &str) {
        let snapshot = lake.snapshot().await.unwrap();
        let entry = lake.named(snapshot.as_deref(), &named(name)).await.unwrap();
        lake.note_removal(&entry, datetime!(2026-12-24 18:05 UTC)).await.unwrap();
        for file in entry.files.iter().chain(entry.rollups.iter().map(|rollup| &rollup.file)) {
            std::fs::remove_file(std::path::Path::new("/").join(file.path.as_ref())).unwrap();
        }
    }

    #[tokio::test]
    async fn whoever_reads_an_old_delivery_while_it_is_removed_is_told() {
        let (_test, lake, published) = lake().await;
        let question = query(at(published[0]));
        // The files are chosen, then removed, then read.
        let read = lake.ask(&question.as_of, &|_| true, |held| {
            let (lake, question) = (&lake, &question);
            async move {
                remove(lake, "a").await;
                lake.answer(question, held).await
            }
            .boxed()
        });
        let error = read.await.unwrap_err();
        assert!(matches!(error, LakeError::Removed { .. }), "{error}");
    }

    #[tokio::test]
    async fn whoever_reads_a_month_that_is_replaced_and_removed_meanwhile_gets_the_new_one() {
        let (_test, lake, _) = lake().await;
        let (question, tries) = (query(AsOf::NOW), AtomicUsize::new(0));
        let read = lake.ask(&question.as_of, &|_| true, |held| {
            let (lake, question, tries) = (&lake, &question, &tries);
            async move {
                if tries.fetch_add(1, Ordering::Relaxed) == 0 {
                    lake.bring_in(&head("d"), &[usage("4")]).await;
                    remove(lake, "c").await;
                }
                lake.answer(question, held).await
            }
            .boxed()
        });
        assert_eq!(read.await.unwrap().rows[1].metrics[0].to_string(), "4");
        assert_eq!(tries.into_inner(), 2);
    }
}
