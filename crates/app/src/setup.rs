//! The step `setup`: what a customer's administrator applies, filled in for the org.

use billing::names::OrgId;
use billing::setup::{Setup, Wish};

use crate::App;
use crate::error::AppError;

impl App {
    /// All that setting up a customer of this org takes. Stores nothing and asks AWS nothing but who the operator is, and that
    /// only where it is not configured.
    pub async fn setup(&self, org: OrgId, wish: Wish) -> Result<Setup, AppError> {
        let operator = self.operator_principal().await?;
        // During a rotation, roles are to name both.
        let ids = self.store.external_ids(org).await?;
        let external_ids = [ids.current()].into_iter().chain(ids.pending()).cloned().collect();
        Ok(Setup { org, operator, external_ids, wish })
    }
}
