//! Evidence: what AWS answered when we asked, kept verbatim and not yet judged.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::copies::{Listing, ListingError};
use crate::excess::UnpublishedRead;
use crate::names::Region;

/// What came of one question to AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe<T> {
    /// AWS answered the question.
    Granted(T),
    /// AWS refused, or no answer came.
    Refused(Box<Refusal>),
    /// The question could not be put, and why.
    NotAsked(&'static str),
}

impl<T> Probe<T> {
    /// The answer, if there is one.
    pub fn granted(&self) -> Option<&T> {
        match self {
            Self::Granted(answer) => Some(answer),
            _ => None,
        }
    }

    /// The same probe with its answer turned into another.
    pub fn map<U>(self, turn: impl FnOnce(T) -> U) -> Probe<U> {
        match self {
            Self::Granted(answer) => Probe::Granted(turn(answer)),
            Self::Refused(refusal) => Probe::Refused(refusal),
            Self::NotAsked(why) => Probe::NotAsked(why),
        }
    }

    /// The refusal, if there is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

impl<T> From<Result<T, Refusal>> for Probe<T> {
    fn from(result: Result<T, Refusal>) -> Self {
        match result {
            Ok(answer) => Self::Granted(answer),
            Err(refusal) => Self::Refused(Box::new(refusal)),
        }
    }
}

/// A refusal in AWS's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{action} on `{resource}` answered {code}: {message}")]
pub struct Refusal {
    /// The IAM action that was tried, such as `s3:ListBucket`.
    pub action: String,
    /// What it was tried on: an ARN.
    pub resource: String,
    /// What sort of refusal it is.
    pub kind: RefusalKind,
    /// AWS's error code, or the name of the fault that kept the answer away (`Timeout`, `ConnectionFailed`).
    pub code: String,
    /// AWS's message.
    pub message: String,
    /// AWS's request id, where one came.
    pub request_id: Option<String>,
}

/// What sort of refusal it is, as far as AWS's code tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// A clean denial: `AccessDenied`, `AccessDeniedException`, `AllAccessDisabled`.
    Denied,
    /// A denial by the key that encrypts the object, not by S3.
    DeniedByKms,
    /// The bucket or object does not exist.
    NotFound,
    /// The bucket answers in another region.
    WrongRegion,
    /// The object is no longer the one that was asked for (`If-Match`).
    Changed,
    /// The service is not in use in the account: nobody has switched it on there.
    NotInUse,
    /// The service is in use and has no data yet.
    NoData,
    /// AWS asks us to slow down.
    Throttled,
    /// Our own credentials are missing, expired or wrong.
    OwnCredentials,
    /// The keys that the customer gave are wrong, switched off or gone.
    KeysRefused,
    /// No answer, a time-out, or a fault on AWS's side.
    Unavailable,
    /// AWS did not like the request itself.
    Invalid,
}

impl RefusalKind {
    /// Whether this is AWS's final word about permission. Everything else leaves a negative probe undecided.
    pub fn is_denial(self) -> bool {
        matches!(self, Self::Denied | Self::DeniedByKms)
    }

    /// Whether the same question may be answered another time.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Throttled | Self::Unavailable | Self::OwnCredentials | Self::Changed)
    }
}

/// Who a set of credentials is, as `sts:GetCallerIdentity` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The account's 12 digits.
    pub account: String,
    /// The principal's ARN.
    pub arn: String,
}

/// The organization that a payer account belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id, `o-…`.
    pub id: String,
    /// The 12 digits of the account that manages it.
    pub management_account: String,
}

/// What the first page of an organization's accounts showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accounts {
    /// How many accounts are on it.
    pub seen: usize,
    /// Whether there are more pages.
    pub more: bool,
}

/// The first keys below a prefix, as one page of a listing without a delimiter shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peek {
    /// The objects, by key.
    pub objects: Vec<ObjectHead>,
    /// Whether these are all.
    pub whole: bool,
}

/// What is known of whether the use of reservations can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservations {
    /// AWS was asked.
    Asked(Probe<()>),
    /// AWS answered at this time, and is not asked again so soon: it charges the customer for each answer.
    Kept(OffsetDateTime),
}

/// One level of a bucket below a prefix, as a listing with the delimiter `/` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Level {
    /// The objects at this level.
    pub objects: Vec<ObjectHead>,
    /// The prefixes one level down, each ending in `/`.
    pub folders: Vec<String>,
}

/// An object as a listing names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectHead {
    /// The whole key.
    pub key: String,
    /// The `ETag`, with its quotes.
    pub etag: String,
    /// The size in bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: OffsetDateTime,
}

/// A small object read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectText {
    /// The object's head at the time of reading.
    pub head: ObjectHead,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// All the evidence that a report is judged from.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Who we are, by our own credentials.
    pub operator: Probe<Caller>,
    /// Who we are after assuming the role with the right external id.
    pub assumed: Probe<Caller>,
    /// Who an IAM user's keys are.
    pub keys: Probe<Caller>,
    /// What came of assuming the role without an external id.
    pub without_id: Probe<()>,
    /// What came of each wrong external id, by how it differs from the right one.
    pub forged: Vec<(&'static str, Probe<()>)>,
    /// The bucket's region.
    pub region: Probe<Region>,
    /// The listing at the path.
    pub listing: Probe<Level>,
    /// What the walk below the path found.
    pub reports: Probe<Vec<FoundReport>>,
    /// Whether the walk was given up because too many folders lie below the path.
    pub crowded: bool,
    /// The first byte of a report's file: the key that was read.
    pub first_byte: Probe<String>,
    /// The payer's organization.
    pub organization: Probe<Organization>,
    /// The first page of the accounts in it.
    pub accounts: Probe<Accounts>,
    /// Whether the use of reservations can be read.
    pub reservations: Reservations,
    /// What came of each read beyond the published actions.
    pub unpublished: Probe<Vec<(UnpublishedRead, Probe<()>)>>,
}

/// A report found in the bucket, by the manifest that describes its newest month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundReport {
    /// The report's name.
    pub name: String,
    /// The folder of the report, without a slash at the end.
    pub folder: String,
    /// The key of the newest month's manifest.
    pub manifest_key: String,
    /// The months that it has manifests for, oldest first.
    pub months: Vec<crate::period::BillingPeriod>,
    /// The manifests of the newest months as a listing names them, newest month first.
    pub deliveries: Vec<(crate::period::BillingPeriod, ObjectHead)>,
    /// The newest manifest as read: its text, or why it could not be read.
    pub manifest: Probe<Vec<u8>>,
    /// The newest month as its files show it, where no month has a manifest: a copied bucket.
    pub copied: Option<(crate::period::BillingPeriod, Result<Listing, ListingError>)>,
}
