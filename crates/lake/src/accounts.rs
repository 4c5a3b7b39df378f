//! What is known of accounts, joined to charges: by the usage account, and by the charge's day or one day for all.
//!
//! Each charge finds at most one span of its account, so the join neither adds nor drops a charge, and sums stay what they are.
//! It is over any frame that has the usage account and the charge's start.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use billing::cost_query::{AccountsAsOf, CostQuery, Dimension};
use billing::organization::{AccountFacts, AccountSpan, Accounts};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::prelude::DataFrame;
use time::{Date, OffsetDateTime};

use crate::session::column;
use crate::table::START_COLUMN;

/// The column of the usage account.
const ACCOUNT_COLUMN: &str = "SubAccountId";

const MICROS_A_DAY: i64 = 86_400_000_000;

/// What the column with a dimension's value is called that charges have once they are joined.
pub(crate) fn joined_column(dimension: &Dimension) -> String {
    format!("joined {}", dimension.id())
}

/// The charges with one column more for each dimension of the question that is known of accounts and not of charges.
pub(crate) fn joined(charges: DataFrame, query: &CostQuery, accounts: &Accounts) -> Result<DataFrame> {
    query.account_dimensions().into_iter().try_fold(charges, |charges, dimension| {
        let function = AccountValue::new(dimension, query.accounts_as_of, accounts);
        let value = ScalarUDF::from(function).call(vec![column(ACCOUNT_COLUMN), column(START_COLUMN)]);
        charges.with_column(&joined_column(dimension), value)
    })
}

/// What is known of an account for a dimension; `None` where it has no such value.
fn value_of(dimension: &Dimension, facts: &AccountFacts) -> Option<String> {
    let value = match dimension {
        Dimension::VendorAccountName => Some(facts.name.clone()),
        Dimension::AccountUnit => Some(facts.unit.to_string()),
        Dimension::AccountUnitLevel(level) => facts.unit.level(usize::from(*level)).map(str::to_owned),
        Dimension::AccountTag(key) => facts.tags.get(key).cloned(),
        _ => None,
    };
    value.filter(|value| !value.is_empty())
}

/// An account's values, each from a day on, in days since 1970. The first counts for all days before it too.
type Values = Vec<(i64, Option<String>)>;

/// `account_value(account, start)`: the value of a dimension that is known of accounts, as a function of the engine's.
#[derive(Debug)]
struct AccountValue {
    signature: Signature,
    /// By what it is another function than any other: two are the same only where they are one.
    values: Arc<HashMap<String, Values>>,
}

impl AccountValue {
    fn new(dimension: &Dimension, when: AccountsAsOf, accounts: &Accounts) -> Self {
        let values = accounts.iter().map(|(account, spans)| (account.to_string(), values(dimension, when, spans)));
        let input = vec![DataType::Utf8View, DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))];
        Self { signature: Signature::exact(input, Volatility::Immutable), values: Arc::new(values.collect()) }
    }
}

fn values(dimension: &Dimension, when: AccountsAsOf, spans: &[AccountSpan]) -> Values {
    let day = |at: Date| (at - OffsetDateTime::UNIX_EPOCH.date()).whole_days();
    match when {
        AccountsAsOf::UsageDay => {
            let mut values = Values::new();
            for AccountSpan { span, .. } in spans {
                let value = value_of(dimension, &span.facts);
                if values.last().is_none_or(|(_, last)| *last != value) {
                    values.push((day(span.from), value));
                }
            }
            values
        }
        AccountsAsOf::Today => {
            spans.last().map(|last| (0, value_of(dimension, &last.span.facts))).into_iter().collect()
        }
        AccountsAsOf::Day(day) => {
            let behind = spans.partition_point(|known| known.span.from <= day);
            let held = spans.get(behind.saturating_sub(1));
            held.map(|held| (0, value_of(dimension, &held.span.facts))).into_iter().collect()
        }
    }
}

/// What holds on a day: the last that began by then, or the first of all.
fn on(values: &Values, day: i64) -> Option<&str> {
    let behind = values.partition_point(|(from, _)| *from <= day);
    values.get(behind.saturating_sub(1))?.1.as_deref()
}

impl PartialEq for AccountValue {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.values, &other.values)
    }
}

impl Eq for AccountValue {}

impl Hash for AccountValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.values).hash(state);
    }
}

impl ScalarUDFImpl for AccountValue {
    fn name(&self) -> &'static str {
        "account_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [accounts, starts] = [0, 1].map(|at| args.args[at].to_array(args.number_rows));
        let starts = cast(&starts?, &DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))))?;
        let starts = starts.as_primitive::<TimestampMicrosecondType>();
        Ok(ColumnarValue::Array(self.look_up(accounts?.as_string_view(), starts.values())))
    }
}

impl AccountValue {
    fn look_up(&self, accounts: &StringViewArray, starts: &[i64]) -> ArrayRef {
        let mut found = StringViewBuilder::with_capacity(accounts.len());
        // Rows of one account follow each other, so it is very often the one of the row before.
        let mut last: Option<(&str, Option<&Values>)> = None;
        for (row, start) in starts.iter().enumerate() {
            let account = if accounts.is_valid(row) { accounts.value(row) } else { "" };
            if last.is_none_or(|(known, _)| known != account) {
                last = Some((account, self.values.get(account)));
            }
            let values = last.and_then(|(_, values)| values);
            found.append_option(values.and_then(|values| on(values, start.div_euclid(MICROS_A_DAY))));
        }
        Arc::new(found.finish())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use billing::cost_query::{CostRow, Filter, Granularity, Metric};
    use billing::organization::{AccountState, Span, UnitPath, UnitStep, spans};
    use time::macros::{date, datetime};

    use super::*;
    use crate::table::OrgLake;
    use crate::testkit::{Charge, TestLake, head, usage};

    /// Moved from one unit to another on 15 September, and renamed.
    const MOVED: &str = "111111111111";
    /// Always right below the root; known from 10 September on.
    const STAYS: &str = "222222222222";
    /// In no organization that is known.
    const STRANGE: &str = "333333333333";

    fn facts(name: &str, units: &[&str]) -> AccountFacts {
        let step = |unit: &&str| UnitStep { id: format!("ou-{unit}"), name: (*unit).to_owned() };
        AccountFacts {
            name: name.to_owned(),
            unit: UnitPath(units.iter().map(step).collect()),
            tags: BTreeMap::from([("team".to_owned(), format!("team of {name}"))]),
            state: AccountState::Active,
            joined_method: None,
            joined_at: None,
        }
    }

    fn known() -> Arc<Accounts> {
        let connect = || "aws-123456789012".parse().unwrap();
        let known = |account: &str, seen: Vec<(Date, AccountFacts)>| -> (_, _, Vec<Span<AccountFacts>>) {
            (connect(), account.parse().unwrap(), spans(seen))
        };
        let moved = vec![
            (date!(2026 - 09 - 01), facts("old", &["Dev"])),
            (date!(2026 - 09 - 15), facts("new", &["Prod", "Live"])),
        ];
        Arc::new(Accounts::new([known(MOVED, moved), known(STAYS, vec![(date!(2026 - 09 - 10), facts("stays", &[]))])]))
    }

    /// A month with charges before and after the move, to the digit.
    async fn lake() -> (TestLake, OrgLake) {
        let of = |account, start, cost| Charge { account, start, ..usage(cost) };
        let charges = [
            of(MOVED, datetime!(2026-09-02 5:00 UTC), "1.000000000000000001"),
            of(MOVED, datetime!(2026-09-14 23:59 UTC), "2"),
            of(MOVED, datetime!(2026-09-15 0:00 UTC), "4"),
            of(MOVED, datetime!(2026-09-29 5:00 UTC), "8"),
            of(STAYS, datetime!(2026-09-03 5:00 UTC), "16"),
            Charge {
                more: vec![("SubAccountName", "by the bill")],
                ..of(STRANGE, datetime!(2026-09-03 5:00 UTC), "32")
            },
            of(STRANGE, datetime!(2026-09-04 5:00 UTC), "64"),
        ];
        let test = TestLake::new();
        let lake = test.org(100_001);
        lake.bring_in(&head("september"), &charges).await;
        (test, lake.knowing(known()))
    }

    fn question(dimensions: &[&str], accounts_as_of: AccountsAsOf) -> CostQuery {
        CostQuery {
            metrics: vec![Metric::CostNonamortizedUnblended],
            dimensions: dimensions.iter().map(|name| name.parse().unwrap()).collect(),
            accounts_as_of,
            ..CostQuery::over(datetime!(2026-09-01 0:00 UTC), datetime!(2026-10-01 0:00 UTC))
        }
    }

    async fn ask(lake: &OrgLake, question: &CostQuery) -> Vec<String> {
        let row = |row: &CostRow| format!("{}: {}", row.dimensions.join(" "), row.metrics[0]);
        lake.costs(question).await.unwrap().rows.iter().map(row).collect()
    }

    const MOVED_DAY: AccountsAsOf = AccountsAsOf::Day(date!(2026 - 09 - 14));

    #[tokio::test]
    async fn a_move_in_the_middle_of_a_month_counts_as_of_its_day_or_as_of_today() {
        let (_test, lake) = lake().await;
        for (dimension, when, expect) in [
            (
                "account_unit",
                AccountsAsOf::UsageDay,
                ["/: 16", "/Dev: 3.000000000000000001", "/Prod/Live: 12", "None: 96"].as_slice(),
            ),
            ("account_unit", AccountsAsOf::Today, &["/: 16", "/Prod/Live: 15.000000000000000001", "None: 96"]),
            ("account_unit", MOVED_DAY, &["/: 16", "/Dev: 15.000000000000000001", "None: 96"]),
            ("account_unit_1", AccountsAsOf::UsageDay, &["Dev: 3.000000000000000001", "None: 112", "Prod: 12"]),
            ("account_unit_2", AccountsAsOf::UsageDay, &["Live: 12", "None: 115.000000000000000001"]),
            (
                "vendor_account_name",
                AccountsAsOf::UsageDay,
                &["None: 64", "by the bill: 32", "new: 12", "old: 3.000000000000000001", "stays: 16"],
            ),
            (
                "vendor_account_name",
                AccountsAsOf::Today,
                &["None: 64", "by the bill: 32", "new: 15.000000000000000001", "stays: 16"],
            ),
            (
                "account_tag_team",
                AccountsAsOf::UsageDay,
                &["None: 96", "team of new: 12", "team of old: 3.000000000000000001", "team of stays: 16"],
            ),
            ("account_tag_none", AccountsAsOf::Today, &["None: 127.000000000000000001"]),
        ] {
            assert_eq!(ask(&lake, &question(&[dimension], when)).await, expect, "{dimension} {when}");
        }
        let all = ask(&lake, &question(&[], AccountsAsOf::UsageDay)).await;
        assert_eq!(all, [": 127.000000000000000001"], "what is joined changes no sum");
    }

    #[tokio::test]
    async fn days_and_single_charges_join_alike() {
        let (_test, lake) = lake().await;
        // Hours are not in what is summed by day, so these are read from the charges themselves.
        for granularity in [Granularity::Whole, Granularity::Month, Granularity::Day, Granularity::Hour] {
            let by_unit = CostQuery { granularity, ..question(&["account_unit_1"], AccountsAsOf::UsageDay) };
            let rows = lake.costs(&by_unit).await.unwrap().rows;
            let dev = rows.iter().filter(|row| row.dimensions == ["Dev"]).map(|row| row.metrics[0]);
            let dev = dev.fold(billing::money::Amount::ZERO, |sum, cost| sum.checked_add(cost).unwrap());
            assert_eq!(dev.to_string(), "3.000000000000000001", "{granularity:?}");
        }
    }

    #[tokio::test]
    async fn accounts_can_be_filtered_by() {
        let (_test, lake) = lake().await;
        let dimension = |name: &str| name.parse().unwrap();
        let equal = |name: &str, value: &str| Filter::Equal { dimension: dimension(name), value: value.to_owned() };
        for (filter, when, expect) in [
            (equal("account_unit_1", "Prod"), AccountsAsOf::UsageDay, "12"),
            (equal("account_unit_1", "Prod"), AccountsAsOf::Today, "15.000000000000000001"),
            (equal("account_tag_team", "team of stays"), AccountsAsOf::UsageDay, "16"),
            (equal("account_unit", "None"), AccountsAsOf::UsageDay, "96"),
            (Filter::Missing { dimension: dimension("vendor_account_name") }, AccountsAsOf::UsageDay, "64"),
        ] {
            let question = CostQuery { filter: Some(filter.clone()), ..question(&["vendor"], when) };
            assert_eq!(ask(&lake, &question).await, [format!("AWS: {expect}")], "{filter:?} {when}");
        }
    }

    #[tokio::test]
    async fn where_nothing_is_known_the_bill_has_the_word() {
        let (_test, lake) = lake().await;
        let lake = lake.knowing(Arc::default());
        let names = ask(&lake, &question(&["vendor_account_name"], AccountsAsOf::UsageDay)).await;
        assert_eq!(names, ["None: 95.000000000000000001", "by the bill: 32"]);
        let units = ask(&lake, &question(&["account_unit"], AccountsAsOf::Today)).await;
        assert_eq!(units, ["None: 127.000000000000000001"]);
    }
}
