//! Costs: exact sums of charges by time and dimensions, or the charges themselves.
//!
//! *Invariant:* every charge that a question covers is in exactly one row of its answer, so grouped sums add up to the
//! ungrouped one. Split cost allocation rows are in none: their instances carry that cost already.

use billing::cost_query::{CostAnswer, CostQuery};
use billing::receipt::PublishedMonth;
use futures::FutureExt;
use time::OffsetDateTime;

use crate::accounts::joined;
use crate::error::LakeError;
use crate::held::Held;
use crate::question::Question;
use crate::rollup::unit_of;
use crate::table::{ChargesFile, OrgLake};

impl OrgLake {
    /// Answers a question from the months that the lake holds; with no month, without rows.
    pub async fn costs(&self, query: &CostQuery) -> Result<CostAnswer, LakeError> {
        sound(query)?;
        // Chosen here and not by the engine, because the answer names the deliveries that it comes from.
        let counts = |file: &ChargesFile| may_count(query, file);
        self.ask(&query.as_of, &counts, |held| self.answer(query, held).boxed()).await
    }

    /// The deliveries that a question would be answered from now, without answering it.
    pub async fn costs_come_from(&self, query: &CostQuery) -> Result<Vec<PublishedMonth>, LakeError> {
        sound(query)?;
        let counts = |file: &ChargesFile| may_count(query, file);
        self.ask(&query.as_of, &counts, |held| async move { Ok(held.deliveries()) }.boxed()).await
    }

    pub(crate) async fn answer(&self, query: &CostQuery, held: Held) -> Result<CostAnswer, LakeError> {
        let deliveries = held.deliveries();
        if held.files.is_empty() {
            return Ok(CostAnswer { rows: Vec::new(), truncated: false, deliveries });
        }
        let question = Question::new(query);
        let charges = match unit_of(query.grain()) {
            Some(unit) => self.totals_by(unit, held)?,
            None => self.charges(held.files)?,
        };
        let answer = question.plan(joined(charges, query, &self.known_accounts)?)?;
        let mut rows = Vec::new();
        let _place = self.place().await;
        for batch in answer.collect().await? {
            question.read(&batch, &mut rows)?;
        }
        let truncated = query.limit.is_some_and(|limit| rows.len() > limit);
        rows.truncate(query.limit.unwrap_or(usize::MAX));
        Ok(CostAnswer { rows, truncated, deliveries })
    }
}

fn sound(query: &CostQuery) -> Result<(), LakeError> {
    let problems = query.problems();
    if problems.is_empty() { Ok(()) } else { Err(LakeError::Question(problems)) }
}

/// Whether a file may hold a charge that the question covers, as far as the log knows.
fn may_count(query: &CostQuery, file: &ChargesFile) -> bool {
    let of_connect = query.connects.as_ref().is_none_or(|connects| connects.contains(&file.month.connect));
    let in_time = if query.goes_by_charge() {
        file.starts.is_none_or(|(first, last)| first < micros(query.until) && last >= micros(query.from))
    } else {
        (query.from..query.until).contains(&file.month.period.start())
    };
    of_connect && in_time
}

pub(crate) fn micros(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
