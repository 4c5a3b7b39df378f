//! Parameters: `$1` and its like become values in the parsed query, never text in it.

use std::ops::ControlFlow;

use billing::sql::{SqlFault, SqlParameter, SqlProblem, SqlType};
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, ExactNumberInfo, Expr, Query, TimezoneInfo, Value, Visit, VisitMut, Visitor, VisitorMut,
};

use super::parse::place;

/// The most parameters of a statement.
const MOST: usize = 1_000;

/// How many parameters the query has: the highest number that it names.
pub(crate) fn count(query: &Query) -> Result<usize, SqlProblem> {
    struct Count(usize);
    impl Visitor for Count {
        type Break = Box<SqlProblem>;

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
            if let Expr::Value(value) = expr
                && let Value::Placeholder(name) = &value.value
            {
                let Some(number) = number(name) else {
                    let problem = SqlProblem::new(SqlFault::Syntax, "a parameter is written `$1`, `$2`, …");
                    return ControlFlow::Break(Box::new(problem.at(place(value.span.start))));
                };
                self.0 = self.0.max(number);
            }
            ControlFlow::Continue(())
        }
    }
    let mut count = Count(0);
    match query.visit(&mut count) {
        ControlFlow::Break(problem) => Err(*problem),
        ControlFlow::Continue(()) => Ok(count.0),
    }
}

fn number(name: &str) -> Option<usize> {
    name.strip_prefix('$')?.parse().ok().filter(|number| (1..=MOST).contains(number))
}

/// Puts values where the query names parameters.
pub(crate) fn bind(query: &mut Query, parameters: &[SqlParameter]) -> Result<(), SqlProblem> {
    struct Bind<'a>(&'a [SqlParameter]);
    impl VisitorMut for Bind<'_> {
        type Break = Box<SqlProblem>;

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
            if let Expr::Value(value) = expr
                && let Value::Placeholder(name) = &value.value
            {
                let at = place(value.span.start);
                let bound = number(name).and_then(|number| self.0.get(number - 1));
                match bound.map(literal) {
                    Some(Ok(literal)) => *expr = literal,
                    Some(Err(problem)) => return ControlFlow::Break(Box::new(problem.at(at))),
                    None => {
                        let message = format!("a parameter is missing: {} came", self.0.len());
                        return ControlFlow::Break(Box::new(SqlProblem::new(SqlFault::Syntax, message).at(at)));
                    }
                }
            }
            ControlFlow::Continue(())
        }
    }
    let wanted = count(query)?;
    if parameters.len() > wanted {
        let message = format!("{} parameters came and the statement has {wanted}", parameters.len());
        return Err(SqlProblem::new(SqlFault::Syntax, message));
    }
    match query.visit(&mut Bind(parameters)) {
        ControlFlow::Break(problem) => Err(*problem),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// A parameter as it would be written.
fn literal(parameter: &SqlParameter) -> Result<Expr, SqlProblem> {
    let Some(text) = &parameter.value else {
        let null = Expr::value(Value::Null);
        return Ok(parameter.sql_type.map_or(null.clone(), |sql_type| cast(null, sql_type)));
    };
    let wrong = |what: &str| Err(SqlProblem::new(SqlFault::Data, format!("a parameter is no {what}")));
    let text = text.trim_end_matches('\0');
    match parameter.sql_type {
        None | Some(SqlType::Text) => Ok(Expr::value(Value::SingleQuotedString(text.to_owned()))),
        Some(SqlType::Bool) => match text {
            "t" | "true" | "TRUE" | "1" => Ok(Expr::value(Value::Boolean(true))),
            "f" | "false" | "FALSE" | "0" => Ok(Expr::value(Value::Boolean(false))),
            _ => wrong("truth value"),
        },
        Some(SqlType::Int) if text.trim().parse::<i64>().is_ok() => Ok(signed(text.trim())),
        Some(SqlType::Int) => wrong("whole number of 64 bits"),
        Some(SqlType::Decimal) if is_decimal(text) => Ok(signed(text)),
        Some(SqlType::Decimal) => wrong("decimal number"),
        Some(sql_type) => Ok(cast(Expr::value(Value::SingleQuotedString(text.to_owned())), sql_type)),
    }
}

/// A number; the parser knows none below zero.
fn signed(text: &str) -> Expr {
    use datafusion::sql::sqlparser::ast::UnaryOperator;
    let number = |text: &str| Expr::value(Value::Number(text.trim_start_matches('+').to_owned(), false));
    match text.strip_prefix('-') {
        Some(text) => Expr::Nested(Box::new(Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(number(text)) })),
        None => number(text),
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !(whole.is_empty() && part.is_empty()) && all(whole) && all(part)
}

fn cast(expr: Expr, sql_type: SqlType) -> Expr {
    let data_type = match sql_type {
        SqlType::Bool => DataType::Boolean,
        SqlType::Int => DataType::BigInt(None),
        SqlType::Float => DataType::DoublePrecision,
        SqlType::Decimal => DataType::Decimal(ExactNumberInfo::PrecisionAndScale(38, 18)),
        SqlType::Text => DataType::Text,
        SqlType::Date => DataType::Date,
        SqlType::Time => DataType::Timestamp(None, TimezoneInfo::WithTimeZone),
    };
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::sql::parse::parse;

    fn bound(text: &str, parameters: &[SqlParameter]) -> Result<String, SqlProblem> {
        let mut query = parse(text, &HashMap::new())?;
        bind(&mut query, parameters)?;
        Ok(query.to_string())
    }

    fn given(sql_type: SqlType, value: &str) -> SqlParameter {
        SqlParameter { sql_type: Some(sql_type), value: Some(value.to_owned()) }
    }

    #[test]
    fn values_stay_values() {
        let hostile = SqlParameter { sql_type: None, value: Some("'; DROP TABLE charges; --".to_owned()) };
        assert_eq!(bound("SELECT $1", &[hostile]).unwrap(), "SELECT '''; DROP TABLE charges; --'");
        let all = [given(SqlType::Int, "-5"), given(SqlType::Decimal, "1.50"), given(SqlType::Bool, "t")];
        assert_eq!(bound("SELECT $2, $1, $3", &all).unwrap(), "SELECT 1.50, (-5), true");
        let null = SqlParameter { sql_type: Some(SqlType::Date), value: None };
        assert_eq!(bound("SELECT $1", &[null]).unwrap(), "SELECT CAST(NULL AS DATE)");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(bound("SELECT $1, $2", &[given(SqlType::Int, "1")]).is_err());
        assert!(bound("SELECT $1", &[given(SqlType::Int, "1"), given(SqlType::Int, "2")]).is_err());
        assert!(bound("SELECT $1", &[given(SqlType::Int, "1; DROP")]).is_err());
        assert!(bound("SELECT $1", &[given(SqlType::Decimal, "1e5 OR TRUE")]).is_err());
        assert!(bound("SELECT $99999", &[]).is_err());
    }
}
