//! Lists, as the second generation says them.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// A list, and what it is a list of.
#[derive(Debug, Serialize)]
pub(crate) struct List<T> {
    pub(super) kind: &'static str,
    pub(super) values: Vec<T>,
}

impl<T: ToSchema> PartialSchema for List<T> {
    fn schema() -> RefOr<Schema> {
        list_of::<T>().into()
    }
}

/// What every list has.
pub(super) fn list_of<T: ToSchema>() -> ObjectBuilder {
    let values = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
    let kind = ObjectBuilder::new().schema_type(Type::String).description(Some("What it is a list of."));
    let list = ObjectBuilder::new().description(Some("A list; `values` is empty where there is nothing."));
    list.property("kind", kind).property("values", values).required("kind").required("values")
}

impl<T: ToSchema> ToSchema for List<T> {
    fn name() -> Cow<'static, str> {
        format!("{}List", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}
