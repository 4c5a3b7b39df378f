//! The audit log: what is done shows in it, and what is done to it shows too.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::kit::emulator;
use crate::kit::server::{Install, Server};
use crate::kit::story::Story;

/// The acts of an org's log with their outcome, oldest first, as `act outcome`.
fn acts(install: &Install, arguments: &[&str]) -> Vec<String> {
    let shown = install.json(&[&["audit", "show", "--json"], arguments].concat());
    let entries = shown.as_array().unwrap().iter().rev();
    entries.map(|entry| format!("{} {}", entry["act"], entry["outcome"]).replace('"', "")).collect()
}

/// `verify` beside these heads: its exit status, and the flaws that it names.
fn verify(install: &Install, heads: &[&str]) -> (Option<i32>, Vec<String>) {
    let mut arguments = vec!["audit", "verify", "--json"];
    for head in heads {
        arguments.extend(["--head", head]);
    }
    let Output { status, stdout, .. } = install.run(&arguments);
    let found: Value = serde_json::from_slice(&stdout).unwrap();
    (status.code(), found["flaws"].as_array().unwrap().iter().map(|flaw| flaw.as_str().unwrap().to_owned()).collect())
}

/// Where the logs stand, as `verify` prints it.
fn heads(install: &Install) -> Vec<String> {
    let found = install.json(&["audit", "verify", "--json"]);
    found["heads"].as_array().unwrap().iter().map(|head| head.as_str().unwrap().to_owned()).collect()
}

/// Changes the store behind the program's back; answers whether SQLite let it happen.
fn sqlite(install: &Install, sql: &str) -> bool {
    let script = "import sqlite3, sys\nsqlite3.connect(sys.argv[1], isolation_level=None).executescript(sys.argv[2])";
    let database = install.data().join("billconnect.db");
    let mut python = Command::new(emulator::python());
    let output = python.args(["-c", script]).arg(database).arg(sql).output().unwrap();
    output.status.success()
}

/// Puts the store back as it was kept.
fn restore(install: &Install, kept: &Path) {
    let database = install.data().join("billconnect.db");
    for log in ["-wal", "-shm"] {
        let mut name = database.clone().into_os_string();
        name.push(log);
        // Where there is none, none is in the way.
        let _ = std::fs::remove_file(name);
    }
    std::fs::copy(kept, database).unwrap();
}

#[tokio::test]
async fn each_act_is_written_down_with_who_did_it() {
    let story = Story::new().await;
    let (install, org) = (story.server.install(), story.org.to_string());
    story.world.without("s3:ListBucket").await;
    assert_eq!(story.connect().await.status, 422);
    story.world.with_all_permissions().await;
    assert_eq!(story.connect().await.status, 201);
    assert_eq!(story.connect().await.status, 409);
    install.run(&["token", "revoke", "--org", &org, "1"]);
    let expected = [
        "org.create done",
        "refresh-token.create done",
        "access-token.grant done",
        "bill-connect.create refused",
        "bill-connect.create done",
        "bill-connect.create refused",
        "refresh-token.revoke done",
    ];
    assert_eq!(acts(install, &["--org", &org]), expected);
    assert_eq!(acts(install, &[]), ["org.create done"]);

    let shown = install.json(&["audit", "show", "--json", "--org", &org, "--limit", "3"]);
    let (revoked, made) = (&shown[0], &shown[2]);
    assert_eq!((&made["actor"], &made["address"]), (&json!("refresh-token:1"), &json!("127.0.0.1")));
    assert_eq!(made["subject"], json!(format!("aws-{}", story.payer())));
    assert!(made["request"].as_str().is_some_and(|id| id.len() == 32), "{made}");
    assert!(revoked["actor"].as_str().unwrap().starts_with("command-line:"), "{revoked}");
    let refused = &install.json(&["audit", "show", "--json", "--org", &org, "--before", "5", "--limit", "1"])[0];
    assert_eq!(refused["note"], "failed: bucket-listable");
    assert_eq!(verify(install, &[]), (Some(0), vec![]));
}

#[tokio::test]
async fn an_admin_reads_its_own_orgs_log_by_pages() {
    let server = Server::start().await;
    let org = server.install().org("Acme");
    let admin = server.access_token(org, "admin").await;
    let viewer = server.access_token(org, "viewer").await;
    let path = format!("/finops-onboarding/v1/orgs/{org}/audit");
    let get = async |path: &str, token: &str| server.call(reqwest::Method::GET, path, Some(token), None).await;
    assert_eq!(get(&path, &viewer).await.status, 403);
    let whole = get(&path, &admin).await.json;
    let numbers = |list: &Value| -> Vec<i64> {
        list["values"].as_array().unwrap().iter().map(|entry| entry["number"].as_i64().unwrap()).collect()
    };
    assert_eq!((&whole["kind"], numbers(&whole)), (&json!("finops:audit-entry-list"), vec![5, 4, 3, 2, 1]));
    let first = get(&format!("{path}?limit=3"), &admin).await.json;
    assert_eq!(numbers(&first), [5, 4, 3]);
    let next = get(first["nextPage"].as_str().unwrap(), &admin).await.json;
    assert_eq!((numbers(&next), &next["nextPage"]), (vec![2, 1], &Value::Null));
    assert_eq!(get(&format!("{path}?limit=0"), &admin).await.status, 400);
}

#[tokio::test]
async fn what_is_done_to_the_log_shows() {
    let install = Install::offline();
    let org = install.org("Acme");
    (0..3).for_each(|_| drop(install.refresh_token(org, "viewer")));
    let noted = heads(&install);
    let [operator, acme] = noted.as_slice() else { panic!("two logs: {noted:?}") };
    assert_eq!(verify(&install, &[operator, acme]), (Some(0), vec![]));
    let kept = install.data().join("kept.db");
    assert!(sqlite(&install, &format!("VACUUM INTO '{}'", kept.display())));
    let open_up = "DROP TRIGGER audit_entries_stay; DROP TRIGGER audit_entries_stay_as_they_are;";
    for (sql, flaw) in [
        ("UPDATE audit_entries SET actor = 'refresh-token:1' WHERE log <> 0 AND seq = 2;", "entry 2"),
        ("UPDATE audit_entries SET at = at + 1 WHERE log = 0;", "was changed"),
        ("DELETE FROM audit_entries WHERE log <> 0 AND seq = 2;", "no entry 2"),
        ("DELETE FROM audit_entries WHERE log <> 0 AND seq = 1;", "no entry 1"),
    ] {
        assert!(!sqlite(&install, sql), "the triggers refuse `{sql}`");
        assert!(sqlite(&install, &format!("{open_up} {sql}")), "{sql}");
        let (status, flaws) = verify(&install, &[]);
        assert!(status == Some(1) && flaws.iter().any(|found| found.contains(flaw)), "{sql}: {flaws:?}");
        restore(&install, &kept);
    }
    // What is cut off at the end, or with the whole log, shows beside the head that was noted.
    for sql in ["DELETE FROM audit_entries WHERE log <> 0 AND seq = 4;", "DELETE FROM audit_entries WHERE log <> 0;"] {
        assert!(sqlite(&install, &format!("{open_up} {sql}")), "{sql}");
        assert_eq!(verify(&install, &[operator]), (Some(0), vec![]), "{sql}");
        let (status, flaws) = verify(&install, &[acme]);
        assert!(status == Some(1) && flaws[0].contains("cut off"), "{sql}: {flaws:?}");
        restore(&install, &kept);
    }
    // So does a log that was written anew.
    assert!(sqlite(&install, &format!("{open_up} DELETE FROM audit_entries WHERE log <> 0;")));
    (0..4).for_each(|_| drop(install.refresh_token(org, "viewer")));
    let (status, flaws) = verify(&install, &[acme]);
    assert!(status == Some(1) && flaws[0].contains("written anew"), "{flaws:?}");
}
