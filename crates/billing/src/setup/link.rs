//! The link that opens the AWS console with the hosted CloudFormation template filled in.

use super::cloudformation::filled_parameters;
use super::{Delivery, Setup, Unavailable};
use crate::role::Partition;

/// The quick-create link.
pub(super) fn quick_create(setup: &Setup) -> Result<String, Unavailable> {
    let template = setup.wish.template.as_ref().ok_or(Unavailable::NoTemplateUrl)?;
    let region = region(setup);
    let console = match setup.wish.partition {
        Partition::Aws => format!("{region}.console.aws.amazon.com"),
        Partition::AwsCn => format!("{region}.console.amazonaws.cn"),
        Partition::AwsUsGov => format!("{region}.console.amazonaws-us-gov.com"),
    };
    let parameters: Vec<String> =
        filled_parameters(setup).into_iter().map(|(name, value)| format!("&param_{name}={}", encode(&value))).collect();
    let parameters = parameters.concat();
    Ok(format!(
        "https://{console}/cloudformation/home?region={region}#/stacks/create/review?templateURL={}&stackName=billconnect-{}{parameters}",
        encode(template.as_ref()),
        setup.org
    ))
}

/// The region of the stack: IAM is the same in all, but reports and exports are made in one only, and their bucket with them.
fn region(setup: &Setup) -> &str {
    match setup.wish.delivery {
        Delivery::None => setup.wish.region.as_ref(),
        _ => super::report::BILLING_REGION,
    }
}

/// Percent-encodes all but the characters that no part of a URL gives a meaning.
fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let encoded: Vec<String> = text.bytes().map(encode).collect();
    encoded.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::wish::{Asked, Ending, example};

    #[test]
    fn the_link_fills_in_every_parameter_but_the_token() {
        let setup = example(&Asked {
            bucket: "acme-bills".into(),
            path: "büro & co/cur".into(),
            service: Some("https://bills.example.com".into()),
            template: Some("https://t.s3.amazonaws.com/billconnect.json?versionId=1".into()),
            ending: Ending::Connect,
            ..Asked::default()
        });
        let link = quick_create(&setup).unwrap();
        let start = "https://us-east-1.console.aws.amazon.com/cloudformation/home?region=us-east-1#/stacks/create/review\
                     ?templateURL=https%3A%2F%2Ft.s3.amazonaws.com%2Fbillconnect.json%3FversionId%3D1&stackName=billconnect-123456789";
        assert!(link.starts_with(start), "{link}");
        assert!(link.contains("&param_BucketPath=b%C3%BCro%20%26%20co%2Fcur&"), "{link}");
        assert!(link.contains("&param_OperatorPrincipal=arn%3Aaws%3Aiam%3A%3A999999999999%3Auser%2Fbillconnect&"));
        assert!(!link.contains("AccessToken"), "a link ends up in histories and logs");
    }
}
