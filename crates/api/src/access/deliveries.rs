//! What a viewer sees of the deliveries that months come from and came from, and of how months reconcile.

use app::deliveries::{Compared, Months};
use app::reconciliation::{LakeFigures, ReconciledMonth};
use billing::comparison::Comparison;
use billing::history::PastDelivery;

use super::Viewer;
use crate::error::ApiError;

impl Viewer {
    pub(crate) async fn deliveries(&self, months: &Months) -> Result<Vec<PastDelivery>, ApiError> {
        Ok(self.app.deliveries(self.org, months).await?)
    }

    pub(crate) async fn compare(&self, asked: &Compared) -> Result<Comparison, ApiError> {
        Ok(self.app.compare_deliveries(self.org, asked).await?)
    }

    /// A page of months, and how many there are in all.
    pub(crate) async fn reconciliation(
        &self,
        asked: (&Months, LakeFigures),
        page: (usize, usize),
    ) -> Result<(Vec<ReconciledMonth>, usize), ApiError> {
        Ok(self.app.reconciliation(self.org, asked, page).await?)
    }
}
