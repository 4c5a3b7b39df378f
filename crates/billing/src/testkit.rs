//! What the tests of several modules begin with.

use crate::connection::{Access, Candidate, RoleAccess};
use crate::names::{OrgId, SessionName};

/// A role as a customer asks us to connect it.
pub(crate) fn candidate() -> Candidate {
    let org: OrgId = "123456".parse().unwrap();
    let access = Access::Role(RoleAccess {
        arn: "arn:aws:iam::123456789012:role/billing".parse().unwrap(),
        session_name: SessionName::default(),
        external_id: org.external_id(),
    });
    let (account, bucket) = ("123456789012".parse().unwrap(), "acme-bills".parse().unwrap());
    Candidate { org, account, bucket, path: "P".parse().unwrap(), access, effective_from: None, report: None }
}
