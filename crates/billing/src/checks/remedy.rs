//! Remedies: what a customer pastes to mend a failed check, filled in for this org and bucket.

use crate::connection::{Candidate, RoleAccess};
use crate::policy::{self, PUBLISHED};
use crate::probe::Evidence;

/// The trust policy to paste, with where to paste it.
pub(crate) fn trust(role: &RoleAccess, operator_arn: &str) -> String {
    let policy = policy::trust_policy(operator_arn, &role.external_id);
    let name = role.arn.name();
    format!("in IAM, open the role `{name}`, Trust relationships, Edit trust policy, and paste:\n{policy:#}")
}

/// Who needs a permission, for people.
fn holder(candidate: &Candidate) -> String {
    match candidate.role() {
        Some(role) => format!("the role `{}`", role.arn.name()),
        None => "the IAM user".to_owned(),
    }
}

/// The published statement that grants `action`, with where to paste it; `None` where no statement does.
pub(crate) fn permission(candidate: &Candidate, action: &str) -> Option<String> {
    let statement = PUBLISHED.iter().find(|statement| statement.actions.contains(&action))?;
    let json = policy::statement_json(statement, candidate.partition(), &candidate.bucket);
    Some(format!("add this statement to the permission policy of {}:\n{json:#}", holder(candidate)))
}

/// The statement that the key's policy needs.
pub(crate) fn decrypt(candidate: &Candidate, evidence: &Evidence) -> String {
    let principal = match (candidate.role(), evidence.keys.granted()) {
        (Some(role), _) => role.arn.as_ref(),
        (None, Some(user)) => &user.arn,
        (None, None) => "<the ARN of the IAM user>",
    };
    let statement = serde_json::json!({
        "Sid": "BillingReader",
        "Effect": "Allow",
        "Principal": { "AWS": principal },
        "Action": "kms:Decrypt",
        "Resource": "*",
    });
    format!("add this statement to the policy of the KMS key that encrypts `{}`:\n{statement:#}", candidate.bucket)
}
