//! What names an answer about costs, and where its next page begins.
//!
//! *Invariant:* all pages of an answer come from the deliveries of the first, or the next one is refused.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::cost_query::{CostAnswer, CostQuery};
use crate::receipt::PublishedMonth;

/// Where a page begins: what a skip token says. It grants nothing: a made-up one shows no more than the question does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostPlace {
    /// The question, but for where it begins.
    question: String,
    /// The deliveries of the first page.
    held: String,
    /// When the last of them was published, in nanoseconds since 1970.
    at: i128,
    skip: usize,
}

/// Why no page begins where a skip token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CostPlaceError {
    /// It was never given out.
    #[error("it is none that an answer has named; start again without it")]
    Unknown,
    /// It was given out for another question.
    #[error("it belongs to another question; send it with the parameters of that one, or start again without it")]
    OfAnother,
}

fn hash(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..12])
}

/// The deliveries as a text that no other deliveries have.
fn held(deliveries: &[PublishedMonth]) -> String {
    let one = |it: &PublishedMonth| {
        format!("{} {} {} {}\n", it.connect, it.period, it.delivery_id, it.published_at.unix_timestamp_nanos())
    };
    hash(&deliveries.iter().map(one).collect::<String>())
}

impl CostQuery {
    /// What tells the question from others, but for where its page begins and ends.
    fn hash(&self) -> String {
        hash(&format!("{:?}", Self { skip: 0, limit: None, ..self.clone() }))
    }

    /// The name of the answer that these deliveries give, in the form that `form` says: the same name is the same answer.
    pub fn tag(&self, deliveries: &[PublishedMonth], form: &str) -> String {
        hash(&format!("{self:?} {} {form}", held(deliveries)))
    }

    /// Where the page after this answer begins; `None` where it is the last.
    pub fn next(&self, answer: &CostAnswer) -> Option<CostPlace> {
        let last = answer.deliveries.iter().map(|delivery| delivery.published_at).max();
        let at = self.as_of.at.or(last).filter(|_| answer.truncated)?.unix_timestamp_nanos();
        let skip = self.skip + answer.rows.len();
        let first = Self { as_of: crate::history::AsOf { at: None, ..self.as_of.clone() }, ..self.clone() };
        Some(CostPlace { question: first.hash(), held: held(&answer.deliveries), at, skip })
    }

    /// The same question from a place on, about what was held then.
    pub fn from_place(mut self, place: &CostPlace) -> Result<Self, CostPlaceError> {
        let asked = self.as_of.at.take();
        let at = OffsetDateTime::from_unix_timestamp_nanos(place.at).map_err(|_| CostPlaceError::Unknown)?;
        if place.question != self.hash() || asked.is_some_and(|asked| asked != at) {
            return Err(CostPlaceError::OfAnother);
        }
        self.as_of.at = Some(at);
        self.skip = place.skip;
        Ok(self)
    }
}

impl CostPlace {
    /// Reads a skip token.
    pub fn parse(token: &str) -> Result<Self, CostPlaceError> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| CostPlaceError::Unknown)?;
        serde_json::from_slice(&bytes).map_err(|_| CostPlaceError::Unknown)
    }

    /// The skip token.
    pub fn token(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).expect("texts and numbers turn into JSON"))
    }

    /// Whether a page from here comes from the deliveries of the page before.
    pub fn holds(&self, deliveries: &[PublishedMonth]) -> bool {
        self.held == held(deliveries)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::cost_query::{CostRow, Dimension, Metric};
    use crate::delivery::DeliveryId;
    use crate::history::AsOf;
    use crate::receipt::MonthStatus;

    fn query() -> CostQuery {
        CostQuery {
            metrics: vec![Metric::CostNonamortizedUnblended],
            dimensions: vec![Dimension::Service],
            limit: Some(2),
            ..CostQuery::over(datetime!(2026-09-01 0:00 UTC), datetime!(2026-10-01 0:00 UTC))
        }
    }

    fn delivery(name: &str) -> PublishedMonth {
        PublishedMonth {
            connect: "aws-123456789012".parse().unwrap(),
            period: "2026-09".parse().unwrap(),
            delivery_id: DeliveryId::of(name, &[]),
            manifest_key: "R-Manifest.json".to_owned(),
            made_at: datetime!(2026-10-03 12:00 UTC),
            published_at: datetime!(2026-10-03 13:00:00.123_456_789 UTC),
            charges: 2,
            status: MonthStatus::Final,
        }
    }

    fn answer(truncated: bool) -> CostAnswer {
        let row = CostRow { timestamp: query().from, dimensions: vec![], metrics: vec![], other: false };
        CostAnswer { rows: vec![row.clone(), row], truncated, deliveries: vec![delivery("a")] }
    }

    #[test]
    fn a_page_goes_on_where_the_one_before_ended_in_what_was_held_then() {
        let place = query().next(&answer(true)).unwrap();
        assert_eq!(CostPlace::parse(&place.token()), Ok(place.clone()));
        let second = query().from_place(&place).unwrap();
        assert_eq!((second.skip, second.as_of.at), (2, Some(delivery("a").published_at)));
        assert!(place.holds(&[delivery("a")]) && !place.holds(&[delivery("b")]) && !place.holds(&[]));
        let third = query().from_place(&second.next(&answer(true)).unwrap()).unwrap();
        assert_eq!((third.skip, third.as_of), (4, second.as_of.clone()));
        assert_eq!(second.next(&answer(false)), None);
        // A page may be of another length, and the instant may be asked for by whoever knows it.
        assert!(CostQuery { limit: Some(9), ..query() }.from_place(&place).is_ok());
        let then = |at| CostQuery { as_of: AsOf { at: Some(at), ..AsOf::NOW }, ..query() };
        let asked = then(datetime!(2026-11-01 0:00 UTC));
        let place = asked.next(&answer(true)).unwrap();
        assert_eq!(asked.clone().from_place(&place).unwrap().as_of, asked.as_of);
        let other = then(datetime!(2026-12-01 0:00 UTC));
        assert_eq!(other.from_place(&place), Err(CostPlaceError::OfAnother));
    }

    #[test]
    fn a_token_of_nothing_or_of_another_question_is_none() {
        let place = query().next(&answer(true)).unwrap();
        let other = CostQuery { dimensions: vec![Dimension::Region], ..query() };
        assert_eq!(other.from_place(&place), Err(CostPlaceError::OfAnother));
        for token in ["", "x", "e30", "bm90IGpzb24"] {
            assert_eq!(CostPlace::parse(token), Err(CostPlaceError::Unknown), "{token}");
        }
    }

    #[test]
    fn an_answer_is_named_by_its_question_its_deliveries_and_its_form() {
        let tag = |query: CostQuery, name, form| query.tag(&[delivery(name)], form);
        let known = tag(query(), "a", "json");
        assert_eq!(tag(query(), "a", "json"), known);
        let more = CostQuery { limit: Some(3), ..query() };
        for other in [tag(more, "a", "json"), tag(query(), "b", "json"), tag(query(), "a", "csv")] {
            assert_ne!(other, known);
        }
    }
}
