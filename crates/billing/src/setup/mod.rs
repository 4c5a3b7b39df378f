//! Setup: what a customer's administrator applies to grant access, in every form that they may want it.
//!
//! Each form is made from the one model of [`crate::policy`] and `report`: nothing here states a policy of its own. What a
//! template leaves open stands in the model's texts as `${Name}`, in the template's own spelling.

mod cli_script;
mod cloudformation;
mod connect;
mod hcl;
mod link;
#[cfg(test)]
mod page;
mod report;
mod terraform;
mod text;
mod wish;

use serde_json::Value;

use crate::names::{ExternalId, OrgId, quotable};
use crate::policy;
pub use text::{ReportName, RoleName, ServiceUrl, TemplateUrl};
pub use wish::{Asked, Delivery, Ending, Field, Flaw, Wish};

/// What the inline policy on the role is called, in every form.
const POLICY_NAME: &str = "billconnect";

/// The tag that says whose role it is, so that no other role is ever changed by accident.
const ORG_TAG: &str = "billconnect-org";

/// What the role says of itself in IAM.
const ROLE_DESCRIPTION: &str = "Reads AWS bills for billconnect";

/// All that setting up one customer takes.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Whose bills they become.
    pub org: OrgId,
    /// The operator's principal, which the role trusts.
    pub operator: String,
    /// The org's external ids: one, or two during a rotation.
    pub external_ids: Vec<ExternalId>,
    /// What the customer has, and wants made.
    pub wish: Wish,
}

/// A form that the setup comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "`about` says it")]
pub enum Format {
    Policy,
    PolicyTightened,
    Trust,
    Connect,
    Cli,
    CloudFormation,
    QuickCreate,
    Terraform,
}

/// One form of the setup, made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefact {
    /// Which form it is.
    pub format: Format,
    /// Its files; all forms but Terraform have one.
    pub files: Vec<File>,
}

/// A file of an artefact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: &'static str,
    /// What is in it, the last line ended.
    pub text: String,
}

/// Why a form cannot be made of what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// A link leads to a template, which somebody has to host.
    #[error(
        "a quick-create link needs the address of the hosted template: save the `cloudformation` format to a bucket that \
         customers can read, and name its URL"
    )]
    NoTemplateUrl,
}

impl Format {
    /// Every form.
    pub const ALL: [Self; 8] = [
        Self::Policy,
        Self::PolicyTightened,
        Self::Trust,
        Self::Connect,
        Self::Cli,
        Self::CloudFormation,
        Self::QuickCreate,
        Self::Terraform,
    ];

    /// What it is called in requests and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::PolicyTightened => "policy-tightened",
            Self::Trust => "trust",
            Self::Connect => "connect",
            Self::Cli => "cli",
            Self::CloudFormation => "cloudformation",
            Self::QuickCreate => "quick-create",
            Self::Terraform => "terraform",
        }
    }

    /// What it is, for people.
    pub fn about(self) -> &'static str {
        match self {
            Self::Policy => "the permission policy as published",
            Self::PolicyTightened => "the permission policy scoped to the path and to the actions that are called",
            Self::Trust => "the trust policy",
            Self::Connect => "the request that connects the bill",
            Self::Cli => "a shell script for the AWS CLI",
            Self::CloudFormation => "a CloudFormation template",
            Self::QuickCreate => "a link that opens the AWS console with the hosted template filled in",
            Self::Terraform => "a Terraform module",
        }
    }

    /// Its media type, without parameters.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Policy | Self::PolicyTightened | Self::Trust | Self::CloudFormation => "application/json",
            Self::Cli => "text/x-shellscript",
            Self::Connect | Self::QuickCreate | Self::Terraform => "text/plain",
        }
    }
}

impl std::str::FromStr for Format {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|format| format.name() == text);
        known.ok_or_else(|| {
            format!("`{}` is not a format of the setup: choose one of {}", quotable(text), names_of_formats())
        })
    }
}

fn names_of_formats() -> String {
    Format::ALL.map(|format| format!("`{}`", format.name())).join(", ")
}

impl Setup {
    /// The permission policy that the role is to get: the published one, or the tightened where it was asked for.
    pub fn permission_policy(&self) -> Value {
        self.permissions(self.wish.grant)
    }

    /// The trust policy of the role.
    pub fn trust_policy(&self) -> Value {
        let ids: Vec<&str> = self.external_ids.iter().map(AsRef::as_ref).collect();
        policy::trust_policy_at(&self.operator, &ids)
    }

    fn permissions(&self, grant: policy::Grant) -> Value {
        let Wish { partition, bucket, path, .. } = &self.wish;
        match grant {
            policy::Grant::Published => policy::permission_policy(*partition, bucket),
            policy::Grant::Tightened => policy::tightened_policy(*partition, bucket, path),
        }
    }

    /// Makes one form.
    pub fn artefact(&self, format: Format) -> Result<Artefact, Unavailable> {
        let one = |name, text| vec![File { name, text }];
        let files = match format {
            Format::Policy => one("policy.json", pretty(&self.permissions(policy::Grant::Published))),
            Format::PolicyTightened => one("policy.json", pretty(&self.permissions(policy::Grant::Tightened))),
            Format::Trust => one("trust.json", pretty(&self.trust_policy())),
            Format::Connect => one("connect.sh", connect::request(self)),
            Format::Cli => one("setup.sh", cli_script::render(self)),
            Format::CloudFormation => one("billconnect.json", pretty(&cloudformation::template(self))),
            Format::QuickCreate => one("link.txt", link::quick_create(self)? + "\n"),
            Format::Terraform => terraform::files(self),
        };
        Ok(Artefact { format, files })
    }
}

impl Artefact {
    /// All of it as one text; several files each under a line with its name.
    pub fn text(&self) -> String {
        if let [only] = self.files.as_slice() {
            return only.text.clone();
        }
        let files = self.files.iter().map(|file| format!("# ---- {} ----\n{}", file.name, file.text));
        files.collect::<Vec<_>>().join("\n")
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_read_by_its_name() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
            assert!(!format.about().is_empty() && format.media_type().contains('/'));
        }
        let error = "yaml".parse::<Format>().unwrap_err();
        assert!(error.contains("`terraform`"), "{error}");
    }

    #[test]
    fn every_format_but_the_link_is_made_of_the_least_that_can_be_asked() {
        let setup = wish::example(&Asked { bucket: "acme-bills".into(), ..Asked::default() });
        for format in Format::ALL {
            let made = setup.artefact(format);
            if format == Format::QuickCreate {
                assert_eq!(made, Err(Unavailable::NoTemplateUrl));
                continue;
            }
            let text = made.unwrap().text();
            assert!(text.ends_with('\n') && !text.contains("\n\n\n"), "{}", format.name());
        }
    }

    #[test]
    fn a_rotation_reaches_every_format_that_trusts() {
        let mut setup = wish::example(&Asked { bucket: "acme-bills".into(), ..Asked::default() });
        setup.external_ids.push("765432".parse::<OrgId>().unwrap().external_id());
        for format in [Format::Trust, Format::Cli, Format::CloudFormation, Format::Terraform] {
            let text = setup.artefact(format).unwrap().text();
            assert!(text.contains("123456789") && text.contains("765432"), "{text}");
        }
    }
}
