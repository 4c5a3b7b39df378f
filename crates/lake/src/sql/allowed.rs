//! The forms of queries and expressions that are answered.

use std::ops::ControlFlow;

use billing::sql::{Place, SqlFault, SqlProblem};
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Join, JoinOperator, Query, Select, SelectFlavor, SetExpr, Spanned,
};

use super::parse::place;

/// The most tables that it may unfold to.
pub(crate) const MOST_TABLES: usize = 24;

/// Whether the look goes on.
pub(crate) type Flow = ControlFlow<Box<SqlProblem>>;

/// Ends the look with a refusal.
pub(crate) fn refuse(message: impl Into<String>, at: Option<Place>) -> Flow {
    ControlFlow::Break(Box::new(SqlProblem::new(SqlFault::NotAllowed, message).at(at)))
}

/// Where something begins.
pub(crate) fn begin(node: &impl Spanned) -> Option<Place> {
    place(node.span().start)
}

/// A query's own clauses. Each field is named, so that one which the parser learns is decided on.
pub(crate) fn query(query: &Query) -> Flow {
    let Query {
        with: _,
        body: _,
        order_by: _,
        limit_clause: _,
        fetch,
        locks,
        for_clause,
        settings,
        format_clause,
        pipe_operators,
    } = query;
    let at = begin(query);
    if fetch.is_some() {
        return refuse("`FETCH` is not answered; use `LIMIT`", at);
    }
    if !locks.is_empty() || for_clause.is_some() {
        return refuse("`FOR …` is not answered: nothing here can be changed", at);
    }
    if settings.is_some() || format_clause.is_some() || !pipe_operators.is_empty() {
        return refuse("`SETTINGS`, `FORMAT` and pipes are not answered", at);
    }
    ControlFlow::Continue(())
}

/// A `SELECT`'s own clauses, likewise.
pub(crate) fn select(select: &Select) -> Flow {
    let Select {
        select_token: _,
        optimizer_hints: _,
        distinct: _,
        select_modifiers,
        top,
        top_before_distinct: _,
        projection: _,
        exclude,
        into,
        from,
        lateral_views,
        prewhere,
        selection: _,
        connect_by,
        group_by,
        cluster_by,
        distribute_by,
        sort_by,
        having: _,
        named_window: _,
        qualify: _,
        window_before_qualify: _,
        value_table_mode,
        flavor,
    } = select;
    let at = begin(select);
    if into.is_some() {
        return refuse("`INTO` is not answered: everything here is read only", at);
    }
    let plain = select_modifiers.is_none()
        && top.is_none()
        && exclude.is_none()
        && lateral_views.is_empty()
        && prewhere.is_none()
        && connect_by.is_empty()
        && cluster_by.is_empty()
        && distribute_by.is_empty()
        && sort_by.is_empty()
        && value_table_mode.is_none()
        && matches!(flavor, SelectFlavor::Standard);
    if !plain {
        return refuse("this form of `SELECT` is not answered; write it as Postgres does", at);
    }
    if let GroupByExpr::All(modifiers) | GroupByExpr::Expressions(_, modifiers) = group_by
        && !modifiers.is_empty()
    {
        return refuse("`GROUP BY … WITH` is not answered; write `GROUP BY ROLLUP (…)`", at);
    }
    few_grouping_sets(group_by, at)?;
    for tables in from {
        joins(&tables.joins, at)?;
    }
    ControlFlow::Continue(())
}

/// `SELECT`, `VALUES`, and what `UNION` and its like make of them.
pub(crate) fn body_is_a_query(body: &SetExpr, at: Option<Place>) -> Flow {
    let mut bodies = vec![body];
    let mut count = 0;
    while let Some(body) = bodies.pop() {
        count += 1;
        match body {
            SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => {}
            SetExpr::SetOperation { left, op: _, set_quantifier: _, right } => bodies.extend([&**left, &**right]),
            _ => return refuse("only `SELECT` and `VALUES` give rows here", at),
        }
        if count > 2 * MOST_TABLES {
            return refuse(format!("more than {MOST_TABLES} queries are not put together"), at);
        }
    }
    ControlFlow::Continue(())
}

pub(crate) fn joins(joins: &[Join], at: Option<Place>) -> Flow {
    let known = |join: &Join| !join.global && !matches!(join.join_operator, JoinOperator::AsOf { .. });
    if joins.iter().all(known) { ControlFlow::Continue(()) } else { refuse("this kind of join is not answered", at) }
}

/// Each set is a grouping of its own: `CUBE` of 20 columns would be a million.
pub(crate) fn few_grouping_sets(group_by: &GroupByExpr, at: Option<Place>) -> Flow {
    let GroupByExpr::Expressions(exprs, _) = group_by else { return ControlFlow::Continue(()) };
    let sets = exprs.iter().fold(1_usize, |sets, expr| {
        sets.saturating_mul(match expr {
            Expr::Cube(columns) => {
                1_usize.checked_shl(u32::try_from(columns.len()).unwrap_or(99)).unwrap_or(usize::MAX)
            }
            Expr::Rollup(columns) => columns.len() + 1,
            Expr::GroupingSets(sets) => sets.len(),
            _ => 1,
        })
    });
    if sets > 64 { refuse("more than 64 grouping sets are not answered", at) } else { ControlFlow::Continue(()) }
}

/// Expressions of the views' dialect.
pub(crate) fn expression(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Identifier(_)
            | Expr::CompoundIdentifier(_)
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotUnknown(_)
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
            | Expr::InList { .. }
            | Expr::InSubquery { .. }
            | Expr::Between { .. }
            | Expr::BinaryOp { .. }
            | Expr::Like { .. }
            | Expr::ILike { .. }
            | Expr::SimilarTo { .. }
            | Expr::UnaryOp { .. }
            | Expr::Cast { array: false, format: None, .. }
            | Expr::AtTimeZone { .. }
            | Expr::Extract { .. }
            | Expr::Ceil { .. }
            | Expr::Floor { .. }
            | Expr::Position { .. }
            | Expr::Substring { .. }
            | Expr::Trim { .. }
            | Expr::Nested(_)
            | Expr::Value(_)
            | Expr::TypedString(_)
            | Expr::Case { .. }
            | Expr::Exists { .. }
            | Expr::Subquery(_)
            | Expr::GroupingSets(_)
            | Expr::Cube(_)
            | Expr::Rollup(_)
            | Expr::Tuple(_)
            | Expr::Interval(_)
            | Expr::Wildcard(_)
            | Expr::QualifiedWildcard(..)
    )
}
