//! Columns in a statement's text: what those of the answer are called, as Postgres calls them, and where one is asked for.

use std::ops::ControlFlow;

use billing::sql::Place;
use datafusion::sql::sqlparser::ast::{Expr, Query, SelectItem, SetExpr, Visit, Visitor};

use super::guard::folded;
use super::parse::place_of;

/// The names of a query's columns; none where it asks for all columns of something.
pub(crate) fn heads(query: &Query) -> Option<Vec<String>> {
    let mut body = &*query.body;
    loop {
        match body {
            SetExpr::Select(select) => return select.projection.iter().map(head).collect(),
            SetExpr::Query(query) => return heads(query),
            // The first of several queries names the columns of all.
            SetExpr::SetOperation { left, .. } => body = left,
            _ => return None,
        }
    }
}

fn head(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        SelectItem::UnnamedExpr(expr) => Some(name_of(expr)),
        _ => None,
    }
}

/// What Postgres calls a column that has no name: after its column or its function.
pub(crate) fn name_of(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(ident) => folded(ident),
        Expr::CompoundIdentifier(idents) => idents.last().map(folded).unwrap_or_default(),
        Expr::Function(function) => {
            function.name.0.last().and_then(|part| part.as_ident()).map(folded).unwrap_or_default()
        }
        Expr::Cast { expr, .. } | Expr::Nested(expr) | Expr::Collate { expr, .. } => name_of(expr),
        Expr::Case { .. } => "case".to_owned(),
        Expr::Extract { .. } => "extract".to_owned(),
        Expr::Floor { .. } => "floor".to_owned(),
        Expr::Ceil { .. } => "ceil".to_owned(),
        Expr::Substring { .. } => "substring".to_owned(),
        Expr::Trim { .. } => "btrim".to_owned(),
        Expr::Exists { .. } => "exists".to_owned(),
        _ => "?column?".to_owned(),
    }
}

/// The first place where a column of this name is asked for.
pub(crate) fn place_of_column(query: &Query, name: &str) -> Option<Place> {
    struct Find<'a>(&'a str);
    impl Visitor for Find<'_> {
        type Break = Option<Place>;

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
            let ident = match expr {
                Expr::Identifier(ident) => Some(ident),
                Expr::CompoundIdentifier(idents) => idents.last(),
                _ => None,
            };
            match ident {
                Some(ident) if folded(ident) == self.0 => ControlFlow::Break(place_of(ident)),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    match query.visit(&mut Find(name)) {
        ControlFlow::Break(place) => place,
        ControlFlow::Continue(()) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::sql::parse::parse;

    #[test]
    fn columns_are_called_as_postgres_calls_them() {
        let of = |text: &str| heads(&parse(text, &HashMap::new()).unwrap());
        let names = of("SELECT a, t.\"B\", sum(x), 1 + 1, y AS z, floor(v)::bigint FROM t").unwrap();
        assert_eq!(names, ["a", "B", "sum", "?column?", "z", "floor"]);
        assert_eq!(of("SELECT 1 AS x UNION SELECT 2").unwrap(), ["x"]);
        assert_eq!(of("SELECT * FROM t"), None);
    }
}
