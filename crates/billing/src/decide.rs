//! The decision what to load: the newest delivery of a report wins, the same one does nothing, an older one never wins.
//!
//! Where the connection comes to keep to another report, that report's delivery replaces the month whatever its time: the
//! two are not versions of each other, and a month is always one report's whole delivery.

use crate::delivery::{DeliveryHead, DeliveryId};
use time::OffsetDateTime;

/// What is published of a month already.
#[derive(Debug, Clone, Copy)]
pub struct Published<'a> {
    /// Which delivery.
    pub delivery_id: &'a DeliveryId,
    /// The key of its manifest, which tells the report.
    pub manifest_key: &'a str,
    /// When AWS made it.
    pub made_at: OffsetDateTime,
}

/// What to do with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Read it and replace the month.
    Load,
    /// It is what is published already.
    Same,
    /// A newer one of the same report is published.
    Older,
}

/// Decides about a delivery that was found.
pub fn decide(found: &DeliveryHead, published: Option<Published<'_>>) -> Decision {
    match published {
        Some(published) if *published.delivery_id == found.delivery_id => Decision::Same,
        Some(published) if published.manifest_key != found.manifest_key => Decision::Load,
        Some(published) if found.made_at < published.made_at => Decision::Older,
        _ => Decision::Load,
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::delivery::PartHead;
    use crate::names::{AccountId, BillConnectId};

    #[test]
    fn the_newest_wins_and_the_same_does_nothing() {
        let payer: AccountId = "123456789012".parse().unwrap();
        let part = PartHead { key: "k".into(), etag: "e".into(), size: 1 };
        let head = |manifest: &str, made_at| DeliveryHead {
            connect: BillConnectId::of(&payer),
            payer: payer.clone(),
            period: "2026-09".parse().unwrap(),
            delivery_id: DeliveryId::of(manifest, std::slice::from_ref(&part)),
            report_name: "R".into(),
            manifest_key: "m".into(),
            parts: vec![part.clone()],
            made_at,
        };
        let (early, late) = (head("1", datetime!(2026-09-02 0:00 UTC)), head("2", datetime!(2026-09-02 8:00 UTC)));
        assert_eq!(decide(&early, None), Decision::Load);
        assert_eq!(decide(&early, Some(published(&early))), Decision::Same);
        assert_eq!(decide(&early, Some(published(&late))), Decision::Older);
        assert_eq!(decide(&late, Some(published(&early))), Decision::Load);
        let another = DeliveryHead { manifest_key: "another report's".into(), ..late };
        assert_eq!(decide(&early, Some(published(&another))), Decision::Load, "older, but not of the same report");
    }

    fn published(head: &DeliveryHead) -> Published<'_> {
        Published { delivery_id: &head.delivery_id, manifest_key: &head.manifest_key, made_at: head.made_at }
    }
}
