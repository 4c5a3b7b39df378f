//! The step `query`: what an org asks about its costs, its connections and what has been read of them.

use billing::checks::{Report, State};
use billing::connection::{BillConnect, VerifiedConnection};
use billing::cost_query::{CostAnswer, CostQuery};
use billing::names::{BillConnectId, OrgId};
use billing::receipt::Receipt;
use futures::{StreamExt, TryStreamExt, stream};
use time::{Duration, OffsetDateTime};

use crate::App;
use crate::error::AppError;
use crate::store::{Import, ImportStatus};

/// How many of an org's connections are proven side by side.
const VALIDATIONS_AT_ONCE: usize = 4;

/// How long a proof holds before the connection is proven anew: trust that is loosened later must not go unseen.
const PROOF_HOLDS: Duration = Duration::hours(24);

/// Whether a connection holds now.
#[derive(Debug, Clone)]
pub struct Validation {
    /// The connection.
    pub connect: BillConnectId,
    /// Whether every required claim holds.
    pub valid: bool,
    /// What does not hold, as short sentences.
    pub errors: Vec<String>,
    /// All that was found.
    pub report: Report,
}

/// What stands in the way of a connection's bills.
#[derive(Debug, Clone)]
pub struct StatusErrors {
    /// The connection.
    pub connect: BillConnectId,
    /// The reasons, those of the connection first, then those of months, newest first.
    pub errors: Vec<String>,
}

impl App {
    /// Answers a question about costs from the org's own lake.
    pub async fn costs(&self, org: OrgId, question: &CostQuery) -> Result<CostAnswer, AppError> {
        Ok(self.lake.org(org).costs(question).await?)
    }

    /// Proves every connection of the org anew.
    pub async fn validations(&self, org: OrgId) -> Result<Vec<Validation>, AppError> {
        let connects = self.store.connects(org).await?;
        stream::iter(connects).map(|connect| self.prove(connect)).buffered(VALIDATIONS_AT_ONCE).try_collect().await
    }

    /// Proves one connection of the org anew.
    pub async fn validation(&self, org: OrgId, id: &BillConnectId) -> Result<Validation, AppError> {
        self.prove(self.bill_connect(org, id).await?).await
    }

    async fn prove(&self, connect: BillConnect) -> Result<Validation, AppError> {
        let report = self.check(&connect.candidate, Some(connect.created_at)).await?;
        let id = connect.candidate.id();
        self.store.insert_report(connect.candidate.org, &id, &report).await?;
        let valid = report.verified(&connect.candidate).is_some();
        Ok(Validation { connect: id, valid, errors: report.problems(), report })
    }

    /// The connection as something that may be read from, by its newest report; proven anew where that one does not say so, is
    /// older than a day, or saw nothing delivered yet.
    pub async fn verified(&self, connect: &BillConnect) -> Result<VerifiedConnection, AppError> {
        let candidate = &connect.candidate;
        let known = self.store.newest_report(candidate.org, &candidate.id()).await?;
        let fresh = |report: &Report| {
            report.state() == State::Verified && OffsetDateTime::now_utc() - report.judged_at < PROOF_HOLDS
        };
        if let Some(verified) = known.filter(fresh).and_then(|report| report.verified(candidate)) {
            return Ok(verified);
        }
        let validation = self.prove(connect.clone()).await?;
        validation.report.verified(candidate).ok_or_else(|| AppError::NotVerified(Box::new(validation.report)))
    }

    /// What stands in the way of each connection's bills; a connection without problems has an empty list.
    pub async fn status_errors(&self, org: OrgId) -> Result<Vec<StatusErrors>, AppError> {
        let newest = self.store.newest_imports(org).await?;
        let mut all = Vec::new();
        for connect in self.store.connects(org).await? {
            let id = connect.candidate.id();
            let report = self.store.newest_report(org, &id).await?;
            let mut errors = report.as_ref().map(Report::problems).unwrap_or_default();
            errors.extend(report.and_then(|report| report.waits_for()));
            errors.extend(self.trouble(org, &id));
            let months =
                newest.iter().rev().filter(|import| import.connect == id && import.status == ImportStatus::Aborted);
            errors.extend(
                months.map(|import| format!("{}: {}", import.period, import.error.as_deref().unwrap_or("aborted"))),
            );
            all.push(StatusErrors { connect: id, errors });
        }
        Ok(all)
    }

    /// Every attempt to read a delivery of the connection, newest first.
    pub async fn import_history(&self, org: OrgId, id: &BillConnectId) -> Result<Vec<Import>, AppError> {
        self.bill_connect(org, id).await?;
        Ok(self.store.imports(org, id).await?)
    }

    /// The receipt of every published month of the org.
    pub async fn receipts(&self, org: OrgId) -> Result<Vec<Receipt>, AppError> {
        let lake = self.lake.org(org);
        let mut receipts = Vec::new();
        for month in lake.published().await? {
            receipts.extend(lake.receipt(&month.connect, month.period).await?);
        }
        Ok(receipts)
    }
}
