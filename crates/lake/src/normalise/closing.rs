//! The charges that close a month: what savings plan lines that should cancel each other leave over.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::datatypes::Field;
use arrow::error::ArrowError;
use billing::focus::line_item_type::CANCELLING;
use billing::focus::services;
use billing::money::Amount;
use billing::reconcile::{SourceSums, SumOverflow};

use super::columns::{AmountColumn, FlagColumn, TextColumn, TimeColumn, constant, zeros};
use super::plan::Delivered;
use super::sums::PartTotals;
use crate::schema::{charges_batch, charges_schema};

/// By usage account and invoice, what the cancelling types leave; only where that is something.
type Residuals = BTreeMap<(String, String), Amount>;

const DESCRIPTION: &str = "Savings plan covered usage that its negation does not cancel over the month";

pub(super) fn residuals(sums: &SourceSums) -> Result<Residuals, SumOverflow> {
    let mut residuals = Residuals::new();
    for (key, sum) in &sums.by_key {
        if CANCELLING.contains(&key.line_item_type.as_str()) {
            let left = residuals.entry((key.usage_account.clone(), key.invoice_id.clone())).or_default();
            let what = || SumOverflow { what: format!("savings plan lines of `{}`", key.usage_account) };
            *left = left.checked_add(sum.cost).ok_or_else(what)?;
        }
    }
    residuals.retain(|_, left| !left.is_zero());
    Ok(residuals)
}

/// One Adjustment charge for each residual. Each bills the residual and nothing else, so that unblended sums stay.
pub(super) fn charges(
    residuals: &Residuals,
    totals: &PartTotals,
    delivered: &Delivered,
) -> Result<RecordBatch, ArrowError> {
    let closing = Closing { residuals, delivered, currency: totals.currencies.first().map_or("USD", String::as_str) };
    let arrays: Result<Vec<_>, _> = charges_schema().fields().iter().map(|field| closing.array(field)).collect();
    charges_batch(arrays?)
}

struct Closing<'a> {
    residuals: &'a Residuals,
    delivered: &'a Delivered,
    currency: &'a str,
}

impl Closing<'_> {
    fn array(&self, field: &Field) -> Result<ArrayRef, ArrowError> {
        let rows = self.residuals.len();
        match field.name().as_str() {
            "BilledCost" => self.billed(),
            "EffectiveCost" | "ListCost" | "ContractedCost" | "x_UnblendedCost" => zeros(rows),
            "SubAccountId" => self.texts(|(account, _)| account),
            "InvoiceId" => self.texts(|(_, invoice)| invoice),
            "BillingPeriodStart" | "ChargePeriodStart" => self.times(self.delivered.start),
            "BillingPeriodEnd" | "ChargePeriodEnd" => self.times(self.delivered.end),
            "x_IsSplitCost" => Ok(self.not_split()),
            name => match self.text(name) {
                Some(text) => constant(text, rows),
                None => Ok(new_null_array(field.data_type(), rows)),
            },
        }
    }

    /// What is the same in each of these charges.
    fn text(&self, name: &str) -> Option<&str> {
        Some(match name {
            "BillingAccountId" => &self.delivered.payer,
            "BillingAccountType" => "Payer Account",
            "BillingCurrency" => self.currency,
            "ChargeCategory" => "Adjustment",
            "ChargeDescription" => DESCRIPTION,
            "ChargeFrequency" => "One-Time",
            "InvoiceIssuerName" | "PublisherName" => "Amazon Web Services, Inc.",
            "PricingCategory" => "Other",
            "ProviderName" => "AWS",
            "ServiceCategory" => services::OTHER.0,
            "ServiceName" => "Savings Plans",
            "ServiceSubcategory" => services::OTHER.1,
            "SubAccountType" => "Usage Account",
            "x_LineItemType" => CANCELLING[1],
            _ => return None,
        })
    }

    fn billed(&self) -> Result<ArrayRef, ArrowError> {
        let mut column = AmountColumn::new();
        self.residuals.values().for_each(|left| column.push(Some(*left)));
        column.finish()
    }

    fn texts(&self, of: impl Fn(&(String, String)) -> &String) -> Result<ArrayRef, ArrowError> {
        let mut column = TextColumn::new();
        self.residuals.keys().for_each(|key| column.push_or_null(of(key).as_bytes()));
        column.finish()
    }

    fn times(&self, micros: i64) -> Result<ArrayRef, ArrowError> {
        let mut column = TimeColumn::new();
        self.residuals.keys().for_each(|_| column.push(micros));
        column.finish()
    }

    fn not_split(&self) -> ArrayRef {
        let mut column = FlagColumn::new();
        self.residuals.keys().for_each(|_| column.push(false));
        column.finish()
    }
}
