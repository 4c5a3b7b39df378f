//! The JSON schema of an answer, taken from the type that makes the answer.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, schema::Schema};

/// A schema, and those that it refers to.
pub(crate) struct Shape {
    /// What stands where the shape is used.
    pub(crate) schema: Value,
    /// The named schemas that it needs, by name.
    parts: Vec<(String, RefOr<Schema>)>,
}

impl Shape {
    /// A type, by its name.
    pub(crate) fn of<T: ToSchema>() -> Self {
        let mut parts = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut parts);
        Self { schema: reference(&T::name()), parts }
    }

    /// An array of a type.
    pub(crate) fn array_of<T: ToSchema>() -> Self {
        let of = Self::of::<T>();
        Self { schema: json!({ "type": "array", "items": of.schema }), ..of }
    }

    /// An object whose keys are data.
    pub(crate) fn map_of<T: ToSchema>() -> Self {
        let of = Self::of::<T>();
        Self { schema: json!({ "type": "object", "additionalProperties": of.schema }), ..of }
    }

    /// An object of which no more is said.
    pub(crate) fn object() -> Self {
        Self { schema: json!({ "type": "object" }), parts: Vec::new() }
    }

    /// This, or an object of which no more is said.
    pub(crate) fn or_object(self) -> Self {
        Self { schema: json!({ "anyOf": [self.schema, { "type": "object" }] }), ..self }
    }

    /// A text that is no JSON.
    pub(crate) fn text() -> Self {
        Self { schema: json!({ "type": "string" }), parts: Vec::new() }
    }

    /// The named schemas, as the document has them.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&str, Value)> {
        let value = |schema| serde_json::to_value(schema).expect("a schema is JSON");
        self.parts.iter().map(move |(name, schema)| (name.as_str(), value(schema)))
    }
}

/// A reference to a named schema.
pub(crate) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// Puts named schemas among the others.
pub(crate) fn add<'a>(all: &mut Map<String, Value>, parts: impl Iterator<Item = (&'a str, Value)>) {
    for (name, schema) in parts {
        let taken = all.insert(name.to_owned(), schema.clone());
        debug_assert!(taken.is_none_or(|taken| taken == schema), "two types are called `{name}` in the document");
    }
}
