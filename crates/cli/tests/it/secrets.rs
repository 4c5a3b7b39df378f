//! Secrets are planted wherever one can be, everything that can go wrong with them is made to go wrong, and then everything
//! that the server wrote or said is searched for them.

use aws::Credentials;
use billing::policy;
use billing::role::Partition;
use reqwest::Method;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::kit::bill::Delivery;
use crate::kit::contract::Contract;
use crate::kit::proxy::Proxy;
use crate::kit::secret::{Scan, Secret};
use crate::kit::server::{Install, Server};
use crate::kit::story::{Story, wait};
use crate::kit::world::{self, World};

/// A server that logs all that it can, the secrets that it was told, and all that it answered.
struct Watch {
    story: Story,
    proxy: Proxy,
    refresh: String,
    operator: String,
    /// What is put where it does not belong.
    misplaced: Vec<String>,
    secrets: Vec<Secret>,
    answers: Vec<String>,
}

impl Watch {
    async fn new() -> Self {
        let proxy = Proxy::start().await;
        let install = Install::at(&proxy.url).await.with("BILLCONNECT_LOG", "trace").patient();
        let story = Story::on(Server::over(install)).await;
        let refresh = story.server.install().refresh_token(story.org, "admin");
        let operator = story.server.install().operator_token();
        let org = story.org.to_string();
        let account = ["service-account", "--org", &org, "create", "--name", "ci", "--role", "admin", "--json"];
        let account = story.server.install().json(&account);
        let client = account["client_secret"].as_str().unwrap().to_owned();
        let customers = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYzEXAMPLEK3".to_owned();
        let misplaced = vec![refresh.clone(), story.token.clone(), client.clone(), operator.clone(), customers.clone()];
        let own = world::operator().await;
        let secrets = vec![
            Secret::new("the refresh token", &refresh),
            Secret::new("the access token", &story.token),
            Secret::new("the operator's secret key", own.secret_access_key()),
            Secret::new("the client secret", &client),
            Secret::new("the operator token", &operator),
            Secret::new("a customer's secret key", &customers),
        ];
        Self { story, proxy, refresh, operator, misplaced, secrets, answers: Vec::new() }
    }

    /// Sends something, and keeps the answer.
    async fn send(&mut self, (method, path): (Method, &str), body: &Value) -> u16 {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let token = if path.starts_with("/operator/") { &self.operator } else { &self.story.token };
        let answer = self.story.server.raw(method, path, Some(token), body).await;
        let asked = path.split('?').next().unwrap_or_default();
        self.answers.push(format!("{asked} {}", answer.text));
        answer.status
    }

    /// Exchanges a refresh token; the answer is the one place where tokens may be, and only its own.
    async fn exchange(&mut self, path: &str) {
        let form = format!("grant_type=refresh_token&refresh_token={}", self.refresh);
        let answer = self.story.server.raw(Method::POST, path, None, form.into_bytes()).await;
        assert_eq!(answer.status, 200);
        let granted: Value = serde_json::from_str(&answer.text).unwrap();
        self.secrets.push(Secret::new("another access token", granted["access_token"].as_str().unwrap()));
    }

    /// An IAM user's keys: refused, connected, read with, changed for the user's next ones, and proven once more.
    async fn by_a_user(&mut self) {
        let world = World::of(self.story.org, "us-east-1").await;
        let (bucket, payer) = (&world.candidate.bucket, world.candidate.account.as_ref());
        let may_read = policy::permission_policy(Partition::Aws, bucket);
        let nothing_else = json!({ "Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*" });
        let nothing_else = json!({ "Version": "2012-10-17", "Statement": [nothing_else] });
        let stranger = world.payer.user("stranger", &nothing_else).await;
        let user = world.payer.user("bill-reader", &may_read).await;
        let next = world.payer.user("next-reader", &may_read).await;
        for (whose, keys) in [("the stranger", &stranger), ("the user", &user), ("the next user", &next)] {
            self.secrets.push(Secret::new(format!("{whose}'s access key id"), keys.access_key_id()));
            self.secrets.push(Secret::new(format!("{whose}'s secret key"), keys.secret_access_key()));
        }
        let body = |keys: &Credentials| {
            json!({
                "billAccountId": payer, "bucketName": bucket, "bucketPath": "bills",
                "accessKey": keys.access_key_id(), "secretAccessKey": keys.secret_access_key(),
            })
        };
        Delivery::good(payer).put(&world).await;
        let made = format!("/finops-onboarding/v1/orgs/{}/bill-connects/aws/iam-user", self.story.org);
        assert_eq!(self.send((Method::POST, &made), &body(&stranger)).await, 422);
        let mut crossed = body(&user);
        crossed["secretAccessKey"] = json!(stranger.secret_access_key());
        assert_eq!(self.send((Method::POST, &made), &crossed).await, 422);
        assert_eq!(self.send((Method::POST, &made), &body(&user)).await, 201);
        let history = format!("/api/status/orgs/{}/bill_id/aws-{payer}/import-history", self.story.org);
        let story = &self.story;
        wait("the user's bill", async || story.get(&history).await[0]["status"] == "completed").await;
        assert_eq!(self.send((Method::PATCH, &format!("{made}/aws-{payer}")), &body(&next)).await, 204);
        assert_eq!(self.send((Method::PATCH, &format!("{made}/aws-{payer}")), &body(&stranger)).await, 422);
        for path in ["bill-connects", "bill-connects/validations", &format!("bill-connects/aws/aws-{payer}")] {
            let path = format!("/finops-onboarding/v1/orgs/{}/{path}", self.story.org);
            assert_eq!(self.send((Method::GET, &path), &Value::Null).await, 200, "{path}");
        }
    }

    /// Every secret in every field of every body, and in every parameter of every query.
    async fn misplace_everything(&mut self) {
        let contract = Contract::of(&self.story.server).await;
        let operations: Vec<(Method, String)> =
            contract.operations().into_iter().map(|(method, path)| (method, path.to_owned())).collect();
        for (method, template) in operations {
            let (fields, queries) = (contract.fields(&method, &template), contract.queries(&method, &template));
            let segments = template.split('/').map(|segment| match segment {
                "{org}" => self.story.org.to_string(),
                segment if segment.starts_with('{') => "1".to_owned(),
                segment => segment.to_owned(),
            });
            let path = segments.collect::<Vec<_>>().join("/");
            for value in self.misplaced.clone() {
                for body in [
                    Value::Object(fields.iter().map(|field| (field.clone(), json!(value))).collect()),
                    Value::Object(fields.iter().map(|field| (field.clone(), json!([value]))).collect()),
                    json!({ (value.as_str()): value }),
                    json!(value),
                ] {
                    let status = self.send((method.clone(), &path), &body).await;
                    assert!(status < 500, "{method} {path}: {status}");
                }
                let mut query = form_urlencoded::Serializer::new(String::new());
                let query = query.extend_pairs(queries.iter().map(|name| (name, &value))).finish();
                let status = self.send((method.clone(), &format!("{path}?{query}")), &Value::Null).await;
                assert!(status < 500, "{method} {path} with a query: {status}");
            }
        }
    }

    /// What of all this is somewhere, the server being at its end.
    fn leaks(mut self) -> Vec<String> {
        let sessions = self.proxy.session_secrets();
        assert!(sessions.len() >= 4, "sessions were opened: {}", sessions.len());
        self.secrets.extend(sessions.iter().map(|secret| Secret::new("a session's secret", secret)));
        let scan = Scan::of(&self.secrets);
        let mut leaks = scan.found_below(self.story.server.install().data());
        self.story.server.kill();
        let log = self.story.server.log();
        assert!(log.contains("TRACE"), "all was logged");
        for line in log.lines() {
            leaks.extend(scan.found(line.as_bytes()).into_iter().map(|found| format!("log: {found}: {line}")));
        }
        for answer in &self.answers {
            leaks.extend(scan.found(answer.as_bytes()).into_iter().map(|found| format!("answer: {found}: {answer}")));
        }
        leaks.extend(scan.found_below(self.story.server.install().data()));
        leaks
    }
}

#[tokio::test]
async fn no_secret_is_written_or_said() {
    let mut watch = Watch::new().await;
    watch.exchange("/oidc/token").await;
    watch.exchange("/api/oauth2").await;
    // A bill from its connecting to its costs, refusals before and after.
    let connect = format!("/api/onboarding/orgs/{}/bill_connects/aws/iam_role", watch.story.org);
    let (body, payer) = (watch.story.body(), watch.story.payer().to_owned());
    watch.story.world.without("s3:ListBucket").await;
    assert_eq!(watch.send((Method::POST, &connect), &body).await, 422);
    watch.story.world.with_all_permissions().await;
    Delivery::good(&payer).put(&watch.story.world).await;
    assert_eq!(watch.send((Method::POST, &connect), &body).await, 201);
    watch.story.completed(1).await;
    let validate = format!("/finops-onboarding/v1/orgs/{}/bill-connects/validations", watch.story.org);
    assert_eq!(watch.send((Method::GET, &validate), &Value::Null).await, 200);
    watch.by_a_user().await;
    watch.misplace_everything().await;
    for token in ["wrong", &watch.refresh.clone(), &watch.refresh.to_uppercase()] {
        let answer = watch.story.server.raw(Method::GET, &connect, Some(token), Vec::new()).await;
        watch.answers.push(answer.text);
    }
    let leaks = watch.leaks();
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
}
