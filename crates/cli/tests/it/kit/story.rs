//! A customer's story as far as tests share it: an org with a token on a running server, and its AWS account.

use std::time::Duration;

use billing::names::OrgId;
use reqwest::Method;
use serde_json::{Value, json};

use super::bill::Delivery;
use super::proxy::Proxy;
use super::server::{Answer, Install, Server};
use super::world::World;

/// How long anything may take that happens by itself. Only a hang reaches it: no test asserts a duration.
const PATIENCE: Duration = Duration::from_mins(5);

/// An org with an admin's access token, and its customer's world, set up rightly.
pub struct Story {
    /// The server.
    pub server: Server,
    /// The org.
    pub org: OrgId,
    /// An admin's access token.
    pub token: String,
    /// The customer's AWS account.
    pub world: World,
}

impl Story {
    /// A fresh one, nothing connected and nothing delivered.
    pub async fn new() -> Self {
        Self::on(Server::start().await).await
    }

    /// A fresh org on this server.
    pub async fn on(server: Server) -> Self {
        let org = server.install().org("Acme");
        let token = server.access_token(org, "admin").await;
        let world = World::of(org, "eu-west-1").await;
        Self { server, org, token, world }
    }

    /// A fresh one whose server reaches AWS through this proxy.
    pub async fn behind(proxy: &Proxy) -> Self {
        Self::on(Server::over(Install::at(&proxy.url).await)).await
    }

    /// The same with [`Delivery::good`] delivered, connected and published: its month costs 10.
    pub async fn published(self) -> Self {
        Delivery::good(self.payer()).put(&self.world).await;
        assert_eq!(self.connect().await.status, 201);
        self.completed(1).await;
        assert_eq!(self.billed().await, "10");
        self
    }

    /// The customer's payer account.
    pub fn payer(&self) -> &str {
        self.world.candidate.account.as_ref()
    }

    /// The published request's body.
    pub fn body(&self) -> Value {
        let candidate = &self.world.candidate;
        json!({
            "aws_bill_account_id": candidate.account,
            "aws_bucket_name": candidate.bucket,
            "aws_bucket_path": candidate.path,
            "aws_sts_role_arn": self.world.role().arn,
        })
    }

    /// Sends the published request.
    pub async fn connect(&self) -> Answer {
        let path = format!("/api/onboarding/orgs/{}/bill_connects/aws/iam_role", self.org);
        self.call(Method::POST, &path, Some(self.body())).await
    }

    /// The report of a dry run on the command line, whatever it says.
    pub async fn dry_run(&self) -> Value {
        let (org, candidate) = (self.org.to_string(), &self.world.candidate);
        let role = candidate.role().expect("by a role").arn.to_string();
        let arguments = [
            ["check", "--json"],
            ["--org", &org],
            ["--account", self.payer()],
            ["--bucket", candidate.bucket.as_ref()],
            ["--path", candidate.path.as_ref()],
            ["--role-arn", &role],
        ];
        let mut command = self.server.install().command(&arguments.concat());
        // Not on this thread: a proxy that the command asks may run on it.
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it does not panic");
        let output = output.expect("the binary starts");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Sends a request with the org's token.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.server.call(method, path, Some(&self.token), body.map(|body| body.to_string())).await
    }

    /// Asks for something that answers 200.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.call(Method::GET, path, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.json);
        answer.json
    }

    /// The org's bill connects.
    pub async fn bill_connects(&self) -> Value {
        self.get(&format!("/api/onboarding/orgs/{}/bill_connects", self.org)).await
    }

    /// The connection's imports, newest first.
    pub async fn imports(&self) -> Vec<Value> {
        let path = format!("/api/status/orgs/{}/bill_id/aws-{}/import-history", self.org, self.payer());
        self.get(&path).await.as_array().expect("a list").clone()
    }

    /// What stands in the way of the connection's bills.
    pub async fn status_errors(&self) -> Vec<String> {
        let all = self.get(&format!("/api/status/orgs/{}/bill-status-errors", self.org)).await;
        let errors = all[format!("aws-{}", self.payer())]["errors"].as_array().expect("a list").clone();
        errors.iter().map(|error| error["error_message"].as_str().expect("a text").to_owned()).collect()
    }

    /// Waits until so many imports have completed.
    pub async fn completed(&self, count: usize) {
        wait(&format!("{count} completed imports"), async || {
            self.imports().await.iter().filter(|import| import["status"] == "completed").count() >= count
        })
        .await;
    }

    /// Waits until the status names an error with this text in it, and gives it.
    pub async fn fails_with(&self, text: &str) -> String {
        wait(text, async || self.status_errors().await.iter().any(|error| error.contains(text))).await;
        self.status_errors().await.into_iter().find(|error| error.contains(text)).expect("it was there")
    }

    /// Waits until nothing stands in the way of the connection's bills any more.
    pub async fn recovers(&self) {
        wait("the status errors to go", async || self.status_errors().await.is_empty()).await;
    }

    /// What the API says it cost, by `dimensions`, billed and effective, over the months of 2026.
    pub async fn costs(&self, dimensions: &[&str]) -> Value {
        let body = json!({
            "billing_center_ids": ["unallocated"],
            "metrics": ["cost_nonamortized_unblended_adj", "cost_amortized_unblended_adj", "list_price_nonamortized_adj"],
            "dimensions": dimensions,
            "start_at": "2026-01",
            "end_at": "2027-01",
        });
        let answer =
            self.call(Method::POST, &format!("/bill-analysis/orgs/{}/costs/aggregated", self.org), Some(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        answer.json
    }

    /// The exact total that the API says was billed.
    pub async fn billed(&self) -> String {
        let costs = self.costs(&[]).await;
        let rows = costs["rows"].as_array().expect("rows");
        let cost = |row: &Value| row["metrics"]["cost_nonamortized_unblended_adj"].to_string();
        match rows.as_slice() {
            [] => "none".to_owned(),
            [row] => cost(row),
            several => panic!("one month was expected: {several:?}"),
        }
    }
}

/// Waits until something holds that happens by itself.
pub async fn wait(what: &str, holds: impl AsyncFn() -> bool) {
    let tries = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, tries).await.unwrap_or_else(|_| panic!("waited in vain for: {what}"));
}
