//! What a viewer sees of the org's jobs.

use app::jobs::{JobFilter, ShownJob};

use super::Viewer;
use crate::error::ApiError;

impl Viewer {
    pub(crate) async fn jobs(&self, filter: &JobFilter) -> Result<Vec<ShownJob>, ApiError> {
        Ok(self.app.jobs(self.org, filter).await?)
    }
}
