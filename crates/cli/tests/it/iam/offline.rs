//! `billconnect check` over files: no AWS, no data folder, and the same report.

use std::fs;
use std::path::Path;
use std::process::Output;

use billing::checks::CHECKS;
use billing::names::OrgId;
use billing::policy::{permission_policy, trust_policy};
use billing::role::Partition;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kit::server::Install;
use crate::kit::world::OPERATOR_ARN;

/// The published documents, as files, and a copy of a bucket with one report in it.
struct Files {
    folder: TempDir,
    install: Install,
}

impl Files {
    fn new() -> Self {
        let files = Self { folder: TempDir::new().unwrap(), install: Install::offline() };
        let org: OrgId = "123456789".parse().unwrap();
        files.write("trust.json", &trust_policy(OPERATOR_ARN, &org.external_id()));
        files.write("policy.json", &permission_policy(Partition::Aws, &"acme-bills".parse().unwrap()));
        let manifest = json!({
            "assemblyId": "a", "account": "123456789012", "charset": "UTF-8", "compression": "GZIP",
            "contentType": "text/csv", "columns": [], "reportName": "R",
            "reportKeys": ["cur/R/20260901-20261001/a/R-00001.csv.gz"],
            "billingPeriod": { "start": "20260901T000000.000Z", "end": "20261001T000000.000Z" },
        });
        let month = "bucket/cur/R/20260901-20261001";
        fs::create_dir_all(files.folder.path().join(month).join("a")).unwrap();
        files.write(&format!("{month}/R-Manifest.json"), &manifest);
        fs::write(files.folder.path().join(month).join("a/R-00001.csv.gz"), "x").unwrap();
        files
    }

    fn write(&self, name: &str, json: &Value) {
        fs::write(self.path(name), json.to_string()).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Runs `check` with these arguments beside the names.
    fn run(&self, arguments: &[&str]) -> Output {
        let names = "check --org 123456789 --account 123456789012 --bucket acme-bills --path cur";
        let mut all: Vec<&str> = names.split(' ').chain(["--operator-principal", OPERATOR_ARN]).collect();
        all.extend(arguments);
        let output = self.install.run(&all);
        assert!(!Path::new(&self.install.data().join("billconnect.db")).exists(), "no data folder is needed");
        output
    }

    /// The report on trust.json and policy.json, and the exit status.
    fn report(&self, more: &[&str]) -> (Value, i32) {
        let (trust, policy) = (self.path("trust.json"), self.path("policy.json"));
        let mut arguments = vec!["--trust", &trust, "--policy", &policy, "--json"];
        arguments.extend(more);
        let output = self.run(&arguments);
        let talk = String::from_utf8_lossy(&output.stderr);
        let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {talk}"));
        (report, output.status.code().unwrap())
    }
}

fn line<'a>(report: &'a Value, check: &str) -> &'a Value {
    report["checks"].as_array().unwrap().iter().find(|line| line["check"] == check).unwrap()
}

#[test]
fn the_published_documents_and_a_copy_of_the_bucket_hold() {
    let files = Files::new();
    let copy = files.path("bucket");
    let role = ["--role-arn", "arn:aws:iam::123456789012:role/billing"];
    let (report, status) = files.report(&["--bucket-copy", &copy, role[0], role[1]]);
    assert_eq!(status, 0, "{report:#}");
    let checks: Vec<&str> =
        report["checks"].as_array().unwrap().iter().map(|line| line["check"].as_str().unwrap()).collect();
    assert_eq!(checks, CHECKS.map(|spec| spec.name), "every claim exactly once");
    for check in [
        "role-arn-well-formed",
        "role-account-is-payer",
        "role-assumable",
        "external-id-required",
        "external-id-exact",
        "bucket-listable",
        "bucket-readable",
        "report-found",
        "report-format-readable",
    ] {
        assert_eq!(line(&report, check)["verdict"], "passed", "{:#}", line(&report, check));
    }
    assert_eq!(line(&report, "bucket-owner-expected")["verdict"], "skipped");
    assert_eq!(report["least_privilege"], json!({ "score": 100, "excess": [] }));

    let (without, status) = files.report(&[]);
    assert_eq!(status, 0, "what is not known is no failure: {without:#}");
    assert!(line(&without, "report-found")["found"].as_str().unwrap().contains("--bucket-copy"));
    assert!(line(&without, "role-arn-well-formed")["found"].as_str().unwrap().contains("--role-arn"));
}

#[test]
fn unsafe_and_lavish_documents_are_told_with_what_to_paste() {
    let files = Files::new();
    let loose = json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "Operator", "Effect": "Allow", "Principal": { "AWS": OPERATOR_ARN }, "Action": "sts:AssumeRole",
        "Condition": { "StringEqualsIfExists": { "sts:ExternalId": "123456789" } },
    }] });
    files.write("trust.json", &loose);
    let lavish =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": ["s3:*"], "Resource": "*" }] });
    files.write("policy.json", &lavish);
    let (report, status) = files.report(&[]);
    assert_eq!(status, 1);
    let required = line(&report, "external-id-required");
    assert_eq!(required["verdict"], "failed");
    let found = required["found"].as_str().unwrap();
    assert!(found.contains("statement 1 (`Operator`)") && found.contains("StringEqualsIfExists"), "{found}");
    assert!(required["remedy"].as_str().unwrap().contains("\"StringEquals\""));
    assert_eq!(report["least_privilege"]["score"], 60);
    assert_eq!(report["least_privilege"]["excess"][0]["reach"], "writes");

    let (trust, policy) = (files.path("trust.json"), files.path("policy.json"));
    let shown = files.run(&["--trust", &trust, "--policy", &policy]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("least privilege: 60 of 100") && text.contains("to tighten: "), "{text}");
}

#[test]
fn a_fault_in_a_file_is_named_with_file_and_place() {
    let files = Files::new();
    let trust = files.path("trust.json");
    fs::write(&trust, r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Alow"}]}"#).unwrap();
    for (arguments, named) in [
        (vec!["--trust", trust.as_str()], "trust.json`: $.Statement[0].Effect"),
        (vec!["--policy", "no-such-file.json"], "`no-such-file.json` can't be read"),
        (
            vec!["--policy", &files.path("policy.json"), "--bucket-copy", "no-such-folder"],
            "`no-such-folder` is not a folder",
        ),
    ] {
        let output = files.run(&arguments);
        let talk = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {talk}");
        assert!(talk.contains(named), "{arguments:?}: {talk}");
    }
}
