//! The request that connects the bill, as something to paste.

use serde_json::{Value, json};

use super::Setup;

/// What the body of the request holds, as text: the real values, blanks, or a template's placeholders.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blanks<'a> {
    /// The payer account.
    pub account: &'a str,
    /// The bucket.
    pub bucket: &'a str,
    /// The path in it.
    pub path: &'a str,
    /// The role's ARN.
    pub role: &'a str,
}

/// The body of the published request, first generation.
pub(super) fn body(with: &Blanks<'_>) -> Value {
    json!({
        "aws_bill_account_id": with.account,
        "aws_bucket_name": with.bucket,
        "aws_bucket_path": with.path,
        "aws_sts_role_arn": with.role,
    })
}

/// The path of the route that connects a role.
pub(super) fn route(org: &str) -> String {
    format!("/api/onboarding/orgs/{org}/bill_connects/aws/iam_role")
}

/// The request with curl, its blanks named.
pub(super) fn request(setup: &Setup) -> String {
    let account = setup.wish.account.as_ref().map_or("<payer account id>", AsRef::as_ref);
    let arn = format!("arn:{}:iam::{account}:role/{}", setup.wish.partition, setup.wish.role);
    curl(setup, account, &arn)
}

/// The request for this account and role.
pub(super) fn curl(setup: &Setup, account: &str, role: &str) -> String {
    let body = body(&Blanks { account, bucket: setup.wish.bucket.as_ref(), path: setup.wish.path.as_ref(), role });
    let host = setup.wish.service.as_ref().map_or("<host>", AsRef::as_ref);
    let route = route(&setup.org.to_string());
    // The shell's single quotes hold everything but themselves.
    let body = body.to_string().replace('\'', r"'\''");
    format!("curl -X POST -H \"Authorization: Bearer <token>\" \"{host}{route}\" \\\n  -d '{body}'\n")
}

#[cfg(test)]
mod tests {
    use crate::setup::wish::example;
    use crate::setup::{Asked, Format};

    #[test]
    fn the_request_is_filled_in_as_far_as_is_known() {
        let bare = example(&Asked { bucket: "acme-bills".into(), path: "it's/here".into(), ..Asked::default() });
        let text = bare.artefact(Format::Connect).unwrap().text();
        assert!(text.contains("\"<host>/api/onboarding/orgs/123456789/bill_connects/aws/iam_role\""), "{text}");
        assert!(text.contains("<payer account id>") && text.contains(r"it'\''s/here"), "{text}");
        let full = example(&Asked {
            bucket: "acme-bills".into(),
            account: Some("123456789012".into()),
            service: Some("https://bills.example.com".into()),
            ..Asked::default()
        });
        let text = full.artefact(Format::Connect).unwrap().text();
        assert!(text.contains("arn:aws:iam::123456789012:role/billing-reader"), "{text}");
        assert!(text.contains("\"https://bills.example.com/api/"), "{text}");
    }
}
