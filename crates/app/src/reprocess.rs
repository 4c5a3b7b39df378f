//! The step `reprocess`: months are read again from what is delivered now, whatever is published of them.

use std::collections::{BTreeMap, BTreeSet};

use billing::bill_month::Processing;
use billing::names::{BillConnectId, OrgId};
use billing::standing::{ConnectionState, Standing};

use crate::App;
use crate::audit::{Act, Actor, Outcome, Subject};
use crate::error::AppError;
use crate::months::Month;

/// What becomes of a wish to have months read again: all of them are, or none.
#[derive(Debug, Clone)]
pub struct Reprocessed {
    /// The months, as they were asked for.
    pub items: Vec<ReprocessItem>,
}

/// One of the months that are to be read again.
#[derive(Debug, Clone)]
pub struct ReprocessItem {
    /// Which.
    pub month: Month,
    /// How far it is; nothing where there is no such month.
    pub status: Option<Processing>,
    /// Whether it is read again.
    pub result: ReprocessResult,
}

/// Whether a month is read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReprocessResult {
    /// It is.
    Accepted,
    /// The org has no such bill connect.
    NoConnect,
    /// Nothing is delivered for this month.
    NoMonth,
    /// Nothing is read through the bill connect now, for this reason.
    NotRead(String),
    /// It could be, but others that were asked for with it can't.
    Held,
}

impl ReprocessResult {
    /// What keeps the month itself from being read again, in words.
    pub fn why_not(&self, (connect, period): &Month) -> Option<String> {
        match self {
            Self::Accepted | Self::Held => None,
            Self::NoConnect => Some(format!("there is no bill connect `{connect}`")),
            Self::NoMonth => Some(format!("nothing has been delivered to `{connect}` for {period} yet")),
            Self::NotRead(why) => Some(format!("`{connect}` is {why}")),
        }
    }
}

impl Reprocessed {
    /// Whether the months are read again.
    pub fn is_accepted(&self) -> bool {
        self.items.iter().all(|item| item.result == ReprocessResult::Accepted)
    }

    /// What is wrong, month by month.
    fn flaws(&self) -> Vec<String> {
        self.items.iter().filter_map(|item| item.result.why_not(&item.month)).collect()
    }
}

impl App {
    /// Has months read again from what is delivered now, whatever is published of them; all of them, or none where one can't be.
    pub async fn reprocess_months(
        &self,
        actor: &Actor,
        org: OrgId,
        months: Vec<Month>,
    ) -> Result<Reprocessed, AppError> {
        let asked = self.judge(org, months).await?;
        if !asked.is_accepted() {
            let flaws = asked.flaws();
            let why = format!("{} of {} months: {}", flaws.len(), asked.items.len(), flaws.join("; "));
            self.audit(actor, Act::MonthsReprocess, Subject::of(org, "bill-months"), Outcome::Refused(why)).await?;
            return Ok(asked);
        }
        let months: BTreeSet<Month> = asked.items.iter().map(|item| item.month.clone()).collect();
        for (connect, period) in &months {
            self.store.reprocess_job((org, connect), *period).await?;
        }
        self.work.notify_one();
        let mut connects = BTreeMap::<&BillConnectId, Vec<String>>::new();
        for (connect, period) in &months {
            connects.entry(connect).or_default().push(period.to_string());
        }
        for (connect, periods) in connects {
            let told = Outcome::DoneWith(periods.join(", "));
            self.audit(actor, Act::MonthsReprocess, Subject::of(org, connect), told).await?;
        }
        Ok(asked)
    }

    /// What becomes of each month that somebody wants to have read again.
    async fn judge(&self, org: OrgId, months: Vec<Month>) -> Result<Reprocessed, AppError> {
        let standings = self.standings(org).await?;
        let statuses: BTreeMap<Month, Processing> = self
            .bill_months(org)
            .await?
            .into_iter()
            .map(|month| ((month.connect, month.period), month.status))
            .collect();
        // A month that lies where the bill connect once read from has no job: there is nothing to read it from any more.
        let jobs: BTreeSet<Month> =
            self.store.jobs(org).await?.into_iter().map(|job| (job.connect, job.period)).collect();
        let mut items: Vec<ReprocessItem> = Vec::new();
        for month in months {
            let status = statuses.get(&month).copied();
            let found = jobs.contains(&month);
            let result = match (standings.get(&month.0), found) {
                (None, _) => ReprocessResult::NoConnect,
                (Some(_), false) => ReprocessResult::NoMonth,
                (Some(standing), _) if !standing.state.reads() => ReprocessResult::NotRead(not_read(standing)),
                _ => ReprocessResult::Accepted,
            };
            items.push(ReprocessItem { month, status, result });
        }
        let accepted = items.iter().all(|item| item.result == ReprocessResult::Accepted);
        for item in &mut items {
            if accepted {
                item.status = Some(Processing::Processing);
            } else if item.result == ReprocessResult::Accepted {
                item.result = ReprocessResult::Held;
            }
        }
        Ok(Reprocessed { items })
    }
}

/// Why nothing is read through a connection, in words that follow "it is".
fn not_read(standing: &Standing) -> String {
    match (standing.state, standing.reason()) {
        (ConnectionState::Paused, _) => "paused; `billconnect resume` has it read again".to_owned(),
        (state, Some(reason)) => format!("{}: {reason}", state.name()),
        (state, None) => state.name().to_owned(),
    }
}
