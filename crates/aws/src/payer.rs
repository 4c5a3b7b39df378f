//! Looking at the payer account itself: its organization, the accounts in it, and the use of its reservations.

use aws_sdk_costexplorer::types::DateInterval;
use billing::connection::Candidate;
use billing::probe::{Accounts, Organization, Probe, Refusal};
use billing::role::Partition;
use time::{Date, Duration};

use crate::client::AwsClient;
use crate::operation::Operation;
use crate::refusal::{Question, Signer};

/// How many days of reservations are asked for, the last whole ones.
const DAYS: i64 = 7;

/// Why nobody is asked in a partition that has no Cost Explorer.
const NO_COST_EXPLORER: &str =
    "AWS GovCloud (US) has no Cost Explorer of its own; the standard account that pays for it has";

impl AwsClient {
    /// The organization that the payer belongs to, by whichever of its accounts is asked.
    pub async fn organization(&self, candidate: &Candidate) -> Probe<Organization> {
        self.try_organization(candidate).await.map_err(|refusal| *refusal).into()
    }

    async fn try_organization(&self, candidate: &Candidate) -> Result<Organization, Box<Refusal>> {
        let question = about_payer(candidate, Operation::DescribeOrganization);
        let session = self.session(candidate).await?;
        let client = self.organizations_as(candidate, session);
        let answer = match client.describe_organization().send().await {
            Ok(answer) => answer,
            Err(error) => return Err(self.refused(candidate, &question, &error).await),
        };
        let organization = answer.organization();
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        Ok(Organization {
            id: text(organization.and_then(|organization| organization.id())),
            management_account: text(organization.and_then(|organization| organization.master_account_id())),
        })
    }

    /// The first page of the accounts in the payer's organization.
    pub async fn accounts(&self, candidate: &Candidate) -> Probe<Accounts> {
        self.try_accounts(candidate).await.map_err(|refusal| *refusal).into()
    }

    async fn try_accounts(&self, candidate: &Candidate) -> Result<Accounts, Box<Refusal>> {
        let question = about_payer(candidate, Operation::ListAccounts);
        let session = self.session(candidate).await?;
        let client = self.organizations_as(candidate, session);
        match client.list_accounts().send().await {
            Ok(page) => Ok(Accounts { seen: page.accounts().len(), more: page.next_token().is_some() }),
            Err(error) => Err(self.refused(candidate, &question, &error).await),
        }
    }

    /// Whether the use of the payer's reservations can be read: one page, of the seven days before `today`. AWS charges the
    /// customer one US cent for each such page.
    pub async fn reservations(&self, candidate: &Candidate, today: Date) -> Probe<()> {
        if candidate.partition() == Partition::AwsUsGov {
            return Probe::NotAsked(NO_COST_EXPLORER);
        }
        self.try_reservations(candidate, today).await.map_err(|refusal| *refusal).into()
    }

    async fn try_reservations(&self, candidate: &Candidate, today: Date) -> Result<(), Box<Refusal>> {
        let question = about_payer(candidate, Operation::GetReservationUtilization);
        let session = self.session(candidate).await?;
        // `Date` writes itself as AWS reads it: `2026-09-01`.
        let days = DateInterval::builder().start((today - Duration::days(DAYS)).to_string()).end(today.to_string());
        let days = days.build().expect("both ends are given");
        let client = self.cost_explorer_as(candidate, session);
        match client.get_reservation_utilization().time_period(days).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.refused(candidate, &question, &error).await),
        }
    }
}

/// A question about the account as a whole: these actions know no narrower resource.
pub(crate) fn about_payer(candidate: &Candidate, operation: Operation) -> Question {
    Question { operation, resource: "*".to_owned(), signer: Signer::of(candidate) }
}
