//! The bodies that make and change a bill connect: the same in both generations of the API but for their fields' names.
//!
//! A field that is missing or of the wrong type makes it a 400, a value that cannot be what its field wants a 422. Either way
//! all wrong fields are named, under the generation's own names, and no secret is ever quoted.

use std::fmt::Display;
use std::str::FromStr;

use app::keep::Connection;
use app::request::{AccessRequest, ConnectError, Field};
use axum::http::StatusCode;
use billing::bucket::{BucketName, BucketPath, ReportName};
use billing::checks::Report;
use billing::connection::AccessKind;
use billing::keys::{AccessKeyId, SecretAccessKey};
use billing::names::{AccountId, SessionName};
use billing::period::BillingPeriod;
use billing::role::{Partition, RoleArn};
use secrecy::SecretString;

use crate::access::{Admin, ConnectBody, ConnectId};
use crate::body::{Fields, JsonObject};
use crate::body_doc::{BodyDoc, FieldDoc};
use crate::convert::connect_error;
use crate::error::ApiError;

/// What a generation calls the fields. What it has no name for, it does not have.
pub(crate) struct Names {
    pub(crate) account: &'static str,
    pub(crate) bucket: &'static str,
    pub(crate) path: &'static str,
    pub(crate) effective_from: Option<&'static str>,
    pub(crate) report: &'static str,
    pub(crate) role_arn: &'static str,
    pub(crate) session_name: &'static str,
    pub(crate) external_id: Option<&'static str>,
    pub(crate) access_key_id: &'static str,
    pub(crate) secret_access_key: &'static str,
    pub(crate) partition: Option<&'static str>,
}

/// What whoever connects by an IAM user is told.
pub(crate) const RECOMMENDATION: &str = "a role is safer than an IAM user: it has no secret that could leak or must be changed, only \
    this product can use it, and AWS shows each use; `GET /finops-onboarding/v1/orgs/{org}/setup` has all that making one takes";

/// What a body is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To make a bill connect.
    Make,
    /// To change one: what is absent stays.
    Change,
}

/// Which body it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// Its schema's name in the document.
    pub(crate) name: &'static str,
    pub(crate) purpose: Purpose,
    pub(crate) access: AccessKind,
}

/// The fields of one kind of body, each with what it is documented as.
type Documented = Vec<(Field, FieldDoc)>;

impl Names {
    /// What this generation calls a field of the step.
    fn of(&self, field: Field) -> &'static str {
        match field {
            Field::Account => self.account,
            Field::Bucket => self.bucket,
            Field::Path => self.path,
            Field::Role => self.role_arn,
            Field::SessionName => self.session_name,
            Field::ExternalId => self.external_id.unwrap_or("external id"),
            Field::AccessKeyId => self.access_key_id,
            Field::SecretAccessKey => self.secret_access_key,
            Field::Partition => self.partition.unwrap_or("partition"),
            Field::EffectiveFrom => self.effective_from.unwrap_or("effective from"),
            Field::Report => self.report,
        }
    }

    /// The fields, as this generation calls them.
    pub(crate) fn doc(&self, kind: Kind) -> BodyDoc {
        BodyDoc { name: kind.name, fields: self.documented(kind).into_iter().map(|(_, doc)| doc).collect() }
    }

    fn documented(&self, kind: Kind) -> Documented {
        let account = match kind.purpose {
            Purpose::Make => "the payer account, 12 digits",
            Purpose::Change => "the payer account, which can't be changed: any other is refused",
        };
        let path = "where in the bucket: `\"\"`, `/`, `x`, `/x/`, `x/y`; the report may lie several levels below";
        let mut fields = vec![
            (Field::Account, FieldDoc::text(self.account, account).example("123456789012")),
            (
                Field::Bucket,
                FieldDoc::text(self.bucket, "the bucket that AWS delivers the bill to").example("acme-bills"),
            ),
            (Field::Path, FieldDoc::text(self.path, path).example("cur")),
        ];
        fields.extend(match kind.access {
            AccessKind::Role => self.role_fields(),
            AccessKind::User => self.user_fields(),
        });
        let clearable = |name, about| match kind.purpose {
            Purpose::Make => FieldDoc::text(name, about).optional(),
            Purpose::Change => FieldDoc::clearable(name, about),
        };
        let first = "`YYYY-MM`: the first month to read; in a change, `\"\"` and `null` take it away";
        fields.extend(self.effective_from.map(|name| (Field::EffectiveFrom, clearable(name, first))));
        let report = "the report to keep to, of several below the path, by its name or folder; by default the best. In a change, `\"\"` and `null` \
            take it away";
        fields.push((Field::Report, clearable(self.report, report)));
        match kind.purpose {
            Purpose::Make => fields,
            Purpose::Change => fields.into_iter().map(|(field, doc)| (field, doc.optional())).collect(),
        }
    }

    fn role_fields(&self) -> Documented {
        let role = FieldDoc::text(self.role_arn, "the role that we assume");
        let name = "how our sessions are called in CloudTrail; `flexera-finops` by default";
        let mut fields = vec![
            (Field::Role, role.example("arn:aws:iam::123456789012:role/billing")),
            (Field::SessionName, FieldDoc::text(self.session_name, name).optional()),
        ];
        let own = "only an id that the org was given is accepted";
        fields.extend(self.external_id.map(|name| (Field::ExternalId, FieldDoc::text(name, own).optional())));
        fields
    }

    fn user_fields(&self) -> Documented {
        let id = "the id of a long-term access key of an IAM user";
        let secret = "the access key's secret; it is kept encrypted and never shown again";
        let mut fields = vec![
            (Field::AccessKeyId, FieldDoc::text(self.access_key_id, id).example("AKIAIOSFODNN7EXAMPLE")),
            (Field::SecretAccessKey, FieldDoc::text(self.secret_access_key, secret)),
        ];
        let partition = "the user's partition; `aws` by default";
        let doc = |name| (Field::Partition, FieldDoc::word(name, &["aws", "aws-cn"], partition).optional());
        fields.extend(self.partition.map(doc));
        fields
    }

    /// Makes the bill connect that a body asks for.
    pub(crate) async fn connect(&self, admin: &Admin, kind: Kind, body: &JsonObject) -> Result<Connection, ApiError> {
        admin.connect(self.read(kind, body)?).await.map_err(|error| self.error(error))
    }

    /// Changes a bill connect as a body asks for.
    pub(crate) async fn change(
        &self,
        admin: &Admin,
        kind: Kind,
        (ConnectId(id), body): (ConnectId, &JsonObject),
    ) -> Result<StatusCode, ApiError> {
        admin.change(&id, self.read(kind, body)?).await.map_err(|error| self.error(error))?;
        Ok(StatusCode::NO_CONTENT)
    }

    /// Says what making the bill connect would prove.
    pub(crate) async fn check(&self, admin: &Admin, kind: Kind, body: &JsonObject) -> Result<Report, ApiError> {
        admin.check(self.read(kind, body)?).await.map_err(|error| self.error(error))
    }

    fn error(&self, error: ConnectError) -> ApiError {
        connect_error(error, |field| self.of(field))
    }

    /// Reads the fields, or names all that are wrong.
    fn read(&self, kind: Kind, body: &JsonObject) -> Result<ConnectBody, ApiError> {
        let (doc, documented) = (self.doc(kind), self.documented(kind));
        let mut fields = Fields::of(body, &doc);
        let mut given = Vec::new();
        for (field, doc) in &documented {
            let text = match doc.needed {
                true => fields.text(doc.name),
                false if doc.is_clearable() => fields.cleared_or_text(doc.name),
                false => fields.maybe_text(doc.name),
            };
            given.push((*field, text));
        }
        if fields.any_wrong() {
            // The step never sees such a body, so what is wrong with the values that are there is named here.
            for (field, text) in given {
                if let Some(flaw) = text.and_then(|text| flaw(field, text)) {
                    fields.refuse(self.of(field), flaw);
                }
            }
            fields.finish()?;
            return Err(ApiError::internal("a body without a wrong field was not read"));
        }
        let take =
            |field| given.iter().find(|(known, _)| *known == field).and_then(|(_, text)| text.map(str::to_owned));
        let access = match kind.access {
            AccessKind::Role => AccessRequest::Role {
                arn: take(Field::Role),
                session_name: take(Field::SessionName),
                external_id: take(Field::ExternalId),
            },
            AccessKind::User => AccessRequest::User {
                access_key_id: take(Field::AccessKeyId).map(SecretString::from),
                secret_access_key: take(Field::SecretAccessKey).map(SecretString::from),
                partition: take(Field::Partition),
            },
        };
        let (account, bucket, path) = (take(Field::Account), take(Field::Bucket), take(Field::Path));
        let (effective_from, report) = (take(Field::EffectiveFrom), take(Field::Report));
        Ok(ConnectBody { account, bucket, path, effective_from, report, access })
    }
}

/// What keeps a text from being what its field wants.
fn flaw(field: Field, text: &str) -> Option<String> {
    match field {
        Field::Account => of::<AccountId>(text),
        Field::Bucket => of::<BucketName>(text),
        Field::Path => of::<BucketPath>(text),
        Field::Role => of::<RoleArn>(text),
        Field::SessionName => of::<SessionName>(text),
        Field::AccessKeyId => of::<AccessKeyId>(text),
        Field::SecretAccessKey => {
            SecretAccessKey::try_from(SecretString::from(text)).err().map(|error| error.to_string())
        }
        Field::Partition => of::<Partition>(text),
        Field::EffectiveFrom | Field::Report if text.is_empty() => None,
        Field::EffectiveFrom => of::<BillingPeriod>(text),
        Field::Report => of::<ReportName>(text),
        // Whose it is, only the step knows.
        Field::ExternalId => None,
    }
}

fn of<T: FromStr<Err: Display>>(text: &str) -> Option<String> {
    text.parse::<T>().err().map(|error| error.to_string())
}
