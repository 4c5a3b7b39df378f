//! Names the concrete AWS client: lets the `aws` room answer what the steps ask of an account.

use app::{AwsAccount, PartStream};
use async_trait::async_trait;
use aws::AwsClient;
use billing::connection::{Candidate, Presented};
use billing::delivery::PartHead;
use billing::names::Region;
use billing::probe::{Caller, Level, ObjectText, Probe, Refusal};

/// AWS itself.
pub struct Aws(pub AwsClient);

#[async_trait]
impl AwsAccount for Aws {
    async fn operator(&self) -> Probe<Caller> {
        self.0.operator().await
    }

    async fn assume(&self, candidate: &Candidate, presented: Presented<'_>) -> Probe<Caller> {
        self.0.assume(candidate, presented).await
    }

    async fn bucket_region(&self, candidate: &Candidate) -> Probe<Region> {
        self.0.bucket_region(candidate).await
    }

    async fn list(&self, candidate: &Candidate, region: &Region, prefix: &str) -> Probe<Level> {
        self.0.list(candidate, region, prefix).await
    }

    async fn read_small(&self, candidate: &Candidate, region: &Region, key: &str) -> Probe<ObjectText> {
        self.0.read_small(candidate, region, key).await
    }

    async fn read_first_byte(&self, candidate: &Candidate, region: &Region, key: &str) -> Probe<()> {
        self.0.read_first_byte(candidate, region, key).await
    }

    async fn open(&self, candidate: &Candidate, region: &Region, part: &PartHead) -> Result<PartStream, Refusal> {
        self.0.open(candidate, region, part).await
    }
}
