//! Remedies: what a customer pastes to mend a failed check, filled in for this org and bucket.

use crate::connection::Candidate;
use crate::policy::{self, PUBLISHED};

/// The trust policy to paste, with where to paste it.
pub(crate) fn trust(candidate: &Candidate, operator_arn: &str) -> String {
    let policy = policy::trust_policy(operator_arn, &candidate.external_id());
    format!(
        "in IAM, open the role `{}`, Trust relationships, Edit trust policy, and paste:\n{policy:#}",
        candidate.role.name()
    )
}

/// The published statement that grants `action`, with where to paste it; `None` where no statement does.
pub(crate) fn permission(candidate: &Candidate, action: &str) -> Option<String> {
    let statement = PUBLISHED.iter().find(|statement| statement.actions.contains(&action))?;
    let json = policy::statement_json(statement, candidate.partition(), &candidate.bucket);
    Some(format!("add this statement to the permission policy of the role `{}`:\n{json:#}", candidate.role.name()))
}

/// The statement that the key's policy needs.
pub(crate) fn decrypt(candidate: &Candidate) -> String {
    let statement = serde_json::json!({
        "Sid": "BillingReader",
        "Effect": "Allow",
        "Principal": { "AWS": candidate.role.as_ref() },
        "Action": "kms:Decrypt",
        "Resource": "*",
    });
    format!("add this statement to the policy of the KMS key that encrypts `{}`:\n{statement:#}", candidate.bucket)
}
