//! The tables of the catalogue: what Postgres would say of a database that holds these views and nothing else.

use billing::sql::SETTINGS;

use super::value::Val;
use super::{information, types};
use crate::sql::views;

/// Rows with named columns.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    /// The columns; with `open`, any other is null.
    pub(super) columns: Vec<String>,
    /// Whether it may be asked for columns that it does not list: the table is empty here, so nothing depends on them.
    pub(super) open: bool,
    pub(super) rows: Vec<Vec<Val>>,
}

const PUBLIC: i64 = 2_200;
pub(super) const PG_CATALOG: i64 = 11;
const INFORMATION_SCHEMA: i64 = 13_000;
pub(super) const OWNER: i64 = 10;
const DATABASE: i64 = 16_000;
const FIRST_CLASS: i64 = 16_384;
/// Who owns everything.
pub(super) const USER: &str = "billconnect";
/// The database's name.
pub(super) const NAME: &str = "billconnect";

fn oids() -> impl Iterator<Item = (i64, &'static views::View)> {
    (FIRST_CLASS..).zip(views::all())
}

/// The name of the view with this oid.
pub(super) fn class_name(oid: i64) -> Option<String> {
    oids().find(|(known, _)| *known == oid).map(|(_, view)| view.name.to_owned())
}

/// The oid of `pg_class` itself, by which descriptions say that they are of tables.
const PG_CLASS: i64 = 1_259;

/// The oid of the view that a text names.
pub(super) fn class_oid(name: &str) -> Option<i64> {
    if name.trim_start_matches("pg_catalog.") == "pg_class" {
        return Some(PG_CLASS);
    }
    let name = name.trim_start_matches("public.").trim_matches('"');
    oids().find(|(_, view)| view.name == name).map(|(oid, _)| oid)
}

pub(super) const SCHEMAS: [(i64, &str); 3] =
    [(PG_CATALOG, "pg_catalog"), (PUBLIC, "public"), (INFORMATION_SCHEMA, "information_schema")];

/// The name of the schema with this oid.
pub(super) fn schema_name(oid: i64) -> Option<&'static str> {
    SCHEMAS.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name)
}

/// The text of a description: of a view, or of its column with this number.
pub(super) fn description(class: i64, number: i64) -> Option<&'static str> {
    let (_, view) = oids().find(|(oid, _)| *oid == class)?;
    match usize::try_from(number).ok()?.checked_sub(1) {
        None => Some(view.about),
        Some(at) => view.columns.get(at).map(|column| column.about),
    }
}

/// The table that the catalogue has under a name. What Postgres has and these views have none of is empty.
pub(super) fn table(schema: Option<&str>, name: &str) -> Table {
    match (schema, name) {
        (Some("information_schema"), name) => information::table(name),
        (_, "pg_namespace") => of(&["oid", "nspname", "nspowner", "nspacl"], namespaces()),
        (_, "pg_class") => classes(),
        (_, "pg_attribute") => attributes(),
        (_, "pg_type") => types::table(),
        (_, "pg_description") => descriptions(),
        (_, "pg_database") => database(),
        (_, "pg_roles" | "pg_user" | "pg_authid") => roles(),
        (_, "pg_tables") => tables(),
        (_, "pg_am") => of(&["oid", "amname", "amtype"], vec![vec![Val::Int(2), "heap".into(), "t".into()]]),
        (_, "pg_settings") => settings(),
        _ => Table { open: true, ..Table::default() },
    }
}

pub(super) fn of(columns: &[&str], rows: Vec<Vec<Val>>) -> Table {
    Table { columns: columns.iter().map(|&column| column.to_owned()).collect(), open: false, rows }
}

/// Rows of which each names its columns; what a row does not name is null.
pub(super) fn named(rows: Vec<Vec<(&'static str, Val)>>, columns: &[&'static str]) -> Table {
    let row = |row: Vec<(&'static str, Val)>| {
        columns
            .iter()
            .map(|column| row.iter().find(|(name, _)| name == column).map_or(Val::Null, |(_, it)| it.clone()))
            .collect()
    };
    of(columns, rows.into_iter().map(row).collect())
}

fn namespaces() -> Vec<Vec<Val>> {
    SCHEMAS.iter().map(|(oid, name)| vec![Val::Int(*oid), (*name).into(), Val::Int(OWNER), Val::Null]).collect()
}

fn classes() -> Table {
    let row = |(oid, view): (i64, &'static views::View)| {
        let no = || Val::Bool(false);
        vec![
            ("oid", Val::Int(oid)),
            ("relname", view.name.into()),
            ("relnamespace", Val::Int(PUBLIC)),
            ("reltype", Val::Int(0)),
            ("reloftype", Val::Int(0)),
            ("relowner", Val::Int(OWNER)),
            ("relam", Val::Int(2)),
            ("relfilenode", Val::Int(0)),
            ("reltablespace", Val::Int(0)),
            ("relpages", Val::Int(0)),
            ("reltuples", Val::Int(-1)),
            ("reltoastrelid", Val::Int(0)),
            ("relhasindex", no()),
            ("relisshared", no()),
            ("relpersistence", "p".into()),
            ("relkind", "r".into()),
            ("relnatts", Val::Int(i64::try_from(view.columns.len()).unwrap_or(0))),
            ("relchecks", Val::Int(0)),
            ("relhasrules", no()),
            ("relhastriggers", no()),
            ("relhassubclass", no()),
            ("relrowsecurity", no()),
            ("relforcerowsecurity", no()),
            ("relispopulated", Val::Bool(true)),
            ("relreplident", "n".into()),
            ("relispartition", no()),
        ]
    };
    let mut columns: Vec<&'static str> = Vec::new();
    let rows: Vec<_> = oids().map(row).collect();
    columns.extend(rows.iter().take(1).flatten().map(|(name, _)| *name));
    columns.extend(["relacl", "reloptions", "relpartbound", "relrewrite", "relfrozenxid", "relminmxid"]);
    named(rows, &columns)
}

fn attributes() -> Table {
    let mut rows = Vec::new();
    for (oid, view) in oids() {
        for (number, column) in (1..).zip(&view.columns) {
            let types::Type { oid: type_oid, length, .. } = types::of(column.sql_type);
            rows.push(vec![
                ("attrelid", Val::Int(oid)),
                ("attname", column.name.as_str().into()),
                ("atttypid", Val::Int(type_oid)),
                ("attlen", Val::Int(length)),
                ("attnum", Val::Int(number)),
                ("atttypmod", Val::Int(-1)),
                ("attndims", Val::Int(0)),
                ("attnotnull", Val::Bool(!column.nullable)),
                ("atthasdef", Val::Bool(false)),
                ("atthasmissing", Val::Bool(false)),
                ("attidentity", "".into()),
                ("attgenerated", "".into()),
                ("attisdropped", Val::Bool(false)),
                ("attislocal", Val::Bool(true)),
                ("attinhcount", Val::Int(0)),
                ("attcollation", Val::Int(0)),
                ("attstorage", "x".into()),
                ("attcompression", "".into()),
            ]);
        }
    }
    let mut columns: Vec<&'static str> = rows.iter().take(1).flatten().map(|(name, _)| *name).collect();
    columns.extend(["attstattarget", "attacl", "attoptions", "attfdwoptions", "attmissingval"]);
    named(rows, &columns)
}

fn descriptions() -> Table {
    let mut rows = Vec::new();
    for (oid, view) in oids() {
        let all = std::iter::once(view.about).chain(view.columns.iter().map(|column| column.about));
        rows.extend(
            (0..)
                .zip(all)
                .map(|(number, about)| vec![Val::Int(oid), Val::Int(PG_CLASS), Val::Int(number), about.into()]),
        );
    }
    of(&["objoid", "classoid", "objsubid", "description"], rows)
}

fn database() -> Table {
    named(
        vec![vec![
            ("oid", Val::Int(DATABASE)),
            ("datname", NAME.into()),
            ("datdba", Val::Int(OWNER)),
            ("encoding", Val::Int(6)),
            ("datlocprovider", "c".into()),
            ("datcollate", "C".into()),
            ("datctype", "C".into()),
            ("datistemplate", Val::Bool(false)),
            ("datallowconn", Val::Bool(true)),
            ("datconnlimit", Val::Int(-1)),
            ("dattablespace", Val::Int(0)),
        ]],
        &[
            "oid",
            "datname",
            "datdba",
            "encoding",
            "datlocprovider",
            "datcollate",
            "datctype",
            "datistemplate",
            "datallowconn",
            "datconnlimit",
            "dattablespace",
            "datacl",
            "daticulocale",
            "datlocale",
            "daticurules",
            "datcollversion",
        ],
    )
}

fn roles() -> Table {
    let no = || Val::Bool(false);
    named(
        vec![vec![
            ("oid", Val::Int(OWNER)),
            ("usesysid", Val::Int(OWNER)),
            ("rolname", USER.into()),
            ("usename", USER.into()),
            ("rolsuper", no()),
            ("usesuper", no()),
            ("rolinherit", no()),
            ("rolcreaterole", no()),
            ("rolcreatedb", no()),
            ("rolcanlogin", Val::Bool(true)),
            ("rolreplication", no()),
            ("rolbypassrls", no()),
            ("rolconnlimit", Val::Int(-1)),
        ]],
        &[
            "oid",
            "usesysid",
            "rolname",
            "usename",
            "rolsuper",
            "usesuper",
            "rolinherit",
            "rolcreaterole",
            "rolcreatedb",
            "rolcanlogin",
            "rolreplication",
            "rolbypassrls",
            "rolconnlimit",
            "rolvaliduntil",
            "rolpassword",
            "rolconfig",
        ],
    )
}

fn tables() -> Table {
    let row = |view: &views::View| vec!["public".into(), view.name.into(), USER.into(), Val::Null];
    of(&["schemaname", "tablename", "tableowner", "tablespace"], views::all().iter().map(row).collect())
}

fn settings() -> Table {
    let row = |(name, value): &(&str, &str)| vec![(*name).into(), (*value).into(), Val::Null, "".into()];
    of(&["name", "setting", "unit", "short_desc"], SETTINGS.iter().map(row).collect())
}
