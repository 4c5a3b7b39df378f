//! The external ids of an org: the one that its roles require, and during a rotation a second one.
//!
//! An [`ExternalId`] is made here and by [`OrgId::external_id`] alone, both times from the org: none can be another org's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::{ExternalId, ForgedId, NameError, OrgId};

/// How many random characters follow the org's id: 103 bits.
pub const RANDOM_CHARACTERS: usize = 20;

/// Where an external id is in its life, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdState {
    /// The org's id.
    Current,
    /// The id that is to become the current one.
    Pending,
    /// An id that is never accepted or issued again.
    Retired,
}

impl IdState {
    /// The word for it, in answers and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Pending => "pending",
            Self::Retired => "retired",
        }
    }
}

impl fmt::Display for IdState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for IdState {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let known = [Self::Current, Self::Pending, Self::Retired];
        let found = known.into_iter().find(|state| state.name() == text);
        found
            .ok_or_else(|| NameError::new("a state of an external id", text, "it is `current`, `pending` or `retired`"))
    }
}

/// The external ids of one org that are alive: the current one, and during a rotation the pending one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalIds {
    current: ExternalId,
    pending: Option<ExternalId>,
}

impl ExternalIds {
    /// The ids of an org that has these stored beside its first one: each must be this org's.
    ///
    /// An org whose id was never changed has nothing stored; its current id is the org's own number.
    pub fn of(org: OrgId, stored: &[(String, IdState)]) -> Result<Self, NameError> {
        let one = |state| stored.iter().find(|(_, its)| *its == state).map(|(text, _)| issued(org, text)).transpose();
        let (current, pending) = (one(IdState::Current)?, one(IdState::Pending)?);
        Ok(Self { current: current.unwrap_or_else(|| org.external_id()), pending })
    }

    /// The ids of an org that was never given another than its first.
    pub fn first(org: OrgId) -> Self {
        Self { current: org.external_id(), pending: None }
    }

    /// The org's id.
    pub fn current(&self) -> &ExternalId {
        &self.current
    }

    /// The id that is to become the current one.
    pub fn pending(&self) -> Option<&ExternalId> {
        self.pending.as_ref()
    }

    /// The ids that a role may require now, the one to prefer first.
    pub fn alive(&self) -> impl Iterator<Item = &ExternalId> {
        self.pending.iter().chain([&self.current])
    }

    /// Wrong ids like each of those that are alive, which a safe role refuses: see [`ExternalId::forgeries`]. The other id of
    /// the same org is no forgery.
    pub fn forgeries(&self, entropy: &[u8; 16]) -> Vec<ForgedId> {
        let forged = self.alive().flat_map(|id| id.forgeries(entropy));
        forged.filter(|forged| self.accept(forged.as_ref()).is_none()).collect()
    }

    /// The org's id that a request names; `None` where it names none that is alive.
    pub fn accept(&self, text: &str) -> Option<&ExternalId> {
        self.alive().find(|id| id.as_ref() == text)
    }
}

/// The id of this org that was stored as `text`.
pub fn issued(org: OrgId, text: &str) -> Result<ExternalId, NameError> {
    let first = org.external_id();
    if text == first.as_ref() {
        return Ok(first);
    }
    let random = text.strip_prefix(first.as_ref()).and_then(|rest| rest.strip_prefix('-'));
    let fits =
        |random: &str| random.len() >= 16 && random.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    match random {
        Some(random) if fits(random) => Ok(first.followed_by(random)),
        _ => Err(NameError::new(
            "an external id of this org",
            text,
            "it is the org's id, or that and `-` and at least 16 lower-case letters and digits",
        )),
    }
}

/// A new id of the org; `entropy` is random bytes from the caller, those that would make a character likelier left out.
///
/// `None` where too few of them are fair: draw again.
pub fn new_id(org: OrgId, entropy: &[u8]) -> Option<ExternalId> {
    const CHARACTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    // What lies above the last whole multiple of 36 would make low characters likelier.
    let fair = entropy.iter().filter(|byte| **byte < 252).map(|byte| char::from(CHARACTERS[usize::from(byte % 36)]));
    let random: String = fair.take(RANDOM_CHARACTERS).collect();
    (random.len() == RANDOM_CHARACTERS).then(|| org.external_id().followed_by(&random))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: &str = "abcdefghij0123456789";

    fn org(text: &str) -> OrgId {
        text.parse().unwrap()
    }

    #[test]
    fn an_org_without_stored_ids_has_its_own_number() {
        let ids = ExternalIds::of(org("123456"), &[]).unwrap();
        assert_eq!((ids.current().as_ref(), ids.pending()), ("123456", None));
        assert_eq!(ids.accept("123456"), Some(ids.current()));
        assert_eq!(ids.accept("1234567"), None);
    }

    #[test]
    fn during_a_rotation_both_are_accepted_and_afterwards_one() {
        let second = format!("123456-{RANDOM}");
        let overlap = ExternalIds::of(org("123456"), &[(second.clone(), IdState::Pending)]).unwrap();
        assert_eq!(overlap.alive().map(AsRef::as_ref).collect::<Vec<_>>(), [second.as_str(), "123456"]);
        assert!(overlap.accept("123456").is_some() && overlap.accept(&second).is_some());
        let stored = [("123456".to_owned(), IdState::Retired), (second.clone(), IdState::Current)];
        let after = ExternalIds::of(org("123456"), &stored).unwrap();
        assert_eq!((after.current().as_ref(), after.accept("123456")), (second.as_str(), None));
    }

    #[test]
    fn no_id_can_be_made_from_another_orgs() {
        for theirs in
            ["1234567", &format!("1234567-{RANDOM}"), "123456-short", "123456-ABCDEFGHIJKLMNOPQRST", "123456-", ""]
        {
            assert!(issued(org("123456"), theirs).is_err(), "{theirs}");
            let stored = [(theirs.to_owned(), IdState::Pending)];
            assert!(ExternalIds::of(org("123456"), &stored).is_err(), "{theirs}");
        }
    }

    #[test]
    fn a_new_id_is_the_orgs_and_random() {
        let new = new_id(org("123456"), &[0; 20]).unwrap();
        assert_eq!(new.as_ref(), "123456-aaaaaaaaaaaaaaaaaaaa");
        assert_eq!(issued(org("123456"), new.as_ref()).unwrap(), new);
        assert_eq!(new_id(org("123456"), &[255; 64]), None, "unfair bytes are not used");
        assert_eq!(new_id(org("123456"), &[1; 19]), None);
    }

    #[test]
    fn forgeries_of_a_rotated_id_stay_forgeries() {
        let id = new_id(org("123456"), &(0..64).collect::<Vec<u8>>()).unwrap();
        let forged = id.forgeries(&[7; 16]);
        assert!(forged.iter().any(|forged| forged.as_ref() == id.as_ref().to_uppercase()), "its letters are flipped");
        assert!(forged.iter().all(|forged| forged.as_ref() != id.as_ref() && forged.as_ref() != "123456"));
        let ids = ExternalIds::of(org("123456"), &[(id.to_string(), IdState::Pending)]).unwrap();
        let both: Vec<String> = ids.forgeries(&[7; 16]).iter().map(|forged| forged.as_ref().to_owned()).collect();
        assert_eq!(both.len(), forged.len() + org("123456").external_id().forgeries(&[7; 16]).len());
        assert!(both.contains(&format!("{id}0")) && both.contains(&"1234560".to_owned()), "{both:?}");
    }
}
