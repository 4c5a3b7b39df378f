//! A row of the table of routes: what is served, who may call it, and what the document says of it.
//!
//! The router, the `OpenAPI` document, the page of the documentation and the tests of who may call what are made from the rows,
//! so none of them can know a route that the others do not.

use std::collections::BTreeSet;

use axum::handler::Handler;
use axum::routing::{MethodRouter, delete, get, patch, post};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::access::Http;
use crate::body_doc::BodyDoc;
use crate::openapi::shape::Shape;

/// One route. Its path's `{org}` is the org that the token must speak for.
pub(crate) struct Route {
    /// `GET`, `POST` …
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) needs: Needs,
    pub(crate) handler: MethodRouter<Http>,
    pub(crate) doc: Doc,
}

/// What a caller needs. The handler's extractor decides; the tests compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing.
    Nothing,
    /// A token of the path's org.
    Viewer,
    /// A token of the path's org with the role `admin`.
    Admin,
    /// An operator token.
    Operator,
}

/// What the document says of a route.
#[derive(Default)]
pub(crate) struct Doc {
    /// The operation's id: what a generated client calls the function.
    pub(crate) id: &'static str,
    /// One line without a full stop.
    pub(crate) summary: &'static str,
    /// Sentences, where one line does not do.
    pub(crate) description: &'static str,
    /// Parameters of the query, and those of the path that are not `{org}` or a bill connect's `{id}`.
    pub(crate) params: Vec<Param>,
    pub(crate) body: Option<BodyDoc>,
    /// Whether the body may be a form too.
    pub(crate) form: bool,
    pub(crate) answers: Vec<Answer>,
    /// Errors beyond those that follow from the rest of the row.
    errors: Vec<u16>,
}

/// A parameter.
pub(crate) struct Param {
    pub(crate) name: &'static str,
    /// `query`, `path` or `header`.
    pub(crate) place: &'static str,
    pub(crate) required: bool,
    pub(crate) about: &'static str,
    pub(crate) schema: Value,
}

impl Param {
    /// A text in the query that may be left out.
    pub(crate) fn text(name: &'static str, about: &'static str) -> Self {
        Self { name, place: "query", required: false, about, schema: json!({ "type": "string" }) }
    }

    /// One of a few words in the query; may be left out.
    pub(crate) fn word(name: &'static str, about: &'static str, words: &[&str]) -> Self {
        Self { name, place: "query", required: false, about, schema: json!({ "type": "string", "enum": words }) }
    }

    /// A whole number in the query that may be left out.
    pub(crate) fn whole(name: &'static str, about: &'static str, range: std::ops::RangeInclusive<u64>) -> Self {
        let schema = json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() });
        Self { name, place: "query", required: false, about, schema }
    }

    /// The same, but it may not be left out.
    pub(crate) fn needed(self) -> Self {
        Self { required: true, ..self }
    }

    /// A segment of the path; `pattern` is a regular expression for the whole of it.
    pub(crate) fn segment(name: &'static str, about: &'static str, pattern: &str) -> Self {
        Self { name, place: "path", required: true, about, schema: json!({ "type": "string", "pattern": pattern }) }
    }
}

/// An answer that is no error.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// What it carries; nothing for a 204 and a 304.
    pub(crate) content: Option<Content>,
}

/// What an answer carries.
pub(crate) struct Content {
    pub(crate) kind: &'static str,
    pub(crate) shape: Shape,
}

impl Needs {
    pub(crate) fn get<T: 'static>(self, path: &'static str, handler: impl Handler<T, Http>) -> Route {
        Route::new("GET", path, (self, get(handler)))
    }

    pub(crate) fn post<T: 'static>(self, path: &'static str, handler: impl Handler<T, Http>) -> Route {
        Route::new("POST", path, (self, post(handler)))
    }

    pub(crate) fn patch<T: 'static>(self, path: &'static str, handler: impl Handler<T, Http>) -> Route {
        Route::new("PATCH", path, (self, patch(handler)))
    }

    pub(crate) fn delete<T: 'static>(self, path: &'static str, handler: impl Handler<T, Http>) -> Route {
        Route::new("DELETE", path, (self, delete(handler)))
    }
}

impl Route {
    fn new(method: &'static str, path: &'static str, (needs, handler): (Needs, MethodRouter<Http>)) -> Self {
        Self { method, path, needs, handler, doc: Doc::default() }
    }

    /// The operation's id, and one line on what it does.
    pub(crate) fn named(mut self, id: &'static str, summary: &'static str) -> Self {
        (self.doc.id, self.doc.summary) = (id, summary);
        self
    }

    /// Sentences beyond the summary.
    pub(crate) fn about(mut self, description: &'static str) -> Self {
        self.doc.description = description;
        self
    }

    /// A parameter of the query or the path.
    pub(crate) fn param(mut self, param: Param) -> Self {
        self.doc.params.push(param);
        self
    }

    /// A JSON object as the body, with the fields that its reader knows.
    pub(crate) fn takes(mut self, body: BodyDoc) -> Self {
        self.doc.body = Some(body);
        self
    }

    /// The body may be a form as well.
    pub(crate) fn or_form(mut self) -> Self {
        self.doc.form = true;
        self
    }

    /// A JSON answer of a type.
    pub(crate) fn answers<T: ToSchema>(self, status: u16) -> Self {
        self.carries(status, ("application/json", Shape::of::<T>()))
    }

    /// A JSON answer of a type, or of whatever form another standard gives it.
    pub(crate) fn answers_or_object<T: ToSchema>(self, status: u16) -> Self {
        self.carries(status, ("application/json", Shape::of::<T>().or_object()))
    }

    /// A JSON array of a type.
    pub(crate) fn answers_array<T: ToSchema>(self, status: u16) -> Self {
        self.carries(status, ("application/json", Shape::array_of::<T>()))
    }

    /// A JSON object whose keys are data and whose values are of a type.
    pub(crate) fn answers_map<T: ToSchema>(self, status: u16) -> Self {
        self.carries(status, ("application/json", Shape::map_of::<T>()))
    }

    /// A JSON object of whatever form its own standard gives it.
    pub(crate) fn answers_object(self, status: u16) -> Self {
        self.carries(status, ("application/json", Shape::object()))
    }

    /// A text of some content type.
    pub(crate) fn answers_text(self, status: u16, kind: &'static str) -> Self {
        self.carries(status, (kind, Shape::text()))
    }

    /// 204 with nothing in it.
    pub(crate) fn answers_nothing(mut self) -> Self {
        self.doc.answers.push(Answer { status: 204, content: None });
        self
    }

    /// 304 with nothing in it, to whoever has the answer already.
    pub(crate) fn answers_unchanged(mut self) -> Self {
        let about = "the `ETag` of an answer: where it still is the answer, it is not sent again";
        let schema = json!({ "type": "string" });
        self.doc.params.push(Param { name: "If-None-Match", place: "header", required: false, about, schema });
        self.doc.answers.push(Answer { status: 304, content: None });
        self
    }

    /// Errors beyond those that every route of its kind has: see [`Route::errors`].
    pub(crate) fn refuses(mut self, statuses: &[u16]) -> Self {
        self.doc.errors.extend(statuses);
        self
    }

    /// Every error that it may answer, in order. Whoever needs a token may lack it, a body may be no JSON, too large or too
    /// slow, a bill connect may not be there, and anything may fail or take too long.
    pub(crate) fn errors(&self) -> BTreeSet<u16> {
        let mut all: BTreeSet<u16> = self.doc.errors.iter().copied().chain([500, 504]).collect();
        if self.needs != Needs::Nothing {
            all.extend([401, 403, 429]);
        }
        if self.doc.body.is_some() {
            all.extend([400, 408, 413]);
        }
        if self.path.contains("{id}") {
            all.insert(404);
        }
        all
    }

    fn carries(mut self, status: u16, (kind, shape): (&'static str, Shape)) -> Self {
        self.doc.answers.push(Answer { status, content: Some(Content { kind, shape }) });
        self
    }
}
