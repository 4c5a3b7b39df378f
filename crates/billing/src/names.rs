//! The names that connections are made of: org, account, role, bucket, path; parsed once, valid ever after.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not the name that it was given as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not {what}: {rule}")]
pub struct NameError {
    /// What the text should have been, with its article.
    pub what: &'static str,
    /// The text as it came, cut to 64 characters.
    pub given: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

impl NameError {
    pub(crate) fn new(what: &'static str, given: &str, rule: &'static str) -> Self {
        Self { what, given: quotable(given), rule }
    }
}

/// A text as an error may quote it: cut to 64 characters, and `…` in place of what may be a credential. Whoever mixes two
/// fields up has sent a secret, and the answer may end in a log of theirs.
pub fn quotable(given: &str) -> String {
    if runs(given).any(may_be_a_credential) { "…".to_owned() } else { given.chars().take(64).collect() }
}

/// A text of somebody else's that quotes what was given, with `…` in place of what may be a credential.
pub fn without_credentials(text: &str) -> String {
    let credentials = runs(text).filter(|run| may_be_a_credential(run));
    credentials.fold(text.to_owned(), |text, credential| text.replace(credential, "…"))
}

/// The parts of a text that keys and tokens could be.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=_-.".contains(c)))
}

/// Long, and of letters in both cases and digits: as keys and tokens are, and few names.
fn may_be_a_credential(run: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| run.as_bytes().iter().any(kind);
    run.len() >= 32 && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit)
}

/// Gives a text newtype its `Display`, `AsRef<str>`, `TryFrom<String>` and `Into<String>`.
macro_rules! text_name {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}
pub(crate) use text_name;

/// A customer org: a number of at least six digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrgId(u64);

impl OrgId {
    const WHAT: &'static str = "an org id";
    /// The smallest id that is given out; ids have at least six digits.
    pub const MIN: u64 = 100_000;

    /// The id as the number that the second generation of the API uses.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The external id that this org's roles must require until another is given to it ([`crate::external_ids`]).
    ///
    /// Every external id begins here: it comes from the org, never from a request.
    pub fn external_id(self) -> ExternalId {
        ExternalId(self.0.to_string())
    }
}

impl TryFrom<u64> for OrgId {
    type Error = NameError;
    fn try_from(number: u64) -> Result<Self, NameError> {
        if number < Self::MIN || number > i64::MAX as u64 {
            return Err(NameError::new(Self::WHAT, &number.to_string(), "it has 6 to 18 digits"));
        }
        Ok(Self(number))
    }
}

impl FromStr for OrgId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = (6..=18).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        match text.parse() {
            Ok(number) if fits => Ok(Self(number)),
            _ => Err(NameError::new(Self::WHAT, text, "it has 6 to 18 digits")),
        }
    }
}

impl TryFrom<String> for OrgId {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<OrgId> for String {
    fn from(org: OrgId) -> String {
        org.to_string()
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a role's trust policy must require as `sts:ExternalId`. Made from an org alone, by [`OrgId::external_id`] and
/// [`crate::external_ids`], so that it is never another org's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExternalId(String);

impl AsRef<str> for ExternalId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A wrong external id, to prove that the role refuses it. Never equal to the id that it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgedId {
    /// How it differs, for the report: "a random id of the same shape".
    pub how: &'static str,
    id: String,
}

impl AsRef<str> for ForgedId {
    fn as_ref(&self) -> &str {
        &self.id
    }
}

/// At how many places of an id it is changed to make wrong ones. Every org id is shorter.
const MOST_PLACES: usize = 18;

impl ExternalId {
    /// This id, `-` and more: the org's next one.
    pub(crate) fn followed_by(&self, random: &str) -> Self {
        Self(format!("{}-{random}", self.0))
    }

    /// The wrong ids that a safe role refuses: a random one of the same shape, the case flipped where there are letters, and the id
    /// with one character put before it, behind it, between two of its own, or in the place of one: so that no pattern with `*` or
    /// `?` that accepts the id goes unnoticed. `entropy` is random bytes from the caller; the result is a pure function of it.
    pub fn forgeries(&self, entropy: &[u8; 16]) -> Vec<ForgedId> {
        let mut forged = vec![ForgedId { how: "a random id of the same shape", id: self.random_like(entropy) }];
        let flipped: String = self.0.chars().map(flip_case).collect();
        if flipped != self.0 {
            forged.push(ForgedId { how: "the id with its case flipped", id: flipped });
        }
        let letters: Vec<char> = self.0.chars().collect();
        // An id that is longer than most is tried at other places each time.
        let (start, tried) = (usize::from(entropy[0]), letters.len().min(MOST_PLACES));
        for place in (0..tried).map(|n| (start + n * letters.len() / tried) % letters.len()) {
            let (head, tail) = letters.split_at(place);
            let [head, tail, rest] = [head, tail, &tail[1..]].map(String::from_iter);
            let new = if letters[place] == '0' { '1' } else { '0' };
            let how = if place == 0 { "the id with a prefix" } else { "the id with a character more" };
            forged.push(ForgedId { how, id: format!("{head}{new}{tail}") });
            forged.push(ForgedId { how: "the id with a character changed", id: format!("{head}{new}{rest}") });
        }
        forged.push(ForgedId { how: "the id with a suffix", id: format!("{}0", self.0) });
        forged
    }

    fn random_like(&self, entropy: &[u8; 16]) -> String {
        let mut random: String = self
            .0
            .bytes()
            .zip(entropy.iter().cycle())
            .map(|(byte, noise)| match byte {
                b'0'..=b'9' => char::from(b'0' + noise % 10),
                b'a'..=b'z' => char::from(b'a' + noise % 26),
                b'A'..=b'Z' => char::from(b'A' + noise % 26),
                other => char::from(other),
            })
            .collect();
        if random == self.0 {
            // Noise that hits the id itself would prove nothing: turn it into a neighbour.
            let last = random.pop().unwrap_or('0');
            random.push(if last == '7' { '8' } else { '7' });
        }
        random
    }
}

fn flip_case(c: char) -> char {
    if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
}

/// An AWS account: 12 digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);
text_name!(AccountId);

impl FromStr for AccountId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError::new("an AWS account id", text, "it has exactly 12 digits"))
    }
}

/// A bill connect of an org: `aws-` and the payer account. Unique within the org.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BillConnectId(String);
text_name!(BillConnectId);

impl BillConnectId {
    /// The id of the connection to this payer account.
    pub fn of(account: &AccountId) -> Self {
        Self(format!("aws-{account}"))
    }
}

impl FromStr for BillConnectId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let account = text.strip_prefix("aws-").and_then(|rest| rest.parse::<AccountId>().ok());
        account.map(|account| Self::of(&account)).ok_or_else(|| {
            NameError::new("a bill connect id", text, "it is `aws-` and the 12 digits of the payer account")
        })
    }
}

/// The name that our sessions carry in the customer's CloudTrail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionName(String);
text_name!(SessionName);

impl Default for SessionName {
    fn default() -> Self {
        Self("flexera-finops".to_owned())
    }
}

impl FromStr for SessionName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
        if (2..=64).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError::new("a role session name", text, "it has 2 to 64 letters, digits or `_+=,.@-`"))
    }
}

/// An AWS region such as `eu-west-1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);
text_name!(Region);

impl FromStr for Region {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let shaped = text.split('-').count() >= 3 && !text.starts_with('-') && !text.ends_with('-');
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if shaped && text.len() <= 32 && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError::new("an AWS region", text, "it looks like `eu-west-1`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_credential_is_not_quoted() {
        for secret in [
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYzEXAMPLEK3",
            "bcr_Mo9hpd7Vu5O9oo70ALmQQrHPJEmDUPvW",
            "arn:aws:iam::123456789012:role/wJalrXUtnFEMI/K7MDENG+bPxRfiCYzEXAMPLEK3",
        ] {
            assert_eq!(quotable(secret), "…");
            assert_eq!(without_credentials(&format!("invalid type: string \"{secret}\"")).matches('…').count(), 1);
            let error = secret.parse::<AccountId>().unwrap_err().to_string();
            assert!(!error.contains(secret) && error.contains("12 digits"), "{error}");
        }
        for name in
            ["", "12345", "arn:aws:iam::123456789012:role/BillingReader", "acme-bills-of-the-whole-organization-2026"]
        {
            assert_eq!(quotable(name), name);
        }
        assert_eq!(quotable(&"x".repeat(65)).len(), 64);
    }

    #[test]
    fn org_ids_have_six_digits_or_more() {
        assert_eq!("123456".parse::<OrgId>().unwrap().number(), 123_456);
        for wrong in ["", "12345", "012345", "12345a", "-123456", "1234567890123456789", "１２３４５６"] {
            assert!(wrong.parse::<OrgId>().is_err(), "{wrong}");
        }
        assert!(OrgId::try_from(99_999).is_err());
    }

    #[test]
    fn an_external_id_is_the_org_id() {
        assert_eq!("654321".parse::<OrgId>().unwrap().external_id().as_ref(), "654321");
    }

    #[test]
    fn forgeries_never_equal_the_id() {
        let id = "654321".parse::<OrgId>().unwrap().external_id();
        // This entropy spells the id itself: 6 5 4 3 2 1.
        let mut spelled = [0; 16];
        spelled[..6].copy_from_slice(&[6, 5, 4, 3, 2, 1]);
        for entropy in [[0; 16], [255; 16], spelled] {
            let forged = id.forgeries(&entropy);
            assert_eq!(forged.len(), 2 + 2 * 6, "digits have no case to flip");
            assert!(forged.iter().all(|forged| forged.as_ref() != id.as_ref()));
            assert_eq!(forged[0].as_ref().len(), id.as_ref().len());
        }
    }

    #[test]
    fn letters_get_their_case_flipped() {
        let forged = ExternalId("aB-1".into()).forgeries(&[3; 16]);
        assert_eq!(forged[1].as_ref(), "Ab-1");
    }

    #[test]
    fn accounts_connects_sessions_and_regions_parse_or_say_why() {
        assert_eq!("aws-123456789012".parse::<BillConnectId>().unwrap().to_string(), "aws-123456789012");
        assert!("aws-12345".parse::<BillConnectId>().is_err());
        assert!("flexera_optima".parse::<SessionName>().is_ok());
        assert!("no blanks".parse::<SessionName>().is_err());
        assert!("eu-west-1".parse::<Region>().is_ok());
        assert!("evil.example".parse::<Region>().is_err());
        let error = "123".parse::<AccountId>().unwrap_err().to_string();
        assert_eq!(error, "`123` is not an AWS account id: it has exactly 12 digits");
    }
}
