//! Tokens against the real server: both grants, what each refusal says, and that what is revoked is dead at once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use billing::names::OrgId;
use reqwest::Method;
use serde_json::json;

use crate::kit::server::{Answer, Install, Server};
use crate::kit::story::wait;

/// A server with one org.
fn acme() -> (Server, OrgId) {
    let server = Server::over(Install::offline());
    let org = server.install().org("Acme");
    (server, org)
}

/// A service account: its client id and its first secret.
fn account(install: &Install, org: OrgId, role: &str) -> (String, String) {
    let org = org.to_string();
    let made = install.json(&["service-account", "--org", &org, "create", "--name", "ci", "--role", role, "--json"]);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("client_id"), text("client_secret"))
}

async fn grant(server: &Server, path: &str, form: &str) -> Answer {
    server.call(Method::POST, path, None, Some(form.to_owned())).await
}

/// What reading the org's connections answers with this token.
async fn reads(server: &Server, org: OrgId, token: &str) -> u16 {
    server.call(Method::GET, &format!("/api/onboarding/orgs/{org}/bill_connects"), Some(token), None).await.status
}

fn access(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn client_credentials_give_access_by_form_json_and_basic() {
    let (server, org) = acme();
    let (id, secret) = account(server.install(), org, "viewer");
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let object = json!({ "grant_type": "client_credentials", "client_id": id, "client_secret": secret }).to_string();
    for (path, kind, lifetime) in [("/oidc/token", "Bearer", 3600), ("/api/oauth2", "bearer", 7200)] {
        for body in [&form, &object] {
            let answer = grant(&server, path, body).await;
            let token = access(&answer);
            let expected = json!({ "access_token": token, "expires_in": lifetime, "token_type": kind });
            assert_eq!(answer.json, expected, "no refresh token");
            assert_eq!(reads(&server, org, &token).await, 200);
        }
        // Percent-encoded as RFC 6749 2.3.1 wants it: `_` may come as `%5F`.
        let basic = STANDARD.encode(format!("{}:{}", id.replace('_', "%5F"), secret.replace('_', "%5f")));
        let answer = reqwest::Client::new()
            .post(format!("{}{path}", server.url))
            .header("authorization", format!("Basic {basic}"))
            .body("grant_type=client_credentials")
            .send()
            .await
            .unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["cache-control"]), (200, &"no-store".parse().unwrap()));
    }
    // A viewer's account may only read.
    let token = access(&grant(&server, "/oidc/token", &form).await);
    let path = format!("/api/onboarding/orgs/{org}/bill_connects/aws/iam_role");
    assert_eq!(server.call(Method::POST, &path, Some(&token), Some("{}".into())).await.status, 403);
}

#[tokio::test]
async fn a_refused_grant_says_what_may_be_said() {
    let (server, org) = acme();
    let (id, secret) = account(server.install(), org, "viewer");
    let unknown = |kind: &str| app_token(kind);
    for (form, status, words) in [
        (format!("grant_type=refresh_token&refresh_token={}", unknown("bcr_")), 401, "unknown, revoked or expired"),
        ("grant_type=refresh_token&refresh_token=bcr_typo".to_owned(), 401, "mistyped"),
        (format!("grant_type=refresh_token&refresh_token={secret}"), 401, "this is a client secret"),
        (format!("grant_type=client_credentials&client_id={id}&client_secret={}", unknown("bcs_")), 401, "not valid"),
        (format!("grant_type=client_credentials&client_id=bcc_x&client_secret={secret}"), 401, "not valid"),
        (format!("grant_type=client_credentials&client_id={id}&client_secret={}", &secret[..41]), 401, "mistyped"),
        (format!("grant_type=password&client_secret={secret}"), 400, "unsupported grant type"),
    ] {
        for path in ["/oidc/token", "/api/oauth2"] {
            let answer = grant(&server, path, &form).await;
            let message = answer.json["message"].as_str().unwrap();
            assert!(answer.status == status && message.contains(words), "{form}: {}", answer.json);
            assert!(!message.contains(&secret[4..20]), "{message}");
        }
    }
    let answer = reqwest::Client::new()
        .post(format!("{}/oidc/token", server.url))
        .header("authorization", format!("Basic {}", STANDARD.encode(format!("{id}:bcs_wrong"))))
        .body("grant_type=client_credentials")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["www-authenticate"], "Basic realm=\"billconnect\"");
    assert_eq!(answer.headers()["content-type"], "application/vnd.goa.error");
    assert_eq!(answer.headers()["cache-control"], "no-store");
}

/// A well-formed token that was never given out: its checksum is right.
fn app_token(prefix: &str) -> String {
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let body = format!("{prefix}{}", "0".repeat(32));
    let mut crc = flate2::Crc::new();
    crc.update(body.as_bytes());
    let (mut rest, mut sum) = (crc.sum() as usize, Vec::new());
    for _ in 0..6 {
        sum.insert(0, alphabet[rest % 62]);
        rest /= 62;
    }
    body + std::str::from_utf8(&sum).unwrap()
}

#[tokio::test]
async fn whatever_an_access_token_came_from_takes_it_along() {
    let (server, org) = acme();
    let (install, named) = (server.install(), org.to_string());
    let run = |arguments: &[&str]| {
        let output = install.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let refresh = server.access_token(org, "admin").await;
    assert_eq!(reads(&server, org, &refresh).await, 200);
    run(&["token", "revoke", "--org", &named, "1"]);
    assert_eq!(reads(&server, org, &refresh).await, 401);

    let (id, first) = account(install, org, "viewer");
    let account = |arguments: &[&str]| run(&[&["service-account", "--org", &named], arguments].concat());
    let form = |secret: &str| format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let old = access(&grant(&server, "/oidc/token", &form(&first)).await);
    let added = install.json(&["service-account", "--org", &named, "add-secret", &id, "--json"]);
    let second = added["client_secret"].as_str().unwrap().to_owned();
    let new = access(&grant(&server, "/oidc/token", &form(&second)).await);
    let third = install.run(&["service-account", "--org", &named, "add-secret", &id]);
    assert!(String::from_utf8_lossy(&third.stderr).contains("two secrets already"), "{third:?}");
    account(&["revoke-secret", &id, "1"]);
    assert_eq!((reads(&server, org, &old).await, reads(&server, org, &new).await), (401, 200));
    assert_eq!(grant(&server, "/oidc/token", &form(&first)).await.status, 401);

    account(&["disable", &id]);
    assert_eq!(
        (reads(&server, org, &new).await, grant(&server, "/oidc/token", &form(&second)).await.status),
        (401, 401)
    );
    account(&["enable", &id]);
    assert_eq!(reads(&server, org, &new).await, 200);
    account(&["delete", &id]);
    assert_eq!(
        (reads(&server, org, &new).await, grant(&server, "/oidc/token", &form(&second)).await.status),
        (401, 401)
    );
    let log = install.json(&["audit", "show", "--org", &named, "--json"]);
    let deleted = |entry: &serde_json::Value| entry["act"] == "service-account.delete";
    assert!(log.as_array().unwrap().iter().any(deleted), "{log}");
}

#[tokio::test]
async fn neither_the_store_nor_the_audit_log_holds_a_secret() {
    let (mut server, org) = acme();
    let refresh = server.install().refresh_token(org, "admin");
    let (id, secret) = account(server.install(), org, "viewer");
    let mut planted = vec![refresh.clone(), secret.clone()];
    planted.push(access(
        &grant(&server, "/oidc/token", &format!("grant_type=refresh_token&refresh_token={refresh}")).await,
    ));
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    planted.push(access(&grant(&server, "/oidc/token", &form).await));
    let made = server.install().json(&["operator", "token", "create", "--name", "test", "--json"]);
    planted.push(made["operator_token"].as_str().unwrap().to_owned());
    server.kill();
    let data = server.install().data();
    let mut looked_at = 0;
    for file in ["billconnect.db", "billconnect.db-wal"] {
        let Ok(bytes) = std::fs::read(data.join(file)) else { continue };
        looked_at += bytes.windows(id.len()).filter(|window| *window == id.as_bytes()).count();
        for token in &planted {
            // The random part is enough to find: a prefix or a checksum gives nothing away.
            let needle = &token.as_bytes()[4..36];
            assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{file} holds {token}");
        }
    }
    assert!(looked_at > 0, "the files are those that were written");
}

#[tokio::test]
async fn a_token_is_recognised_offline() {
    let install = Install::offline();
    let org = install.org("Acme");
    let token = install.refresh_token(org, "viewer");
    let inspect = |text: String| {
        let mut command = install.command(&["token", "inspect"]);
        let mut child =
            command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap().trim().to_owned())
    };
    assert_eq!(inspect(format!("{token}\n")), (Some(0), "refresh token".to_owned()));
    let mut typo = token.into_bytes();
    typo[10] = if typo[10] == b'0' { b'1' } else { b'0' };
    assert_eq!(inspect(String::from_utf8(typo).unwrap()).0, Some(1));
}

/// A server that lets one address fail three times a minute and takes the word of a proxy on this machine, with two orgs and
/// an access token of the first.
async fn strict() -> (Server, OrgId, OrgId, String) {
    let settings = [
        ("BILLCONNECT_FAILURES_PER_ADDRESS", "3"),
        ("BILLCONNECT_FAILURES_PER_ORG", "6"),
        ("BILLCONNECT_TRUSTED_PROXY", "127.0.0.0/8,::1"),
    ];
    let install = settings.into_iter().fold(Install::offline(), |install, (name, value)| install.with(name, value));
    let server = Server::over(install);
    let (acme, other) = (server.install().org("Acme"), server.install().org("Other"));
    let token = server.access_token(acme, "viewer").await;
    (server, acme, other, token)
}

/// What reading the org's connections with this token from this address answers.
async fn from(server: &Server, address: &str, (org, token): (OrgId, &str)) -> reqwest::Response {
    let request = reqwest::Client::new().get(format!("{}/api/onboarding/orgs/{org}/bill_connects", server.url));
    let request = request.header("x-forwarded-for", format!("203.0.113.200, {address}"));
    request.header("authorization", format!("Bearer {token}")).send().await.unwrap()
}

#[tokio::test]
async fn failures_from_one_address_are_slowed_and_a_valid_token_always_passes() {
    let (server, acme, _, token) = strict().await;
    for _ in 0..3 {
        assert_eq!(from(&server, "198.51.100.1", (acme, "bca_wrong")).await.status(), 401);
    }
    let slowed = from(&server, "198.51.100.1", (acme, "bca_wrong")).await;
    assert_eq!(slowed.status(), 429);
    let wait: u64 = slowed.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let body: serde_json::Value = serde_json::from_str(&slowed.text().await.unwrap()).unwrap();
    assert_eq!(
        (&body["name"], &body["temporary"], &body["fault"]),
        (&json!("too_many_requests"), &json!(true), &json!(false))
    );

    assert_eq!(from(&server, "198.51.100.1", (acme, &token)).await.status(), 200, "a valid token passes");
    assert_eq!(from(&server, "198.51.100.2", (acme, "bca_wrong")).await.status(), 401, "another address is another");
}

#[tokio::test]
async fn grants_are_slowed_by_address_and_good_ones_pass() {
    let (server, acme, ..) = strict().await;
    let refresh = server.install().refresh_token(acme, "viewer");
    let grant = async |token: &str| {
        grant(&server, "/oidc/token", &format!("grant_type=refresh_token&refresh_token={token}")).await.status
    };
    for _ in 0..3 {
        assert_eq!(grant("bcr_wrong").await, 401);
    }
    assert_eq!((grant("bcr_wrong").await, grant(&refresh).await), (429, 200));
}

#[tokio::test]
async fn failures_against_one_org_lock_nobody_out_and_show_in_its_audit_log() {
    let (server, acme, other, token) = strict().await;
    let mut statuses = Vec::new();
    for last in 1..=8 {
        statuses.push(from(&server, &format!("198.51.100.{last}"), (acme, "bca_wrong")).await.status().as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 401, 429, 429], "from eight addresses");
    assert_eq!(from(&server, "198.51.100.9", (other, "bca_wrong")).await.status(), 401, "the other org's are its own");
    assert_eq!(from(&server, "198.51.100.1", (acme, &token)).await.status(), 200, "a valid token passes");

    let failures = || {
        let log = server.install().json(&["audit", "show", "--org", &acme.to_string(), "--json"]);
        let failed = |entry: &&serde_json::Value| entry["act"] == "authenticate" && entry["outcome"] == "refused";
        log.as_array().unwrap().iter().filter(failed).map(|entry| entry["address"].to_string()).collect::<Vec<_>>()
    };
    wait("failures in the audit log", async || !failures().is_empty()).await;
    assert!(failures().contains(&"\"198.51.100.1\"".to_owned()), "{:?}", failures());
}
