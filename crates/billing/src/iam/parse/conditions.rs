//! Reads a statement's conditions.

use super::nodes::{expected, scalars};
use super::{PolicyError, Read};
use crate::iam::document::Condition;
use crate::iam::json::Node;
use crate::iam::operator::Operator;

pub(super) fn conditions(at: &str, node: &Node) -> Read<Vec<Condition>> {
    let Node::Object(operators) = node else { return Err(expected(at, "an object of operators", node)) };
    let mut all = Vec::new();
    for (name, keys) in operators {
        let at = format!("{at}.{name}");
        let operator = Operator::parse(name).map_err(|meant| {
            let todo = meant.map_or_else(
                || "`StringEquals` is the one for `sts:ExternalId`".to_owned(),
                |name| format!("write `{name}`"),
            );
            PolicyError::new(&at, "there is no such operator", todo)
        })?;
        let Node::Object(keys) = keys else { return Err(expected(&at, "an object of condition keys", keys)) };
        for (key, values) in keys {
            let at = format!("{at}[\"{key}\"]");
            if !key.contains(':') {
                return Err(PolicyError::new(
                    at,
                    "there is no such condition key",
                    "write it with its service, such as `sts:ExternalId`",
                ));
            }
            all.push(Condition { operator, key: key.clone(), values: scalars(&at, values)? });
        }
    }
    Ok(all)
}
