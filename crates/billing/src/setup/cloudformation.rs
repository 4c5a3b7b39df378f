//! The setup as a CloudFormation template: the role; with a bucket and what is delivered to it; ending with the request that
//! connects, if asked for.
//!
//! The model's texts are rendered with `${Parameter}` for what the template leaves open, and `intrinsic` turns those into
//! `Ref` and `Fn::Sub`. One template thus serves every customer, by its parameters.

use serde_json::{Map, Value, json};

use super::connect::{self, Blanks};
use super::report::{self, Destination, Order};
use super::{Delivery, Ending, ORG_TAG, POLICY_NAME, ROLE_DESCRIPTION, Setup};
use crate::policy::{self, Place};

/// What the stack's function runs; CloudFormation calls it with the parameters of the request.
const CONNECT_FUNCTION: &str = include_str!("connect_function.py");

/// The parameters that stand for the external ids, in the order of the setup's.
const EXTERNAL_IDS: [&str; 2] = ["ExternalId", "NextExternalId"];

/// The whole template.
pub(super) fn template(setup: &Setup) -> Value {
    let mut resources = Map::new();
    resources.insert("BillingReader".into(), role(setup));
    if setup.wish.delivery != Delivery::None {
        resources.extend(delivery(setup));
    }
    if setup.wish.ending == Ending::Connect {
        resources.extend(connection(setup));
    }
    let about = match setup.wish.delivery {
        Delivery::None => "Lets billconnect read the AWS bills in a bucket of this account, the payer account.",
        _ => "Has AWS deliver this payer account's bills, and lets billconnect read them. Make the stack in us-east-1.",
    };
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": about,
        "Parameters": parameters(setup).into_iter().map(|(name, shape)| (name.to_owned(), shape)).collect::<Map<_, _>>(),
        "Resources": intrinsic(Value::Object(resources)),
        "Outputs": intrinsic(outputs()),
    })
}

/// The parameters that a console link fills in, with their values: all but the token, which no link may carry.
pub(super) fn filled_parameters(setup: &Setup) -> Vec<(&'static str, String)> {
    let values = parameters(setup).into_iter();
    values.filter_map(|(name, shape)| Some((name, shape["Default"].as_str()?.to_owned()))).collect()
}

fn parameters(setup: &Setup) -> Vec<(&'static str, Value)> {
    let wish = &setup.wish;
    let text = |about: &str, pattern: &str, value: &str| json!({ "Type": "String", "Description": about, "AllowedPattern": pattern, "Default": value });
    let principal = text("The principal of the operator, which may assume the role", "arn:.+", &setup.operator);
    let mut all = vec![("OperatorPrincipal", principal)];
    for (name, id) in EXTERNAL_IDS.into_iter().zip(&setup.external_ids) {
        let about = "An external id of the org, which the role requires";
        all.push((name, text(about, "[A-Za-z0-9+=,.@:/_-]{2,1224}", id.as_ref())));
    }
    // What is permitted or delivered below a path cannot be moved to the whole bucket.
    let inside = r#"[^/"\\*?$]([^"\\*?$]*[^/"\\*?$])?"#;
    let path = if wish.path.is_empty() { r#"[^"\\*?$]*"# } else { inside };
    all.extend([
        ("OrgId", text("The org whose bills they become", "[0-9]{6,18}", &setup.org.to_string())),
        ("BucketName", text("The bucket of the bills", "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", wish.bucket.as_ref())),
        ("BucketPath", text("The path of the bills in the bucket", path, wish.path.as_ref())),
        ("RoleName", text("The role to make", "[A-Za-z0-9_+=,.@-]{1,64}", wish.role.as_ref())),
    ]);
    if wish.delivery != Delivery::None {
        let about = "What the report or export is called";
        all.push(("ReportName", text(about, "[A-Za-z0-9_-]{1,128}", wish.report.as_ref())));
    }
    if wish.ending == Ending::Connect {
        let service = "https://.+|http://(127\\.0\\.0\\.1|localhost)(:[0-9]+)?";
        let mut url = text("Where billconnect answers", service, "");
        match &wish.service {
            Some(known) => url["Default"] = json!(known.as_ref()),
            None => drop(url.as_object_mut().and_then(|url| url.remove("Default"))),
        }
        let token = "An access token of the org whose role is admin; it is used once and kept nowhere";
        let wait =
            "For how many seconds a new role may be refused before the stack fails: AWS makes it known bit by bit";
        all.extend([
            ("ServiceUrl", url),
            ("AccessToken", json!({ "Type": "String", "Description": token, "NoEcho": true, "MinLength": 1 })),
            ("WaitSeconds", text(wait, "[0-9]{1,3}", "90")),
        ]);
    }
    all
}

fn role(setup: &Setup) -> Value {
    let ids: Vec<String> =
        EXTERNAL_IDS.iter().zip(&setup.external_ids).map(|(name, _)| format!("${{{name}}}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let prefix = if setup.wish.path.is_empty() { "" } else { "${BucketPath}/" };
    let place = Place { partition: "${AWS::Partition}", bucket: "${BucketName}", prefix };
    json!({
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": "${RoleName}",
            "Description": ROLE_DESCRIPTION,
            "AssumeRolePolicyDocument": policy::trust_policy_at("${OperatorPrincipal}", &ids),
            "Policies": [{
                "PolicyName": POLICY_NAME,
                "PolicyDocument": policy::permission_policy_at(setup.wish.grant, &place),
            }],
            "Tags": [{ "Key": ORG_TAG, "Value": "${OrgId}" }],
        },
    })
}

/// The bucket, which outlives the stack, its policy, and the report or export.
fn delivery(setup: &Setup) -> Map<String, Value> {
    let to = Destination {
        partition: "${AWS::Partition}",
        account: "${AWS::AccountId}",
        bucket: "${BucketName}",
        path: "${BucketPath}",
        region: "${AWS::Region}",
        report: "${ReportName}",
    };
    let mut made = Map::new();
    made.insert(
        "BillingBucket".into(),
        json!({
            "Type": "AWS::S3::Bucket",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "BucketName": "${BucketName}",
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": true,
                    "IgnorePublicAcls": true,
                    "BlockPublicPolicy": true,
                    "RestrictPublicBuckets": true,
                },
            },
        }),
    );
    made.insert(
        "BillingBucketPolicy".into(),
        json!({
            "Type": "AWS::S3::BucketPolicy",
            "DependsOn": "BillingBucket",
            // AWS goes on delivering to a bucket that was kept.
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": { "Bucket": "${BucketName}", "PolicyDocument": report::bucket_policy(&to) },
        }),
    );
    let (kind, properties) = match report::order(setup.wish.delivery, &to) {
        None => return made,
        Some(Order::Report(definition)) => ("AWS::CUR::ReportDefinition", definition),
        Some(Order::Export(export)) => ("AWS::BCMDataExports::Export", json!({ "Export": export })),
    };
    let report = json!({ "Type": kind, "DependsOn": "BillingBucketPolicy", "Properties": properties });
    made.insert("BillingReport".into(), report);
    made
}

/// The request that connects: a function without any permission, called once.
fn connection(setup: &Setup) -> Map<String, Value> {
    let mut made = Map::new();
    made.insert(
        "ConnectorRole".into(),
        json!({
            "Type": "AWS::IAM::Role",
            "Properties": {
                "Description": "Runs the function that connects the bill; may do nothing",
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{
                        "Effect": "Allow",
                        "Principal": { "Service": "lambda.amazonaws.com" },
                        "Action": "sts:AssumeRole",
                    }],
                },
            },
        }),
    );
    made.insert(
        "Connector".into(),
        json!({
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Description": "Connects the bill when the stack is made",
                "Runtime": "python3.13",
                "Handler": "index.handler",
                "Role": { "Fn::GetAtt": ["ConnectorRole", "Arn"] },
                "Timeout": 600,
                "MemorySize": 128,
                "Code": { "ZipFile": CONNECT_FUNCTION },
            },
        }),
    );
    let mut request = json!({
        "Type": "Custom::BillConnect",
        "Properties": {
            "ServiceToken": { "Fn::GetAtt": ["Connector", "Arn"] },
            "ServiceTimeout": "600",
            "ServiceUrl": "${ServiceUrl}",
            "AccessToken": "${AccessToken}",
            "WaitSeconds": "${WaitSeconds}",
            "OrgId": "${OrgId}",
            "BillAccountId": "${AWS::AccountId}",
            "BucketName": "${BucketName}",
            "BucketPath": "${BucketPath}",
            "RoleArn": { "Fn::GetAtt": ["BillingReader", "Arn"] },
        },
    });
    if setup.wish.delivery != Delivery::None {
        request["DependsOn"] = json!("BillingReport");
    }
    made.insert("BillConnect".into(), request);
    made
}

fn outputs() -> Value {
    let place = Blanks {
        account: "${AWS::AccountId}",
        bucket: "${BucketName}",
        path: "${BucketPath}",
        role: "${BillingReader.Arn}",
    };
    json!({
        "RoleArn": { "Description": "The role", "Value": "${BillingReader.Arn}" },
        "ConnectRoute": {
            "Description": "Where to send the request that connects the bill",
            "Value": connect::route("${OrgId}"),
        },
        "ConnectBody": {
            "Description": "The body of the request that connects the bill",
            "Value": connect::body(&place).to_string(),
        },
    })
}

/// Turns `${Name}` in every text into the template's own functions. The function's code is not a text of the model.
fn intrinsic(value: Value) -> Value {
    match value {
        Value::String(text) if text == CONNECT_FUNCTION => Value::String(text),
        Value::String(text) => {
            let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            match name {
                Some(name) if !name.contains(['$', '.']) => json!({ "Ref": name }),
                _ if text.contains("${") => json!({ "Fn::Sub": text }),
                _ => Value::String(text),
            }
        }
        Value::Array(values) => values.into_iter().map(intrinsic).collect(),
        Value::Object(object) => object.into_iter().map(|(key, value)| (key, intrinsic(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::wish::{Asked, example};

    fn setup(with: &str, ending: Ending) -> Setup {
        let (with, path) = (Some(with.to_owned()), "cur".to_owned());
        example(&Asked { bucket: "acme-bills".into(), path, with, ending, ..Asked::default() })
    }

    /// The template's values with its parameters filled in, as CloudFormation does it.
    fn filled(value: &Value, parameters: &[(&str, String)]) -> Value {
        let fill = |text: &str| {
            let known = parameters.iter().map(|(name, value)| (*name, value.as_str()));
            let known = known.chain([("AWS::Partition", "aws"), ("AWS::AccountId", "123456789012")]);
            known.fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value))
        };
        match value {
            Value::Object(object) => match object.iter().next() {
                Some((key, Value::String(name))) if key == "Ref" => json!(fill(&format!("${{{name}}}"))),
                Some((key, Value::String(text))) if key == "Fn::Sub" => json!(fill(text)),
                _ => object.iter().map(|(key, value)| (key.clone(), filled(value, parameters))).collect(),
            },
            Value::Array(values) => values.iter().map(|value| filled(value, parameters)).collect(),
            other => other.clone(),
        }
    }

    #[test]
    fn the_policies_of_the_stack_are_the_models() {
        let mut setup = setup("none", Ending::Role);
        setup.external_ids.push("765432".parse::<crate::names::OrgId>().unwrap().external_id());
        for grant in [policy::Grant::Published, policy::Grant::Tightened] {
            setup.wish.grant = grant;
            let template = template(&setup);
            let role = &template["Resources"]["BillingReader"]["Properties"];
            let filled = |value: &Value| filled(value, &filled_parameters(&setup));
            assert_eq!(filled(&role["AssumeRolePolicyDocument"]), setup.trust_policy());
            assert_eq!(filled(&role["Policies"][0]["PolicyDocument"]), setup.permission_policy());
        }
    }

    #[test]
    fn the_token_is_never_echoed_and_has_no_default() {
        let template = template(&setup("cur", Ending::Connect));
        let token = &template["Parameters"]["AccessToken"];
        assert_eq!((&token["NoEcho"], &token["Default"]), (&json!(true), &Value::Null));
        assert!(!template["Outputs"].to_string().contains("AccessToken"));
        let uses = template["Resources"].to_string().matches(r#"{"Ref":"AccessToken"}"#).count();
        assert_eq!(uses, 1, "it goes to the function and nowhere else");
    }

    #[test]
    fn what_runs_in_the_stack_prints_nothing() {
        for way in ["print(", "logging", "sys.std"] {
            assert!(!CONNECT_FUNCTION.contains(way), "{way} would put a token's request into a log");
        }
        assert!(CONNECT_FUNCTION.len() <= 4096, "CloudFormation takes no longer inline code");
    }

    #[test]
    fn what_is_delivered_comes_after_the_policy_that_lets_it() {
        for (with, kind) in [
            ("cur", "AWS::CUR::ReportDefinition"),
            ("cur2", "AWS::BCMDataExports::Export"),
            ("focus", "AWS::BCMDataExports::Export"),
        ] {
            let template = template(&setup(with, Ending::Connect));
            let report = &template["Resources"]["BillingReport"];
            assert_eq!((&report["Type"], &report["DependsOn"]), (&json!(kind), &json!("BillingBucketPolicy")));
            assert_eq!(template["Resources"]["BillConnect"]["DependsOn"], "BillingReport");
        }
    }
}
