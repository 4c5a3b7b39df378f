//! SQL: over HTTP, on the command line, and with Postgres's own clients; and statements that mean harm.

mod clients;
mod hostile;

use billing::names::OrgId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::bill::Delivery;
use crate::kit::emulator;
use crate::kit::server::{Answer, Install, Server};
use crate::kit::story::{Story, wait};
use crate::kit::world::World;

/// A server that also answers Postgres clients.
async fn server() -> Server {
    server_with(&[]).await
}

/// The same with settings of the environment.
async fn server_with(settings: &[(&'static str, &str)]) -> Server {
    let install = Install::at(emulator::url()).await.with("BILLCONNECT_SQL_LISTEN", "127.0.0.1:0");
    Server::over(settings.iter().fold(install, |install, (name, value)| install.with(name, value)))
}

/// Where a server answers Postgres clients.
async fn port(server: &Server) -> String {
    let line = || {
        let address = |line: &str| Some(line.split_once("Postgres clients on ")?.1.rsplit(':').next()?.to_owned());
        server.log().lines().find_map(address)
    };
    wait("the SQL listener", async || line().is_some()).await;
    line().unwrap().trim().to_owned()
}

/// An org with a bill in which a word of its own is planted.
struct Tenant {
    org: OrgId,
    token: String,
    planted: String,
}

impl Tenant {
    /// Makes an org whose only product is `planted`, with a cost of its own, and waits until its bill is read.
    async fn on(server: &Server, planted: &str, cost: &str) -> Self {
        let org = server.install().org(planted);
        let token = server.access_token(org, "viewer").await;
        let admin = server.access_token(org, "admin").await;
        let world = World::of(org, "us-east-1").await;
        let lines = [("Usage", planted, cost), ("Tax", planted, "0.000000000000000001")];
        Delivery::of(world.candidate.account.as_ref(), &lines).put(&world).await;
        let candidate = &world.candidate;
        let body = json!({
            "aws_bill_account_id": candidate.account, "aws_bucket_name": candidate.bucket, "aws_bucket_path": candidate.path,
            "aws_sts_role_arn": world.role().arn,
        });
        let path = format!("/api/onboarding/orgs/{org}/bill_connects/aws/iam_role");
        let connected = server.call(Method::POST, &path, Some(&admin), Some(body.to_string())).await;
        assert_eq!(connected.status, 201, "{}", connected.json);
        let tenant = Self { org, token, planted: planted.to_owned() };
        wait("the bill to be read", async || {
            let answer = tenant.ask(server, "SELECT count(*) FROM charges").await;
            answer.json["values"] == json!([[2]])
        })
        .await;
        tenant
    }

    async fn send(&self, server: &Server, body: Value) -> Answer {
        let path = format!("/finops-onboarding/v1/orgs/{}/sql", self.org);
        server.call(Method::POST, &path, Some(&self.token), Some(body.to_string())).await
    }

    async fn ask(&self, server: &Server, query: &str) -> Answer {
        self.send(server, json!({ "query": query })).await
    }
}

#[tokio::test]
async fn an_org_asks_in_sql_over_http_and_on_the_command_line() {
    let server = server().await;
    let empty = Story::on(server).await;
    let nothing = json!({ "query": "SELECT sum(BilledCost) AS cost FROM charges" });
    let path = format!("/finops-onboarding/v1/orgs/{}/sql", empty.org);
    let answer = empty.call(Method::POST, &path, Some(nothing)).await;
    let expect = json!({ "kind": "finops:sql-answer", "columns": [{ "name": "cost", "type": "numeric" }], "values": [[null]], "truncated": false });
    assert_eq!((answer.status, &answer.json), (200, &expect));
    let server = &empty.server;
    let tenant = Tenant::on(server, "AmazonPlanted", "7.123456789012345678").await;
    let query =
        "SELECT x_ServiceCode AS service, sum(BilledCost) AS cost FROM charges WHERE x_ServiceCode = $1 GROUP BY 1";
    let answer = tenant.send(server, json!({ "query": query, "parameters": ["AmazonPlanted"] })).await;
    assert_eq!(answer.json["values"].to_string(), r#"[["AmazonPlanted",7.123456789012345679]]"#, "{}", answer.json);
    let cut = tenant.send(server, json!({ "query": "SELECT 1 FROM charges", "limit": 1 })).await;
    assert_eq!((&cut.json["values"], &cut.json["truncated"]), (&json!([[1]]), &json!(true)));
    let body = json!({ "query": query.replace("$1", "'AmazonPlanted'"), "format": "csv" }).to_string();
    let path = format!("/finops-onboarding/v1/orgs/{}/sql", tenant.org);
    let csv = server.raw(Method::POST, &path, Some(&tenant.token), body.into_bytes()).await;
    assert_eq!(
        (csv.content_type.as_str(), csv.text.as_str()),
        ("text/csv", "service,cost\r\nAmazonPlanted,7.123456789012345679\r\n")
    );
    for (query, expect) in [
        ("SELECT BiledCost FROM charges", "did you mean `BilledCost`?"),
        ("SELECT 1 / 0", "division by zero"),
        ("DELETE FROM charges", "only a query is answered"),
        ("SELECT * FROM chargs", "there is no such table (line 1, column 15); there are `charges`"),
    ] {
        let answer = tenant.ask(server, query).await;
        let message = answer.json["message"].as_str().unwrap_or_default();
        assert!(answer.status == 422 && message.contains(expect), "{query}: {} {message}", answer.status);
    }
    let org = tenant.org.to_string();
    let run = |more: &[&str]| server.install().run(&[&["sql", "--org", &org], more].concat());
    let query = "SELECT sum(BilledCost) AS cost FROM charges";
    let printed = |more: &[&str]| String::from_utf8(run(more).stdout).unwrap();
    assert_eq!(printed(&["--csv", "-c", query]), "cost\n7.123456789012345679\n");
    assert_eq!(printed(&["--json", "-c", query]), "{\"cost\":7.123456789012345679}\n");
    assert!(printed(&["-c", query]).contains("7.123456789012345679"));
    let refused = run(&["-c", "DROP TABLE charges"]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("only a query is answered"));
}

#[tokio::test]
async fn clear_text_is_not_spoken_beyond_loopback() {
    let install = Install::offline();
    let output = install.run(&["serve", "--listen", "127.0.0.1:0", "--sql-listen", "0.0.0.0:0"]);
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && talk.contains("is not loopback") && talk.contains("certificate"), "{talk}");
}
