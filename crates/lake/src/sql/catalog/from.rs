//! Where rows of the catalogue come from: its tables, named queries, queries in brackets, and how they are joined.

use billing::sql::SqlProblem;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, JoinConstraint, JoinOperator, ObjectName, TableAlias, TableFactor,
    TableWithJoins,
};

use super::plain;
use super::scope::{Rows, Scope};
use super::select::{Reader, unread};
use super::tables::{self, Table};
use super::value::Val;
use crate::sql::guard::folded;

/// The most rows that are joined at a time.
const MOST_ROWS: usize = 200_000;

/// How rows are put beside others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Inner,
    Left,
}

impl Reader<'_> {
    pub(super) fn from(&self, from: &[TableWithJoins], outer: &Scope<'_>) -> Result<Rows, SqlProblem> {
        let mut all = Rows { rows: vec![Vec::new()], ..Rows::default() };
        for TableWithJoins { relation, joins } in from {
            all = self.join(&all, (relation, Side::Inner, None), outer)?;
            for join in joins {
                let (side, constraint) = match &join.join_operator {
                    JoinOperator::Join(on) | JoinOperator::Inner(on) | JoinOperator::CrossJoin(on) => (Side::Inner, on),
                    JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => (Side::Left, on),
                    _ => return Err(unread("`RIGHT` and `FULL` joins")),
                };
                let on = match constraint {
                    JoinConstraint::On(on) => Some(on),
                    JoinConstraint::None => None,
                    _ => return Err(unread("`USING` and natural joins")),
                };
                all = self.join(&all, (&join.relation, side, on), outer)?;
            }
        }
        Ok(all)
    }

    fn join(
        &self,
        left: &Rows,
        (factor, side, on): (&TableFactor, Side, Option<&Expr>),
        outer: &Scope<'_>,
    ) -> Result<Rows, SqlProblem> {
        let lateral =
            !matches!(factor, TableFactor::Table { args: None, .. } | TableFactor::Derived { lateral: false, .. });
        let once = if lateral && !left.rows.is_empty() { None } else { Some(self.factor(factor, outer)?) };
        let mut joined = Rows { columns: left.columns.clone(), open: left.open.clone(), rows: Vec::new() };
        let mut shape: Option<usize> = None;
        for row in &left.rows {
            let scope = left.scope(row, outer);
            let own;
            let right = if let Some(right) = &once {
                right
            } else {
                own = self.factor(factor, &scope)?;
                &own
            };
            if shape.is_none() {
                joined.columns.extend(right.columns.iter().cloned());
                joined.open.extend(right.open.iter().cloned());
                shape = Some(right.columns.len());
            }
            let mut matched = false;
            for other in &right.rows {
                let both: Vec<Val> = row.iter().chain(other).cloned().collect();
                let scope = joined.scope(&both, outer);
                self.world.step()?;
                if on.map_or(Ok(true), |on| self.value(on, &scope).map(|value| value.is_true()))? {
                    matched = true;
                    joined.rows.push(both);
                }
            }
            if !matched && side == Side::Left {
                let nulls = std::iter::repeat_n(Val::Null, right.columns.len());
                joined.rows.push(row.iter().cloned().chain(nulls).collect());
            }
            if joined.rows.len() > MOST_ROWS {
                return Err(unread("joins of so many rows"));
            }
        }
        if let (None, Some(right)) = (shape, once) {
            joined.columns.extend(right.columns);
            joined.open.extend(right.open);
        }
        Ok(joined)
    }

    fn factor(&self, factor: &TableFactor, outer: &Scope<'_>) -> Result<Rows, SqlProblem> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let (table, own) = self.table(name);
                Ok(renamed(table, alias.as_ref(), &own))
            }
            TableFactor::Derived { subquery, alias, .. } => {
                Ok(renamed(self.query(subquery, outer)?, alias.as_ref(), ""))
            }
            TableFactor::Table { name, alias, args: Some(args), .. } => {
                self.rows_of_function(name, &args.args, alias.as_ref(), outer)
            }
            TableFactor::Function { name, args, alias, .. } => self.rows_of_function(name, args, alias.as_ref(), outer),
            TableFactor::UNNEST { alias, array_exprs, .. } => {
                let [array] = &array_exprs[..] else { return Err(unread("several arrays at once")) };
                let values = self.value(array, outer)?.list().unwrap_or_default();
                Ok(renamed(single("unnest", values), alias.as_ref(), "unnest"))
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                self.from(std::slice::from_ref(table_with_joins), outer)
            }
            _ => Err(unread("such a table")),
        }
    }

    fn table(&self, name: &ObjectName) -> (Table, String) {
        let mut parts = name.0.iter().rev().filter_map(|part| part.as_ident()).map(folded);
        let own = parts.next().unwrap_or_default();
        let schema = parts.next();
        let table = match self.named.get(&own).filter(|_| schema.is_none()) {
            Some(table) => table.clone(),
            None => tables::table(schema.as_deref(), &own),
        };
        (table, own)
    }

    fn rows_of_function(
        &self,
        name: &ObjectName,
        args: &[FunctionArg],
        alias: Option<&TableAlias>,
        outer: &Scope<'_>,
    ) -> Result<Rows, SqlProblem> {
        let name = name.0.last().and_then(|part| part.as_ident()).map(folded).unwrap_or_default();
        let value = |arg: &FunctionArg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => self.value(expr, outer),
            _ => Err(unread("named arguments")),
        };
        let values = args.iter().map(value).collect::<Result<Vec<_>, _>>()?;
        let rows = match (name.as_str(), &values[..]) {
            ("unnest", [array]) => array.list().unwrap_or_default(),
            ("generate_series", [from, until]) => match (from.int(), until.int()) {
                (Some(from), Some(until)) if until.saturating_sub(from) < 1_000 => {
                    (from..=until).map(Val::Int).collect()
                }
                (Some(_), Some(_)) => return Err(unread("series of so many rows")),
                _ => Vec::new(),
            },
            _ => match plain::of_values(&name, &values) {
                Some(value) => vec![value],
                // What Postgres lists here, there is none of.
                None if super::has_function(&name) => {
                    return Ok(renamed(Table { open: true, ..Table::default() }, alias, &name));
                }
                None => return Err(unread("such a function")),
            },
        };
        Ok(renamed(single(&name, rows), alias, &name))
    }
}

fn single(name: &str, values: Vec<Val>) -> Table {
    Table { columns: vec![name.to_owned()], open: false, rows: values.into_iter().map(|value| vec![value]).collect() }
}

/// A table under its alias, its columns under theirs.
fn renamed(mut table: Table, alias: Option<&TableAlias>, own: &str) -> Rows {
    let Some(alias) = alias else { return Rows::of(table, own) };
    for (column, name) in table.columns.iter_mut().zip(&alias.columns) {
        *column = folded(&name.name);
    }
    let name = folded(&alias.name);
    // `unnest(…) AS x` calls the column so, too.
    if alias.columns.is_empty() && table.columns.len() == 1 && table.columns[0] == own {
        table.columns[0].clone_from(&name);
    }
    Rows::of(table, &name)
}
