//! What a request's body may hold: the list that the document prints and that the reader is held to.

use serde_json::{Map, Value, json};

use crate::openapi::shape::reference;

/// The fields of a body.
pub(crate) struct BodyDoc {
    /// The schema's name in the document.
    pub(crate) name: &'static str,
    pub(crate) fields: Vec<FieldDoc>,
}

/// One field.
#[derive(Debug, Clone)]
pub(crate) struct FieldDoc {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Whether a body without it is always refused.
    pub(crate) needed: bool,
    /// What it is, in words.
    pub(crate) about: &'static str,
    example: Option<Value>,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Text,
    /// A text, or `null`, which takes it away.
    Clearable,
    /// A text that is one of these.
    Word(&'static [&'static str]),
    /// An array of texts; the least and the most of them.
    Texts(usize, usize),
    /// A whole number from this on.
    Whole(u64),
    /// `true` or `false`.
    Flag,
    /// A schema of its own: its name, and what it is.
    Named(&'static str, fn() -> Value),
}

impl BodyDoc {
    /// The field of this name.
    pub(crate) fn field(&self, name: &str) -> Option<&FieldDoc> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The schema. Fields that are not in it are ignored, so it allows them; `null` is as good as absent but in those that it
    /// takes away, and nothing to send.
    pub(crate) fn schema(&self) -> Value {
        let properties: Map<String, Value> =
            self.fields.iter().map(|field| (field.name.to_owned(), field.schema())).collect();
        let required: Vec<&str> = self.fields.iter().filter(|field| field.needed).map(|field| field.name).collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        let example: Map<String, Value> =
            self.fields.iter().filter_map(|field| Some((field.name.to_owned(), field.example.clone()?))).collect();
        if !example.is_empty() {
            schema["examples"] = json!([example]);
        }
        schema
    }

    /// The named schemas that it needs: its own and those of its fields.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&str, Value)> {
        let named = self.fields.iter().filter_map(|field| match field.kind {
            Kind::Named(name, schema) => Some((name, schema())),
            _ => None,
        });
        std::iter::once((self.name, self.schema())).chain(named)
    }
}

impl FieldDoc {
    fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, needed: true, about, example: None }
    }

    pub(crate) fn text(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Text, about)
    }

    /// A text that may be absent, and that `null` or an empty one takes away.
    pub(crate) fn clearable(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Clearable, about).optional()
    }

    /// Whether `null` says something.
    pub(crate) fn is_clearable(&self) -> bool {
        matches!(self.kind, Kind::Clearable)
    }

    pub(crate) fn word(name: &'static str, words: &'static [&'static str], about: &'static str) -> Self {
        Self::new(name, Kind::Word(words), about)
    }

    pub(crate) fn texts(name: &'static str, (least, most): (usize, usize), about: &'static str) -> Self {
        Self::new(name, Kind::Texts(least, most), about)
    }

    pub(crate) fn whole(name: &'static str, least: u64, about: &'static str) -> Self {
        Self::new(name, Kind::Whole(least), about)
    }

    pub(crate) fn flag(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Flag, about)
    }

    pub(crate) fn named(name: &'static str, schema: (&'static str, fn() -> Value), about: &'static str) -> Self {
        Self::new(name, Kind::Named(schema.0, schema.1), about)
    }

    /// The body may do without it, at least sometimes.
    pub(crate) fn optional(self) -> Self {
        Self { needed: false, ..self }
    }

    /// What it may look like.
    pub(crate) fn example(self, example: impl Into<Value>) -> Self {
        Self { example: Some(example.into()), ..self }
    }

    fn schema(&self) -> Value {
        let mut schema = match self.kind {
            Kind::Text => json!({ "type": "string" }),
            Kind::Clearable => json!({ "type": ["string", "null"] }),
            Kind::Word(words) => json!({ "type": "string", "enum": words }),
            Kind::Texts(least, most) => {
                json!({ "type": "array", "items": { "type": "string" }, "minItems": least, "maxItems": most })
            }
            Kind::Whole(least) => json!({ "type": "integer", "minimum": least }),
            Kind::Flag => json!({ "type": "boolean" }),
            Kind::Named(name, _) => reference(name),
        };
        schema["description"] = json!(self.about);
        schema
    }
}
