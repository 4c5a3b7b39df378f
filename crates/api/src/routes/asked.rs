//! The query of a request, read parameter by parameter so that every wrong one is named at once.

use std::fmt::Display;
use std::str::FromStr;

use app::deliveries::Months;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use billing::period::BillingPeriod;
use url::form_urlencoded;

use crate::access::Http;
use crate::error::ApiError;
use crate::route::{Param, Route};

/// What a request's query says. Comes after whoever asks among a handler's arguments.
#[derive(Debug)]
pub(crate) struct Asked {
    pairs: Vec<(String, String)>,
    wrong: Vec<String>,
    path: String,
}

impl Asked {
    /// A parameter's value; empty is as good as absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let mut named = self.pairs.iter().filter(|(known, value)| known == name && !value.is_empty());
        named.next().map(|(_, value)| value.as_str())
    }

    /// What a parameter lists with commas, over as many parameters of the name as there are.
    pub(crate) fn listed(&self, name: &str) -> Vec<&str> {
        let named = self.pairs.iter().filter(|(known, _)| known == name);
        named.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|value| !value.is_empty()).collect()
    }

    /// Whether anything is wrong so far.
    pub(crate) fn any_wrong(&self) -> bool {
        !self.wrong.is_empty()
    }

    /// A parameter that may be absent, read as its type reads texts.
    pub(crate) fn maybe<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let read = self.text(name)?.parse::<T>();
        read.map_err(|error| self.refuse(name, error)).ok()
    }

    /// One of a few words; `None` where it is absent, and where it is wrong.
    pub(crate) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let given = self.text(name)?;
        let found = words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            self.refuse(name, format!("it must be {}", words.join(" or ")));
        }
        found
    }

    /// A whole number within limits.
    pub(crate) fn whole(&mut self, name: &str, range: std::ops::RangeInclusive<usize>) -> Option<usize> {
        let read = self.text(name)?.parse().ok().filter(|number| range.contains(number));
        if read.is_none() {
            self.refuse(name, format!("it must be a whole number from {} to {}", range.start(), range.end()));
        }
        read
    }

    /// A month, as `202609` or `2026-09`.
    pub(crate) fn month(&mut self, name: &str) -> Option<BillingPeriod> {
        let text = self.text(name)?;
        let dashed = text.split_at_checked(4).map(|(year, month)| format!("{year}-{month}"));
        let read = text.parse().or_else(|error| dashed.and_then(|text| text.parse().ok()).ok_or(error));
        if read.is_err() {
            self.refuse(name, "it must be a month like `202609`");
        }
        read.ok()
    }

    /// The months that `billConnectId` and `billMonth` leave.
    pub(crate) fn months(&mut self) -> Months {
        Months { connect: self.maybe("billConnectId"), period: self.month("billMonth") }
    }

    /// Keeps that a parameter must be there.
    pub(crate) fn missing(&mut self, name: &str) {
        if self.text(name).is_none() {
            self.wrong.push(format!("`{name}` is missing"));
        }
    }

    /// Keeps what is wrong with a parameter.
    pub(crate) fn refuse(&mut self, name: &str, why: impl Display) {
        self.wrong.push(format!("`{name}`: {why}"));
    }

    /// Ends with a 400 that names everything that is wrong, if anything is.
    pub(crate) fn finish(&self) -> Result<(), ApiError> {
        if self.wrong.is_empty() { Ok(()) } else { Err(ApiError::wrong_fields(StatusCode::BAD_REQUEST, &self.wrong)) }
    }

    /// The address of the page after this one: the same question from another place on.
    pub(crate) fn next_page(&self, place: impl Display) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.pairs.iter().filter(|(name, _)| name != "skipToken"));
        query.append_pair("skipToken", &place.to_string());
        format!("{}?{}", self.path, query.finish())
    }
}

impl FromRequestParts<Http> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Http) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok(Self { pairs, wrong: Vec::new(), path: parts.uri.path().to_owned() })
    }
}

/// A route that may be asked about some months only.
pub(crate) fn by_month(route: Route) -> Route {
    route
        .param(Param::text("billConnectId", "only this bill connect's months; all of the org's by default"))
        .param(Param::text("billMonth", "only this month, like `202609`; all by default"))
        .refuses(&[400])
}

/// A month as the second generation says it: `202609`.
pub(crate) fn bill_month(period: BillingPeriod) -> String {
    format!("{:04}{:02}", period.year(), period.month())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Asked {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Asked { pairs, wrong: Vec::new(), path: "/x".to_owned() }
    }

    #[test]
    fn months_are_read_in_both_spellings() {
        for text in ["202609", "2026-09"] {
            let months = asked(&format!("billConnectId=aws-123456789012&billMonth={text}")).months();
            assert_eq!(months.period.map(bill_month).as_deref(), Some("202609"));
            assert_eq!(months.connect.unwrap().as_ref(), "aws-123456789012");
        }
        assert_eq!(asked("billMonth=&other=1").months(), Months::default());
    }

    #[test]
    fn everything_wrong_is_named() {
        let mut wrong = asked("billConnectId=x&billMonth=2026&limit=0&verify=maybe");
        wrong.months();
        wrong.whole("limit", 1..=24);
        wrong.word("verify", &[("true", 1), ("false", 0)]);
        wrong.missing("to");
        let error = format!("{:?}", wrong.finish().unwrap_err());
        for part in
            ["5 fields", "`billConnectId`", "`billMonth`", "from 1 to 24", "`true` or `false`", "`to` is missing"]
        {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn the_next_page_asks_the_same() {
        assert_eq!(asked("billMonth=202609&skipToken=3&a=%26").next_page(6), "/x?billMonth=202609&a=%26&skipToken=6");
    }
}
