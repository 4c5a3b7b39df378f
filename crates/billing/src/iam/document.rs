//! A policy document, parsed: what its statements say, nothing judged yet.

use std::fmt;

use super::operator::Operator;
use super::pattern::Pattern;

/// What a document is for. The two kinds have different elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyKind {
    /// A role's trust policy: who may assume it. Names principals, no resources.
    Trust,
    /// A permission policy: what the role may do. Names resources, no principals.
    Permission,
}

/// A policy document that IAM would take, as far as its text tells.
#[derive(Debug, Clone)]
pub struct Document {
    /// Whether `${…}` is replaced: since version 2012-10-17.
    pub(super) variables: bool,
    pub(super) statements: Vec<Statement>,
}

/// What a statement does with the requests that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// Either these, or all but these.
#[derive(Debug, Clone)]
pub(super) enum Only<T> {
    In(Vec<T>),
    NotIn(Vec<T>),
}

/// One statement.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    /// Which it is, for people.
    pub label: Label,
    pub effect: Effect,
    /// Action patterns as written.
    pub actions: Only<String>,
    /// Resource patterns as written; everything in a trust policy.
    pub resources: Only<String>,
    /// Who it is about; nobody in particular in a permission policy.
    pub principals: Only<Principal>,
    /// All of them must hold.
    pub conditions: Vec<Condition>,
}

/// How a report names a statement: by its place, and its id if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    /// Counted from 1.
    pub number: usize,
    pub sid: Option<String>,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statement {}", self.number)?;
        self.sid.as_ref().map_or(Ok(()), |sid| write!(f, " (`{sid}`)"))
    }
}

/// Someone whom a trust policy names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Principal {
    /// `*`.
    Anyone,
    /// An account, by its digits or as `:root`: everyone in it who is allowed to by the account itself.
    Account(String),
    /// A user, a role, or one session of a role.
    Arn(String),
    /// An id such as `AIDA…`, which IAM puts in place of someone who was deleted.
    Gone(String),
    /// An AWS service, an identity provider: never an IAM user or role.
    Other(String),
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("`*`"),
            Self::Account(account) => write!(f, "account {account}"),
            Self::Arn(text) | Self::Other(text) => write!(f, "`{text}`"),
            Self::Gone(id) => write!(f, "`{id}` (someone who was deleted)"),
        }
    }
}

/// One condition: an operator, a key, and the values of which one must fit.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub operator: Operator,
    /// The key as written.
    pub key: String,
    pub values: Vec<String>,
}

impl Condition {
    /// Whether it is about this key; keys don't tell upper from lower case.
    pub(super) fn is_about(&self, key: &str) -> bool {
        self.key.eq_ignore_ascii_case(key)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<String> = self.values.iter().map(|value| format!("`{value}`")).collect();
        write!(f, "`{}` on `{}` with {}", self.operator, self.key, values.join(", "))
    }
}

/// The pattern of an action, which doesn't tell upper from lower case.
pub(super) fn action_pattern(text: &str) -> Pattern {
    Pattern::glob(text).folded()
}
