//! A server as its operator sees it: alive, ready, counted, logged and traced.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::kit::emulator::{self, python};
use crate::kit::server::{Install, Server};
use crate::kit::story::{Story, wait};

/// What `/readyz` says: the status, and what is wrong by part.
async fn ready(server: &Server) -> (u16, Value) {
    let answer = server.call(Method::GET, "/readyz", None, None).await;
    let wrong = answer.json["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false);
    let wrong = wrong.map(|check| (check["name"].as_str().unwrap().to_owned(), check["wrong"].clone())).collect();
    (answer.status, Value::Object(wrong))
}

/// Somebody who holds the store's lock until told otherwise, as a backup gone wrong does.
struct Lock(Child);

impl Lock {
    fn on(install: &Install) -> Self {
        let hold = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\nc.execute('BEGIN IMMEDIATE')\nprint('held', flush=True)\nsys.stdin.read()";
        let mut command = Command::new(python());
        command.args(["-c", hold]).arg(install.data().join("billconnect.db"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said.trim(), "held");
        Self(child)
    }

    fn release(mut self) {
        self.0.stdin.take().unwrap().flush().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn ready_goes_red_with_what_is_wrong_and_green_again() {
    let server = Server::start().await;
    wait("the poll to come round", async || ready(&server).await.0 == 200).await;
    let lake = server.install().data().join("lake");
    let away = server.install().data().join("lake-away");
    std::fs::rename(&lake, &away).unwrap();
    std::fs::write(&lake, "a file in its place").unwrap();
    let (status, wrong) = ready(&server).await;
    assert_eq!((status, &wrong), (503, &json!({ "lake": "the lake can't be written; the log says why" })));
    assert!(server.log().contains("not ready: it can't be written"), "{}", server.log());
    let alive = server.call(Method::GET, "/healthz", None, None).await;
    assert_eq!((alive.status, alive.json), (200, json!({ "status": "ok" })), "a restart would mend nothing");
    std::fs::remove_file(&lake).unwrap();
    std::fs::rename(&away, &lake).unwrap();
    assert_eq!(ready(&server).await.0, 200);

    let lock = Lock::on(server.install());
    let (status, wrong) = ready(&server).await;
    assert_eq!((status, &wrong["store"]), (503, &json!("the store took no write within 2 s")), "{wrong}");
    lock.release();
    wait("the store to take writes again", async || ready(&server).await.0 == 200).await;
}

#[tokio::test]
async fn requests_jobs_and_aws_calls_are_counted() {
    let story = Story::new().await.published().await;
    let token = story.server.install().operator_token();
    let metrics = story.server.raw(Method::GET, "/operator/v1/metrics", Some(&token), Vec::new()).await.text;
    for expected in [
        "billconnect_http_requests_total{method=\"POST\",route=\"/api/onboarding/orgs/{org}/bill_connects/aws/iam_role\",status=\"201\"} 1\n",
        "billconnect_http_request_duration_seconds_count{method=\"POST\",route=\"/api/onboarding/orgs/{org}/bill_connects/aws/iam_role\"} 1\n",
        "operation=\"AssumeRole\",outcome=\"ok\"}",
        "operation=\"AssumeRole\",outcome=\"denied\"}",
        "operation=\"GetReservationUtilization\",outcome=\"ok\"} 1\n",
        "billconnect_job_published_total 1\n",
        "billconnect_poll_age_seconds ",
    ] {
        assert!(metrics.contains(expected), "{expected}: {metrics}");
    }
    assert!(!metrics.contains(&story.org.to_string()), "no org can be told");
}

#[tokio::test]
async fn a_requests_id_is_taken_or_made_and_stands_in_every_line() {
    let server = Server::over(Install::at(emulator::url()).await.with("BILLCONNECT_LOG_FORMAT", "json"));
    let ask = async |id: &str| {
        let asked = reqwest::Client::new().get(format!("{}/nowhere", server.url)).header("x-request-id", id);
        asked.send().await.unwrap().headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    let own = "6f0c3a1e-5a1d-4c53-9f7e-0123456789ab";
    assert_eq!(ask(own).await, own);
    let made = ask("my-secret-token").await;
    assert!(made.len() == 32 && made != "my-secret-token");
    wait("both to be logged", async || server.log().contains(&made)).await;
    let log = server.log();
    assert!(!log.contains("my-secret-token"), "{log}");
    for id in [own, made.as_str()] {
        let lines: Vec<Value> =
            log.lines().filter(|line| line.contains(id)).map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(!lines.is_empty() && lines.iter().all(|line| line["span"]["id"] == *id), "{id}: {lines:?}");
    }
}

/// A collector of traces: what was posted to it, by path.
async fn collector() -> (String, Arc<Mutex<Vec<(String, Value)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let posted = Arc::new(Mutex::new(Vec::new()));
    let kept = posted.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let kept = kept.clone();
            tokio::spawn(async move {
                let mut client = tokio::io::BufReader::new(client);
                loop {
                    let (mut head, mut line) = (Vec::new(), String::new());
                    while client.read_line(&mut line).await.is_ok_and(|read| read > 2) {
                        head.push(std::mem::take(&mut line).to_lowercase());
                    }
                    let Some(first) = head.first().cloned() else { return };
                    let length =
                        head.iter().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
                    let mut body = vec![0; length.unwrap_or(0)];
                    client.read_exact(&mut body).await.unwrap();
                    let token = head.iter().any(|line| line.trim() == "authorization: bearer collector");
                    let path = format!("{} {token}", first.split(' ').nth(1).unwrap());
                    kept.lock().unwrap().push((path, serde_json::from_slice(&body).unwrap()));
                    client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
                }
            });
        }
    });
    (url, posted)
}

/// All spans that came, by name.
fn spans(posted: &Mutex<Vec<(String, Value)>>, name: &str) -> Vec<Value> {
    let posted = posted.lock().unwrap();
    let all = posted
        .iter()
        .flat_map(|(_, document)| document["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap());
    all.filter(|span| span["name"] == name).cloned().collect()
}

#[tokio::test]
async fn traces_reach_a_collector_where_one_is_named() {
    let (url, posted) = collector().await;
    let install = Install::at(emulator::url()).await.with("OTEL_EXPORTER_OTLP_ENDPOINT", &url);
    let install = install.with("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer collector");
    let story = Story::on(Server::over(install)).await.published().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let asked = reqwest::Client::new().get(format!("{}/healthz", story.server.url));
    let asked = asked.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    asked.send().await.unwrap();
    wait("the caller's trace", async || spans(&posted, "request").iter().any(|span| span["traceId"] == trace)).await;
    let requests = spans(&posted, "request");
    let own = requests.iter().find(|span| span["traceId"] == trace).unwrap();
    assert_eq!((&own["parentSpanId"], &own["kind"]), (&json!("b7ad6b7169203331"), &json!(2)));
    let attribute = |span: &Value, key: &str| {
        let found = span["attributes"].as_array().unwrap().iter().find(|attribute| attribute["key"] == key);
        found.map(|attribute| attribute["value"].clone()).unwrap_or_default()
    };
    assert_eq!(attribute(own, "route"), json!({ "stringValue": "/healthz" }));
    assert_eq!(attribute(own, "status"), json!({ "intValue": "200" }));
    wait("the job's span", async || !spans(&posted, "job").is_empty()).await;
    // Calls to AWS stand below what made them.
    let calls = spans(&posted, "aws");
    let connect = requests
        .iter()
        .find(|span| attribute(span, "route")["stringValue"].as_str().is_some_and(|route| route.ends_with("iam_role")))
        .unwrap();
    let below = calls.iter().filter(|call| call["traceId"] == connect["traceId"]).count();
    assert!(below > 5, "{below} of {}", calls.len());
    let (path, document) = posted.lock().unwrap()[0].clone();
    assert_eq!(path, "/v1/traces true");
    let service = &document["resourceSpans"][0]["resource"]["attributes"][0];
    assert_eq!(service, &json!({ "key": "service.name", "value": { "stringValue": "billconnect" } }));
    assert!(!story.server.log().contains("Bearer collector"));
}
