//! The step `operators`: tokens with which the operator's programs make orgs and their credentials over HTTP.

use std::time::Duration;

use secrecy::SecretString;
use time::OffsetDateTime;

use crate::App;
use crate::audit::{Act, Actor, Outcome, Subject};
use crate::store::{OperatorToken, StoreError, TokenId};
use crate::token_text::{TokenKind, generate};

impl App {
    /// Makes an operator token that holds for `lifetime`. Its text is nowhere else: who loses it makes another.
    pub async fn create_operator_token(
        &self,
        actor: &Actor,
        name: &str,
        lifetime: Duration,
    ) -> Result<(TokenId, SecretString), StoreError> {
        let (token, hash) = generate(TokenKind::Operator)?;
        let now = OffsetDateTime::now_utc();
        let id = self.store.insert_operator_token(name, hash, (now, now + lifetime)).await?;
        let subject = Subject::operator(format!("operator-token:{id}"));
        self.audit(actor, Act::OperatorTokenCreate, subject, Outcome::DoneWith(format!("named {name}"))).await?;
        Ok((id, token))
    }

    /// Every operator token, revoked ones too, oldest first.
    pub async fn operator_tokens(&self) -> Result<Vec<OperatorToken>, StoreError> {
        self.store.operator_tokens().await
    }

    /// Revokes an operator token at once. Answers whether there was one that was not revoked yet.
    pub async fn revoke_operator_token(&self, actor: &Actor, id: TokenId) -> Result<bool, StoreError> {
        let revoked = self.store.revoke_operator_token(id).await?;
        if revoked {
            let subject = Subject::operator(format!("operator-token:{id}"));
            self.audit(actor, Act::OperatorTokenRevoke, subject, Outcome::Done).await?;
        }
        Ok(revoked)
    }
}
