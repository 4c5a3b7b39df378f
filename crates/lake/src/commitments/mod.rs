//! Commitments, worked out from an org's charges: what reservations and savings plans bought, what of it was used, what they covered.
//!
//! The engine sums by commitment and month, exactly; `billing::commitment` makes days of that.

mod plan;
mod read;

use billing::commitment::{CommitmentUse, Days, over};
use billing::history::AsOf;
use billing::receipt::PublishedMonth;
use futures::FutureExt;

use crate::error::LakeError;
use crate::held::Held;
use crate::table::{ChargesFile, OrgLake};

/// What the bill says of commitments over some days, and the deliveries that say it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BilledCommitments {
    /// The commitments, and what could have been covered.
    pub used: CommitmentUse,
    /// The deliveries, by connection and month.
    pub deliveries: Vec<PublishedMonth>,
}

impl OrgLake {
    /// What the bill says of commitments over `days`; with no month published, nothing.
    pub async fn commitments(&self, days: Days, as_of: &AsOf) -> Result<BilledCommitments, LakeError> {
        let counts = |file: &ChargesFile| {
            let period = file.month.period;
            period.start() < days.end() && period.end() > days.start()
        };
        self.ask(as_of, &counts, |held| self.commitments_of(held, days).boxed()).await
    }

    async fn commitments_of(&self, held: Held, days: Days) -> Result<BilledCommitments, LakeError> {
        let deliveries = held.deliveries();
        if held.files.is_empty() {
            return Ok(BilledCommitments { used: CommitmentUse::default(), deliveries });
        }
        let charges = self.charges(held.files)?;
        let months = plan::months(charges.clone())?.collect().await?;
        let within = plan::within(charges.clone(), days)?.collect().await?;
        let usage = plan::coverable(charges, days)?.collect().await?;
        let months = read::months(&months, &within)?;
        Ok(BilledCommitments { used: over(months, &read::usage(&usage)?, days)?, deliveries })
    }
}

#[cfg(test)]
mod tests;
