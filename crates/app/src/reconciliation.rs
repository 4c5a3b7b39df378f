//! The step `reconcile`: files = lake = answers, for every published month, and why a month is not published.

use std::collections::BTreeMap;

use billing::cost_query::{CostAnswer, CostQuery, Dimension, MISSING, Metric, PeriodType};
use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use billing::reconcile::{LakeSums, SumKey};
use billing::reconciliation::{AnswerSum, AnswerSums, Reconciliation};
use time::OffsetDateTime;

use crate::App;
use crate::deliveries::Months;
use crate::error::AppError;
use crate::store::ImportStatus;

/// Where the lake's figures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LakeFigures {
    /// The receipt: they were summed from the month's files before it was published.
    #[default]
    Receipt,
    /// The published files themselves, summed anew.
    SummedAnew,
}

/// One month, in the three places.
#[derive(Debug, Clone)]
pub struct ReconciledMonth {
    /// The connection.
    pub connect: BillConnectId,
    /// The month.
    pub period: BillingPeriod,
    /// What is published of it, if it is.
    pub published: Option<Reconciliation>,
    /// Everything that does not agree, or can't be read, in words.
    pub differences: Vec<String>,
    /// Why its newest delivery is not published, if that is so.
    pub not_published: Option<String>,
    /// When this was looked at, UTC.
    pub looked_at: OffsetDateTime,
}

impl App {
    /// Holds files, lake and answers of months against each other: the newest month first, from the one at `place` on, at
    /// most `limit`. Says as well how many months there are in all.
    pub async fn reconciliation(
        &self,
        org: OrgId,
        (months, figures): (&Months, LakeFigures),
        (place, limit): (usize, usize),
    ) -> Result<(Vec<ReconciledMonth>, usize), AppError> {
        let mut all: BTreeMap<_, Option<String>> = BTreeMap::new();
        for month in self.lake.org(org).published().await? {
            all.insert((std::cmp::Reverse(month.period), month.connect), None);
        }
        for import in self.store.newest_imports(org).await? {
            if import.status == ImportStatus::Aborted {
                let why = import.error.unwrap_or_else(|| "its import was aborted".to_owned());
                all.insert((std::cmp::Reverse(import.period), import.connect), Some(why));
            }
        }
        all.retain(|(period, connect), _| months.include(connect, period.0));
        let count = all.len();
        let mut reconciled = Vec::new();
        for ((period, connect), why) in all.into_iter().skip(place).take(limit) {
            let mut month = self.reconciled_month(org, (connect, period.0), figures).await?;
            month.not_published = why;
            reconciled.push(month);
        }
        Ok((reconciled, count))
    }

    async fn reconciled_month(
        &self,
        org: OrgId,
        (connect, period): (BillConnectId, BillingPeriod),
        figures: LakeFigures,
    ) -> Result<ReconciledMonth, AppError> {
        // One at a time: it reads whole months, and must not keep bills and questions waiting.
        let _place = self.summing.acquire().await.expect("the semaphore is never closed");
        let lake = self.lake.org(org);
        let (receipt, sums, mut differences) = match figures {
            LakeFigures::Receipt => (lake.receipt(&connect, period).await?, None, Vec::new()),
            LakeFigures::SummedAnew => match lake.sum_anew(&connect, period).await? {
                // What can't be read holds nothing.
                Some(summed) => (Some(summed.receipt), Some(summed.sums.unwrap_or_default()), summed.problems),
                None => (None, None, Vec::new()),
            },
        };
        let published = match receipt {
            Some(receipt) => {
                let answers = match self.costs(org, &question(&connect, period)).await {
                    Ok(answer) => answer_sums(&answer)?,
                    Err(error) => {
                        tracing::error!(%org, %connect, %period, %error, "a published month could not be asked about");
                        differences.push("questions about the month can't be answered; the log says why".to_owned());
                        AnswerSums::new()
                    }
                };
                let sums: Option<&LakeSums> = sums.as_ref();
                Some(Reconciliation::of(&receipt, sums, &answers).map_err(lake::LakeError::from)?)
            }
            None => None,
        };
        differences.extend(published.iter().flat_map(Reconciliation::differences));
        let looked_at = OffsetDateTime::now_utc();
        Ok(ReconciledMonth { connect, period, published, differences, not_published: None, looked_at })
    }
}

/// The question that whoever wants a month's costs by line item type, account and invoice asks.
fn question(connect: &BillConnectId, period: BillingPeriod) -> CostQuery {
    CostQuery {
        metrics: vec![Metric::CostNonamortizedUnblended, Metric::CostAmortizedUnblended, Metric::ListPriceNonamortized],
        dimensions: vec![Dimension::LineItemType, Dimension::VendorAccount, Dimension::InvoiceId],
        period_type: PeriodType::BillingPeriod,
        connects: Some(vec![connect.clone()]),
        ..CostQuery::over(period.start(), period.end())
    }
}

fn answer_sums(answer: &CostAnswer) -> Result<AnswerSums, AppError> {
    let mut sums = AnswerSums::new();
    for row in &answer.rows {
        let text = |at: usize| if row.dimensions[at] == MISSING { String::new() } else { row.dimensions[at].clone() };
        let key = SumKey { line_item_type: text(0), usage_account: text(1), invoice_id: text(2) };
        let sum: &mut AnswerSum = sums.entry(key).or_default();
        // A text that is `None` in the bill is the same to a question as no text.
        for (known, amount) in [&mut sum.unblended, &mut sum.effective, &mut sum.list].into_iter().zip(&row.metrics) {
            let overflow = || billing::reconcile::SumOverflow { what: "an answer".to_owned() };
            *known = known.checked_add(*amount).ok_or_else(overflow).map_err(lake::LakeError::from)?;
        }
    }
    Ok(sums)
}
