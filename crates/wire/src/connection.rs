//! A session: messages in, messages out, one statement at a time.

use std::sync::Arc;
use std::time::Duration;

use app::sql::{SqlAnswer, SqlQuestion};
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::Notify;

use crate::access::{self, Viewer};
use crate::encode::Format;
use crate::extended::Prepared;
use crate::message::{LONG, Message, ReadError, Reader};
use crate::reply::{Fault, Reply, Standing};
use crate::session::{Outcome, Session};
use crate::start::Stream;

/// How much is written before it is sent.
const SEND_AT: usize = 64 << 10;

/// How long a client may take to receive what is sent at once.
const SEND_WITHIN: Duration = Duration::from_mins(1);

/// Why a connection ends.
pub(crate) struct End;

/// A session's connection and what it has prepared.
pub(crate) struct Connection {
    from: ReadHalf<Box<dyn Stream>>,
    to: WriteHalf<Box<dyn Stream>>,
    reader: Reader,
    pub(crate) reply: Reply,
    pub(crate) viewer: Viewer,
    pub(crate) session: Session,
    pub(crate) prepared: Prepared,
    /// Tells that somebody wants the statement stopped.
    stop: Arc<Notify>,
    idle: Duration,
    /// After a fault among prepared statements, all is passed over until the client asks where it stands.
    skipping: bool,
}

impl Connection {
    pub(crate) fn new(
        (stream, reader, reply): (Box<dyn Stream>, Reader, Reply),
        viewer: Viewer,
        session: Session,
        (stop, idle): (Arc<Notify>, Duration),
    ) -> Self {
        let (from, to) = tokio::io::split(stream);
        Self { from, to, reader, reply, viewer, session, prepared: Prepared::default(), stop, idle, skipping: false }
    }

    /// Answers until the client is gone.
    pub(crate) async fn run(&mut self) {
        while self.turn().await.is_ok() {}
        drop(self.to.shutdown().await);
    }

    /// Answers one message.
    async fn turn(&mut self) -> Result<(), End> {
        if self.reader.is_empty() {
            self.send().await?;
        }
        let message = tokio::time::timeout(self.idle, self.reader.message(&mut self.from, LONG)).await;
        let message = match message {
            Ok(Ok(message)) => message,
            Ok(Err(ReadError::Ended(_))) => return Err(End),
            Ok(Err(error)) => return self.end(&Fault::fatal("08P01", error.to_string())).await,
            Err(_) => return self.end(&Fault::fatal("57P05", "the session has said nothing for too long")).await,
        };
        match message {
            Message::Terminate => return Err(End),
            Message::Sync => {
                self.skipping = false;
                // What was bound outside a transaction ends with it.
                if self.session.standing == Standing::Idle {
                    self.prepared.end_portals();
                }
                self.ready();
            }
            Message::Flush => self.send().await?,
            Message::Query(text) => {
                self.skipping = false;
                if let Err(fault) = self.simple(text).await? {
                    self.fail(&fault).await?;
                }
                self.ready();
            }
            _ if self.skipping => {}
            message => {
                if let Err(fault) = self.prepared_message(message).await? {
                    self.skipping = true;
                    self.fail(&fault).await?;
                }
            }
        }
        Ok(())
    }

    /// A statement that is sent and answered at once.
    async fn simple(&mut self, text: String) -> Result<Result<(), Fault>, End> {
        if let Some(taken) = self.session.take(&text) {
            return Ok(taken.map(|outcome| self.outcome_described(outcome)));
        }
        let question = SqlQuestion { text: text.clone(), ..SqlQuestion::default() };
        let mut answer = match self.started(question).await? {
            Ok(answer) => answer,
            Err(fault) => return Ok(Err(fault)),
        };
        self.reply.columns(answer.columns(), |_| Format::Text);
        let mut count = 0_usize;
        loop {
            match self.rows(&mut answer).await? {
                None => break,
                Some(Err(error)) => return Ok(Err(access::told(&error, &text))),
                Some(Ok(rows)) => {
                    for row in &rows {
                        count += 1;
                        self.reply.row(row, |_| Format::Text);
                        self.send_if_much().await?;
                    }
                }
            }
        }
        self.reply.done(&format!("SELECT {count}"));
        Ok(Ok(()))
    }

    /// What a statement about the session answers, behind its columns where it has any.
    fn outcome_described(&mut self, outcome: Outcome) {
        if let Outcome::Shown(name, _) = &outcome {
            self.reply.columns(&[shown(name)], |_| Format::Text);
        }
        self.outcome(outcome);
    }

    /// What a statement about the session answers.
    pub(crate) fn outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done(tag) => self.reply.done(tag),
            Outcome::Nothing => self.reply.bare(b'I'),
            Outcome::Forget(name) => {
                self.prepared.forget(name.as_deref());
                self.reply.done("DEALLOCATE");
            }
            Outcome::Shown(_, value) => {
                self.reply.row(&[billing::sql::SqlValue::Text(value)], |_| Format::Text);
                self.reply.done("SHOW");
            }
        }
    }

    /// Begins a statement; gives it up where the client hangs up or wants it stopped.
    pub(crate) async fn started(&mut self, question: SqlQuestion) -> Result<Result<SqlAnswer, Fault>, End> {
        let Self { from, reader, viewer, stop, .. } = self;
        watched((from, reader, stop), viewer.sql(question)).await.map(|done| done.unwrap_or_else(|| Err(stopped())))
    }

    /// The next rows of an answer, in the same way.
    pub(crate) async fn rows(&mut self, answer: &mut SqlAnswer) -> Result<Option<Rows>, End> {
        let Self { from, reader, stop, .. } = self;
        if let Some(rows) = watched((from, reader, stop), answer.next()).await? {
            return Ok(rows);
        }
        let problem = billing::sql::SqlProblem::new(billing::sql::SqlFault::TimeOut, STOPPED);
        Ok(Some(Err(app::AppError::Sql(problem))))
    }

    fn ready(&mut self) {
        self.reply.ready(self.session.standing);
    }

    async fn fail(&mut self, fault: &Fault) -> Result<(), End> {
        if fault.fatal {
            return self.end(fault).await;
        }
        if self.session.standing == Standing::InTransaction {
            self.session.standing = Standing::Failed;
        }
        self.reply.fault(fault);
        Ok(())
    }

    async fn end(&mut self, fault: &Fault) -> Result<(), End> {
        self.reply.fault(fault);
        self.send().await?;
        Err(End)
    }

    pub(crate) async fn send_if_much(&mut self) -> Result<(), End> {
        if self.reply.held.len() >= SEND_AT { self.send().await } else { Ok(()) }
    }

    async fn send(&mut self) -> Result<(), End> {
        let held = self.reply.held.split();
        let send = async {
            self.to.write_all(&held).await?;
            self.to.flush().await
        };
        match tokio::time::timeout(SEND_WITHIN, send).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End),
        }
    }
}

/// Some rows, or why there are none.
type Rows = Result<Vec<Vec<billing::sql::SqlValue>>, app::AppError>;

const STOPPED: &str = "the statement was stopped, as was asked";

fn stopped() -> Fault {
    Fault::new("57014", STOPPED)
}

/// The column of a shown setting.
pub(crate) fn shown(name: &str) -> billing::sql::SqlColumn {
    billing::sql::SqlColumn { name: name.to_owned(), sql_type: billing::sql::SqlType::Text }
}

/// Works until it is done; none where somebody wants it stopped, an end where the client hangs up meanwhile.
async fn watched<T>(
    (from, reader, stop): (&mut ReadHalf<Box<dyn Stream>>, &mut Reader, &Notify),
    work: impl Future<Output = T>,
) -> Result<Option<T>, End> {
    let mut work = std::pin::pin!(work);
    let mut stop = std::pin::pin!(stop.notified());
    loop {
        let ahead = !reader.is_full();
        tokio::select! {
            done = &mut work => return Ok(Some(done)),
            () = &mut stop => return Ok(None),
            more = reader.more(from), if ahead => match more {
                Ok(true) => {}
                _ => return Err(End),
            },
        }
    }
}
