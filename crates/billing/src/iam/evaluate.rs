//! IAM's decision on a request, from one document: a denial wins, and without a permission it is denied.

use std::fmt;

use super::condition::{compile, holds};
use super::context::Context;
use super::document::{Document, Effect, Only, Statement, action_pattern};
use super::pattern::Pattern;
use super::principal::Asker;
use super::truth::Truth;

/// A request, or all requests that a pattern stands for: then it is allowed only if each of them is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    /// Who asks; in a permission policy, whoever has it.
    pub asker: Option<&'a Asker>,
    pub action: &'a str,
    pub resource: &'a str,
    pub context: &'a Context,
}

/// What a document says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is allowed.
    Allowed,
    /// It is denied.
    Denied,
    /// It depends on what the document does not show.
    Undecided,
}

/// An outcome with its reason, which names statement and condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What the document says.
    pub outcome: Outcome,
    /// Why, as a clause: "statement 1 does not apply: …".
    pub why: String,
}

impl Decision {
    pub(super) fn is(&self, outcome: Outcome) -> bool {
        self.outcome == outcome
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Undecided => "undecided",
        })
    }
}

/// How many statements a reason goes through.
const NAMED: usize = 3;

/// Decides the request.
pub(super) fn decide(document: &Document, request: Request<'_>) -> Decision {
    let mut found = Found::default();
    for statement in &document.statements {
        let (truth, because) = applies(statement, request, document.variables);
        match (statement.effect, truth) {
            (Effect::Deny, Truth::Yes) => {
                let why = format!("{} denies it", statement.label);
                return Decision { outcome: Outcome::Denied, why };
            }
            (Effect::Allow, Truth::Yes) => found.allows.push(format!("{} allows it{because}", statement.label)),
            (_, Truth::Open(on)) => {
                let open = format!("whether {} applies depends on {on}", statement.label);
                if statement.effect == Effect::Allow { found.may_allow.push(open) } else { found.may_deny.push(open) }
            }
            (Effect::Allow, Truth::No) => {
                found.passed_over.push(format!("{} does not apply: {because}", statement.label));
            }
            (Effect::Deny, Truth::No) => {}
        }
    }
    found.decision()
}

/// What the statements said, by what it does to the outcome.
#[derive(Default)]
struct Found {
    allows: Vec<String>,
    may_allow: Vec<String>,
    may_deny: Vec<String>,
    passed_over: Vec<String>,
}

impl Found {
    fn decision(self) -> Decision {
        let (outcome, why) = match self {
            Self { allows, may_deny, .. } if !allows.is_empty() && may_deny.is_empty() => (Outcome::Allowed, allows),
            Self { allows, may_deny, .. } if !allows.is_empty() => (Outcome::Undecided, may_deny),
            Self { may_allow, .. } if !may_allow.is_empty() => (Outcome::Undecided, may_allow),
            Self { passed_over, .. } if !passed_over.is_empty() => (Outcome::Denied, passed_over),
            _ => (Outcome::Denied, vec!["no statement allows anything".to_owned()]),
        };
        let shown: Vec<&str> = why.iter().take(NAMED).map(String::as_str).collect();
        Decision { outcome, why: shown.join("; ") }
    }
}

/// Whether a statement is about the request, and for people why it is or is not.
fn applies(statement: &Statement, request: Request<'_>, variables: bool) -> (Truth, String) {
    let mut truth = action_applies(statement, request.action);
    if truth == Truth::No {
        return (truth, format!("it is not about `{}`", request.action));
    }
    if let Some(asker) = request.asker {
        truth = truth.and(|| asker.is_meant(&statement.principals, statement.effect));
        if truth == Truth::No {
            return (truth, format!("it is not about `{}` but {}", asker.arn(), whom(statement)));
        }
    }
    truth = truth.and(|| resource_applies(statement, request, variables));
    if truth == Truth::No {
        return (truth, format!("it is not about `{}`", request.resource));
    }
    for condition in &statement.conditions {
        truth = truth.and(|| holds(condition, request.context, variables));
        if truth == Truth::No {
            return (truth, format!("{condition} does not hold"));
        }
    }
    let conditions: Vec<String> = statement.conditions.iter().map(ToString::to_string).collect();
    let because = if conditions.is_empty() { String::new() } else { format!(": {} holds", conditions.join(" and ")) };
    (truth, because)
}

fn whom(statement: &Statement) -> String {
    let names = |all: &[super::document::Principal]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match &statement.principals {
        Only::In(all) => names(all),
        Only::NotIn(all) => format!("all but {}", names(all)),
    }
}

pub(super) fn action_applies(statement: &Statement, action: &str) -> Truth {
    let asked = action_pattern(action);
    among(&statement.actions, &asked, |text| Ok(action_pattern(text)))
}

fn resource_applies(statement: &Statement, request: Request<'_>, variables: bool) -> Truth {
    let asked = Pattern::glob(request.resource);
    among(&statement.resources, &asked, |text| compile(text, (request.context, variables), true))
}

/// Whether all that `asked` stands for is among the patterns.
fn among(patterns: &Only<String>, asked: &Pattern, compile: impl Fn(&str) -> Result<Pattern, Truth>) -> Truth {
    let one = |text: &String| match compile(text) {
        Ok(pattern) if pattern.includes(asked) => Truth::Yes,
        Ok(pattern) if pattern.overlaps(asked) => Truth::Open(format!("which one it is: `{text}` covers only a part")),
        Ok(_) => Truth::No,
        Err(open) => open,
    };
    match patterns {
        Only::In(all) => Truth::any(all.iter().map(one)),
        Only::NotIn(all) => Truth::any(all.iter().map(one)).negate(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::document::PolicyKind;
    use super::*;

    fn decided(statements: &Value, action: &str, resource: &str) -> Decision {
        let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let document = Document::parse(PolicyKind::Permission, &text).unwrap();
        let context = Context::default().with("s3:prefix", Some("cur/"));
        decide(&document, Request { asker: None, action, resource, context: &context })
    }

    fn check(statements: &Value, action: &str, resource: &str, expected: Outcome) {
        let decision = decided(statements, action, resource);
        assert_eq!(decision.outcome, expected, "{action} on {resource}: {decision:?}");
    }

    const OBJECTS: &str = "arn:aws:s3:::acme-bills/cur/*";

    #[test]
    fn actions_and_resources_match_with_wildcards_and_actions_in_any_case() {
        let read =
            json!({ "Effect": "Allow", "Action": ["S3:getobject", "s3:List*"], "Resource": "arn:aws:s3:::acme-*/*" });
        check(&read, "s3:GetObject", OBJECTS, Outcome::Allowed);
        check(&read, "s3:GetObject", "arn:aws:s3:::other/x", Outcome::Denied);
        check(&read, "s3:GetObjectVersion", OBJECTS, Outcome::Denied);
        let part =
            json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-bills/cur/2026/*" });
        check(&part, "s3:GetObject", OBJECTS, Outcome::Undecided);
        let but = json!({ "Effect": "Allow", "NotAction": "s3:Put*", "NotResource": "arn:aws:s3:::secret/*" });
        check(&but, "s3:GetObject", OBJECTS, Outcome::Allowed);
        check(&but, "s3:PutObject", OBJECTS, Outcome::Denied);
        check(&but, "s3:GetObject", "arn:aws:s3:::secret/x", Outcome::Denied);
    }

    #[test]
    fn a_denial_wins_wherever_it_stands() {
        let both = json!([
            { "Sid": "No", "Effect": "Deny", "Action": "s3:*", "Resource": "*" },
            { "Effect": "Allow", "Action": "*", "Resource": "*" },
        ]);
        let decision = decided(&both, "s3:GetObject", OBJECTS);
        assert_eq!(decision, Decision { outcome: Outcome::Denied, why: "statement 1 (`No`) denies it".into() });
    }

    #[test]
    fn conditions_decide_where_their_keys_are_known() {
        let allow = |condition: Value| json!({ "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*", "Condition": condition });
        for (condition, expected) in [
            (json!({ "StringLike": { "s3:prefix": "cur/*" } }), Outcome::Allowed),
            (json!({ "StringLike": { "s3:prefix": "other/*" } }), Outcome::Denied),
            (json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } }), Outcome::Undecided),
            (
                json!({ "StringLike": { "s3:prefix": "other/*" }, "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } }),
                Outcome::Denied,
            ),
        ] {
            check(&allow(condition), "s3:ListBucket", "arn:aws:s3:::acme-bills", expected);
        }
        let open = decided(
            &allow(json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" } })),
            "s3:ListBucket",
            "arn:aws:s3:::b",
        );
        assert!(open.why.contains("statement 1") && open.why.contains("`aws:MultiFactorAuthPresent`"), "{}", open.why);
    }
}
