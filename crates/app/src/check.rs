//! The step `check`: asks AWS everything that a connection must prove, side by side, and has the answers judged.

use std::sync::OnceLock;

use billing::checks::{Report, Subject, judge};
use billing::connection::{Access, Candidate, Presented};
use billing::copies::Quiet;
use billing::external_ids::ExternalIds;
use billing::names::ForgedId;
use billing::probe::{Accounts, Caller, Evidence, Organization, Probe, Reservations};
use billing::reservation::{Page, PageQuestion};
use futures::future::join_all;
use time::OffsetDateTime;

use crate::App;
use crate::account::AwsAccount;
use crate::error::AppError;
use crate::look::{Bucket, look};

const NO_SESSION: &str = "the role cannot be assumed: mend `role-assumable` first";
const NO_KEYS: &str = "the keys do not work: mend `user-keys-work` first";
const SPENT: &str =
    "Cost Explorer was asked within the day already, and AWS charges for each answer: it is asked again in a day";
const BY_ROLE: &str = "the connection is by a role, which needs no keys";
const BY_USER: &str = "an IAM user has no trust policy; a role is safer";

impl App {
    /// Proves, or fails to prove, every claim about the candidate. Stores nothing. `connected_at` is when it was connected, if it
    /// was: how long it may wait for its first report counts from there.
    pub async fn check(&self, candidate: &Candidate, connected_at: Option<OffsetDateTime>) -> Result<Report, AppError> {
        let now = OffsetDateTime::now_utc();
        let ids = self.store.external_ids(candidate.org).await?;
        let quiet = Quiet { now, wait: self.settings.copies_settle_after() };
        let terms = Terms { explorer: self.explorer(candidate, now).await?, answered: OnceLock::new(), quiet };
        let evidence = gather(self.aws.as_ref(), candidate, &ids, &terms).await?;
        self.note_answer(candidate, &terms).await?;
        let operator_arn = match (&self.settings.operator_principal, evidence.operator.granted()) {
            (Some(configured), _) => configured.clone(),
            (None, Some(caller)) => principal_of(&caller.arn),
            (None, None) => "<the operator's principal>".to_owned(),
        };
        let subject = Subject { candidate, operator_arn: &operator_arn, connected_at, now: OffsetDateTime::now_utc() };
        let report = judge(subject, &evidence);
        if report.verified(candidate).is_none() {
            self.drop_page(candidate);
        }
        Ok(report)
    }

    /// What is asked of Cost Explorer: AWS charges for each answer, so one counts for a day. Whoever mends a role before
    /// connecting it wants to see what comes of that: until then, each check asks.
    async fn explorer(&self, candidate: &Candidate, now: OffsetDateTime) -> Result<Explorer, AppError> {
        if self.store.connect(candidate.org, &candidate.id()).await?.is_none() {
            return Ok(Explorer::Ask(PageQuestion::first(now.date())));
        }
        match self.answered_today(candidate, now).await? {
            Some(asked) if asked.trouble.is_none() && asked.by == candidate.fingerprint() => {
                Ok(Explorer::Kept(asked.at))
            }
            Some(_) => Ok(Explorer::Spent),
            None => Ok(Explorer::Ask(self.next_question(candidate, now).await?)),
        }
    }

    async fn note_answer(&self, candidate: &Candidate, terms: &Terms) -> Result<(), AppError> {
        match (&terms.explorer, terms.answered.get()) {
            (Explorer::Ask(question), Some((at, answer))) => {
                self.note_page(candidate, question.clone(), (*at, answer)).await
            }
            _ => Ok(()),
        }
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

/// What a check is told beforehand.
#[derive(Debug)]
pub(crate) struct Terms {
    /// What is asked of Cost Explorer.
    pub(crate) explorer: Explorer,
    /// What it answered, and when, if it was asked.
    pub(crate) answered: OnceLock<(OffsetDateTime, Probe<Page>)>,
    /// When files without a manifest count as whole.
    pub(crate) quiet: Quiet,
}

/// What a check asks of Cost Explorer.
#[derive(Debug, Clone)]
pub(crate) enum Explorer {
    /// This page.
    Ask(PageQuestion),
    /// Nothing: it answered at this time, and that counts.
    Kept(OffsetDateTime),
    /// Nothing: it was asked within the day, in vain or as somebody else.
    Spent,
}

/// Asks AWS everything, as much of it side by side as answers allow. `ids` are the org's: none of them is a stranger's.
pub(crate) async fn gather(
    aws: &dyn AwsAccount,
    candidate: &Candidate,
    ids: &ExternalIds,
    terms: &Terms,
) -> Result<Evidence, AppError> {
    let inside = look_inside(aws, candidate, terms);
    let (operator, strangers, inside) = match &candidate.access {
        Access::Role(_) => {
            let mut entropy = [0; 16];
            getrandom::fill(&mut entropy).map_err(|_| AppError::Entropy)?;
            futures::join!(aws.operator(), try_strangers(aws, candidate, ids.forgeries(&entropy)), inside)
        }
        Access::User(_) => {
            let none = Strangers { without_id: Probe::NotAsked(BY_USER), forged: Vec::new() };
            let (operator, inside) = futures::join!(aws.operator(), inside);
            (operator, none, inside)
        }
    };
    let Strangers { without_id, forged } = strangers;
    let Inside { assumed, keys, around } = inside;
    let Around { bucket, organization, accounts, reservations } = around;
    let Bucket { region, listing, reports, crowded, first_byte, unpublished } = bucket;
    Ok(Evidence {
        operator,
        assumed,
        keys,
        without_id,
        forged,
        region,
        listing,
        reports,
        crowded,
        first_byte,
        organization,
        accounts,
        reservations,
        unpublished,
    })
}

/// What came of assuming the role as somebody would who does not know its external id.
struct Strangers {
    without_id: Probe<()>,
    forged: Vec<(&'static str, Probe<()>)>,
}

/// Tries the role without an external id and with wrong ones.
async fn try_strangers(aws: &dyn AwsAccount, candidate: &Candidate, forged: Vec<ForgedId>) -> Strangers {
    let wrong =
        forged.iter().map(|id| async { (id.how, aws.assume(candidate, Presented::Forged(id)).await.map(|_| ())) });
    let (without_id, forged) = futures::join!(aws.assume(candidate, Presented::Absent), join_all(wrong));
    Strangers { without_id: without_id.map(|_| ()), forged }
}

/// What was seen with credentials that act for the candidate.
struct Inside {
    assumed: Probe<Caller>,
    keys: Probe<Caller>,
    around: Around,
}

/// What was seen of the bucket and the payer account.
struct Around {
    bucket: Bucket,
    organization: Probe<Organization>,
    accounts: Probe<Accounts>,
    reservations: Reservations,
}

impl Around {
    /// Nobody got in. What Cost Explorer was paid for counts all the same.
    fn not_asked(why: &'static str, terms: &Terms) -> Self {
        let reservations = match terms.explorer {
            Explorer::Kept(at) => Reservations::Kept(at),
            _ => Reservations::Asked(Probe::NotAsked(why)),
        };
        Self {
            bucket: Bucket::not_asked(why),
            organization: Probe::NotAsked(why),
            accounts: Probe::NotAsked(why),
            reservations,
        }
    }
}

/// Gets in, by the role with the right external id or by the user's keys, and looks at everything.
async fn look_inside(aws: &dyn AwsAccount, candidate: &Candidate, terms: &Terms) -> Inside {
    match &candidate.access {
        Access::Role(role) => {
            let opened = aws.assume(candidate, Presented::Right(&role.external_id)).await;
            if opened.granted().is_none() {
                let around = Around::not_asked(NO_SESSION, terms);
                return Inside { assumed: opened, keys: Probe::NotAsked(BY_ROLE), around };
            }
            let (assumed, around) = futures::join!(aws.identify(candidate), look_around(aws, candidate, terms));
            Inside { assumed, keys: Probe::NotAsked(BY_ROLE), around }
        }
        Access::User(_) => {
            // Not side by side: keys that do not work are used for nothing else.
            let keys = aws.identify(candidate).await;
            let around = match keys.granted() {
                Some(_) => look_around(aws, candidate, terms).await,
                None => Around::not_asked(NO_KEYS, terms),
            };
            Inside { assumed: Probe::NotAsked(BY_USER), keys, around }
        }
    }
}

/// Looks at the bucket and the payer account, side by side.
async fn look_around(aws: &dyn AwsAccount, candidate: &Candidate, terms: &Terms) -> Around {
    let reservations = async {
        match &terms.explorer {
            Explorer::Kept(at) => Reservations::Kept(*at),
            Explorer::Spent => Reservations::Asked(Probe::NotAsked(SPENT)),
            Explorer::Ask(question) => {
                let answer = aws.reservations(candidate, question).await;
                let (_, answer) = terms.answered.get_or_init(|| (OffsetDateTime::now_utc(), answer));
                Reservations::Asked(answer.clone().map(drop))
            }
        }
    };
    let (bucket, organization, accounts, reservations) = futures::join!(
        look(aws, candidate, terms.quiet),
        aws.organization(candidate),
        aws.accounts(candidate),
        reservations
    );
    Around { bucket, organization, accounts, reservations }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll, Wake, Waker};

    use async_trait::async_trait;
    use billing::checks::{State, Subject, judge};
    use billing::connection::RoleAccess;
    use billing::copies::SETTLED_AFTER;
    use billing::delivery::PartHead;
    use billing::layout::level_of;
    use billing::names::{OrgId, Region, SessionName};
    use billing::organization::{OrganizationPage, OrganizationQuestion};
    use billing::probe::{Level, ObjectHead, ObjectText, Peek, Refusal, RefusalKind};
    use time::OffsetDateTime;

    use super::*;
    use crate::account::{PartStream, Tried};

    #[test]
    fn the_principal_of_a_session_is_its_role() {
        let user = "arn:aws:iam::999999999999:user/billconnect";
        assert_eq!(principal_of(user), user);
        let session = "arn:aws-cn:sts::999999999999:assumed-role/billconnect/i-0abc";
        assert_eq!(principal_of(session), "arn:aws-cn:iam::999999999999:role/billconnect");
    }

    /// Round trips to AWS: each waits for the next turn, so that what waits for what shows without a clock.
    #[derive(Default)]
    struct Turns {
        now: AtomicUsize,
        waiting: Mutex<Vec<Waker>>,
    }

    impl Turns {
        async fn trip(&self) {
            let came = self.now.load(Ordering::SeqCst);
            std::future::poll_fn(|context| {
                if self.now.load(Ordering::SeqCst) > came {
                    return Poll::Ready(());
                }
                self.waiting.lock().unwrap().push(context.waker().clone());
                Poll::Pending
            })
            .await;
        }
    }

    /// Whether somebody has been woken.
    #[derive(Default)]
    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    /// Runs `work` and counts the turns that it takes: how many trips come one after the other.
    fn turns_of<T>(turns: &Turns, work: impl Future<Output = T>) -> (T, usize) {
        let mut work = std::pin::pin!(work);
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(flag.clone());
        loop {
            flag.0.store(false, Ordering::SeqCst);
            if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                return (done, turns.now.load(Ordering::SeqCst));
            }
            if !flag.0.load(Ordering::SeqCst) {
                turns.now.fetch_add(1, Ordering::SeqCst);
                let waiting = std::mem::take(&mut *turns.waiting.lock().unwrap());
                assert!(!waiting.is_empty(), "nothing is asked and nothing is done");
                waiting.into_iter().for_each(Waker::wake);
            }
        }
    }

    /// A customer's account that is set up rightly, each question one trip away; a session anew is one trip more.
    struct Far {
        turns: Turns,
        objects: BTreeMap<String, Vec<u8>>,
    }

    impl Far {
        /// A bucket with a report so deep below the path, so many files beside its manifest.
        fn new(folder: &str, files: usize) -> Self {
            let month = format!("{folder}20260901-20261001/");
            let mut objects: BTreeMap<String, Vec<u8>> =
                (0..files).map(|number| (format!("{month}a/R-{number:05}.csv.gz"), vec![0])).collect();
            let manifest = format!(
                r#"{{"assemblyId":"a","account":"123456789012","charset":"UTF-8","compression":"GZIP","contentType":"text/csv",
                    "columns":[],"reportName":"R","reportKeys":["{month}a/R-00001.csv.gz"],
                    "billingPeriod":{{"start":"20260901T000000.000Z","end":"20261001T000000.000Z"}}}}"#
            );
            objects.insert(format!("{month}R-Manifest.json"), manifest.into_bytes());
            Self { turns: Turns::default(), objects }
        }

        fn heads(&self, prefix: &str) -> Vec<ObjectHead> {
            let below = self.objects.iter().filter(|(key, _)| key.starts_with(prefix));
            let head = |(key, body): (&String, &Vec<u8>)| ObjectHead {
                key: key.clone(),
                etag: "\"1\"".into(),
                size: body.len() as u64,
                modified: OffsetDateTime::now_utc(),
            };
            below.map(head).collect()
        }

        async fn answer<T>(&self, answer: T) -> Probe<T> {
            self.turns.trip().await;
            Probe::Granted(answer)
        }
    }

    fn denied<T>(action: &str) -> Probe<T> {
        Probe::Refused(Box::new(Refusal {
            action: action.into(),
            resource: "*".into(),
            kind: RefusalKind::Denied,
            code: "AccessDenied".into(),
            message: "Access Denied".into(),
            request_id: None,
        }))
    }

    fn caller(account: &str, arn: &str) -> Caller {
        Caller { account: account.into(), arn: arn.into() }
    }

    const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/billing/flexera-finops";
    const OPERATOR: &str = "arn:aws:iam::999999999999:user/billconnect";

    #[async_trait]
    impl AwsAccount for Far {
        async fn operator(&self) -> Probe<Caller> {
            self.answer(caller("999999999999", OPERATOR)).await
        }
        async fn assume(&self, _: &Candidate, presented: Presented<'_>) -> Probe<Caller> {
            let probe = self.answer(caller("123456789012", SESSION)).await;
            if matches!(presented, Presented::Right(_)) { probe } else { denied("sts:AssumeRole") }
        }
        async fn identify(&self, _: &Candidate) -> Probe<Caller> {
            self.answer(caller("123456789012", SESSION)).await
        }
        async fn bucket_region(&self, _: &Candidate) -> Probe<Region> {
            self.answer("eu-west-1".parse().unwrap()).await
        }
        async fn list(&self, _: &Candidate, _: &Region, prefix: &str) -> Probe<Level> {
            self.answer(level_of(prefix, &self.heads(prefix))).await
        }
        async fn peek(&self, _: &Candidate, _: &Region, prefix: &str) -> Probe<Peek> {
            let mut objects = self.heads(prefix);
            let whole = objects.len() <= 1_000;
            objects.truncate(1_000);
            self.answer(Peek { objects, whole }).await
        }
        async fn list_below(&self, _: &Candidate, _: &Region, prefix: &str) -> Probe<Vec<ObjectHead>> {
            self.answer(self.heads(prefix)).await
        }
        async fn head(&self, _: &Candidate, _: &Region, key: &str) -> Probe<ObjectHead> {
            self.answer(self.heads(key).remove(0)).await
        }
        async fn read_small(&self, _: &Candidate, _: &Region, key: &str) -> Probe<ObjectText> {
            let head = self.heads(key).remove(0);
            self.answer(ObjectText { head, body: self.objects[key].clone() }).await
        }
        async fn read_first_byte(&self, _: &Candidate, _: &Region, key: &str) -> Probe<()> {
            assert!(self.objects.contains_key(key), "{key}");
            self.answer(()).await
        }
        async fn organization(&self, _: &Candidate) -> Probe<Organization> {
            self.answer(Organization { id: "o-acme".into(), management_account: "123456789012".into() }).await
        }
        async fn accounts(&self, _: &Candidate) -> Probe<Accounts> {
            self.answer(Accounts { seen: 1, more: false }).await
        }
        async fn organization_page(
            &self,
            _: &Candidate,
            _: &OrganizationQuestion,
            _: Option<&str>,
        ) -> Probe<OrganizationPage> {
            unreachable!("a check does not walk through an organization")
        }
        async fn reservations(&self, _: &Candidate, _: &PageQuestion) -> Probe<Page> {
            self.answer(Page { reservations: Vec::new(), next: None }).await
        }
        async fn unpublished(&self, _: &Candidate, _: &Region) -> Probe<Tried> {
            self.turns.trip().await;
            self.answer(Vec::new()).await
        }
        async fn open(&self, _: &Candidate, _: &Region, _: &PartHead) -> Result<PartStream, Refusal> {
            unreachable!("a check opens no part")
        }
    }

    /// Checks a report in `folder`, the path being `bills`, and gives how many trips come one after the other.
    fn trips(folder: &str, files: usize) -> usize {
        let org: OrgId = "123456".parse().unwrap();
        let candidate = Candidate {
            org,
            account: "123456789012".parse().unwrap(),
            bucket: "acme-bills".parse().unwrap(),
            path: "bills".parse().unwrap(),
            access: Access::Role(RoleAccess {
                arn: "arn:aws:iam::123456789012:role/billing".parse().unwrap(),
                session_name: SessionName::default(),
                external_id: org.external_id(),
            }),
            effective_from: None,
            report: None,
        };
        let far = Far::new(folder, files);
        let ids = billing::external_ids::ExternalIds::first(org);
        let now = OffsetDateTime::now_utc();
        let explorer = Explorer::Ask(PageQuestion::first(now.date()));
        let terms = Terms { explorer, answered: OnceLock::new(), quiet: Quiet { now, wait: SETTLED_AFTER } };
        let (evidence, trips) = turns_of(&far.turns, gather(&far, &candidate, &ids, &terms));
        let subject = Subject { candidate: &candidate, operator_arn: OPERATOR, connected_at: None, now };
        let report = judge(subject, &evidence.unwrap());
        assert_eq!(report.state(), State::Verified, "{report:#?}");
        trips
    }

    #[test]
    fn a_connect_takes_at_most_six_trips_after_one_another() {
        assert_eq!(trips("bills/R/", 5), 5, "a page shows the whole path");
        assert_eq!(trips("bills/a/b/R/", 5), 5, "however deep the report lies");
        assert_eq!(trips("bills/R/", 2_000), 6, "a bucket of many keys");
        assert_eq!(trips("bills/a/b/c/R/", 2_000), 6, "and a deep one");
    }
}
