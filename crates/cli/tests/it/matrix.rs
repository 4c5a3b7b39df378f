//! Every path of the served document × every method × everybody who may knock: the answer is the one that the document lists.

use std::collections::BTreeSet;

use billing::names::OrgId;
use reqwest::Method;
use serde_json::Value;

use crate::kit::contract::{Caller, Contract, METHODS};
use crate::kit::emulator;
use crate::kit::server::{Install, RawAnswer, Server};

/// A server with an org, its tokens, and what is not this org's.
struct Matrix {
    server: Server,
    contract: Contract,
    org: OrgId,
    other: OrgId,
    admin: String,
    viewer: String,
    operator: String,
    /// A token of an org that was deleted.
    orphan: String,
    /// Everything that was not as the document says.
    flaws: Vec<String>,
    asked: usize,
}

/// One cell: what is asked, and by whom.
struct Cell<'a> {
    method: &'a Method,
    template: &'a str,
    /// What stands for `{org}` and for every other segment.
    filled: (&'a str, &'a str),
    token: Option<&'a str>,
    who: &'a str,
}

impl Matrix {
    async fn new() -> Self {
        let server = Server::over(Install::at(emulator::url()).await.patient());
        let (org, other) = (server.install().org("Acme"), server.install().org("Other"));
        let (admin, viewer) = (server.access_token(org, "admin").await, server.access_token(org, "viewer").await);
        let contract = Contract::of(&server).await;
        let operator = server.install().operator_token();
        let gone = server.install().org("Gone");
        let orphan = server.access_token(gone, "admin").await;
        let deleted =
            server.raw(Method::DELETE, &format!("/operator/v1/orgs/{gone}"), Some(&operator), Vec::new()).await;
        assert_eq!(deleted.status, 204, "{}", deleted.text);
        Self { server, contract, org, other, admin, viewer, operator, orphan, flaws: Vec::new(), asked: 0 }
    }

    /// Asks, and keeps what is not as listed; `expected` are the statuses that this cell may have.
    async fn ask(&mut self, cell: Cell<'_>, expected: &[u16]) {
        let Cell { method, template, filled, token, who } = cell;
        let path = fill(template, filled);
        let sends = [Method::POST, Method::PUT, Method::PATCH].contains(method);
        let body = if sends { b"no JSON".to_vec() } else { Vec::new() };
        let answer = self.server.raw(method.clone(), &path, token, body).await;
        self.asked += 1;
        let flaw = Contract::flaw(self.contract.operation(method, template), method, &answer);
        let RawAnswer { status, text, .. } = &answer;
        let unexpected = (!expected.contains(status)).then(|| format!("{status}, not one of {expected:?}"));
        for flaw in flaw.into_iter().chain(unexpected) {
            self.flaws.push(format!("{method} {path} as {who}: {flaw}: {text}"));
        }
    }

    /// Everything about one method of one path.
    async fn cell(&mut self, (method, template): (&Method, &str)) {
        let operation = self.contract.operation(method, template).cloned();
        let (org, other, admin, viewer) =
            (self.org.to_string(), self.other.to_string(), self.admin.clone(), self.viewer.clone());
        let right = (org.as_str(), NOBODYS);
        let cell = |token, filled, who| Cell { method, template, filled, token, who };
        let Some(operation) = operation else {
            for token in [None, Some(admin.as_str())] {
                self.ask(cell(token, right, "anybody"), &[405]).await;
            }
            return;
        };
        let caller = Contract::caller(&operation);
        if caller == Caller::Anybody {
            let expected: Vec<u16> = [200, 400].into();
            return self.ask(cell(None, right, "anybody"), &expected).await;
        }
        let (operator, orphan) = (self.operator.clone(), self.orphan.clone());
        for token in [None, Some(""), Some("wrong"), Some(orphan.as_str())] {
            self.ask(cell(token, right, "nobody"), &[401]).await;
        }
        if caller == Caller::Operator {
            for token in [&admin, &viewer] {
                self.ask(cell(Some(token), right, "an org's own"), &[403]).await;
            }
            for wrong in [NOBODYS, "x", "0", "-1", "%FF"] {
                self.ask(cell(Some(&operator), (wrong, wrong), "operator"), &allowed(&operation, template)).await;
            }
            return;
        }
        self.ask(cell(Some(&operator), right, "operator"), &[403]).await;
        for org in [other.as_str(), "987654321012345678", "0", "-1", "acme", "%FF", "%2F"] {
            for token in [&admin, &viewer] {
                self.ask(cell(Some(token), (org, NOBODYS), "another org's"), &[403]).await;
            }
        }
        if caller == Caller::Admin {
            self.ask(cell(Some(&viewer), right, "viewer"), &[403]).await;
        } else {
            self.ask(cell(Some(&viewer), right, "viewer"), &allowed(&operation, template)).await;
        }
        for wrong in [NOBODYS, "x", "aws-1", "%FF", "%2F", "aws-123456789012%00", "-1"] {
            self.ask(cell(Some(&admin), (&org, wrong), "admin"), &allowed(&operation, template)).await;
        }
    }
}

/// The bill connect that nobody has; other segments make no sense of it either.
const NOBODYS: &str = "aws-000000000000";

/// What who may call it can be answered for a path that names nothing, or with a body that is no JSON.
fn allowed(operation: &Value, template: &str) -> Vec<u16> {
    let own = template.replace("{org}", "");
    let names_something = own.contains('{');
    if names_something && operation["requestBody"].is_object() {
        // A body that can't be read is told before what it is about is looked for.
        vec![400, 404]
    } else if names_something {
        vec![404]
    } else if operation["requestBody"].is_object() {
        vec![400]
    } else if operation["responses"]["400"].is_object() {
        // The query may have to name something.
        vec![200, 400]
    } else {
        // What was made a moment ago may stand in the way of another.
        let conflict = operation["responses"]["409"].is_object().then_some(409);
        [200, 201, 204, 404].into_iter().chain(conflict).collect()
    }
}

/// The path with its segments filled in.
fn fill(template: &str, (org, other): (&str, &str)) -> String {
    let segments = template.split('/').map(|segment| match segment {
        "{org}" => org,
        segment if segment.starts_with('{') => other,
        segment => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_cell_of_the_matrix_is_as_the_document_says() {
    let mut matrix = Matrix::new().await;
    let paths: Vec<String> = matrix.contract.paths().into_iter().map(str::to_owned).collect();
    for path in &paths {
        for method in &METHODS {
            matrix.cell((method, path)).await;
        }
    }
    assert!(matrix.flaws.is_empty(), "{} of {}:\n{}", matrix.flaws.len(), matrix.asked, matrix.flaws.join("\n"));
    assert!(matrix.asked > paths.len() * METHODS.len(), "{}", matrix.asked);
}

#[tokio::test]
async fn the_router_serves_what_the_document_lists_and_nothing_else() {
    let server = Server::over(Install::offline());
    let contract = Contract::of(&server).await;
    let listed: BTreeSet<(String, String)> =
        contract.operations().into_iter().map(|(method, path)| (method.to_string(), path.to_owned())).collect();
    let routed: BTreeSet<(String, String)> =
        api::route_list().into_iter().map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(listed, routed);
    let committed = include_str!("../../../../docs/openapi.json");
    let answer = server.raw(Method::GET, "/openapi.json", None, Vec::new()).await;
    assert!(answer.text == committed, "docs/openapi.json is not what is served: run `make docs`");
}

#[tokio::test]
async fn other_vendors_are_not_found_in_the_form_of_all_errors() {
    let matrix = Matrix::new().await;
    let (org, mut asked) = (matrix.org, 0);
    for vendor in ["azure", "google", "gcp", "oracle"] {
        for path in [
            format!("/api/onboarding/orgs/{org}/bill_connects/{vendor}"),
            format!("/api/onboarding/orgs/{org}/bill_connects/{vendor}/ea"),
            format!("/api/onboarding/orgs/{org}/bill_connects/{vendor}/{vendor}-1"),
            format!("/finops-onboarding/v1/orgs/{org}/bill-connects/{vendor}/service-account"),
            format!("/finops-onboarding/v1/orgs/{org}/bill-connects/{vendor}/service-account/{vendor}-1"),
            format!("/finops-onboarding/v1/orgs/{org}/bill-connects/{vendor}/{vendor}-1/validation"),
        ] {
            for (method, token) in METHODS.iter().flat_map(|method| [(method, None), (method, Some(&matrix.admin))]) {
                let answer = matrix.server.raw(method.clone(), &path, token.map(String::as_str), Vec::new()).await;
                let flaw = Contract::flaw(None, method, &answer);
                assert_eq!((answer.status, flaw), (404, None), "{method} {path}: {}", answer.text);
                asked += 1;
            }
        }
    }
    assert_eq!(asked, 4 * 6 * 7 * 2);
}

#[test]
fn what_is_not_listed_is_a_flaw() {
    let operation = serde_json::json!({ "responses": {
        "200": { "content": { "application/json": {} } }, "204": {}, "404": { "content": { "application/vnd.goa.error": {} } }
    }});
    let flaw = |status, content_type: &str, text: &str| {
        let answer = RawAnswer { status, content_type: content_type.to_owned(), text: text.to_owned() };
        Contract::flaw(Some(&operation), &Method::GET, &answer)
    };
    let six = r#"{"name":"not_found","id":"1","message":"m","temporary":false,"timeout":false,"fault":false"#;
    let kind = "application/vnd.goa.error";
    assert_eq!(flaw(200, "application/json", "{}"), None);
    assert_eq!(flaw(204, "", ""), None);
    assert_eq!(flaw(404, kind, &format!("{six}}}")), None);
    assert_eq!(flaw(404, kind, &format!(r#"{six},"checks":[]}}"#)), None);
    assert!(flaw(201, "application/json", "{}").is_some(), "the status is not listed");
    assert!(flaw(200, "text/plain", "x").is_some(), "the content type is not listed");
    assert!(flaw(204, "text/plain", "x").is_some(), "it should carry nothing");
    assert!(flaw(404, kind, &format!(r#"{six},"more":1}}"#)).is_some(), "a field too many");
    assert!(flaw(404, kind, r#"{"name":"not_found"}"#).is_some(), "fields are missing");
    assert!(flaw(404, "application/json", "{}").is_some(), "not the form of errors");
}
