//! Files = lake = answers: what the files of a published month said, what the lake holds of it and what questions about it are
//! answered, line by line.

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;

use crate::delivery::DeliveryId;
use crate::money::Amount;
use crate::receipt::{ComparedCost, MonthStatus, Receipt, ReceiptLine};
use crate::reconcile::{LakeSum, LakeSums, SumKey, SumOverflow};

/// What questions are answered of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnswerSum {
    /// The unblended cost: AWS's, or FOCUS's billed cost where there is no other.
    pub unblended: Amount,
    /// The effective cost.
    pub effective: Amount,
    /// The list cost.
    pub list: Amount,
}

/// What questions are answered of a month, by line item type, account and invoice; missing is empty, as in the files.
pub type AnswerSums = BTreeMap<SumKey, AnswerSum>;

/// One figure in the three places. Differences are those from the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ThreeWay {
    /// The line item type, account or invoice, empty where the source has none; in totals, the cost.
    pub name: String,
    /// What the files say.
    pub files: Amount,
    /// What the lake holds.
    pub lake: Amount,
    /// What questions are answered.
    pub answers: Amount,
    /// `lake` less `files`.
    pub lake_difference: Amount,
    /// `answers` less `files`.
    pub answers_difference: Amount,
}

impl ThreeWay {
    fn of(name: &str, [files, lake, answers]: [Amount; 3]) -> Result<Self, SumOverflow> {
        let less = |amount: Amount| {
            amount.checked_sub(files).ok_or_else(|| SumOverflow { what: format!("the difference of `{name}`") })
        };
        let (lake_difference, answers_difference) = (less(lake)?, less(answers)?);
        Ok(Self { name: name.to_owned(), files, lake, answers, lake_difference, answers_difference })
    }

    /// Whether all three are equal, to the last digit.
    pub fn agrees(&self) -> bool {
        self.lake_difference.is_zero() && self.answers_difference.is_zero()
    }
}

/// One published month, in the three places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// The delivery that the month comes from.
    pub delivery_id: DeliveryId,
    /// When it was published.
    #[serde(with = "time::serde::rfc3339")]
    pub published_at: OffsetDateTime,
    /// How settled the bill is.
    pub status: MonthStatus,
    /// Which cost of the files is compared.
    pub compared: ComparedCost,
    /// Whether the lake's figures were summed anew from its files; otherwise they are those of the receipt, summed from the
    /// same files before they were published.
    pub lake_summed_anew: bool,
    /// Rows in the files.
    pub rows_in_files: u64,
    /// Charges that splitting added to them.
    pub charges_added: u64,
    /// Charges in the lake: the two together.
    pub charges_in_lake: u64,
    /// The compared cost, and the lake's effective and list cost, which the files don't state: the receipt says what they were
    /// when the month was published.
    pub totals: Vec<ThreeWay>,
    /// By AWS's line item type.
    pub by_line_item_type: Vec<ThreeWay>,
    /// By usage account.
    pub by_account: Vec<ThreeWay>,
    /// By invoice.
    pub by_invoice: Vec<ThreeWay>,
}

/// One way to group sums, in the words of people.
const GROUPS: [&str; 3] = ["line item type", "usage account", "invoice"];

impl Reconciliation {
    /// Holds what the lake and the answers say against what the receipt says of the files. Without `lake`, the receipt speaks
    /// for the lake too.
    pub fn of(receipt: &Receipt, lake: Option<&LakeSums>, answers: &AnswerSums) -> Result<Self, SumOverflow> {
        let names: [fn(&SumKey) -> &str; 3] =
            [|key| &key.line_item_type, |key| &key.usage_account, |key| &key.invoice_id];
        let compared: fn(&LakeSum) -> Amount = match receipt.compared {
            ComparedCost::Unblended => |sum| sum.unblended,
            ComparedCost::Billed => |sum| sum.billed,
        };
        let lake_cost: [fn(&LakeSum) -> Amount; 3] = [compared, |sum| sum.billed, |sum| sum.billed];
        let receipts = [&receipt.by_line_item_type, &receipt.by_account, &receipt.by_invoice];
        let mut groups = Vec::new();
        for at in 0..GROUPS.len() {
            let summed = lake.map(|lake| {
                sum_by(lake.by_key.iter().map(|(key, sum)| (names[at](key), lake_cost[at](sum))), GROUPS[at])
            });
            let answered = sum_by(answers.iter().map(|(key, sum)| (names[at](key), sum.unblended)), GROUPS[at])?;
            groups.push(lines(receipts[at], summed.transpose()?.as_ref(), &answered)?);
        }
        let [by_line_item_type, by_account, by_invoice] =
            <[_; 3]>::try_from(groups).unwrap_or_else(|_| unreachable!("there are three ways to group"));
        Ok(Self {
            delivery_id: receipt.delivery_id.clone(),
            published_at: receipt.published_at,
            status: receipt.status,
            compared: receipt.compared,
            lake_summed_anew: lake.is_some(),
            rows_in_files: receipt.rows_in_files,
            charges_added: receipt.charges_added,
            charges_in_lake: lake.map_or(receipt.charges_in_lake, |lake| lake.charges),
            totals: totals(receipt, lake, answers)?,
            by_line_item_type,
            by_account,
            by_invoice,
        })
    }

    /// Everything that does not agree, in words; empty where the month reconciles.
    pub fn differences(&self) -> Vec<String> {
        let expected = self.rows_in_files + self.charges_added;
        let charges = (expected != self.charges_in_lake).then(|| {
            format!(
                "the files have {} rows and splitting added {}, but the lake holds {} charges",
                self.rows_in_files, self.charges_added, self.charges_in_lake
            )
        });
        let groups = [&self.by_line_item_type, &self.by_account, &self.by_invoice];
        let grouped = GROUPS.iter().zip(groups).flat_map(|(group, lines)| lines.iter().map(move |line| (*group, line)));
        let lines = self.totals.iter().map(|line| ("total", line)).chain(grouped).filter(|(_, line)| !line.agrees());
        let words = lines.map(|(group, line)| {
            let ThreeWay { name, files, lake, answers, lake_difference, answers_difference } = line;
            format!(
                "{group} `{name}`: files `{files}`, lake `{lake}` (off by `{lake_difference}`), answers `{answers}` (off by `{answers_difference}`)"
            )
        });
        charges.into_iter().chain(words).collect()
    }
}

type ByName = BTreeMap<String, Amount>;

fn sum_by<'a>(amounts: impl Iterator<Item = (&'a str, Amount)>, group: &str) -> Result<ByName, SumOverflow> {
    let mut sums = ByName::new();
    for (name, amount) in amounts {
        let sum = sums.entry(name.to_owned()).or_default();
        *sum = sum.checked_add(amount).ok_or_else(|| SumOverflow { what: format!("one {group}") })?;
    }
    Ok(sums)
}

/// A line for each name that any of the three knows; whoever does not know it has nothing of it.
fn lines(receipt: &[ReceiptLine], lake: Option<&ByName>, answers: &ByName) -> Result<Vec<ThreeWay>, SumOverflow> {
    let mut all: BTreeMap<&str, [Amount; 3]> = BTreeMap::new();
    for line in receipt {
        let recorded = if lake.is_none() { line.lake } else { Amount::ZERO };
        all.insert(&line.name, [line.files, recorded, Amount::ZERO]);
    }
    for (name, amount) in lake.into_iter().flatten() {
        all.entry(name).or_default()[1] = *amount;
    }
    for (name, amount) in answers {
        all.entry(name).or_default()[2] = *amount;
    }
    all.into_iter().map(|(name, amounts)| ThreeWay::of(name, amounts)).collect()
}

fn sum(mut amounts: impl Iterator<Item = Amount>) -> Result<Amount, SumOverflow> {
    let overflow = || SumOverflow { what: "the month".to_owned() };
    amounts.try_fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).ok_or_else(overflow))
}

fn totals(receipt: &Receipt, lake: Option<&LakeSums>, answers: &AnswerSums) -> Result<Vec<ThreeWay>, SumOverflow> {
    let billed = lake.map(|lake| sum(lake.by_key.values().map(|sum| sum.billed))).transpose()?;
    Ok(vec![
        ThreeWay::of(
            receipt.compared.name(),
            [
                receipt.cost_in_files,
                billed.unwrap_or(receipt.billed_in_lake),
                sum(answers.values().map(|sum| sum.unblended))?,
            ],
        )?,
        ThreeWay::of(
            "EffectiveCost",
            [
                receipt.effective_in_lake,
                lake.map_or(receipt.effective_in_lake, |lake| lake.effective),
                sum(answers.values().map(|sum| sum.effective))?,
            ],
        )?,
        ThreeWay::of(
            "ListCost",
            [
                receipt.list_in_lake,
                lake.map_or(receipt.list_in_lake, |lake| lake.list),
                sum(answers.values().map(|sum| sum.list))?,
            ],
        )?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    fn key(line_item_type: &str, usage_account: &str, invoice_id: &str) -> SumKey {
        SumKey {
            line_item_type: line_item_type.into(),
            usage_account: usage_account.into(),
            invoice_id: invoice_id.into(),
        }
    }

    fn receipt() -> Receipt {
        serde_json::from_str(
            r#"{"connect":"aws-123456789012","payer":"123456789012","period":"2026-09","delivery_id":"d","report_name":"R",
            "made_at":"2026-10-03T00:00:00Z","published_at":"2026-10-03T00:00:00Z","status":"estimated","rows_in_files":3,
            "rows_not_invoiced":1,"charges_added":0,"charges_in_lake":3,"split_cost_rows":0,"compared":"UnblendedCost",
            "manifest_key":"m","cost_in_files":6,"cost_in_lake":6,"billed_in_lake":6,"effective_in_lake":5,"list_in_lake":9,
            "difference":0,"by_account":[{"name":"111","files":6,"lake":6,"difference":0}],
            "by_invoice":[{"name":"","files":1,"lake":1,"difference":0},{"name":"I1","files":5,"lake":5,"difference":0}],
            "by_line_item_type":[{"name":"Tax","files":1,"lake":1,"difference":0},
            {"name":"Usage","files":5,"lake":5,"difference":0}],
            "unknown_line_item_types":[],"unmapped_columns":[],"parts":[]}"#,
        )
        .unwrap()
    }

    fn lake() -> LakeSums {
        let sum = |cost: &str| LakeSum { unblended: amount(cost), billed: amount(cost) };
        LakeSums {
            charges: 3,
            split_cost_rows: 0,
            by_key: [(key("Tax", "111", ""), sum("1")), (key("Usage", "111", "I1"), sum("5"))].into(),
            effective: amount("5"),
            list: amount("9"),
        }
    }

    fn answers() -> AnswerSums {
        let sum = |cost: &str, effective: &str, list: &str| AnswerSum {
            unblended: amount(cost),
            effective: amount(effective),
            list: amount(list),
        };
        [(key("Tax", "111", ""), sum("1", "1", "0")), (key("Usage", "111", "I1"), sum("5", "4", "9"))].into()
    }

    #[test]
    fn a_right_month_agrees_in_every_line_with_and_without_summing_anew() {
        for lake in [None, Some(&lake())] {
            let all = Reconciliation::of(&receipt(), lake, &answers()).unwrap();
            assert_eq!(all.differences(), [""; 0]);
            assert_eq!((all.totals.len(), all.by_line_item_type.len()), (3, 2));
            assert_eq!((all.by_account.len(), all.by_invoice.len()), (1, 2));
        }
    }

    #[test]
    fn each_place_that_says_something_else_is_named_with_the_line_and_by_how_much() {
        let mut wrong = lake();
        wrong.by_key.get_mut(&key("Tax", "111", "")).unwrap().unblended = amount("1.000000000000000001");
        let all = Reconciliation::of(&receipt(), Some(&wrong), &answers()).unwrap();
        let expect = "line item type `Tax`: files `1`, lake `1.000000000000000001` (off by `0.000000000000000001`), answers `1` (off by `0`)";
        assert_eq!(all.differences(), [expect]);

        let mut wrong = answers();
        wrong.get_mut(&key("Usage", "111", "I1")).unwrap().unblended = amount("4");
        let differences = Reconciliation::of(&receipt(), None, &wrong).unwrap().differences();
        let named = ["total `UnblendedCost`", "line item type `Usage`", "usage account `111`", "invoice `I1`"];
        assert_eq!(differences.len(), named.len(), "{differences:?}");
        for (difference, named) in differences.iter().zip(named) {
            assert!(difference.starts_with(named) && difference.contains("off by `-1`"), "{difference}");
        }
    }

    #[test]
    fn lost_charges_and_lines_that_only_one_knows_are_named() {
        let mut less = lake();
        less.charges = 2;
        less.by_key.remove(&key("Tax", "111", ""));
        let differences = Reconciliation::of(&receipt(), Some(&less), &answers()).unwrap().differences();
        assert!(differences[0].contains("the lake holds 2 charges"), "{differences:?}");
        assert!(differences.iter().any(|it| it.starts_with("invoice ``: files `1`, lake `0`")), "{differences:?}");
        let mut more = answers();
        more.insert(key("Fee", "222", "I1"), AnswerSum { unblended: amount("2"), ..AnswerSum::default() });
        let differences = Reconciliation::of(&receipt(), None, &more).unwrap().differences();
        assert!(differences.iter().any(|it| it.starts_with("usage account `222`: files `0`")), "{differences:?}");
    }
}
