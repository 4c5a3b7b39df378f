//! Looking at a bucket: its region, one level of its keys, or all keys below a prefix.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::Object;
use billing::connection::Candidate;
use billing::names::Region;
use billing::probe::{Level, ObjectHead, Peek, Probe, Refusal, RefusalKind};
use time::OffsetDateTime;

use crate::client::AwsClient;
use crate::operation::Operation;
use crate::refusal::{Question, Signer, concerns_credentials};

/// How many pages of 1,000 keys a listing may have. Reports have a few dozen keys a level; more is another sort of bucket.
const MAX_PAGES: usize = 100;

impl AwsClient {
    /// The region that the candidate's bucket lives in.
    pub async fn bucket_region(&self, candidate: &Candidate) -> Probe<Region> {
        self.try_bucket_region(candidate).await.map_err(|refusal| *refusal).into()
    }

    async fn try_bucket_region(&self, candidate: &Candidate) -> Result<Region, Box<Refusal>> {
        let question = about_bucket(candidate, Operation::GetBucketLocation);
        let home = candidate.partition().home_region();
        let mut region: Region = home.parse().map_err(|error| invalid(&question, &error))?;
        let mut moved = false;
        loop {
            let client = self.s3(candidate, &region).await?;
            let request = client.get_bucket_location().bucket(candidate.bucket.as_ref());
            let answer = request.expected_bucket_owner(candidate.account.as_ref()).send().await;
            match answer {
                Ok(answer) => {
                    let named = answer.location_constraint().map_or("", |constraint| constraint.as_str());
                    return region_named(named, home).parse().map_err(|error| invalid(&question, &error).into());
                }
                // A bucket may insist on its own region even for this question; the SDK does not follow by itself.
                Err(error) if !moved && hinted_region(&error).is_some_and(|hint| hint != region) => {
                    region = hinted_region(&error).unwrap_or(region);
                    moved = true;
                }
                Err(error) => return Err(self.refused(candidate, &question, &error).await),
            }
        }
    }

    /// One level of the bucket below `prefix`, which is empty or ends in `/`.
    pub async fn list(&self, candidate: &Candidate, region: &Region, prefix: &str) -> Probe<Level> {
        self.try_list(candidate, region, prefix).await.map_err(|refusal| *refusal).into()
    }

    /// All objects below `prefix`, however deep they lie, by key.
    pub async fn list_below(&self, candidate: &Candidate, region: &Region, prefix: &str) -> Probe<Vec<ObjectHead>> {
        let level = self.try_pages(candidate, region, (prefix, None)).await;
        level.map(|level| level.objects).map_err(|refusal| *refusal).into()
    }

    async fn try_list(&self, candidate: &Candidate, region: &Region, prefix: &str) -> Result<Level, Box<Refusal>> {
        self.try_pages(candidate, region, (prefix, Some("/"))).await
    }

    /// All pages of a listing; with a delimiter, of one level.
    async fn try_pages(
        &self,
        candidate: &Candidate,
        region: &Region,
        (prefix, delimiter): (&str, Option<&str>),
    ) -> Result<Level, Box<Refusal>> {
        let question = about_bucket(candidate, Operation::ListObjects);
        let client = self.s3(candidate, region).await?;
        let mut level = Level::default();
        let mut more = None;
        for _ in 0..MAX_PAGES {
            let request = client.list_objects_v2().bucket(candidate.bucket.as_ref()).prefix(prefix);
            let request = request.set_delimiter(delimiter.map(str::to_owned));
            let request = request.set_continuation_token(more).expected_bucket_owner(candidate.account.as_ref());
            let page = match request.send().await {
                Ok(page) => page,
                Err(error) => return Err(self.refused(candidate, &question, &error).await),
            };
            level.objects.extend(page.contents().iter().filter_map(object_head));
            level.folders.extend(page.common_prefixes().iter().filter_map(|folder| folder.prefix()).map(str::to_owned));
            more = page.next_continuation_token;
            if more.is_none() {
                return Ok(level);
            }
        }
        let message = format!(
            "more than {MAX_PAGES} pages of keys below `{prefix}`: name the folder that the report is delivered to as the bucket path"
        );
        Err(Box::new(question.failed(RefusalKind::Invalid, "TooManyKeys", &message)))
    }

    /// The first keys below `prefix`, at most 1,000, however deep they lie.
    pub async fn peek(&self, candidate: &Candidate, region: &Region, prefix: &str) -> Probe<Peek> {
        self.try_peek(candidate, region, prefix).await.map_err(|refusal| *refusal).into()
    }

    async fn try_peek(&self, candidate: &Candidate, region: &Region, prefix: &str) -> Result<Peek, Box<Refusal>> {
        let question = about_bucket(candidate, Operation::ListObjects);
        let client = self.s3(candidate, region).await?;
        let request = client.list_objects_v2().bucket(candidate.bucket.as_ref()).prefix(prefix);
        let page = match request.expected_bucket_owner(candidate.account.as_ref()).send().await {
            Ok(page) => page,
            Err(error) => return Err(self.refused(candidate, &question, &error).await),
        };
        let objects = page.contents().iter().filter_map(object_head).collect();
        Ok(Peek { objects, whole: page.next_continuation_token.is_none() })
    }

    /// S3 in `region`, with credentials that act for the candidate.
    pub(crate) async fn s3(&self, candidate: &Candidate, region: &Region) -> Result<aws_sdk_s3::Client, Box<Refusal>> {
        Ok(self.s3_as(candidate, region, self.session(candidate).await?))
    }

    /// The refusal that an S3 error stands for. A session that AWS no longer takes is dropped, so that the next call opens one.
    pub(crate) async fn refused<E>(
        &self,
        candidate: &Candidate,
        question: &Question,
        error: &SdkError<E, HttpResponse>,
    ) -> Box<Refusal>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let refusal = question.refused(error);
        if concerns_credentials(&refusal.code) {
            tracing::debug!(org = %candidate.org, connect = %candidate.id(), code = %refusal.code, "a session ended early");
            self.sessions.forget(candidate).await;
        }
        Box::new(refusal)
    }
}

fn about_bucket(candidate: &Candidate, operation: Operation) -> Question {
    let resource = format!("arn:{}:s3:::{}", candidate.partition(), candidate.bucket);
    Question { operation, resource, signer: Signer::of(candidate) }
}

/// The region that a location constraint names: the oldest region has none, and Ireland's first name was `EU`.
fn region_named<'a>(constraint: &'a str, home: &'a str) -> &'a str {
    match constraint {
        "" => home,
        "EU" => "eu-west-1",
        named => named,
    }
}

/// The region that S3 points to when it was asked in the wrong one.
fn hinted_region<E>(error: &SdkError<E, HttpResponse>) -> Option<Region> {
    error.raw_response()?.headers().get("x-amz-bucket-region")?.parse().ok()
}

fn invalid(question: &Question, error: &billing::names::NameError) -> Refusal {
    question.failed(RefusalKind::Invalid, "UnknownRegion", &error.to_string())
}

/// A listed object's head, if AWS said all of it.
fn object_head(object: &Object) -> Option<ObjectHead> {
    Some(ObjectHead {
        key: object.key()?.to_owned(),
        etag: object.e_tag()?.to_owned(),
        size: u64::try_from(object.size()?).ok()?,
        modified: time_of(object.last_modified()?)?,
    })
}

/// An AWS time as ours.
pub(crate) fn time_of(time: &DateTime) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(time.as_nanos()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn location_constraints_name_regions() {
        for (constraint, region) in
            [("", "us-east-1"), ("EU", "eu-west-1"), ("eu-central-1", "eu-central-1"), ("us-west-2", "us-west-2")]
        {
            assert_eq!(region_named(constraint, "us-east-1"), region);
        }
    }

    #[test]
    fn an_object_without_an_etag_is_not_listed() {
        let whole = Object::builder().key("a").e_tag("\"1\"").size(3).last_modified(DateTime::from_secs(1_788_220_800));
        let head = object_head(&whole.clone().build()).unwrap();
        assert_eq!((head.key.as_str(), head.etag.as_str(), head.size), ("a", "\"1\"", 3));
        assert_eq!(head.modified.date().to_string(), "2026-09-01");
        assert_eq!(object_head(&whole.set_e_tag(None).build()), None);
    }
}
