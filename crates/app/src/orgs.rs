//! The step `orgs`: the operator makes orgs, and deletes them with all that they have.

use billing::names::OrgId;
use lake::LakeError;

use crate::App;
use crate::audit::{Act, Actor, Outcome, Subject};
use crate::store::{Org, StoreError};

/// Why an org was not made, found or deleted.
#[derive(Debug, thiserror::Error)]
pub enum OrgError {
    /// There is no such org, or no longer.
    #[error("there is no org `{0}`")]
    NoSuchOrg(OrgId),
    /// The store failed, or the id that was asked for is taken.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The org is deleted, but its bills could not be removed yet; the server tries again.
    #[error("the org is deleted, but its bills could not be removed yet: {0}")]
    Lake(#[from] LakeError),
}

impl App {
    /// Makes an org: under this id, for whoever brings one that is in trust policies already, or else under a random one.
    /// Either way no org ever had it.
    pub async fn create_org(&self, actor: &Actor, name: &str, id: Option<OrgId>) -> Result<Org, OrgError> {
        let org = match id {
            Some(id) => self.store.create_org_as(id, name).await?,
            None => self.store.create_org(name).await?,
        };
        for subject in [Subject::operator(format!("org:{}", org.id)), Subject::of(org.id, format!("org:{}", org.id))] {
            self.audit(actor, Act::OrgCreate, subject, Outcome::Done).await?;
        }
        Ok(org)
    }

    /// Orgs with a higher id than `after`, in the order of their ids.
    pub async fn orgs(&self, after: Option<OrgId>, limit: u32) -> Result<Vec<Org>, OrgError> {
        Ok(self.store.orgs_after(after, limit).await?)
    }

    /// One org.
    pub async fn org(&self, id: OrgId) -> Result<Org, OrgError> {
        self.store.org(id).await?.ok_or(OrgError::NoSuchOrg(id))
    }

    /// Deletes an org: its tokens are dead at once, its connections and bills are removed, its id never comes back, and its
    /// audit log stays.
    pub async fn delete_org(&self, actor: &Actor, id: OrgId) -> Result<(), OrgError> {
        if !self.store.delete_org(id).await? {
            return Err(OrgError::NoSuchOrg(id));
        }
        for subject in [Subject::operator(format!("org:{id}")), Subject::of(id, format!("org:{id}"))] {
            self.audit(actor, Act::OrgDelete, subject, Outcome::Done).await?;
        }
        Ok(self.lake.org(id).erase().await?)
    }
}
