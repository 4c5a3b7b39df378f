//! What is committed is what the table says, and the table says enough.

use super::*;

/// Compares a committed file with what it is made from; `UPDATE_DOCS=1` writes it anew.
fn committed(name: &str, text: &str) {
    let path = format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "docs/{name} is stale: run `make docs`");
}

#[test]
fn the_committed_page_of_the_api_is_current() {
    committed("api.md", &page::markdown());
}

#[test]
fn the_committed_page_of_openapi_is_current() {
    committed("openapi.json", &DOCUMENT);
}

/// Calls `look` with every value in the document.
fn walk(value: &Value, look: &mut impl FnMut(&Value)) {
    look(value);
    match value {
        Value::Object(object) => object.values().for_each(|value| walk(value, look)),
        Value::Array(values) => values.iter().for_each(|value| walk(value, look)),
        _ => {}
    }
}

#[test]
fn nothing_is_ever_null() {
    let mut document = document();
    // But in what changes something, where `null` takes it away.
    let schemas = document["components"]["schemas"].as_object_mut().unwrap();
    schemas.retain(|name, _| !name.ends_with("Change"));
    walk(&document, &mut |value| {
        let null =
            value["type"] == "null" || value["type"].as_array().is_some_and(|types| types.contains(&json!("null")));
        assert!(!null, "an optional field is left out, never null; say `#[schema(nullable = false)]`: {value}");
    });
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut references = 0;
    walk(&document, &mut |value| {
        if let Some(reference) = value["$ref"].as_str() {
            references += 1;
            assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
        }
    });
    assert!(references > 50, "{references}");
}

#[test]
fn every_operation_says_what_it_is() {
    let mut ids = std::collections::BTreeSet::new();
    for route in routes::all() {
        let named = format!("{} {}", route.method, route.path);
        assert!(!route.doc.summary.is_empty() && !route.doc.summary.ends_with('.'), "{named}");
        assert!(ids.insert(route.doc.id), "{named}: the id `{}` is taken or empty", route.doc.id);
        assert!(route.doc.answers.iter().any(|answer| (200..300).contains(&answer.status)), "{named}");
        for status in route.errors() {
            assert!(!error::when(status).is_empty(), "{named}: nothing is known of {status}");
        }
        // Every segment of the path is a documented parameter.
        let operation = document()["paths"][route.path][route.method.to_ascii_lowercase()].clone();
        let parameters = operation["parameters"].to_string();
        for segment in route.path.split('/').filter(|segment| segment.starts_with('{')) {
            let name = format!("\"name\":\"{}\"", segment.trim_matches(['{', '}']));
            assert!(parameters.contains(&name), "{named}: `{segment}` is not documented");
        }
    }
    assert!(ids.len() >= 18);
}

#[test]
fn two_types_of_one_name_are_found() {
    let mut all = Map::new();
    add(&mut all, [("A", json!({ "type": "string" }))].into_iter());
    add(&mut all, [("A", json!({ "type": "string" }))].into_iter());
    let other = std::panic::catch_unwind(move || add(&mut all, [("A", json!({ "type": "number" }))].into_iter()));
    assert!(other.is_err());
}
