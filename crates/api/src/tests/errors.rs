//! Errors that belong to no route: all in the one form.

use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get};
use futures::stream;

use super::*;
use crate::access::Http;

#[tokio::test]
async fn what_is_not_in_the_table_is_404_and_never_a_redirect() {
    let api = Api::new().await;
    let connects = format!("{FIRST}/");
    for path in ["/", "/nowhere", "/healthz/", "/HEALTHZ", "//healthz", connects.as_str(), "/oidc/token/"] {
        api.get(path).await.error(404, "not_found");
    }
}

#[tokio::test]
async fn a_method_that_is_not_there_is_405_and_says_which_are() {
    let api = Api::new().await;
    let answer = api.post(FIRST, &json!({})).await;
    answer.error(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD");
    for (method, path) in
        [("GET", "/oidc/token"), ("PATCH", "/healthz"), ("DELETE", "/oidc/token"), ("OPTIONS", "/healthz")]
    {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let answer = api.send(request).await;
        answer.error(405, "method_not_allowed");
        assert!(!answer.header("allow").is_empty(), "{method} {path}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_413_announced_or_not() {
    let mut api = Api::new().await;
    api.settings.body_limit = 100;
    let path = format!("{FIRST}/aws/iam_role");
    let announced = api.request("POST", &path, &api.admin).header("content-length", "101");
    api.send(announced.body(Body::empty()).unwrap()).await.error(413, "payload_too_large");
    let chunks = stream::iter((0..11).map(|_| Ok::<_, std::io::Error>("0123456789")));
    let request = api.request("POST", &path, &api.admin).body(Body::from_stream(chunks)).unwrap();
    assert!(api.send(request).await.error(413, "payload_too_large").contains("100 bytes"));
    let token = Request::post("/oidc/token").body(Body::from(vec![b'x'; 101])).unwrap();
    api.send(token).await.error(413, "payload_too_large");
    // Who may not send a body is told so first.
    let viewer = api.request("POST", &path, &api.viewer).header("content-length", "101");
    api.send(viewer.body(Body::empty()).unwrap()).await.error(403, "forbidden");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408_and_one_that_breaks_off_400() {
    let mut api = Api::new().await;
    let path = format!("{FIRST}/aws/iam_role");
    let broken = stream::iter([Ok("{"), Err(std::io::Error::other("gone"))]);
    let request = api.request("POST", &path, &api.admin).body(Body::from_stream(broken)).unwrap();
    api.send(request).await.error(400, "bad_request");
    // No time at all: what is not there at the first look is too late.
    api.settings.body_within = Duration::ZERO;
    let never = Body::from_stream(stream::pending::<Result<&str, std::io::Error>>());
    api.send(api.request("POST", &path, &api.admin).body(never).unwrap()).await.error(408, "request_timeout");
}

/// The answer of a handler behind the guard.
async fn guarded(api: &Api, handler: MethodRouter) -> Answer {
    let http = Http::new(api.app.clone(), api.settings.clone());
    let router = Router::new().route("/", handler).layer(from_fn_with_state(http, crate::guard::guard));
    let response = router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let text = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, text }
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_504() {
    let mut api = Api::new().await;
    // No time at all, for a handler that never answers.
    api.settings.answer_within = Duration::ZERO;
    guarded(&api, get(std::future::pending::<()>)).await.error(504, "gateway_timeout");
}

#[tokio::test]
async fn a_panic_is_500_and_keeps_its_words() {
    let api = Api::new().await;
    let org = api.org.number();
    let answer = guarded(&api, get(move || async move { assert_eq!(org, 0, "secret words") })).await;
    answer.error(500, "internal_error");
    assert!(!answer.text.contains("secret"), "{}", answer.text);
}

#[tokio::test]
async fn every_occurrence_has_an_id_of_its_own() {
    let api = Api::new().await;
    let (first, second) = (api.get("/nowhere").await.json(), api.get("/nowhere").await.json());
    assert_ne!(first["id"], second["id"]);
}
