//! The router over a real store and lake, with an AWS that never answers.

mod access;
mod conformance;
mod connecting;
mod costs;
mod deliveries;
mod errors;
mod exports;
mod months;
mod setup;
mod shapes;
mod tokens;

use std::sync::Arc;

use app::audit::{Actor, Who};
use app::store::Store;
use app::tokens::Role;
use app::{App, AwsAccount, PartStream, Settings, Tried};
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use billing::connection::{Access, BillConnect, Candidate, Presented, RoleAccess};
use billing::delivery::PartHead;
use billing::names::{OrgId, Region};
use billing::organization::{OrganizationPage, OrganizationQuestion};
use billing::probe::{
    Accounts, Caller, Level, ObjectHead, ObjectText, Organization, Peek, Probe, Refusal, RefusalKind,
};
use billing::reservation::{Page, PageQuestion};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::HttpSettings;

/// What connecting to an AWS that is down looks like.
struct NoAws;

fn down<T>() -> Probe<T> {
    Probe::Refused(Box::new(no_answer()))
}

fn no_answer() -> Refusal {
    Refusal {
        action: "sts:AssumeRole".into(),
        resource: "*".into(),
        kind: RefusalKind::Unavailable,
        code: "Timeout".into(),
        message: "no answer".into(),
        request_id: None,
    }
}

#[async_trait::async_trait]
impl AwsAccount for NoAws {
    async fn operator(&self) -> Probe<Caller> {
        down()
    }
    async fn assume(&self, _: &Candidate, _: Presented<'_>) -> Probe<Caller> {
        down()
    }
    async fn identify(&self, _: &Candidate) -> Probe<Caller> {
        down()
    }
    async fn bucket_region(&self, _: &Candidate) -> Probe<Region> {
        down()
    }
    async fn list(&self, _: &Candidate, _: &Region, _: &str) -> Probe<Level> {
        down()
    }
    async fn list_below(&self, _: &Candidate, _: &Region, _: &str) -> Probe<Vec<ObjectHead>> {
        down()
    }
    async fn head(&self, _: &Candidate, _: &Region, _: &str) -> Probe<ObjectHead> {
        down()
    }
    async fn read_small(&self, _: &Candidate, _: &Region, _: &str) -> Probe<ObjectText> {
        down()
    }
    async fn read_first_byte(&self, _: &Candidate, _: &Region, _: &str) -> Probe<()> {
        down()
    }
    async fn peek(&self, _: &Candidate, _: &Region, _: &str) -> Probe<Peek> {
        down()
    }
    async fn organization(&self, _: &Candidate) -> Probe<Organization> {
        down()
    }
    async fn accounts(&self, _: &Candidate) -> Probe<Accounts> {
        down()
    }
    async fn organization_page(
        &self,
        _: &Candidate,
        _: &OrganizationQuestion,
        _: Option<&str>,
    ) -> Probe<OrganizationPage> {
        down()
    }
    async fn reservations(&self, _: &Candidate, _: &PageQuestion) -> Probe<Page> {
        down()
    }
    async fn unpublished(&self, _: &Candidate, _: &Region) -> Probe<Tried> {
        down()
    }
    async fn open(&self, _: &Candidate, _: &Region, _: &PartHead) -> Result<PartStream, Refusal> {
        Err(no_answer())
    }
}

/// An API with one org and a token of each role.
struct Api {
    app: Arc<App>,
    settings: HttpSettings,
    org: OrgId,
    admin: String,
    viewer: String,
    _folder: tempfile::TempDir,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that this is an error in the one form, and gives its message.
    #[track_caller]
    fn error(&self, status: u16, name: &str) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/vnd.goa.error");
        assert_eq!(self.header("cache-control"), "no-store");
        let body = self.json();
        let fields: Vec<&String> = body.as_object().unwrap().keys().filter(|key| *key != "checks").collect();
        assert_eq!(fields, ["name", "id", "message", "temporary", "timeout", "fault"]);
        assert_eq!(body["name"], name);
        assert_eq!(body["fault"], status >= 500);
        assert_eq!(body["temporary"], [429, 502, 503].contains(&status));
        assert_eq!(body["timeout"], [408, 504].contains(&status));
        assert!(body["id"].as_str().unwrap().len() > 8 && !self.message().is_empty());
        self.message()
    }
}

impl Api {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db")).await.unwrap();
        let lake = lake::Lake::open(&folder.path().join("lake"), lake::LakeSettings::default()).unwrap();
        let org = store.create_org("Acme").await.unwrap().id;
        let app = Arc::new(App::new(store, lake, Arc::new(NoAws), settings()));
        let (admin, viewer) = (token(&app, org, Role::Admin).await, token(&app, org, Role::Viewer).await);
        Self { app, settings: HttpSettings::default(), org, admin, viewer, _folder: folder }
    }

    /// Sends a request as it is; the answer must be one that the document lists.
    async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let response = crate::router(self.app.clone(), self.settings.clone()).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        let answer = Answer { status: parts.status, headers: parts.headers, text };
        conformance::check((&method, &path), (answer.status.as_u16(), answer.header("content-type"), &answer.text));
        answer
    }

    /// `GET` as the org's viewer; `{org}` in the path is the org's id.
    async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path, &self.viewer).body(Body::empty()).unwrap()).await
    }

    /// `POST` as the org's admin, the way plain curl does it.
    async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.request("POST", path, &self.admin);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    fn request(&self, method: &str, path: &str, token: &str) -> axum::http::request::Builder {
        let uri = path.replace("{org}", &self.org.to_string());
        Request::builder().method(method).uri(uri).header(header::AUTHORIZATION, format!("Bearer {token}"))
    }

    /// Stores a bill connect as connecting would have.
    async fn connected(&self, account: &str) -> BillConnect {
        let candidate = Candidate {
            org: self.org,
            account: account.parse().unwrap(),
            bucket: "acme-bills".parse().unwrap(),
            path: "cur".parse().unwrap(),
            access: Access::Role(RoleAccess {
                arn: format!("arn:aws:iam::{account}:role/reader").parse().unwrap(),
                session_name: "flexera_optima".parse().unwrap(),
                external_id: self.org.external_id(),
            }),
            effective_from: None,
            report: None,
        };
        let connect = BillConnect {
            candidate,
            region: "eu-west-1".parse().unwrap(),
            created_at: time::macros::datetime!(2026-10-01 12:00:00.5 UTC),
            updated_at: time::macros::datetime!(2026-10-02 12:00 UTC),
        };
        let report = json!({
            "fingerprint": null, "access": "role", "region": null, "waiting": false, "judged_at": "2026-10-01T12:00:00Z", "checks": []
        });
        let report = serde_json::from_value(report).unwrap();
        self.app.store().insert_connect(&connect, &report).await.unwrap();
        connect
    }
}

/// Whoever sets a test up.
fn nobody() -> Actor {
    Actor::local(Who::Unknown)
}

fn settings() -> Settings {
    Settings {
        operator_principal: Some("arn:aws:iam::999999999999:user/billconnect".to_owned()),
        ..Settings::default()
    }
}

async fn token(app: &App, org: OrgId, role: Role) -> String {
    let me = nobody();
    let (_, refresh) = app.create_refresh_token(&me, org, role).await.unwrap();
    let grant = app.exchange(&me, &refresh, std::time::Duration::from_mins(1)).await.unwrap();
    grant.access_token.expose_secret().to_owned()
}

/// The body of the published request, first generation.
fn first_body() -> Value {
    json!({
        "aws_bill_account_id": "123456789012", "aws_bucket_name": "acme-bills", "aws_bucket_path": "cur",
        "aws_sts_role_arn": "arn:aws:iam::123456789012:role/reader"
    })
}

/// The same, second generation.
fn second_body() -> Value {
    json!({
        "billAccountId": "123456789012", "bucketName": "acme-bills", "bucketPath": "cur",
        "stsRoleArn": "arn:aws:iam::123456789012:role/reader"
    })
}

/// `body` with some fields changed; `null` takes one away.
fn with(mut body: Value, changes: Value) -> Value {
    let (Value::Object(all), Value::Object(changes)) = (&mut body, changes) else { panic!("objects") };
    for (field, value) in changes {
        if value.is_null() {
            all.remove(&field)
        } else {
            all.insert(field, value)
        };
    }
    body
}

const FIRST: &str = "/api/onboarding/orgs/{org}/bill_connects";
const SECOND: &str = "/finops-onboarding/v1/orgs/{org}/bill-connects";
