//! The AWS account as the steps see it: a trait object, because a test cannot have the real thing.

use async_trait::async_trait;
use billing::connection::{Candidate, Presented};
use billing::delivery::PartHead;
use billing::names::Region;
use billing::probe::{Caller, Level, ObjectText, Probe, Refusal};
use bytes::Bytes;
use futures::stream::BoxStream;

/// The bytes of one part as they arrive, packed.
pub type PartStream = BoxStream<'static, Result<Bytes, Refusal>>;

/// Asks AWS on behalf of a candidate or a proven connection, and keeps each refusal verbatim. Decides nothing.
#[async_trait]
pub trait AwsAccount: Send + Sync {
    /// Who the operator's own credentials are.
    async fn operator(&self) -> Probe<Caller>;

    /// Assumes the candidate's role, presenting an external id, and says who the session is.
    async fn assume(&self, candidate: &Candidate, presented: Presented<'_>) -> Probe<Caller>;

    /// Says who the keys of the candidate's IAM user are.
    async fn identify(&self, candidate: &Candidate) -> Probe<Caller>;

    /// Asks for the bucket's region.
    async fn bucket_region(&self, candidate: &Candidate) -> Probe<Region>;

    /// Lists one level below `prefix`.
    async fn list(&self, candidate: &Candidate, region: &Region, prefix: &str) -> Probe<Level>;

    /// Reads a small object whole.
    async fn read_small(&self, candidate: &Candidate, region: &Region, key: &str) -> Probe<ObjectText>;

    /// Reads an object's first byte and throws it away.
    async fn read_first_byte(&self, candidate: &Candidate, region: &Region, key: &str) -> Probe<()>;

    /// Opens a part of a delivery, pinned by its `ETag`.
    async fn open(&self, candidate: &Candidate, region: &Region, part: &PartHead) -> Result<PartStream, Refusal>;
}
