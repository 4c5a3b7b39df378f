//! A bill connect of generated bills: an org of its own, its world, and what happens to its bills.

use std::collections::BTreeMap;
use std::path::Path;

use billing::names::OrgId;
use reqwest::Method;
use sample::{Month, Spec};
use serde_json::{Value, json};

use super::bill::{Bill, Round};
use crate::kit::server::Server;
use crate::kit::story::wait;
use crate::kit::world::World;

/// How often each month's deliveries have ended in which way.
type History = BTreeMap<(String, String), usize>;

/// A bill connect, its bills, and what happens to them.
pub struct Connect {
    /// Its org, which has no other: an org's table stays small.
    pub org: OrgId,
    token: String,
    /// Its AWS account.
    pub world: World,
    /// Its bills, and what happens to each.
    pub bills: Vec<(Bill, Vec<Round>)>,
}

impl Connect {
    /// An org made by the operator, and an AWS account set up rightly; nothing is delivered or connected.
    pub async fn new(server: &Server, operator: &str, bills: &[Bill]) -> Self {
        let create = async |path: &str, body: Value| {
            let answer = server.call(Method::POST, path, Some(operator), Some(body.to_string())).await;
            assert_eq!(answer.status, 201, "{path}: {}", answer.json);
            answer.json
        };
        let made_org = create("/operator/v1/orgs", json!({ "name": "Generated" })).await;
        let org: OrgId = made_org["id"].as_str().unwrap().parse().unwrap();
        let refresh = create(&format!("/operator/v1/orgs/{org}/refresh-tokens"), json!({ "role": "admin" })).await;
        let form = format!("grant_type=refresh_token&refresh_token={}", refresh["refreshToken"].as_str().unwrap());
        let grant = server.call(Method::POST, "/oidc/token", None, Some(form)).await.json;
        let token = grant["access_token"].as_str().unwrap().to_owned();
        let world = World::of(org, "us-east-1").await;
        Self { org, token, world, bills: bills.iter().map(|bill| (*bill, Vec::new())).collect() }
    }

    /// Its id.
    pub fn id(&self) -> String {
        format!("aws-{}", self.world.candidate.account)
    }

    async fn call(&self, server: &Server, (method, path): (Method, String), body: Option<Value>) -> Value {
        let answer = server.call(method, &path, Some(&self.token), body.map(|body| body.to_string())).await;
        assert!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.json);
        answer.json
    }

    /// Connects it, which has it looked at.
    async fn connect(&self, server: &Server) {
        let candidate = &self.world.candidate;
        let body = json!({
            "billAccountId": candidate.account, "bucketName": candidate.bucket, "bucketPath": candidate.path,
            "stsRoleArn": self.world.role().arn,
        });
        let path = format!("/finops-onboarding/v1/orgs/{}/bill-connects/aws/iam-role", self.org);
        self.call(server, (Method::POST, path), Some(body)).await;
    }

    /// Puts what a round brings into the bucket.
    pub async fn put(&self, round: &Round) {
        for (key, path) in &round.puts {
            self.world.bucket.put(key, std::fs::read(path).unwrap()).await;
        }
    }

    /// Has it looked at now: so many are polled too seldom to wait for.
    pub async fn look(&self, server: &Server, round: usize) {
        if round == 0 {
            return self.connect(server).await;
        }
        let path = format!("/finops-onboarding/v1/orgs/{}", self.org);
        for act in ["pause", "resume"] {
            let path = format!("{path}/bill-connects/aws/{}/{act}", self.id());
            self.call(server, (Method::POST, path), None).await;
        }
    }

    /// How often each month's deliveries have ended in which way.
    async fn history(&self, server: &Server) -> History {
        let path = format!("/api/status/orgs/{}/bill_id/{}/import-history", self.org, self.id());
        let mut counts = BTreeMap::new();
        for import in self.call(server, (Method::GET, path), None).await.as_array().unwrap() {
            let text = |name: &str| import[name].as_str().unwrap().to_owned();
            *counts.entry((text("billing_period"), text("status"))).or_default() += 1;
        }
        counts
    }

    /// Waits until every month is what a round leaves it as: as long as it takes, if only it gets on.
    pub async fn settle(&self, server: &Server, round: usize) {
        let mut seen = self.history(server).await;
        while !self.is_settled(&seen, round) {
            let what = format!("{} to get on in round {round}", self.id());
            wait(&what, async || self.history(server).await != seen).await;
            seen = self.history(server).await;
        }
    }

    /// Whether every month is what a round leaves it as.
    fn is_settled(&self, history: &History, round: usize) -> bool {
        let ended =
            |month: Month, how: &str| history.get(&(month.to_string(), how.to_owned())).copied().unwrap_or_default();
        self.bills.iter().all(|(bill, rounds)| {
            let completed = rounds.get(..=round).unwrap_or(rounds).last().map_or(0, |round| round.completed);
            let half = rounds.get(round).is_some_and(|round| round.completed == 0);
            ended(bill.month, "completed") == completed && (!half || ended(bill.month, "aborted") > 0)
        })
    }

    /// What it cost by account and line item type, as the API tells.
    pub async fn costs(&self, server: &Server) -> Value {
        let body = json!({
            "billing_center_ids": ["unallocated"], "dimensions": ["bill_source", "vendor_account", "line_item_type"],
            "metrics": ["cost_nonamortized_unblended_adj", "cost_amortized_unblended_adj", "list_price_nonamortized_adj"],
            "start_at": "2025-01", "end_at": "2027-01", "period_type": "billing_period",
        });
        let path = format!("/bill-analysis/orgs/{}/costs/aggregated", self.org);
        let answer = self.call(server, (Method::POST, path), Some(body)).await;
        assert_eq!(answer["rowsTruncated"], false);
        answer
    }

    /// Writes every delivery of its bills.
    pub fn write(&mut self, folder: &Path) {
        let candidate = &self.world.candidate;
        let place = Spec {
            accounts: 3,
            path_prefix: candidate.path.to_string(),
            report_name: "R".to_owned(),
            payer_account: candidate.account.to_string(),
            bucket: candidate.bucket.to_string(),
            ..Spec::default()
        };
        for (bill, rounds) in &mut self.bills {
            *rounds = bill.rounds(&place, folder);
        }
    }
}
