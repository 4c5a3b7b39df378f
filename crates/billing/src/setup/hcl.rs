//! Writes HCL, Terraform's language, the way `terraform fmt` lays it out.

use std::fmt::Write as _;

use serde_json::Value;

/// An attribute's value.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    /// An expression as it stands.
    Raw(String),
    /// A value; texts in it may hold `${…}`.
    Value(Value),
    /// A value as JSON text.
    Json(Value),
}

/// A block, or the body of a file.
#[derive(Debug, Clone)]
pub(super) struct Block {
    header: String,
    items: Vec<Item>,
}

#[derive(Debug, Clone)]
enum Item {
    Attribute(String, Expr),
    Block(Block),
}

impl Expr {
    /// An expression as it stands.
    pub(super) fn raw(text: &str) -> Self {
        Self::Raw(text.to_owned())
    }

    /// A text; it may hold `${…}`.
    pub(super) fn text(text: &str) -> Self {
        Self::Value(Value::from(text))
    }
}

impl Block {
    /// An empty block, such as `resource "aws_iam_role" "reader"`.
    pub(super) fn new(header: &str) -> Self {
        Self { header: header.to_owned(), items: Vec::new() }
    }

    /// With an attribute more.
    pub(super) fn set(mut self, name: &str, expr: Expr) -> Self {
        self.items.push(Item::Attribute(name.to_owned(), expr));
        self
    }

    /// With a block more.
    pub(super) fn nest(mut self, block: Self) -> Self {
        self.items.push(Item::Block(block));
        self
    }

    fn write(&self, depth: usize) -> String {
        let pad = "  ".repeat(depth);
        if self.items.is_empty() {
            return format!("{pad}{} {{}}\n", self.header);
        }
        format!("{pad}{} {{\n{}{pad}}}\n", self.header, items(&self.items, depth + 1))
    }
}

/// A file of blocks, with what it is for at its head.
pub(super) fn file(about: &str, blocks: &[Block]) -> String {
    let blocks = blocks.iter().map(|block| format!("\n{}", block.write(0)));
    format!("# {about}\n{}", blocks.collect::<String>())
}

/// Blocks stand apart by an empty line; attributes stand together.
fn items(items: &[Item], depth: usize) -> String {
    let mut text = String::new();
    let mut run = Vec::new();
    for item in items {
        match item {
            Item::Attribute(name, expr) => run.push((name.clone(), expression(expr, depth))),
            Item::Block(block) => {
                text.push_str(&attributes(&std::mem::take(&mut run), depth));
                if !text.is_empty() {
                    text.push('\n');
                }
                text.push_str(&block.write(depth));
            }
        }
    }
    text.push_str(&attributes(&run, depth));
    text
}

/// Neighbours that take one line each have their `=` in one column.
fn attributes(run: &[(String, String)], depth: usize) -> String {
    let pad = "  ".repeat(depth);
    let mut text = String::new();
    for neighbours in run.chunk_by(|(_, a), (_, b)| a.contains('\n') == b.contains('\n')) {
        let single = neighbours.iter().all(|(_, value)| !value.contains('\n'));
        let longest = neighbours.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        let width = if single { longest } else { 0 };
        for (name, value) in neighbours {
            // A String takes any text.
            let _ = writeln!(text, "{pad}{name:width$} = {value}");
        }
    }
    text
}

fn expression(expr: &Expr, depth: usize) -> String {
    match expr {
        Expr::Raw(text) => text.clone(),
        Expr::Value(value) => literal(value, depth),
        Expr::Json(value) => format!("jsonencode({})", literal(value, depth)),
    }
}

fn literal(value: &Value, depth: usize) -> String {
    let pad = "  ".repeat(depth);
    match value {
        Value::String(text) => template(text),
        Value::Array(values) if values.iter().any(Value::is_object) => {
            let inner = "  ".repeat(depth + 1);
            let values = values.iter().map(|value| format!("{inner}{},\n", literal(value, depth + 1)));
            format!("[\n{}{pad}]", values.collect::<String>())
        }
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(|value| literal(value, depth)).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Object(object) if object.is_empty() => "{}".to_owned(),
        Value::Object(object) => {
            let run = object.iter().map(|(name, value)| (key(name), literal(value, depth + 1)));
            format!("{{\n{}{pad}}}", attributes(&run.collect::<Vec<_>>(), depth + 1))
        }
        other => other.to_string(),
    }
}

/// A key needs quotes where it is no name, such as `sts:ExternalId`.
fn key(name: &str) -> String {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain { name.to_owned() } else { template(name) }
}

/// A text, or the bare expression where the text is nothing but one.
fn template(text: &str) -> String {
    let expression = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    if let Some(expression) = expression.filter(|expression| !expression.contains("${")) {
        return expression.to_owned();
    }
    let text = text.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n").replace("%{", "%%{");
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_line_attributes_are_aligned_and_others_stand_apart() {
        let value = json!({ "Action": ["a", "b"], "Condition": { "StringEquals": { "sts:ExternalId": "${var.id}" } }, "Sid": "x" });
        let block = Block::new("locals").set("policy", Expr::Json(json!([value])));
        let expected = r#"# About.

locals {
  policy = jsonencode([
    {
      Action = ["a", "b"]
      Condition = {
        StringEquals = {
          "sts:ExternalId" = var.id
        }
      }
      Sid = "x"
    },
  ])
}
"#;
        assert_eq!(file("About.", &[block]), expected);
    }

    #[test]
    fn texts_keep_their_expressions_and_lose_no_character() {
        assert_eq!(template("arn:${a}:${b}/*"), r#""arn:${a}:${b}/*""#);
        assert_eq!(template("${a.b}"), "a.b");
        assert_eq!(template("${a}${b}"), r#""${a}${b}""#);
        assert_eq!(template("50%{x} \"\\"), r#""50%%{x} \"\\""#);
    }
}
