//! The step `sql`: a read-only statement over an org's views.

use billing::names::OrgId;
use billing::sql::{SqlColumn, SqlShape, SqlType, SqlValue};
pub use lake::SqlQuestion;
use lake::SqlRows;

use crate::App;
use crate::error::AppError;

/// An answer as it comes. Dropping it stops the statement.
#[derive(Debug)]
pub struct SqlAnswer(SqlRows);

impl SqlAnswer {
    /// The columns.
    pub fn columns(&self) -> &[SqlColumn] {
        &self.0.columns
    }

    /// The next rows; none after the last.
    pub async fn next(&mut self) -> Option<Result<Vec<Vec<SqlValue>>, AppError>> {
        Some(self.0.next().await?.map_err(AppError::from))
    }

    /// Whether there were more rows than were wanted; known after the last.
    pub fn is_cut(&self) -> bool {
        self.0.is_cut()
    }
}

impl App {
    /// Begins to answer a statement from the org's own lake.
    pub async fn sql(&self, org: OrgId, question: SqlQuestion) -> Result<SqlAnswer, AppError> {
        let accounts = self.accounts(org).await?;
        Ok(SqlAnswer(self.lake.org(org).sql(question, accounts).await?))
    }

    /// What a statement takes and answers; `declared` is what the client says of its parameters.
    pub async fn sql_shape(&self, org: OrgId, text: &str, declared: &[Option<SqlType>]) -> Result<SqlShape, AppError> {
        Ok(self.lake.org(org).sql_shape(text, declared).await?)
    }
}
