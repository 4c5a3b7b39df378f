//! The independent judge: an evaluator of IAM policies that is neither ours nor the emulator's, asked over its own process.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::{Value, json};

/// Someone who asks to assume a role, with an external id or none.
#[derive(Debug, Clone)]
pub struct Question {
    /// Who asks.
    pub principal: &'static str,
    /// The external id that is presented.
    pub id: Option<String>,
}

/// For each trust policy, whether each of its questions is answered with a session.
pub fn decide(asked: &[(Value, Vec<Question>)]) -> Vec<Vec<bool>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/iam_judge");
    assert!(folder.join("node_modules").is_dir(), "install the judge with `npm ci --prefix {}`", folder.display());
    let mut child = Command::new("node")
        .arg(folder.join("judge.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("`node` does not start ({error}): install Node.js 20 or newer"));
    let lines: String = asked.iter().map(|(trust, questions)| line(trust, questions)).collect();
    let mut stdin = child.stdin.take().expect("its input is piped");
    // Written beside reading: both pipes are short.
    let writing = thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let mut said = String::new();
    child.stdout.take().expect("its output is piped").read_to_string(&mut said).expect("its output is text");
    let status = child.wait().expect("it ends");
    writing.join().expect("no panic").expect("it reads its input");
    assert!(status.success(), "the judge gave up after {} policies", said.lines().count());
    said.lines().map(|line| serde_json::from_str(line).expect("a list of truth values")).collect()
}

fn line(trust: &Value, questions: &[Question]) -> String {
    let requests = questions.iter().map(|question| {
        let account = question.principal.split(':').nth(4).expect("an ARN");
        let name = question.principal.rsplit('/').next().expect("an ARN");
        let mut context = json!({
            "aws:PrincipalArn": question.principal, "aws:PrincipalAccount": account, "aws:PrincipalType": "User",
            "aws:username": name, "aws:SecureTransport": "true", "sts:RoleSessionName": "flexera-finops",
        });
        if let Some(id) = &question.id {
            context["sts:ExternalId"] = json!(id);
        }
        json!({ "principal": question.principal, "context": context })
    });
    let requests: Vec<Value> = requests.collect();
    let role = "arn:aws:iam::222222222222:role/billing-reader";
    format!("{}\n", json!({ "role": role, "account": "222222222222", "trust": trust, "requests": requests }))
}
