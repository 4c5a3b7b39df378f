//! Tidying the lake: what readings left behind that never came to publish, once nobody can publish it any more.

use std::collections::BTreeSet;
use std::time::SystemTime;

use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use lake::Pruning;

use crate::App;
use crate::error::AppError;

impl App {
    /// Removes from every org's lake what readings left behind, deliveries that were replaced and need not be kept, and what is
    /// left of deleted orgs.
    pub(crate) async fn tidy(&self) {
        let orgs = self.store.orgs().await.unwrap_or_else(|error| {
            tracing::error!(%error, "the orgs whose lakes are to be swept can't be listed");
            Vec::new()
        });
        for org in self.store.deleted_orgs().await.unwrap_or_default() {
            if let Err(error) = self.lake.org(org).erase().await {
                tracing::warn!(%org, %error, "the bills of a deleted org could not be removed");
            }
        }
        for org in orgs {
            match self.tidy_org(org.id).await {
                Ok(0) => {}
                Ok(swept) => tracing::info!(org = %org.id, swept, "files that were never published are removed"),
                Err(error) => tracing::warn!(org = %org.id, %error, "the lake could not be swept"),
            }
            match self.prune(org.id, Pruning::Remove).await {
                Ok(pruned) if pruned.is_empty() => {}
                Ok(pruned) => tracing::info!(org = %org.id, deliveries = pruned.len(), "old deliveries are removed"),
                Err(error) => tracing::warn!(org = %org.id, %error, "old deliveries could not be removed"),
            }
        }
    }

    async fn tidy_org(&self, org: OrgId) -> Result<usize, AppError> {
        // Before asking who is alive: whoever begins later has written nothing by then.
        let before = SystemTime::now().checked_sub(self.jobs.sweep_every).unwrap_or(SystemTime::UNIX_EPOCH);
        let staged = self.store.staged(org).await?;
        let mut swept = 0;
        for dead in staged.iter().filter(|staged| !staged.runs) {
            swept += self.bury((org, &dead.connect, dead.period), &dead.name).await?;
        }
        let alive: BTreeSet<String> = staged.into_iter().map(|staged| staged.name).collect();
        Ok(swept + self.lake.org(org).sweep(before, &alive).await?)
    }

    /// Makes sure that what was staged is never published, if it is not yet, and removes it then.
    pub(crate) async fn bury(
        &self,
        (org, connect, period): (OrgId, &BillConnectId, BillingPeriod),
        staged: &str,
    ) -> Result<usize, AppError> {
        let lake = self.lake.org(org);
        lake.fence_off(connect, period).await?;
        let buried = lake.bury((connect, period), staged).await?;
        self.store.unstaged(org, staged).await?;
        Ok(buried)
    }
}
