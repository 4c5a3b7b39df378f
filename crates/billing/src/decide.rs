//! The decision what to load: the newest delivery wins, the same one does nothing, an older one never wins.

use crate::delivery::{DeliveryHead, DeliveryId};
use time::OffsetDateTime;

/// What is published of a month already.
#[derive(Debug, Clone, Copy)]
pub struct Published<'a> {
    /// Which delivery.
    pub delivery_id: &'a DeliveryId,
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
    /// A newer one is published.
    Older,
}

/// Decides about a delivery that was found.
pub fn decide(found: &DeliveryHead, published: Option<Published<'_>>) -> Decision {
    match published {
        Some(published) if *published.delivery_id == found.delivery_id => Decision::Same,
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
        let published = |head: &DeliveryHead| -> Decision {
            decide(&early, Some(Published { delivery_id: &head.delivery_id, made_at: head.made_at }))
        };
        assert_eq!(decide(&early, None), Decision::Load);
        assert_eq!(published(&early), Decision::Same);
        assert_eq!(published(&late), Decision::Older);
        let newer = decide(&late, Some(Published { delivery_id: &early.delivery_id, made_at: early.made_at }));
        assert_eq!(newer, Decision::Load);
    }
}
