//! Reads whom a trust policy names.

use super::nodes::{expected, find, one_of, texts};
use super::{Members, PolicyError, Read};
use crate::iam::document::{Only, Principal};
use crate::iam::json::Node;
use crate::iam::principal::is_account;

pub(super) fn principals(at: &str, members: &Members) -> Read<Only<Principal>> {
    let name = one_of(at, members, ["Principal", "NotPrincipal"])?;
    let at = format!("{at}.{name}");
    let found = match find(members, name).unwrap_or(&Node::Null) {
        Node::Text(text) if text == "*" => vec![Principal::Anyone],
        Node::Object(kinds) if !kinds.is_empty() => {
            let mut all = Vec::new();
            for (kind, node) in kinds {
                let at = format!("{at}.{kind}");
                for text in texts(&at, node)? {
                    all.push(principal(&at, kind, &text)?);
                }
            }
            all
        }
        other => return Err(expected(&at, "`\"*\"` or an object such as `{\"AWS\": \"arn:…\"}`", other)),
    };
    Ok(if name == "Principal" { Only::In(found) } else { Only::NotIn(found) })
}

fn principal(at: &str, kind: &str, text: &str) -> Read<Principal> {
    match kind {
        "Service" | "Federated" => return Ok(Principal::Other(text.to_owned())),
        "AWS" => {}
        _ => {
            return Err(PolicyError::new(
                at,
                "there is no such kind of principal",
                "name users, roles and accounts with `AWS`",
            ));
        }
    }
    if text == "*" {
        return Ok(Principal::Anyone);
    }
    if is_account(text) {
        return Ok(Principal::Account(text.to_owned()));
    }
    if text.contains(['*', '?']) {
        return Err(PolicyError::new(
            at,
            format!("`{text}` has a wildcard"),
            "AWS takes none within a principal; name it whole, or compare `aws:PrincipalArn` in a condition",
        ));
    }
    let unique =
        text.starts_with('A') && text.len() >= 16 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if unique {
        return Ok(Principal::Gone(text.to_owned()));
    }
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    match fields[..] {
        ["arn", _, "iam", "", account, "root"] if is_account(account) => Ok(Principal::Account(account.to_owned())),
        ["arn", _, "iam" | "sts", "", account, resource] if is_account(account) && resource.contains('/') => {
            Ok(Principal::Arn(text.to_owned()))
        }
        _ => Err(PolicyError::new(
            at,
            format!("`{text}` is not a principal"),
            "write the ARN of a user or role, 12 digits of an account, or `*`",
        )),
    }
}
