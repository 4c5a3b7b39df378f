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
    /// The actions among them that we call: no wildcards, and what the tightened policy grants.
    pub called: &'static [&'static str],
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
        called: &["s3:ListBucket", "s3:GetBucketLocation"],
        scope: Scope::Bucket,
        why: "find the reports and the bucket's region",
    },
    Statement {
        sid: "BillingObjects",
        actions: &["s3:GetObject"],
        called: &["s3:GetObject"],
        scope: Scope::Objects,
        why: "read the reports",
    },
    Statement {
        sid: "AccountNames",
        actions: &["organizations:Describe*", "organizations:List*"],
        called: &[
            "organizations:DescribeOrganization",
            "organizations:ListAccounts",
            "organizations:ListAccountsForParent",
            "organizations:ListOrganizationalUnitsForParent",
            "organizations:ListRoots",
            "organizations:ListTagsForResource",
        ],
        scope: Scope::Everything,
        why: "name the accounts on the bill, with their units and tags",
    },
    Statement {
        sid: "ReservationUtilization",
        actions: &["ce:GetReservationUtilization"],
        called: &["ce:GetReservationUtilization"],
        scope: Scope::Everything,
        why: "compare the use of reservations with Cost Explorer",
    },
];

/// The actions that STS answers without any permission, so that no statement has to grant them.
pub const UNPERMISSIONED: [&str; 1] = ["sts:GetCallerIdentity"];

/// Which form of the permission policy a customer is given. Both suffice for everything that we do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grant {
    /// The four statements as published.
    #[default]
    Published,
    /// The same, scoped to the path and to the very actions that are called.
    Tightened,
}

/// Where a policy's resources are, as text: the real names, or a template's placeholders for them.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The partition.
    pub partition: &'a str,
    /// The bucket.
    pub bucket: &'a str,
    /// What the keys of the reports start with: the path and a slash, or nothing for the whole bucket.
    pub prefix: &'a str,
}

impl Place<'_> {
    fn arn(&self, scope: Scope) -> String {
        let Self { partition, bucket, .. } = self;
        match scope {
            Scope::Bucket => format!("arn:{partition}:s3:::{bucket}"),
            Scope::Objects => format!("arn:{partition}:s3:::{bucket}/*"),
            Scope::Everything => "*".to_owned(),
        }
    }
}

/// The permission policy that the role needs, as a JSON document.
pub fn permission_policy(partition: Partition, bucket: &BucketName) -> Value {
    let place = Place { partition: partition.as_str(), bucket: bucket.as_ref(), prefix: "" };
    permission_policy_at(Grant::Published, &place)
}

/// The permission policy that suffices for this path alone.
pub fn tightened_policy(partition: Partition, bucket: &BucketName, path: &BucketPath) -> Value {
    let place = Place { partition: partition.as_str(), bucket: bucket.as_ref(), prefix: &path.prefix() };
    permission_policy_at(Grant::Tightened, &place)
}

/// Either form of the permission policy, for real names or a template's placeholders.
pub fn permission_policy_at(grant: Grant, place: &Place<'_>) -> Value {
    let statements: Vec<Value> = match grant {
        Grant::Published => PUBLISHED.iter().map(|statement| published(statement, place)).collect(),
        Grant::Tightened => PUBLISHED.iter().flat_map(|statement| tightened(statement, place)).collect(),
    };
    document(&statements)
}

/// One published statement, filled in: what a remedy tells the customer to add.
pub fn statement_json(statement: &Statement, partition: Partition, bucket: &BucketName) -> Value {
    published(statement, &Place { partition: partition.as_str(), bucket: bucket.as_ref(), prefix: "" })
}

fn published(statement: &Statement, place: &Place<'_>) -> Value {
    allow(statement.sid, statement.actions, &place.arn(statement.scope))
}

/// The statements that one published statement becomes when it is scoped to the path and to what is called.
fn tightened(statement: &Statement, place: &Place<'_>) -> Vec<Value> {
    let &Statement { sid, called, scope, .. } = statement;
    let Place { bucket, prefix, .. } = place;
    match scope {
        // Only listing knows a prefix, so each action of the bucket stands alone.
        Scope::Bucket => called.iter().map(|action| tightened_bucket(sid, action, place)).collect(),
        Scope::Objects => {
            let resource = format!("arn:{}:s3:::{bucket}/{prefix}*", place.partition);
            vec![allow(sid, called, &resource)]
        }
        Scope::Everything => vec![allow(sid, called, &place.arn(scope))],
    }
}

fn tightened_bucket(sid: &str, action: &str, place: &Place<'_>) -> Value {
    let name = action.split_once(':').map_or(action, |(_, name)| name);
    let mut statement = allow(&format!("{sid}{name}"), &[action], &place.arn(Scope::Bucket));
    if action == "s3:ListBucket" && !place.prefix.is_empty() {
        statement["Condition"] = json!({ "StringLike": { "s3:prefix": format!("{}*", place.prefix) } });
    }
    statement
}

fn allow(sid: &str, actions: &[&str], resource: &str) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource })
}

/// The trust policy that the role needs: the operator's principal, and no one without the org's external id.
pub fn trust_policy(operator_arn: &str, external_id: &ExternalId) -> Value {
    trust_policy_at(operator_arn, &[external_id.as_ref()])
}

/// The trust policy for one external id, or for the two of a rotation; real ones, or a template's placeholders.
pub fn trust_policy_at(operator_arn: &str, external_ids: &[&str]) -> Value {
    let ids = match external_ids {
        [only] => json!(only),
        several => json!(several),
    };
    document(&[json!({
        "Effect": "Allow",
        "Principal": { "AWS": operator_arn },
        "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "sts:ExternalId": ids } },
    })])
}

/// The session policy that our own sessions are scoped down by: this bucket, this path and the actions that are called.
///
/// It is the tightened policy, so that even a role which may see more shows us only what we were pointed to. AWS takes at
/// most 2,048 characters, which the longest bucket (63) and path (512) stay under.
pub fn session_policy(partition: Partition, bucket: &BucketName, path: &BucketPath) -> Value {
    let mut policy = tightened_policy(partition, bucket, path);
    // Encrypted buckets: the key's own policy decides; a session policy that left this out would deny it for everyone.
    let decrypt = allow("Decrypt", &["kms:Decrypt"], "*");
    if let Some(statements) = policy["Statement"].as_array_mut() {
        statements.push(decrypt);
        // Nobody reads their names, and they take room.
        for statement in statements.iter_mut().filter_map(Value::as_object_mut) {
            statement.shift_remove("Sid");
        }
    }
    policy
}

/// Whether the published policy grants `action` (such as `s3:GetObject`).
pub fn publishes(action: &str) -> bool {
    PUBLISHED.iter().flat_map(|statement| statement.actions).any(|pattern| covers(pattern, action))
}

/// Whether a published action, which may end in a wildcard, covers `action`.
pub(crate) fn covers(pattern: &str, action: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => action.starts_with(start),
        None => pattern == action,
    }
}

/// A policy of these statements.
pub(crate) fn document(statements: &[Value]) -> Value {
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
    fn a_rotation_trusts_both_ids_and_no_other() {
        let policy = trust_policy_at("arn:aws:iam::999999999999:user/billconnect", &["123456", "654321"]);
        let condition = &policy["Statement"][0]["Condition"];
        assert_eq!(condition, &json!({ "StringEquals": { "sts:ExternalId": ["123456", "654321"] } }));
    }

    /// The statements of the tightened policy for `path` as (id, actions, resource, condition).
    fn tight(path: &str) -> Vec<(String, Value, String, Value)> {
        let policy = tightened_policy(Partition::Aws, &"acme-bills".parse().unwrap(), &path.parse().unwrap());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let statements = policy["Statement"].as_array().unwrap().iter();
        statements
            .map(|s| (text(&s["Sid"]), s["Action"].clone(), text(&s["Resource"]), s["Condition"].clone()))
            .collect()
    }

    #[test]
    fn the_tightened_policy_reaches_only_below_the_path() {
        let statements = tight("bills/cur");
        let below = json!({ "StringLike": { "s3:prefix": "bills/cur/*" } });
        let bucket = "arn:aws:s3:::acme-bills".to_owned();
        assert_eq!(statements[0], ("BillingBucketListBucket".into(), json!(["s3:ListBucket"]), bucket.clone(), below));
        assert_eq!(statements[1].1, json!(["s3:GetBucketLocation"]));
        assert_eq!((&statements[1].2, &statements[1].3), (&bucket, &Value::Null), "a condition on it would deny it");
        assert_eq!((statements[2].2.as_str(), &statements[2].3), ("arn:aws:s3:::acme-bills/bills/cur/*", &Value::Null));
        for (sid, actions, ..) in &statements {
            assert!(!actions.to_string().contains('*'), "{sid}: {actions}");
        }
    }

    #[test]
    fn a_path_that_is_the_whole_bucket_needs_no_condition() {
        let statements = tight("");
        assert!(statements.iter().all(|(.., condition)| condition.is_null()), "{statements:?}");
        assert_eq!(statements[2].2, "arn:aws:s3:::acme-bills/*");
    }

    #[test]
    fn what_is_called_is_published() {
        for action in PUBLISHED.iter().flat_map(|statement| statement.called) {
            assert!(publishes(action) && !action.contains('*'), "{action}");
        }
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
