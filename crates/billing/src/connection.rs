//! Bill connections: what a customer asks us to read, and the proof that we may.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::bucket::{BucketName, BucketPath};
use crate::names::{AccountId, BillConnectId, ExternalId, OrgId, Region, SessionName};
use crate::period::BillingPeriod;
use crate::role::{Partition, RoleArn};

/// What a customer asks to connect: well formed, nothing proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The org that asks.
    pub org: OrgId,
    /// The payer account whose bill it is; every S3 call expects the bucket to be this account's.
    pub account: AccountId,
    /// The bucket that AWS delivers to.
    pub bucket: BucketName,
    /// Where below the bucket the reports lie; may hold only part of the way.
    pub path: BucketPath,
    /// The role that we are to assume.
    pub role: RoleArn,
    /// What our sessions are called in the customer's CloudTrail.
    pub session_name: SessionName,
    /// The first month to read; everything in the bucket if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<BillingPeriod>,
}

impl Candidate {
    /// The id that the connection has, or would have.
    pub fn id(&self) -> BillConnectId {
        BillConnectId::of(&self.account)
    }

    /// The external id that the role must require: the org's own.
    pub fn external_id(&self) -> ExternalId {
        self.org.external_id()
    }

    /// The partition that the role lives in.
    pub fn partition(&self) -> Partition {
        self.role.partition()
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillConnect {
    /// What was asked for.
    pub candidate: Candidate,
    /// The bucket's region, as found.
    pub region: Region,
    /// When it was first stored.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When its configuration last changed.
    #[serde(with = "time::serde::rfc3339")]
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
