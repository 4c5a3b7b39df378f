//! What can go wrong in a step, free of HTTP: what a caller may know is the text, what an operator must know is the source.

use std::time::Duration;

use billing::checks::Report;
use billing::copies::ListingError;
use billing::export::ExportSource;
use billing::manifest::ManifestError;
use billing::names::BillConnectId;
use billing::period::BillingPeriod;
use billing::probe::Refusal;
use billing::sql::SqlProblem;
use lake::LakeError;

use crate::store::StoreError;

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// AWS refused, or gave no answer.
    #[error("{0}")]
    Aws(Box<Refusal>),
    /// Our own credentials do not say who we are.
    #[error(
        "the operator's principal is not known: name it with `--operator-principal`, or give AWS credentials ({0})"
    )]
    NoOperator(Box<Refusal>),
    /// A part was written after the manifest that lists it.
    #[error(
        "`{key}` is newer than the manifest `{manifest}` that lists it: the month is still being delivered, and is read when it is whole"
    )]
    StillDelivering {
        /// The manifest.
        manifest: String,
        /// The file.
        key: String,
    },
    /// A month never came from the delivery that was asked for, or from none before it.
    #[error(transparent)]
    NoDelivery(LakeError),
    /// A delivery that was asked for is removed.
    #[error(transparent)]
    Removed(LakeError),
    /// The lake does not hold the month that was asked for.
    #[error("there is no {0} in the lake: it was not delivered, or not read yet")]
    NotPublished(ExportSource),
    /// As many exports as may be are under way.
    #[error(transparent)]
    Exporting(LakeError),
    /// The lake failed.
    #[error(transparent)]
    Lake(LakeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A manifest cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A manifest lists a file that is not there.
    #[error(
        "manifest `{manifest}` lists `{key}`, which is not in the bucket: AWS may still be delivering it, or it was deleted; it is tried again at the next poll"
    )]
    PartMissing {
        /// The manifest.
        manifest: String,
        /// The file.
        key: String,
    },
    /// Somebody else has the job's lease.
    #[error("`{0}` `{1}` is read by somebody else now: whoever had it before was silent for too long")]
    LeaseLost(BillConnectId, BillingPeriod),
    /// The reading has not got on for too long.
    #[error("nothing has come of the reading for {} seconds: it is begun anew", .0.as_secs())]
    Stalled(Duration),
    /// The reading panicked.
    #[error("the reading ended in a panic, which the log tells; please report it")]
    Panicked,
    /// A month without a manifest whose files can't be read as they are.
    #[error("{0}; the month stays as it was")]
    Listing(ListingError),
    /// A manifest that was found is not there any more.
    #[error(
        "manifest `{0}` is no longer in the bucket: the month stays as it was published, and new deliveries of it are not seen until the manifest is back"
    )]
    ManifestGone(String),
    /// A file of a published month without a manifest is gone.
    #[error(
        "`{key}` is gone from `{folder}`, which has no manifest, and nothing newer came in its place: the month stays as it was published"
    )]
    FileGone {
        /// The month's folder.
        folder: String,
        /// The file.
        key: String,
    },
    /// The path does not hold one report.
    #[error("{0}")]
    Invalid(String),
    /// The org has no such bill connect.
    #[error("there is no bill connect `{0}`")]
    NotFound(BillConnectId),
    /// A required claim about the connection does not hold, or could not be proven.
    #[error("the connection is not proven: {}", unproven(.0.as_deref()))]
    NotVerified(Option<Box<Report>>),
    /// The connection is paused.
    #[error("`{0}` is paused; `billconnect resume` has it read again")]
    Paused(BillConnectId),
    /// The statement can't be answered as it stands.
    #[error(transparent)]
    Sql(SqlProblem),
    /// The org has as many checks under way and waiting as it may have.
    #[error("too many checks of this org are under way; try again when some are done")]
    Busy,
    /// The connection is not any more what the step was begun with.
    #[error("`{0}` was changed or deleted meanwhile")]
    Overtaken(BillConnectId),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Entropy,
}

/// What stands in the way; a connection without a report has never been proven.
fn unproven(report: Option<&Report>) -> String {
    report.map_or_else(|| "nothing has been shown yet".to_owned(), |report| report.problems().join("; "))
}

impl AppError {
    /// Whether trying the same delivery again would end the same way.
    pub(crate) fn stays(&self) -> bool {
        match self {
            Self::Lake(LakeError::Ingest(error)) => !error.may_pass(),
            Self::Listing(error) => !error.passes(),
            Self::Lake(LakeError::Disagreement { .. } | LakeError::Overflow(_))
            | Self::Manifest(_)
            | Self::ManifestGone(_)
            | Self::FileGone { .. } => true,
            _ => false,
        }
    }

    /// Whether a proof of the connection may say more about why something could not be read.
    pub(crate) fn may_be_explained(&self) -> bool {
        match self {
            Self::Aws(refusal) => !refusal.kind.may_pass(),
            Self::Invalid(_) => true,
            _ => false,
        }
    }

    /// What whoever asked about costs can do about it; `None` where the fault is not in the question.
    pub fn in_question(&self) -> Option<String> {
        match self {
            Self::Lake(error @ (LakeError::Question(_) | LakeError::TooLarge)) => Some(error.to_string()),
            _ => None,
        }
    }
}

impl From<LakeError> for AppError {
    fn from(error: LakeError) -> Self {
        match error {
            LakeError::NoDelivery(_) | LakeError::NothingBefore { .. } => Self::NoDelivery(error),
            LakeError::Removed { .. } => Self::Removed(error),
            LakeError::Exporting => Self::Exporting(error),
            LakeError::Sql(problem) => Self::Sql(problem),
            other => Self::Lake(other),
        }
    }
}

impl From<Box<Refusal>> for AppError {
    fn from(refusal: Box<Refusal>) -> Self {
        Self::Aws(refusal)
    }
}

impl From<Refusal> for AppError {
    fn from(refusal: Refusal) -> Self {
        Self::Aws(Box::new(refusal))
    }
}
