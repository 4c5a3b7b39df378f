//! Role ARNs and the partitions of AWS that they name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::{AccountId, NameError, text_name};

/// A partition of AWS: a world of accounts with its own endpoints and ARNs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Partition {
    /// The commercial regions.
    #[default]
    Aws,
    /// China.
    AwsCn,
    /// `GovCloud` (US).
    AwsUsGov,
}

impl Partition {
    /// The partition as ARNs spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::AwsCn => "aws-cn",
            Self::AwsUsGov => "aws-us-gov",
        }
    }

    /// The partition that a region lies in.
    pub fn of_region(region: &str) -> Self {
        match region {
            china if china.starts_with("cn-") => Self::AwsCn,
            gov if gov.starts_with("us-gov-") => Self::AwsUsGov,
            _ => Self::Aws,
        }
    }

    /// The region whose endpoints answer before a bucket's own region is known.
    pub fn home_region(self) -> &'static str {
        match self {
            Self::Aws => "us-east-1",
            Self::AwsCn => "cn-north-1",
            Self::AwsUsGov => "us-gov-west-1",
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Partition {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let all = [Self::Aws, Self::AwsCn, Self::AwsUsGov];
        let found = all.into_iter().find(|partition| partition.as_str() == text);
        found.ok_or_else(|| NameError::new("a partition", text, "it is `aws`, `aws-cn` or `aws-us-gov`"))
    }
}

/// The ARN of an IAM role, `arn:<partition>:iam::<account>:role/<path><name>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleArn(String);
text_name!(RoleArn);

impl RoleArn {
    /// The partition that the ARN names.
    pub fn partition(&self) -> Partition {
        match self.0.split(':').nth(1) {
            Some("aws-cn") => Partition::AwsCn,
            Some("aws-us-gov") => Partition::AwsUsGov,
            _ => Partition::Aws,
        }
    }

    /// The account that the role lives in.
    pub fn account(&self) -> AccountId {
        let field = self.0.split(':').nth(4).unwrap_or_default();
        field.parse().expect("a parsed role ARN has an account")
    }

    /// The role's name, without its path.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Whether `caller_arn` (what `GetCallerIdentity` says) is a session of this role.
    ///
    /// STS leaves the role's path out of a session's ARN, so the name and the account are what can be compared.
    pub fn is_session(&self, caller_arn: &str) -> bool {
        let start = format!("arn:{}:sts::{}:assumed-role/{}/", self.partition(), self.account(), self.name());
        caller_arn.starts_with(&start)
    }
}

impl FromStr for RoleArn {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        role_rule(text).map_or_else(|| Ok(Self(text.to_owned())), |rule| Err(NameError::new("a role ARN", text, rule)))
    }
}

/// The rule that `text` breaks as a role ARN, if it breaks one.
fn role_rule(text: &str) -> Option<&'static str> {
    let fields: Vec<&str> = text.split(':').collect();
    let [arn, partition, service, region, account, resource] = fields[..] else {
        return Some("it looks like `arn:aws:iam::123456789012:role/name`");
    };
    if arn != "arn" || service != "iam" || !region.is_empty() {
        return Some("it looks like `arn:aws:iam::123456789012:role/name`");
    }
    if !["aws", "aws-cn", "aws-us-gov"].contains(&partition) {
        return Some("its partition is `aws`, `aws-cn` or `aws-us-gov`");
    }
    if account.parse::<AccountId>().is_err() {
        return Some("its account has exactly 12 digits");
    }
    let Some(path_and_name) = resource.strip_prefix("role/") else {
        return Some("it names a role (`role/…`), not a user, group or policy");
    };
    let (path, name) = path_and_name.rsplit_once('/').unwrap_or(("", path_and_name));
    let in_name = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    let in_path = |b: u8| (0x21..=0x7e).contains(&b) && b != b'*' && b != b'?';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(in_name) {
        return Some("its role name has 1 to 64 letters, digits or `_+=,.@-`");
    }
    if path.len() > 510 || !path.bytes().all(in_path) {
        return Some("its path has at most 512 visible characters and no wildcards");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_told_by_name_and_by_region() {
        for partition in [Partition::Aws, Partition::AwsCn, Partition::AwsUsGov] {
            assert_eq!(partition.as_str().parse(), Ok(partition));
            assert_eq!(Partition::of_region(partition.home_region()), partition);
        }
        assert!("azure".parse::<Partition>().is_err());
    }

    #[test]
    fn a_role_arn_is_taken_apart() {
        let arn: RoleArn = "arn:aws-cn:iam::123456789012:role/finops/deep/billing-reader".parse().unwrap();
        assert_eq!(arn.partition(), Partition::AwsCn);
        assert_eq!(arn.account().as_ref(), "123456789012");
        assert_eq!(arn.name(), "billing-reader");
        assert!(arn.is_session("arn:aws-cn:sts::123456789012:assumed-role/billing-reader/flexera-finops"));
        assert!(!arn.is_session("arn:aws-cn:sts::123456789012:assumed-role/billing-reader-2/flexera-finops"));
        assert!(!arn.is_session("arn:aws-cn:iam::123456789012:user/billing-reader"));
    }

    #[test]
    fn what_is_not_a_role_is_refused_with_the_rule() {
        for (wrong, rule) in [
            ("", "looks like"),
            ("arn:aws:iam::123456789012:user/me", "names a role"),
            ("arn:aws:iam::123456789012:root", "names a role"),
            ("arn:aws:iam::123456789012:role/", "role name"),
            ("arn:aws:iam::123456789012:role/a*", "role name"),
            ("arn:aws:iam::12345:role/x", "12 digits"),
            ("arn:evil:iam::123456789012:role/x", "partition"),
            ("arn:aws:sts::123456789012:assumed-role/x/y", "looks like"),
            ("arn:aws:iam::123456789012:role/x:y", "looks like"),
        ] {
            let error = wrong.parse::<RoleArn>().unwrap_err().to_string();
            assert!(error.contains(rule), "{wrong}: {error}");
        }
    }
}
