//! Comparing two deliveries of a month: both are summed by the same values, and the rule of `billing::comparison` does the rest.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use billing::comparison::{Breakdown, ChargeSums, Comparison, Lines, SumsByValues, compare};
use billing::delivery::DeliveryId;
use billing::history::{AsOf, NamedDelivery};
use billing::money::Amount;
use billing::names::BillConnectId;
use billing::period::BillingPeriod;
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::{Expr, lit, when};
use futures::FutureExt;

use crate::cost_expr::value;
use crate::error::LakeError;
use crate::held::Held;
use crate::session::column;
use crate::table::{ChargesFile, Month, OrgLake};

/// The costs that are compared, in the order of [`ChargeSums`].
const COSTS: [&str; 3] = ["BilledCost", "EffectiveCost", "ListCost"];

impl OrgLake {
    /// What changed in a month from one delivery to another. By default, from the delivery before `to`, and to the one that the
    /// month comes from now.
    ///
    /// [`LakeError::NoDelivery`] and [`LakeError::Removed`] where a delivery is not there, or is there no longer;
    /// [`LakeError::NothingBefore`] where the month has come from one delivery only, or is not published.
    pub async fn compare(
        &self,
        (connect, period): (&BillConnectId, BillingPeriod),
        (from, to): (Option<&DeliveryId>, Option<&DeliveryId>),
        (by, lines): (&[Breakdown], Lines),
    ) -> Result<Comparison, LakeError> {
        let deliveries = self.deliveries(Some(connect), Some(period)).await?;
        let named = |id: &DeliveryId| NamedDelivery { connect: connect.clone(), period, delivery_id: id.clone() };
        let place = |id: &DeliveryId| {
            // Of a delivery that was published more than once, the last time that is still there counts.
            let is = |at: &usize| deliveries[*at].delivery_id == *id;
            let kept = (0..deliveries.len()).find(|at| is(at) && deliveries[*at].removed_at.is_none());
            kept.or_else(|| (0..deliveries.len()).find(is)).ok_or_else(|| LakeError::NoDelivery(named(id)))
        };
        let to = to.map(place).transpose()?.unwrap_or(0);
        let from = from.map(place).transpose()?.unwrap_or(to + 1);
        let (Some(from), Some(to)) = (deliveries.get(from), deliveries.get(to)) else {
            return Err(LakeError::NothingBefore { connect: connect.clone(), period });
        };
        let before = self.sums_by(&named(&from.delivery_id), by).await?;
        let after = self.sums_by(&named(&to.delivery_id), by).await?;
        let (lines, total) = compare(&before, &after, lines)?;
        Ok(Comparison { from: from.clone(), to: to.clone(), by: by.to_vec(), lines, total })
    }

    async fn sums_by(&self, named: &NamedDelivery, by: &[Breakdown]) -> Result<SumsByValues, LakeError> {
        let month = Month { connect: named.connect.clone(), period: named.period };
        let counts = |file: &ChargesFile| file.month == month;
        let as_of = AsOf { at: None, deliveries: vec![named.clone()] };
        self.ask(&as_of, &counts, |held| self.sum_held(held, by).boxed()).await
    }

    async fn sum_held(&self, held: Held, by: &[Breakdown]) -> Result<SumsByValues, LakeError> {
        let values = by.iter().enumerate().map(|(at, by)| Ok(value(&by.dimension())?.alias(format!("v{at}"))));
        let costs = COSTS.iter().map(|cost| Ok(unsplit(cost)?.alias(*cost)));
        let columns = values.chain(costs).collect::<Result<Vec<Expr>, LakeError>>()?;
        let groups = (0..by.len()).map(|at| column(&format!("v{at}"))).collect();
        let sums = COSTS.iter().map(|cost| sum(column(cost)).alias(*cost));
        let sums = std::iter::once(count(lit(1)).alias("charges")).chain(sums).collect();
        let sums = self.charges(held.files)?.select(columns)?.aggregate(groups, sums)?;
        let mut all = SumsByValues::new();
        for batch in sums.collect().await? {
            read(&batch, by.len(), &mut all)?;
        }
        Ok(all)
    }
}

/// A cost of a charge; nothing of a split cost allocation row, whose instance carries it already.
fn unsplit(cost: &str) -> Result<Expr, LakeError> {
    let nothing = lit(ScalarValue::Decimal128(Some(0), 38, 18));
    Ok(when(column("x_IsSplitCost"), nothing).otherwise(column(cost))?)
}

fn read(batch: &RecordBatch, values: usize, all: &mut SumsByValues) -> Result<(), LakeError> {
    let texts = (0..values).map(|at| cast(batch.column(at), &DataType::Utf8));
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    let charges = batch.column(values).as_primitive::<Int64Type>();
    let amounts = [1, 2, 3].map(|at| batch.column(values + at).as_primitive::<Decimal128Type>());
    for row in 0..batch.num_rows() {
        // Without charges, there is nothing to add up.
        let amount = |at: usize| {
            let amounts = amounts[at];
            if amounts.is_null(row) { Amount::ZERO } else { Amount::from_unscaled(amounts.value(row)) }
        };
        let sums = ChargeSums { charges: charges.value(row), billed: amount(0), effective: amount(1), list: amount(2) };
        all.insert(texts.iter().map(|texts| texts.as_string::<i32>().value(row).to_owned()).collect(), sums);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{Charge, TestLake, head, usage};

    /// A delivery, and one after it in which some of it changed, of which by hand: +0.5 of S3 and a tax of 1, -7 of EC2.
    async fn lake() -> (TestLake, OrgLake) {
        let test = TestLake::new();
        let lake = test.org(100_001);
        let of = |service, charge: Charge| Charge { more: vec![("x_ServiceCode", service)], ..charge };
        let pod = Charge { split: true, billed: "0.3", effective: "0.3", ..usage("0.3") };
        let same = [of("AmazonEC2", usage("3")), of("AmazonEC2", pod.clone())];
        let mut before = same.to_vec();
        before.push(of("AmazonEC2", Charge { account: "222", ..usage("7") }));
        before.push(of("AmazonS3", usage("1")));
        let mut after = same.to_vec();
        after.push(of("AmazonS3", Charge { effective: "1.4", ..usage("1.500000000000000001") }));
        after.push(of("AmazonS3", Charge { kind: "Tax", invoice: None, ..usage("1") }));
        lake.bring_in(&head("a"), &before).await;
        lake.bring_in(&head("b"), &after).await;
        (test, lake)
    }

    fn month() -> (BillConnectId, BillingPeriod) {
        (head("a").connect, head("a").period)
    }

    /// The lines as `value/value: charges billed effective`, then the total.
    async fn changes(lake: &OrgLake, by: &[Breakdown], lines: Lines) -> Vec<String> {
        let (connect, period) = month();
        let compared = lake.compare((&connect, period), (None, None), (by, lines)).await.unwrap();
        let shown = compared.lines.iter().chain([&compared.total]).map(|line| {
            let ChargeSums { charges, billed, effective, .. } = line.change;
            format!("{}: {charges} {billed} {effective}", line.values.join("/"))
        });
        shown.collect()
    }

    #[tokio::test]
    async fn what_changed_is_listed_by_anything_and_adds_up_to_the_deliveries_own_totals() {
        let (_test, lake) = lake().await;
        let total = ": 0 -5.499999999999999999 -5.6";
        let (account, service, kind) = (Breakdown::Account, Breakdown::Service, Breakdown::LineItemType);
        assert_eq!(changes(&lake, &[], Lines::Changed).await, [total, total]);
        let services = ["AmazonEC2: -1 -7 -7", "AmazonS3: 1 1.500000000000000001 1.4", total];
        assert_eq!(changes(&lake, &[service], Lines::Changed).await, services);
        let accounts = ["222: -1 -7 -7", "111: 1 1.500000000000000001 1.4", total];
        assert_eq!(changes(&lake, &[account], Lines::Changed).await, accounts);
        let all = [
            "222/AmazonEC2/Usage: -1 -7 -7",
            "111/AmazonS3/Tax: 1 1 1",
            "111/AmazonS3/Usage: 0 0.500000000000000001 0.4",
            total,
        ];
        assert_eq!(changes(&lake, &[account, service, kind], Lines::Changed).await, all);
        let unchanged = changes(&lake, &[account, service, kind], Lines::All).await;
        assert_eq!(unchanged[3], "111/AmazonEC2/Usage: 0 0 0");
        let (connect, period) = month();
        let compared = lake.compare((&connect, period), (None, None), (&[service], Lines::All)).await.unwrap();
        for (delivery, sums) in [(&compared.from, compared.total.from), (&compared.to, compared.total.to)] {
            assert_eq!((delivery.billed, delivery.effective, delivery.list), (sums.billed, sums.effective, sums.list));
            assert_eq!(i64::try_from(delivery.charges).unwrap(), sums.charges);
        }
    }

    #[tokio::test]
    async fn the_one_before_and_the_current_are_compared_unless_others_are_named() {
        let (_test, lake) = lake().await;
        lake.bring_in(&head("c"), &[usage("9")]).await;
        let (connect, period) = month();
        let ask = async |from: Option<&str>, to: Option<&str>| {
            let (from, to) = (from.map(|name| head(name).delivery_id), to.map(|name| head(name).delivery_id));
            let by: &[Breakdown] = &[];
            lake.compare((&connect, period), (from.as_ref(), to.as_ref()), (by, Lines::Changed)).await
        };
        let names = |compared: Comparison| (compared.from.delivery_id, compared.to.delivery_id);
        let expect = |from: &str, to: &str| (head(from).delivery_id, head(to).delivery_id);
        assert_eq!(names(ask(None, None).await.unwrap()), expect("b", "c"));
        assert_eq!(names(ask(None, Some("b")).await.unwrap()), expect("a", "b"));
        assert_eq!(names(ask(Some("a"), None).await.unwrap()), expect("a", "c"));
        assert_eq!(names(ask(Some("c"), Some("a")).await.unwrap()), expect("c", "a"));
        assert!(matches!(ask(None, Some("a")).await, Err(LakeError::NothingBefore { .. })));
        assert!(matches!(ask(Some("z"), None).await, Err(LakeError::NoDelivery(_))));
        let error = lake.compare((&connect, "2020-01".parse().unwrap()), (None, None), (&[], Lines::All)).await;
        assert!(matches!(error, Err(LakeError::NothingBefore { .. })));
    }
}
