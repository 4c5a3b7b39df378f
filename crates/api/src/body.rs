//! Bodies: JSON whatever `Content-Type` says, bounded in size and time, and read field by field so that every wrong one
//! is named.

use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use serde_json::{Map, Value};

use crate::access::Http;
use crate::body_doc::{BodyDoc, Kind};
use crate::error::ApiError;
use crate::settings::HttpSettings;

/// A JSON object.
#[derive(Debug)]
pub(crate) struct JsonObject(pub(crate) Map<String, Value>);

impl FromRequest<Http> for JsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, http: &Http) -> Result<Self, ApiError> {
        parse(&read(request, http.settings()).await?)
    }
}

/// Reads a whole body within the limits.
pub(crate) async fn read(request: Request, settings: &HttpSettings) -> Result<Bytes, ApiError> {
    let limit = settings.body_limit;
    let too_large = || {
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than the {limit} bytes that are taken"))
    };
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limit as u64) {
        return Err(too_large());
    }
    let mut chunks = request.into_body().into_data_stream();
    let reading = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| ApiError::bad_request("the body ended before it was whole"))?;
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    let read = tokio::time::timeout(settings.body_within, reading).await;
    read.unwrap_or_else(|_| Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "the body came too slowly")))
}

/// Parses a JSON object. What serde says of a fault is a place and a kind, never a value, so it may be sent.
pub(crate) fn parse(body: &[u8]) -> Result<JsonObject, ApiError> {
    if body.trim_ascii().is_empty() {
        return Err(ApiError::bad_request("the body is empty; it must be a JSON object"));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(JsonObject(object)),
        Ok(other) => Err(ApiError::bad_request(format!("the body is {}, not a JSON object", kind(&other)))),
        Err(error) => Err(ApiError::bad_request(format!("the body is not JSON: {error}"))),
    }
}

/// Takes fields out of a body and keeps what is wrong with any of them. It reads none that is not documented as it is read.
pub(crate) struct Fields<'a> {
    object: &'a Map<String, Value>,
    doc: &'a BodyDoc,
    wrong: Vec<String>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(body: &'a JsonObject, doc: &'a BodyDoc) -> Self {
        Self { object: &body.0, doc, wrong: Vec::new() }
    }

    /// A field that may be absent; `null` is absent too.
    pub(crate) fn maybe(&self, name: &str) -> Option<&'a Value> {
        debug_assert!(self.doc.field(name).is_some(), "`{name}` is read but not documented in `{}`", self.doc.name);
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// A field that must be there.
    pub(crate) fn needed(&mut self, name: &str) -> Option<&'a Value> {
        let value = self.maybe(name);
        if value.is_none() {
            self.wrong.push(format!("`{name}` is missing"));
        }
        value
    }

    /// A text that must be there; it may be empty.
    pub(crate) fn text(&mut self, name: &str) -> Option<&'a str> {
        let value = self.needed(name)?;
        self.as_text(name, value)
    }

    /// A text that may be absent.
    pub(crate) fn maybe_text(&mut self, name: &str) -> Option<&'a str> {
        debug_assert!(
            self.doc.field(name).is_some_and(|field| !field.needed),
            "`{name}` is documented as needed in `{}`",
            self.doc.name
        );
        let value = self.maybe(name)?;
        self.as_text(name, value)
    }

    /// A text that may be absent; `null` is an empty one, which takes away what is there.
    pub(crate) fn cleared_or_text(&mut self, name: &str) -> Option<&'a str> {
        if self.object.get(name).is_some_and(Value::is_null) {
            return Some("");
        }
        self.maybe_text(name)
    }

    /// `true` or `false`, which may be absent.
    pub(crate) fn maybe_flag(&mut self, name: &str) -> Option<bool> {
        let value = self.maybe(name)?;
        if !value.is_boolean() {
            self.mistyped(name, ("`true` or `false`", value));
        }
        value.as_bool()
    }

    /// The texts of an array that must be there.
    pub(crate) fn texts(&mut self, name: &str) -> Option<Vec<&'a str>> {
        let value = self.needed(name)?;
        self.as_texts(name, value)
    }

    /// The texts of an array; none if it is absent.
    pub(crate) fn maybe_texts(&mut self, name: &str) -> Option<Vec<&'a str>> {
        self.maybe(name).map_or_else(|| Some(Vec::new()), |value| self.as_texts(name, value))
    }

    /// Keeps something that is wrong with a field.
    pub(crate) fn refuse(&mut self, name: &str, why: impl std::fmt::Display) {
        self.wrong.push(format!("`{name}`: {why}"));
    }

    /// Keeps that a field has the wrong type.
    pub(crate) fn mistyped(&mut self, name: &str, (wanted, given): (&str, &Value)) {
        self.wrong.push(format!("`{name}` must be {wanted}, not {}", kind(given)));
    }

    /// Whether anything is wrong so far.
    pub(crate) fn any_wrong(&self) -> bool {
        !self.wrong.is_empty()
    }

    /// Ends with a 400 that names everything that is wrong, if anything is.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.wrong.is_empty() { Ok(()) } else { Err(ApiError::wrong_fields(StatusCode::BAD_REQUEST, &self.wrong)) }
    }

    fn as_text(&mut self, name: &str, value: &'a Value) -> Option<&'a str> {
        debug_assert!(
            self.doc
                .field(name)
                .is_some_and(|field| matches!(field.kind, Kind::Text | Kind::Clearable | Kind::Word(_))),
            "`{name}` is not documented as a text in `{}`",
            self.doc.name
        );
        if !value.is_string() {
            self.mistyped(name, ("a text", value));
        }
        value.as_str()
    }

    fn as_texts(&mut self, name: &str, value: &'a Value) -> Option<Vec<&'a str>> {
        let texts = value.as_array().and_then(|values| values.iter().map(Value::as_str).collect());
        if texts.is_none() {
            let wanted = "an array of texts";
            match value.as_array().and_then(|values| values.iter().find(|value| !value.is_string())) {
                Some(odd) => self.wrong.push(format!("`{name}` must be {wanted}, but has {} in it", kind(odd))),
                None => self.mistyped(name, (wanted, value)),
            }
        }
        texts
    }
}

/// What sort of value it is, for people.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
