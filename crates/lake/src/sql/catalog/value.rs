//! Values of the catalogue, and what its operators make of them. A null makes nulls, as everywhere in SQL.

use std::cmp::Ordering;

use super::{tables, types};

/// A value of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Val {
    /// None.
    #[default]
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number; oids too.
    Int(i64),
    /// A text.
    Text(String),
    /// An array.
    List(Vec<Val>),
}

impl From<&str> for Val {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Val {
    pub(super) fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    /// As a text; none for null.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Bool(flag) => Some(if *flag { "t" } else { "f" }.to_owned()),
            Self::Int(whole) => Some(whole.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::List(values) => {
                let quoted = |value: &Self| match value.text() {
                    None => "NULL".to_owned(),
                    Some(text) if text.is_empty() || text.contains([',', '"', '{', '}', ' ', '\\']) => {
                        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
                    }
                    Some(text) => text,
                };
                Some(format!("{{{}}}", values.iter().map(quoted).collect::<Vec<_>>().join(",")))
            }
        }
    }

    /// As a whole number, where it is one.
    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(whole) => Some(*whole),
            Self::Bool(flag) => Some(i64::from(*flag)),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Null | Self::List(_) => None,
        }
    }

    /// As an array; a text is read as Postgres writes one.
    pub(super) fn list(&self) -> Option<Vec<Self>> {
        match self {
            Self::List(values) => Some(values.clone()),
            Self::Text(text) => {
                let inner = text.strip_prefix('{')?.strip_suffix('}')?;
                let parts = inner.split(',').filter(|part| !part.is_empty());
                Some(parts.map(|part| Self::from(part.trim_matches('"'))).collect())
            }
            _ => None,
        }
    }
}

/// How two values compare; none where either is null. A text beside a number is read as one.
pub(super) fn compare(one: &Val, other: &Val) -> Option<Ordering> {
    match (one, other) {
        (Val::Null, _) | (_, Val::Null) => None,
        (Val::Int(_), _) | (_, Val::Int(_)) => match (one.int(), other.int()) {
            (Some(one), Some(other)) => Some(one.cmp(&other)),
            _ => Some(one.text().cmp(&other.text())),
        },
        (Val::Bool(_), _) | (_, Val::Bool(_)) => Some(truth(one).cmp(&truth(other))),
        _ => Some(one.text().cmp(&other.text())),
    }
}

fn truth(value: &Val) -> Option<bool> {
    match value {
        Val::Bool(flag) => Some(*flag),
        other => other.text().map(|text| matches!(text.as_str(), "t" | "true" | "1" | "yes" | "on")),
    }
}

/// The truth of a comparison; null where either side is.
pub(super) fn test(one: &Val, other: &Val, holds: fn(Ordering) -> bool) -> Val {
    compare(one, other).map_or(Val::Null, |ordering| Val::Bool(holds(ordering)))
}

/// A cast to the type that Postgres calls `name`.
pub(super) fn cast(value: Val, name: &str) -> Val {
    let name = name.trim_start_matches("pg_catalog.").trim_matches('"').to_ascii_lowercase();
    if let Some(element) = name.strip_suffix("[]") {
        return match value.list() {
            Some(values) => Val::List(values.into_iter().map(|value| cast(value, element)).collect()),
            None => Val::Null,
        };
    }
    match (name.as_str(), value) {
        (_, Val::Null) => Val::Null,
        // An oid becomes the name that it stands for, and a name its oid.
        ("regclass", Val::Int(oid)) => tables::class_name(oid).map_or_else(|| Val::Text(oid.to_string()), Val::Text),
        ("regclass", value) => value.int().or_else(|| tables::class_oid(&value.text()?)).map_or(Val::Null, Val::Int),
        ("regtype", Val::Int(oid)) => types::type_name(oid).map_or_else(|| Val::from("-"), Val::from),
        ("regtype", value) => value.int().or_else(|| types::type_oid(&value.text()?)).map_or(Val::Null, Val::Int),
        ("regnamespace", Val::Int(oid)) => tables::schema_name(oid).map_or(Val::Null, Val::from),
        (
            "regproc" | "regprocedure" | "regoper" | "regrole" | "text" | "name" | "varchar" | "char" | "\"char\""
            | "character varying",
            value,
        ) => value.text().map_or(Val::Null, Val::Text),
        ("oid" | "int" | "int2" | "int4" | "int8" | "integer" | "bigint" | "smallint" | "xid", value) => {
            value.int().map_or(Val::Null, Val::Int)
        }
        ("bool" | "boolean", value) => truth(&value).map_or(Val::Null, Val::Bool),
        (_, value) => value,
    }
}

/// Whether a text is like a pattern of `LIKE`.
pub(super) fn like(text: &str, pattern: &str) -> bool {
    let mut regex = String::from("(?s)^");
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        match char {
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '\\' => regex.push_str(&regex::escape(&chars.next().unwrap_or('\\').to_string())),
            char => regex.push_str(&regex::escape(&char.to_string())),
        }
    }
    regex.push('$');
    matches(text, &regex)
}

/// Whether a regular expression is found in a text; one that is none is found nowhere.
pub(super) fn matches(text: &str, pattern: &str) -> bool {
    regex::RegexBuilder::new(pattern).size_limit(1 << 20).build().is_ok_and(|regex| regex.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_and_cast_as_postgres_has_it() {
        assert!(test(&Val::Int(16_384), &Val::from("16384"), Ordering::is_eq).is_true());
        assert_eq!(test(&Val::Null, &Val::Int(1), Ordering::is_eq), Val::Null);
        assert_eq!(cast(Val::Int(25), "pg_catalog.regtype"), Val::from("text"));
        assert_eq!(cast(Val::from("charges"), "regclass"), Val::Int(tables::class_oid("charges").unwrap()));
        assert_eq!(cast(Val::Int(99), "regclass"), Val::from("99"));
        assert_eq!(cast(Val::from("{r,p}"), "text[]").text().unwrap(), "{r,p}");
        assert!(like("pg_toast", "pg\\_%") && !like("pgtoast", "pg\\_%") && like("abc", "a_c"));
        assert!(matches("charges", "^(charges)$") && !matches("x", "("));
    }
}
