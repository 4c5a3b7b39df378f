//! Judges a trust policy: whom it lets in with which external id, and whether that is safe.

use super::context::Context;
use super::document::{Document, Effect, Only, Principal};
use super::evaluate::{Decision, Outcome, Request, action_applies, decide};
use super::exact::{OtherId, find_other};
use super::principal::Asker;
use super::truth::Truth;
use crate::names::{ExternalId, SessionName};

pub(super) const ASSUME: &str = "sts:AssumeRole";
pub(super) const EXTERNAL_ID: &str = "sts:ExternalId";

/// A role's trust policy, and the operator who asks.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// The policy.
    pub document: &'a Document,
    /// The operator's principal.
    pub asker: &'a Asker,
    /// What our sessions are called.
    pub session_name: &'a SessionName,
}

/// What a trust policy does with the operator's requests.
#[derive(Debug, Clone)]
pub struct TrustFindings {
    /// With the org's id: must be allowed.
    pub right: Decision,
    /// Without an id: must be denied.
    pub absent: Decision,
    /// With any other id: must be denied.
    pub other: OtherId,
    /// What else is worth knowing: who else is let in.
    pub notes: Vec<String>,
}

/// Whether a trust policy lets the operator in with the org's id and in no other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// It does.
    Safe,
    /// It keeps the operator out, or lets it in without the org's id.
    Unsafe,
    /// It depends on what the document does not show.
    Undecided,
}

impl Trust<'_> {
    /// Whether the operator may assume the role, presenting this id or none.
    pub fn decide(&self, presented: Option<&str>) -> Decision {
        let context = self.context(presented);
        decide(self.document, Request { asker: Some(self.asker), action: ASSUME, resource: "*", context: &context })
    }

    /// Judges the policy against the org's id.
    pub fn judge(&self, right: &ExternalId) -> TrustFindings {
        TrustFindings {
            right: self.decide(Some(right.as_ref())),
            absent: self.decide(None),
            other: find_other(self, right.as_ref()),
            notes: self.notes(),
        }
    }

    /// What AWS will know of the request.
    pub(super) fn context(&self, presented: Option<&str>) -> Context {
        let context = Context::default()
            .with(EXTERNAL_ID, presented)
            .with("sts:RoleSessionName", Some(self.session_name.as_ref()))
            .with("aws:PrincipalAccount", Some(self.asker.account()))
            .with("aws:SecureTransport", Some("true"));
        match (self.asker.is_account(), self.asker.user_name()) {
            (true, _) => context,
            (false, Some(name)) => context
                .with("aws:PrincipalArn", Some(self.asker.arn()))
                .with("aws:PrincipalType", Some("User"))
                .with("aws:username", Some(name)),
            (false, None) => context
                .with("aws:PrincipalArn", Some(self.asker.arn()))
                .with("aws:PrincipalType", Some("AssumedRole"))
                .with("aws:username", None),
        }
    }

    /// Who else is let in, which the org's id does not govern.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for statement in &self.document.statements {
            if matches!(statement.principals, Only::NotIn(_)) {
                notes.push(format!(
                    "{} has `NotPrincipal`, which AWS supports in no trust policy: name principals instead",
                    statement.label
                ));
            }
            if statement.effect == Effect::Deny || action_applies(statement, ASSUME) == Truth::No {
                continue;
            }
            let Only::In(principals) = &statement.principals else { continue };
            for principal in principals {
                match principal {
                    Principal::Anyone => {
                        notes.push(format!(
                            "{} lets in anyone of any account who fulfils its conditions",
                            statement.label
                        ));
                    }
                    Principal::Account(account) if account == self.asker.account() => {}
                    Principal::Arn(arn) if arn == self.asker.arn() => {}
                    other => notes.push(format!("{} also names {other}", statement.label)),
                }
            }
        }
        notes
    }
}

impl TrustFindings {
    /// What follows from the findings.
    pub fn safety(&self) -> Safety {
        let open = |decision: &Decision| decision.is(Outcome::Undecided);
        if self.right.is(Outcome::Denied)
            || self.absent.is(Outcome::Allowed)
            || matches!(self.other, OtherId::Accepted { .. })
        {
            Safety::Unsafe
        } else if open(&self.right) || open(&self.absent) || matches!(self.other, OtherId::Undecided(_)) {
            Safety::Undecided
        } else {
            Safety::Safe
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::super::document::PolicyKind;
    use super::*;
    use crate::names::OrgId;

    pub(in crate::iam) const OPERATOR: &str = "arn:aws:iam::999999999999:user/billconnect";

    pub(in crate::iam) fn judged(statements: &Value) -> TrustFindings {
        let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let document = Document::parse(PolicyKind::Trust, &text).unwrap();
        let asker = Asker::new(OPERATOR).unwrap();
        let trust = Trust { document: &document, asker: &asker, session_name: &SessionName::default() };
        trust.judge(&"123456".parse::<OrgId>().unwrap().external_id())
    }

    /// The published statement with this condition.
    pub(in crate::iam) fn allow(condition: &Value) -> Value {
        json!({ "Effect": "Allow", "Principal": { "AWS": OPERATOR }, "Action": "sts:AssumeRole", "Condition": condition })
    }

    fn check(statements: &Value, expected: Safety, named: &[&str]) {
        let findings = judged(statements);
        assert_eq!(findings.safety(), expected, "{statements}: {findings:#?}");
        let text = format!("{findings:?}");
        for name in named {
            assert!(text.contains(name), "{name} is not named in {text}");
        }
    }

    #[test]
    fn the_published_policy_is_safe() {
        let org: OrgId = "123456".parse().unwrap();
        let published = crate::policy::trust_policy(OPERATOR, &org.external_id());
        check(&published["Statement"], Safety::Safe, &["statement 1", "StringEquals"]);
    }

    #[test]
    fn each_loose_condition_is_unsafe_and_named() {
        for (condition, named) in [
            (json!({}), "statement 1 allows it"),
            (json!({ "StringEqualsIfExists": { "sts:ExternalId": "123456" } }), "StringEqualsIfExists"),
            (json!({ "ForAllValues:StringEquals": { "sts:ExternalId": "123456" } }), "ForAllValues:StringEquals"),
            (json!({ "StringLike": { "sts:externalid": "*" } }), "StringLike"),
            (json!({ "StringLike": { "sts:ExternalId": "12345?" } }), "12345?"),
            (json!({ "StringEquals": { "sts:ExternalId": ["123456", "654321"] } }), "654321"),
            (json!({ "StringNotEquals": { "sts:ExternalId": "666666" } }), "StringNotEquals"),
            (json!({ "Null": { "sts:ExternalId": "false" } }), "Null"),
            (json!({ "StringEquals": { "sts:ExternalId": "654321" } }), "does not hold"),
            (json!({ "StringEquals": { "aws:PrincipalArn": OPERATOR } }), "aws:PrincipalArn"),
        ] {
            check(&allow(&condition), Safety::Unsafe, &[named]);
        }
    }

    #[test]
    fn roundabout_conditions_can_be_safe() {
        for statements in [
            allow(&json!({ "StringLike": { "sts:ExternalId": "123456" } })),
            allow(&json!({ "StringEqualsIgnoreCase": { "sts:ExternalId": "123456" } })),
            allow(&json!({ "ForAnyValue:StringEquals": { "sts:ExternalId": "123456" } })),
            allow(
                &json!({ "StringEqualsIfExists": { "sts:ExternalId": "123456" }, "Null": { "sts:ExternalId": "false" } }),
            ),
            allow(
                &json!({ "StringLike": { "sts:ExternalId": "12*" }, "StringEquals": { "sts:ExternalId": ["123456", "9"] } }),
            ),
            json!([
                allow(&json!({})),
                { "Effect": "Deny", "Principal": "*", "Action": "sts:*", "Condition": { "StringNotEquals": { "sts:ExternalId": "123456" } } },
            ]),
            json!({ "Effect": "Allow", "Principal": { "AWS": ["999999999999"] }, "NotAction": "sts:TagSession",
                    "Condition": { "StringEquals": { "sts:ExternalId": 123_456 } } }),
        ] {
            check(&statements, Safety::Safe, &[]);
        }
    }

    #[test]
    fn letters_of_another_case_are_found() {
        let condition = json!({ "StringEqualsIgnoreCase": { "sts:ExternalId": ["123456", "abc"] } });
        check(&allow(&condition), Safety::Unsafe, &["abc"]);
    }

    #[test]
    fn what_the_document_does_not_show_is_undecided() {
        let id = json!({ "sts:ExternalId": "123456" });
        for condition in [
            json!({ "StringEquals": id, "IpAddress": { "aws:SourceIp": "192.0.2.0/24" } }),
            json!({ "StringEquals": id, "StringEqualsIfExists": { "aws:PrincipalOrgID": "o-1" } }),
            json!({ "NumericEquals": id, "StringLike": { "sts:ExternalId": "*" } }),
        ] {
            check(&allow(&condition), Safety::Undecided, &[]);
        }
        let never =
            json!({ "StringEquals": { "sts:ExternalId": "654321" }, "IpAddress": { "aws:SourceIp": "192.0.2.0/24" } });
        check(&allow(&never), Safety::Unsafe, &["654321"]);
    }

    #[test]
    fn who_else_is_let_in_is_noted() {
        let anyone = json!({ "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole",
                             "Condition": { "StringEquals": { "sts:ExternalId": "123456" } } });
        check(&anyone, Safety::Safe, &["anyone of any account"]);
        let stranger = json!([
            allow(&json!({ "StringEquals": { "sts:ExternalId": "123456" } })),
            { "Effect": "Allow", "Principal": { "AWS": "111111111111", "Service": "ec2.amazonaws.com" }, "Action": "sts:AssumeRole" },
        ]);
        check(&stranger, Safety::Safe, &["account 111111111111", "ec2.amazonaws.com"]);
    }

    #[test]
    fn another_principal_alone_keeps_us_out() {
        let other = json!({ "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::999999999999:user/somebody" }, "Action": "sts:AssumeRole" });
        check(&other, Safety::Unsafe, &["is not about `arn:aws:iam::999999999999:user/billconnect`"]);
    }
}
