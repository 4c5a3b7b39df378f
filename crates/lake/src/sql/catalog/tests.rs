//! The catalogue, asked as psql, drivers and dashboards ask it.

use std::collections::HashMap;

use super::*;
use crate::sql::parse::parse;

fn ask(text: &str) -> Vec<String> {
    let query = parse(text, &HashMap::new()).unwrap_or_else(|problem| panic!("{text}: {problem}"));
    let (columns, rows) = answer(&query, &[]).unwrap_or_else(|problem| panic!("{text}: {problem}"));
    let shown = |value: &SqlValue| match value {
        SqlValue::Null => "∅".to_owned(),
        SqlValue::Bool(flag) => flag.to_string(),
        SqlValue::Int(whole) => whole.to_string(),
        SqlValue::Text(text) => text.clone(),
        other => format!("{other:?}"),
    };
    assert!(rows.iter().all(|row| row.len() == columns.len()), "{text}");
    rows.iter().map(|row| row.iter().map(shown).collect::<Vec<_>>().join("|")).collect()
}

/// Verbatim from psql 16 and 18, as `psql -E` shows them.
#[test]
fn psql_lists_and_describes_tables() {
    let listed = ask(r#"SELECT n.nspname as "Schema",
  c.relname as "Name",
  CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 't' THEN 'TOAST table' WHEN 'f' THEN 'foreign table' WHEN 'p' THEN 'partitioned table' WHEN 'I' THEN 'partitioned index' END as "Type",
  pg_catalog.pg_get_userbyid(c.relowner) as "Owner"
FROM pg_catalog.pg_class c
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
WHERE c.relkind IN ('r','p','')
      AND n.nspname <> 'pg_catalog'
      AND n.nspname !~ '^pg_toast'
      AND n.nspname <> 'information_schema'
  AND pg_catalog.pg_table_is_visible(c.oid)
ORDER BY 1,2;"#);
    assert!(listed.contains(&"public|charges|table|billconnect".to_owned()), "{listed:?}");
    let found = ask(r"SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c
     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname OPERATOR(pg_catalog.~) '^(charges)$' COLLATE pg_catalog.default
  AND pg_catalog.pg_table_is_visible(c.oid)
ORDER BY 2, 3;");
    assert_eq!(found, ["16384|public|charges"]);
    let columns = ask(r"SELECT a.attname,
  pg_catalog.format_type(a.atttypid, a.atttypmod),
  (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid, true)
   FROM pg_catalog.pg_attrdef d
   WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef),
  a.attnotnull,
  (SELECT c.collname FROM pg_catalog.pg_collation c, pg_catalog.pg_type t
   WHERE c.oid = a.attcollation AND t.oid = a.atttypid AND a.attcollation <> t.typcollation) AS attcollation,
  a.attidentity,
  a.attgenerated
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = '16384' AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;");
    assert!(columns.contains(&"BilledCost|numeric|∅|true|∅||".to_owned()), "{columns:?}");
    let none = ask(r"SELECT pol.polname, pol.polpermissive,
  CASE WHEN pol.polroles = '{0}' THEN NULL ELSE pg_catalog.array_to_string(array(select rolname from pg_catalog.pg_roles where oid = any (pol.polroles) order by 1),',') END,
  pg_catalog.pg_get_expr(pol.polqual, pol.polrelid)
FROM pg_catalog.pg_policy pol
WHERE pol.polrelid = '16384' ORDER BY 1;");
    assert!(none.is_empty());
}

#[test]
fn tools_find_their_way() {
    for (text, expect) in [
        ("select current_schema()", "public"),
        ("select pg_catalog.version() like 'PostgreSQL 16%'", "true"),
        ("SELECT current_setting('server_version_num')::int/100 as version", "1600"),
        ("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'", "0"),
        ("SELECT 'charges'::regclass::oid", "16384"),
        ("SELECT t.oid, typarray FROM pg_type t WHERE t.oid = to_regtype('numeric') ORDER BY t.oid", "1700|1231"),
        (
            "SELECT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = 'public' AND table_name = 'deliveries')",
            "true",
        ),
        (
            "SELECT d.description FROM pg_description d WHERE d.objoid = 16384 AND d.objsubid = 0 AND d.description LIKE 'What%'",
            "What was charged, in the columns of FOCUS 1.2 and ours: the newest delivery of each month.",
        ),
        (
            "SELECT count(*) > 90, max(length(attname)) FROM pg_attribute WHERE attrelid = 'public.charges'::regclass",
            "true|34",
        ),
        (
            "SELECT table_name, count(*) > 1 FROM information_schema.columns WHERE table_name = 'charges' GROUP BY table_name",
            "charges|true",
        ),
    ] {
        assert_eq!(ask(text), [expect], "{text}");
    }
    // Grafana's query builder.
    let tables = ask(r#"select quote_ident(table_name) as "table" from information_schema.tables
where quote_ident(table_schema) not in ('information_schema', 'pg_catalog', '_timescaledb_cache')
and table_type = 'BASE TABLE' and quote_ident(table_schema) in (
  SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
  FROM generate_series(array_lower(string_to_array(current_setting('search_path'),','),1),
                       array_upper(string_to_array(current_setting('search_path'),','),1)) as i,
       string_to_array(current_setting('search_path'),',') s)"#);
    assert_eq!(tables[0], "charges");
}

#[test]
fn a_query_that_asks_too_much_ends() {
    let query = "SELECT count(*) FROM pg_attribute a, pg_attribute b, pg_attribute c, pg_attribute d";
    let query = parse(query, &HashMap::new()).unwrap();
    assert!(answer(&query, &[]).is_err());
}
