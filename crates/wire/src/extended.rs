//! Prepared statements: parsed, bound to values, described and executed one by one.

use std::collections::HashMap;

use app::sql::{SqlAnswer, SqlQuestion};
use billing::sql::{SqlParameter, SqlValue};

use crate::access;
use crate::connection::{Connection, End, shown};
use crate::encode::{self, Format};
use crate::message::{Bind, Message, Named};
use crate::reply::Fault;
use crate::session::Outcome;

/// The most bytes of statements and values that a session may hold.
const MOST_HELD: usize = 4 << 20;
/// The most statements, and the most portals.
const MOST: usize = 256;

/// What a session has prepared, by name.
#[derive(Default)]
pub(crate) struct Prepared {
    statements: HashMap<String, Statement>,
    portals: HashMap<String, Portal>,
}

#[derive(Clone)]
struct Statement {
    text: String,
    /// What the client says of its parameters; 0 where it says nothing.
    types: Vec<u32>,
}

/// A statement with its values.
struct Portal {
    text: String,
    parameters: Vec<SqlParameter>,
    /// Which columns are to be binary.
    results: Vec<u16>,
    answer: Option<SqlAnswer>,
    /// Rows that came and were not wanted yet.
    left: Vec<Vec<SqlValue>>,
}

impl Prepared {
    /// Ends what was bound.
    pub(crate) fn end_portals(&mut self) {
        self.portals.clear();
    }

    /// Forgets a statement, or all of them.
    pub(crate) fn forget(&mut self, name: Option<&str>) {
        match name {
            Some(name) => drop(self.statements.remove(name)),
            None => self.statements.clear(),
        }
    }

    fn has_room(&self, more: usize) -> Result<(), Fault> {
        let statements = self.statements.values().map(|statement| statement.text.len());
        let portals = self.portals.values().map(|portal| {
            portal.text.len()
                + portal.parameters.iter().filter_map(|it| it.value.as_ref()).map(String::len).sum::<usize>()
        });
        let held: usize = statements.chain(portals).sum();
        if held + more > MOST_HELD || self.statements.len() > MOST || self.portals.len() > MOST {
            return Err(Fault::new("53200", "the session has prepared as much as it may; `DEALLOCATE ALL` forgets it"));
        }
        Ok(())
    }

    fn parse(&mut self, name: String, statement: Statement) -> Result<(), Fault> {
        self.has_room(statement.text.len())?;
        if !name.is_empty() && self.statements.contains_key(&name) {
            return Err(Fault::new("42P05", "there is a prepared statement of this name already"));
        }
        self.statements.insert(name, statement);
        Ok(())
    }

    fn statement(&self, name: &str) -> Result<&Statement, Fault> {
        self.statements.get(name).ok_or_else(|| Fault::new("26000", "there is no prepared statement of this name"))
    }

    fn bind(&mut self, bind: Bind) -> Result<(), Fault> {
        let Statement { text, types } = self.statement(&bind.statement)?.clone();
        let value = |(at, value): (usize, &Option<bytes::Bytes>)| {
            let oid = types.get(at).copied().unwrap_or(0);
            let read = encode::parameter((oid, Format::at(&bind.formats, at)), value.as_deref());
            read.ok_or_else(|| Fault::new("22P03", format!("parameter {} can't be read as its type", at + 1)))
        };
        let parameters = bind.values.iter().enumerate().map(value).collect::<Result<Vec<_>, _>>()?;
        self.has_room(text.len() + bind.values.iter().flatten().map(bytes::Bytes::len).sum::<usize>())?;
        let portal = Portal { text, parameters, results: bind.results, answer: None, left: Vec::new() };
        self.portals.insert(bind.portal, portal);
        Ok(())
    }
}

fn no_portal() -> Fault {
    Fault::new("34000", "there is no portal of this name")
}

/// What has come of a message: done, or a fault that is told; or the connection has ended.
type Came = Result<Result<(), Fault>, End>;

impl Connection {
    /// Answers a message about prepared statements.
    pub(crate) async fn prepared_message(&mut self, message: Message) -> Came {
        match message {
            Message::Parse { name, text, types } => {
                let parsed = self.prepared.parse(name, Statement { text, types });
                Ok(parsed.map(|()| self.reply.bare(b'1')))
            }
            Message::Bind(bind) => {
                let bound = self.prepared.bind(bind);
                Ok(bound.map(|()| self.reply.bare(b'2')))
            }
            Message::Describe(Named::Statement(name)) => self.describe_statement(&name).await,
            Message::Describe(Named::Portal(name)) => self.describe_portal(name).await,
            Message::Execute { portal, most } => self.execute(portal, most).await,
            Message::Close(named) => {
                match named {
                    Named::Statement(name) => self.prepared.forget(Some(&name)),
                    Named::Portal(name) => drop(self.prepared.portals.remove(&name)),
                }
                self.reply.bare(b'3');
                Ok(Ok(()))
            }
            _ => Ok(Err(Fault::fatal("08P01", "this message is not understood"))),
        }
    }

    async fn describe_statement(&mut self, name: &str) -> Came {
        let Statement { text, types } = match self.prepared.statement(name) {
            Ok(statement) => statement.clone(),
            Err(fault) => return Ok(Err(fault)),
        };
        // Looked at, not done: it may be executed later, or never.
        if let Some(taken) = self.session.look(&text) {
            self.reply.parameters(&[]);
            return Ok(taken.map(|outcome| self.describe_outcome(&outcome)));
        }
        let declared: Vec<_> = types.iter().map(|oid| encode::sql_type(*oid)).collect();
        Ok(self.viewer.shape(&text, &declared).await.map(|shape| {
            self.reply.parameters(&shape.parameters);
            self.reply.columns(&shape.columns, |_| Format::Text);
        }))
    }

    fn describe_outcome(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Shown(name, _) => self.reply.columns(&[shown(name)], |_| Format::Text),
            _ => self.reply.bare(b'n'),
        }
    }

    async fn describe_portal(&mut self, name: String) -> Came {
        let Some(mut portal) = self.prepared.portals.remove(&name) else { return Ok(Err(no_portal())) };
        let described = match self.session.look(&portal.text) {
            Some(taken) => taken.map(|outcome| self.describe_outcome(&outcome)),
            // Begun here, so that its columns are those of its rows.
            None => self.begin(&mut portal).await?.map(|()| {
                let columns = portal.answer.as_ref().map(SqlAnswer::columns).unwrap_or_default();
                self.reply.columns(columns, |at| Format::at(&portal.results, at));
            }),
        };
        self.prepared.portals.insert(name, portal);
        Ok(described)
    }

    async fn begin(&mut self, portal: &mut Portal) -> Came {
        if portal.answer.is_none() {
            let question =
                SqlQuestion { text: portal.text.clone(), parameters: portal.parameters.clone(), limit: None };
            match self.started(question).await? {
                Ok(answer) => portal.answer = Some(answer),
                Err(fault) => return Ok(Err(fault)),
            }
        }
        Ok(Ok(()))
    }

    async fn execute(&mut self, name: String, most: usize) -> Came {
        let Some(mut portal) = self.prepared.portals.remove(&name) else { return Ok(Err(no_portal())) };
        if let Some(taken) = self.session.take(&portal.text) {
            self.prepared.portals.insert(name, portal);
            return Ok(taken.map(|outcome| self.outcome(outcome)));
        }
        if let Err(fault) = self.begin(&mut portal).await? {
            return Ok(Err(fault));
        }
        let executed = self.some_rows(&mut portal, most).await?;
        self.prepared.portals.insert(name, portal);
        Ok(executed)
    }

    /// Sends rows, but no more than are wanted now.
    async fn some_rows(&mut self, portal: &mut Portal, most: usize) -> Came {
        let mut sent = 0_usize;
        loop {
            let wanted = portal.left.len().min(most - sent);
            for row in portal.left.drain(..wanted) {
                self.reply.row(&row, |at| Format::at(&portal.results, at));
                sent += 1;
                self.send_if_much().await?;
            }
            if sent == most {
                self.reply.bare(b's');
                return Ok(Ok(()));
            }
            let Some(answer) = &mut portal.answer else { return Ok(Ok(())) };
            match self.rows(answer).await? {
                Some(Ok(rows)) => portal.left = rows,
                Some(Err(error)) => return Ok(Err(access::told(&error, &portal.text))),
                None => {
                    self.reply.done(&format!("SELECT {sent}"));
                    return Ok(Ok(()));
                }
            }
        }
    }
}
