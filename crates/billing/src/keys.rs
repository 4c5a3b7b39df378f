//! An IAM user's access keys: parsed once, and never printed, serialised or quoted in an error.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};

/// Why a text is not the key that it was given as. Never quotes the text: whoever mixes the two fields up has sent a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not {what}: {rule}")]
pub struct KeyError {
    /// What the text should have been, with its article.
    pub what: &'static str,
    /// The rule that it breaks.
    pub rule: &'static str,
}

/// The id of a long-term access key of an IAM user: `AKIA` and more letters and digits.
///
/// No secret by itself, but nobody's business either: it is sent to AWS and to nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKeyId(String);

impl AccessKeyId {
    const WHAT: &'static str = "an access key id";
}

impl AsRef<str> for AccessKeyId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKeyId(…)")
    }
}

impl FromStr for AccessKeyId {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        if text.starts_with("ASIA") {
            let rule = "it begins with `ASIA`, so it is a temporary key, which ends within hours; send a long-term one, which begins with `AKIA`";
            return Err(KeyError { what: Self::WHAT, rule });
        }
        let shaped = (16..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if shaped && text.starts_with("AKIA") {
            return Ok(Self(text.to_owned()));
        }
        Err(KeyError { what: Self::WHAT, rule: "it is `AKIA` and more letters and digits, 16 to 128 in all" })
    }
}

/// The secret half of an access key. Shown to AWS's request signer and to the store's seal alone.
#[derive(Clone)]
pub struct SecretAccessKey(SecretString);

impl ExposeSecret<str> for SecretAccessKey {
    fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SecretAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretAccessKey(…)")
    }
}

/// Both are ours already when they are compared, so that the time it takes tells nobody anything.
impl PartialEq for SecretAccessKey {
    fn eq(&self, other: &Self) -> bool {
        self.expose_secret() == other.expose_secret()
    }
}

impl Eq for SecretAccessKey {}

impl TryFrom<SecretString> for SecretAccessKey {
    type Error = KeyError;
    fn try_from(text: SecretString) -> Result<Self, KeyError> {
        let given = text.expose_secret();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"/+=".contains(&b);
        if (16..=128).contains(&given.len()) && given.bytes().all(allowed) {
            return Ok(Self(text));
        }
        Err(KeyError {
            what: "a secret access key",
            rule: "it has 40 letters, digits, `/` and `+`, as IAM showed it once when the key was made",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_ids_are_long_term_ones() {
        assert_eq!("AKIAIOSFODNN7EXAMPLE".parse::<AccessKeyId>().unwrap().as_ref(), "AKIAIOSFODNN7EXAMPLE");
        for wrong in ["", "AKIA", "AKIAIOSFODNN7 EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "123456789012"] {
            assert!(wrong.parse::<AccessKeyId>().is_err(), "{wrong}");
        }
        let temporary = "ASIAIOSFODNN7EXAMPLE".parse::<AccessKeyId>().unwrap_err().to_string();
        assert!(temporary.contains("temporary"), "{temporary}");
    }

    #[test]
    fn a_secret_is_neither_printed_nor_quoted() {
        let text = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let secret = SecretAccessKey::try_from(SecretString::from(text)).unwrap();
        assert_eq!(secret.expose_secret(), text);
        assert!(!format!("{secret:?}").contains("wJalr"));
        let mixed_up = text.parse::<AccessKeyId>().unwrap_err();
        assert!(!format!("{mixed_up} {mixed_up:?}").contains("wJalr"));
        let pasted = SecretAccessKey::try_from(SecretString::from(format!("{text}\n"))).unwrap_err();
        assert!(!format!("{pasted} {pasted:?}").contains("wJalr"));
    }
}
