//! The step `commitments`: what an org's bill says of its reservations and savings plans.

use billing::commitment::Days;
use billing::history::AsOf;
use billing::names::OrgId;
pub use lake::BilledCommitments;

use crate::App;
use crate::error::AppError;

impl App {
    /// What the org's bill says of commitments over `days`.
    pub async fn commitments(&self, org: OrgId, days: Days) -> Result<BilledCommitments, AppError> {
        Ok(self.lake.org(org).commitments(days, &AsOf::NOW).await?)
    }

    /// The newest month that is published, if any is: what whoever names no days wants to see.
    pub async fn newest_month(&self, org: OrgId) -> Result<Option<Days>, AppError> {
        let published = self.lake.org(org).published().await?;
        Ok(published.iter().map(|month| month.period).max().map(Days::of))
    }
}
