//! What a name means while a catalogue's query is read: the row at hand, and those of the queries around it.

use std::cell::Cell;
use std::collections::HashMap;

use billing::sql::{SqlFault, SqlParameter, SqlProblem};
use datafusion::sql::sqlparser::ast::Ident;

use super::tables::Table;
use super::value::Val;
use crate::sql::guard::folded;
use crate::sql::parse::place_of;

/// How many expressions one query may have worked out: a join of everything with everything ends here.
const STEPS: usize = 3_000_000;

/// A column of rows that are joined.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// What its table is called.
    pub(super) table: String,
    pub(super) name: String,
}

/// Rows that are joined from tables.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_field_names, reason = "the rows are what it is for")]
pub(super) struct Rows {
    pub(super) columns: Vec<Column>,
    /// The tables that may be asked for columns which they don't list.
    pub(super) open: Vec<String>,
    pub(super) rows: Vec<Vec<Val>>,
}

impl Rows {
    /// A table under a name.
    pub(super) fn of(table: Table, name: &str) -> Self {
        let column = |column: String| Column { table: name.to_owned(), name: column };
        let open = if table.open { vec![name.to_owned()] } else { Vec::new() };
        Self { columns: table.columns.into_iter().map(column).collect(), open, rows: table.rows }
    }

    /// What names mean in one of its rows.
    pub(super) fn scope<'a>(&'a self, row: &'a [Val], outer: &'a Scope<'a>) -> Scope<'a> {
        Scope { columns: &self.columns, open: &self.open, row, group: None, outer: Some(outer) }
    }
}

/// A row, and the rows of the queries around it.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) columns: &'a [Column],
    pub(super) open: &'a [String],
    pub(super) row: &'a [Val],
    /// The rows of the group that the row stands for.
    pub(super) group: Option<&'a [Vec<Val>]>,
    pub(super) outer: Option<&'a Scope<'a>>,
}

impl Scope<'_> {
    /// Where nothing is named.
    pub(super) const NOTHING: Scope<'static> = Scope { columns: &[], open: &[], row: &[], group: None, outer: None };

    /// The value of a column.
    pub(super) fn value(&self, names: &[Ident]) -> Result<Val, SqlProblem> {
        let Some((name, before)) = names.split_last() else { return Ok(Val::Null) };
        let (wanted, table) = (folded(name), before.last().map(folded));
        let mut scope = Some(self);
        while let Some(at) = scope {
            let is_it =
                |column: &Column| column.name == wanted && table.as_ref().is_none_or(|table| column.table == *table);
            if let Some(found) = at.columns.iter().position(is_it) {
                return Ok(at.row.get(found).cloned().unwrap_or_default());
            }
            if table.as_ref().map_or(!at.open.is_empty(), |table| at.open.contains(table)) {
                return Ok(Val::Null);
            }
            scope = at.outer;
        }
        let problem = SqlProblem::new(SqlFault::NoColumn, "the catalogue has no such column here");
        Err(problem.at(place_of(name)))
    }
}

/// What the reading of a whole statement shares.
pub(super) struct World<'a> {
    pub(super) parameters: &'a [SqlParameter],
    pub(super) steps: Cell<usize>,
}

/// Queries by the names that `WITH` gives them.
pub(super) type Named = HashMap<String, Table>;

impl World<'_> {
    /// Counts one expression.
    pub(super) fn step(&self) -> Result<(), SqlProblem> {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > STEPS {
            return Err(SqlProblem::new(SqlFault::TooLarge, "the query asks too much of the catalogue"));
        }
        Ok(())
    }
}
