//! Who may call what, over every route in the table.

use super::*;
use crate::route::{Needs, Route};
use crate::routes;

/// Routes of an org, which its own tokens reach.
const OF_ORGS: fn(&&Route) -> bool = |route| matches!(route.needs, Needs::Viewer | Needs::Admin);

const GUARDED: fn(&&Route) -> bool = |route| route.needs != Needs::Nothing;

/// The route's path with a bill connect's id filled in; `{org}` stays.
fn path(route: &Route) -> String {
    route.path.replace("{id}", "aws-123456789012").replace("{accountId}", "210987654321")
}

#[test]
fn a_route_without_an_org_is_a_known_one() {
    let open: Vec<&str> =
        routes::all().iter().filter(|route| !route.path.contains("{org}")).map(|route| route.path).collect();
    let open: Vec<&str> = open.into_iter().filter(|path| !path.starts_with("/operator/v1/")).collect();
    assert_eq!(open, ["/oidc/token", "/api/oauth2", "/healthz", "/readyz", "/openapi.json"]);
    assert!(routes::all().iter().all(|route| route.path.contains("{org}") == OF_ORGS(&route)));
    let operators = |route: &Route| route.path.starts_with("/operator/v1/") == (route.needs == Needs::Operator);
    assert!(routes::all().iter().all(operators));
}

#[tokio::test]
async fn without_a_valid_token_every_route_answers_401() {
    let api = Api::new().await;
    let (_, refresh) = api.app.create_refresh_token(&nobody(), api.org, Role::Admin).await.unwrap();
    let refresh = format!("Bearer {}", refresh.expose_secret());
    let headers: Vec<Vec<String>> = vec![
        vec![],
        vec![String::new()],
        vec!["Bearer".into()],
        vec!["Bearer ".into()],
        vec!["Bearer wrong".into()],
        vec!["Bearer bca_00000000000000000000000000000000".into()],
        vec![format!("Basic {}", api.admin)],
        vec![api.admin.clone()],
        vec![refresh],
        vec![format!("Bearer {}", api.admin), format!("Bearer {}", api.admin)],
    ];
    for route in routes::all().iter().filter(GUARDED) {
        for sent in &headers {
            let uri = path(route).replace("{org}", &api.org.to_string());
            let mut request = Request::builder().method(route.method).uri(uri);
            for value in sent {
                request = request.header(header::AUTHORIZATION, value);
            }
            let answer = api.send(request.body(Body::from("not looked at")).unwrap()).await;
            answer.error(401, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{} {sent:?}", route.path);
        }
    }
}

#[tokio::test]
async fn another_org_is_403_in_one_text_on_every_route() {
    let api = Api::new().await;
    let theirs = api.app.store().create_org("Other").await.unwrap().id.to_string();
    let leading_zero = format!("0{}", api.org);
    let orgs = [theirs.as_str(), "999999999999", "1", "0", "acme", "%FF", "%2e%2e", "-1", leading_zero.as_str()];
    for route in routes::all().iter().filter(OF_ORGS) {
        for org in orgs {
            for token in [&api.admin, &api.viewer] {
                let request = api.request(route.method, &path(route).replace("{org}", org), token);
                let answer = api.send(request.body(Body::from("not looked at")).unwrap()).await;
                let message = answer.error(403, "forbidden");
                assert_eq!(message, "this token gives no access to this org", "{} for `{org}`", route.path);
            }
        }
    }
}

#[tokio::test]
async fn the_operator_reads_no_orgs_bills_and_no_org_does_what_the_operator_may() {
    let api = Api::new().await;
    let lifetime = std::time::Duration::from_mins(1);
    let (_, token) = api.app.create_operator_token(&nobody(), "test", lifetime).await.unwrap();
    for route in routes::all().iter().filter(GUARDED) {
        let own = path(route).replace("{orgId}", &api.org.to_string());
        let tokens = match route.needs {
            Needs::Operator => vec![api.admin.as_str(), &api.viewer],
            _ => vec![token.expose_secret()],
        };
        for token in tokens {
            let request = api.request(route.method, &own, token).body(Body::from("not looked at")).unwrap();
            let message = api.send(request).await.error(403, "forbidden");
            assert!(message.contains("operator token"), "{}: {message}", route.path);
        }
    }
}

#[tokio::test]
async fn roles_may_what_the_table_says() {
    let api = Api::new().await;
    for route in routes::all().iter().filter(OF_ORGS) {
        for (token, may) in [(&api.admin, true), (&api.viewer, route.needs == Needs::Viewer)] {
            let request = api.request(route.method, &path(route), token);
            let answer = api.send(request.body(Body::from("no JSON")).unwrap()).await;
            if may {
                assert!(![401, 403].contains(&answer.status.as_u16()), "{}: {}", route.path, answer.text);
                assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{} {}", route.method, route.path);
            } else {
                assert!(answer.error(403, "forbidden").contains("role `admin`"), "{}", route.path);
            }
        }
    }
}

#[tokio::test]
async fn a_revoked_refresh_token_ends_its_access_at_once() {
    let api = Api::new().await;
    assert_eq!(api.get(FIRST).await.status, 200);
    for token in api.app.refresh_tokens(api.org).await.unwrap() {
        assert!(api.app.revoke_refresh_token(&nobody(), api.org, token.id).await.unwrap());
    }
    api.get(FIRST).await.error(401, "unauthorized");
}

#[tokio::test]
async fn the_scheme_is_read_in_any_case() {
    let api = Api::new().await;
    let uri = FIRST.replace("{org}", &api.org.to_string());
    for scheme in ["Bearer ", "bearer ", "BEARER  "] {
        let request = Request::get(&uri).header("authorization", format!("{scheme}{}", api.viewer));
        assert_eq!(api.send(request.body(Body::empty()).unwrap()).await.status, 200, "{scheme}");
    }
}
