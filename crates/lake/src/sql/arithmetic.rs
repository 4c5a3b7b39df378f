//! Arithmetic of amounts, so that every digit stays: products and quotients of decimals are worked out with 76 digits.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{ExprSchemable, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::bounded::textcat;

/// Plans `*`, `/` and `%` of decimals, and `||`.
#[derive(Debug)]
pub(crate) struct Exact;

impl ExprPlanner for Exact {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = expr;
        match op {
            BinaryOperator::StringConcat => Ok(PlannerResult::Planned(textcat().call(vec![left, right]))),
            BinaryOperator::Multiply | BinaryOperator::Divide | BinaryOperator::Modulo => {
                // A parameter has no type yet; it takes the other side's.
                let (Ok(one), Ok(other)) = (left.get_type(schema), right.get_type(schema)) else {
                    return Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }));
                };
                let (left, right) = match (wide(&one, &other), wide(&other, &one)) {
                    (Some(one), Some(other)) => (cast(left, one), cast(right, other)),
                    _ => (left, right),
                };
                Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
            }
            op => Ok(PlannerResult::Original(RawBinaryExpr { op, left, right })),
        }
    }
}

/// The wide decimal that a side of this type is taken as beside the other; none where no decimal is involved.
fn wide(one: &DataType, other: &DataType) -> Option<DataType> {
    let decimal = |it: &DataType| matches!(it, DataType::Decimal128(..) | DataType::Decimal256(..));
    let scale = match one {
        DataType::Decimal128(_, scale) => *scale,
        // What is a product or a quotient already keeps as many digits as leave room for another.
        DataType::Decimal256(_, scale) => (*scale).min(24),
        whole if whole.is_integer() && decimal(other) => 0,
        _ => return None,
    };
    (decimal(other) || other.is_integer()).then_some(DataType::Decimal256(76, scale))
}
