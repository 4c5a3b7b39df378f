//! The step `check` without AWS: documents are judged in place of its answers, and a copy of the bucket is walked in its place.

mod folder;

use std::path::PathBuf;
use std::sync::OnceLock;

use billing::checks::{Report, Subject, judge};
use billing::copies::Quiet;
use billing::external_ids::ExternalIds;
use billing::iam::{Documents, LeastPrivilege};
use billing::reservation::PageQuestion;
use time::{Duration, OffsetDateTime};

use crate::check::{Explorer, Terms, gather};
use crate::error::AppError;
use crate::request::{ConnectError, ConnectRequest, candidate};
use folder::FolderAccount;

/// What came of judging documents.
#[derive(Debug)]
pub struct OfflineReport {
    /// Every claim once, as online.
    pub report: Report,
    /// How much the permission policy grants beyond what is needed, where one was given.
    pub least_privilege: Option<LeastPrivilege>,
    /// What to put in the place of a policy that grants too much.
    pub tightened: String,
}

/// Judges what a customer would send by its documents alone. Asks no one, stores nothing. `copy` is a folder that holds what the
/// bucket holds.
pub async fn check_documents(
    request: &ConnectRequest,
    documents: &Documents,
    copy: Option<PathBuf>,
) -> Result<OfflineReport, ConnectError> {
    // What other ids the org was given is known to the service alone.
    let ids = ExternalIds::first(request.org);
    let candidate = candidate(request, None, &ids)?;
    if let Some(folder) = copy.as_ref().filter(|folder| !folder.is_dir()) {
        let message = format!("the copy of the bucket `{}` is not a folder", folder.display());
        return Err(ConnectError::App(AppError::Invalid(message)));
    }
    let account = FolderAccount::new(documents.operator.clone(), copy);
    // A copy for a check does not grow.
    let quiet = Quiet { now: OffsetDateTime::now_utc(), wait: Duration::ZERO };
    let explorer = Explorer::Ask(PageQuestion::first(quiet.now.date()));
    let terms = Terms { explorer, answered: OnceLock::new(), quiet };
    let evidence = gather(&account, &candidate, &ids, &terms).await?;
    let operator_arn = documents.operator.arn();
    let subject = Subject { candidate: &candidate, operator_arn, connected_at: None, now: OffsetDateTime::now_utc() };
    let report = documents.judge(judge(subject, &evidence), &candidate);
    let least_privilege = documents.least_privilege(&candidate);
    Ok(OfflineReport { report, least_privilege, tightened: billing::iam::tightened(&candidate) })
}
