//! Long lists, a page at a time: `?limit=…&skipToken=…`, with the next page's address in the answer.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use serde::Serialize;
use url::form_urlencoded;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::list::list_of;
use crate::access::Http;
use crate::error::ApiError;
use crate::route::{Param, Route};

/// How many values a page has unless asked otherwise.
pub(super) const USUAL: u32 = 100;
/// How many values a page may have.
pub(super) const MOST: u32 = 1000;

/// The page that a request asks for. Comes after whoever asks among a handler's arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// How many values at most.
    pub(crate) limit: u32,
    /// Where the page before ended.
    pub(crate) skip: Option<i64>,
    path: String,
}

/// One page of a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Paged<T> {
    pub(crate) kind: &'static str,
    pub(crate) values: Vec<T>,
    /// The address of the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_page: Option<String>,
}

impl<T: ToSchema> PartialSchema for Paged<T> {
    fn schema() -> RefOr<Schema> {
        let next = ObjectBuilder::new().schema_type(Type::String);
        let next = next.description(Some("The address of the next page, if there may be one."));
        list_of::<T>().property("nextPage", next).into()
    }
}

impl<T: ToSchema> ToSchema for Paged<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Page", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

/// A route that answers a page: what it may be asked, and that it may be asked wrongly.
pub(crate) fn paged_route(route: Route) -> Route {
    route
        .param(Param::whole("limit", "how many at most; 100 by default", 1..=u64::from(MOST)))
        .param(Param::text("skipToken", "where the page before ended: what its `nextPage` says"))
        .refuses(&[400])
}

impl Page {
    fn of(uri: &Uri) -> Result<Self, ApiError> {
        let mut page = Self { limit: USUAL, skip: None, path: uri.path().to_owned() };
        let mut wrong = Vec::new();
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                "limit" => match value.parse() {
                    Ok(limit) if (1..=MOST).contains(&limit) => page.limit = limit,
                    _ => wrong.push(format!("`limit` must be a whole number from 1 to {MOST}")),
                },
                "skipToken" => match value.parse() {
                    Ok(skip) if skip >= 0 => page.skip = Some(skip),
                    _ => wrong.push("`skipToken` must be one that `nextPage` of this list has named".to_owned()),
                },
                // As everywhere, what is not known is not looked at.
                _ => {}
            }
        }
        if wrong.is_empty() { Ok(page) } else { Err(ApiError::wrong_fields(StatusCode::BAD_REQUEST, &wrong)) }
    }

    /// The values as one page; `place` says where a value stands, for the next page to start behind it.
    pub(crate) fn show<V, T: From<V>>(
        &self,
        kind: &'static str,
        values: Vec<V>,
        place: impl Fn(&V) -> i64,
    ) -> Paged<T> {
        let full = values.len() == usize::try_from(self.limit).unwrap_or(usize::MAX);
        let last = values.last().filter(|_| full).map(place);
        let next_page = last.map(|last| format!("{}?limit={}&skipToken={last}", self.path, self.limit));
        Paged { kind, values: values.into_iter().map(T::from).collect(), next_page }
    }
}

impl FromRequestParts<Http> for Page {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Http) -> Result<Self, ApiError> {
        Self::of(&parts.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Result<Page, ApiError> {
        Page::of(&format!("/x?{query}").parse().unwrap())
    }

    #[test]
    fn a_page_is_asked_for_within_limits() {
        assert_eq!(page("").unwrap(), Page { limit: USUAL, skip: None, path: "/x".into() });
        assert_eq!(
            page("limit=1000&skipToken=7&other=x").unwrap(),
            Page { limit: 1000, skip: Some(7), path: "/x".into() }
        );
        for wrong in ["limit=0", "limit=1001", "limit=", "limit=-1", "skipToken=-1", "skipToken=x"] {
            assert!(page(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_full_page_names_the_next_one() {
        let asked = page("limit=2").unwrap();
        let full: Paged<i64> = asked.show("k", vec![5, 4], |value| *value);
        assert_eq!(full.next_page.as_deref(), Some("/x?limit=2&skipToken=4"));
        let last: Paged<i64> = asked.show("k", vec![3], |value| *value);
        assert_eq!(last.next_page, None);
    }
}
