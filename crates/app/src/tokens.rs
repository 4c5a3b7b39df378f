//! Tokens: made from random bytes, handed out once, kept only as hashes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use billing::names::OrgId;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::App;
use crate::audit::{Act, Actor, Outcome, Subject, Who};
use crate::store::{AccessToken, RefreshToken, Store, StoreError, TokenHash, TokenId};

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Connect, change, delete, and all that a viewer may.
    Admin,
    /// Read.
    Viewer,
}

impl Role {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Viewer => "viewer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let known = [Self::Admin, Self::Viewer].into_iter().find(|role| role.name() == text);
        known.ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no role: it is `admin` or `viewer`")]
pub struct UnknownRole(String);

/// Whom a request speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The org.
    pub org: OrgId,
    /// What it may do there.
    pub role: Role,
    /// Who it is, for the audit log.
    pub who: Who,
}

/// What a refresh token was exchanged for.
#[derive(Debug)]
pub struct Grant {
    /// The token to send with requests.
    pub access_token: SecretString,
    /// How long it holds.
    pub expires_in: Duration,
}

/// Why a token was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It was never given out, was revoked, or is too old. Which of these is nobody's business who doesn't hold it.
    #[error("the token is not valid: it is unknown, revoked or expired")]
    Refused,
    /// There is no such org to make a token for.
    #[error("there is no org `{0}`; `billconnect org list` shows those that there are")]
    NoSuchOrg(OrgId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a refresh token starts with: a secret scanner finds it, a person sees which of the two it is.
const REFRESH: &str = "bcr_";
/// What an access token starts with.
const ACCESS: &str = "bca_";
/// Characters after the prefix: 32 of 62 are 190 bits.
const LENGTH: usize = 32;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl App {
    /// Makes a refresh token for `org`. Its text is nowhere else: who loses it makes another.
    pub async fn create_refresh_token(
        &self,
        actor: &Actor,
        org: OrgId,
        role: Role,
    ) -> Result<(TokenId, SecretString), TokenError> {
        let (id, token) = create(self.store(), org, role).await?;
        let made = Outcome::DoneWith(format!("role {role}"));
        self.audit(actor, Act::TokenCreate, Subject::of(org, format!("refresh-token:{id}")), made).await?;
        Ok((id, token))
    }

    /// Exchanges a refresh token for an access token that holds for `lifetime`. Who `from` is, the token says.
    pub async fn exchange(
        &self,
        from: &Actor,
        refresh: &SecretString,
        lifetime: Duration,
    ) -> Result<Grant, TokenError> {
        let (parent, grant) = exchange(self.store(), refresh, (OffsetDateTime::now_utc(), lifetime)).await?;
        let actor = Actor { who: Who::RefreshToken(parent.id), ..from.clone() };
        self.audit(&actor, Act::TokenGrant, Subject::of(parent.org, &actor.who), Outcome::Done).await?;
        Ok(grant)
    }

    /// Whom the access token `text` speaks for.
    pub async fn authenticate(&self, text: &str) -> Result<Principal, TokenError> {
        authenticate(self.store(), text, OffsetDateTime::now_utc()).await
    }

    /// The org's refresh tokens, revoked ones too, oldest first.
    pub async fn refresh_tokens(&self, org: OrgId) -> Result<Vec<RefreshToken>, TokenError> {
        Ok(self.store().refresh_tokens(org).await?)
    }

    /// Revokes a refresh token of `org`, and with it every access token that came from it, at once.
    /// Answers whether there was such a token that was not revoked yet.
    pub async fn revoke_refresh_token(&self, actor: &Actor, org: OrgId, id: TokenId) -> Result<bool, TokenError> {
        let revoked = self.store().revoke_refresh_token(org, id).await?;
        if revoked {
            let subject = Subject::of(org, format!("refresh-token:{id}"));
            self.audit(actor, Act::TokenRevoke, subject, Outcome::Done).await?;
        }
        Ok(revoked)
    }
}

async fn create(store: &Store, org: OrgId, role: Role) -> Result<(TokenId, SecretString), TokenError> {
    if store.org(org).await?.is_none() {
        return Err(TokenError::NoSuchOrg(org));
    }
    let token = random(REFRESH)?;
    let id = store.insert_refresh_token(org, role, hash(token.expose_secret())).await?;
    Ok((id, token))
}

async fn exchange(
    store: &Store,
    refresh: &SecretString,
    (now, lifetime): (OffsetDateTime, Duration),
) -> Result<(RefreshToken, Grant), TokenError> {
    let refresh = well_formed(refresh.expose_secret(), REFRESH).ok_or(TokenError::Refused)?;
    let parent: RefreshToken = store.use_refresh_token(hash(refresh), now).await?.ok_or(TokenError::Refused)?;
    let access_token = random(ACCESS)?;
    let kept = AccessToken { hash: hash(access_token.expose_secret()), expires_at: now + lifetime };
    store.insert_access_token(&parent, kept, now).await?;
    Ok((parent, Grant { access_token, expires_in: lifetime }))
}

async fn authenticate(store: &Store, text: &str, now: OffsetDateTime) -> Result<Principal, TokenError> {
    let text = well_formed(text, ACCESS).ok_or(TokenError::Refused)?;
    store.access_token(hash(text), now).await?.ok_or(TokenError::Refused)
}

/// `text` if it could be a token of this kind; anything else isn't worth a look into the store.
fn well_formed<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(prefix)?;
    (rest.len() == LENGTH && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(text)
}

/// The hash that a token is kept and looked up by.
///
/// Plain SHA-256 suffices: the token is 190 random bits, not a password. The lookup compares hashes, never tokens, so its
/// time says nothing about the token.
fn hash(token: &str) -> TokenHash {
    Sha256::digest(token).into()
}

fn random(prefix: &str) -> Result<SecretString, StoreError> {
    let mut token = String::with_capacity(prefix.len() + LENGTH);
    token.push_str(prefix);
    let mut noise = [0; 2 * LENGTH];
    while token.len() < prefix.len() + LENGTH {
        getrandom::fill(&mut noise)?;
        // Bytes above the last whole multiple of 62 would make some characters likelier: they are passed over.
        let fair = noise.iter().filter(|byte| **byte < 248).map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        token.extend(fair.take(prefix.len() + LENGTH - token.len()));
    }
    Ok(SecretString::from(token))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::store::tests::store;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn a_refresh_token_gives_access_for_as_long_as_said() {
        let (store, _folder) = store().await;
        let org = store.create_org("Acme").await.unwrap().id;
        let (id, refresh) = create(&store, org, Role::Viewer).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let (_, grant) = exchange(&store, &refresh, (now, HOUR)).await.unwrap();
        assert_eq!(grant.expires_in, HOUR);
        let access = grant.access_token.expose_secret();
        let principal = authenticate(&store, access, now + HOUR / 2).await.unwrap();
        assert_eq!(principal, Principal { org, role: Role::Viewer, who: Who::RefreshToken(id) });
        assert!(matches!(authenticate(&store, access, now + HOUR).await, Err(TokenError::Refused)));
    }

    #[tokio::test]
    async fn one_kind_of_token_is_not_the_other() {
        let (store, _folder) = store().await;
        let org = store.create_org("Acme").await.unwrap().id;
        let (_, refresh) = create(&store, org, Role::Admin).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let access = exchange(&store, &refresh, (now, HOUR)).await.unwrap().1.access_token;
        assert!(authenticate(&store, refresh.expose_secret(), now).await.is_err());
        assert!(exchange(&store, &access, (now, HOUR)).await.is_err());
    }

    #[tokio::test]
    async fn what_was_never_given_out_is_refused() {
        let (store, _folder) = store().await;
        let now = OffsetDateTime::now_utc();
        for text in ["", "bca_", "x", "bca_00000000000000000000000000000000", "bca_é000000000000000000000000000000"] {
            assert!(matches!(authenticate(&store, text, now).await, Err(TokenError::Refused)), "{text}");
        }
        let nobody = OrgId::try_from(123_456).unwrap();
        assert!(matches!(create(&store, nobody, Role::Admin).await, Err(TokenError::NoSuchOrg(org)) if org == nobody));
    }

    #[tokio::test]
    async fn the_file_holds_no_token() {
        let (store, folder) = store().await;
        let org = store.create_org("Acme").await.unwrap().id;
        let (_, refresh) = create(&store, org, Role::Admin).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let access = exchange(&store, &refresh, (now, HOUR)).await.unwrap().1.access_token;
        store.close().await;
        let file = std::fs::read(folder.path().join("billconnect.db")).unwrap();
        let holds = |needle: &[u8]| file.windows(needle.len()).any(|window| window == needle);
        assert!(holds(b"Acme"), "the file is the one that was written");
        assert!(!holds(refresh.expose_secret().as_bytes()) && !holds(access.expose_secret().as_bytes()));
    }

    #[test]
    fn tokens_are_random_and_use_every_character() {
        let tokens: BTreeSet<String> = (0..200).map(|_| random(ACCESS).unwrap().expose_secret().to_owned()).collect();
        assert_eq!(tokens.len(), 200);
        assert!(tokens.iter().all(|token| well_formed(token, ACCESS).is_some()), "{tokens:?}");
        // 6400 draws miss one of 62 characters once in 10^43 runs.
        let used: BTreeSet<char> = tokens.iter().flat_map(|token| token.chars().skip(ACCESS.len())).collect();
        assert_eq!(used.len(), 62);
    }

    #[test]
    fn roles_have_their_words() {
        assert_eq!("admin".parse(), Ok(Role::Admin));
        assert_eq!("viewer".parse(), Ok(Role::Viewer));
        assert_eq!("Admin".parse::<Role>().unwrap_err().to_string(), "`Admin` is no role: it is `admin` or `viewer`");
    }
}
