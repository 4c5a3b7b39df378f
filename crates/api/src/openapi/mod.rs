//! The `OpenAPI` document: made from the table of routes, served at `/openapi.json` and committed as `docs/openapi.json`.

#[cfg(test)]
mod page;
pub(crate) mod shape;

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::error::{self, Body};
use crate::route::{Answer, Doc, Needs, Route};
use crate::routes::{self, Group};
use shape::{Shape, add, reference};

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let mut text = serde_json::to_string_pretty(&document()).expect("texts and numbers turn into JSON");
    text.push('\n');
    text
});

/// What the document says of the parameters that most paths have.
const SEGMENTS: [(&str, &str); 2] = [
    ("org", "The org, as it was given when it was made; the token must be this org's."),
    ("id", "The bill connect: `aws-` and the payer account's 12 digits."),
];

const ABOUT: &str = "Onboards AWS bills by cross-account role, proves that the role is safe and sufficient, reads every bill \
    exactly, and answers questions about cost. `HEAD` is answered wherever `GET` is; a method that is not listed is a 405, a \
    path that is not listed a 404, both in the form of all errors. A body is JSON whatever `Content-Type` says.";

/// `GET /openapi.json`
pub(crate) async fn show() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

/// The document.
pub(crate) fn document() -> Value {
    let groups = routes::groups();
    let mut schemas = Map::new();
    add(&mut schemas, Shape::of::<Body<'_>>().parts());
    let mut paths = Map::new();
    for group in &groups {
        for route in &group.routes {
            let path = paths.entry(route.path).or_insert_with(|| json!({}));
            path[route.method.to_ascii_lowercase()] = operation(group, route);
            let contents = route.doc.answers.iter().filter_map(|answer| answer.content.as_ref());
            contents.for_each(|content| add(&mut schemas, content.shape.parts()));
            add(&mut schemas, route.doc.body.iter().flat_map(crate::body_doc::BodyDoc::parts));
        }
    }
    schemas.sort_keys();
    let tags: Vec<Value> =
        groups.iter().map(|group| json!({ "name": group.tag, "description": group.about })).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "billconnect", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "servers": [{ "url": "/", "description": "where `billconnect serve` answers" }],
        "tags": tags,
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": security_schemes() }
    })
}

/// Who may call it, as the document says it: the scheme, and the role that the token must have.
fn security(needs: Needs) -> Value {
    match needs {
        Needs::Nothing => json!([]),
        Needs::Viewer => json!([{ "bearer": ["viewer"] }]),
        Needs::Admin => json!([{ "bearer": ["admin"] }]),
        Needs::Operator => json!([{ "operator": [] }]),
    }
}

fn security_schemes() -> Value {
    json!({
        "bearer": {
            "type": "http", "scheme": "bearer",
            "description": "An access token of the org in the path; `POST /oidc/token` gives one. `viewer` is what every token \
                may do, `admin` what only a token with that role may."
        },
        "operator": {
            "type": "http", "scheme": "bearer",
            "description": "An operator token; `billconnect operator token create` gives one. It gives no access to an org's bills."
        }
    })
}

fn operation(group: &Group, route: &Route) -> Value {
    let doc = &route.doc;
    let mut operation = json!({ "operationId": doc.id, "tags": [group.tag], "summary": doc.summary });
    if !doc.description.is_empty() {
        operation["description"] = json!(doc.description);
    }
    operation["security"] = security(route.needs);
    let parameters = parameters(route);
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    if let Some(body) = request_body(doc) {
        operation["requestBody"] = body;
    }
    let mut responses = Map::new();
    for answer in &doc.answers {
        // One status may carry several content types.
        let listed = responses.entry(answer.status.to_string()).or_insert_with(|| response(answer));
        if let Some(content) = &answer.content {
            listed["content"][content.kind] = json!({ "schema": content.shape.schema });
        }
    }
    for status in route.errors() {
        let content = json!({ "application/vnd.goa.error": { "schema": reference("Error") } });
        let answer = json!({ "description": error::when(status), "content": content });
        responses.insert(status.to_string(), answer);
    }
    operation["responses"] = responses.into();
    operation
}

fn parameters(route: &Route) -> Vec<Value> {
    let segments = SEGMENTS.iter().filter(|(name, _)| route.path.contains(&format!("{{{name}}}")));
    let known = segments.map(|(name, about)| {
        let schema = match *name {
            "org" => json!({ "type": "integer", "minimum": 1, "examples": [100_001] }),
            _ => json!({ "type": "string", "pattern": "^aws-[0-9]{12}$", "examples": ["aws-123456789012"] }),
        };
        json!({ "name": name, "in": "path", "required": true, "description": about, "schema": schema })
    });
    let own = route.doc.params.iter().map(|param| {
        json!({
            "name": param.name, "in": param.place, "required": param.required, "description": param.about,
            "schema": param.schema
        })
    });
    known.chain(own).collect()
}

fn request_body(doc: &Doc) -> Option<Value> {
    let schema = json!({ "schema": reference(doc.body.as_ref()?.name) });
    let mut content = json!({ "application/json": schema });
    if doc.form {
        content["application/x-www-form-urlencoded"] = schema;
    }
    Some(json!({ "required": true, "content": content }))
}

fn response(answer: &Answer) -> Value {
    let description = match answer.status {
        200 => "It is so.",
        201 => "It is made.",
        202 => "It is under way.",
        304 => "It is as it was when the `ETag` was given.",
        _ => "It is done; there is nothing to say.",
    };
    json!({ "description": description })
}

#[cfg(test)]
mod tests;
