//! The step `months`: how far the reading of each month is.

use std::collections::BTreeMap;

use billing::bill_month::{BillMonth, Processing};
use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use billing::standing::Standing;

use crate::App;
use crate::error::AppError;
use crate::store::{ImportStatus, JobState};

/// A month of a bill connect.
pub type Month = (BillConnectId, BillingPeriod);

impl App {
    /// Every month of the org's bill connects that anything was ever found of.
    pub async fn bill_months(&self, org: OrgId) -> Result<Vec<BillMonth>, AppError> {
        let standings = self.standings(org).await?;
        let mut months = BTreeMap::<Month, BillMonth>::new();
        for published in self.lake.org(org).published().await? {
            let month = entry(&mut months, (published.connect, published.period));
            month.processed_at = Some(published.published_at);
        }
        for import in self.store.newest_imports(org).await? {
            let month = entry(&mut months, (import.connect, import.period));
            (month.started_at, month.ended_at) = (Some(import.started_at), import.finished_at);
            if import.status == ImportStatus::InProgress {
                month.status = Processing::Processing;
            }
        }
        for job in self.store.jobs(org).await? {
            let month = entry(&mut months, (job.connect, job.period));
            (month.started_at, month.ended_at) =
                (job.started_at.or(month.started_at), job.finished_at.or(month.ended_at));
            // What waits for its bill connect to be resumed or mended is not on its way.
            let reads = standings.get(&month.connect).is_some_and(|standing| standing.state.reads());
            month.status = match job.state {
                JobState::Running => Processing::Processing,
                JobState::Waiting if reads => Processing::Processing,
                JobState::Waiting | JobState::Done | JobState::Failed => Processing::Processed,
            };
            if job.state == JobState::Running {
                month.ended_at = None;
            }
        }
        // A bill connect that was deleted a moment ago may still have months in the lake.
        Ok(months.into_values().filter(|month| standings.contains_key(&month.connect)).collect())
    }

    /// Where each of the org's bill connects stands.
    pub(crate) async fn standings(&self, org: OrgId) -> Result<BTreeMap<BillConnectId, Standing>, AppError> {
        let mut standings = BTreeMap::new();
        for connect in self.store.connects(org).await? {
            let id = connect.candidate.id();
            standings.insert(id.clone(), self.standing(org, &id).await?);
        }
        Ok(standings)
    }
}

/// The month among `months`; one that was not among them is not being read, and nothing else is known of it.
fn entry(months: &mut BTreeMap<Month, BillMonth>, month: Month) -> &mut BillMonth {
    let (connect, period) = month.clone();
    months.entry(month).or_insert_with(|| BillMonth {
        connect,
        period,
        status: Processing::Processed,
        started_at: None,
        ended_at: None,
        processed_at: None,
    })
}
