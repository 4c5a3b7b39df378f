//! Every variant of every form, looked at by its own tools: cfn-lint, shellcheck, `terraform fmt` and `terraform console`, and
//! the AWS provider's own names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use billing::names::OrgId;
use billing::policy::Grant;
use billing::setup::{Asked, Delivery, Ending, Format, Setup};
use serde_json::Value;
use tempfile::TempDir;

use crate::kit::tools::{run, succeeded, terraform, tool};
use crate::kit::world::OPERATOR_ARN;

const ACCOUNT: &str = "123456789012";

/// A variant of the setup, and what to call its files.
struct Variant {
    name: String,
    setup: Setup,
}

/// A path that every quoting has something to do with.
const HOSTILE: &str = "it's a `path` %{of} ${all} (bills)";

/// Every combination that changes the shape of a form.
fn variants() -> Vec<Variant> {
    let mut all = Vec::new();
    for (with, delivery) in Delivery::ALL {
        for (scope, grant) in [("published", Grant::Published), ("tightened", Grant::Tightened)] {
            for (end, ending) in [("role", Ending::Role), ("connect", Ending::Connect)] {
                for path in ["", "bills/cur", HOSTILE] {
                    // AWS delivers to a path of its own rules only.
                    if delivery != Delivery::None && path != "bills/cur" {
                        continue;
                    }
                    let path = path.replace('$', "");
                    let name = format!("{with}-{scope}-{end}-{}", all.len());
                    let asked = Asked {
                        account: (end == "role").then(|| ACCOUNT.to_owned()),
                        bucket: "acme-bills".to_owned(),
                        path,
                        with: Some(with.to_owned()),
                        grant,
                        ending,
                        ..Asked::default()
                    };
                    all.push(Variant { name, setup: setup(&asked) });
                }
            }
        }
    }
    // An org during a rotation has two ids.
    let mut rotation = setup(&Asked { bucket: "acme-bills".to_owned(), ..Asked::default() });
    rotation.external_ids.push(org("987654321").external_id());
    all.push(Variant { name: "rotation".to_owned(), setup: rotation });
    all
}

fn org(id: &str) -> OrgId {
    id.parse().unwrap()
}

fn setup(asked: &Asked) -> Setup {
    let org = org("123456789");
    let wish = asked.read().unwrap();
    Setup { org, operator: OPERATOR_ARN.to_owned(), external_ids: vec![org.external_id()], wish }
}

/// Writes a form of every variant, each into a folder of its own, and gives the folders with their variants.
fn write(folder: &Path, format: Format) -> Vec<(PathBuf, Variant)> {
    let write = |variant: Variant| {
        let folder = folder.join(&variant.name);
        fs::create_dir(&folder).unwrap();
        for file in variant.setup.artefact(format).unwrap().files {
            fs::write(folder.join(file.name), file.text).unwrap();
        }
        (folder, variant)
    };
    variants().into_iter().map(write).collect()
}

#[test]
fn cfn_lint_finds_nothing() {
    let folder = TempDir::new().unwrap();
    let written = write(folder.path(), Format::CloudFormation);
    let mut lint = tool("cfn-lint");
    // Warnings and remarks too.
    lint.args(["--regions", "us-east-1", "--include-checks", "I", "--template"]);
    lint.args(written.iter().map(|(folder, _)| folder.join("billconnect.json")));
    assert_eq!(succeeded(&mut lint), "");
}

#[test]
fn cfn_lint_would_find_a_wrong_name() {
    let folder = TempDir::new().unwrap();
    let written = write(folder.path(), Format::CloudFormation);
    let path = written[0].0.join("billconnect.json");
    let wrong = fs::read_to_string(&path).unwrap().replace("AssumeRolePolicyDocument", "TrustPolicy");
    fs::write(&path, wrong).unwrap();
    assert!(!run(tool("cfn-lint").arg(&path)).status.success());
}

#[test]
fn the_scripts_parse_and_shellcheck_finds_nothing() {
    let folder = TempDir::new().unwrap();
    for (folder, variant) in write(folder.path(), Format::Cli) {
        let script = folder.join("setup.sh");
        succeeded(tool("sh").arg("-n").arg(&script));
        // A path with quotes and backquotes looks like a mistake to it, which it says as a remark.
        let least = if variant.setup.wish.path.as_ref().contains('\'') { "warning" } else { "style" };
        let found = succeeded(tool("shellcheck").args(["--norc", "--shell", "sh", "--severity", least]).arg(&script));
        assert_eq!(found, "", "{}", variant.name);
        let request = folder.join("connect.sh");
        fs::write(&request, variant.setup.artefact(Format::Connect).unwrap().text()).unwrap();
        succeeded(tool("sh").arg("-n").arg(&request));
    }
}

#[test]
fn a_hostile_path_reaches_aws_as_it_is_and_runs_nothing() {
    let folder = TempDir::new().unwrap();
    let written = write(folder.path(), Format::Cli);
    let hostile = |(_, variant): &&(PathBuf, Variant)| {
        variant.setup.wish.path.as_ref().contains('\'') && variant.setup.wish.grant == Grant::Tightened
    };
    let (folder, variant) = written.iter().find(hostile).unwrap();
    // An AWS CLI that says what it was given as the policy.
    let aws = folder.join("aws");
    let fake = "#!/bin/sh\ncase $2 in get-caller-identity) echo 123456789012 ;; list-role-tags) exit 1 ;; put-role-policy) printf '%s' \"$8\" >\"$GIVEN\" ;; esac\n";
    fs::write(&aws, fake).unwrap();
    succeeded(tool("chmod").arg("+x").arg(&aws));
    let given = folder.join("given.json");
    let mut sh = tool("sh");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    succeeded(sh.env("PATH", path).env("GIVEN", &given).arg(folder.join("setup.sh")));
    let policy: Value = serde_json::from_slice(&fs::read(given).unwrap()).unwrap();
    assert_eq!(policy, variant.setup.permission_policy());
}

#[test]
fn terraform_would_format_nothing_differently() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), Format::Terraform);
    succeeded(terraform().args(["fmt", "-check", "-diff", "-recursive"]).arg(folder.path()));
    fs::write(folder.path().join("none-published-role-0/wrong.tf"), "locals {\n  a = 1\n  bc = 2\n}\n").unwrap();
    assert!(!run(terraform().args(["fmt", "-check", "-recursive"]).arg(folder.path())).status.success());
}

/// What `terraform console` makes of an expression in this folder.
fn evaluate(folder: &Path, expression: &str) -> Value {
    let question = folder.join("question");
    fs::write(&question, expression).unwrap();
    let answer = succeeded(terraform().arg("console").current_dir(folder).stdin(fs::File::open(question).unwrap()));
    let text: String = serde_json::from_str(answer.trim()).unwrap_or_else(|error| panic!("{error}: {answer}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_policies_that_the_module_renders_are_the_models() {
    let folder = TempDir::new().unwrap();
    for (folder, variant) in write(folder.path(), Format::Terraform) {
        // What only AWS can answer; the rest needs no provider.
        fs::write(
            folder.join("main.tf"),
            format!("locals {{\n account_id = \"{ACCOUNT}\"\n partition = \"aws\"\n}}\n"),
        )
        .unwrap();
        fs::remove_file(folder.join("outputs.tf")).unwrap();
        let (name, setup) = (&variant.name, &variant.setup);
        assert_eq!(evaluate(&folder, "local.trust_policy"), setup.trust_policy(), "{name}");
        assert_eq!(evaluate(&folder, "local.permission_policy"), setup.permission_policy(), "{name}");
    }
}

/// The blocks of a module: `resource <type>`, `data <type>` and the blocks in them, each with its names.
fn blocks(folder: &Path) -> Vec<(String, BTreeSet<String>)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/setup/module_names.py");
    let printed = succeeded(tool("python").arg(script).arg(folder));
    serde_json::from_str(&printed).unwrap()
}

#[test]
fn every_name_in_the_module_is_the_providers() {
    let schema: Value = serde_json::from_str(include_str!("terraform_schema.json")).unwrap();
    let folder = TempDir::new().unwrap();
    let mut seen = BTreeSet::new();
    for (folder, variant) in write(folder.path(), Format::Terraform) {
        for (block, names) in blocks(&folder) {
            let known = schema["names"][&block].as_array();
            let known = known.unwrap_or_else(|| panic!("{}: the provider has no `{block}`", variant.name));
            for name in names {
                assert!(known.iter().any(|known| *known == name), "{}: `{block}` has no `{name}`", variant.name);
            }
            seen.insert(block);
        }
    }
    let listed: BTreeSet<String> = schema["names"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(seen, listed, "the list holds what is used and no more");
}
