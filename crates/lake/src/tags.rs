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

/// After so many rows it is clear whether objects repeat.
const TRIED: usize = 512;

/// [`value`] of each object.
fn values(objects: &StringViewArray, key: &str) -> ArrayRef {
    let mut values = StringViewBuilder::with_capacity(objects.len());
    // Where few objects are many rows', a file keeps each once, so that rows of one have the very same view of it.
    let mut known: HashMap<u128, Option<Cow<'_, str>>, RandomState> = HashMap::default();
    let mut repeats = true;
    for (row, (object, view)) in objects.iter().zip(objects.views()).enumerate() {
        // Where nearly all are new, looking each up costs as much as reading it.
        if row == TRIED && known.len() * 8 > TRIED * 7 {
            repeats = false;
        }
        match object {
            Some(object) if repeats => {
                values.append_option(known.entry(*view).or_insert_with(|| value(object, key)).as_deref());
            }
            Some(object) => values.append_option(value(object, key)),
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

/// That an object is not one that holds nothing but texts, without a space between them, as nearly all do; or that what was
/// looked for may have an escape in it.
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
        if name.escaped && name.text.len() > key.len() {
            return Err(NotPlain);
        }
        if found.is_none() && name.text == key {
            if text.escaped {
                return Err(NotPlain);
            }
            found = Some(text.text);
        }
        match behind.strip_prefix(',') {
            Some(more) => rest = more,
            None if behind == "}" => return Ok(found),
            None => return Err(NotPlain),
        }
    }
}

/// A text as JSON has it.
struct Quoted<'a> {
    text: &'a str,
    /// Whether it has escapes, which make it longer than what they stand for.
    escaped: bool,
}

/// The text in quotes that `json` begins with, and what is behind it.
fn plain_text(json: &str) -> Option<(Quoted<'_>, &str)> {
    let inner = json.strip_prefix('"')?;
    let bytes = inner.as_bytes();
    let (mut at, mut escaped) = (0, false);
    // Texts are short: looking for the next quote byte by byte is quicker than many at once.
    while *bytes.get(at)? != b'"' {
        match bytes[at] {
            b'\\' if br#""\/bfnrt"#.contains(bytes.get(at + 1)?) => (escaped, at) = (true, at + 2),
            // JSON has control characters only escaped.
            b'\\' | 0..b' ' => return None,
            _ => at += 1,
        }
    }
    Some((Quoted { text: &inner[..at], escaped }, &inner[at + 1..]))
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
        // What is not looked for may have an escape in it.
        let escaped = [r#"{"z":"q\"","team":"x"}"#, r#"{"z":"\\","team":"\n","z":"\"a\":"}"#];
        let others = [
            r#"{"team":"x""#,
            r#"{"team":"x"} "#,
            r#"{"team":"x",}"#,
            r#"{"team": "x"}"#,
            r#"{"a":1,"team":"x"}"#,
            r#"{"a\u0062":"x"}"#,
            "{\"team\":\"x\ny\"}",
            r#"{"z":"\x"}"#,
            r#"{"z":"\u00fc"}"#,
            r#"{"z":"x\"}"#,
            r#"{"say \"team\"":"x"}"#,
            "{",
            r#"{team:"x"}"#,
            r#"{"team""x"}"#,
        ];
        assert_eq!(plain_value(escaped[0], "team"), Ok(Some("x")));
        assert_eq!(plain_value(escaped[1], "team"), Err(NotPlain));
        for key in ["team", "a", "b", ":", ","] {
            let json =
                |object: &str| Under(key).deserialize(&mut serde_json::Deserializer::from_str(object)).ok().flatten();
            for object in plain {
                assert_eq!(plain_value(object, key).unwrap().map(str::to_owned), json(object), "`{key}` of `{object}`");
            }
            for object in escaped {
                assert_eq!(value(object, key).as_deref(), json(object).as_deref(), "`{key}` of `{object}`");
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
