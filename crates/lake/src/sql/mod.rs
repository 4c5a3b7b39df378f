//! SQL: one read-only query over the views of one org, bounded in everything.
//!
//! *Invariant:* a statement is parsed, looked through by an allow-list (`guard`), and planned in a session that holds this org's
//! views and nothing else (`session`). It reaches no file, no address and no other org, whatever it says.

mod accounts;
mod allowed;
mod arithmetic;
mod bounded;
mod catalog;
mod commitments;
mod engine;
mod error;
mod functions;
mod guard;
mod heads;
mod parameters;
mod parse;
mod session;
#[cfg(test)]
mod tests;
mod values;
mod views;

use std::sync::Arc;

use billing::organization::Accounts;
use billing::sql::{SqlColumn, SqlFault, SqlParameter, SqlProblem, SqlShape, SqlType, SqlValue};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Query, Statement as Parsed};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

pub(crate) use engine::Engine;
pub use engine::SqlSettings;

use self::error::Asked;
use self::guard::{Asks, Look};
use crate::error::LakeError;
use crate::table::OrgLake;

/// A statement, and how much of its answer is wanted.
#[derive(Debug, Clone, Default)]
pub struct SqlQuestion {
    /// The statement.
    pub text: String,
    /// What stands for `$1` and its like.
    pub parameters: Vec<SqlParameter>,
    /// No more rows than this; where there are more, the answer says that it is cut. Without it, too many rows are an error.
    pub limit: Option<usize>,
}

/// An answer as it comes. Dropping it stops the statement.
#[derive(Debug)]
pub struct SqlRows {
    /// The columns.
    pub columns: Vec<SqlColumn>,
    rows: mpsc::Receiver<Result<Piece, LakeError>>,
    task: AbortHandle,
    deadline: Instant,
    cut: bool,
}

#[derive(Debug)]
enum Piece {
    Columns(Vec<SqlColumn>),
    Rows(Vec<Vec<SqlValue>>),
    /// There were more rows than were wanted.
    Cut,
}

type Sender = mpsc::Sender<Result<Piece, LakeError>>;

impl SqlRows {
    /// The next rows; none after the last.
    pub async fn next(&mut self) -> Option<Result<Vec<Vec<SqlValue>>, LakeError>> {
        loop {
            match tokio::time::timeout_at(self.deadline, self.rows.recv()).await {
                Err(_) => return Some(Err(LakeError::Sql(too_long()))),
                Ok(Some(Ok(Piece::Rows(rows)))) => return Some(Ok(rows)),
                Ok(Some(Err(error))) => return Some(Err(error)),
                Ok(Some(Ok(Piece::Cut))) => self.cut = true,
                Ok(Some(Ok(Piece::Columns(_)))) => {}
                Ok(None) => return None,
            }
        }
    }

    /// Whether there were more rows than were wanted; known after the last.
    pub fn is_cut(&self) -> bool {
        self.cut
    }
}

impl Drop for SqlRows {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn too_long() -> SqlProblem {
    SqlProblem::new(SqlFault::TimeOut, "the statement took longer than one may")
        .hint("ask about a shorter time or fewer columns")
}

impl OrgLake {
    /// Answers a statement over this org's views; `accounts` is what is known of the org's.
    pub async fn sql(&self, question: SqlQuestion, accounts: Arc<Accounts>) -> Result<SqlRows, LakeError> {
        let engine = &self.shared.sql;
        let deadline = Instant::now() + engine.settings.within;
        let place = engine.place(self.org(), deadline).await.map_err(LakeError::Sql)?;
        let (sender, rows) = mpsc::channel(2);
        let lake = self.clone();
        let task = engine.threads().map_err(LakeError::Sql)?.spawn(async move {
            // Held until nothing of the statement runs any more.
            let _place = place;
            let answered = tokio::time::timeout_at(deadline, lake.answer_sql(&question, &accounts, &sender)).await;
            if let Err(error) = answered.unwrap_or_else(|_| Err(LakeError::Sql(too_long()))) {
                // Whoever asked may be gone.
                drop(sender.send(Err(error)).await);
            }
        });
        // From here on, whoever gives up stops the statement.
        let mut answer = SqlRows { columns: Vec::new(), rows, task: task.abort_handle(), deadline, cut: false };
        answer.columns = match tokio::time::timeout_at(deadline, answer.rows.recv()).await {
            Err(_) => return Err(LakeError::Sql(too_long())),
            Ok(Some(Ok(Piece::Columns(columns)))) => columns,
            Ok(Some(Err(error))) => return Err(error),
            // Only a panic ends it without a word.
            Ok(_) => {
                let ended = DataFusionError::Internal("a statement ended early".to_owned());
                return Err(LakeError::Query(Box::new(ended)));
            }
        };
        Ok(answer)
    }

    /// What a statement takes and answers, without answering it. `declared` is what the client says of its parameters.
    pub async fn sql_shape(&self, text: &str, declared: &[Option<SqlType>]) -> Result<SqlShape, LakeError> {
        let engine = &self.shared.sql;
        let deadline = Instant::now() + engine.settings.within;
        let place = engine.place(self.org(), deadline).await.map_err(LakeError::Sql)?;
        let (lake, text, declared) = (self.clone(), text.to_owned(), declared.to_vec());
        let task = engine.threads().map_err(LakeError::Sql)?.spawn(async move {
            let _place = place;
            lake.shape_of(&text, &declared).await
        });
        match tokio::time::timeout_at(deadline, task).await {
            Ok(shaped) => shaped?,
            Err(_) => Err(LakeError::Sql(too_long())),
        }
    }

    async fn answer_sql(&self, question: &SqlQuestion, accounts: &Accounts, sender: &Sender) -> Result<(), LakeError> {
        let mut query = parse::parse(&question.text, views::spellings()).map_err(LakeError::Sql)?;
        let look = guard::look(&query, &view_names()).map_err(LakeError::Sql)?;
        if look.asks == Asks::Catalog {
            let (columns, rows) = catalog::answer(&query, &question.parameters).map_err(LakeError::Sql)?;
            return self.send_all(question, sender, (columns, rows)).await;
        }
        parameters::bind(&mut query, &question.parameters).map_err(LakeError::Sql)?;
        let asked = Asked { text: &question.text, query: &query, names: views::names() };
        let (session, plan) = self.plan(&asked, &look, accounts).await?;
        let columns = values::columns(plan.schema(), heads::heads(&query));
        let told = |error| error::told(error, &asked);
        let mut answer = DataFrame::new(session.state(), plan);
        if let Some(limit) = question.limit {
            // One more than wanted, to know whether there are more.
            answer = answer.limit(0, Some(limit.saturating_add(1))).map_err(told)?;
        }
        let mut batches = answer.execute_stream().await.map_err(told)?;
        if sender.send(Ok(Piece::Columns(columns))).await.is_err() {
            return Ok(());
        }
        let mut count = Count::new(question, self.shared.sql.settings.rows);
        while let Some(batch) = batches.next().await {
            let rows = values::rows(&batch.map_err(told)?).map_err(|error| told(error.into()))?;
            if count.send(rows, sender).await? == Wanted::Nothing {
                break;
            }
        }
        Ok(())
    }

    async fn send_all(
        &self,
        question: &SqlQuestion,
        sender: &Sender,
        (columns, rows): (Vec<SqlColumn>, Vec<Vec<SqlValue>>),
    ) -> Result<(), LakeError> {
        if sender.send(Ok(Piece::Columns(columns))).await.is_ok() {
            Count::new(question, self.shared.sql.settings.rows).send(rows, sender).await?;
        }
        Ok(())
    }

    async fn plan(
        &self,
        asked: &Asked<'_>,
        look: &Look,
        accounts: &Accounts,
    ) -> Result<(SessionContext, LogicalPlan), LakeError> {
        let session = self.sql_session(&look.views, (accounts, &self.shared.sql.settings)).await?;
        let statement = Statement::Statement(Box::new(Parsed::Query(Box::new(Query::clone(asked.query)))));
        let plan = session.state().statement_to_plan(statement).await.map_err(|error| error::told(error, asked))?;
        session::reads_only(&plan).map_err(|error| error::told(error, asked))?;
        Ok((session, plan))
    }

    async fn shape_of(&self, text: &str, declared: &[Option<SqlType>]) -> Result<SqlShape, LakeError> {
        let mut query = parse::parse(text, views::spellings()).map_err(LakeError::Sql)?;
        let look = guard::look(&query, &view_names()).map_err(LakeError::Sql)?;
        let count = parameters::count(&query).map_err(LakeError::Sql)?;
        let mut types: Vec<Option<SqlType>> = (0..count).map(|at| declared.get(at).copied().flatten()).collect();
        let nulls = |types: &[Option<SqlType>]| -> Vec<SqlParameter> {
            types.iter().map(|sql_type| SqlParameter { sql_type: *sql_type, value: None }).collect()
        };
        let columns = if look.asks == Asks::Catalog {
            catalog::answer(&query, &nulls(&types)).map_err(LakeError::Sql)?.0
        } else {
            if types.contains(&None) {
                // What a place needs, the engine says where it can; a text does for the rest.
                let asked = Asked { text, query: &query, names: views::names() };
                if let Ok((_, plan)) = self.plan(&asked, &look, &Accounts::default()).await {
                    let known = plan.get_parameter_types().unwrap_or_default();
                    for (at, sql_type) in types.iter_mut().enumerate().filter(|(_, sql_type)| sql_type.is_none()) {
                        *sql_type =
                            known.get(&format!("${}", at + 1)).cloned().flatten().map(|it| values::sql_type(&it));
                    }
                }
            }
            parameters::bind(&mut query, &nulls(&types)).map_err(LakeError::Sql)?;
            let asked = Asked { text, query: &query, names: views::names() };
            values::columns(self.plan(&asked, &look, &Accounts::default()).await?.1.schema(), heads::heads(&query))
        };
        let parameters = types.into_iter().map(|sql_type| sql_type.unwrap_or(SqlType::Text)).collect();
        Ok(SqlShape { parameters, columns })
    }
}

fn view_names() -> Vec<&'static str> {
    views::all().iter().map(|view| view.name).collect()
}

#[derive(PartialEq, Eq)]
enum Wanted {
    More,
    Nothing,
}

/// Rows sent so far, and how many may be.
struct Count {
    sent: usize,
    limit: Option<usize>,
    most: usize,
}

impl Count {
    fn new(question: &SqlQuestion, most: usize) -> Self {
        Self { sent: 0, limit: question.limit, most }
    }

    async fn send(&mut self, mut rows: Vec<Vec<SqlValue>>, sender: &Sender) -> Result<Wanted, LakeError> {
        let limit = self.limit.unwrap_or(usize::MAX);
        let cut = self.sent + rows.len() > limit;
        rows.truncate(limit - self.sent);
        self.sent += rows.len();
        if self.sent > self.most {
            let message = format!("the answer has more than {} rows", self.most);
            return Err(LakeError::Sql(
                SqlProblem::new(SqlFault::TooLarge, message).hint("sum them up, or add a `LIMIT`"),
            ));
        }
        let mut heard = sender.send(Ok(Piece::Rows(rows))).await.is_ok();
        if cut && heard {
            heard = sender.send(Ok(Piece::Cut)).await.is_ok();
        }
        Ok(if heard && !cut { Wanted::More } else { Wanted::Nothing })
    }
}
