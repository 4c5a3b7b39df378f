//! Tokens: made from random bytes, handed out once, kept only as hashes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use billing::names::OrgId;
use secrecy::{ExposeSecret, SecretString};
use time::OffsetDateTime;

use crate::App;
use crate::audit::{Act, Actor, Outcome, Subject, Who};
use crate::store::{AccessToken, Parent, RefreshToken, Store, StoreError, TokenId};
pub use crate::token_text::{NoToken, TokenKind};
use crate::token_text::{generate, hash_of};

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

/// Whose a valid token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// An org's.
    Org(Principal),
    /// The operator's: it speaks for no org.
    Operator(TokenId),
}

/// What a credential was exchanged for.
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
    /// A client id and secret that are not valid, or whose service account is disabled. Which of these is nobody's business.
    #[error("the client id and secret are not valid: they are unknown or revoked, or the service account is disabled")]
    NoClient,
    /// It cannot be such a token.
    #[error(transparent)]
    NoToken(#[from] NoToken),
    /// There is no such org to make a token for.
    #[error("there is no org `{0}`; `billconnect org list` shows those that there are")]
    NoSuchOrg(OrgId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

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

    /// Whose the access token or operator token `text` is.
    pub async fn authenticate(&self, text: &str) -> Result<Caller, TokenError> {
        let now = OffsetDateTime::now_utc();
        if TokenKind::of(text) == Some(TokenKind::Operator) {
            let id = self.store().use_operator_token(hash_of(text, TokenKind::Operator)?, now).await?;
            return Ok(Caller::Operator(id.ok_or(TokenError::Refused)?));
        }
        Ok(Caller::Org(authenticate(self.store(), text, now).await?))
    }

    /// The org's refresh tokens, revoked ones too, oldest first.
    pub async fn refresh_tokens(&self, org: OrgId) -> Result<Vec<RefreshToken>, TokenError> {
        require_org(self.store(), org).await?;
        Ok(self.store().refresh_tokens(org).await?)
    }

    /// Revokes a refresh token of `org`, and with it every access token that came from it, at once.
    /// Answers whether there was such a token that was not revoked yet.
    pub async fn revoke_refresh_token(&self, actor: &Actor, org: OrgId, id: TokenId) -> Result<bool, TokenError> {
        require_org(self.store(), org).await?;
        let revoked = self.store().revoke_refresh_token(org, id).await?;
        if revoked {
            let subject = Subject::of(org, format!("refresh-token:{id}"));
            self.audit(actor, Act::TokenRevoke, subject, Outcome::Done).await?;
        }
        Ok(revoked)
    }
}

/// Fails where there is no such org.
pub(crate) async fn require_org(store: &Store, org: OrgId) -> Result<(), TokenError> {
    store.org(org).await?.map(drop).ok_or(TokenError::NoSuchOrg(org))
}

async fn create(store: &Store, org: OrgId, role: Role) -> Result<(TokenId, SecretString), TokenError> {
    require_org(store, org).await?;
    let (token, hash) = generate(TokenKind::Refresh).map_err(StoreError::from)?;
    let id = store.insert_refresh_token(org, role, hash).await?;
    Ok((id, token))
}

async fn exchange(
    store: &Store,
    refresh: &SecretString,
    (now, lifetime): (OffsetDateTime, Duration),
) -> Result<(RefreshToken, Grant), TokenError> {
    let hash = hash_of(refresh.expose_secret(), TokenKind::Refresh)?;
    let token: RefreshToken = store.use_refresh_token(hash, now).await?.ok_or(TokenError::Refused)?;
    let grant = grant(store, (token.org, Parent::RefreshToken(token.id)), (now, lifetime)).await?;
    Ok((token, grant))
}

/// Makes an access token that lives as long as its parent does, and no longer than `lifetime`.
pub(crate) async fn grant(
    store: &Store,
    (org, parent): (OrgId, Parent),
    (now, lifetime): (OffsetDateTime, Duration),
) -> Result<Grant, TokenError> {
    let (access_token, hash) = generate(TokenKind::Access).map_err(StoreError::from)?;
    store.insert_access_token((org, parent), AccessToken { hash, expires_at: now + lifetime }, now).await?;
    Ok(Grant { access_token, expires_in: lifetime })
}

async fn authenticate(store: &Store, text: &str, now: OffsetDateTime) -> Result<Principal, TokenError> {
    store.access_token(hash_of(text, TokenKind::Access)?, now).await?.ok_or(TokenError::Refused)
}

#[cfg(test)]
mod tests {
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
            assert!(matches!(authenticate(&store, text, now).await, Err(TokenError::NoToken(_))), "{text}");
        }
        let (unknown, _) = generate(TokenKind::Access).unwrap();
        assert!(matches!(authenticate(&store, unknown.expose_secret(), now).await, Err(TokenError::Refused)));
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
    fn roles_have_their_words() {
        assert_eq!("admin".parse(), Ok(Role::Admin));
        assert_eq!("viewer".parse(), Ok(Role::Viewer));
        assert_eq!("Admin".parse::<Role>().unwrap_err().to_string(), "`Admin` is no role: it is `admin` or `viewer`");
    }
}
