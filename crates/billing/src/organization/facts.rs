//! What is known of an account and of a unit at one time.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// What is known of an account. Its e-mail address is not among it: it is a person's, and no question about costs needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFacts {
    /// Its name.
    pub name: String,
    /// The units that it lies in.
    pub unit: UnitPath,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it is in use.
    pub state: AccountState,
    /// How it came into the organization, in AWS's word: `INVITED` or `CREATED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined_method: Option<String>,
    /// When it came into the organization.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub joined_at: Option<OffsetDateTime>,
}

/// What is known of a unit, or of an organization's root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitFacts {
    /// Its name.
    pub name: String,
    /// The unit or root above it; a root has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Whether it is no longer there: deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left: bool,
}

/// Whether an account is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountState {
    /// It was invited or made and is not in use yet.
    PendingActivation,
    /// It is in use.
    Active,
    /// AWS has suspended it, or, where AWS still says it so, it was closed.
    Suspended,
    /// It is being closed.
    PendingClosure,
    /// It was closed. AWS lists it for 90 days more.
    Closed,
    /// It is no longer in the organization: closed for good, or moved to another one. What is said of it is what was known last.
    Left,
    /// AWS says something that this version does not know.
    Unknown,
}

impl AccountState {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::PendingActivation,
        Self::Active,
        Self::Suspended,
        Self::PendingClosure,
        Self::Closed,
        Self::Left,
        Self::Unknown,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PendingActivation => "pending-activation",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::PendingClosure => "pending-closure",
            Self::Closed => "closed",
            Self::Left => "left",
            Self::Unknown => "unknown",
        }
    }

    /// What AWS's word stands for.
    pub fn of(word: &str) -> Self {
        match word {
            "PENDING_ACTIVATION" => Self::PendingActivation,
            "ACTIVE" => Self::Active,
            "SUSPENDED" => Self::Suspended,
            "PENDING_CLOSURE" => Self::PendingClosure,
            "CLOSED" => Self::Closed,
            _ => Self::Unknown,
        }
    }
}

/// A unit on the way from an organization's root to an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitStep {
    /// AWS's id of it, `ou-…`.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// The units from the one right below the root down to the account's own; none for an account right below the root.
///
/// As text it is `/` for the root and `/Production/Web` for what lies in units. No two units of one parent share a name, so no
/// two paths share a text: a slash or backslash in a name has a backslash before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitPath(pub Vec<UnitStep>);

impl UnitPath {
    /// The name of the unit at a level, 1 being right below the root; `None` where the account lies higher.
    pub fn level(&self, level: usize) -> Option<&str> {
        Some(self.0.get(level.checked_sub(1)?)?.name.as_str())
    }
}

impl fmt::Display for UnitPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|step| write!(f, "/{}", step.name.replace('\\', r"\\").replace('/', r"\/")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(names: &[&str]) -> UnitPath {
        UnitPath(names.iter().map(|name| UnitStep { id: format!("ou-{name}"), name: (*name).to_owned() }).collect())
    }

    #[test]
    fn paths_are_told_apart_as_text() {
        assert_eq!(path(&[]).to_string(), "/");
        assert_eq!(path(&["Production", "Web"]).to_string(), "/Production/Web");
        assert_eq!(path(&["a/b"]).to_string(), r"/a\/b");
        assert_ne!(path(&["a", "b"]).to_string(), path(&["a/b"]).to_string());
        assert_ne!(path(&[r"a\", "b"]).to_string(), path(&[r"a\/b"]).to_string());
    }

    #[test]
    fn levels_count_from_below_the_root() {
        let deep = path(&["Production", "Web"]);
        assert_eq!([0, 1, 2, 3].map(|level| deep.level(level)), [None, Some("Production"), Some("Web"), None]);
        assert_eq!(path(&[]).level(1), None);
    }

    #[test]
    fn awss_words_have_ours() {
        for (word, expect) in [("ACTIVE", "active"), ("PENDING_CLOSURE", "pending-closure"), ("CLOSED", "closed")] {
            assert_eq!(AccountState::of(word).name(), expect);
        }
        assert_eq!(AccountState::of("NEW_WORD"), AccountState::Unknown);
    }
}
