//! Reservations as Cost Explorer tells of them: a page at a time, at most one a day, and how that is read on from day to day.
//!
//! AWS charges its customer for each page. Cost Explorer tells of one service at a time, so services take turns.

mod compare;
mod plan;

use serde::{Deserialize, Serialize};
use time::{Date, Duration, OffsetDateTime};

pub use compare::{Gap, Reason, SideBySide, side_by_side};
pub use plan::{Asked, NextPage, Reading, next_page, next_question, readings};

use crate::commitment::{Commitment, CommitmentKind, Days, percentage};
use crate::money::Amount;

/// How many days a reading is about: the last whole ones.
pub const DAYS: i64 = 7;

/// For how long a page is the last one: AWS charges for each.
pub const EVERY: Duration = Duration::hours(24);

/// What AWS charges its customer for a page, in US dollars.
pub const CHARGE: Amount = Amount::from_unscaled(10_000_000_000_000_000);

/// A service whose reservations Cost Explorer tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Service {
    /// `AmazonEC2`.
    Ec2,
    /// `AmazonRDS`.
    Rds,
    /// `AmazonElastiCache`.
    ElastiCache,
    /// `AmazonRedshift`.
    Redshift,
    /// `AmazonES`.
    OpenSearch,
}

impl Service {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::Ec2, Self::Rds, Self::ElastiCache, Self::Redshift, Self::OpenSearch];

    /// AWS's code for it, as bills have it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Ec2 => "AmazonEC2",
            Self::Rds => "AmazonRDS",
            Self::ElastiCache => "AmazonElastiCache",
            Self::Redshift => "AmazonRedshift",
            Self::OpenSearch => "AmazonES",
        }
    }

    /// What Cost Explorer calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "Amazon Elastic Compute Cloud - Compute",
            Self::Rds => "Amazon Relational Database Service",
            Self::ElastiCache => "Amazon ElastiCache",
            Self::Redshift => "Amazon Redshift",
            Self::OpenSearch => "Amazon Elasticsearch Service",
        }
    }

    /// The one that bills call so.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.code() == code)
    }
}

impl From<Service> for String {
    fn from(service: Service) -> Self {
        service.code().to_owned()
    }
}

impl TryFrom<String> for Service {
    type Error = String;

    fn try_from(code: String) -> Result<Self, String> {
        Self::of_code(&code).ok_or_else(|| format!("`{code}` is no service whose reservations are known"))
    }
}

/// Which page Cost Explorer is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageQuestion {
    /// Of which service.
    pub service: Service,
    /// Of which days.
    pub days: Days,
    /// Where the page before ended; `None` for the first.
    pub after: Option<String>,
}

impl PageQuestion {
    /// The first page, of EC2 and the last whole days before `today`: what is asked of a connection that nothing is known of.
    pub fn first(today: Date) -> Self {
        Self { service: Service::Ec2, days: Self::days_before(today), after: None }
    }

    /// The last whole days before `today`.
    pub fn days_before(today: Date) -> Days {
        Days { from: today - Duration::days(DAYS), until: today }
    }
}

/// A page of Cost Explorer's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Each reservation with how it was used.
    pub reservations: Vec<Reservation>,
    /// Where this page ended, if there are more.
    pub next: Option<String>,
}

/// A reservation over the days that were asked about, in Cost Explorer's words. What it leaves out is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is Cost Explorer's attribute of its name")]
pub struct Reservation {
    pub subscription_id: String,
    pub lease_id: String,
    pub account_id: String,
    pub account_name: String,
    pub region: String,
    pub instance_type: String,
    pub number_of_instances: String,
    pub scope: String,
    pub tenancy: String,
    pub offering_type: String,
    pub start: String,
    pub end: String,
    pub utilization: Utilization,
}

impl Reservation {
    /// A reservation as the bill tells of it, in Cost Explorer's words; `None` where the bill does not state its hours.
    pub fn of_bill(billed: &Commitment) -> Option<Self> {
        let (facts, hours) = (&billed.facts, billed.quantity.filter(|_| billed.kind == CommitmentKind::Reservation)?);
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Some(Self {
            subscription_id: text(&facts.subscription),
            lease_id: billed.short_id().to_owned(),
            account_id: text(&facts.account),
            account_name: text(&facts.account_name),
            region: text(&facts.region),
            instance_type: text(&facts.instance_type),
            number_of_instances: facts.instances.map(|count| count.to_string()).unwrap_or_default(),
            scope: String::new(),
            tenancy: String::new(),
            offering_type: text(&facts.purchase_option),
            start: text(&facts.starts),
            end: text(&facts.ends),
            utilization: Utilization::of(hours.bought, hours.used, hours.unused),
        })
    }
}

/// How a reservation was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Utilization {
    /// Hours that were bought.
    pub purchased_hours: Amount,
    /// Hours that were used.
    pub total_actual_hours: Amount,
    /// Hours that were not.
    pub unused_hours: Amount,
    /// The percentage that was used, as it is stated.
    pub utilization_percentage: Amount,
}

impl Utilization {
    /// Of so many hours bought, so many were used.
    pub fn of(purchased: Amount, used: Amount, unused: Amount) -> Self {
        Self {
            purchased_hours: purchased,
            total_actual_hours: used,
            unused_hours: unused,
            utilization_percentage: percentage(used, purchased).unwrap_or_default(),
        }
    }
}

/// What so many pages cost, estimated: AWS's price for each.
pub fn charge(pages: u64) -> Amount {
    CHARGE.unscaled().checked_mul(i128::from(pages)).map_or(CHARGE, Amount::from_unscaled)
}

/// Why Cost Explorer was of no use the last time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// When it was asked.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What sort of refusal it was.
    pub cause: Cause,
    /// AWS's code and words.
    pub message: String,
}

/// What kept Cost Explorer's answer away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The role lacks `ce:GetReservationUtilization`, or somebody else's policy denies it.
    Denied,
    /// Nobody has switched Cost Explorer on in the account.
    NotEnabled,
    /// It is switched on, and has no data yet.
    NoData,
    /// Too many calls in a short time.
    Throttled,
    /// No answer came; AWS may have charged for it.
    Unanswered,
    /// AWS did not like the question.
    Invalid,
    /// It cannot be asked: the partition has none, or the connection cannot be got into.
    NotAsked,
}

impl Cause {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Denied,
        Self::NotEnabled,
        Self::NoData,
        Self::Throttled,
        Self::Unanswered,
        Self::Invalid,
        Self::NotAsked,
    ];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::NotEnabled => "not-enabled",
            Self::NoData => "no-data",
            Self::Throttled => "throttled",
            Self::Unanswered => "unanswered",
            Self::Invalid => "invalid",
            Self::NotAsked => "not-asked",
        }
    }

    /// The one that a refusal is.
    pub fn of(kind: crate::probe::RefusalKind) -> Self {
        use crate::probe::RefusalKind as Kind;
        match kind {
            Kind::Denied | Kind::DeniedByKms => Self::Denied,
            Kind::NotInUse => Self::NotEnabled,
            Kind::NoData => Self::NoData,
            Kind::Throttled => Self::Throttled,
            Kind::Unavailable => Self::Unanswered,
            Kind::OwnCredentials | Kind::KeysRefused => Self::NotAsked,
            Kind::NotFound | Kind::WrongRegion | Kind::Changed | Kind::Invalid => Self::Invalid,
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Denied => "let the role do `ce:GetReservationUtilization`; `billconnect setup aws` prints the policy",
            Self::NotEnabled => {
                "open Cost Explorer once in the payer account's Billing console; AWS then needs up to a day to prepare it"
            }
            Self::NoData => "wait: AWS prepares the data, or the account has no reservations of this service",
            Self::Throttled | Self::Unanswered => "nothing: it is asked again in a day",
            Self::Invalid => "nothing: reading begins anew in a day; please report it if it stays",
            Self::NotAsked => "see the connection's checks",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_costs_a_cent() {
        for (pages, expect) in [(0, "0"), (1, "0.01"), (31, "0.31"), (1000, "10")] {
            assert_eq!(charge(pages).to_string(), expect);
        }
    }

    #[test]
    fn services_have_the_codes_of_bills() {
        for service in Service::ALL {
            assert_eq!(Service::of_code(service.code()), Some(service));
            assert_eq!(Service::try_from(String::from(service)), Ok(service));
        }
        assert!(Service::try_from("AmazonS3".to_owned()).unwrap_err().contains("`AmazonS3`"));
    }

    #[test]
    fn causes_are_told_apart() {
        use crate::probe::RefusalKind as Kind;
        for (kind, cause) in [
            (Kind::Denied, Cause::Denied),
            (Kind::NotInUse, Cause::NotEnabled),
            (Kind::NoData, Cause::NoData),
            (Kind::Throttled, Cause::Throttled),
            (Kind::Unavailable, Cause::Unanswered),
            (Kind::Invalid, Cause::Invalid),
        ] {
            assert_eq!(Cause::of(kind), cause);
        }
        assert!(Cause::ALL.iter().all(|cause| !cause.remedy().is_empty()));
    }
}
