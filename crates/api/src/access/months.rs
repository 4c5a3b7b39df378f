//! What a viewer sees of bill months, and what an admin has done with them.

use app::months::Month;
use app::reprocess::Reprocessed;
use billing::bill_month::BillMonth;

use super::{Admin, Viewer};
use crate::error::ApiError;

impl Viewer {
    pub(crate) async fn bill_months(&self) -> Result<Vec<BillMonth>, ApiError> {
        Ok(self.app.bill_months(self.org).await?)
    }
}

impl Admin {
    pub(crate) async fn reprocess(&self, months: Vec<Month>) -> Result<Reprocessed, ApiError> {
        Ok(self.0.app.reprocess_months(&self.0.actor, self.0.org, months).await?)
    }
}
