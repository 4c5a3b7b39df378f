//! The order of rows, and rows that are there twice.

use std::cmp::Ordering;

use datafusion::sql::sqlparser::ast::OrderByExpr;

use super::value::{Val, compare};

/// How two rows compare by what an `ORDER BY` says, nulls last unless it says so.
pub(super) fn sorted(one: &[Val], other: &[Val], order: &[OrderByExpr]) -> Ordering {
    let pairs = one.iter().zip(other).zip(order);
    let by = |((one, other), by): ((&Val, &Val), &OrderByExpr)| {
        let descending = by.options.asc == Some(false);
        let nulls_first = by.options.nulls_first.unwrap_or(descending);
        match compare(one, other) {
            Some(ordering) if descending => ordering.reverse(),
            Some(ordering) => ordering,
            None => match (one == &Val::Null, other == &Val::Null) {
                (true, false) if nulls_first => Ordering::Less,
                (false, true) if !nulls_first => Ordering::Less,
                (true, true) => Ordering::Equal,
                _ => Ordering::Greater,
            },
        }
    };
    pairs.map(by).find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}

/// Each row once.
pub(super) fn once_each(rows: Vec<Vec<Val>>) -> Vec<Vec<Val>> {
    let mut once: Vec<Vec<Val>> = Vec::new();
    for row in rows {
        if !once.contains(&row) {
            once.push(row);
        }
    }
    once
}
