//! Setup: what a customer's administrator applies to grant access, `/finops-onboarding/v1/orgs/{org}/setup`.

use axum::Json;
use axum::extract::RawQuery;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use billing::names::OrgId;
use billing::policy::Grant;
use billing::setup::{Artefact, Asked, Ending, Field, Flaw, Format, Setup};
use serde::Serialize;

use crate::access::Viewer;
use crate::error::ApiError;

/// Every form of the setup.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    kind: &'static str,
    org_id: OrgId,
    operator_principal: String,
    external_ids: Vec<String>,
    values: Vec<ArtefactView>,
}

/// One form, or why it cannot be made of what was asked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtefactView {
    format: &'static str,
    about: &'static str,
    media_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<FileView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unavailable: Option<String>,
}

#[derive(Debug, Serialize)]
struct FileView {
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

/// Reads the query; a parameter that there is not is named, as a typing error would otherwise go unseen.
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
            other => {
                let other: String = other.chars().take(64).collect();
                flaws.push(format!("`{other}`: there is no such parameter"));
            }
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
