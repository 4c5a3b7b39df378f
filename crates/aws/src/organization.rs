//! Looking at an organization page by page: its accounts, its units, the accounts in each, and their tags.

use aws_sdk_organizations::types::{Account, AccountState, AccountStatus, OrganizationalUnit, Root, Tag};
use billing::connection::Candidate;
use billing::organization::{Found, ListedAccount, ListedUnit, OrganizationPage, OrganizationQuestion};
use billing::probe::{Probe, Refusal};
use time::OffsetDateTime;

use crate::client::AwsClient;
use crate::operation::Operation;
use crate::payer::about_payer;

impl AwsClient {
    /// One page of the answer to a question about the payer's organization: the first, or the one that a page before named.
    pub async fn organization_page(
        &self,
        candidate: &Candidate,
        question: &OrganizationQuestion,
        token: Option<&str>,
    ) -> Probe<OrganizationPage> {
        let token = token.map(str::to_owned);
        self.try_page(candidate, question, token).await.map_err(|refusal| *refusal).into()
    }

    async fn try_page(
        &self,
        candidate: &Candidate,
        question: &OrganizationQuestion,
        token: Option<String>,
    ) -> Result<OrganizationPage, Box<Refusal>> {
        let session = self.session(candidate).await?;
        let client = self.organizations_as(candidate, session);
        let page = |found, next| Ok(OrganizationPage { found, next });
        match question {
            OrganizationQuestion::Accounts => match client.list_accounts().set_next_token(token).send().await {
                Ok(answer) => page(accounts(answer.accounts()), answer.next_token),
                Err(error) => {
                    Err(self.refused(candidate, &about_payer(candidate, Operation::ListAccounts), &error).await)
                }
            },
            OrganizationQuestion::Roots => match client.list_roots().set_next_token(token).send().await {
                Ok(answer) => page(roots(answer.roots()), answer.next_token),
                Err(error) => Err(self.refused(candidate, &about_payer(candidate, Operation::ListRoots), &error).await),
            },
            OrganizationQuestion::UnitsBelow(parent) => {
                let units = client.list_organizational_units_for_parent().parent_id(parent).set_next_token(token);
                match units.send().await {
                    Ok(answer) => page(units_of(answer.organizational_units()), answer.next_token),
                    Err(error) => {
                        let question = about_payer(candidate, Operation::ListOrganizationalUnitsForParent);
                        Err(self.refused(candidate, &question, &error).await)
                    }
                }
            }
            OrganizationQuestion::AccountsBelow(parent) => {
                match client.list_accounts_for_parent().parent_id(parent).set_next_token(token).send().await {
                    Ok(answer) => page(accounts(answer.accounts()), answer.next_token),
                    Err(error) => {
                        let question = about_payer(candidate, Operation::ListAccountsForParent);
                        Err(self.refused(candidate, &question, &error).await)
                    }
                }
            }
            OrganizationQuestion::Tags(account) => {
                let tagged = client.list_tags_for_resource().resource_id(account.as_ref()).set_next_token(token);
                match tagged.send().await {
                    Ok(answer) => page(tags(answer.tags()), answer.next_token),
                    Err(error) => {
                        let question = about_payer(candidate, Operation::ListTagsForResource);
                        Err(self.refused(candidate, &question, &error).await)
                    }
                }
            }
        }
    }
}

fn accounts(listed: &[Account]) -> Found {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let account = |account: &Account| ListedAccount {
        id: text(account.id()),
        name: text(account.name()),
        // `State` says more and takes the place of `Status`.
        state: text(account.state().map(AccountState::as_str).or_else(|| account.status().map(AccountStatus::as_str))),
        joined_method: account.joined_method().map(|method| method.as_str().to_owned()),
        joined_at: account.joined_timestamp().and_then(|at| OffsetDateTime::from_unix_timestamp(at.secs()).ok()),
    };
    Found::Accounts(listed.iter().map(account).collect())
}

fn roots(listed: &[Root]) -> Found {
    Found::Units(listed.iter().map(|root| unit(root.id(), root.name())).collect())
}

fn units_of(listed: &[OrganizationalUnit]) -> Found {
    Found::Units(listed.iter().map(|listed| unit(listed.id(), listed.name())).collect())
}

fn unit(id: Option<&str>, name: Option<&str>) -> ListedUnit {
    ListedUnit { id: id.unwrap_or_default().to_owned(), name: name.unwrap_or_default().to_owned() }
}

fn tags(listed: &[Tag]) -> Found {
    Found::Tags(listed.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
}
