//! The step `export`: a month of an org's charges as one FOCUS 1.2 file.

use billing::export::{ExportFormat, ExportSource};
use billing::names::OrgId;

pub use lake::Export;

use crate::App;
use crate::error::AppError;

impl App {
    /// Begins to write what `source` names, from the org's own lake.
    pub async fn export(&self, org: OrgId, source: &ExportSource, format: ExportFormat) -> Result<Export, AppError> {
        let export = self.lake.org(org).export(source, format).await?;
        export.ok_or_else(|| AppError::NotPublished(source.clone()))
    }
}
