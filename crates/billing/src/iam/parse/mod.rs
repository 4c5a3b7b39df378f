//! Reads policy documents strictly: what IAM would refuse or read otherwise is refused here, with its place and what to do.

mod conditions;
mod nodes;
mod principals;

use std::fmt;

use super::document::{Document, Effect, Label, Only, PolicyKind, Principal, Statement};
use super::json::Node;
use conditions::conditions;
use nodes::{absent, either, expected, find, known};
use principals::principals;

/// The longest document that IAM takes has 10,240 characters; a file may hold blanks beside them.
const LONGEST: usize = 65_536;

/// Why a text is not a policy document: where, what is wrong, what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {wrong}; {todo}")]
pub struct PolicyError {
    /// The JSON path, such as `$.Statement[0].Effect`.
    pub at: String,
    /// What is wrong.
    pub wrong: String,
    /// What to do.
    pub todo: String,
}

impl PolicyError {
    fn new(at: impl fmt::Display, wrong: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { at: at.to_string(), wrong: wrong.into(), todo: todo.into() }
    }
}

type Read<T> = Result<T, PolicyError>;
type Members = [(String, Node)];

impl Document {
    /// Reads a document of this kind.
    pub fn parse(kind: PolicyKind, text: &str) -> Result<Self, PolicyError> {
        if text.len() > LONGEST {
            let wrong = format!("the document has {} bytes", text.len());
            return Err(PolicyError::new("$", wrong, "IAM takes 10,240 characters at most; send the policy alone"));
        }
        let node: Node = serde_json::from_str(text).map_err(|error| {
            PolicyError::new("$", format!("it is not JSON: {error}"), "save the policy as IAM's JSON editor shows it")
        })?;
        let Node::Object(members) = &node else {
            return Err(expected("$", "an object with `Version` and `Statement`", &node));
        };
        document(kind, members)
    }
}

fn document(kind: PolicyKind, members: &Members) -> Read<Document> {
    if let Some(answer) = wrapped(members) {
        return Err(answer);
    }
    known("$", members, &["Version", "Id", "Statement"])?;
    let variables = match find(members, "Version") {
        None => false,
        Some(Node::Text(version)) if version == "2012-10-17" => true,
        Some(Node::Text(version)) if version == "2008-10-17" => false,
        Some(_) => {
            return Err(PolicyError::new(
                "$.Version",
                "there is no such version",
                "write \"2012-10-17\", which is the current one",
            ));
        }
    };
    let statements = match find(members, "Statement") {
        Some(Node::Array(list)) if !list.is_empty() => list.iter().collect(),
        Some(one @ Node::Object(_)) => vec![one],
        Some(other) => return Err(expected("$.Statement", "a statement or a list of them", other)),
        None => return Err(PolicyError::new("$", "there is no `Statement`", "add one that allows something")),
    };
    let read = statements.iter().enumerate().map(|(index, node)| statement(kind, index, node));
    Ok(Document { variables, statements: read.collect::<Read<_>>()? })
}

/// The document within an answer of the AWS command line, which is a common thing to save.
fn wrapped(members: &Members) -> Option<PolicyError> {
    let (name, todo) = [
        ("Role", "save only what stands in `Role.AssumeRolePolicyDocument`: add --query Role.AssumeRolePolicyDocument"),
        ("PolicyDocument", "save only what stands in `PolicyDocument`: add --query PolicyDocument"),
        ("PolicyVersion", "save only what stands in `PolicyVersion.Document`: add --query PolicyVersion.Document"),
    ]
    .into_iter()
    .find(|(name, _)| find(members, name).is_some())?;
    Some(PolicyError::new(format!("$.{name}"), "this is an answer of the AWS command line around a policy", todo))
}

fn statement(kind: PolicyKind, index: usize, node: &Node) -> Read<Statement> {
    let at = format!("$.Statement[{index}]");
    let Node::Object(members) = node else { return Err(expected(&at, "an object", node)) };
    known(
        &at,
        members,
        &["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"],
    )?;
    let effect = match find(members, "Effect") {
        Some(Node::Text(effect)) if effect == "Allow" => Effect::Allow,
        Some(Node::Text(effect)) if effect == "Deny" => Effect::Deny,
        _ => {
            return Err(PolicyError::new(
                format!("{at}.Effect"),
                "it is neither `Allow` nor `Deny`",
                "write one of them, in this case",
            ));
        }
    };
    let sid = match find(members, "Sid") {
        None => None,
        Some(Node::Text(sid)) => Some(sid.clone()).filter(|sid| !sid.is_empty()),
        Some(other) => return Err(expected(format!("{at}.Sid"), "a text", other)),
    };
    let everything = || Only::In(vec!["*".to_owned()]);
    let (principals, resources) = match kind {
        PolicyKind::Trust => {
            absent(&at, members, ["Resource", "NotResource"], "a trust policy is about its own role; leave it out")?;
            (principals(&at, members)?, everything())
        }
        PolicyKind::Permission => {
            absent(
                &at,
                members,
                ["Principal", "NotPrincipal"],
                "a permission policy is about who has it; leave it out, or send it as the trust policy",
            )?;
            (Only::In(vec![Principal::Anyone]), either(&at, members, ["Resource", "NotResource"], resource)?)
        }
    };
    Ok(Statement {
        label: Label { number: index + 1, sid },
        effect,
        actions: either(&at, members, ["Action", "NotAction"], action)?,
        resources,
        principals,
        conditions: find(members, "Condition")
            .map_or_else(|| Ok(Vec::new()), |node| conditions(&format!("{at}.Condition"), node))?,
    })
}

fn action(at: &str, text: &str) -> Read<()> {
    let shaped = text == "*"
        || text.split_once(':').is_some_and(|(service, name)| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
            !service.is_empty()
                && service.bytes().all(plain)
                && !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"*?_-".contains(&b))
        });
    if shaped {
        return Ok(());
    }
    Err(PolicyError::new(
        at,
        format!("`{text}` is not an action"),
        "write `service:Name`, such as `s3:GetObject`; wildcards stand behind the colon",
    ))
}

fn resource(at: &str, text: &str) -> Read<()> {
    if text == "*" || (text.starts_with("arn:") && text.split(':').count() >= 6) {
        return Ok(());
    }
    Err(PolicyError::new(
        at,
        format!("`{text}` is not a resource"),
        "write an ARN with its six parts, such as `arn:aws:s3:::bucket/*`, or `*`",
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn trust() -> Value {
        json!({ "Version": "2012-10-17", "Statement": [{
            "Sid": "Operator", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::999999999999:user/billconnect" },
            "Action": "sts:AssumeRole", "Condition": { "StringEquals": { "sts:ExternalId": "123456" } },
        }] })
    }

    /// The error of the trust policy with one place changed.
    fn error(pointer: &str, value: Value) -> String {
        let mut policy = trust();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        policy.pointer_mut(parent).unwrap()[name] = value;
        Document::parse(PolicyKind::Trust, &policy.to_string()).unwrap_err().to_string()
    }

    #[test]
    fn a_sound_document_is_read_in_every_form() {
        let mut policy = trust();
        assert_eq!(Document::parse(PolicyKind::Trust, &policy.to_string()).unwrap().statements.len(), 1);
        policy["Statement"] = policy["Statement"][0].clone();
        policy["Statement"]["Principal"] = json!({ "AWS": ["999999999999", "*"], "Service": "ec2.amazonaws.com" });
        policy["Statement"]["Action"] = json!(["sts:AssumeRole", "sts:Tag*"]);
        policy["Statement"]["Condition"] =
            json!({ "Bool": { "aws:SecureTransport": true }, "Null": { "sts:ExternalId": false } });
        let read = Document::parse(PolicyKind::Trust, &policy.to_string()).unwrap();
        assert_eq!(read.statements[0].label.to_string(), "statement 1 (`Operator`)");
        assert_eq!(read.statements[0].conditions.len(), 2);
    }

    #[test]
    fn each_fault_is_named_with_its_place_and_what_to_do() {
        for (pointer, value, place, todo) in [
            ("/Version", json!("2020-01-01"), "$.Version: ", "2012-10-17"),
            ("/Statement", json!([]), "$.Statement: ", "correct"),
            ("/Statements", json!([]), "$.Statements: ", "it may be"),
            ("/Statement/0/Effect", json!("allow"), "$.Statement[0].Effect: ", "in this case"),
            ("/Statement/0/effect", json!("Allow"), "$.Statement[0].effect: ", "write `Effect`"),
            ("/Statement/0/Resource", json!("*"), "$.Statement[0].Resource: ", "leave it out"),
            ("/Statement/0/NotAction", json!("sts:*"), "$.Statement[0]: ", "keep one"),
            ("/Statement/0/Action", json!("AssumeRole"), "$.Statement[0].Action: ", "service:Name"),
            ("/Statement/0/Action", json!("s*:AssumeRole"), "$.Statement[0].Action: ", "behind the colon"),
            ("/Statement/0/Action", json!([]), "$.Statement[0].Action: ", "at least one"),
            (
                "/Statement/0/Principal",
                json!("arn:aws:iam::999999999999:root"),
                "$.Statement[0].Principal: ",
                "correct",
            ),
            (
                "/Statement/0/Principal/AWS",
                json!("arn:aws:iam::999999999999:user/*"),
                "$.Statement[0].Principal.AWS: ",
                "name it whole",
            ),
            ("/Statement/0/Principal/AWS", json!("billconnect"), "$.Statement[0].Principal.AWS: ", "ARN"),
            ("/Statement/0/Principal/Users", json!("*"), "$.Statement[0].Principal.Users: ", "`AWS`"),
            (
                "/Statement/0/Condition/stringequals",
                json!({}),
                "$.Statement[0].Condition.stringequals: ",
                "write `StringEquals`",
            ),
            (
                "/Statement/0/Condition/StringEquals/ExternalId",
                json!("1"),
                "$.Statement[0].Condition.StringEquals[\"ExternalId\"]: ",
                "with its service",
            ),
            (
                "/Statement/0/Condition/StringEquals/sts:ExternalId",
                json!([]),
                "$.Statement[0].Condition.StringEquals[\"sts:ExternalId\"]: ",
                "at least one",
            ),
        ] {
            let error = error(pointer, value);
            assert!(error.starts_with(place) && error.contains(todo), "{pointer}: {error}");
        }
    }

    #[test]
    fn what_is_no_policy_is_told_apart() {
        let refused = |kind, text: &str| Document::parse(kind, text).unwrap_err().to_string();
        assert!(refused(PolicyKind::Trust, "{").contains("not JSON"));
        assert!(refused(PolicyKind::Trust, "[]").contains("a list stands where an object"));
        assert!(refused(PolicyKind::Trust, r#"{"Role": {}}"#).contains("--query Role.AssumeRolePolicyDocument"));
        assert!(refused(PolicyKind::Trust, r#"{"Version": "2012-10-17"}"#).contains("there is no `Statement`"));
        assert!(refused(PolicyKind::Permission, &trust().to_string()).contains("send it as the trust policy"));
        assert!(refused(PolicyKind::Permission, &format!("\"{}\"", "x".repeat(LONGEST))).contains("10,240"));
        let twice = r#"{"Statement": {"Effect": "Deny", "Effect": "Allow"}}"#;
        assert!(refused(PolicyKind::Trust, twice).contains("`Effect` stands twice"));
    }
}
