//! Names the concrete AWS client: lets the `aws` room answer what the steps ask of an account.

use app::{AwsAccount, PartStream, Tried};
use async_trait::async_trait;
use aws::{AwsClient, AwsSettings};
use billing::calls::CallCount;
use billing::connection::{Candidate, Presented};
use billing::delivery::PartHead;
use billing::names::Region;
use billing::organization::{OrganizationPage, OrganizationQuestion};
use billing::probe::{Accounts, Caller, Level, ObjectHead, ObjectText, Organization, Peek, Probe, Refusal};
use billing::reservation::{Page, PageQuestion};
use tokio::sync::OnceCell;

/// AWS itself. Its client is made by the first question, so that a command which asks none looks for no credentials.
pub struct Aws {
    settings: AwsSettings,
    client: OnceCell<AwsClient>,
}

impl Aws {
    /// AWS as these settings reach it.
    pub fn new(settings: AwsSettings) -> Self {
        Self { settings, client: OnceCell::new() }
    }

    async fn client(&self) -> &AwsClient {
        self.client.get_or_init(|| AwsClient::new(self.settings.clone())).await
    }
}

#[async_trait]
impl AwsAccount for Aws {
    fn calls(&self) -> Vec<CallCount> {
        self.client.get().map(AwsClient::calls).unwrap_or_default()
    }

    async fn operator(&self) -> Probe<Caller> {
        self.client().await.operator().await
    }

    async fn assume(&self, candidate: &Candidate, presented: Presented<'_>) -> Probe<Caller> {
        self.client().await.assume(candidate, presented).await
    }

    async fn identify(&self, candidate: &Candidate) -> Probe<Caller> {
        self.client().await.identify(candidate).await
    }

    async fn bucket_region(&self, candidate: &Candidate) -> Probe<Region> {
        self.client().await.bucket_region(candidate).await
    }

    async fn list(&self, candidate: &Candidate, region: &Region, prefix: &str) -> Probe<Level> {
        self.client().await.list(candidate, region, prefix).await
    }

    async fn peek(&self, candidate: &Candidate, region: &Region, prefix: &str) -> Probe<Peek> {
        self.client().await.peek(candidate, region, prefix).await
    }

    async fn list_below(&self, candidate: &Candidate, region: &Region, prefix: &str) -> Probe<Vec<ObjectHead>> {
        self.client().await.list_below(candidate, region, prefix).await
    }

    async fn head(&self, candidate: &Candidate, region: &Region, key: &str) -> Probe<ObjectHead> {
        self.client().await.head(candidate, region, key).await
    }

    async fn read_small(&self, candidate: &Candidate, region: &Region, key: &str) -> Probe<ObjectText> {
        self.client().await.read_small(candidate, region, key).await
    }

    async fn read_first_byte(&self, candidate: &Candidate, region: &Region, key: &str) -> Probe<()> {
        self.client().await.read_first_byte(candidate, region, key).await
    }

    async fn organization(&self, candidate: &Candidate) -> Probe<Organization> {
        self.client().await.organization(candidate).await
    }

    async fn accounts(&self, candidate: &Candidate) -> Probe<Accounts> {
        self.client().await.accounts(candidate).await
    }

    async fn organization_page(
        &self,
        candidate: &Candidate,
        question: &OrganizationQuestion,
        token: Option<&str>,
    ) -> Probe<OrganizationPage> {
        self.client().await.organization_page(candidate, question, token).await
    }

    async fn reservations(&self, candidate: &Candidate, question: &PageQuestion) -> Probe<Page> {
        self.client().await.reservations(candidate, question).await
    }

    async fn unpublished(&self, candidate: &Candidate, region: &Region) -> Probe<Tried> {
        self.client().await.unpublished(candidate, region).await
    }

    async fn open(&self, candidate: &Candidate, region: &Region, part: &PartHead) -> Result<PartStream, Refusal> {
        self.client().await.open(candidate, region, part).await
    }
}
