//! `billconnect sql`: one read-only query over an org's views, as a table, csv or JSON.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use app::sql::{SqlAnswer, SqlQuestion};
use billing::names::OrgId;
use billing::sql::{SqlColumn, SqlType, SqlValue};
use comfy_table::CellAlignment;
use serde_json::{Map, Value, json};

use crate::args::Global;
use crate::csv::{self, Cell};
use crate::{out, world};

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The org.
    #[arg(long)]
    org: OrgId,
    /// The statement; without this and `--file`, it is read from stdin.
    #[arg(short, long, value_name = "STATEMENT", conflicts_with = "file")]
    command: Option<String>,
    /// A file with the statement.
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The most rows.
    #[arg(long, default_value_t = 10_000)]
    limit: usize,
    /// Print csv that spreadsheets may open, with every digit.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print a JSON object a row, with every digit.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  billconnect sql --org 123456789 -c \"SELECT ServiceName, sum(BilledCost) FROM charges GROUP BY 1 ORDER BY 2 DESC\"
  billconnect sql --org 123456789 --csv -f report.sql > report.csv
  echo 'SELECT * FROM deliveries' | billconnect sql --org 123456789

The views are `charges`, in the columns of FOCUS, `accounts`, `commitments` and `deliveries`. Nothing can be changed.";

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let text = statement(&args)?;
    let app = world::open(global).await?;
    world::require_org(&app, args.org).await?;
    let question = SqlQuestion { text, parameters: Vec::new(), limit: Some(args.limit) };
    let mut answer = app.sql(args.org, question).await?;
    let count = if args.csv {
        as_csv(&mut answer).await?
    } else if args.json {
        as_json(&mut answer).await?
    } else {
        as_table(&mut answer).await?
    };
    if answer.is_cut() {
        out::talk(&format!("there are more rows than {count}; `--limit` shows more"));
    } else if count == 0 && app.receipts(args.org).await?.is_empty() {
        out::talk("no rows: no month is published yet; `billconnect ingest` reads what AWS has delivered");
    } else {
        out::talk(&format!("{count} {}", if count == 1 { "row" } else { "rows" }));
    }
    Ok(ExitCode::SUCCESS)
}

/// The statement, from wherever it comes.
fn statement(args: &Args) -> anyhow::Result<String> {
    if let Some(text) = &args.command {
        return Ok(text.clone());
    }
    if let Some(file) = &args.file {
        return std::fs::read_to_string(file).with_context(|| format!("`{}` can't be read", file.display()));
    }
    let mut stdin = std::io::stdin();
    anyhow::ensure!(
        !stdin.is_terminal(),
        "there is no statement: give one with `-c`, a file with `-f`, or send it to stdin"
    );
    let mut text = String::new();
    stdin.read_to_string(&mut text).context("the statement can't be read from stdin")?;
    Ok(text)
}

async fn as_table(answer: &mut SqlAnswer) -> anyhow::Result<usize> {
    let columns = answer.columns().to_vec();
    let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
    let mut table = out::table(&names);
    for (at, column) in columns.iter().enumerate() {
        if let (SqlType::Int | SqlType::Decimal | SqlType::Float, Some(its)) = (column.sql_type, table.column_mut(at)) {
            its.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut count = 0;
    while let Some(rows) = answer.next().await {
        for row in rows? {
            count += 1;
            // A terminal obeys what is not shown.
            let shown = |value: &SqlValue| billing::told::told_whole(&value.text().unwrap_or_default());
            table.add_row(row.iter().map(shown));
        }
    }
    if count > 0 {
        out::data(&table.to_string());
    }
    Ok(count)
}

async fn as_csv(answer: &mut SqlAnswer) -> anyhow::Result<usize> {
    out::data(&csv::line(answer.columns().iter().map(|column| Cell::from(column.name.as_str()))));
    let mut count = 0;
    while let Some(rows) = answer.next().await {
        for row in rows? {
            count += 1;
            let cell = |value: &SqlValue| match value {
                SqlValue::Text(text) => Cell::from(text.clone()),
                value => Cell::Number(value.text().unwrap_or_default()),
            };
            out::data(&csv::line(row.iter().map(cell)));
        }
    }
    Ok(count)
}

async fn as_json(answer: &mut SqlAnswer) -> anyhow::Result<usize> {
    let columns = answer.columns().to_vec();
    let mut count = 0;
    while let Some(rows) = answer.next().await {
        for row in rows? {
            count += 1;
            out::data(&Value::Object(object(&columns, &row)).to_string());
        }
    }
    Ok(count)
}

fn object(columns: &[SqlColumn], row: &[SqlValue]) -> Map<String, Value> {
    let value = |value: &SqlValue| match value {
        SqlValue::Null => Value::Null,
        SqlValue::Bool(flag) => json!(flag),
        SqlValue::Int(whole) => json!(whole),
        SqlValue::Float(float) if float.is_finite() => json!(float),
        SqlValue::Decimal(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        value => json!(value.text()),
    };
    columns.iter().zip(row).map(|(column, it)| (column.name.clone(), value(it))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_every_digit() {
        let column = |name: &str, sql_type| SqlColumn { name: name.to_owned(), sql_type };
        let columns = [column("cost", SqlType::Decimal), column("at", SqlType::Time), column("none", SqlType::Text)];
        let row = [SqlValue::Decimal("36.100000000000000001".into()), SqlValue::Time(0), SqlValue::Null];
        let text = Value::Object(object(&columns, &row)).to_string();
        assert_eq!(text, r#"{"cost":36.100000000000000001,"at":"1970-01-01 00:00:00+00","none":null}"#);
    }
}
