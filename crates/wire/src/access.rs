//! Who may ask. A session reaches an org only through a [`Viewer`], which is made from a token that was proven to be that org's,
//! and proven again before each statement: a token that was revoked or has expired answers nothing more.

use std::net::IpAddr;
use std::sync::Arc;

use app::sql::{SqlAnswer, SqlQuestion};
use app::tokens::{Caller, TokenError};
use app::{App, AppError};
use billing::names::OrgId;
use billing::sql::{SqlShape, SqlType};
use secrecy::{ExposeSecret, SecretString};

use crate::reply::Fault;

/// The one thing that whoever is not let in is told.
pub(crate) const REFUSED: &str =
    "the password must be an access token of the org: this one is unknown, revoked, expired or another's";

/// Where sessions come in.
#[derive(Clone)]
pub(crate) struct Door(Arc<App>);

/// Somebody who may read one org's charges.
pub(crate) struct Viewer {
    app: Arc<App>,
    org: OrgId,
    token: SecretString,
}

impl Door {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self(app)
    }

    /// Lets somebody in. Where the user or the database is called like an org, it must be the token's.
    /// The audit log hears of who is not let in, and from where.
    pub(crate) async fn enter(
        &self,
        peer: IpAddr,
        token: SecretString,
        names: [Option<&str>; 2],
    ) -> Result<Viewer, Fault> {
        let orgs = || names.into_iter().flatten().filter_map(|name| name.parse::<OrgId>().ok());
        match whose(&self.0, &token).await {
            Ok(org) if orgs().all(|named| named == org) => Ok(Viewer { app: Arc::clone(&self.0), org, token }),
            found => {
                let fault = found.err().unwrap_or_else(refused);
                if fault.code == REFUSED_CODE {
                    self.0.note_failure(Some(peer), orgs().next());
                }
                Err(fault)
            }
        }
    }
}

/// Postgres's code for a password that is wrong.
const REFUSED_CODE: &str = "28P01";

fn refused() -> Fault {
    Fault::fatal(REFUSED_CODE, REFUSED)
}

/// The org that a token speaks for.
async fn whose(app: &App, token: &SecretString) -> Result<OrgId, Fault> {
    match app.authenticate(token.expose_secret()).await {
        Ok(Caller::Org(principal)) => Ok(principal.org),
        Ok(Caller::Operator(_)) | Err(TokenError::Refused | TokenError::NoClient | TokenError::NoToken(_)) => {
            Err(refused())
        }
        Err(error) => {
            tracing::error!(%error, "a token could not be looked at");
            Err(Fault::fatal("XX000", "the server failed; its log tells how"))
        }
    }
}

impl Viewer {
    pub(crate) fn org(&self) -> OrgId {
        self.org
    }

    /// Fails where the token holds no longer.
    async fn still(&self) -> Result<(), Fault> {
        let org = whose(&self.app, &self.token).await?;
        if org == self.org { Ok(()) } else { Err(refused()) }
    }

    /// Begins to answer a statement.
    pub(crate) async fn sql(&self, question: SqlQuestion) -> Result<SqlAnswer, Fault> {
        self.still().await?;
        let text = question.text.clone();
        self.app.sql(self.org, question).await.map_err(|error| told(&error, &text))
    }

    /// What a statement takes and answers.
    pub(crate) async fn shape(&self, text: &str, declared: &[Option<SqlType>]) -> Result<SqlShape, Fault> {
        self.still().await?;
        self.app.sql_shape(self.org, text, declared).await.map_err(|error| told(&error, text))
    }
}

/// What whoever asked may know of an error; the rest is only logged.
pub(crate) fn told(error: &AppError, text: &str) -> Fault {
    if let AppError::Sql(problem) = error {
        return Fault::of(problem, text);
    }
    tracing::error!(%error, "a statement failed");
    Fault::new("XX000", "the server failed; its log tells how")
}
