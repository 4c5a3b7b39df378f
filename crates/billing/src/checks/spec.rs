//! What a check is before it is run: its name, its severity, and its text for people.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::checks::table::CHECKS;
use crate::connection::AccessKind;
use crate::names::NameError;

/// A claim that holds when its check passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each claim is described once, in `CHECKS`")]
pub enum Check {
    RoleArnWellFormed,
    RoleAccountIsPayer,
    RoleAssumable,
    ExternalIdRequired,
    ExternalIdExact,
    UserKeysWork,
    UserAccountIsPayer,
    BucketExists,
    BucketRegionKnown,
    BucketOwnerExpected,
    BucketListable,
    BucketReadable,
    BucketDecryptable,
    ReportFound,
    ReportFresh,
    ReportFormatReadable,
    ReportHasResourceIds,
    ReportHourly,
    ReportRefreshesClosedMonths,
    OrganizationDescribed,
    AccountsListed,
    ReservationsReadable,
    NoExcessPermission,
}

/// What a failed check does to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A new connection is refused; an existing one is suspended.
    Required,
    /// The connection works without that feature.
    Optional,
}

/// Which connections a check is about. In the report of any other it is skipped, and says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AppliesTo {
    /// Every connection.
    All,
    /// Those by a role.
    Roles,
    /// Those by an IAM user's keys.
    Users,
}

impl AppliesTo {
    /// Why the check says nothing of connections of this kind; `None` where it is about them.
    pub fn why_not(self, kind: AccessKind) -> Option<&'static str> {
        match (self, kind) {
            (Self::Roles, AccessKind::User) => Some("an IAM user has no trust policy; a role is safer"),
            (Self::Users, AccessKind::Role) => Some("the connection is by a role, which needs no keys"),
            _ => None,
        }
    }
}

/// All that is known of a check before it is run.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CheckSpec {
    /// Which check. Serialised as its name.
    #[serde(skip_serializing)]
    pub check: Check,
    /// Its name: the claim, in kebab case.
    pub name: &'static str,
    /// What its failing does.
    pub severity: Severity,
    /// Which connections it is about.
    pub applies_to: AppliesTo,
    /// The claim as a sentence.
    pub claim: &'static str,
    /// How it is proven.
    pub proof: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do when it fails.
    pub remediation: &'static str,
}

impl Check {
    /// The check's row in the table.
    pub fn spec(self) -> &'static CheckSpec {
        CHECKS.iter().find(|spec| spec.check == self).expect("every check has a row in the table")
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spec().name)
    }
}

impl FromStr for Check {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let found = CHECKS.iter().find(|spec| spec.name == text);
        found
            .map(|spec| spec.check)
            .ok_or_else(|| NameError::new("a check", text, "`billconnect explain` without a name lists them"))
    }
}

impl CheckSpec {
    /// The check's section of the docs page, which is also what `billconnect explain` prints.
    pub fn section(&self) -> String {
        let severity = match self.severity {
            Severity::Required => "required",
            Severity::Optional => "optional",
        };
        let of = match self.applies_to {
            AppliesTo::All => "",
            AppliesTo::Roles => "; roles only",
            AppliesTo::Users => "; IAM users only",
        };
        format!(
            "## {}\n\n{} ({severity}{of})\n\n**Proof.** {}\n\n**Why.** {}\n\n**Remediation.** {}\n",
            self.name, self.claim, self.proof, self.why, self.remediation
        )
    }
}

/// The docs page of all checks, in Markdown.
pub fn checks_page() -> String {
    let mut page = String::from(
        "# Checks\n\nWhat a connection must prove before anything is read through it. This page is made from the table in \
         `crates/billing/src/checks/table.rs`; `billconnect explain <check>` prints one section.\n",
    );
    for spec in &CHECKS {
        write!(page, "\n{}", spec.section()).expect("writing to a String cannot fail");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_serialised_claims() {
        for spec in &CHECKS {
            assert_eq!(serde_json::to_value(spec.check).unwrap(), spec.name);
            assert_eq!(spec.name.parse::<Check>().unwrap(), spec.check);
        }
        assert!("nonsense".parse::<Check>().is_err());
    }

    /// Run with `UPDATE_DOCS=1` to write the page anew after the table changed.
    #[test]
    fn the_committed_page_is_the_tables() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/checks.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, checks_page()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == checks_page(), "docs/checks.md is stale: run `make docs`");
    }
}
