//! A list a page at a time. A page ends at a value, not at a count: what is added or removed meanwhile shifts no page.

use std::marker::PhantomData;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::order::Key;
use super::{Field, Filter, Order, Row};

/// Which values of a list, in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<F> {
    /// Which; all where there is none.
    pub filter: Option<Filter<F>>,
    /// In which order.
    pub order: Order<F>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<R> {
    /// How many values the whole list has.
    pub count: usize,
    /// This page's.
    pub values: Vec<R>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
    /// Where the page before ends, if there is one.
    pub previous: Option<String>,
}

/// A place between two values of one very list: what a skip token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<F> {
    side: Side,
    key: Key,
    of: PhantomData<F>,
}

/// A text that is no place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// It was never given out.
    #[error("it is none that this list has named; start again without it")]
    Unknown,
    /// It was given out for another list.
    #[error("it belongs to a list with another `filter` or `orderBy`; send it with those, or start again without it")]
    OfAnother,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    After,
    Before,
}

/// What is in a token. It grants nothing: a made-up one shows no more than the list does.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    list: String,
    side: Side,
    key: Key,
}

impl<F: Field> Listing<F> {
    /// What tells this list from the others: its filter and order, however they were spelled.
    fn hash(&self) -> String {
        let filter = self.filter.as_ref().map(ToString::to_string).unwrap_or_default();
        let hash = Sha256::digest(format!("{filter}\n{}", self.order));
        BASE64_URL_SAFE_NO_PAD.encode(&hash[..12])
    }

    /// The place that a skip token names.
    pub fn place(&self, token: &str) -> Result<Place<F>, PlaceError> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| PlaceError::Unknown)?;
        let Token { list, side, key } = serde_json::from_slice(&bytes).map_err(|_| PlaceError::Unknown)?;
        if list != self.hash() {
            return Err(PlaceError::OfAnother);
        }
        if key.len() != self.order.len() {
            return Err(PlaceError::Unknown);
        }
        Ok(Place { side, key, of: PhantomData })
    }

    fn token(&self, side: Side, key: &Key) -> String {
        let token = Token { list: self.hash(), side, key: key.clone() };
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).expect("texts turn into JSON"))
    }

    /// All values of the list, in order.
    pub fn all<R: Row<Field = F>>(&self, rows: Vec<R>) -> Vec<R> {
        self.keyed(rows).into_iter().map(|(_, row)| row).collect()
    }

    /// At most `limit` values from a place on, or from the start.
    pub fn page<R: Row<Field = F>>(&self, rows: Vec<R>, limit: usize, place: Option<&Place<F>>) -> Page<R> {
        let mut keyed = self.keyed(rows);
        let count = keyed.len();
        let upto = |place: &Place<F>, also: bool| {
            keyed.partition_point(|(key, _)| {
                let order = self.order.compare(key, &place.key);
                order.is_lt() || (also && order.is_eq())
            })
        };
        let (start, end) = match place {
            None => (0, count.min(limit)),
            Some(place) if place.side == Side::After => {
                let start = upto(place, true);
                (start, count.min(start + limit))
            }
            Some(place) => {
                let end = upto(place, false);
                (end.saturating_sub(limit), end)
            }
        };
        let page: Vec<(Key, R)> = keyed.drain(start..end).collect();
        let next = page.last().filter(|_| end < count).map(|(key, _)| self.token(Side::After, key));
        let previous = page.first().filter(|_| start > 0).map(|(key, _)| self.token(Side::Before, key));
        Page { count, values: page.into_iter().map(|(_, row)| row).collect(), next, previous }
    }

    fn keyed<R: Row<Field = F>>(&self, rows: Vec<R>) -> Vec<(Key, R)> {
        let kept = rows.into_iter().filter(|row| self.filter.as_ref().is_none_or(|filter| filter.holds(row)));
        let mut keyed: Vec<(Key, R)> = kept.map(|row| (self.order.key(&row), row)).collect();
        keyed.sort_by(|(one, _), (other, _)| self.order.compare(one, other));
        keyed
    }
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{Fruit, FruitField, Random};
    use super::*;

    fn listing(filter: Option<&str>, order: &str) -> Listing<FruitField> {
        Listing { filter: filter.map(|text| Filter::parse(text).unwrap()), order: Order::parse(order).unwrap() }
    }

    /// The page behind a token, or the first.
    fn page(listing: &Listing<FruitField>, rows: &[Fruit], token: Option<&str>) -> Page<Fruit> {
        let place = token.map(|token| listing.place(token).unwrap());
        listing.page(rows.to_vec(), 2, place.as_ref())
    }

    fn names(page: &Page<Fruit>) -> Vec<&'static str> {
        page.values.iter().map(|fruit| fruit.name).collect()
    }

    #[test]
    fn pages_lead_there_and_back() {
        let (listing, basket) = (listing(None, "size desc"), Fruit::basket());
        let first = page(&listing, &basket, None);
        assert_eq!((names(&first), first.count, &first.previous), (vec!["pear", "apple"], 4, &None));
        let second = page(&listing, &basket, first.next.as_deref());
        assert_eq!((names(&second), second.count, &second.next), (vec!["fig", "o'plum"], 4, &None));
        assert_eq!(page(&listing, &basket, second.previous.as_deref()), first);
    }

    #[test]
    fn what_comes_and_goes_meanwhile_shifts_no_page() {
        let (listing, basket) = (listing(None, "name"), Fruit::basket());
        let first = page(&listing, &basket, None);
        assert_eq!(names(&first), ["apple", "fig"]);
        let mut more = basket.clone();
        more.extend(["acorn", "banana", "zucchini"].map(|name| Fruit { name, size: None }));
        let second = page(&listing, &more, first.next.as_deref());
        assert_eq!(names(&second), ["o'plum", "pear"], "none twice, none left out");
        // Also where the value that the page ended with is gone.
        let fewer: Vec<Fruit> = basket.into_iter().filter(|fruit| fruit.name != "fig").collect();
        assert_eq!(names(&page(&listing, &fewer, first.next.as_deref())), ["o'plum", "pear"]);
    }

    #[test]
    fn a_token_is_bound_to_its_list() {
        let basket = Fruit::basket();
        let of = listing(Some("name ne 'x'"), "size");
        let token = page(&of, &basket, None).next.unwrap();
        assert!(listing(Some(" name  ne 'x' "), "size asc, name").place(&token).is_ok(), "however it is spelled");
        for other in [listing(None, "size"), listing(Some("name ne 'y'"), "size"), listing(Some("name ne 'x'"), "name")]
        {
            assert_eq!(other.place(&token), Err(PlaceError::OfAnother));
        }
        for wrong in ["", "x", "%", "e30", &token[1..], &format!("{token}A")] {
            assert_eq!(of.place(wrong), Err(PlaceError::Unknown), "{wrong}");
        }
        let forged = Token { list: of.hash(), side: Side::After, key: Vec::new() };
        let forged = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&forged).unwrap());
        assert_eq!(of.place(&forged), Err(PlaceError::Unknown));
    }

    #[test]
    fn all_pages_together_are_the_list() {
        let mut random = Random::of(11);
        for round in 0..500 {
            let filter = random.filter(2);
            let order = *random.one(&["name", "name desc", "size", "size desc", "size,name desc"]);
            let listing = Listing { filter: Some(filter), order: Order::parse(order).unwrap() };
            let all = listing.all(Fruit::basket());
            let (mut seen, mut next) = (Vec::new(), None);
            loop {
                let place = next.as_deref().map(|token: &str| listing.place(token).unwrap());
                let page = listing.page(Fruit::basket(), 1 + round % 3, place.as_ref());
                assert_eq!(page.count, all.len());
                seen.extend(page.values);
                next = page.next;
                if next.is_none() {
                    break;
                }
            }
            assert_eq!(seen, all, "round {round}");
        }
    }
}
