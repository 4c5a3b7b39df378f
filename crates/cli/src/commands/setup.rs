//! `billconnect setup`: prints what a customer needs to grant access, filled in for the org.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use billing::names::OrgId;
use billing::policy::Grant;
use billing::setup::{Artefact, Asked, Delivery, Ending, Field, Flaw, Format, Setup};
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use crate::args::Global;
use crate::{out, world};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print what an AWS customer applies: policies, a script, a CloudFormation template, a Terraform module, and the request.
    Aws(Box<Args>),
}

/// Without `--format`: the two policies and the request, to be pasted one after the other.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The customer's org.
    #[arg(long)]
    org: OrgId,
    /// The bucket that AWS delivers the reports to.
    #[arg(long)]
    bucket: String,
    /// The path in the bucket.
    #[arg(long, default_value = "", hide_default_value = true)]
    path: String,
    /// The payer account. Where it is given, the script and the module refuse to run in another.
    #[arg(long)]
    account: Option<String>,
    /// The form to print.
    #[arg(long, value_parser = PossibleValuesParser::new(Format::ALL.map(Format::name)))]
    format: Option<String>,
    /// Grant no more than the path and the actions that are called.
    #[arg(long)]
    tightened: bool,
    /// Also make the bucket, its policy and what AWS is to deliver: `focus` a FOCUS 1.2 export (the best that is read),
    /// `cur2` a CUR 2.0 export (the next best), `cur` the legacy report. AWS makes these in us-east-1: make a stack with one there,
    /// and give the Terraform module a provider of that region.
    #[arg(long, default_value = "none", value_parser = PossibleValuesParser::new(Delivery::ALL.map(|(name, _)| name)))]
    with: String,
    /// The name of the role to make; `billing-reader` if left out.
    #[arg(long)]
    role_name: Option<String>,
    /// The name of the report or export to make; `billconnect` if left out.
    #[arg(long)]
    report_name: Option<String>,
    /// The region of the bucket to make; `us-east-1` if left out.
    #[arg(long, value_name = "REGION")]
    bucket_region: Option<String>,
    /// The partition of the customer's account: `aws`, `aws-cn` or `aws-us-gov`.
    #[arg(long, default_value = "aws")]
    partition: String,
    /// Where this service answers, for the request.
    #[arg(long, value_name = "URL")]
    host: Option<String>,
    /// End the CloudFormation stack with the request that connects: the stack fails when that fails.
    #[arg(long)]
    connect: bool,
    /// Where the CloudFormation template is hosted, for the quick-create link.
    #[arg(long, value_name = "URL")]
    template_url: Option<String>,
    /// Write the files to this folder instead of printing them.
    #[arg(long, value_name = "DIR", requires = "format", conflicts_with = "json")]
    out: Option<PathBuf>,
    /// Print JSON: the policies and every form.
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  billconnect setup aws --org 123456789 --bucket acme-bills --path cur --host https://bills.example.com
  billconnect setup aws --org 123456789 --bucket acme-bills --format policy-tightened --path cur > policy.json
  billconnect setup aws --org 123456789 --bucket acme-bills --path cur --account 123456789012 --with focus --format cli | sh
  billconnect setup aws --org 123456789 --bucket acme-bills --path cur --connect --format cloudformation > billconnect.json
  billconnect setup aws --org 123456789 --bucket acme-bills --path cur --format quick-create --template-url https://…
  billconnect setup aws --org 123456789 --bucket acme-bills --path cur --format terraform --out billconnect-module";

pub async fn run(global: &Global, Command::Aws(args): Command) -> anyhow::Result<ExitCode> {
    let wish = args.asked().read().map_err(|flaws| named(&flaws))?;
    let app = world::open(global).await?;
    world::require_org(&app, args.org).await?;
    let setup = app.setup(args.org, wish).await?;
    if args.json {
        out::json(&all(&setup))?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(format) = &args.format else {
        overview(&setup)?;
        return Ok(ExitCode::SUCCESS);
    };
    let format: Format = format.parse().map_err(anyhow::Error::msg)?;
    let made =
        setup.artefact(format).with_context(|| format!("name it with --template-url to get a `{}`", format.name()))?;
    match &args.out {
        Some(folder) => write(folder, &made)?,
        None => out::data(made.text().trim_end_matches('\n')),
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn asked(&self) -> Asked {
        Asked {
            partition: Some(self.partition.clone()),
            account: self.account.clone(),
            bucket: self.bucket.clone(),
            path: self.path.clone(),
            role: self.role_name.clone(),
            grant: if self.tightened { Grant::Tightened } else { Grant::Published },
            with: Some(self.with.clone()),
            report: self.report_name.clone(),
            region: self.bucket_region.clone(),
            service: self.host.clone(),
            template: self.template_url.clone(),
            ending: if self.connect { Ending::Connect } else { Ending::Role },
        }
    }
}

/// The error with the flag of each wrong field.
fn named(flaws: &[Flaw]) -> anyhow::Error {
    let flag = |field: Field| match field {
        Field::Partition => "--partition",
        Field::Account => "--account",
        Field::Bucket => "--bucket",
        Field::Path => "--path",
        Field::Role => "--role-name",
        Field::With => "--with",
        Field::Report => "--report-name",
        Field::Region => "--bucket-region",
        Field::Service => "--host",
        Field::Template => "--template-url",
    };
    let lines: Vec<String> = flaws.iter().map(|flaw| format!("{}: {}", flag(flaw.field), flaw.message)).collect();
    anyhow::anyhow!("{}", lines.join("\n       "))
}

/// What to paste, one after the other.
fn overview(setup: &Setup) -> anyhow::Result<()> {
    out::data("# 1. In the payer account, make an IAM policy with these permissions:\n");
    out::json(&setup.permission_policy())?;
    out::data("\n# 2. Make an IAM role with that policy and this trust policy:\n");
    out::json(&setup.trust_policy())?;
    out::data("\n# 3. Connect the bill: fill in what stands in <…>, and send:\n");
    out::data(&setup.artefact(Format::Connect)?.text());
    let forms: Vec<&str> = Format::ALL.map(Format::name).to_vec();
    out::talk(&format!("Or apply it in one step; --format is one of {}", forms.join(", ")));
    Ok(())
}

/// Every form, and the policies as what they are.
fn all(setup: &Setup) -> Value {
    let artefacts = Format::ALL.map(|format| match setup.artefact(format) {
        Ok(made) => {
            let files = made.files.iter().map(|file| json!({ "name": file.name, "content": file.text }));
            json!({ "format": format.name(), "about": format.about(), "files": files.collect::<Vec<_>>() })
        }
        Err(why) => json!({ "format": format.name(), "about": format.about(), "unavailable": why.to_string() }),
    });
    json!({
        "permission_policy": setup.permission_policy(),
        "trust_policy": setup.trust_policy(),
        "artefacts": artefacts,
    })
}

/// Writes the files into a folder; a script is made ready to run.
fn write(folder: &Path, made: &Artefact) -> anyhow::Result<()> {
    let failed = |path: &Path| format!("`{}` can't be written", path.display());
    fs::create_dir_all(folder).with_context(|| failed(folder))?;
    for file in &made.files {
        let path = folder.join(file.name);
        fs::write(&path, &file.text).with_context(|| failed(&path))?;
        if made.format == Format::Cli {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).with_context(|| failed(&path))?;
        }
        out::talk(&format!("wrote {}", path.display()));
    }
    Ok(())
}
