//! `tag_value(object, key)`: one value out of a JSON object kept as text, for dimensions on tags.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use ahash::RandomState;
use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{ScalarValue, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

/// The value under `key` of the JSON object in `object`; null where there is none, or an empty one.
pub(crate) fn tag_value(object: Expr, key: &str) -> Expr {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(TagValue::new().into()));
    FUNCTION.call(vec![object, lit(ScalarValue::Utf8View(Some(key.to_owned())))])
}

/// The function as the engine knows it. The key is an argument and no part of it, so two keys are never taken for one.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TagValue {
    signature: Signature,
}

impl TagValue {
    fn new() -> Self {
        Self { signature: Signature::exact(vec![DataType::Utf8View, DataType::Utf8View], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for TagValue {
    fn name(&self) -> &'static str {
        "tag_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [objects, ColumnarValue::Scalar(ScalarValue::Utf8View(Some(key)))] = &args.args[..] else {
            return exec_err!("`tag_value` takes a column and a text");
        };
        let objects = objects.to_array(args.number_rows)?;
        Ok(ColumnarValue::Array(values(objects.as_string_view(), key)))
    }
}

/// [`value`] of each object.
fn values(objects: &StringViewArray, key: &str) -> ArrayRef {
    let mut values = StringViewBuilder::with_capacity(objects.len());
    // Few objects are many rows': a file keeps each once, so that rows of one have the very same view of it.
    let mut known: HashMap<u128, Option<Cow<'_, str>>, RandomState> = HashMap::default();
    for (object, view) in objects.iter().zip(objects.views()) {
        match object {
            Some(object) => values.append_option(known.entry(*view).or_insert_with(|| value(object, key)).as_deref()),
            None => values.append_null(),
        }
    }
    Arc::new(values.finish())
}

/// The text under `key`; what is no JSON object has none.
fn value<'a>(object: &'a str, key: &str) -> Option<Cow<'a, str>> {
    let found = match plain_value(object, key) {
        Ok(found) => found.map(Cow::Borrowed),
        Err(NotPlain) => {
            Under(key).deserialize(&mut serde_json::Deserializer::from_str(object)).ok().flatten().map(Cow::Owned)
        }
    };
    found.filter(|value| !value.is_empty())
}

/// That an object is not one that holds nothing but texts, without an escape and without a space between them, as nearly all do.
#[derive(Debug, PartialEq, Eq)]
struct NotPlain;

/// The same of a plain object.
fn plain_value<'a>(object: &'a str, key: &str) -> std::result::Result<Option<&'a str>, NotPlain> {
    let mut rest = object.strip_prefix('{').ok_or(NotPlain)?;
    if rest == "}" {
        return Ok(None);
    }
    let mut found = None;
    loop {
        let (name, behind) = plain_text(rest).ok_or(NotPlain)?;
        let (text, behind) = behind.strip_prefix(':').and_then(plain_text).ok_or(NotPlain)?;
        if found.is_none() && name == key {
            found = Some(text);
        }
        match behind.strip_prefix(',') {
            Some(more) => rest = more,
            None if behind == "}" => return Ok(found),
            None => return Err(NotPlain),
        }
    }
}

/// The text in quotes that `json` begins with, and what is behind it.
fn plain_text(json: &str) -> Option<(&str, &str)> {
    let (text, behind) = json.strip_prefix('"')?.split_once('"')?;
    // JSON has control characters only escaped.
    text.bytes().all(|byte| byte != b'\\' && byte >= b' ').then_some((text, behind))
}

/// Takes the value under one key and skips everything else.
struct Under<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Under<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Under<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut found = None;
        // To the object's end, so that text which is cut off is no object.
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            if found.is_none() && key == self.0 {
                found = Some(match map.next_value::<serde_json::Value>()? {
                    serde_json::Value::String(text) => text,
                    other => other.to_string(),
                });
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(object: &str, key: &str, expect: Option<&str>) {
        assert_eq!(value(object, key).as_deref(), expect, "`{key}` of `{object}`");
    }

    #[test]
    fn one_value_is_found_among_many() {
        check(r#"{"a":"1","team":"x","z":{"team":"no"}}"#, "team", Some("x"));
        check(r#"{"a":{"team":"no"}}"#, "team", None);
        check(r#"{"a":"team"}"#, "team", None);
        check(r#"{"team":""}"#, "team", None);
        check(r#"{"team":null,"n":12.50}"#, "n", Some("12.50"));
    }

    #[test]
    fn keys_and_values_may_hold_anything() {
        check(r#"{"a\"b":"q\n\"\u00fc"}"#, "a\"b", Some("q\n\"ü"));
        check(r#"{"größe":"groß"}"#, "größe", Some("groß"));
        check(r#"{"gr\u00f6\u00dfe":"x"}"#, "größe", Some("x"));
    }

    #[test]
    fn plain_objects_are_read_as_json_is() {
        let plain = [r#"{"team":"x"}"#, r#"{"a":"","team":"x","team":"y"}"#, r#"{"a":"größe","b":"{,:}"}"#, "{}"];
        let others = [
            r#"{"team":"x""#,
            r#"{"team":"x"} "#,
            r#"{"team":"x",}"#,
            r#"{"team": "x"}"#,
            r#"{"a":1,"team":"x"}"#,
            r#"{"a\u0062":"x"}"#,
            "{\"team\":\"x\ny\"}",
            r#"{"a":"q\"","team":"x"}"#,
            "{",
            r#"{team:"x"}"#,
            r#"{"team""x"}"#,
        ];
        for key in ["team", "a", "b", ":", ","] {
            let json =
                |object: &str| Under(key).deserialize(&mut serde_json::Deserializer::from_str(object)).ok().flatten();
            for object in plain {
                assert_eq!(plain_value(object, key).unwrap().map(str::to_owned), json(object), "`{key}` of `{object}`");
            }
            for object in others {
                assert_eq!(plain_value(object, key), Err(NotPlain), "`{key}` of `{object}`");
                check(object, key, json(object).as_deref());
            }
        }
    }

    #[test]
    fn what_is_no_object_has_no_values() {
        for text in ["", "[]", "team", r#"{"team":"x""#, "null"] {
            check(text, "team", None);
        }
    }

    #[test]
    fn a_column_keeps_its_gaps() {
        let objects = StringViewArray::from(vec![Some(r#"{"k":"1"}"#), None, Some(r#"{"k":"1"}"#), Some("{}")]);
        let found = values(&objects, "k");
        let found: Vec<_> = found.as_string_view().iter().collect();
        assert_eq!(found, [Some("1"), None, Some("1"), None]);
    }
}
