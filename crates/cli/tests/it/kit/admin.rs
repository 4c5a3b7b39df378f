//! An administrator of an AWS account: makes users, roles, policies, buckets and objects by signed requests.

use std::time::SystemTime;

use aws::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::emulator;

/// Someone who signs requests to the emulator. Its answers must be good ones; anything else ends the test.
#[derive(Clone)]
pub struct Admin {
    http: reqwest::Client,
    /// The account's 12 digits.
    pub account: String,
}

/// A request before it is signed.
struct Request<'a> {
    method: Method,
    service: &'a str,
    region: &'a str,
    /// Path and query, as they are to be sent.
    target: String,
    content_type: &'a str,
    /// The operation, for services that take JSON.
    operation: Option<&'a str>,
    body: Vec<u8>,
}

impl Admin {
    /// The administrator of `account`: to `MiniStack`, a key that is an account's number is that account's root.
    pub fn of(account: &str) -> Self {
        // No connection is kept: the emulator closes idle ones, and a request sent into that moment would be lost.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client without TLS");
        Self { http, account: account.to_owned() }
    }

    /// Makes a user who may do what `policy` allows, and gives its access key.
    pub async fn user(&self, name: &str, policy: &Value) -> Credentials {
        self.iam(&[("Action", "CreateUser"), ("UserName", name)]).await;
        let document = policy.to_string();
        let put =
            [("Action", "PutUserPolicy"), ("UserName", name), ("PolicyName", "all"), ("PolicyDocument", &document)];
        self.iam(&put).await;
        let key = self.iam(&[("Action", "CreateAccessKey"), ("UserName", name)]).await;
        Credentials::new(element(&key, "AccessKeyId"), element(&key, "SecretAccessKey"), None, None, "test kit")
    }

    /// Makes a role that `trust` lets assume.
    pub async fn role(&self, name: &str, trust: &Value) {
        let document = trust.to_string();
        self.iam(&[("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", &document)]).await;
    }

    /// Replaces a role's trust policy.
    pub async fn set_trust(&self, role: &str, trust: &Value) {
        let document = trust.to_string();
        let update = [("Action", "UpdateAssumeRolePolicy"), ("RoleName", role), ("PolicyDocument", document.as_str())];
        self.iam(&update).await;
    }

    /// Replaces what a role may do.
    pub async fn set_permissions(&self, role: &str, policy: &Value) {
        let document = policy.to_string();
        let put =
            [("Action", "PutRolePolicy"), ("RoleName", role), ("PolicyName", "all"), ("PolicyDocument", &document)];
        self.iam(&put).await;
    }

    /// Adds a policy of its own to what a role may do.
    pub async fn add_permissions(&self, role: &str, name: &str, policy: &Value) {
        let document = policy.to_string();
        let put =
            [("Action", "PutRolePolicy"), ("RoleName", role), ("PolicyName", name), ("PolicyDocument", &document)];
        self.iam(&put).await;
    }

    /// Takes a policy of its own away from a role.
    pub async fn remove_permissions(&self, role: &str, name: &str) {
        self.iam(&[("Action", "DeleteRolePolicy"), ("RoleName", role), ("PolicyName", name)]).await;
    }

    /// Gives credentials of this account's own that last some seconds only, as a session of `role`.
    pub async fn brief_session(&self, role: &str, seconds: u32) -> Credentials {
        let arn = format!("arn:aws:iam::{}:role/{role}", self.account);
        let seconds = seconds.to_string();
        let assume = [
            ("Action", "AssumeRole"),
            ("RoleArn", &arn),
            ("RoleSessionName", "brief"),
            ("DurationSeconds", seconds.as_str()),
        ];
        let answer = self.query("sts", "2011-06-15", &assume).await;
        let token = Some(element(&answer, "SessionToken"));
        Credentials::new(element(&answer, "AccessKeyId"), element(&answer, "SecretAccessKey"), token, None, "test kit")
    }

    /// Makes a bucket in `region`.
    pub async fn bucket(&self, name: &str, region: &str) -> Bucket {
        let body = if region == "us-east-1" {
            String::new()
        } else {
            format!(
                "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            )
        };
        let bucket = Bucket { owner: self.clone(), name: name.to_owned(), region: region.to_owned() };
        bucket.send(Method::PUT, "", body.into_bytes()).await;
        bucket
    }

    async fn iam(&self, parameters: &[(&str, &str)]) -> String {
        self.query("iam", "2010-05-08", parameters).await
    }

    /// Says what Cost Explorer answers about this account, or what it was asked: an operation of the emulator's own.
    pub async fn cost_explorer(&self, operation: &str, request: &Value) -> Value {
        let operation = format!("AWSInsightsIndexService.{operation}");
        self.json(("ce", &operation), request).await
    }

    /// One call of a service that takes form parameters.
    async fn query(&self, service: &str, version: &str, parameters: &[(&str, &str)]) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(parameters).append_pair("Version", version);
        let request = Request {
            method: Method::POST,
            service,
            region: "us-east-1",
            target: "/".to_owned(),
            content_type: "application/x-www-form-urlencoded; charset=utf-8",
            operation: None,
            body: form.finish().into_bytes(),
        };
        self.send(request).await
    }

    /// One call of a service that takes JSON.
    pub(super) async fn json(&self, (service, operation): (&str, &str), body: &Value) -> Value {
        let request = Request {
            method: Method::POST,
            service,
            region: "us-east-1",
            target: "/".to_owned(),
            content_type: "application/x-amz-json-1.1",
            operation: Some(operation),
            body: body.to_string().into_bytes(),
        };
        serde_json::from_str(&self.send(request).await).expect("an answer in JSON")
    }

    async fn send(&self, request: Request<'_>) -> String {
        let url = format!("{}{}", emulator::url(), request.target);
        let identity = Credentials::new(&self.account, "test", None, None, "test kit").into();
        let mut settings = SigningSettings::default();
        if request.service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(request.region)
            .name(request.service)
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .expect("all parameters are given");
        let operation = request.operation.map(|operation| ("x-amz-target", operation));
        let headers: Vec<_> = std::iter::once(("content-type", request.content_type)).chain(operation).collect();
        let body = SignableBody::Bytes(&request.body);
        let signable = SignableRequest::new(request.method.as_str(), &url, headers.iter().copied(), body)
            .expect("a sound request");
        let signed = sign(signable, &parameters.into()).expect("it can be signed");
        let mut sending = self.http.request(request.method.clone(), &url);
        for (name, value) in headers.into_iter().chain(signed.output().headers()) {
            sending = sending.header(name, value);
        }
        let answer = sending.body(request.body).send().await.expect("the emulator answers");
        let status = answer.status();
        let text = answer.text().await.expect("an answer in text");
        let fine = [StatusCode::OK, StatusCode::CREATED, StatusCode::NO_CONTENT].contains(&status);
        assert!(fine, "{} {} answered {status}: {text}", request.method, request.target);
        text
    }
}

/// A bucket, as its owner handles it.
#[derive(Clone)]
pub struct Bucket {
    owner: Admin,
    /// Its name.
    pub name: String,
    /// The region that it lives in.
    pub region: String,
}

impl Bucket {
    /// Writes an object. Keys here need no escaping in a URL.
    pub async fn put(&self, key: &str, body: impl Into<Vec<u8>>) {
        self.send(Method::PUT, &format!("/{key}"), body.into()).await;
    }

    /// Removes an object.
    pub async fn delete(&self, key: &str) {
        self.send(Method::DELETE, &format!("/{key}"), Vec::new()).await;
    }

    /// Replaces the bucket's own policy.
    pub async fn set_policy(&self, policy: &Value) {
        self.send(Method::PUT, "?policy", policy.to_string().into_bytes()).await;
    }

    async fn send(&self, method: Method, rest: &str, body: Vec<u8>) {
        let request = Request {
            method,
            service: "s3",
            region: &self.region,
            target: format!("/{}{rest}", self.name),
            content_type: "application/octet-stream",
            operation: None,
            body,
        };
        self.owner.send(request).await;
    }
}

/// The text of the first element of that name in an XML answer.
fn element(xml: &str, name: &str) -> String {
    let start = xml.split_once(&format!("<{name}>")).map(|(_, rest)| rest);
    let text = start.and_then(|rest| rest.split_once("</")).map(|(text, _)| text);
    text.unwrap_or_else(|| panic!("no `{name}` in {xml}")).to_owned()
}
