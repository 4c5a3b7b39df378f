//! Judges a permission policy: which published actions it grants on this bucket and path, and what it grants beside them.

use super::context::Context;
use super::document::Document;
use super::evaluate::{Decision, Outcome, Request, decide};
use super::excess::{Excess, excess};
use super::pattern::Pattern;
use crate::bucket::{BucketName, BucketPath};
use crate::names::AccountId;
use crate::role::Partition;

/// Where the bill lies, as resources of a policy.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The partition of the bucket.
    pub partition: Partition,
    /// The bucket.
    pub bucket: &'a BucketName,
    /// The path in the bucket.
    pub path: &'a BucketPath,
    /// The payer account, which owns bucket and role.
    pub account: &'a AccountId,
}

impl Place<'_> {
    /// The bucket's ARN.
    pub fn bucket_arn(&self) -> String {
        format!("arn:{}:s3:::{}", self.partition, self.bucket)
    }

    /// The ARN that stands for every object below the path.
    pub fn objects_arn(&self) -> String {
        format!("{}/{}*", self.bucket_arn(), self.path.prefix())
    }

    /// Whether a resource is nothing but this bucket and its objects.
    pub(super) fn holds(&self, resource: &str) -> bool {
        let asked = Pattern::glob(resource);
        let bucket = self.bucket_arn();
        Pattern::literal(&bucket).includes(&asked) || Pattern::glob(&format!("{bucket}/*")).includes(&asked)
    }
}

/// A permission policy and the place that it is to grant.
#[derive(Debug, Clone, Copy)]
pub struct Permissions<'a> {
    /// The policy.
    pub document: &'a Document,
    /// The place.
    pub place: Place<'a>,
}

impl Permissions<'_> {
    /// Whether listing below `prefix` is allowed.
    pub fn may_list(&self, prefix: &str) -> Decision {
        let context = self.context().with("s3:prefix", Some(prefix)).with("s3:delimiter", Some("/"));
        self.decide("s3:ListBucket", &self.place.bucket_arn(), &context)
    }

    /// Whether listing is allowed at the path and at folders below it.
    pub fn may_list_all(&self) -> Decision {
        let prefix = self.place.path.prefix();
        let top = self.may_list(&prefix);
        if top.outcome == Outcome::Denied {
            return top;
        }
        let below = self.may_list(&format!("{prefix}report/20260101-20260201/"));
        if below.outcome == Outcome::Allowed { top } else { below }
    }

    /// Whether all objects below the path may be read.
    pub fn may_read_all(&self) -> Decision {
        self.decide("s3:GetObject", &self.place.objects_arn(), &self.context())
    }

    /// Whether this object may be read.
    pub fn may_read(&self, key: &str) -> Decision {
        let resource = format!("{}/{key}", self.place.bucket_arn());
        self.decide("s3:GetObject", &resource, &self.context())
    }

    /// Whether the bucket's region may be asked for.
    pub fn may_locate(&self) -> Decision {
        self.decide("s3:GetBucketLocation", &self.place.bucket_arn(), &self.context())
    }

    /// Whether an action that knows no narrower resource is allowed.
    pub fn may(&self, action: &str) -> Decision {
        self.decide(action, "*", &self.context())
    }

    /// Everything that is granted beyond the published actions, worst first.
    pub fn excess(&self) -> Vec<Excess> {
        excess(self.document, &self.place)
    }

    fn decide(&self, action: &str, resource: &str, context: &Context) -> Decision {
        decide(self.document, Request { asker: None, action, resource, context })
    }

    fn context(&self) -> Context {
        let account = Some(self.place.account.as_ref());
        Context::default()
            .with("aws:PrincipalAccount", account)
            .with("aws:PrincipalType", Some("AssumedRole"))
            .with("aws:ResourceAccount", account)
            .with("s3:ResourceAccount", account)
            .with("aws:SecureTransport", Some("true"))
            .with("aws:username", None)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::LazyLock;

    use serde_json::{Value, json};

    use super::super::document::PolicyKind;
    use super::*;
    use crate::policy::permission_policy;

    static PLACE: LazyLock<(BucketName, BucketPath, AccountId)> =
        LazyLock::new(|| ("acme-bills".parse().unwrap(), "cur".parse().unwrap(), "123456789012".parse().unwrap()));

    pub(in crate::iam) fn policy(statements: &[Value]) -> Document {
        let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        Document::parse(PolicyKind::Permission, &text).unwrap()
    }

    pub(in crate::iam) fn permissions(document: &Document) -> Permissions<'_> {
        let (bucket, path, account) = &*PLACE;
        Permissions { document, place: Place { partition: Partition::Aws, bucket, path, account } }
    }

    /// What is decided about listing, reading, locating, and naming accounts.
    fn decided(statements: &[Value]) -> [Outcome; 4] {
        let document = policy(statements);
        let permissions = permissions(&document);
        [
            permissions.may_list_all().outcome,
            permissions.may_read_all().outcome,
            permissions.may_locate().outcome,
            permissions.may("organizations:ListAccounts").outcome,
        ]
    }

    fn published() -> Vec<Value> {
        permission_policy(Partition::Aws, &PLACE.0)["Statement"].as_array().unwrap().clone()
    }

    #[test]
    fn the_published_policy_grants_what_is_asked_for() {
        assert_eq!(decided(&published()), [Outcome::Allowed; 4]);
    }

    #[test]
    fn each_statement_less_denies_its_actions() {
        use Outcome::{Allowed, Denied};
        for (dropped, expected) in [
            (0, [Denied, Allowed, Denied, Allowed]),
            (1, [Allowed, Denied, Allowed, Allowed]),
            (2, [Allowed, Allowed, Allowed, Denied]),
        ] {
            let mut statements = published();
            statements.remove(dropped);
            assert_eq!(decided(&statements), expected, "without statement {dropped}");
        }
    }

    #[test]
    fn a_policy_may_be_scoped_to_the_path_but_not_below_it() {
        let scoped = |prefix: &str, objects: &str| {
            vec![
                json!({ "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::acme-bills",
                        "Condition": { "StringLike": { "s3:prefix": prefix } } }),
                json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::acme-bills/{objects}") }),
            ]
        };
        assert_eq!(decided(&scoped("cur/*", "cur/*"))[..2], [Outcome::Allowed; 2]);
        assert_eq!(decided(&scoped("cur/", "cur/2026/*"))[..2], [Outcome::Denied, Outcome::Undecided]);
        assert_eq!(decided(&scoped("other/*", "other/*"))[..2], [Outcome::Denied; 2]);
    }

    #[test]
    fn one_object_and_one_prefix_are_judged_alone() {
        let document = policy(&[
            json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-bills/cur/a*" }),
        ]);
        let permissions = permissions(&document);
        assert_eq!(permissions.may_read("cur/a.gz").outcome, Outcome::Allowed);
        assert_eq!(permissions.may_read("cur/b.gz").outcome, Outcome::Denied);
    }
}
