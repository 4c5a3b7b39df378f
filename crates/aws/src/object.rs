//! Reading small objects: a manifest whole, its head alone, or the first byte of a file.

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use billing::connection::Candidate;
use billing::names::Region;
use billing::probe::{ObjectHead, ObjectText, Probe, Refusal, RefusalKind};

use crate::bucket::time_of;
use crate::client::AwsClient;
use crate::operation::Operation;
use crate::refusal::{Question, Signer, chain};

/// The largest object that is read into memory: 8 MiB. Manifests have some hundred kilobytes.
const SMALL: usize = 8 * 1024 * 1024;

/// What is said of an answer that lacks what every object has.
const INCOMPLETE: &str = "the answer has no ETag, size or time";

impl AwsClient {
    /// A whole object of at most 8 MiB.
    pub async fn read_small(&self, candidate: &Candidate, region: &Region, key: &str) -> Probe<ObjectText> {
        self.try_read_small(candidate, region, key).await.map_err(|refusal| *refusal).into()
    }

    async fn try_read_small(
        &self,
        candidate: &Candidate,
        region: &Region,
        key: &str,
    ) -> Result<ObjectText, Box<Refusal>> {
        let question = about_object(candidate, key);
        let client = self.s3(candidate, region).await?;
        let request = client.get_object().bucket(candidate.bucket.as_ref()).key(key);
        let answer = match request.expected_bucket_owner(candidate.account.as_ref()).send().await {
            Ok(answer) => answer,
            Err(error) => return Err(self.refused(candidate, &question, &error).await),
        };
        let Some(mut head) = head_of(key, &answer) else {
            return Err(Box::new(question.failed(RefusalKind::Invalid, "IncompleteAnswer", INCOMPLETE)));
        };
        let mut stream = answer.body;
        let mut body = Vec::new();
        while let Some(bytes) = stream.next().await {
            let bytes =
                bytes.map_err(|error| question.failed(RefusalKind::Unavailable, "BrokenBody", &chain(&error)))?;
            if body.len() + bytes.len() > SMALL {
                let message = format!("the object has more than {SMALL} bytes, which is no manifest");
                return Err(Box::new(question.failed(RefusalKind::Invalid, "ObjectTooLarge", &message)));
            }
            body.extend_from_slice(&bytes);
        }
        head.size = body.len() as u64;
        Ok(ObjectText { head, body })
    }

    /// An object's head: how it is now, without its bytes.
    pub async fn head(&self, candidate: &Candidate, region: &Region, key: &str) -> Probe<ObjectHead> {
        self.try_head(candidate, region, key).await.map_err(|refusal| *refusal).into()
    }

    async fn try_head(&self, candidate: &Candidate, region: &Region, key: &str) -> Result<ObjectHead, Box<Refusal>> {
        let question = Question { operation: Operation::HeadObject, ..about_object(candidate, key) };
        let client = self.s3(candidate, region).await?;
        let request = client.head_object().bucket(candidate.bucket.as_ref()).key(key);
        let answer = match request.expected_bucket_owner(candidate.account.as_ref()).send().await {
            Ok(answer) => answer,
            Err(error) => return Err(self.refused(candidate, &question, &error).await),
        };
        let head = || {
            Some(ObjectHead {
                key: key.to_owned(),
                etag: answer.e_tag()?.to_owned(),
                size: u64::try_from(answer.content_length()?).ok()?,
                modified: time_of(answer.last_modified()?)?,
            })
        };
        head().ok_or_else(|| Box::new(question.failed(RefusalKind::Invalid, "IncompleteAnswer", INCOMPLETE)))
    }

    /// Whether the object can be read, by its first byte. An empty object counts as read.
    pub async fn read_first_byte(&self, candidate: &Candidate, region: &Region, key: &str) -> Probe<()> {
        self.try_read_first_byte(candidate, region, key).await.map_err(|refusal| *refusal).into()
    }

    async fn try_read_first_byte(&self, candidate: &Candidate, region: &Region, key: &str) -> Result<(), Box<Refusal>> {
        let question = about_object(candidate, key);
        let client = self.s3(candidate, region).await?;
        let request = client.get_object().bucket(candidate.bucket.as_ref()).key(key).range("bytes=0-0");
        match request.expected_bucket_owner(candidate.account.as_ref()).send().await {
            Ok(_) => Ok(()),
            // 416: nothing has no first byte, and only someone who may read it is told so.
            Err(error) if error.raw_response().is_some_and(|answer| answer.status().as_u16() == 416) => Ok(()),
            Err(error) => Err(self.refused(candidate, &question, &error).await),
        }
    }
}

/// The question of reading `key`.
pub(crate) fn about_object(candidate: &Candidate, key: &str) -> Question {
    let resource = format!("arn:{}:s3:::{}/{key}", candidate.partition(), candidate.bucket);
    Question { operation: Operation::GetObject, resource, signer: Signer::Session }
}

fn head_of(key: &str, answer: &GetObjectOutput) -> Option<ObjectHead> {
    Some(ObjectHead {
        key: key.to_owned(),
        etag: answer.e_tag()?.to_owned(),
        size: u64::try_from(answer.content_length()?).ok()?,
        modified: time_of(answer.last_modified()?)?,
    })
}
