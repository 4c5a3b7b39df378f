//! The types that the catalogue knows: those of columns, and those that clients name.

use billing::sql::SqlType;

use super::tables::{OWNER, PG_CATALOG, Table, named};
use super::value::Val;

/// A type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Type {
    pub(super) oid: i64,
    /// Its name in the catalogue.
    pub(super) short: &'static str,
    /// Its name in SQL.
    pub(super) long: &'static str,
    /// Its length in bytes; less than nothing where it varies.
    pub(super) length: i64,
    category: &'static str,
    /// The oid of arrays of it.
    array: i64,
}

const fn row(
    oid: i64,
    (short, long): (&'static str, &'static str),
    (length, category, array): (i64, &'static str, i64),
) -> Type {
    Type { oid, short, long, length, category, array }
}

const TYPES: &[Type] = &[
    row(16, ("bool", "boolean"), (1, "B", 1000)),
    row(17, ("bytea", "bytea"), (-1, "U", 1001)),
    row(18, ("char", "\"char\""), (1, "Z", 1002)),
    row(19, ("name", "name"), (64, "S", 1003)),
    row(20, ("int8", "bigint"), (8, "N", 1016)),
    row(21, ("int2", "smallint"), (2, "N", 1005)),
    row(23, ("int4", "integer"), (4, "N", 1007)),
    row(25, ("text", "text"), (-1, "S", 1009)),
    row(26, ("oid", "oid"), (4, "N", 1028)),
    row(114, ("json", "json"), (-1, "U", 199)),
    row(700, ("float4", "real"), (4, "N", 1021)),
    row(701, ("float8", "double precision"), (8, "N", 1022)),
    row(1043, ("varchar", "character varying"), (-1, "S", 1015)),
    row(1082, ("date", "date"), (4, "D", 1182)),
    row(1114, ("timestamp", "timestamp without time zone"), (8, "D", 1115)),
    row(1184, ("timestamptz", "timestamp with time zone"), (8, "D", 1185)),
    row(1186, ("interval", "interval"), (16, "T", 1187)),
    row(1700, ("numeric", "numeric"), (-1, "N", 1231)),
    row(2950, ("uuid", "uuid"), (16, "U", 2951)),
];

/// The type of a column.
pub(super) fn of(sql_type: SqlType) -> Type {
    let long = sql_type.name();
    TYPES.iter().find(|known| known.long == long).copied().unwrap_or(TYPES[0])
}

/// What SQL calls the type with this oid.
pub(super) fn type_name(oid: i64) -> Option<&'static str> {
    TYPES.iter().find(|known| known.oid == oid).map(|known| known.long)
}

/// The oid of the type that a text names.
pub(super) fn type_oid(name: &str) -> Option<i64> {
    let name = name.trim_start_matches("pg_catalog.");
    TYPES.iter().find(|known| known.short == name || known.long == name).map(|known| known.oid)
}

/// `pg_type`.
pub(super) fn table() -> Table {
    let row = |Type { oid, short: name, length, category, array, .. }: &Type| {
        vec![
            ("oid", Val::Int(*oid)),
            ("typname", (*name).into()),
            ("typnamespace", Val::Int(PG_CATALOG)),
            ("typowner", Val::Int(OWNER)),
            ("typlen", Val::Int(*length)),
            ("typtype", "b".into()),
            ("typcategory", (*category).into()),
            ("typdelim", ",".into()),
            ("typisdefined", Val::Bool(true)),
            ("typrelid", Val::Int(0)),
            ("typelem", Val::Int(0)),
            ("typarray", Val::Int(*array)),
            ("typnotnull", Val::Bool(false)),
            ("typbasetype", Val::Int(0)),
            ("typtypmod", Val::Int(-1)),
            ("typcollation", Val::Int(0)),
            ("typinput", format!("{name}in").as_str().into()),
            ("typreceive", format!("{name}recv").as_str().into()),
        ]
    };
    let rows: Vec<_> = TYPES.iter().map(row).collect();
    let mut columns: Vec<&'static str> = rows.iter().take(1).flatten().map(|(name, _)| *name).collect();
    columns.extend(["typdefault", "typsubscript", "typstorage", "typalign", "typacl"]);
    named(rows, &columns)
}
