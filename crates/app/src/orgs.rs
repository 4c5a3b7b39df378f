//! The step `orgs`: the operator makes orgs.

use crate::App;
use crate::audit::{Act, Actor, Outcome, Subject};
use crate::store::{Org, StoreError};

impl App {
    /// Makes an org under a random id that no org ever had.
    pub async fn create_org(&self, actor: &Actor, name: &str) -> Result<Org, StoreError> {
        let org = self.store.create_org(name).await?;
        self.audit(actor, Act::OrgCreate, Subject::operator(format!("org:{}", org.id)), Outcome::Done).await?;
        Ok(org)
    }
}
