//! Reading a part of a delivery: streamed, pinned to its version, and taken up again where a connection broke off.

use std::time::Duration;

use aws_sdk_s3::primitives::{ByteStream, ByteStreamError};
use billing::connection::Candidate;
use billing::delivery::PartHead;
use billing::names::Region;
use billing::probe::{Refusal, RefusalKind};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};

use crate::client::AwsClient;
use crate::object::about_object;
use crate::refusal::{Question, chain};

/// A part's bytes, in order, all of them or an error. Nothing is read ahead of what is asked for.
pub type PartStream = BoxStream<'static, Result<Bytes, Refusal>>;

/// How many breaks in a row end the reading.
const MAX_BREAKS: u32 = 5;

/// How many bytes make a break the first in a row again: large files may break often, and still arrive.
const PROGRESS: u64 = 8 * 1024 * 1024;

/// How long to wait after the first break; each further one in a row doubles it.
const FIRST_WAIT: Duration = Duration::from_millis(200);

impl AwsClient {
    /// Opens a part for reading, in the version that its `ETag` pins.
    ///
    /// A body that breaks or stalls midway is taken up by a ranged request for the same version. The stream ends after exactly
    /// `part.size` bytes; anything else is an error.
    pub async fn open(&self, candidate: &Candidate, region: &Region, part: &PartHead) -> Result<PartStream, Refusal> {
        let source = Source {
            aws: self.clone(),
            candidate: candidate.clone(),
            region: region.clone(),
            part: part.clone(),
            question: about_object(candidate, &part.key),
        };
        let body = source.body_from(0).await.map_err(|refusal| *refusal)?;
        let reading = Reading { source, body, offset: 0, breaks: 0, last_break: 0 };
        Ok(stream::try_unfold(reading, |mut reading| async move {
            let next = reading.next().await.map_err(|refusal| *refusal)?;
            Ok(next.map(|bytes| (bytes, reading)))
        })
        .boxed())
    }
}

/// Where a part's bytes come from.
struct Source {
    aws: AwsClient,
    candidate: Candidate,
    region: Region,
    part: PartHead,
    question: Question,
}

impl Source {
    /// The part's body from `offset` on.
    async fn body_from(&self, offset: u64) -> Result<ByteStream, Box<Refusal>> {
        let client = self.aws.s3(&self.candidate, &self.region).await?;
        let request = client.get_object().bucket(self.candidate.bucket.as_ref()).key(&self.part.key);
        let request = request.if_match(&self.part.etag).expected_bucket_owner(self.candidate.account.as_ref());
        let request = request.set_range((offset > 0).then(|| format!("bytes={offset}-")));
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return Err(self.aws.refused(&self.candidate, &self.question, &error).await),
        };
        let left = answer.content_length().and_then(|length| u64::try_from(length).ok());
        if left != Some(self.part.size - offset) {
            let left = left.map_or_else(|| "an unknown number of".to_owned(), |left| left.to_string());
            let message =
                format!("{left} bytes follow offset {offset}, where the listing promised {} in all", self.part.size);
            return Err(Box::new(self.question.failed(RefusalKind::Changed, "SizeDiffers", &message)));
        }
        Ok(answer.body)
    }
}

/// A part being read.
struct Reading {
    source: Source,
    body: ByteStream,
    /// How many bytes were handed on.
    offset: u64,
    /// How often it broke without getting much further in between.
    breaks: u32,
    /// Where it broke last.
    last_break: u64,
}

impl Reading {
    /// The next bytes, or nothing after the last.
    async fn next(&mut self) -> Result<Option<Bytes>, Box<Refusal>> {
        loop {
            match self.body.next().await {
                Some(Ok(bytes)) if bytes.len() as u64 <= self.source.part.size - self.offset => {
                    self.offset += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Some(Ok(_)) => return Err(self.failed("BodyTooLong", "the body goes on after its last byte").into()),
                None if self.offset == self.source.part.size => return Ok(None),
                None => self.resume("the body ended early".to_owned()).await?,
                Some(Err(error)) => self.resume(broken(&error)).await?,
            }
        }
    }

    /// Takes the reading up again after it broke, unless it broke too often.
    async fn resume(&mut self, why: String) -> Result<(), Box<Refusal>> {
        if self.offset == self.source.part.size {
            // All bytes came and yet it is an error: their checksum is wrong, and bytes are already handed on.
            return Err(self.failed("BrokenBody", &why).into());
        }
        if self.offset - self.last_break >= PROGRESS {
            self.breaks = 0;
        }
        self.last_break = self.offset;
        let mut why = why;
        while self.breaks < MAX_BREAKS {
            tokio::time::sleep(FIRST_WAIT * 2_u32.pow(self.breaks)).await;
            self.breaks += 1;
            tracing::debug!(key = %self.source.part.key, offset = self.offset, %why, "taking a broken body up again");
            match self.source.body_from(self.offset).await {
                Ok(body) => {
                    self.body = body;
                    return Ok(());
                }
                Err(refusal) if refusal.kind.may_pass() && refusal.kind != RefusalKind::Changed => {
                    why = refusal.to_string();
                }
                Err(refusal) => return Err(refusal),
            }
        }
        let size = self.source.part.size;
        let message =
            format!("the body broke {MAX_BREAKS} times in a row, last after {} of {size} bytes: {why}", self.offset);
        Err(self.failed("BrokenBody", &message).into())
    }

    fn failed(&self, code: &str, message: &str) -> Refusal {
        self.source.question.failed(RefusalKind::Unavailable, code, message)
    }
}

fn broken(error: &ByteStreamError) -> String {
    chain(error)
}
