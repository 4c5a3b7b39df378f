//! Least privilege: what is held beyond the published actions, how far it reaches, and the score that follows.

use serde::Serialize;

use super::document::{Document, Effect, Only, Statement, action_pattern};
use super::pattern::Pattern;
use super::permission::Place;
use crate::policy::{PUBLISHED, Scope, UNPERMISSIONED};

/// How far a permission beyond the published ones reaches, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Changes permissions, becomes someone else, or may do everything.
    Administers,
    /// Changes or deletes something.
    Writes,
    /// Reads contents beside the bucket.
    ReadsElsewhere,
    /// A published action on more than this bucket.
    Widens,
    /// Reads settings and names, or more of this bucket.
    Looks,
}

impl Reach {
    /// Every reach, worst first.
    pub const ALL: [Self; 5] = [Self::Administers, Self::Writes, Self::ReadsElsewhere, Self::Widens, Self::Looks];

    /// What the score loses where there is anything of this reach.
    pub fn points(self) -> u8 {
        match self {
            Self::Administers => 60,
            Self::Writes => 40,
            Self::ReadsElsewhere => 25,
            Self::Widens => 15,
            Self::Looks => 10,
        }
    }

    /// What it is, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Administers => "changes permissions, becomes someone else, or may do everything",
            Self::Writes => "changes or deletes something",
            Self::ReadsElsewhere => "reads contents beside the bucket",
            Self::Widens => "a published action on more than this bucket",
            Self::Looks => "reads settings and names, or more of this bucket",
        }
    }
}

/// One permission beyond the published ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Excess {
    /// The action or pattern, as the policy has it.
    pub action: String,
    /// What it is granted on, as the policy has it.
    pub resource: String,
    /// How far it reaches.
    pub reach: Reach,
    /// Which statement grants it, and under conditions or not.
    pub granted_by: String,
}

/// The score: 100, less the points of each reach that occurs, once each; never below 0.
///
/// So 100 says that nothing beyond the published policy is held, and one more action of a reach that occurs already costs nothing:
/// the list, and not the number, says how much there is to take away.
pub fn score(reaches: impl IntoIterator<Item = Reach>) -> u8 {
    let mut found: Vec<Reach> = reaches.into_iter().collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().fold(100, |left, reach| left.saturating_sub(reach.points()))
}

/// How far an action beyond the published ones reaches, wherever it is held: for what a probe turned out to be allowed.
pub fn reach_of(action: &str) -> Reach {
    let pattern = action_pattern(action);
    let lower = action.to_ascii_lowercase();
    let (service, name) = lower.split_once(':').unwrap_or((&lower, ""));
    let reads = READING.iter().any(|verb| name.starts_with(verb));
    match (service, reads) {
        _ if lower.starts_with('*') => Reach::Administers,
        ("sts", _) | ("iam" | "organizations" | "account", false) => Reach::Administers,
        (_, false) => Reach::Writes,
        (_, true) if CONTENTS.iter().any(|known| pattern.overlaps(&action_pattern(known))) => Reach::ReadsElsewhere,
        (_, true) => Reach::Looks,
    }
}

/// How the names of actions begin that change nothing.
const READING: [&str; 17] = [
    "get", "list", "describe", "batchget", "head", "search", "query", "scan", "lookup", "check", "view", "read",
    "filter", "select", "simulate", "receive", "decrypt",
];

/// Actions that read and answer contents, not settings.
const CONTENTS: [&str; 24] = [
    "s3:GetObject*",
    "s3:SelectObjectContent",
    "secretsmanager:GetSecretValue",
    "secretsmanager:BatchGetSecretValue",
    "ssm:GetParameter*",
    "kms:Decrypt",
    "dynamodb:GetItem",
    "dynamodb:BatchGetItem",
    "dynamodb:GetRecords",
    "dynamodb:Query",
    "dynamodb:Scan",
    "sqs:ReceiveMessage",
    "kinesis:GetRecords",
    "logs:GetLogEvents",
    "logs:FilterLogEvents",
    "logs:GetQueryResults",
    "athena:GetQueryResults",
    "redshift-data:GetStatementResult",
    "lambda:GetFunction",
    "ecr:GetDownloadUrlForLayer",
    "ebs:GetSnapshotBlock",
    "codecommit:GetFile",
    "glacier:GetJobOutput",
    "rds-data:BatchGet*",
];

/// Everything that the document grants beyond the published actions on this place, worst first. Conditions are taken to hold: this
/// is what may be held at the most.
pub(super) fn excess(document: &Document, place: &Place<'_>) -> Vec<Excess> {
    let mut found = Vec::new();
    for statement in document.statements.iter().filter(|statement| statement.effect == Effect::Allow) {
        let granted_by = if statement.conditions.is_empty() {
            statement.label.to_string()
        } else {
            format!("{}, under its conditions", statement.label)
        };
        for (action, resource) in pairs(statement) {
            let reach = reach(&action, &resource, place).filter(|_| !taken_back(document, &action, &resource));
            found.extend(reach.map(|reach| Excess { action, resource, reach, granted_by: granted_by.clone() }));
        }
    }
    found.sort_by_key(|excess| excess.reach);
    found
}

/// Each action of a statement with each resource.
fn pairs(statement: &Statement) -> Vec<(String, String)> {
    let written = |only: &Only<String>| match only {
        Only::In(all) => all.clone(),
        // All but a few is nearly everything, and judged as everything.
        Only::NotIn(all) => vec![format!("* except {}", all.join(", "))],
    };
    let resources = written(&statement.resources);
    written(&statement.actions)
        .into_iter()
        .flat_map(|action| resources.iter().map(move |resource| (action.clone(), resource.clone())))
        .collect()
}

/// How far a permission reaches beyond the published ones; `None` where it does not.
fn reach(action: &str, resource: &str, place: &Place<'_>) -> Option<Reach> {
    let asked = action_pattern(action);
    let here = place.holds(resource);
    if UNPERMISSIONED.iter().any(|free| action_pattern(free).includes(&asked)) {
        return None;
    }
    // Where the bucket is encrypted with a key of the customer's own, that one key is needed to read the bill.
    if asked == action_pattern("kms:Decrypt") {
        return (!names_one_key(resource)).then_some(Reach::Widens);
    }
    let published = |statement: &&crate::policy::Statement| {
        statement.actions.iter().any(|pattern| action_pattern(pattern).includes(&asked))
    };
    match PUBLISHED.iter().find(published) {
        Some(statement) if statement.scope == Scope::Everything || here => None,
        Some(statement) if statement.scope == Scope::Objects => Some(Reach::ReadsElsewhere),
        Some(_) => Some(Reach::Widens),
        None => match reach_of(action) {
            Reach::ReadsElsewhere if here => Some(Reach::Looks),
            other => Some(other),
        },
    }
}

fn names_one_key(resource: &str) -> bool {
    let fields: Vec<&str> = resource.splitn(6, ':').collect();
    matches!(fields[..], ["arn", _, "kms", _, _, key] if key.starts_with("key/")) && !resource.contains(['*', '?'])
}

/// Whether an unconditional denial takes all of a permission back.
fn taken_back(document: &Document, action: &str, resource: &str) -> bool {
    let (action, resource) = (action_pattern(action), Pattern::glob(resource));
    let covers = |only: &Only<String>, asked: &Pattern, compile: fn(&str) -> Pattern| match only {
        Only::In(all) => all.iter().any(|text| compile(text).includes(asked)),
        Only::NotIn(all) => !all.iter().any(|text| compile(text).overlaps(asked)),
    };
    document.statements.iter().any(|statement| {
        statement.effect == Effect::Deny
            && statement.conditions.is_empty()
            && covers(&statement.actions, &action, action_pattern)
            && covers(&statement.resources, &resource, Pattern::glob)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::permission::tests::{permissions, policy};
    use super::*;
    use crate::role::Partition;

    /// What a statement beside the published ones adds: each reach, with its action.
    fn added(statements: &[Value]) -> Vec<(Reach, String)> {
        let document = policy(statements);
        let excess = permissions(&document).excess();
        excess.into_iter().map(|excess| (excess.reach, excess.action)).collect()
    }

    fn allow(action: &str, resource: &str) -> Value {
        json!({ "Effect": "Allow", "Action": action, "Resource": resource })
    }

    #[test]
    fn the_published_policy_has_nothing_beyond() {
        let published = crate::policy::permission_policy(Partition::Aws, &"acme-bills".parse().unwrap());
        let document = policy(published["Statement"].as_array().unwrap());
        assert_eq!(permissions(&document).excess(), []);
        assert_eq!(score([]), 100);
    }

    #[test]
    fn each_reach_is_told_apart() {
        use Reach::{Administers, Looks, ReadsElsewhere, Widens, Writes};
        let (bucket, objects) = ("arn:aws:s3:::acme-bills", "arn:aws:s3:::acme-bills/*");
        for (action, resource, expected) in [
            ("*", "*", Some(Administers)),
            ("iam:PassRole", "*", Some(Administers)),
            ("sts:AssumeRole", "*", Some(Administers)),
            ("organizations:*", "*", Some(Administers)),
            ("s3:*", bucket, Some(Writes)),
            ("S3:putobject", objects, Some(Writes)),
            ("lambda:InvokeFunction", "*", Some(Writes)),
            ("s3:GetObject", "*", Some(ReadsElsewhere)),
            ("s3:GetObject", "arn:aws:s3:::other/*", Some(ReadsElsewhere)),
            ("s3:Get*", "*", Some(ReadsElsewhere)),
            ("ssm:GetParametersByPath", "*", Some(ReadsElsewhere)),
            ("s3:ListBucket", "arn:aws:s3:::acme-*", Some(Widens)),
            ("kms:Decrypt", "*", Some(Widens)),
            ("s3:Get*", objects, Some(Looks)),
            ("ce:Get*", "*", Some(Looks)),
            ("iam:ListRoles", "*", Some(Looks)),
            ("organizations:ListAccounts", "*", None),
            ("s3:GetObject", "arn:aws:s3:::acme-bills/cur/*", None),
            ("s3:ListBucket", bucket, None),
            ("sts:GetCallerIdentity", "*", None),
            ("kms:Decrypt", "arn:aws:kms:eu-west-1:123456789012:key/0a1b", None),
        ] {
            let found = added(&[allow(action, resource)]);
            let expected: Vec<_> = expected.into_iter().map(|reach| (reach, action.to_owned())).collect();
            assert_eq!(found, expected, "{action} on {resource}");
        }
    }

    #[test]
    fn all_but_a_few_is_nearly_everything() {
        let but = json!({ "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" });
        assert_eq!(added(&[but]), [(Reach::Administers, "* except iam:*".to_owned())]);
    }

    #[test]
    fn a_plain_denial_takes_back_and_a_conditional_one_does_not() {
        let deny =
            |condition: &Value| json!({ "Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": condition });
        let put = allow("s3:PutObject", "*");
        assert_eq!(added(&[put.clone(), deny(&json!({}))]), []);
        let conditional = deny(&json!({ "Bool": { "aws:SecureTransport": "false" } }));
        assert_eq!(added(&[put, conditional]), [(Reach::Writes, "s3:PutObject".to_owned())]);
    }

    #[test]
    fn the_score_counts_each_reach_once() {
        assert_eq!(score([Reach::Looks, Reach::Looks]), 90);
        assert_eq!(score([Reach::Widens, Reach::Writes, Reach::Writes]), 45);
        assert_eq!(score(Reach::ALL), 0);
    }

    #[test]
    fn what_a_probe_names_is_scored_alike() {
        assert_eq!(reach_of("s3:PutObject"), Reach::Writes);
        assert_eq!(reach_of("secretsmanager:GetSecretValue"), Reach::ReadsElsewhere);
        assert_eq!(reach_of("ec2:DescribeInstances"), Reach::Looks);
        assert_eq!(reach_of("iam:CreateUser"), Reach::Administers);
    }
}
