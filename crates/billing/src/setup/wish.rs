//! What a customer has and wants made: read from texts, with every wrong one named.

use std::str::FromStr;

use crate::bucket::{BucketName, BucketPath};
use crate::names::{AccountId, NameError, Region, quotable};
use crate::policy::Grant;
use crate::role::Partition;

use super::text::{ReportName, RoleName, ServiceUrl, TemplateUrl};

/// What is to be set up.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The partition of the customer's account.
    pub partition: Partition,
    /// The payer account; the account that it is applied in, if absent.
    pub account: Option<AccountId>,
    /// The bucket that AWS delivers to.
    pub bucket: BucketName,
    /// Where below the bucket the reports lie.
    pub path: BucketPath,
    /// The role to make.
    pub role: RoleName,
    /// Which permissions it gets.
    pub grant: Grant,
    /// What else is made.
    pub delivery: Delivery,
    /// What AWS is to deliver is called so.
    pub report: ReportName,
    /// The region of a bucket that is made.
    pub region: Region,
    /// Where the service answers; a blank to fill in, if absent.
    pub service: Option<ServiceUrl>,
    /// Where the CloudFormation template is hosted.
    pub template: Option<TemplateUrl>,
    /// What a CloudFormation stack ends with.
    pub ending: Ending,
}

/// What is made beside the role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// Nothing: the bucket and the report are there.
    #[default]
    None,
    /// A bucket, its policy and a legacy Cost and Usage Report.
    Cur,
    /// A bucket, its policy and a CUR 2.0 export.
    Cur2,
    /// A bucket, its policy and a FOCUS 1.2 export.
    Focus,
}

/// What a CloudFormation stack ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// The role.
    #[default]
    Role,
    /// The request that connects it; the stack fails when that fails.
    Connect,
}

/// What is asked for, as it came.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "`Wish` says it, field by field")]
pub struct Asked {
    pub partition: Option<String>,
    pub account: Option<String>,
    pub bucket: String,
    pub path: String,
    pub role: Option<String>,
    pub grant: Grant,
    pub with: Option<String>,
    pub report: Option<String>,
    pub region: Option<String>,
    pub service: Option<String>,
    pub template: Option<String>,
    pub ending: Ending,
}

/// A field of what is asked for, whatever the caller calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Field {
    Partition,
    Account,
    Bucket,
    Path,
    Role,
    With,
    Report,
    Region,
    Service,
    Template,
}

/// A field that cannot be what it was given as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Which field.
    pub field: Field,
    /// What is wrong with it and what it should look like.
    pub message: String,
}

impl Delivery {
    /// Every kind, with what a request calls it.
    pub const ALL: [(&'static str, Self); 4] =
        [("none", Self::None), ("cur", Self::Cur), ("cur2", Self::Cur2), ("focus", Self::Focus)];
}

impl Asked {
    /// Reads what is asked for, or names every field that is wrong.
    pub fn read(&self) -> Result<Wish, Vec<Flaw>> {
        let mut flaws = Vec::new();
        let partition = keep(Field::Partition, partition(self.partition.as_deref()), &mut flaws).unwrap_or_default();
        let account = given(Field::Account, self.account.as_deref(), &mut flaws);
        let bucket = keep(Field::Bucket, self.bucket.parse().map_err(text), &mut flaws);
        let path: Option<BucketPath> = keep(Field::Path, self.path.parse().map_err(text), &mut flaws);
        let role = given(Field::Role, self.role.as_deref(), &mut flaws).unwrap_or_default();
        let delivery = keep(Field::With, delivery(self.with.as_deref()), &mut flaws).unwrap_or_default();
        let report = given(Field::Report, self.report.as_deref(), &mut flaws).unwrap_or_default();
        let region = self.region.as_deref().unwrap_or(partition.home_region());
        let region = keep(Field::Region, region.parse().map_err(text), &mut flaws);
        let service = given(Field::Service, self.service.as_deref(), &mut flaws);
        let template = given(Field::Template, self.template.as_deref(), &mut flaws);
        if let Some(message) = path.as_ref().and_then(|path| path_flaw(path, delivery)) {
            flaws.push(Flaw { field: Field::Path, message });
        }
        if delivery != Delivery::None && partition != Partition::Aws {
            let message = "reports and exports are set up in the partition `aws` only; leave it out, and make them in the \
                           console";
            flaws.push(Flaw { field: Field::With, message: message.to_owned() });
        }
        let (grant, ending) = (self.grant, self.ending);
        match (bucket, path, region) {
            (Some(bucket), Some(path), Some(region)) if flaws.is_empty() => Ok(Wish {
                partition,
                account,
                bucket,
                path,
                role,
                grant,
                delivery,
                report,
                region,
                service,
                template,
                ending,
            }),
            _ => Err(flaws),
        }
    }
}

/// What templates or AWS's report services could not take of a path.
fn path_flaw(path: &BucketPath, delivery: Delivery) -> Option<String> {
    let text = path.as_ref();
    if text.contains(['"', '\\']) {
        return Some(format!("`{}` can't be set up: a path has no `\"` and no `\\`", quotable(text)));
    }
    if delivery == Delivery::None {
        return None;
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!-_.'()/".contains(&b);
    if path.is_empty() || text.len() > 256 || !text.bytes().all(allowed) {
        let rule = "1 to 256 letters, digits or `!-_.'()/`";
        return Some(format!("`{}` is not a path that AWS delivers reports to: it has {rule}", quotable(text)));
    }
    None
}

fn partition(given: Option<&str>) -> Result<Partition, String> {
    match given {
        None | Some("aws") => Ok(Partition::Aws),
        Some("aws-cn") => Ok(Partition::AwsCn),
        Some("aws-us-gov") => Ok(Partition::AwsUsGov),
        Some(other) => Err(format!("`{}` is not a partition: it is `aws`, `aws-cn` or `aws-us-gov`", quotable(other))),
    }
}

fn delivery(given: Option<&str>) -> Result<Delivery, String> {
    let Some(given) = given else { return Ok(Delivery::None) };
    let known = Delivery::ALL.into_iter().find(|(name, _)| *name == given).map(|(_, delivery)| delivery);
    known.ok_or_else(|| format!("`{}` is nothing to set up: it is `none`, `cur`, `cur2` or `focus`", quotable(given)))
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives it away")]
fn text(error: NameError) -> String {
    error.to_string()
}

/// The parsed value of an optional field.
fn given<T: FromStr<Err = NameError>>(field: Field, given: Option<&str>, flaws: &mut Vec<Flaw>) -> Option<T> {
    keep(field, given?.parse().map_err(text), flaws)
}

/// The value, or `None` with the flaw kept.
fn keep<T>(field: Field, parsed: Result<T, String>, flaws: &mut Vec<Flaw>) -> Option<T> {
    parsed.map_err(|message| flaws.push(Flaw { field, message })).ok()
}

/// A setup of what is asked, for the unit tests and the page.
#[cfg(test)]
pub(super) fn example(asked: &Asked) -> super::Setup {
    let org: crate::names::OrgId = "123456789".parse().expect("9 digits");
    let wish = asked.read().expect("a sound example");
    let operator = "arn:aws:iam::999999999999:user/billconnect".to_owned();
    super::Setup { org, operator, external_ids: vec![org.external_id()], wish }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_field_is_named() {
        let wrong = || Some("no such thing!".to_owned());
        let asked = Asked {
            partition: wrong(),
            account: wrong(),
            bucket: "B".into(),
            path: "..".into(),
            role: wrong(),
            with: wrong(),
            report: wrong(),
            region: wrong(),
            service: wrong(),
            template: wrong(),
            ..Asked::default()
        };
        let fields: Vec<Field> = asked.read().unwrap_err().into_iter().map(|flaw| flaw.field).collect();
        let all = [
            Field::Partition,
            Field::Account,
            Field::Bucket,
            Field::Path,
            Field::Role,
            Field::With,
            Field::Report,
            Field::Region,
            Field::Service,
            Field::Template,
        ];
        assert_eq!(fields, all);
    }

    #[test]
    fn a_delivery_needs_a_path_and_a_partition_that_aws_delivers_in() {
        let asked = |path: &str, partition: &str| Asked {
            bucket: "acme-bills".into(),
            path: path.into(),
            partition: Some(partition.into()),
            with: Some("cur".into()),
            ..Asked::default()
        };
        assert!(asked("bills", "aws").read().is_ok());
        assert_eq!(asked("", "aws").read().unwrap_err()[0].field, Field::Path);
        assert_eq!(asked("büro", "aws").read().unwrap_err()[0].field, Field::Path);
        assert_eq!(asked("bills", "aws-cn").read().unwrap_err()[0].field, Field::With);
    }

    #[test]
    fn the_least_that_can_be_asked_has_defaults() {
        let wish = Asked { bucket: "acme-bills".into(), ..Asked::default() }.read().unwrap();
        assert_eq!((wish.role.as_ref(), wish.report.as_ref()), ("billing-reader", "billconnect"));
        assert_eq!((wish.region.as_ref(), wish.delivery), ("us-east-1", Delivery::None));
    }
}
