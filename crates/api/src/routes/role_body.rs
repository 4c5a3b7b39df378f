//! The body that connects a role: the same in both generations of the API but for its fields' names.
//!
//! A field that is missing or of the wrong type makes it a 400, a value that cannot be what its field wants a 422. Either way
//! all wrong fields are named, under the generation's own names.

use app::connect::Field;
use billing::bucket::{BucketName, BucketPath};
use billing::names::{AccountId, NameError, SessionName};
use billing::period::BillingPeriod;
use billing::role::RoleArn;

use crate::access::RoleBody;
use crate::body::{Fields, JsonObject};
use crate::body_doc::{BodyDoc, FieldDoc};
use crate::error::ApiError;

/// What a generation calls the fields.
pub(crate) struct Names {
    pub(crate) account: &'static str,
    pub(crate) bucket: &'static str,
    pub(crate) path: &'static str,
    pub(crate) role_arn: &'static str,
    pub(crate) session_name: &'static str,
    /// What only the second generation has.
    pub(crate) later: Option<LaterNames>,
}

/// The names of the fields that came with the second generation.
pub(crate) struct LaterNames {
    pub(crate) external_id: &'static str,
    pub(crate) effective_from: &'static str,
}

impl Names {
    /// What this generation calls a field of the step.
    pub(crate) fn of(&self, field: Field) -> &'static str {
        let later = self.later.as_ref();
        match field {
            Field::Account => self.account,
            Field::Bucket => self.bucket,
            Field::Path => self.path,
            Field::Role => self.role_arn,
            Field::SessionName => self.session_name,
            Field::ExternalId => later.map_or("external id", |later| later.external_id),
            Field::EffectiveFrom => later.map_or("effective from", |later| later.effective_from),
        }
    }

    /// The fields, as this generation calls them; `name` is the body's in the document.
    pub(crate) fn doc(&self, name: &'static str) -> BodyDoc {
        let mut fields = vec![
            FieldDoc::text(self.account, "the payer account, 12 digits").example("123456789012"),
            FieldDoc::text(self.bucket, "the bucket that AWS delivers the bill to").example("acme-bills"),
            FieldDoc::text(
                self.path,
                "where in the bucket: `\"\"`, `/`, `x`, `/x/`, `x/y`; the report may lie several levels below",
            )
            .example("cur"),
            FieldDoc::text(self.role_arn, "the role that we assume").example("arn:aws:iam::123456789012:role/billing"),
            FieldDoc::text(self.session_name, "how our sessions are called in CloudTrail; `flexera-finops` by default")
                .optional(),
        ];
        if let Some(later) = &self.later {
            fields.extend([
                FieldDoc::text(later.external_id, "only an id that the org was given is accepted").optional(),
                FieldDoc::text(later.effective_from, "`YYYY-MM`: the first month to read").optional(),
            ]);
        }
        BodyDoc { name, fields }
    }

    /// Reads the fields, or names all that are wrong.
    pub(crate) fn read(&self, body: &JsonObject) -> Result<RoleBody, ApiError> {
        let doc = self.doc("a role");
        let mut fields = Fields::of(body, &doc);
        let account = fields.text(self.account);
        let bucket = fields.text(self.bucket);
        let path = fields.text(self.path);
        let role_arn = fields.text(self.role_arn);
        let session_name = fields.maybe_text(self.session_name);
        let external_id = self.later.as_ref().and_then(|later| fields.maybe_text(later.external_id));
        let effective_from = self.later.as_ref().and_then(|later| fields.maybe_text(later.effective_from));
        if let (Some(account), Some(bucket), Some(path), Some(role_arn), false) =
            (account, bucket, path, role_arn, fields.any_wrong())
        {
            let (account, bucket, path) = (account.to_owned(), bucket.to_owned(), path.to_owned());
            let (role_arn, session_name) = (role_arn.to_owned(), session_name.map(str::to_owned));
            let (external_id, effective_from) = (external_id.map(str::to_owned), effective_from.map(str::to_owned));
            return Ok(RoleBody { account, bucket, path, role_arn, session_name, external_id, effective_from });
        }
        // The step never sees such a body, so what is wrong with the values that are there is named here.
        let values = [
            (Field::Account, account.and_then(flaw::<AccountId>)),
            (Field::Bucket, bucket.and_then(flaw::<BucketName>)),
            (Field::Path, path.and_then(flaw::<BucketPath>)),
            (Field::Role, role_arn.and_then(flaw::<RoleArn>)),
            (Field::SessionName, session_name.and_then(flaw::<SessionName>)),
            (Field::EffectiveFrom, effective_from.and_then(flaw::<BillingPeriod>)),
        ];
        for (field, flaw) in values {
            if let Some(flaw) = flaw {
                fields.refuse(self.of(field), flaw);
            }
        }
        fields.finish()?;
        Err(ApiError::internal("a body without a wrong field was not read"))
    }
}

fn flaw<T: std::str::FromStr<Err = NameError>>(text: &str) -> Option<NameError> {
    text.parse::<T>().err()
}
