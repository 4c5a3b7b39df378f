//! Setup: what a customer's administrator applies to grant access, `/finops-onboarding/v1/orgs/{org}/setup`.

use axum::Json;
use axum::extract::RawQuery;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use billing::names::OrgId;
use billing::policy::Grant;
use billing::setup::{Artefact, Asked, Delivery, Ending, Field, Flaw, Format, Setup};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Viewer;
use crate::error::ApiError;
use crate::route::{Needs, Param, Route};

/// The rows.
pub(super) fn routes() -> Vec<Route> {
    let formats = Format::ALL.map(Format::name);
    let deliveries = Delivery::ALL.map(|(name, _)| name);
    vec![
        Needs::Viewer
            .get("/finops-onboarding/v1/orgs/{org}/setup", show)
            .named("finopsSetup", "Make what a customer's administrator applies to grant access")
            .about(
                "Without `format`, every form is listed. With it, the form comes as what it is: `policy`, `policy-tightened`, \
                 `trust` and `cloudformation` as JSON, `cli` as a shell script, the others as text.",
            )
            .param(Param::text("bucketName", "the bucket that AWS delivers to").needed())
            .param(Param::word("format", "the form; all of them if left out", &formats))
            .param(Param::text("bucketPath", "the path in the bucket"))
            .param(Param::text("billAccountId", "the payer account; the script and the module refuse to run in another"))
            .param(Param::word("tightened", "grant no more than the path and what is called", &["true", "false"]))
            .param(Param::word("with", "what else is made: the bucket, its policy and this report or export", &deliveries))
            .param(Param::word("connect", "end the CloudFormation stack with the request that connects", &["true", "false"]))
            .param(Param::text("roleName", "the role to make; `billing-reader` if left out"))
            .param(Param::text("reportName", "the report or export to make; `billconnect` if left out"))
            .param(Param::text("bucketRegion", "the region of the bucket to make; `us-east-1` if left out"))
            .param(Param::word("partition", "the customer's partition", &["aws", "aws-cn", "aws-us-gov"]))
            .param(Param::text("serviceUrl", "where this service answers, for the request"))
            .param(Param::text("templateUrl", "where the CloudFormation template is hosted, for the quick-create link"))
            .answers_or_object::<View>(200)
            .answers_text(200, "text/x-shellscript")
            .answers_text(200, "text/plain")
            .refuses(&[400, 422, 502]),
    ]
}

/// Every form of the setup.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Setup)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    #[schema(example = "finops:setup")]
    kind: &'static str,
    #[schema(value_type = String, example = "123456789")]
    org_id: OrgId,
    /// Whom the role is to trust.
    #[schema(example = "arn:aws:iam::999999999999:user/billconnect")]
    operator_principal: String,
    /// What the role is to require: one id, or two during a rotation.
    external_ids: Vec<String>,
    values: Vec<ArtefactView>,
}

/// One form, or why it cannot be made of what was asked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SetupForm)]
#[serde(rename_all = "camelCase")]
struct ArtefactView {
    #[schema(example = "terraform")]
    format: &'static str,
    #[schema(example = "a Terraform module")]
    about: &'static str,
    #[schema(example = "text/plain")]
    media_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    files: Option<Vec<FileView>>,
    /// Why there are no files.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    unavailable: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SetupFile)]
struct FileView {
    #[schema(example = "main.tf")]
    name: &'static str,
    content: String,
}

/// What the query asks for.
#[derive(Debug, Default)]
struct Query {
    format: Option<Format>,
    asked: Asked,
}

/// `GET /setup`
pub(crate) async fn show(viewer: Viewer, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let Query { format, asked } = read(query.as_deref().unwrap_or_default())?;
    let refused = |flaws: Vec<String>| ApiError::wrong_fields(StatusCode::UNPROCESSABLE_ENTITY, &flaws);
    let wish = asked.read().map_err(|flaws| refused(flaws.iter().map(named).collect()))?;
    let setup = viewer.setup(wish).await?;
    let Some(format) = format else { return Ok(Json(view(&setup)).into_response()) };
    let made = setup.artefact(format).map_err(|error| refused(vec![format!("`templateUrl`: {error}")]))?;
    let kind = match format.media_type() {
        "application/json" => HeaderValue::from_static("application/json"),
        "text/x-shellscript" => HeaderValue::from_static("text/x-shellscript; charset=utf-8"),
        _ => HeaderValue::from_static("text/plain; charset=utf-8"),
    };
    Ok(([(header::CONTENT_TYPE, kind)], made.text()).into_response())
}

fn view(setup: &Setup) -> View {
    let values = Format::ALL.into_iter().map(|format| {
        let (files, unavailable) = match setup.artefact(format) {
            Ok(Artefact { files, .. }) => {
                let files = files.into_iter().map(|file| FileView { name: file.name, content: file.text });
                (Some(files.collect()), None)
            }
            Err(why) => (None, Some(why.to_string())),
        };
        let (about, media_type) = (format.about(), format.media_type());
        ArtefactView { format: format.name(), about, media_type, files, unavailable }
    });
    View {
        kind: "finops:setup",
        org_id: setup.org,
        operator_principal: setup.operator.clone(),
        external_ids: setup.external_ids.iter().map(ToString::to_string).collect(),
        values: values.collect(),
    }
}

/// Reads the query.
fn read(query: &str) -> Result<Query, ApiError> {
    let mut read = Query::default();
    let mut flaws = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        let asked = &mut read.asked;
        match name.as_ref() {
            "format" => match value.parse() {
                Ok(format) => read.format = Some(format),
                Err(message) => flaws.push(format!("`format`: {message}")),
            },
            "bucketName" => asked.bucket = value,
            "bucketPath" => asked.path = value,
            "billAccountId" => asked.account = Some(value),
            "partition" => asked.partition = Some(value),
            "roleName" => asked.role = Some(value),
            "with" => asked.with = Some(value),
            "reportName" => asked.report = Some(value),
            "bucketRegion" => asked.region = Some(value),
            "serviceUrl" => asked.service = Some(value),
            "templateUrl" => asked.template = Some(value),
            "tightened" => match flag(&value) {
                Some(true) => asked.grant = Grant::Tightened,
                Some(false) => asked.grant = Grant::Published,
                None => flaws.push("`tightened`: it is `true` or `false`".to_owned()),
            },
            "connect" => match flag(&value) {
                Some(true) => asked.ending = Ending::Connect,
                Some(false) => asked.ending = Ending::Role,
                None => flaws.push("`connect`: it is `true` or `false`".to_owned()),
            },
            // As everywhere, what is not known is not looked at.
            _ => {}
        }
    }
    if read.asked.bucket.is_empty() {
        flaws.push("`bucketName`: it is missing: name the bucket that AWS delivers to".to_owned());
    }
    if flaws.is_empty() { Ok(read) } else { Err(ApiError::wrong_fields(StatusCode::BAD_REQUEST, &flaws)) }
}

fn flag(value: &str) -> Option<bool> {
    match value {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// The flaw under the parameter's name.
fn named(flaw: &Flaw) -> String {
    let name = match flaw.field {
        Field::Partition => "partition",
        Field::Account => "billAccountId",
        Field::Bucket => "bucketName",
        Field::Path => "bucketPath",
        Field::Role => "roleName",
        Field::With => "with",
        Field::Report => "reportName",
        Field::Region => "bucketRegion",
        Field::Service => "serviceUrl",
        Field::Template => "templateUrl",
    };
    format!("`{name}`: {}", flaw.message)
}
