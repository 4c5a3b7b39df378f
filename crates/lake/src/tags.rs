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
use memchr::memmem::Finder;
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

/// The values under `key` of each object.
fn values(objects: &StringViewArray, key: &str) -> ArrayRef {
    let wanted = Wanted::new(key);
    let mut values = StringViewBuilder::with_capacity(objects.len());
    // Few objects are many rows': a file keeps each once, so that rows of one have the very same view of it.
    let mut known: HashMap<u128, Option<Cow<'_, str>>, RandomState> = HashMap::default();
    for (object, view) in objects.iter().zip(objects.views()) {
        match object {
            Some(object) => values.append_option(known.entry(*view).or_insert_with(|| wanted.value(object)).as_deref()),
            None => values.append_null(),
        }
    }
    Arc::new(values.finish())
}

/// A key, and how it is found.
struct Wanted<'k> {
    key: &'k str,
    /// The key in quotes.
    quoted: Finder<'static>,
}

impl<'k> Wanted<'k> {
    fn new(key: &'k str) -> Self {
        Self { key, quoted: Finder::new(&format!("\"{key}\"")).into_owned() }
    }

    /// The text under the key, which is not empty; what is no JSON object has none.
    fn value<'a>(&self, object: &'a str) -> Option<Cow<'a, str>> {
        let found = if let Ok(found) = self.plain_value(object) {
            found.map(Cow::Borrowed)
        } else {
            let json = &mut serde_json::Deserializer::from_str(object);
            Under(self.key).deserialize(json).ok().flatten().map(Cow::Owned)
        };
        found.filter(|value| !value.is_empty())
    }

    /// The same of an object as the lake writes them, in which no text has an escape or a bracket.
    fn plain_value<'a>(&self, object: &'a str) -> Result<Option<&'a str>, NotPlain> {
        let bytes = object.as_bytes();
        let inner = match bytes {
            [b'{', b'}'] => return Ok(None),
            // What stands between two texts begins so, and is in quotes too, if the wrong ones are looked at.
            _ if self.key.starts_with([':', ',']) => return Err(NotPlain),
            [b'{', inner @ .., b'"', b'}'] => inner,
            _ => return Err(NotPlain),
        };
        // Without an early end, many bytes are looked at at once.
        let is_odd = |byte: u8| byte < b' ' || byte == b'\\' || byte == b'{' || byte == b'[';
        if inner.iter().fold(0, |odd, byte| odd | u8::from(is_odd(*byte))) != 0 {
            return Err(NotPlain);
        }
        // Texts without escapes have no quotes in them, so the key in quotes is the key, or a text that says the same.
        let Some(at) = self.quoted.find(bytes) else { return Ok(None) };
        let behind = &object[at + self.key.len() + 2..];
        let text = behind.strip_prefix(":\"").ok_or(NotPlain)?;
        Ok(text.split_once('"').map(|(text, _)| text))
    }
}

/// That an object has to be read as JSON.
#[derive(Debug, PartialEq, Eq)]
struct NotPlain;

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
        assert_eq!(Wanted::new(key).value(object).as_deref(), expect, "`{key}` of `{object}`");
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
    fn objects_are_read_as_json_is() {
        let plain = [
            r#"{"team":"x"}"#,
            r#"{"a":"","team":"x","team":"y"}"#,
            r#"{"a":"größe","b":":,"}"#,
            r#"{"steam":"no","teams":"no"}"#,
            r#"{"a":1,"team":"x"}"#,
            r#"{"b":"1","z":":"}"#,
            r#"{"b":":","z":"x"}"#,
            "{}",
        ];
        let others = [
            r#"{"a":"team","team":"x"}"#,
            r#"{"team":"x""#,
            r#"{"team":"x"} "#,
            r#"{"team":"x",}"#,
            r#"{"team": "x"}"#,
            r#"{"b":"{,:}","team":"x"}"#,
            r#"{"a\u0062":"x"}"#,
            r#"{"t\u0065am":"x"}"#,
            "{\"team\":\"x\ny\"}",
            r#"{"a":"q\"","team":"x"}"#,
            r#"{"say \"team\"":"x"}"#,
            r#"{"a":{"team":"no"},"z":""}"#,
            r#"{"a":["team"],"z":""}"#,
            r#"{"team":7,"z":""}"#,
            r#"{"team":null,"z":""}"#,
            r#"{"team""x"}"#,
            "{",
        ];
        for key in ["team", "a", "b", ":", ",", ""] {
            for object in plain.into_iter().chain(others) {
                let json = Under(key).deserialize(&mut serde_json::Deserializer::from_str(object)).ok().flatten();
                check(object, key, json.as_deref().filter(|text| !text.is_empty()));
            }
        }
        let long_way = |object: &&str| Wanted::new("team").plain_value(object) == Err(NotPlain);
        assert_eq!(plain.iter().filter(|object| long_way(object)).collect::<Vec<_>>(), [&""; 0]);
        assert_eq!(others.iter().filter(|object| !long_way(object)).collect::<Vec<_>>(), [&""; 0]);
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
