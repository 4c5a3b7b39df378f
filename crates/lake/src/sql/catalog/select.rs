//! Queries of the catalogue, row by row: it is small, and Postgres's clients ask it in ways that few engines plan.

use billing::sql::{SqlFault, SqlProblem};
use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, GroupByExpr, LimitClause, OrderByExpr, OrderByKind, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, SetOperator, SetQuantifier, Value,
};

use super::order::{once_each, sorted};
use super::scope::{Named, Rows, Scope, World};
use super::tables::Table;
use super::value::Val;
use crate::sql::guard::folded;
use crate::sql::heads::name_of;

/// A row of an answer, and what it is sorted by.
type Sorted = (Vec<Val>, Vec<Val>);

/// A row by itself, or the rows that one row of the answer stands for.
enum Group {
    One(Vec<Val>),
    Many(Vec<Vec<Val>>),
}

/// What a query reads beside its tables.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) world: &'a World<'a>,
    pub(super) named: &'a Named,
}

/// What is not read; psql, drivers and tools do without.
pub(super) fn unread(what: &str) -> SqlProblem {
    SqlProblem::new(SqlFault::NotAllowed, format!("the catalogue is not asked with {what}"))
}

impl Reader<'_> {
    /// The rows of a query within a row of another.
    pub(super) fn query(&self, query: &Query, outer: &Scope<'_>) -> Result<Table, SqlProblem> {
        self.world.step()?;
        let mut named = self.named.clone();
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let mut table = Reader { world: self.world, named: &named }.query(&cte.query, outer)?;
            for (column, alias) in table.columns.iter_mut().zip(&cte.alias.columns) {
                *column = folded(&alias.name);
            }
            named.insert(folded(&cte.alias.name), table);
        }
        let reader = Reader { world: self.world, named: &named };
        let order: &[OrderByExpr] = match query.order_by.as_ref().map(|order| &order.kind) {
            Some(OrderByKind::Expressions(order)) => order,
            Some(OrderByKind::All(_)) => return Err(unread("`ORDER BY ALL`")),
            None => &[],
        };
        let (columns, mut rows) = reader.body(&query.body, order, outer)?;
        rows.sort_by(|(_, one), (_, other)| sorted(one, other, order));
        let (limit, offset) = reader.limits(query.limit_clause.as_ref(), outer)?;
        let rows = rows.into_iter().map(|(row, _)| row).skip(offset).take(limit).collect();
        Ok(Table { columns, open: false, rows })
    }

    fn limits(&self, clause: Option<&LimitClause>, outer: &Scope<'_>) -> Result<(usize, usize), SqlProblem> {
        let number = |expr: Option<&Expr>| -> Result<Option<usize>, SqlProblem> {
            let value = expr.map(|expr| self.value(expr, outer)).transpose()?;
            Ok(value.and_then(|value| usize::try_from(value.int()?).ok()))
        };
        Ok(match clause {
            Some(LimitClause::LimitOffset { limit, offset, .. }) => (
                number(limit.as_ref())?.unwrap_or(usize::MAX),
                number(offset.as_ref().map(|offset| &offset.value))?.unwrap_or(0),
            ),
            Some(LimitClause::OffsetCommaLimit { .. }) => return Err(unread("`LIMIT` of two numbers")),
            None => (usize::MAX, 0),
        })
    }

    fn body(
        &self,
        body: &SetExpr,
        order: &[OrderByExpr],
        outer: &Scope<'_>,
    ) -> Result<(Vec<String>, Vec<Sorted>), SqlProblem> {
        match body {
            SetExpr::Select(select) => self.select(select, order, outer),
            SetExpr::Query(query) => {
                let table = self.query(query, outer)?;
                Self::by_output(table.columns, table.rows, order)
            }
            SetExpr::SetOperation { left, op: SetOperator::Union, set_quantifier, right } => {
                let (columns, left) = self.body(left, &[], outer)?;
                let (_, right) = self.body(right, &[], outer)?;
                let mut rows: Vec<_> = left.into_iter().chain(right).map(|(row, _)| row).collect();
                if !matches!(set_quantifier, SetQuantifier::All) {
                    rows = once_each(rows);
                }
                Self::by_output(columns, rows, order)
            }
            SetExpr::Values(values) => {
                let row = |row: &Vec<Expr>| row.iter().map(|expr| self.value(expr, outer)).collect();
                let rows =
                    values.rows.iter().map(|parens| row(&parens.content)).collect::<Result<Vec<Vec<Val>>, _>>()?;
                let width = rows.first().map_or(0, Vec::len);
                Self::by_output((1..=width).map(|at| format!("column{at}")).collect(), rows, order)
            }
            _ => Err(unread("`EXCEPT` and `INTERSECT`")),
        }
    }

    /// Rows sorted by nothing but their own columns.
    fn by_output(
        columns: Vec<String>,
        rows: Vec<Vec<Val>>,
        order: &[OrderByExpr],
    ) -> Result<(Vec<String>, Vec<Sorted>), SqlProblem> {
        let keyed = |row: Vec<Val>| {
            let keys = order.iter().map(|by| {
                let at = output(&by.expr, &columns).ok_or_else(|| unread("an `ORDER BY` of more than its columns"))?;
                Ok(row.get(at).cloned().unwrap_or_default())
            });
            let keys = keys.collect::<Result<_, SqlProblem>>()?;
            Ok((row, keys))
        };
        let rows = rows.into_iter().map(keyed).collect::<Result<_, SqlProblem>>()?;
        Ok((columns, rows))
    }

    fn select(
        &self,
        select: &Select,
        order: &[OrderByExpr],
        outer: &Scope<'_>,
    ) -> Result<(Vec<String>, Vec<Sorted>), SqlProblem> {
        let mut from = self.from(&select.from, outer)?;
        let rows = std::mem::take(&mut from.rows);
        let mut kept = Vec::new();
        for row in rows {
            let holds = match &select.selection {
                Some(filter) => self.value(filter, &from.scope(&row, outer))?.is_true(),
                None => true,
            };
            if holds {
                kept.push(row);
            }
        }
        let columns = names(&select.projection, &from);
        let mut answer = Vec::new();
        let empty = vec![Val::Null; from.columns.len()];
        for group in self.groups(select, &from, (kept, outer))? {
            let (row, group) = match &group {
                Group::One(row) => (row, None),
                Group::Many(rows) => (rows.first().unwrap_or(&empty), Some(&rows[..])),
            };
            let scope = Scope { group, ..from.scope(row, outer) };
            if let Some(having) = &select.having
                && !self.value(having, &scope)?.is_true()
            {
                continue;
            }
            let values = self.project(&select.projection, &from, &scope)?;
            let keys = order.iter().map(|by| match output(&by.expr, &columns) {
                Some(at) => Ok(values.get(at).cloned().unwrap_or_default()),
                None => self.value(&by.expr, &scope),
            });
            let keys = keys.collect::<Result<_, SqlProblem>>()?;
            answer.push((values, keys));
        }
        if matches!(select.distinct, Some(Distinct::Distinct)) {
            let mut seen: Vec<Vec<Val>> = Vec::new();
            answer.retain(|(row, _)| {
                !seen.contains(row) && {
                    seen.push(row.clone());
                    true
                }
            });
        }
        Ok((columns, answer))
    }

    /// Each row by itself, or, where the query sums up, the rows of each group.
    fn groups(
        &self,
        select: &Select,
        from: &Rows,
        (rows, outer): (Vec<Vec<Val>>, &Scope<'_>),
    ) -> Result<Vec<Group>, SqlProblem> {
        let GroupByExpr::Expressions(by, _) = &select.group_by else { return Err(unread("`GROUP BY ALL`")) };
        let sums = select.projection.iter().any(|item| match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => super::functions::sums(expr),
            _ => false,
        });
        if by.is_empty() && !sums {
            return Ok(rows.into_iter().map(Group::One).collect());
        }
        if by.is_empty() {
            return Ok(vec![Group::Many(rows)]);
        }
        let mut groups: Vec<(Vec<Val>, Vec<Vec<Val>>)> = Vec::new();
        for row in rows {
            let scope = from.scope(&row, outer);
            let key = by.iter().map(|expr| match output(expr, &[]).and_then(|at| select.projection.get(at)) {
                Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => {
                    self.value(expr, &scope)
                }
                _ => self.value(expr, &scope),
            });
            let key = key.collect::<Result<Vec<_>, _>>()?;
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, rows)) => rows.push(row),
                None => groups.push((key, vec![row])),
            }
        }
        Ok(groups.into_iter().map(|(_, rows)| Group::Many(rows)).collect())
    }

    fn project(&self, items: &[SelectItem], from: &Rows, scope: &Scope<'_>) -> Result<Vec<Val>, SqlProblem> {
        let mut values = Vec::new();
        for item in items {
            match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    values.push(self.value(expr, scope)?);
                }
                SelectItem::Wildcard(_) => values.extend_from_slice(scope.row),
                SelectItem::QualifiedWildcard(kind, _) => {
                    let table = qualifier(kind);
                    let all = from.columns.iter().zip(scope.row);
                    values.extend(all.filter(|(column, _)| column.table == table).map(|(_, value)| value.clone()));
                }
                SelectItem::ExprWithAliases { .. } => return Err(unread("several names for one column")),
            }
        }
        Ok(values)
    }
}

fn qualifier(kind: &SelectItemQualifiedWildcardKind) -> String {
    match kind {
        SelectItemQualifiedWildcardKind::ObjectName(name) => {
            name.0.last().and_then(|part| part.as_ident()).map(folded).unwrap_or_default()
        }
        SelectItemQualifiedWildcardKind::Expr(_) => String::new(),
    }
}

/// What the columns of an answer are called.
fn names(items: &[SelectItem], from: &Rows) -> Vec<String> {
    let mut names = Vec::new();
    for item in items {
        match item {
            SelectItem::ExprWithAlias { alias, .. } => names.push(folded(alias)),
            SelectItem::UnnamedExpr(expr) => names.push(name_of(expr)),
            SelectItem::Wildcard(_) => names.extend(from.columns.iter().map(|column| column.name.clone())),
            SelectItem::QualifiedWildcard(kind, _) => {
                let table = qualifier(kind);
                names.extend(
                    from.columns.iter().filter(|column| column.table == table).map(|column| column.name.clone()),
                );
            }
            SelectItem::ExprWithAliases { .. } => {}
        }
    }
    names
}

/// The column of the answer that an `ORDER BY` names or counts.
fn output(expr: &Expr, columns: &[String]) -> Option<usize> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => number.parse::<usize>().ok()?.checked_sub(1),
            _ => None,
        },
        Expr::Identifier(ident) => columns.iter().position(|column| *column == folded(ident)),
        _ => None,
    }
}
