//! The policies that we ask a customer for: the one model that every printed, proven and scoped form comes from.

use serde_json::{Value, json};

use crate::bucket::{BucketName, BucketPath};
use crate::names::ExternalId;
use crate::role::Partition;

/// One permission that we ask for: the actions, and what they act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    /// The statement's id in the policy.
    pub sid: &'static str,
    /// The IAM actions, wildcards as published.
    pub actions: &'static [&'static str],
    /// What the actions act on.
    pub scope: Scope,
    /// What we do with it, for people.
    pub why: &'static str,
}

/// What a statement's actions act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The bucket itself.
    Bucket,
    /// The objects in the bucket.
    Objects,
    /// Everything (`*`): these actions know no narrower resource.
    Everything,
}

/// The four statements that we publish. Nothing is called that is not among them.
pub const PUBLISHED: [Statement; 4] = [
    Statement {
        sid: "BillingBucket",
        actions: &["s3:ListBucket", "s3:GetBucketLocation"],
        scope: Scope::Bucket,
        why: "find the reports and the bucket's region",
    },
    Statement { sid: "BillingObjects", actions: &["s3:GetObject"], scope: Scope::Objects, why: "read the reports" },
    Statement {
        sid: "AccountNames",
        actions: &["organizations:Describe*", "organizations:List*"],
        scope: Scope::Everything,
        why: "name the accounts on the bill",
    },
    Statement {
        sid: "ReservationUtilization",
        actions: &["ce:GetReservationUtilization"],
        scope: Scope::Everything,
        why: "compare the use of reservations with Cost Explorer",
    },
];

/// The actions that STS answers without any permission, so that no statement has to grant them.
pub const UNPERMISSIONED: [&str; 1] = ["sts:GetCallerIdentity"];

/// The permission policy that the role needs, as a JSON document.
pub fn permission_policy(partition: Partition, bucket: &BucketName) -> Value {
    let statements = PUBLISHED.iter().map(|statement| statement_json(statement, partition, bucket));
    document(&statements.collect::<Vec<_>>())
}

/// One published statement, filled in: what a remedy tells the customer to add.
pub fn statement_json(statement: &Statement, partition: Partition, bucket: &BucketName) -> Value {
    let resource = match statement.scope {
        Scope::Bucket => format!("arn:{partition}:s3:::{bucket}"),
        Scope::Objects => format!("arn:{partition}:s3:::{bucket}/*"),
        Scope::Everything => "*".to_owned(),
    };
    json!({ "Sid": statement.sid, "Effect": "Allow", "Action": statement.actions, "Resource": resource })
}

/// The trust policy that the role needs: the operator's principal, and no one without the org's external id.
pub fn trust_policy(operator_arn: &str, external_id: &ExternalId) -> Value {
    document(&[json!({
        "Effect": "Allow",
        "Principal": { "AWS": operator_arn },
        "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "sts:ExternalId": external_id.as_ref() } },
    })])
}

/// The session policy that our own sessions are scoped down by: this bucket, this path and the published actions.
///
/// Listing is scoped by prefix, so that even a role which may see more shows us only what we were pointed to. AWS takes at
/// most 2,048 characters, which the longest bucket (63) and path (512) stay under.
pub fn session_policy(partition: Partition, bucket: &BucketName, path: &BucketPath) -> Value {
    let bucket_arn = format!("arn:{partition}:s3:::{bucket}");
    let prefix = path.prefix();
    let mut list = json!({ "Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket_arn });
    if !path.is_empty() {
        list["Condition"] = json!({ "StringLike": { "s3:prefix": format!("{prefix}*") } });
    }
    let account_wide: Vec<&str> =
        PUBLISHED.iter().filter(|s| s.scope == Scope::Everything).flat_map(|s| s.actions).copied().collect();
    document(&[
        list,
        json!({ "Effect": "Allow", "Action": "s3:GetBucketLocation", "Resource": bucket_arn }),
        json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": format!("{bucket_arn}/{prefix}*") }),
        // Encrypted buckets: the key's own policy decides; a session policy that left this out would deny it for everyone.
        json!({ "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*" }),
        json!({ "Effect": "Allow", "Action": account_wide, "Resource": "*" }),
    ])
}

/// Whether the published policy grants `action` (such as `s3:GetObject`).
pub fn publishes(action: &str) -> bool {
    PUBLISHED.iter().flat_map(|statement| statement.actions).any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => action.starts_with(start),
        None => *pattern == action,
    })
}

fn document(statements: &[Value]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::OrgId;

    #[test]
    fn the_permission_policy_is_the_published_one() {
        let policy = permission_policy(Partition::Aws, &"acme-bills".parse().unwrap());
        let expected = json!({ "Version": "2012-10-17", "Statement": [
            { "Sid": "BillingBucket", "Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": "arn:aws:s3:::acme-bills" },
            { "Sid": "BillingObjects", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::acme-bills/*" },
            { "Sid": "AccountNames", "Effect": "Allow", "Action": ["organizations:Describe*", "organizations:List*"], "Resource": "*" },
            { "Sid": "ReservationUtilization", "Effect": "Allow", "Action": ["ce:GetReservationUtilization"], "Resource": "*" },
        ] });
        assert_eq!(policy, expected);
    }

    #[test]
    fn the_trust_policy_requires_the_orgs_id() {
        let org: OrgId = "123456".parse().unwrap();
        let policy = trust_policy("arn:aws:iam::999999999999:user/billconnect", &org.external_id());
        let expected = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "AWS": "arn:aws:iam::999999999999:user/billconnect" },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "sts:ExternalId": "123456" } },
        }] });
        assert_eq!(policy, expected);
    }

    #[test]
    fn the_longest_session_policy_fits() {
        let bucket = "b".repeat(63).parse().unwrap();
        let path = "p".repeat(512).parse().unwrap();
        let text = session_policy(Partition::AwsUsGov, &bucket, &path).to_string();
        assert!(text.len() <= 2048, "{} characters", text.len());
    }

    #[test]
    fn published_actions_are_known() {
        assert!(publishes("s3:GetObject"));
        assert!(publishes("organizations:ListAccounts"));
        assert!(!publishes("s3:GetObjectVersion"));
        assert!(!publishes("s3:PutObject"));
    }
}
