//! The one table of checks: it makes the reports, `billconnect explain`, the docs page and the tests.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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
    ReportFormatReadable,
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

use AppliesTo::{All, Roles, Users};
use Severity::Required;

/// Every check, in the order of the reports.
pub const CHECKS: [CheckSpec; 15] = [
    CheckSpec {
        check: Check::RoleArnWellFormed,
        name: "role-arn-well-formed",
        severity: Required,
        applies_to: Roles,
        claim: "The ARN names an IAM role, in an account that is not the operator's own.",
        proof: "The ARN is parsed: partition (`aws`, `aws-cn`, `aws-us-gov`), 12 digits, `role/`, path and name; its account is compared with the operator's.",
        why: "A user or group cannot be assumed, and a role in the operator's own account would not be the customer's consent.",
        remediation: "Send the role's ARN as IAM shows it: `arn:aws:iam::<account>:role/<name>`.",
    },
    CheckSpec {
        check: Check::RoleAccountIsPayer,
        name: "role-account-is-payer",
        severity: Required,
        applies_to: Roles,
        claim: "The role lives in the payer account that the connection is for.",
        proof: "The account in the role's ARN is compared with the bill account of the request.",
        why: "The bill, the organization and the reservations belong to the payer; a role elsewhere sees another account's.",
        remediation: "Make the role in the payer (management) account, or correct the bill account of the request.",
    },
    CheckSpec {
        check: Check::RoleAssumable,
        name: "role-assumable",
        severity: Required,
        applies_to: Roles,
        claim: "The operator can assume the role with the org's external id.",
        proof: "`sts:AssumeRole` with the org's external id; then `sts:GetCallerIdentity` says that the session is the role.",
        why: "Everything else is read with this session.",
        remediation: "Put the trust policy of `billconnect setup aws` on the role. AWS answers a missing role, a wrong principal and a wrong external id alike, so compare all three.",
    },
    CheckSpec {
        check: Check::ExternalIdRequired,
        name: "external-id-required",
        severity: Required,
        applies_to: Roles,
        claim: "The role cannot be assumed without an external id.",
        proof: "`sts:AssumeRole` without an external id answers AccessDenied. A throttle, a time-out or an outage proves nothing.",
        why: "A role that anyone of the operator's customers could name would let one customer read another's bill (the confused deputy).",
        remediation: "Require the external id with `StringEquals` on `sts:ExternalId`; `StringEqualsIfExists` and no condition both let a request without one through.",
    },
    CheckSpec {
        check: Check::ExternalIdExact,
        name: "external-id-exact",
        severity: Required,
        applies_to: Roles,
        claim: "The role accepts the org's external id and no other.",
        proof: "`sts:AssumeRole` with a random id of the same shape, with the id's case flipped (where it has letters) and with a suffix: each answers AccessDenied.",
        why: "`StringLike` with a wildcard or `StringEqualsIgnoreCase` accept ids that belong to others.",
        remediation: "Compare with `StringEquals` and the org's id alone, in one statement, with no other statement that trusts the operator.",
    },
    CheckSpec {
        check: Check::UserKeysWork,
        name: "user-keys-work",
        severity: Required,
        applies_to: Users,
        claim: "The access key works and is an IAM user's.",
        proof: "`sts:GetCallerIdentity` with the key says that it is a user (`:user/`). A root key is refused.",
        why: "Everything else is read with this key, and a root key could do anything with the account.",
        remediation: "In IAM, open the user, Security credentials, and make a new access key; send its id and its secret. Better: connect a role, which has no secret to keep (`billconnect setup aws`).",
    },
    CheckSpec {
        check: Check::UserAccountIsPayer,
        name: "user-account-is-payer",
        severity: Required,
        applies_to: Users,
        claim: "The user lives in the payer account that the connection is for, which is not the operator's own.",
        proof: "The account that `sts:GetCallerIdentity` says is compared with the bill account of the request and with the operator's.",
        why: "The bill, the organization and the reservations belong to the payer; a user elsewhere sees another account's.",
        remediation: "Make the user in the payer (management) account, or correct the bill account of the request.",
    },
    CheckSpec {
        check: Check::BucketExists,
        name: "bucket-exists",
        severity: Required,
        applies_to: All,
        claim: "The bucket exists.",
        proof: "`s3:GetBucketLocation` (or, where that is refused, the listing) answers for it.",
        why: "A mistyped name is the commonest mistake, and AWS gives the names of deleted buckets to others.",
        remediation: "Send the bucket's name as the S3 console shows it, without `s3://` and without a path.",
    },
    CheckSpec {
        check: Check::BucketRegionKnown,
        name: "bucket-region-known",
        severity: Required,
        applies_to: All,
        claim: "The bucket's region is known.",
        proof: "`s3:GetBucketLocation` answers; all later requests go to that region.",
        why: "A bucket answers in its own region only.",
        remediation: "Grant `s3:GetBucketLocation` on the bucket.",
    },
    CheckSpec {
        check: Check::BucketOwnerExpected,
        name: "bucket-owner-expected",
        severity: Required,
        applies_to: All,
        claim: "The bucket belongs to the payer account.",
        proof: "Every S3 request carries the payer account as the expected bucket owner, and S3 answers.",
        why: "A bucket of the same name that somebody else owns could feed us a forged bill.",
        remediation: "Connect the payer account that owns the bucket.",
    },
    CheckSpec {
        check: Check::BucketListable,
        name: "bucket-listable",
        severity: Required,
        applies_to: All,
        claim: "The bucket can be listed at the path.",
        proof: "`s3:ListObjectsV2` at the path answers.",
        why: "Reports are found by listing; their names change with every delivery.",
        remediation: "Grant `s3:ListBucket` on the bucket.",
    },
    CheckSpec {
        check: Check::BucketReadable,
        name: "bucket-readable",
        severity: Required,
        applies_to: All,
        claim: "The report's files can be read.",
        proof: "`s3:GetObject` of the first byte of a listed report file answers.",
        why: "A bill that can be listed but not read is no bill.",
        remediation: "Grant `s3:GetObject` on the bucket's objects.",
    },
    CheckSpec {
        check: Check::BucketDecryptable,
        name: "bucket-decryptable",
        severity: Required,
        applies_to: All,
        claim: "The report's files can be decrypted.",
        proof: "The first byte of a report file arrives; a refusal by KMS is told from one by S3.",
        why: "With a customer-managed KMS key, S3's permission is not enough.",
        remediation: "Allow the role `kms:Decrypt` on the bucket's key, in the key's policy.",
    },
    CheckSpec {
        check: Check::ReportFound,
        name: "report-found",
        severity: Required,
        applies_to: All,
        claim: "There is a report of the account below the path.",
        proof: "The folders below the path are walked until a month's manifest turns up. An empty path is stored as waiting: AWS delivers the first report within 24 hours. Of several reports all are named, and the one that is read.",
        why: "Without a manifest nobody knows which files are the bill.",
        remediation: "Send the path that the report was configured with; where several lie below it, the best is read (FOCUS 1.2, then CUR 2.0, then a legacy report; with resource ids; not daily or monthly by its name), and sending the path of one, report name included, chooses it.",
    },
    CheckSpec {
        check: Check::ReportFormatReadable,
        name: "report-format-readable",
        severity: Required,
        applies_to: All,
        claim: "The report has a format and a compression that is read here.",
        proof: "The newest manifest is read and parsed.",
        why: "A format that is read wrongly is worse than one that is refused.",
        remediation: "Configure a FOCUS 1.2 or CUR 2.0 export, or a Cost and Usage Report, as csv with GZIP or ZIP compression or as Parquet, with either versioning.",
    },
];

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
            All => "",
            Roles => "; roles only",
            Users => "; IAM users only",
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
