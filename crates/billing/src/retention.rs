//! How long deliveries that were replaced are kept: the rule alone. What a month comes from now is never touched by it.

use std::time::Duration;

use time::OffsetDateTime;

use crate::history::PastDelivery;

/// Which deliveries that were replaced stay queryable. The default keeps all of them for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// How long after it was replaced a delivery is kept at least; for ever if absent.
    pub keep_for: Option<Duration>,
    /// How many replaced deliveries of each month are kept however old they are, the newest ones.
    pub keep_at_least: usize,
}

impl Retention {
    /// Of one month's deliveries, the newest first, those that need not be kept any more and are not removed yet.
    pub fn expired<'a>(
        &self,
        deliveries: &'a [PastDelivery],
        now: OffsetDateTime,
    ) -> impl Iterator<Item = &'a PastDelivery> + use<'a> {
        // Too long ago to be told is never: nothing expires.
        let before = self.keep_for.and_then(|keep_for| now.checked_sub(time::Duration::try_from(keep_for).ok()?));
        let replaced = deliveries.iter().filter(|past| !past.is_current() && past.removed_at.is_none());
        replaced.skip(self.keep_at_least).filter(move |past| {
            past.replaced_at.is_some_and(|replaced| before.is_some_and(|before| replaced <= before))
        })
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-12-01 0:00 UTC);

    /// Deliveries that were replaced so many days ago; the first is current.
    fn month(days: &[i64]) -> Vec<PastDelivery> {
        let current: PastDelivery = serde_json::from_str(
            r#"{"connect":"aws-123456789012","period":"2026-09","delivery_id":"d","report_name":"R","manifest_key":"m",
            "made_at":"2026-10-02T00:00:00Z","published_at":"2026-10-03T00:00:00Z","status":"final","rows":1,"charges":1,
            "billed":1,"effective":1,"list":1}"#,
        )
        .unwrap();
        let replaced =
            |days: &i64| PastDelivery { replaced_at: Some(NOW - time::Duration::days(*days)), ..current.clone() };
        std::iter::once(current.clone()).chain(days.iter().map(replaced)).collect()
    }

    #[track_caller]
    fn expire(retention: Retention, deliveries: &[PastDelivery], expect: &[i64]) {
        let expired = retention.expired(deliveries, NOW);
        let days: Vec<_> = expired.map(|past| (NOW - past.replaced_at.unwrap()).whole_days()).collect();
        assert_eq!(days, expect);
    }

    fn keep_days(days: u64, keep_at_least: usize) -> Retention {
        Retention { keep_for: Some(Duration::from_hours(24 * days)), keep_at_least }
    }

    #[test]
    fn nothing_expires_by_default_and_never_what_is_current() {
        expire(Retention::default(), &month(&[1, 1000]), &[]);
        expire(Retention { keep_for: Some(Duration::ZERO), keep_at_least: 0 }, &month(&[]), &[]);
        expire(Retention { keep_for: Some(Duration::MAX), keep_at_least: 0 }, &month(&[1000]), &[]);
    }

    #[test]
    fn what_was_replaced_long_ago_expires_but_for_the_newest() {
        expire(keep_days(90, 0), &month(&[1, 89, 90, 91]), &[90, 91]);
        expire(keep_days(90, 1), &month(&[100, 101, 102]), &[101, 102]);
        expire(keep_days(90, 9), &month(&[100, 101, 102]), &[]);
    }

    #[test]
    fn what_is_removed_neither_expires_again_nor_counts_as_kept() {
        let mut deliveries = month(&[100, 101, 102]);
        deliveries[1].removed_at = Some(NOW);
        expire(keep_days(90, 1), &deliveries, &[102]);
    }
}
