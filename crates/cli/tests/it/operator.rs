//! The operator: orgs and their credentials over HTTP and on the command line, and what is left of an org that is deleted.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::server::{Answer, Install, Server};
use crate::kit::story::Story;

/// A server, and an operator token for it.
fn operated() -> (Server, String) {
    let server = Server::over(Install::offline());
    let token = server.install().operator_token();
    (server, token)
}

async fn call(server: &Server, (method, path): (Method, &str), token: &str, body: Option<Value>) -> Answer {
    let path = format!("/operator/v1{path}");
    server.call(method, &path, Some(token), body.map(|body| body.to_string())).await
}

#[tokio::test]
async fn an_org_is_made_shown_listed_and_deleted() {
    let (server, token) = operated();
    let made = call(&server, (Method::POST, "/orgs"), &token, Some(json!({ "name": " Acme " }))).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let id = made.json["id"].as_str().unwrap().to_owned();
    assert_eq!((id.len(), &made.json["name"], &made.json["externalId"]), (9, &json!("Acme"), &json!(id)));
    let path = format!("/orgs/{id}");
    assert_eq!(call(&server, (Method::GET, &path), &token, None).await.json, made.json);
    for (body, status) in [
        (json!({ "name": "Own", "id": "123456" }), 201),
        (json!({ "name": "Own", "id": "123456" }), 409),
        (json!({ "name": "Short", "id": "12345" }), 400),
        (json!({ "name": "Guess", "id": 123_457 }), 400),
        (json!({ "name": " " }), 400),
        (json!({}), 400),
    ] {
        let answer = call(&server, (Method::POST, "/orgs"), &token, Some(body.clone())).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.json);
    }
    let first = call(&server, (Method::GET, "/orgs?limit=1"), &token, None).await.json;
    assert_eq!(first["values"][0]["id"], "123456");
    let next = first["nextPage"].as_str().unwrap();
    let second = server.call(Method::GET, next, Some(&token), None).await.json;
    assert_eq!(second["values"], json!([made.json]));

    assert_eq!(call(&server, (Method::DELETE, &path), &token, None).await.status, 204);
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(call(&server, (method, &path), &token, None).await.status, 404);
    }
    let again = call(&server, (Method::POST, "/orgs"), &token, Some(json!({ "name": "Again", "id": id }))).await;
    assert_eq!(again.status, 409, "ids never come back: {}", again.json);
    let listed = call(&server, (Method::GET, "/orgs"), &token, None).await.json;
    assert_eq!(listed["values"].as_array().unwrap().len(), 1);
    // What happened to it stays on record.
    let log = call(&server, (Method::GET, &format!("{path}/audit")), &token, None).await.json;
    assert_eq!(
        (&log["values"][0]["act"], &log["values"][0]["actor"]),
        (&json!("org.delete"), &json!("operator-token:1"))
    );
    let own = call(&server, (Method::GET, "/audit"), &token, None).await.json;
    assert_eq!(own["values"][0]["subject"], json!(format!("org:{id}")));
}

#[tokio::test]
async fn credentials_that_are_made_over_http_work() {
    let (server, token) = operated();
    let org = server.install().org("Acme");
    let base = format!("/orgs/{org}");
    let tokens = format!("{base}/refresh-tokens");
    let made = call(&server, (Method::POST, &tokens), &token, Some(json!({ "role": "viewer" }))).await;
    assert_eq!((made.status, &made.json["number"]), (201, &json!(1)), "{}", made.json);
    let refresh = made.json["refreshToken"].as_str().unwrap();
    let grant = async |form: String| server.call(Method::POST, "/oidc/token", None, Some(form)).await.status;
    let by_refresh = format!("grant_type=refresh_token&refresh_token={refresh}");
    assert_eq!(grant(by_refresh.clone()).await, 200);
    let listed = call(&server, (Method::GET, &format!("{base}/refresh-tokens")), &token, None).await.json;
    assert!(listed["values"][0]["lastUsedAt"].is_string() && !listed.to_string().contains(refresh), "{listed}");
    let revoke = format!("{base}/refresh-tokens/1");
    assert_eq!(call(&server, (Method::DELETE, &revoke), &token, None).await.status, 204);
    assert_eq!(call(&server, (Method::DELETE, &revoke), &token, None).await.status, 404);
    assert_eq!(grant(by_refresh).await, 401);

    let accounts = format!("{base}/service-accounts");
    let made = call(&server, (Method::POST, &accounts), &token, Some(json!({ "name": "ci", "role": "admin" }))).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let id = made.json["clientId"].as_str().unwrap();
    let by_secret = |made: &Answer| {
        let secret = made.json["clientSecret"].as_str().unwrap();
        format!("grant_type=client_credentials&client_id={id}&client_secret={secret}")
    };
    assert_eq!(grant(by_secret(&made)).await, 200);
    let account = format!("{accounts}/{id}");
    let second = call(&server, (Method::POST, &format!("{account}/secrets")), &token, None).await;
    assert_eq!((second.status, grant(by_secret(&second)).await), (201, 200), "{}", second.json);
    assert_eq!(call(&server, (Method::POST, &format!("{account}/secrets")), &token, None).await.status, 409);
    assert_eq!(call(&server, (Method::DELETE, &format!("{account}/secrets/1")), &token, None).await.status, 204);
    assert_eq!((grant(by_secret(&made)).await, grant(by_secret(&second)).await), (401, 200));
    let change = json!({ "disabled": true, "role": "viewer", "name": "new" });
    assert_eq!(call(&server, (Method::PATCH, &account), &token, Some(change)).await.status, 204);
    assert_eq!(grant(by_secret(&second)).await, 401);
    let shown = call(&server, (Method::GET, &account), &token, None).await.json;
    let expected = (&json!("new"), &json!("viewer"), &json!(true));
    assert_eq!((&shown["name"], &shown["role"], &shown["disabled"]), expected, "{shown}");
    for wrong in [json!({ "role": "owner" }), json!({ "disabled": "yes" }), json!({ "name": "" })] {
        assert_eq!(call(&server, (Method::PATCH, &account), &token, Some(wrong)).await.status, 400);
    }
    assert_eq!(call(&server, (Method::DELETE, &account), &token, None).await.status, 204);
    assert_eq!(call(&server, (Method::GET, &account), &token, None).await.status, 404);
    let nobody = "/orgs/999999999999/service-accounts";
    assert_eq!(call(&server, (Method::GET, nobody), &token, None).await.status, 404);
}

#[tokio::test]
async fn a_revoked_operator_token_is_dead_at_once() {
    let (server, token) = operated();
    assert_eq!(call(&server, (Method::GET, "/orgs"), &token, None).await.status, 200);
    assert!(server.install().run(&["operator", "token", "revoke", "1"]).status.success());
    assert_eq!(call(&server, (Method::GET, "/orgs"), &token, None).await.status, 401);
    let listed = server.install().json(&["operator", "token", "list", "--json"]);
    assert_eq!(listed[0]["revoked"], true);
}

#[tokio::test]
async fn a_deleted_org_leaves_nothing_but_its_number() {
    let story = Story::new().await.published().await;
    let (install, org) = (story.server.install(), story.org.to_string());
    let refresh = install.refresh_token(story.org, "admin");
    let folder = install.data().join("lake/orgs").join(&org);
    assert!(folder.is_dir());

    let asked = install.run(&["org", "delete", &org]);
    assert!(!asked.status.success() && String::from_utf8_lossy(&asked.stderr).contains("--yes"), "{asked:?}");
    assert!(folder.is_dir(), "nothing is deleted unasked");
    let deleted = install.run(&["org", "delete", &org, "--yes"]);
    assert!(deleted.status.success(), "{deleted:?}");

    assert!(!folder.exists());
    let path = format!("/api/onboarding/orgs/{org}/bill_connects");
    assert_eq!(story.call(Method::GET, &path, None).await.status, 401);
    let form = format!("grant_type=refresh_token&refresh_token={refresh}");
    assert_eq!(story.server.call(Method::POST, "/oidc/token", None, Some(form)).await.status, 401);
    assert_eq!(install.json(&["org", "list", "--json"]), json!([]));
    for again in [["org", "create", "--name", "Again", "--id", &org], ["org", "delete", &org, "--yes", "--log", "warn"]]
    {
        assert!(!install.run(&again).status.success(), "{again:?}");
    }
    let log = install.json(&["audit", "show", "--org", &org, "--json", "--limit", "1"]);
    assert_eq!(log[0]["act"], "org.delete");
}
