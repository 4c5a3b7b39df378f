//! The page of the documentation: words by hand, then every route, body and answer out of the document.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::document;
use crate::error::ERRORS;

/// What is said by hand. `{errors}` stands for the table of errors.
const INTRODUCTION: &str = include_str!("introduction.md");

/// The page `docs/api.md`.
pub(super) fn markdown() -> String {
    let document = document();
    let mut page = INTRODUCTION.replace("{errors}\n", &errors());
    page.push_str("\n## Every call\n\nThis is `GET /openapi.json` for people; [openapi.json](openapi.json) is the same for machines.\n");
    for tag in items(&document["tags"]) {
        let _ = write!(page, "\n### {}\n\n{}\n", text(&tag["name"]), text(&tag["description"]));
        page.push_str("\n| call | who | | answers |\n|---|---|---|---|\n");
        for (path, method, operation) in
            operations(&document).filter(|(.., operation)| operation["tags"][0] == tag["name"])
        {
            row(&mut page, (path, method), operation);
        }
    }
    page.push_str("\n## Bodies and answers\n");
    for (name, schema) in object(&document["components"]["schemas"]) {
        described(&mut page, name, schema);
    }
    page
}

fn errors() -> String {
    let mut table = "| status | `name` | when |\n|---|---|---|\n".to_owned();
    for (status, name, when) in ERRORS {
        let _ = writeln!(table, "| {status} | `{name}` | {when} |");
    }
    table
}

fn row(page: &mut String, (path, method): (&str, &str), operation: &Value) {
    let who = match &operation["security"][0] {
        Value::Object(scheme) => {
            let role = scheme.iter().map(|(name, roles)| roles[0].as_str().unwrap_or(name));
            role.collect::<Vec<_>>().join(", ")
        }
        _ => "anybody".to_owned(),
    };
    let _ = write!(page, "| `{} {path}` | {who} | {}", method.to_uppercase(), text(&operation["summary"]));
    if let Some(description) = operation["description"].as_str() {
        let _ = write!(page, ". {description}");
    }
    for parameter in items(&operation["parameters"]).iter().filter(|parameter| parameter["in"] == "query") {
        let _ = write!(page, "<br>`?{}=`: {}", text(&parameter["name"]), text(&parameter["description"]));
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if body.is_object() {
        let _ = write!(page, "<br>takes {}", kind(body));
    }
    let answers = object(&operation["responses"]).iter().map(|(status, answer)| {
        let contents = object(&answer["content"]).values();
        let mut kinds: Vec<String> = contents.map(|content| kind(&content["schema"])).collect();
        kinds.dedup();
        let shown = status.starts_with('2') && !kinds.is_empty();
        if shown { format!("{status} {}", kinds.join(" or ")) } else { status.clone() }
    });
    let _ = writeln!(page, " | {} |", answers.collect::<Vec<_>>().join(", "));
}

/// A named schema: a line on what it is, a table of its fields, an example.
fn described(page: &mut String, name: &str, schema: &Value) {
    let _ = write!(page, "\n### `{name}`\n");
    if let Some(description) = schema["description"].as_str() {
        let _ = write!(page, "\n{description}\n");
    }
    let fields = object(&schema["properties"]);
    if !fields.is_empty() {
        page.push_str("\n| field | holds | |\n|---|---|---|\n");
    }
    for (field, held) in fields {
        let needed = items(&schema["required"]).iter().any(|needed| needed == field);
        let optional = if needed { "" } else { ", optional" };
        let _ = writeln!(page, "| `{field}` | {}{optional} | {} |", kind(held), about(held));
    }
    for one in items(&schema["oneOf"]) {
        let fields: Vec<String> =
            object(&one["properties"]).iter().map(|(field, held)| format!("`{field}` {}", kind(held))).collect();
        let _ = write!(page, "\n- {}", fields.join(", "));
    }
    if schema["oneOf"].is_array() {
        page.push('\n');
    }
    if let Some(example) = items(&schema["examples"]).first() {
        let _ = write!(page, "\nFor example:\n\n    {example}\n");
    }
}

/// What a field is about: its words, and what it may look like.
fn about(held: &Value) -> String {
    let words = text(&held["description"]).replace('\n', " ").replace('|', "\\|");
    match held.get("example") {
        Some(example) if words.is_empty() => format!("Like `{}`.", plain(example)),
        Some(example) => format!("{words} Like `{}`.", plain(example)),
        None => words,
    }
}

/// What a schema allows, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|to| to.rsplit('/').next()) {
        return format!("[`{name}`](#{})", name.to_lowercase());
    }
    if schema["const"].is_string() {
        return format!("`{}`", text(&schema["const"]));
    }
    let words = items(&schema["enum"]);
    if !words.is_empty() {
        return words.iter().map(|word| format!("`{}`", plain(word))).collect::<Vec<_>>().join(", ");
    }
    let kinds = items(&schema["anyOf"]);
    if !kinds.is_empty() {
        return kinds.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    match text(&schema["type"]) {
        "array" => format!("array of {}", kind(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("object of {}", kind(&schema["additionalProperties"]))
        }
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        other => other.to_owned(),
    }
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = object(&document["paths"]).iter();
    paths.flat_map(|(path, item)| {
        object(item).iter().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn object(value: &Value) -> &Map<String, Value> {
    static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&EMPTY)
}
