//! Whatever is sent, the answer is one that the document lists, and never a fault of ours.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use reqwest::Method;

use crate::kit::contract::Contract;
use crate::kit::emulator;
use crate::kit::server::{Install, Server};
use crate::kit::story::Story;

/// What schemathesis is told: which org is ours, and what opens which scheme.
fn configuration(story: &Story) -> String {
    let Story { org, token, .. } = story;
    let operator = story.server.install().operator_token();
    format!(
        "[parameters]\norg = {org}\n\n[auth.openapi.bearer]\nbearer = \"{token}\"\n\n[auth.openapi.operator]\nbearer = \"{operator}\"\n"
    )
}

/// Runs schemathesis over the operations that `chosen` leaves; gives how many were tested. The seed is fixed, so that a failure
/// here is one everywhere.
fn fuzz(story: &Story, chosen: [&str; 2]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("schemathesis.toml");
    std::fs::write(&settings, configuration(story)).unwrap();
    let checks =
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth";
    let output = Command::new(emulator::python())
        .current_dir(folder.path())
        .args(["-m", "schemathesis.cli", "--no-color", "--config-file"])
        .arg(&settings)
        .args(["run", &format!("{}/openapi.json", story.server.url), "--checks", checks])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "8", "--seed", "20261001", "--no-shrink"])
        .args(["--generation-database", "none", "--suppress-health-check", "all", "--warnings", "off"])
        .args(chosen)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let tested = said.lines().find_map(|line| line.trim().strip_prefix("Tested: "));
    tested.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("how many were tested? {said}"))
}

/// Requests that follow the document and requests that do not, made from the document itself.
#[tokio::test(flavor = "multi_thread")]
async fn requests_made_from_the_document_find_no_fault() {
    let story = Story::on(Server::over(Install::at(emulator::url()).await.patient())).await;
    let kept = fuzz(&story, ["--exclude-method", "DELETE"]);
    // What opened everything still does; what is deleted next may be that.
    story.bill_connects().await;
    let deleted = fuzz(&story, ["--include-method", "DELETE"]);
    let all = Contract::of(&story.server).await.operations().len();
    // The document itself is not asked for again.
    assert_eq!(kept + deleted, all - 1);
}

/// Bodies that no generator of valid JSON makes.
fn hostile_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |open: &str, close: &str| [open.repeat(20_000), close.repeat(20_000)].concat().into_bytes();
    let field = |value: &str| {
        format!(r#"{{"aws_bill_account_id":{value},"billAccountId":{value},"filter":{value},"limit":{value}}}"#)
    };
    vec![
        ("deep arrays", deep("[", "]")),
        ("deep objects", deep(r#"{"filter":"#, "}")),
        ("deep in a field", format!(r#"{{"filter":{}}}"#, "[".repeat(20_000)).into_bytes()),
        ("invalid UTF-8", b"{\"aws_bucket_name\":\"\xff\xfe\",\"bucketName\":\"\xc0\x80\"}".to_vec()),
        (
            "a duplicate key",
            br#"{"grant_type":"refresh_token","grant_type":1,"aws_bucket_name":"a","aws_bucket_name":[]}"#.to_vec(),
        ),
        ("a huge number", field(&"9".repeat(100_000)).into_bytes()),
        ("a huge exponent", field("1e999999999999").into_bytes()),
        ("a negative number", field("-1").into_bytes()),
        ("a fraction", field("0.1").into_bytes()),
        ("NUL", b"\0".to_vec()),
        ("NUL in a text", field(r#""\u0000""#).into_bytes()),
        ("a lone surrogate", field(r#""\ud800""#).into_bytes()),
        ("a lone surrogate as bytes", b"{\"limit\":\"\xed\xa0\x80\"}".to_vec()),
        ("a byte order mark", b"\xef\xbb\xbf{}".to_vec()),
        ("UTF-16", "{}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a text of a million", field(&format!("\"{}\"", "x".repeat(1_000_000 / 4))).into_bytes()),
        (
            "a million fields",
            format!("{{{}}}", (0..80_000).map(|n| format!("\"{n}\":1")).collect::<Vec<_>>().join(",")).into_bytes(),
        ),
        ("an array", b"[]".to_vec()),
        ("null", b"null".to_vec()),
        ("two values", b"{} {}".to_vec()),
        ("a form", b"a=%ZZ&b=%00&grant_type=%FF&=&&".to_vec()),
        ("XML", b"<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>".to_vec()),
    ]
}

#[tokio::test]
async fn hostile_bodies_find_no_fault() {
    let story = Story::new().await;
    let contract = Contract::of(&story.server).await;
    let (mut flaws, mut asked) = (Vec::new(), 0);
    let operator = story.server.install().operator_token();
    for (method, template) in contract.operations() {
        let operation = contract.operation(&method, template);
        if contract.fields(&method, template).is_empty() {
            continue;
        }
        let token = if template.starts_with("/operator/") { &operator } else { &story.token };
        let org = story.org.to_string();
        let path = template.replace("{org}", &org).replace("{orgId}", &org).replace("{id}", "aws-000000000000");
        for (what, body) in hostile_bodies() {
            let answer = story.server.raw(method.clone(), &path, Some(token), body).await;
            let fault =
                (answer.status >= 500 || answer.status < 400).then(|| format!("{} {}", answer.status, answer.text));
            flaws.extend(
                Contract::flaw(operation, &method, &answer)
                    .or(fault)
                    .map(|flaw| format!("{method} {path}, {what}: {flaw}")),
            );
            asked += 1;
        }
    }
    assert!(flaws.is_empty(), "{} of {asked}: {}", flaws.len(), flaws.join("\n"));
    assert!(asked >= 5 * hostile_bodies().len(), "{asked}");
    for length in ["10485760", "18446744073709551616", "-1", "1, 2"] {
        let answer = announced(&story.server, &format!("content-length: {length}"));
        let status: Vec<&str> = answer.split_whitespace().take(2).collect();
        assert!(matches!(status.as_slice(), ["HTTP/1.1", "400" | "413"]), "{length}: {answer}");
    }
    assert_eq!(story.server.raw(Method::GET, "/healthz", None, Vec::new()).await.status, 200, "it is still there");
}

/// The first of an answer to a request that only announces its body.
fn announced(server: &Server, header: &str) -> String {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    let head = format!("POST /oidc/token HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut first = [0; 1024];
    let read = stream.read(&mut first).unwrap();
    String::from_utf8_lossy(&first[..read]).into_owned()
}
