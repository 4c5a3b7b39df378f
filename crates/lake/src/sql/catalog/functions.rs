//! Functions that clients ask the catalogue with.

use billing::sql::{SETTINGS, SqlProblem};
use datafusion::sql::sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::scope::Scope;
use super::select::{Reader, unread};
use super::tables::{self, NAME, USER};
use super::types;
use super::value::{Val, compare};
use super::{VERSION, plain};
use crate::sql::guard::folded;

/// Every function that only the catalogue knows.
pub(super) const NAMES: &[&str] = &[
    "array",
    "array_length",
    "array_lower",
    "array_position",
    "array_to_string",
    "array_upper",
    "cardinality",
    "col_description",
    "current_catalog",
    "current_database",
    "current_role",
    "current_schema",
    "current_schemas",
    "current_setting",
    "current_user",
    "format_type",
    "generate_series",
    "generate_subscripts",
    "has_any_column_privilege",
    "has_column_privilege",
    "has_database_privilege",
    "has_function_privilege",
    "has_schema_privilege",
    "has_table_privilege",
    "inet_server_addr",
    "inet_server_port",
    "json_build_object",
    "obj_description",
    "parse_ident",
    "pg_backend_pid",
    "pg_char_to_encoding",
    "pg_database_size",
    "pg_encoding_to_char",
    "pg_function_is_visible",
    "pg_get_constraintdef",
    "pg_get_expr",
    "pg_get_function_arguments",
    "pg_get_function_identity_arguments",
    "pg_get_function_result",
    "pg_get_indexdef",
    "pg_get_keywords",
    "pg_get_partition_constraintdef",
    "pg_get_partkeydef",
    "pg_get_ruledef",
    "pg_get_serial_sequence",
    "pg_get_statisticsobjdef_columns",
    "pg_get_triggerdef",
    "pg_get_userbyid",
    "pg_get_viewdef",
    "pg_is_in_recovery",
    "pg_is_other_temp_schema",
    "pg_my_temp_schema",
    "pg_opclass_is_visible",
    "pg_partition_ancestors",
    "pg_postmaster_start_time",
    "pg_relation_is_publishable",
    "pg_relation_size",
    "pg_size_pretty",
    "pg_statistics_obj_is_visible",
    "pg_table_is_visible",
    "pg_table_size",
    "pg_tablespace_location",
    "pg_total_relation_size",
    "pg_type_is_visible",
    "quote_ident",
    "session_user",
    "set_config",
    "shobj_description",
    "string_to_array",
    "to_regclass",
    "to_regtype",
    "txid_current",
    "unnest",
    "user",
    "version",
];

/// Functions of many rows.
const SUMS: [&str; 8] = ["count", "max", "min", "array_agg", "string_agg", "bool_or", "bool_and", "sum"];

/// Whether an expression sums up rows.
pub(super) fn sums(expr: &Expr) -> bool {
    match expr {
        Expr::Function(function) => SUMS.contains(&name(function).as_str()),
        Expr::Cast { expr, .. } | Expr::Nested(expr) | Expr::Collate { expr, .. } => sums(expr),
        Expr::BinaryOp { left, right, .. } => sums(left) || sums(right),
        _ => false,
    }
}

fn name(function: &Function) -> String {
    function.name.0.last().and_then(|part| part.as_ident()).map(folded).unwrap_or_default()
}

impl Reader<'_> {
    pub(super) fn call(&self, function: &Function, scope: &Scope<'_>) -> Result<Val, SqlProblem> {
        let name = name(function);
        let exprs = match &function.args {
            FunctionArguments::None => Vec::new(),
            FunctionArguments::Subquery(query) => return Ok(Val::List(self.column(query, scope)?)),
            FunctionArguments::List(list) => arguments(&list.args)?,
        };
        if SUMS.contains(&name.as_str()) {
            return self.sum(function, (&name, &exprs), scope);
        }
        let values = exprs.iter().flatten().map(|expr| self.value(expr, scope)).collect::<Result<Vec<_>, _>>()?;
        if name == "current_setting" {
            return Ok(setting(values.first().and_then(Val::text).as_deref()));
        }
        described(&name, &values).or_else(|| plain::of_values(&name, &values)).ok_or_else(|| unread("such a function"))
    }

    fn sum(
        &self,
        function: &Function,
        (name, exprs): (&str, &[Option<&Expr>]),
        scope: &Scope<'_>,
    ) -> Result<Val, SqlProblem> {
        let Some(group) = scope.group else { return Err(unread("sums within sums")) };
        let mut values = Vec::new();
        for row in group {
            let scope = Scope { row, group: None, ..*scope };
            if let Some(filter) = &function.filter
                && !self.value(filter, &scope)?.is_true()
            {
                continue;
            }
            match exprs.first() {
                Some(Some(expr)) => values.push(self.value(expr, &scope)?),
                _ => values.push(Val::Bool(true)),
            }
        }
        if name == "array_agg" {
            return Ok(if values.is_empty() { Val::Null } else { Val::List(values) });
        }
        values.retain(|value| *value != Val::Null);
        let by = |one: &Val, other: &Val| compare(one, other).unwrap_or(std::cmp::Ordering::Equal);
        Ok(match name {
            "count" => Val::Int(i64::try_from(values.len()).unwrap_or(i64::MAX)),
            _ if values.is_empty() => Val::Null,
            "max" => values.into_iter().max_by(by).unwrap_or_default(),
            "min" => values.into_iter().min_by(by).unwrap_or_default(),
            "sum" => Val::Int(values.iter().filter_map(Val::int).fold(0, i64::saturating_add)),
            "bool_or" => Val::Bool(values.iter().any(Val::is_true)),
            "bool_and" => Val::Bool(values.iter().all(Val::is_true)),
            _ => {
                let between = match exprs.get(1) {
                    Some(Some(expr)) => self.value(expr, scope)?.text().unwrap_or_default(),
                    _ => String::new(),
                };
                Val::Text(values.iter().filter_map(Val::text).collect::<Vec<_>>().join(&between))
            }
        })
    }
}

/// The expressions that a function is called with; none for `*`.
fn arguments(args: &[FunctionArg]) -> Result<Vec<Option<&Expr>>, SqlProblem> {
    let argument = |arg| match arg {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Ok(Some(expr)),
        FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => Ok(None),
        _ => Err(unread("named arguments")),
    };
    args.iter().map(argument).collect()
}

fn setting(name: Option<&str>) -> Val {
    let known = |name: &str| SETTINGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    name.and_then(known).map_or(Val::Null, |(_, value)| Val::from(*value))
}

/// What describes the database and what is in it.
fn described(name: &str, values: &[Val]) -> Option<Val> {
    let int = |at: usize| values.get(at).and_then(Val::int);
    Some(match name {
        "version" => VERSION.into(),
        "current_schema" => "public".into(),
        "current_schemas" => Val::List(vec!["pg_catalog".into(), "public".into()]),
        "current_database" | "current_catalog" => NAME.into(),
        "current_user" | "session_user" | "user" | "current_role" | "pg_get_userbyid" => USER.into(),
        "pg_table_is_visible"
        | "pg_type_is_visible"
        | "pg_function_is_visible"
        | "pg_opclass_is_visible"
        | "pg_statistics_obj_is_visible" => Val::Bool(true),
        "has_table_privilege" | "has_column_privilege" | "has_any_column_privilege" => {
            let asked = values.last().and_then(Val::text).unwrap_or_default();
            Val::Bool(asked.to_uppercase().contains("SELECT"))
        }
        "has_schema_privilege" | "has_database_privilege" => {
            Val::Bool(!values.last().and_then(Val::text).unwrap_or_default().to_uppercase().contains("CREATE"))
        }
        "has_function_privilege" | "pg_is_in_recovery" | "pg_relation_is_publishable" | "pg_is_other_temp_schema" => {
            Val::Bool(false)
        }
        "format_type" => int(0).and_then(types::type_name).map_or(Val::Null, Val::from),
        "pg_encoding_to_char" => "UTF8".into(),
        "pg_char_to_encoding" => Val::Int(6),
        "obj_description" => int(0).and_then(|oid| tables::description(oid, 0)).map_or(Val::Null, Val::from),
        "col_description" => {
            int(0).zip(int(1)).and_then(|(oid, at)| tables::description(oid, at)).map_or(Val::Null, Val::from)
        }
        "to_regclass" => values.first()?.text().and_then(|name| tables::class_oid(&name)).map_or(Val::Null, Val::Int),
        "to_regtype" => values.first()?.text().and_then(|name| types::type_oid(&name)).map_or(Val::Null, Val::Int),
        "pg_backend_pid" | "pg_my_temp_schema" | "txid_current" => Val::Int(0),
        "set_config" => values.get(1).cloned().unwrap_or_default(),
        "shobj_description"
        | "inet_server_addr"
        | "inet_server_port"
        | "pg_database_size"
        | "pg_get_constraintdef"
        | "pg_get_expr"
        | "pg_get_function_arguments"
        | "pg_get_function_identity_arguments"
        | "pg_get_function_result"
        | "pg_get_indexdef"
        | "pg_get_partition_constraintdef"
        | "pg_get_partkeydef"
        | "pg_get_ruledef"
        | "pg_get_serial_sequence"
        | "pg_get_statisticsobjdef_columns"
        | "pg_get_triggerdef"
        | "pg_get_viewdef"
        | "pg_postmaster_start_time"
        | "pg_relation_size"
        | "pg_size_pretty"
        | "pg_table_size"
        | "pg_tablespace_location"
        | "pg_total_relation_size" => Val::Null,
        _ => return None,
    })
}
