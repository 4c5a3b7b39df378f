//! Bill connections: what a customer asks us to read, and the proof that we may.

use std::fmt::Write as _;

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::bucket::{BucketName, BucketPath, ReportName};
use crate::keys::{AccessKeyId, SecretAccessKey};
use crate::names::{AccountId, BillConnectId, ExternalId, OrgId, Region, SessionName};
use crate::period::BillingPeriod;
use crate::role::{Partition, RoleArn};

/// What a customer asks to connect: well formed, nothing proven. It may hold a secret, so it cannot be serialised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The org that asks.
    pub org: OrgId,
    /// The payer account whose bill it is; every S3 call expects the bucket to be this account's.
    pub account: AccountId,
    /// The bucket that AWS delivers to.
    pub bucket: BucketName,
    /// Where below the bucket the reports lie; may hold only part of the way.
    pub path: BucketPath,
    /// How we get in.
    pub access: Access,
    /// The first month to read; everything in the bucket if absent.
    pub effective_from: Option<BillingPeriod>,
    /// The report to keep to, of several below the path; the best if absent.
    pub report: Option<ReportName>,
}

impl Candidate {
    /// The id that the connection has, or would have.
    pub fn id(&self) -> BillConnectId {
        BillConnectId::of(&self.account)
    }

    /// The partition that the account lives in.
    pub fn partition(&self) -> Partition {
        match &self.access {
            Access::Role(role) => role.arn.partition(),
            Access::User(user) => user.partition,
        }
    }

    /// The role that we are to assume, where it is one.
    pub fn role(&self) -> Option<&RoleAccess> {
        match &self.access {
            Access::Role(role) => Some(role),
            Access::User(_) => None,
        }
    }

    /// The IAM user whose keys we were given, where it is one.
    pub fn user(&self) -> Option<&UserAccess> {
        match &self.access {
            Access::Role(_) => None,
            Access::User(user) => Some(user),
        }
    }

    /// What tells this very configuration from every other, keys included, without giving any of it away.
    pub fn fingerprint(&self) -> Fingerprint {
        let effective_from = self.effective_from.map(|period| period.to_string()).unwrap_or_default();
        let report = self.report.as_ref().map(ReportName::as_ref).unwrap_or_default();
        let org = self.org.to_string();
        let (account, bucket, path) = (self.account.as_ref(), self.bucket.as_ref(), self.path.as_ref());
        let mut fields = vec![org.as_str(), account, bucket, path, &effective_from, report];
        match &self.access {
            Access::Role(role) => {
                fields.extend(["role", role.arn.as_ref(), role.session_name.as_ref(), role.external_id.as_ref()]);
            }
            Access::User(user) => fields.extend([
                "user",
                user.access_key_id.as_ref(),
                user.secret_access_key.expose_secret(),
                user.partition.as_str(),
            ]),
        }
        Fingerprint::of(&fields)
    }
}

/// How we get into a customer's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// By a role that trusts us: nothing secret is handed over, and it can be withdrawn in one place.
    Role(RoleAccess),
    /// By an IAM user's long-term keys, for those who cannot make a role.
    User(UserAccess),
}

impl Access {
    /// Which of the two it is.
    pub fn kind(&self) -> AccessKind {
        match self {
            Self::Role(_) => AccessKind::Role,
            Self::User(_) => AccessKind::User,
        }
    }
}

/// Which way into an account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessKind {
    /// A role that we assume.
    Role,
    /// An IAM user whose keys we hold.
    User,
}

/// A role that we are to assume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleAccess {
    /// The role.
    pub arn: RoleArn,
    /// What our sessions are called in the customer's CloudTrail.
    pub session_name: SessionName,
    /// The external id that the role must require: one that the org was given.
    pub external_id: ExternalId,
}

/// An IAM user whose keys we were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAccess {
    /// The access key's id.
    pub access_key_id: AccessKeyId,
    /// The access key's secret.
    pub secret_access_key: SecretAccessKey,
    /// The partition that the user lives in: keys do not say.
    pub partition: Partition,
}

/// The SHA-256 of a [`Candidate`]'s every field, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    fn of(fields: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for field in fields {
            // Each with its length before it, so that no text can pass for the end of one field and the start of the next.
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        let mut hex = String::new();
        for byte in hash.finalize() {
            write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
        }
        Self(hex)
    }
}

/// An external id as it is presented to STS.
#[derive(Debug, Clone, Copy)]
pub enum Presented<'a> {
    /// The org's own.
    Right(&'a ExternalId),
    /// None at all: a safe role refuses it.
    Absent,
    /// A wrong one: a safe role refuses it.
    Forged(&'a crate::names::ForgedId),
}

impl<'a> Presented<'a> {
    /// The text to send, if any.
    pub fn text(self) -> Option<&'a str> {
        match self {
            Self::Right(id) => Some(id.as_ref()),
            Self::Absent => None,
            Self::Forged(id) => Some(id.as_ref()),
        }
    }
}

/// A stored bill connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillConnect {
    /// What was asked for.
    pub candidate: Candidate,
    /// The bucket's region, as found.
    pub region: Region,
    /// When it was first stored.
    pub created_at: OffsetDateTime,
    /// When its configuration last changed.
    pub updated_at: OffsetDateTime,
}

/// A connection that passed its checks. Only a passing report makes one, and only this can be read from.
#[derive(Debug, Clone)]
pub struct VerifiedConnection {
    candidate: Candidate,
    region: Region,
}

impl VerifiedConnection {
    /// For [`crate::checks::Report`] alone, which has seen the proof.
    pub(crate) fn proven(candidate: Candidate, region: Region) -> Self {
        Self { candidate, region }
    }

    /// What was proven.
    pub fn candidate(&self) -> &Candidate {
        &self.candidate
    }

    /// The bucket's region.
    pub fn region(&self) -> &Region {
        &self.region
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::testkit::candidate;

    fn user(secret: &str) -> Candidate {
        let access = Access::User(UserAccess {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".parse().unwrap(),
            secret_access_key: SecretString::from(secret).try_into().unwrap(),
            partition: Partition::AwsCn,
        });
        Candidate { access, ..candidate() }
    }

    #[test]
    fn every_field_counts_in_the_fingerprint() {
        let RoleAccess { arn, session_name, external_id } = candidate().role().unwrap().clone();
        let with = |access| Candidate { access: Access::Role(access), ..candidate() };
        let (name, id) = (session_name.clone(), external_id.clone());
        let all = [
            candidate(),
            Candidate { org: "123457".parse().unwrap(), ..candidate() },
            Candidate { account: "123456789013".parse().unwrap(), ..candidate() },
            Candidate { bucket: "acme-bill".parse().unwrap(), ..candidate() },
            Candidate { path: "scur".parse().unwrap(), ..candidate() },
            Candidate { effective_from: Some("2026-01".parse().unwrap()), ..candidate() },
            Candidate { report: Some("hourly".parse().unwrap()), ..candidate() },
            with(RoleAccess {
                arn: "arn:aws:iam::123456789012:role/b".parse().unwrap(),
                session_name: name,
                external_id: id,
            }),
            with(RoleAccess { arn: arn.clone(), session_name: "other".parse().unwrap(), external_id }),
            with(RoleAccess { arn, session_name, external_id: "123457".parse::<OrgId>().unwrap().external_id() }),
            user("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            user("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEZ"),
        ];
        for (n, one) in all.iter().enumerate() {
            for other in &all[n + 1..] {
                assert_ne!(one.fingerprint(), other.fingerprint(), "{one:?} {other:?}");
            }
            assert_eq!(one.fingerprint(), one.clone().fingerprint());
        }
    }

    #[test]
    fn a_users_secret_is_in_no_debug_text() {
        let user = user("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        let text = format!("{user:?} {:?}", user.fingerprint());
        assert!(!text.contains("wJalr") && !text.contains("AKIAIOS"), "{text}");
        assert_eq!((user.partition(), user.access.kind()), (Partition::AwsCn, AccessKind::User));
        assert!(user.role().is_none() && user.user().is_some());
    }
}
