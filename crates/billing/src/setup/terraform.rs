//! The setup as a Terraform module.

use serde_json::{Value, json};

use super::connect::{self, Blanks};
use super::hcl::{self, Block, Expr};
use super::report::{self, Destination, Order};
use super::{Delivery, File, ORG_TAG, POLICY_NAME, ROLE_DESCRIPTION, Setup};
use crate::policy::{self, Place};

/// The variables that stand for the external ids, in the order of the setup's.
const EXTERNAL_IDS: [&str; 2] = ["external_id", "next_external_id"];

const TO: Destination<'_> = Destination {
    partition: "${local.partition}",
    account: "${local.account_id}",
    bucket: "${var.bucket}",
    path: "${var.bucket_path}",
    region: "${aws_s3_bucket.billing.region}",
    report: "${var.report_name}",
};

/// The module's files.
pub(super) fn files(setup: &Setup) -> Vec<File> {
    vec![
        File { name: "main.tf", text: main(setup) },
        File { name: "policies.tf", text: policies(setup) },
        File { name: "variables.tf", text: variables(setup) },
        File { name: "outputs.tf", text: outputs() },
    ]
}

fn main(setup: &Setup) -> String {
    let mut blocks = vec![
        Block::new("terraform").set("required_version", Expr::text(">= 1.2")).nest(
            Block::new("required_providers")
                .set("aws", Expr::Value(json!({ "source": "hashicorp/aws", "version": ">= 5.65" }))),
        ),
        Block::new(r#"data "aws_caller_identity" "current""#),
        Block::new(r#"data "aws_partition" "current""#),
        Block::new("locals")
            .set("account_id", Expr::raw("data.aws_caller_identity.current.account_id"))
            .set("partition", Expr::raw("data.aws_partition.current.partition")),
        role(setup),
        Block::new(r#"resource "aws_iam_role_policy" "billing_reader""#)
            .set("name", Expr::text(POLICY_NAME))
            .set("role", Expr::raw("aws_iam_role.billing_reader.name"))
            .set("policy", Expr::raw("local.permission_policy")),
    ];
    if setup.wish.delivery != Delivery::None {
        blocks.extend(bucket());
        blocks.extend(delivery(setup.wish.delivery));
    }
    let about = match setup.wish.delivery {
        Delivery::None => "Lets billconnect read the AWS bills in a bucket of this account, the payer account.",
        _ => "Has AWS deliver this payer account's bills, and lets billconnect read them. Use a provider of us-east-1.",
    };
    hcl::file(about, &blocks)
}

fn role(setup: &Setup) -> Block {
    let role = Block::new(r#"resource "aws_iam_role" "billing_reader""#)
        .set("name", Expr::raw("var.role_name"))
        .set("description", Expr::text(ROLE_DESCRIPTION))
        .set("assume_role_policy", Expr::raw("local.trust_policy"))
        .set("tags", Expr::Value(json!({ ORG_TAG: "${var.org_id}" })));
    if setup.wish.account.is_none() {
        return role;
    }
    let error =
        "These credentials are of the account ${local.account_id}, not of the payer account ${var.payer_account_id}.";
    let condition = Block::new("precondition")
        .set("condition", Expr::raw("local.account_id == var.payer_account_id"))
        .set("error_message", Expr::text(error));
    role.nest(Block::new("lifecycle").nest(condition))
}

/// The bucket, closed to the public, and its policy.
fn bucket() -> [Block; 3] {
    let closed = ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"];
    let access = Block::new(r#"resource "aws_s3_bucket_public_access_block" "billing""#)
        .set("bucket", Expr::raw("aws_s3_bucket.billing.id"));
    let access = closed.into_iter().fold(access, |block, name| block.set(name, Expr::raw("true")));
    [
        Block::new(r#"resource "aws_s3_bucket" "billing""#).set("bucket", Expr::raw("var.bucket")),
        access,
        Block::new(r#"resource "aws_s3_bucket_policy" "billing""#)
            .set("bucket", Expr::raw("aws_s3_bucket.billing.id"))
            .set("policy", Expr::raw("local.bucket_policy")),
    ]
}

/// The report or export. Both are made in us-east-1, so the provider must be of that region.
fn delivery(delivery: Delivery) -> Option<Block> {
    let after = Expr::raw("[aws_s3_bucket_policy.billing]");
    match report::order(delivery, &TO)? {
        Order::Report(definition) => {
            let block = Block::new(r#"resource "aws_cur_report_definition" "billing""#);
            Some(fields(block, &definition).set("depends_on", after))
        }
        Order::Export(export) => {
            let block = Block::new(r#"resource "aws_bcmdataexports_export" "billing""#).set("depends_on", after);
            Some(block.nest(fields(Block::new("export"), &export)))
        }
    }
}

/// The model's fields in Terraform's spelling: objects are blocks, but for the settings of tables, which are a map.
fn fields(block: Block, object: &Value) -> Block {
    let (nested, plain): (Vec<_>, Vec<_>) = object
        .as_object()
        .into_iter()
        .flatten()
        .partition(|(name, value)| value.is_object() && *name != "TableConfigurations");
    let block =
        plain.into_iter().fold(block, |block, (name, value)| block.set(&snake(name), Expr::Value(value.clone())));
    nested.into_iter().fold(block, |block, (name, value)| block.nest(fields(Block::new(&snake(name)), value)))
}

/// `S3OutputConfigurations` as `s3_output_configurations`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn policies(setup: &Setup) -> String {
    let ids: Vec<String> =
        EXTERNAL_IDS.iter().zip(&setup.external_ids).map(|(name, _)| format!("${{var.{name}}}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let prefix = if setup.wish.path.is_empty() { "" } else { "${var.bucket_path}/" };
    let place = Place { partition: "${local.partition}", bucket: TO.bucket, prefix };
    let mut locals = Block::new("locals")
        .set("trust_policy", Expr::Json(policy::trust_policy_at("${var.operator_principal}", &ids)))
        .set("permission_policy", Expr::Json(policy::permission_policy_at(setup.wish.grant, &place)));
    if setup.wish.delivery != Delivery::None {
        locals = locals.set("bucket_policy", Expr::Json(report::bucket_policy(&TO)));
    }
    hcl::file("Who may assume the role, what it may do, and what AWS may write.", &[locals])
}

fn variables(setup: &Setup) -> String {
    let wish = &setup.wish;
    let variable = |name: &str, about: &str, value: &str| {
        Block::new(&format!("variable \"{name}\""))
            .set("description", Expr::text(about))
            .set("type", Expr::raw("string"))
            .set("default", Expr::text(value))
    };
    let mut all = vec![
        variable("operator_principal", "The principal of the operator, which may assume the role.", &setup.operator),
        variable("org_id", "The org whose bills they become.", &setup.org.to_string()),
    ];
    for (name, id) in EXTERNAL_IDS.into_iter().zip(&setup.external_ids) {
        all.push(variable(name, "An external id of the org, which the role requires.", id.as_ref()));
    }
    if let Some(account) = &wish.account {
        all.push(variable("payer_account_id", "The payer account.", account.as_ref()));
    }
    all.extend([
        variable("role_name", "The role to make.", wish.role.as_ref()),
        variable("bucket", "The bucket of the bills.", wish.bucket.as_ref()),
        variable(
            "bucket_path",
            "The path of the bills in the bucket, without slashes at its ends.",
            wish.path.as_ref(),
        ),
    ]);
    if wish.delivery != Delivery::None {
        all.push(variable("report_name", "What the report or export is called.", wish.report.as_ref()));
    }
    hcl::file("What the module is told; the defaults are this org's.", &all)
}

fn outputs() -> String {
    let output = |name: &str, about: &str, value: Expr| {
        Block::new(&format!("output \"{name}\"")).set("description", Expr::text(about)).set("value", value)
    };
    let role = "${aws_iam_role.billing_reader.arn}";
    let body = connect::body(&Blanks { account: TO.account, bucket: TO.bucket, path: TO.path, role });
    let all = [
        output("role_arn", "The role.", Expr::text(role)),
        output(
            "connect_route",
            "Where to send the request that connects the bill.",
            Expr::text(&connect::route("${var.org_id}")),
        ),
        output("connect_body", "The body of the request that connects the bill.", Expr::Json(body)),
    ];
    hcl::file("What connects the bill.", &all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::wish::{Asked, example};

    #[test]
    fn names_are_spelt_as_terraform_does() {
        for (model, terraform) in [
            ("S3Bucket", "s3_bucket"),
            ("TimeUnit", "time_unit"),
            ("S3OutputConfigurations", "s3_output_configurations"),
        ] {
            assert_eq!(snake(model), terraform);
        }
    }

    #[test]
    fn an_export_nests_and_keeps_its_tables_settings_a_map() {
        let asked = Asked { bucket: "b12".into(), path: "p".into(), with: Some("focus".into()), ..Asked::default() };
        let main = main(&example(&asked));
        assert!(main.contains("      s3_destination {\n"), "{main}");
        assert!(main.contains("      table_configurations = {\n        FOCUS_1_2_AWS = {\n"), "{main}");
    }

    #[test]
    fn the_payer_is_looked_at_where_it_is_known() {
        let asked = |account: Option<&str>| Asked {
            bucket: "b12".into(),
            account: account.map(str::to_owned),
            ..Asked::default()
        };
        assert!(main(&example(&asked(Some("123456789012")))).contains("local.account_id == var.payer_account_id"));
        assert!(!main(&example(&asked(None))).contains("payer_account_id"));
    }
}
