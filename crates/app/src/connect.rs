//! The step `connect`: from what a customer sends to a stored connection, or to everything that has to be mended.

use billing::checks::{Report, State, refuse_malformed_role};
use billing::connection::{Access, BillConnect, Candidate, RoleAccess};
use billing::names::{BillConnectId, NameError, OrgId, SessionName, quotable};
use time::OffsetDateTime;

use crate::App;
use crate::audit::{Act, Actor, Outcome, Subject};
use crate::error::AppError;
use crate::store::StoreError;

/// What a customer sends to connect a role, as it came.
#[derive(Debug, Clone)]
pub struct ConnectRequest {
    /// The org of the token.
    pub org: OrgId,
    /// The payer account.
    pub account: String,
    /// The bucket's name.
    pub bucket: String,
    /// The path in the bucket.
    pub path: String,
    /// The role's ARN.
    pub role_arn: String,
    /// The name for our sessions; a default if absent.
    pub session_name: Option<String>,
    /// An external id; only the org's own is accepted.
    pub external_id: Option<String>,
    /// The first month to read, `YYYY-MM`.
    pub effective_from: Option<String>,
}

/// A field of a request, whatever the API generation calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Field {
    Account,
    Bucket,
    Path,
    Role,
    SessionName,
    ExternalId,
    EffectiveFrom,
}

/// A field that cannot be what it was given as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Which field.
    pub field: Field,
    /// What is wrong with it and what it should look like.
    pub message: String,
}

/// Why a connection was not made. Nothing is stored then.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Fields that cannot be what they were given as: all of them.
    #[error("{}", .0.iter().map(|field| field.message.as_str()).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldError>),
    /// The org has connected this account already.
    #[error("`{0}` is connected already; change it with PATCH, or delete it first")]
    Conflict(BillConnectId),
    /// A required claim does not hold.
    #[error("the connection failed its checks: {}", .0.problems().join("; "))]
    Refused(Box<Report>),
    /// AWS's answers do not suffice to judge.
    #[error("the connection could not be proven now: {}", .0.problems().join("; "))]
    Undecided(Box<Report>),
    /// A fault on our side.
    #[error(transparent)]
    App(#[from] AppError),
}

impl App {
    /// Proves the connection and stores it; it is read from soon after.
    pub async fn connect(&self, actor: &Actor, request: ConnectRequest) -> Result<BillConnect, ConnectError> {
        let made = self.try_to_connect(&request).await;
        // What was refused for its form names nothing that exists.
        let subject =
            made.as_ref().map_or_else(|_| quotable(&request.account), |connect| connect.candidate.id().into());
        let subject = Subject::of(request.org, subject);
        self.audit(actor, Act::Connect, subject, outcome(&made)).await.map_err(AppError::from)?;
        made
    }

    async fn try_to_connect(&self, request: &ConnectRequest) -> Result<BillConnect, ConnectError> {
        let candidate = candidate(request)?;
        let taken = self.store.connect(candidate.org, &candidate.id()).await.map_err(AppError::from)?;
        if taken.is_some() {
            return Err(ConnectError::Conflict(candidate.id()));
        }
        let place = self.place_to_check(candidate.org).await?;
        let report = self.check(&candidate, None).await?;
        drop(place);
        let connect = match (report.state(), report.region().cloned()) {
            (State::Verified | State::Waiting, Some(region)) => {
                let now = OffsetDateTime::now_utc();
                BillConnect { candidate, region, created_at: now, updated_at: now }
            }
            (State::Refused, _) => return Err(ConnectError::Refused(Box::new(report))),
            _ => return Err(ConnectError::Undecided(Box::new(report))),
        };
        match self.store.insert_connect(&connect, &report).await {
            Ok(()) => {}
            // Two requests for the same account passed their checks at the same time: one of them comes second.
            Err(StoreError::Conflict(id)) => return Err(ConnectError::Conflict(id)),
            Err(error) => return Err(AppError::from(error).into()),
        }
        tracing::info!(org = %connect.candidate.org, connect = %connect.candidate.id(), state = ?report.state(), "connected");
        self.wake.notify_one();
        Ok(connect)
    }

    /// Judges what a customer would send, and stores nothing. Where the account is connected already, it is judged as a change
    /// of that connection would be.
    pub async fn dry_run(&self, request: &ConnectRequest) -> Result<Report, ConnectError> {
        match candidate(request) {
            Ok(candidate) => {
                let stored = self.store.connect(candidate.org, &candidate.id()).await.map_err(AppError::from)?;
                let _place = self.place_to_check(candidate.org).await?;
                Ok(self.check(&candidate, stored.map(|connect| connect.created_at)).await?)
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
    let claims = |report: &Report| {
        report.problems().iter().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect::<Vec<_>>()
    };
    match made {
        Ok(_) => Outcome::Done,
        Err(ConnectError::Invalid(fields)) => {
            let fields: Vec<String> = fields.iter().map(|wrong| format!("{:?}", wrong.field)).collect();
            Outcome::Refused(format!("wrong fields: {}", fields.join(", ")))
        }
        Err(ConnectError::Conflict(_)) => Outcome::Refused("connected already".to_owned()),
        Err(ConnectError::Refused(report)) => Outcome::Refused(format!("failed: {}", claims(report).join(", "))),
        Err(ConnectError::Undecided(report)) => Outcome::Failed(format!("unknown: {}", claims(report).join(", "))),
        Err(ConnectError::App(_)) => Outcome::Failed("a fault on our side".to_owned()),
    }
}

/// Parses every field and names all that are wrong.
pub(crate) fn candidate(request: &ConnectRequest) -> Result<Candidate, ConnectError> {
    let mut wrong = Vec::new();
    let account = keep(Field::Account, request.account.parse(), &mut wrong);
    let bucket = keep(Field::Bucket, request.bucket.parse(), &mut wrong);
    let path = keep(Field::Path, request.path.parse(), &mut wrong);
    let session_name = request.session_name.as_deref().map_or_else(|| Ok(SessionName::default()), str::parse);
    let session_name = keep(Field::SessionName, session_name, &mut wrong);
    let effective_from = request.effective_from.as_deref().map(str::parse).transpose();
    let effective_from = keep(Field::EffectiveFrom, effective_from, &mut wrong);
    if request.external_id.as_deref().is_some_and(|given| given != request.org.external_id().as_ref()) {
        let message =
            "the external id is not one that this org was given; leave it out to use the org's own".to_owned();
        wrong.push(FieldError { field: Field::ExternalId, message });
    }
    let arn = match request.role_arn.parse() {
        Ok(arn) => Some(arn),
        // Alone, it is a check that failed, with a report; beside others it is one of several wrong fields.
        Err(error) if wrong.is_empty() => {
            let report = refuse_malformed_role(&error, OffsetDateTime::now_utc());
            return Err(ConnectError::Refused(Box::new(report)));
        }
        Err(error) => keep(Field::Role, Err(error), &mut wrong),
    };
    let (Some(account), Some(bucket), Some(path), Some(arn), Some(session_name), Some(effective_from), true) =
        (account, bucket, path, arn, session_name, effective_from, wrong.is_empty())
    else {
        return Err(ConnectError::Invalid(wrong));
    };
    let access = Access::Role(RoleAccess { arn, session_name, external_id: request.org.external_id() });
    Ok(Candidate { org: request.org, account, bucket, path, access, effective_from })
}

/// The parsed value, or `None` with the error kept.
fn keep<T>(field: Field, parsed: Result<T, NameError>, wrong: &mut Vec<FieldError>) -> Option<T> {
    parsed.map_err(|error| wrong.push(FieldError { field, message: error.to_string() })).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> ConnectRequest {
        ConnectRequest {
            org: "123456".parse().unwrap(),
            account: "123456789012".into(),
            bucket: "acme-bills".into(),
            path: "/P/".into(),
            role_arn: "arn:aws:iam::123456789012:role/billing".into(),
            session_name: None,
            external_id: None,
            effective_from: Some("2026-01".into()),
        }
    }

    #[test]
    fn a_request_becomes_a_candidate() {
        let candidate = candidate(&request()).unwrap();
        assert_eq!((candidate.path.as_ref(), candidate.role().unwrap().session_name.as_ref()), ("P", "flexera-finops"));
        let own = ConnectRequest { external_id: Some("123456".into()), ..request() };
        assert!(super::candidate(&own).is_ok());
    }

    #[test]
    fn every_wrong_field_is_named() {
        let wrong = ConnectRequest {
            account: "1".into(),
            bucket: "B".into(),
            path: "..".into(),
            role_arn: "arn:aws:iam::123456789012:user/me".into(),
            session_name: Some("a b".into()),
            external_id: Some("654321".into()),
            effective_from: Some("soon".into()),
            ..request()
        };
        let Err(ConnectError::Invalid(fields)) = candidate(&wrong) else { panic!("it was taken") };
        let fields: Vec<Field> = fields.into_iter().map(|error| error.field).collect();
        let all = [
            Field::Account,
            Field::Bucket,
            Field::Path,
            Field::SessionName,
            Field::EffectiveFrom,
            Field::ExternalId,
            Field::Role,
        ];
        assert_eq!(fields, all);
    }

    #[test]
    fn a_role_that_is_none_gives_a_report() {
        let wrong = ConnectRequest { role_arn: "arn:aws:iam::123456789012:user/me".into(), ..request() };
        let Err(ConnectError::Refused(report)) = candidate(&wrong) else { panic!("it was taken") };
        assert!(report.problems()[0].contains("role-arn-well-formed"));
    }
}
