//! Takes JSON apart: members by name, lists of texts, and the errors that say where something else stands.

use std::fmt;

use super::{Members, PolicyError, Read};
use crate::iam::document::Only;
use crate::iam::json::Node;

/// Exactly one of two members, each a text or a list of texts.
pub(super) fn either(
    at: &str,
    members: &Members,
    names: [&str; 2],
    check: fn(&str, &str) -> Read<()>,
) -> Read<Only<String>> {
    let name = one_of(at, members, names)?;
    let at = format!("{at}.{name}");
    let values = texts(&at, find(members, name).unwrap_or(&Node::Null))?;
    values.iter().try_for_each(|value| check(&at, value))?;
    Ok(if name == names[0] { Only::In(values) } else { Only::NotIn(values) })
}

/// Which one of two members there is.
pub(super) fn one_of<'a>(at: &str, members: &Members, names: [&'a str; 2]) -> Read<&'a str> {
    let [plain, not] = names;
    match names.map(|name| find(members, name).is_some()) {
        [true, false] => Ok(plain),
        [false, true] => Ok(not),
        [true, true] => Err(PolicyError::new(at, format!("it has both `{plain}` and `{not}`"), "keep one of them")),
        [false, false] => Err(PolicyError::new(at, format!("it has no `{plain}`"), format!("add `{plain}`"))),
    }
}

/// A text or a list of texts, not empty.
pub(super) fn texts(at: &str, node: &Node) -> Read<Vec<String>> {
    let one = |node: &Node| match node {
        Node::Text(text) => Ok(text.clone()),
        other => Err(expected(at, "a text or a list of texts", other)),
    };
    list(at, node, one)
}

/// The same, where numbers and truth values may stand too.
pub(super) fn scalars(at: &str, node: &Node) -> Read<Vec<String>> {
    let one = |node: &Node| match node {
        Node::Text(text) | Node::Number(text) => Ok(text.clone()),
        Node::Bool(value) => Ok(value.to_string()),
        other => Err(expected(at, "a value or a list of values", other)),
    };
    list(at, node, one)
}

pub(super) fn list(at: &str, node: &Node, one: impl Fn(&Node) -> Read<String>) -> Read<Vec<String>> {
    match node {
        Node::Array(nodes) if nodes.is_empty() => {
            Err(PolicyError::new(at, "the list is empty", "name at least one, or leave it out"))
        }
        Node::Array(nodes) => nodes.iter().map(one).collect(),
        node => Ok(vec![one(node)?]),
    }
}

pub(super) fn find<'a>(members: &'a Members, name: &str) -> Option<&'a Node> {
    members.iter().find(|(known, _)| known == name).map(|(_, node)| node)
}

/// Fails at the first member that is not one of `names`.
pub(super) fn known(at: &str, members: &Members, names: &[&str]) -> Read<()> {
    let Some((other, _)) = members.iter().find(|(name, _)| !names.contains(&name.as_str())) else { return Ok(()) };
    let meant = names.iter().find(|name| name.eq_ignore_ascii_case(other));
    let todo = meant.map_or_else(|| format!("it may be {}", names.join(", ")), |name| format!("write `{name}`"));
    Err(PolicyError::new(format!("{at}.{other}"), "there is no such element", todo))
}

pub(super) fn absent(at: &str, members: &Members, names: [&str; 2], todo: &str) -> Read<()> {
    match names.into_iter().find(|name| find(members, name).is_some()) {
        Some(name) => Err(PolicyError::new(format!("{at}.{name}"), "this kind of policy has no such element", todo)),
        None => Ok(()),
    }
}

pub(super) fn expected(at: impl fmt::Display, what: &str, found: &Node) -> PolicyError {
    PolicyError::new(at, format!("{} stands where {what} belongs", found.kind()), "correct it")
}
