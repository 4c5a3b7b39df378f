//! The view `commitments`: what reservations and savings plans bought, month by month, and what became of it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, RecordBatch, StringArray};
use billing::commitment::{Commitment, Days, Measure};
use billing::history::AsOf;
use billing::money::{Amount, PRECISION, SCALE};
use billing::period::BillingPeriod;
use billing::sql::SqlType;
use datafusion::error::DataFusionError;

use super::views::{Described, schema};
use crate::error::LakeError;
use crate::table::OrgLake;

/// The columns.
pub(crate) const COLUMNS: &[Described] = &[
    ("billing_period", SqlType::Text, false, "The month, as `2026-09`."),
    ("bill_connect_id", SqlType::Text, false, "The bill connect that its bill came through."),
    ("commitment_id", SqlType::Text, false, "AWS's ARN, or whatever else the bill calls it."),
    ("kind", SqlType::Text, false, "`reservation` or `savings-plan`."),
    ("account_id", SqlType::Text, true, "The account that bought it."),
    ("service", SqlType::Text, true, "AWS's code for the service."),
    ("region", SqlType::Text, true, "The region."),
    ("instance_type", SqlType::Text, true, "The instance type that it is for."),
    ("purchase_option", SqlType::Text, true, "`No Upfront` and the like."),
    ("offering_class", SqlType::Text, true, "`standard`, `convertible`, `ComputeSavingsPlans` and the like."),
    ("term", SqlType::Text, true, "`1yr` and the like."),
    ("instances", SqlType::Decimal, true, "How many instances it is for."),
    (
        "bought_quantity",
        SqlType::Decimal,
        true,
        "Hours of a reservation, money of a savings plan; null where the bill does not say.",
    ),
    ("used_quantity", SqlType::Decimal, true, "What of it was used."),
    ("unused_quantity", SqlType::Decimal, true, "What of it was not."),
    ("bought_cost", SqlType::Decimal, false, "Its effective cost."),
    ("used_cost", SqlType::Decimal, false, "The effective cost of what was used."),
    ("unused_cost", SqlType::Decimal, false, "The effective cost of what was not."),
    ("billed_cost", SqlType::Decimal, false, "What was billed for it in the month: fees and purchases."),
    ("covered_list_cost", SqlType::Decimal, false, "The public on-demand price of what it covered."),
    ("coverable_list_cost", SqlType::Decimal, false, "The public on-demand price of what it could have covered."),
    ("utilization", SqlType::Decimal, true, "The percentage of it that was used."),
    ("coverage", SqlType::Decimal, true, "The percentage of what it could have covered that it did cover."),
];

/// A commitment in a month.
type Row = (BillingPeriod, Commitment);

impl OrgLake {
    /// The rows of the view: every commitment in every month that is published.
    pub(crate) async fn commitment_rows(&self) -> Result<RecordBatch, LakeError> {
        let mut periods: Vec<_> = self.published().await?.into_iter().map(|month| month.period).collect();
        periods.sort_unstable();
        periods.dedup();
        let mut rows = Vec::new();
        for period in periods {
            let billed = self.commitments(Days::of(period), &AsOf::NOW).await?;
            rows.extend(billed.used.commitments.into_iter().map(|commitment| (period, commitment)));
        }
        Ok(batch(&rows)?)
    }
}

fn batch(rows: &[Row]) -> Result<RecordBatch, DataFusionError> {
    let texts =
        |text: fn(&Row) -> Option<String>| -> ArrayRef { Arc::new(rows.iter().map(text).collect::<StringArray>()) };
    let amounts = |amount: fn(&Row) -> Option<Amount>| -> Result<ArrayRef, DataFusionError> {
        let amounts: Decimal128Array = rows.iter().map(|row| amount(row).map(Amount::unscaled)).collect();
        Ok(Arc::new(amounts.with_precision_and_scale(PRECISION, SCALE.cast_signed())?))
    };
    let quantity = |part: fn(&Measure) -> Amount| -> Result<ArrayRef, DataFusionError> {
        let amounts: Decimal128Array =
            rows.iter().map(|(_, it)| it.quantity.as_ref().map(part).map(Amount::unscaled)).collect();
        Ok(Arc::new(amounts.with_precision_and_scale(PRECISION, SCALE.cast_signed())?))
    };
    let columns = vec![
        texts(|(period, _)| Some(period.to_string())),
        texts(|(_, it)| Some(it.connect.to_string())),
        texts(|(_, it)| Some(it.id.clone())),
        texts(|(_, it)| Some(it.kind.name().to_owned())),
        texts(|(_, it)| it.facts.account.clone()),
        texts(|(_, it)| it.facts.service.clone()),
        texts(|(_, it)| it.facts.region.clone()),
        texts(|(_, it)| it.facts.instance_type.clone()),
        texts(|(_, it)| it.facts.purchase_option.clone()),
        texts(|(_, it)| it.facts.offering_class.clone()),
        texts(|(_, it)| it.facts.term.clone()),
        amounts(|(_, it)| it.facts.instances)?,
        quantity(|it| it.bought)?,
        quantity(|it| it.used)?,
        quantity(|it| it.unused)?,
        amounts(|(_, it)| Some(it.cost.bought))?,
        amounts(|(_, it)| Some(it.cost.used))?,
        amounts(|(_, it)| Some(it.cost.unused))?,
        amounts(|(_, it)| Some(it.billed))?,
        amounts(|(_, it)| Some(it.covered))?,
        amounts(|(_, it)| Some(it.coverable))?,
        amounts(|(_, it)| it.utilization())?,
        amounts(|(_, it)| it.coverage())?,
    ];
    Ok(RecordBatch::try_new(schema(COLUMNS), columns)?)
}
