//! The step `query`: what an org asks about its costs, its connections and what has been read of them.

use billing::checks::{Report, State};
use billing::cost_query::{BilledAccount, CostAnswer, CostQuery};
use billing::export::ExportFormat;
use billing::names::{BillConnectId, OrgId};
use billing::receipt::{PublishedMonth, Receipt};
use billing::standing::Standing;
use lake::LakeError;

use crate::App;
use crate::error::AppError;
use crate::store::{Import, ImportStatus};

/// What stands in the way of a connection's bills.
#[derive(Debug, Clone)]
pub struct StatusErrors {
    /// The connection.
    pub connect: BillConnectId,
    /// Where the connection stands.
    pub standing: Standing,
    /// The reasons, those of the connection first, then those of months, newest first.
    pub errors: Vec<String>,
}

impl App {
    /// Answers a question about costs from the org's own lake.
    pub async fn costs(&self, org: OrgId, question: &CostQuery) -> Result<CostAnswer, AppError> {
        let lake = self.lake.org(org);
        if question.account_dimensions().is_empty() {
            return Ok(lake.costs(question).await?);
        }
        Ok(lake.knowing(self.accounts(org).await?).costs(question).await?)
    }

    /// What an answer rests on beside its deliveries: it differs whenever what is known of accounts does. Empty where the
    /// question asks nothing of them.
    pub async fn accounts_tag(&self, org: OrgId, question: &CostQuery) -> Result<String, AppError> {
        if question.account_dimensions().is_empty() {
            return Ok(String::new());
        }
        let revision = self.store.accounts_revision(org).await?;
        Ok(format!("-{:08x}", crc32fast::hash(format!("{revision:?}").as_bytes())))
    }

    /// The deliveries that a question would be answered from now.
    pub async fn costs_come_from(&self, org: OrgId, question: &CostQuery) -> Result<Vec<PublishedMonth>, AppError> {
        Ok(self.lake.org(org).costs_come_from(question).await?)
    }

    /// An answer as a file.
    pub async fn cost_file(
        &self,
        question: CostQuery,
        answer: CostAnswer,
        format: ExportFormat,
    ) -> Result<Vec<u8>, AppError> {
        // Encoding keeps a core busy for a while; what answers others must not wait for it.
        let file = tokio::task::spawn_blocking(move || lake::cost_file(&question, &answer, format)).await;
        Ok(file.map_err(LakeError::from)??)
    }

    /// Every account that the org's bills have charges of, by id.
    pub async fn billed_accounts(&self, org: OrgId) -> Result<Vec<BilledAccount>, AppError> {
        let (known, mut billed) = (self.accounts(org).await?, self.lake.org(org).accounts().await?);
        for account in &mut billed {
            let last = account.id.parse().ok().and_then(|id| known.of(&id).last());
            account.name = last.map(|last| last.span.facts.name.clone()).or(account.name.take());
        }
        Ok(billed)
    }

    /// The currency of the org's newest bill, as ISO 4217 spells it; `None` without a bill.
    pub async fn currency(&self, org: OrgId) -> Result<Option<String>, AppError> {
        Ok(self.lake.org(org).currency().await?)
    }

    /// What stands in the way of each connection's bills; a connection without problems has an empty list.
    pub async fn status_errors(&self, org: OrgId) -> Result<Vec<StatusErrors>, AppError> {
        let newest = self.store.newest_imports(org).await?;
        let mut all = Vec::new();
        for connect in self.store.connects(org).await? {
            let id = connect.candidate.id();
            let standing = self.standing(org, &id).await?;
            let mut errors = standing.reasons.clone();
            // What AWS left open the last time stops nothing, but somebody may want to know.
            let last = self.store.newest_report(org, &id).await?;
            errors.extend(last.filter(|report| report.state() == State::Undecided).iter().flat_map(Report::problems));
            // What kept it from being read before it was suspended is told by the reasons now.
            errors.extend(self.trouble(org, &id).filter(|_| standing.state.reads()));
            let months =
                newest.iter().rev().filter(|import| import.connect == id && import.status == ImportStatus::Aborted);
            errors.extend(
                months.map(|import| format!("{}: {}", import.period, import.error.as_deref().unwrap_or("aborted"))),
            );
            all.push(StatusErrors { connect: id, standing, errors });
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
