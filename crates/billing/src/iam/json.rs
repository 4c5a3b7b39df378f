//! JSON as a policy's author wrote it: members in order, and none twice, which `serde_json::Value` would hide.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How `serde_json` hands over a number that keeps all its digits: as a map with this one key.
const NUMBER: &str = "$serde_json::private::Number";

/// One JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
    Text(String),
    Number(String),
    Bool(bool),
    Null,
}

impl Node {
    /// What it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Object(_) => "an object",
            Self::Array(_) => "a list",
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::Null => "null",
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Author)
    }
}

struct Author;

impl<'de> Visitor<'de> for Author {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members: Vec<(String, Node)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == NUMBER {
                return Ok(Node::Number(map.next_value()?));
            }
            if members.iter().any(|(earlier, _)| *earlier == name) {
                return Err(A::Error::custom(format!("the member `{name}` stands twice in one object; keep one")));
            }
            members.push((name, map.next_value()?));
        }
        Ok(Node::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_numbers_are_kept() {
        let node: Node = serde_json::from_str(r#"{"b": 1, "a": [true, null, "x", 1.50]}"#).unwrap();
        let list = vec![Node::Bool(true), Node::Null, Node::Text("x".into()), Node::Number("1.50".into())];
        let members = vec![("b".to_owned(), Node::Number("1".into())), ("a".to_owned(), Node::Array(list))];
        assert_eq!(node, Node::Object(members));
    }

    #[test]
    fn a_member_twice_is_refused() {
        let error = serde_json::from_str::<Node>(r#"{"Effect": "Deny", "Effect": "Allow"}"#).unwrap_err().to_string();
        assert!(error.starts_with("the member `Effect` stands twice"), "{error}");
    }
}
