//! `information_schema`: the standard's form of the catalogue.

use super::tables::{NAME, SCHEMAS, Table, USER, named, of};
use super::types;
use super::value::Val;
use crate::sql::views;

/// The table of this name. What the standard has and these views have none of is empty.
pub(super) fn table(name: &str) -> Table {
    match name {
        "schemata" => schemata(),
        "tables" => tables(),
        "columns" => columns(),
        _ => Table { open: true, ..Table::default() },
    }
}

fn schemata() -> Table {
    let row = |(_, name): &(i64, &str)| vec![NAME.into(), (*name).into(), USER.into()];
    of(&["catalog_name", "schema_name", "schema_owner"], SCHEMAS.iter().map(row).collect())
}

fn tables() -> Table {
    let row = |view: &views::View| {
        vec![NAME.into(), "public".into(), view.name.into(), "BASE TABLE".into(), "NO".into(), "NO".into()]
    };
    let columns = ["table_catalog", "table_schema", "table_name", "table_type", "is_insertable_into", "is_typed"];
    of(&columns, views::all().iter().map(row).collect())
}

fn columns() -> Table {
    let mut rows = Vec::new();
    for view in views::all() {
        for (number, column) in (1..).zip(&view.columns) {
            let types::Type { short, long, .. } = types::of(column.sql_type);
            rows.push(vec![
                ("table_catalog", NAME.into()),
                ("table_schema", "public".into()),
                ("table_name", view.name.into()),
                ("column_name", column.name.as_str().into()),
                ("ordinal_position", Val::Int(number)),
                ("is_nullable", if column.nullable { "YES" } else { "NO" }.into()),
                ("data_type", long.into()),
                ("udt_catalog", NAME.into()),
                ("udt_schema", "pg_catalog".into()),
                ("udt_name", short.into()),
                ("is_identity", "NO".into()),
                ("is_generated", "NEVER".into()),
                ("is_updatable", "NO".into()),
            ]);
        }
    }
    let mut columns: Vec<&'static str> = rows.iter().take(1).flatten().map(|(name, _)| *name).collect();
    columns.extend([
        "column_default",
        "character_maximum_length",
        "character_octet_length",
        "numeric_precision",
        "numeric_scale",
        "datetime_precision",
        "interval_type",
        "domain_name",
        "collation_name",
        "identity_generation",
    ]);
    named(rows, &columns)
}
