//! The setup as a shell script for the AWS CLI. Running it a second time changes nothing more.
//!
//! Every text from outside stands in single quotes. What is known only when the script runs stands in the model's texts as
//! `${account}` and `${arn}`, which none of those texts can hold by themselves: no name, path or address here has a `$`.

use serde_json::Value;

use super::report::{self, BILLING_REGION, DELIVERY_SID, Destination, Order};
use super::{Delivery, ORG_TAG, POLICY_NAME, ROLE_DESCRIPTION, Setup, connect};
use crate::names::AccountId;

const ACCOUNT: &str = "${account}";
const ARN: &str = "${arn}";

/// The whole script.
pub(super) fn render(setup: &Setup) -> String {
    let mut script = head(setup);
    if setup.wish.delivery != Delivery::None {
        script.push_str(&bucket(setup));
        script.push_str(&delivery(setup));
    }
    script.push_str(&role(setup));
    script.push_str(&farewell(setup));
    script
}

/// `text` as one word of the shell, with its placeholders filled in when the script runs.
fn word(text: &str) -> String {
    let quoted = format!("'{}'", text.replace('\'', r"'\''"));
    quoted.replace(ACCOUNT, "'\"$account\"'").replace(ARN, "'\"$arn\"'")
}

fn json_word(value: &Value) -> String {
    word(&format!("{value:#}"))
}

fn head(setup: &Setup) -> String {
    let (org, bucket) = (setup.org, &setup.wish.bucket);
    let only_here = setup.wish.account.as_ref().map(only_in).unwrap_or_default();
    format!(
        "#!/bin/sh
# Lets billconnect read the AWS bills in the bucket {bucket}, for its org {org}.
# Run it with the AWS CLI as an administrator of the payer account. A second run changes nothing more.
set -eu

stop() {{
  printf '%s\\n' \"$1\" >&2
  exit 1
}}

org={}
role={}
account=$(aws sts get-caller-identity --query Account --output text)
{only_here}",
        word(&org.to_string()),
        word(setup.wish.role.as_ref()),
    )
}

/// The script ends before it changes anything in another account.
fn only_in(payer: &AccountId) -> String {
    format!(
        "if [ \"$account\" != {payer} ]; then
  stop \"these credentials are of the account $account, not of the payer account {payer}; nothing was changed\"
fi
"
    )
}

fn destination(setup: &Setup) -> Destination<'_> {
    Destination {
        partition: "aws",
        account: ACCOUNT,
        bucket: setup.wish.bucket.as_ref(),
        path: setup.wish.path.as_ref(),
        region: setup.wish.region.as_ref(),
        report: setup.wish.report.as_ref(),
    }
}

/// The bucket and its policy. A policy of somebody else's is left alone, and the statement to add to it shown.
fn bucket(setup: &Setup) -> String {
    let region = setup.wish.region.as_ref();
    // us-east-1 is the one region that S3 wants not to be named.
    let place = match region {
        "us-east-1" => String::new(),
        other => format!(" --create-bucket-configuration LocationConstraint={other}"),
    };
    format!(
        "
# The bucket, closed to the public.
bucket={bucket}
if ! aws s3api head-bucket --region {region} --bucket \"$bucket\" --expected-bucket-owner \"$account\" >/dev/null 2>&1; then
  aws s3api create-bucket --region {region} --bucket \"$bucket\"{place} >/dev/null
  aws s3api put-public-access-block --region {region} --bucket \"$bucket\" \\
    --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
fi

# AWS may write to it.
bucket_policy={policy}
if has=$(aws s3api get-bucket-policy --region {region} --bucket \"$bucket\" --query Policy --output text 2>/dev/null); then
  case $has in
    *{DELIVERY_SID}*) ;;
    *) stop \"the bucket $bucket has a policy already: add the statement of this one to it, and run this again: $bucket_policy\" ;;
  esac
else
  aws s3api put-bucket-policy --region {region} --bucket \"$bucket\" --policy \"$bucket_policy\"
fi
",
        bucket = word(setup.wish.bucket.as_ref()),
        policy = json_word(&report::bucket_policy(&destination(setup))),
    )
}

/// The report or export. One of that name that is there already is left as it is.
fn delivery(setup: &Setup) -> String {
    let name = setup.wish.report.as_ref();
    match report::order(setup.wish.delivery, &destination(setup)) {
        None => String::new(),
        Some(Order::Report(definition)) => format!(
            "
# What AWS is to deliver.
there=$(aws cur describe-report-definitions --region {BILLING_REGION} \\
  --query \"ReportDefinitions[?ReportName=='{name}'].ReportName\" --output text)
if [ -z \"$there\" ] || [ \"$there\" = None ]; then
  aws cur put-report-definition --region {BILLING_REGION} --report-definition {}
fi
",
            json_word(&definition),
        ),
        Some(Order::Export(export)) => format!(
            "
# What AWS is to deliver.
there=$(aws bcm-data-exports list-exports --region {BILLING_REGION} \\
  --query \"Exports[?ExportName=='{name}'].ExportName\" --output text)
if [ -z \"$there\" ] || [ \"$there\" = None ]; then
  aws bcm-data-exports create-export --region {BILLING_REGION} --export {} >/dev/null
fi
",
            json_word(&export),
        ),
    }
}

/// The role. One of that name that is not this org's is left alone.
fn role(setup: &Setup) -> String {
    format!(
        "
# The role: who may assume it, and what it may do.
trust={trust}
permissions={permissions}
if made_for=$(aws iam list-role-tags --role-name \"$role\" --query \"Tags[?Key=='{ORG_TAG}'].Value\" --output text 2>/dev/null); then
  if [ \"$made_for\" != \"$org\" ]; then
    stop \"there is a role $role already that was not made for this org; it was left alone: set up a role of another name\"
  fi
  aws iam update-assume-role-policy --role-name \"$role\" --policy-document \"$trust\"
else
  aws iam create-role --role-name \"$role\" --description {description} \\
    --tags \"Key={ORG_TAG},Value=$org\" --assume-role-policy-document \"$trust\" >/dev/null
fi
aws iam put-role-policy --role-name \"$role\" --policy-name {POLICY_NAME} --policy-document \"$permissions\"
arn=$(aws iam get-role --role-name \"$role\" --query Role.Arn --output text)
",
        trust = json_word(&setup.trust_policy()),
        permissions = json_word(&setup.permission_policy()),
        description = word(ROLE_DESCRIPTION),
    )
}

fn farewell(setup: &Setup) -> String {
    let request = connect::curl(setup, ACCOUNT, ARN);
    format!(
        "
printf '%s\\n' \"Role: $arn\" '' 'Connect the bill, with a token of the org whose role is admin:' ''
printf '%s\\n' {}
",
        word(request.trim_end()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::wish::{Asked, example};

    fn script(with: &str, path: &str) -> String {
        let asked = Asked {
            bucket: "acme-bills".into(),
            account: Some("123456789012".into()),
            path: path.into(),
            with: Some(with.into()),
            ..Asked::default()
        };
        render(&example(&asked))
    }

    #[test]
    fn nothing_from_outside_leaves_its_quotes() {
        assert_eq!(word("it's `x` ${account}!"), r#"'it'\''s `x` '"$account"'!'"#);
        let text = script("none", "it's `touch x`/;$HOME".replace('$', "").as_str());
        assert!(text.contains(r"it'\''\'\'''\''s `touch x`"), "{text}");
    }

    #[test]
    fn the_role_alone_touches_no_bucket() {
        let text = script("none", "cur");
        assert!(!text.contains("s3api") && !text.contains("aws cur"), "{text}");
        assert!(text.starts_with("#!/bin/sh\n") && text.contains("\nset -eu\n"));
    }

    #[test]
    fn each_delivery_is_ordered_where_it_is_sold() {
        assert!(script("cur", "cur").contains("aws cur put-report-definition --region us-east-1"));
        assert!(script("cur2", "cur").contains("FROM COST_AND_USAGE_REPORT"));
        assert!(script("focus", "cur").contains("FROM FOCUS_1_2_AWS"));
    }
}
