//! Getting access tokens.

use super::*;

async fn send(api: &Api, path: &str, body: &str) -> Answer {
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    api.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn a_refresh_token_gives_access_by_form_and_by_json() {
    let api = Api::new().await;
    let (_, refresh) = api.app.create_refresh_token(&nobody(), api.org, Role::Viewer).await.unwrap();
    let refresh = refresh.expose_secret();
    let form = format!("grant_type=refresh_token&refresh_token={refresh}");
    let object = format!(r#" {{"grant_type":"refresh_token","refresh_token":"{refresh}"}}"#);
    for body in [&form, &object] {
        for (path, kind, lifetime, echo) in
            [("/oidc/token", "Bearer", 3600, Some(refresh)), ("/api/oauth2", "bearer", 7200, None)]
        {
            let answer = send(&api, path, body).await;
            assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
            assert_eq!(answer.header("content-type"), "application/json");
            let answer = answer.json();
            let access = answer["access_token"].as_str().unwrap();
            let mut expected = json!({ "access_token": access, "expires_in": lifetime, "token_type": kind });
            if let Some(echo) = echo {
                expected["refresh_token"] = echo.into();
            }
            assert_eq!(answer, expected);
            let request = api.request("GET", FIRST, access).body(Body::empty()).unwrap();
            assert_eq!(api.send(request).await.status, 200);
        }
    }
}

#[tokio::test]
async fn a_bad_credential_is_401() {
    let api = Api::new().await;
    for token in
        ["wrong", "bcr_00000000000000000000000000000000", "bcr_00000000000000000000000000000000000000", &api.admin]
    {
        let answer = send(&api, "/oidc/token", &format!("grant_type=refresh_token&refresh_token={token}")).await;
        let message = answer.error(401, "unauthorized");
        assert!(!message.contains(token), "{message}");
    }
}

#[tokio::test]
async fn everything_wrong_with_a_request_is_named() {
    let api = Api::new().await;
    for (body, named) in [
        ("", vec!["`grant_type` is missing", "`refresh_token` is missing"]),
        ("{}", vec!["`grant_type` is missing", "`refresh_token` is missing"]),
        (
            r#"{"grant_type":1,"refresh_token":["x"]}"#,
            vec!["`grant_type` must be a text", "`refresh_token` must be a text"],
        ),
        ("grant_type=refresh_token&refresh_token=", vec!["`refresh_token`: it is empty"]),
        ("grant_type=client_credentials", vec!["`client_id` is missing", "`client_secret` is missing"]),
        ("grant_type=client_credentials&client_id=&client_secret=x", vec!["`client_id`: it is empty"]),
        ("grant_type=refresh_token&refresh_token=a&refresh_token=b", vec!["more than once"]),
        ("grant_type=password", vec!["unsupported grant type", "`refresh_token`"]),
        ("{", vec!["not JSON"]),
    ] {
        for path in ["/oidc/token", "/api/oauth2"] {
            let message = send(&api, path, body).await.error(400, "bad_request");
            assert!(named.iter().all(|name| message.contains(name)), "{body}: {message}");
        }
    }
}
