//! The step `commitments`: what an org's bill says of its reservations and savings plans.

use std::collections::HashMap;

use billing::commitment::Days;
use billing::history::AsOf;
use billing::names::OrgId;
pub use lake::BilledCommitments;
use time::OffsetDateTime;

use crate::App;
use crate::error::AppError;

impl App {
    /// What the org's bill says of commitments over `days`; accounts by the names that their organization has for them today, and
    /// else by those that the bill has.
    pub async fn commitments(&self, org: OrgId, days: Days) -> Result<BilledCommitments, AppError> {
        let mut billed = self.lake.org(org).commitments(days, &AsOf::NOW).await?;
        let known = self.accounts_on(org, OffsetDateTime::now_utc().date()).await?;
        let names: HashMap<&str, String> =
            known.iter().map(|known| (known.account.as_ref(), known.span.facts.name.clone())).collect();
        for commitment in &mut billed.used.commitments {
            let facts = &mut commitment.facts;
            let name = facts.account.as_deref().and_then(|account| names.get(account)).cloned();
            facts.account_name = name.or(facts.account_name.take());
        }
        Ok(billed)
    }

    /// The newest month that is published, if any is: what whoever names no days wants to see.
    pub async fn newest_month(&self, org: OrgId) -> Result<Option<Days>, AppError> {
        let published = self.lake.org(org).published().await?;
        Ok(published.iter().map(|month| month.period).max().map(Days::of))
    }
}
