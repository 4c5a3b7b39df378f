//! Functions whose texts grow, kept from growing without bounds: what they hold is not counted against a statement's memory.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::compute::kernels::concat_elements::concat_elements_utf8;
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The most bytes that one call may make of one batch of rows.
const MOST: usize = 64 << 20;

/// How long a result may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Growth {
    /// As long as all arguments together.
    Sum,
    /// The same, with the first argument between all others.
    Joined,
    /// The first argument's length times the last text's.
    Product,
    /// What the second argument says.
    Padded,
}

/// `function`, refusing what might grow beyond the bound.
pub(crate) fn within(function: &Arc<ScalarUDF>, growth: Growth) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(Bounded { inner: ScalarUDF::clone(function), growth }))
}

/// `||`: null where either side is.
pub(crate) fn textcat() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(TextCat { signature: Signature::user_defined(Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: ScalarUDF,
    growth: Growth,
}

/// The bytes of the texts of an argument in a batch, and of its longest.
fn bytes(value: &ColumnarValue, rows: usize) -> Result<(usize, usize)> {
    let texts = cast(&value.clone().into_array(1)?, &DataType::Utf8);
    // What has no text of its own is short.
    let Ok(texts) = texts else { return Ok((rows * 64, 64)) };
    let texts: &StringArray = texts.as_string();
    let lengths = texts.iter().map(|text| text.map_or(0, str::len));
    let longest = lengths.clone().max().unwrap_or(0);
    let all = if matches!(value, ColumnarValue::Scalar(_)) { longest.saturating_mul(rows) } else { lengths.sum() };
    Ok((all, longest))
}

impl Bounded {
    fn worst(&self, args: &ScalarFunctionArgs) -> Result<usize> {
        let rows = args.number_rows.max(1);
        let sizes = args.args.iter().map(|arg| bytes(arg, rows)).collect::<Result<Vec<_>>>()?;
        let all = sizes.iter().fold(0_usize, |all, (bytes, _)| all.saturating_add(*bytes));
        let (first, _) = sizes.first().copied().unwrap_or_default();
        Ok(match self.growth {
            Growth::Sum => all,
            Growth::Joined => all.saturating_add(first.saturating_mul(sizes.len())),
            Growth::Product => {
                let to = sizes.get(2).map_or(0, |(_, longest)| *longest);
                first.saturating_add(rows).saturating_mul(to.saturating_add(1))
            }
            Growth::Padded => {
                let Some(length) = args.args.get(1) else { return Ok(all) };
                let lengths = cast(&length.clone().into_array(1)?, &DataType::Int64)?;
                let longest = lengths.as_primitive::<Int64Type>().iter().flatten().max().unwrap_or(0);
                // A character has up to four bytes.
                usize::try_from(longest).unwrap_or(0).saturating_mul(4).saturating_mul(rows)
            }
        })
    }
}

fn too_long(worst: usize) -> Result<()> {
    if worst <= MOST {
        return Ok(());
    }
    Err(DataFusionError::ResourcesExhausted("texts would grow beyond what a statement may hold".to_owned()))
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.inner().coerce_types(arg_types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        too_long(self.worst(&args)?)?;
        self.inner.invoke_with_args(args)
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TextCat {
    signature: Signature,
}

impl ScalarUDFImpl for TextCat {
    fn name(&self) -> &'static str {
        "textcat"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(vec![DataType::Utf8; arg_types.len()])
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let sizes = args.args.iter().map(|arg| bytes(arg, args.number_rows)).collect::<Result<Vec<_>>>()?;
        too_long(sizes.iter().fold(0_usize, |all, (bytes, _)| all.saturating_add(*bytes)))?;
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [left, right] = &arrays[..] else {
            return Err(DataFusionError::Plan("`||` takes two texts".to_owned()));
        };
        let joined = concat_elements_utf8(left.as_string::<i32>(), right.as_string::<i32>())?;
        Ok(ColumnarValue::Array(Arc::new(joined) as ArrayRef))
    }
}
