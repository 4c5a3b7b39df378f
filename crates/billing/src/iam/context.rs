//! What is known of a request before it is made: its condition keys.

use std::collections::BTreeMap;

/// What is known of one condition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// The request does not carry it.
    Absent,
    /// The request carries this one value.
    Present(String),
    /// Only AWS knows.
    Unknown,
}

/// The keys of a request. Whatever is not listed is unknown: no guess is made.
#[derive(Debug, Clone, Default)]
pub(super) struct Context {
    keys: BTreeMap<String, Known>,
}

/// What our requests never carry: we pass no session tags and no source identity.
const NEVER_SENT: [&str; 3] = ["aws:tagkeys", "sts:sourceidentity", "sts:transitivetagkeys"];

impl Context {
    /// The same with this key; keys don't tell upper from lower case.
    pub(super) fn with(mut self, key: &str, value: Option<&str>) -> Self {
        let known = value.map_or(Known::Absent, |value| Known::Present(value.to_owned()));
        self.keys.insert(key.to_ascii_lowercase(), known);
        self
    }

    /// What is known of a key.
    pub(super) fn get(&self, key: &str) -> Known {
        let key = key.to_ascii_lowercase();
        if NEVER_SENT.contains(&key.as_str()) || key.starts_with("aws:requesttag/") {
            return Known::Absent;
        }
        self.keys.get(&key).cloned().unwrap_or(Known::Unknown)
    }
}
