//! `billconnect check --policy --trust`: judges files in the place of AWS's answers, with no AWS and no data folder.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use app::offline::{OfflineReport, check_documents};
use app::request::{AccessRequest, ConnectRequest};
use billing::iam::{Asker, Document, Documents, LeastPrivilege, PolicyKind, holds};
use billing::names::AccountId;

use super::check::{lines, named};
use crate::args::Global;
use crate::out;

/// The files that are judged in the place of AWS's answers.
#[derive(Debug, clap::Args)]
pub struct Files {
    /// The role's permission policy, as JSON: it is judged, and AWS is not asked.
    #[arg(long, value_name = "FILE", conflicts_with = "connect")]
    policy: Option<PathBuf>,
    /// The role's trust policy, as JSON: it is judged, and AWS is not asked.
    #[arg(long, value_name = "FILE", conflicts_with = "connect")]
    trust: Option<PathBuf>,
    /// A folder that holds what the bucket holds, to look for reports in.
    #[arg(long, value_name = "DIR", conflicts_with = "connect")]
    bucket_copy: Option<PathBuf>,
}

impl Files {
    /// Whether there is one, so that nothing is asked of AWS.
    pub fn are_given(&self) -> bool {
        self.policy.is_some() || self.trust.is_some() || self.bucket_copy.is_some()
    }
}

/// What a role is called whose ARN was not given.
const UNNAMED_ROLE: &str = "billconnect";

fn role_arn(request: &ConnectRequest) -> Option<&str> {
    match &request.access {
        AccessRequest::Role { arn, .. } => arn.as_deref(),
        AccessRequest::User { .. } => None,
    }
}

pub async fn run(global: &Global, files: &Files, mut request: ConnectRequest, json: bool) -> anyhow::Result<ExitCode> {
    let operator = global.operator_principal.as_deref().context(
        "whom the trust policy is to let in is not known offline: name the operator's principal with --operator-principal",
    )?;
    let documents = Documents {
        trust: read(files.trust.as_deref(), PolicyKind::Trust)?,
        policy: read(files.policy.as_deref(), PolicyKind::Permission)?,
        operator: Asker::new(operator).context("--operator-principal")?,
        names_role: role_arn(&request).is_some(),
    };
    if role_arn(&request).is_none() {
        // A wrong account is told as such, and not once more as a wrong role.
        let account = request.account.as_deref().unwrap_or_default().parse::<AccountId>();
        let account = account.map_or_else(|_| "0".repeat(12), String::from);
        let arn = Some(format!("arn:aws:iam::{account}:role/{UNNAMED_ROLE}"));
        request.access = AccessRequest::Role { arn, session_name: None, external_id: None };
    }
    let judged = check_documents(&request, &documents, files.bucket_copy.clone()).await.map_err(named)?;
    let fine = holds(&judged.report);
    if json {
        let mut answer = serde_json::to_value(&judged.report)?;
        answer["least_privilege"] = serde_json::to_value(&judged.least_privilege)?;
        out::json(&answer)?;
    } else {
        show(&judged);
        out::talk(if fine {
            "every required claim holds that files can decide; connect to have AWS prove the rest"
        } else {
            "a required claim does not hold, or the files do not decide it; `billconnect explain <check>` says more"
        });
    }
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(file: Option<&Path>, kind: PolicyKind) -> anyhow::Result<Option<Document>> {
    let Some(file) = file else { return Ok(None) };
    let text = std::fs::read_to_string(file).with_context(|| format!("`{}` can't be read", file.display()))?;
    let document = Document::parse(kind, &text).with_context(|| format!("`{}`", file.display()))?;
    Ok(Some(document))
}

fn show(judged: &OfflineReport) {
    lines(&judged.report);
    let Some(LeastPrivilege { score, excess }) = &judged.least_privilege else { return };
    out::data(&format!("\nleast privilege: {score} of 100"));
    if excess.is_empty() {
        return;
    }
    let mut table = out::table(&["beyond the published actions", "on", "it", "granted by"]);
    for beyond in excess {
        table.add_row([&beyond.action, &beyond.resource, beyond.reach.meaning(), &beyond.granted_by]);
    }
    out::data(&table.to_string());
    out::data(&format!("to tighten: {}", judged.tightened));
}
