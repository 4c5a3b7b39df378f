//! Statements that mean harm, made from tables: other orgs' data, files, addresses, changes, floods. None of them shows a word of
//! another org, in rows or in errors, and none of them changes or stops anything.

use futures::{StreamExt, stream};

use super::{Tenant, port, server_with};
use crate::kit::tools::{succeeded, tool};

/// Tables that are none of this org's. `{other}` is another org, `{data}` the data folder.
const NAMES: [&str; 40] = [
    "org_{other}.charges",
    "\"{other}\".charges",
    "\"{other}\".public.charges",
    "billconnect.\"{other}\".charges",
    "orgs.\"{other}\".charges",
    "datafusion.public.charges",
    "delta.\"{data}/lake/orgs/{other}/charges\"",
    "\"{data}/lake/orgs/{other}/charges\"",
    "'{data}/lake/orgs/{other}/charges'",
    "\"file://{data}/billconnect.db\"",
    "\"http://169.254.169.254/latest/meta-data/\"",
    "\"s3://bills/R.parquet\"",
    "\"/etc/passwd\"",
    "\"../{other}/charges\"",
    "public.\"../{other}/charges\"",
    "orgs",
    "tokens",
    "access_tokens",
    "secrets",
    "audit",
    "imports",
    "sqlite_master",
    "sqlite_schema",
    "duckdb_tables",
    "system.tables",
    "sys.tables",
    "mysql.user",
    "information_schema.df_settings",
    "information_schema.views",
    "information_schema.routines",
    "information_schema.schemata",
    "pg_catalog.pg_shadow",
    "pg_catalog.pg_authid",
    "pg_catalog.pg_stat_activity",
    "pg_catalog.pg_file_settings",
    "pg_catalog.pg_hba_file_rules",
    "pg_catalog.pg_largeobject",
    "pg_catalog.pg_proc",
    "pg_class",
    "pg_catalog.pg_database",
];

const OF_NAMES: [&str; 5] = [
    "SELECT * FROM {}",
    "SELECT c.* FROM charges c, {} o",
    "SELECT * FROM charges WHERE EXISTS (SELECT 1 FROM {})",
    "WITH t AS (SELECT * FROM {}) SELECT * FROM t",
    "SELECT (SELECT count(*) FROM {}) FROM charges",
];

/// Functions that elsewhere read files, addresses and other databases, wait, or tell of the server.
const FUNCTIONS: [&str; 40] = [
    "read_parquet",
    "read_csv",
    "read_csv_auto",
    "read_json",
    "read_json_auto",
    "read_text",
    "read_blob",
    "parquet_scan",
    "parquet_metadata",
    "delta_scan",
    "iceberg_scan",
    "sqlite_scan",
    "postgres_scan",
    "glob",
    "csv",
    "url",
    "s3",
    "file",
    "remote",
    "pg_read_file",
    "pg_read_binary_file",
    "pg_ls_dir",
    "pg_stat_file",
    "lo_import",
    "lo_export",
    "lo_get",
    "dblink",
    "dblink_exec",
    "query_to_xml",
    "table_to_xml",
    "database_to_xml",
    "system",
    "getenv",
    "pg_sleep",
    "pg_terminate_backend",
    "input_file_name",
    "arrow_cast",
    "arrow_metadata",
    "generate_series",
    "repeat",
];

const OF_FUNCTIONS: [&str; 4] = [
    "SELECT * FROM {f}('{a}')",
    "SELECT {f}('{a}')",
    "SELECT * FROM charges WHERE {f}('{a}') IS NOT NULL",
    "SELECT * FROM charges, LATERAL {f}('{a}') AS t",
];

const ARGUMENTS: [&str; 3] = [
    "/etc/passwd",
    "{data}/lake/orgs/{other}/charges/_delta_log/00000000000000000000.json",
    "http://169.254.169.254/latest/meta-data/",
];

/// What would change something, or is no query.
const CHANGES: [&str; 56] = [
    "COPY {} TO '{data}/out.csv'",
    "COPY {} TO STDOUT",
    "COPY {} FROM '/etc/passwd'",
    "COPY {} FROM PROGRAM 'id'",
    "COPY (SELECT * FROM {}) TO '/tmp/x'",
    "INSERT INTO {} VALUES (1)",
    "INSERT INTO {} SELECT * FROM charges",
    "UPDATE {} SET BilledCost = 0",
    "DELETE FROM {}",
    "TRUNCATE {}",
    "MERGE INTO {} USING charges ON true WHEN MATCHED THEN DELETE",
    "DROP TABLE {}",
    "DROP VIEW {}",
    "ALTER TABLE {} ADD x INT",
    "CREATE TABLE x AS SELECT * FROM {}",
    "CREATE VIEW x AS SELECT * FROM {}",
    "CREATE MATERIALIZED VIEW x AS SELECT * FROM {}",
    "CREATE TEMP TABLE x AS SELECT * FROM {}",
    "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
    "CREATE SCHEMA \"{other}\"",
    "CREATE DATABASE x",
    "CREATE FUNCTION f() RETURNS INT LANGUAGE sql AS 'SELECT 1'",
    "CREATE EXTENSION dblink",
    "CREATE INDEX i ON {} (BilledCost)",
    "GRANT ALL ON {} TO public",
    "REVOKE ALL ON {} FROM public",
    "EXPLAIN SELECT * FROM {}",
    "EXPLAIN ANALYZE SELECT * FROM {}",
    "EXPLAIN (FORMAT JSON) SELECT * FROM {}",
    "DESCRIBE {}",
    "SHOW TABLES",
    "SHOW ALL",
    "SHOW CREATE TABLE {}",
    "SHOW COLUMNS FROM {}",
    "SET datafusion.execution.target_partitions = 64",
    "SET search_path = '{other}'",
    "SET ROLE '{other}'",
    "RESET ALL",
    "USE \"{other}\"",
    "ATTACH '{data}/billconnect.db' AS x",
    "DETACH x",
    "INSTALL httpfs",
    "LOAD 'httpfs'",
    "PRAGMA database_list",
    "CALL pg_reload_conf()",
    "DO 'BEGIN END'",
    "PREPARE p AS SELECT * FROM {}",
    "EXECUTE p",
    "DECLARE c CURSOR FOR SELECT * FROM {}",
    "FETCH ALL FROM c",
    "LOCK TABLE {}",
    "VACUUM {}",
    "ANALYZE {}",
    "LISTEN x",
    "TABLE {}",
    "SELECT * INTO x FROM {}",
];

const TARGETS: [&str; 3] = ["charges", "\"{other}\".charges", "pg_catalog.pg_class"];

/// What asks for too much, or feels its way by what fails. `{word}` is another org's planted word.
const PROBES: [&str; 34] = [
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
    "WITH RECURSIVE t AS (SELECT * FROM charges UNION ALL SELECT * FROM t) SELECT * FROM t",
    "SELECT count(*) FROM charges a, charges b, charges c, charges d, charges e, charges f, charges g, charges h, charges i, charges j",
    "SELECT a.* FROM charges a CROSS JOIN charges b CROSS JOIN charges c ORDER BY random()",
    "SELECT 1 / (CASE WHEN EXISTS (SELECT 1 FROM charges WHERE x_ServiceCode = '{word}') THEN 0 ELSE 1 END)",
    "SELECT count(*) FROM charges WHERE x_ServiceCode = '{word}'",
    "SELECT count(*) FROM charges WHERE x_ServiceCode LIKE 'Planted%' AND x_ServiceCode <> (SELECT min(x_ServiceCode) FROM charges)",
    "SELECT CAST(x_ServiceCode AS BIGINT) FROM charges",
    "SELECT x_ServiceCode::numeric FROM charges",
    "SELECT CAST(x_ServiceCode AS TIMESTAMP) FROM charges",
    "SELECT sum(x_ServiceCode) FROM charges",
    "SELECT {word} FROM charges",
    "SELECT charges.{word} FROM charges",
    "SELECT {word}(BilledCost) FROM charges",
    "SELECT * FROM {word}",
    "SELECT * FROM charges JOIN {word} ON true",
    "SELECT 1 FROM charges GROUP BY CUBE (1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20)",
    "SELECT lpad('x', 2000000000, 'y')",
    "SELECT regexp_replace(repeat('a', 1000000), 'a', repeat('b', 1000000), 'g')",
    "SELECT string_agg(a.x_ServiceCode, b.x_ServiceCode) FROM charges a, charges b",
    "SELECT regexp_like('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', '(a+)+$')",
    "SELECT 'a' ~ '((((((((((a{1,100}){1,100}){1,100}){1,100}){1,100})))))))'",
    "SELECT * FROM charges FOR UPDATE",
    "SELECT * FROM charges TABLESAMPLE SYSTEM (10)",
    "SELECT * FROM charges AS OF TIMESTAMP '2020-01-01'",
    "SELECT * FROM charges; SELECT * FROM \"{other}\".charges",
    "SELECT 1; DROP TABLE charges; --",
    "/* */ ; ; SELECT 1",
    "SELECT $1",
    "SELECT ?",
    "SELECT '",
    "SELECT \"",
    "SELECT $$",
    "\u{0}SELECT 1",
];

/// Every statement, with another org's id and word, and the data folder, in their places.
fn statements(other: &str, word: &str, data: &str) -> Vec<String> {
    let mut all = Vec::new();
    for shape in OF_NAMES {
        all.extend(NAMES.iter().map(|name| shape.replace("{}", name)));
    }
    for shape in OF_FUNCTIONS {
        for function in FUNCTIONS {
            all.extend(ARGUMENTS.iter().map(|argument| shape.replace("{f}", function).replace("{a}", argument)));
        }
    }
    for target in TARGETS {
        all.extend(CHANGES.iter().map(|change| change.replace("{}", target)));
    }
    for change in CHANGES {
        all.push(format!("SELECT 1; {}", change.replace("{}", "charges")));
        all.push(format!("WITH t AS ({}) SELECT * FROM t", change.replace("{}", "charges")));
    }
    all.extend(PROBES.map(str::to_owned));
    for depth in [60, 2_000] {
        all.push(format!("SELECT {}1{}", "(".repeat(depth), ")".repeat(depth)));
        all.push(format!("SELECT {}1{}", "(SELECT ".repeat(depth), ")".repeat(depth)));
        all.push(format!("SELECT 1{}", " + 1".repeat(depth)));
        all.push(format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(depth)));
        all.push(format!("SELECT * FROM charges WHERE {}", vec!["BilledCost = 1"; depth].join(" OR ")));
        all.push(format!("SELECT {} true", "NOT ".repeat(depth)));
        all.push(format!("SELECT CASE {} END", "WHEN true THEN 1 ".repeat(depth)));
    }
    let unfold = (1..30).fold("WITH t0 AS (SELECT * FROM charges)".to_owned(), |text, at| {
        format!("{text}, t{at} AS (SELECT a.* FROM t{0} a, t{0} b)", at - 1)
    });
    all.push(format!("{unfold} SELECT count(*) FROM t29"));
    let fill = |text: &String| text.replace("{other}", other).replace("{word}", word).replace("{data}", data);
    all.iter().map(fill).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_hostile_statements_of_each_of_three_orgs_show_nothing_of_another() {
    let server = server_with(&[("BILLCONNECT_SQL_WITHIN", "3s"), ("BILLCONNECT_SQL_MEMORY", "32")]).await;
    let mut tenants = Vec::new();
    for (planted, cost) in [("PlantedAldebaran", "7.111"), ("PlantedBetelgeuse", "7.222"), ("PlantedCapella", "7.333")]
    {
        tenants.push(Tenant::on(&server, planted, cost).await);
    }
    let data = server.install().data().display().to_string();
    for (at, tenant) in tenants.iter().enumerate() {
        let other = &tenants[(at + 1) % 3];
        let all = statements(&other.org.to_string(), &other.planted, &data);
        assert!(all.len() >= 1_000, "{}", all.len());
        // Whatever of these is another's must not come back, but where the statement itself has it, as its own column's name.
        let foreign: Vec<&str> =
            tenants.iter().filter(|it| it.org != tenant.org).map(|it| it.planted.as_str()).collect();
        let answers = stream::iter(all.iter().map(async |statement| (statement, tenant.ask(&server, statement).await)));
        let mut answers = answers.buffer_unordered(6);
        while let Some((statement, answer)) = answers.next().await {
            assert!([200, 400, 422, 429].contains(&answer.status), "{statement}: {} {}", answer.status, answer.json);
            let text = answer.json.to_string();
            for word in &foreign {
                assert!(!text.contains(word), "{statement}: {text}");
            }
            assert!(!text.contains(&data) && !text.contains("root:"), "{statement}: {text}");
        }
    }
    let port = port(&server).await;
    for (at, tenant) in tenants.iter().enumerate() {
        let other = &tenants[(at + 1) % 3];
        let file = tempfile::NamedTempFile::new().unwrap();
        let all = statements(&other.org.to_string(), &other.planted, &data);
        serde_json::to_writer(&file, &all.iter().step_by(7).collect::<Vec<_>>()).unwrap();
        let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/sql/hostile.py");
        let told = succeeded(
            tool("python").arg(script).args([&port, &tenant.org.to_string(), &tenant.token]).arg(file.path()),
        );
        assert!(!told.contains(&other.planted) && !told.contains(&data), "{told}");
        // All is as it was, and answered.
        let answer = tenant.ask(&server, "SELECT DISTINCT x_ServiceCode FROM charges").await;
        assert_eq!(answer.json["values"], serde_json::json!([[tenant.planted]]));
    }
}
