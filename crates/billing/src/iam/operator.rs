//! Condition operators: their names, and what each says of a value.

use std::fmt;

/// A condition operator as policies name it: set prefix, comparison, `IfExists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    /// `Null`: whether the key is absent.
    Null,
    /// A comparison.
    Compare(Comparison),
}

/// A comparison with its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Comparison {
    /// Its name without prefix and suffix.
    name: &'static str,
    pub set: Option<Set>,
    pub test: Test,
    /// Whether it holds where the test does not.
    pub negated: bool,
    /// Whether it holds where the key is absent.
    pub if_exists: bool,
}

/// How a key with several values is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    /// Every value must fit, so that none at all fits too.
    ForAllValues,
    /// One value must fit, so that none at all does not.
    ForAnyValue,
}

/// What is compared, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    /// Letter by letter.
    Equals,
    /// Letter by letter, whatever the case.
    EqualsIgnoreCase,
    /// With wildcards.
    Like,
    /// ARNs, part by part, with wildcards.
    Arn,
    /// `true` and `false`.
    Bool,
    /// Numbers, dates, addresses, bytes: nothing that is known offline has such a value.
    Other,
}

/// Every operator by its name, and whether it is a negated one.
const NAMES: [(&str, Test, bool); 26] = [
    ("StringEquals", Test::Equals, false),
    ("StringNotEquals", Test::Equals, true),
    ("StringEqualsIgnoreCase", Test::EqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Test::EqualsIgnoreCase, true),
    ("StringLike", Test::Like, false),
    ("StringNotLike", Test::Like, true),
    ("ArnEquals", Test::Arn, false),
    ("ArnLike", Test::Arn, false),
    ("ArnNotEquals", Test::Arn, true),
    ("ArnNotLike", Test::Arn, true),
    ("Bool", Test::Bool, false),
    ("NumericEquals", Test::Other, false),
    ("NumericNotEquals", Test::Other, true),
    ("NumericLessThan", Test::Other, false),
    ("NumericLessThanEquals", Test::Other, false),
    ("NumericGreaterThan", Test::Other, false),
    ("NumericGreaterThanEquals", Test::Other, false),
    ("DateEquals", Test::Other, false),
    ("DateNotEquals", Test::Other, true),
    ("DateLessThan", Test::Other, false),
    ("DateLessThanEquals", Test::Other, false),
    ("DateGreaterThan", Test::Other, false),
    ("DateGreaterThanEquals", Test::Other, false),
    ("BinaryEquals", Test::Other, false),
    ("IpAddress", Test::Other, false),
    ("NotIpAddress", Test::Other, true),
];

impl Operator {
    /// The operator of this name, or the name that was probably meant.
    pub(super) fn parse(written: &str) -> Result<Self, Option<String>> {
        if written == "Null" {
            return Ok(Self::Null);
        }
        let (prefix, rest) = match written.split_once(':') {
            Some(("ForAllValues", rest)) => (Some(Set::ForAllValues), rest),
            Some(("ForAnyValue", rest)) => (Some(Set::ForAnyValue), rest),
            Some(_) => return Err(None),
            None => (None, written),
        };
        let (name, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |name| (name, true));
        match NAMES.iter().find(|(known, ..)| *known == name) {
            Some((name, test, negated)) => {
                Ok(Self::Compare(Comparison { name, set: prefix, test: *test, negated: *negated, if_exists }))
            }
            None => {
                Err(NAMES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name)).map(|(n, ..)| (*n).to_owned()))
            }
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Compare(comparison) = self else { return f.write_str("Null") };
        match comparison.set {
            Some(Set::ForAllValues) => f.write_str("ForAllValues:")?,
            Some(Set::ForAnyValue) => f.write_str("ForAnyValue:")?,
            None => {}
        }
        f.write_str(comparison.name)?;
        if comparison.if_exists { f.write_str("IfExists") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_and_written_alike() {
        for (name, ..) in NAMES {
            for written in [
                name.to_owned(),
                format!("{name}IfExists"),
                format!("ForAllValues:{name}"),
                format!("ForAnyValue:{name}IfExists"),
            ] {
                assert_eq!(Operator::parse(&written).unwrap().to_string(), written);
            }
        }
        assert_eq!(Operator::parse("Null"), Ok(Operator::Null));
    }

    #[test]
    fn other_names_are_refused_with_what_was_meant() {
        assert_eq!(Operator::parse("stringequals"), Err(Some("StringEquals".into())));
        assert_eq!(Operator::parse("StringMatches"), Err(None));
        assert_eq!(Operator::parse("ForSomeValues:StringEquals"), Err(None));
        assert_eq!(Operator::parse("NullIfExists"), Err(None));
    }
}
