//! The AWS account as the steps see it: a trait object, because a test cannot have the real thing.

use async_trait::async_trait;
use billing::calls::CallCount;
use billing::connection::{Candidate, Presented};
use billing::delivery::PartHead;
use billing::excess::UnpublishedRead;
use billing::names::Region;
use billing::organization::{OrganizationPage, OrganizationQuestion};
use billing::probe::{Accounts, Caller, Level, ObjectHead, ObjectText, Organization, Peek, Probe, Refusal};
use billing::reservation::{Page, PageQuestion};
use bytes::Bytes;
use futures::stream::BoxStream;

/// What came of each read beyond the published actions.
pub type Tried = Vec<(UnpublishedRead, Probe<()>)>;

/// The bytes of one part as they arrive, packed.
pub type PartStream = BoxStream<'static, Result<Bytes, Refusal>>;

/// Asks AWS on behalf of a candidate or a proven connection, and keeps each refusal verbatim. Decides nothing.
#[async_trait]
pub trait AwsAccount: Send + Sync {
    /// How often AWS was called so far by this process, and what came of it.
    fn calls(&self) -> Vec<CallCount> {
        Vec::new()
    }

    /// Who the operator's own credentials are.
    async fn operator(&self) -> Probe<Caller>;

    /// Assumes the candidate's role, presenting an external id; says whose session STS gave. With the right id, the session is kept.
    async fn assume(&self, candidate: &Candidate, presented: Presented<'_>) -> Probe<Caller>;

    /// Says who the credentials are that act for the candidate: the session in its role, or its user's keys.
    async fn identify(&self, candidate: &Candidate) -> Probe<Caller>;

    /// Asks for the bucket's region.
    async fn bucket_region(&self, candidate: &Candidate) -> Probe<Region>;

    /// Lists one level below `prefix`.
    async fn list(&self, candidate: &Candidate, region: &Region, prefix: &str) -> Probe<Level>;

    /// Lists the first keys below `prefix`, however deep they lie: one page.
    async fn peek(&self, candidate: &Candidate, region: &Region, prefix: &str) -> Probe<Peek>;

    /// Lists all objects below `prefix`, however deep they lie.
    async fn list_below(&self, candidate: &Candidate, region: &Region, prefix: &str) -> Probe<Vec<ObjectHead>>;

    /// Asks for an object's head, without its bytes.
    async fn head(&self, candidate: &Candidate, region: &Region, key: &str) -> Probe<ObjectHead>;

    /// Reads a small object whole.
    async fn read_small(&self, candidate: &Candidate, region: &Region, key: &str) -> Probe<ObjectText>;

    /// Reads an object's first byte and throws it away.
    async fn read_first_byte(&self, candidate: &Candidate, region: &Region, key: &str) -> Probe<()>;

    /// Asks for the organization that the payer belongs to.
    async fn organization(&self, candidate: &Candidate) -> Probe<Organization>;

    /// Lists the accounts of that organization: one page.
    async fn accounts(&self, candidate: &Candidate) -> Probe<Accounts>;

    /// Asks for one page of what its organization holds: the first, or the one that a page before named.
    async fn organization_page(
        &self,
        candidate: &Candidate,
        question: &OrganizationQuestion,
        token: Option<&str>,
    ) -> Probe<OrganizationPage>;

    /// Asks for the use of reservations in the days before `today`: one page, for which AWS charges the customer.
    /// Asks for the use of reservations: one page, for which AWS charges the customer.
    async fn reservations(&self, candidate: &Candidate, question: &PageQuestion) -> Probe<Page>;

    /// Tries harmless reads beyond the published actions, in a session that may do nothing else.
    async fn unpublished(&self, candidate: &Candidate, region: &Region) -> Probe<Tried>;

    /// Opens a part of a delivery, pinned by its `ETag`.
    async fn open(&self, candidate: &Candidate, region: &Region, part: &PartHead) -> Result<PartStream, Refusal>;
}
