//! Costs as a table for people: one line a group, one column a month, day or hour, and a bar for how dear the group is.

use std::collections::BTreeMap;

use billing::cost_query::{CostAnswer, CostQuery, Dimension, Granularity};
use billing::money::Amount;
use comfy_table::CellAlignment;
use time::OffsetDateTime;

use super::{sum, total};
use crate::{money, out};

/// How many letters the longest bar has.
const LONGEST: u128 = 24;
/// A letter of a bar, and its eighths.
const FULL: char = '█';
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A group of charges.
struct Line<'a> {
    group: &'a [String],
    /// Whether these are all the groups that are not among the top.
    other: bool,
    amounts: BTreeMap<OffsetDateTime, Amount>,
    all: Amount,
}

/// The dearest group first, the others' sum last.
pub(super) fn of(question: &CostQuery, answer: &CostAnswer) -> anyhow::Result<String> {
    let lines = lines(answer)?;
    let mut times: Vec<OffsetDateTime> = answer.rows.iter().map(|row| row.timestamp).collect();
    times.sort_unstable();
    times.dedup();
    // One column needs no sum of its own.
    let shown: &[OffsetDateTime] = if times.len() > 1 { &times } else { &[] };
    let labels = question.dimensions.iter().map(Dimension::label);
    let heads = shown.iter().map(|time| head(question.granularity, *time));
    let header: Vec<String> = labels.chain(heads).chain([sums_head(question, &times), String::new()]).collect();
    let mut table = out::table(&header.iter().map(String::as_str).collect::<Vec<_>>());
    let longest = lines.iter().map(|line| line.all).max().unwrap_or(Amount::ZERO);
    for line in &lines {
        let cells =
            shown.iter().map(|time| line.amounts.get(time).map_or(String::new(), |amount| money::cents(*amount)));
        let ends = [money::cents(line.all), bar(line.all, longest)];
        table.add_row(line.group.iter().cloned().chain(cells).chain(ends));
    }
    let mut totals: Vec<String> = vec![String::new(); question.dimensions.len()];
    if let Some(first) = totals.first_mut() {
        "total".clone_into(first);
    }
    for time in shown {
        let column = lines.iter().filter_map(|line| line.amounts.get(time).copied());
        totals.push(money::cents(sum(column)?));
    }
    totals.push(money::cents(total(answer)?));
    table.add_row(totals);
    for column in table.column_iter_mut().skip(question.dimensions.len()).take(shown.len() + 1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    Ok(table.to_string())
}

fn lines(answer: &CostAnswer) -> anyhow::Result<Vec<Line<'_>>> {
    let mut groups: BTreeMap<(&[String], bool), BTreeMap<OffsetDateTime, Amount>> = BTreeMap::new();
    for row in &answer.rows {
        groups.entry((&row.dimensions, row.other)).or_default().insert(row.timestamp, row.metrics[0]);
    }
    let mut lines = Vec::new();
    for ((group, other), amounts) in groups {
        let all = sum(amounts.values().copied())?;
        lines.push(Line { group, other, amounts, all });
    }
    lines.sort_by(|left, right| {
        left.other.cmp(&right.other).then(right.all.cmp(&left.all)).then_with(|| left.group.cmp(right.group))
    });
    Ok(lines)
}

/// What a column is called.
fn head(granularity: Granularity, time: OffsetDateTime) -> String {
    let day = time.date().to_string();
    match granularity {
        Granularity::Hour => format!("{day} {:02}:00", time.hour()),
        Granularity::Day | Granularity::Whole => day,
        Granularity::Month => day[..7].to_owned(),
    }
}

/// What the column of sums is called: after its only time, where there is no more than one.
fn sums_head(question: &CostQuery, times: &[OffsetDateTime]) -> String {
    match times {
        [only] if question.granularity != Granularity::Whole => head(question.granularity, *only),
        _ => "total".to_owned(),
    }
}

/// A bar as long as an amount is beside the longest; none for nothing and for credits.
fn bar(amount: Amount, longest: Amount) -> String {
    let (Ok(amount), Ok(longest)) = (u128::try_from(amount.unscaled()), u128::try_from(longest.unscaled())) else {
        return String::new();
    };
    if longest == 0 {
        return String::new();
    }
    // The last digits of large amounts make no bar longer, and go so that the product fits.
    let shift = (u128::BITS - longest.leading_zeros()).saturating_sub(100);
    let (amount, longest) = (amount >> shift, longest >> shift);
    let eighths = (amount * LONGEST * 8 / longest).max(u128::from(amount > 0));
    let full = usize::try_from(eighths / 8).unwrap_or(0);
    let part = EIGHTHS[usize::try_from(eighths % 8).unwrap_or(0)];
    std::iter::repeat_n(FULL, full).chain(part.chars()).collect()
}

#[cfg(test)]
mod tests {
    use billing::cost_query::{CostRow, Metric};
    use time::macros::datetime;

    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn bars_are_as_long_as_amounts() {
        let bar = |of: &str, longest: &str| bar(amount(of), amount(longest));
        assert_eq!(bar("10", "10"), "█".repeat(24));
        assert_eq!(bar("5", "10"), "█".repeat(12));
        assert_eq!(bar("0.01", "10"), "▏", "what costs anything is seen");
        assert_eq!((bar("0", "10"), bar("-5", "10"), bar("-5", "-1"), bar("0", "0")), Default::default());
        let most = "99999999999999999999.999999999999999999";
        assert_eq!(bar(most, most), "█".repeat(24));
        assert_eq!(bar("50000000000000000000", most).chars().count(), 12);
    }

    #[test]
    fn the_dearest_comes_first_and_the_others_last() {
        let row = |day: u8, value: &str, cost: &str, other| CostRow {
            timestamp: datetime!(2026-09-01 0:00 UTC).replace_day(day).unwrap(),
            dimensions: vec![value.to_owned()],
            metrics: vec![amount(cost)],
            other,
        };
        let rows = vec![
            row(1, "a", "1", false),
            row(1, "b", "2.005", false),
            row(1, "Other", "9", true),
            row(2, "a", "3", false),
        ];
        let answer = CostAnswer { rows, truncated: false, deliveries: Vec::new() };
        let query = CostQuery {
            metrics: vec![Metric::CostNonamortizedUnblended],
            dimensions: vec![Dimension::Service],
            granularity: Granularity::Day,
            ..CostQuery::over(datetime!(2026-09-01 0:00 UTC), datetime!(2026-10-01 0:00 UTC))
        };
        let table = of(&query, &answer).unwrap();
        let cells = |line: &str| {
            line.split(['│', '┆'])
                .map(|cell| cell.trim().to_owned())
                .filter(|cell| !cell.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let lines: Vec<String> =
            table.lines().map(cells).filter(|line| !line.starts_with(['┌', '╞', '├', '└'])).collect();
        let [header, first, second, third, last] = &lines[..] else { panic!("{table}") };
        assert_eq!(header, "Service 2026-09-01 2026-09-02 total");
        assert!(first.starts_with("a 1.00 3.00 4.00 █") && second.starts_with("b 2.01 2.01 █"), "{table}");
        assert!(third.starts_with("Other 9.00 9.00 █"), "{table}");
        assert_eq!(last, "total 12.01 3.00 15.01");
        let one = CostAnswer { rows: answer.rows[..1].to_vec(), ..answer };
        assert!(of(&query, &one).unwrap().contains("2026-09-01") && !of(&query, &one).unwrap().contains("2026-09-02"));
    }
}
