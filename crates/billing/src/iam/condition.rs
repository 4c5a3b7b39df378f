//! Whether a condition holds for a request, as far as the request is known.

use super::context::{Context, Known};
use super::document::Condition;
use super::operator::{Comparison, Operator, Set, Test};
use super::pattern::{Pattern, Step, fold};
use super::truth::Truth;

/// Whether the condition holds. `variables` says whether `${…}` is replaced.
pub(super) fn holds(condition: &Condition, context: &Context, variables: bool) -> Truth {
    let known = context.get(&condition.key);
    let comparison = match (condition.operator, &known) {
        (_, Known::Unknown) => return open(condition),
        (Operator::Null, known) => return null(condition, known),
        (Operator::Compare(comparison), _) => comparison,
    };
    let Known::Present(value) = known else { return absent(condition, comparison) };
    // One value is a set of one, so that `ForAllValues` and `ForAnyValue` both compare it as it is.
    let compared = condition.values.iter().map(|wanted| fits(comparison.test, &value, wanted, (context, variables)));
    let any = Truth::any(compared);
    if comparison.negated { any.negate() } else { any }
}

/// Whether a condition holds for a request that does not carry its key.
fn absent(condition: &Condition, comparison: Comparison) -> Truth {
    match (comparison.set, comparison.if_exists) {
        // The documentation of `IfExists` says yes, that of `ForAnyValue` no.
        (Some(Set::ForAnyValue), true) => open(condition),
        (Some(Set::ForAnyValue), false) => Truth::No,
        (Some(Set::ForAllValues), _) | (None, true) => Truth::Yes,
        (None, false) => comparison.negated.into(),
    }
}

fn null(condition: &Condition, known: &Known) -> Truth {
    let wanted = if *known == Known::Absent { "true" } else { "false" };
    condition.values.iter().any(|value| value.eq_ignore_ascii_case(wanted)).into()
}

fn open(condition: &Condition) -> Truth {
    Truth::Open(format!("{condition}"))
}

/// Whether `value`, which the request carries, fits the `wanted` one.
fn fits(test: Test, value: &str, wanted: &str, (context, variables): (&Context, bool)) -> Truth {
    let wildcards = matches!(test, Test::Like | Test::Arn);
    let pattern = match compile(wanted, (context, variables), wildcards) {
        Ok(pattern) => pattern,
        Err(open) => return open,
    };
    match test {
        Test::Equals | Test::Like => pattern.matches(value).into(),
        Test::EqualsIgnoreCase => pattern.folded().matches(&fold(value)).into(),
        Test::Bool => value.eq_ignore_ascii_case(wanted).into(),
        Test::Arn => arn_fits(&pattern, value).into(),
        Test::Other => Truth::Open(format!("how `{value}` compares with `{wanted}`")),
    }
}

/// ARNs are compared part by part: a wildcard in one of the first five never reaches over a colon.
fn arn_fits(pattern: &Pattern, value: &str) -> bool {
    let mut wanted: Vec<Vec<Step>> = vec![Vec::new()];
    for step in pattern.steps() {
        match (step, wanted.len()) {
            (Step::One(':'), ..6) => wanted.push(Vec::new()),
            (step, count) => wanted[count - 1].push(*step),
        }
    }
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    wanted.len() == 6
        && parts.len() == 6
        && wanted.into_iter().zip(parts).all(|(wanted, part)| Pattern::new(wanted).matches(part))
}

/// A value of the policy as a pattern: variables replaced, wildcards where the operator knows them.
pub(super) fn compile(wanted: &str, (context, variables): (&Context, bool), wildcards: bool) -> Result<Pattern, Truth> {
    let mut steps = Vec::new();
    let mut rest = wanted;
    while let Some(c) = rest.chars().next() {
        if variables && let Some((name, tail)) = rest.strip_prefix("${").and_then(|tail| tail.split_once('}')) {
            steps.extend(variable(name, context)?.chars().map(Step::One));
            rest = tail;
            continue;
        }
        steps.push(match c {
            '*' if wildcards => Step::Many,
            '?' if wildcards => Step::Any,
            other => Step::One(other),
        });
        rest = &rest[c.len_utf8()..];
    }
    Ok(Pattern::new(steps))
}

/// What `${name}` stands for.
fn variable(name: &str, context: &Context) -> Result<String, Truth> {
    if matches!(name, "*" | "?" | "$") {
        return Ok(name.to_owned());
    }
    let (key, default) = match name.split_once(',') {
        Some((key, default)) => (key.trim(), Some(default.trim().trim_matches('\''))),
        None => (name.trim(), None),
    };
    match (context.get(key), default) {
        (Known::Present(value), _) => Ok(value),
        (Known::Absent, Some(default)) => Ok(default.to_owned()),
        _ => Err(Truth::Open(format!("what `${{{name}}}` stands for"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(operator: &str, key: &str, values: &[&str]) -> Condition {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Condition { operator: Operator::parse(operator).unwrap(), key: key.into(), values }
    }

    /// Whether the condition holds with this id, or none.
    fn with(operator: &str, values: &[&str], id: Option<&str>) -> Option<bool> {
        let context = Context::default().with("sts:ExternalId", id).with("aws:username", Some("bill"));
        match holds(&condition(operator, "STS:externalid", values), &context, true) {
            Truth::Yes => Some(true),
            Truth::No => Some(false),
            Truth::Open(_) => None,
        }
    }

    #[test]
    fn operators_mean_what_aws_says() {
        // operator, values, with `Ab1`, with `ab1`, with `Ab10`, with none
        let (yes, no, open) = (Some(true), Some(false), None);
        for (operator, values, expected) in [
            ("StringEquals", &["Ab1"][..], [yes, no, no, no]),
            ("StringEquals", &["x", "Ab1"], [yes, no, no, no]),
            ("StringEquals", &["Ab*"], [no, no, no, no]),
            ("StringEqualsIgnoreCase", &["Ab1"], [yes, yes, no, no]),
            ("StringLike", &["Ab*"], [yes, no, yes, no]),
            ("StringLike", &["?b1"], [yes, yes, no, no]),
            ("StringEqualsIfExists", &["Ab1"], [yes, no, no, yes]),
            ("ForAllValues:StringEquals", &["Ab1"], [yes, no, no, yes]),
            ("ForAnyValue:StringEquals", &["Ab1"], [yes, no, no, no]),
            ("ForAnyValue:StringEqualsIfExists", &["Ab1"], [yes, no, no, open]),
            ("StringNotEquals", &["Ab1"], [no, yes, yes, yes]),
            ("StringNotEquals", &["Ab1", "ab1"], [no, no, yes, yes]),
            ("StringNotLike", &["Ab*"], [no, yes, no, yes]),
            ("ForAnyValue:StringNotEquals", &["Ab1"], [no, yes, yes, no]),
            ("ForAllValues:StringNotEquals", &["Ab1"], [no, yes, yes, yes]),
            ("Null", &["true"], [no, no, no, yes]),
            ("Null", &["false"], [yes, yes, yes, no]),
            ("Null", &["true", "false"], [yes, yes, yes, yes]),
            ("NumericEquals", &["1"], [open, open, open, no]),
            ("StringLike", &["Ab${*}"], [no, no, no, no]),
        ] {
            let found = [Some("Ab1"), Some("ab1"), Some("Ab10"), None].map(|id| with(operator, values, id));
            assert_eq!(found, expected, "{operator} {values:?}");
        }
    }

    #[test]
    fn variables_are_replaced_only_where_they_are_known() {
        assert_eq!(with("StringEquals", &["${aws:username}"], Some("bill")), Some(true));
        assert_eq!(with("StringEquals", &["${aws:userid}"], Some("bill")), None);
        assert_eq!(with("StringEquals", &["${aws:RequestTag/x, 'bill'}"], Some("bill")), Some(true));
        let literally = holds(
            &condition("StringEquals", "sts:ExternalId", &["${aws:username}"]),
            &Context::default().with("sts:ExternalId", Some("${aws:username}")),
            false,
        );
        assert_eq!(literally, Truth::Yes, "documents of version 2008-10-17 know no variables");
    }

    #[test]
    fn arns_are_compared_part_by_part() {
        let context =
            Context::default().with("aws:PrincipalArn", Some("arn:aws:iam::999999999999:user/ops/billconnect"));
        for (pattern, expected) in [
            ("arn:aws:iam::999999999999:user/ops/billconnect", true),
            ("arn:*:iam::*:user/*", true),
            ("arn:aws:iam:*:user/*", false),
            ("arn:aws:iam::999999999999:user/billconnect", false),
            ("*", false),
        ] {
            let found = holds(&condition("ArnLike", "aws:PrincipalArn", &[pattern]), &context, true);
            assert_eq!(found, expected.into(), "{pattern}");
        }
    }

    #[test]
    fn an_unknown_key_is_never_guessed() {
        for operator in ["StringEquals", "StringNotEquals", "Null", "IpAddress", "ForAllValues:StringLike"] {
            let found = holds(&condition(operator, "aws:SourceIp", &["10.0.0.0/8"]), &Context::default(), true);
            assert!(matches!(found, Truth::Open(_)), "{operator}");
        }
    }
}
