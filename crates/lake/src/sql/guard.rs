//! What may be asked: an allow-list over the parsed query, before anything is planned. What is not named here is refused.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;

use billing::sql::{Place, SqlFault, SqlProblem};
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArgumentClause, FunctionArguments, Ident, ObjectName, Query, Select, TableFactor, Visit,
    Visitor,
};

use super::allowed::{self, Flow, MOST_TABLES, begin, refuse};
use super::functions;
use super::parse::place;

/// The most that a query may unfold to: expressions, tables and selects, with each named query counted wherever it is used.
const MOST_WEIGHT: usize = 20_000;

/// How deep expressions may nest, chains of `AND` and `+` included.
const DEEPEST: usize = 400;

/// Whom a query asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// The org's views.
    Views,
    /// The catalogue that describes them.
    Catalog,
}

/// What is known of a query that may be answered.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) asks: Asks,
    /// The views that it reads.
    pub(crate) views: BTreeSet<String>,
}

/// Looks through a query; tells whom it asks, or why it is not answered. `views` are the names of the org's views.
pub(crate) fn look(query: &Query, views: &[&str]) -> Result<Look, SqlProblem> {
    let mut looking = Looking { views, ..Looking::default() };
    if let ControlFlow::Break(problem) = query.visit(&mut looking) {
        return Err(*problem);
    }
    let Looking { asked: views, catalog, refused, .. } = looking;
    match (!views.is_empty(), catalog) {
        (false, Some(_)) => Ok(Look { asks: Asks::Catalog, views }),
        (true, Some(Asked(place))) => {
            Err(SqlProblem::new(SqlFault::NotAllowed, "the catalogue can't be asked together with the charges")
                .at(place)
                .hint("ask in two statements"))
        }
        (_, None) => match refused {
            Some(problem) => Err(problem),
            None => Ok(Look { asks: Asks::Views, views }),
        },
    }
}

/// Counts of a query, by which its size is bounded.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    all: usize,
    tables: usize,
}

impl Weight {
    fn add(&mut self, other: Self) {
        self.all = self.all.saturating_add(other.all);
        self.tables = self.tables.saturating_add(other.tables);
    }
}

/// Where something is asked, as far as that is known.
#[derive(Clone, Copy)]
struct Asked(Option<Place>);

#[derive(Default)]
struct Looking<'a> {
    views: &'a [&'a str],
    asked: BTreeSet<String>,
    /// Where the catalogue is first asked.
    catalog: Option<Asked>,
    /// What only the catalogue knows, and where there is no catalogue, nobody.
    refused: Option<SqlProblem>,
    depth: usize,
    /// The queries that are looked at, the innermost last.
    open: Vec<Weight>,
    /// Named queries: by where they are, then by name.
    names: HashMap<usize, String>,
    named: HashMap<String, Weight>,
    known: HashSet<String>,
    /// Names of tables that are functions, by where they are.
    called: HashSet<usize>,
}

impl Looking<'_> {
    fn weigh(&mut self, weight: Weight) -> Flow {
        if let Some(open) = self.open.last_mut() {
            open.add(weight);
            if open.all > MOST_WEIGHT || open.tables > MOST_TABLES {
                let message =
                    format!("the query unfolds to more than {MOST_TABLES} tables or {MOST_WEIGHT} expressions");
                return ControlFlow::Break(Box::new(SqlProblem::new(SqlFault::TooLarge, message)));
            }
        }
        ControlFlow::Continue(())
    }

    fn function(&mut self, function: &Function) -> Flow {
        let at = begin(function);
        let Function {
            name,
            uses_odbc_syntax,
            parameters,
            args,
            filter: _,
            null_treatment: _,
            over: _,
            within_group: _,
        } = function;
        if *uses_odbc_syntax || !matches!(parameters, FunctionArguments::None) {
            return refuse("functions are called as `name(arguments)`", at);
        }
        if let FunctionArguments::List(list) = args {
            let known = |clause: &FunctionArgumentClause| {
                matches!(clause, FunctionArgumentClause::IgnoreOrRespectNulls(_) | FunctionArgumentClause::OrderBy(_))
            };
            if !list.clauses.iter().all(known) {
                return refuse("of a function's clauses, only `ORDER BY` and those about nulls are known", at);
            }
        }
        let (schema, name) = last_two(name);
        match functions::standing(&name) {
            functions::Standing::Known if schema.is_none() => {}
            functions::Standing::Known | functions::Standing::Catalog => {
                self.catalog.get_or_insert(Asked(at));
            }
            functions::Standing::Unknown => {
                let problem = SqlProblem::new(SqlFault::NoFunction, "there is no such function").at(at);
                let problem = match functions::near(&name) {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem.hint("docs/sql.md lists the functions that there are"),
                };
                self.refused.get_or_insert(problem);
            }
        }
        ControlFlow::Continue(())
    }
}

/// The last name in lower case, and the one before it.
fn last_two(name: &ObjectName) -> (Option<String>, String) {
    let mut parts = name.0.iter().rev().map(|part| part.as_ident().map_or_else(String::new, folded));
    let last = parts.next().unwrap_or_default();
    (parts.next(), last)
}

/// A name as it is looked up: in lower case, unless it is quoted.
pub(crate) fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_ascii_lowercase() }
}

impl Visitor for Looking<'_> {
    type Break = Box<SqlProblem>;

    fn pre_visit_query(&mut self, query: &Query) -> Flow {
        allowed::query(query)?;
        if let Some(with) = &query.with {
            if with.recursive {
                return refuse("`WITH RECURSIVE` is not answered", place(with.with_token.0.span.start));
            }
            for cte in &with.cte_tables {
                let name = folded(&cte.alias.name);
                self.names.insert(std::ptr::from_ref::<Query>(&cte.query).addr(), name.clone());
                self.known.insert(name);
            }
        }
        allowed::body_is_a_query(&query.body, begin(query))?;
        self.open.push(Weight { all: 1, tables: 0 });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> Flow {
        let weight = self.open.pop().unwrap_or_default();
        match self.names.get(&std::ptr::from_ref(query).addr()) {
            // Counted wherever it is used; defined twice, its larger form counts.
            Some(name) => {
                let known = self.named.entry(name.clone()).or_default();
                known.all = known.all.max(weight.all);
                known.tables = known.tables.max(weight.tables);
                ControlFlow::Continue(())
            }
            None => self.weigh(weight),
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> Flow {
        allowed::select(select)?;
        self.weigh(Weight { all: 1, tables: 0 })
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Flow {
        let at = begin(factor);
        match factor {
            TableFactor::Table {
                name: _,
                alias: _,
                args: None,
                with_hints,
                version: None,
                with_ordinality: false,
                partitions,
                json_path: None,
                sample: None,
                index_hints,
            } if with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty() => ControlFlow::Continue(()),
            TableFactor::Derived { lateral: _, subquery: _, alias: _, sample: None } => ControlFlow::Continue(()),
            TableFactor::NestedJoin { table_with_joins, alias: None } => allowed::joins(&table_with_joins.joins, at),
            // Of functions that give rows there is none, but the catalogue is asked with some.
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
                if functions::standing(&last_two(name).1) == functions::Standing::Catalog {
                    self.catalog.get_or_insert(Asked(at));
                    self.called.insert(std::ptr::from_ref(name).addr());
                    return ControlFlow::Continue(());
                }
                refuse("functions that give rows are not answered", at)
            }
            _ => refuse("rows come from the views and from queries over them, and from nothing else", at),
        }
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> Flow {
        let at = begin(relation);
        if self.called.contains(&std::ptr::from_ref(relation).addr()) {
            return ControlFlow::Continue(());
        }
        let (schema, name) = last_two(relation);
        let mut weight = Weight { all: 1, tables: 1 };
        match (relation.0.len(), schema.as_deref()) {
            (1, _) if self.known.contains(&name) => weight = self.named.get(&name).copied().unwrap_or(weight),
            (1, _) | (2 | 3, Some("public")) if self.views.contains(&name.as_str()) => {
                self.asked.insert(name);
            }
            (2 | 3, Some("pg_catalog" | "information_schema")) => {
                self.catalog.get_or_insert(Asked(at));
            }
            (1, _) if name.starts_with("pg_") => {
                self.catalog.get_or_insert(Asked(at));
            }
            _ => {
                let problem = SqlProblem::new(SqlFault::NoTable, "there is no such table").at(at);
                let views = format!("there are `{}`", self.views.join("`, `"));
                return ControlFlow::Break(Box::new(problem.hint(views)));
            }
        }
        self.weigh(weight)
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Flow {
        self.depth += 1;
        if self.depth > DEEPEST {
            let message = format!("the query's expressions nest deeper than {DEEPEST} levels");
            return ControlFlow::Break(Box::new(SqlProblem::new(SqlFault::TooLarge, message)));
        }
        self.weigh(Weight { all: 1, tables: 0 })?;
        match expr {
            Expr::Function(function) => self.function(function),
            expr if allowed::expression(expr) => ControlFlow::Continue(()),
            expr => {
                // The catalogue is asked in Postgres's own dialect, and its reader says itself what it does not know.
                let problem = SqlProblem::new(SqlFault::NotAllowed, "this kind of expression is not answered");
                self.refused.get_or_insert(problem.at(begin(expr)));
                ControlFlow::Continue(())
            }
        }
    }

    fn post_visit_expr(&mut self, _: &Expr) -> Flow {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}
