//! Looking at the payer account itself: its organization, the accounts in it, and the use of its reservations.

use aws_sdk_costexplorer::operation::get_reservation_utilization::GetReservationUtilizationOutput;
use aws_sdk_costexplorer::types::{
    DateInterval, Dimension, DimensionValues, Expression, GroupDefinition, GroupDefinitionType, ReservationAggregates,
    ReservationUtilizationGroup, UtilizationByTime,
};
use billing::connection::Candidate;
use billing::money::Amount;
use billing::probe::{Accounts, Organization, Probe, Refusal, RefusalKind};
use billing::reservation::{Page, PageQuestion, Reservation, Utilization};
use billing::role::Partition;
use billing::told::told;

use crate::client::AwsClient;
use crate::operation::Operation;
use crate::refusal::{Question, Signer};

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

    /// How the payer's reservations were used: one page, for which AWS charges the customer one US cent.
    pub async fn reservations(&self, candidate: &Candidate, question: &PageQuestion) -> Probe<Page> {
        if candidate.partition() == Partition::AwsUsGov {
            return Probe::NotAsked(NO_COST_EXPLORER);
        }
        self.try_reservations(candidate, question).await.map_err(|refusal| *refusal).into()
    }

    async fn try_reservations(&self, candidate: &Candidate, asked: &PageQuestion) -> Result<Page, Box<Refusal>> {
        let question = about_payer(candidate, Operation::GetReservationUtilization);
        let session = self.session(candidate).await?;
        // `Date` writes itself as AWS reads it: `2026-09-01`.
        let days = DateInterval::builder().start(asked.days.from.to_string()).end(asked.days.until.to_string());
        let days = days.build().expect("both ends are given");
        let by = GroupDefinition::builder().r#type(GroupDefinitionType::Dimension).key("SUBSCRIPTION_ID").build();
        let service = DimensionValues::builder().key(Dimension::Service).values(asked.service.name()).build();
        let client = self.cost_explorer_as(candidate, session);
        let page = client
            .get_reservation_utilization()
            .time_period(days)
            .group_by(by)
            .filter(Expression::builder().dimensions(service).build())
            .set_next_page_token(asked.after.clone());
        match page.send().await {
            Ok(answer) => page_of(&answer)
                .map_err(|wrong| Box::new(question.failed(RefusalKind::Unavailable, "UnreadableAnswer", &wrong))),
            Err(error) => Err(self.refused(candidate, &question, &error).await),
        }
    }
}

/// The page that an answer is; what is wrong with it, where a number in it is none.
fn page_of(answer: &GetReservationUtilizationOutput) -> Result<Page, String> {
    let groups = answer.utilizations_by_time().iter().flat_map(UtilizationByTime::groups);
    let reservations = groups.map(reservation_of).collect::<Result<_, _>>()?;
    Ok(Page { reservations, next: answer.next_page_token().filter(|token| !token.is_empty()).map(str::to_owned) })
}

fn reservation_of(group: &ReservationUtilizationGroup) -> Result<Reservation, String> {
    let attribute = |name: &str| {
        let found = group.attributes().and_then(|all| all.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)));
        found.map(|(_, text)| text.clone()).unwrap_or_default()
    };
    let number = group.value().unwrap_or_default().to_owned();
    let figures = group.utilization();
    let amount = |name: &str, pick: fn(&ReservationAggregates) -> Option<&str>| {
        let text = figures.and_then(pick).unwrap_or("0");
        // AWS's own word may be long; what it is about is told.
        text.parse::<Amount>().map_err(|error| format!("`{name}` of reservation `{}`: {error}", told(&number)))
    };
    Ok(Reservation {
        lease_id: attribute("leaseId"),
        account_id: attribute("accountId"),
        account_name: attribute("accountName"),
        region: attribute("region"),
        instance_type: attribute("instanceType"),
        number_of_instances: attribute("numberOfInstances"),
        scope: attribute("scope"),
        tenancy: attribute("tenancy"),
        offering_type: Some(attribute("subscriptionType"))
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| attribute("offeringType")),
        start: attribute("startDateTime"),
        end: attribute("endDateTime"),
        utilization: Utilization {
            purchased_hours: amount("PurchasedHours", ReservationAggregates::purchased_hours)?,
            total_actual_hours: amount("TotalActualHours", ReservationAggregates::total_actual_hours)?,
            unused_hours: amount("UnusedHours", ReservationAggregates::unused_hours)?,
            utilization_percentage: amount("UtilizationPercentage", ReservationAggregates::utilization_percentage)?,
        },
        subscription_id: number,
    })
}

/// A question about the account as a whole: these actions know no narrower resource.
pub(crate) fn about_payer(candidate: &Candidate, operation: Operation) -> Question {
    Question { operation, resource: "*".to_owned(), signer: Signer::of(candidate) }
}
