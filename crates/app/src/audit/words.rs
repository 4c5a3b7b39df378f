//! What the audit log speaks of: who acts, what is done, to what, in whose log, and what comes of it.

use std::fmt;
use std::net::IpAddr;

use billing::names::OrgId;

use crate::store::TokenId;

/// Somebody who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Whoever holds a refresh token of the org, or an access token that came from it.
    RefreshToken(TokenId),
    /// A service account, by its client id.
    ServiceAccount(String),
    /// Whoever holds an operator token.
    Operator(TokenId),
    /// Somebody at the command line, by the name that the system knows.
    CommandLine(String),
    /// The server by itself.
    Server,
    /// Nobody that we know: no valid credential came.
    Unknown,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RefreshToken(id) => write!(f, "refresh-token:{id}"),
            Self::ServiceAccount(id) => write!(f, "service-account:{id}"),
            Self::Operator(id) => write!(f, "operator-token:{id}"),
            Self::CommandLine(user) => write!(f, "command-line:{user}"),
            Self::Server => f.write_str("server"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// Who acts, from where, in which request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub who: Who,
    /// The client's address, where it came over the network.
    pub address: Option<IpAddr>,
    /// The request's id, as the log and `X-Request-Id` say it.
    pub request: Option<String>,
}

impl Actor {
    /// Somebody on this machine.
    pub fn local(who: Who) -> Self {
        Self { who, address: None, request: None }
    }
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Act {
    Connect,
    ConnectChange,
    ConnectDelete,
    ConnectDryRun,
    ConnectPause,
    ConnectResume,
    /// Ingest stops because a required claim no longer holds.
    ConnectSuspend,
    /// Ingest goes on because every required claim holds again.
    ConnectRestore,
    /// Months are read again.
    MonthsReprocess,
    ExternalIdAdd,
    ExternalIdSwitch,
    ExternalIdRetire,
    SecretsRotate,
    TokenCreate,
    TokenGrant,
    TokenRevoke,
    /// Credentials that were refused. Several from one address become one entry.
    Authenticate,
    ServiceAccountCreate,
    ServiceAccountChange,
    ServiceAccountDelete,
    ClientSecretCreate,
    ClientSecretRevoke,
    OrgCreate,
    OrgDelete,
    OperatorTokenCreate,
    OperatorTokenRevoke,
}

impl Act {
    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "bill-connect.create",
            Self::ConnectChange => "bill-connect.change",
            Self::ConnectDelete => "bill-connect.delete",
            Self::ConnectDryRun => "bill-connect.dry-run",
            Self::ConnectPause => "bill-connect.pause",
            Self::ConnectResume => "bill-connect.resume",
            Self::ConnectSuspend => "bill-connect.suspend",
            Self::ConnectRestore => "bill-connect.restore",
            Self::MonthsReprocess => "bill-months.reprocess",
            Self::ExternalIdAdd => "external-id.add",
            Self::ExternalIdSwitch => "external-id.switch",
            Self::ExternalIdRetire => "external-id.retire",
            Self::SecretsRotate => "secrets.rotate",
            Self::TokenCreate => "refresh-token.create",
            Self::TokenGrant => "access-token.grant",
            Self::TokenRevoke => "refresh-token.revoke",
            Self::Authenticate => "authenticate",
            Self::ServiceAccountCreate => "service-account.create",
            Self::ServiceAccountChange => "service-account.change",
            Self::ServiceAccountDelete => "service-account.delete",
            Self::ClientSecretCreate => "client-secret.create",
            Self::ClientSecretRevoke => "client-secret.revoke",
            Self::OrgCreate => "org.create",
            Self::OrgDelete => "org.delete",
            Self::OperatorTokenCreate => "operator-token.create",
            Self::OperatorTokenRevoke => "operator-token.revoke",
        }
    }
}

/// A chain of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Log {
    /// What the operator does beyond single orgs.
    Operator,
    /// What concerns one org.
    Org(OrgId),
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("operator"),
            Self::Org(org) => org.fmt(f),
        }
    }
}

/// What is acted on, and in whose log that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Whose log.
    pub log: Log,
    /// What it is: a bill connect's id, a token's number. Never a secret.
    pub name: String,
}

impl Subject {
    /// Something of an org's.
    pub fn of(org: OrgId, name: impl fmt::Display) -> Self {
        Self { log: Log::Org(org), name: name.to_string() }
    }

    /// Something of the operator's.
    pub fn operator(name: impl fmt::Display) -> Self {
        Self { log: Log::Operator, name: name.to_string() }
    }
}

/// What came of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was done, and this is worth knowing of it: how often, from what to what. Never a secret.
    DoneWith(String),
    /// It was refused, and why. Never a secret.
    Refused(String),
    /// It could not be decided or done, and why. Never a secret.
    Failed(String),
}

impl Outcome {
    pub(super) fn parts(self) -> (&'static str, Option<String>) {
        match self {
            Self::Done => ("done", None),
            Self::DoneWith(note) => ("done", Some(note)),
            Self::Refused(why) => ("refused", Some(why)),
            Self::Failed(why) => ("failed", Some(why)),
        }
    }
}
