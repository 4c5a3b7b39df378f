//! The functions that statements may call: the engine's, by name, and those that describe the catalogue.

use std::sync::{Arc, LazyLock};

use datafusion::functions::{core, datetime, math, regex, string, unicode};
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion::{functions_aggregate, functions_window};

use super::bounded::{self, Growth};
use super::catalog;

/// Functions of values, by the names that they are known by. What is not here is not linked into a question's session either.
const SCALAR: &[&str] = &[
    "abs",
    "ascii",
    "bit_length",
    "btrim",
    "ceil",
    "char_length",
    "character_length",
    "chr",
    "coalesce",
    "concat",
    "concat_ws",
    "contains",
    "current_date",
    "date_bin",
    "date_part",
    "date_trunc",
    "datepart",
    "datetrunc",
    "ends_with",
    "exp",
    "floor",
    "greatest",
    "initcap",
    "instr",
    "least",
    "left",
    "length",
    "ln",
    "log",
    "log10",
    "log2",
    "lower",
    "lpad",
    "ltrim",
    "make_date",
    "now",
    "nullif",
    "nvl",
    "nvl2",
    "octet_length",
    "position",
    "pow",
    "power",
    "regexp_count",
    "regexp_instr",
    "regexp_like",
    "regexp_match",
    "regexp_replace",
    "replace",
    "reverse",
    "right",
    "round",
    "rpad",
    "rtrim",
    "signum",
    "split_part",
    "sqrt",
    "starts_with",
    "strpos",
    "substr",
    "substring",
    "to_char",
    "to_date",
    "to_timestamp",
    "to_unixtime",
    "today",
    "translate",
    "trim",
    "trunc",
    "upper",
];

/// Functions of many rows.
const AGGREGATE: &[&str] = &[
    "any_value",
    "approx_distinct",
    "array_agg",
    "avg",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "first_value",
    "grouping",
    "last_value",
    "max",
    "mean",
    "median",
    "min",
    "nth_value",
    "percentile_cont",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var",
    "var_pop",
    "var_samp",
    "var_sample",
];

/// Functions of a row among others.
const WINDOW: &[&str] = &[
    "cume_dist",
    "dense_rank",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "nth_value",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
];

/// Those whose text may be longer than what they are given, and by how much.
const GROWING: &[(&str, Growth)] = &[
    ("concat", Growth::Sum),
    ("concat_ws", Growth::Joined),
    ("replace", Growth::Product),
    ("regexp_replace", Growth::Product),
    ("lpad", Growth::Padded),
    ("rpad", Growth::Padded),
];

/// What a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A function of the engine that may be called.
    Known,
    /// A function that only the catalogue knows.
    Catalog,
    /// Nothing.
    Unknown,
}

/// What the function `name` is.
pub(crate) fn standing(name: &str) -> Standing {
    if [SCALAR, AGGREGATE, WINDOW].iter().any(|names| names.contains(&name)) {
        Standing::Known
    } else if catalog::has_function(name) {
        Standing::Catalog
    } else {
        Standing::Unknown
    }
}

/// The function whose name is most like `name`.
pub(crate) fn near(name: &str) -> Option<&'static str> {
    super::error::nearest(name, [SCALAR, AGGREGATE, WINDOW].concat().into_iter())
}

/// Every name: functions of values, of many rows, of a row among others.
#[cfg(test)]
fn names() -> [&'static [&'static str]; 3] {
    [SCALAR, AGGREGATE, WINDOW]
}

/// Functions of values, bounded where their texts may grow.
pub(crate) fn scalar() -> Vec<Arc<ScalarUDF>> {
    static FUNCTIONS: LazyLock<Vec<Arc<ScalarUDF>>> = LazyLock::new(|| {
        let modules = [
            core::functions(),
            datetime::functions(),
            math::functions(),
            regex::functions(),
            string::functions(),
            unicode::functions(),
        ];
        let all = modules.into_iter().flatten().filter(|it| knows(SCALAR, it.name(), it.aliases()));
        let mut functions: Vec<_> = all
            .map(|function| match GROWING.iter().find(|(name, _)| *name == function.name()) {
                Some((_, growth)) => bounded::within(&function, *growth),
                None => function,
            })
            .collect();
        functions.push(bounded::textcat());
        functions
    });
    FUNCTIONS.clone()
}

/// Functions of many rows.
pub(crate) fn aggregate() -> Vec<Arc<AggregateUDF>> {
    let all = functions_aggregate::all_default_aggregate_functions().into_iter();
    all.filter(|it| knows(AGGREGATE, it.name(), it.aliases())).collect()
}

/// Functions of a row among others.
pub(crate) fn window() -> Vec<Arc<WindowUDF>> {
    let all = functions_window::all_default_window_functions().into_iter();
    all.filter(|it| knows(WINDOW, it.name(), it.aliases())).collect()
}

fn knows(names: &[&str], name: &str, aliases: &[String]) -> bool {
    names.contains(&name) || aliases.iter().any(|alias| names.contains(&alias.as_str()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_page_lists_every_function() {
        let page = include_str!("../../../../docs/sql.md");
        for name in names().concat() {
            assert!(page.contains(&format!("`{name}`")), "docs/sql.md does not name `{name}`");
        }
    }

    #[test]
    fn every_name_is_a_function_of_the_engine_and_none_reads_files() {
        let mut linked = BTreeSet::new();
        let mut add = |name: &str, aliases: &[String]| {
            linked.insert(name.to_owned());
            linked.extend(aliases.iter().cloned());
        };
        for it in scalar() {
            add(it.name(), it.aliases());
        }
        for it in aggregate() {
            add(it.name(), it.aliases());
        }
        for it in window() {
            add(it.name(), it.aliases());
        }
        for name in names().concat() {
            assert!(linked.contains(name), "`{name}` is allowed and not there");
        }
        for name in ["input_file_name", "file_row_index", "repeat", "random", "arrow_cast", "read_parquet"] {
            assert!(!linked.contains(name), "`{name}` is linked");
            assert_ne!(standing(name), Standing::Known, "{name}");
        }
    }
}
