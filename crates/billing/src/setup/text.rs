//! Names and addresses that a setup is given, each in the form that AWS and the templates can take.

use std::fmt;
use std::str::FromStr;

use crate::names::{NameError, text_name};

/// The name of the role that is to be made, without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleName(String);
text_name!(RoleName);

impl Default for RoleName {
    fn default() -> Self {
        Self("billing-reader".to_owned())
    }
}

impl FromStr for RoleName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError::new("a role name", text, "it has 1 to 64 letters, digits or `_+=,.@-`"))
    }
}

/// The name of the report or export that AWS is to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportName(String);
text_name!(ReportName);

impl Default for ReportName {
    fn default() -> Self {
        Self("billconnect".to_owned())
    }
}

impl FromStr for ReportName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
        if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError::new("a report name", text, "it has 1 to 128 letters, digits, `-` or `_`"))
    }
}

/// Where the service answers: the start of its addresses, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUrl(String);
text_name!(ServiceUrl);

impl FromStr for ServiceUrl {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim_end_matches('/');
        // A token travels there, so in clear text only to this very machine.
        let local = ["http://127.0.0.1", "http://localhost"]
            .into_iter()
            .any(|host| text.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/'])));
        if (local || text.len() > "https://".len() && text.starts_with("https://")) && plain(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError::new("the address of the service", text, "it looks like `https://bills.example.com`"))
    }
}

/// Where a CloudFormation template is hosted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateUrl(String);
text_name!(TemplateUrl);

impl FromStr for TemplateUrl {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() > "https://".len() && text.len() <= 5120 && text.starts_with("https://") && plain(text) {
            return Ok(Self(text.to_owned()));
        }
        let rule = "it looks like `https://bucket.s3.amazonaws.com/billconnect.json`";
        Err(NameError::new("the address of a template", text, rule))
    }
}

/// Whether an address has only characters that mean nothing to a shell or a template.
fn plain(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/?=&%+@".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_or_a_template_could_trip_over_is_refused() {
        for wrong in ["https://", "http://bills.example.com", "https://a b", "https://a'b", "https://${x}", "ftp://x"] {
            assert!(wrong.parse::<ServiceUrl>().is_err(), "{wrong}");
            assert!(wrong.parse::<TemplateUrl>().is_err(), "{wrong}");
        }
        assert!("http://localhost.example.com".parse::<ServiceUrl>().is_err(), "a token would travel in clear text");
        for wrong in ["", "a b", "a/b", "a'b", "$x", "ä"] {
            assert!(wrong.parse::<RoleName>().is_err() && wrong.parse::<ReportName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_lose_their_last_slash() {
        assert_eq!("https://bills.example.com/".parse::<ServiceUrl>().unwrap().as_ref(), "https://bills.example.com");
        assert!("http://127.0.0.1:8080".parse::<ServiceUrl>().is_ok());
        assert!("https://b.s3.amazonaws.com/t.json?versionId=a".parse::<TemplateUrl>().is_ok());
    }
}
