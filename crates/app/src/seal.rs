//! Sealing: customers' secrets are kept encrypted, under keys that are not in the database, each bound to its own place.
//!
//! AES-256-GCM with a random nonce. Org, connection, field and key id are authenticated with every value, so that one which is
//! moved to another row or field does not open there. The first key seals; the others only open what was sealed before.

use std::collections::BTreeSet;
use std::fmt;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use billing::names::{BillConnectId, OrgId};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use crate::App;
use crate::audit::{Act, Actor, Outcome, Subject};
use crate::error::AppError;
use crate::store::Rotated;

/// The bytes of a nonce.
pub(crate) const NONCE: usize = 12;
/// The bytes of a key.
const KEY: usize = 32;
const LONGEST_ID: usize = 32;

/// Why a secret could not be sealed or opened. Names keys by their id, never by what they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There is nothing to seal with.
    #[error(
        "no secret key is configured, so an IAM user's keys can't be kept: set `BILLCONNECT_SECRET_KEYS` or `--secret-keys-file`"
    )]
    NoKeys,
    /// The key is not among those that are configured.
    #[error(
        "the secret key `{0}` is not configured, and what it sealed can't be opened without it: add it behind the current one in `BILLCONNECT_SECRET_KEYS` or the secret keys' file"
    )]
    Missing(String),
    /// The key with this id is another than the one that sealed, or the value was altered or moved.
    #[error(
        "a secret of `{connect}` does not open with the secret key `{key}`: either another key than the one that sealed it bears this id now, or the stored value was altered or moved; restore the key, or send the secret again with PATCH"
    )]
    Wrong {
        /// The key's id.
        key: String,
        /// Whose secret it is.
        connect: BillConnectId,
    },
    /// What was configured is no list of keys.
    #[error(
        "entry {number} of the secret keys {why}; each is `<id>:<32 bytes in base64>`, as `openssl rand -base64 32` makes them"
    )]
    Malformed {
        /// Which entry, from 1.
        number: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Random,
}

/// The keys that secrets are sealed with, the current one first. Cannot be printed.
#[derive(Clone, Default)]
pub struct SecretKeys(Vec<Key>);

#[derive(Clone)]
struct Key {
    id: String,
    cipher: Aes256Gcm,
}

impl fmt::Debug for SecretKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

/// Where a secret belongs: it opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) org: OrgId,
    pub(crate) connect: &'a BillConnectId,
    pub(crate) field: &'a str,
}

impl Place<'_> {
    /// What is authenticated with a secret: each part with its length, so that no two places look alike.
    fn bytes(self, key: &str) -> Vec<u8> {
        let org = self.org.to_string();
        let mut bytes = Vec::new();
        for part in ["billconnect sealed secret 1", &org, self.connect.as_ref(), self.field, key] {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes
    }
}

/// A secret that only its key opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    /// The id of the key.
    pub(crate) key: String,
    /// What this value alone was sealed with.
    pub(crate) nonce: [u8; NONCE],
    /// The sealed bytes, with what authenticates them at the end.
    pub(crate) bytes: Vec<u8>,
}

impl SecretKeys {
    /// Reads a list of `<id>:<base64>`, apart by blanks, commas or lines; what follows a `#` on a line is a comment.
    pub fn parse(list: &SecretString) -> Result<Self, SealError> {
        let text = list.expose_secret().lines().map(|line| line.split('#').next().unwrap_or_default());
        let entries = text.flat_map(|line| line.split([',', ' ', '\t'])).filter(|entry| !entry.trim().is_empty());
        let mut keys = Self::default();
        for (entry, number) in entries.zip(1..) {
            let malformed = |why| SealError::Malformed { number, why };
            let (id, text) = entry.trim().split_once(':').ok_or(malformed("has no `:` behind its id"))?;
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
            if id.is_empty() || id.len() > LONGEST_ID || !id.bytes().all(allowed) {
                return Err(malformed("has an id that is not 1 to 32 letters, digits or `._-`"));
            }
            if keys.0.iter().any(|key| key.id == id) {
                return Err(malformed("has the id of another one"));
            }
            let bytes = Zeroizing::new(STANDARD.decode(text).map_err(|_| malformed("is not base64"))?);
            let cipher = Aes256Gcm::new_from_slice(&bytes).map_err(|_| malformed("is not 32 bytes long"))?;
            keys.0.push(Key { id: id.to_owned(), cipher });
        }
        Ok(keys)
    }

    /// A new random key, as an entry of a list.
    pub fn generate() -> Result<SecretString, SealError> {
        let (mut id, mut key) = ([0; 4], Zeroizing::new([0; KEY]));
        getrandom::fill(&mut id).map_err(|_| SealError::Random)?;
        getrandom::fill(key.as_mut()).map_err(|_| SealError::Random)?;
        let id = u32::from_be_bytes(id);
        Ok(format!("k{id:08x}:{}", Zeroizing::new(STANDARD.encode(key.as_ref())).as_str()).into())
    }

    /// The id of the key that seals.
    pub fn current(&self) -> Option<&str> {
        self.0.first().map(|key| key.id.as_str())
    }

    /// The ids of all keys.
    pub fn ids(&self) -> BTreeSet<String> {
        self.0.iter().map(|key| key.id.clone()).collect()
    }

    pub(crate) fn seal(&self, place: Place<'_>, secret: &str) -> Result<Sealed, SealError> {
        let key = self.0.first().ok_or(SealError::NoKeys)?;
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| SealError::Random)?;
        let payload = Payload { msg: secret.as_bytes(), aad: &place.bytes(&key.id) };
        let bytes = key.cipher.encrypt(&nonce.into(), payload).expect("a secret is shorter than what AES-GCM can seal");
        Ok(Sealed { key: key.id.clone(), nonce, bytes })
    }

    pub(crate) fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretString, SealError> {
        let key = self.0.iter().find(|key| key.id == sealed.key);
        let key = key.ok_or_else(|| SealError::Missing(sealed.key.clone()))?;
        let payload = Payload { msg: &sealed.bytes, aad: &place.bytes(&key.id) };
        let wrong = || SealError::Wrong { key: sealed.key.clone(), connect: place.connect.clone() };
        let bytes = key.cipher.decrypt(&sealed.nonce.into(), payload).map_err(|_| wrong())?;
        String::from_utf8(bytes).map(SecretString::from).map_err(|_| wrong())
    }
}

impl App {
    /// Seals every customer's secret anew with the current key.
    pub async fn rotate_secrets(&self, actor: &Actor) -> Result<Rotated, AppError> {
        let rotated = self.store.rotate_secrets().await;
        let (key, outcome) = match &rotated {
            Ok(rotated) => (rotated.current.as_str(), Outcome::Done),
            Err(error) => ("secrets", Outcome::Failed(error.to_string())),
        };
        self.audit(actor, Act::SecretsRotate, Subject::operator(key), outcome).await?;
        Ok(rotated?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn keys(list: &str) -> SecretKeys {
        SecretKeys::parse(&SecretString::from(list)).unwrap()
    }

    fn entry(id: &str, byte: u8) -> String {
        format!("{id}:{}", STANDARD.encode([byte; KEY]))
    }

    fn place(connect: &BillConnectId) -> Place<'_> {
        Place { org: "123456".parse().unwrap(), connect, field: "secret_access_key" }
    }

    fn connect(account: &str) -> BillConnectId {
        format!("aws-{account}").parse().unwrap()
    }

    #[test]
    fn a_secret_opens_in_its_own_place_alone() {
        let keys = keys(&entry("a", 1));
        let (mine, other) = (connect("123456789012"), connect("210987654321"));
        let sealed = keys.seal(place(&mine), SECRET).unwrap();
        assert_eq!(keys.open(place(&mine), &sealed).unwrap().expose_secret(), SECRET);
        let elsewhere = [
            Place { org: "123457".parse().unwrap(), ..place(&mine) },
            place(&other),
            Place { field: "access_key_id", ..place(&mine) },
        ];
        for moved in elsewhere {
            let error = keys.open(moved, &sealed).unwrap_err();
            assert!(matches!(error, SealError::Wrong { .. }), "{moved:?}: {error}");
        }
        for byte in 0..sealed.bytes.len() {
            let mut altered = sealed.clone();
            altered.bytes[byte] ^= 1;
            assert!(keys.open(place(&mine), &altered).is_err(), "byte {byte} is not authenticated");
        }
    }

    #[test]
    fn what_is_sealed_shows_nothing_and_never_looks_the_same_twice() {
        let keys = keys(&entry("a", 1));
        let connect = connect("123456789012");
        let (first, second) =
            (keys.seal(place(&connect), SECRET).unwrap(), keys.seal(place(&connect), SECRET).unwrap());
        assert!(first.nonce != second.nonce && first.bytes != second.bytes);
        assert!(!first.bytes.windows(8).any(|window| SECRET.as_bytes().windows(8).any(|plain| plain == window)));
    }

    #[test]
    fn older_keys_open_and_the_first_one_seals() {
        let connect = connect("123456789012");
        let old = keys(&entry("2025", 1)).seal(place(&connect), SECRET).unwrap();
        let both = keys(&format!("{}, {} # the old one", entry("2026", 2), entry("2025", 1)));
        assert_eq!(both.open(place(&connect), &old).unwrap().expose_secret(), SECRET);
        assert_eq!((both.current(), both.seal(place(&connect), SECRET).unwrap().key.as_str()), (Some("2026"), "2026"));
        let gone = keys(&entry("2026", 2)).open(place(&connect), &old).unwrap_err();
        assert_eq!(gone, SealError::Missing("2025".into()));
        let other = keys(&entry("2025", 9)).open(place(&connect), &old).unwrap_err().to_string();
        assert!(other.contains("`2025`") && other.contains("`aws-123456789012`"), "{other}");
        assert_eq!(SecretKeys::default().seal(place(&connect), SECRET), Err(SealError::NoKeys));
    }

    #[test]
    fn a_list_of_keys_is_read_or_says_what_is_wrong() {
        let made = SecretKeys::generate().unwrap();
        assert_eq!(SecretKeys::parse(&made).unwrap().ids().len(), 1);
        assert!(keys("# nothing yet\n").current().is_none());
        let twice = format!("{}\n{}", entry("a", 1), entry("a", 2));
        let short = format!("{}\nb:c2hvcnQ=", entry("a", 1));
        for (list, why) in [
            ("a", "no `:`"),
            ("ä:AAAA", "an id that is not"),
            ("a:%%%%", "not base64"),
            (twice.as_str(), "entry 2 of the secret keys has the id of another one"),
            (short.as_str(), "entry 2 of the secret keys is not 32 bytes long"),
        ] {
            let error = SecretKeys::parse(&SecretString::from(list)).unwrap_err().to_string();
            assert!(error.contains(why), "{list}: {error}");
        }
    }

    #[test]
    fn keys_are_not_printed() {
        let list = entry("a", 1);
        assert_eq!(format!("{:?}", keys(&list)), r#"["a"]"#);
    }
}
