//! What bills name beside costs: the accounts in them, and the currency that they are in.

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use billing::cost_query::BilledAccount;
use billing::history::AsOf;
use datafusion::functions_aggregate::expr_fn::{count, max};
use datafusion::logical_expr::lit;
use futures::FutureExt;

use crate::calendar::Unit;
use crate::error::LakeError;
use crate::session::column;
use crate::table::{OrgLake, PERIOD_COLUMN};

impl OrgLake {
    /// Every account that a charge is of, by id, each with the name that the newest bill which names it gives it.
    pub async fn accounts(&self) -> Result<Vec<BilledAccount>, LakeError> {
        let ask = |held: crate::held::Held| {
            async move {
                if held.files.is_empty() {
                    return Ok(Vec::new());
                }
                let [id, name] = ["SubAccountId", "SubAccountName"].map(column);
                let last = max(column(PERIOD_COLUMN)).alias("last");
                let order = [id.clone().sort(true, false), name.is_null().sort(true, false)];
                let order = order
                    .into_iter()
                    .chain([column("last").sort(false, false), column("SubAccountName").sort(true, false)]);
                let accounts = self.totals_by(Unit::Month, held)?.filter(id.clone().is_not_null())?;
                let groups = vec![id, column("SubAccountName")];
                let accounts = accounts.aggregate(groups, vec![last])?.sort(order.collect())?;
                let mut all: Vec<BilledAccount> = Vec::new();
                for batch in accounts.collect().await? {
                    let (ids, names) = (texts(&batch, 0)?, texts(&batch, 1)?);
                    for (id, name) in ids.into_iter().zip(names) {
                        let id = id.unwrap_or_default();
                        if all.last().is_none_or(|last| last.id != id) {
                            all.push(BilledAccount { id, name });
                        }
                    }
                }
                Ok(all)
            }
            .boxed()
        };
        self.ask(&AsOf::NOW, &|_| true, ask).await
    }

    /// The currency of most charges of the newest month; `None` where nothing is published.
    pub async fn currency(&self) -> Result<Option<String>, LakeError> {
        let Some(newest) = self.published().await?.into_iter().map(|month| month.period).max() else {
            return Ok(None);
        };
        let ask = |held: crate::held::Held| {
            async move {
                if held.files.is_empty() {
                    return Ok(None);
                }
                let currency = || column("BillingCurrency");
                let counted = vec![count(lit(1_i64)).alias("n")];
                let order = vec![column("n").sort(false, false), currency().sort(true, false)];
                let currencies = self.charges(held.files)?.aggregate(vec![currency()], counted)?.sort(order)?;
                let batches = currencies.limit(0, Some(1))?.collect().await?;
                let first = batches.iter().find(|batch| batch.num_rows() > 0);
                Ok(first.map(|batch| texts(batch, 0)).transpose()?.and_then(|mut texts| texts.swap_remove(0)))
            }
            .boxed()
        };
        self.ask(&AsOf::NOW, &|file| file.month.period == newest, ask).await
    }
}

fn texts(batch: &RecordBatch, at: usize) -> Result<Vec<Option<String>>, LakeError> {
    let texts = cast(batch.column(at), &DataType::Utf8)?;
    Ok(texts.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    use billing::delivery::DeliveryHead;

    use crate::testkit::{Charge, TestLake, head, usage};

    #[tokio::test]
    async fn accounts_have_the_name_of_the_newest_bill_that_names_them() {
        let test = TestLake::new();
        let lake = test.org(100_001);
        assert_eq!((lake.accounts().await.unwrap().len(), lake.currency().await.unwrap()), (0, None));
        let charge =
            |account, more: &[(&'static str, &'static str)]| Charge { account, more: more.to_vec(), ..usage("1") };
        let october = DeliveryHead { period: "2026-10".parse().unwrap(), ..head("october") };
        let eur = ("BillingCurrency", "EUR");
        let september =
            [charge("222", &[("SubAccountName", "zebra"), eur]), charge("333", &[eur]), charge("333", &[eur])];
        lake.bring_in(&head("september"), &september).await;
        assert_eq!(lake.currency().await.unwrap().as_deref(), Some("EUR"));
        let (usd, named) = (("BillingCurrency", "USD"), ("SubAccountName", "apple"));
        let bill = [charge("111", &[eur]), charge("222", &[named, usd]), charge("222", &[usd])];
        lake.bring_in(&october, &bill).await;
        let accounts = lake.accounts().await.unwrap();
        let accounts: Vec<_> = accounts.iter().map(|it| (it.id.as_str(), it.name.as_deref())).collect();
        assert_eq!(accounts, [("111", None), ("222", Some("apple")), ("333", None)]);
        assert_eq!(lake.currency().await.unwrap().as_deref(), Some("USD"));
    }
}
