//! Trying harmless reads that nobody asked the customer for, in a session of their own: whatever answers is too much.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use billing::connection::{Candidate, Presented};
use billing::excess::{self, UNPUBLISHED_READS, UnpublishedRead};
use billing::names::Region;
use billing::probe::{Probe, Refusal};
use futures::future::join_all;

use crate::client::AwsClient;
use crate::operation::Operation;
use crate::refusal::{Question, Signer};

/// What S3 says to someone who may look at what a bucket does not have.
const NOTHING_THERE: [&str; 2] = ["NoSuchBucketPolicy", "ServerSideEncryptionConfigurationNotFoundError"];

impl AwsClient {
    /// What came of each read beyond the published actions, in a session that may do these reads and nothing else.
    ///
    /// No answer is looked at; that one comes is all there is to know.
    pub async fn unpublished(
        &self,
        candidate: &Candidate,
        region: &Region,
    ) -> Probe<Vec<(UnpublishedRead, Probe<()>)>> {
        let session = match self.narrow_session(candidate).await {
            Ok(session) => session,
            Err(refusal) => return Probe::Refused(refusal),
        };
        let client = self.s3_as(candidate, region, session);
        let tries = UNPUBLISHED_READS.map(|read| {
            let client = &client;
            async move { (read, attempt(client, candidate, read).await.map_err(|refusal| *refusal).into()) }
        });
        Probe::Granted(join_all(tries).await)
    }

    /// A session in the candidate's role that may try these reads and do nothing else; of a user, only the keys can be had.
    async fn narrow_session(&self, candidate: &Candidate) -> Result<Credentials, Box<Refusal>> {
        let Some(role) = candidate.role() else { return self.session(candidate).await };
        let scope = excess::session_policy(candidate.partition(), &candidate.bucket);
        let right = Presented::Right(&role.external_id);
        Ok(self.open_session((candidate, role), right, &scope).await?.0)
    }
}

async fn attempt(client: &Client, candidate: &Candidate, read: UnpublishedRead) -> Result<(), Box<Refusal>> {
    let (bucket, owner) = (candidate.bucket.as_ref(), candidate.account.as_ref());
    let operation = Operation::Unpublished(read);
    let resource = match read {
        UnpublishedRead::ListAllMyBuckets => "*".to_owned(),
        _ => format!("arn:{}:s3:::{bucket}", candidate.partition()),
    };
    let question = Question { operation, resource, signer: Signer::of(candidate) };
    match read {
        UnpublishedRead::ListAllMyBuckets => outcome(&question, client.list_buckets().max_buckets(1).send().await),
        UnpublishedRead::GetBucketPolicy => {
            let request = client.get_bucket_policy().bucket(bucket).expected_bucket_owner(owner);
            outcome(&question, request.send().await)
        }
        UnpublishedRead::GetBucketAcl => {
            let request = client.get_bucket_acl().bucket(bucket).expected_bucket_owner(owner);
            outcome(&question, request.send().await)
        }
        UnpublishedRead::ListBucketVersions => {
            let request = client.list_object_versions().bucket(bucket).expected_bucket_owner(owner).max_keys(1);
            outcome(&question, request.send().await)
        }
        UnpublishedRead::GetEncryptionConfiguration => {
            let request = client.get_bucket_encryption().bucket(bucket).expected_bucket_owner(owner);
            outcome(&question, request.send().await)
        }
    }
}

fn outcome<T, E>(question: &Question, answer: Result<T, SdkError<E, HttpResponse>>) -> Result<(), Box<Refusal>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match answer {
        Ok(_) => Ok(()),
        Err(error) => {
            let refusal = question.refused(&error);
            if NOTHING_THERE.contains(&refusal.code.as_str()) { Ok(()) } else { Err(Box::new(refusal)) }
        }
    }
}
