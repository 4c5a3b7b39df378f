//! Harmless reads beyond the published actions: what shows that a role holds more than we ask for.

use serde_json::{Value, json};

use crate::bucket::BucketName;
use crate::policy;
use crate::role::Partition;

/// A read that nobody asked the customer for. It changes nothing, costs nothing, and its answer is thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are AWS's")]
pub enum UnpublishedRead {
    ListAllMyBuckets,
    GetBucketPolicy,
    GetBucketAcl,
    ListBucketVersions,
    GetEncryptionConfiguration,
}

/// The reads that are tried. A policy with wildcards (`s3:*`, `s3:Get*`, `s3:List*`, `*`) lets at least one of them through.
pub const UNPUBLISHED_READS: [UnpublishedRead; 5] = [
    UnpublishedRead::ListAllMyBuckets,
    UnpublishedRead::GetBucketPolicy,
    UnpublishedRead::GetBucketAcl,
    UnpublishedRead::ListBucketVersions,
    UnpublishedRead::GetEncryptionConfiguration,
];

impl UnpublishedRead {
    /// The IAM action that AWS checks for this read.
    pub fn action(self) -> &'static str {
        match self {
            Self::ListAllMyBuckets => "s3:ListAllMyBuckets",
            Self::GetBucketPolicy => "s3:GetBucketPolicy",
            Self::GetBucketAcl => "s3:GetBucketAcl",
            Self::ListBucketVersions => "s3:ListBucketVersions",
            Self::GetEncryptionConfiguration => "s3:GetEncryptionConfiguration",
        }
    }
}

/// The session policy of the session in which these reads are tried: they and nothing else, so that a role which holds too
/// much still shows us nothing of a bill or of another bucket.
pub fn session_policy(partition: Partition, bucket: &BucketName) -> Value {
    let (everywhere, here): (Vec<_>, Vec<_>) =
        UNPUBLISHED_READS.into_iter().partition(|read| *read == UnpublishedRead::ListAllMyBuckets);
    let actions = |reads: &[UnpublishedRead]| reads.iter().map(|read| read.action()).collect::<Vec<_>>();
    policy::document(&[
        json!({ "Effect": "Allow", "Action": actions(&everywhere), "Resource": "*" }),
        json!({ "Effect": "Allow", "Action": actions(&here), "Resource": format!("arn:{partition}:s3:::{bucket}") }),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_is_never_what_is_published_and_changes_nothing() {
        for read in UNPUBLISHED_READS {
            let action = read.action();
            assert!(!policy::publishes(action), "{action} is asked for");
            let verb = action.trim_start_matches("s3:");
            assert!(verb.starts_with("Get") || verb.starts_with("List"), "{action} does more than read");
        }
    }

    #[test]
    fn the_session_that_tries_them_may_do_nothing_else() {
        let bucket = "b".repeat(63).parse().unwrap();
        let text = session_policy(Partition::AwsUsGov, &bucket).to_string();
        assert!(text.len() <= 2048, "{} characters", text.len());
        for action in ["GetObject\"", "s3:ListBucket\"", "organizations:", "ce:", "kms:", "*:*", "s3:*"] {
            assert!(!text.contains(action), "{action}: {text}");
        }
    }
}
