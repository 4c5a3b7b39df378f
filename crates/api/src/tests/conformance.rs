//! Every answer of every test is held against the document: its status must be listed, and its body as its schema says.

use std::sync::LazyLock;

use serde_json::Value;

static DOCUMENT: LazyLock<Value> = LazyLock::new(crate::openapi::document);

/// Panics where an answer is not one that the document lists.
#[track_caller]
pub(super) fn check((method, path): (&str, &str), (status, content, body): (u16, &str, &str)) {
    let Some(operation) = operation(method, path) else {
        assert!([404, 405].contains(&status), "{method} {path} is not in the document, but answered {status}");
        return;
    };
    let listed = &operation["responses"][status.to_string()];
    assert!(listed.is_object(), "{method} {path} answered {status}, which the document does not list: {body}");
    let Some(contents) = listed["content"].as_object() else {
        assert_eq!(body, "", "{method} {path} {status} carries nothing");
        return;
    };
    let kind = content.split(';').next().unwrap_or_default();
    let schema = &contents.get(kind).unwrap_or_else(|| panic!("{method} {path} {status} came as {content}"))["schema"];
    if kind.ends_with("json") || kind.ends_with("goa.error") {
        let problems = problems(schema, &serde_json::from_str(body).unwrap());
        assert!(problems.is_empty(), "{method} {path} {status}: {problems:?} in {body}");
    }
}

/// The operation that serves a path: one without parameters before one with them.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let fits = |template: &str| {
        let (wanted, given) = (template.split('/'), path.split('/'));
        let same = wanted.clone().count() == given.clone().count();
        same && wanted
            .zip(given)
            .all(|(wanted, given)| wanted == given || (wanted.starts_with('{') && !given.is_empty()))
    };
    let paths = DOCUMENT["paths"].as_object()?;
    let mut serving: Vec<_> = paths.iter().filter(|(template, _)| fits(template)).collect();
    serving.sort_by_key(|(template, _)| template.matches('{').count());
    let method = if method == "HEAD" { "get".to_owned() } else { method.to_ascii_lowercase() };
    serving.first()?.1.get(&method)
}

/// What about a value is not as the schema says. An object may have no field beyond those that are listed.
fn problems(schema: &Value, value: &Value) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return problems(DOCUMENT.pointer(&reference[1..]).expect("references lead somewhere"), value);
    }
    if let Some(kinds) = schema["anyOf"].as_array() {
        return kinds.iter().map(|kind| problems(kind, value)).min_by_key(Vec::len).unwrap_or_default();
    }
    if let Some(words) = schema["enum"].as_array() {
        return if words.contains(value) { Vec::new() } else { vec![format!("{value} is none of {words:?}")] };
    }
    match (schema["type"].as_str(), value) {
        (Some("object"), Value::Object(object)) => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let missing =
                required.filter(|name| !object.contains_key(*name)).map(|name| format!("`{name}` is missing"));
            let inner = object.iter().flat_map(|(name, value)| {
                match (&schema["properties"][name], &schema["additionalProperties"]) {
                    (Value::Null, Value::Null) if schema["properties"].is_object() => {
                        vec![format!("`{name}` is not documented")]
                    }
                    (Value::Null, Value::Null) => Vec::new(),
                    (Value::Null, any) => problems(any, value),
                    (property, _) => problems(property, value),
                }
            });
            missing.chain(inner).collect()
        }
        (Some("array"), Value::Array(values)) => {
            values.iter().flat_map(|value| problems(&schema["items"], value)).collect()
        }
        (Some("string"), Value::String(_)) | (Some("number"), Value::Number(_)) | (Some("boolean"), Value::Bool(_)) => {
            Vec::new()
        }
        (Some("integer"), Value::Number(number)) if number.is_i64() || number.is_u64() => Vec::new(),
        (kind, value) => vec![format!("{value} is no {kind:?}")],
    }
}

#[test]
fn what_is_not_as_documented_is_found() {
    let schema = serde_json::json!({ "$ref": "#/components/schemas/Health" });
    let found = |value: Value| problems(&schema, &value).join(" ");
    assert_eq!(found(serde_json::json!({ "status": "ok" })), "");
    assert!(found(serde_json::json!({})).contains("`status` is missing"));
    assert!(found(serde_json::json!({ "status": 1 })).contains("1 is no"));
    assert!(found(serde_json::json!({ "status": "ok", "more": 1 })).contains("`more` is not documented"));
    assert!(found(serde_json::json!([])).contains("[] is no"));
    let unlisted = std::panic::catch_unwind(|| check(("GET", "/healthz"), (418, "application/json", "{}")));
    assert!(unlisted.is_err());
    let untold = std::panic::catch_unwind(|| check(("GET", "/nowhere"), (200, "application/json", "{}")));
    assert!(untold.is_err());
}
