//! The cause of a denial, as far as AWS's words tell it: which policy denied, and whether it forbids or only does not grant.

use crate::probe::{Refusal, RefusalKind};

/// A sort of policy that AWS names in a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    /// The policies of the role or user itself.
    Identity,
    /// A service control policy of the organization.
    ServiceControl,
    /// A resource control policy of the organization.
    ResourceControl,
    /// The permissions boundary of the role or user.
    Boundary,
    /// The policy that we scope our own sessions down by.
    Session,
    /// The bucket's policy.
    Bucket,
    /// The policy of the KMS key.
    Key,
    /// The role's trust policy.
    Trust,
    /// The policy of the VPC endpoint that we ask through.
    Endpoint,
}

/// AWS's names of its policies. <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
const NAMES: [(&str, Layer); 9] = [
    ("service control policy", Layer::ServiceControl),
    ("resource control policy", Layer::ResourceControl),
    ("permissions boundary", Layer::Boundary),
    ("session policy", Layer::Session),
    ("resource-based policy", Layer::Bucket),
    ("role trust policy", Layer::Trust),
    ("trust policy", Layer::Trust),
    ("vpc endpoint policy", Layer::Endpoint),
    ("identity-based policy", Layer::Identity),
];

/// What AWS's message says of a denial's cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    /// Which policy; `None` where AWS does not say.
    pub(super) layer: Option<Layer>,
    /// Whether a statement forbids it; otherwise none grants it.
    pub(super) explicit: bool,
    /// The policy's ARN, where AWS names it.
    pub(super) policy: Option<String>,
}

impl Cause {
    /// The cause of `refusal`.
    pub(super) fn of(refusal: &Refusal) -> Self {
        let message = refusal.message.to_ascii_lowercase();
        // The last place: what comes before holds names that the customer chose.
        let explicit = message.rfind("with an explicit deny");
        let implicit = message.rfind("because no ");
        let (explicit, start) = match (explicit, implicit) {
            (Some(deny), Some(none)) => (deny > none, deny.max(none)),
            (Some(deny), None) => (true, deny),
            (None, Some(none)) => (false, none),
            (None, None) => return Self { layer: None, explicit: false, policy: None },
        };
        // Lower case has the same bytes, so the place is the same in the original.
        let (told, words) = (&message[start..], &refusal.message[start..]);
        let named = NAMES.iter().find(|(name, _)| told.contains(name)).map(|(_, layer)| *layer);
        let layer = match named {
            Some(Layer::Bucket) if refusal.kind == RefusalKind::DeniedByKms => Some(Layer::Key),
            named => named,
        };
        let policy = words.split_whitespace().find(|word| word.starts_with("arn:"));
        Self { layer, explicit, policy: policy.map(|arn| arn.trim_end_matches(['.', ',']).to_owned()) }
    }

    /// Whether it lies on our own side: nothing that the customer could mend.
    pub(super) fn is_ours(&self, action: &str) -> bool {
        let assuming = action == "sts:AssumeRole";
        match self.layer {
            Some(Layer::Session | Layer::Endpoint) => true,
            // We are the ones who call: these policies bind the caller, and only a resource control policy binds the role.
            Some(Layer::Identity | Layer::Boundary | Layer::ServiceControl) => assuming,
            _ => false,
        }
    }

    /// The cause for people: "an explicit deny in a service control policy of the organization". `None` where AWS does not say.
    pub(super) fn sentence(&self) -> Option<String> {
        let place = match self.layer {
            Some(Layer::Identity) => "the policies of the role itself",
            Some(Layer::ServiceControl) => "a service control policy of the organization",
            Some(Layer::ResourceControl) => "a resource control policy of the organization",
            Some(Layer::Boundary) => "the role's permissions boundary",
            Some(Layer::Session) => "our own session policy",
            Some(Layer::Bucket) => "the bucket's policy",
            Some(Layer::Key) => "the KMS key's policy",
            Some(Layer::Trust) => "the role's trust policy",
            Some(Layer::Endpoint) => "the policy of our own VPC endpoint",
            None if self.explicit => "a policy that AWS does not name",
            None => return None,
        };
        let how = if self.explicit { "an explicit deny in" } else { "no grant in" };
        let policy = self.policy.as_ref().map(|arn| format!(" (`{arn}`)")).unwrap_or_default();
        Some(format!("{how} {place}{policy}"))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::checks) fn denial(action: &str, kind: RefusalKind, end: &str) -> Refusal {
        let who = "User: arn:aws:sts::123456789012:assumed-role/billing/flexera-finops";
        Refusal {
            action: action.into(),
            resource: "arn:aws:s3:::acme-bills".into(),
            kind,
            code: "AccessDenied".into(),
            message: format!(
                "{who} is not authorized to perform: {action} on resource: \"arn:aws:s3:::acme-bills\"{end}"
            ),
            request_id: None,
        }
    }

    fn check(end: &str, expect: &str) {
        let cause = Cause::of(&denial("s3:ListBucket", RefusalKind::Denied, end));
        assert_eq!(cause.sentence().unwrap_or_default(), expect, "{end}");
    }

    #[test]
    fn each_policy_that_aws_names_is_told() {
        check(
            " because no identity-based policy allows the s3:ListBucket action",
            "no grant in the policies of the role itself",
        );
        check(
            " with an explicit deny in an identity-based policy",
            "an explicit deny in the policies of the role itself",
        );
        check(
            " with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/service_control_policy/p-1",
            "an explicit deny in a service control policy of the organization (`arn:aws:organizations::1:policy/o-1/service_control_policy/p-1`)",
        );
        check(
            " because no service control policy allows the s3:ListBucket action",
            "no grant in a service control policy of the organization",
        );
        check(
            " with an explicit deny in a resource control policy",
            "an explicit deny in a resource control policy of the organization",
        );
        check(
            " because no permissions boundary allows the s3:ListBucket action",
            "no grant in the role's permissions boundary",
        );
        check(
            " with an explicit deny in a permissions boundary",
            "an explicit deny in the role's permissions boundary",
        );
        check(" because no session policy allows the s3:ListBucket action", "no grant in our own session policy");
        check(" with an explicit deny in a resource-based policy", "an explicit deny in the bucket's policy");
        check(
            " because no VPC endpoint policy allows the s3:ListBucket action",
            "no grant in the policy of our own VPC endpoint",
        );
        check(" because no role trust policy allows the sts:AssumeRole action", "no grant in the role's trust policy");
        check(" with an explicit deny", "an explicit deny in a policy that AWS does not name");
        check("", "");
    }

    #[test]
    fn a_name_that_the_customer_chose_is_no_cause() {
        let refusal = denial(
            "s3:GetObject",
            RefusalKind::Denied,
            "/with an explicit deny in a service control policy because no identity-based policy allows the s3:GetObject action",
        );
        assert_eq!(Cause::of(&refusal).layer, Some(Layer::Identity));
    }

    #[test]
    fn a_keys_policy_is_told_from_a_buckets() {
        let end = " because no resource-based policy allows the kms:Decrypt action";
        let refusal = denial("s3:GetObject", RefusalKind::DeniedByKms, end);
        assert_eq!(Cause::of(&refusal).sentence().as_deref(), Some("no grant in the KMS key's policy"));
    }
}
