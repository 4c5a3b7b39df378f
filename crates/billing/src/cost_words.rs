//! The language of lists for questions about costs: which charges (`filter`), in which order (`orderBy`).
//!
//! ```text
//! filter    service eq 'AmazonEC2' and not (tag_team in ('web','data') or region sw 'US East') and 'tag_Cost Center' ne null
//! orderBy   cost_amortized_unblended_adj desc,service,timestamp
//! ```
//!
//! As in [`listing`](crate::listing), with three words more: a dimension whose name has blanks stands between single quotes,
//! `not` negates what follows, and `null` is what a charge has that has no value.

use crate::cost_filter::{Filter, MAX_DEPTH};
use crate::cost_names::{Dimension, Metric};
use crate::cost_query::{Direction, OrderKey};
use crate::listing::lex::What;
use crate::listing::parse::{Parser, Stop};
use crate::listing::{Flaw, Operator};

/// What the start of a row's month, day or hour is called.
const TIME: &str = "timestamp";

/// Reads a filter, or names what is wrong with it: every unknown dimension up to the first place where it can't be read on.
pub fn filter(text: &str) -> Result<Filter, Vec<Flaw>> {
    let mut parser = Parser::new(text).map_err(|flaw| vec![flaw])?;
    let read = any(&mut parser, 0).and_then(|filter| match parser.next.what {
        What::End => Ok(filter),
        _ => Err(parser.expected("`and`, `or` or the end")),
    });
    match read {
        Ok(Some(filter)) if parser.flaws.is_empty() => Ok(filter),
        _ => Err(parser.flaws),
    }
}

/// Reads an order: names with commas between them, each alone or with `asc` or `desc` after it.
pub fn order(text: &str) -> Result<Vec<(OrderKey, Direction)>, Vec<Flaw>> {
    let mut parser = Parser::new(text).map_err(|flaw| vec![flaw])?;
    let mut order = Vec::new();
    let read = loop {
        match ordered(&mut parser) {
            Ok(key) => order.extend(key),
            Err(stop) => break Err(stop),
        }
        match parser.next.what {
            What::Comma => parser.take(),
            What::End => break Ok(()),
            _ => break Err(parser.expected("`asc`, `desc`, `,` or the end")),
        };
    };
    if read.is_ok() && parser.flaws.is_empty() { Ok(order) } else { Err(parser.flaws) }
}

/// One name and its direction; `None` where there is no such name.
fn ordered(parser: &mut Parser<'_>) -> Result<Option<(OrderKey, Direction)>, Stop> {
    let (at, name) = named(parser, "the name of a metric or dimension")?;
    let direction = if parser.takes_word("desc") { Direction::Desc } else { Direction::Asc };
    if direction == Direction::Asc {
        parser.takes_word("asc");
    }
    let key = match (name.as_str(), name.parse::<Metric>(), name.parse::<Dimension>()) {
        (TIME, ..) => OrderKey::Time,
        (_, Ok(metric), _) => OrderKey::Metric(metric),
        (_, _, Ok(dimension)) => OrderKey::Dimension(dimension),
        (_, Err(_), Err(unknown)) => {
            parser.flaw(at, format!("there is no metric or dimension `{}`", unknown.given));
            return Ok(None);
        }
    };
    Ok(Some((key, direction)))
}

/// Conditions with `or` between them. `None` where one of them is flawed.
fn any(parser: &mut Parser<'_>, depth: usize) -> Result<Option<Filter>, Stop> {
    let mut filters = vec![all(parser, depth)?];
    while parser.takes_word("or") {
        filters.push(all(parser, depth)?);
    }
    Ok(joined(filters, |expressions| Filter::Or { expressions }))
}

/// Conditions with `and` between them.
fn all(parser: &mut Parser<'_>, depth: usize) -> Result<Option<Filter>, Stop> {
    let mut filters = vec![one(parser, depth)?];
    while parser.takes_word("and") {
        filters.push(one(parser, depth)?);
    }
    Ok(joined(filters, |expressions| Filter::And { expressions }))
}

/// One condition, one that is negated, or several in brackets.
fn one(parser: &mut Parser<'_>, depth: usize) -> Result<Option<Filter>, Stop> {
    let (open, not) = (parser.next.what == What::Open, parser.next.what == What::Word("not"));
    if !open && !not {
        return condition(parser);
    }
    if depth == MAX_DEPTH {
        parser.flaw(parser.next.at, format!("brackets and `not` lie at most {MAX_DEPTH} deep inside one another"));
        return Err(Stop);
    }
    parser.take();
    if not {
        return Ok(one(parser, depth + 1)?.map(negated));
    }
    let filter = any(parser, depth + 1)?;
    if parser.next.what != What::Close {
        return Err(parser.expected("`and`, `or` or `)`"));
    }
    parser.take();
    Ok(filter)
}

fn condition(parser: &mut Parser<'_>) -> Result<Option<Filter>, Stop> {
    let (at, name) = named(parser, "the name of a dimension")?;
    let known = name.parse::<Dimension>().map_err(|unknown| parser.flaw(at, unknown.to_string())).ok();
    let operator = parser.operator()?;
    if parser.next.what == What::Word("null") {
        if !matches!(operator, Operator::Eq | Operator::Ne) {
            return Err(parser.expected("a value between single quotes; `null` is for `eq` and `ne`"));
        }
        parser.take();
        let missing = known.map(|dimension| Filter::Missing { dimension });
        return Ok(missing.map(|missing| if operator == Operator::Ne { negated(missing) } else { missing }));
    }
    let values = if operator.takes_several() { parser.several(operator)? } else { vec![parser.text()?] };
    let values = values.into_iter().map(|(_, value)| value).collect();
    Ok(known.map(|dimension| Filter::Is { dimension, operator, values }))
}

/// A name, which stands between quotes where it has blanks.
fn named(parser: &mut Parser<'_>, what: &str) -> Result<(usize, String), Stop> {
    let at = parser.next.at;
    let name = match &parser.next.what {
        What::Word(name) => (*name).to_owned(),
        What::Text(name) => name.clone(),
        _ => return Err(parser.expected(what)),
    };
    parser.take();
    Ok((at, name))
}

fn negated(filter: Filter) -> Filter {
    Filter::Not { expression: Box::new(filter) }
}

/// Several conditions as one; one is itself.
fn joined(filters: Vec<Option<Filter>>, join: fn(Vec<Filter>) -> Filter) -> Option<Filter> {
    let mut filters = filters.into_iter().collect::<Option<Vec<_>>>()?;
    if filters.len() == 1 { filters.pop() } else { Some(join(filters)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(dimension: &str, operator: Operator, values: &[&str]) -> Filter {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Filter::Is { dimension: dimension.parse().unwrap(), operator, values }
    }

    #[track_caller]
    fn flaws(text: &str) -> Vec<String> {
        filter(text).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_filter_says_what_its_words_say() {
        let missing = Filter::Missing { dimension: Dimension::Region };
        for (text, expect) in [
            ("service eq 'it''s'", is("service", Operator::Eq, &["it's"])),
            ("service nin ('a','b')", is("service", Operator::Nin, &["a", "b"])),
            ("'tag_Cost Center' sw 'x'", is("tag_Cost Center", Operator::Sw, &["x"])),
            ("tag_user:team eq 'x'", is("tag_user:team", Operator::Eq, &["x"])),
            ("region eq null", missing.clone()),
            ("region ne null", negated(missing.clone())),
            ("region eq 'null'", is("region", Operator::Eq, &["null"])),
            ("not region eq null", negated(missing.clone())),
            ("not not region eq null", negated(negated(missing.clone()))),
            (
                "not (region eq null or service eq 'a') and service eq 'b'",
                Filter::And {
                    expressions: vec![
                        negated(Filter::Or { expressions: vec![missing.clone(), is("service", Operator::Eq, &["a"])] }),
                        is("service", Operator::Eq, &["b"]),
                    ],
                },
            ),
        ] {
            assert_eq!(filter(text), Ok(expect), "{text}");
        }
    }

    #[test]
    fn a_wrong_filter_says_where_it_is_wrong() {
        let names = flaws("servise eq 'a' and colour eq null");
        assert!(names.len() == 2 && names[0].starts_with("at character 1: `servise` is no dimension"), "{names:?}");
        assert!(names[1].starts_with("at character 20: `colour` is no dimension"), "{names:?}");
        for (text, at) in [
            ("", 1),
            ("service", 8),
            ("service is 'a'", 9),
            ("service gt null", 12),
            ("service in (null)", 13),
            ("not", 4),
            ("(service eq 'a'", 16),
            ("service eq 'a' service", 16),
            ("service eq 'a", 12),
        ] {
            assert!(flaws(text)[0].starts_with(&format!("at character {at}: ")), "{text}: {:?}", flaws(text));
        }
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = |depth: usize| format!("{}service eq 'a'", "not ".repeat(depth));
        assert!(filter(&deep(MAX_DEPTH)).is_ok());
        assert!(flaws(&deep(MAX_DEPTH + 1))[0].contains("at most 16 deep"));
        assert_eq!(flaws(&"(".repeat(1_000_000)).len(), 1);
        assert_eq!(flaws(&"not ".repeat(1_000_000)).len(), 1);
        let many = format!("service in ({})", vec!["'a'"; 501].join(","));
        assert!(flaws(&many)[0].contains("at most 500 values"));
    }

    #[test]
    fn an_order_is_by_time_metrics_and_dimensions() {
        let read = order("usage_amount desc, service ,'tag_Cost Center' desc,timestamp asc").unwrap();
        let tag = OrderKey::Dimension(Dimension::Tag("Cost Center".to_owned()));
        let service = OrderKey::Dimension(Dimension::Service);
        let expect = [
            (OrderKey::Metric(Metric::UsageAmount), Direction::Desc),
            (service, Direction::Asc),
            (tag, Direction::Desc),
            (OrderKey::Time, Direction::Asc),
        ];
        assert_eq!(read, expect);
        for (text, at) in [("", 1), ("service down", 9), ("service,", 9), ("colour desc", 1), ("service asc desc", 13)]
        {
            let flaws = order(text).unwrap_err();
            assert_eq!(flaws[0].at, at, "{text}: {flaws:?}");
        }
    }
}
