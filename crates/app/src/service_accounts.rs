//! The step `service_accounts`: accounts for an org's programs, which exchange a client id and a secret for access tokens.

use std::time::Duration;

use billing::names::OrgId;
use secrecy::{ExposeSecret, SecretString};
use time::OffsetDateTime;

use crate::App;
use crate::audit::{Act, Actor, Outcome, Subject, Who};
use crate::store::{NewServiceAccount, Parent, ServiceAccount, StoreError, TokenId};
use crate::token_text::{TokenKind, generate, hash_of, random};
use crate::tokens::{Grant, Role, TokenError, grant, require_org};

pub use crate::store::ServiceAccountChange;

/// What a client id starts with. It is no secret.
const CLIENT: &str = "bcc_";
/// Random characters of a client id.
const LENGTH: usize = 16;

/// Why something could not be done with a service account.
#[derive(Debug, thiserror::Error)]
pub enum ServiceAccountError {
    /// There is no such org, or the store failed.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The org has no such account.
    #[error("there is no service account `{0}`")]
    NoSuchAccount(String),
    /// The account has no such secret, or it is revoked already.
    #[error("the service account has no unrevoked secret `{0}`")]
    NoSuchSecret(TokenId),
    /// The account has as many secrets as it may have.
    #[error("the service account has two secrets already: revoke the one that is no longer used first")]
    TooManySecrets,
}

impl From<StoreError> for ServiceAccountError {
    fn from(error: StoreError) -> Self {
        Self::Token(error.into())
    }
}

/// A secret that was just made.
#[derive(Debug)]
pub struct NewSecret {
    /// Its number.
    pub id: TokenId,
    /// Its text, which is nowhere else.
    pub text: SecretString,
}

fn subject(org: OrgId, account: &str) -> Subject {
    Subject::of(org, format!("service-account:{}", account.chars().take(CLIENT.len() + LENGTH).collect::<String>()))
}

impl App {
    /// Makes a service account of `org`, with its first secret.
    pub async fn create_service_account(
        &self,
        actor: &Actor,
        org: OrgId,
        (name, role): (&str, Role),
    ) -> Result<(ServiceAccount, NewSecret), ServiceAccountError> {
        require_org(&self.store, org).await?;
        let id = random(CLIENT, LENGTH).map_err(StoreError::from)?.expose_secret().to_owned();
        self.store.insert_service_account(NewServiceAccount { id: &id, org, name, role }).await?;
        let made = Outcome::DoneWith(format!("role {role}"));
        self.audit(actor, Act::ServiceAccountCreate, subject(org, &id), made).await?;
        let secret = self.create_client_secret(actor, org, &id).await?;
        Ok((self.service_account(org, &id).await?, secret))
    }

    /// The org's service accounts, oldest first.
    pub async fn service_accounts(&self, org: OrgId) -> Result<Vec<ServiceAccount>, ServiceAccountError> {
        require_org(&self.store, org).await?;
        Ok(self.store.service_accounts(org).await?)
    }

    /// One service account of the org.
    pub async fn service_account(&self, org: OrgId, id: &str) -> Result<ServiceAccount, ServiceAccountError> {
        require_org(&self.store, org).await?;
        let found = self.store.service_account(org, id).await?;
        found.ok_or_else(|| ServiceAccountError::NoSuchAccount(id.to_owned()))
    }

    /// Changes a service account; what its tokens may do changes at once.
    pub async fn change_service_account(
        &self,
        actor: &Actor,
        (org, id): (OrgId, &str),
        change: &ServiceAccountChange,
    ) -> Result<(), ServiceAccountError> {
        self.service_account(org, id).await?;
        self.store.change_service_account(org, id, change).await?;
        let role = change.role.map(|role| format!("role {role}"));
        let disabled = change.disabled.map(|disabled| if disabled { "disabled" } else { "enabled" }.to_owned());
        let name = change.name.as_ref().map(|_| "named anew".to_owned());
        let changes: Vec<String> = [role, disabled, name].into_iter().flatten().collect();
        let done = Outcome::DoneWith(changes.join(", "));
        Ok(self.audit(actor, Act::ServiceAccountChange, subject(org, id), done).await?)
    }

    /// Deletes a service account, and with it its secrets and its tokens, at once.
    pub async fn delete_service_account(
        &self,
        actor: &Actor,
        (org, id): (OrgId, &str),
    ) -> Result<(), ServiceAccountError> {
        self.service_account(org, id).await?;
        self.store.delete_service_account(org, id).await?;
        Ok(self.audit(actor, Act::ServiceAccountDelete, subject(org, id), Outcome::Done).await?)
    }

    /// Makes another secret of a service account, to take the place of the one that it has.
    pub async fn create_client_secret(
        &self,
        actor: &Actor,
        org: OrgId,
        account: &str,
    ) -> Result<NewSecret, ServiceAccountError> {
        self.service_account(org, account).await?;
        let (text, hash) = generate(TokenKind::ClientSecret).map_err(StoreError::from)?;
        let id = self.store.insert_client_secret(org, account, hash).await?;
        let id = id.ok_or(ServiceAccountError::TooManySecrets)?;
        let made = Outcome::DoneWith(format!("secret {id}"));
        self.audit(actor, Act::ClientSecretCreate, subject(org, account), made).await?;
        Ok(NewSecret { id, text })
    }

    /// Revokes a secret of a service account, and every access token that came from it, at once.
    pub async fn revoke_client_secret(
        &self,
        actor: &Actor,
        (org, account): (OrgId, &str),
        secret: TokenId,
    ) -> Result<(), ServiceAccountError> {
        self.service_account(org, account).await?;
        if !self.store.revoke_client_secret(org, account, secret).await? {
            return Err(ServiceAccountError::NoSuchSecret(secret));
        }
        let done = Outcome::DoneWith(format!("secret {secret}"));
        Ok(self.audit(actor, Act::ClientSecretRevoke, subject(org, account), done).await?)
    }

    /// Exchanges a client id and a secret for an access token that holds for `lifetime`.
    pub async fn exchange_client(
        &self,
        from: &Actor,
        (client, secret): (&str, &SecretString),
        lifetime: Duration,
    ) -> Result<Grant, TokenError> {
        let hash = hash_of(secret.expose_secret(), TokenKind::ClientSecret)?;
        let now = OffsetDateTime::now_utc();
        let found = self.store.use_client_secret(client, hash, now).await?;
        let (org, secret) = found.ok_or(TokenError::NoClient)?;
        let granted = grant(&self.store, (org, Parent::ClientSecret(secret)), (now, lifetime)).await?;
        let actor = Actor { who: Who::ServiceAccount(client.to_owned()), ..from.clone() };
        let done = Outcome::DoneWith(format!("secret {secret}"));
        self.audit(&actor, Act::TokenGrant, Subject::of(org, &actor.who), done).await?;
        Ok(granted)
    }
}
