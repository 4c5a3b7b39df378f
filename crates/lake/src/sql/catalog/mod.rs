//! The catalogue: what Postgres's clients ask to learn which tables and columns there are. It describes the views, and holds
//! nothing of any org.

mod expr;
mod from;
mod functions;
mod information;
mod order;
mod plain;
mod scope;
mod select;
mod tables;
#[cfg(test)]
mod tests;
mod types;
mod value;

use std::cell::Cell;

use billing::sql::{SqlColumn, SqlParameter, SqlProblem, SqlType, SqlValue};
use datafusion::sql::sqlparser::ast::Query;

use self::scope::{Named, Scope, World};
use self::select::Reader;
use self::value::Val;

/// What `version()` says. Clients read the number after the first word.
const VERSION: &str = concat!("PostgreSQL 16.0 (billconnect ", env!("CARGO_PKG_VERSION"), ")");

/// Whether only the catalogue has a function of this name.
pub(crate) fn has_function(name: &str) -> bool {
    functions::NAMES.contains(&name)
}

/// The columns and rows of a query of the catalogue.
pub(crate) fn answer(
    query: &Query,
    parameters: &[SqlParameter],
) -> Result<(Vec<SqlColumn>, Vec<Vec<SqlValue>>), SqlProblem> {
    let world = World { parameters, steps: Cell::new(0) };
    let table = Reader { world: &world, named: &Named::new() }.query(query, &Scope::NOTHING)?;
    let column = |(at, name): (usize, &String)| SqlColumn { name: name.clone(), sql_type: type_of(at, &table.rows) };
    let columns: Vec<_> = table.columns.iter().enumerate().map(column).collect();
    let rows =
        table.rows.iter().map(|row| row.iter().zip(&columns).map(|(value, column)| told(value, column)).collect());
    let rows = rows.collect();
    Ok((columns, rows))
}

/// What all values of a column are; a text where they differ, or where there are none.
fn type_of(at: usize, rows: &[Vec<Val>]) -> SqlType {
    let mut values = rows.iter().filter_map(|row| row.get(at)).filter(|value| **value != Val::Null).peekable();
    let all =
        |is: fn(&Val) -> bool| rows.iter().filter_map(|row| row.get(at)).all(|value| *value == Val::Null || is(value));
    match values.peek() {
        Some(Val::Int(_)) if all(|value| matches!(value, Val::Int(_))) => SqlType::Int,
        Some(Val::Bool(_)) if all(|value| matches!(value, Val::Bool(_))) => SqlType::Bool,
        _ => SqlType::Text,
    }
}

fn told(value: &Val, column: &SqlColumn) -> SqlValue {
    match (value, column.sql_type) {
        (Val::Null, _) => SqlValue::Null,
        (Val::Int(whole), SqlType::Int) => SqlValue::Int(*whole),
        (Val::Bool(flag), SqlType::Bool) => SqlValue::Bool(*flag),
        (value, _) => value.text().map_or(SqlValue::Null, SqlValue::Text),
    }
}
