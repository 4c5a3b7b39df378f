//! Functions that are worked out from their values alone.

use super::value::{Val, compare};

/// What is worked out from values alone.
pub(super) fn of_values(name: &str, values: &[Val]) -> Option<Val> {
    let text = |at: usize| values.get(at).and_then(Val::text);
    let or_null = |text: Option<String>| text.map_or(Val::Null, Val::Text);
    Some(match name {
        "coalesce" => values.iter().find(|value| **value != Val::Null).cloned().unwrap_or_default(),
        "nullif" => match compare(values.first()?, values.get(1)?) {
            Some(std::cmp::Ordering::Equal) => Val::Null,
            _ => values.first()?.clone(),
        },
        "lower" => or_null(text(0).map(|text| text.to_lowercase())),
        "upper" => or_null(text(0).map(|text| text.to_uppercase())),
        "length" | "char_length" | "character_length" => {
            text(0).and_then(|text| i64::try_from(text.chars().count()).ok()).map_or(Val::Null, Val::Int)
        }
        "trim" => or_null(text(0).map(|text| text.trim().to_owned())),
        "substring" | "substr" => or_null(text(0).zip(values.get(1)?.int()).map(|(text, from)| {
            let from = usize::try_from(from - 1).unwrap_or(0);
            let count = values.get(2).and_then(Val::int).and_then(|count| usize::try_from(count).ok());
            text.chars().skip(from).take(count.unwrap_or(usize::MAX)).collect()
        })),
        "concat" => Val::Text(values.iter().filter_map(Val::text).collect()),
        "quote_ident" => or_null(text(0).map(|text| quoted(&text))),
        "left" => or_null(
            text(0)
                .zip(values.get(1)?.int())
                .map(|(text, count)| text.chars().take(usize::try_from(count).unwrap_or(0)).collect()),
        ),
        "replace" => or_null(
            text(0)
                .zip(text(1))
                .zip(text(2))
                .filter(|((text, from), to)| !from.is_empty() && text.len() * (to.len() + 1) < 1 << 20)
                .map(|((text, from), to)| text.replace(&from, &to)),
        ),
        _ => return of_arrays(name, values),
    })
}

/// What is worked out from arrays, and makes them.
fn of_arrays(name: &str, values: &[Val]) -> Option<Val> {
    let or_null = |text: Option<String>| text.map_or(Val::Null, Val::Text);
    let text = |at: usize| values.get(at).and_then(Val::text);
    let count = |list: &[Val]| i64::try_from(list.len()).map_or(Val::Null, Val::Int);
    Some(match name {
        "parse_ident" => Val::List(text(0)?.split('.').map(|part| Val::from(part.trim_matches('"'))).collect()),
        "string_to_array" => match (text(0), text(1)) {
            (Some(text), Some(between)) if !between.is_empty() => {
                Val::List(text.split(&between).map(Val::from).collect())
            }
            _ => Val::Null,
        },
        "array_to_string" => {
            let between = text(1).unwrap_or_default();
            or_null(
                values.first()?.list().map(|list| list.iter().filter_map(Val::text).collect::<Vec<_>>().join(&between)),
            )
        }
        "array_length" | "array_upper" | "cardinality" => values.first()?.list().map_or(Val::Null, |list| count(&list)),
        "array_lower" => values.first()?.list().map_or(Val::Null, |_| Val::Int(1)),
        "array_position" => {
            let at = values
                .first()?
                .list()?
                .iter()
                .position(|value| compare(value, &values[1]).is_some_and(std::cmp::Ordering::is_eq));
            at.and_then(|at| i64::try_from(at + 1).ok()).map_or(Val::Null, Val::Int)
        }
        _ => return None,
    })
}

/// A name as it is written in a statement.
fn quoted(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit());
    if plain && !name.is_empty() { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
