//! The texts of tokens: a prefix that says the kind, random characters, and a checksum that tells a mistyped one from an
//! unknown one without a look into the store, as a secret scanner does offline.
//!
//! `bca_` + 32 random characters + 6 characters of checksum, all of `0-9A-Za-z`. The checksum is the CRC-32 (IEEE) of everything
//! before it, in base 62 with leading zeros: any one wrong character and any two that changed places show.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::store::TokenHash;

/// A kind of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Exchanged for access tokens.
    Refresh,
    /// Sent with requests.
    Access,
    /// A service account's secret.
    ClientSecret,
    /// The operator's own.
    Operator,
}

/// Why a text is not the token that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// Its form or its checksum is wrong.
    #[error(
        "the {} is mistyped: its checksum does not fit; it is `{}` and {} letters and digits, copy it whole",
        .0.name(), .0.prefix(), RANDOM + CHECKSUM
    )]
    Mistyped(TokenKind),
    /// It is a token of another kind.
    #[error("this is {} {}, and {} {} is needed here", .given.article(), .given.name(), .wanted.article(), .wanted.name())]
    WrongKind {
        /// What it is.
        given: TokenKind,
        /// What it should be.
        wanted: TokenKind,
    },
}

/// Random characters: 32 of 62 are 190 bits.
const RANDOM: usize = 32;
/// Characters that hold 32 bits in base 62.
const CHECKSUM: usize = 6;
/// Characters of a prefix.
const PREFIX: usize = 4;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl TokenKind {
    const ALL: [Self; 4] = [Self::Refresh, Self::Access, Self::ClientSecret, Self::Operator];

    /// What a token of this kind starts with: a scanner finds it, a person sees what it is.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Refresh => "bcr_",
            Self::Access => "bca_",
            Self::ClientSecret => "bcs_",
            Self::Operator => "bco_",
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refresh => "refresh token",
            Self::Access => "access token",
            Self::ClientSecret => "client secret",
            Self::Operator => "operator token",
        }
    }

    fn article(self) -> &'static str {
        match self {
            Self::Refresh | Self::ClientSecret => "a",
            Self::Access | Self::Operator => "an",
        }
    }

    /// The kind of token that `text` is by its form and its checksum; nothing is looked up. `None` is no token, or a mistyped one.
    pub fn of(text: &str) -> Option<Self> {
        let kind = Self::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))?;
        let whole = text.len() == PREFIX + RANDOM + CHECKSUM;
        if !whole || !text[PREFIX..].bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let (body, sum) = text.split_at(PREFIX + RANDOM);
        (checksum(body) == sum).then_some(kind)
    }
}

/// The hash that the token `text` is kept and looked up by, if it can be a token of this kind.
///
/// Plain SHA-256 suffices: the token is 190 random bits, not a password. The lookup compares hashes, never tokens, so its
/// time says nothing about the token.
pub(crate) fn hash_of(text: &str, wanted: TokenKind) -> Result<TokenHash, NoToken> {
    match TokenKind::of(text) {
        Some(kind) if kind == wanted => Ok(Sha256::digest(text).into()),
        Some(given) => Err(NoToken::WrongKind { given, wanted }),
        None => Err(NoToken::Mistyped(wanted)),
    }
}

/// A new token of this kind, and its hash.
pub(crate) fn generate(kind: TokenKind) -> Result<(SecretString, TokenHash), getrandom::Error> {
    let body = random(kind.prefix(), RANDOM)?;
    let token = SecretString::from(format!("{}{}", body.expose_secret(), checksum(body.expose_secret())));
    let hash = Sha256::digest(token.expose_secret()).into();
    Ok((token, hash))
}

/// `prefix` and so many random characters.
pub(crate) fn random(prefix: &str, length: usize) -> Result<SecretString, getrandom::Error> {
    let mut text = String::with_capacity(prefix.len() + length);
    text.push_str(prefix);
    let mut noise = [0; 2 * RANDOM];
    while text.len() < prefix.len() + length {
        getrandom::fill(&mut noise)?;
        // Bytes above the last whole multiple of 62 would make some characters likelier: they are passed over.
        let fair = noise.iter().filter(|byte| **byte < 248).map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        text.extend(fair.take(prefix.len() + length - text.len()));
    }
    Ok(SecretString::from(text))
}

/// The CRC-32 of the text in base 62.
fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[usize::try_from(rest % 62).expect("a digit is small")];
        rest /= 62;
    }
    digits.map(char::from).iter().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_everybody_knows() {
        assert_eq!(checksum("123456789"), "3jZRME", "0xCBF43926 in base 62");
    }

    #[test]
    fn a_wrong_character_shows_without_a_look_into_the_store() {
        let (token, _) = generate(TokenKind::Refresh).unwrap();
        let token = token.expose_secret();
        assert_eq!(TokenKind::of(token), Some(TokenKind::Refresh));
        for at in PREFIX..token.len() {
            for other in ALPHABET.iter().filter(|other| **other != token.as_bytes()[at]) {
                let mut typed = token.as_bytes().to_vec();
                typed[at] = *other;
                assert_eq!(TokenKind::of(std::str::from_utf8(&typed).unwrap()), None, "{at}");
            }
            let mut typed = token.as_bytes().to_vec();
            typed.swap(at - 1, at);
            assert!(typed == token.as_bytes() || TokenKind::of(std::str::from_utf8(&typed).unwrap()).is_none(), "{at}");
        }
        for typed in
            [&token[..41], &format!("{token}0"), &format!(" {token}"), &token.replace("bcr_", "bca_"), "", "bcr_", "é"]
        {
            assert_eq!(TokenKind::of(typed), None, "{typed}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_text_is_said() {
        let (token, _) = generate(TokenKind::Refresh).unwrap();
        let wrong = hash_of(token.expose_secret(), TokenKind::Access).unwrap_err().to_string();
        assert_eq!(wrong, "this is a refresh token, and an access token is needed here");
        let mistyped = hash_of("bca_x", TokenKind::Access).unwrap_err().to_string();
        assert!(mistyped.contains("mistyped") && mistyped.contains("`bca_` and 38 letters"), "{mistyped}");
        assert!(hash_of(token.expose_secret(), TokenKind::Refresh).is_ok());
    }

    #[test]
    fn tokens_are_random_and_use_every_character() {
        let tokens: BTreeSet<String> =
            (0..200).map(|_| random("", RANDOM).unwrap().expose_secret().to_owned()).collect();
        assert_eq!(tokens.len(), 200);
        // 6400 draws miss one of 62 characters once in 10^43 runs.
        let used: BTreeSet<char> = tokens.iter().flat_map(|token| token.chars()).collect();
        assert_eq!(used.len(), 62);
    }
}
