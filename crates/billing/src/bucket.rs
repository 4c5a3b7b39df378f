//! Where a bill lies: the bucket's name, the path within it and the report's name, each in one normal form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::{NameError, text_name};

/// The name of an S3 general purpose bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BucketName(String);
text_name!(BucketName);

impl FromStr for BucketName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let fits = (3..=63).contains(&text.len())
            && text.bytes().all(allowed)
            && edge(text.bytes().next())
            && edge(text.bytes().last())
            && !text.contains("..");
        if fits {
            return Ok(Self(text.to_owned()));
        }
        let rule =
            "it has 3 to 63 lower-case letters, digits, dots or hyphens and starts and ends with a letter or digit";
        Err(NameError::new("an S3 bucket name", text, rule))
    }
}

/// A path in a bucket: no slash at either end, none doubled; empty for the whole bucket.
///
/// Clients send `""`, `"/"`, `"/x"`, `"x/"` and `"x/y"`; all of them parse to the same form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BucketPath(String);
text_name!(BucketPath);

impl BucketPath {
    /// Whether the path is the whole bucket.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The prefix that keys below this path start with: empty, or the path and a slash.
    pub fn prefix(&self) -> String {
        if self.0.is_empty() { String::new() } else { format!("{}/", self.0) }
    }

    /// Whether `key` lies below this path. A key with a `.` or `..` segment never does.
    pub fn holds(&self, key: &str) -> bool {
        key.starts_with(&self.prefix()) && key.split('/').all(|segment| segment != ".." && segment != ".")
    }
}

impl FromStr for BucketPath {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        const WHAT: &str = "a path in a bucket";
        if text.len() > 512 {
            return Err(NameError::new(WHAT, text, "it has at most 512 bytes"));
        }
        // Wildcards and variables would widen a policy; quotes and backslashes, which JSON doubles, would make it too long.
        if text.chars().any(|c| c.is_control() || "*?$\"\\".contains(c)) {
            let rule = "it has no control characters and none of `*`, `?`, `$`, `\"` and `\\`";
            return Err(NameError::new(WHAT, text, rule));
        }
        let segments: Vec<&str> = text.split('/').filter(|segment| !segment.is_empty()).collect();
        if segments.iter().any(|segment| *segment == "." || *segment == "..") {
            return Err(NameError::new(WHAT, text, "no part of it is `.` or `..`"));
        }
        Ok(Self(segments.join("/")))
    }
}

/// A report as a customer names it: by its name, or by its folder where several have the same name. No slash at either end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReportName(String);
text_name!(ReportName);

impl ReportName {
    /// Whether it names the report of this folder (without a slash at the end).
    pub fn names(&self, folder: &str) -> bool {
        folder == self.0 || folder.rsplit('/').next() == Some(&self.0)
    }
}

impl FromStr for ReportName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let normal = text.trim_matches('/');
        if normal.is_empty() || normal.len() > 512 || normal.chars().any(char::is_control) {
            let rule = "it has 1 to 512 bytes and no control characters, like `hourly-cost` or `bills/hourly-cost`";
            return Err(NameError::new("the name of a report", text, rule));
        }
        Ok(Self(normal.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_normal_form() {
        for (given, normal, prefix) in [
            ("", "", ""),
            ("/", "", ""),
            ("/x", "x", "x/"),
            ("x/", "x", "x/"),
            ("x/y", "x/y", "x/y/"),
            ("//x//y/", "x/y", "x/y/"),
        ] {
            let path: BucketPath = given.parse().unwrap();
            assert_eq!((path.as_ref(), path.prefix().as_str()), (normal, prefix), "{given}");
        }
    }

    #[test]
    fn paths_that_could_escape_or_match_more_are_refused() {
        for wrong in ["../x", "x/../y", "x/./y", "x*", "a?b", "${aws:username}", "a\nb", "a\"b", "a\\b"] {
            assert!(wrong.parse::<BucketPath>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_path_holds_only_what_lies_below_it() {
        let path: BucketPath = "bills/a".parse().unwrap();
        assert!(path.holds("bills/a/x.gz"));
        for outside in ["bills/ab/x.gz", "bills/a", "other/x.gz", "bills/a/../b/x.gz"] {
            assert!(!path.holds(outside), "{outside}");
        }
    }

    #[test]
    fn a_report_is_named_by_its_name_or_its_folder() {
        let name = |text: &str| text.parse::<ReportName>().unwrap();
        assert!(name("R").names("P/R") && name("R").names("R") && name("/P/R/").names("P/R"));
        assert!(!name("R").names("P/R2") && !name("R").names("R/data") && !name("Q/R").names("P/R"));
        for wrong in ["", "/", "a\nb", &"x".repeat(513)] {
            assert!(wrong.parse::<ReportName>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn bucket_names_follow_the_rules_of_s3() {
        assert!("acme-bills.2026".parse::<BucketName>().is_ok());
        for wrong in [
            "ab",
            "Acme",
            "-acme",
            "acme-",
            "a..b",
            "a/b",
            "bucket@host",
            "a.b@evil",
            "..",
            "a#b.c",
            "a:80",
            "[::1]",
            "a b",
            "ａcme",
        ] {
            assert!(wrong.parse::<BucketName>().is_err(), "{wrong}");
        }
    }
}
