//! Statements over a lake of hand-made charges: what they answer, what they are refused, what bounds them.

use std::collections::BTreeMap;
use std::time::Duration;

use billing::organization::{AccountFacts, AccountState, UnitPath, spans};
use billing::sql::{SqlFault, SqlParameter, SqlProblem, SqlType, SqlValue};

use time::macros::date;

use super::*;
use crate::location::{Lake, LakeSettings};
use crate::testkit::{Charge, TestLake, head, usage};

async fn lake() -> (TestLake, OrgLake) {
    let test = TestLake::new();
    let lake = test.org(100_001);
    let charges = [
        Charge {
            more: vec![("ServiceName", "Amazon EC2"), ("Tags", r#"{"team":"a"}"#)],
            ..usage("36.100000000000000001")
        },
        Charge { more: vec![("ServiceName", "Amazon S3")], account: "222", ..usage("2.5") },
        Charge { split: true, billed: "1000", ..usage("1000") },
    ];
    lake.bring_in(&head("september"), &charges).await;
    (test, lake)
}

fn shown(value: &SqlValue) -> String {
    match value {
        SqlValue::Null => "null".to_owned(),
        SqlValue::Bool(flag) => flag.to_string(),
        SqlValue::Int(whole) => whole.to_string(),
        SqlValue::Float(float) => float.to_string(),
        SqlValue::Decimal(text) | SqlValue::Text(text) => text.clone(),
        SqlValue::Date(days) => format!("day {days}"),
        SqlValue::Time(micros) => format!("time {micros}"),
    }
}

async fn answer(lake: &OrgLake, question: SqlQuestion) -> Result<Vec<String>, LakeError> {
    let mut rows = lake.sql(question, Arc::default()).await?;
    let mut all = Vec::new();
    while let Some(some) = rows.next().await {
        all.extend(some?.iter().map(|row| row.iter().map(shown).collect::<Vec<_>>().join("|")));
    }
    if rows.is_cut() {
        all.push("cut".to_owned());
    }
    Ok(all)
}

async fn ask(lake: &OrgLake, text: &str) -> Vec<String> {
    let question = SqlQuestion { text: text.to_owned(), ..SqlQuestion::default() };
    answer(lake, question).await.unwrap_or_else(|error| panic!("{text}: {error} ({error:?})"))
}

async fn refused(lake: &OrgLake, text: &str) -> SqlProblem {
    let question = SqlQuestion { text: text.to_owned(), ..SqlQuestion::default() };
    match answer(lake, question).await {
        Err(LakeError::Sql(problem)) => problem,
        other => panic!("{text}: {other:?}"),
    }
}

#[tokio::test]
async fn amounts_leave_exactly() {
    let (_test, lake) = lake().await;
    for (text, expect) in [
        ("SELECT sum(BilledCost) FROM charges", "38.600000000000000001"),
        ("SELECT sum(\"BilledCost\") AS billedcost FROM charges ORDER BY billedcost", "38.600000000000000001"),
        ("SELECT sum(BilledCost * 1.1) FROM charges", "42.4600000000000000011"),
        ("SELECT sum(BilledCost) * 3 FROM charges", "115.800000000000000003"),
        ("SELECT sum(BilledCost * EffectiveCost) FROM charges", "1309.460000000000000072200000000000000001"),
        ("SELECT round(sum(BilledCost) / count(*), 2) FROM charges", "19.3"),
        ("SELECT sum(BilledCost) / sum(ListCost) FROM charges", "1"),
        (
            "SELECT round(100 * sum(BilledCost) FILTER (WHERE SubAccountId = '222') / sum(BilledCost), 3) FROM charges",
            "6.477",
        ),
        ("SELECT max(BilledCost) - min(BilledCost) FROM charges", "33.600000000000000001"),
        ("SELECT avg(BilledCost) FROM charges WHERE ServiceName = 'Amazon S3'", "2.5"),
        ("SELECT 0.1 + 0.2", "0.3"),
    ] {
        assert_eq!(ask(&lake, text).await, [expect], "{text}");
    }
}

#[tokio::test]
async fn what_analysts_write_is_answered() {
    let (_test, lake) = lake().await;
    for (text, expect) in [
        (
            "SELECT servicename, sum(billedcost) c FROM charges GROUP BY 1 ORDER BY c DESC LIMIT 1",
            vec!["Amazon EC2|36.100000000000000001"],
        ),
        (
            "SELECT date_trunc('month', ChargePeriodStart), count(*) FROM public.charges GROUP BY 1",
            vec!["time 1788220800000000|2"],
        ),
        ("SELECT extract(day FROM ChargePeriodStart) FROM charges LIMIT 1", vec!["2"]),
        (
            "WITH s AS (SELECT ServiceName s, sum(BilledCost) c FROM charges GROUP BY 1) SELECT s, rank() OVER (ORDER BY c DESC) FROM s ORDER BY 2",
            vec!["Amazon EC2|1", "Amazon S3|2"],
        ),
        (
            "SELECT upper(left(ServiceName, 3)) || '-' || SubAccountId FROM charges WHERE ServiceName ILIKE '%s3'",
            vec!["AMA-222"],
        ),
        (
            "SELECT count(*) FROM charges WHERE ChargePeriodStart >= '2026-09-02' AND ChargePeriodStart < '2026-09-03T00:00:00Z'",
            vec!["2"],
        ),
        (
            "SELECT CASE WHEN Tags LIKE '%team%' THEN 'tagged' ELSE 'not' END t, count(*) FROM charges GROUP BY t ORDER BY t",
            vec!["not|1", "tagged|1"],
        ),
        (
            "SELECT billing_period, status, charge_count, billed_cost FROM deliveries WHERE replaced_at IS NULL",
            vec!["2026-09|final|3|38.600000000000000001"],
        ),
        (
            "SELECT x_BillingPeriod, string_agg(SubAccountId, ',' ORDER BY SubAccountId) FROM charges GROUP BY 1",
            vec!["2026-09|111,222"],
        ),
        ("SELECT 1 UNION ALL SELECT 2 ORDER BY 1", vec!["1", "2"]),
        (
            "SELECT ServiceName, sum(BilledCost) FROM charges GROUP BY ROLLUP (ServiceName) ORDER BY 1 NULLS FIRST LIMIT 1",
            vec!["null|38.600000000000000001"],
        ),
        ("SELECT count(*) FROM charges WHERE false", vec!["0"]),
        ("SELECT * FROM deliveries WHERE false", vec![]),
        ("SELECT replace(lpad('7', 3, '0'), '0', '00')", vec!["00007"]),
    ] {
        assert_eq!(ask(&lake, text).await, expect, "{text}");
    }
}

#[tokio::test]
async fn commitments_are_a_view_of_what_the_bill_says() {
    let test = TestLake::new();
    let lake = test.org(100_001);
    let commitment = vec![("CommitmentDiscountId", "arn:r"), ("CommitmentDiscountType", "Reserved Instance")];
    let used = Charge {
        kind: "DiscountedUsage",
        billed: "0",
        effective: "3",
        list: "5",
        more: commitment.clone(),
        ..usage("0")
    };
    let unused = Charge { kind: "RIFee", billed: "4", effective: "1", list: "0", more: commitment, ..usage("4") };
    lake.bring_in(&head("september"), &[used, unused, usage("1")]).await;
    let rows = ask(&lake, "SELECT billing_period, commitment_id, kind FROM commitments").await;
    assert_eq!(rows, ["2026-09|arn:r|reservation"]);
    assert_eq!(
        ask(&lake, "SELECT count(*) FROM commitments c JOIN charges h ON h.CommitmentDiscountId = c.commitment_id")
            .await,
        ["2"]
    );
}

#[tokio::test]
async fn accounts_join_charges_as_of_the_day() {
    let (_test, lake) = lake().await;
    let facts = |name: &str| AccountFacts {
        name: name.to_owned(),
        unit: UnitPath::default(),
        tags: BTreeMap::from([("team".to_owned(), "a".to_owned())]),
        state: AccountState::Active,
        joined_method: None,
        joined_at: None,
    };
    let spans = spans(vec![(date!(2026 - 09 - 01), facts("before")), (date!(2026 - 09 - 03), facts("after"))]);
    let known = [(head("x").connect, "222222222222".parse().unwrap(), spans)];
    let accounts = Arc::new(Accounts::new(known));
    let text = "SELECT name, unit, account_tags, is_current, count(c.BilledCost) FROM accounts a LEFT JOIN charges c
        ON c.ChargePeriodStart >= a.since AND (a.until IS NULL OR c.ChargePeriodStart < a.until) GROUP BY 1, 2, 3, 4 ORDER BY 1";
    let question = SqlQuestion { text: text.to_owned(), ..SqlQuestion::default() };
    let mut rows = lake.sql(question, accounts).await.unwrap();
    let rows: Vec<_> = rows
        .next()
        .await
        .unwrap()
        .unwrap()
        .iter()
        .map(|row| row.iter().map(shown).collect::<Vec<_>>().join("|"))
        .collect();
    assert_eq!(rows, [r#"after|/|{"team":"a"}|true|0"#, r#"before|/|{"team":"a"}|false|2"#]);
}

#[tokio::test]
async fn an_org_without_bills_has_empty_views() {
    let test = TestLake::new();
    let lake = test.org(100_001);
    assert_eq!(ask(&lake, "SELECT count(*), sum(BilledCost) FROM charges").await, ["0|null"]);
    assert_eq!(ask(&lake, "SELECT * FROM charges").await, Vec::<String>::new());
    assert_eq!(ask(&lake, "SELECT count(*) FROM deliveries").await, ["0"]);
    assert_eq!(ask(&lake, "SELECT count(*) FROM commitments").await, ["0"]);
}

#[tokio::test]
async fn errors_help() {
    let (_test, lake) = lake().await;
    for (text, fault, expect) in [
        (
            "SELECT ServiceNam FROM charges",
            SqlFault::NoColumn,
            "there is no such column (line 1, column 8); did you mean `ServiceName`?",
        ),
        ("SELECT 1\nFROM chargs", SqlFault::NoTable, "there is no such table (line 2, column 6)"),
        ("SELECT summ(BilledCost) FROM charges", SqlFault::NoFunction, "did you mean `sum`?"),
        ("SELECT ServiceName, sum(BilledCost) FROM charges", SqlFault::Data, "ServiceName"),
        ("SELECT 1 / (SELECT count(*) FROM charges WHERE false)", SqlFault::Data, "a division by zero"),
        (
            "SELECT a.ServiceName FROM charges a, charges b WHERE SubAccountId = '1'",
            SqlFault::NoColumn,
            "write `table.column`",
        ),
        ("SELECT BilledCost FROM charges WHERE ServiceName > 5 AND sum(1) = 2", SqlFault::Data, ""),
        ("SELECT 1 FROM charges WHERE", SqlFault::Syntax, "syntax error"),
    ] {
        let problem = refused(&lake, text).await;
        assert_eq!(problem.fault, fault, "{text}: {problem}");
        assert!(problem.to_string().contains(expect), "{text}: {problem}");
    }
    for text in
        ["SELECT CAST('bcr_secret1' AS BIGINT)", "SELECT bcr_secret1 FROM charges", "SELECT sum('bcr_secret1', 2)"]
    {
        let problem = refused(&lake, text).await;
        assert!(!problem.to_string().contains("secret1"), "{text}: {problem}");
    }
}

#[tokio::test]
async fn parameters_are_values() {
    let (_test, lake) = lake().await;
    let given = |sql_type, value: &str| SqlParameter { sql_type, value: Some(value.to_owned()) };
    let question = SqlQuestion {
        text: "SELECT count(*) FROM charges WHERE ServiceName = $1 AND BilledCost > $2 AND ChargePeriodStart >= $3"
            .to_owned(),
        parameters: vec![
            given(None, "Amazon S3"),
            given(Some(SqlType::Decimal), "2.4"),
            given(Some(SqlType::Time), "2026-09-01 00:00:00+00"),
        ],
        limit: None,
    };
    let shape = lake.sql_shape(&question.text, &[None, None, Some(SqlType::Time)]).await.unwrap();
    assert_eq!(shape.parameters, [SqlType::Text, SqlType::Decimal, SqlType::Time]);
    assert_eq!(shape.columns.iter().map(|column| column.sql_type).collect::<Vec<_>>(), [SqlType::Int]);
    assert_eq!(answer(&lake, question).await.unwrap(), ["1"]);
}

#[tokio::test]
async fn rows_beyond_what_is_wanted_are_cut() {
    let (_test, lake) = lake().await;
    let question = |limit| SqlQuestion { text: "SELECT 1 FROM charges".to_owned(), limit, ..SqlQuestion::default() };
    assert_eq!(answer(&lake, question(Some(1))).await.unwrap(), ["1", "cut"]);
    assert_eq!(answer(&lake, question(Some(2))).await.unwrap(), ["1", "1"]);
}

/// A lake in which little is allowed, and a statement may take so many seconds.
fn tight(folder: &std::path::Path, seconds: u64) -> OrgLake {
    let within = Duration::from_secs(seconds);
    let sql = SqlSettings { memory: 4 << 20, spill: 0, within, rows: 100, ..SqlSettings::default() };
    Lake::open(folder, LakeSettings { sql, ..LakeSettings::default() }).unwrap().org(100_001.try_into().unwrap())
}

/// A join of so many tables of ten rows.
fn join(count: usize) -> String {
    let ten = "(VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10)) AS";
    (0..count).map(|at| format!("{ten} t{at}(x)")).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn a_statement_is_bounded_in_rows_memory_and_text() {
    let (test, _) = lake().await;
    let lake = tight(test.folder.path(), 60);
    let grown = (1..12).fold("WITH t0 AS (SELECT 'xxxxxxxx' AS s)".to_owned(), |text, at| {
        format!("{text}, t{at} AS (SELECT replace(s, 'x', 'xxxxxxxxxxxxxxxx') AS s FROM t{})", at - 1)
    });
    let many = vec!["s"; 80].join(", ");
    for text in [
        format!("SELECT t0.x FROM {}", join(3)),
        format!(
            "SELECT DISTINCT t0.x + t1.x * 10 + t2.x * 100 + t3.x * 1000 + t4.x * 10000 + t5.x * 100000 FROM {}",
            join(6)
        ),
        format!("{grown} SELECT length(s) FROM t11"),
        format!("SELECT length(concat({many})) FROM (SELECT lpad('x', 1000000, 'y') AS s)"),
        "SELECT lpad('x', 2000000000, 'y')".to_owned(),
    ] {
        let problem = refused(&lake, &text).await;
        assert_eq!(problem.fault, SqlFault::TooLarge, "{text}: {problem}");
    }
}

#[tokio::test]
async fn a_statement_ends_in_time_and_leaves_nothing_behind() {
    let (test, _) = lake().await;
    let lake = tight(test.folder.path(), 1);
    let sum = (0..11).map(|at| format!("t{at}.x")).collect::<Vec<_>>().join(" + ");
    let problem = refused(&lake, &format!("SELECT count(*) FROM {} WHERE {sum} = -1", join(11))).await;
    assert_eq!(problem.fault, SqlFault::TimeOut, "{problem}");
    // All places are free again, or the third would wait for one in vain.
    let lake = tight(test.folder.path(), 60);
    for _ in 0..3 {
        assert_eq!(ask(&lake, "SELECT count(*) FROM charges").await, ["2"]);
    }
}

#[tokio::test]
async fn what_unfolds_without_bounds_is_refused_before_it_is_planned() {
    let (_test, lake) = lake().await;
    let unfolding = (1..40).fold("WITH t0 AS (SELECT * FROM charges)".to_owned(), |text, at| {
        format!("{text}, t{at} AS (SELECT a.* FROM t{0} a, t{0} b)", at - 1)
    });
    let chain = format!("SELECT 1{}", "+1".repeat(2_000));
    let cube = "SELECT 1 FROM charges GROUP BY CUBE (a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t)".to_owned();
    for text in [format!("{unfolding} SELECT 1 FROM t39"), chain, cube] {
        let problem = refused(&lake, &text).await;
        assert!(matches!(problem.fault, SqlFault::TooLarge | SqlFault::NotAllowed), "{problem}");
    }
    let deep_but_fine = format!("SELECT 1{}", "+1".repeat(300));
    assert_eq!(ask(&lake, &deep_but_fine).await, ["301"]);
}

#[tokio::test]
async fn nothing_but_queries_over_the_views_is_answered() {
    let (test, lake) = lake().await;
    let path = test.folder.path().display().to_string();
    let mut faults: BTreeMap<String, usize> = BTreeMap::new();
    for text in [
        format!("SELECT * FROM '{path}/x.parquet'"),
        format!("SELECT * FROM \"{path}\""),
        format!("SELECT * FROM read_parquet('{path}')"),
        format!("COPY charges TO '{path}/out.csv'"),
        "COPY (SELECT * FROM charges) TO STDOUT".into(),
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '/'".into(),
        "SELECT * FROM generate_series(1, 1000000000)".into(),
        "SELECT * FROM charges, LATERAL generate_series(1, 10)".into(),
        "SELECT * FROM UNNEST([1, 2])".into(),
        "SELECT input_file_name() FROM charges".into(),
        "SELECT file_row_index() FROM charges".into(),
        "SELECT arrow_cast(1, 'Utf8')".into(),
        "SELECT * INTO t FROM charges".into(),
        "SELECT * FROM charges FOR UPDATE".into(),
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT * FROM t".into(),
        "WITH t AS (DELETE FROM charges RETURNING *) SELECT * FROM t".into(),
        "EXPLAIN ANALYZE SELECT * FROM charges".into(),
        "SHOW TABLES".into(),
        "DESCRIBE charges".into(),
        "TABLE charges".into(),
        "SELECT * FROM datafusion.public.charges x, other.charges".into(),
        "SELECT * FROM org_100002.charges".into(),
        "SELECT * FROM charges TABLESAMPLE SYSTEM (10)".into(),
        "SELECT pg_read_file('/etc/passwd')".into(),
        "SELECT lo_import('/etc/passwd')".into(),
        "SELECT dblink('host=x', 'SELECT 1')".into(),
        "INSERT INTO charges VALUES (1)".into(),
        "SET datafusion.execution.target_partitions = 1".into(),
        "SELECT * FROM charges; DROP TABLE charges".into(),
    ] {
        let problem = refused(&lake, &text).await;
        *faults.entry(format!("{:?}", problem.fault)).or_default() += 1;
        assert!(!problem.to_string().contains(&path), "{problem}");
    }
    assert!(
        faults.keys().all(|fault| ["NotAllowed", "NoTable", "NoFunction", "Syntax"].contains(&&**fault)),
        "{faults:?}"
    );
}
