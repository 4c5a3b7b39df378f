//! The step `check`: asks AWS everything that a connection must prove, side by side, and has the answers judged.

use billing::checks::{Report, Subject, judge};
use billing::choice::choose;
use billing::connection::{Access, Candidate, Presented, RoleAccess};
use billing::manifest::Manifest;
use billing::names::Region;
use billing::probe::{Caller, Evidence, FoundReport, Level, Probe, Refusal, RefusalKind};
use futures::future::join_all;
use time::OffsetDateTime;

use crate::App;
use crate::account::AwsAccount;
use crate::error::AppError;
use crate::walk::{Place, WalkError, find};

const NO_SESSION: &str = "the role cannot be assumed: mend `role-assumable` first";
const NO_KEYS: &str = "the keys do not work: mend `user-keys-work` first";
const BY_ROLE: &str = "the connection is by a role, which needs no keys";
const BY_USER: &str = "an IAM user has no trust policy; a role is safer";

impl App {
    /// Proves, or fails to prove, every claim about the candidate. Stores nothing. `connected_at` is when it was connected, if it
    /// was: how long it may wait for its first report counts from there.
    pub async fn check(&self, candidate: &Candidate, connected_at: Option<OffsetDateTime>) -> Result<Report, AppError> {
        let evidence = gather(self.aws.as_ref(), candidate).await?;
        let operator_arn = match (&self.settings.operator_principal, evidence.operator.granted()) {
            (Some(configured), _) => configured.clone(),
            (None, Some(caller)) => principal_of(&caller.arn),
            (None, None) => "<the operator's principal>".to_owned(),
        };
        let subject = Subject { candidate, operator_arn: &operator_arn, connected_at, now: OffsetDateTime::now_utc() };
        Ok(judge(subject, &evidence))
    }

    /// The principal that trust policies must name: the configured one, or who the operator's credentials are.
    pub async fn operator_principal(&self) -> Result<String, AppError> {
        if let Some(configured) = &self.settings.operator_principal {
            return Ok(configured.clone());
        }
        match self.aws.operator().await {
            Probe::Granted(caller) => Ok(principal_of(&caller.arn)),
            Probe::Refused(refusal) => Err(AppError::NoOperator(refusal)),
            Probe::NotAsked(why) => Err(AppError::Invalid(why.to_owned())),
        }
    }
}

/// The principal behind a caller: a session's role, or the caller itself. (STS leaves a role's path out of a session's ARN;
/// an operator whose role has a path configures its principal.)
fn principal_of(caller_arn: &str) -> String {
    let session = caller_arn.split_once(":assumed-role/").and_then(|(head, tail)| {
        let (role, _) = tail.split_once('/')?;
        Some(format!("{}:role/{role}", head.replacen(":sts:", ":iam:", 1)))
    });
    session.unwrap_or_else(|| caller_arn.to_owned())
}

pub(crate) async fn gather(aws: &dyn AwsAccount, candidate: &Candidate) -> Result<Evidence, AppError> {
    let Entry { operator, assumed, keys, without_id, forged } = match &candidate.access {
        Access::Role(role) => try_role(aws, candidate, role).await?,
        Access::User(_) => try_user(aws, candidate).await,
    };
    let bucket = match (assumed.granted(), keys.granted(), &candidate.access) {
        (None, None, Access::Role(_)) => Bucket::not_asked(NO_SESSION),
        (None, None, Access::User(_)) => Bucket::not_asked(NO_KEYS),
        _ => look(aws, candidate).await,
    };
    let Bucket { region, listing, reports, crowded, first_byte } = bucket;
    Ok(Evidence { operator, assumed, keys, without_id, forged, region, listing, reports, crowded, first_byte })
}

/// What was seen of the way in.
struct Entry {
    operator: Probe<Caller>,
    assumed: Probe<Caller>,
    keys: Probe<Caller>,
    without_id: Probe<()>,
    forged: Vec<(&'static str, Probe<()>)>,
}

/// Tries the role with the right external id, with none, and with wrong ones.
async fn try_role(aws: &dyn AwsAccount, candidate: &Candidate, role: &RoleAccess) -> Result<Entry, AppError> {
    let mut entropy = [0; 16];
    getrandom::fill(&mut entropy).map_err(|_| AppError::Entropy)?;
    let forged = role.external_id.forgeries(&entropy);
    let wrong =
        forged.iter().map(|id| async { (id.how, aws.assume(candidate, Presented::Forged(id)).await.map(|_| ())) });
    let (operator, assumed, without_id, forged) = futures::join!(
        aws.operator(),
        aws.assume(candidate, Presented::Right(&role.external_id)),
        aws.assume(candidate, Presented::Absent),
        join_all(wrong),
    );
    let (keys, without_id) = (Probe::NotAsked(BY_ROLE), without_id.map(|_| ()));
    Ok(Entry { operator, assumed, keys, without_id, forged })
}

/// Tries the user's keys.
async fn try_user(aws: &dyn AwsAccount, candidate: &Candidate) -> Entry {
    let (operator, keys) = futures::join!(aws.operator(), aws.identify(candidate));
    let (assumed, without_id) = (Probe::NotAsked(BY_USER), Probe::NotAsked(BY_USER));
    Entry { operator, assumed, keys, without_id, forged: Vec::new() }
}

/// What was seen of the bucket.
struct Bucket {
    region: Probe<Region>,
    listing: Probe<Level>,
    reports: Probe<Vec<FoundReport>>,
    crowded: bool,
    first_byte: Probe<String>,
}

impl Bucket {
    fn not_asked(why: &'static str) -> Self {
        Self {
            region: Probe::NotAsked(why),
            listing: Probe::NotAsked(why),
            reports: Probe::NotAsked(why),
            crowded: false,
            first_byte: Probe::NotAsked(why),
        }
    }
}

async fn look(aws: &dyn AwsAccount, candidate: &Candidate) -> Bucket {
    let region = aws.bucket_region(candidate).await;
    // Where the region is refused, the partition's home region may still answer, so that each permission is judged alone.
    let home: Option<Region> = candidate.partition().home_region().parse().ok();
    let Some(asked) = region.granted().cloned().or(home) else {
        return Bucket { region, ..Bucket::not_asked("the bucket's region is not known") };
    };
    let place = Place { aws, candidate, region: &asked };
    let listing = match aws.list(candidate, &asked, &candidate.path.prefix()).await {
        Probe::Refused(refusal) if refusal.kind == RefusalKind::WrongRegion && region.granted().is_none() => {
            Probe::NotAsked("the bucket's region is not known: mend `bucket-region-known` first")
        }
        other => other,
    };
    let (reports, crowded) = match &listing {
        Probe::Granted(level) => match find(place, level.clone()).await {
            Ok(reports) => (Probe::Granted(reports), false),
            Err(WalkError::Refused(refusal)) => (Probe::Refused(refusal), false),
            Err(WalkError::TooMany(_)) => (Probe::Granted(Vec::new()), true),
        },
        Probe::Refused(refusal) => (Probe::Refused(refusal.clone()), false),
        Probe::NotAsked(why) => (Probe::NotAsked(why), false),
    };
    let first_byte = first_byte(place, &reports).await;
    Bucket { region, listing, reports, crowded, first_byte }
}

/// Reads the first byte of a data file, or of whatever shows whether reading is allowed.
async fn first_byte(place: Place<'_>, reports: &Probe<Vec<FoundReport>>) -> Probe<String> {
    let Some(reports) = reports.granted() else {
        return Probe::NotAsked("nothing could be listed: mend `bucket-listable` first");
    };
    let chosen = choose(reports, place.candidate).or(reports.first());
    let Some(report) = chosen else { return Probe::NotAsked("there is no report to read") };
    let body = match &report.manifest {
        Probe::Granted(body) => body,
        Probe::Refused(refusal) => return Probe::Refused(refusal.clone()),
        Probe::NotAsked(why) => return Probe::NotAsked(why),
    };
    let listed = Manifest::parse(&report.manifest_key, body).ok();
    let inside =
        listed.and_then(|manifest| manifest.report_keys.into_iter().find(|key| place.candidate.path.holds(key)));
    let key = inside.unwrap_or_else(|| report.manifest_key.clone());
    match place.aws.read_first_byte(place.candidate, place.region, &key).await {
        // The manifest was readable, so the permission is there; a listed file that is gone shows when it is ingested.
        Probe::Refused(refusal) if gone(&refusal) => Probe::Granted(report.manifest_key.clone()),
        other => other.map(|()| key),
    }
}

fn gone(refusal: &Refusal) -> bool {
    refusal.kind == RefusalKind::NotFound
}

#[cfg(test)]
mod tests {
    use super::principal_of;

    #[test]
    fn the_principal_of_a_session_is_its_role() {
        let user = "arn:aws:iam::999999999999:user/billconnect";
        assert_eq!(principal_of(user), user);
        let session = "arn:aws-cn:sts::999999999999:assumed-role/billconnect/i-0abc";
        assert_eq!(principal_of(session), "arn:aws-cn:iam::999999999999:role/billconnect");
    }
}
