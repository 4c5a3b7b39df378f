//! The document that a running server gives of itself, and whether an answer is one that it lists.

use reqwest::Method;
use serde_json::Value;

use super::server::{RawAnswer, Server};

/// Every method that a client may try.
pub const METHODS: [Method; 7] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];

/// What every error has, in this order; `checks` may come behind.
const ERROR_FIELDS: [&str; 6] = ["name", "id", "message", "temporary", "timeout", "fault"];

/// A server's `OpenAPI` document.
pub struct Contract {
    document: Value,
}

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Anybody.
    Anybody,
    /// Whoever has a token of the org.
    Viewer,
    /// Whoever has a token of the org with the role `admin`.
    Admin,
    /// Whoever has an operator token.
    Operator,
}

impl Contract {
    /// Asks a server for it.
    pub async fn of(server: &Server) -> Self {
        let answer = server.raw(Method::GET, "/openapi.json", None, Vec::new()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        Self { document: serde_json::from_str(&answer.text).expect("the document is JSON") }
    }

    /// Every path.
    pub fn paths(&self) -> Vec<&str> {
        let paths = self.document["paths"].as_object().expect("paths");
        paths.keys().map(String::as_str).collect()
    }

    /// Every operation that is written down: its method and path.
    pub fn operations(&self) -> Vec<(Method, &str)> {
        let all = self.paths().into_iter().flat_map(|path| METHODS.map(|method| (method, path)));
        all.filter(|(method, path)| self.document["paths"][path][method.as_str().to_ascii_lowercase()].is_object())
            .collect()
    }

    /// What is written down for a method of a path; `HEAD` is what `GET` is.
    pub fn operation(&self, method: &Method, path: &str) -> Option<&Value> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let operation = &self.document["paths"][path][method.as_str().to_ascii_lowercase()];
        operation.is_object().then_some(operation)
    }

    /// The fields of an operation's body; none where it takes none.
    pub fn fields(&self, method: &Method, path: &str) -> Vec<String> {
        let body =
            self.operation(method, path).map(|operation| &operation["requestBody"]["content"]["application/json"]);
        let reference = body.and_then(|body| body["schema"]["$ref"].as_str()).unwrap_or("#");
        let schema = self.document.pointer(&reference[1..]).expect("references lead somewhere");
        schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    }

    /// The parameters of an operation's query.
    pub fn queries(&self, method: &Method, path: &str) -> Vec<String> {
        let parameters = self.operation(method, path).map(|operation| &operation["parameters"]);
        let parameters = parameters.and_then(Value::as_array).into_iter().flatten();
        let in_query = parameters.filter(|parameter| parameter["in"] == "query");
        in_query.filter_map(|parameter| parameter["name"].as_str()).map(str::to_owned).collect()
    }

    /// Who may call an operation.
    pub fn caller(operation: &Value) -> Caller {
        let security = &operation["security"];
        if security[0]["operator"].is_array() {
            return Caller::Operator;
        }
        match (security.as_array().map(Vec::len), security[0]["bearer"][0].as_str()) {
            (Some(0), None) => Caller::Anybody,
            (Some(1), Some("viewer")) => Caller::Viewer,
            (Some(1), Some("admin")) => Caller::Admin,
            other => panic!("nobody knows who that is: {other:?}"),
        }
    }

    /// What of an answer is not as the operation says; nothing where all is.
    pub fn flaw(operation: Option<&Value>, method: &Method, answer: &RawAnswer) -> Option<String> {
        let RawAnswer { status, content_type, text } = answer;
        let content_type = content_type.split(';').next().unwrap_or_default();
        let listed = operation.map(|operation| &operation["responses"][status.to_string()]);
        match listed {
            Some(listed) if !listed.is_object() => return Some(format!("{status} is not listed")),
            None if ![404, 405].contains(status) => return Some(format!("{status} for what is not there")),
            Some(listed) => {
                let contents = listed["content"].as_object();
                let fits = contents.map_or(text.is_empty(), |contents| contents.contains_key(content_type));
                if !fits && *method != Method::HEAD {
                    return Some(format!("{status} came as `{content_type}`"));
                }
            }
            None => {}
        }
        if *status < 400 { None } else { error_flaw(content_type, (method, text)) }
    }
}

/// What of an error is not in the one form.
fn error_flaw(content_type: &str, (method, text): (&Method, &str)) -> Option<String> {
    if content_type != "application/vnd.goa.error" {
        return Some(format!("an error came as `{content_type}`"));
    }
    if *method == Method::HEAD {
        return None;
    }
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    let fields: Vec<&str> = body.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let (six, more) = fields.split_at(fields.len().min(ERROR_FIELDS.len()));
    let fine = six == ERROR_FIELDS && (more.is_empty() || more == ["checks"]);
    (!fine).then(|| format!("an error has the fields {fields:?}"))
}
