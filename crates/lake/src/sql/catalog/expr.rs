//! Expressions of the catalogue's queries.

use std::cmp::Ordering;

use billing::sql::{SqlFault, SqlProblem};
use datafusion::sql::sqlparser::ast::{AccessExpr, BinaryOperator, Expr, Query, Subscript, UnaryOperator, Value};

use super::plain;
use super::scope::Scope;
use super::select::{Reader, unread};
use super::value::{self, Val, like, matches, test};

impl Reader<'_> {
    /// What an expression is worth in a row.
    pub(super) fn value(&self, expr: &Expr, scope: &Scope<'_>) -> Result<Val, SqlProblem> {
        self.world.step()?;
        match expr {
            Expr::Identifier(name) => scope.value(std::slice::from_ref(name)),
            Expr::CompoundIdentifier(names) => scope.value(names),
            Expr::Value(literal) => self.literal(&literal.value),
            Expr::TypedString(typed) => match &typed.value.value {
                Value::SingleQuotedString(text) => {
                    Ok(value::cast(Val::Text(text.clone()), &typed.data_type.to_string()))
                }
                _ => Err(unread("such a literal")),
            },
            Expr::Nested(expr) | Expr::Collate { expr, .. } => self.value(expr, scope),
            Expr::Cast { expr, data_type, .. } => Ok(value::cast(self.value(expr, scope)?, &data_type.to_string())),
            Expr::Function(function) => self.call(function, scope),
            Expr::Case { operand, conditions, else_result, .. } => {
                let operand = operand.as_ref().map(|operand| self.value(operand, scope)).transpose()?;
                for when in conditions {
                    let condition = self.value(&when.condition, scope)?;
                    let holds = match &operand {
                        Some(operand) => test(operand, &condition, Ordering::is_eq).is_true(),
                        None => condition.is_true(),
                    };
                    if holds {
                        return self.value(&when.result, scope);
                    }
                }
                else_result.as_ref().map_or(Ok(Val::Null), |expr| self.value(expr, scope))
            }
            Expr::Trim { expr, trim_what: None, trim_characters: None, .. } => {
                Ok(plain::of_values("trim", &[self.value(expr, scope)?]).unwrap_or_default())
            }
            Expr::Substring { expr, substring_from: Some(from), substring_for, .. } => {
                let mut values = vec![self.value(expr, scope)?, self.value(from, scope)?];
                if let Some(count) = substring_for {
                    values.push(self.value(count, scope)?);
                }
                Ok(plain::of_values("substring", &values).unwrap_or_default())
            }
            Expr::Subquery(query) => Ok(self.column(query, scope)?.into_iter().next().unwrap_or_default()),
            Expr::Array(array) => {
                Ok(Val::List(array.elem.iter().map(|expr| self.value(expr, scope)).collect::<Result<_, _>>()?))
            }
            Expr::Tuple(exprs) => {
                Ok(Val::List(exprs.iter().map(|expr| self.value(expr, scope)).collect::<Result<_, _>>()?))
            }
            Expr::CompoundFieldAccess { root, access_chain } => self.element(root, access_chain, scope),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => Ok(negated(&self.value(expr, scope)?)),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
                Ok(self.value(expr, scope)?.int().and_then(i64::checked_neg).map_or(Val::Null, Val::Int))
            }
            Expr::BinaryOp { left, op, right } => self.operation(left, op, right, scope),
            _ => self.predicate(expr, scope),
        }
    }

    /// Expressions that are true or false.
    fn predicate(&self, expr: &Expr, scope: &Scope<'_>) -> Result<Val, SqlProblem> {
        let of = |expr: &Expr| self.value(expr, scope);
        let flipped = |value: Val, negate: bool| if negate { negated(&value) } else { value };
        Ok(match expr {
            Expr::IsNull(expr) => Val::Bool(of(expr)? == Val::Null),
            Expr::IsNotNull(expr) => Val::Bool(of(expr)? != Val::Null),
            Expr::IsTrue(expr) => Val::Bool(of(expr)?.is_true()),
            Expr::IsNotTrue(expr) => Val::Bool(!of(expr)?.is_true()),
            Expr::IsFalse(expr) => Val::Bool(of(expr)? == Val::Bool(false)),
            Expr::IsNotFalse(expr) => Val::Bool(of(expr)? != Val::Bool(false)),
            Expr::IsDistinctFrom(one, other) => Val::Bool(!same(&of(one)?, &of(other)?)),
            Expr::IsNotDistinctFrom(one, other) => Val::Bool(same(&of(one)?, &of(other)?)),
            Expr::InList { expr, list, negated } => {
                let list = list.iter().map(of).collect::<Result<Vec<_>, _>>()?;
                flipped(any(&of(expr)?, &list, Ordering::is_eq), *negated)
            }
            Expr::InSubquery { expr, subquery, negated } => {
                flipped(any(&of(expr)?, &self.column(subquery, scope)?, Ordering::is_eq), *negated)
            }
            Expr::Exists { subquery, negated } => Val::Bool(self.query(subquery, scope)?.rows.is_empty() == *negated),
            Expr::Between { expr, negated, low, high } => {
                let value = of(expr)?;
                let (low, high) = (test(&value, &of(low)?, Ordering::is_ge), test(&value, &of(high)?, Ordering::is_le));
                flipped(Val::Bool(low.is_true() && high.is_true()), *negated)
            }
            Expr::Like { negated, expr, pattern, .. } => flipped(texts(&of(expr)?, &of(pattern)?, like), *negated),
            Expr::ILike { negated, expr, pattern, .. } => {
                let any_case = |text: &str, pattern: &str| like(&text.to_lowercase(), &pattern.to_lowercase());
                flipped(texts(&of(expr)?, &of(pattern)?, any_case), *negated)
            }
            Expr::AnyOp { left, compare_op, right, .. } => {
                let list = match &**right {
                    Expr::Subquery(query) => self.column(query, scope)?,
                    other => match of(other)?.list() {
                        Some(list) => list,
                        None => return Ok(Val::Null),
                    },
                };
                match compare_op {
                    BinaryOperator::Eq => any(&of(left)?, &list, Ordering::is_eq),
                    BinaryOperator::NotEq => any(&of(left)?, &list, Ordering::is_ne),
                    _ => return Err(unread("`ANY` of that operator")),
                }
            }
            Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => {
                negated(&any(&of(left)?, &of(right)?.list().unwrap_or_default(), Ordering::is_eq))
            }
            _ => return Err(unread("such an expression")),
        })
    }

    fn literal(&self, literal: &Value) -> Result<Val, SqlProblem> {
        Ok(match literal {
            Value::Null => Val::Null,
            Value::Boolean(flag) => Val::Bool(*flag),
            Value::Number(number, _) => number.parse().map_or_else(|_| Val::Text(number.clone()), Val::Int),
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Val::Text(text.clone()),
            Value::DollarQuotedString(text) => Val::Text(text.value.clone()),
            Value::Placeholder(name) => {
                let number = name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok());
                let parameter = number.and_then(|number| self.world.parameters.get(number.checked_sub(1)?));
                let missing = || SqlProblem::new(SqlFault::Syntax, "a parameter is missing");
                parameter.ok_or_else(missing)?.value.as_deref().map_or(Val::Null, Val::from)
            }
            _ => return Err(unread("such a literal")),
        })
    }

    /// The first column of a query's rows.
    pub(super) fn column(&self, query: &Query, scope: &Scope<'_>) -> Result<Vec<Val>, SqlProblem> {
        let rows = self.query(query, scope)?.rows;
        Ok(rows.into_iter().filter_map(|row| row.into_iter().next()).collect())
    }

    fn element(&self, root: &Expr, chain: &[AccessExpr], scope: &Scope<'_>) -> Result<Val, SqlProblem> {
        let mut value = self.value(root, scope)?;
        for access in chain {
            let AccessExpr::Subscript(Subscript::Index { index }) = access else {
                return Err(unread("parts of arrays"));
            };
            let at = self.value(index, scope)?.int().and_then(|at| usize::try_from(at).ok()?.checked_sub(1));
            value = at.and_then(|at| value.list()?.into_iter().nth(at)).unwrap_or_default();
        }
        Ok(value)
    }

    fn operation(&self, left: &Expr, op: &BinaryOperator, right: &Expr, scope: &Scope<'_>) -> Result<Val, SqlProblem> {
        let one = self.value(left, scope)?;
        match (op, &one) {
            (BinaryOperator::And, Val::Bool(false)) | (BinaryOperator::Or, Val::Bool(true)) => return Ok(one),
            _ => {}
        }
        let other = self.value(right, scope)?;
        let pattern = |found: fn(&str, &str) -> bool| texts(&one, &other, found);
        let number = |work: fn(i64, i64) -> Option<i64>| {
            one.int().zip(other.int()).and_then(|(one, other)| work(one, other)).map_or(Val::Null, Val::Int)
        };
        let named = match op {
            BinaryOperator::PGCustomBinaryOperator(names) => names.last().map_or("", String::as_str),
            _ => "",
        };
        Ok(match (op, named) {
            (BinaryOperator::And, _) => both(&one, &other),
            (BinaryOperator::Or, _) => negated(&both(&negated(&one), &negated(&other))),
            (BinaryOperator::Eq, _) | (_, "=") => test(&one, &other, Ordering::is_eq),
            (BinaryOperator::NotEq, _) | (_, "<>" | "!=") => test(&one, &other, Ordering::is_ne),
            (BinaryOperator::Lt, _) => test(&one, &other, Ordering::is_lt),
            (BinaryOperator::LtEq, _) => test(&one, &other, Ordering::is_le),
            (BinaryOperator::Gt, _) => test(&one, &other, Ordering::is_gt),
            (BinaryOperator::GtEq, _) => test(&one, &other, Ordering::is_ge),
            (BinaryOperator::PGRegexMatch, _) | (_, "~") => pattern(matches),
            (BinaryOperator::PGRegexNotMatch, _) | (_, "!~") => negated(&pattern(matches)),
            (BinaryOperator::PGRegexIMatch, _) | (_, "~*") => {
                pattern(|text, pattern| matches(text, &format!("(?i){pattern}")))
            }
            (BinaryOperator::PGLikeMatch, _) | (_, "~~") => pattern(like),
            (BinaryOperator::PGNotLikeMatch, _) | (_, "!~~") => negated(&pattern(like)),
            (BinaryOperator::StringConcat, _) => match (one.text(), other.text()) {
                (Some(one), Some(other)) if one.len() + other.len() < 1 << 20 => Val::Text(one + &other),
                (Some(_), Some(_)) => return Err(unread("texts of such a length")),
                _ => Val::Null,
            },
            (BinaryOperator::Plus, _) => number(i64::checked_add),
            (BinaryOperator::Minus, _) => number(i64::checked_sub),
            (BinaryOperator::Multiply, _) => number(i64::checked_mul),
            (BinaryOperator::Divide, _) => number(i64::checked_div),
            (BinaryOperator::Modulo, _) => number(i64::checked_rem),
            (BinaryOperator::BitwiseAnd, _) => number(|one, other| Some(one & other)),
            _ => return Err(unread("such an operator")),
        })
    }
}

fn both(one: &Val, other: &Val) -> Val {
    match (one, other) {
        (Val::Bool(false), _) | (_, Val::Bool(false)) => Val::Bool(false),
        (Val::Bool(true), Val::Bool(true)) => Val::Bool(true),
        _ => Val::Null,
    }
}

fn negated(value: &Val) -> Val {
    match value {
        Val::Bool(flag) => Val::Bool(!flag),
        _ => Val::Null,
    }
}

fn same(one: &Val, other: &Val) -> bool {
    one == other || test(one, other, Ordering::is_eq).is_true()
}

fn any(value: &Val, list: &[Val], holds: fn(Ordering) -> bool) -> Val {
    let tests: Vec<Val> = list.iter().map(|other| test(value, other, holds)).collect();
    if tests.iter().any(Val::is_true) {
        Val::Bool(true)
    } else if tests.contains(&Val::Null) {
        Val::Null
    } else {
        Val::Bool(false)
    }
}

fn texts(one: &Val, other: &Val, holds: impl Fn(&str, &str) -> bool) -> Val {
    match (one.text(), other.text()) {
        (Some(one), Some(other)) => Val::Bool(holds(&one, &other)),
        _ => Val::Null,
    }
}
