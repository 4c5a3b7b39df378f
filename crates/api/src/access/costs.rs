//! What a viewer sees of costs, and of what bills name beside them.

use billing::cost_query::{BilledAccount, CostAnswer, CostQuery};
use billing::export::ExportFormat;
use billing::receipt::PublishedMonth;

use super::Viewer;
use crate::error::ApiError;

impl Viewer {
    pub(crate) async fn costs(&self, question: &CostQuery) -> Result<CostAnswer, ApiError> {
        Ok(self.app.costs(self.org, question).await?)
    }

    /// An answer as a file.
    pub(crate) async fn cost_file(
        &self,
        question: CostQuery,
        answer: CostAnswer,
        format: ExportFormat,
    ) -> Result<Vec<u8>, ApiError> {
        Ok(self.app.cost_file(question, answer, format).await?)
    }

    /// The deliveries that a question would be answered from now.
    pub(crate) async fn costs_come_from(&self, question: &CostQuery) -> Result<Vec<PublishedMonth>, ApiError> {
        Ok(self.app.costs_come_from(self.org, question).await?)
    }

    pub(crate) async fn billed_accounts(&self) -> Result<Vec<BilledAccount>, ApiError> {
        Ok(self.app.billed_accounts(self.org).await?)
    }

    pub(crate) async fn currency(&self) -> Result<Option<String>, ApiError> {
        Ok(self.app.currency(self.org).await?)
    }
}
