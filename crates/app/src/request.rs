//! What a customer asks for, as it came, and how it becomes a candidate or a list of everything that is wrong with it.

use std::fmt::Display;
use std::str::FromStr;

use billing::bucket::ReportName;
use billing::checks::{Report, refuse_malformed_role};
use billing::connection::{Access, AccessKind, Candidate, RoleAccess, UserAccess};
use billing::external_ids::ExternalIds;
use billing::keys::SecretAccessKey;
use billing::names::{BillConnectId, OrgId, SessionName};
use billing::period::BillingPeriod;
use billing::role::Partition;
use secrecy::{ExposeSecret, SecretString};
use time::OffsetDateTime;

use crate::error::AppError;

/// What a customer sends to make a connection, or to change one: then what is absent stays as it is.
#[derive(Debug, Clone)]
pub struct ConnectRequest {
    /// The org of the token.
    pub org: OrgId,
    /// The payer account. A change may repeat it, and nothing else.
    pub account: Option<String>,
    /// The bucket's name.
    pub bucket: Option<String>,
    /// The path in the bucket.
    pub path: Option<String>,
    /// The first month to read, `YYYY-MM`; empty for all.
    pub effective_from: Option<String>,
    /// The report to keep to, by its name or folder; empty for the best.
    pub report: Option<String>,
    /// How we are to get in.
    pub access: AccessRequest,
}

/// How we are to get into an account.
#[derive(Debug, Clone)]
pub enum AccessRequest {
    /// By a role.
    Role {
        /// The role's ARN.
        arn: Option<String>,
        /// The name for our sessions; a default if absent.
        session_name: Option<String>,
        /// An external id; only one that the org was given is accepted.
        external_id: Option<String>,
    },
    /// By an IAM user's keys.
    User {
        /// The access key's id. Held as a secret, because whoever mixes the two up sends the secret here.
        access_key_id: Option<SecretString>,
        /// The access key's secret.
        secret_access_key: Option<SecretString>,
        /// The user's partition: `aws`, if absent, or `aws-cn`.
        partition: Option<String>,
    },
}

impl AccessRequest {
    /// Which of the two it is.
    pub fn kind(&self) -> AccessKind {
        match self {
            Self::Role { .. } => AccessKind::Role,
            Self::User { .. } => AccessKind::User,
        }
    }
}

/// A field of a request, whatever the API generation calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Field {
    Account,
    Bucket,
    Path,
    Role,
    SessionName,
    ExternalId,
    AccessKeyId,
    SecretAccessKey,
    Partition,
    EffectiveFrom,
    Report,
}

/// A field that cannot be what it was given as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Which field.
    pub field: Field,
    /// What is wrong with it and what it should look like.
    pub message: String,
}

/// Why a connection was not made or changed. What is stored is as it was then.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Fields that cannot be what they were given as: all of them.
    #[error("{}", .0.iter().map(|field| field.message.as_str()).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldError>),
    /// The org has connected this account already.
    #[error("`{0}` is connected already; change it with PATCH, or delete it first")]
    Conflict(BillConnectId),
    /// The connection gets in by the other of the two ways.
    #[error("`{id}` is connected by {}, so there is no {} to change; delete it and connect anew to go the other way", by(*.is), other(*.is))]
    OtherWay {
        /// The connection.
        id: BillConnectId,
        /// How it gets in.
        is: AccessKind,
    },
    /// A required claim does not hold.
    #[error("the connection failed its checks: {}", .0.problems().join("; "))]
    Refused(Box<Report>),
    /// AWS's answers do not suffice to judge.
    #[error("the connection could not be proven now: {}", .0.problems().join("; "))]
    Undecided(Box<Report>),
    /// A fault on our side, or none of the org's connections.
    #[error(transparent)]
    App(#[from] AppError),
}

fn by(kind: AccessKind) -> &'static str {
    match kind {
        AccessKind::Role => "a role",
        AccessKind::User => "an IAM user",
    }
}

fn other(kind: AccessKind) -> &'static str {
    match kind {
        AccessKind::Role => "IAM user",
        AccessKind::User => "role",
    }
}

/// Parses every field and names all that are wrong. What a change leaves out is as in `stored`, which gets in the same way.
pub(crate) fn candidate(
    request: &ConnectRequest,
    stored: Option<&Candidate>,
    ids: &ExternalIds,
) -> Result<Candidate, ConnectError> {
    let mut reader = Reader { wrong: Vec::new() };
    let account = reader.account(request.account.as_deref(), stored);
    let bucket = reader.read(Field::Bucket, request.bucket.as_deref(), stored.map(|stored| stored.bucket.clone()));
    let path = reader.read(Field::Path, request.path.as_deref(), stored.map(|stored| stored.path.clone()));
    let first = stored.and_then(|stored| stored.effective_from);
    let effective_from =
        reader.clearable::<BillingPeriod>(Field::EffectiveFrom, request.effective_from.as_deref(), first);
    let kept_to = stored.and_then(|stored| stored.report.clone());
    let report = reader.clearable::<ReportName>(Field::Report, request.report.as_deref(), kept_to);
    let access = match &request.access {
        AccessRequest::Role { arn, session_name, external_id } => {
            let given = [arn, session_name, external_id].map(Option::as_deref);
            reader.role(ids, given, stored.and_then(Candidate::role))?.map(Access::Role)
        }
        AccessRequest::User { access_key_id, secret_access_key, partition } => {
            let keys = [access_key_id.as_ref(), secret_access_key.as_ref()];
            reader.user(keys, partition.as_deref(), stored.and_then(Candidate::user)).map(Access::User)
        }
    };
    let (Some(account), Some(bucket), Some(path), Some(access), true) =
        (account, bucket, path, access, reader.wrong.is_empty())
    else {
        return Err(ConnectError::Invalid(reader.wrong));
    };
    Ok(Candidate { org: request.org, account, bucket, path, access, effective_from, report })
}

/// Reads fields and keeps what is wrong with any of them.
struct Reader {
    wrong: Vec<FieldError>,
}

impl Reader {
    fn refuse(&mut self, field: Field, message: impl Display) {
        self.wrong.push(FieldError { field, message: message.to_string() });
    }

    fn parse<T: FromStr<Err: Display>>(&mut self, field: Field, text: &str) -> Option<T> {
        text.parse().map_err(|error: T::Err| self.refuse(field, error)).ok()
    }

    /// The field as given, or else as it is without.
    fn read<T: FromStr<Err: Display>>(&mut self, field: Field, given: Option<&str>, without: Option<T>) -> Option<T> {
        match given {
            Some(text) => self.parse(field, text),
            None => without.or_else(|| {
                self.refuse(field, "it is missing");
                None
            }),
        }
    }

    /// A field that an empty text takes away, and that is as it was where none is given.
    fn clearable<T: FromStr<Err: Display>>(
        &mut self,
        field: Field,
        given: Option<&str>,
        stored: Option<T>,
    ) -> Option<T> {
        match given {
            None => stored,
            Some("") => None,
            Some(text) => self.parse(field, text),
        }
    }

    fn account(&mut self, given: Option<&str>, stored: Option<&Candidate>) -> Option<billing::names::AccountId> {
        let account = self.read(Field::Account, given, stored.map(|stored| stored.account.clone()))?;
        match stored {
            Some(stored) if stored.account != account => {
                let is = &stored.account;
                let message = format!(
                    "the account can't be changed: this is the connection of {is}; connect the other account beside it"
                );
                self.refuse(Field::Account, message);
                None
            }
            _ => Some(account),
        }
    }

    /// A role. One that is malformed, where nothing else is wrong, is a check that failed, with a report.
    fn role(
        &mut self,
        ids: &ExternalIds,
        [arn, session_name, external_id]: [Option<&str>; 3],
        stored: Option<&RoleAccess>,
    ) -> Result<Option<RoleAccess>, ConnectError> {
        let usual = stored.map_or_else(SessionName::default, |stored| stored.session_name.clone());
        let session_name = self.read(Field::SessionName, session_name, Some(usual));
        let external_id = match (external_id, stored) {
            (Some(given), _) => ids.accept(given).cloned(),
            (None, Some(stored)) => Some(stored.external_id.clone()),
            (None, None) => Some(ids.current().clone()),
        };
        if external_id.is_none() {
            let message = "the external id is not one that this org has now; leave it out to use the org's own";
            self.refuse(Field::ExternalId, message);
        }
        let arn = match (arn.map(str::parse), stored) {
            (Some(Err(error)), _) if self.wrong.is_empty() => {
                let report = refuse_malformed_role(&error, OffsetDateTime::now_utc());
                return Err(ConnectError::Refused(Box::new(report)));
            }
            (Some(Err(error)), _) => {
                self.refuse(Field::Role, error);
                None
            }
            (Some(Ok(arn)), _) => Some(arn),
            (None, stored) => self.read(Field::Role, None, stored.map(|stored| stored.arn.clone())),
        };
        let whole = arn.zip(session_name).zip(external_id);
        Ok(whole.map(|((arn, session_name), external_id)| RoleAccess { arn, session_name, external_id }))
    }

    fn user(
        &mut self,
        [id, secret]: [Option<&SecretString>; 2],
        partition: Option<&str>,
        stored: Option<&UserAccess>,
    ) -> Option<UserAccess> {
        if stored.is_some() && id.is_some() && secret.is_none() {
            self.refuse(Field::SecretAccessKey, "it is missing: another access key has another secret");
        }
        let id = id.map(ExposeSecret::expose_secret);
        let id = self.read(Field::AccessKeyId, id, stored.map(|stored| stored.access_key_id.clone()));
        let secret = match (secret, stored) {
            (Some(given), _) => {
                let parsed = SecretAccessKey::try_from(given.clone());
                parsed.map_err(|error| self.refuse(Field::SecretAccessKey, error)).ok()
            }
            (None, Some(stored)) => Some(stored.secret_access_key.clone()),
            (None, None) => {
                self.refuse(Field::SecretAccessKey, "it is missing");
                None
            }
        };
        let usual = stored.map_or_else(Partition::default, |stored| stored.partition);
        let partition = self.read(Field::Partition, partition, Some(usual))?;
        if partition == Partition::AwsUsGov {
            self.refuse(Field::Partition, "an IAM user's partition is `aws` or `aws-cn`");
        }
        id.zip(secret).map(|(access_key_id, secret_access_key)| UserAccess {
            access_key_id,
            secret_access_key,
            partition,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn request() -> ConnectRequest {
        ConnectRequest {
            org: "123456".parse().unwrap(),
            account: Some("123456789012".into()),
            bucket: Some("acme-bills".into()),
            path: Some("/P/".into()),
            effective_from: Some("2026-01".into()),
            report: Some("hourly".into()),
            access: role("arn:aws:iam::123456789012:role/billing"),
        }
    }

    fn role(arn: &str) -> AccessRequest {
        AccessRequest::Role { arn: Some(arn.into()), session_name: None, external_id: None }
    }

    fn user(id: &str, secret: &str, partition: Option<&str>) -> AccessRequest {
        AccessRequest::User {
            access_key_id: Some(id.into()),
            secret_access_key: Some(secret.into()),
            partition: partition.map(str::to_owned),
        }
    }

    /// A change that changes nothing.
    fn nothing(access: AccessRequest) -> ConnectRequest {
        ConnectRequest {
            account: None,
            bucket: None,
            path: None,
            effective_from: None,
            report: None,
            access,
            ..request()
        }
    }

    fn asked(request: &ConnectRequest, stored: Option<&Candidate>) -> Result<Candidate, ConnectError> {
        candidate(request, stored, &ExternalIds::of(request.org, &[]).unwrap())
    }

    fn fields(result: Result<Candidate, ConnectError>) -> Vec<Field> {
        let Err(ConnectError::Invalid(fields)) = result else { panic!("not a list of wrong fields: {result:?}") };
        fields.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_request_becomes_a_candidate() {
        let made = asked(&request(), None).unwrap();
        assert_eq!((made.path.as_ref(), made.role().unwrap().session_name.as_ref()), ("P", "flexera-finops"));
        let own = AccessRequest::Role {
            arn: Some("arn:aws:iam::123456789012:role/billing".into()),
            session_name: None,
            external_id: Some("123456".into()),
        };
        assert!(asked(&ConnectRequest { access: own, ..request() }, None).is_ok());
        let access = user("AKIAIOSFODNN7EXAMPLE", SECRET, Some("aws-cn"));
        let made = asked(&ConnectRequest { access, ..request() }, None).unwrap();
        assert_eq!(
            (made.partition(), made.user().unwrap().secret_access_key.expose_secret()),
            (Partition::AwsCn, SECRET)
        );
    }

    #[test]
    fn every_wrong_field_is_named() {
        use Field::{Account, Bucket, EffectiveFrom, ExternalId, Path, Role, SessionName};
        let access = AccessRequest::Role {
            arn: Some("arn:aws:iam::123456789012:user/me".into()),
            session_name: Some("a b".into()),
            external_id: Some("654321".into()),
        };
        let wrong = ConnectRequest {
            account: Some("1".into()),
            bucket: Some("B".into()),
            path: Some("..".into()),
            effective_from: Some("soon".into()),
            access,
            ..request()
        };
        let all = [Account, Bucket, Path, EffectiveFrom, SessionName, ExternalId, Role];
        assert_eq!(fields(asked(&wrong, None)), all);
        let missing = nothing(AccessRequest::Role { arn: None, session_name: None, external_id: None });
        assert_eq!(fields(asked(&missing, None)), [Account, Bucket, Path, Role]);
    }

    #[test]
    fn wrong_keys_are_named_and_not_quoted() {
        let access = user(SECRET, "AKIAIOSFODNN7EXAMPLE!", Some("aws-us-gov"));
        let result = asked(&ConnectRequest { access, ..request() }, None);
        let text = format!("{result:?} {}", result.as_ref().unwrap_err());
        assert!(!text.contains(SECRET) && !text.contains("AKIAIOSFODNN7EXAMPLE"), "{text}");
        assert_eq!(fields(result), [Field::AccessKeyId, Field::SecretAccessKey, Field::Partition]);
    }

    #[test]
    fn a_role_that_is_none_gives_a_report() {
        let wrong = ConnectRequest { access: role("arn:aws:iam::123456789012:user/me"), ..request() };
        let Err(ConnectError::Refused(report)) = asked(&wrong, None) else { panic!("it was taken") };
        assert!(report.problems()[0].contains("role-arn-well-formed"));
    }

    #[test]
    fn what_a_change_leaves_out_stays() {
        let stored = asked(&request(), None).unwrap();
        let none = AccessRequest::Role { arn: None, session_name: None, external_id: None };
        assert_eq!(asked(&nothing(none.clone()), Some(&stored)).unwrap(), stored);
        let moved = ConnectRequest { bucket: Some("other-bills".into()), ..nothing(none.clone()) };
        let moved = asked(&moved, Some(&stored)).unwrap();
        assert_eq!((moved.bucket.as_ref(), &moved.path, &moved.access), ("other-bills", &stored.path, &stored.access));
        let same = ConnectRequest { account: Some("123456789012".into()), ..nothing(none.clone()) };
        assert!(asked(&same, Some(&stored)).is_ok());
        let account = ConnectRequest { account: Some("210987654321".into()), ..nothing(none) };
        assert_eq!(fields(asked(&account, Some(&stored))), [Field::Account]);
    }

    #[test]
    fn another_key_needs_its_secret() {
        let stored = asked(&ConnectRequest { access: user("AKIAIOSFODNN7EXAMPLE", SECRET, None), ..request() }, None);
        let stored = stored.unwrap();
        let change = |id: Option<&str>, secret: Option<&str>| {
            let access = AccessRequest::User {
                access_key_id: id.map(Into::into),
                secret_access_key: secret.map(Into::into),
                partition: None,
            };
            asked(&nothing(access), Some(&stored))
        };
        assert_eq!(change(None, None).unwrap(), stored);
        assert_eq!(fields(change(Some("AKIAIOSFODNN7OTHERKEY"), None)), [Field::SecretAccessKey]);
        let mended = change(None, Some("AnotherSecretThatIsTypedRightlyThisTime0")).unwrap();
        assert_ne!(mended.fingerprint(), stored.fingerprint());
    }
}
