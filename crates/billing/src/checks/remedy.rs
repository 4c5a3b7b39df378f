//! Remedies: what a customer pastes to mend a failed check, filled in for this org and bucket, following the denial's cause.

use serde_json::{Value, json};

use crate::checks::cause::{Cause, Layer};
use crate::connection::{Candidate, RoleAccess};
use crate::policy::{self, PUBLISHED};
use crate::probe::{Caller, Evidence, Refusal};
use crate::role::RoleArn;

/// The trust policy to paste, with where to paste it and the command that does.
pub(crate) fn trust(role: &RoleAccess, operator_arn: &str) -> String {
    let policy = policy::trust_policy(operator_arn, &role.external_id);
    let name = role.arn.name();
    format!(
        "in IAM, open the role `{name}`, Trust relationships, Edit trust policy, and paste what follows; or save it as trust.json and run \
         `aws iam update-assume-role-policy --role-name {name} --policy-document file://trust.json`:\n{policy:#}"
    )
}

/// What mends a trust that a resource control policy overrules; `None` where it is the trust policy's own.
pub(super) fn above_trust(role: &RoleAccess, cause: &Cause) -> Option<String> {
    let above = cause.layer == Some(Layer::ResourceControl);
    above.then(|| resource_control(&role.arn, role.arn.account().as_ref()))
}

fn resource_control(arn: &RoleArn, account: &str) -> String {
    format!(
        "nothing on the role mends this: whoever manages the organization has its resource control policy let us through, or has it exempt the role \
         (`ArnNotLike` with `{arn}`); to find it, run \
         `aws organizations list-policies-for-target --target-id {account} --filter RESOURCE_CONTROL_POLICY`"
    )
}

/// Who needs a permission in the customer's account.
struct Holder {
    /// `role` or `user`, as IAM's commands say it.
    kind: &'static str,
    name: String,
    arn: String,
}

impl Holder {
    /// `user` is who an IAM user's keys are, where that is known.
    fn of(candidate: &Candidate, user: Option<&Caller>) -> Self {
        if let Some(role) = candidate.role() {
            return Self { kind: "role", name: role.arn.name().to_owned(), arn: role.arn.to_string() };
        }
        let arn = user.map_or("<the ARN of the IAM user>", |user| &user.arn);
        let name = arn.rsplit('/').next().filter(|_| arn.contains('/')).unwrap_or("<user>");
        Self { kind: "user", name: name.to_owned(), arn: arn.to_owned() }
    }
}

/// What a denial concerns.
#[derive(Clone, Copy)]
pub(super) struct Denial<'a> {
    pub(super) candidate: &'a Candidate,
    pub(super) evidence: &'a Evidence,
    pub(super) cause: &'a Cause,
}

impl Denial<'_> {
    /// What mends the denial of a published action; `None` where no published statement grants it.
    pub(super) fn remedy(self, refusal: &Refusal) -> Option<String> {
        let granted = grant(self.candidate, &self.holder(), &refusal.action)?;
        Some(self.layered(&refusal.action).unwrap_or(granted))
    }

    /// What mends a refusal to decrypt.
    pub(super) fn undecryptable(self) -> String {
        self.layered("kms:Decrypt").unwrap_or_else(|| self.decrypt())
    }

    /// What mends a denial that no grant on the role or user would; `None` where one does, or where AWS does not say.
    fn layered(self, action: &str) -> Option<String> {
        let Holder { kind, name, arn } = &self.holder();
        let (account, bucket) = (&self.candidate.account, &self.candidate.bucket);
        let exempt = format!("exempt the {kind} (`ArnNotLike` on `aws:PrincipalArn` with `{arn}`)");
        let above = format!("nothing on the {kind} mends this: whoever manages the organization");
        let find = |sort: &str| {
            format!(
                "to find it, run `aws organizations list-policies-for-target --target-id {account} --filter {sort}`"
            )
        };
        let text = match (self.cause.layer?, self.cause.explicit) {
            (Layer::Identity, true) => format!(
                "a policy of the {kind} `{name}` forbids it, and a grant would not help: take the Deny that covers `{action}` away; to find it, run \
                 `aws iam list-{kind}-policies --{kind}-name {name}` and `aws iam list-attached-{kind}-policies --{kind}-name {name}`"
            ),
            (Layer::ServiceControl, true) => format!(
                "{above} takes the deny of `{action}` away or has it {exempt}; {}. Such policies do not bind the management account, so account \
                 {account} is a member: is it the payer?",
                find("SERVICE_CONTROL_POLICY")
            ),
            (Layer::ServiceControl, false) => {
                format!("{above} has a service control policy allow `{action}`; {}", find("SERVICE_CONTROL_POLICY"))
            }
            (Layer::ResourceControl, _) => format!(
                "{above} has its resource control policy let `{action}` through, or has it {exempt}; {}",
                find("RESOURCE_CONTROL_POLICY")
            ),
            (Layer::Boundary, explicit) => format!(
                "{} the permissions boundary of the {kind} `{name}`, or take the boundary off with \
                 `aws iam delete-{kind}-permissions-boundary --{kind}-name {name}`; to see it, run `aws iam get-{kind} --{kind}-name {name}`",
                if explicit { format!("take the deny of `{action}` out of") } else { format!("add `{action}` to") }
            ),
            (Layer::Bucket, true) => format!(
                "take the deny that covers `{action}` out of the bucket's policy, or {exempt}; to see it, run \
                 `aws s3api get-bucket-policy --bucket {bucket}`"
            ),
            (Layer::Bucket, false) => self.shared(action)?,
            (Layer::Key, _) => self.decrypt(),
            (Layer::Session | Layer::Endpoint, _) => {
                "nothing to mend on the customer's side: the operator's own policy is too narrow; tell the operator AWS's words".to_owned()
            }
            (Layer::Identity, false) | (Layer::Trust, _) => return None,
        };
        Some(text)
    }

    /// The statement that the bucket's policy needs where the bucket does not take the role's word for it.
    fn shared(self, action: &str) -> Option<String> {
        let mut json = statement_json(self.candidate, published(action)?);
        json["Principal"] = json!({ "AWS": self.holder().arn });
        Some(format!("add this statement to the policy of the bucket `{}`:\n{json:#}", self.candidate.bucket))
    }

    /// The statement that the key's policy needs.
    fn decrypt(self) -> String {
        let bucket = &self.candidate.bucket;
        let statement = json!({
            "Sid": "BillingReader",
            "Effect": "Allow",
            "Principal": { "AWS": self.holder().arn },
            "Action": "kms:Decrypt",
            "Resource": "*",
        });
        format!(
            "in KMS, open the key that encrypts `{bucket}` (`aws s3api get-bucket-encryption --bucket {bucket}` names it), Key policy, Edit, and add this \
             statement:\n{statement:#}"
        )
    }

    fn holder(self) -> Holder {
        Holder::of(self.candidate, self.evidence.keys.granted())
    }
}

/// The published statement that grants `action` as a policy of its own, with where to paste it; `None` where no statement does.
pub(crate) fn permission(candidate: &Candidate, action: &str) -> Option<String> {
    grant(candidate, &Holder::of(candidate, None), action)
}

fn grant(candidate: &Candidate, Holder { kind, name, .. }: &Holder, action: &str) -> Option<String> {
    let statement = published(action)?;
    let (json, sid) = (statement_json(candidate, statement), statement.sid);
    Some(format!(
        "in IAM, open the {kind} `{name}`, Add permissions, Create inline policy, JSON, and paste what follows; or save it as {sid}.json and run \
         `aws iam put-{kind}-policy --{kind}-name {name} --policy-name {sid} --policy-document file://{sid}.json`:\n{:#}",
        policy::document(std::slice::from_ref(&json))
    ))
}

fn statement_json(candidate: &Candidate, statement: &policy::Statement) -> Value {
    policy::statement_json(statement, candidate.partition(), &candidate.bucket)
}

/// How a role or user that holds too much gets no more than what is needed for this path.
pub(super) fn tighten(candidate: &Candidate, evidence: &Evidence) -> String {
    let policy = policy::tightened_policy(candidate.partition(), &candidate.bucket, &candidate.path);
    let Holder { kind, name, .. } = Holder::of(candidate, evidence.keys.granted());
    format!(
        "detach what else the {kind} `{name}` has (`aws iam list-attached-{kind}-policies --{kind}-name {name}`, \
         `aws iam list-{kind}-policies --{kind}-name {name}`), save what follows as billing.json and run \
         `aws iam put-{kind}-policy --{kind}-name {name} --policy-name billing --policy-document file://billing.json`:\n{policy:#}"
    )
}

/// The published statement that grants `action`.
fn published(action: &str) -> Option<&'static policy::Statement> {
    PUBLISHED.iter().find(|statement| statement.actions.iter().any(|pattern| policy::covers(pattern, action)))
}
