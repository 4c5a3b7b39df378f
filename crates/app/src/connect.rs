//! The step `connect`: from what a customer sends to a stored connection, or to everything that has to be mended.

use billing::checks::{Report, State};
use billing::connection::{BillConnect, Candidate};
use billing::names::{BillConnectId, OrgId, Region, quotable};
use time::OffsetDateTime;

use crate::App;
use crate::audit::{Act, Actor, Outcome, Subject};
use crate::error::AppError;
use crate::request::{AccessRequest, ConnectError, ConnectRequest, candidate};
use crate::store::StoreError;

impl App {
    /// Proves the connection and stores it; it is read from soon after.
    pub async fn connect(&self, actor: &Actor, request: ConnectRequest) -> Result<BillConnect, ConnectError> {
        let made = self.try_to_connect(&request).await;
        // What was refused for its form names nothing that exists.
        let asked = || quotable(request.account.as_deref().unwrap_or_default());
        let subject = made.as_ref().map_or_else(|_| asked(), |connect| connect.candidate.id().into());
        let subject = Subject::of(request.org, subject);
        self.audit(actor, Act::Connect, subject, outcome(&made)).await.map_err(AppError::from)?;
        made
    }

    async fn try_to_connect(&self, request: &ConnectRequest) -> Result<BillConnect, ConnectError> {
        let candidate = self.asked_for(request, None).await?;
        let (org, id) = (candidate.org, candidate.id());
        if self.store.connect(org, &id).await.map_err(AppError::from)?.is_some() {
            return Err(ConnectError::Conflict(id));
        }
        let (report, region) = self.proven(&candidate, None).await?;
        self.forget_if_deleted(org, &id).await?;
        let now = OffsetDateTime::now_utc();
        let connect = BillConnect { candidate, region, created_at: now, updated_at: now };
        match self.store.insert_connect(&connect, &report).await {
            Ok(()) => {}
            // Two requests for the same account passed their checks at the same time: one of them comes second.
            Err(StoreError::Conflict(id)) => return Err(ConnectError::Conflict(id)),
            Err(error) => return Err(AppError::from(error).into()),
        }
        tracing::info!(%org, connect = %id, state = ?report.state(), "connected");
        self.keep_page((org, id.clone())).await?;
        self.make_due((org, id));
        Ok(connect)
    }

    /// What the request asks for, a role under one of the org's external ids: the one that it names, or that the role takes.
    pub(crate) async fn asked_for(
        &self,
        request: &ConnectRequest,
        stored: Option<&Candidate>,
    ) -> Result<Candidate, ConnectError> {
        let ids = self.store.external_ids(request.org).await.map_err(AppError::from)?;
        let candidate = candidate(request, stored, &ids)?;
        match &request.access {
            AccessRequest::Role { external_id: None, .. } => Ok(self.with_working_id(candidate, &ids).await),
            _ => Ok(candidate),
        }
    }

    /// The report that proves the candidate, and its bucket's region; an error where it does not prove it.
    pub(crate) async fn proven(
        &self,
        candidate: &Candidate,
        connected_at: Option<OffsetDateTime>,
    ) -> Result<(Report, Region), ConnectError> {
        let place = self.place_to_check(candidate.org).await?;
        let report = self.check(candidate, connected_at).await?;
        drop(place);
        match (report.state(), report.region().cloned()) {
            (State::Verified | State::Waiting, Some(region)) => Ok((report, region)),
            (State::Refused, _) => Err(ConnectError::Refused(Box::new(report))),
            _ => Err(ConnectError::Undecided(Box::new(report))),
        }
    }

    /// Judges what a customer would send, and stores nothing. Where the account is connected already, it is judged as a change
    /// of that connection would be. The audit log says that it was asked.
    pub async fn dry_run(&self, actor: &Actor, request: &ConnectRequest) -> Result<Report, ConnectError> {
        let ran = self.try_dry(request).await;
        let subject = Subject::of(request.org, quotable(request.account.as_deref().unwrap_or_default()));
        self.audit(actor, Act::ConnectDryRun, subject, dry_outcome(&ran)).await.map_err(AppError::from)?;
        ran
    }

    async fn try_dry(&self, request: &ConnectRequest) -> Result<Report, ConnectError> {
        match self.asked_for(request, None).await {
            Ok(candidate) => {
                let stored = self.store.connect(candidate.org, &candidate.id()).await.map_err(AppError::from)?;
                let _place = self.place_to_check(candidate.org).await?;
                Ok(self.check(&candidate, stored.map(|connect| connect.updated_at)).await?)
            }
            Err(ConnectError::Refused(report)) => Ok(*report),
            Err(error) => Err(error),
        }
    }

    /// The org's bill connects, oldest first.
    pub async fn bill_connects(&self, org: OrgId) -> Result<Vec<BillConnect>, AppError> {
        Ok(self.store.connects(org).await?)
    }

    /// One bill connect of the org.
    pub async fn bill_connect(&self, org: OrgId, id: &BillConnectId) -> Result<BillConnect, AppError> {
        self.store.connect(org, id).await?.ok_or_else(|| AppError::NotFound(id.clone()))
    }
}

/// What came of connecting, or of changing a connection, as the audit log says it: claims and fields by name, no values.
pub(crate) fn outcome<T>(made: &Result<T, ConnectError>) -> Outcome {
    match made {
        Ok(_) => Outcome::Done,
        Err(ConnectError::Invalid(fields)) => {
            let fields: Vec<String> = fields.iter().map(|wrong| format!("{:?}", wrong.field)).collect();
            Outcome::Refused(format!("wrong fields: {}", fields.join(", ")))
        }
        Err(ConnectError::Conflict(_)) => Outcome::Refused("connected already".to_owned()),
        Err(ConnectError::OtherWay { .. }) => Outcome::Refused("connected the other way".to_owned()),
        Err(ConnectError::App(AppError::NotFound(_))) => Outcome::Refused("there is none".to_owned()),
        Err(ConnectError::App(AppError::Overtaken(_))) => Outcome::Refused("changed meanwhile".to_owned()),
        Err(ConnectError::Refused(report)) => refused(report),
        Err(ConnectError::Undecided(report)) => undecided(report),
        Err(ConnectError::App(_)) => Outcome::Failed("a fault on our side".to_owned()),
    }
}

/// What came of a dry run, as the audit log says it.
fn dry_outcome(ran: &Result<Report, ConnectError>) -> Outcome {
    match ran {
        Ok(report) => match report.state() {
            State::Verified | State::Waiting => Outcome::Done,
            State::Refused => refused(report),
            State::Undecided => undecided(report),
        },
        error => outcome(error),
    }
}

fn refused(report: &Report) -> Outcome {
    Outcome::Refused(format!("failed: {}", claims(report)))
}

fn undecided(report: &Report) -> Outcome {
    Outcome::Failed(format!("unknown: {}", claims(report)))
}

/// The names of the claims that don't hold.
fn claims(report: &Report) -> String {
    report.in_the_way().map(|line| line.check.spec().name).collect::<Vec<_>>().join(", ")
}
