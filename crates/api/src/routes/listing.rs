//! What the query of a list asks for that can be filtered and ordered: `filter`, `orderBy`, `limit` and `skipToken`.

use axum::http::{StatusCode, Uri};
use billing::listing::{Field, Filter, Flaw, Listing, Order, Page, Place};
use url::form_urlencoded::{self, Serializer};

use super::page::{MOST, USUAL};
use crate::error::ApiError;
use crate::route::{Param, Route};

/// What a query asks for, in the language of lists.
#[derive(Debug)]
pub(super) struct Asked<F> {
    pub(super) listing: Listing<F>,
    limit: usize,
    place: Option<Place<F>>,
    path: String,
    /// What was sent of `filter` and `orderBy`, for the addresses of other pages.
    sent: Vec<(&'static str, String)>,
}

/// The addresses of the pages beside one.
pub(super) struct Beside {
    pub(super) next: Option<String>,
    pub(super) previous: Option<String>,
}

/// A route whose list can be filtered and ordered.
pub(super) fn listing_route(route: Route, (filter, order): (&'static str, &'static str)) -> Route {
    route.param(Param::text("filter", filter)).param(Param::text("orderBy", order)).refuses(&[400])
}

/// A route whose list comes a page at a time.
pub(super) fn paged_listing_route(route: Route) -> Route {
    route.param(Param::whole("limit", "how many at most; 100 by default", 1..=u64::from(MOST))).param(Param::text(
        "skipToken",
        "where another page begins: what `nextPage` or `prevPage` says, with the same `filter` and `orderBy`",
    ))
}

impl<F: Field> Asked<F> {
    /// Reads a query, or names all that is wrong with it. What is empty is as good as absent.
    pub(super) fn read(uri: &Uri, usual: Order<F>) -> Result<Self, ApiError> {
        let (mut filter, mut order, mut limit, mut token) = (None, None, None, None);
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            let value = Some(value.into_owned()).filter(|value| !value.trim().is_empty());
            match name.as_ref() {
                "filter" => filter = value,
                "orderBy" => order = value,
                "limit" => limit = value,
                "skipToken" => token = value,
                // As everywhere, what is not known is not looked at.
                _ => {}
            }
        }
        let mut wrong = Vec::new();
        let parsed = filter.as_deref().map(Filter::parse).transpose();
        let parsed = parsed.map_err(|flaws| wrong.extend(told("filter", &flaws)));
        let ordered = order.as_deref().map(Order::parse).transpose();
        let ordered = ordered.map_err(|flaws| wrong.extend(told("orderBy", &flaws)));
        let limit = match limit.as_deref().map_or(Ok(USUAL), str::parse) {
            Ok(limit) if (1..=MOST).contains(&limit) => usize::try_from(limit).unwrap_or(usize::MAX),
            _ => {
                wrong.push(format!("`limit` must be a whole number from 1 to {MOST}"));
                0
            }
        };
        let sent = [("filter", filter), ("orderBy", order)];
        let sent = sent.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        // Whether a token is this list's is known only where the list is.
        if let (Ok(filter), Ok(order)) = (parsed, ordered) {
            let listing = Listing { filter, order: order.unwrap_or(usual) };
            match token.map(|token| listing.place(&token)).transpose() {
                Ok(place) if wrong.is_empty() => {
                    return Ok(Self { listing, limit, place, path: uri.path().to_owned(), sent });
                }
                Ok(_) => {}
                Err(error) => wrong.push(format!("`skipToken`: {error}")),
            }
        }
        Err(ApiError::wrong_fields(StatusCode::BAD_REQUEST, &wrong))
    }

    /// The page that is asked for.
    pub(super) fn page<R: billing::listing::Row<Field = F>>(&self, rows: Vec<R>) -> (Page<R>, Beside) {
        let page = self.listing.page(rows, self.limit, self.place.as_ref());
        let limit = self.limit.to_string();
        let address = |token: &String| self.address(&self.path, &[("limit", &limit), ("skipToken", token)]);
        let beside = Beside { next: page.next.as_ref().map(address), previous: page.previous.as_ref().map(address) };
        (page, beside)
    }

    /// An address below which the same list is shown, with more in its query.
    pub(super) fn address(&self, path: &str, more: &[(&str, &str)]) -> String {
        let sent = self.sent.iter().map(|(name, value)| (*name, value.as_str()));
        let mut query = Serializer::new(String::new());
        query.extend_pairs(sent.chain(more.iter().copied()));
        format!("{path}?{}", query.finish())
    }
}

fn told(name: &str, flaws: &[Flaw]) -> Vec<String> {
    flaws.iter().map(|flaw| format!("`{name}`: {flaw}")).collect()
}
